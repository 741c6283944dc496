//! A server with more readers and more waiting work than it should have. Its memory stays bounded, and it serves others.
//!
//! The sizes are those that a test machine bears. `AXME_TEST_OVERLOAD=full` takes those that docs/performance.md names.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use axme_api::intents::CreateIntent;
use axme_api::service_accounts::{CreateKey, CreateServiceAccount};
use axme_api::{Object, intents, service_accounts};
use axme_client::Client;
use axme_server::Bootstrap;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::process::{Process, free_port};
use super::{client, nodes};

/// The part of the full sizes that the short form takes.
const SHORT: usize = 20;
const SLOW_READERS: usize = 2_000;
const IDLE_STREAMS: usize = 10_000;
const BEHIND: usize = 100_000;
/// The streams of one account.
const STREAMS_EACH: usize = 500;
/// The connections from one address, of which loopback has many.
const CONNECTIONS_EACH: usize = 2_000;
/// More than the default, which the idle streams alone would use up.
const MOST_CONNECTIONS: (&str, &str) = ("AXME_LIMITS__CONNECTIONS", "12000");
/// One event of a history that slow readers are sent, and their number. Together they exceed what the kernel buffers.
const EVENT_BYTES: usize = 40 * 1_024;
const EVENTS: usize = 24;
/// The most memory for a reader that does not read: a page of frames, one frame more, and its connection.
const MOST_PER_READER: usize = 320 * 1_024;
const MOST_PER_STREAM: usize = 80 * 1_024;
/// The most memory for deliveries that wait, however many they are.
const MOST_BEHIND: usize = 64 << 20;
const PROMPT: Duration = Duration::from_secs(10);

fn size(full: usize) -> usize {
    if std::env::var("AXME_TEST_OVERLOAD").is_ok_and(|value| value == "full") { full } else { full / SHORT }
}

/// A server process, its administrator, and an agent that others must not delay.
struct Overloaded {
    process: Process,
    address: SocketAddr,
    admin: Client,
    base_url: String,
    _folder: tempfile::TempDir,
}

impl Overloaded {
    async fn start() -> Overloaded {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let process = Process::start_with(folder.path(), port, MOST_CONNECTIONS).await;
        let bootstrap = std::fs::read_to_string(folder.path().join("bootstrap.json")).unwrap();
        let bootstrap: Bootstrap = serde_json::from_str(&bootstrap).unwrap();
        let base_url = format!("http://127.0.0.1:{port}");
        let admin = client(&base_url, &bootstrap.api_key);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Overloaded { process, address, admin, base_url, _folder: folder }
    }

    /// Registers an agent. Returns a key of it.
    async fn agent(&self, name: &str) -> String {
        let account = CreateServiceAccount { name: name.to_owned(), ..CreateServiceAccount::default() };
        let id = self.admin.call(&service_accounts::CREATE, &account).await.unwrap().service_account_id;
        let key = CreateKey { service_account_id: id, ..CreateKey::default() };
        self.admin.call(&service_accounts::CREATE_KEY, &key).await.unwrap().api_key
    }

