//! Guards of tasks: they decide who may answer, and who may name a person to answer. An admin may answer, and so may a
//! person that the task asks. A guarded task restricts this: its requester may neither answer it nor name a decider, and
//! every decision on it is a person's.
//!
//! Each way to name a decider of a live task is a [`Naming`], and [`check_names_decider`] decides them all. An absent person
//! names a deputy for tasks to come; [`standing`] takes the deputy from `askees`, which decides for each task. Roles are a
//! way too: a role that the requester gave after the start of the intent does not count ([`is_independent`]).

use axme_api::{ApiError, ErrorCode};
use axme_intent::HumanTask;
use axme_intent::human::{Standing, group_address, is_same_person};
use axme_intent::lifecycle::{Command, Ending, IntentSpec};
use axme_intent::workflow::{Step, StepKind};
use axme_store::intents::{self, Head};
use axme_store::{groups, members};
use uuid::Uuid;

use super::askees;
use super::asking::{self, NamedDecider};
use crate::auth::{Caller, membership};
use crate::context::CallContext;
use crate::error::Result;
use crate::request::Edge;

/// The longest chain of people who gave each other their roles that is followed.
const MAX_CHAIN: usize = 10;

/// A way to name the person who decides a live task, or the time at which another one is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// `tasks.reassign`.
    Reassign,
    /// `tasks.link`: the link answers in the person's name.
    Link,
    /// `intents.controls`: reminders and `escalate_to`.
    Escalation,
    /// `intents.policy`: a delegate could change the controls.
    Grant,
    /// `inbox.delegate`.
    Delegate,
}

impl Naming {
    const fn words(self) -> &'static str {
        match self {
            Naming::Reassign => "reassign it",
            Naming::Link => "create links to it",
            Naming::Escalation => "change its reminders or its escalation",
            Naming::Grant => "change its grants",
            Naming::Delegate => "delegate it",
        }
    }

    /// Returns the field that names the decider.
    const fn field(self) -> &'static str {
        match self {
            Naming::Reassign => "to",
            Naming::Link => "person",
            Naming::Escalation => "escalate_to",
            Naming::Grant => "grants_patch",
            Naming::Delegate => "delegate_to",
        }
    }

    /// Returns true if the change also concerns tasks that the intent asks later.
    const fn concerns_later_tasks(self) -> bool {
        matches!(self, Naming::Escalation | Naming::Grant)
    }
}

/// Returns true if the waiting task asks for this person, by name or by one of the person's groups.
pub fn is_asked(head: &Head, person: &str, groups: &[String]) -> bool {
    head.intent.asks(person, groups)
}

/// Returns true if the caller may answer the waiting task: as an admin, or with the token of a person that it asks. The
/// person needs a role in the workspace; the role of a key beside the token does not count.
pub fn answers(caller: &Caller, head: &Head) -> bool {
    let is_member = caller.person_role.is_some();
    let is_deputy = || caller.deputy_for.iter().any(|absent| is_asked(head, absent, &[]));
    let is_theirs = |email: &str| is_asked(head, email, &caller.groups) || is_deputy();
    caller.decides_as_admin() || caller.person().is_some_and(|person| is_member && is_theirs(&person.email))
}

/// Refuses a caller who may not answer the waiting task.
pub(crate) fn check_answers(caller: &Caller, head: &Head) -> Result<()> {
    if answers(caller, head) {
        return Ok(());
    }
    let message = match caller.person() {
        Some(person) if caller.person_role.is_none() => {
            format!(
                "{} has no role in this workspace: ask an admin for one, or answer by a personal link",
                person.email
            )
        }
        _ => "only an assignee or a workspace-admin key can answer this task".to_owned(),
    };
    Err(ApiError::forbidden(message).into())
}

/// Returns true if the rules of the waiting task refuse any answer of the caller.
pub(crate) fn is_barred(cx: &mut CallContext<'_, '_>, workspace: Uuid, head: &Head) -> Result<bool> {
    if !head.intent.open_task().is_some_and(HumanTask::is_guarded) {
        return Ok(false);
    }
    let spec = intents::spec(cx.tx, workspace, head.intent.id)?;
    let standing = standing(cx, workspace, head, &spec)?;
    Ok(head.intent.bars(&cx.caller.actor(), &standing).is_some())
}

