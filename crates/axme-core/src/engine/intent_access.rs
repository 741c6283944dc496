//! Access to intents: which ones a caller may see, change and answer. [`send`] passes a caller's command to the engine.
//! An intent that the caller may not see is answered as not found.

use axme_api::intents::NotAppliedReason;
use axme_api::{ApiError, ErrorCode};
use axme_intent::lifecycle::{Command, Refusal};
use axme_intent::policy::Action;
use axme_intent::{Address, IntentId, Time};
use axme_store::Tx;
use axme_store::intents::{self as store, Head};
use serde_json::json;
use uuid::Uuid;

use super::{AdvanceOutcome, receiving};
use crate::auth::Caller;
use crate::context::CallContext;
use crate::error::{Error, Result};
use crate::policy::guards::{answers, check_is_no_model};
use crate::policy::key_scope;

/// Finds an intent that the caller may see. An admin sees all intents of the workspace. An agent or a member sees those
/// to which its address is a party, or which it was granted to read. A person also sees intents whose task asks for the
/// person.
pub fn find_visible(tx: &mut Tx<'_>, caller: &Caller, id: IntentId) -> Result<Head> {
    let head = store::find(tx, caller.workspace, id)?;
    visible(head, caller, id)
}

/// Finds an intent that the caller may read: one that [`find_visible`] finds, or one that the caller's address has received
/// from another workspace. Returns it with the workspace that owns it.
pub fn find_readable(tx: &mut Tx<'_>, caller: &Caller, id: IntentId) -> Result<(Uuid, Head)> {
    let found = receiving::find(tx, caller.workspace, caller.address.as_ref(), id)?;
    visible_to_party(found, caller, id)
}

/// Finds an intent that the caller may answer, as [`find_readable`] does, and locks its family.
pub(crate) fn lock_answerable(cx: &mut CallContext<'_, '_>, id: IntentId) -> Result<(Uuid, Head)> {
    let found = receiving::lock(cx.tx, cx.caller.workspace, cx.caller.address.as_ref(), id)?;
    visible_to_party(found, cx.caller, id)
}

/// Checks the rules of the caller's own workspace; in another one, only the receiver itself sees an intent.
fn visible_to_party(found: Option<(Uuid, Head)>, caller: &Caller, id: IntentId) -> Result<(Uuid, Head)> {
    let sees = |(owner, head): &(Uuid, Head)| match *owner == caller.workspace {
        true => is_visible(caller, head),
        false => caller.address.as_ref() == Some(&head.to) && key_scope::reaches(caller, head),
    };
    found.filter(sees).ok_or_else(|| ApiError::not_found(format!("intent {id}")).into())
}

/// Refuses to decide a task of another workspace: groups, roles and rules of the caller's workspace say nothing there.
pub(crate) fn check_is_no_task_elsewhere(caller: &Caller, owner: Uuid, head: &Head) -> Result<()> {
    if owner == caller.workspace || head.intent.open_task().is_none() {
        return Ok(());
    }
    Err(ApiError::forbidden("this intent waits for a person of its sender's workspace, which decides it").into())
}

fn is_granted(head: &Head, own: &Address, action: Action) -> bool {
    head.intent.policy.grants(own.as_str(), action)
}

/// Checks that the caller may take an action. An admin or a party may take every action, a delegate only granted ones.
/// A person may also answer a task that asks for the person.
pub(crate) fn check_granted(caller: &Caller, head: &Head, action: Action) -> Result<()> {
    let may = |own: &Address| super::is_party(head, own) || is_granted(head, own, action);
    let is_own_task = action == Action::Resume && answers(caller, head);
    if caller.is_admin() || is_own_task || caller.address.as_ref().is_some_and(may) {
        return Ok(());
    }
    Err(ApiError::forbidden(format!("the grant does not allow {}", action.as_str())).into())
}

pub(crate) fn is_visible(caller: &Caller, head: &Head) -> bool {
    let is_party = |own: &Address| super::is_party(head, own) || is_granted(head, own, Action::Read);
    let sees = caller.is_admin() || answers(caller, head) || caller.address.as_ref().is_some_and(is_party);
    sees && key_scope::reaches(caller, head)
}

