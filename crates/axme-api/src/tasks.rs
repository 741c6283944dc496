//! Tasks: intents that wait for a person, from that person's side (`spec/protocol.md` §2.4, §5).
//! They are answered through `intents.resume` with a `task_result`, or, without a key, through a link to the task.

mod human_task;
mod second_thoughts;

use axme_types::Status;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use human_task::{HumanTask, TaskResult};
pub use second_thoughts::{
    AskRequester, QuestionAnswer, ReplyToQuestion, TaskQuestion, WithdrawAnswer, WithdrawnAnswer,
};

use crate::op::{Access, AnyOp, Op, Route};
use crate::page::Limit;
use crate::{ErrorCode, Id, Timestamp, lenient};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST, &REASSIGN, &LINK, &ASK, &REPLY, &WITHDRAW];

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[ACTION, PAGE, PAGE_ANSWER, STYLE, ICON, SCRIPT, MANIFEST, APP_ICON, WORKER, OFFLINE];

/// Lists tasks.
pub static LIST: Op<ListTasks, TaskList> =
    Op::get("tasks.list", "/v1/me/tasks").about("List the tasks that the caller may answer, oldest first.");

/// Reassigns a task.
pub static REASSIGN: Op<ReassignTask, ReassignAnswer> = Op::post("tasks.reassign", "/v1/tasks/{intent_id}/reassign")
    .access(Access::Admin)
    .errors(&[
        ErrorCode::DeadlinePassed,
        ErrorCode::FromRequired,
        ErrorCode::IntentAlreadyTerminal,
        ErrorCode::InvalidAssignee,
        ErrorCode::MayNotBeAsked,
        ErrorCode::NotWaitingForHuman,
        ErrorCode::PersonRequired,
        ErrorCode::RequesterMayNotAnswer,
    ])
    .about("Give a task, or one person's part of it, to another person. Mails the person at an email address.");

/// Creates a link to a task.
pub static LINK: Op<LinkTask, TaskLink> = Op::post("tasks.link", "/v1/tasks/{intent_id}/links")
    .access(Access::Admin)
    .secret()
    .errors(&[
        ErrorCode::MayNotBeAsked,
        ErrorCode::NoLongerAMember,
        ErrorCode::NotAsked,
        ErrorCode::NotWaitingForHuman,
        ErrorCode::PersonRequired,
        ErrorCode::RequesterMayNotAnswer,
    ])
    .about("Create a link with which one person answers a task without a key, on a page or through /v1/tasks/action.");

/// Asks the requester of a task.
pub static ASK: Op<AskRequester, QuestionAnswer> = Op::post("tasks.ask", "/v1/tasks/{intent_id}/questions")
    .errors(&[
        ErrorCode::AlreadyAnswered,
        ErrorCode::AnotherPersonRequired,
        ErrorCode::DeadlinePassed,
        ErrorCode::IntentAlreadyTerminal,
        ErrorCode::MayNotBeAsked,
        ErrorCode::NotAsked,
        ErrorCode::NotWaitingForHuman,
        ErrorCode::PersonRequired,
        ErrorCode::QuestionOpen,
        ErrorCode::RequesterMayNotAnswer,
        ErrorCode::TooManyQuestions,
    ])
    .about("Ask the requester a question about a task instead of answering it. Mails the requester.");

/// Replies to the open question of a task.
pub static REPLY: Op<ReplyToQuestion, QuestionAnswer> = Op::post("tasks.reply", "/v1/tasks/{intent_id}/reply")
    .errors(&[
        ErrorCode::DeadlinePassed,
        ErrorCode::IntentAlreadyTerminal,
        ErrorCode::NoOpenQuestion,
        ErrorCode::NotWaitingForHuman,
    ])
    .about("Reply, as the requester, to the open question about a task. Mails the people who are asked to answer it.");

/// Withdraws a yes.
pub static WITHDRAW: Op<WithdrawAnswer, WithdrawnAnswer> = Op::post("tasks.withdraw", "/v1/tasks/{intent_id}/withdraw")
    .errors(&[
        ErrorCode::DeadlinePassed,
        ErrorCode::IntentAlreadyTerminal,
        ErrorCode::NotWaitingForHuman,
        ErrorCode::NothingToWithdraw,
        ErrorCode::PersonRequired,
    ])
    .about("Withdraw a yes of your own while the quorum has not decided. You may answer again.");

/// Answers a task with a link's token: `{"token", "outcome", "comment"?, "data"?}`, or the answer under `task_result`. With
/// `question` instead, it asks the requester, and with `withdraw` it takes a yes back.
pub const ACTION: Route = Route::post("tasks.answer_by_link", "/v1/tasks/action")
    .access(Access::Public)
    .about("Answer the task behind a link: token, outcome, comment, data. Or ask the requester: token, question. Or withdraw a yes: token, withdraw. The token is the credential.");
