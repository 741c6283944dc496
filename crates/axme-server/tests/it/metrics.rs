//! `/metrics`: who may read it, and that its numbers follow what happens.

use std::time::Duration;

use axme_core::state::Site;
use axme_server::config::MetricsSettings;
use axme_server::{Config, workers};
use axme_store::Limits;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    operators_and_the_scrape_token_read_the_metrics_and_nobody_else,
    calls_and_commits_are_counted,
    what_waits_and_what_is_late_is_shown_by_class,
    a_failed_mail_a_failed_push_and_a_dead_letter_are_counted,
}

const TOKEN: &str = "a-scrape-token-of-the-test";

async fn scrape(server: &Server) -> String {
    // The gauges of the database are cached for some seconds.
    server.clock.advance(Duration::from_secs(6));
    let answer = server.send(&server.admin, "GET", "/metrics", None).await;
    assert_eq!(answer.status, 200);
    answer.body.as_str().unwrap().to_owned()
}

/// Returns the value of a series; `None` if it is not listed.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

async fn operators_and_the_scrape_token_read_the_metrics_and_nobody_else(engine: Engine) {
    let hash: [u8; 32] = Sha256::digest(TOKEN).into();
    let site = Site { scrape_token_hash: Some(hash), ..Site::default() };
    let server = Server::start_at(engine, Limits::default(), site).await;
    let agent = server.agent("alice").await;
    let stranger = server.workspace("tenant", "main").await;
    server.send("", "GET", "/metrics", None).await.refused(401, "missing_platform_api_key");
    server.send(&agent, "GET", "/metrics", None).await.refused(403, "forbidden");
    server.send(&stranger, "GET", "/metrics", None).await.refused(403, "forbidden");
    assert_eq!(server.send(&server.admin, "GET", "/metrics", None).await.status, 200);
    let bearer = |token: &str| format!("Bearer {token}");
    let with =
        async |token: &str| server.send_with("", "GET", "/metrics", None, &[("authorization", &bearer(token))]).await;
    let answer = with(TOKEN).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    with("a-scrape-token-of-another").await.refused(401, "invalid_platform_api_key");
    // Without a token in the settings, none is right.
    let closed = Server::start(engine).await;
    let shown = bearer("");
    let answer = closed.send_with("", "GET", "/metrics", None, &[("authorization", &shown)]).await;
    assert_eq!(answer.status, 401);
}

async fn calls_and_commits_are_counted(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("alice").await;
    for _ in 0..3 {
        server.submit("agent://alice", json!({})).await;
    }
    let refused = server.send(&server.admin, "POST", "/v1/intents", Some(json!({}))).await;
    let text = scrape(&server).await;
    let calls = |status: u16| value(&text, &format!("axme_calls_total{{op=\"intents.create\",status=\"{status}\"}}"));
    assert_eq!(calls(200), Some(3.0), "{text}");
    assert_eq!(calls(refused.status.as_u16()), Some(1.0), "{text}");
    assert_eq!(value(&text, "axme_call_seconds_count{op=\"intents.create\"}"), Some(4.0));
    assert!(value(&text, "axme_commit_seconds_count").unwrap() >= 3.0, "{text}");
    assert!(value(&text, "axme_database_bytes").unwrap() > 0.0, "{text}");
    assert_eq!(value(&text, "axme_wal_bytes").is_some(), engine == Engine::Sqlite);
    assert_eq!(value(&text, "axme_database_up"), Some(1.0));
    // A path that no operation has is not a label: callers would choose the labels.
    server.send("", "GET", "/v1/some-path-of-a-caller", None).await;
    let text = scrape(&server).await;
    assert!(!text.contains("some-path-of-a-caller"));
    assert_eq!(value(&text, "axme_calls_total{op=\"none\",status=\"404\"}"), Some(1.0), "{text}");
    assert_eq!(value(&text, "axme_calls_total{op=\"/metrics\",status=\"200\"}"), Some(1.0), "{text}");
}