fn visible(head: Option<Head>, caller: &Caller, id: IntentId) -> Result<Head> {
    head.filter(|head| is_visible(caller, head)).ok_or_else(|| ApiError::not_found(format!("intent {id}")).into())
}

pub(crate) fn lock_visible(cx: &mut CallContext<'_, '_>, id: IntentId) -> Result<Head> {
    let head = super::lock(cx.tx, cx.caller.workspace, id)?;
    visible(head, cx.caller, id)
}

/// Checks that the caller may answer a step: only its agent, a delegate or an admin may. The sender of the workflow can
/// see the step, but an answer from the sender would bypass the workflow.
pub(crate) fn check_step_is_own(caller: &Caller, head: &Head, action: Action) -> Result<()> {
    let is_own = |own: &Address| *own == head.to || is_granted(head, own, action);
    if head.intent.parent.is_none() || caller.is_admin() || caller.address.as_ref().is_some_and(is_own) {
        return Ok(());
    }
    Err(ApiError::forbidden(format!("this step belongs to {}, which must answer it", head.to)).into())
}

/// Sends a command to an intent of the caller's workspace; see [`send_in`].
pub fn send(
    cx: &mut CallContext<'_, '_>,
    head: Head,
    deadline_at: Option<Time>,
    command: Command,
) -> Result<AdvanceOutcome> {
    send_in(cx, cx.caller.workspace, head, deadline_at, command)
}

/// Sends a command on the caller's behalf to an intent of `workspace`. Refuses an answer after the end of the intent, or after a deadline whose
/// timer has not run yet. The audit trail keeps such a late answer.
pub(crate) fn send_in(
    cx: &mut CallContext<'_, '_>,
    workspace: Uuid,
    head: Head,
    deadline_at: Option<Time>,
    command: Command,
) -> Result<AdvanceOutcome> {
    check_is_no_model(cx, workspace, &head, &command)?;
    let id = head.intent.id;
    let status = head.intent.status();
    let due_at = head.intent.due_at(deadline_at);
    let refusal = if status.is_terminal() {
        Refusal::new(ErrorCode::IntentAlreadyTerminal, format!("the intent is already {}", status.as_str()))
    } else if let Some(due_at) = due_at.filter(|at| *at <= cx.now) {
        Refusal::new(ErrorCode::DeadlinePassed, format!("the deadline passed at {due_at}"))
    } else {
        let actor = cx.caller.actor();
        return super::advance(cx.tx, workspace, head, command, &actor);
    };
    let late = json!({ "status": status.as_str(), "command": command_name(&command) });
    cx.audit_in(workspace, "intents.late_answer", &id.to_string(), &late)?;
    match Error::from(refusal.with("status", status.as_str())) {
        Error::Api(error) => Err(Error::kept(error)),
        other => Err(other),
    }
}

/// Returns the name of a command. The audit trail does not keep the content of a refused answer.
fn command_name(command: &Command) -> &'static str {
    match command {
        Command::Acknowledge => "acknowledge",
        Command::Answer(_) => "answer",
        Command::AskPerson { .. } => "ask a person",
        Command::Decide(_) => "decide",
        Command::Reassign { .. } => "reassign",
        Command::AskBack(_) => "ask the requester",
        Command::Reply(_) => "reply to a question",
        Command::Withdraw(_) => "withdraw a yes",
        Command::Proceed { .. } => "proceed",
        Command::Resolve(_) => "resolve",
        Command::DeadlinePassed | Command::StepDeadlinePassed { .. } | Command::ExecutionTimedOut => "time out",
        Command::ReminderStageDue => "remind",
        Command::PushFailed { .. } => "push failed",
        Command::ChildEnded { .. } => "child ended",
    }
}

pub fn stale(head: &Head, expected: Option<u64>) -> Option<NotAppliedReason> {
    expected.filter(|e| *e != u64::from(head.intent.policy_generation)).map(|_| NotAppliedReason::StalePolicyGeneration)
}
