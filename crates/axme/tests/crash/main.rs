//! The real server process under load, killed with SIGKILL at random moments, again and again on the same data.
//!
//! Afterwards everything that was acknowledged exists exactly once: creates, answers, deadlines, intents between two
//! workspaces, and workflows in the middle of a step. The test sends unacknowledged calls again under the same
//! idempotency key, like a real client; none may take effect twice. Other tests fill the disk of the server for a while,
//! kill one of three nodes, kill the database, or overload the server.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and waits for real processes")]

mod failover;
mod nodes;
mod overload;
mod process;
mod upgrade;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axme_api::intents::{CreateIntent, ListEvents, ListIntents};
use axme_api::organizations::{CreateWorkspace, Environment};
use axme_api::service_accounts::{CreateKey, CreateServiceAccount};
use axme_api::workspace_ref::WorkspaceRef;
use axme_api::{Limit, Object, intents, organizations, service_accounts};
use axme_client::{Client, ClientError, Status};
use axme_server::Bootstrap;
use futures_util::StreamExt;
use serde_json::{Value, json};

use process::{Process, Random, free_port, fresh_schema};

/// How often the server is killed.
const KILLS: u32 = 20;
/// Each round lasts until this many creates are acknowledged, so that a slow machine has the same load.
const CREATES_BETWEEN_KILLS: usize = 12;
/// Long enough to be accepted, short enough to pass while the server is down or restarting.
const DEADLINE_SECONDS: u64 = 2;
const CREATORS: u32 = 6;
const AGENTS: usize = 3;
/// Longer than any step takes; a wait that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn nothing_acknowledged_is_lost_on_sqlite() {
    run(None);
}

#[test]
fn nothing_acknowledged_is_lost_on_postgresql() {
    match std::env::var("AXME_TEST_POSTGRES_URL") {
        Ok(url) => run(Some(&url)),
        Err(_) if std::env::var("CI").is_ok() => panic!("AXME_TEST_POSTGRES_URL is not set"),
        Err(_) => eprintln!("skipped: AXME_TEST_POSTGRES_URL is not set"),
    }
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    match SmallDisk::mount(folder.path()) {
        Some(disk) => runtime.block_on(full_disk(&disk)),
        None if std::env::var("CI").is_ok() => panic!("cannot mount a small disk: run the test as root"),
        None => eprintln!("skipped: cannot mount a small disk without root"),
    }
}

async fn full_disk(disk: &SmallDisk<'_>) {
    let (folder, ballast) = (disk.0.join("data"), disk.0.join("ballast"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&ballast, vec![0; 12 << 20]).unwrap();
    let port = free_port();
    let mut server = Process::start(&folder, port, None).await;
    let bootstrap: Bootstrap =
        serde_json::from_str(&std::fs::read_to_string(folder.join("bootstrap.json")).unwrap()).unwrap();
    let admin = client(&format!("http://127.0.0.1:{port}"), &bootstrap.api_key);
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut refusals = 0;
    for round in 0.. {
        let keys: Vec<String> = (0..8).map(|n| format!("{round}-{n}")).collect();
        let sent = futures_util::future::join_all(keys.iter().map(|key| create_large(&admin, key))).await;
        for (key, answer) in keys.into_iter().zip(sent) {
            let id = answer.map_err(|status| assert_eq!(status, Some(503), "{key}")).ok();
            refusals += u32::from(id.is_none());
            known.insert(key, id);
        }
        if refusals >= 16 {
            break;
        }
        assert!(round < 1_000, "the disk never got full");
    }
    let acknowledged: Vec<(String, String)> =
        known.iter().filter_map(|(key, id)| Some((key.clone(), id.clone()?))).collect();
    assert!(acknowledged.len() >= 8, "{}", acknowledged.len());
    for (key, id) in &acknowledged {
        assert_eq!(
            admin.get_intent(id).await.unwrap().payload.value()["key"],
            **key,
            "readable while the disk is full"
        );
    }
    std::fs::remove_file(&ballast).unwrap();
    for (key, id) in &mut known {
        let again = create_large(&admin, key).await.unwrap_or_else(|status| panic!("there is room again: {status:?}"));
        assert!(id.as_ref().is_none_or(|id| *id == again), "one key, two intents: {key}");
        *id = Some(again);
    }
    server.kill();
    let mut server = Process::start(&folder, port, None).await;
    for (key, id) in &known {
        assert_eq!(admin.get_intent(id.as_ref().unwrap()).await.unwrap().payload.value()["key"], **key);
    }
    assert_eq!(count_intents(&admin).await, known.len(), "one intent for each key, and no others");
    server.kill();
}

/// Creates a large intent. Returns its id, or the status of the refusal.
async fn create_large(admin: &Client, key: &str) -> Result<String, Option<u16>> {
    let text = key.repeat(64 * 1024 / key.len());
    let intent = CreateIntent {
        intent_type: "intent.crash.v1".to_owned(),
        to_agent: Some("worker".to_owned()),
        payload: Some(Object::from_iter([("key".to_owned(), key.into()), ("text".to_owned(), text.into())]).into()),
        ..CreateIntent::default()
    };
    let created = admin.call_with_key(&intents::CREATE, &intent, key).await;
    created.map(|created| created.intent_id.into()).map_err(|error| error.status())
}

/// A file system of 20 MiB, unmounted when the value is dropped.
struct SmallDisk<'a>(&'a Path);

