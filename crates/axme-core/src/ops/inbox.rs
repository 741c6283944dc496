//! Reads the inbox. A thread is derived from its intent at each read, so the two cannot differ.
//!
//! The receiver has the thread from the start, and `reply_to` once the intent has ended in any way. People who are
//! asked, delegates and writers have it from then on. `threads` changes threads.

use std::collections::BTreeMap;

use axme_api::inbox::{
    Change, ChangeList, GetThread, ListChanges, ListThreads, Message, MessageRole, Thread, ThreadAnswer, ThreadList,
    ThreadStatus, TimelineEntry, TimelineType,
};
use axme_api::intents::OutcomeView;
use axme_api::{ApiError, Object, Timestamp};
use axme_intent::human::is_same_person;
use axme_intent::{Address, IntentId, Status, Time};
use axme_words::Language;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::input::{address, read_before};
use crate::views;
use axme_store::inbox::{Entry, EntryKind, EntryLimits, Member};
use axme_store::intents::Head;
use axme_store::{inbox as store, intents};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::inbox::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::inbox::CHANGES, prepare_changes, changes)),
    Binding::Transaction(&handler(&axme_api::inbox::GET, prepare_get, get)),
];

/// Maximum characters of a message in a list, so that a page of long results stays small.
const MAX_LISTED_CHARS: usize = 4_096;

/// Maximum latest entries of a thread in a list, and when it is shown alone.
const LIMITS_IN_LIST: EntryLimits = EntryLimits { entries: 20, bytes: 64 * 1024 };
const LIMITS_ALONE: EntryLimits = EntryLimits { entries: 1_000, bytes: 1024 * 1024 };

/// Maximum replies of a thread that a deletion considers.
const MAX_MESSAGES: i64 = 10_000;

/// Threads per batch, and maximum batches per call: a filter by status may match few of them.
const BATCH: i64 = 100;
const MAX_BATCHES: usize = 20;

/// Returns the state of a thread with an intent.
fn thread_status(status: Status) -> ThreadStatus {
    match status {
        status if status.is_terminal() => ThreadStatus::Done,
        Status::InProgress => ThreadStatus::Active,
        _ => ThreadStatus::Pending,
    }
}

pub struct Page {
    owner: Option<Address>,
    status: Option<ThreadStatus>,
    before: IntentId,
    limit: usize,
}

pub(crate) fn prepare_list(context: &PrepareContext<'_>, input: ListThreads) -> Result<Page> {
    let page = Page {
        owner: owner(context, input.owner_agent.as_deref())?,
        status: input.status,
        before: read_before(input.before.as_deref(), IntentId(Uuid::max()), "a thread id")?,
        limit: input.limit.items()? as usize,
    };
    Ok(page)
}

pub fn list(cx: &mut CallContext<'_, '_>, page: &Page) -> Result<ThreadList> {
    let (mut threads, mut before) = (Vec::new(), page.before);
    for _ in 0..MAX_BATCHES {
        let batch = sources(cx, page, before)?;
        let is_last = (batch.len() as i64) < BATCH;
        for source in batch {
            before = source.id;
            let thread = source.load(cx, LIMITS_IN_LIST)?;
            if page.status.is_none_or(|status| status == thread.status()) {
                threads.push(thread.view(MAX_LISTED_CHARS));
                if threads.len() == page.limit {
                    return Ok(ThreadList { ok: true, threads, next_before: Some(before.into()) });
                }
            }
        }
        if is_last {
            return Ok(ThreadList { ok: true, threads, next_before: None });
        }
    }
    Ok(ThreadList { ok: true, threads, next_before: Some(before.into()) })
}

/// The rows from which the thread of one owner is derived.
pub(super) struct Source {
    pub id: IntentId,
    pub owner: Address,
    pub head: Option<Head>,
    pub member: Option<Member>,
    /// True if the intent's result went to the owner.
    is_reply: bool,
}

