//! Lists, reassigns and links tasks: the intents that wait for a person. Asks the requester
//! back, replies, and withdraws a yes.

use axme_api::tasks::{
    AskRequester, LinkTask, ListTasks, QuestionAnswer, ReassignAnswer, ReassignTask, ReplyToQuestion, Task, TaskLink,
    TaskList, WithdrawAnswer, WithdrawnAnswer,
};
use axme_api::{ApiError, ErrorCode, Timestamp};
use axme_intent::human::{Via, group_name, is_email};
use axme_intent::lifecycle::Command;
use axme_intent::{Holder, HolderKind, HumanTask, IntentId, Time};
use serde_json::json;
use uuid::Uuid;

use super::links;
use super::links::LinkRequest;
use super::second_thoughts::{ask_as_person, read_text, reply_to, withdraw_own};
use crate::auth::{Role, membership};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::engine::AdvanceOutcome;
use crate::engine::intent_access::{lock_visible, send};
use crate::error::Result;
use crate::input::{check_chars, parse_id};
use crate::policy::askees::{self, asks};
use crate::policy::guards::{Naming, check_answers, check_names_decider, is_asked, is_barred};
use crate::views;
use axme_store::intents::Head;
use axme_store::tasks::TaskPosition;
use axme_store::{Shard, intents, tasks as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::tasks::LIST, prepare_list, list)),
    Binding::Transaction(
        &handler(&axme_api::tasks::REASSIGN, prepare_reassign, reassign).on(|new| Shard::of_intent(new.id)),
    ),
    Binding::Transaction(&handler(&axme_api::tasks::LINK, prepare_link, link).on(|query| Shard::of_intent(query.id))),
    Binding::Transaction(&handler(&axme_api::tasks::ASK, prepare_ask, ask).on(|text| Shard::of_intent(text.id))),
    Binding::Transaction(
        &handler(&axme_api::tasks::WITHDRAW, prepare_withdraw, withdraw).on(|new| Shard::of_intent(new.id)),
    ),
    Binding::Transaction(&handler(&axme_api::tasks::REPLY, prepare_reply, reply).on(|text| Shard::of_intent(text.id))),
];

/// Maximum characters of a person's name, and of a note.
const MAX_PERSON_CHARS: usize = 255;
const MAX_NOTE_CHARS: usize = 2_000;

/// Tasks per batch, and maximum batches per call: the caller may be barred from many of them.
const BATCH: i64 = 200;
const MAX_BATCHES: usize = 10;

/// A page of tasks that is asked for.
pub struct TaskPage {
    after: TaskPosition,
    limit: usize,
}

impl TaskPage {
    /// Returns the first page, with at most `limit` tasks.
    pub(super) const fn first(limit: usize) -> TaskPage {
        TaskPage { after: TaskPosition::START, limit }
    }
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListTasks) -> Result<TaskPage> {
    let cursor = input.cursor.as_deref().map(str::trim).filter(|cursor| !cursor.is_empty());
    let after = cursor.map_or(Ok(TaskPosition::START), read_cursor)?;
    Ok(TaskPage { after, limit: input.limit.items()? as usize })
}

fn read_cursor(text: &str) -> Result<TaskPosition> {
    let parts = text.split_once(':').and_then(|(since, id)| Some((since.parse().ok()?, id.parse().ok()?)));
    let (since, id) = parts.ok_or_else(|| ApiError::invalid("cursor: must be the next_cursor of an earlier answer"))?;
    Ok(TaskPosition { since: Time::from_micros(since), id })
}

/// Lists the tasks that the caller may answer: all tasks of the workspace for an admin, those that ask them for a
/// person. An agent may not answer any. Tasks that would refuse every answer of the caller are left out.
pub fn list(cx: &mut CallContext<'_, '_>, page: &TaskPage) -> Result<TaskList> {
    if cx.caller.role == Role::Agent && cx.caller.person().is_none() {
        return Ok(TaskList { ok: true, tasks: Vec::new(), next_cursor: None });
    }
    let askees = (!cx.caller.decides_as_admin()).then(|| Askees {
        person: cx.caller.owner.clone(),
        groups: cx.caller.groups.clone(),
        absent: cx.caller.deputy_for.clone(),
    });
    let (tasks, next) = waiting(cx, cx.caller.workspace, askees.as_ref(), page)?;
    let next_cursor = next.map(|last| format!("{}:{}", last.since.micros(), last.id));
    Ok(TaskList { ok: true, tasks, next_cursor })
}

/// A person, the addresses of their groups, and the absent people whose deputy the person is.
pub(super) struct Askees {
    pub person: String,
    pub groups: Vec<String>,
    pub absent: Vec<String>,
}

