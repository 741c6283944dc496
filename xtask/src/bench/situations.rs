//! `--situations`: what the usual measures leave out. A scenario with an approval, open streams elsewhere, many timers at
//! once, a long history, a long backlog, and on PostgreSQL two nodes.
//!
//! Each runs once, against a server in its own process.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use axme_intent::Time;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::connection::{self, Connection};
use super::lifecycles::EventStream;
use super::protocol::{IdempotencyKeys, Percentiles, Phase, PostLoad, Workload};
use super::waiting::{Server, micros};
use super::{LoadGenerator, Registry, now};

const CLIENTS: usize = 64;
/// Agents that only listen, and the streams of each.
const CROWD: usize = 10;
const STREAMS_EACH: usize = 100;
/// Timers that are set for one moment, and how long before it.
const TIMERS: usize = 100_000;
const AHEAD: Duration = Duration::from_secs(25);
/// Answers that leave an intent with its agent; each adds events to its history.
const HAND_OVERS: usize = 5_000;
/// Deliveries that wait for one agent, and those that its listener reads.
const BACKLOG: usize = 100_000;
const READ: usize = 20_000;
/// Submits at one node that reach a stream at another.
const HOPS: usize = 300;
const PAUSE: Duration = Duration::from_millis(20);
const POLL: Duration = Duration::from_millis(50);
/// A situation fails after this time.
const STUCK: Duration = Duration::from_secs(180);

pub(crate) fn run(folder: &Path, url: Option<&str>, seconds: u64) -> anyhow::Result<()> {
    let runtime = Runtime::new()?;
    let mut generator = LoadGenerator::start()?;
    let mut server = Server::start(&folder.join("situations"), url, &runtime)?;
    let measured = Duration::from_secs(seconds);
    println!("| situation | result |\n|---|--:|");
    let row = |name: &str, result: String| println!("| {name} | {result} |");

    let lifecycle = |server: &Server| Phase {
        address: server.address,
        clients: CLIENTS,
        warm_up: measured / 4,
        measured,
        workload: Workload::Lifecycle { accounts: server.accounts.clone(), per_second: None },
    };
    let alone = generator.run_phase(&lifecycle(&server))?.per_second;
    row("lifecycles per second", format!("{alone:.0}"));
    let approvals = runtime.block_on(approvals(&server, measured))?;
    row(
        "scenarios of an agent's step and an approval, per second",
        format!("{approvals:.0} ({:.2} of the lifecycles)", approvals / alone),
    );
    let streams = runtime.block_on(crowd(&server))?;
    let crowded = generator.run_phase(&lifecycle(&server))?.per_second;
    let memory = server.rss_mib()?;
    let count = streams.len();
    row(
        &format!("lifecycles per second with {count} open streams of other agents"),
        format!("{crowded:.0} ({:.2}), {memory:.0} MiB", crowded / alone),
    );
    drop(streams);
    let fired = timers(&runtime, &mut generator, &server)?;
    row(&format!("timers fired per second, {TIMERS} due at once"), format!("{fired:.0}"));
    let (events, rate) = runtime.block_on(history(&server))?;
    row(&format!("events replayed per second from a history of {events}"), format!("{rate:.0}"));
    let rate = backlog(&runtime, &mut generator, &server)?;
    row(&format!("deliveries to a new listener per second, {BACKLOG} waiting"), format!("{rate:.0}"));
    if let Some(url) = url {
        let mut other = server.another_node(&folder.join("other-node"), url, &runtime)?;
        let hop = runtime.block_on(hop(&server, &other))?;
        row(
            "submit at one node to the stream of another, low load",
            format!("p50 {:.2} ms, p99 {:.2} ms", hop.p50, hop.p99),
        );
        other.stop()?;
    }
    generator.stop()?;
    server.stop()
}

async fn call(connection: &mut Connection, path: &str, key: &str, body: &Value) -> anyhow::Result<Value> {
    let answer = connection.exchange(&connection::post(path, key, "", &body.to_string())).await?;
    Ok(serde_json::from_slice(&answer)?)
}

async fn get(connection: &mut Connection, path: &str, key: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&connection.exchange(&connection::get(path, key)).await?)?)
}

