//! Consumers: claims that belong to the names of readers, and how long they live.

use std::collections::BTreeSet;
use std::time::Duration;

use axme_core::consumers::MAX_CONSUMERS;
use axme_intent::Address;
use axme_server::workers;
use axme_store::consumers;
use serde_json::{Value, json};

use crate::harness::{Engine, OpenStream, Server, Window, each_engine, poll, run};

each_engine! {
    eight_named_listeners_handle_each_of_two_hundred_intents_once,
    a_reader_that_starts_anew_is_shown_its_own_claims_and_no_others,
    a_claim_lapses_after_two_minutes_of_silence_and_not_before,
    an_intent_that_a_dead_worker_has_looked_at_is_free_after_two_minutes,
    the_heartbeats_of_others_keep_no_claim_alive,
    an_open_stream_keeps_claims_for_ten_minutes,
    long_polls_keep_claims_for_ten_minutes,
    a_reminder_offers_an_intent_to_the_name_that_holds_it_and_to_no_other,
    an_agent_may_end_the_replay_of_claims_to_nameless_readers,
    an_agent_says_how_long_nameless_readers_keep_what_they_acknowledge,
    a_fetch_without_a_name_changes_no_claim_of_a_name,
    the_names_of_consumers_are_checked,
    an_agent_has_a_bounded_number_of_consumers,
}

mod nodes {
    #[test]
    fn claims_hold_on_every_node() {
        super::run(super::Engine::Postgres, super::claims_hold_on_every_node);
    }
}

const WORKER: &str = "/v1/agents/worker/intents/stream";
const HEADER: &str = "x-axme-consumer";

async fn open(server: &Server, key: &str, name: &str, query: &str) -> OpenStream {
    server.open(key, &format!("{WORKER}?{query}"), &[(HEADER, name)]).await
}

/// Reads one window as a named reader.
async fn window(server: &Server, key: &str, name: &str, query: &str) -> Window {
    open(server, key, name, query).await.read_to_end(server).await
}

/// Reads one window as a nameless reader.
async fn nameless(server: &Server, key: &str, query: &str) -> Window {
    server.stream(key, &format!("{WORKER}?{query}")).await
}

async fn call(server: &Server, key: &str, name: &str, method: &str, path: &str, body: Option<Value>) -> Value {
    server.send_with(key, method, path, body, &[(HEADER, name)]).await.ok()
}

/// Fetches an intent under a name, and waits until the fetch is on record.
async fn fetch(server: &Server, key: &str, name: &str, id: &str) {
    call(server, key, name, "GET", &format!("/v1/intents/{id}"), None).await;
    let now = server.now();
    let holder = async || holders(server).await.into_iter().find(|(holder, at)| holder == name && *at == now);
    poll(holder).await;
}

/// Returns the names that hold intents of the worker, with their last signs of life.
async fn holders(server: &Server) -> Vec<(String, axme_intent::Time)> {
    let (workspace, address) = (server.bootstrap.workspace_id.parse().unwrap(), worker());
    let found = server.app.store.read(move |tx| consumers::list_holders(tx, workspace, &address)).await.unwrap();
    found.into_iter().map(|(name, at)| (name.to_string(), at)).collect()
}

fn worker() -> Address {
    Address::from_canonical("agent://local/default/worker".to_owned())
}

fn numbers(window: &Window) -> Vec<u64> {
    window.content().iter().map(|frame| frame.id.unwrap()).collect()
}

