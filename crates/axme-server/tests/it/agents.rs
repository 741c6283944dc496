//! Agents: the registry, and the streams of their deliveries.

use std::time::Duration;

use axme_intent::Address;
use axme_store::Limits;
use axme_store::wakeups::Signal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Engine, Server, Window, each_engine, poll};

each_engine! {
    an_agent_is_found_under_every_form_of_its_address,
    agents_are_listed_by_address_in_pages,
    a_list_of_agents_tells_their_queues_if_that_is_asked,
    a_listener_that_starts_late_gets_the_backlog,
    an_idle_window_is_held_and_echoes_its_number,
    a_delivery_is_pushed_into_a_window_that_waits,
    an_unacknowledged_delivery_is_offered_again_under_a_new_number,
    an_acknowledged_delivery_is_not_offered_again_for_an_hour,
    a_window_holds_fifty_deliveries,
    readers_of_one_address_share_its_deliveries,
    the_first_window_of_the_command_line_gets_the_backlog_and_nothing_new,
    a_stream_is_for_the_agent_itself_and_the_admin,
    a_reader_may_ask_for_some_statuses,
    a_frame_stays_short,
    unsent_deliveries_are_released_at_once,
    streams_end_when_the_server_stops,
    a_stream_that_is_followed_stays_open,
    streams_of_an_account_are_limited,
}

const WORKER: &str = "/v1/agents/worker/intents/stream";

/// Reads one window of the worker's stream.
async fn window(server: &Server, key: &str, query: &str) -> Window {
    server.stream(key, &format!("{WORKER}?{query}")).await
}

fn numbers(window: &Window) -> Vec<u64> {
    window.content().iter().map(|frame| frame.id.expect("a delivery has a number")).collect()
}

