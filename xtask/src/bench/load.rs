//! The load generator: a process of its own, so that it shares the cores with the server as clients do in real life.
//!
//! It carries out the orders that come on its standard input, one after another, on one thread. Each client has a
//! connection of its own and sends its next request when it has the answer to the last.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use super::connection::{self, Connection};
use super::lifecycles;
use super::now;
use super::orders::{Order, Posts, Repeat, Report, Spread, Work};

/// How long a phase may take beyond its time before it counts as stuck.
const STUCK: Duration = Duration::from_secs(60);

pub fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for line in std::io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let most = order.warm_up + order.measured + STUCK;
        let report = runtime.block_on(async { tokio::time::timeout(most, carry_out(order)).await });
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &report.context("the phase is stuck")??)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

async fn carry_out(order: Order) -> anyhow::Result<Report> {
    match &order.work {
        Work::Posts(posts) => post(&order, posts).await,
        Work::Lifecycles(parties) => lifecycles::run(&order, parties).await,
    }
}

/// When a phase counts.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    begin: Instant,
    end: Instant,
}

impl Schedule {
    pub fn new(order: &Order) -> Schedule {
        let begin = now() + order.warm_up;
        Schedule { begin, end: begin + order.measured }
    }

    pub fn counts(&self, at: Instant) -> bool {
        self.begin <= at && at < self.end
    }

    pub fn is_over(&self, at: Instant) -> bool {
        at >= self.end
    }

    pub fn per_second(&self, count: usize) -> f64 {
        count as f64 / (self.end - self.begin).as_secs_f64()
    }
}

async fn post(order: &Order, posts: &Posts) -> anyhow::Result<Report> {
    let mut connections = Vec::with_capacity(order.clients);
    for _ in 0..order.clients {
        connections.push(Connection::open(order.address).await?);
    }
    let schedule = Schedule::new(order);
    let mut clients = JoinSet::new();
    for (client, connection) in connections.into_iter().enumerate() {
        let requests = Requests::new(posts, client, order.clients);
        clients.spawn(post_again_and_again(connection, requests, schedule));
    }
    let mut times = Vec::new();
    while let Some(done) = clients.join_next().await {
        times.extend(done??);
    }
    let per_second = schedule.per_second(times.len());
    Ok(Report { per_second, whole: Spread::of(&mut times).context("nothing was answered")?, to_agent: None })
}

async fn post_again_and_again(
    mut connection: Connection,
    mut requests: Requests,
    schedule: Schedule,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    loop {
        let began = now();
        connection.exchange(requests.next()).await?;
        let done = now();
        if schedule.counts(done) {
            times.push(done - began);
        }
        if schedule.is_over(done) {
            return Ok(times);
        }
    }
}

/// The requests of one client: the same bytes, but for the keys.
struct Requests {
    /// One for each key of the caller.
    bytes: Vec<Vec<u8>>,
    /// Where the counter stands that makes idempotency keys differ.
    counter: Option<std::ops::Range<usize>>,
    sent: usize,
}

impl Requests {
    fn new(Posts { path, keys, body, repeat }: &Posts, client: usize, clients: usize) -> Requests {
        // Each client begins with another key.
        let keys = keys.iter().cycle().skip(client * keys.len() / clients).take(keys.len());
        match repeat {
            Repeat::Plain => {
                let bytes = keys.map(|key| connection::post(path, key, "", body)).collect();
                Requests { bytes, counter: None, sent: 0 }
            }
            Repeat::Keyed(phase) => {
                let counter = "0000000000";
                let header = format!("idempotency-key: {phase}-{client:04}-{counter}\r\n");
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
