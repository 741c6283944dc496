//! The mesh: heartbeats, health and the kill switch of agents. `policy::admission` enforces their policies.
//!
//! Health is computed from the time of the last heartbeat when it is read. When it changes without a heartbeat,
//! `workers::mesh` records an event.

pub mod rules;

use axme_api::mesh::{
    AgentHealth, AgentRef, HealthFilter, Heartbeat, HeartbeatAnswer, ListMeshAgents, ListMeshEvents, MeshAgentAnswer,
    MeshAgentList, MeshAgentView, MeshEventList, MeshEventType, MeshEventView, MeshMetrics, MeshSummary, MeshWindow,
    SwitchAnswer, SwitchStatus,
};
use axme_api::{ApiError, ErrorCode, Object};
use axme_intent::{Address, Time};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::Caller;
use crate::call::{Binding, PrepareContext, handler};
use crate::consumers;
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::policy::agent_limits::{is_stopped, midnight, usd};
use crate::policy::receivers;
use crate::policy::snapshot::{self, Snapshot};
use axme_store::consumers::{Consumer, ConsumerName};
use axme_store::mesh::{Agent, Counts, Event, NEVER, Rules, Span, hour_of};
use axme_store::{Shard, Signal, Tx, mesh as store, service_accounts};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(
        &handler(&axme_api::mesh::HEARTBEAT, prepare_heartbeat, heartbeat).on(|beat| beat.shard).read_directly(),
    ),
    Binding::Transaction(&handler(&axme_api::mesh::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::mesh::GET, prepare_named, get)),
    Binding::Transaction(&handler(&axme_api::mesh::KILL, prepare_named, kill)),
    Binding::Transaction(&handler(&axme_api::mesh::RESUME, prepare_named, resume)),
    Binding::Transaction(&handler(&axme_api::mesh::EVENTS, prepare_events, events)),
];

/// An agent whose last heartbeat is more recent than this is healthy.
pub const HEALTHY_SECONDS: u64 = 90;
/// An agent whose last heartbeat is more recent than this is degraded, otherwise unreachable.
pub const DEGRADED_SECONDS: u64 = 300;

/// Upper bounds of the numbers in one heartbeat.
const MAX_HEARTBEAT_NUMBER: u64 = 1_000_000_000_000;
const MAX_USD: f64 = 1_000_000_000.0;
const MAX_LATENCY_MILLIS: f64 = 1_000_000_000.0;
/// Maximum JSON of the fields in `metrics` that are not counters. They are stored unchanged.
const MAX_METADATA_BYTES: usize = 4_096;
/// Events shown with an agent.
const LATEST_EVENTS: i64 = 20;

pub struct Beat {
    shard: Shard,
    counts: Counts,
    metadata: Option<String>,
    /// The consumer that the heartbeat names. It keeps its claims; a nameless heartbeat keeps nobody's.
    consumer: Option<ConsumerName>,
}

pub(crate) fn prepare_heartbeat(context: &PrepareContext<'_>, input: Heartbeat) -> Result<Beat> {
    let own = own_address(context.caller)?;
    let (counts, rest) = read_metrics(input.metrics.unwrap_or_default())?;
    let metadata = (!rest.is_empty()).then(|| Value::Object(rest).to_string());
    if metadata.as_ref().is_some_and(|text| text.len() > MAX_METADATA_BYTES) {
        let message =
            format!("metrics: fields that are not counters may have at most {MAX_METADATA_BYTES} bytes of JSON");
        return Err(ApiError::invalid(message).into());
    }
    let consumer = context.consumer(input.consumer.as_deref())?;
    Ok(Beat { shard: Shard::of_address(own), counts, metadata, consumer })
}

/// Returns the address of the agent that the key belongs to.
fn own_address(caller: &Caller) -> Result<&Address> {
    caller.address.as_ref().ok_or_else(|| {
        let message = "this key does not belong to an agent; send heartbeats with an agent's key";
        ApiError::new(ErrorCode::NotAnAgent, message).into()
    })
}

