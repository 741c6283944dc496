//! Operators. They resolve and change intents, one or many, known or unknown. Admins of another workspace try the same.

use axme_intent::{IntentId, StepKind, WaitingReason};
use serde_json::{Value, json};

use super::bundles::PEOPLE;
use super::recipients::request_link;
use super::{answer, call_as_admin, call_as_second_admin};
use crate::invariants::{ensure, is_unchanged};
use crate::{CheckResult, Simulation};

pub(crate) fn resolve(sim: &mut Simulation) -> CheckResult {
    let Some(id) = sim.pick_intent() else { return Ok(()) };
    let (mark, key) = (sim.promises.new_mark(), sim.cluster.admin.clone());
    let mut body = match sim.cluster.below(4) {
        0 => json!({ "status": "COMPLETED", "result": { "by": mark } }),
        1 => json!({ "status": "FAILED", "reason": mark }),
        _ => json!({ "status": "CANCELED", "reason": mark }),
    };
    if sim.cluster.chance(25) {
        body["expected_policy_generation"] = json!(sim.cluster.below(3));
    }
    answer(sim, &key, id, "resolve", &mark, body)
}

pub(crate) fn resolve_unknown(sim: &mut Simulation) -> CheckResult {
    for id in ["01900000-0000-7000-8000-000000000000", "nonsense"] {
        let body = json!({ "status": "CANCELED" });
        let response = call_as_admin(sim, "POST", &format!("/v1/intents/{id}/resolve"), body)?;
        ensure!(
            response.status == 404 || response.is_unknown(),
            "a call on an unknown intent returned {}",
            response.status
        );
    }
    Ok(())
}

/// Changes settings, sometimes for an old policy generation. Such a change must have no effect.
pub(crate) fn change_settings(sim: &mut Simulation) -> CheckResult {
    let Some(id) = sim.pick_intent() else { return Ok(()) };
    let generation = sim.checker.intents[&id].head.intent.policy_generation;
    let expected = if sim.cluster.chance(40) { Some(generation + sim.cluster.below(2) as u32) } else { None };
    let span = 1 + sim.cluster.below(5_000);
    let (verb, mut body) = match sim.cluster.below(5) {
        0 => ("controls", json!({ "controls_patch": { "timeout_seconds": span } })),
        1 => ("controls", json!({ "controls_patch": { "timeout_seconds": null, "max_reminders": 2 } })),
        2 => ("controls", json!({ "controls_patch": { "remind_after_seconds": span, "escalate_to": "cyd" } })),
        3 => ("policy", json!({ "envelope_patch": { "execution_timeout_seconds": span } })),
        _ => ("policy", json!({ "grants_patch": { "delegate:bob": { "allow": ["resume", "resolve"] } } })),
    };
    if let Some(expected) = expected {
        body["expected_policy_generation"] = json!(expected);
    }
    let before = sim.cluster.snapshot();
    let response = call_as_admin(sim, "POST", &format!("/v1/intents/{id}/{verb}"), body)?;
    if response.is_unknown() {
        return Ok(());
    }
    let after = sim.cluster.snapshot();
    let is_applied = response.status == 200 && response.body["applied"] == true;
    ensure!(
        is_applied || is_unchanged(&before, &after),
        "{id}: {verb} returned {} but changed the store",
        response.status
    );
    let is_stale = expected.is_some_and(|expected| expected != generation);
    ensure!(
        !(is_applied && is_stale),
        "{id}: {verb} for generation {expected:?} was applied to generation {generation}"
    );
    let returned = &response.body["policy_generation"];
    ensure!(!is_applied || *returned == json!(generation + 1), "{id}: generation {returned} follows {generation}");
    Ok(())
}

pub(crate) fn cancel_bulk(sim: &mut Simulation) -> CheckResult {
    let is_dry = sim.cluster.chance(50);
    let body = json!({ "older_than_hours": 2, "dry_run": is_dry, "limit": 5, "reason": "spring cleaning" });
    let before = sim.cluster.snapshot();
    let response = call_as_admin(sim, "POST", "/v1/intents/bulk-cancel", body)?;
    if response.is_unknown() {
        return Ok(());
    }
    let after = sim.cluster.snapshot();
    ensure!(!is_dry || is_unchanged(&before, &after), "a dry run changed the store");
    let ids = response.body["intent_ids"].as_array().cloned().unwrap_or_default();
    for id in ids.iter().filter_map(Value::as_str).filter(|_| !is_dry) {
        let is_canceled = |columns: &axme_store::simulated::HeadColumns| {
            columns.head.intent.id.to_string() == id && columns.status == "CANCELED"
        };
        ensure!(after.heads.iter().any(is_canceled), "{id} was reported as canceled but is not");
    }
    Ok(())
}