impl SmallDisk<'_> {
    fn mount(at: &Path) -> Option<SmallDisk<'_>> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=20m", "axme-test"]).arg(at).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(SmallDisk(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // A file that is still open does not matter: the folder is temporary.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn run(postgres: Option<&str>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let schema = match postgres {
            None => None,
            Some(url) => Some(fresh_schema(url, "one").await),
        };
        story(folder.path(), schema.as_deref()).await;
    });
}

async fn story(folder: &Path, database: Option<&str>) {
    let port = free_port();
    let mut server = Process::start(folder, port, database).await;
    let bootstrap: Bootstrap =
        serde_json::from_str(&std::fs::read_to_string(folder.join("bootstrap.json")).unwrap()).unwrap();
    let base_url = format!("http://127.0.0.1:{port}");
    let admin = client(&base_url, &bootstrap.api_key);
    let agents = Keys::create(&admin, &bootstrap).await.agents(&base_url);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut random = Random::seeded();
    for kill in 0..KILLS {
        let load = load(&admin, &agents, &ledger, kill);
        acknowledged(&ledger, CREATES_BETWEEN_KILLS * (kill as usize + 1)).await;
        tokio::time::sleep(Duration::from_millis(60 + random.below(300))).await;
        server.kill();
        for task in load {
            task.abort();
            let _ = task.await;
        }
        server = Process::start(folder, port, database).await;
    }
    finish(&admin, &agents, &ledger).await;
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    println!("{KILLS} kills: {}", judge(&admin, &ledger, 100).await);
    if database.is_none()
        && let Ok(url) = std::env::var("AXME_TEST_POSTGRES_URL")
    {
        server.end().await;
        let url = fresh_schema(&url, "moved").await;
        migrate(folder, &url);
        server = Process::start(folder, port, Some(&url)).await;
        println!("moved to PostgreSQL: {}", judge(&admin, &ledger, 100).await);
    }
    server.kill();
}

