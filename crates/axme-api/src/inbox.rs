//! The inbox: intents as threads of those they concern (`spec/protocol.md` §2.6).

use serde::{Deserialize, Serialize};

use crate::Object;
use crate::lenient;
use crate::op::{AnyOp, Op};
use crate::page::Limit;

pub const OPERATIONS: &[&dyn AnyOp] =
    &[&LIST, &CHANGES, &GET, &REPLY, &DELEGATE, &APPROVE, &REJECT, &READ, &DELETE_MESSAGES, &DELETE_ALL_MESSAGES];

pub static LIST: Op<ListThreads, ThreadList> =
    Op::get("inbox.list", "/v1/inbox").about("The threads of an owner, newest first.");
pub static CHANGES: Op<ListChanges, ChangeList> = Op::get("inbox.changes", "/v1/inbox/changes")
    .writing()
    .about("What has changed in the threads of an owner after a cursor, each thread once, as it is now.");
pub static GET: Op<GetThread, ThreadAnswer> = Op::get("inbox.get", "/v1/inbox/{thread_id}").about("One thread.");
pub static REPLY: Op<Reply, ThreadAnswer> = Op::post("inbox.reply", "/v1/inbox/{thread_id}/reply")
    .about("Write a message into a thread; an id that is not known yet begins one.");
pub static DELEGATE: Op<Delegate, ThreadAnswer> = Op::post("inbox.delegate", "/v1/inbox/{thread_id}/delegate")
    .about("Let somebody else decide too; the owner keeps the thread.");
pub static APPROVE: Op<Decide, ThreadAnswer> =
    Op::post("inbox.approve", "/v1/inbox/{thread_id}/approve").about("Say yes to what a thread asks.");
pub static REJECT: Op<Decide, ThreadAnswer> =
    Op::post("inbox.reject", "/v1/inbox/{thread_id}/reject").about("Say no to what a thread asks.");
pub static READ: Op<GetThread, ThreadAnswer> =
    Op::post("inbox.read", "/v1/inbox/{thread_id}/read").about("Mark a thread as read by its owner.");
pub static DELETE_MESSAGES: Op<DeleteMessages, MessagesDeleted> =
    Op::post("inbox.messages.delete", "/v1/inbox/{thread_id}/messages/delete")
        .about("Put messages of a thread out of sight, the newest first unless they are named.");
pub static DELETE_ALL_MESSAGES: Op<DeleteMessages, MessagesDeleted> =
    Op::delete("inbox.messages.delete_all", "/v1/inbox/{thread_id}/messages").about("The same under another method.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListThreads {
    /// Whose threads; the caller's own address unless given. A workspace-admin key without an address sees those of all.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// `pending`, `active` or `done`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<50, 100>,
    /// Only threads older than this one: `next_before` of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetThread {
    pub thread_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListChanges {
    /// As in the list; an admin without an address names one.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// `next_cursor` of the answer before; from the beginning without one.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<50, 100>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reply {
    pub thread_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// 1 to 131,072 characters.
    pub message: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delegate {
    pub thread_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// An address; it gets the thread and may decide in the receiver's place.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub delegate_to: Option<String>,
    /// At most 2,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decide {
    pub thread_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// At most 2,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteMessages {
    pub thread_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// `self` (unless given): for this owner; `both`: for everybody.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// At most 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_ids: Option<Vec<String>>,
    /// How many of the newest, 1 to 100, when none are named.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessagesDeleted {
    pub ok: bool,
    pub thread: Thread,
    pub mode: String,
    pub deleted_count: u64,
    pub message_ids: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeList {
    pub ok: bool,
    pub changes: Vec<Change>,
    /// Where to go on; null when nothing has ever changed.
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    pub cursor: String,
    pub thread: Thread,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThreadList {
    pub ok: bool,
    pub threads: Vec<Thread>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_before: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThreadAnswer {
    pub ok: bool,
    pub thread: Thread,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Thread {
    /// The id of the intent, or the id under which somebody began to write.
    pub thread_id: String,
    pub intent_id: String,
    /// `pending` until somebody works on the intent, `active` then, `done` once it is terminal or, without an intent, decided.
    pub status: String,
    pub owner_agent: String,
    /// The sender; for the owner that a result was sent to, the agent that had the intent.
    pub from_agent: String,
    pub to_agent: String,
    /// None for a thread without an intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_type: Option<String>,
    /// What the thread is about: the title of the open task, or the intent's type.
    pub subject: String,
    pub created_at: String,
    pub updated_at: String,
    /// When its owner marked it as read.
    pub read_at: Option<String>,
    /// Oldest first, never empty.
    pub timeline: Vec<TimelineEntry>,
    /// Oldest first: what was written, and the result or the error of a terminal intent.
    pub messages: Vec<Message>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimelineEntry {
    pub event_id: String,
    pub event_type: String,
    pub actor: String,
    pub at: String,
    pub details: Object,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    pub message_id: String,
    /// `agent`: the receiver or its delegate; `user`: anybody else.
    pub role: String,
    /// Who wrote it.
    pub author: String,
    /// Text as it is, anything else as JSON. Lists show the first 4,096 characters.
    pub content: String,
    /// True when the thread itself holds more of the content.
    pub truncated: bool,
    pub at: String,
}
