//! SQL for the attributes of intents: the values of the fields that a schema marks as searchable, by name. An intent of a
//! type without such a schema has no row.

use std::collections::HashSet;

use axme_intent::IntentId;
use axme_intent::searchable::Attributes;
use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

/// A name and the value that an intent must have under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    pub value: String,
}

/// Records the attributes of a new intent.
pub fn insert(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId, attributes: &Attributes) -> Result<(), StoreError> {
    for (name, value) in attributes {
        tx.push(
            "INSERT INTO intent_attributes (workspace_id, intent_id, name, value) VALUES ($1, $2, $3, $4)",
            &[workspace.into(), id.into(), name.into(), value.into()],
        )?;
    }
    Ok(())
}

/// Returns which of the newest intents with an attribute bundles of a scenario have started. It looks at `limit` intents.
pub(super) fn list_runs(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    (attribute, scenario): (&Attribute, &str),
    before: IntentId,
    limit: i64,
) -> Result<HashSet<IntentId>, StoreError> {
    let rows = tx.rows(
        "SELECT r.intent_id FROM scenario_runs r WHERE r.workspace_id = $1 AND r.intent_id IN (SELECT a.intent_id \
         FROM intent_attributes a WHERE a.workspace_id = $1 AND a.name = $2 AND a.value = $3 AND a.intent_id < $4 \
         ORDER BY a.intent_id DESC LIMIT $5) AND r.name = $6",
        &[
            workspace.into(),
            (&attribute.name).into(),
            (&attribute.value).into(),
            before.into(),
            limit.into(),
            scenario.into(),
        ],
    )?;
    rows.iter().map(|row| row.uuid(0).map(IntentId)).collect()
}
