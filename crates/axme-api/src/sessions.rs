//! Collaboration sessions: messages of several agents under one number series, and their feed
//! (`spec/protocol.md` §2.18).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Object;
use crate::lenient;
use crate::op::{AnyOp, Op, Route};
use crate::page::Limit;

pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &LIST, &GET, &POST_MESSAGE, &MESSAGES, &FEED, &COMPLETE];

pub const ROUTES: &[Route] = &[STREAM];

pub static CREATE: Op<CreateSession, SessionCreated> = Op::post("sessions.create", "/v1/sessions")
    .about("Open a session that the agents of the workspace work in together.");
pub static LIST: Op<ListSessions, SessionList> =
    Op::get("sessions.list", "/v1/sessions").about("Sessions, newest first.");
pub static GET: Op<GetSession, SessionAnswer> =
    Op::get("sessions.get", "/v1/sessions/{session_id}").about("One session.");
pub static POST_MESSAGE: Op<PostMessage, MessagePosted> =
    Op::post("sessions.messages.create", "/v1/sessions/{session_id}/messages").about("Say something in a session.");
pub static MESSAGES: Op<ListMessages, MessageList> =
    Op::get("sessions.messages.list", "/v1/sessions/{session_id}/messages")
        .about("The messages of a session, in order.");
pub static FEED: Op<ListMessages, Feed> = Op::get("sessions.feed", "/v1/sessions/{session_id}/feed")
    .about("Everything that happened in a session, in order; the latest of it unless since is given.");
pub static COMPLETE: Op<CompleteSession, SessionCompleted> =
    Op::post("sessions.complete", "/v1/sessions/{session_id}/complete")
        .about("End a session; nothing more is said in it.");

pub const STREAM: Route = Route::get("/v1/sessions/{session_id}/feed/stream")
    .about("The feed of a session as server-sent events: since, wait_seconds, follow.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateSession {
    /// 1 to 100 characters; `general` unless given.
    #[serde(default, rename = "type", deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// At most 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub parent_session_id: Option<String>,
    /// At most 50 sessions of the workspace; kept, and not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionCreated {
    pub ok: bool,
    pub session_id: String,
    /// `ACTIVE`.
    pub status: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub created_at: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListSessions {
    /// `ACTIVE` or `COMPLETED`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub parent_session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 500>,
    /// Only sessions older than this one: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetSession {
    pub session_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Session {
    pub session_id: String,
    /// `ACTIVE` or `COMPLETED`.
    pub status: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub project_id: Option<String>,
    pub parent_session_id: Option<String>,
    pub depends_on: Vec<String>,
    pub metadata: Option<Value>,
    /// What it was completed with.
    pub result: Option<Value>,
    pub created_by: String,
    /// The number of the last entry of its feed; 0 without one.
    pub last_seq: u64,
    pub created_at: String,
    pub updated_at: String,
    pub completed_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionAnswer {
    pub ok: bool,
    pub session: Session,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionList {
    pub ok: bool,
    pub sessions: Vec<Session>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PostMessage {
    pub session_id: String,
    /// Who speaks: `user`, `assistant`, or any word of 1 to 64 characters.
    pub role: String,
    /// Any JSON.
    pub content: Value,
    /// At most 100 characters; `text/plain` for text and `application/json` for anything else unless given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessagePosted {
    pub ok: bool,
    pub message_id: String,
    pub seq: u64,
    pub created_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListMessages {
    pub session_id: String,
    /// Only what has a greater number.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 500>,
}

/// A message, or the end of the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FeedEntry {
    pub seq: u64,
    /// `session.message` or `session.completed`.
    #[serde(rename = "type")]
    pub kind: String,
    pub session_id: String,
    pub message_id: String,
    pub role: Option<String>,
    /// What was said, or what the session was completed with.
    pub content: Option<Value>,
    pub content_type: Option<String>,
    pub actor: String,
    pub created_at: String,
    /// The content was left out of a frame because it is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageList {
    pub ok: bool,
    pub messages: Vec<FeedEntry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Feed {
    pub ok: bool,
    pub feed: Vec<FeedEntry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CompleteSession {
    pub session_id: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionCompleted {
    pub ok: bool,
    pub session_id: String,
    /// `COMPLETED`.
    pub status: String,
    pub completed_at: String,
}
