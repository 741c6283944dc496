//! The load generator: a separate process, so that it shares the cores with the server as real clients do.
//!
//! It runs the phases from its standard input one after another, on one thread. Each client has its own connection, and
//! sends its next request when it has the response to the last. Lifecycles may also start at a fixed rate.

use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;

use super::connection::{self, Connection};
use super::lifecycles;
use super::now;
use super::protocol::{IdempotencyKeys, Percentiles, Phase, PostLoad, Report, Workload};
use super::schedule::Schedule;

/// A phase fails this long after its end.
const STUCK: Duration = Duration::from_secs(60);

pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for line in std::io::stdin().lock().lines() {
        let phase: Phase = serde_json::from_str(&line?)?;
        let most = phase.warm_up + phase.measured + STUCK;
        let report = runtime.block_on(async { tokio::time::timeout(most, run_phase(phase)).await });
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &report.context("the phase did not end in time")??)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

async fn run_phase(phase: Phase) -> anyhow::Result<Report> {
    match &phase.workload {
        Workload::Post(posts) => post(&phase, posts).await,
        Workload::Lifecycle { accounts, per_second } => lifecycles::run(&phase, accounts, *per_second).await,
    }
}

async fn post(phase: &Phase, posts: &PostLoad) -> anyhow::Result<Report> {
    let mut connections = Vec::with_capacity(phase.clients);
    for _ in 0..phase.clients {
        connections.push(Connection::open(phase.address).await?);
    }
    let schedule = Schedule::new(phase);
    let mut clients = JoinSet::new();
    for (client, connection) in connections.into_iter().enumerate() {
        let requests = Requests::new(posts, client, phase.clients);
        clients.spawn(post_repeatedly(connection, requests, schedule));
    }
    let mut times = Vec::new();
    while let Some(done) = clients.join_next().await {
        times.extend(done??);
    }
    let per_second = schedule.per_second(times.len());
    Ok(Report { per_second, whole: Percentiles::of(&mut times).context("no request got a response")?, to_agent: None })
}

async fn post_repeatedly(
    mut connection: Connection,
    mut requests: Requests,
    schedule: Schedule,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    loop {
        let began = now();
        connection.exchange(requests.next()).await?;
        let done = now();
        if schedule.is_measured(done) {
            times.push(done - began);
        }
        if schedule.is_over(done) {
            return Ok(times);
        }
    }
}

/// The requests of one client: the same bytes, apart from the keys.
struct Requests {
    /// One request for each API key.
    bytes: Vec<Vec<u8>>,
    /// The range of the counter that makes idempotency keys unique.
    counter: Option<std::ops::Range<usize>>,
    sent: usize,
}

impl Requests {
    fn new(PostLoad { path, keys, body, idempotency_keys }: &PostLoad, client: usize, clients: usize) -> Requests {
        // Each client starts with a different key.
        let keys = keys.iter().cycle().skip(client * keys.len() / clients).take(keys.len());
        match idempotency_keys {
            IdempotencyKeys::None => {
                let bytes = keys.map(|key| connection::post(path, key, "", body)).collect();
                Requests { bytes, counter: None, sent: 0 }
            }
            IdempotencyKeys::Unique(prefix) => {
                let counter = "0000000000";
                let header = format!("idempotency-key: {prefix}-{client:04}-{counter}\r\n");
                let bytes = connection::post(path, &keys.map(String::as_str).collect::<String>(), &header, body);
                let text = String::from_utf8_lossy(&bytes);
                let end = text.find(&header).map(|at| at + header.len() - 2).unwrap_or_default();
                Requests { counter: Some(end - counter.len()..end), bytes: vec![bytes], sent: 0 }
            }
        }
    }

    fn next(&mut self) -> &[u8] {
        self.sent += 1;
        let place = self.sent % self.bytes.len();
        if let Some(range) = self.counter.clone() {
            let digits = format!("{:010}", self.sent);
            self.bytes[place][range].copy_from_slice(digits.as_bytes());
        }
        &self.bytes[place]
    }
}
