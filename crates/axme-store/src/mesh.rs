//! SQL for the mesh: heartbeats, hourly counters, and the rules and events of agents. Counters of an hour are one row
//! per agent; [`sweep`] deletes old hours and events.

use axme_intent::{Address, Time};
pub use axme_types::mesh::{AgentHealth, MeshEventType};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

/// An agent as the mesh sees it.
#[derive(Debug, Clone)]
pub struct Agent {
    pub service_account_id: String,
    pub address: Address,
    pub display_name: Option<String>,
    pub created_at: Time,
    pub beat_at: Option<Time>,
    pub is_killed: bool,
    pub metadata: Option<String>,
}

/// A filter of agents by their last heartbeat and their kill switch.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// The last heartbeat is later than `after` and not later than `until`. An agent without one has [`NEVER`].
    pub after: Time,
    pub until: Time,
    /// The lowest and the highest value of the kill switch.
    pub killed: (bool, bool),
}

/// The heartbeat time of an agent that never sent one.
pub const NEVER: Time = Time::from_micros(-1);

pub fn list(tx: &mut Tx<'_>, workspace: Uuid, after: &str, span: &Span, limit: i64) -> Result<Vec<Agent>, StoreError> {
    let rows = tx.rows(
        "SELECT a.service_account_id, a.address, a.display_name, a.created_at, m.beat_at, COALESCE(r.killed, 0), m.metadata \
         FROM service_accounts a \
         LEFT JOIN mesh_agents m ON m.workspace_id = a.workspace_id AND m.address = a.address \
         LEFT JOIN mesh_rules r ON r.workspace_id = a.workspace_id AND r.address = a.address \
         WHERE a.workspace_id = $1 AND a.address > $2 \
         AND COALESCE(m.beat_at, -1) > $3 AND COALESCE(m.beat_at, -1) <= $4 \
         AND COALESCE(r.killed, 0) >= $5 AND COALESCE(r.killed, 0) <= $6 \
         ORDER BY a.address LIMIT $7",
        &[
            workspace.into(),
            after.into(),
            span.after.into(),
            span.until.into(),
            span.killed.0.into(),
            span.killed.1.into(),
            limit.into(),
        ],
    )?;
    rows.iter().map(agent).collect()
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<Option<Agent>, StoreError> {
    let row = tx.row(
        "SELECT a.service_account_id, a.address, a.display_name, a.created_at, m.beat_at, COALESCE(r.killed, 0), m.metadata \
         FROM service_accounts a \
         LEFT JOIN mesh_agents m ON m.workspace_id = a.workspace_id AND m.address = a.address \
         LEFT JOIN mesh_rules r ON r.workspace_id = a.workspace_id AND r.address = a.address \
         WHERE a.workspace_id = $1 AND a.address = $2",
        &[workspace.into(), address.into()],
    )?;
    row.as_ref().map(agent).transpose()
}

fn agent(row: &Row) -> Result<Agent, StoreError> {
    Ok(Agent {
        service_account_id: row.string(0)?,
        address: Address::from_canonical(row.string(1)?),
        display_name: row.opt_string(2)?,
        created_at: row.time(3)?,
        beat_at: row.opt_time(4)?,
        is_killed: row.int(5)? != 0,
        metadata: row.opt_string(6)?,
    })
}

/// Counts the agents of a workspace: all, killed, with a heartbeat after `healthy`, after `degraded`, and without any.
/// The last three leave out killed agents.
pub fn count(tx: &mut Tx<'_>, workspace: Uuid, healthy: Time, degraded: Time) -> Result<[i64; 5], StoreError> {
    let row = tx.row(
        "SELECT COUNT(*), COUNT(CASE WHEN r.killed = 1 THEN 1 END), \
         COUNT(CASE WHEN COALESCE(r.killed, 0) = 0 AND m.beat_at > $1 THEN 1 END), \
         COUNT(CASE WHEN COALESCE(r.killed, 0) = 0 AND m.beat_at > $2 THEN 1 END), \
         COUNT(CASE WHEN COALESCE(r.killed, 0) = 0 AND m.beat_at IS NULL THEN 1 END) \
         FROM service_accounts a \
         LEFT JOIN mesh_agents m ON m.workspace_id = a.workspace_id AND m.address = a.address \
         LEFT JOIN mesh_rules r ON r.workspace_id = a.workspace_id AND r.address = a.address \
         WHERE a.workspace_id = $3 AND a.address IS NOT NULL",
        &[healthy.into(), degraded.into(), workspace.into()],
    )?;
    let row = row.ok_or_else(|| StoreError::Fault("a count returned nothing".to_owned()))?;
    Ok([row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?, row.int(4)?])
}

/// Finds the time of an agent's last heartbeat and the health that its last event reported.
pub fn find_beat(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
) -> Result<Option<(Time, AgentHealth)>, StoreError> {
    let row = tx.row(
        "SELECT beat_at, health FROM mesh_agents WHERE workspace_id = $1 AND address = $2",
        &[workspace.into(), address.into()],
    )?;
    row.map(|row| Ok((row.time(0)?, row.word(1, AgentHealth::parse)?))).transpose()
}

/// Records a heartbeat. Without metadata, the stored metadata stays.
pub fn put_beat(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
    at: Time,
    health: AgentHealth,
    metadata: Option<&String>,
) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO mesh_agents (workspace_id, address, beat_at, health, metadata) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (workspace_id, address) DO UPDATE SET beat_at = excluded.beat_at, health = excluded.health, \
         metadata = COALESCE(excluded.metadata, mesh_agents.metadata)",
        &[workspace.into(), address.into(), at.into(), health.as_str().into(), metadata.into()],
    )
}