/// Returns a page of the tasks that ask a person, or of all, without those that would refuse the caller's answer. Returns
/// the position of the last task that was looked at, if there may be more.
pub(super) fn waiting(
    cx: &mut CallContext<'_, '_>,
    workspace: Uuid,
    askees: Option<&Askees>,
    page: &TaskPage,
) -> Result<(Vec<Task>, Option<TaskPosition>)> {
    let (mut tasks, mut last) = (Vec::new(), page.after);
    for _ in 0..MAX_BATCHES {
        let heads = match askees {
            Some(Askees { person, groups, absent }) => {
                let names = [std::slice::from_ref(person), groups, absent].concat();
                store::list_asking(cx.tx, workspace, &names, last, BATCH)?
            }
            None => store::list(cx.tx, workspace, last, BATCH)?,
        };
        let is_last = (heads.len() as i64) < BATCH;
        for head in &heads {
            let absent = match askees {
                Some(askees) => absent_askees(cx, workspace, askees, head)?,
                None => Some(Vec::new()),
            };
            if let Some(deputy_for) = absent
                && !is_barred(cx, workspace, head)?
            {
                if tasks.len() == page.limit {
                    return Ok((tasks, Some(last)));
                }
                tasks.extend(view(head).map(|task| Task { deputy_for, ..task }));
            }
            last = store::position(head).unwrap_or(last);
        }
        if is_last {
            return Ok((tasks, None));
        }
    }
    Ok((tasks, Some(last)))
}

/// Returns the absent people in whose place the task asks a person; none if it asks the person, by name or by a group.
/// `None` if it does not ask the person at all.
fn absent_askees(
    cx: &mut CallContext<'_, '_>,
    workspace: Uuid,
    askees: &Askees,
    head: &Head,
) -> Result<Option<Vec<String>>> {
    if is_asked(head, &askees.person, &askees.groups) {
        return Ok(Some(Vec::new()));
    }
    if !askees.absent.iter().any(|absent| is_asked(head, absent, &[])) {
        return Ok(None);
    }
    let spec = intents::spec(cx.tx, workspace, head.intent.id)?;
    let absent = askees::stands_in_for(cx.tx, workspace, head, &spec, &askees.person)?;
    Ok(Some(absent).filter(|absent| !absent.is_empty()))
}

pub(super) fn view(head: &Head) -> Option<Task> {
    let waiting = head.intent.waiting()?;
    Some(Task {
        intent_id: head.intent.id.into(),
        intent_type: head.intent_type.clone(),
        status: head.intent.status(),
        from_agent: head.from.spelled().to_owned(),
        assigned_at: waiting.since.into(),
        due_at: waiting.due_at.map(Timestamp),
        human_task: json!(waiting.task.as_ref()?),
        questions: views::questions(waiting),
        deputy_for: Vec::new(),
    })
}

/// Reads a person: an email address, a role or a name, as the history names them.
pub(super) fn person(text: &str, field: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_PERSON_CHARS || text.chars().any(char::is_control) {
        let message =
            format!("{field}: must be an email address, a role or a name of 1 to {MAX_PERSON_CHARS} characters");
        return Err(ApiError::invalid(message).into());
    }
    if text.contains('@') && !text.contains("://") && !is_email(text) {
        return Err(ApiError::invalid(format!("{field}: \"{text}\" is not an email address")).into());
    }
    Ok(text.to_owned())
}

pub struct Reassignment {
    id: IntentId,
    to: String,
    from: Option<String>,
    note: Option<String>,
}

pub(crate) fn prepare_reassign(_: &PrepareContext<'_>, input: ReassignTask) -> Result<Reassignment> {
    let id = parse_id(&input.intent_id)?;
    let to = person(&input.to, "to")?;
    check_chars("note", input.note.as_deref(), 0, MAX_NOTE_CHARS)?;
    let from = input.from.as_deref().map(|text| person(text, "from")).transpose()?;
    Ok(Reassignment { id, to, from, note: input.note })
}

pub fn reassign(cx: &mut CallContext<'_, '_>, new: &Reassignment) -> Result<ReassignAnswer> {
    let head = lock_visible(cx, new.id)?;
    let spec = intents::spec(cx.tx, cx.caller.workspace, new.id)?;
    check_names_decider(cx, &head, &spec, Naming::Reassign, &[&new.to])?;
    let deadline_at = spec.deadline_at;
    let holder = Holder::named(HolderKind::Human, &new.to);
    let advanced =
        send(cx, head, deadline_at, Command::Reassign { holder, from: new.from.clone(), note: new.note.clone() })?;
    let task = view(&advanced.head).ok_or_else(|| ApiError::not_found("task"))?;
    Ok(ReassignAnswer { ok: true, intent_id: new.id.into(), assigned_to: new.to.clone(), task })
}