/// Splits metrics into counters and other fields. Missing or null numbers add nothing.
fn read_metrics(mut metrics: Object) -> Result<(Counts, Object)> {
    let mut number = |name: &str, most: f64| -> Result<Option<f64>> {
        match metrics.get(name) {
            None => Ok(None),
            Some(Value::Null) => {
                metrics.remove(name);
                Ok(None)
            }
            Some(value) => match value.as_f64() {
                Some(number) if (0.0..=most).contains(&number) => {
                    metrics.remove(name);
                    Ok(Some(number))
                }
                _ => Err(ApiError::invalid(format!("metrics.{name}: must be a number from 0 to {most}")).into()),
            },
        }
    };
    let most = MAX_HEARTBEAT_NUMBER as f64;
    let [total, succeeded, failed] = ["intents_total", "intents_succeeded", "intents_failed"].map(|n| number(n, most));
    let (total, succeeded, failed) = (total?, succeeded?.unwrap_or(0.0), failed?.unwrap_or(0.0));
    let total = total.unwrap_or(succeeded + failed);
    let latency = number("avg_latency_ms", MAX_LATENCY_MILLIS)?;
    let cost = number("cost_usd", MAX_USD)?.unwrap_or(0.0);
    // `avg_latency_ms` is the mean over the intents of this heartbeat.
    let latencies = if latency.is_some() { total.max(1.0) } else { 0.0 };
    let latency_micros = latency.unwrap_or(0.0) * 1_000.0 * latencies;
    if latency_micros.max(cost * 1_000_000.0) > store::MAX_ADDED as f64 {
        return Err(ApiError::invalid("metrics: avg_latency_ms or cost_usd is too large for one heartbeat").into());
    }
    let counts = Counts {
        total: total as i64,
        succeeded: succeeded as i64,
        failed: failed as i64,
        latency_micros: latency_micros as i64,
        latencies: latencies as i64,
        cost_micros: (cost * 1_000_000.0).round() as i64,
        admitted: 0,
    };
    Ok((counts, metrics))
}

/// Records a heartbeat. Writes the agent's row, its row of the hour if there is anything to count, and an event if its
/// health changes.
pub fn heartbeat(cx: &mut CallContext<'_, '_>, beat: &Beat) -> Result<HeartbeatAnswer> {
    let (workspace, now) = (cx.caller.workspace, cx.now);
    let address = own_address(cx.caller)?;
    if let Some(name) = beat.consumer.clone() {
        consumers::arrive(cx.tx, &Consumer { workspace, address: address.clone(), name }, now)?;
    }
    let known = store::find_beat(cx.tx, workspace, address)?;
    store::put_beat(cx.tx, workspace, address, now, AgentHealth::Healthy, beat.metadata.as_ref())?;
    if beat.counts != Counts::default() {
        store::add(cx.tx, workspace, address, hour_of(now), &beat.counts)?;
    }
    let was = match &known {
        None => AgentHealth::Unknown,
        // The worker may not have recorded the change yet.
        Some((at, AgentHealth::Healthy)) => health_at(*at, now),
        Some((_, told)) => *told,
    };
    if was != AgentHealth::Healthy {
        let details = json!({ "from": was, "to": AgentHealth::Healthy });
        record_event(cx.tx, workspace, address, (MeshEventType::Healthy, None, Some(details)))?;
    }
    let is_killed = is_stopped(cx.tx, workspace, address)?;
    let status = if is_killed { AgentHealth::Killed } else { AgentHealth::Healthy };
    Ok(HeartbeatAnswer {
        ok: true,
        health_status: status,
        status,
        address_id: address_id(&cx.caller.service_account_id),
        address: address.to_string(),
        received_at: now.into(),
    })
}

/// Records an event with its type, actor and details.
pub fn record_event(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
    (event_type, actor, details): (MeshEventType, Option<String>, Option<Value>),
) -> Result<(), StoreError> {
    let rng = tx.rng;
    let now = tx.now;
    let event = Event {
        id: rng.uuid_at(now),
        address: address.clone(),
        event_type,
        details: details.map(|details| details.to_string()),
        actor,
        at: now,
    };
    store::insert_event(tx, workspace, &event)
}

/// Returns the health of an agent whose last heartbeat was at `beat_at`.
pub fn health_at(beat_at: Time, now: Time) -> AgentHealth {
    match now.since(beat_at).as_secs() {
        age if age < HEALTHY_SECONDS => AgentHealth::Healthy,
        age if age < DEGRADED_SECONDS => AgentHealth::Degraded,
        _ => AgentHealth::Unreachable,
    }
}

fn health_of(agent: &Agent, now: Time) -> AgentHealth {
    match agent.beat_at {
        _ if agent.is_killed => AgentHealth::Killed,
        None => AgentHealth::Unknown,
        Some(at) => health_at(at, now),
    }
}

/// Returns the times after which an agent's last heartbeat makes it healthy, and at least degraded.
fn bounds(now: Time) -> (Time, Time) {
    (now.minus_millis(HEALTHY_SECONDS * 1_000), now.minus_millis(DEGRADED_SECONDS * 1_000))
}