/// An agent whose health differs from the one that its last event reported.
#[derive(Debug, Clone)]
pub struct Stale {
    pub workspace: Uuid,
    pub address: Address,
    pub beat_at: Time,
    pub health: AgentHealth,
}

/// Lists healthy agents without a heartbeat after `degraded`, and degraded ones without a heartbeat after `lost`. Scans
/// the whole table, because an index on the heartbeat time would slow down every heartbeat.
pub fn list_stale(tx: &mut Tx<'_>, degraded: Time, lost: Time, limit: i64) -> Result<Vec<Stale>, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, address, beat_at, health FROM mesh_agents \
         WHERE (health = 'healthy' AND beat_at <= $1) OR (health = 'degraded' AND beat_at <= $2) LIMIT $3",
        &[degraded.into(), lost.into(), limit.into()],
    )?;
    let stale = |row: &Row| {
        Ok(Stale {
            workspace: row.uuid(0)?,
            address: Address::from_canonical(row.string(1)?),
            beat_at: row.time(2)?,
            health: row.word(3, AgentHealth::parse)?,
        })
    };
    rows.iter().map(stale).collect()
}

/// Records the health that an event reports. Returns false if the agent has sent a heartbeat since, or another node was
/// first.
pub fn set_health(tx: &mut Tx<'_>, seen: &Stale, health: AgentHealth) -> Result<bool, StoreError> {
    let changed = tx.run(
        "UPDATE mesh_agents SET health = $1 WHERE workspace_id = $2 AND address = $3 AND beat_at = $4 AND health = $5",
        &[
            health.as_str().into(),
            seen.workspace.into(),
            (&seen.address).into(),
            seen.beat_at.into(),
            seen.health.as_str().into(),
        ],
    )?;
    Ok(changed > 0)
}

/// The largest number that is added to a sum at once.
pub const MAX_ADDED: i64 = 1_000_000_000_000_000;

/// The counters of an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub total: i64,
    pub succeeded: i64,
    pub failed: i64,
    pub latency_micros: i64,
    pub latencies: i64,
    pub cost_micros: i64,
    /// Counted by the server, for agents with a cost policy. The agent reports the others.
    pub admitted: i64,
}

/// Stops a sum at a meaninglessly large value, so that the total of a month fits into a column.
macro_rules! grown {
    ($column:literal) => {
        concat!(
            $column,
            " = CASE WHEN mesh_hours.",
            $column,
            " < 4000000000000000 THEN mesh_hours.",
            $column,
            " + excluded.",
            $column,
            " ELSE mesh_hours.",
            $column,
            " END"
        )
    };
}

