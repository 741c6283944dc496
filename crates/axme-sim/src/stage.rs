//! The stage: nodes on one database, a clock, and what goes wrong between a call and its answer.
//!
//! Nothing here waits for real time or runs on another thread. A call is polled by hand; whenever it waits for a commit,
//! the seed decides how that commit ends.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use axme_intent::Time;
use axme_server::app::{App, Site};
use axme_server::folder::{Bootstrap, Folder};
use axme_server::store::simulated::{Fate, Hand, Snapshot, snapshot};
use axme_server::store::{Store, Tx};
use axme_server::system::{ManualClock, Rng, System};
use axme_server::wakeups::{SWEEP_BETWEEN_NODES, Wakeups};
use axme_server::{Limits, first_start, http, workers};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use futures_util::future::join_all;
use http_body_util::BodyExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::Mutation;
use crate::outside::Outside;

/// Polls of one call; what is not done by then waits for something that will not come.
const MOST_TURNS: usize = 10_000;
/// Commits out of a thousand that go wrong.
const FAULTS_PER_THOUSAND: u32 = 60;
const LARGEST_GROUP: usize = 4;

pub struct Stage {
    pub clock: Arc<ManualClock>,
    pub rng: StdRng,
    pub admin: String,
    pub outside: Outside,
    /// False at the end, when everything behaves.
    is_faulty: bool,
    pub crashes: usize,
    /// How the commits since the last call of `fates` ended.
    fates: Vec<Fate>,
    mutation: Option<Mutation>,
    rng: Rng,
    nodes: Vec<Node>,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

struct Node {
    app: Arc<App>,
    router: Router,
    hand: Hand,
    is_dead: bool,
    _stop: watch::Sender<bool>,
}

/// A request of a client.
#[derive(Debug, Clone)]
pub struct Call {
    pub key: String,
    pub method: &'static str,
    pub path: String,
    pub body: Value,
    pub idempotency_key: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// Nobody knows whether it was done.
    pub fn is_unknown(&self) -> bool {
        self.status >= 500
    }
}

impl Stage {
    /// A first start, with `nodes` nodes.
    pub fn new(seed: u64, nodes: usize, mutation: Option<Mutation>) -> Stage {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let mut stage = Stage {
            clock: ManualClock::at(Time::parse("2026-01-01T00:00:00Z").expect("a time")),
            rng: StdRng::seed_from_u64(seed),
            admin: String::new(),
            outside: Outside::new(seed, mutation == Some(Mutation::LostMail)),
            is_faulty: false,
            crashes: 0,
            fates: Vec::new(),
            mutation,
            rng: Rng::seeded(seed),
            nodes: Vec::new(),
            runtime,
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        stage.nodes = (0..nodes).map(|_| stage.open()).collect();
        let (app, path) = (stage.nodes[0].app.clone(), stage.folder.path().join("data"));
        let bootstrap = path.join("bootstrap.json");
        stage.drive(async move {
            let data = Folder::open(&path).expect("the data folder opens");
            first_start::run(&app, &data, "owner@local", "http://127.0.0.1:0").await.expect("the first start succeeds");
        });
        let text = std::fs::read_to_string(bootstrap).expect("bootstrap.json is there");
        let bootstrap: Bootstrap = serde_json::from_str(&text).expect("bootstrap.json is JSON");
        stage.admin = bootstrap.api_key;
        stage
    }

    fn open(&self) -> Node {
        let wakeups = Wakeups::new(SWEEP_BETWEEN_NODES);
        let (store, hand) =
            Store::open_simulated(&self.folder.path().join("axme.db"), wakeups.clone()).expect("the store opens");
        let world = System {
            clock: Arc::new(self.clock.clone()),
            rng: self.rng.clone(),
            outbound: Arc::new(self.outside.clone()),
        };
        let (stop, stopping) = watch::channel(false);
        let app = App::new(store, world, wakeups, Arc::new(Limits::default()), Site::default(), stopping);
        Node { router: http::router::router(app.clone()), app, hand, is_dead: false, _stop: stop }
    }

    pub fn now(&self) -> Time {
        use axme_server::system::Clock;
        self.clock.now()
    }

    /// True `percent` times out of a hundred.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len())].clone()) }
    }

    /// One of the nodes.
    pub fn app(&mut self) -> Arc<App> {
        let node = self.below(self.nodes.len());
        self.nodes[node].app.clone()
    }

