//! Runs some lifecycles on one thread, step by step, so that callgrind can count the instructions of each kind of step.
//! `cargo xtask count` starts it.
//!
//! Nothing here depends on time or chance: the clock stands still, ids come from a seed, and commits happen on request.
//! Each `measured_…` function runs one kind of step for all intents; callgrind tells them apart by their names. The
//! `black_box` keeps their calls from becoming jumps, which callgrind does not see.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, bail, ensure};
use axme_core::auth::{FreshKey, fresh_key};
use axme_core::call;
use axme_core::claims::{self, Reading};
use axme_core::ops;
use axme_core::request::{Credentials, KeyHeader, Request, RequestMeta};
use axme_core::state::{AppState, Site};
use axme_core::system::{Fetch, FetchResult, Mail, MailError, Outbound, Post, PostAnswer, PostError, System};
use axme_intent::{Address, Time};
use axme_store::clock::ManualClock;
use axme_store::organizations::{self, Organization, Workspace};
use axme_store::service_accounts::{self, NewKey, ServiceAccount};
use axme_store::simulated::{CommitControl, Fate};
use axme_store::wakeups::{SWEEP_IN_PROCESS, Wakeups};
use axme_store::{Limits, Rng, Shard, Store, StoreError, StoreOptions, Tx};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

/// The lifecycles that are counted, and those before them that fill caches and prepare statements.
const COUNTED: usize = 200;
const WARM_UP: usize = 50;
/// The commits of a step share transactions of this size.
const GROUP: usize = 64;
const AGENT: &str = "agent://local/default/counted";
/// Maximum number of polls of one step.
const MAX_POLLS: usize = 1_000_000;

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(folder.path())?;
    for (round, count) in [WARM_UP, COUNTED].into_iter().enumerate() {
        let is_counted = round == 1;
        let created = if is_counted { measured_create(&mut server, count)? } else { create(&mut server, count, None)? };
        let ids = ids(&created)?;
        run(is_counted, &mut server, &ids, measured_claim, claim)?;
        run(is_counted, &mut server, &ids, measured_acknowledge, acknowledge)?;
        run(is_counted, &mut server, &ids, measured_answer, answer)?;
        let histories = run(is_counted, &mut server, &ids, measured_read_events, read_events)?;
        for history in histories {
            let history: Value = serde_json::from_slice(&history)?;
            ensure!(history["events"].as_array().is_some_and(|events| events.len() > 3), "too short: {history}");
        }
        match is_counted {
            true => measured_create_keyed(&mut server, count)?,
            false => create(&mut server, count, Some("warm-up"))?,
        };
    }
    Ok(())
}

/// The bodies of answers. Whether they are right is checked outside the steps: parsing them would be counted.
type Bodies = Vec<Vec<u8>>;
type Step = fn(&mut Server, &[String]) -> anyhow::Result<Bodies>;

fn run(is_counted: bool, server: &mut Server, ids: &[String], counted: Step, warm_up: Step) -> anyhow::Result<Bodies> {
    if is_counted { counted(server, ids) } else { warm_up(server, ids) }
}

#[inline(never)]
fn measured_create(server: &mut Server, count: usize) -> anyhow::Result<Bodies> {
    black_box(create(server, count, None))
}

#[inline(never)]
fn measured_create_keyed(server: &mut Server, count: usize) -> anyhow::Result<Bodies> {
    black_box(create(server, count, Some("counted")))
}

#[inline(never)]
fn measured_claim(server: &mut Server, ids: &[String]) -> anyhow::Result<Bodies> {
    black_box(claim(server, ids))
}

#[inline(never)]
fn measured_acknowledge(server: &mut Server, ids: &[String]) -> anyhow::Result<Bodies> {
    black_box(acknowledge(server, ids))
}

#[inline(never)]
fn measured_answer(server: &mut Server, ids: &[String]) -> anyhow::Result<Bodies> {
    black_box(answer(server, ids))
}

#[inline(never)]
fn measured_read_events(server: &mut Server, ids: &[String]) -> anyhow::Result<Bodies> {
    black_box(read_events(server, ids))
}

/// Reads the ids of new intents.
fn ids(created: &[Vec<u8>]) -> anyhow::Result<Vec<String>> {
    let id = |body: &Vec<u8>| {
        let answer: Value = serde_json::from_slice(body)?;
        answer["intent_id"].as_str().map(str::to_owned).context("the answer has no intent_id")
    };
    created.iter().map(id).collect()
}

