//! Three nodes on one PostgreSQL. Each is killed, stopped for a while or restarted at random moments. Clients know all
//! three, and go on with the next one.
//!
//! Afterwards everything that was acknowledged exists exactly once, as after the crashes of one node. The work that a dead
//! node had handed out is taken over by others. The long form (`cargo xtask nodes`) sets how long it takes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axme_api::intents::CreateIntent;
use axme_api::{Object, intents};
use axme_client::{Builder, Client};
use axme_server::Bootstrap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::process::{Process, Random, free_port, fresh_schema};
use super::{Keys, Kind, Ledger, PATIENCE, acknowledged, create, finish, judge, work};

const NODES: usize = 3;
const CREATORS: u32 = 4;
/// Workers of the first agent, each at another node, and one of the second.
const WORKERS: usize = 3;
/// The number of seconds of faults, unless the environment sets another one.
const SECONDS: u64 = 12;
const SECONDS_VARIABLE: &str = "AXME_TEST_NODES_SECONDS";
/// The load goes on until this many creates are acknowledged, so that a slow machine has the same.
const LEAST_CREATES: usize = 60;
/// Much shorter than the pause of a stopped node, so that clients go on with another one.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// The first claim of a reader without a name.
const CLAIM: Duration = Duration::from_secs(15);
/// The silence after which the claims of a name lapse. Only the long form waits for it.
const SILENCE: Duration = Duration::from_secs(120);
/// The agents whose deliveries a dead node has handed out.
const NAMELESS: &str = "nameless";
const NAMED: &str = "named";
/// A delivery is offered this long after its claim has ended: other nodes look every few seconds.
const SLACK: Duration = Duration::from_secs(10);

