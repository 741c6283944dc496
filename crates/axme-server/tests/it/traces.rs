//! Traces: headers are passed on, and a collector that decodes OTLP gets one trace from submit to result.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axme_server::config::TraceSettings;
use axme_server::{Bootstrap, Config, Running};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{Engine, each_engine, fresh_schema, poll};
use crate::pushes::Receiver;

each_engine! {
    one_trace_leads_from_submit_to_result_across_nodes,
    without_a_collector_headers_are_passed_on_unchanged,
}

/// A collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    async fn start() -> (Collector, String) {
        let collector = Collector::default();
        let router = Router::new().route("/v1/traces", post(collect)).with_state(collector.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, url)
    }

    /// Waits for a span with a name in a trace.
    async fn span(&self, name: &str, trace: &str) -> Span {
        let is_it = |span: &Span| span.name == name && hex(&span.trace_id) == trace;
        poll(async || self.0.lock().unwrap().iter().find(|span| is_it(span)).cloned()).await
    }
}

async fn collect(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["authorization"], "Bearer of-the-collector");
    let request = ExportTraceServiceRequest::decode(body).expect("a request of the protocol");
    for of_resource in request.resource_spans {
        let attributes = of_resource.resource.unwrap().attributes;
        assert!(attributes.iter().any(|attribute| attribute.key == "service.name"), "{attributes:?}");
        let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        collector.0.lock().unwrap().extend(spans);
    }
    StatusCode::OK
}

