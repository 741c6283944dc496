//! The admission of steps. A step begins long after its bundle was submitted, so the current rules decide again. A step
//! that its agent does not accept fails at once, and the workflow continues with its failure branch.
//!
//! The kill switch is not asked: a step for a killed agent waits until the agent is resumed.

use axme_api::{ApiError, ErrorCode};
use axme_intent::lifecycle::{Fault, IntentSpec};
use axme_intent::{Address, Json, Object};
use axme_store::organizations::{self, UnknownReceivers};
use axme_store::policies::PolicyKind;
use axme_store::{StoreError, Tx, audit};
use serde_json::{Value, json};
use uuid::Uuid;

use super::admission::{Denial, Part, PartyRules, ReceiverRules, check_action, check_receiver, outside_rules};
use super::agent_limits::spend;
use super::places::place;
use super::snapshot::Snapshot;
use crate::auth::GATEWAY;

/// Admits the step `step` of a workflow of `workspace` to the agent `to`, and counts it against the agent's cost policy.
/// Returns the fault of a step that the agent does not accept, which is not counted.
pub(crate) fn admit_step(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    parent: &IntentSpec,
    step: &str,
    to: &Address,
) -> Result<Option<Fault>, StoreError> {
    let refused = refusal(tx, workspace, parent, to)?;
    Ok(refused.map(|error| {
        let mut details = Object::from_iter([("step_id".to_owned(), Value::from(step))]);
        details.extend(error.details);
        let code = error.code.as_str().to_owned();
        Fault { code, message: error.message, details: Some(Json::of(&details)), result: None }
    }))
}

fn refusal(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    parent: &IntentSpec,
    to: &Address,
) -> Result<Option<ApiError>, StoreError> {
    let place = place(tx, workspace, to)?;
    let owner = place.map_or(workspace, |(_, other)| other);
    let receiver = match (place, organizations::find_workspace(tx, workspace)?) {
        (Some(place), Some(own)) => outside_rules(tx, own.org_id, place, to, true)?,
        _ => {
            let send = Snapshot::of(tx, workspace)?.sender_policy(tx, workspace, PolicyKind::Send, to.as_str())?;
            ReceiverRules { to, outside: None, send }
        }
    };
    if let Err(error) = check_receiver(&receiver, &parent.from) {
        return Ok(Some(error));
    }
    let is_strict = Snapshot::of(tx, workspace)?.unknown_receivers == UnknownReceivers::Refuse;
    if is_strict && to.is_agent() && !is_registered(tx, workspace, place, to)? {
        let message = format!("nobody is registered at {to}");
        return Ok(Some(ApiError::new(ErrorCode::AgentNotFound, message).with("address", to.as_str())));
    }
    let Some(rules) = Snapshot::of(tx, owner)?.agent(tx, owner, to)? else { return Ok(None) };
    let cost = rules.cost.clone();
    match check_action(&PartyRules { address: to, part: Part::Receiver, owner, rules }, &parent.intent_type) {
        Ok(()) => {}
        Err(Denial::Refused(error)) => return Ok(Some(*error)),
        Err(Denial::Breach { error, address, owner, direction }) => {
            let details = json!({ "intent_type": parent.intent_type, "direction": direction });
            record_breach(tx, owner, &address, details)?;
            return Ok(Some(*error));
        }
    }
    match cost {
        Some(cost) => Ok(spend(tx, owner, to, &cost)?.err()),
        None => Ok(None),
    }
}

/// Returns true if an agent is registered at an address of `workspace` or, given its `place`, of another workspace.
fn is_registered(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    place: Option<(Uuid, Uuid)>,
    to: &Address,
) -> Result<bool, StoreError> {
    let owner = match place {
        Some((_, other)) => other,
        None if Snapshot::of(tx, workspace)?.is_elsewhere(to) => return Ok(false),
        None => workspace,
    };
    Snapshot::of(tx, owner)?.is_registered(tx, owner, to)
}

fn record_breach(tx: &mut Tx<'_>, trail: Uuid, address: &Address, details: Value) -> Result<(), StoreError> {
    let event = audit::AuditEvent {
        trail,
        id: tx.uuid(),
        at: tx.now,
        actor: GATEWAY.to_owned(),
        action: "mesh.policies.action.refused".to_owned(),
        subject: address.as_str().to_owned(),
        details,
    };
    audit::insert(tx, &event)
}