/// Shows the form behind a link.
pub const PAGE: Route = Route::get("tasks.page", "/app/tasks/{intent_id}")
    .access(Access::Public)
    .about("Show the form behind a link to a task, as a page. Changes nothing.");
/// Accepts the form behind a link.
pub const PAGE_ANSWER: Route = Route::post("tasks.answer_on_page", "/app/tasks/{intent_id}").access(Access::Public).about(
    "Send the form. The page shows its errors, or leads to the one that asks to confirm or shows what was recorded.",
);
/// Returns the style sheet of the pages.
pub const STYLE: Route = Route::get("tasks.page_style", "/app/style.css")
    .access(Access::Public)
    .about("Return the style sheet of the pages.");
/// Returns the icon of the pages.
pub const ICON: Route =
    Route::get("tasks.page_icon", "/app/favicon.svg").access(Access::Public).about("Return the icon of the pages.");
/// Returns the script of the pages.
pub const SCRIPT: Route = Route::get("tasks.page_script", "/app/page.js")
    .access(Access::Public)
    .about("Return the script that adds comfort to the pages: times in the zone of the reader. Pages work without it.");
/// Returns the manifest with which a browser installs the inbox.
pub const MANIFEST: Route = Route::get("tasks.page_manifest", "/app/manifest.webmanifest")
    .access(Access::Public)
    .about("Return the manifest with which a browser installs the inbox like a program.");
/// Returns the icon of the installed inbox.
pub const APP_ICON: Route = Route::get("tasks.page_app_icon", "/app/icon-512.png")
    .access(Access::Public)
    .about("Return the icon of the installed inbox.");
/// Returns the worker that says so when the server cannot be reached.
pub const WORKER: Route = Route::get("tasks.page_worker", "/app/worker.js")
    .access(Access::Public)
    .about("Return the script that keeps a page's entries, and says so, when the server cannot be reached.");
/// Returns the page that a browser shows when the server cannot be reached.
pub const OFFLINE: Route = Route::get("tasks.page_offline", "/app/offline")
    .access(Access::Public)
    .about("Return the page that a browser keeps, and shows when it cannot reach the server.");

/// A change of the person who has to answer a task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReassignTask {
    /// The id of the intent that waits for the answer.
    pub intent_id: Id,
    /// The new assignee: an email address, a role or a name of 1 to 255 characters. Required.
    #[serde(default, alias = "assign_to", alias = "assignee")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub to: String,
    /// The assignee to replace, if several people have to answer. By default the whole task passes to the new assignee.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub from: Option<String>,
    /// The reason, which the history of the intent keeps; at most 2,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000)))]
    pub note: Option<String>,
}

/// The task after its reassignment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReassignAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the intent.
    pub intent_id: Id,
    /// The new assignee.
    pub assigned_to: String,
    /// The task.
    pub task: Task,
}

/// The task and the person of a new link.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LinkTask {
    /// The id of the intent that waits for the answer.
    pub intent_id: Id,
    /// The person whom the history names as the author of the answer. By default the owner of the key, or the caller.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub person: Option<String>,
}

/// A link to a task, for one person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskLink {
    /// Always true.
    pub ok: bool,
    /// The id of the intent.
    pub intent_id: Id,
    /// The person who answers with the link.
    pub person: String,
    /// The URL of the page with the form. Shown once.
    pub url: String,
    /// The token for `/v1/tasks/action`. Shown once.
    pub token: String,
    /// When the link ends: after seven days, or earlier at the deadline of the task or the intent.
    pub expires_at: Timestamp,
}

/// Which tasks to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListTasks {
    /// How many tasks are returned at most: 100 by default, 500 at the highest.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 500>,
    /// Only tasks after the previous page: the `next_cursor` of its answer.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The tasks that the caller may answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskList {
    /// Always true.
    pub ok: bool,
    /// The tasks, longest wait first.
    pub tasks: Vec<Task>,
    /// Send it as `cursor` to get the next page, even if this page is short; null on the last page.
    pub next_cursor: Option<String>,
}

/// A task that waits for a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Task {
    /// The id of the intent, to which `intents.resume` sends the answer.
    pub intent_id: Id,
    /// The type of the intent.
    pub intent_type: String,
    /// The status of the intent, always `WAITING`.
    pub status: Status,
    /// The address of the sender of the intent.
    pub from_agent: String,
    /// When the intent began to wait for the answer.
    pub assigned_at: Timestamp,
    /// When the step has to be answered; absent without such a deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The task.
    #[cfg_attr(feature = "schema", schemars(with = "HumanTask"))]
    pub human_task: Value,
    /// The questions to the requester, oldest first. Our extension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<TaskQuestion>,
    /// The absent people in whose place the caller may answer; empty if the task asks the caller. Our extension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deputy_for: Vec<String>,
}