/// Returns the stages of the intents whose threads have this state: live (`true`), ended, or both.
const fn stages(status: Option<ThreadStatus>) -> &'static [bool] {
    match status {
        None => &[true, false],
        Some(ThreadStatus::Done) => &[false],
        Some(ThreadStatus::Pending | ThreadStatus::Active) => &[true],
    }
}

/// Returns a page of threads, newest first. It may include threads in other states than the one that is asked for.
fn sources(cx: &mut CallContext<'_, '_>, page: &Page, before: IntentId) -> Result<Vec<Source>, StoreError> {
    let (workspace, owner) = (cx.caller.workspace, page.owner.as_ref());
    let mut found = BTreeMap::new();
    for head in store::list(cx.tx, workspace, owner, stages(page.status), before, BATCH)? {
        let owner = owner.unwrap_or(&head.to).clone();
        let is_reply = head.to != owner;
        found.insert(head.intent.id.0, Source { id: head.intent.id, owner, head: Some(head), member: None, is_reply });
    }
    if let Some(owner) = owner {
        for member in store::list_parts(cx.tx, workspace, owner, before, BATCH)? {
            let id = member.thread;
            let empty = Source { id, owner: owner.clone(), head: None, member: None, is_reply: false };
            found.entry(id.0).or_insert(empty).member = Some(member);
        }
    }
    let mut page: Vec<Source> = found.into_values().rev().take(BATCH as usize).collect();
    for source in &mut page {
        if source.head.is_none() {
            source.head = intents::find(cx.tx, workspace, source.id)?;
        }
        if owner.is_none() {
            let members = store::members(cx.tx, workspace, source.id)?;
            source.member = members.into_iter().find(|member| member.owner == source.owner);
        }
    }
    Ok(page)
}

/// Returns a thread as `owner` has it; by default, as its receiver or first member has it.
pub(super) fn find(cx: &mut CallContext<'_, '_>, id: IntentId, owner: Option<&Address>) -> Result<Source> {
    let head = intents::find(cx.tx, cx.caller.workspace, id)?;
    let members = store::members(cx.tx, cx.caller.workspace, id)?;
    let first = head.as_ref().map(|head| &head.to).or(members.first().map(|member| &member.owner));
    let owner = owner.or(first).ok_or_else(|| not_found(&id.to_string()))?.clone();
    if head.is_none() && members.is_empty() {
        return Err(not_found(&id.to_string()).into());
    }
    let member = members.into_iter().find(|member| member.owner == owner);
    let is_reply = match &head {
        Some(head) if head.to != owner && head.intent.status().is_terminal() => {
            store::reply_to(cx.tx, cx.caller.workspace, id)?.as_ref() == Some(&owner)
        }
        _ => false,
    };
    let source = Source { id, owner, head, member, is_reply };
    if source.member.is_none() && !source.is_receivers() && !is_reply {
        return Err(ApiError::forbidden(format!("thread {id} is not in the inbox of {}", source.owner)).into());
    }
    Ok(source)
}

pub type ThreadRef = (IntentId, Option<Address>);

pub(crate) fn prepare_get(context: &PrepareContext<'_>, input: GetThread) -> Result<ThreadRef> {
    let wanted = wanted(context, &input.thread_id, input.owner_agent.as_deref())?;
    Ok(wanted)
}

/// Returns the thread and the owner that a call names. An invalid id is answered as not found.
pub(super) fn wanted(context: &PrepareContext<'_>, id: &str, owner_agent: Option<&str>) -> Result<ThreadRef> {
    let owner = owner(context, owner_agent)?;
    Ok((id.parse().map_err(|_| not_found(id))?, owner))
}

pub fn get(cx: &mut CallContext<'_, '_>, (id, owner): &ThreadRef) -> Result<ThreadAnswer> {
    let source = find(cx, *id, owner.as_ref())?;
    show(cx, source)
}

pub(super) fn show(cx: &mut CallContext<'_, '_>, source: Source) -> Result<ThreadAnswer> {
    Ok(ThreadAnswer { ok: true, thread: source.load(cx, LIMITS_ALONE)?.view(usize::MAX) })
}

