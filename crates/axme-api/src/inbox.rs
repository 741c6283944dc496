//! The inbox: intents as threads of those they concern (`spec/protocol.md` §2.6).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::intents::OutcomeView;
use crate::op::{AnyOp, Op};
use crate::page::Limit;
use crate::{ErrorCode, Id, Number, Object, Timestamp, lenient};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] =
    &[&LIST, &CHANGES, &GET, &REPLY, &DELEGATE, &APPROVE, &REJECT, &READ, &DELETE_MESSAGES, &DELETE_ALL_MESSAGES];

/// The error codes of operations that add an entry to a thread.
const ENTRY_ERRORS: &[ErrorCode] = &[ErrorCode::InvalidAgentAddress, ErrorCode::QuotaExceeded];

/// The error codes of operations that decide.
const DECISION_ERRORS: &[ErrorCode] = &[
    ErrorCode::AlreadyAnswered,
    ErrorCode::AnotherPersonRequired,
    ErrorCode::CommentRequired,
    ErrorCode::DeadlinePassed,
    ErrorCode::EvidenceRequired,
    ErrorCode::FormInvalid,
    ErrorCode::IntentAlreadyTerminal,
    ErrorCode::InvalidAgentAddress,
    ErrorCode::MayNotBeAsked,
    ErrorCode::NotAsked,
    ErrorCode::NotAwaitingDecision,
    ErrorCode::OutcomeNotAllowed,
    ErrorCode::PersonRequired,
    ErrorCode::QuotaExceeded,
    ErrorCode::RequesterMayNotAnswer,
];

/// Lists threads.
pub static LIST: Op<ListThreads, ThreadList> = Op::get("inbox.list", "/v1/inbox")
    .errors(&[ErrorCode::InvalidAgentAddress])
    .about("List the threads of an owner, newest first.");
/// Lists changes.
pub static CHANGES: Op<ListChanges, ChangeList> = Op::get("inbox.changes", "/v1/inbox/changes")
    .writing()
    .errors(&[ErrorCode::InvalidAgentAddress])
    .about("List the threads of an owner that changed after a cursor, each once and in its present state.");
/// Returns a thread.
pub static GET: Op<GetThread, ThreadAnswer> =
    Op::get("inbox.get", "/v1/inbox/{thread_id}").errors(&[ErrorCode::InvalidAgentAddress]).about("Get one thread.");
/// Writes a message.
pub static REPLY: Op<Reply, ThreadAnswer> = Op::post("inbox.reply", "/v1/inbox/{thread_id}/reply")
    .errors(ENTRY_ERRORS)
    .about("Write a message into a thread. An unused UUID starts a new thread.");
/// Delegates a thread.
pub static DELEGATE: Op<Delegate, ThreadAnswer> = Op::post("inbox.delegate", "/v1/inbox/{thread_id}/delegate")
    .errors(&[ErrorCode::InvalidAgentAddress, ErrorCode::QuotaExceeded, ErrorCode::RequesterMayNotAnswer])
    .about("Share a thread with another address, which may decide if the owner may. The owner keeps the thread.");
/// Says yes.
pub static APPROVE: Op<Decide, ThreadAnswer> = Op::post("inbox.approve", "/v1/inbox/{thread_id}/approve")
    .errors(DECISION_ERRORS)
    .about("Approve the request of a thread.");
/// Says no.
pub static REJECT: Op<Decide, ThreadAnswer> = Op::post("inbox.reject", "/v1/inbox/{thread_id}/reject")
    .errors(DECISION_ERRORS)
    .about("Reject the request of a thread.");
/// Marks a thread as read.
pub static READ: Op<GetThread, ThreadAnswer> = Op::post("inbox.read", "/v1/inbox/{thread_id}/read")
    .errors(&[ErrorCode::InvalidAgentAddress])
    .about("Mark a thread as read by its owner.");