async fn an_agent_is_found_under_every_form_of_its_address(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let at = "2026-01-01T00:00:00.000Z";
    let account = server.get(&server.admin, "/v1/service-accounts").await["service_accounts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|account| account["name"] == "worker")
        .unwrap()["service_account_id"]
        .clone();
    let expected = json!({
        "address": "agent://local/default/worker", "service_account_id": account, "service_account_name": "worker",
        "display_name": null, "status": "active", "delivery_mode": "stream", "created_at": at, "updated_at": at,
    });
    let forms = [
        "worker",
        "local/default/worker",
        "agent://local/default/worker",
        "agent:/local/default/worker",
        "agent%3A%2F%2Flocal%2Fdefault%2Fworker",
        "local%2Fdefault%2Fworker",
        "agent://worker",
    ];
    for form in forms {
        for key in [&server.admin, &worker] {
            let found = server.get(key, &format!("/v1/agents/{form}")).await;
            assert_eq!(found, json!({ "ok": true, "agent": expected }), "{form}");
        }
        let window = server.stream(&worker, &format!("/v1/agents/{form}/intents/stream?since=4&wait_seconds=1")).await;
        assert_eq!((window.status.as_u16(), window.next_seq()), (200, 4), "{form}");
    }
    let encoded = "/v1/agents/agent%3A%2F%2Flocal%2Fdefault%2Fworker%2Fintents%2Fstream?since=4&wait_seconds=1";
    assert_eq!(server.stream(&worker, encoded).await.next_seq(), 4);
    for unknown in
        ["nobody", "agent://other/ws/worker", "other/ws/worker", "human", "agent_core", "user://owner@local", "worker/"]
    {
        let sent = server.send(&worker, "GET", &format!("/v1/agents/{unknown}"), None).await;
        if unknown != "worker/" {
            sent.refused(404, "agent_not_found");
        }
    }
}

async fn agents_are_listed_by_address_in_pages(engine: Engine) {
    let server = Server::start(engine).await;
    assert_eq!(
        server.get(&server.admin, "/v1/agents").await,
        json!({ "ok": true, "agents": [] }),
        "an admin is not an agent"
    );
    for name in ["bb", "cc", "aa.x", "aa-x", "ZZ"] {
        server.agent(name).await;
    }
    let worker = server.agent("aa").await;
    let names = |list: &Value| -> Vec<String> {
        let short =
            |agent: &Value| agent["address"].as_str().unwrap().trim_start_matches("agent://local/default/").to_owned();
        list["agents"].as_array().unwrap().iter().map(short).collect()
    };
    let all = server.get(&worker, "/v1/agents").await;
    assert_eq!(names(&all), ["aa", "aa-x", "aa.x", "bb", "cc", "zz"]);
    let page = server.get(&worker, "/v1/agents?limit=2").await;
    assert_eq!(names(&page), ["aa", "aa-x"]);
    let last = page["agents"][1]["address"].as_str().unwrap();
    assert_eq!(names(&server.get(&worker, &format!("/v1/agents?limit=2&after={last}")).await), ["aa.x", "bb"]);

    let (org, workspace) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    let other = Uuid::from_u128(9);
    for (query, status) in [
        (format!("org_id={org}&workspace_id={workspace}"), 200),
        (format!("org_id={org}"), 200),
        ("org_id=local&workspace_id=default".to_owned(), 200),
        ("org_id=&workspace_id=".to_owned(), 200),
        (format!("org_id={org}&workspace_id={other}"), 403),
        (format!("org_id={other}&workspace_id={workspace}"), 403),
        (format!("org_id={other}&workspace_id={other}"), 404),
        (format!("org_id={other}"), 404),
        ("workspace_id=nonsense".to_owned(), 404),
        ("limit=0".to_owned(), 422),
    ] {
        let answer = server.send(&worker, "GET", &format!("/v1/agents?{query}"), None).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
    }
}

async fn a_list_of_agents_tells_their_queues_if_that_is_asked(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    server.agent("silent").await;
    let first = server.submit("worker", json!({ "n": 1 })).await;
    server.submit("worker", json!({ "n": 2 })).await;
    let queues = async |key: &str| {
        let list = server.get(key, "/v1/agents?queues=true").await;
        list["agents"].as_array().unwrap().iter().map(|agent| agent["queue"].clone()).collect::<Vec<Value>>()
    };
    let at = "2026-01-01T00:00:00.000Z";
    let before = queues(&server.admin).await;
    assert_eq!(before[0], json!({ "unanswered": 0, "oldest_at": null, "last_seen_at": null }));
    assert_eq!((&before[1]["unanswered"], &before[1]["oldest_at"]), (&json!(2), &json!(at)));
    assert_eq!(before, queues(&worker).await, "all callers of the workspace see the same");

    // A heartbeat is a sign of life, and an answered intent no longer waits.
    server.post(&worker, "/v1/mesh/heartbeat", json!({})).await;
    server.post(&worker, &format!("/v1/intents/{first}/resume"), json!({ "action": "complete" })).await;
    let after = queues(&server.admin).await;
    assert_eq!((&after[1]["unanswered"], &after[1]["last_seen_at"]), (&json!(1), &json!(at)));
    let plain = server.get(&server.admin, "/v1/agents").await;
    assert!(plain["agents"][0].get("queue").is_none(), "{plain}");
    assert_eq!(server.send(&worker, "GET", "/v1/agents?queues=perhaps", None).await.status, 422);
}

async fn a_listener_that_starts_late_gets_the_backlog(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let first = server.submit("worker", json!({ "n": 1 })).await;
    server.submit("somebody-else", json!({})).await;
    let seen = window(&server, &worker, "since=0&wait_seconds=15").await;
    let expected = json!({
        "seq": 2, "intent_id": first, "event_type": "intent.delivered", "status": "DELIVERED",
        "intent_type": "intent.ask.v1", "from_agent": "user://owner@local", "to_agent": "agent://local/default/worker",
        "at": "2026-01-01T00:00:00.000Z", "offer": 1, "payload": { "n": 1 },
    });
    assert_eq!(seen.content().iter().map(|frame| &frame.data).collect::<Vec<_>>(), [&expected]);
    assert_eq!((seen.next_seq(), seen.lasted), (2, Duration::from_millis(200)), "it lingers, then ends");

    let again = window(&server, &worker, "since=0&wait_seconds=15").await;
    assert_eq!(again.content(), seen.content(), "a reader that starts anew gets claimed deliveries unchanged");
    let nothing = window(&server, &worker, "since=2&wait_seconds=2").await;
    assert_eq!((numbers(&nothing), nothing.next_seq()), (vec![], 2));

    let second = server.submit("worker", json!({ "n": 2 })).await;
    let next = window(&server, &worker, "since=2&wait_seconds=15").await;
    assert_eq!((next.intent_ids(), numbers(&next)), (vec![second.as_str()], vec![4]));
    let third = server.submit("worker", json!({ "n": 3 })).await;
    // The command line sends the last number plus one.
    let next = window(&server, &worker, "since=5&wait_seconds=2").await;
    assert_eq!((next.intent_ids(), numbers(&next)), (vec![third.as_str()], vec![6]));
}

async fn an_idle_window_is_held_and_echoes_its_number(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for (query, seconds, echo) in [
        ("", 15, 0),
        ("since=8", 15, 8),
        ("since=7&wait_seconds=2", 2, 7),
        ("since=0&wait_seconds=2", 2, 0),
        ("since=8&wait_seconds=0", 1, 8),
        ("since=8&wait_seconds=1000", 60, 8),
        ("since=9007199254740993&wait_seconds=1", 1, 9_007_199_254_740_993),
    ] {
        let idle = window(&server, &worker, query).await;
        assert_eq!((idle.content().len(), idle.next_seq()), (0, echo), "{query}");
        assert_eq!(idle.lasted, Duration::from_secs(seconds), "{query}");
    }
    for query in ["since=-1", "since=x", "wait_seconds=x", "status=NONSENSE"] {
        let refused = server.send(&worker, "GET", &format!("{WORKER}?{query}"), None).await;
        refused.refused(422, "validation_failed");
    }
}

async fn a_delivery_is_pushed_into_a_window_that_waits(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let mut open = server.open(&worker, &format!("{WORKER}?since=0&wait_seconds=15"), &[]).await;
    assert_eq!(open.headers["content-type"], "text/event-stream");
    assert_eq!(open.headers["cache-control"], "no-cache");
    assert_eq!(server.until_held().await, Duration::from_secs(15));
    let first = server.submit("worker", json!({})).await;
    assert_eq!(open.frame().await.data["intent_id"], first);
    poll(async || (server.until_held().await == Duration::from_millis(200)).then_some(())).await;
    server.clock.advance(Duration::from_millis(150));
    let second = server.submit("worker", json!({})).await;
    assert_eq!(open.frame().await.data["intent_id"], second, "an immediate second delivery comes in the same window");
    let rest = open.read_to_end(&server).await;
    assert_eq!((numbers(&rest), rest.next_seq(), rest.lasted), (vec![2, 4], 4, Duration::from_millis(200)));
}

async fn an_unacknowledged_delivery_is_offered_again_under_a_new_number(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    let mut offered_at = server.now();
    let mut last = window(&server, &worker, "since=0&wait_seconds=15").await.next_seq();
    for (offer, patience) in [(2, 15), (3, 60), (4, 300), (5, 600), (6, 600)] {
        let lapses = offered_at.plus_seconds(patience);
        server.clock.advance(lapses.since(server.now()) - Duration::from_millis(1));
        let mut open = server.open(&worker, &format!("{WORKER}?since={last}&wait_seconds=15"), &[]).await;
        assert_eq!(server.until_held().await, Duration::from_millis(1), "not before it lapses");
        server.clock.advance(Duration::from_millis(1));
        let frame = open.frame().await;
        offered_at = server.now();
        assert_eq!((&frame.data["intent_id"], &frame.data["offer"]), (&json!(id), &json!(offer)));
        assert_eq!((frame.id, &frame.data["status"]), (Some(last + 2), &json!("DELIVERED")));
        last = open.read_to_end(&server).await.next_seq();
    }
    assert_eq!(server.events(&id).await.len(), 3, "an offer is not an event");
    assert_eq!(server.intent(&id).await["delivery_attempt"], 0, "and uses no attempt");
}

async fn an_acknowledged_delivery_is_not_offered_again_for_an_hour(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let seen = server.submit("worker", json!({})).await;
    let going_on = server.submit("worker", json!({})).await;
    let offered = window(&server, &worker, "since=0&wait_seconds=15").await;
    assert_eq!(offered.next_seq(), 4);
    server.get(&worker, &format!("/v1/intents/{seen}")).await;
    poll(async || (server.intent(&seen).await["status"] == "ACKNOWLEDGED").then_some(())).await;
    server.send(&worker, "POST", &format!("/v1/intents/{going_on}/resume"), None).await.ok();
    assert_eq!(server.intent(&going_on).await["status"], "IN_PROGRESS");
    let taken_up = server.now();

    server.clock.advance(Duration::from_secs(3_598));
    let idle = window(&server, &worker, "since=4&wait_seconds=1").await;
    assert!(idle.content().is_empty(), "not after 15 s, a minute, or ten");
    let replayed = window(&server, &worker, "since=0&wait_seconds=2").await;
    assert_eq!(numbers(&replayed), [2, 4], "a reader that starts anew gets them anyway");
    server.clock.advance(taken_up.plus_seconds(3_600).since(server.now()));
    let again = window(&server, &worker, "since=4&wait_seconds=15").await;
    assert_eq!(numbers(&again), [6, 8]);
    let mut ids = again.intent_ids();
    ids.sort_unstable();
    let mut expected = [seen.as_str(), going_on.as_str()];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    server.clock.advance(Duration::from_secs(3_500));
    assert!(window(&server, &worker, "since=8&wait_seconds=1").await.content().is_empty(), "for an hour again");
}

async fn a_window_holds_fifty_deliveries(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let mut submitted = Vec::new();
    for n in 0..120 {
        submitted.push(server.submit("worker", json!({ "n": n })).await);
        server.clock.advance(Duration::from_millis(1));
    }
    let mut since = 0;
    let mut got: Vec<String> = Vec::new();
    for expected in [50, 50, 20, 0] {
        let seen = window(&server, &worker, &format!("since={since}&wait_seconds=5")).await;
        assert_eq!(seen.content().len(), expected);
        got.extend(seen.intent_ids().into_iter().map(str::to_owned));
        since = seen.next_seq();
    }
    assert_eq!(got, submitted, "in order of arrival");
    assert_eq!(since, 240);
    let replayed = window(&server, &worker, "since=0&wait_seconds=5").await;
    assert_eq!(replayed.content().len(), 120, "a reader that starts anew misses none");
}

async fn readers_of_one_address_share_its_deliveries(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let path = format!("{WORKER}?since=1&wait_seconds=15");
    let (mut first, mut second) = (server.open(&worker, &path, &[]).await, server.open(&worker, &path, &[]).await);
    let workspace = Uuid::parse_str(&server.bootstrap.workspace_id).unwrap();
    let queue = Signal::queue(workspace, &Address::from_canonical("agent://local/default/worker".to_owned()));
    poll(async || (server.app.wakeups.subscriptions(queue) == 2).then_some(())).await;
    let submits = (0..60).map(|n| server.submit("worker", json!({ "n": n })));
    let mut submitted = futures_util::future::join_all(submits).await;
    // The clock stands still, so a repeated delivery would mean that both readers got it.
    let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
    while of_first.len() + of_second.len() < 60 {
        tokio::select! {
            frame = first.frame(), if of_first.len() < 50 => of_first.push(frame),
            frame = second.frame(), if of_second.len() < 50 => of_second.push(frame),
        }
    }
    let frames = || of_first.iter().chain(&of_second);
    let mut got: Vec<&str> = frames().map(|frame| frame.data["intent_id"].as_str().unwrap()).collect();
    got.sort_unstable();
    submitted.sort();
    assert_eq!(got, submitted, "each went to one reader");
    let mut numbers: Vec<Option<u64>> = frames().map(|frame| frame.id).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 60, "each with its own number");
    assert!(!of_first.is_empty() && !of_second.is_empty(), "neither reader got all");
}

