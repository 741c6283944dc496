//! Submits an intent again: a new intent with the same type, receiver, content and task. A workflow has no copy, because its
//! plan comes from a scenario.

use axme_api::intents::{self as api, CreateIntent};
use axme_api::{ApiError, Id};
use axme_core::error::Result;
use axme_core::input::parse_id;
use axme_core::ops::console;

use super::visit::ConsoleCall;

/// Submits a copy, once for each key. Returns the id of the new intent.
pub(super) async fn repeat(guest: &ConsoleCall, id: &str, once: &str) -> Result<Id> {
    let intent = parse_id(id)?;
    let look = console::look(&guest.app, &guest.permit.caller, intent, None).await?;
    if look.plan.is_some() || look.view.parent_intent_id.is_some() {
        let message = "this intent belongs to a workflow, whose steps a copy would not have: apply its scenario again";
        return Err(ApiError::invalid(message).into());
    }
    if !look.view.status.is_terminal() {
        return Err(ApiError::invalid("this intent has not ended: a copy would do its work twice").into());
    }
    let task = look.view.human_task.as_ref().and_then(|task| task.as_object().cloned());
    let copy = CreateIntent {
        intent_type: look.view.intent_type,
        to_agent: Some(look.view.to_agent),
        from_agent: Some(look.view.from_agent),
        reply_to: look.view.reply_to,
        payload: Some(look.view.payload),
        human_task: task,
        ..CreateIntent::default()
    };
    Ok(guest.call_once(&api::CREATE, &copy, key(once, id)).await?.intent_id)
}

/// Returns the idempotency key of a form's work on one intent; `None` for a form without a key.
pub(super) fn key(once: &str, id: &str) -> Option<String> {
    Some(once).filter(|once| !once.is_empty()).map(|once| format!("console-{once}-{id}"))
}