/// Adds counters to an hour, which is numbered since 1970. Each counter is at most [`MAX_ADDED`].
pub fn add(tx: &mut Tx<'_>, workspace: Uuid, address: &Address, hour: i64, c: &Counts) -> Result<(), StoreError> {
    tx.holds_shared_lock();
    tx.push(
        concat!(
            "INSERT INTO mesh_hours (workspace_id, address, hour, total, succeeded, failed, latency_micros, latencies, \
             cost_micros, admitted) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (workspace_id, address, hour) DO UPDATE SET ",
            grown!("total"),
            ", ",
            grown!("succeeded"),
            ", ",
            grown!("failed"),
            ", ",
            grown!("latency_micros"),
            ", ",
            grown!("latencies"),
            ", ",
            grown!("cost_micros"),
            ", ",
            grown!("admitted")
        ),
        &[
            workspace.into(),
            address.into(),
            hour.into(),
            c.total.into(),
            c.succeeded.into(),
            c.failed.into(),
            c.latency_micros.into(),
            c.latencies.into(),
            c.cost_micros.into(),
            c.admitted.into(),
        ],
    )
}

/// Sums the counters of an agent from an hour on.
pub fn sum(tx: &mut Tx<'_>, workspace: Uuid, address: &Address, from_hour: i64) -> Result<Counts, StoreError> {
    let row = tx.row(
        "SELECT CAST(SUM(total) AS BIGINT), CAST(SUM(succeeded) AS BIGINT), CAST(SUM(failed) AS BIGINT), \
         CAST(SUM(latency_micros) AS BIGINT), CAST(SUM(latencies) AS BIGINT), CAST(SUM(cost_micros) AS BIGINT), \
         CAST(SUM(admitted) AS BIGINT) FROM mesh_hours WHERE workspace_id = $1 AND address = $2 AND hour >= $3",
        &[workspace.into(), address.into(), from_hour.into()],
    )?;
    let Some(row) = row else { return Ok(Counts::default()) };
    let number = |column: usize| row.opt_int(column).map(Option::unwrap_or_default);
    Ok(Counts {
        total: number(0)?,
        succeeded: number(1)?,
        failed: number(2)?,
        latency_micros: number(3)?,
        latencies: number(4)?,
        cost_micros: number(5)?,
        admitted: number(6)?,
    })
}

/// The rules of an agent.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub is_killed: bool,
    /// JSON; `None` without a cost policy.
    pub cost: Option<String>,
    /// JSON; `None` when every action is allowed.
    pub action: Option<String>,
}

/// A statement that reads whole rules.
macro_rules! rules {
    ($rest:literal) => {
        concat!("SELECT killed, cost, action FROM mesh_rules ", $rest)
    };
}

pub fn find_rules(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<Option<Rules>, StoreError> {
    let row = tx.row(rules!("WHERE workspace_id = $1 AND address = $2"), &[workspace.into(), address.into()])?;
    row.as_ref().map(rules).transpose()
}

/// Reads and locks the rules of an agent before a change, so that nodes do not overwrite each other's changes.
pub fn lock_rules(tx: &mut Tx<'_>, workspace: Uuid, address: &Address, now: Time) -> Result<Rules, StoreError> {
    // A lock needs a row.
    tx.push(
        "INSERT INTO mesh_rules (workspace_id, address, killed, updated_at) VALUES ($1, $2, 0, $3) \
         ON CONFLICT (workspace_id, address) DO NOTHING",
        &[workspace.into(), address.into(), now.into()],
    )?;
    let row =
        tx.row(rules!("WHERE workspace_id = $1 AND address = $2 FOR UPDATE"), &[workspace.into(), address.into()])?;
    Ok(row.as_ref().map(rules).transpose()?.unwrap_or_default())
}

fn rules(row: &Row) -> Result<Rules, StoreError> {
    Ok(Rules { is_killed: row.int(0)? != 0, cost: row.opt_string(1)?, action: row.opt_string(2)? })
}

pub fn put_rules(tx: &mut Tx<'_>, workspace: Uuid, address: &Address, r: &Rules, now: Time) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO mesh_rules (workspace_id, address, killed, cost, action, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (workspace_id, address) DO UPDATE SET killed = excluded.killed, cost = excluded.cost, \
         action = excluded.action, updated_at = excluded.updated_at",
        &[workspace.into(), address.into(), r.is_killed.into(), r.cost.as_ref().into(), r.action.as_ref().into(), now.into()],
    )
}