/// Runs scenarios to their ends. Each client plays sender, agent and approver in turn.
async fn approvals(server: &Server, measured: Duration) -> anyhow::Result<f64> {
    let bundle = json!({
        "scenario_id": "bench.v1",
        "agents": [{ "role": "worker", "address": server.accounts.agent }],
        "humans": [{ "role": "boss" }],
        "workflow": { "steps": [
            { "step_id": "check", "assigned_to": "worker" },
            { "step_id": "approve", "assigned_to": "boss", "human_task": { "title": "Ship the order?" } },
        ] },
        "intent": { "type": "intent.bench.v1", "payload": { "order": "A-20417", "amount_cents": 184_950 } },
    });
    let began = now();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, bundle) = (server.address, bundle.clone());
        let (admin, agent) = (server.admin_key.clone(), server.accounts.agent_key.clone());
        clients.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut done = 0_usize;
            while now() - began < measured {
                let root = call(&mut connection, "/v1/scenarios/apply", &admin, &bundle).await?;
                let root = root["intent_id"].as_str().context("no intent_id")?.to_owned();
                let events = get(&mut connection, &format!("/v1/intents/{root}/events"), &admin).await?;
                let events = events["events"].as_array().context("no events")?;
                let step = events.iter().find_map(|event| event["details"]["child_intent_id"].as_str());
                let path = format!("/v1/intents/{}/resume", step.context("no step")?);
                call(&mut connection, &path, &agent, &json!({ "action": "complete", "ready": true })).await?;
                let answer = json!({ "task_result": { "outcome": "approved" } });
                let ended = call(&mut connection, &format!("/v1/intents/{root}/resume"), &admin, &answer).await?;
                ensure!(ended["intent"]["status"] == "COMPLETED", "not completed: {ended}");
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut total = 0;
    while let Some(done) = clients.join_next().await {
        total += done??;
    }
    Ok(total as f64 / (now() - began).as_secs_f64())
}

/// Opens streams of agents that get nothing.
async fn crowd(server: &Server) -> anyhow::Result<Vec<Connection>> {
    let mut registry = Registry::open(server.address, &server.admin_key).await?;
    let mut streams = Vec::with_capacity(CROWD * STREAMS_EACH);
    for nth in 0..CROWD {
        let (address, key) = registry.register(&format!("bench-silent-{nth}")).await?;
        let path = format!("/v1/agents/{}/intents/stream?since=0&follow=1", address.trim_start_matches("agent://"));
        for _ in 0..STREAMS_EACH {
            let mut stream = Connection::open(server.address).await?;
            stream.open_stream(&connection::get(&path, &key)).await?;
            streams.push(stream);
        }
    }
    Ok(streams)
}

/// Posts until about `count` requests were answered.
fn fill(generator: &mut LoadGenerator, server: &Server, body: &Value, count: usize) -> anyhow::Result<usize> {
    let mut sent = 0;
    while sent < count {
        let measured = Duration::from_secs(1);
        let posts = PostLoad {
            path: "/v1/intents".to_owned(),
            keys: vec![server.accounts.sender_key.clone()],
            body: body.to_string(),
            idempotency_keys: IdempotencyKeys::None,
        };
        let workload = Workload::Post(posts);
        let phase = Phase { address: server.address, clients: CLIENTS, warm_up: Duration::ZERO, measured, workload };
        sent += generator.run_phase(&phase)?.per_second as usize;
    }
    Ok(sent)
}

/// Returns how many timers fire per second when all are due at one moment.
fn timers(runtime: &Runtime, generator: &mut LoadGenerator, server: &Server) -> anyhow::Result<f64> {
    let (began, due_at) = (now(), Time::from_micros(micros()).plus_millis(AHEAD.as_millis() as u64));
    let body = json!({
        "intent_type": "intent.timer.v1", "to_agent": "agent://local/default/nobody", "payload": {},
        "deadline_at": due_at.to_string(),
    });
    let count = fill(generator, server, &body, TIMERS)?;
    ensure!(now() - began < AHEAD, "the machine is too slow to set {TIMERS} timers in {AHEAD:?}");
    runtime.block_on(async {
        tokio::time::sleep(AHEAD.saturating_sub(now() - began)).await;
        let mut connection = Connection::open(server.address).await?;
        loop {
            let path = "/v1/intents?status=DELIVERED&to_agent=nobody&limit=1";
            let left = get(&mut connection, path, &server.admin_key).await?;
            let took = (now() - began).saturating_sub(AHEAD);
            if left["intents"].as_array().is_some_and(Vec::is_empty) {
                return Ok(count as f64 / took.as_secs_f64());
            }
            ensure!(took < STUCK, "the timers do not fire: {left}");
            tokio::time::sleep(POLL).await;
        }
    })
}