async fn the_first_window_of_the_command_line_gets_the_backlog_and_nothing_new(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let first_window = "since=0&wait_seconds=1";
    let empty = window(&server, &worker, first_window).await;
    assert_eq!((empty.content().len(), empty.lasted), (0, Duration::from_millis(200)));

    // A delivery that arrives while it is open does not go into it.
    let open = server.open(&worker, &format!("{WORKER}?{first_window}"), &[]).await;
    assert_eq!(server.until_held().await, Duration::from_millis(200));
    let new = server.submit("worker", json!({})).await;
    let held = open.read_to_end(&server).await;
    assert_eq!((held.content().len(), held.lasted), (0, Duration::from_millis(200)));
    let next = window(&server, &worker, "since=1&wait_seconds=2").await;
    assert_eq!(next.intent_ids(), [new.as_str()]);

    // Nor while a slow reader reads the backlog, which starts with earlier offers.
    for _ in 0..3 {
        server.submit("worker", json!({})).await;
    }
    let mut open = server.open(&worker, &format!("{WORKER}?{first_window}"), &[]).await;
    assert_eq!(open.frame().await.id, Some(2));
    server.clock.advance(Duration::from_millis(1));
    let new = server.submit("worker", json!({})).await;
    let backlog = open.read_to_end(&server).await;
    assert_eq!(backlog.content().len(), 4);
    assert!(!backlog.intent_ids().contains(&new.as_str()), "{}", backlog.text);
    assert!(backlog.lasted <= Duration::from_millis(250));
    let next = window(&server, &worker, &format!("since={}&wait_seconds=2", backlog.next_seq())).await;
    assert_eq!(next.intent_ids(), [new.as_str()]);
}

