//! People answer the tasks they see, sometimes with an unknown outcome, sometimes twice.

use axme_intent::IntentId;
use axme_intent::lifecycle::Intent;
use serde_json::json;

use super::bundles::PEOPLE;
use super::recipients::answer_by_form;
use super::{answer, call_as_admin, call_as_second_admin};
use crate::invariants::tasks::has_decided;
use crate::{CheckResult, Simulation};

fn list_tasks(sim: &mut Simulation) -> Result<Vec<IntentId>, String> {
    let listed = call_as_admin(sim, "GET", "/v1/me/tasks?limit=500", json!(null))?;
    let tasks = listed.body["tasks"].as_array().cloned().unwrap_or_default();
    Ok(tasks.iter().filter_map(|task| task["intent_id"].as_str()?.parse().ok()).collect())
}

pub(crate) fn answer_some(sim: &mut Simulation) -> CheckResult {
    let open = list_tasks(sim)?;
    let Some(id) = sim.cluster.pick(&open) else { return Ok(()) };
    let outcome = if sim.cluster.chance(75) { "approved" } else { "rejected" };
    answer_as_admin(sim, id, outcome)
}

pub(crate) fn answer_wrongly(sim: &mut Simulation) -> CheckResult {
    let open = list_tasks(sim)?;
    let known = sim.promises.known();
    let target = if sim.cluster.chance(50) { sim.cluster.pick(&open) } else { sim.cluster.pick(&known) };
    let outcome = ["approved", "perhaps", ""][sim.cluster.below(3)];
    target.map_or(Ok(()), |id| answer_as_admin(sim, id, outcome))
}

fn answer_as_admin(sim: &mut Simulation, id: IntentId, outcome: &str) -> CheckResult {
    let (mark, key) = (sim.promises.new_mark(), sim.cluster.admin.clone());
    let body = json!({ "task_result": { "outcome": outcome, "comment": mark } });
    answer(sim, &key, id, "resume", &mark, body)
}

/// Answers every open task. If the admin's approval is invalid or not enough, people approve through task links.
/// Returns the number of tasks.
pub(crate) fn answer_all_tasks(sim: &mut Simulation) -> Result<usize, String> {
    // The admin's list leaves out tasks that the admin may not answer.
    let open = sim.checker.open_tasks();
    for id in &open {
        answer_as_admin(sim, *id, "approved")?;
        crate::check(sim)?;
        for person in PEOPLE {
            let is_open =
                sim.checker.intents.get(id).is_some_and(|observed| observed.head.intent.open_task().is_some());
            if is_open {
                answer_by_form(sim, *id, person)?;
                crate::check(sim)?;
            }
        }
        // No one who may answer can be reached: reassign the task to a person who can.
        let to = sim.checker.intents.get(id).and_then(|observed| other_person(&observed.head.intent));
        if let Some(to) = to {
            call_as_second_admin(sim, "POST", &format!("/v1/tasks/{id}/reassign"), json!({ "to": to }))?;
            crate::check(sim)?;
        }
    }
    Ok(open.len())
}

/// Returns a person who may answer a guarded task alone: one who has answered none of the steps that it is distinct from.
fn other_person(intent: &Intent) -> Option<&'static str> {
    let task = intent.open_task().filter(|task| task.is_guarded() && task.quorum.is_none())?;
    PEOPLE.into_iter().find(|person| !has_decided(intent, &task.distinct_from, person))
}