pub(super) fn not_found(id: &str) -> ApiError {
    ApiError::not_found(format!("thread {id}"))
}

pub struct ChangesQuery {
    owner: Address,
    number: i64,
    cursor: Option<String>,
    limit: i64,
}

pub(crate) fn prepare_changes(context: &PrepareContext<'_>, input: ListChanges) -> Result<ChangesQuery> {
    let owner = owner(context, input.owner_agent.as_deref())?;
    let cursor = input.cursor.filter(|cursor| !cursor.trim().is_empty());
    let since = ChangesQuery {
        owner: owner.ok_or_else(|| ApiError::invalid("owner_agent: required, because this key has no address"))?,
        number: cursor.as_deref().map(read_cursor).transpose()?.unwrap_or(0),
        cursor,
        limit: input.limit.items()?,
    };
    Ok(since)
}

fn read_cursor(text: &str) -> Result<i64> {
    let number = text.trim().split(':').next().and_then(|number| number.parse().ok());
    number.ok_or_else(|| ApiError::invalid("cursor: must be the next_cursor of an earlier answer").into())
}

pub fn changes(cx: &mut CallContext<'_, '_>, since: &ChangesQuery) -> Result<ChangeList> {
    let workspace = cx.caller.workspace;
    let is_more_to_number = store::number_changes(cx.tx, workspace, &since.owner, cx.now)?;
    let mut numbered = store::list_changes(cx.tx, workspace, &since.owner, since.number, since.limit + 1)?;
    let has_more = numbered.len() as i64 > since.limit || is_more_to_number;
    numbered.truncate(usize::try_from(since.limit).unwrap_or(usize::MAX));
    let mut changes = Vec::with_capacity(numbered.len());
    for (number, id) in numbered {
        let thread = find(cx, id, Some(&since.owner))?.load(cx, LIMITS_IN_LIST)?.view(MAX_LISTED_CHARS);
        changes.push(Change { cursor: format!("{number}:{id}"), thread });
    }
    let next_cursor = changes.last().map(|change| change.cursor.clone()).or_else(|| since.cursor.clone());
    Ok(ChangeList { ok: true, changes, next_cursor, has_more })
}

/// Returns whose inbox, files, invites or events a call means: the field's value, else the header's (the two never
/// differ), else the caller's address. Only an admin key may name another. `None` is the whole workspace, for its
/// admin.
pub(super) fn owner(context: &PrepareContext<'_>, field: Option<&str>) -> Result<Option<Address>> {
    let caller = context.caller;
    let named = field.filter(|text| !text.trim().is_empty()).or(context.owner);
    let named = named.map(|text| address(text, "owner_agent", caller.home())).transpose()?;
    if caller.is_admin() {
        return Ok(named.or_else(|| caller.address.clone()));
    }
    match (&caller.address, named) {
        (Some(own), None) => Ok(Some(own.clone())),
        (Some(own), Some(named)) if named == *own => Ok(Some(named)),
        (Some(own), Some(_)) => {
            Err(ApiError::forbidden(format!("owner_agent: this key can act only for its own address, {own}")).into())
        }
        (None, _) => {
            Err(ApiError::forbidden("this key has no address and cannot act for an owner; use an agent's key").into())
        }
    }
}

/// A thread with the entries to show.
pub(super) struct ThreadContents {
    source: Source,
    /// The latest entries, without messages that were deleted for the owner.
    pub entries: Vec<Entry>,
    is_end_deleted: bool,
}

impl Source {
    pub fn load(self, cx: &mut CallContext<'_, '_>, most: EntryLimits) -> Result<ThreadContents, StoreError> {
        let mut loaded = ThreadContents { source: self, entries: Vec::new(), is_end_deleted: false };
        let (id, owner) = (loaded.source.id, &loaded.source.owner);
        // Adding an entry makes the receiver a member, so a receiver without membership has no entries.
        if loaded.source.member.is_some() || loaded.source.is_reply {
            let workspace = cx.caller.workspace;
            loaded.entries = store::entries(cx.tx, workspace, id, owner, most)?;
            loaded.is_end_deleted = store::is_deleted(cx.tx, workspace, id, owner, derived_id(id, COMPLETION))?;
        }
        Ok(loaded)
    }