async fn a_stream_is_for_the_agent_itself_and_the_admin(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, other) = (server.agent("worker").await, server.agent("other").await);
    let id = server.submit("worker", json!({})).await;
    let get = async |key: &str, path: &str| server.send(key, "GET", path, None).await;
    get(&other, WORKER).await.refused(403, "forbidden");
    get("", WORKER).await.refused(401, "missing_platform_api_key");
    get("axme_sa_x_y", WORKER).await.refused(401, "invalid_platform_api_key");
    for key in [&worker, &server.admin] {
        get(key, "/v1/agents/agent://other/ws/worker/intents/stream").await.refused(404, "agent_not_found");
        get(key, "/v1/agents/other/default/worker/intents/stream").await.refused(404, "agent_not_found");
    }
    get(&worker, "/v1/agents/conformance/receiver/intents/stream").await.refused(403, "forbidden");
    get(&server.admin, "/v1/agents/a%00b/intents/stream").await.refused(422, "invalid_agent_address");
    let long = format!("/v1/agents/{}/intents/stream", "x/".repeat(300));
    get(&server.admin, &long).await.refused(422, "invalid_agent_address");

    let by_admin = window(&server, &server.admin, "since=0&wait_seconds=2").await;
    assert_eq!(by_admin.intent_ids(), [id.as_str()]);
    let unregistered = server.submit("agent://conformance/receiver", json!({})).await;
    let path = "/v1/agents/conformance/receiver/intents/stream?since=0&wait_seconds=2";
    assert_eq!(server.stream(&server.admin, path).await.intent_ids(), [unregistered.as_str()]);
}