/// Lists the rules of a workspace's agents by address.
pub fn list_rules(tx: &mut Tx<'_>, workspace: Uuid, limit: i64) -> Result<Vec<(String, Rules)>, StoreError> {
    let rows = tx.rows(
        "SELECT killed, cost, action, address FROM mesh_rules WHERE workspace_id = $1 ORDER BY address LIMIT $2",
        &[workspace.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok((row.string(3)?, rules(row)?))).collect()
}

/// Something that happened to an agent.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: Uuid,
    pub address: Address,
    pub event_type: MeshEventType,
    /// JSON.
    pub details: Option<String>,
    pub actor: Option<String>,
    pub at: Time,
}

pub fn insert_event(tx: &mut Tx<'_>, workspace: Uuid, e: &Event) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO mesh_events (workspace_id, event_id, address, event_type, details, actor, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            workspace.into(),
            e.id.into(),
            (&e.address).into(),
            e.event_type.as_str().into(),
            e.details.as_ref().into(),
            e.actor.as_ref().into(),
            e.at.into(),
        ],
    )
}

/// A statement that reads whole events.
macro_rules! events {
    ($rest:literal) => {
        concat!("SELECT event_id, address, event_type, details, actor, at FROM mesh_events ", $rest)
    };
}

/// Lists the latest events of a workspace, newest first; with a type, only those of that type.
pub fn list_events(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    event_type: Option<&String>,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let rows = match event_type {
        None => tx.rows(
            events!("WHERE workspace_id = $1 ORDER BY event_id DESC LIMIT $2"),
            &[workspace.into(), limit.into()],
        )?,
        Some(event_type) => tx.rows(
            events!("WHERE workspace_id = $1 AND event_type = $2 ORDER BY event_id DESC LIMIT $3"),
            &[workspace.into(), event_type.into(), limit.into()],
        )?,
    };
    rows.iter().map(event).collect()
}

/// Lists the latest events of an agent, newest first.
pub fn list_events_of(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let rows = tx.rows(
        events!("WHERE workspace_id = $1 AND address = $2 ORDER BY event_id DESC LIMIT $3"),
        &[workspace.into(), address.into(), limit.into()],
    )?;
    rows.iter().map(event).collect()
}

fn event(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        id: row.uuid(0)?,
        address: Address::from_canonical(row.string(1)?),
        event_type: row.word(2, MeshEventType::parse)?,
        details: row.opt_string(3)?,
        actor: row.opt_string(4)?,
        at: row.time(5)?,
    })
}

/// Deletes up to `limit` rows: events before a time, and counters of hours that ended before it. Returns how many.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let events = tx.rows(
        "SELECT workspace_id, event_id FROM mesh_events WHERE at < $1 AND workspace_id NOT IN \
         (SELECT workspace_id FROM retention_rules WHERE held = 1) ORDER BY at LIMIT $2",
        &[before.into(), limit.into()],
    )?;
    for row in &events {
        tx.push(
            "DELETE FROM mesh_events WHERE workspace_id = $1 AND event_id = $2",
            &[row.uuid(0)?.into(), row.uuid(1)?.into()],
        )?;
    }
    let hours = tx.rows(
        "SELECT workspace_id, address, hour FROM mesh_hours WHERE hour < $1 AND workspace_id NOT IN \
         (SELECT workspace_id FROM retention_rules WHERE held = 1) ORDER BY hour LIMIT $2",
        &[hour_of(before).into(), (limit - events.len() as i64).into()],
    )?;
    for row in &hours {
        tx.push(
            "DELETE FROM mesh_hours WHERE workspace_id = $1 AND address = $2 AND hour = $3",
            &[row.uuid(0)?.into(), row.text(1)?.into(), row.int(2)?.into()],
        )?;
    }
    Ok(events.len() + hours.len())
}

/// Returns the number of the hour that contains a time.
pub fn hour_of(at: Time) -> i64 {
    at.micros().div_euclid(3_600_000_000)
}
