//! Changes threads of the inbox: replies, delegates, decides, marks as read, deletes messages.
//!
//! A decision answers the intent behind the thread, under the intent's own rules. The other operations leave the intent
//! unchanged.

use axme_api::inbox::{
    Decide, Delegate, DeleteMessages, DeleteMessagesAnswer, DeletionMode, GetThread, Reply, ThreadAnswer,
};
use axme_api::{ApiError, ErrorCode, Id};
use axme_intent::human::Verdict;
use axme_intent::lifecycle::{Answer, Command, Fault};
use axme_intent::{Address, TaskResult};
use serde_json::{Value, json};
use uuid::Uuid;

use super::inbox::{Source, ThreadRef, find, show, wanted};
use super::resume::answer_task;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::engine;
use crate::engine::intent_access::send;
use crate::error::Result;
use crate::input::{address, check_chars};
use crate::policy::guards::{Naming, check_names_decider};
use crate::policy::quota;
use crate::policy::quota::Dimension;
use crate::policy::snapshot::Snapshot;
use axme_store::inbox::{Entry, EntryKind};
use axme_store::intents::Head;
use axme_store::webhooks::Fanout;
use axme_store::{Shard, Signal, inbox as store, intents, service_accounts, webhooks};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(
        &handler(&axme_api::inbox::REPLY, prepare_reply, reply).on(|new| Shard::of_intent(new.wanted.0)),
    ),
    Binding::Transaction(
        &handler(&axme_api::inbox::DELEGATE, prepare_delegate, delegate).on(|new| Shard::of_intent(new.wanted.0)),
    ),
    Binding::Transaction(
        &handler(&axme_api::inbox::APPROVE, prepare_approve, decide).on(|new| Shard::of_intent(new.wanted.0)),
    ),
    Binding::Transaction(
        &handler(&axme_api::inbox::REJECT, prepare_reject, decide).on(|new| Shard::of_intent(new.wanted.0)),
    ),
    Binding::Transaction(&handler(&axme_api::inbox::READ, prepare_read, read).on(|wanted| Shard::of_intent(wanted.0))),
    Binding::Transaction(
        &handler(&axme_api::inbox::DELETE_MESSAGES, prepare_delete, delete)
            .on(|deletion| Shard::of_intent(deletion.wanted.0)),
    ),
    Binding::Transaction(
        &handler(&axme_api::inbox::DELETE_ALL_MESSAGES, prepare_delete, delete)
            .on(|deletion| Shard::of_intent(deletion.wanted.0)),
    ),
];

/// Maximum characters of a message, and of a comment or note.
const MAX_MESSAGE_CHARS: usize = 131_072;
const MAX_COMMENT_CHARS: usize = 2_000;

/// Maximum messages that one call deletes.
const MAX_DELETED: usize = 100;

pub struct NewReply {
    wanted: ThreadRef,
    message: String,
}

pub(crate) fn prepare_reply(context: &PrepareContext<'_>, input: Reply) -> Result<NewReply> {
    let wanted = wanted(context, &input.thread_id, input.owner_agent.as_deref())?;
    if input.message.trim().is_empty() {
        return Err(ApiError::invalid("message: must not be empty").into());
    }
    check_chars("message", Some(&input.message), 0, MAX_MESSAGE_CHARS)?;
    Ok(NewReply { wanted, message: input.message })
}

/// Adds a reply to a thread. An unused id starts a new thread, which belongs to the owner.
pub fn reply(cx: &mut CallContext<'_, '_>, new: &NewReply) -> Result<ThreadAnswer> {
    let (id, owner) = &new.wanted;
    let workspace = cx.caller.workspace;
    engine::lock(cx.tx, cx.caller.workspace, *id)?;
    let is_new = intents::find(cx.tx, workspace, *id)?.is_none() && store::members(cx.tx, workspace, *id)?.is_empty();
    let owner = match owner {
        Some(owner) => Some(owner.clone()),
        None if is_new => Some(Address::resolve(&format!("user://{}", cx.caller.owner), cx.caller.home())),
        None => None,
    };
    if is_new && let Some(owner) = &owner {
        store::join(cx.tx, workspace, owner, *id, false, cx.now)?;
    }
    let source = find(cx, *id, owner.as_ref())?;
    // The receiver's reply makes the sender a member of the thread.
    let hears = source.head.as_ref().filter(|_| source.is_receivers()).map(|head| head.from.clone());
    add(cx, &source, EntryKind::Reply, json!({ "message": new.message }), hears.map(|from| (from, false)))
}