/// Returns the id of an agent in the mesh: the id of its account with another prefix.
fn address_id(account: &str) -> String {
    format!("addr_{}", account.strip_prefix("sa_").unwrap_or(account))
}

/// Returns the agent that a path names by its id or its address.
pub fn find(cx: &mut CallContext<'_, '_>, named: &str) -> Result<Agent> {
    let workspace = cx.caller.workspace;
    let by_id = match named.trim().strip_prefix("addr_") {
        Some(id) => service_accounts::find_service_account(cx.tx, workspace, &format!("sa_{id}"))?,
        None => None,
    };
    let address = by_id.and_then(|account| account.address);
    let address = address.unwrap_or_else(|| Address::resolve(named.trim(), cx.caller.home()));
    match store::find(cx.tx, workspace, &address)? {
        Some(agent) => Ok(agent),
        None => Err(receivers::not_found(cx, &address)?.into()),
    }
}

/// Returns the id and the address that answers show for an agent.
pub fn names(agent: &Agent) -> (String, String) {
    (address_id(&agent.service_account_id), agent.address.to_string())
}

/// Returns the number of the first hour of a period that ends now.
fn first_hour(window: MeshWindow, now: Time) -> i64 {
    let days = match window {
        MeshWindow::Day => 1,
        MeshWindow::Week => 7,
        MeshWindow::Month => 30,
    };
    midnight(now) - (days - 1) * 24
}

pub struct Listing {
    health: Option<HealthFilter>,
    window: MeshWindow,
    after: String,
    limit: i64,
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListMeshAgents) -> Result<Listing> {
    let window = input.window.unwrap_or(MeshWindow::Day);
    Ok(Listing { health: input.health, window, after: input.after.unwrap_or_default(), limit: input.limit.items()? })
}

pub fn list(cx: &mut CallContext<'_, '_>, listing: &Listing) -> Result<MeshAgentList> {
    let workspace = cx.caller.workspace;
    let (healthy, degraded) = bounds(cx.now);
    let (first, last) = (Time::from_micros(i64::MIN), Time::from_micros(i64::MAX));
    let span = match listing.health {
        None => Span { after: first, until: last, killed: (false, true) },
        Some(HealthFilter::Killed | HealthFilter::Dead) => Span { after: first, until: last, killed: (true, true) },
        Some(HealthFilter::Unknown) => Span { after: first, until: NEVER, killed: (false, false) },
        Some(HealthFilter::Healthy) => Span { after: healthy, until: last, killed: (false, false) },
        Some(HealthFilter::Degraded) => Span { after: degraded, until: healthy, killed: (false, false) },
        Some(HealthFilter::Unreachable) => Span { after: NEVER, until: degraded, killed: (false, false) },
    };
    let mut agents = Vec::new();
    for agent in store::list(cx.tx, workspace, &listing.after, &span, listing.limit)? {
        let counts = store::sum(cx.tx, workspace, &agent.address, first_hour(listing.window, cx.now))?;
        agents.push(view(&agent, &counts, cx.now));
    }
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let [total, killed, is_healthy, reachable, unknown] = store::count(cx.tx, workspace, healthy, degraded)?;
    let summary = MeshSummary {
        total: number(total),
        healthy: number(is_healthy),
        degraded: number(reachable - is_healthy),
        unreachable: number(total - killed - reachable - unknown),
        killed: number(killed),
        unknown: number(unknown),
    };
    Ok(MeshAgentList { ok: true, agents, summary })
}

fn view(agent: &Agent, counts: &Counts, now: Time) -> MeshAgentView {
    let (address_id, address) = names(agent);
    MeshAgentView {
        address_id,
        address,
        display_name: agent.display_name.clone(),
        health_status: health_of(agent, now),
        last_heartbeat_at: agent.beat_at.map(Into::into),
        created_at: agent.created_at.into(),
        intents_period: u64::try_from(counts.total).unwrap_or(0),
        cost_period: usd(counts.cost_micros),
        metadata: agent.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()),
    }
}

pub struct AgentQuery {
    pub agent: String,
    window: MeshWindow,
}

pub(crate) fn prepare_named(_: &PrepareContext<'_>, input: AgentRef) -> Result<AgentQuery> {
    Ok(AgentQuery { window: input.window.unwrap_or(MeshWindow::Day), agent: input.address_id })
}

