//! Intents as tasks of the protocol. The handle of a task is the id of its intent. So a host can follow it for days, across
//! restarts of host and server.

use axme_api::mcp::tools::find_host_tool;
use axme_api::{ApiError, ErrorKind, Json, JsonFields, Scope, Status};
use rmcp::model::{DetailedTask, JsonObject, Task, TaskPayload, TaskStatus};
use serde_json::{Value, json};

use super::answers::ToolAnswer;
use super::calls::{HostCall, with};
use super::waits;

/// How often a host should ask for a task, in milliseconds. People take their time.
pub(super) const POLL_MILLIS: u64 = 5_000;

/// The state of a task.
pub(super) struct TaskState {
    pub id: String,
    pub status: TaskStatus,
    pub message: Option<String>,
    created_at: String,
    updated_at: String,
    /// The result of the call, once the intent has ended.
    pub result: Option<ToolAnswer>,
}

/// Returns the state of a task. `None` if the caller sees no such intent.
pub(super) async fn find(call: &HostCall, id: &str) -> Result<Option<TaskState>, ApiError> {
    match waits::intent(call, id).await {
        Ok(answer) => Ok(Some(state(&answer))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Invalid) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Cancels the intent of a task.
pub(super) async fn cancel(call: &HostCall, id: &str) -> Result<(), ApiError> {
    let arguments = with("intent_id", id).with("status", "CANCELED").with("reason", "canceled by the host");
    call.check_scope(Scope::Write)?;
    call.operate("intents.resolve", arguments).await.map(|_| ())
}

/// Returns the intents of one page as tasks, and the cursor of the next page.
pub(super) async fn list(call: &HostCall, before: Option<&str>) -> Result<(Vec<TaskState>, Option<String>), ApiError> {
    let arguments = before.map_or_else(JsonFields::new, |id| with("before", id));
    let page = call.operate("intents.list", arguments).await?;
    let intents: Vec<Json> = page.field("intents").and_then(|intents| intents.read().ok()).unwrap_or_default();
    let next = page.field("next_before").and_then(|next| next.string());
    Ok((intents.iter().map(|intent| summary(&intent.value())).collect(), next))
}

fn state(answer: &Json) -> TaskState {
    let intent = answer.field("intent").unwrap_or_default().value();
    let mut state = summary(&intent);
    if state.status != TaskStatus::Working {
        let tool = find_host_tool("intents_get").expect("the tool is in the table");
        let mut result = ToolAnswer::done(tool, answer);
        result.is_error = is_failure(&intent["status"]);
        if let Some(why) = intent["error"]["message"].as_str().filter(|_| result.is_error) {
            result.text = why.to_owned();
        }
        state.result = Some(result);
    }
    state
}

fn summary(intent: &Value) -> TaskState {
    let text = |name: &str| intent[name].as_str().unwrap_or_default().to_owned();
    let status = match intent["status"].as_str().and_then(Status::parse) {
        Some(Status::Canceled) => TaskStatus::Cancelled,
        Some(Status::Failed | Status::TimedOut) => TaskStatus::Failed,
        Some(status) if status.is_terminal() => TaskStatus::Completed,
        _ => TaskStatus::Working,
    };
    let waits_for = intent["pending_with"]["name"].as_str().map(|name| format!("waits for {name}"));
    TaskState {
        id: text("intent_id"),
        status,
        message: intent["outcome_text"].as_str().map(str::to_owned).or(waits_for),
        created_at: text("created_at"),
        updated_at: text("updated_at"),
        result: None,
    }
}

fn is_failure(status: &Value) -> bool {
    matches!(status.as_str().and_then(Status::parse), Some(Status::Failed | Status::TimedOut))
}

impl TaskState {
    /// Returns the task in the form of the tasks extension.
    pub(super) fn task(&self) -> Task {
        let mut task = Task::new(self.id.clone(), self.status, self.created_at.clone(), self.updated_at.clone());
        task.status_message = self.message.clone();
        task.with_poll_interval_ms(POLL_MILLIS)
    }

    /// Returns the task with its result, in the form of the extension. A failed intent completes the call with an error
    /// for the model: the extension keeps `failed` for faults of the protocol.
    pub(super) fn detailed(self) -> DetailedTask {
        let task = self.task();
        let payload = match (self.status, self.result) {
            (TaskStatus::Cancelled, _) => TaskPayload::Cancelled,
            (TaskStatus::Completed | TaskStatus::Failed, Some(result)) => {
                let result = serde_json::to_value(result.into_result()).unwrap_or_default();
                TaskPayload::Completed { result: as_object(result) }
            }
            _ => TaskPayload::Working,
        };
        DetailedTask::new(task, payload)
    }

    /// Returns the task in the form of revision 2025-11-25.
    pub(super) fn legacy(&self) -> Value {
        let mut task = json!({
            "taskId": self.id,
            "status": self.status,
            "createdAt": self.created_at,
            "lastUpdatedAt": self.updated_at,
            "ttl": null,
            "pollInterval": POLL_MILLIS,
        });
        if let Some(message) = &self.message {
            task["statusMessage"] = message.as_str().into();
        }
        task
    }
}

fn as_object(value: Value) -> JsonObject {
    match value {
        Value::Object(fields) => fields,
        _ => JsonObject::new(),
    }
}