async fn a_reader_may_ask_for_some_statuses(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let new = server.submit("worker", json!({})).await;
    let going_on = server.submit("worker", json!({})).await;
    server.post(&server.admin, &format!("/v1/intents/{going_on}/resume"), json!({})).await;
    let other_status = window(&server, &worker, "since=0&wait_seconds=2&status=COMPLETED,WAITING").await;
    assert!(other_status.content().is_empty(), "and those stay for other readers");
    let fresh = window(&server, &worker, "since=0&wait_seconds=2&status=created,delivered").await;
    assert_eq!(fresh.intent_ids(), [new.as_str()]);
    // Any number of deliveries in other statuses may precede it.
    for _ in 0..60 {
        server.submit("worker", json!({})).await;
    }
    server.clock.advance(Duration::from_secs(3_600));
    let running = window(&server, &worker, "since=2&wait_seconds=2&status=IN_PROGRESS").await;
    assert_eq!(running.intent_ids(), [going_on.as_str()]);
    // More than a page of them precedes this one.
    let late_worker = server.agent("late-worker").await;
    for _ in 0..60 {
        server.submit("late-worker", json!({})).await;
    }
    let late = server.submit("late-worker", json!({})).await;
    server.post(&server.admin, &format!("/v1/intents/{late}/resume"), json!({})).await;
    let path = "/v1/agents/late-worker/intents/stream?since=0&wait_seconds=2&status=IN_PROGRESS";
    assert_eq!(server.stream(&late_worker, path).await.intent_ids(), [late.as_str()]);
}