async fn what_waits_and_what_is_late_is_shown_by_class(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("alice").await;
    server.submit("agent://alice", json!({})).await;
    server.submit("agent://nobody", json!({})).await;
    server.clock.advance(Duration::from_secs(90));
    let text = scrape(&server).await;
    assert_eq!(value(&text, "axme_queue_items{class=\"stream\"}"), Some(1.0), "{text}");
    assert_eq!(value(&text, "axme_queue_items{class=\"unregistered\"}"), Some(1.0), "{text}");
    let late = value(&text, "axme_queue_overdue_seconds{class=\"stream\"}").unwrap();
    assert!((90.0..120.0).contains(&late), "{late}");
    assert_eq!(value(&text, "axme_intents_live{status=\"DELIVERED\"}"), Some(2.0), "{text}");
    assert_eq!(value(&text, "axme_gauges_cut"), Some(0.0));

    let deadline = json!({
        "intent_type": "intent.ask.v1", "to_agent": "agent://alice", "payload": {},
        "deadline_at": server.now().plus_seconds(60).to_string(),
    });
    server.post(&server.admin, "/v1/intents", deadline).await;
    server.clock.advance(Duration::from_secs(100));
    let text = scrape(&server).await;
    assert_eq!(value(&text, "axme_timers_due"), Some(1.0), "{text}");
    assert!(value(&text, "axme_timers_overdue_seconds").unwrap() >= 40.0, "{text}");
    workers::timers::tick(&server.app).await.unwrap();
    let text = scrape(&server).await;
    assert_eq!(value(&text, "axme_timers_due"), Some(0.0), "{text}");
    assert_eq!(value(&text, "axme_timer_lag_seconds_count"), Some(1.0), "{text}");
    assert!(value(&text, "axme_timer_lag_seconds_sum").unwrap() >= 40.0, "{text}");
}

async fn a_failed_mail_a_failed_push_and_a_dead_letter_are_counted(engine: Engine) {
    let outbound_allow = vec!["127.0.0.0/8".to_owned()];
    let limits = Limits { outbound_allow, push_seconds: 1, push_retry_seconds: vec![1], ..Limits::default() };
    let server = Server::start_with(engine, limits).await;
    let text = scrape(&server).await;
    let failed = "axme_delivery_attempts_total{kind=\"webhook\",outcome=\"failed\"}";
    assert_eq!(value(&text, failed), Some(0.0), "a rate of failures begins at zero: {text}");
    // Nothing listens on port 1.
    let types = json!(["a.b"]);
    let id = crate::webhooks::subscribe(&server, &server.admin, "http://127.0.0.1:1/", types, None).await;
    crate::webhooks::publish(&server, &server.admin, "a.b").await;
    for _ in 0..2 {
        crate::webhooks::round(&server, &id).await;
        server.clock.advance(Duration::from_secs(60));
    }
    let text = scrape(&server).await;
    assert_eq!(value(&text, failed), Some(2.0), "{text}");
    assert_eq!(value(&text, "axme_dead_letters{class=\"webhook\"}"), Some(1.0), "{text}");
}

#[tokio::test]
async fn a_listener_of_its_own_serves_metrics_without_a_key_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    // The port is free now, and as good as certainly a moment later.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let metrics = MetricsSettings { listen: Some(free), token: None };
    let config = Config { data: folder.path().to_owned(), listen: any, metrics, ..Config::default() };
    let server = axme_server::start(config).await.unwrap();
    let text = reqwest::get(format!("http://{free}/metrics")).await.unwrap().text().await.unwrap();
    assert!(text.contains("axme_info{"), "{text}");
    assert!(value(&text, "axme_connections_open").unwrap() >= 1.0);
    for path in ["/v1/intents", "/health", "/"] {
        assert_eq!(reqwest::get(format!("http://{free}{path}")).await.unwrap().status(), 404, "{path}");
    }
    let closed = reqwest::get(format!("{}/metrics", server.base_url())).await.unwrap();
    assert_eq!(closed.status(), 401);
    server.stop().await;
}

/// The dashboard and the alerts name series that exist: a renamed one would leave them silent.
#[tokio::test]
async fn the_dashboard_and_the_alerts_name_series_that_exist() {
    let server = Server::start(Engine::Sqlite).await;
    server.agent("alice").await;
    server.submit("agent://alice", json!({})).await;
    let text = scrape(&server).await;
    // The labelled gauges of an empty database have no series, but the registry is asked for them above.
    let of_classes = ["axme_dead_letters"];
    let deploy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let mut named = std::collections::BTreeSet::new();
    for file in ["grafana/axme.json", "prometheus/alerts.yml"] {
        let content = std::fs::read_to_string(deploy.join(file)).unwrap();
        let words = content.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let series = words.filter(|word| word.starts_with("axme_") || word.starts_with("process_"));
        named.extend(series.map(str::to_owned));
    }
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        let is_listed = text.lines().any(|line| {
            let series = line.split(['{', ' ']).next().unwrap_or_default();
            series == name
        });
        assert!(is_listed || of_classes.contains(&name.as_str()), "{name} is not among the series");
    }
}
