//! The list of intents in the console: filters by scenario and id, columns, saved views, and a list that is very long.

use axme_intent::IntentId;
use axme_store::{Shard, Tx, attributes, intents as store, scenarios};
use serde_json::{Value, json};

use crate::harness::browser::{Browser, between, location, send, text};
use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    intents_are_found_by_scenario_and_by_id,
    columns_and_saved_views_are_addresses,
    saved_views_belong_to_their_owner,
    a_page_of_100_000_intents_reads_a_bounded_number_of_rows,
}

const ANN: &str = "ann@example.com";

fn bundle(scenario: &str) -> Value {
    json!({
        "scenario_id": scenario,
        "humans": [{ "role": "lead", "display_name": "Lead", "contact": ANN }],
        "workflow": { "steps": [{ "step_id": "decide", "tool_id": "tool.human_approval", "assigned_to": "lead" }] },
        "intent": { "type": "intent.release.v1", "payload": { "service": "api" } },
    })
}

async fn ask(server: &Server) -> String {
    let body = json!({ "intent_type": "intent.x.v1", "payload": {}, "human_task": { "title": "?" } });
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

/// The ids on a page, in order.
fn rows(page: &str) -> Vec<String> {
    let ids = page.split("name=\"intent\" value=\"").skip(1);
    ids.map(|part| part.split_once('"').unwrap().0.to_owned()).collect()
}

async fn intents_are_found_by_scenario_and_by_id(engine: Engine) {
    let server = Server::start(engine).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle("release.v1")).await));
        server.advance(std::time::Duration::from_secs(1)).await;
    }
    let other = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle("release.v2")).await);
    let plain = ask(&server).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let found = async |query: &str| rows(&admin.page(&format!("/app/intents?{query}")).await);
    let newest_first: Vec<String> = runs.iter().rev().cloned().collect();
    assert_eq!(found("scenario_id=release.v1").await, newest_first, "the runs, without their steps");
    assert_eq!(found("scenario_id=release.v2").await, [other.as_str()]);
    assert!(found("scenario_id=release").await.is_empty());
    assert!(found("scenario_id=release.v1&status=COMPLETED").await.is_empty());
    let page = server.get(&server.admin, "/v1/intents?scenario_id=release.v1&limit=2").await;
    let next = page["next_before"].as_str().unwrap();
    let rest = server.get(&server.admin, &format!("/v1/intents?scenario_id=release.v1&limit=2&before={next}")).await;
    assert_eq!((rest["intents"].as_array().unwrap().len(), &rest["next_before"]), (1, &Value::Null));
    // A page of the intent leads to the other runs.
    assert!(admin.page(&format!("/app/intents/{other}")).await.contains("/app/intents?scenario_id=release.v2"));
    // Ids are found in any order, with blanks or commas between, and an unknown one is left out.
    let unknown = "00000000-0000-7000-8000-000000000000";
    assert_eq!(found(&format!("intent_ids={}+{plain},{unknown}", runs[0])).await, [plain.clone(), runs[0].clone()]);
    assert_eq!(found(&format!("intent_ids={plain},{}&scenario_id=release.v1", runs[0])).await, [runs[0].clone()]);
    assert_eq!(admin.get("/app/intents?intent_ids=x").await.status, 422);
    let many = vec![plain.as_str(); 101].join(",");
    let refused = server.send(&server.admin, "GET", &format!("/v1/intents?intent_ids={many}"), None).await;
    refused.refused(422, "validation_failed");
    // Neither filter shows intents of another workspace, nor those of others to an agent.
    let foreign = Browser::with_key(&server, &server.workspace("other", "one").await).await;
    let agent = Browser::with_key(&server, &server.agent("greeter").await).await;
    for stranger in [foreign, agent] {
        for query in [format!("intent_ids={plain},{other}"), "scenario_id=release.v1".to_owned()] {
            assert!(rows(&stranger.page(&format!("/app/intents?{query}")).await).is_empty(), "{query}");
        }
    }
}

