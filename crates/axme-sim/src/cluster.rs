//! The cluster: nodes on one database, a clock, and the faults between a request and its response.
//!
//! Nothing here waits for real time or runs on another thread. A request is polled by hand. When it waits for a commit,
//! the seed decides how the commit ends.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use axme_core::state::{AppState, Site};
use axme_core::system::System;
use axme_intent::Time;
use axme_server::first_start;
use axme_server::folder::{Bootstrap, Folder};
use axme_server::http::{self, Front, Gateway};
use axme_store::Limits;
use axme_store::Rng;
use axme_store::clock::ManualClock;
use axme_store::simulated::{CommitControl, Fate, Snapshot, snapshot};
use axme_store::wakeups::{SWEEP_BETWEEN_NODES, Wakeups};
use axme_store::{Shard, Store, StoreOptions, Tx};

use axum::body::Body;
use futures_util::future::{join, join_all, ready};
use http_body_util::BodyExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::Mutation;
use crate::outbound::SimulatedOutbound;

/// Maximum number of polls of one future. If it is still not ready, it waits for an event that never comes.
const MAX_POLLS: usize = 10_000;
/// The number of commits out of a thousand that fail.
const FAULTS_PER_THOUSAND: u32 = 60;
const MAX_GROUP: usize = 4;

pub(crate) struct Cluster {
    pub(crate) clock: Arc<ManualClock>,
    faults: StdRng,
    pub(crate) admin: String,
    pub(crate) outbound: SimulatedOutbound,
    /// False in the liveness phase.
    is_faulty: bool,
    pub(crate) crashes: usize,
    /// How the commits since the last call of `fates` ended.
    fates: Vec<Fate>,
    mutation: Option<Mutation>,
    /// The source of the nodes' ids and secrets.
    rng: Rng,
    nodes: Vec<Node>,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

struct Node {
    app: Arc<AppState>,
    front: Front,
    commits: CommitControl,
    is_down: bool,
    _stop: watch::Sender<bool>,
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) key: String,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) idempotency_key: Option<String>,
}