    /// Sends calls at the same time, each to some node, and waits for all answers. A call whose node died is answered 503.
    pub fn send(&mut self, calls: &[Call]) -> Vec<Answer> {
        let mut sent = Vec::new();
        for call in calls {
            let node = self.below(self.nodes.len());
            let router = self.nodes[node].router.clone();
            sent.push(answer(router, request(call)));
        }
        self.drive(join_all(sent))
    }

    /// How the commits since this was last asked ended.
    pub fn fates(&mut self) -> Vec<Fate> {
        std::mem::take(&mut self.fates)
    }

    /// Works a future off, together with what it leaves behind. Nodes that died on the way are started again.
    pub fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = Box::pin(future);
        let mut output = None;
        for _ in 0..MOST_TURNS {
            if output.is_none() {
                let _entered = self.runtime.enter();
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    output = Some(value);
                }
            }
            // What was spawned, such as acknowledgements, goes on now.
            self.runtime.block_on(async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            });
            let waits = (0..self.nodes.len()).filter(|n| self.nodes[*n].hand.waiting() > 0).collect::<Vec<_>>();
            if waits.is_empty()
                && let Some(output) = output
            {
                self.restart_dead();
                return output;
            }
            if let Some(node) = self.pick(&waits) {
                self.commit(node);
            }
        }
        panic!("a call waits for something that never comes");
    }

    fn commit(&mut self, node: usize) {
        let (fate, most) = (self.fate(), 1 + self.below(LARGEST_GROUP));
        self.nodes[node].hand.commit(most, fate);
        self.nodes[node].is_dead |= fate.is_deadly();
        self.fates.push(fate);
    }

    fn fate(&mut self) -> Fate {
        if !self.is_faulty || self.rng.random_range(0..1_000) >= FAULTS_PER_THOUSAND {
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

    /// A node loses its power between two calls.
    pub fn crash(&mut self) {
        let node = self.below(self.nodes.len());
        self.nodes[node].is_dead = true;
        self.restart_dead();
    }

    fn restart_dead(&mut self) {
        for n in 0..self.nodes.len() {
            if self.nodes[n].is_dead {
                self.crashes += 1;
                self.nodes[n].hand.die();
                self.nodes[n] = self.open();
                if self.mutation != Some(Mutation::ForgottenSubscribers) {
                    self.watch_on(n);
                }
            }
        }
    }

    /// All nodes know by now that there is a subscriber.
    pub fn watch(&mut self) {
        (0..self.nodes.len()).for_each(|n| self.watch_on(n));
    }

    /// What a start does before the first call.
    fn watch_on(&mut self, node: usize) {
        let app = self.nodes[node].app.clone();
        self.drive(async move { workers::fanout::watch(&app).await }).expect("the subscribers can be read");
    }

    /// Lets things go wrong from now on, or no more.
    pub fn set_faulty(&mut self, is_faulty: bool) {
        self.is_faulty = is_faulty;
        self.outside.set_faulty(is_faulty);
    }

    /// Reads the store.
    pub fn look<T: Send + 'static>(
        &mut self,
        job: impl FnMut(&mut Tx<'_>) -> axme_server::error::Result<T> + Send + 'static,
    ) -> T {
        let app = self.nodes[0].app.clone();
        self.drive(async move { app.store.read(job).await }).expect("the store can be read")
    }

    /// Writes to the store past the API, without faults: what no operation makes.
    pub fn make<T: Send + 'static>(
        &mut self,
        job: impl FnMut(&mut Tx<'_>) -> axme_server::error::Result<T> + Send + 'static,
    ) -> T {
        let app = self.nodes[0].app.clone();
        let is_faulty = std::mem::replace(&mut self.is_faulty, false);
        let made = self.drive(async move { app.store.write(0, job).await });
        self.is_faulty = is_faulty;
        made.expect("the store can be written")
    }

    pub fn snapshot(&mut self) -> Snapshot {
        self.look(|tx| Ok(snapshot(tx)?))
    }
}

fn request(call: &Call) -> Request<Body> {
    let mut request = Request::builder()
        .method(call.method)
        .uri(&call.path)
        .header("content-type", "application/json")
        .header("x-api-key", &call.key);
    if let Some(key) = &call.idempotency_key {
        request = request.header("idempotency-key", key);
    }
    let body = if call.body.is_null() { String::new() } else { call.body.to_string() };
    request.body(Body::from(body)).expect("a request")
}

async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("the router answers");
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("the body arrives").to_bytes();
    Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}