    /// Opens a stream with a small buffer, and reads the beginning of its answer only. `nth` spreads the connections over
    /// addresses.
    async fn open(&self, path: &str, key: &str, nth: usize) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 2 + (nth / CONNECTIONS_EACH) as u8], 0))).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: axme\r\nx-api-key: {key}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200", "{nth}");
        stream
    }

    /// Waits until the memory of the server no longer grows. Returns it in bytes.
    async fn settled_memory(&self) -> usize {
        let mut last = 0;
        loop {
            let now = resident(self.process.id());
            if now <= last + (1 << 20) {
                return now;
            }
            last = now;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Submits an intent to an agent that listens, and checks that it arrives and that its sender gets the result.
    async fn serves_others(&self, name: &str) {
        let key = self.agent(name).await;
        let agent = client(&self.base_url, &key);
        let path = format!("/v1/agents/{name}/intents/stream?since=2&follow=1");
        let mut listening = self.open(&path, &key, 0).await;
        let began = Instant::now();
        let id = self.send(name, 0).await;
        assert!(nodes::shows(&mut listening, &id, PROMPT).await, "no delivery within {PROMPT:?}");
        agent.resume(&id, Object::from_iter([("action".to_owned(), "complete".into())])).await.unwrap();
        assert_eq!(self.admin.get_intent(&id).await.unwrap().status.to_string(), "COMPLETED");
        println!("another agent's intent was completed after {:?}", began.elapsed());
    }

    async fn send(&self, to: &str, nth: usize) -> String {
        let intent = CreateIntent {
            intent_type: "intent.overload.v1".to_owned(),
            to_agent: Some(to.to_owned()),
            payload: Some(Object::from_iter([("nth".to_owned(), nth.into())]).into()),
            ..CreateIntent::default()
        };
        self.admin.call(&intents::CREATE, &intent).await.unwrap().intent_id.to_string()
    }
}

/// Returns the resident memory of a process, in bytes.
fn resident(process: u32) -> usize {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
}

#[test]
fn readers_that_do_not_read_hold_a_page_each() {
    nodes::runtime().block_on(async {
        let server = Overloaded::start().await;
        let (readers, mut unread) = (size(SLOW_READERS), Vec::new());
        let mut before = 0;
        for account in 0..readers.div_ceil(STREAMS_EACH) {
            let name = format!("slow-{account}");
            let key = server.agent(&name).await;
            let (agent, id) = (client(&server.base_url, &key), server.send(&name, 0).await);
            for _ in 0..EVENTS {
                let part = json!({ "status": "pending", "reason": "x".repeat(EVENT_BYTES) });
                agent.resume(&id, part.as_object().unwrap().clone()).await.unwrap();
            }
            if account == 0 {
                before = server.settled_memory().await;
            }
            for nth in 0..STREAMS_EACH.min(readers - unread.len()) {
                let path = format!("/v1/intents/{id}/events/stream?since=0&follow=1");
                unread.push(server.open(&path, &key, account * STREAMS_EACH + nth).await);
            }
        }
        let each = server.settled_memory().await.saturating_sub(before) / unread.len();
        println!("{} readers that do not read: {} KiB each", unread.len(), each / 1_024);
        assert!(each <= MOST_PER_READER, "{each} bytes for each reader");
        server.serves_others("other").await;
    });
}

#[test]
fn open_streams_cost_little_and_delay_nobody() {
    nodes::runtime().block_on(async {
        let server = Overloaded::start().await;
        let before = server.settled_memory().await;
        let (streams, mut open) = (size(IDLE_STREAMS), Vec::new());
        for account in 0..streams.div_ceil(STREAMS_EACH) {
            let name = format!("idle-{account}");
            let key = server.agent(&name).await;
            let path = format!("/v1/agents/{name}/intents/stream?since=2&follow=1");
            let wanted = STREAMS_EACH.min(streams - open.len());
            let opening = stream::iter(0..wanted).map(|nth| server.open(&path, &key, account * STREAMS_EACH + nth));
            open.extend(opening.buffer_unordered(32).collect::<Vec<_>>().await);
        }
        let each = server.settled_memory().await.saturating_sub(before) / open.len();
        println!("{} open streams: {} KiB each", open.len(), each / 1_024);
        assert!(each <= MOST_PER_STREAM, "{each} bytes for each stream");
        server.serves_others("other").await;
    });
}

#[test]
fn deliveries_that_wait_take_no_memory_and_delay_no_other_agent() {
    nodes::runtime().block_on(async {
        let server = Overloaded::start().await;
        server.agent("behind").await;
        let sent = async |nth| drop(server.send("behind", nth).await);
        // Caches fill with the first ones.
        stream::iter(0..1_000).for_each_concurrent(32, sent).await;
        let before = server.settled_memory().await;
        stream::iter(1_000..size(BEHIND)).for_each_concurrent(32, sent).await;
        let more = server.settled_memory().await.saturating_sub(before);
        println!("{} deliveries behind: {} MiB more", size(BEHIND), more >> 20);
        assert!(more <= MOST_BEHIND, "{more} bytes");
        server.serves_others("other").await;
    });
}