pub struct LinkQuery {
    id: IntentId,
    person: String,
    base_url: String,
}

pub(crate) fn prepare_link(context: &PrepareContext<'_>, input: LinkTask) -> Result<LinkQuery> {
    let id = parse_id(&input.intent_id)?;
    let who = match &input.person {
        Some(text) if group_name(text).is_some() => {
            return Err(ApiError::invalid("person: a link is for one person; name a member of the group").into());
        }
        Some(text) => person(text, "person")?,
        None => context.caller.owner.clone(),
    };
    Ok(LinkQuery { id, person: who, base_url: context.base_url.to_owned() })
}

pub fn link(cx: &mut CallContext<'_, '_>, new: &LinkQuery) -> Result<TaskLink> {
    let head = lock_visible(cx, new.id)?;
    let workspace = cx.caller.workspace;
    let spec = intents::spec(cx.tx, workspace, new.id)?;
    if head.intent.open_task().is_some_and(HumanTask::is_guarded) {
        // It matters who answers a guarded task, so only people who are asked get links.
        if !asks(cx.tx, workspace, &head, &new.person)? {
            let asked = head.intent.asked().join(", ");
            let message = format!("person: this task does not ask {}; choose one of {asked}", new.person);
            return Err(ApiError::new(ErrorCode::NotAsked, message).into());
        }
    }
    check_names_decider(cx, &head, &spec, Naming::Link, &[&new.person])?;
    if membership::has_left(cx.tx, workspace, &new.person)? {
        let message = format!("person: {} is no longer a member here and could not use a link", new.person);
        return Err(ApiError::new(ErrorCode::NoLongerAMember, message).into());
    }
    let issued_by = cx.caller.actor();
    let wanted = LinkRequest { person: &new.person, via: Via::Form, issued_by: Some(&issued_by) };
    let fresh = links::make(cx.tx, workspace, &head, &wanted)?;
    cx.audit("tasks.link", &new.id.to_string(), &json!({ "person": new.person }))?;
    Ok(TaskLink {
        ok: true,
        intent_id: new.id.into(),
        person: new.person.clone(),
        url: links::url(&new.base_url, &fresh),
        token: fresh.token,
        expires_at: links::ends_at(&fresh.link, &head, &spec).into(),
    })
}

/// A question or a reply about the task of an intent.
pub struct TaskText {
    id: IntentId,
    text: String,
}

pub(crate) fn prepare_ask(_: &PrepareContext<'_>, input: AskRequester) -> Result<TaskText> {
    Ok(TaskText { id: parse_id(&input.intent_id)?, text: read_text("question", &input.question)? })
}

pub(crate) fn prepare_reply(_: &PrepareContext<'_>, input: ReplyToQuestion) -> Result<TaskText> {
    Ok(TaskText { id: parse_id(&input.intent_id)?, text: read_text("reply", &input.reply)? })
}

pub fn ask(cx: &mut CallContext<'_, '_>, new: &TaskText) -> Result<QuestionAnswer> {
    let head = lock_visible(cx, new.id)?;
    let spec = intents::spec(cx.tx, cx.caller.workspace, new.id)?;
    if head.intent.open_task().is_some() {
        check_answers(cx.caller, &head)?;
    }
    question_answer(&ask_as_person(cx, head, &spec, &new.text)?)
}

pub fn reply(cx: &mut CallContext<'_, '_>, new: &TaskText) -> Result<QuestionAnswer> {
    question_answer(&reply_to(cx, new.id, &new.text)?)
}

fn question_answer(advanced: &AdvanceOutcome) -> Result<QuestionAnswer> {
    let task = view(&advanced.head).ok_or_else(|| ApiError::not_found("task"))?;
    Ok(QuestionAnswer { ok: true, intent_id: advanced.head.intent.id.into(), task })
}

pub struct WithdrawnVote {
    id: IntentId,
    comment: Option<String>,
}

pub(crate) fn prepare_withdraw(_: &PrepareContext<'_>, input: WithdrawAnswer) -> Result<WithdrawnVote> {
    Ok(WithdrawnVote { id: parse_id(&input.intent_id)?, comment: input.comment })
}

pub fn withdraw(cx: &mut CallContext<'_, '_>, vote: &WithdrawnVote) -> Result<WithdrawnAnswer> {
    let advanced = withdraw_own(cx, vote.id, vote.comment.as_deref())?;
    let task = view(&advanced.head).ok_or_else(|| ApiError::not_found("task"))?;
    Ok(WithdrawnAnswer { ok: true, intent_id: vote.id.into(), withdrawn_by: cx.caller.actor(), task })
}