/// Hides messages.
pub static DELETE_MESSAGES: Op<DeleteMessages, DeleteMessagesAnswer> =
    Op::post("inbox.messages.delete", "/v1/inbox/{thread_id}/messages/delete")
        .errors(&[ErrorCode::InvalidAgentAddress])
        .about("Hide messages of a thread: those that the call names, or else the newest.");
/// The same as [`DELETE_MESSAGES`].
pub static DELETE_ALL_MESSAGES: Op<DeleteMessages, DeleteMessagesAnswer> =
    Op::delete("inbox.messages.delete_all", "/v1/inbox/{thread_id}/messages")
        .errors(&[ErrorCode::InvalidAgentAddress])
        .about("Hide messages of a thread, like inbox.messages.delete.");

text_enum! {
    /// The state of a thread.
    pub enum ThreadStatus {
        /// The work on the intent has not begun, or the intent waits.
        Pending = "pending",
        /// The intent is in progress, or the thread has neither an intent nor a decision.
        Active = "active",
        /// The intent has ended, or a thread without an intent was decided.
        Done = "done",
    }
}

/// Which threads to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListThreads {
    /// The owner of the threads; by default the address of the key. Without both, an admin key gets all threads.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// Only threads in this state.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<ThreadStatus>,
    /// The page size: 50 by default, at most 100.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<50, 100>,
    /// Only threads older than this one: `next_before` of the previous page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub before: Option<Id>,
}

/// A thread and its owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetThread {
    /// The id of the thread.
    pub thread_id: Id,
    /// The owner of the thread. By default the address of the key, or else the first owner.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

/// Which changes to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListChanges {
    /// The owner of the threads. By default the address of the key; required if the key has none.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// `next_cursor` of the previous answer. Without it the list begins at the first change.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The page size: 50 by default, at most 100.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<50, 100>,
}

/// A message for a thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reply {
    /// The id of the thread. An unused UUID starts a thread without an intent, which belongs to the owner.
    pub thread_id: Id,
    /// The owner in whose name the caller writes. By default the address of the key, or else the first owner.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// The text: 1 to 131,072 characters, not only blanks.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 131_072)))]
    pub message: String,
}

/// A thread and the address that it is shared with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delegate {
    /// The id of the thread.
    pub thread_id: Id,
    /// The owner who delegates. By default the address of the key, or else the first owner.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// The address that gets the thread. It may decide in the receiver's place if the owner may. Required.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub delegate_to: Option<String>,
    /// The reason; at most 2,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000)))]
    pub note: Option<String>,
}

/// A decision about the request of a thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decide {
    /// The id of the thread.
    pub thread_id: Id,
    /// The owner who decides. By default the address of the key, or else the first owner.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// The reason; at most 2,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000)))]
    pub comment: Option<String>,
}

text_enum! {
    /// For which owners messages are hidden.
    pub enum DeletionMode {
        /// For the owner of the call.
        Owner = "self",
        /// For every owner of the thread.
        Everyone = "both",
    }
}

/// Which messages to hide.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteMessages {
    /// The id of the thread.
    pub thread_id: Id,
    /// The owner of the thread. By default the address of the key, or else the first owner.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// For which owners the messages are hidden; `self` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub mode: Option<DeletionMode>,
    /// The ids of the messages, at most 100. The newest messages by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub message_ids: Option<Vec<Id>>,
    /// How many messages are hidden at most; 100 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub limit: Option<Number<1, 100>>,
}

/// The hidden messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteMessagesAnswer {
    /// Always true.
    pub ok: bool,
    /// The thread after the call.
    pub thread: Thread,
    /// For which owners the messages are hidden.
    pub mode: DeletionMode,
    /// How many messages the call hid.
    pub deleted_count: u64,
    /// The ids of these messages.
    pub message_ids: Vec<Id>,
}

