//! Collaboration sessions: messages of several agents, numbered in one series, and their feed
//! (`spec/protocol.md` §2.18).

use axme_types::unknown_word;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

pub use axme_types::sessions::{FeedEntryType, SessionStatus};

use crate::op::{AnyOp, Op, Route};
use crate::page::Limit;
use crate::{ErrorCode, Object, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &LIST, &GET, &POST_MESSAGE, &MESSAGES, &FEED, &COMPLETE];

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[STREAM];

/// Opens a session.
pub static CREATE: Op<CreateSession, CreateSessionAnswer> = Op::post("sessions.create", "/v1/sessions")
    .errors(&[ErrorCode::PayloadTooLarge])
    .about("Create a session in which the agents of the workspace work together.");
/// Lists sessions.
pub static LIST: Op<ListSessions, SessionList> =
    Op::get("sessions.list", "/v1/sessions").about("List the sessions of the workspace, newest first.");
/// Returns one session.
pub static GET: Op<GetSession, SessionAnswer> =
    Op::get("sessions.get", "/v1/sessions/{session_id}").about("Get one session.");
/// Adds a message to a session.
pub static POST_MESSAGE: Op<PostMessage, PostMessageAnswer> =
    Op::post("sessions.messages.create", "/v1/sessions/{session_id}/messages")
        .errors(&[ErrorCode::PayloadTooLarge, ErrorCode::SessionCompleted])
        .about("Post a message to a session.");
/// Lists the messages of a session.
pub static MESSAGES: Op<ListMessages, MessageList> =
    Op::get("sessions.messages.list", "/v1/sessions/{session_id}/messages")
        .about("List the messages of a session, in order.");
/// Lists the messages and the end of a session.
pub static FEED: Op<ListMessages, Feed> = Op::get("sessions.feed", "/v1/sessions/{session_id}/feed")
    .about("List the messages and the end of a session, in order. Without since, list the latest ones.");
/// Ends a session.
pub static COMPLETE: Op<CompleteSession, CompleteSessionAnswer> =
    Op::post("sessions.complete", "/v1/sessions/{session_id}/complete")
        .errors(&[ErrorCode::PayloadTooLarge, ErrorCode::SessionCompleted])
        .about("End a session. It accepts no more messages.");

/// Streams the feed of a session.
pub const STREAM: Route = Route::get("sessions.stream", "/v1/sessions/{session_id}/feed/stream")
    .about("Stream the feed of a session as server-sent events. Parameters: since, wait_seconds, follow.");

/// A new session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateSession {
    /// The kind of session, any word; `general` by default.
    #[serde(default, rename = "type", deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub kind: Option<String>,
    /// The caller's own id of a project.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub project_id: Option<String>,
    /// The id of a session of the workspace that this one is a part of: `sess_…`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub parent_session_id: Option<String>,
    /// The ids of sessions of the workspace that this one depends on. Stored for callers; the server does not act on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 50)))]
    pub depends_on: Option<Vec<String>>,
    /// Any facts; at most 131,072 bytes of JSON.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

/// The new session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateSessionAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the session: `sess_…`.
    pub session_id: String,
    /// The status of the session.
    pub status: SessionStatus,
    /// The kind of session.
    #[serde(rename = "type")]
    pub kind: String,
    /// When the session was created.
    pub created_at: Timestamp,
}

/// Which sessions to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListSessions {
    /// Only sessions with this status. Lower case is accepted too.
    #[serde(default, deserialize_with = "status_in_any_case", skip_serializing_if = "Option::is_none")]
    pub status: Option<SessionStatus>,
    /// Only parts of this session.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub parent_session_id: Option<String>,
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 500>,
    /// Only sessions older than this id: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

fn status_in_any_case<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SessionStatus>, D::Error> {
    let parse = |word: String| {
        SessionStatus::parse(&word.trim().to_ascii_uppercase())
            .ok_or_else(|| de::Error::custom(unknown_word(&word, SessionStatus::WORDS)))
    };
    lenient::text(deserializer)?.map(parse).transpose()
}