async fn columns_and_saved_views_are_addresses(engine: Engine) {
    let server = Server::start(engine).await;
    for _ in 0..101 {
        ask(&server).await;
    }
    let admin = Browser::with_key(&server, &server.admin).await;
    let page = admin.page("/app/intents").await;
    assert_eq!(page.matches("<th scope=\"col\">").count(), 8, "{page}");
    // A form sends a parameter for each column; links have one.
    let page = admin.page("/app/intents?status=WAITING&columns=to&columns=changed").await;
    let head = between(&page, "<thead>", "</thead>");
    assert!(head.contains(">To<") && head.contains(">Changed<") && !head.contains(">From<"), "{head}");
    assert!(!page.contains("data-label=\"Held by\"") && page.contains("data-label=\"Changed\""), "{page}");
    assert!(page.contains("status=WAITING&#38;columns=to,changed&#38;before="), "the next page keeps them: {page}");
    let query = between(&page, "name=\"query\" value=\"", "\"").replace("&#38;", "&");
    let view = [("action", "save"), ("name", "Mine <b>"), ("query", query.as_str())];
    let saved = admin.post("/app/intents/views", &view).await;
    assert_eq!(location(&saved), "/app/intents?status=WAITING&columns=to,changed&said=saved");
    let page = admin.page("/app/intents").await;
    let link = "/app/intents?status=WAITING&#38;columns=to,changed\" class=\"own\">Mine &#60;b&#62;</a>";
    assert!(page.contains(link) && !page.contains("Mine <b>"), "{page}");
    // A second view of the same name replaces the first. Only the filter and the columns are saved.
    let odd = [("action", "save"), ("name", "Mine <b>"), ("query", "holder=ann%40x&next=https%3A%2F%2Fevil&before=1")];
    assert_eq!(location(&admin.post("/app/intents/views", &odd).await), "/app/intents?holder=ann@x&said=saved");
    let page = admin.page("/app/intents").await;
    assert!(page.contains("href=\"/app/intents?holder=ann@x\" class=\"own\">") && !page.contains("columns=to,changed"));
    let gone = [("action", "remove"), ("name", "Mine <b>")];
    assert_eq!(location(&admin.post("/app/intents/views", &gone).await), "/app/intents?said=removed");
    assert_eq!(admin.post("/app/intents/views", &gone).await.status, 404);
    let long = "n".repeat(61);
    for wrong in
        [vec![("action", "save"), ("name", "")], vec![("action", "save"), ("name", &long)], vec![("name", "x")]]
    {
        assert_eq!(admin.post("/app/intents/views", &wrong).await.status, 422, "{wrong:?}");
    }
    for number in 0..31 {
        let name = format!("view {number}");
        let answer = admin.post("/app/intents/views", &[("action", "save"), ("name", &name)]).await;
        assert_eq!(answer.status, if number < 30 { 303 } else { 422 }, "{}", text(&answer));
    }
}

async fn saved_views_belong_to_their_owner(engine: Engine) {
    let server = Server::start(engine).await;
    server.give(ANN, "workspace_admin", None).await;
    let ann = Browser::by_mail(&server, ANN).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let view = [("action", "save"), ("name", "Mine"), ("query", "status=FAILED")];
    assert_eq!(ann.post("/app/intents/views", &view).await.status, 303);
    assert!(ann.page("/app/intents").await.contains(">Mine</a>"));
    assert!(!admin.page("/app/intents").await.contains(">Mine</a>"));
    let remove = [("action", "remove"), ("name", "Mine")];
    assert_eq!(admin.post("/app/intents/views", &remove).await.status, 404);
    // Ann sees it in this workspace only, and from another browser too.
    let again = Browser::by_mail(&server, ANN).await;
    assert!(again.page("/app/intents").await.contains(">Mine</a>"));
    let stolen = admin.csrf().await;
    let forged = [("csrf", stolen.as_str()), ("action", "remove"), ("name", "Mine")];
    assert_eq!(send(&server, &ann.cookie, "/app/intents/views", &forged).await.status, 403);
}