impl Request {
    /// Returns a request without an idempotency key.
    pub(crate) fn new(key: &str, method: &'static str, path: &str, body: Value) -> Request {
        Request { key: key.to_owned(), method, path: path.to_owned(), body, idempotency_key: None }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Response {
    /// True if the client does not know whether the request had an effect.
    pub(crate) fn is_unknown(&self) -> bool {
        self.status >= 500
    }
}

impl Cluster {
    /// Starts `nodes` nodes on a new data folder.
    pub(crate) fn new(seed: u64, nodes: usize, mutation: Option<Mutation>) -> Cluster {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let mut cluster = Cluster {
            clock: ManualClock::at(Time::parse("2026-01-01T00:00:00Z").expect("a time")),
            faults: StdRng::seed_from_u64(seed),
            admin: String::new(),
            outbound: SimulatedOutbound::new(seed, mutation == Some(Mutation::LostMail)),
            is_faulty: false,
            crashes: 0,
            fates: Vec::new(),
            mutation,
            rng: Rng::seeded(seed),
            nodes: Vec::new(),
            runtime,
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        cluster.nodes = (0..nodes).map(|_| cluster.open()).collect();
        let (app, path) = (cluster.nodes[0].app.clone(), cluster.folder.path().join("data"));
        let bootstrap = path.join("bootstrap.json");
        cluster.drive(async move {
            let data = Folder::open(&path).expect("the data folder opens");
            first_start::run(&app, &data, "owner@local", "http://127.0.0.1:0").await.expect("the first start succeeds");
        });
        let text = std::fs::read_to_string(bootstrap).expect("bootstrap.json exists");
        let bootstrap: Bootstrap = serde_json::from_str(&text).expect("bootstrap.json is JSON");
        cluster.admin = bootstrap.api_key;
        cluster
    }

    fn open(&self) -> Node {
        let system = System {
            clock: Arc::new(self.clock.clone()),
            rng: self.rng.clone(),
            outbound: Arc::new(self.outbound.clone()),
        };
        let limits = Arc::new(Limits::default());
        let options = StoreOptions {
            limits: limits.clone(),
            clock: system.clock.clone(),
            rng: system.rng.clone(),
            wakeups: Wakeups::new(SWEEP_BETWEEN_NODES),
        };
        let file = self.folder.path().join("axme.db");
        let (store, commits) = Store::open_simulated(&file, &options).expect("the store opens");
        let (stop, stopping) = watch::channel(false);
        let app = AppState::new(store, system, limits, Site::default(), stopping);
        let front =
            http::front(Gateway { app: app.clone(), files: None, scrapes: Arc::default(), machine: Arc::default() });
        Node { front, app, commits, is_down: false, _stop: stop }
    }

    pub(crate) fn now(&self) -> Time {
        use axme_store::Clock;
        self.clock.now()
    }

    /// True `percent` times out of a hundred.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.faults.random_range(0..100) < percent
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.faults.random_range(0..end)
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len())].clone()) }
    }

    /// Returns a random node.
    pub(crate) fn app(&mut self) -> Arc<AppState> {
        let node = self.below(self.nodes.len());
        self.nodes[node].app.clone()
    }

    /// Sends requests at the same time, each to a random node, and waits for all responses. A request gets 503 if its
    /// node dies.
    pub(crate) fn send(&mut self, requests: &[Request]) -> Vec<Response> {
        self.send_during(requests, ready(())).0
    }

    /// Sends requests at the same time as other work.
    pub(crate) fn send_during<F: Future>(&mut self, requests: &[Request], other: F) -> (Vec<Response>, F::Output) {
        let mut responses = Vec::new();
        for request in requests {
            let node = self.below(self.nodes.len());
            let front = self.nodes[node].front.clone();
            responses.push(exchange(front, http_request(request)));
        }
        self.drive(join(join_all(responses), other))
    }

    /// Takes the fates of the commits since the last call.
    pub(crate) fn fates(&mut self) -> Vec<Fate> {
        std::mem::take(&mut self.fates)
    }

    /// Runs a future to its end, together with the tasks that it spawns. Then restarts nodes that died.
    pub(crate) fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = Box::pin(future);
        let mut output = None;
        for _ in 0..MAX_POLLS {
            if output.is_none() {
                let _entered = self.runtime.enter();
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    output = Some(value);
                }
            }
            // Run spawned tasks, such as acknowledgements.
            self.runtime.block_on(async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            });
            let waits = (0..self.nodes.len()).filter(|n| self.nodes[*n].commits.waiting() > 0).collect::<Vec<_>>();
            if waits.is_empty()
                && let Some(output) = output
            {
                self.restart_down();
                return output;
            }
            if let Some(node) = self.pick(&waits) {
                self.commit(node);
            }
        }
        panic!("a request waits for an event that never comes");
    }

    fn commit(&mut self, node: usize) {
        let (fate, most) = (self.fate(), 1 + self.below(MAX_GROUP));
        self.nodes[node].commits.commit(most, fate);
        self.nodes[node].is_down |= fate.is_deadly();
        self.fates.push(fate);
    }

    fn fate(&mut self) -> Fate {
        if !self.is_faulty || self.faults.random_range(0..1_000) >= FAULTS_PER_THOUSAND {
            return Fate::Commits;
        }
        let lies = self.mutation == Some(Mutation::LyingCommits);
        match self.below(4) {
            _ if lies => Fate::Lies,
            0 => Fate::CommitsLate,
            1 => Fate::DiskFull,
            2 => Fate::DiesBefore,
            _ => Fate::DiesAfter,
        }
    }

    /// Stops a random node between two requests, as a loss of power does.
    pub(crate) fn crash(&mut self) {
        let node = self.below(self.nodes.len());
        self.nodes[node].is_down = true;
        self.restart_down();
    }

    fn restart_down(&mut self) {
        for n in 0..self.nodes.len() {
            if self.nodes[n].is_down {
                self.crashes += 1;
                self.nodes[n].commits.die();
                self.nodes[n] = self.open();
            }
        }
    }

    /// Turns faults on or off.
    pub(crate) fn set_faulty(&mut self, is_faulty: bool) {
        self.is_faulty = is_faulty;
        self.outbound.set_faulty(is_faulty);
    }

    /// Reads the store.
    pub(crate) fn read<T: Send + 'static>(
        &mut self,
        job: impl FnMut(&mut Tx<'_>) -> axme_core::error::Result<T> + Send + 'static,
    ) -> T {
        let app = self.nodes[0].app.clone();
        self.drive(async move { app.store.read(job).await }).expect("the store can be read")
    }

    /// Writes to the store without the API and without faults, for data that no operation creates.
    pub(crate) fn write_directly<T: Send + 'static>(
        &mut self,
        job: impl FnMut(&mut Tx<'_>) -> axme_core::error::Result<T> + Send + 'static,
    ) -> T {
        let app = self.nodes[0].app.clone();
        let is_faulty = std::mem::replace(&mut self.is_faulty, false);
        let made = self.drive(async move { app.store.write(Shard::CONTROL, job).await });
        self.is_faulty = is_faulty;
        made.expect("the store can be written")
    }

    pub(crate) fn snapshot(&mut self) -> Snapshot {
        self.read(|tx| Ok(snapshot(tx)?))
    }
}

fn http_request(request: &Request) -> axum::http::Request<Body> {
    let mut http_request = axum::http::Request::builder()
        .method(request.method)
        .uri(&request.path)
        .header("content-type", "application/json")
        .header("x-api-key", &request.key);
    if let Some(key) = &request.idempotency_key {
        http_request = http_request.header("idempotency-key", key);
    }
    let body = if request.body.is_null() { String::new() } else { request.body.to_string() };
    http_request.body(Body::from(body)).expect("a request")
}

async fn exchange(front: Front, request: axum::http::Request<Body>) -> Response {
    let response = front.oneshot(request).await.expect("the server answers");
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("the body arrives").to_bytes();
    Response { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}