async fn a_frame_stays_short(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let small = json!({ "t": "x".repeat(40_000) });
    let big = json!({ "t": "x".repeat(60_000) });
    let fits = server.submit("worker", small.clone()).await;
    server.clock.advance(Duration::from_millis(1));
    let too_long = server.submit("worker", big.clone()).await;
    let seen = window(&server, &worker, "since=0&wait_seconds=5").await;
    assert_eq!(seen.intent_ids(), [fits.as_str(), too_long.as_str()]);
    let [first, second] = seen.content() else { panic!("two frames") };
    assert_eq!((&first.data["payload"], first.data.get("truncated")), (&small, None));
    assert_eq!((second.data.get("payload"), &second.data["truncated"]), (None, &json!(true)));
    assert!(seen.text.lines().all(|line| line.len() <= 48 * 1024 + 6));
    let read = server.get(&worker, &format!("/v1/intents/{too_long}")).await;
    assert_eq!(read["payload"], big, "the intent has it");
}

async fn unsent_deliveries_are_released_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for n in 0..4 {
        server.submit("worker", json!({ "n": n })).await;
        server.clock.advance(Duration::from_millis(1));
    }
    let mut open = server.open(&worker, &format!("{WORKER}?since=1&wait_seconds=15"), &[]).await;
    assert_eq!(open.frame().await.data["payload"]["n"], 0);
    // Another frame may be on its way; the reader leaves without reading it.
    drop(open);
    let mut other = server.open(&worker, &format!("{WORKER}?since=1&wait_seconds=15"), &[]).await;
    let mut got = Vec::new();
    while got.last() != Some(&json!(3)) {
        let frame = other.frame().await;
        assert_eq!(frame.data["offer"], 1, "an unsent offer is not counted");
        assert!(frame.id > Some(8), "under a new number: {:?}", frame.id);
        got.push(frame.data["payload"]["n"].clone());
    }
    assert!(got == [1, 2, 3] || got == [2, 3], "the clock has not moved since: {got:?}");
}

async fn streams_end_when_the_server_stops(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("nobody", json!({})).await;
    let mut streams = Vec::new();
    for path in [
        format!("{WORKER}?since=6&wait_seconds=60"),
        format!("{WORKER}?since=6&follow=1"),
        format!("{WORKER}?since=0&wait_seconds=1"),
    ] {
        streams.push((server.open(&worker, &path, &[]).await, if path.contains("since=0") { 0 } else { 6 }));
    }
    for query in ["since=6&wait_seconds=60", "since=6&follow=1"] {
        streams.push((server.open(&server.admin, &format!("/v1/intents/{id}/events/stream?{query}"), &[]).await, 6));
    }
    server.until_held().await;
    server.stop();
    for (stream, echo) in &mut streams {
        let frame = stream.frame().await;
        assert_eq!((frame.event.as_str(), &frame.data), ("stream.timeout", &json!({ "ok": true, "next_seq": *echo })));
        assert_eq!(stream.next().await, None);
    }
}

async fn a_stream_that_is_followed_stays_open(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let mut open = server.open(&worker, &format!("{WORKER}?since=0&wait_seconds=1&follow=1"), &[]).await;
    for n in 0..3 {
        for _ in 0..3 {
            assert_eq!(server.until_held().await, Duration::from_secs(15));
            server.clock.advance(Duration::from_secs(15));
            assert_eq!(open.next().await.as_deref(), Some(": keep-alive\n\n"));
        }
        let id = server.submit("worker", json!({ "n": n })).await;
        assert_eq!(open.frame().await.data["intent_id"], id);
        server.post(&worker, &format!("/v1/intents/{id}/resume"), json!({ "action": "complete" })).await;
    }
    // Far more than one window holds.
    for n in 0..60 {
        server.submit("worker", json!({ "n": n })).await;
    }
    for _ in 0..60 {
        open.frame().await;
    }
}

async fn streams_of_an_account_are_limited(engine: Engine) {
    let server = Server::start_with(engine, Limits { streams_per_account: 2, ..Limits::default() }).await;
    let (worker, other) = (server.agent("worker").await, server.agent("other").await);
    let path = format!("{WORKER}?since=2");
    let (first, _second) = (server.open(&worker, &path, &[]).await, server.open(&worker, &path, &[]).await);
    let refused = server.send(&worker, "GET", &path, None).await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.refused(429, "rate_limit_exceeded");
    let others = server.open(&other, "/v1/agents/other/intents/stream?since=2", &[]).await;
    assert_eq!(others.status, 200, "each account has its own limit");
    drop(first);
    poll(async || (server.open(&worker, &path, &[]).await.status == 200).then_some(())).await;
}
