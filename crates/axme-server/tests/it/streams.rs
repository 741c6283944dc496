//! The stream of an intent's events.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, Window, each_engine, poll};

each_engine! {
    a_window_has_the_events_after_its_number_as_the_list_has_them,
    an_idle_window_is_held_for_new_events,
    a_window_ends_with_the_terminal_event,
    a_window_without_news_of_an_ended_intent_is_held_briefly,
    the_python_client_gets_a_window_that_stays_open_to_its_end,
    a_stream_that_is_followed_stays_open_to_the_end_of_the_intent,
    a_window_holds_five_hundred_events,
    a_long_result_is_left_out_of_the_frame,
    stream_data_has_no_character_at_which_a_line_reader_splits,
    a_stream_that_cannot_open_is_refused_as_json,
    a_child_of_a_workflow_has_its_own_stream,
    an_unread_stream_claims_and_holds_no_more_than_a_page_of_bytes,
    long_events_all_arrive_though_each_look_is_bounded,
}

const LINGER: Duration = Duration::from_millis(200);
const PYTHON: [(&str, &str); 1] = [("x-axme-client", "axme-sdk-python/0.2.0")];

fn stream(id: &str, query: &str) -> String {
    format!("/v1/intents/{id}/events/stream?{query}")
}

async fn window(server: &Server, id: &str, query: &str) -> Window {
    server.stream(&server.admin, &stream(id, query)).await
}

fn types(window: &Window) -> Vec<&str> {
    window.content().iter().map(|frame| frame.event.trim_start_matches("intent.")).collect()
}

async fn resume(server: &Server, id: &str, body: Value) {
    server.post(&server.admin, &format!("/v1/intents/{id}/resume"), body).await;
}

async fn a_window_has_the_events_after_its_number_as_the_list_has_them(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let events = server.events(&id).await;
    for (query, from) in [("", 0), ("since=0", 0), ("since=1", 0), ("since=2", 1), ("since=3", 1), ("since=4", 2)] {
        let seen = window(&server, &id, query).await;
        let data: Vec<&Value> = seen.content().iter().map(|frame| &frame.data).collect();
        assert_eq!(data, events[from..].iter().collect::<Vec<_>>(), "{query}");
        for frame in seen.content() {
            assert_eq!(frame.event, frame.data["event_type"]);
            assert_eq!(frame.id, frame.data["seq"].as_u64());
        }
        assert_eq!((seen.next_seq(), seen.lasted), (6, LINGER), "{query}");
    }
    let text = window(&server, &id, "since=4").await.text;
    let event = events[2].to_string();
    let exact = format!(
        "id: 6\nevent: intent.delivered\ndata: {event}\n\nevent: stream.timeout\ndata: {{\"ok\":true,\"next_seq\":6}}\n\n"
    );
    assert_eq!(text, exact, "to the byte");
}

async fn an_idle_window_is_held_for_new_events(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    for (query, seconds, echo) in
        [("since=6", 15, 6), ("since=7&wait_seconds=5", 5, 7), ("since=100&wait_seconds=99", 60, 100)]
    {
        let idle = window(&server, &id, query).await;
        assert_eq!((idle.content().len(), idle.next_seq()), (0, echo));
        assert_eq!(idle.lasted, Duration::from_secs(seconds), "{query}");
    }
    let mut open = server.open(&server.admin, &stream(&id, "since=6"), &[]).await;
    assert_eq!(server.until_held().await, Duration::from_secs(15));
    resume(&server, &id, json!({})).await;
    assert_eq!(open.frame().await.event, "intent.in_progress");
    poll(async || (server.until_held().await == LINGER).then_some(())).await;
    let rest = open.read_to_end(&server).await;
    assert_eq!((rest.next_seq(), rest.lasted), (8, LINGER));
}

async fn a_window_ends_with_the_terminal_event(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let mut open = server.open(&server.admin, &stream(&id, "since=6"), &[]).await;
    server.until_held().await;
    resume(&server, &id, json!({ "answer": 42 })).await;
    let last = open.frame().await;
    assert_eq!((last.event.as_str(), &last.data["status"]), ("intent.completed", &json!("COMPLETED")));
    assert_eq!((&last.data["result"], &last.data["data"]), (&json!({ "answer": 42 }), &json!({ "answer": 42 })));
    let end = open.frame().await;
    assert_eq!((end.event.as_str(), &end.data["next_seq"]), ("stream.timeout", &json!(8)));
    assert_eq!(open.next().await, None, "while the clock stands still");

    let backlog = window(&server, &id, "since=0").await;
    assert_eq!(types(&backlog), ["created", "submitted", "delivered", "completed"]);
    assert_eq!(backlog.lasted, Duration::ZERO);
}

async fn a_window_without_news_of_an_ended_intent_is_held_briefly(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    resume(&server, &id, json!({ "answer": 42 })).await;
    for query in ["since=8", "since=9&wait_seconds=60", "since=8&follow=1", "since=8&wait_seconds=1"] {
        let held = window(&server, &id, query).await;
        assert_eq!((held.content().len(), held.lasted), (0, Duration::from_secs(1)), "{query}");
    }
}

