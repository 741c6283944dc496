//! `--waiting N`: compares a server with N waiting intents with an empty one, in the same run.
//!
//! Both run in their own processes, so that their memory can be read. The comparison shows the cost of waiting intents:
//! creates per second, timers fired per second when many are due at once, and resident memory.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use axme_intent::Time;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::connection::{self, Connection};
use super::protocol::{Accounts, IdempotencyKeys, Phase, PostLoad, Workload};
use super::{LoadGenerator, admin_key, median, now, provision};

const CLIENTS: usize = 64;
/// The length of a phase that fills the server.
const FILL: Duration = Duration::from_secs(5);
/// The number of timers that are due at one moment, and how long before it they are set.
const TIMERS: usize = 2_000;
const AHEAD: Duration = Duration::from_secs(8);
/// The time limit for the timers, and how often the last intent is polled.
const TIMER_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const DAY_SECONDS: u64 = 86_400;

/// The results of one server, one number per round.
#[derive(Debug, Default)]
struct Results {
    creates: Vec<f64>,
    timers: Vec<f64>,
    rss_mib: Vec<f64>,
}

pub(crate) fn run(folder: &Path, url: Option<&str>, waiting: usize, rounds: usize, seconds: u64) -> anyhow::Result<()> {
    ensure!(url.is_none(), "--waiting works only on SQLite: leave out --database-url");
    let runtime = Runtime::new()?;
    let mut generator = LoadGenerator::start()?;
    let mut full = Server::start(&folder.join("full"), None, &runtime)?;
    let filled = fill(&mut generator, &full, waiting)?;
    // Restart, because memory left over from filling is not a cost of waiting.
    full.stop()?;
    let mut servers =
        [Server::start(&folder.join("empty"), None, &runtime)?, Server::start(&folder.join("full"), None, &runtime)?];
    let mut results = [Results::default(), Results::default()];
    for round in 1..=rounds {
        for (server, result) in servers.iter_mut().zip(&mut results) {
            let measured = Duration::from_secs(seconds);
            let phase = Phase { warm_up: measured / 4, measured, ..server.phase(DAY_SECONDS) };
            result.creates.push(generator.run_phase(&phase)?.per_second);
            result.timers.push(runtime.block_on(server.fire())?);
            result.rss_mib.push(server.rss_mib()?);
            eprintln!("round {round}: {result:?}");
        }
    }
    generator.stop()?;
    for server in &mut servers {
        server.stop()?;
    }
    print(filled, &results);
    Ok(())
}

fn fill(generator: &mut LoadGenerator, server: &Server, waiting: usize) -> anyhow::Result<usize> {
    let mut filled = 0;
    while filled < waiting {
        let phase = Phase { warm_up: Duration::ZERO, measured: FILL, ..server.phase(DAY_SECONDS) };
        let report = generator.run_phase(&phase)?;
        filled += (report.per_second * FILL.as_secs_f64()) as usize;
        eprintln!("{filled} intents wait");
    }
    Ok(filled)
}

fn print(filled: usize, [empty, full]: &[Results; 2]) {
    println!("| | empty | {filled} waiting | ratio |\n|---|--:|--:|--:|");
    let row = |name: &str, empty: &[f64], full: &[f64]| {
        let (empty, full) = (median(&mut empty.to_vec()), median(&mut full.to_vec()));
        println!("| {name} | {empty:.0} | {full:.0} | {:.2} |", full / empty);
    };
    row("creates per second", &empty.creates, &full.creates);
    row("timers fired per second", &empty.timers, &full.timers);
    row("resident memory, MiB", &empty.rss_mib, &full.rss_mib);
}

/// A server in its own process.
pub(super) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    pub(super) address: SocketAddr,
    pub(super) accounts: Accounts,
    pub(super) admin_key: String,
}

impl Server {
    /// Starts a server on a folder, and on a PostgreSQL if there is a URL.
    pub(super) fn start(data: &Path, url: Option<&str>, runtime: &Runtime) -> anyhow::Result<Server> {
        Server::start_with(data, url, runtime, || admin_key(data))
    }

