//! The real server process under load, killed with SIGKILL at random moments, again and again on the same data.
//!
//! Afterwards everything that was acknowledged exists exactly once: creates, answers, deadlines, and workflows in the
//! middle of a step. The test sends unacknowledged calls again under the same idempotency key, like a real client; none
//! may take effect twice. Another test fills the disk of the server for a while.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and waits for real processes")]

use std::collections::{BTreeMap, HashMap};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axme_api::intents::{CreateIntent, ListEvents, ListIntents};
use axme_api::service_accounts::{CreateKey, CreateServiceAccount};
use axme_api::{Limit, Object, intents, service_accounts};
use axme_client::{Client, ClientError, Status};
use axme_server::Bootstrap;
use futures_util::StreamExt;
use serde_json::{Value, json};

/// How often the server is killed.
const KILLS: u32 = 20;
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
            Some(url) => Some(fresh_schema(url).await),
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
    let agent = client(&base_url, &agent_key(&admin).await);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut random = Random::seeded();
    for kill in 0..KILLS {
        let load = load(&admin, &agent, &ledger, kill);
        tokio::time::sleep(Duration::from_millis(60 + random.below(300))).await;
        server.kill();
        for task in load {
            task.abort();
            let _ = task.await;
        }
        server = Process::start(folder, port, database).await;
    }
    finish(&admin, &agent, &ledger).await;
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    judge(&admin, &ledger).await;
    server.kill();
}

/// The knowledge of the clients.
#[derive(Default)]
struct Ledger {
    /// Every create that was sent, by its idempotency key, with the id if it was acknowledged.
    creates: BTreeMap<String, (Kind, Option<String>)>,
    /// Every acknowledged answer of an agent, by intent.
    answers: HashMap<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// To the agent, which answers with the key from the payload.
    Plain,
    /// To an agent that does not exist, with a deadline that passes.
    Deadline { at: axme_intent::Time },
    /// A workflow of two agent steps.
    Workflow,
}

fn load(admin: &Client, agent: &Client, ledger: &Arc<Mutex<Ledger>>, round: u32) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = Vec::new();
    for creator in 0..CREATORS {
        let (admin, ledger) = (admin.clone(), ledger.clone());
        tasks.push(tokio::spawn(async move {
            for number in 0.. {
                // On a slow machine a round has few creates, so each creator and round starts with another kind.
                let kind = match (number + creator + round) % 8 {
                    3 => Kind::Deadline { at: in_seconds(DEADLINE_SECONDS) },
                    6 => Kind::Workflow,
                    _ => Kind::Plain,
                };
                let key = format!("{round}-{creator}-{number}");
                ledger.lock().unwrap().creates.insert(key.clone(), (kind, None));
                if create(&admin, &ledger, &key, kind).await.is_err() {
                    return;
                }
            }
        }));
    }
    for _ in 0..AGENTS {
        tasks.push(tokio::spawn(work(agent.clone(), ledger.clone())));
    }
    tasks
}

async fn create(admin: &Client, ledger: &Mutex<Ledger>, key: &str, kind: Kind) -> Result<(), ClientError> {
    let id = match kind {
        Kind::Plain | Kind::Deadline { .. } => {
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
async fn finish(admin: &Client, agent: &Client, ledger: &Arc<Mutex<Ledger>>) {
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
    let workers: Vec<_> = (0..AGENTS).map(|_| tokio::spawn(work(agent.clone(), ledger.clone()))).collect();
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

async fn judge(admin: &Client, ledger: &Ledger) {
    let (mut plain, mut deadlines, mut workflows) = (0, 0, 0);
    for (key, (kind, id)) in &ledger.creates {
        let id = id.as_ref().unwrap();
        let got = admin.get_intent(id).await.unwrap();
        assert_eq!(got.payload, json!({ "key": key }));
        let types = judge_events(admin, id).await;
        match kind {
            Kind::Plain => {
                plain += 1;
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
    assert_eq!(count_intents(admin).await, ledger.creates.len(), "one intent for each key, and no others");
    assert!(plain > 100 && deadlines > 10 && workflows > 10, "too little load: {plain}, {deadlines}, {workflows}");
    let answers = ledger.answers.len();
    println!(
        "{KILLS} kills: {plain} intents, {workflows} workflows, {deadlines} deadlines, {answers} acknowledged answers"
    );
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

async fn agent_key(admin: &Client) -> String {
    let account = CreateServiceAccount { name: "worker".to_owned(), ..CreateServiceAccount::default() };
    let id = admin.call(&service_accounts::CREATE, &account).await.unwrap().service_account_id;
    let key = CreateKey { service_account_id: id, expires_at: None, created_by_actor_id: None };
    admin.call(&service_accounts::CREATE_KEY, &key).await.unwrap().api_key
}

fn client(base_url: &str, key: &str) -> Client {
    Client::new(base_url, key).unwrap()
}

/// The server in its own process.
struct Process(Child);

impl Process {
    async fn start(folder: &Path, port: u16, database: Option<&str>) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_axme"));
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(folder);
        if let Some(url) = database {
            command.args(["--database-url", url]);
        }
        let log = std::fs::File::options().create(true).append(true).open(folder.join("server.log")).unwrap();
        let child = command.env("AXME_LOG", "warn").stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut process = Process(child);
        let ready = Client::new(&format!("http://127.0.0.1:{port}"), "none").unwrap();
        let began = Instant::now();
        while ready.health().await.is_err() {
            let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
            assert!(process.0.try_wait().unwrap().is_none(), "the server ended: {log}");
            assert!(began.elapsed() < PATIENCE, "the server does not answer: {log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }

    /// Kills the process with SIGKILL, so that it cannot clean up.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn in_seconds(seconds: u64) -> axme_intent::Time {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    axme_intent::Time::from_micros(now.as_micros() as i64).plus_seconds(seconds)
}

/// Creates a schema in the PostgreSQL server of the tests, and returns its URL.
async fn fresh_schema(url: &str) -> String {
    let name = format!("crash{}", std::process::id());
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}options=-csearch_path%3D{name}")
}

/// The random times of the kills. The seed is printed so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn seeded() -> Random {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = now.as_nanos() as u64 | 1;
        println!("seed {seed}");
        Random(seed)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}