/// The part of an intent that is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The head, which lists read, with an attribute. Each tenth copy is also a run of a scenario.
    List,
    /// The head and the events, which commands to the intent read.
    History,
}

/// Copies an intent as if it had been sent many times.
pub async fn copy(server: &Server, id: &str, count: usize, depth: Depth) {
    let id: IntentId = id.parse().unwrap();
    let workspace = server.bootstrap.workspace_id.parse().unwrap();
    const BATCH: usize = 5_000;
    for batch in 0..count.div_ceil(BATCH) {
        let insert = move |tx: &mut Tx<'_>| {
            let head = store::find(tx, workspace, id)?.expect("the intent is there");
            let events = store::EventsRow::of(&store::list_events(tx, workspace, id, 0, 100)?)?.expect("a history");
            for number in 0..BATCH.min(count - batch * BATCH) {
                let copied = IntentId(tx.uuid());
                let mut head = head.clone();
                head.intent.id = copied;
                head.intent.root = copied;
                store::insert(tx, workspace, &head, None, &store::HeadRow::of(&head.intent)?)?;
                if depth == Depth::History {
                    store::insert_events(tx, workspace, copied, &events)?;
                    continue;
                }
                let region = [("region".to_owned(), "eu=1".to_owned())].into();
                attributes::insert(tx, workspace, copied, &region)?;
                if number % 10 == 0 {
                    scenarios::insert_run(tx, workspace, "many.v1", copied, "tester")?;
                }
            }
            Ok::<_, axme_store::StoreError>(())
        };
        server.app.store.write(Shard::CONTROL, insert).await.expect("the copies are stored");
    }
}

/// Returns the statements that were run and the rows that were read until now.
pub async fn counts(server: &Server) -> [u64; 2] {
    let text = server.send(&server.admin, "GET", "/metrics", None).await;
    let text = text.body.as_str().unwrap();
    ["axme_statements_total ", "axme_rows_total "]
        .map(|name| text.lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).unwrap())
}

async fn a_page_of_100_000_intents_reads_a_bounded_number_of_rows(engine: Engine) {
    let server = Server::start(engine).await;
    let first = ask(&server).await;
    copy(&server, &first, 100_000, Depth::List).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    // A page has 100 rows. A filter without an index reads at most 5,000 heads for it.
    for (query, shown, most_rows) in [
        ("", 100, 200),
        ("scenario_id=many.v1", 100, 200),
        ("scenario_id=none", 0, 100),
        ("attribute=region%3Deu%3D1", 100, 200),
        ("attribute=region%3Dasia", 0, 100),
        ("attribute=region%3Deu%3D1&status=FAILED", 0, 5_100),
        ("attribute=region%3Deu%3D1&scenario_id=many.v1", 100, 1_900),
        ("attribute=region%3Deu%3D1&scenario_id=none", 0, 5_100),
        ("status=FAILED", 0, 100),
        ("waiting_reason=WAITING_FOR_HUMAN", 100, 600),
        ("intent_type=none", 0, 5_100),
        ("stuck=1h", 0, 5_100),
    ] {
        let before = counts(&server).await;
        let page = admin.page(&format!("/app/intents?{query}")).await;
        let after = counts(&server).await;
        let [statements, rows_read] = [after[0] - before[0], after[1] - before[1]];
        assert_eq!(rows(&page).len(), shown, "{query}");
        assert!(rows_read <= most_rows, "{query}: {rows_read} rows");
        assert!(statements <= 60, "{query}: {statements} statements");
        assert!(shown == 0 || rows_read >= shown as u64, "{query}: the rows are counted");
    }
    let before = counts(&server).await;
    admin.page("/app").await;
    let after = counts(&server).await;
    assert!(after[0] - before[0] <= 60 && after[1] - before[1] <= 10_100, "the overview: {before:?} {after:?}");
}
