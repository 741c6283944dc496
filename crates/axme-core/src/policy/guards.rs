//! Guards of tasks: they decide who may answer. An admin may, and so may a person that the task asks. A task may
//! exclude its requester: the sender of the intent and the owner of the sender's key.

use axme_api::{ApiError, ErrorCode};
use axme_intent::human::is_same_person;
use axme_intent::lifecycle::IntentSpec;
use axme_store::intents::{self, Head};
use uuid::Uuid;

use crate::auth::Caller;
use crate::context::CallContext;
use crate::error::Result;

/// Returns true if the waiting task asks for this person.
pub fn is_asked(head: &Head, person: &str) -> bool {
    head.intent.asked().iter().any(|asked| is_same_person(asked, person))
}

/// Returns true if the caller may answer the waiting task: as an admin, or with the token of a person that it asks.
pub fn answers(caller: &Caller, head: &Head) -> bool {
    caller.is_admin() || caller.person().is_some_and(|person| is_asked(head, &person.email))
}

/// Returns true if the rules of the waiting task refuse any answer of the caller.
pub(crate) fn is_barred(cx: &mut CallContext<'_, '_>, workspace: Uuid, head: &Head) -> Result<bool> {
    let excludes = head.intent.open_task().is_some_and(|task| task.exclude_requester);
    let is_requester = excludes && is_requester(cx.caller, &intents::spec(cx.tx, workspace, head.intent.id)?);
    Ok(head.intent.bars(&cx.caller.actor(), is_requester).is_some())
}

/// Refuses the requester of a task, who could otherwise choose who answers a task that restricts this.
pub(crate) fn refuse_requester(caller: &Caller, spec: &IntentSpec, what: &str) -> Result<()> {
    if !is_requester(caller, spec) {
        return Ok(());
    }
    let message = format!("the requester may not {what}: this task restricts who may answer it");
    Err(ApiError::new(ErrorCode::RequesterMayNotAnswer, message).into())
}

/// Returns true if the caller, or the owner of the caller's key, is the requester of the intent.
pub fn is_requester(caller: &Caller, spec: &IntentSpec) -> bool {
    let actor = caller.actor();
    let mut behind = std::iter::once(spec.from.as_str()).chain(spec.requested_by.as_deref());
    behind.any(|asked| is_same_person(asked, &actor) || is_same_person(asked, &caller.owner))
}