/// Makes a long history, and reads it from its beginning. Returns its events, and how many were read per second.
async fn history(server: &Server) -> anyhow::Result<(usize, f64)> {
    let mut connection = Connection::open(server.address).await?;
    let (sender, agent) = (&server.accounts.sender_key, &server.accounts.agent_key);
    let body = json!({ "intent_type": "intent.bench.v1", "to_agent": server.accounts.agent, "payload": {} });
    let created = call(&mut connection, "/v1/intents", sender, &body).await?;
    let id = created["intent_id"].as_str().context("no intent_id")?.to_owned();
    let path = format!("/v1/intents/{id}/resume");
    for nth in 0..HAND_OVERS {
        call(&mut connection, &path, agent, &json!({ "status": "pending_parts", "reason": format!("part {nth}") }))
            .await?;
    }
    call(&mut connection, &path, agent, &json!({ "action": "complete" })).await?;
    let began = now();
    connection
        .open_stream(&connection::get(&format!("/v1/intents/{id}/events/stream?since=0&follow=1"), sender))
        .await?;
    let mut events = EventStream::new(&mut connection);
    let mut count = 0;
    while let Some(event) = events.next().await? {
        count += usize::from(event.name.starts_with("intent."));
    }
    Ok((count, count as f64 / (now() - began).as_secs_f64()))
}

/// Lets deliveries wait, and returns how many a listener reads per second.
fn backlog(runtime: &Runtime, generator: &mut LoadGenerator, server: &Server) -> anyhow::Result<f64> {
    let body = json!({
        "intent_type": "intent.bench.v1", "to_agent": server.accounts.agent,
        "payload": { "order": "A-20417", "customer": "Blue Harbour Ltd", "amount_cents": 184_950 },
    });
    fill(generator, server, &body, BACKLOG)?;
    runtime.block_on(async {
        let mut connection = Connection::open(server.address).await?;
        let name = server.accounts.agent.trim_start_matches("agent://");
        let path = format!("/v1/agents/{name}/intents/stream?since=2&follow=1");
        let began = now();
        connection.open_stream(&connection::get(&path, &server.accounts.agent_key)).await?;
        let mut events = EventStream::new(&mut connection);
        let mut count = 0;
        while count < READ {
            let event = events.next().await?.context("the stream ended")?;
            count += usize::from(event.name == "intent.delivered");
        }
        Ok(count as f64 / (now() - began).as_secs_f64())
    })
}

/// Submits at one node, and waits for each intent at the stream of another.
async fn hop(one: &Server, other: &Server) -> anyhow::Result<Percentiles> {
    let mut registry = Registry::open(one.address, &one.admin_key).await?;
    let (agent, key) = registry.register("bench-hop").await?;
    let mut stream = Connection::open(other.address).await?;
    let path = format!("/v1/agents/{}/intents/stream?since=2&follow=1", agent.trim_start_matches("agent://"));
    stream.open_stream(&connection::get(&path, &key)).await?;
    let mut events = EventStream::new(&mut stream);
    let mut connection = Connection::open(one.address).await?;
    let body = json!({ "intent_type": "intent.bench.v1", "to_agent": agent, "payload": {} });
    let mut times = Vec::with_capacity(HOPS);
    for _ in 0..HOPS {
        tokio::time::sleep(PAUSE).await;
        let began = now();
        call(&mut connection, "/v1/intents", &one.accounts.sender_key, &body).await?;
        while events.next().await?.context("the stream ended")?.name != "intent.delivered" {}
        times.push(now() - began);
    }
    Percentiles::of(&mut times).context("no delivery arrived")
}
