//! Tasks: intents that wait for a person, from that person's side (`spec/protocol.md` §2.4, §5).
//! They are answered through `intents.resume` with a `task_result`, or, without a key, through a link to the task.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lenient;
use crate::op::{Access, AnyOp, Op, Route};
use crate::page::Limit;

pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST, &REASSIGN, &LINK];

pub const ROUTES: &[Route] = &[ACTION, PAGE, PAGE_ANSWER, STYLE];

pub static LIST: Op<ListTasks, TaskList> =
    Op::get("tasks.list", "/v1/me/tasks").about("Tasks that the caller may answer, oldest first.");

pub static REASSIGN: Op<ReassignTask, Reassigned> = Op::post("tasks.reassign", "/v1/tasks/{intent_id}/reassign")
    .access(Access::Admin)
    .about("Give a task to somebody else, who alone has it then. Mailed, if they have an address for it.");
pub static LINK: Op<LinkTask, TaskLink> = Op::post("tasks.link", "/v1/tasks/{intent_id}/links")
    .access(Access::Admin)
    .secret()
    .about("Make a link with which one person answers a task without a key, as a form or through /v1/tasks/action.");

/// Answers a task with a link's token: `{"token", "outcome", "comment"?, "data"?}`, or the answer under `task_result`.
pub const ACTION: Route = Route::post("/v1/tasks/action")
    .access(Access::Public)
    .about("Answer the task behind a link: token, outcome, comment, data. The token is the credential.");
pub const PAGE: Route = Route::get("/app/tasks/{intent_id}")
    .access(Access::Public)
    .about("The form behind a link to a task, as a page. Changes nothing.");
pub const PAGE_ANSWER: Route = Route::post("/app/tasks/{intent_id}")
    .access(Access::Public)
    .about("The form, sent: shown again with what is wrong, to be confirmed, or answered.");
pub const STYLE: Route = Route::get("/app/style.css").access(Access::Public).about("How the pages look.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReassignTask {
    pub intent_id: String,
    /// An address for mail, a role or a name.
    #[serde(default, alias = "assign_to", alias = "assignee")]
    pub to: String,
    /// In whose place, where several people are asked; the whole task without it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reassigned {
    pub ok: bool,
    pub intent_id: String,
    /// Who has it now.
    pub assigned_to: String,
    pub task: Task,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LinkTask {
    pub intent_id: String,
    /// Who will answer with it, as the history then names them; the account's owner unless given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskLink {
    pub ok: bool,
    pub intent_id: String,
    pub person: String,
    /// The page with the form. Shown once.
    pub url: String,
    /// For `/v1/tasks/action`. Shown once.
    pub token: String,
    pub expires_at: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListTasks {
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 500>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskList {
    pub ok: bool,
    pub tasks: Vec<Task>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Task {
    /// The id to resume with the answer.
    pub intent_id: String,
    pub intent_type: String,
    /// Always `WAITING`.
    pub status: String,
    pub from_agent: String,
    pub assigned_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    pub human_task: Value,
}