    /// Starts another node on the database of this server.
    pub(super) fn another_node(&self, data: &Path, url: &str, runtime: &Runtime) -> anyhow::Result<Server> {
        Server::start_with(data, Some(url), runtime, || Ok(self.admin_key.clone()))
    }

    fn start_with(
        data: &Path,
        url: Option<&str>,
        runtime: &Runtime,
        admin_key: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bench-serve").arg(data).args(url);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().context("the server has no output")?).lines();
        let address = lines.next().context("the server did not start")??.parse()?;
        let admin_key = admin_key()?;
        let accounts = runtime.block_on(provision(address, &admin_key))?;
        Ok(Server { child, stdin, lines, address, accounts, admin_key })
    }

    /// Returns creates whose intents wait `seconds` for an agent that never comes.
    fn phase(&self, seconds: u64) -> Phase {
        let body = body(Time::from_micros(micros()).plus_seconds(seconds)).to_string();
        let posts = PostLoad {
            path: "/v1/intents".to_owned(),
            keys: vec![self.accounts.sender_key.clone()],
            body,
            idempotency_keys: IdempotencyKeys::None,
        };
        let (warm_up, measured) = (Duration::ZERO, Duration::ZERO);
        Phase { address: self.address, clients: CLIENTS, warm_up, measured, workload: Workload::Post(posts) }
    }

    /// Measures how many timers fire per second when many are due at one moment.
    async fn fire(&self) -> anyhow::Result<f64> {
        let mut connection = Connection::open(self.address).await?;
        let (began, due_at) = (now(), Time::from_micros(micros()).plus_millis(AHEAD.as_millis() as u64));
        let (key, body) = (&self.accounts.sender_key, body(due_at).to_string());
        let request = connection::post("/v1/intents", key, "", &body);
        let mut ids = Vec::with_capacity(TIMERS);
        for _ in 0..TIMERS {
            let answer: Value = serde_json::from_slice(&connection.exchange(&request).await?)?;
            ids.push(answer["intent_id"].as_str().context("the response has no intent_id")?.to_owned());
        }
        ensure!(now() - began < AHEAD, "the machine is too slow to set {TIMERS} timers in {AHEAD:?}");
        tokio::time::sleep(AHEAD.saturating_sub(now() - began)).await;
        // Timers of one moment fire in the order of their ids.
        ids.sort_unstable();
        let last = connection::get(&format!("/v1/intents/{}", ids[TIMERS - 1]), key);
        loop {
            let answer: Value = serde_json::from_slice(&connection.exchange(&last).await?)?;
            let took = (now() - began).saturating_sub(AHEAD);
            if answer["status"] == "TIMED_OUT" {
                return Ok(TIMERS as f64 / took.as_secs_f64());
            }
            ensure!(took < TIMER_TIMEOUT, "the timers do not fire: {answer}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    pub(super) fn rss_mib(&mut self) -> anyhow::Result<f64> {
        writeln!(self.stdin.as_mut().context("the server has been stopped")?, "size")?;
        let kib: f64 = self.lines.next().context("the server did not print its memory")??.parse()?;
        Ok(kib / 1_024.0)
    }

    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        drop(self.stdin.take());
        ensure!(self.child.wait()?.success(), "the server stopped with an error");
        Ok(())
    }
}

fn body(deadline_at: Time) -> Value {
    json!({
        "intent_type": "intent.bench.v1", "to_agent": "agent://local/default/nobody",
        "deadline_at": deadline_at.to_string(), "payload": { "order": "A-20417", "amount_cents": 184_950 },
    })
}

pub(super) fn micros() -> i64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The child process: starts a server, prints its address, and then its memory for each line of input. Stops at the end
/// of the input.
pub(crate) fn serve(data: PathBuf, url: Option<&str>) -> anyhow::Result<()> {
    let runtime = Runtime::new()?;
    let server = runtime.block_on(axme_server::start(super::settings(data, url)))?;
    println!("{}", server.addr());
    for _ in std::io::stdin().lock().lines() {
        println!("{}", super::idle::rss_kib()?);
        std::io::stdout().flush()?;
    }
    runtime.block_on(server.stop());
    Ok(())
}