/// Creates intents, each with a key of its own if asked.
fn create(server: &mut Server, count: usize, key: Option<&str>) -> anyhow::Result<Bodies> {
    let body = json!({
        "intent_type": "intent.count.v1", "to_agent": AGENT,
        "payload": { "order": "A-20417", "customer": "Blue Harbour Ltd", "amount_cents": 184_950, "currency": "EUR",
            "question": "Is the order of 12 March ready to be shipped?" },
    });
    let requests = (0..count).map(|n| {
        let key = key.map_or(KeyHeader::Absent, |key| KeyHeader::Text(format!("{key}-{n}")));
        request("POST", "/v1/intents".to_owned(), Vec::new(), Some(&body), key)
    });
    let requests: Vec<Request> = requests.collect();
    server.call_all("intents.create", Key::Admin, requests)
}

/// Claims the deliveries one after another, as a reader does that is woken by each.
fn claim(server: &mut Server, ids: &[String]) -> anyhow::Result<Bodies> {
    for _ in ids {
        let reading = Reading {
            workspace: server.workspace,
            address: Address::from_canonical(AGENT.to_owned()),
            consumer: None,
            most: 1,
            status: None,
            due_by: None,
            is_announced: true,
        };
        let app = server.app.clone();
        let claimed = server.drive(async move { claims::offer(&app, reading).await })?;
        let (offers, _) = claimed.map_err(|error| anyhow::anyhow!("a claim failed: {}", error.into_api()))?;
        ensure!(offers.len() == 1, "{} deliveries instead of one", offers.len());
    }
    Ok(Bodies::new())
}

/// Fetches the intents, which acknowledges them.
fn acknowledge(server: &mut Server, ids: &[String]) -> anyhow::Result<Bodies> {
    let requests = ids.iter().map(|id| of_intent("GET", id, "", None)).collect();
    server.call_all("intents.get", Key::Agent, requests)
}

fn answer(server: &mut Server, ids: &[String]) -> anyhow::Result<Bodies> {
    let body = json!({ "action": "complete", "ready": true, "carrier": "by road", "parcels": 2 });
    let requests = ids.iter().map(|id| of_intent("POST", id, "/resume", Some(&body))).collect();
    server.call_all("intents.resume", Key::Agent, requests)
}

fn read_events(server: &mut Server, ids: &[String]) -> anyhow::Result<Bodies> {
    let requests = ids.iter().map(|id| of_intent("GET", id, "/events", None)).collect();
    server.call_all("intents.events", Key::Admin, requests)
}

fn of_intent(method: &'static str, id: &str, rest: &str, body: Option<&Value>) -> Request {
    let fields = vec![("intent_id", id.to_owned())];
    request(method, format!("/v1/intents/{id}{rest}"), fields, body, KeyHeader::Absent)
}

fn request(
    method: &'static str,
    path: String,
    path_fields: Vec<(&'static str, String)>,
    body: Option<&Value>,
    idempotency_key: KeyHeader,
) -> Request {
    let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let meta = RequestMeta { idempotency_key, ..RequestMeta::default() };
    Request { method, path, meta, path_fields, query: Vec::new(), body }
}

/// Whose key a call has.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    Admin,
    Agent,
}

/// A server without sockets and without threads.
struct Server {
    app: Arc<AppState>,
    commits: CommitControl,
    workspace: Uuid,
    admin_key: String,
    agent_key: String,
    runtime: tokio::runtime::Runtime,
    _stop: watch::Sender<bool>,
}

