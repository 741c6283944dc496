//! Second thoughts about an open task: a person who may answer it asks the requester, the requester replies, and a person
//! withdraws a yes. The operations, links and the inbox all pass here.

use axme_api::ApiError;
use axme_intent::IntentId;
use axme_intent::human::{AskBack, MAX_QUESTION_CHARS, Reply, Withdrawal, is_same_person};
use axme_intent::lifecycle::{Command, IntentSpec};

use crate::context::CallContext;
use crate::engine;
use crate::engine::AdvanceOutcome;
use crate::engine::intent_access::{is_visible, send};
use crate::error::Result;
use crate::input::check_chars;
use crate::policy::guards::{check_decider, is_requester, standing};
use crate::policy::key_scope;
use axme_store::intents;
use axme_store::intents::Head;

/// Reads a question or a reply.
pub fn read_text(field: &str, text: &str) -> Result<String> {
    check_chars(field, Some(text), 1, MAX_QUESTION_CHARS)?;
    Ok(text.trim().to_owned())
}

/// Records a question of a person. Callers check first that the person may answer the task.
pub(crate) fn ask_as_person(
    cx: &mut CallContext<'_, '_>,
    head: Head,
    spec: &IntentSpec,
    text: &str,
) -> Result<AdvanceOutcome> {
    check_decider(cx, &head, spec)?;
    let ask = AskBack {
        text: text.to_owned(),
        to: spec.requester(),
        email: spec.requester_email(),
        via: cx.via,
        through: cx.through.clone(),
        standing: standing(cx, cx.caller.workspace, &head, spec)?,
    };
    send(cx, head, spec.deadline_at, Command::AskBack(ask))
}

/// Records the reply of the caller to the open question of an intent. Only the requester may, who needs no other right to
/// the intent.
pub(crate) fn reply_to(cx: &mut CallContext<'_, '_>, id: IntentId, text: &str) -> Result<AdvanceOutcome> {
    let unknown = || ApiError::not_found(format!("intent {id}"));
    let head = engine::lock(cx.tx, cx.caller.workspace, id)?.ok_or_else(unknown)?;
    let spec = intents::spec(cx.tx, cx.caller.workspace, id)?;
    let is_own = is_requester(cx.caller, &spec) && key_scope::reaches(cx.caller, &head);
    if !is_own && !is_visible(cx.caller, &head) {
        return Err(unknown().into());
    }
    if !is_own {
        return Err(ApiError::forbidden("only the requester of the task replies to a question about it").into());
    }
    let (via, through) = (cx.via, cx.through.clone());
    // The decision fills in the author and the time.
    let reply = Reply { by: String::new(), via, through, at: cx.now, text: text.to_owned() };
    send(cx, head, spec.deadline_at, Command::Reply(reply))
}

/// True if the open task has a yes of this person, which then has decided nothing.
pub fn has_open_vote(head: &Head, person: &str) -> bool {
    head.intent.waiting().is_some_and(|waiting| waiting.votes.iter().any(|vote| is_same_person(&vote.by, person)))
}

/// Withdraws the yes of the caller. A person who is not asked any more may do so too.
pub(crate) fn withdraw_own(
    cx: &mut CallContext<'_, '_>,
    id: IntentId,
    comment: Option<&str>,
) -> Result<AdvanceOutcome> {
    let unknown = || ApiError::not_found(format!("intent {id}"));
    let head = engine::lock(cx.tx, cx.caller.workspace, id)?.ok_or_else(unknown)?;
    let is_own = has_open_vote(&head, &cx.caller.actor()) && key_scope::reaches(cx.caller, &head);
    if !is_own && !is_visible(cx.caller, &head) {
        return Err(unknown().into());
    }
    withdraw_as_person(cx, head, comment)
}

/// Withdraws the yes of the caller to the open task of an intent that the caller may see.
pub(crate) fn withdraw_as_person(
    cx: &mut CallContext<'_, '_>,
    head: Head,
    comment: Option<&str>,
) -> Result<AdvanceOutcome> {
    check_chars("comment", comment, 0, MAX_QUESTION_CHARS)?;
    let spec = intents::spec(cx.tx, cx.caller.workspace, head.intent.id)?;
    let withdrawal = Withdrawal {
        comment: comment.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
        via: cx.via,
        through: cx.through.clone(),
        standing: standing(cx, cx.caller.workspace, &head, &spec)?,
    };
    send(cx, head, spec.deadline_at, Command::Withdraw(withdrawal))
}
