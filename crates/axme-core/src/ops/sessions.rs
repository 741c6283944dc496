//! Collaboration sessions. Every key of a session's workspace may read it, post messages to it and complete it.

use axme_api::sessions::{
    CompleteSession, CompleteSessionAnswer, CreateSession, CreateSessionAnswer, Feed, FeedEntry, FeedEntryType,
    GetSession, ListMessages, ListSessions, MessageList, PostMessage, PostMessageAnswer, SessionAnswer, SessionList,
    SessionStatus, SessionView,
};
use axme_api::{ApiError, ErrorCode};
use axme_intent::Time;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::Caller;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::input::{check_chars, check_size, read_id};
use axme_intent::IntentId;
use axme_store::sessions::{Entry, Session};
use axme_store::{Shard, Signal, Tx, sessions as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::sessions::CREATE, prepare_create, create).on(|session| shard(session.id))),
    Binding::Transaction(&handler(&axme_api::sessions::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::sessions::GET, prepare_get, get)),
    Binding::Transaction(
        &handler(&axme_api::sessions::POST_MESSAGE, prepare_message, post_message)
            .on(|new| shard(new.session))
            // Agents write their logs here, with whatever text they meet.
            .reports(|_| true),
    ),
    Binding::Transaction(&handler(&axme_api::sessions::MESSAGES, prepare_messages, messages)),
    Binding::Transaction(&handler(&axme_api::sessions::FEED, prepare_messages, feed)),
    Binding::Transaction(
        &handler(&axme_api::sessions::COMPLETE, prepare_complete, complete).on(|new| shard(new.session)),
    ),
];

const MAX_DEPENDS_ON: usize = 50;

/// Reads the id of a session, with or without its prefix.
pub fn read_session(text: &str) -> Result<Uuid> {
    let text = text.trim();
    read_id("session", text.strip_prefix("sess_").unwrap_or(text))
}

fn shown_id(id: Uuid) -> String {
    format!("sess_{}", id.simple())
}

/// Returns the shard of a session. Its operations are serial anyway.
fn shard(id: Uuid) -> Shard {
    Shard::of_intent(IntentId(id))
}

pub(crate) fn prepare_create(context: &PrepareContext<'_>, input: CreateSession) -> Result<Session> {
    let kind = input.kind.unwrap_or_else(|| "general".to_owned());
    check_chars("type", Some(&kind), 1, 100)?;
    check_chars("project_id", input.project_id.as_deref(), 1, 255)?;
    check_size("metadata", &input.metadata)?;
    let named = |field: &str, text: &str| {
        read_session(text).map_err(|_| ApiError::invalid(format!("{field}: \"{text}\" is not a session id")).into())
    };
    let parent = input.parent_session_id.as_deref().map(|text| named("parent_session_id", text)).transpose()?;
    let depends_on = input.depends_on.unwrap_or_default();
    if depends_on.len() > MAX_DEPENDS_ON {
        return Err(ApiError::invalid(format!("depends_on: at most {MAX_DEPENDS_ON} sessions")).into());
    }
    let depends_on: Result<Vec<String>> =
        depends_on.iter().map(|text| named("depends_on", text).map(shown_id)).collect();
    let session = Session {
        id: context.rng.uuid_at(context.now),
        kind,
        status: SessionStatus::Active,
        project_id: input.project_id,
        parent,
        depends_on: depends_on?,
        metadata: input.metadata.map(|metadata| Value::Object(metadata).to_string()),
        result: None,
        created_by: context.caller.actor(),
        last_seq: 0,
        created_at: context.now,
        updated_at: context.now,
        completed_at: None,
    };
    Ok(session)
}

pub fn create(cx: &mut CallContext<'_, '_>, session: &Session) -> Result<CreateSessionAnswer> {
    let workspace = cx.caller.workspace;
    if let Some(parent) = session.parent
        && store::find(cx.tx, workspace, parent)?.is_none()
    {
        return Err(ApiError::invalid(format!("parent_session_id: there is no session {}", shown_id(parent))).into());
    }
    for id in &session.depends_on {
        if store::find(cx.tx, workspace, read_session(id)?)?.is_none() {
            return Err(ApiError::invalid(format!("depends_on: there is no session {id}")).into());
        }
    }
    store::insert(cx.tx, workspace, session)?;
    cx.audit("sessions.create", &shown_id(session.id), &json!({ "type": session.kind }))?;
    Ok(CreateSessionAnswer {
        ok: true,
        session_id: shown_id(session.id),
        status: session.status,
        kind: session.kind.clone(),
        created_at: session.created_at.into(),
    })
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetSession) -> Result<Uuid> {
    read_session(&input.session_id)
}