/// Adds an entry to a thread for all its owners. `also` is a new owner, with true if it may decide.
fn add(
    cx: &mut CallContext<'_, '_>,
    source: &Source,
    kind: EntryKind,
    details: Value,
    also: Option<(Address, bool)>,
) -> Result<ThreadAnswer> {
    let workspace = cx.caller.workspace;
    quota::charge(cx.tx, workspace, Dimension::InboxWrites, 1)?;
    let entry = Entry {
        id: cx.rng.uuid_at(cx.now),
        kind,
        actor: cx.caller.address.as_ref().unwrap_or(&source.owner).to_string(),
        at: cx.now,
        details,
    };
    touch(cx, source, also)?;
    let number = store::add(cx.tx, cx.caller.workspace, source.id, &entry)?;
    if Snapshot::of(cx.tx, cx.caller.workspace)?.has_subscribers {
        let fanout = Fanout { workspace: cx.caller.workspace, intent: source.id, position: 0, entry: number };
        webhooks::insert_fanout(cx.tx, &fanout)?;
        cx.tx.signal(Signal::fanouts());
    }
    let audit = json!({ "owner": source.owner, "entry_id": entry.id });
    cx.audit(&format!("inbox.{kind}"), &source.id.to_string(), &audit)?;
    let source = find(cx, source.id, Some(&source.owner))?;
    show(cx, source)
}

/// Marks a thread as changed for all its owners, and joins those that are missing.
fn touch(cx: &mut CallContext<'_, '_>, source: &Source, also: Option<(Address, bool)>) -> Result<()> {
    let (workspace, id) = (cx.caller.workspace, source.id);
    let mut owners = vec![(source.owner.clone(), false)];
    if let Some(head) = &source.head {
        owners.push((head.to.clone(), false));
        if let Some(reply_to) = store::reply_to(cx.tx, workspace, id)? {
            owners.extend(Some((reply_to, false)).filter(|_| head.intent.status().is_terminal()));
        }
    }
    for (owner, decides) in owners.into_iter().chain(also) {
        store::join(cx.tx, workspace, &owner, id, decides, cx.now)?;
    }
    Ok(store::touch(cx.tx, workspace, id)?)
}

pub struct NewDelegate {
    wanted: ThreadRef,
    to: Address,
    note: Option<String>,
}

pub(crate) fn prepare_delegate(context: &PrepareContext<'_>, input: Delegate) -> Result<NewDelegate> {
    let wanted = wanted(context, &input.thread_id, input.owner_agent.as_deref())?;
    let to = input.delegate_to.ok_or_else(|| ApiError::invalid("delegate_to: required"))?;
    let to = address(&to, "delegate_to", context.caller.home())?;
    check_chars("note", input.note.as_deref(), 0, MAX_COMMENT_CHARS)?;
    Ok(NewDelegate { wanted, to, note: input.note })
}

pub fn delegate(cx: &mut CallContext<'_, '_>, new: &NewDelegate) -> Result<ThreadAnswer> {
    let (id, owner) = &new.wanted;
    engine::lock(cx.tx, cx.caller.workspace, *id)?;
    let source = find(cx, *id, owner.as_ref())?;
    if let Some(head) = &source.head {
        let spec = intents::spec(cx.tx, cx.caller.workspace, *id)?;
        check_names_decider(cx, head, &spec, Naming::Delegate, &[new.to.as_str()])?;
    }
    // A delegate may decide only if the delegating owner may. Otherwise it can read and write.
    let decides = source.may_decide();
    let details = json!({ "delegate_to": new.to, "note": new.note });
    add(cx, &source, EntryKind::Delegated, details, Some((new.to.clone(), decides)))
}

