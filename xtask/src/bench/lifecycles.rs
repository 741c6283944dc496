//! Whole lifecycles. A sender submits an intent. The agent reads it from its stream, gets it (which acknowledges it)
//! and answers. The sender reads the result from the stream of the intent.
//!
//! Sender and agent each have one connection per concurrent lifecycle; the agent listens on a few more. The payload
//! names the waiting sender, because an intent may reach the agent before the response to its submit reaches the
//! sender.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::connection::{self, Connection};
use super::now;
use super::protocol::{Accounts, Percentiles, Phase, Report};
use super::schedule::{Pace, Schedule};

/// The connections on which the agent listens, at most one per concurrent lifecycle.
const LISTENERS: usize = 4;
/// The number on the wire of the last event that a create writes. A sender waits for later events.
const SEEN_BY_CREATE: u64 = 6;

/// An intent that arrived at the agent.
struct Delivery {
    intent_id: String,
    turn: u64,
    at: Instant,
}

pub(crate) async fn run(phase: &Phase, accounts: &Accounts, per_second: Option<f64>) -> anyhow::Result<Report> {
    let mut senders = JoinSet::new();
    let mut agent = JoinSet::new();
    let mut inboxes = Vec::with_capacity(phase.clients);
    let mut channels = Vec::with_capacity(phase.clients);
    for _ in 0..phase.clients {
        let (to_handler, from_listener) = mpsc::unbounded_channel();
        let (to_sender, from_handler) = mpsc::unbounded_channel();
        let connection = Connection::open(phase.address).await?;
        agent.spawn(handle(connection, accounts.agent_key.clone(), from_listener, to_sender));
        inboxes.push(to_handler);
        channels.push((Connection::open(phase.address).await?, from_handler));
    }
    for _ in 0..phase.clients.min(LISTENERS) {
        let stream = open_queue(phase.address, accounts).await?;
        agent.spawn(listen(stream, inboxes.clone()));
    }
    let (begin, schedule) = (now(), Schedule::new(phase));
    for (slot, (connection, arrivals)) in channels.into_iter().enumerate() {
        let pace = per_second.map(|per_second| Pace::new(begin, per_second, slot, phase.clients));
        senders.spawn(Sender { connection, arrivals, accounts: accounts.clone(), slot, pace }.run(schedule));
    }
    let (mut to_agent, mut whole) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            done = senders.join_next() => match done {
                Some(times) => for (hands, result) in times?? {
                    to_agent.push(hands);
                    whole.push(result);
                },
                None => break,
            },
            Some(ended) = agent.join_next() => ended?.context("the agent failed")?,
        }
    }
    Ok(Report {
        per_second: schedule.per_second(whole.len()),
        to_agent: Percentiles::of(&mut to_agent),
        whole: Percentiles::of(&mut whole).context("no lifecycle was completed")?,
    })
}

/// Submits one intent after another, and waits for each result.
struct Sender {
    /// At a fixed rate, times count from when a lifecycle is due.
    pace: Option<Pace>,
    connection: Connection,
    arrivals: mpsc::UnboundedReceiver<Delivery>,
    accounts: Accounts,
    slot: usize,
}

impl Sender {
    /// Returns two times of each measured lifecycle: from submit to the agent, and from submit to the result.
    async fn run(mut self, schedule: Schedule) -> anyhow::Result<Vec<(Duration, Duration)>> {
        let mut times = Vec::new();
        for turn in 0.. {
            let began = match &self.pace {
                Some(pace) => pace.wait_for(turn).await,
                None => now(),
            };
            let body = json!({
                "intent_type": "intent.bench.v1",
                "to_agent": self.accounts.agent,
                "payload": { "slot": self.slot, "turn": turn, "question": "Is the order of 12 March ready to be shipped?" },
            });
            let request = connection::post("/v1/intents", &self.accounts.sender_key, "", &body.to_string());
            let answer: Value = serde_json::from_slice(&self.connection.exchange(&request).await?)?;
            let id = answer["intent_id"].as_str().context("the response has no intent_id")?;
            let path = format!("/v1/intents/{id}/events/stream?since={SEEN_BY_CREATE}&follow=1");
            let mut events = EventStream::new(&mut self.connection);
            events.connection.open_stream(&connection::get(&path, &self.accounts.sender_key)).await?;
            let done = loop {
                let event = events.next().await?.context("the stream of an intent ended without a result")?;
                match event.name.as_str() {
                    "intent.completed" => break now(),
                    "intent.failed" | "intent.canceled" | "intent.timed_out" => {
                        bail!("unexpected event: {}", event.data)
                    }
                    _ => {}
                }
            };
            // The connection can be used again only after the stream has ended.
            while events.next().await?.is_some() {}
            let mut arrived = self.arrivals.recv().await.context("the agent has stopped")?;
            while arrived.turn < turn {
                arrived = self.arrivals.recv().await.context("the agent has stopped")?;
            }
            ensure!(arrived.turn == turn, "an intent arrived before it was sent");
            if schedule.is_measured(done) {
                times.push((arrived.at - began, done - began));
            }
            if schedule.is_over(done) {
                break;
            }
        }
        Ok(times)
    }
}