/// Calls with a key of another workspace, which must not see any intent here.
pub(crate) fn call_from_other_workspace(sim: &mut Simulation) -> CheckResult {
    let Some(id) = sim.pick_intent() else { return Ok(()) };
    let (method, verb, body) = match sim.cluster.below(5) {
        0 => ("GET", "", json!(null)),
        1 => ("GET", "/events", json!(null)),
        2 => ("POST", "/resolve", json!({ "status": "CANCELED" })),
        3 => ("POST", "/controls", json!({ "controls_patch": { "timeout_seconds": 1 } })),
        _ => ("POST", "/resume", json!({ "action": "complete", "found": "nothing" })),
    };
    let path = format!("/v1/intents/{id}{verb}");
    let key = sim.actors.other_workspace.clone();
    let response = sim.call(&key, method, &path, body)?;
    ensure!(
        response.status == 404 || response.is_unknown(),
        "{method} {path} from another workspace returned {}",
        response.status
    );
    Ok(())
}

/// Picks an intent with an open task, or sometimes any intent.
fn pick_task(sim: &mut Simulation) -> Option<IntentId> {
    let open = sim.checker.open_tasks();
    if sim.cluster.chance(90) { sim.cluster.pick(&open) } else { sim.pick_intent() }
}

/// Reassigns a task. Without an open task nothing may change.
pub(crate) fn reassign(sim: &mut Simulation) -> CheckResult {
    let Some(id) = pick_task(sim) else { return Ok(()) };
    let to = ["ann@example.com", "cat@example.com", "deputy@example.com", "clerk"][sim.cluster.below(4)];
    let before = sim.cluster.snapshot();
    let response =
        call_as_second_admin(sim, "POST", &format!("/v1/tasks/{id}/reassign"), json!({ "to": to, "note": "away" }))?;
    if response.is_unknown() {
        return Ok(());
    }
    let after = sim.cluster.snapshot();
    ensure!(
        response.status == 200 || is_unchanged(&before, &after),
        "{id}: a reassignment returned {} but changed the store",
        response.status
    );
    let holder = after.heads.iter().find(|columns| columns.head.intent.id == id);
    let holder = holder.and_then(|columns| columns.head.intent.waiting()).map(|waiting| &waiting.holder.reference);
    ensure!(
        response.status != 200 || holder.is_some_and(|holder| holder == to),
        "{id}: the holder is {holder:?}, not {to}"
    );
    Ok(())
}

/// Creates a task link for a form.
pub(crate) fn create_link(sim: &mut Simulation) -> CheckResult {
    let Some(id) = pick_task(sim) else { return Ok(()) };
    let person = PEOPLE[sim.cluster.below(PEOPLE.len())];
    request_link(sim, id, person).map(|_| ())
}

/// Returns the intents that wait for time: those at a timeout step, which `approve_current_step` ends, and all others.
fn waiting_for_time(sim: &Simulation) -> (Vec<IntentId>, Vec<IntentId>) {
    let waiting = sim.checker.intents.iter().filter_map(|(id, observed)| {
        let waiting =
            observed.head.intent.waiting().filter(|waiting| waiting.reason == WaitingReason::WaitingForTime)?;
        let step = observed.spec().plan.as_ref()?.step(waiting.step.as_deref()?)?;
        Some((*id, step.kind == StepKind::Timeout))
    });
    let (timeouts, others): (Vec<_>, Vec<_>) = waiting.partition(|(_, is_timeout)| *is_timeout);
    let ids = |pairs: Vec<(IntentId, bool)>| pairs.into_iter().map(|(id, _)| id).collect();
    (ids(timeouts), ids(others))
}

/// Ends a timeout step, or tries to shorten a delay.
pub(crate) fn resume_timeout(sim: &mut Simulation) -> CheckResult {
    let (timeouts, others) = waiting_for_time(sim);
    let target = if sim.cluster.chance(80) { sim.cluster.pick(&timeouts) } else { sim.cluster.pick(&others) };
    target.map_or(Ok(()), |id| approve_step(sim, id))
}

fn approve_step(sim: &mut Simulation, id: IntentId) -> CheckResult {
    let (mark, key) = (sim.promises.new_mark(), sim.cluster.admin.clone());
    answer(sim, &key, id, "resume", &mark, json!({ "approve_current_step": true, "reason": mark }))
}

/// Ends every timeout step. Returns how many there were.
pub(crate) fn resume_all_timeouts(sim: &mut Simulation) -> Result<usize, String> {
    let (timeouts, _) = waiting_for_time(sim);
    for id in &timeouts {
        approve_step(sim, *id)?;
    }
    Ok(timeouts.len())
}