#[test]
fn nothing_is_lost_when_nodes_die() {
    match std::env::var("AXME_TEST_POSTGRES_URL") {
        Ok(url) => runtime().block_on(story(&url)),
        Err(_) if std::env::var("CI").is_ok() => panic!("AXME_TEST_POSTGRES_URL is not set"),
        Err(_) => eprintln!("skipped: AXME_TEST_POSTGRES_URL is not set"),
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A node with its folder, which it keeps when it starts again.
pub struct Node {
    pub process: Process,
    folder: tempfile::TempDir,
    port: u16,
}

impl Node {
    async fn start(database: &str) -> Node {
        Node::start_program(Path::new(env!("CARGO_BIN_EXE_axme")), database).await
    }

    /// Starts a node of another version. It starts again as one of this version.
    pub async fn start_program(program: &Path, database: &str) -> Node {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let process = Process::start_program(program, folder.path(), port, Some(database)).await;
        Node { process, folder, port }
    }

    pub async fn start_again(&mut self, database: &str) {
        self.process = Process::start(self.folder.path(), self.port, Some(database)).await;
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn bootstrap(&self) -> PathBuf {
        self.folder.path().join("bootstrap.json")
    }
}

async fn story(url: &str) {
    let database = fresh_schema(url, "three").await;
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(Node::start(&database).await);
    }
    let bootstrap: Bootstrap = serde_json::from_str(&std::fs::read_to_string(nodes[0].bootstrap()).unwrap()).unwrap();
    let admins: Vec<Client> = nodes.iter().map(|node| client(&node.url(), &bootstrap.api_key)).collect();
    let keys = Keys::create(&admins[0], &bootstrap).await;
    let agents: Vec<[Client; 2]> =
        nodes.iter().map(|node| keys.0.each_ref().map(|key| client(&node.url(), key))).collect();

    let patient = Client::new(&nodes[0].url(), &bootstrap.api_key).unwrap();
    let mut claims = vec![(NAMELESS, None, CLAIM)];
    if seconds() > SILENCE.as_secs() {
        claims.push((NAMED, Some(NAMED), SILENCE));
    }
    let (mut taken_over, others) = (Vec::new(), claims.len());
    for (agent, consumer, longest) in claims {
        let held = claim(&nodes[1], &admins[1], &bootstrap.api_key, consumer).await;
        let (port, key) = (nodes[2].port, bootstrap.api_key.clone());
        taken_over.push(tokio::spawn(take_over(port, patient.clone(), key, agent, held, longest + SLACK)));
    }
    nodes[1].process.kill();
    nodes[1].start_again(&database).await;

    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let load = load(&admins, &agents, &ledger);
    // Before the faults: a node that dies with the next claim would hold it for a minute.
    for task in taken_over {
        task.await.unwrap();
    }
    let faults = break_nodes(&mut nodes, &database).await;
    acknowledged(&ledger, LEAST_CREATES).await;
    for task in load {
        task.abort();
        let _ = task.await;
    }
    // A worker under the name that began the work is shown all of it. A call that timed out would leave some behind.
    let heirs = keys.0.each_ref().map(|key| named(&nodes[0].url(), key).build().unwrap());
    finish(&patient, &heirs, &ledger).await;
    let mut ledger = std::mem::take(&mut *ledger.lock().unwrap());
    ledger.others = others;
    println!("{faults:?}: {}", judge(&patient, &ledger, 20).await);
}

/// Returns a client that goes on with another node soon.
pub fn client(url: &str, key: &str) -> Client {
    named(url, key).call_timeout(CALL_TIMEOUT).build().unwrap()
}

/// All workers share a name, so that those at the end go on with the work of the others at once.
pub fn named(url: &str, key: &str) -> Builder {
    Client::builder(url).api_key(key).consumer("team")
}

/// Returns how long nodes are broken.
fn seconds() -> u64 {
    std::env::var(SECONDS_VARIABLE).map_or(SECONDS, |text| text.parse().unwrap())
}

/// The faults of one run.
#[derive(Debug, Default)]
struct Faults {
    kills: u32,
    pauses: u32,
    restarts: u32,
}

/// Breaks one node after another at random moments. All nodes run when it returns.
async fn break_nodes(nodes: &mut [Node], database: &str) -> Faults {
    let (mut random, began, mut faults) = (Random::seeded(), Instant::now(), Faults::default());
    let wait = async |millis: u64| tokio::time::sleep(Duration::from_millis(millis)).await;
    // Each kind of fault happens, however slow the machine is.
    for round in 0.. {
        if round >= 3 && began.elapsed() > Duration::from_secs(seconds()) {
            break;
        }
        wait(100 + random.below(500)).await;
        let node = &mut nodes[random.below(NODES as u64) as usize];
        let kind = if round < 3 { round } else { random.below(3) };
        match kind {
            0 => {
                node.process.kill();
                wait(random.below(1_000)).await;
                node.start_again(database).await;
                faults.kills += 1;
            }
            1 => {
                node.process.pause();
                wait(500 + random.below(3_000)).await;
                node.process.resume();
                faults.pauses += 1;
            }
            _ => {
                node.process.end().await;
                node.start_again(database).await;
                faults.restarts += 1;
            }
        }
    }
    faults
}

pub fn load(admins: &[Client], agents: &[[Client; 2]], ledger: &Arc<Mutex<Ledger>>) -> Vec<JoinHandle<()>> {
    let creators = (0..CREATORS).map(|creator| tokio::spawn(create_all(admins.to_vec(), ledger.clone(), creator)));
    let of_agent = |nth: usize| agents.iter().map(|node| node[nth].clone()).collect::<Vec<_>>();
    let workers = (0..WORKERS).map(|first| (of_agent(0), first)).chain([(of_agent(1), 0)]);
    let workers = workers.map(|(agents, first)| tokio::spawn(work_on(agents, ledger.clone(), first)));
    creators.chain(workers).collect()
}

/// Creates intents one after another. A call without an answer is repeated at the next node, under its key.
pub async fn create_all(admins: Vec<Client>, ledger: Arc<Mutex<Ledger>>, creator: u32) {
    for number in 0.. {
        let kind = Kind::nth(number + creator);
        let key = format!("n-{creator}-{number}");
        ledger.lock().unwrap().creates.insert(key.clone(), (kind, None));
        for attempt in 0.. {
            let admin = &admins[(number + creator + attempt) as usize % admins.len()];
            match create(admin, &ledger, &key, kind).await {
                Ok(()) => break,
                // The deadline has passed meanwhile. `finish` finds out whether the intent exists.
                Err(error) if error.status() == Some(422) => break,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// Works at one node until its connection breaks, then at the next one.
pub async fn work_on(agents: Vec<Client>, ledger: Arc<Mutex<Ledger>>, first: usize) {
    for nth in first.. {
        work(agents[nth % agents.len()].clone(), ledger.clone()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Creates an intent for an agent that nobody else reads, and claims it through a node that is killed then.
async fn claim(node: &Node, admin: &Client, key: &str, consumer: Option<&str>) -> (String, Instant) {
    let to = consumer.unwrap_or(NAMELESS);
    let intent = CreateIntent {
        intent_type: "intent.crash.v1".to_owned(),
        to_agent: Some(to.to_owned()),
        ..CreateIntent::default()
    };
    let created: String = admin.call(&intents::CREATE, &intent).await.unwrap().intent_id.into();
    let mut stream = open(node.port, key, to, consumer).await.unwrap();
    assert!(shows(&mut stream, &created, PATIENCE).await, "it is offered at once");
    (created, Instant::now())
}

/// Opens the stream of an agent.
async fn open(port: u16, key: &str, agent: &str, consumer: Option<&str>) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let consumer = consumer.map(|name| format!("x-axme-consumer: {name}\r\n")).unwrap_or_default();
    let path = format!("/v1/agents/{agent}/intents/stream?since=2&follow=1");
    let request = format!("GET {path} HTTP/1.1\r\nhost: axme\r\nx-api-key: {key}\r\n{consumer}\r\n");
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// Reads a stream until it shows a text, ends, or `patience` has passed. Returns whether it showed the text.
pub async fn shows(stream: &mut TcpStream, text: &str, patience: Duration) -> bool {
    let mut seen = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            seen.extend_from_slice(&buffer[..count]);
            if String::from_utf8_lossy(&seen).contains(text) {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(patience, reading).await.unwrap_or(false)
}

/// Waits until another reader is offered what a dead node had handed out, and answers it.
async fn take_over(port: u16, admin: Client, key: String, agent: &str, held: (String, Instant), longest: Duration) {
    let (id, claimed_at) = held;
    let name = (agent != NAMELESS).then_some("heir");
    let mut stream = open(port, &key, agent, name).await.unwrap();
    let is_offered = shows(&mut stream, &id, longest.saturating_sub(claimed_at.elapsed())).await;
    assert!(is_offered, "{id}, claimed for {agent}, is not offered again after {:?}", claimed_at.elapsed());
    assert!(claimed_at.elapsed() > Duration::from_secs(10), "the claim held for a while");
    println!("{agent}: taken over after {:?}", claimed_at.elapsed());
    admin.resume(&id, Object::new()).await.unwrap();
}
