//! Who may decide a task.

use axme_api::{ApiError, ErrorKind};
use axme_intent::human::is_same_person;
use axme_intent::lifecycle::IntentSpec;
use axme_store::intents::{self, Head};
use uuid::Uuid;

use crate::auth::Caller;
use crate::context::CallContext;
use crate::error::Result;

/// True when the task that waits is this person's to answer.
pub fn is_asked(head: &Head, person: &str) -> bool {
    head.intent.asked().iter().any(|asked| is_same_person(asked, person))
}

/// Whether the caller answers the task that waits: an admin, or a person who is asked and shows to be it.
pub fn answers(caller: &Caller, head: &Head) -> bool {
    caller.is_admin() || caller.person().is_some_and(|person| is_asked(head, &person.email))
}

/// True when the rules of the task that waits in a workspace refuse the caller's answer, whatever it says.
pub(crate) fn is_barred(cx: &mut CallContext<'_, '_>, workspace: Uuid, head: &Head) -> Result<bool> {
    let excludes = head.intent.open_task().is_some_and(|task| task.exclude_requester);
    let is_requester = excludes && is_requester(cx.caller, &intents::spec(cx.tx, workspace, head.intent.id)?);
    Ok(head.intent.bars(&cx.caller.actor(), is_requester).is_some())
}

/// Whoever started the intent would choose who answers a task for which that matters.
pub(crate) fn refuse_requester(caller: &Caller, spec: &IntentSpec, what: &str) -> Result<()> {
    if !is_requester(caller, spec) {
        return Ok(());
    }
    let message = format!("it matters who answers this task: whoever started the intent may not {what}");
    Err(ApiError::new(ErrorKind::Forbidden, "requester_may_not_answer", message).into())
}

/// True when the caller, or the owner of the caller's key, is behind the intent.
pub fn is_requester(caller: &Caller, spec: &IntentSpec) -> bool {
    let actor = caller.actor();
    let mut behind = std::iter::once(spec.from.as_str()).chain(spec.requested_by.as_deref());
    behind.any(|asked| is_same_person(asked, &actor) || is_same_person(asked, &caller.owner))
}
