//! The database restarts, and then its primary dies and a synchronous standby takes over. The server stays up.
//!
//! Meanwhile it refuses calls with 503 and says when to come back. Afterwards everything that was acknowledged exists exactly
//! once, as after a crash of the server itself.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axme_server::Bootstrap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::nodes::{client, create_all, named, work_on};
use super::process::{Process, free_port};
use super::{Keys, Ledger, acknowledged, finish, judge};
use axme_client::Client;

const CREATORS: u32 = 4;
/// The creates that are acknowledged before the faults, between them, and after them.
const CREATES: usize = 40;

#[test]
fn nothing_acknowledged_is_lost_when_the_database_fails_over() {
    match std::env::var("AXME_TEST_POSTGRES_URL") {
        // The test has servers of its own, since it kills them.
        Ok(_) => super::nodes::runtime().block_on(story()),
        Err(_) if std::env::var("CI").is_ok() => panic!("AXME_TEST_POSTGRES_URL is not set"),
        Err(_) => eprintln!("skipped: AXME_TEST_POSTGRES_URL is not set"),
    }
}

/// A database server in a folder of its own, which goes with the value.
struct Database {
    folder: String,
    port: String,
}

impl Database {
    fn start() -> Database {
        let (url, told) = tool(&["start"]);
        let folder = told.split_whitespace().last().unwrap().to_owned();
        let port = url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0.to_owned();
        Database { folder, port }
    }

    fn standby(&self) -> Database {
        let (printed, _) = tool(&["standby", &self.folder]);
        let (folder, port) = printed.split_once(' ').unwrap();
        Database { folder: folder.to_owned(), port: port.to_owned() }
    }

    fn run(&self, command: &str) {
        tool(&[command, &self.folder]);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = script(&["stop", &self.folder]).output();
    }
}

fn script(arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/postgres.sh")).args(arguments);
    command
}

/// Runs the script that starts and stops database servers. Returns what it prints on standard output and standard error.
fn tool(arguments: &[&str]) -> (String, String) {
    let output = script(arguments).output().unwrap();
    let [printed, told] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    assert!(output.status.success(), "{arguments:?}: {told}");
    (printed, told)
}

async fn story() {
    let primary = Database::start();
    let standby = primary.standby();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port, standby.port);
    let database = format!("postgres://postgres@{hosts}/postgres?target_session_attrs=read-write");
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut server = Process::start(folder.path(), port, Some(&database)).await;
    let text = std::fs::read_to_string(folder.path().join("bootstrap.json")).unwrap();
    let bootstrap: Bootstrap = serde_json::from_str(&text).unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let admin = client(&url, &bootstrap.api_key);
    let keys = Keys::create(&admin, &bootstrap).await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut load = Vec::new();
    for creator in 0..CREATORS {
        load.push(tokio::spawn(create_all(vec![admin.clone()], ledger.clone(), creator)));
    }
    for agent in &keys.0 {
        load.push(tokio::spawn(work_on(vec![client(&url, agent)], ledger.clone(), 0)));
    }

    acknowledged(&ledger, CREATES).await;
    primary.run("restart");
    println!("the restart: acknowledged again after {:?}", recovery(&ledger).await);
    acknowledged(&ledger, 2 * CREATES).await;

    primary.run("kill");
    refusal(port, &bootstrap.api_key).await;
    standby.run("promote");
    println!("the failover: acknowledged again after {:?}", recovery(&ledger).await);
    acknowledged(&ledger, 3 * CREATES).await;

    for task in load {
        task.abort();
        let _ = task.await;
    }
    let patient = Client::new(&url, &bootstrap.api_key).unwrap();
    let heirs = keys.0.each_ref().map(|key| named(&url, key).build().unwrap());
    finish(&patient, &heirs, &ledger).await;
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    println!("{}", judge(&patient, &ledger, 20).await);
    server.kill();
}

/// Waits until a create is acknowledged. Returns how long it took.
async fn recovery(ledger: &Arc<Mutex<Ledger>>) -> Duration {
    let count = || ledger.lock().unwrap().creates.values().filter(|(_, id)| id.is_some()).count();
    let (began, before) = (Instant::now(), count());
    acknowledged(ledger, before + 1).await;
    began.elapsed()
}

/// Calls the server until it refuses a call because its database is away, and says when to come back.
async fn refusal(port: u16, key: &str) {
    let began = Instant::now();
    loop {
        let answer = exchange(port, key).await.unwrap().to_ascii_lowercase();
        if answer.starts_with("http/1.1 503 ") {
            assert!(answer.contains("\r\nretry-after: "), "{answer}");
            return;
        }
        assert!(began.elapsed() < super::PATIENCE, "{answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Lists an intent, and returns the whole answer as text.
async fn exchange(port: u16, key: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = "GET /v1/intents?limit=1 HTTP/1.1\r\nhost: axme\r\nconnection: close\r\n";
    stream.write_all(format!("{head}x-api-key: {key}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