/// Refuses a command that decides a waiting task where a model may choose the call. There, only a client decides to which
/// the person granted that right, and never a task that the same person or client raised. Every command passes here.
pub(crate) fn check_is_no_model(
    cx: &mut CallContext<'_, '_>,
    owner: Uuid,
    head: &Head,
    command: &Command,
) -> Result<()> {
    // A model that raised the task may explain it.
    let is_harmless = matches!(command, Command::Resolve(Ending::Canceled(_)) | Command::Reply(_));
    let decides = head.intent.open_task().is_some() && !is_harmless;
    if !decides || !is_model(cx) {
        return Ok(());
    }
    check_may_decide_here(cx, owner, head)
}

/// Refuses a caller who may not decide a waiting task where a model may choose the call.
pub(crate) fn check_may_decide_here(cx: &mut CallContext<'_, '_>, owner: Uuid, head: &Head) -> Result<()> {
    check_granted_to_decide(cx)?;
    let spec = intents::spec(cx.tx, owner, head.intent.id)?;
    let is_of_client = cx.caller.grant.as_ref().is_some_and(|grant| spec.client.as_ref() == Some(&grant.client));
    // An agent of the person may ask the person. A model that used a key of the person may not.
    let is_of_person = match spec.client {
        Some(_) => spec.names_requester(&cx.caller.owner),
        None => is_same_person(spec.from.as_str(), &cx.caller.owner),
    };
    if is_of_client || is_of_person {
        let message = "this task was raised by the same person or assistant: the person answers it by mail, on the page or with \
                       the command line";
        return Err(ApiError::new(ErrorCode::PersonRequired, message).into());
    }
    Ok(())
}

/// Refuses a call that decides, or makes a way to decide, where a model may choose the call.
pub(crate) fn check_granted_to_decide(cx: &CallContext<'_, '_>) -> Result<()> {
    if !is_model(cx) || cx.caller.is_granted_to_decide() {
        return Ok(());
    }
    let message = "a person decides this, not a model: ask the person to answer by mail, on the page or with the command line. A client \
                   needs the scope tasks:decide";
    Err(ApiError::new(ErrorCode::PersonRequired, message).into())
}

/// Refuses a call that names the deputy of the caller where a model may choose it: only the absent person names a deputy.
pub(crate) fn check_names_deputy(cx: &CallContext<'_, '_>) -> Result<()> {
    if !is_model(cx) {
        return Ok(());
    }
    let message = "the person sets an absence, not a model: use the inbox, the command line or the API";
    Err(ApiError::new(ErrorCode::PersonRequired, message).into())
}

/// Returns true if a model may have chosen the call.
fn is_model(cx: &CallContext<'_, '_>) -> bool {
    cx.edge == Edge::Model || cx.caller.grant.is_some()
}

/// Returns what the rules need to know about the author of an answer.
pub(crate) fn standing(
    cx: &mut CallContext<'_, '_>,
    workspace: Uuid,
    head: &Head,
    spec: &IntentSpec,
) -> Result<Standing> {
    let caller = cx.caller;
    // The key of a service account stands in for nobody.
    let stands_in_for = match caller.is_person() {
        true => askees::stands_in_for(cx.tx, workspace, head, spec, &caller.owner)?,
        false => Vec::new(),
    };
    let (is_requester, is_person) = (is_requester(caller, spec), caller.is_person());
    Ok(Standing { is_requester, is_person, groups: caller.groups.clone(), stands_in_for })
}

/// Refuses an answer to a guarded task by a person whom the rule of the workspace does not allow to ask. Refuses it too if
/// the right to answer came from the requester: a role, or a place in a group.
pub(crate) fn check_decider(cx: &mut CallContext<'_, '_>, head: &Head, spec: &IntentSpec) -> Result<()> {
    let (workspace, person) = (cx.caller.workspace, cx.caller.owner.clone());
    let is_own = is_asked(head, &person, &cx.caller.groups);
    let is_deputy =
        !is_own && cx.caller.is_person() && !askees::stands_in_for(cx.tx, workspace, head, spec, &person)?.is_empty();
    if cx.caller.person().is_some() && !cx.caller.decides_as_admin() && !is_own && !is_deputy {
        let message =
            format!("{person} may not answer this task as a deputy: the requester and people who are asked may not");
        return Err(ApiError::new(ErrorCode::NotAsked, message).into());
    }
    if !head.intent.open_task().is_some_and(HumanTask::is_guarded) || !cx.caller.is_person() {
        return Ok(());
    }
    asking::check_answer(cx.tx, workspace, &person)?;
    if is_deputy || is_asked(head, &person, &[]) {
        return Ok(());
    }
    for membership in groups::of_person(cx.tx, workspace, &person)? {
        let is_asked = is_asked(head, "", &[group_address(&membership.group)]);
        let is_older = membership.added_at <= head.intent.created_at;
        if is_asked && (is_older || is_from_other(cx, &membership.added_by, head, spec)?) {
            return Ok(());
        }
    }
    check_independent(cx, head, spec)
}