pub fn get(cx: &mut CallContext<'_, '_>, query: &AgentQuery) -> Result<MeshAgentAnswer> {
    let workspace = cx.caller.workspace;
    let agent = find(cx, &query.agent)?;
    let counts = store::sum(cx.tx, workspace, &agent.address, first_hour(query.window, cx.now))?;
    let rules = Snapshot::of(cx.tx, workspace)?.agent(cx.tx, workspace, &agent.address)?;
    let events = store::list_events_of(cx.tx, workspace, &agent.address, LATEST_EVENTS)?;
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let metrics = MeshMetrics {
        window: query.window,
        intents_total: number(counts.total),
        intents_succeeded: number(counts.succeeded),
        intents_failed: number(counts.failed),
        avg_latency_ms: (counts.latencies > 0)
            .then(|| counts.latency_micros as f64 / counts.latencies as f64 / 1_000.0),
        cost_usd: usd(counts.cost_micros),
    };
    Ok(MeshAgentAnswer {
        ok: true,
        agent: view(&agent, &counts, cx.now),
        metrics,
        cost_policy: rules.as_ref().and_then(|rules| rules.cost.clone()),
        action_policy: rules.map(|rules| rules.action.clone()).unwrap_or_default(),
        events: view_events(cx, &events)?,
    })
}

pub fn kill(cx: &mut CallContext<'_, '_>, query: &AgentQuery) -> Result<SwitchAnswer> {
    switch(cx, query, true)
}

pub fn resume(cx: &mut CallContext<'_, '_>, query: &AgentQuery) -> Result<SwitchAnswer> {
    switch(cx, query, false)
}

/// Kills or resumes an agent. A repeat has no effect.
fn switch(cx: &mut CallContext<'_, '_>, query: &AgentQuery, kill: bool) -> Result<SwitchAnswer> {
    let mut agent = find(cx, &query.agent)?;
    let (workspace, address) = (cx.caller.workspace, agent.address.clone());
    let rules = store::lock_rules(cx.tx, workspace, &address, cx.now)?;
    if rules.is_killed != kill {
        store::put_rules(cx.tx, workspace, &address, &Rules { is_killed: kill, ..rules }, cx.now)?;
        let (event_type, action) = match kill {
            true => (MeshEventType::Killed, "mesh.agents.kill"),
            false => (MeshEventType::Resumed, "mesh.agents.resume"),
        };
        record_event(cx.tx, workspace, &address, (event_type, Some(cx.caller.actor()), None))?;
        cx.audit(action, address.as_str(), &json!({}))?;
        snapshot::changed(cx.tx, workspace)?;
        // Readers of the agent's queue must look again.
        cx.tx.signal(Signal::queue(workspace, &address));
    }
    agent.is_killed = kill;
    let (address_id, address) = names(&agent);
    let status = if kill { SwitchStatus::Killed } else { SwitchStatus::Active };
    Ok(SwitchAnswer { ok: true, status, address_id, address, health_status: health_of(&agent, cx.now) })
}

pub(crate) fn prepare_events(_: &PrepareContext<'_>, input: ListMeshEvents) -> Result<(Option<String>, i64)> {
    Ok((input.event_type, input.limit.items()?))
}

pub fn events(cx: &mut CallContext<'_, '_>, (event_type, limit): &(Option<String>, i64)) -> Result<MeshEventList> {
    let events = store::list_events(cx.tx, cx.caller.workspace, event_type.as_ref(), *limit)?;
    Ok(MeshEventList { ok: true, events: view_events(cx, &events)? })
}

fn view_events(cx: &mut CallContext<'_, '_>, events: &[Event]) -> Result<Vec<MeshEventView>> {
    let mut shown = Vec::with_capacity(events.len());
    for event in events {
        let account = service_accounts::find_agent(cx.tx, cx.caller.workspace, &event.address)?;
        shown.push(MeshEventView {
            event_id: event.id.into(),
            address_id: account.map(|account| address_id(&account.service_account_id)).unwrap_or_default(),
            address: event.address.to_string(),
            event_type: event.event_type,
            details: event.details.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            actor_id: event.actor.clone(),
            created_at: event.at.into(),
        });
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use axme_api::{Object, openapi};

    #[test]
    fn every_published_metric_is_a_counter() {
        let published = openapi::document()["components"]["schemas"]["Metrics"]["properties"].as_object().unwrap();
        let metrics: Object = published.keys().map(|name| (name.clone(), 2.into())).collect();
        assert_eq!(metrics.len(), 5);
        let (counts, metadata) = super::read_metrics(metrics).unwrap();
        assert_eq!((counts.total, counts.succeeded, counts.failed, counts.cost_micros), (2, 2, 2, 2_000_000));
        assert!(metadata.is_empty(), "{metadata:?}");
    }
}