/// Which session to get.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetSession {
    /// The id of the session, with or without the prefix `sess_`.
    pub session_id: String,
}

/// A session as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionView {
    /// The id of the session: `sess_…`.
    pub session_id: String,
    /// The status of the session.
    pub status: SessionStatus,
    /// The kind of session.
    #[serde(rename = "type")]
    pub kind: String,
    /// The creator's own id of a project; null without one.
    pub project_id: Option<String>,
    /// The id of the session that this one is a part of; null without one.
    pub parent_session_id: Option<String>,
    /// The ids of the sessions that this one depends on.
    pub depends_on: Vec<String>,
    /// The facts that the creator stored with it; null without any.
    pub metadata: Option<Value>,
    /// The result of the session; null until it is completed with one.
    pub result: Option<Value>,
    /// The caller who created the session.
    pub created_by: String,
    /// The number of the last entry of the feed; 0 without any.
    pub last_seq: u64,
    /// When the session was created.
    pub created_at: Timestamp,
    /// When the session last got an entry, or else when it was created.
    pub updated_at: Timestamp,
    /// When the session was completed; null while it is active.
    pub completed_at: Option<Timestamp>,
}

/// The session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionAnswer {
    /// Always true.
    pub ok: bool,
    /// The session.
    pub session: SessionView,
}

/// A page of sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionList {
    /// Always true.
    pub ok: bool,
    /// The sessions, newest first.
    pub sessions: Vec<SessionView>,
}

/// A new message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PostMessage {
    /// The id of the session, with or without the prefix `sess_`.
    pub session_id: String,
    /// The role of the author: `user`, `assistant` or any other word.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
    pub role: String,
    /// The content of any shape: at most 131,072 bytes of JSON.
    pub content: Value,
    /// The media type of the content. By default `text/plain` for text and `application/json` for anything else.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub content_type: Option<String>,
}

/// The new message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PostMessageAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the message: `msg_…`.
    pub message_id: String,
    /// The number of the message in the feed: 1, 2, 3, ….
    pub seq: u64,
    /// When the message was posted.
    pub created_at: Timestamp,
}

/// Which entries of a session to list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListMessages {
    /// The id of the session, with or without the prefix `sess_`.
    pub session_id: String,
    /// Only entries with a greater `seq`.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = axme_types::limits::MAX_INTEGER)))]
    pub since: Option<u64>,
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 500>,
}

/// An entry of a session's feed: a message, or the end of the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FeedEntry {
    /// The number of the entry: 1, 2, 3, ….
    pub seq: u64,
    /// The type of the entry.
    #[serde(rename = "type")]
    pub kind: FeedEntryType,
    /// The id of the session: `sess_…`.
    pub session_id: String,
    /// The id of the entry: `msg_…`.
    pub message_id: String,
    /// The role of the author; null for the end of the session.
    pub role: Option<String>,
    /// The content of the message, or the result of the session; null without one.
    pub content: Option<Value>,
    /// The media type of the content; null for the end of the session.
    pub content_type: Option<String>,
    /// The caller who caused the entry.
    pub actor: String,
    /// When the entry was made.
    pub created_at: Timestamp,
    /// True when a stream left out the content because of its size: list the messages to get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

/// Messages of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageList {
    /// Always true.
    pub ok: bool,
    /// The messages, in order.
    pub messages: Vec<FeedEntry>,
}

/// Entries of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Feed {
    /// Always true.
    pub ok: bool,
    /// The messages and the end of the session, in order.
    pub feed: Vec<FeedEntry>,
}

/// The end of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CompleteSession {
    /// The id of the session, with or without the prefix `sess_`.
    pub session_id: String,
    /// The result of any shape: at most 131,072 bytes of JSON.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
}

/// The completed session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CompleteSessionAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the session: `sess_…`.
    pub session_id: String,
    /// The status of the session: `COMPLETED`.
    pub status: SessionStatus,
    /// When the session was completed.
    pub completed_at: Timestamp,
}