impl Server {
    fn start(folder: &std::path::Path) -> anyhow::Result<Server> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (clock, rng) = (ManualClock::at(Time::parse("2026-01-01T00:00:00Z").context("a time")?), Rng::seeded(1));
        let system = System { clock: Arc::new(clock), rng, outbound: Arc::new(Nowhere) };
        let limits = Arc::new(Limits { durable: false, write_group: GROUP, ..Limits::default() });
        let options = StoreOptions {
            limits: limits.clone(),
            clock: system.clock.clone(),
            rng: system.rng.clone(),
            wakeups: Wakeups::new(SWEEP_IN_PROCESS),
        };
        let (store, commits) = Store::open_simulated(&folder.join("count.db"), &options)?;
        let (stop, stopping) = watch::channel(false);
        let app = AppState::new(store, system, limits, Site::default(), stopping);
        let workspace = Uuid::from_u128(2);
        let (admin_key, agent_key) = (String::new(), String::new());
        let mut server = Server { app, commits, workspace, admin_key, agent_key, runtime, _stop: stop };
        server.admin_key = server.found()?;
        let mut register = |operation: &str, fields: Vec<(&'static str, String)>, body: Value, field: &str| {
            let request = request("POST", "/".to_owned(), fields, Some(&body), KeyHeader::Absent);
            let answer = server.call_all(operation, Key::Admin, vec![request])?.pop().unwrap_or_default();
            let answer: Value = serde_json::from_slice(&answer)?;
            answer[field].as_str().map(str::to_owned).with_context(|| format!("{answer} has no {field}"))
        };
        let field = "service_account_id";
        let account = register("service_accounts.create", Vec::new(), json!({ "name": "counted" }), field)?;
        server.agent_key = register("service_accounts.keys.create", vec![(field, account)], json!({}), "api_key")?;
        Ok(server)
    }

    /// Writes the organization, its workspace and an admin. Returns the key of the admin.
    fn found(&mut self) -> anyhow::Result<String> {
        let (app, workspace, org) = (self.app.clone(), self.workspace, Uuid::from_u128(1));
        let now = app.system.clock.now();
        let admin = ServiceAccount::of_owner(Uuid::from_u128(3), org, workspace, "owner@local", now);
        let FreshKey { token, hash, hint } = fresh_key(&app.system.rng, &admin.service_account_id);
        let job = move |tx: &mut Tx<'_>| -> Result<(), StoreError> {
            organizations::insert(tx, &Organization::new(org, "local", "Local", now))?;
            organizations::insert_workspace(tx, &Workspace::new(workspace, org, "default", "Default", now))?;
            service_accounts::insert_service_account(tx, &admin)?;
            let key = NewKey {
                workspace,
                key_id: "sak_counted",
                service_account_id: &admin.service_account_id,
                hash: &hash,
                hint: &hint,
                created_by: "owner@local",
                created_at: now,
                expires_at: None,
            };
            service_accounts::insert_key(tx, &key).map(|_| ())
        };
        self.drive(async move { app.store.write(Shard::CONTROL, job).await })??;
        Ok(token)
    }

    /// Sends requests one after another, in groups that share commits. Returns the bodies of their answers.
    fn call_all(&mut self, operation: &str, key: Key, requests: Vec<Request>) -> anyhow::Result<Vec<Vec<u8>>> {
        let binding = ops::find(operation).with_context(|| format!("there is no operation {operation}"))?;
        let key = if key == Key::Admin { &self.admin_key } else { &self.agent_key };
        let credentials = Credentials::read(Some(key), None);
        let mut calls: Vec<Call> = Vec::new();
        for request in requests {
            let app = self.app.clone();
            let request = Request { meta: RequestMeta { credentials: credentials.clone(), ..request.meta }, ..request };
            let operation = operation.to_owned();
            calls.push(Box::pin(async move {
                let called = async {
                    let permit = call::admit(&app, binding.info(), &request.meta).await?;
                    call::call(&app, binding, &permit, request).await
                };
                match called.await {
                    Ok(reply) => Ok(reply.body),
                    Err(error) => bail!("{operation} failed: {}", error.into_api()),
                }
            }));
        }
        let mut answers = Vec::with_capacity(calls.len());
        while !calls.is_empty() {
            let group: Vec<_> = calls.drain(..calls.len().min(GROUP)).collect();
            for answer in self.drive(join_all(group))? {
                answers.push(answer?);
            }
        }
        Ok(answers)
    }

    /// Runs a future to its end, together with the tasks that it spawns. Commits when nothing else is left to do.
    fn drive<F: Future>(&mut self, future: F) -> anyhow::Result<F::Output> {
        let mut future = Box::pin(future);
        let mut output = None;
        for _ in 0..MAX_POLLS {
            if output.is_none() {
                let _entered = self.runtime.enter();
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    output = Some(value);
                }
            }
            // Runs spawned tasks, such as acknowledgements.
            self.runtime.block_on(tokio::task::yield_now());
            if self.commits.waiting() > 0 {
                self.commits.commit(GROUP, Fate::Commits);
            } else if let Some(output) = output {
                return Ok(output);
            }
        }
        bail!("a step waits for an event that never comes");
    }
}

/// A call in progress, whose output is the body of its answer.
type Call = Pin<Box<dyn Future<Output = anyhow::Result<Vec<u8>>>>>;

/// Waits for all futures.
async fn join_all<T>(mut futures: Vec<Pin<Box<dyn Future<Output = T>>>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// No other server exists.
struct Nowhere;

impl Outbound for Nowhere {
    fn check(&self, _: &str) -> Result<(), String> {
        Err("there is no network".to_owned())
    }

    fn post(&self, _: Post) -> Pin<Box<dyn Future<Output = Result<PostAnswer, PostError>> + Send + '_>> {
        Box::pin(async { Err(PostError::Failed("there is no network".to_owned())) })
    }

    fn fetch(&self, _: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>> {
        Box::pin(async { Err("there is no network".to_owned()) })
    }

    fn fetch_public(&self, _: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>> {
        Box::pin(async { Err("there is no network".to_owned()) })
    }

    fn mail(&self, _: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>> {
        let error = MailError { why: "there is no network".to_owned(), is_final: true };
        Box::pin(async { Err(error) })
    }
}