/// Returns true if a giver of rights is not the requester, and their own role does not come from the requester.
fn is_from_other(cx: &mut CallContext<'_, '_>, giver: &str, head: &Head, spec: &IntentSpec) -> Result<bool> {
    Ok(!spec.names_requester(giver) && is_independent(cx, giver, head, spec)?)
}

/// Refuses a caller who may not name a decider of the waiting task in this way.
pub(crate) fn check_names_decider(
    cx: &mut CallContext<'_, '_>,
    head: &Head,
    spec: &IntentSpec,
    way: Naming,
    named: &[&str],
) -> Result<()> {
    if way == Naming::Link {
        check_granted_to_decide(cx)?;
    }
    let is_guarded = head.intent.open_task().is_some_and(HumanTask::is_guarded)
        || (way.concerns_later_tasks() && awaits_guarded_task(head, spec));
    let deciders = named.iter().map(|name| NamedDecider { name, field: way.field(), is_guarded });
    let deciders: Vec<NamedDecider<'_>> = deciders.filter(|_| way != Naming::Delegate).collect();
    if !is_guarded {
        return asking::check(cx.tx, cx.caller.workspace, &deciders);
    }
    if is_requester(cx.caller, spec) || spec.names_requester(cx.caller.responsible()) {
        let message = format!("the requester may not {}: this task restricts who may answer it", way.words());
        return Err(ApiError::new(ErrorCode::RequesterMayNotAnswer, message).into());
    }
    // A delegate of a thread may write in it, but cannot answer its task.
    if way == Naming::Delegate {
        return Ok(());
    }
    if !(cx.caller.is_person() && cx.caller.decides_as_admin()) {
        let message = format!(
            "only a person who administers this workspace may {}: this task restricts who may answer it; sign in",
            way.words()
        );
        return Err(ApiError::new(ErrorCode::PersonRequired, message).into());
    }
    asking::check(cx.tx, cx.caller.workspace, &deciders)?;
    check_independent(cx, head, spec)
}

/// Returns true if a guarded task waits, or may be asked later.
pub(crate) fn awaits_guarded_task(head: &Head, spec: &IntentSpec) -> bool {
    let results = head.intent.cursor.as_ref().map(|cursor| &cursor.results);
    let is_done = |step: &Step| results.is_some_and(|results| results.contains_key(&step.id));
    let is_guarded = |step: &&Step| matches!(&step.kind, StepKind::Human { task, .. } if task.is_guarded());
    head.intent.open_task().is_some_and(HumanTask::is_guarded)
        || spec.plan.iter().flat_map(|plan| &plan.steps).filter(is_guarded).any(|step| !is_done(step))
}

/// Returns true if the caller, or the owner of the caller's key, is the requester of the intent.
pub fn is_requester(caller: &Caller, spec: &IntentSpec) -> bool {
    spec.names_requester(&caller.actor()) || spec.names_requester(&caller.owner)
}

fn check_independent(cx: &mut CallContext<'_, '_>, head: &Head, spec: &IntentSpec) -> Result<()> {
    let person = cx.caller.owner.clone();
    if is_independent(cx, &person, head, spec)? {
        return Ok(());
    }
    let message =
        format!("the requester gave {person} the right to decide after the task began: another person decides");
    Err(ApiError::new(ErrorCode::RequesterMayNotAnswer, message).into())
}

/// Returns true if a person has a role of an admin that does not come from the requester. The role is then older than the
/// intent, or the role of its giver does not come from the requester either.
fn is_independent(cx: &mut CallContext<'_, '_>, person: &str, head: &Head, spec: &IntentSpec) -> Result<bool> {
    let (mut person, since) = (membership::name_of(person), head.intent.created_at);
    for _ in 0..MAX_CHAIN {
        let mut given_by = None;
        for role in members::given_roles(cx.tx, cx.caller.workspace, &person)? {
            if role.given_at <= since {
                return Ok(true);
            }
            given_by = role.given_by.or(given_by);
        }
        match given_by {
            Some(giver) if !spec.names_requester(&giver) => person = membership::name_of(&giver),
            _ => return Ok(false),
        }
    }
    Ok(false)
}
