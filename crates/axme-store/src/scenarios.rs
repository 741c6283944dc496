//! SQL for the runs of scenarios: the intents that a bundle has started, by the name of its scenario.
//!
//! The table also has room for versions of kept bundles. A bundle that is applied without being kept has version 0.

use axme_intent::{IntentId, Time};
use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

/// A scenario with its newest run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    pub name: String,
    pub newest: IntentId,
    pub started_by: String,
    pub started_at: Time,
}

/// Records that a bundle has started an intent.
pub fn insert_run(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    name: &str,
    id: IntentId,
    started_by: &str,
) -> Result<(), StoreError> {
    let now = tx.now;
    tx.push(
        "INSERT INTO scenario_runs (workspace_id, name, version, intent_id, started_by, started_at) \
         VALUES ($1, $2, 0, $3, $4, $5)",
        &[workspace.into(), name.into(), id.into(), started_by.into(), now.into()],
    )
}

/// Lists the scenarios of a workspace by name, after one of them, each with its newest run. The index is read once for each
/// scenario, however many runs it has.
pub fn list(tx: &mut Tx<'_>, workspace: Uuid, after: &str, limit: usize) -> Result<Vec<Scenario>, StoreError> {
    let mut found: Vec<Scenario> = Vec::new();
    while found.len() < limit {
        let last = found.last().map_or(after, |scenario| scenario.name.as_str());
        let next = tx.row(
            "SELECT name FROM scenario_runs WHERE workspace_id = $1 AND name > $2 ORDER BY name LIMIT 1",
            &[workspace.into(), last.into()],
        )?;
        let Some(next) = next else { break };
        let name = next.string(0)?;
        let newest = tx.row(
            "SELECT intent_id, started_by, started_at FROM scenario_runs WHERE workspace_id = $1 AND name = $2 \
             AND version = 0 ORDER BY intent_id DESC LIMIT 1",
            &[workspace.into(), name.as_str().into()],
        )?;
        let Some(row) = newest else { break };
        let (newest, started_by, started_at) = (IntentId(row.uuid(0)?), row.string(1)?, row.time(2)?);
        found.push(Scenario { name, newest, started_by, started_at });
    }
    Ok(found)
}