pub fn get(cx: &mut CallContext<'_, '_>, id: &Uuid) -> Result<SessionAnswer> {
    Ok(SessionAnswer { ok: true, session: view(&find_visible(cx.tx, cx.caller, *id)?) })
}

/// Returns a session of the caller's workspace.
pub fn find_visible(tx: &mut Tx<'_>, caller: &Caller, id: Uuid) -> Result<Session> {
    let found = store::find(tx, caller.workspace, id)?;
    found.ok_or_else(|| ApiError::not_found(format!("session {}", shown_id(id))).into())
}

fn view(session: &Session) -> SessionView {
    SessionView {
        session_id: shown_id(session.id),
        status: session.status,
        kind: session.kind.clone(),
        project_id: session.project_id.clone(),
        parent_session_id: session.parent.map(shown_id),
        depends_on: session.depends_on.clone(),
        metadata: json_of(session.metadata.as_deref()),
        result: json_of(session.result.as_deref()),
        created_by: session.created_by.clone(),
        last_seq: u64::try_from(session.last_seq).unwrap_or(0),
        created_at: session.created_at.into(),
        updated_at: session.updated_at.into(),
        completed_at: session.completed_at.map(Into::into),
    }
}

fn json_of(text: Option<&str>) -> Option<Value> {
    text.and_then(|text| serde_json::from_str(text).ok())
}

pub struct Listing {
    status: Option<SessionStatus>,
    parent: Option<Uuid>,
    before: Uuid,
    limit: i64,
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListSessions) -> Result<Listing> {
    let id = |field: &str, text: &str| {
        read_session(text).map_err(|_| ApiError::invalid(format!("{field}: \"{text}\" is not a session id")))
    };
    let parent = input.parent_session_id.as_deref().map(|text| id("parent_session_id", text)).transpose()?;
    let before = input.before.as_deref().map(|text| id("before", text)).transpose()?.unwrap_or(Uuid::max());
    Ok(Listing { status: input.status, parent, before, limit: input.limit.items()? })
}

pub fn list(cx: &mut CallContext<'_, '_>, listing: &Listing) -> Result<SessionList> {
    let filter = (listing.status, listing.parent);
    let sessions = store::list(cx.tx, cx.caller.workspace, filter, listing.before, listing.limit)?;
    Ok(SessionList { ok: true, sessions: sessions.iter().map(view).collect() })
}

/// An entry to add to a session.
pub struct NewEntry {
    session: Uuid,
    entry: Entry,
}

pub(crate) fn prepare_message(context: &PrepareContext<'_>, input: PostMessage) -> Result<NewEntry> {
    let session = read_session(&input.session_id)?;
    check_chars("role", Some(&input.role), 1, 64)?;
    check_size("content", &input.content)?;
    let usual = if input.content.is_string() { "text/plain" } else { "application/json" };
    let content_type = input.content_type.unwrap_or_else(|| usual.to_owned());
    check_chars("content_type", Some(&content_type), 1, 100)?;
    let entry = Entry {
        role: Some(input.role),
        content: Some(input.content.to_string()),
        content_type: Some(content_type),
        ..entry(context, FeedEntryType::Message)
    };
    Ok(NewEntry { session, entry })
}

fn entry(context: &PrepareContext<'_>, kind: FeedEntryType) -> Entry {
    Entry {
        seq: 0,
        id: context.rng.uuid_at(context.now),
        kind,
        role: None,
        content: None,
        content_type: None,
        actor: context.caller.actor(),
        at: context.now,
    }
}

pub(crate) fn post_message(cx: &mut CallContext<'_, '_>, new: &NewEntry) -> Result<PostMessageAnswer> {
    let Some(seq) = add(cx, new)? else {
        find_visible(cx.tx, cx.caller, new.session)?;
        return Err(is_over(new.session).into());
    };
    Ok(PostMessageAnswer {
        ok: true,
        message_id: shown_message(new.entry.id),
        seq: u64::try_from(seq).unwrap_or(0),
        created_at: new.entry.at.into(),
    })
}