async fn the_python_client_gets_a_window_that_stays_open_to_its_end(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    for headers in [&PYTHON[..], &[("user-agent", "python-httpx/0.28.1"), ("x-trace-id", "t")]] {
        let open = server.open(&server.admin, &stream(&id, "since=0&wait_seconds=10"), headers).await;
        let seen = open.read_to_end(&server).await;
        assert_eq!((seen.content().len(), seen.lasted), (3, Duration::from_secs(10)));
    }
    let mut open = server.open(&server.admin, &stream(&id, "since=6&wait_seconds=10"), &PYTHON).await;
    server.until_held().await;
    server.get(&worker, &format!("/v1/intents/{id}")).await;
    assert_eq!(open.frame().await.event, "intent.acknowledged");
    assert_eq!(server.until_held().await, Duration::from_secs(10), "no end after an event");
    resume(&server, &id, json!({ "answer": 1 })).await;
    assert_eq!(open.frame().await.event, "intent.completed");
    assert_eq!(open.frame().await.event, "stream.timeout", "at once after the last one");
    // For this client, too, streams of deliveries end early: it reads them in a loop.
    server.submit("worker", json!({})).await;
    let path = "/v1/agents/worker/intents/stream?since=0&wait_seconds=10";
    let deliveries = server.open(&worker, path, &PYTHON).await.read_to_end(&server).await;
    assert_eq!(deliveries.lasted, LINGER);
}

async fn a_stream_that_is_followed_stays_open_to_the_end_of_the_intent(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let mut open = server.open(&server.admin, &stream(&id, "since=0&wait_seconds=1&follow=1"), &[]).await;
    for _ in 0..3 {
        open.frame().await;
    }
    for _ in 0..5 {
        assert_eq!(server.until_held().await, Duration::from_secs(15));
        server.clock.advance(Duration::from_secs(15));
        assert_eq!(open.next().await.as_deref(), Some(": keep-alive\n\n"));
    }
    resume(&server, &id, json!({})).await;
    assert_eq!(open.frame().await.event, "intent.in_progress");
    resume(&server, &id, json!({ "x": 1 })).await;
    assert_eq!(open.frame().await.event, "intent.completed");
    assert_eq!(open.frame().await.event, "stream.timeout");
    assert_eq!(open.next().await, None);
}

async fn a_window_holds_five_hundred_events(engine: Engine) {
    let limits = axme_store::Limits { window_events: 4, ..axme_store::Limits::default() };
    assert_eq!(axme_store::Limits::default().window_events, 500);
    let server = Server::start_with(engine, limits).await;
    let worker = json!({ "role": "w", "address": "worker", "create_if_missing": true });
    let steps: Vec<Value> = (0..4).map(|n| json!({ "step_id": format!("s{n}"), "assigned_to": "w" })).collect();
    let bundle = json!({
        "scenario_id": "s.v1", "agents": [worker], "workflow": { "steps": steps }, "intent": { "type": "x" },
    });
    let applied = server.post(&server.admin, "/v1/scenarios/apply", bundle).await;
    let id = applied["intent_id"].as_str().unwrap();
    for _ in 0..4 {
        let waiting = server.events(id).await.into_iter().rfind(|e| e["event_type"] == "intent.waiting").unwrap();
        resume(&server, waiting["details"]["child_intent_id"].as_str().unwrap(), json!({ "x": 1 })).await;
    }
    let all = server.events(id).await;
    assert_eq!(all.len(), 11);
    let (mut since, mut got) = (0, Vec::new());
    for expected in [4, 4, 3] {
        let seen = window(&server, id, &format!("since={since}")).await;
        assert_eq!((seen.content().len(), seen.lasted), (expected, Duration::ZERO));
        got.extend(seen.content().iter().map(|frame| frame.data.clone()));
        since = seen.next_seq();
    }
    assert_eq!(got, all);
}

async fn a_long_result_is_left_out_of_the_frame(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    resume(&server, &id, json!({ "t": "x".repeat(100_000) })).await;
    let seen = window(&server, &id, "since=6").await;
    let last = &seen.content()[0];
    assert_eq!((last.event.as_str(), &last.data["truncated"]), ("intent.completed", &json!(true)));
    assert!(last.data.get("result").is_none() && last.data.get("data").is_none());
    assert_eq!(last.data["status"], "COMPLETED");
    assert!(seen.text.len() < 2_000);
    assert_eq!(server.events(&id).await[3]["result"]["t"].as_str().unwrap().len(), 100_000, "the list has it");
}

