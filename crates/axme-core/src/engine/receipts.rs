//! Writes the receipt of each decision of a person, in the transaction of the decision. A worker signs it.

use axme_intent::human::person_key;
use axme_intent::lifecycle::{Event, Intent, IntentSpec};
use axme_intent::receipt;
use axme_store::intents;
use axme_store::receipts::{self, StoredReceipt};
use axme_store::{Signal, StoreError, Tx};
use serde_json::json;
use uuid::Uuid;

/// Writes the receipts of the decisions among `events`. `before` is the intent before them.
pub(super) fn record(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    before: &Intent,
    events: &[Event],
    spec: Option<&IntentSpec>,
) -> Result<(), StoreError> {
    for event in events.iter().filter(|event| receipt::is_decision(event)) {
        let read = match spec {
            Some(_) => None,
            None => Some(intents::spec(tx, workspace, before.id)?),
        };
        let Some(spec) = spec.or(read.as_ref()) else { continue };
        let id = tx.rng.uuid_at(tx.now);
        let Some(body) = receipt::of(id, workspace, before, event, spec) else { continue };
        let stored = StoredReceipt {
            workspace,
            id,
            intent: before.id,
            position: event.position,
            decided_by: person_key(&body.decided_by),
            body: json!(body).to_string(),
            signed: None,
            created_at: tx.now,
        };
        receipts::insert(tx, &stored)?;
        tx.signal(Signal::receipts());
    }
    Ok(())
}
