//! Receivers in other workspaces: whether they accept the step of a workflow when it begins.

use axme_store::intents::Head;
use axme_store::{StoreError, Tx, organizations};
use uuid::Uuid;

use super::admission::{Part, PartyRules, check_agent, check_receiver, outside_rules};
use super::places::place;
use super::snapshot::Snapshot;

/// Returns true if the receiver of a step still accepts it. The submission was admitted by the policies of its time, or
/// before the workspace of the receiver existed.
pub fn accepts_step(tx: &mut Tx<'_>, workspace: Uuid, step: &Head) -> Result<bool, StoreError> {
    let (Some((org, other)), Some(own)) =
        (place(tx, workspace, &step.to)?, organizations::find_workspace(tx, workspace)?)
    else {
        return Ok(true);
    };
    let receiver = outside_rules(tx, own.org_id, (org, other), &step.to, true)?;
    if check_receiver(&receiver, &step.from).is_err() {
        return Ok(false);
    }
    let Some(rules) = Snapshot::of(tx, other)?.agent(tx, other, &step.to)? else { return Ok(true) };
    let party = PartyRules { address: &step.to, part: Part::Step, owner: other, rules };
    Ok(check_agent(&party, &step.intent_type).is_ok())
}
