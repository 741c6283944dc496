//! An action of the console on as many intents as it takes: its progress, repetition, and what others did meanwhile.

use serde_json::json;

use crate::console_lists::{Depth, copy};
use crate::harness::browser::{Browser, between, text};
use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    five_thousand_intents_are_canceled_once_with_progress,
}

const BULK: &str = "/app/intents/bulk";
const MOST: usize = 5_000;
const PORTION: usize = 250;

/// The fields of the form on a page of the action.
fn form(page: &str) -> Vec<(&'static str, String)> {
    let names = ["action", "confirmed", "once", "total", "done", "refused", "back", "left"];
    let value = |name: &str| between(page, &format!("name=\"{name}\" value=\""), "\"");
    names.into_iter().map(|name| (name, value(name))).chain([("reason", "cleaning".to_owned())]).collect()
}

async fn send(admin: &Browser<'_>, form: &[(&'static str, String)]) -> String {
    let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = admin.post(BULK, &fields).await;
    assert_eq!(answer.status, 200, "{}", text(&answer));
    text(&answer)
}

/// Counts the intents with a status.
async fn count(server: &Server, status: &str) -> usize {
    let (mut found, mut before) = (0, String::new());
    loop {
        let page = server.get(&server.admin, &format!("/v1/intents?status={status}&limit=500{before}")).await;
        found += page["intents"].as_array().unwrap().len();
        match page["next_before"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return found,
        }
    }
}

async fn five_thousand_intents_are_canceled_once_with_progress(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({ "intent_type": "intent.x.v1", "payload": {}, "human_task": { "title": "?" } });
    let first = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    copy(&server, &first, MOST + 9, Depth::History).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let asked = [("action", "cancel"), ("all", "1"), ("status", "WAITING"), ("intent_type", "intent.x.v1")];
    let mut page = text(&admin.post(BULK, &asked).await);
    assert!(page.contains("Cancel 5000 intents?") && page.contains("The filter finds more than 5000 intents"));
    assert!(page.contains("and 4980 more"), "{page}");
    // Others are faster with three of them.
    let left = between(&page, "name=\"left\" value=\"", "\"");
    let ids: Vec<&str> = left.split_whitespace().collect();
    assert_eq!(ids.len(), MOST);
    for id in [ids[0], ids[300], ids[MOST - 1]] {
        server.post(&server.admin, &format!("/v1/intents/{id}/resolve"), json!({ "status": "FAILED" })).await;
    }
    for round in 1..=MOST / PORTION {
        let full = form(&page);
        if round == 2 {
            // The server stopped within the portion: a part is done, and the browser has no answer.
            let mut part = full.clone();
            let few: Vec<&str> = full[7].1.split_whitespace().take(100).collect();
            part[7].1 = few.join(" ");
            send(&admin, &part).await;
        }
        page = send(&admin, &full).await;
        let left_alone = usize::from(round >= 1) + usize::from(round >= 2) + usize::from(round == MOST / PORTION);
        let through = round * PORTION;
        let progress = format!("<progress max=\"5000\" value=\"{through}\"");
        assert!(page.contains(&progress), "round {round}: {page}");
        let counts = format!("{} done, {left_alone} left alone", through - left_alone);
        assert!(page.contains(&counts), "round {round}: {page}");
        if round == 3 {
            // The page is loaded again: the same form comes a second time, and the counts are the same.
            assert_eq!(between(&send(&admin, &full).await, "<p>", "</p>"), between(&page, "<p>", "</p>"));
        }
    }
    assert!(page.contains("<h1>Done</h1>") && page.contains("4997 done, 3 left alone."), "{page}");
    assert!(!page.contains("data-go-on"), "nothing is left");
    assert_eq!(count(&server, "CANCELED").await, MOST - 3);
    assert_eq!(count(&server, "FAILED").await, 3);
    assert_eq!(count(&server, "WAITING").await, 10, "those beyond the limit");
    let events = server.event_types(ids[PORTION + 7]).await;
    assert_eq!(events.iter().filter(|kind| *kind == "canceled").count(), 1, "{events:?}");
    assert_eq!(server.intent(ids[PORTION + 7]).await["error"]["message"], "cleaning");
}