    /// Returns the ids of the messages that the owner sees, latest first.
    pub fn message_ids(&self, cx: &mut CallContext<'_, '_>) -> Result<Vec<Uuid>, StoreError> {
        let (workspace, end) = (cx.caller.workspace, derived_id(self.id, COMPLETION));
        let is_ended = self.head.as_ref().is_some_and(|head| head.intent.status().is_terminal());
        let is_shown = is_ended && !store::is_deleted(cx.tx, workspace, self.id, &self.owner, end)?;
        let replies = store::replies(cx.tx, workspace, self.id, &self.owner, MAX_MESSAGES)?;
        Ok(Some(end).filter(|_| is_shown).into_iter().chain(replies).collect())
    }

    pub(crate) fn is_receivers(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.to == self.owner)
    }

    /// Returns true for the receiver, and for members who may decide in its place.
    pub(crate) fn may_decide(&self) -> bool {
        self.is_receivers() || self.member.as_ref().is_some_and(|member| member.decides)
    }
}

impl ThreadContents {
    fn status(&self) -> ThreadStatus {
        match &self.source.head {
            Some(head) => thread_status(head.intent.status()),
            None if self.entries.iter().any(|entry| entry.kind.is_decision()) => ThreadStatus::Done,
            None => ThreadStatus::Active,
        }
    }

    fn view(&self, most_chars: usize) -> Thread {
        let Source { id, owner, head, member, is_reply } = &self.source;
        let status = self.status();
        let read_at = member.as_ref().and_then(|member| member.read_at).map(Timestamp);
        let mut messages: Vec<Message> = self.entries.iter().filter_map(|entry| self.said(entry, most_chars)).collect();
        let mut timeline: Vec<TimelineEntry> = self.entries.iter().map(added).collect();
        let added_at = self.entries.last().map(|entry| entry.at);
        let Some(head) = head else {
            let author = self.entries.first().map_or_else(|| owner.to_string(), |entry| entry.actor.clone());
            let began_at = member.as_ref().map_or(Time::from_micros(0), |member| member.joined_at);
            timeline.insert(0, entry(*id, TimelineType::ThreadStarted, &author, began_at, &[]));
            return Thread {
                thread_id: (*id).into(),
                intent_id: (*id).into(),
                status,
                outcome: OutcomeView::default(),
                owner_agent: owner.spelled().to_owned(),
                from_agent: author,
                to_agent: owner.spelled().to_owned(),
                intent_type: None,
                subject: "conversation".to_owned(),
                created_at: began_at.into(),
                updated_at: added_at.unwrap_or(began_at).max(began_at).into(),
                read_at,
                timeline,
                messages,
            };
        };
        if !is_reply {
            timeline.insert(0, received(head));
        }
        if head.intent.status().is_terminal() {
            timeline.push(ended(head, *is_reply));
            messages.extend(ending(head, most_chars).filter(|_| !self.is_end_deleted));
        }
        let title = head.intent.open_task().map(|task| task.title.clone());
        Thread {
            thread_id: (*id).into(),
            intent_id: (*id).into(),
            status,
            outcome: views::ended(head.intent.outcome()),
            owner_agent: owner.spelled().to_owned(),
            from_agent: if *is_reply { &head.to } else { &head.from }.spelled().to_owned(),
            to_agent: if *is_reply { owner } else { &head.to }.spelled().to_owned(),
            intent_type: Some(head.intent_type.clone()),
            subject: title.unwrap_or_else(|| head.intent_type.clone()),
            created_at: head.intent.created_at.into(),
            updated_at: added_at.unwrap_or(head.intent.updated_at).max(head.intent.updated_at).into(),
            read_at,
            timeline,
            messages,
        }
    }