/// Moves the database of the folder to PostgreSQL.
fn migrate(folder: &Path, url: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_axme"));
    let output = command.arg("--data").arg(folder).args(["migrate", "--to", url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until so many creates are acknowledged in all.
async fn acknowledged(ledger: &Mutex<Ledger>, count: usize) {
    let began = Instant::now();
    while ledger.lock().unwrap().creates.values().filter(|(_, id)| id.is_some()).count() < count {
        assert!(began.elapsed() < PATIENCE, "the server does not acknowledge {count} creates");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The knowledge of the clients.
#[derive(Default)]
struct Ledger {
    /// Every create that was sent, by its idempotency key, with the id if it was acknowledged.
    creates: BTreeMap<String, (Kind, Option<String>)>,
    /// Every acknowledged answer of an agent, by intent.
    answers: HashMap<String, Value>,
    /// Intents that a test has created besides.
    others: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// To the agent, which answers with the key from the payload.
    Plain,
    /// To an agent that does not exist, with a deadline that passes.
    Deadline { at: axme_intent::Time },
    /// A workflow of two agent steps.
    Workflow,
    /// To an agent of another workspace, which answers like the first one.
    Across,
}

impl Kind {
    /// Returns the kinds in turn. On a slow machine a round has few creates, so the first kind differs.
    fn nth(number: u32) -> Kind {
        match number % 8 {
            1 => Kind::Across,
            3 => Kind::Deadline { at: in_seconds(DEADLINE_SECONDS) },
            6 => Kind::Workflow,
            _ => Kind::Plain,
        }
    }
}

/// The keys of two agents called `worker`: one in the workspace of the load, one in another workspace.
struct Keys([String; 2]);

impl Keys {
    async fn create(admin: &Client, bootstrap: &Bootstrap) -> Keys {
        let other = CreateWorkspace {
            org_id: bootstrap.org_id.clone().into(),
            name: "other".to_owned(),
            environment: Environment::Sandbox,
            region: None,
        };
        let other = admin.call(&organizations::CREATE_WORKSPACE, &other).await.unwrap().workspace;
        let other = WorkspaceRef::new(other.org_id, other.workspace_id);
        let (own, other) = tokio::join!(agent_key(admin, WorkspaceRef::default()), agent_key(admin, other));
        Keys([own, other])
    }

    /// Returns the clients of both agents at one node.
    fn agents(&self, base_url: &str) -> [Client; 2] {
        self.0.each_ref().map(|key| client(base_url, key))
    }
}

fn load(
    admin: &Client,
    agents: &[Client; 2],
    ledger: &Arc<Mutex<Ledger>>,
    round: u32,
) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = Vec::new();
    for creator in 0..CREATORS {
        let (admin, ledger) = (admin.clone(), ledger.clone());
        tasks.push(tokio::spawn(async move {
            for number in 0.. {
                let kind = Kind::nth(number + creator + round);
                let key = format!("{round}-{creator}-{number}");
                ledger.lock().unwrap().creates.insert(key.clone(), (kind, None));
                if create(&admin, &ledger, &key, kind).await.is_err() {
                    return;
                }
            }
        }));
    }
    tasks.extend(workers(agents, ledger));
    tasks
}

/// Starts the workers of both agents.
fn workers(agents: &[Client; 2], ledger: &Arc<Mutex<Ledger>>) -> Vec<tokio::task::JoinHandle<()>> {
    let agents = std::iter::repeat_n(&agents[0], AGENTS).chain([&agents[1]]);
    agents.map(|agent| tokio::spawn(work(agent.clone(), ledger.clone()))).collect()
}

async fn create(admin: &Client, ledger: &Mutex<Ledger>, key: &str, kind: Kind) -> Result<(), ClientError> {
    let id = match kind {
        Kind::Plain | Kind::Deadline { .. } | Kind::Across => {
            let mut intent = CreateIntent {
                intent_type: "intent.crash.v1".to_owned(),
                to_agent: Some("worker".to_owned()),
                payload: Some(Object::from_iter([("key".to_owned(), key.into())]).into()),
                ..CreateIntent::default()
            };
            if let Kind::Deadline { at } = kind {
                intent.to_agent = Some("nobody".to_owned());
                // Every try sends the same deadline: a try after it must get the first answer.
                intent.deadline_at = Some(at.into());
            }
            if kind == Kind::Across {
                intent.to_agent = Some("agent://local/other/worker".to_owned());
            }
            admin.call_with_key(&intents::CREATE, &intent, key).await?.intent_id.into()
        }
        Kind::Workflow => {
            let bundle = json!({
                "scenario_id": "crash.v1",
                "idempotency_key": key,
                "agents": [{ "role": "worker", "address": "worker" }],
                "workflow": { "steps": [
                    { "step_id": "one", "assigned_to": "worker" },
                    { "step_id": "two", "assigned_to": "worker" },
                ] },
                "intent": { "type": "intent.crash.v1", "payload": { "key": key } },
            });
            let Value::Object(bundle) = bundle else { unreachable!("it is an object") };
            admin.apply_scenario(bundle).await?.intent_id.into()
        }
    };
    let mut ledger = ledger.lock().unwrap();
    let entry = ledger.creates.get_mut(key).unwrap();
    assert!(entry.1.is_none() || entry.1.as_ref() == Some(&id), "one key, two intents: {key}");
    entry.1 = Some(id);
    Ok(())
}

/// Answers every delivery until the connection breaks.
async fn work(agent: Client, ledger: Arc<Mutex<Ledger>>) {
    let mut deliveries = agent.listen("worker");
    while let Some(Ok(delivery)) = deliveries.next().await {
        let Ok(got) = agent.get_intent(&delivery.intent_id).await else { continue };
        let payload = got.payload.value();
        let payload = payload.get("parent_payload").unwrap_or(&payload);
        let result = json!({ "done": payload["key"] });
        let Value::Object(body) = result.clone() else { unreachable!("it is an object") };
        match agent.resume(&delivery.intent_id, body).await {
            Ok(_) => {
                ledger.lock().unwrap().answers.insert(delivery.intent_id.into(), result);
            }
            // Answered before; the acknowledgement was lost in a crash.
            Err(error) if error.status() == Some(409) => {}
            Err(_) => {}
        }
    }
}

/// Sends unacknowledged creates again, and works until every intent has ended.
async fn finish(admin: &Client, agents: &[Client; 2], ledger: &Arc<Mutex<Ledger>>) {
    let unsure: Vec<(String, Kind)> = {
        let ledger = ledger.lock().unwrap();
        ledger.creates.iter().filter(|(_, (_, id))| id.is_none()).map(|(key, (kind, _))| (key.clone(), *kind)).collect()
    };
    for (key, kind) in unsure {
        let sent = create(admin, ledger, &key, kind).await;
        let refused_late = sent.as_ref().is_err_and(|error| error.status() == Some(422));
        // The deadline passed before the first successful create, so it is refused and there is no intent.
        if matches!(kind, Kind::Deadline { .. }) && refused_late {
            ledger.lock().unwrap().creates.remove(&key);
        } else {
            sent.unwrap();
        }
    }
    let workers = workers(agents, ledger);
    let expected: Vec<String> = {
        let ledger = ledger.lock().unwrap();
        ledger.creates.values().map(|(_, id)| id.clone().unwrap()).collect()
    };
    let began = Instant::now();
    for id in expected {
        while !admin.get_intent(&id).await.unwrap().status.is_terminal() {
            assert!(began.elapsed() < PATIENCE, "intent {id} is stuck: {:?}", admin.get_intent(&id).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    for worker in workers {
        worker.abort();
    }
}

/// Checks everything that was acknowledged, and that there was enough of it. Returns the counts as text.
async fn judge(admin: &Client, ledger: &Ledger, least: usize) -> String {
    let (mut plain, mut deadlines, mut workflows, mut across) = (0, 0, 0, 0);
    for (key, (kind, id)) in &ledger.creates {
        let id = id.as_ref().unwrap();
        let got = admin.get_intent(id).await.unwrap();
        assert_eq!(got.payload, json!({ "key": key }));
        let types = judge_events(admin, id).await;
        match kind {
            Kind::Plain | Kind::Across => {
                *(if *kind == Kind::Plain { &mut plain } else { &mut across }) += 1;
                assert_eq!(got.result, json!({ "done": key }), "{id}");
            }
            Kind::Deadline { .. } => {
                deadlines += 1;
                assert_eq!(got.status, Status::TimedOut);
            }
            Kind::Workflow => {
                workflows += 1;
                assert_eq!(
                    got.result.value()["steps"],
                    json!({ "one": { "done": key }, "two": { "done": key } }),
                    "{id}"
                );
                assert_eq!(types.iter().filter(|t| *t == "intent.waiting").count(), 2, "each step ran once: {types:?}");
            }
        }
    }
    for (id, result) in &ledger.answers {
        let got = admin.get_intent(id).await.unwrap();
        assert_eq!(
            (got.status.as_str(), &got.result.value()),
            ("COMPLETED", result),
            "an acknowledged answer is lost: {id}"
        );
        judge_events(admin, id).await;
    }
    assert_eq!(
        count_intents(admin).await,
        ledger.creates.len() + ledger.others,
        "one intent for each key, and no others"
    );
    let answers = ledger.answers.len();
    let counts = format!(
        "{plain} intents, {across} to another workspace, {workflows} workflows, {deadlines} deadlines, {answers} \
         acknowledged answers"
    );
    let fewest = deadlines.min(workflows).min(across);
    assert!(plain >= least && fewest >= least / 10, "too little load: {counts}");
    counts
}

/// Checks the events of an intent: numbers without gaps, at most one end, nothing after it. Returns their types.
async fn judge_events(admin: &Client, id: &str) -> Vec<String> {
    let input = ListEvents { intent_id: id.into(), since: None, limit: Limit::default() };
    let events = admin.call(&intents::EVENTS, &input).await.unwrap().events;
    let numbers: Vec<u64> = events.iter().map(|e| e.seq).collect();
    let contiguous: Vec<u64> = (1..=events.len() as u64).map(|n| n * 2).collect();
    assert_eq!(numbers, contiguous, "{id}");
    let ends: Vec<usize> =
        events.iter().enumerate().filter(|(_, e)| e.status.is_terminal()).map(|(at, _)| at).collect();
    assert!(ends.is_empty() || ends == [events.len() - 1], "{id}: {events:?}");
    events.into_iter().map(|e| e.event_type.to_string()).collect()
}

async fn count_intents(admin: &Client) -> usize {
    let mut count = 0;
    let mut before = None;
    loop {
        let input = ListIntents { limit: 500.into(), before, ..ListIntents::default() };
        let page = admin.call(&intents::LIST, &input).await.unwrap();
        count += page.intents.len();
        match page.next_before {
            Some(next) => before = Some(next),
            None => return count,
        }
    }
}

/// Registers the agent `worker` in a workspace. Returns its key.
async fn agent_key(admin: &Client, workspace: WorkspaceRef) -> String {
    let account = CreateServiceAccount { name: "worker".to_owned(), workspace, ..CreateServiceAccount::default() };
    let id = admin.call(&service_accounts::CREATE, &account).await.unwrap().service_account_id;
    let key = CreateKey { service_account_id: id, ..CreateKey::default() };
    admin.call(&service_accounts::CREATE_KEY, &key).await.unwrap().api_key
}

fn client(base_url: &str, key: &str) -> Client {
    Client::new(base_url, key).unwrap()
}

fn in_seconds(seconds: u64) -> axme_intent::Time {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    axme_intent::Time::from_micros(now.as_micros() as i64).plus_seconds(seconds)
}