/// Checks that the claims of other names lapse at a time and not before: then a fresh reader gets the intents.
async fn lapse_in(server: &Server, key: &str, silence: Duration, expected: &[&str]) {
    server.clock.advance(silence - Duration::from_millis(1));
    let mut other = open(server, key, "heir", "since=0&wait_seconds=15").await;
    assert_eq!(server.until_held().await, Duration::from_millis(1), "not before");
    server.clock.advance(Duration::from_millis(1));
    let mut got = BTreeSet::new();
    for _ in expected {
        got.insert(other.frame().await.data["intent_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(got, expected.iter().map(|id| (*id).to_owned()).collect());
}

const TWO_MINUTES: Duration = Duration::from_secs(120);

async fn eight_named_listeners_handle_each_of_two_hundred_intents_once(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let submitted = futures_util::future::join_all((0..200).map(|n| server.submit("worker", json!({ "n": n })))).await;
    let names: Vec<String> = (0..8).map(|n| format!("worker-{n}")).collect();
    let mut handled = Vec::new();
    // Each listener restarts after every window, and handles a part of what it is shown.
    for _ in 0..30 {
        let mut rounds = Vec::new();
        for name in &names {
            rounds.push((name, window(&server, &worker, name, "since=0&wait_seconds=2").await));
        }
        for (name, shown) in rounds {
            let ids = shown.intent_ids();
            for id in ids.iter().take(ids.len().div_ceil(2)) {
                call(&server, &worker, name, "GET", &format!("/v1/intents/{id}"), None).await;
                let body = json!({ "action": "complete", "by": name });
                // A second handling would be refused: the intent has ended.
                call(&server, &worker, name, "POST", &format!("/v1/intents/{id}/resume"), Some(body)).await;
                handled.push((*id).to_owned());
            }
        }
        if handled.len() == submitted.len() {
            break;
        }
    }
    handled.sort();
    let mut submitted = submitted;
    submitted.sort();
    assert_eq!(handled, submitted, "each once");
}

async fn a_reader_that_starts_anew_is_shown_its_own_claims_and_no_others(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let first = server.submit("worker", json!({})).await;
    let of_ann = window(&server, &worker, "ann", "since=0&wait_seconds=2").await;
    assert_eq!((of_ann.intent_ids(), numbers(&of_ann)), (vec![first.as_str()], vec![2]));
    let second = server.submit("worker", json!({})).await;
    let of_bob = window(&server, &worker, "bob", "since=0&wait_seconds=2").await;
    assert_eq!(of_bob.intent_ids(), [second.as_str()], "what is free, and nothing of ann");
    for query in ["since=0&wait_seconds=2", "since=0&wait_seconds=1"] {
        assert!(nameless(&server, &worker, query).await.content().is_empty(), "nothing of either");
        let again = window(&server, &worker, "ann", query).await;
        assert_eq!((again.intent_ids(), numbers(&again)), (vec![first.as_str()], vec![2]), "under its number");
        assert_eq!(again.content()[0].data["offer"], 1, "not as a new offer");
    }
    // The name may be in the query. A reader that goes on gets what it has not seen yet.
    let third = server.submit("worker", json!({})).await;
    let rest = nameless(&server, &worker, "since=2&wait_seconds=2&consumer=ann").await;
    assert_eq!(rest.intent_ids(), [third.as_str()]);
    let rest = nameless(&server, &worker, "since=2&wait_seconds=2&consumer=ann").await;
    assert_eq!(rest.intent_ids(), [third.as_str()], "a frame that was lost on its way comes again");
    let rest = window(&server, &worker, "ann", &format!("since={}&wait_seconds=2", rest.next_seq())).await;
    assert!(rest.content().is_empty());
    // Nameless readers share their claims as ever, and no name gets them.
    let fourth = server.submit("worker", json!({})).await;
    assert_eq!(nameless(&server, &worker, "since=0&wait_seconds=2").await.intent_ids(), [fourth.as_str()]);
    assert_eq!(nameless(&server, &worker, "since=0&wait_seconds=2").await.intent_ids(), [fourth.as_str()]);
    assert_eq!(window(&server, &worker, "bob", "since=0&wait_seconds=2").await.intent_ids(), [second.as_str()]);
    // More than a window holds.
    for _ in 0..70 {
        server.submit("worker", json!({})).await;
    }
    for _ in 0..2 {
        window(&server, &worker, "cyd", "since=1&wait_seconds=2").await;
    }
    assert_eq!(window(&server, &worker, "cyd", "since=0&wait_seconds=2").await.content().len(), 70);
}

async fn a_claim_lapses_after_two_minutes_of_silence_and_not_before(engine: Engine) {
    for sign in ["none", "stream", "fetch", "answer", "heartbeat", "heartbeat in the query", "heartbeat in the body"] {
        let server = Server::start(engine).await;
        let worker = server.agent("worker").await;
        let (held, fetched) = (server.submit("worker", json!({})).await, server.submit("worker", json!({})).await);
        let shown = window(&server, &worker, "ann", "since=0&wait_seconds=2").await;
        assert_eq!(shown.content().len(), 2);
        fetch(&server, &worker, "ann", &fetched).await;
        let beat = "/v1/mesh/heartbeat";
        let mut expected = vec![held.as_str(), fetched.as_str()];
        if sign != "none" {
            server.clock.advance(Duration::from_secs(110));
        }
        match sign {
            "stream" => {
                window(&server, &worker, "ann", "since=4&wait_seconds=2").await;
            }
            "fetch" => fetch(&server, &worker, "ann", &held).await,
            "answer" => {
                let path = format!("/v1/intents/{fetched}/resume");
                let body = json!({ "action": "complete" });
                call(&server, &worker, "ann", "POST", &path, Some(body)).await;
                let now = server.now();
                poll(async || holders(&server).await.into_iter().find(|(_, at)| *at == now)).await;
                expected.pop();
            }
            "heartbeat" => drop(call(&server, &worker, "ann", "POST", beat, None).await),
            "heartbeat in the query" => {
                server.post(&worker, &format!("{beat}?consumer=ann"), json!({ "metrics": {} })).await;
            }
            "heartbeat in the body" => drop(server.post(&worker, beat, json!({ "consumer": "ann" })).await),
            _ => {}
        }
        lapse_in(&server, &worker, TWO_MINUTES, &expected).await;
        // The name has lost them.
        let late = window(&server, &worker, "ann", "since=0&wait_seconds=2").await;
        assert!(late.content().is_empty(), "{sign}: {}", late.text);
    }
}

async fn an_intent_that_a_dead_worker_has_looked_at_is_free_after_two_minutes(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    // It learned of the intent in another way than by a stream.
    fetch(&server, &worker, "ann", &id).await;
    assert_eq!(server.intent(&id).await["status"], "ACKNOWLEDGED");
    assert!(window(&server, &worker, "bob", "since=0&wait_seconds=2").await.content().is_empty());
    let own = window(&server, &worker, "ann", "since=0&wait_seconds=2").await;
    assert_eq!(own.intent_ids(), [id.as_str()], "it finds its claim again after a restart");
    lapse_in(&server, &worker, TWO_MINUTES, &[&id]).await;
    // An answer that leaves the intent with the agent holds it as well.
    let id = server.submit("worker", json!({})).await;
    let path = format!("/v1/intents/{id}/resume");
    server.send_with(&worker, "POST", &path, None, &[(HEADER, "ann")]).await.ok();
    assert_eq!(server.intent(&id).await["status"], "IN_PROGRESS");
    assert!(window(&server, &worker, "bob", "since=0&wait_seconds=2").await.content().is_empty());
    server.clock.advance(TWO_MINUTES);
    assert!(window(&server, &worker, "bob", "since=0&wait_seconds=2").await.intent_ids().contains(&id.as_str()));
}

async fn the_heartbeats_of_others_keep_no_claim_alive(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    window(&server, &worker, "ann", "since=0&wait_seconds=2").await;
    server.clock.advance(Duration::from_secs(100));
    server.post(&worker, "/v1/mesh/heartbeat", json!({})).await;
    call(&server, &worker, "bob", "POST", "/v1/mesh/heartbeat", None).await;
    window(&server, &worker, "cyd", "since=0&wait_seconds=10").await;
    server.get(&worker, &format!("/v1/intents/{id}")).await;
    let other = server.agent("other").await;
    call(&server, &other, "ann", "POST", "/v1/mesh/heartbeat", None).await;
    lapse_in(&server, &worker, Duration::from_secs(10), &[&id]).await;
}

async fn an_open_stream_keeps_claims_for_ten_minutes(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    let mut own = open(&server, &worker, "ann", "since=0&follow=1").await;
    assert_eq!(own.frame().await.data["intent_id"], id);
    let mut other = open(&server, &worker, "bob", "since=0&follow=1").await;
    for _ in 0..40 {
        server.until_streams_held(2).await;
        server.clock.advance(Duration::from_secs(15));
        assert_eq!(own.next().await.as_deref(), Some(": keep-alive\n\n"));
        assert_eq!(other.next().await.as_deref(), Some(": keep-alive\n\n"), "the claim lives");
    }
    server.until_streams_held(2).await;
    drop(own);
    // The end of the stream is its last sign of life: it must come before the clock goes on.
    poll(async || (server.app.streams_open() == 1).then_some(())).await;
    server.until_streams_held(1).await;
    for _ in 0..8 {
        server.clock.advance(Duration::from_secs(15));
        assert_eq!(other.next().await.as_deref(), Some(": keep-alive\n\n"));
        server.until_streams_held(1).await;
    }
    assert_eq!(other.frame().await.data["intent_id"], id, "two minutes after the stream ended");
}

async fn long_polls_keep_claims_for_ten_minutes(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    let mut since = window(&server, &worker, "ann", "since=0&wait_seconds=60").await.next_seq();
    for _ in 0..10 {
        let idle = window(&server, &worker, "ann", &format!("since={since}&wait_seconds=60")).await;
        assert!(idle.content().is_empty() && idle.lasted == Duration::from_secs(60), "{}", idle.text);
        since = idle.next_seq();
        assert!(window(&server, &worker, "bob", "since=0&wait_seconds=1").await.content().is_empty());
    }
    lapse_in(&server, &worker, TWO_MINUTES - Duration::from_millis(200), &[&id]).await;
}

async fn a_reminder_offers_an_intent_to_the_name_that_holds_it_and_to_no_other(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "remind_after_seconds": 60 });
    let id = crate::harness::id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let shown = window(&server, &worker, "ann", "since=0&wait_seconds=2").await;
    assert_eq!(shown.intent_ids(), [id.as_str()]);
    server.advance(Duration::from_secs(60)).await;
    assert!(server.event_types(&id).await.contains(&"reminder".to_owned()));
    for name in ["bob", "cyd"] {
        assert!(window(&server, &worker, name, "since=0&wait_seconds=1").await.content().is_empty());
    }
    assert!(nameless(&server, &worker, "since=0&wait_seconds=2").await.content().is_empty());
    let again = window(&server, &worker, "ann", &format!("since={}&wait_seconds=2", shown.next_seq())).await;
    assert_eq!((again.intent_ids(), &again.content()[0].data["offer"]), (vec![id.as_str()], &json!(2)));
    lapse_in(&server, &worker, TWO_MINUTES, &[&id]).await;
}

/// Changes the settings of the worker's account.
async fn patch(server: &Server, body: Value) -> crate::harness::Answer {
    let accounts = server.get(&server.admin, "/v1/service-accounts").await;
    let accounts = accounts["service_accounts"].as_array().unwrap();
    let account = accounts.iter().find(|account| account["name"] == "worker").unwrap();
    let path = format!("/v1/service-accounts/{}", account["service_account_id"].as_str().unwrap());
    server.send(&server.admin, "PATCH", &path, Some(body)).await
}

async fn an_agent_may_end_the_replay_of_claims_to_nameless_readers(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let first = server.submit("worker", json!({})).await;
    assert_eq!(nameless(&server, &worker, "since=0&wait_seconds=2").await.intent_ids(), [first.as_str()]);
    assert_eq!(nameless(&server, &worker, "since=0&wait_seconds=2").await.intent_ids(), [first.as_str()]);
    let changed = patch(&server, json!({ "replay_claimed": false })).await.ok();
    assert_eq!(changed["service_account"]["replay_claimed"], false);
    assert_eq!(changed["changed"], json!(["replay_claimed"]));
    let second = server.submit("worker", json!({})).await;
    assert_eq!(nameless(&server, &worker, "since=0&wait_seconds=2").await.intent_ids(), [second.as_str()]);
    server.clock.advance(Duration::from_secs(15));
    let again = nameless(&server, &worker, "since=0&wait_seconds=2").await;
    assert_eq!(again.content().len(), 2, "claims lapse as ever");
    patch(&server, json!({ "replay_claimed": true })).await.ok();
    assert_eq!(nameless(&server, &worker, "since=0&wait_seconds=2").await.content().len(), 2);
    // A registration sets it too, and a bundle's agents have the default.
    let body = json!({ "name": "quiet", "replay_claimed": false, "acknowledged_seconds": "90" });
    let quiet = server.post(&server.admin, "/v1/service-accounts", body).await["service_account"].clone();
    assert_eq!((&quiet["replay_claimed"], &quiet["acknowledged_seconds"]), (&json!(false), &json!(90)));
    patch(&server, json!({ "replay_claimed": "perhaps" })).await.refused(422, "validation_failed");
}

async fn an_agent_says_how_long_nameless_readers_keep_what_they_acknowledge(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for seconds in [0, 604_801] {
        patch(&server, json!({ "acknowledged_seconds": seconds })).await.refused(422, "validation_failed");
    }
    let changed = patch(&server, json!({ "acknowledged_seconds": 100 })).await.ok();
    assert_eq!(changed["service_account"]["acknowledged_seconds"], 100);
    let (seen, going_on) = (server.submit("worker", json!({})).await, server.submit("worker", json!({})).await);
    nameless(&server, &worker, "since=0&wait_seconds=2").await;
    server.get(&worker, &format!("/v1/intents/{seen}")).await;
    poll(async || (server.intent(&seen).await["status"] == "ACKNOWLEDGED").then_some(())).await;
    server.send(&worker, "POST", &format!("/v1/intents/{going_on}/resume"), None).await.ok();
    // The next claim of an acknowledged intent lasts as long.
    for _ in 0..2 {
        let taken_up = server.now();
        server.clock.advance(Duration::from_secs(97));
        assert!(nameless(&server, &worker, "since=4&wait_seconds=2").await.content().is_empty());
        server.clock.advance(taken_up.plus_seconds(100).since(server.now()));
        let mut open = server.open(&worker, &format!("{WORKER}?since=4&wait_seconds=2"), &[]).await;
        let got = [open.frame().await, open.frame().await].map(|frame| frame.data["intent_id"].to_string());
        assert_eq!(BTreeSet::from(got), [&seen, &going_on].map(|id| json!(id).to_string()).into());
    }
}

async fn a_fetch_without_a_name_changes_no_claim_of_a_name(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    window(&server, &worker, "ann", "since=0&wait_seconds=2").await;
    server.get(&worker, &format!("/v1/intents/{id}")).await;
    poll(async || (server.intent(&id).await["status"] == "ACKNOWLEDGED").then_some(())).await;
    // Nor does the fetch of another name.
    call(&server, &worker, "bob", "GET", &format!("/v1/intents/{id}"), None).await;
    assert_eq!(window(&server, &worker, "ann", "since=0&wait_seconds=2").await.intent_ids(), [id.as_str()]);
    assert!(window(&server, &worker, "bob", "since=0&wait_seconds=2").await.content().is_empty());
    lapse_in(&server, &worker, TWO_MINUTES - Duration::from_secs(2), &[&id]).await;
}

async fn the_names_of_consumers_are_checked(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    let long = "x".repeat(129);
    let calls = [
        ("GET", format!("{WORKER}?since=2&wait_seconds=1")),
        ("GET", format!("/v1/intents/{id}?")),
        ("POST", format!("/v1/intents/{id}/resume?")),
        ("POST", "/v1/mesh/heartbeat?".to_owned()),
    ];
    for (method, path) in &calls {
        for (header, query) in [
            (Some(""), ""),
            (Some(long.as_str()), ""),
            (Some("ann"), "consumer=bob"),
            (None, "consumer="),
            (None, "consumer=a%0Ab"),
            (None, "consumer=a%C2%85"),
            (None, "consumer=ann&consumer=bob"),
        ] {
            let headers: Vec<(&str, &str)> = header.map(|name| (HEADER, name)).into_iter().collect();
            let answer = server.send_with(&worker, method, &format!("{path}&{query}"), None, &headers).await;
            answer.refused(422, "validation_failed");
        }
    }
    let longest = "\u{e9}".repeat(128);
    call(&server, &worker, &longest, "GET", &format!("/v1/intents/{id}?consumer={}", "%C3%A9".repeat(128)), None).await;
    poll(async || holders(&server).await.into_iter().find(|(name, _)| *name == longest)).await;
    assert_eq!(server.intent(&id).await["status"], "ACKNOWLEDGED", "the refused calls did nothing");
}

async fn an_agent_has_a_bounded_number_of_consumers(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    let beat = "/v1/mesh/heartbeat";
    window(&server, &worker, "0", "since=0&wait_seconds=2").await;
    for n in 1..MAX_CONSUMERS {
        call(&server, &worker, &n.to_string(), "POST", beat, None).await;
    }
    server.send_with(&worker, "POST", beat, None, &[(HEADER, "new")]).await.refused(429, "rate_limit_exceeded");
    let path = format!("{WORKER}?since=0");
    server.send_with(&worker, "GET", &path, None, &[(HEADER, "new")]).await.refused(429, "rate_limit_exceeded");
    call(&server, &worker, "0", "POST", beat, None).await;
    server.post(&worker, beat, json!({})).await;
    // Silent names make room, and lose their claims.
    server.clock.advance(Duration::from_secs(180));
    call(&server, &worker, "new", "POST", beat, None).await;
    assert_eq!(window(&server, &worker, "new", "since=0&wait_seconds=2").await.intent_ids(), [id.as_str()]);
    let (workspace, address) = (server.bootstrap.workspace_id.parse().unwrap(), self::worker());
    let count = async || {
        let address = address.clone();
        server.app.store.read(move |tx| consumers::count(tx, workspace, &address)).await.unwrap()
    };
    assert!(count().await <= MAX_CONSUMERS / 2 + 1, "many at a time are forgotten");
    server.clock.advance(Duration::from_secs(7_200));
    workers::sweep::tick(&server.app, None).await.unwrap();
    assert_eq!(count().await, 1, "the one that holds an intent");
}

async fn claims_hold_on_every_node(engine: Engine) {
    let first = Server::start(engine).await;
    let second = first.another_node().await;
    let worker = first.agent("worker").await;
    let id = first.submit("worker", json!({})).await;
    let mut own = open(&first, &worker, "ann", "since=0&follow=1").await;
    assert_eq!(own.frame().await.data["intent_id"], id);
    for _ in 0..40 {
        first.until_streams_held(1).await;
        first.clock.advance(Duration::from_secs(15));
        assert_eq!(own.next().await.as_deref(), Some(": keep-alive\n\n"));
        first.until_streams_held(1).await;
        workers::consumers::tick(&first.app).await.unwrap();
        let path = format!("{WORKER}?since=0&wait_seconds=1");
        let mut other = second.open(&worker, &path, &[(HEADER, "bob")]).await;
        first.until_streams_held(2).await;
        first.clock.advance(Duration::from_millis(200));
        assert!(other.frame().await.event == "stream.timeout", "the claim lives on the other node");
    }
    // A restart under the same name, on the other node.
    drop(own);
    let again = window(&second, &worker, "ann", "since=0&wait_seconds=2").await;
    assert_eq!(again.intent_ids(), [id.as_str()]);
    workers::consumers::tick(&second.app).await.unwrap();
    lapse_in(&first, &worker, TWO_MINUTES, &[&id]).await;
    assert!(window(&second, &worker, "ann", "since=0&wait_seconds=2").await.content().is_empty());
}