/// Returns true if a span has an attribute with this text in its value.
fn has(span: &Span, key: &str, text: &str) -> bool {
    span.attributes.iter().any(|one| one.key == key && format!("{:?}", one.value).contains(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Node {
    running: Running,
    client: reqwest::Client,
}

impl Node {
    async fn start(data: &Path, database_url: Option<&String>, collector: Option<&str>) -> Node {
        let traces = TraceSettings {
            endpoint: collector.map(str::to_owned),
            headers: vec!["authorization=Bearer of-the-collector".to_owned()],
            ..TraceSettings::default()
        };
        let mut config = Config { data: data.to_owned(), traces, ..Config::default() };
        config.database_url = database_url.cloned();
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.limits.outbound_allow = vec!["127.0.0.0/8".to_owned()];
        config.limits.postgres_writers = 2;
        let running = axme_server::start(config).await.unwrap();
        Node { running, client: reqwest::Client::new() }
    }

    async fn post(&self, key: &str, path: &str, trace: Option<&str>, body: Value) -> Value {
        let url = format!("http://{}{path}", self.running.addr());
        let mut request = self.client.post(url).header("x-api-key", key).body(body.to_string());
        if let Some(trace) = trace {
            request = request.header("traceparent", trace);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn key_of(data: &Path) -> String {
    let text = std::fs::read_to_string(data.join("bootstrap.json")).unwrap();
    serde_json::from_str::<Bootstrap>(&text).unwrap().api_key
}

/// Registers an agent that is pushed to, and a subscriber. Returns the receiver and the key of the agent.
async fn receivers(node: &Node, key: &str) -> (Receiver, String) {
    let (receiver, addr) = Receiver::start().await;
    let url = format!("http://{addr}/intent");
    let worker = json!({ "name": "worker", "delivery_mode": "http", "callback_url": url });
    let account = node.post(key, "/v1/service-accounts", None, worker).await;
    let keys = format!("/v1/service-accounts/{}/keys", account["service_account_id"].as_str().unwrap());
    let worker = node.post(key, &keys, None, json!({})).await["api_key"].as_str().unwrap().to_owned();
    let subscription = json!({ "callback_url": url, "event_types": ["intent.created", "intent.completed"] });
    node.post(key, "/v1/webhooks/subscriptions", None, subscription).await;
    (receiver, worker)
}

/// Waits until the receiver has got a push, and the event of a type. Returns their traces.
async fn traces_at(receiver: &Receiver, event: &str) -> [String; 2] {
    let seen: Mutex<Vec<(HeaderMap, Bytes)>> = Mutex::default();
    poll(async || {
        let mut all = seen.lock().unwrap();
        all.extend(receiver.got());
        let of = |is_event: bool| {
            let fits = |headers: &HeaderMap| match headers.get("x-axme-event") {
                Some(name) => is_event && name == event,
                None => !is_event,
            };
            let found = all.iter().find(|(headers, _)| fits(headers))?;
            Some(found.0.get("traceparent").map_or("none", |value| value.to_str().unwrap()).to_owned())
        };
        Some([of(false)?, of(true)?])
    })
    .await
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SUBMIT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TASK_TRACE: &str = "5bf92f3577b34da6a3ce929d0e0e4737";
const TASK: &str = "00-5bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01";
const STEPS_TRACE: &str = "6bf92f3577b34da6a3ce929d0e0e4738";
const STEPS: &str = "00-6bf92f3577b34da6a3ce929d0e0e4738-00f067aa0ba902b7-01";
const OTHER: &str = "0af7651916cd43dd8448eb211c80319c";
const ANSWER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn one_trace_leads_from_submit_to_result_across_nodes(engine: Engine) {
    let (collector, url) = Collector::start().await;
    let (data, other_data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let database = if engine == Engine::Postgres { Some(fresh_schema().await) } else { None };
    let node = Node::start(data.path(), database.as_ref(), Some(&url)).await;
    let key = key_of(data.path());
    let (receiver, worker) = receivers(&node, &key).await;
    let intent = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {} });
    let id = node.post(&key, "/v1/intents", Some(SUBMIT), intent.clone()).await["intent_id"].clone();
    let created = collector.span("intents.create", TRACE).await;
    assert_eq!((hex(&created.parent_span_id), created.kind), ("00f067aa0ba902b7".to_owned(), 2), "the caller's span");
    let pushed = collector.span("push", TRACE).await;
    assert_eq!((&pushed.parent_span_id, pushed.kind), (&created.span_id, 3));
    let [push, event] = traces_at(&receiver, "intent.created").await;
    assert_eq!(push, format!("00-{TRACE}-{}-01", hex(&pushed.span_id)), "the agent continues at the push");
    assert!(event.starts_with(&format!("00-{TRACE}-")) && event != push, "{event}");
    // The answer comes in a trace of its own; on PostgreSQL through another node.
    let other = match engine {
        Engine::Postgres => Some(Node::start(other_data.path(), database.as_ref(), Some(&url)).await),
        Engine::Sqlite => None,
    };
    let answer = json!({ "status": "COMPLETED", "result": { "n": 1 } });
    let path = format!("/v1/intents/{}/resolve", id.as_str().unwrap());
    other.as_ref().unwrap_or(&node).post(&worker, &path, Some(ANSWER), answer).await;
    let answered = collector.span("intents.resolve", OTHER).await;
    let links: Vec<_> = answered.links.iter().map(|link| (hex(&link.trace_id), link.span_id.clone())).collect();
    assert_eq!(links, [(TRACE.to_owned(), created.span_id.clone())]);
    let mirrored = collector.span("intents.resolve", TRACE).await;
    assert_eq!((&mirrored.parent_span_id, &mirrored.links[0].span_id), (&created.span_id, &answered.span_id));
    // The server's own work is in the trace too: a mail, each step of a workflow, and the timer that ends a step.
    let task = json!({ "title": "Ship?", "notify_email": "ann@example.com" });
    let asked = json!({ "intent_type": "intent.ask.v1", "human_task": task });
    node.post(&key, "/v1/intents", Some(TASK), asked).await;
    let created = collector.span("intents.create", TASK_TRACE).await;
    let mail = collector.span("notice", TASK_TRACE).await;
    assert_eq!((&mail.parent_span_id, mail.kind), (&created.span_id, 3));
    assert!(has(&mail, "axme.channel", "email"), "{mail:?}");
    let bundle = json!({
        "scenario_id": "traced.v1", "agents": [{ "role": "worker", "address": "worker" }],
        "workflow": { "steps": [
            { "step_id": "rest", "runtime_type": "delay", "config": { "seconds": 1 } },
            { "step_id": "build", "assigned_to": "worker" },
        ] },
        "intent": { "type": "intent.steps.v1", "payload": {} },
    });
    node.post(&key, "/v1/scenarios/apply", Some(STEPS), bundle).await;
    let rest = collector.span("step", STEPS_TRACE).await;
    assert!(has(&rest, "axme.step", "\"rest\""), "{rest:?}");
    assert!(rest.end_time_unix_nano - rest.start_time_unix_nano >= 900_000_000, "{rest:?}");
    let timer = collector.span("timer", STEPS_TRACE).await;
    assert!(has(&timer, "axme.timer", "step"), "{timer:?}");
    collector.span("push", STEPS_TRACE).await;
    // A trace that its caller does not record is not recorded here.
    let quiet = "00-11111111111111111111111111111111-00f067aa0ba902b7-00";
    node.post(&key, "/v1/intents", Some(quiet), intent.clone()).await;
    // Without a header, a trace begins here.
    node.post(&key, "/v1/intents", None, intent).await;
    let is_own = |span: &&Span| span.name == "intents.create" && span.parent_span_id.is_empty();
    poll(async || collector.0.lock().unwrap().iter().find(is_own).map(|_| ())).await;
    // The last spans are sent when a node stops.
    for node in [Some(node), other].into_iter().flatten() {
        node.running.stop().await;
    }
    let spans = collector.0.lock().unwrap();
    assert!(spans.iter().all(|span| hex(&span.trace_id) != "1".repeat(32)));
    assert!(
        spans.iter().all(|span| span.end_time_unix_nano >= span.start_time_unix_nano && span.start_time_unix_nano > 0)
    );
}

async fn without_a_collector_headers_are_passed_on_unchanged(engine: Engine) {
    let data = tempfile::tempdir().unwrap();
    let database = if engine == Engine::Postgres { Some(fresh_schema().await) } else { None };
    let node = Node::start(data.path(), database.as_ref(), None).await;
    let key = key_of(data.path());
    let (receiver, _) = receivers(&node, &key).await;
    let intent = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {} });
    node.post(&key, "/v1/intents", Some(SUBMIT), intent.clone()).await;
    assert_eq!(traces_at(&receiver, "intent.created").await, [SUBMIT, SUBMIT]);
    for header in [None, Some("nonsense"), Some("00-4bf92f-00f067aa0ba902b7-01")] {
        node.post(&key, "/v1/intents", header, intent.clone()).await;
        assert_eq!(traces_at(&receiver, "intent.created").await, ["none", "none"]);
    }
    node.running.stop().await;
}

/// A collector that is away delays nothing and fails nothing.
#[tokio::test(flavor = "multi_thread")]
async fn calls_do_not_wait_for_a_collector() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path(), None, Some("http://127.0.0.1:9")).await;
    let key = key_of(data.path());
    let intent = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {} });
    let calls = async {
        for _ in 0..20 {
            node.post(&key, "/v1/intents", Some(SUBMIT), intent.clone()).await;
        }
    };
    // The exporter waits ten seconds for a collector.
    tokio::time::timeout(std::time::Duration::from_secs(5), calls).await.expect("no call waits");
    node.running.stop().await;
}