/// Changes in the threads of an owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeList {
    /// Always true.
    pub ok: bool,
    /// The changes, in their order.
    pub changes: Vec<Change>,
    /// Send it as `cursor` to get later changes; null if nothing has ever changed.
    pub next_cursor: Option<String>,
    /// True if there are more changes now.
    pub has_more: bool,
}

/// The last change of a thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// The place of the change among the owner's changes: a number, a colon and the id of the thread.
    pub cursor: String,
    /// The thread in its present state.
    pub thread: Thread,
}

/// A page of threads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThreadList {
    /// Always true.
    pub ok: bool,
    /// The threads, newest first. Each shows its last 20 entries, or fewer if these exceed 64 KiB.
    pub threads: Vec<Thread>,
    /// Send it as `before` to get the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_before: Option<Id>,
}

/// One thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThreadAnswer {
    /// Always true.
    pub ok: bool,
    /// The thread, with its last 1,000 entries, or fewer if these exceed 1 MiB.
    pub thread: Thread,
}

/// A thread as its owner sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Thread {
    /// The id of the intent, or the id under which the first message was written.
    pub thread_id: Id,
    /// The same as `thread_id`.
    pub intent_id: Id,
    /// The state of the thread.
    pub status: ThreadStatus,
    /// How the intent ended.
    #[serde(flatten)]
    pub outcome: OutcomeView,
    /// The address of the owner.
    pub owner_agent: String,
    /// The address of the sender. For the owner that a result was sent to, the agent that had the intent.
    pub from_agent: String,
    /// The address of the receiver. For the owner that a result was sent to, that owner.
    pub to_agent: String,
    /// The type of the intent; absent in a thread without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_type: Option<String>,
    /// The title of the open task, or else the type of the intent; `conversation` without an intent.
    pub subject: String,
    /// When the thread began.
    pub created_at: Timestamp,
    /// When the intent or the thread last changed.
    pub updated_at: Timestamp,
    /// When the owner marked the thread as read; null if never.
    pub read_at: Option<Timestamp>,
    /// The history, oldest first. Never empty.
    pub timeline: Vec<TimelineEntry>,
    /// The messages, oldest first, with the result or the error of an ended intent as the last one.
    pub messages: Vec<Message>,
}

text_enum! {
    /// The type of an entry in the history of a thread.
    pub enum TimelineType {
        /// The receiver got the intent.
        IntentReceived = "intent_received",
        /// The intent ended.
        IntentEnded = "intent_ended",
        /// The result of the intent was sent to the owner.
        IntentCompletionDelivered = "intent_completion_delivered",
        /// The thread began without an intent.
        ThreadStarted = "thread_started",
        /// A message was written.
        ThreadReply = "thread_reply",
        /// The thread was shared with another address.
        ThreadDelegated = "thread_delegated",
        /// The request was approved.
        ThreadApproved = "thread_approved",
        /// The request was rejected.
        ThreadRejected = "thread_rejected",
    }
}

/// An entry in the history of a thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimelineEntry {
    /// The id of the entry, the same at each read.
    pub event_id: Id,
    /// The type of the entry.
    pub event_type: TimelineType,
    /// The address or the person that caused the entry.
    pub actor: String,
    /// When it happened.
    pub at: Timestamp,
    /// Facts that depend on the type: ids, the status, a comment, a note or an address.
    pub details: Object,
}

text_enum! {
    /// The side that wrote a message.
    pub enum MessageRole {
        /// The receiver of the intent.
        Agent = "agent",
        /// Any other author.
        User = "user",
    }
}

/// A message of a thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    /// The id of the message, the same at each read.
    pub message_id: Id,
    /// The side that wrote it.
    pub role: MessageRole,
    /// The address or the person that wrote it.
    pub author: String,
    /// The text; a result or an error that is not text is shown as JSON. Lists show the first 4,096 characters.
    pub content: String,
    /// True if the content was shortened: read the thread itself to get all of it.
    pub truncated: bool,
    /// When it was written.
    pub at: Timestamp,
}