pub struct NewDecision {
    wanted: ThreadRef,
    verdict: Verdict,
    comment: Option<String>,
}

impl NewDecision {
    /// Returns the kind of the entry, whose word is also the outcome.
    fn kind(&self) -> EntryKind {
        match self.verdict {
            Verdict::Positive => EntryKind::Approved,
            Verdict::Negative => EntryKind::Rejected,
        }
    }
}

pub(crate) fn prepare_approve(context: &PrepareContext<'_>, input: Decide) -> Result<NewDecision> {
    prepare_decision(context, input, Verdict::Positive)
}

pub(crate) fn prepare_reject(context: &PrepareContext<'_>, input: Decide) -> Result<NewDecision> {
    prepare_decision(context, input, Verdict::Negative)
}

fn prepare_decision(context: &PrepareContext<'_>, input: Decide, verdict: Verdict) -> Result<NewDecision> {
    let wanted = wanted(context, &input.thread_id, input.owner_agent.as_deref())?;
    check_chars("comment", input.comment.as_deref(), 0, MAX_COMMENT_CHARS)?;
    Ok(NewDecision { wanted, verdict, comment: input.comment })
}

/// Approves or rejects. An open task is answered under its rules; an intent in the inbox that no agent works on is
/// completed with the decision. Repeating the last decision returns the thread; the opposite one comes too late.
pub fn decide(cx: &mut CallContext<'_, '_>, new: &NewDecision) -> Result<ThreadAnswer> {
    let (id, owner) = &new.wanted;
    let head = engine::lock(cx.tx, cx.caller.workspace, *id)?;
    let source = find(cx, *id, owner.as_ref())?;
    let last = store::last_decision(cx.tx, cx.caller.workspace, *id)?;
    let is_waiting = head.as_ref().is_some_and(|head| head.intent.open_task().is_some());
    if !is_waiting && last == Some(new.kind()) {
        return show(cx, source);
    }
    if let Some(head) = head {
        answer(cx, &source, head, new)?;
    }
    add(cx, &source, new.kind(), json!({ "comment": new.comment }), None)
}

fn answer(cx: &mut CallContext<'_, '_>, source: &Source, head: Head, new: &NewDecision) -> Result<()> {
    let outcome = new.kind().as_str();
    if head.intent.open_task().is_some() {
        let answer = TaskResult {
            outcome: Some(outcome.to_owned()),
            comment: new.comment.clone(),
            data: axme_api::JsonFields::new(),
        };
        answer_task(cx, head, answer)?;
        return Ok(());
    }
    if !source.may_decide() {
        // The intent has ended, so a decision about its delivered result is only recorded.
        if head.intent.status().is_terminal() {
            return Ok(());
        }
        return Err(ApiError::forbidden(format!("only {} or a delegate can decide this thread", head.to)).into());
    }
    let is_own = cx.caller.address.as_ref() == Some(&head.to);
    let is_live = !head.intent.status().is_terminal();
    if is_live && (head.intent.cursor.is_some() || !(is_own || lies_in_inbox(cx, &head)?)) {
        let message = format!("this intent is not waiting for a decision; {} works on it", head.to);
        return Err(ApiError::new(ErrorCode::NotAwaitingDecision, message).into());
    }
    let result = json!({
        "outcome": outcome, "approved": new.verdict == Verdict::Positive, "comment": new.comment,
    });
    let result = axme_api::Json::from(result);
    let deadline_at = intents::spec(cx.tx, cx.caller.workspace, head.intent.id)?.deadline_at;
    // A rejected direct intent completes with that result. A rejected step must fail, or its workflow would continue.
    let answer = if new.verdict == Verdict::Negative && head.intent.parent.is_some() {
        let message = new.comment.clone().unwrap_or_else(|| "rejected in the inbox".to_owned());
        Answer::Fail(Fault { code: outcome.to_owned(), message, details: None, result: Some(result) })
    } else {
        Answer::Complete(result)
    };
    send(cx, head, deadline_at, Command::Answer(answer))?;
    Ok(())
}