    /// Returns a reply as a message; `None` for other entries.
    fn said(&self, entry: &Entry, most_chars: usize) -> Option<Message> {
        let text = entry.details.get("message").and_then(Value::as_str).filter(|_| entry.kind == EntryKind::Reply)?;
        let is_receiver = self.source.head.as_ref().is_some_and(|head| is_same_person(head.to.as_str(), &entry.actor));
        let role = if is_receiver { MessageRole::Agent } else { MessageRole::User };
        Some(message(entry.id, role, &entry.actor, text, entry.at, most_chars))
    }
}

/// Returns an entry for the timeline, without the text of a reply, which is among the messages.
fn added(entry: &Entry) -> TimelineEntry {
    let mut details = entry.details.as_object().cloned().unwrap_or_default();
    if entry.kind == EntryKind::Reply {
        details = Object::from_iter([("message_id".to_owned(), json!(entry.id.to_string()))]);
    }
    TimelineEntry {
        event_id: entry.id.into(),
        event_type: match entry.kind {
            EntryKind::Reply => TimelineType::ThreadReply,
            EntryKind::Delegated => TimelineType::ThreadDelegated,
            EntryKind::Approved => TimelineType::ThreadApproved,
            EntryKind::Rejected => TimelineType::ThreadRejected,
        },
        actor: entry.actor.clone(),
        at: entry.at.into(),
        details,
    }
}

fn received(head: &Head) -> TimelineEntry {
    let intent = &head.intent;
    let details = [("intent_id", intent.id.to_string()), ("intent_type", head.intent_type.clone())];
    entry(intent.id, TimelineType::IntentReceived, head.from.as_str(), intent.created_at, &details)
}

fn ended(head: &Head, is_reply: bool) -> TimelineEntry {
    let intent = &head.intent;
    let event_type = if is_reply { TimelineType::IntentCompletionDelivered } else { TimelineType::IntentEnded };
    let outcome =
        intent.outcome().map(|outcome| (outcome.word.clone(), outcome.sentence(Language::English))).unwrap_or_default();
    let details = [
        ("intent_id", intent.id.to_string()),
        ("status", intent.status().as_str().to_owned()),
        ("outcome", outcome.0),
        ("outcome_text", outcome.1),
    ];
    entry(intent.id, event_type, head.to.as_str(), intent.updated_at, &details)
}

fn entry(id: IntentId, event_type: TimelineType, actor: &str, at: Time, details: &[(&str, String)]) -> TimelineEntry {
    TimelineEntry {
        event_id: derived_id(id, event_type.as_str()).into(),
        event_type,
        actor: actor.to_owned(),
        at: at.into(),
        details: details.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect(),
    }
}

/// Returns the outcome of a terminal intent as a message.
fn ending(head: &Head, most_chars: usize) -> Option<Message> {
    if !head.intent.status().is_terminal() {
        return None;
    }
    let (result, error) = views::outcome(&head.intent);
    let said = if error.is_null() { result } else { error };
    let content = said.string().unwrap_or_else(|| said.text().to_owned());
    let id = completion_message_id(head.intent.id);
    Some(message(id, MessageRole::Agent, head.to.as_str(), &content, head.intent.updated_at, most_chars))
}

fn message(id: Uuid, role: MessageRole, author: &str, content: &str, at: Time, most_chars: usize) -> Message {
    let cut = content.char_indices().nth(most_chars).map(|(at, _)| at);
    Message {
        message_id: id.into(),
        role,
        author: author.to_owned(),
        truncated: cut.is_some(),
        content: content[..cut.unwrap_or(content.len())].to_owned(),
        at: at.into(),
    }
}

const COMPLETION: &str = "completion";

/// Returns the id of the message with an intent's outcome, which is the same at each read.
pub(crate) fn completion_message_id(id: IntentId) -> Uuid {
    derived_id(id, COMPLETION)
}

fn derived_id(id: IntentId, what: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::new().chain_update(id.0.as_bytes()).chain_update(what).finalize().into();
    uuid::Builder::from_custom_bytes(digest[..16].try_into().unwrap_or_default()).into_uuid()
}
