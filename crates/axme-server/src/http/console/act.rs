//! Carries out the forms of an intent's page. Each action is one call of an operation, which checks the caller's right again.

use axme_api::deliveries::{self, ReplayDelivery};
use axme_api::intents::{self as api, ChangeReason, EndingStatus, ResolveIntent, ResumeIntent, UpdateControls};
use axme_api::tasks::{self, ReassignTask};
use axme_api::{ApiError, JsonFields, Object, WorkspaceRef};
use axme_core::error::Result;
use axme_core::input::parse_id;
use serde_json::json;

use super::filter::seconds;
use super::repeat::repeat;
use super::visit::{Answer, ConsoleCall, Guest};
use crate::http::form::FormFields;

/// Carries out the action of a form, and leads back to the intent.
pub(super) async fn take(guest: Guest, filled: FormFields, id: String) -> Result<Answer> {
    let id = parse_id(&id)?.to_string();
    let given = |name: &str| Some(filled.get(name).to_owned()).filter(|text| !text.is_empty());
    let said = match filled.get("action") {
        "answer" => {
            let mut answer = JsonFields::new().with("outcome", filled.get("outcome"));
            if let Some(comment) = given("comment") {
                answer.set("comment", comment);
            }
            let body = JsonFields::new().with("task_result", answer);
            resume(&guest, &id, body).await?;
            "answered"
        }
        "go-on" => {
            let mut body = JsonFields::new().with("approve_current_step", json!(true));
            if let Some(reason) = given("reason") {
                body.set("reason", reason);
            }
            resume(&guest, &id, body).await?;
            "resumed"
        }
        "reassign" => {
            let input = ReassignTask {
                intent_id: id.as_str().into(),
                to: filled.get("to").to_owned(),
                from: None,
                note: given("note"),
            };
            guest.call(&tasks::REASSIGN, &input).await?;
            "reassigned"
        }
        "cancel" => {
            let input =
                ResolveIntent { reason: given("reason"), ..ResolveIntent::new(id.as_str(), EndingStatus::Canceled) };
            guest.call(&api::RESOLVE, &input).await?;
            "canceled"
        }
        "controls" => {
            let input = UpdateControls {
                intent_id: id.as_str().into(),
                controls_patch: Some(controls(&filled)?),
                why: ChangeReason { reason: given("reason"), ..ChangeReason::default() },
            };
            guest.call(&api::CONTROLS, &input).await?;
            "changed"
        }
        "retry" => {
            let copy = repeat(&guest, &id, filled.get("once")).await?;
            return Ok(Answer::Lead(format!("/intents/{copy}?said=copied")));
        }
        "replay" => {
            replay(&guest, &id, None).await?;
            "replayed"
        }
        _ => return Err(ApiError::invalid("the form has no such action: open the page again").into()),
    };
    Ok(Answer::Lead(format!("/intents/{id}?said={said}")))
}

async fn resume(guest: &ConsoleCall, id: &str, body: JsonFields) -> Result<()> {
    let input = ResumeIntent { intent_id: id.into(), body: Some(body), ..ResumeIntent::default() };
    guest.call(&api::RESUME, &input).await.map(|_| ())
}

/// Sends the dead letters under an id again, once for each key.
pub(super) async fn replay(guest: &ConsoleCall, id: &str, once: Option<String>) -> Result<()> {
    let input = ReplayDelivery { delivery_id: id.into(), workspace: WorkspaceRef::default() };
    guest.call_once(&deliveries::REPLAY, &input, once).await.map(|_| ())
}

/// Reads the fields of the form that are not empty.
fn controls(filled: &FormFields) -> Result<Object, ApiError> {
    let spans = [
        ("timeout", "timeout_seconds"),
        ("remind_after", "remind_after_seconds"),
        ("remind_interval", "remind_interval_seconds"),
    ];
    let mut patch = Object::new();
    for (field, control) in spans {
        let text = filled.get(field);
        if !text.is_empty() {
            patch.insert(control.to_owned(), json!(seconds(field, text)?));
        }
    }
    if let Some(most) = Some(filled.get("max_reminders")).filter(|text| !text.is_empty()) {
        let most: u32 = most.parse().map_err(|_| ApiError::invalid("max_reminders: write a whole number"))?;
        patch.insert("max_reminders".to_owned(), json!(most));
    }
    if patch.is_empty() {
        return Err(ApiError::invalid("the form is empty: fill in what should change"));
    }
    Ok(patch)
}