/// Opens a stream of the agent's intents.
async fn open_queue(address: SocketAddr, accounts: &Accounts) -> anyhow::Result<Connection> {
    let mut connection = Connection::open(address).await?;
    let name = accounts.agent.trim_start_matches("agent://");
    let path = format!("/v1/agents/{name}/intents/stream?since=0&follow=1");
    connection.open_stream(&connection::get(&path, &accounts.agent_key)).await?;
    Ok(connection)
}

/// Reads the agent's stream and hands each intent to the handler of its slot.
async fn listen(mut stream: Connection, handlers: Vec<mpsc::UnboundedSender<Delivery>>) -> anyhow::Result<()> {
    let mut events = EventStream::new(&mut stream);
    while let Some(event) = events.next().await? {
        let at = now();
        if event.name != "intent.delivered" {
            continue;
        }
        let data: Value = serde_json::from_str(&event.data)?;
        let slot = data["payload"]["slot"].as_u64().context("the delivery has no slot")?;
        let turn = data["payload"]["turn"].as_u64().context("the delivery has no turn")?;
        let intent_id = data["intent_id"].as_str().context("the delivery has no intent_id")?.to_owned();
        let handler = handlers.get(usize::try_from(slot)?).context("the delivery belongs to another phase")?;
        handler.send(Delivery { intent_id, turn, at }).ok().context("a handler has stopped")?;
    }
    bail!("the stream of the agent ended")
}

/// Gets each intent and answers it.
async fn handle(
    mut connection: Connection,
    key: String,
    mut inbox: mpsc::UnboundedReceiver<Delivery>,
    sender: mpsc::UnboundedSender<Delivery>,
) -> anyhow::Result<()> {
    let answer = json!({ "action": "complete", "ready": true, "carrier": "by road", "parcels": 2 }).to_string();
    let mut next = 0;
    while let Some(delivered) = inbox.recv().await {
        // Deliveries may repeat: skip the second one.
        if delivered.turn < next {
            continue;
        }
        next = delivered.turn + 1;
        let path = format!("/v1/intents/{}", delivered.intent_id);
        connection.exchange(&connection::get(&path, &key)).await?;
        connection.exchange(&connection::post(&format!("{path}/resume"), &key, "", &answer)).await?;
        if sender.send(delivered).is_err() {
            break;
        }
    }
    // The phase has ended. The handler itself must not end, because that is treated as a failure.
    std::future::pending().await
}

/// Server-sent events as they arrive.
pub(super) struct EventStream<'a> {
    connection: &'a mut Connection,
    text: Vec<u8>,
}

pub(super) struct Event {
    pub(super) name: String,
    data: String,
}

impl<'a> EventStream<'a> {
    /// Reads the events of a stream that is open on a connection.
    pub(super) fn new(connection: &'a mut Connection) -> EventStream<'a> {
        EventStream { connection, text: Vec::new() }
    }

    /// Returns the next event, or `None` at the end of the stream. Skips comments.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                let block = String::from_utf8(block)?;
                let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let (Some(name), Some(data)) = (line("event: "), line("data: ")) {
                    return Ok(Some(Event { name, data }));
                }
                continue;
            }
            match self.connection.chunk().await? {
                Some(chunk) => self.text.extend_from_slice(chunk),
                None => return Ok(None),
            }
        }
    }
}