/// Returns true if the receiver's intents are answered in the inbox, because no agent works on them.
fn lies_in_inbox(cx: &mut CallContext<'_, '_>, head: &Head) -> Result<bool> {
    let account = service_accounts::find_agent(cx.tx, cx.caller.workspace, &head.to)?;
    Ok(account.is_none_or(|account| account.delivery_mode.is_answered_in_inbox()))
}

pub(crate) fn prepare_read(context: &PrepareContext<'_>, input: GetThread) -> Result<ThreadRef> {
    let wanted = wanted(context, &input.thread_id, input.owner_agent.as_deref())?;
    Ok(wanted)
}

pub fn read(cx: &mut CallContext<'_, '_>, (id, owner): &ThreadRef) -> Result<ThreadAnswer> {
    let source = find(cx, *id, owner.as_ref())?;
    let (workspace, owner) = (cx.caller.workspace, source.owner.clone());
    if source.member.is_none() {
        store::join(cx.tx, workspace, &owner, *id, false, cx.now)?;
    }
    store::mark_read(cx.tx, workspace, &owner, *id, cx.now)?;
    let source = find(cx, *id, Some(&owner))?;
    show(cx, source)
}

pub struct Deletion {
    wanted: ThreadRef,
    mode: DeletionMode,
    /// The messages to delete; `None` selects the latest.
    ids: Option<Vec<Uuid>>,
    limit: usize,
}

pub(crate) fn prepare_delete(context: &PrepareContext<'_>, input: DeleteMessages) -> Result<Deletion> {
    let wanted = wanted(context, &input.thread_id, input.owner_agent.as_deref())?;
    let ids = input.message_ids.filter(|ids| !ids.is_empty());
    if ids.as_ref().is_some_and(|ids| ids.len() > MAX_DELETED) {
        return Err(ApiError::invalid(format!("message_ids: at most {MAX_DELETED}")).into());
    }
    // An invalid id matches no message.
    let ids = ids.map(|ids| ids.iter().filter_map(|id| Uuid::parse_str(id.trim()).ok()).collect());
    let limit = input.limit.map_or(MAX_DELETED, |limit| limit.get() as usize);
    Ok(Deletion { wanted, mode: input.mode.unwrap_or(DeletionMode::Owner), ids, limit })
}

/// Hides messages. The timeline remains, and the intent keeps its outcome.
pub fn delete(cx: &mut CallContext<'_, '_>, deletion: &Deletion) -> Result<DeleteMessagesAnswer> {
    let (id, owner) = &deletion.wanted;
    let workspace = cx.caller.workspace;
    engine::lock(cx.tx, cx.caller.workspace, *id)?;
    let source = find(cx, *id, owner.as_ref())?;
    let owner = source.owner.clone();
    let shown = source.message_ids(cx)?;
    let is_meant = |message: &Uuid| deletion.ids.as_ref().is_none_or(|ids| ids.contains(message));
    let meant: Vec<Uuid> = shown.into_iter().filter(is_meant).take(deletion.limit).collect();
    for message in &meant {
        let owner = match deletion.mode {
            DeletionMode::Owner => Some(&owner),
            DeletionMode::Everyone => None,
        };
        store::delete_message(cx.tx, workspace, *id, owner, *message)?;
    }
    if !meant.is_empty() {
        touch(cx, &source, None)?;
        let audit = json!({ "owner": owner, "for_all": deletion.mode == DeletionMode::Everyone, "message_ids": meant });
        cx.audit("inbox.messages.delete", &id.to_string(), &audit)?;
    }
    let source = find(cx, *id, Some(&owner))?;
    Ok(DeleteMessagesAnswer {
        ok: true,
        thread: show(cx, source)?.thread,
        mode: deletion.mode,
        deleted_count: meant.len() as u64,
        message_ids: meant.into_iter().map(Id::from).collect(),
    })
}
