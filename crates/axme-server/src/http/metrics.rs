//! `/metrics`: the measurements of this node and the gauges of its database, as Prometheus reads them.
//!
//! On the main port, the operators of the server and the holder of the scrape token may read them. A listener of its
//! own serves them to anyone who reaches its address. If the database does not answer, the answer holds the measurements of the process, and says that the database is away.

use std::sync::Arc;

use axme_api::{Access, ApiError};
use axme_core::auth::placement;
use axme_core::call::{authenticate, authorize};
use axme_core::context::CallContext;
use axme_core::error::Result;
use axme_core::state::AppState;
use axme_intent::Time;
use axme_intent::human::Via;
use axme_store::Tx;
use axme_store::gauges::{Count, Gauges};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderValue, Response, header};
use axum::routing::get;
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts, Registry, TextEncoder};

use super::extract::meta;
use super::scrapes::Reading;
use super::{Gateway, respond};

/// The route on the main port.
pub fn routes() -> Router<Gateway> {
    Router::new().route(axme_api::health::METRICS.path, get(guarded))
}

/// The router of the listener that serves measurements and nothing else.
pub fn open_router(gateway: Gateway) -> Router {
    let open = async |State(gateway): State<Gateway>| respond(Ok(text(&gateway).await));
    Router::new().route(axme_api::health::METRICS.path, get(open)).with_state(gateway)
}

async fn guarded(State(gateway): State<Gateway>, request: HttpRequest) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let app = &gateway.app;
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = bearer.and_then(|text| text.strip_prefix("Bearer "));
    if !shown.is_some_and(|shown| app.site.is_scrape_token(shown))
        && let Err(error) = check_operator(app, &parts).await
    {
        return respond(Err(error));
    }
    respond(Ok(text(&gateway).await))
}

/// Admits only the operators of the server, because the numbers cover all tenants.
async fn check_operator(app: &Arc<AppState>, parts: &axum::http::request::Parts) -> Result<()> {
    let caller = authenticate(app, Access::Admin, &meta(app, parts)).await?.caller;
    authorize(&axme_api::health::METRICS, &caller)?;
    let job = move |tx: &mut Tx<'_>| placement::is_operator(&mut CallContext::new(tx, &caller, Via::Api));
    if app.store.read(job).await? {
        return Ok(());
    }
    Err(ApiError::forbidden("only the operators of this server can read its metrics").into())
}

async fn text(gateway: &Gateway) -> Response<Body> {
    let app = &gateway.app;
    let look = gateway.scrapes.look(app).await;
    let mut families = app.metrics.registry().gather();
    families.extend(of_node(app, &look));
    let text = TextEncoder::new().encode_to_string(&families).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Gauges of one scrape, in a registry of their own, so that a class that is empty now is not reported again.
struct Board(Registry);

impl Board {
    fn set(&self, name: &str, help: &str, label: &str, values: impl IntoIterator<Item = (String, i64)>) {
        let labels: &[&str] = if label.is_empty() { &[] } else { &[label] };
        let gauge = IntGaugeVec::new(Opts::new(name, help), labels).expect("the name is valid");
        for (class, value) in values {
            let words: &[&str] = if label.is_empty() { &[] } else { &[&class] };
            gauge.with_label_values(words).set(value);
        }
        self.0.register(Box::new(gauge)).expect("each name is registered once");
    }

    fn one(&self, name: &str, help: &str, value: i64) {
        self.set(name, help, "", [(String::new(), value)]);
    }

    fn counts(&self, name: &str, help: &str, label: &str, counts: &[Count]) {
        self.set(name, help, label, counts.iter().map(|count| (count.class.clone(), count.rows)));
    }

    /// The seconds since the earliest time of each class; 0 while it is in the future.
    fn ages(&self, name: &str, help: &str, label: &str, counts: &[Count], now: Time) {
        let age = |count: &Count| {
            let age = count.earliest.map_or(0, |earliest| now.micros().saturating_sub(earliest.micros()) / 1_000_000);
            (count.class.clone(), age.max(0))
        };
        self.set(name, help, label, counts.iter().map(age));
    }
}

fn of_node(app: &AppState, look: &Reading) -> Vec<MetricFamily> {
    let board = Board(Registry::new());
    let node = format!("{} {}", env!("CARGO_PKG_VERSION"), app.store.engine.as_str());
    let (version, storage) = node.split_once(' ').unwrap_or_default();
    let info = IntGaugeVec::new(Opts::new("axme_info", "Version and storage of this node."), &["version", "storage"]);
    let info = info.expect("the name is valid");
    info.with_label_values(&[version, storage]).set(1);
    board.0.register(Box::new(info)).expect("each name is registered once");
    board.one("axme_streams_open", "Open streams of events and deliveries.", count(app.streams_open()));
    let is_open = look.gauges.is_some() && app.store.closed().is_none();
    board.one("axme_database_up", "1 while the database answers and accepts writes.", is_open.into());
    if let Some((gauges, sizes)) = &look.gauges {
        of_database(&board, gauges, look.at);
        board.one("axme_database_bytes", "Size of the database.", count(sizes.database));
        if let Some(log) = sizes.log {
            board.one("axme_wal_bytes", "Size of SQLite's write-ahead log.", count(log));
        }
    }
    of_process(&board);
    board.0.gather()
}

fn of_database(board: &Board, gauges: &Gauges, now: Time) {
    let Gauges { queues, dead, timers, intents, tasks, fanouts } = gauges;
    board.counts("axme_queue_items", "Items that wait or are claimed, by class of receiver.", "class", queues);
    board.ages("axme_queue_overdue_seconds", "Time since the earliest item of a class was due.", "class", queues, now);
    board.counts("axme_dead_letters", "Items that were given up.", "class", dead);
    board.counts("axme_intents_live", "Live intents that a caller has started, by status.", "status", intents);
    board.one("axme_timers_due", "Timers that are due and have not fired.", total(timers));
    board.ages("axme_timers_overdue_seconds", "Time since the earliest due timer was due.", "", timers, now);
    board.one("axme_tasks_open", "Tasks that wait for a person.", total(tasks));
    board.ages("axme_task_oldest_seconds", "Time since the oldest open task was asked.", "", tasks, now);
    board.one("axme_fanouts_waiting", "Decisions that subscribers have not been told about yet.", total(fanouts));
    let cut = "1 if a count of the database has reached its limit, so that the real one is larger.";
    board.one("axme_gauges_cut", cut, gauges.is_cut().into());
}

fn total(counts: &[Count]) -> i64 {
    counts.iter().map(|count| count.rows).sum()
}

fn count(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Memory and open files of this process, where the system tells.
fn of_process(board: &Board) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    if let Some(kilobytes) = resident {
        let bytes = i64::saturating_mul(kilobytes, 1_024);
        board.one("process_resident_memory_bytes", "Resident memory of this process.", bytes);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        board.one("process_open_fds", "Open files of this process.", count(open.count()));
    }
}