fn is_over(id: Uuid) -> ApiError {
    let message = format!("session {} is already completed", shown_id(id));
    ApiError::new(ErrorCode::SessionCompleted, message)
}

/// Adds an entry and returns its number; `None` if the session does not exist or is completed.
fn add(cx: &mut CallContext<'_, '_>, new: &NewEntry) -> Result<Option<i64>, StoreError> {
    let workspace = cx.caller.workspace;
    let Some(seq) = store::take_number(cx.tx, workspace, new.session, cx.now)? else { return Ok(None) };
    store::insert_entry(cx.tx, workspace, new.session, &Entry { seq, ..new.entry.clone() })?;
    cx.tx.signal(Signal::session(new.session));
    Ok(Some(seq))
}

fn shown_message(id: Uuid) -> String {
    format!("msg_{}", id.simple())
}

/// A range of a session's entries.
pub struct Page {
    session: Uuid,
    since: Option<i64>,
    limit: i64,
}

pub(crate) fn prepare_messages(_: &PrepareContext<'_>, input: ListMessages) -> Result<Page> {
    let since = input.since.map(|since| i64::try_from(since).unwrap_or(i64::MAX));
    let (session, limit) = (read_session(&input.session_id)?, input.limit.items()?);
    Ok(Page { session, since, limit })
}

pub fn messages(cx: &mut CallContext<'_, '_>, page: &Page) -> Result<MessageList> {
    find_visible(cx.tx, cx.caller, page.session)?;
    let after = page.since.unwrap_or(0);
    let entries = store::list_entries(cx.tx, cx.caller.workspace, page.session, after, page.limit)?;
    // Only the last entry can be a completion, so leaving it out makes no gap.
    let messages = entries.iter().filter(|entry| entry.kind == FeedEntryType::Message);
    Ok(MessageList { ok: true, messages: messages.map(|entry| view_entry(page.session, entry)).collect() })
}

/// Returns the entries after `since`, or the latest entries without it.
pub fn feed(cx: &mut CallContext<'_, '_>, page: &Page) -> Result<Feed> {
    let session = find_visible(cx.tx, cx.caller, page.session)?;
    let after = page.since.unwrap_or(session.last_seq - page.limit);
    let entries = store::list_entries(cx.tx, cx.caller.workspace, page.session, after, page.limit)?;
    Ok(Feed { ok: true, feed: entries.iter().map(|entry| view_entry(page.session, entry)).collect() })
}

pub fn view_entry(session: Uuid, entry: &Entry) -> FeedEntry {
    FeedEntry {
        seq: u64::try_from(entry.seq).unwrap_or(0),
        kind: entry.kind,
        session_id: shown_id(session),
        message_id: shown_message(entry.id),
        role: entry.role.clone(),
        content: json_of(entry.content.as_deref()),
        content_type: entry.content_type.clone(),
        actor: entry.actor.clone(),
        created_at: entry.at.into(),
        truncated: None,
    }
}

/// Returns true for the entry that completes a session.
pub fn is_last(entry: &Entry) -> bool {
    entry.kind == FeedEntryType::Completed
}

pub(crate) fn prepare_complete(context: &PrepareContext<'_>, input: CompleteSession) -> Result<NewEntry> {
    let session = read_session(&input.session_id)?;
    check_size("result", &input.result)?;
    let content = (!input.result.is_null()).then(|| input.result.to_string());
    Ok(NewEntry { session, entry: Entry { content, ..entry(context, FeedEntryType::Completed) } })
}

/// Completes a session. A repeat with the same result, or without one, returns the same answer.
pub fn complete(cx: &mut CallContext<'_, '_>, new: &NewEntry) -> Result<CompleteSessionAnswer> {
    let result = new.entry.content.as_ref();
    let completed_at = if add(cx, new)?.is_some() {
        store::complete(cx.tx, cx.caller.workspace, new.session, result, cx.now)?;
        cx.audit("sessions.complete", &shown_id(new.session), &json!({}))?;
        cx.now
    } else {
        let session = find_visible(cx.tx, cx.caller, new.session)?;
        if result.is_some() && result != session.result.as_ref() {
            return Err(is_over(new.session).into());
        }
        session.completed_at.unwrap_or(Time::from_micros(0))
    };
    Ok(CompleteSessionAnswer {
        ok: true,
        session_id: shown_id(new.session),
        status: SessionStatus::Completed,
        completed_at: completed_at.into(),
    })
}
