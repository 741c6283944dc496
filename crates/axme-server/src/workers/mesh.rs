//! Records events of agents whose heartbeats have stopped.

use std::sync::Arc;

use serde_json::json;

use axme_core::error::Result;
use axme_core::ops::mesh::{DEGRADED_SECONDS, HEALTHY_SECONDS, health_at, record_event};
use axme_core::state::AppState;
use axme_store::mesh::{AgentHealth, MeshEventType};
use axme_store::{Shard, Tx, mesh as store};

/// Agents in one transaction.
const ROUND: i64 = 500;
const HEALTH_SECONDS: u64 = 15;

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>) {
    loop {
        if let Err(error) = tick(&app).await {
            tracing::warn!(%error, "could not record changes of agent health");
        }
        tokio::select! {
            () = app.system.clock.sleep_until(app.system.clock.now().plus_seconds(HEALTH_SECONDS)) => {}
            () = app.stopped() => return,
        }
    }
}

/// Records an event for each agent whose health has dropped. Returns their number.
pub async fn tick(app: &Arc<AppState>) -> Result<usize> {
    let mut told = 0;
    loop {
        let now = app.system.clock.now();
        let stale = app.store.read(list).await?;
        let is_last = (stale.len() as i64) < ROUND;
        if stale.is_empty() {
            return Ok(told);
        }
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            let mut told = 0;
            for agent in &stale {
                let health = health_at(agent.beat_at, now);
                if store::set_health(tx, agent, health)? {
                    let details = json!({ "from": agent.health, "to": health });
                    record_event(tx, agent.workspace, &agent.address, (change_to(health), None, Some(details)))?;
                    told += 1;
                }
            }
            Ok(told)
        };
        told += app.store.write(Shard::CONTROL, job).await?;
        if is_last {
            return Ok(told);
        }
    }
}

/// Returns the type of the event for a change to `health`.
fn change_to(health: AgentHealth) -> MeshEventType {
    match health {
        AgentHealth::Healthy => MeshEventType::Healthy,
        AgentHealth::Degraded => MeshEventType::Degraded,
        AgentHealth::Unreachable | AgentHealth::Unknown => MeshEventType::Unreachable,
        AgentHealth::Killed => MeshEventType::Killed,
    }
}

fn list(tx: &mut Tx<'_>) -> Result<Vec<store::Stale>, axme_core::error::StoreError> {
    let now = tx.now;
    let degraded = now.minus_millis(HEALTHY_SECONDS * 1_000);
    store::list_stale(tx, degraded, now.minus_millis(DEGRADED_SECONDS * 1_000), ROUND)
}