async fn stream_data_has_no_character_at_which_a_line_reader_splits(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    // All characters at which Python's `splitlines` splits.
    let separators = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";
    let payload = json!({ separators: format!("a{separators}b") });
    let id = server.submit("worker", payload.clone()).await;
    let delivered = server.stream(&worker, "/v1/agents/worker/intents/stream").await;
    assert_eq!(delivered.content()[0].data["payload"], payload);
    resume(&server, &id, payload.clone()).await;
    let events = window(&server, &id, "").await;
    assert_eq!(events.content()[3].data["result"], payload);
    let session = server.post(&server.admin, "/v1/sessions", json!({ "title": "talk" })).await;
    let session = session["session_id"].as_str().unwrap().to_owned();
    let message = json!({ "role": "user", "content": payload });
    server.post(&server.admin, &format!("/v1/sessions/{session}/messages"), message).await;
    let feed = server.stream(&server.admin, &format!("/v1/sessions/{session}/feed/stream")).await;
    assert!(feed.text.contains("u2028"), "{}", feed.text);
    for text in [delivered.text, events.text, feed.text] {
        let lines = text.split(|c| separators.contains(c));
        for line in lines.filter(|line| !line.is_empty()) {
            assert!(["id: ", "event: ", "data: "].iter().any(|start| line.starts_with(start)), "{line}");
        }
    }
}

async fn a_stream_that_cannot_open_is_refused_as_json(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let get = async |key: &str, path: &str| server.send(key, "GET", path, None).await;
    for (key, path, status, code) in [
        ("", stream(&id, ""), 401, "missing_platform_api_key"),
        ("nonsense", stream(&id, ""), 401, "invalid_platform_api_key"),
        (&server.admin, stream("00000000-0000-0000-0000-000000000000", ""), 404, "not_found"),
        (&server.admin, stream("nonsense", ""), 404, "not_found"),
        (&server.admin, stream(&id, "since=x"), 422, "validation_failed"),
        (&server.admin, stream(&id, "wait_seconds=-1"), 422, "validation_failed"),
    ] {
        let refused = get(key, &path).await;
        assert_eq!(refused.headers["content-type"], "application/json");
        refused.refused(status, code);
    }
}

async fn a_child_of_a_workflow_has_its_own_stream(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let bundle = json!({
        "scenario_id": "s.v1", "agents": [{ "role": "w", "address": "worker" }], "intent": { "type": "x" },
        "workflow": { "steps": [{ "step_id": "one", "assigned_to": "w" }] },
    });
    let applied = server.post(&server.admin, "/v1/scenarios/apply", bundle).await;
    let parent = applied["intent_id"].as_str().unwrap();
    let child = server.events(parent).await[2]["details"]["child_intent_id"].as_str().unwrap().to_owned();
    let mut watching = server.open(&server.admin, &stream(parent, "since=6"), &[]).await;
    let mut own = server.open(&worker, &stream(&child, "since=6"), &[]).await;
    server.until_held().await;
    server.post(&worker, &format!("/v1/intents/{child}/resume"), json!({ "x": 1 })).await;
    assert_eq!(own.frame().await.event, "intent.completed");
    assert_eq!(watching.frame().await.event, "intent.in_progress", "its end moves the parent at the same moment");
    assert_eq!(watching.frame().await.event, "intent.completed");
}

async fn an_unread_stream_claims_and_holds_no_more_than_a_page_of_bytes(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let text = "x".repeat(server.app.limits.window_bytes / 4);
    for _ in 0..10 {
        server.submit("worker", json!({ "text": text })).await;
    }
    let path = "/v1/agents/agent://local/default/worker/intents/stream?since=2&wait_seconds=1";
    let _unread = server.open(&worker, &format!("{path}&follow=1"), &[]).await;
    let claimed = async || {
        let (workspace, now) = (server.bootstrap.workspace_id.parse().unwrap(), server.now());
        let address = axme_intent::Address::from_canonical("agent://local/default/worker".to_owned());
        let due = server.app.store.read(move |tx| axme_store::queue::list_due(tx, workspace, &address, now, None, 100));
        10 - due.await.unwrap().len()
    };
    crate::harness::poll(async || (claimed().await > 0).then_some(())).await;
    assert_eq!(claimed().await, 4, "one page of bytes, not of deliveries");
    // The others are there for other readers.
    assert_eq!(server.stream(&worker, path).await.intent_ids().len(), 6);
}

async fn long_events_all_arrive_though_each_look_is_bounded(engine: Engine) {
    let server = Server::start(engine).await;
    let session = server.post(&server.admin, "/v1/sessions", json!({ "type": "general" })).await;
    let path = format!("/v1/sessions/{}", session["session_id"].as_str().unwrap());
    let text = "x".repeat(server.app.limits.window_bytes / 4);
    for n in 0..30 {
        let body = json!({ "role": "agent", "content": { "n": n, "text": text } });
        server.post(&server.admin, &format!("{path}/messages"), body).await;
    }
    server.post(&server.admin, &format!("{path}/complete"), json!({})).await;
    let shown = server.stream(&server.admin, &format!("{path}/feed/stream?since=0&wait_seconds=1")).await;
    let of_type = |event: &str| shown.content().iter().filter(|frame| frame.event == event).count();
    assert_eq!((of_type("session.message"), of_type("session.completed")), (30, 1));
}
