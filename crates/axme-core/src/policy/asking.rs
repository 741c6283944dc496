//! The rule on who may be asked: groups must exist, and guarded tasks follow the rule of the workspace. Every name of a
//! decider passes here: those of a new intent and its steps, and those that a later change names.

use axme_api::{ApiError, ErrorCode};
use axme_intent::human::{group_name, is_platform_name, person_key};
use axme_intent::lifecycle::{Holder, IntentSpec};
use axme_intent::workflow::StepKind;
use axme_intent::{HolderKind, HumanTask, ReminderPlan};
use axme_store::groups::{self, AskingRule};
use axme_store::{StoreError, Tx};
use uuid::Uuid;

use super::snapshot::Snapshot;
use crate::auth::membership;
use crate::error::Result;

/// A person or a group that a task names, and the field that names it.
#[derive(Debug)]
pub(crate) struct NamedDecider<'a> {
    pub name: &'a str,
    pub field: &'static str,
    pub is_guarded: bool,
}

/// Checks the deciders that a new intent names, in its own task and in its steps.
pub(crate) fn check_new(tx: &mut Tx<'_>, workspace: Uuid, spec: &IntentSpec) -> Result<()> {
    let mut named = Vec::new();
    if let Some(task) = &spec.task {
        let receiver = task.assignees.is_none().then_some(spec.to.spelled());
        named.extend(of_task(task, receiver, spec.reminder_plan.as_ref()));
    }
    for step in spec.plan.iter().flat_map(|plan| &plan.steps) {
        if let StepKind::Human { holder, task, escalated_from } = &step.kind {
            let plan = step.reminder_plan.as_ref();
            named.extend(of_task(task, Some(&holder.reference), plan));
            named.extend(escalated_from.iter().flat_map(|from| of_task(task, Some(&from.reference), None)));
        }
    }
    check(tx, workspace, &named)
}

/// Checks the deciders that a task of a live intent names.
pub(crate) fn check_task(tx: &mut Tx<'_>, workspace: Uuid, task: &HumanTask) -> Result<()> {
    let named: Vec<NamedDecider<'_>> = of_task(task, None, None).collect();
    check(tx, workspace, &named)
}

/// Lists whom a task names: its holder, its assignees, and the person that it escalates to.
fn of_task<'a>(
    task: &'a HumanTask,
    holder: Option<&'a str>,
    plan: Option<&'a ReminderPlan>,
) -> impl Iterator<Item = NamedDecider<'a>> {
    let is_person = |holder: &&Holder| holder.kind == HolderKind::Human;
    let escalated_to = plan.and_then(|plan| plan.escalate_to.as_ref()).filter(is_person);
    let assignees = task.assignees.iter().flatten().map(|name| ("assignees", name.as_str()));
    let others = [
        ("assigned_to", holder),
        ("notify_email", task.notify_email.as_deref()),
        ("escalate_to", escalated_to.map(|holder| holder.reference.as_str())),
    ];
    let others = others.into_iter().filter_map(|(field, name)| Some((field, name?)));
    let is_guarded = task.is_guarded();
    assignees.chain(others).map(move |(field, name)| NamedDecider { name, field, is_guarded })
}

/// Checks that each named group exists, and that the rule of the workspace allows each decider of a guarded task.
pub(crate) fn check(tx: &mut Tx<'_>, workspace: Uuid, named: &[NamedDecider<'_>]) -> Result<()> {
    for decider in named {
        if let Some(group) = group_name(decider.name)
            && groups::find(tx, workspace, &group)?.is_none()
        {
            let message = format!("{}: there is no group {group}; create it first", decider.field);
            return Err(ApiError::invalid(message).into());
        }
    }
    for decider in named.iter().filter(|decider| decider.is_guarded) {
        let Some(rule) = Snapshot::of(tx, workspace)?.asking.clone() else { return Ok(()) };
        if !allows(tx, workspace, &rule, decider.name)? {
            let who = words(&rule);
            let message = format!(
                "{}: {} may not be asked to decide a guarded task here; name {who}",
                decider.field, decider.name
            );
            return Err(ApiError::new(ErrorCode::MayNotBeAsked, message).into());
        }
    }
    Ok(())
}

/// Refuses the answer of a person to a guarded task if the rule of the workspace does not allow to ask this person.
pub(crate) fn check_answer(tx: &mut Tx<'_>, workspace: Uuid, person: &str) -> Result<()> {
    let Some(rule) = Snapshot::of(tx, workspace)?.asking.clone() else { return Ok(()) };
    if allows(tx, workspace, &rule, person)? {
        return Ok(());
    }
    let message = format!("{person} may not decide a guarded task here: ask {}", words(&rule));
    Err(ApiError::new(ErrorCode::MayNotBeAsked, message).into())
}

/// Returns true if the rule of the workspace allows a person to decide a task.
pub(crate) fn may_decide(tx: &mut Tx<'_>, workspace: Uuid, task: &HumanTask, person: &str) -> Result<bool, StoreError> {
    if !task.is_guarded() {
        return Ok(true);
    }
    match Snapshot::of(tx, workspace)?.asking.clone() {
        Some(rule) => allows(tx, workspace, &rule, person),
        None => Ok(true),
    }
}

/// Returns true if the rule allows to ask a person, a group, or the administrators of the workspace.
fn allows(tx: &mut Tx<'_>, workspace: Uuid, rule: &AskingRule, name: &str) -> Result<bool, StoreError> {
    if let Some(group) = group_name(name) {
        return Ok(rule.groups.contains(&group));
    }
    if is_platform_name(name) {
        return Ok(true);
    }
    let key = person_key(name);
    let domain = key.rsplit_once('@').map(|(_, domain)| domain);
    if domain.is_some_and(|domain| rule.mail_domains.iter().any(|allowed| allowed == domain)) {
        return Ok(true);
    }
    if rule.members && membership::is_member(tx, workspace, &key)? {
        return Ok(true);
    }
    let groups = groups::of_person(tx, workspace, &key)?;
    Ok(groups.iter().any(|membership| rule.groups.contains(&membership.group)))
}

/// Returns the rule as words.
fn words(rule: &AskingRule) -> String {
    let members = rule.members.then(|| "a member of the workspace".to_owned());
    let groups = rule.groups.iter().map(|group| format!("group {group} or one of its members"));
    let domains = rule.mail_domains.iter().map(|domain| format!("an address at {domain}"));
    members.into_iter().chain(groups).chain(domains).collect::<Vec<_>>().join(", or ")
}
