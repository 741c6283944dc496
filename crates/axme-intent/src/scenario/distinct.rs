//! `distinct_from`: steps whose answers must come from different people. Both steps of such a pair then ask a person for
//! an answer of their own, which the key of a service account cannot give.

use std::collections::BTreeSet;

use serde_json::Value;

use super::reader::Reader;
use crate::fields::shown;
use crate::human::person_key;
use crate::workflow::{Step, StepKind};
use crate::{HumanTask, Object};

/// Maximum number of steps that one step names.
const MAX_STEPS: usize = 100;

impl Reader<'_> {
    /// Reads the steps that a step names in `distinct_from`: a list of step ids, or one.
    pub(super) fn distinct_from(&mut self, step: &Object, place: &str) -> Vec<String> {
        let list = match step.get("distinct_from") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list.clone(),
            Some(other) => vec![other.clone()],
        };
        let ids = list.iter().map(|id| id.as_str().map(|id| id.trim().to_owned()));
        match ids.collect::<Option<Vec<String>>>() {
            Some(ids) if ids.len() <= MAX_STEPS => ids,
            _ => {
                let given = list.first().map(shown).unwrap_or_default();
                let message = format!("must be a list of at most {MAX_STEPS} step ids, not {given}");
                self.error(&format!("{place}.distinct_from"), message);
                Vec::new()
            }
        }
    }

    /// Sets what each step has named in `distinct_from`, and requires a person for both sides. `named` has the place,
    /// the id and the named steps of each step.
    pub(super) fn set_distinct(&mut self, steps: &mut [Step], named: Vec<(String, String, Vec<String>)>) {
        for (place, id, others) in named {
            let place = format!("{place}.distinct_from");
            let mut all = Vec::new();
            for other in &others {
                if let Some(why) = refuse(steps, &id, other) {
                    self.error(&place, why);
                    continue;
                }
                all.extend(with_escalations(steps, other));
            }
            for other in &all {
                if let Some(task) = task_of(steps, other) {
                    task.person_required = true;
                }
            }
            if let Some(task) = task_of(steps, &id).filter(|_| !all.is_empty()) {
                all.retain(|other| *other != id);
                task.distinct_from = all;
            }
        }
    }
}

/// Returns why a step cannot require another person than the step `other`.
fn refuse(steps: &[Step], id: &str, other: &str) -> Option<String> {
    let asked = |id: &str| steps.iter().find(|step| step.id == id).map(people);
    match (asked(id), asked(other)) {
        _ if id == other => Some("a step cannot be distinct from itself: name an earlier step".to_owned()),
        (_, None) => Some(format!("there is no step \"{other}\": name an earlier step")),
        (Some(None), _) => Some("only a step that asks a person can require another person".to_owned()),
        (_, Some(None)) => Some(format!("step \"{other}\" asks no person: name a step that does")),
        (Some(Some(own)), Some(Some(theirs))) if own.len() == 1 && own == theirs => {
            let only = own.into_iter().next().unwrap_or_default();
            Some(format!("both steps ask only {only}: assign one of them to another person"))
        }
        _ => None,
    }
}

/// Returns the people whom a step names; `None` if it asks no person. A role that everybody may fill names nobody.
fn people(step: &Step) -> Option<BTreeSet<String>> {
    let StepKind::Human { holder, task, escalated_from } = &step.kind else { return None };
    let holders = [Some(holder), escalated_from.as_ref()].into_iter().flatten().map(|holder| holder.reference.as_str());
    let escalated_to = step.reminder_plan.as_ref().and_then(|plan| plan.escalate_to.as_ref());
    let named = holders.chain(escalated_to.map(|holder| holder.reference.as_str()));
    let named = named.chain(task.assignees.iter().flatten().map(String::as_str)).chain(task.notify_email.as_deref());
    Some(named.filter(|name| *name != "human" && !name.starts_with("group://")).map(person_key).collect())
}

/// Returns a step with the escalations that take its task over when it fails.
fn with_escalations(steps: &[Step], id: &str) -> Vec<String> {
    let mut found = vec![id.to_owned()];
    while let Some(next) = found
        .last()
        .and_then(|last| steps.iter().find(|step| step.id == *last)?.on_failure.as_ref()?.step().map(str::to_owned))
        .filter(|next| !found.contains(next))
        .filter(|next| steps.iter().any(|step| step.id == *next && is_escalation(step)))
    {
        found.push(next);
    }
    found
}

fn is_escalation(step: &Step) -> bool {
    matches!(&step.kind, StepKind::Human { escalated_from: Some(_), .. })
}

fn task_of<'s>(steps: &'s mut [Step], id: &str) -> Option<&'s mut HumanTask> {
    match &mut steps.iter_mut().find(|step| step.id == id)?.kind {
        StepKind::Human { task, .. } => Some(task),
        _ => None,
    }
}
