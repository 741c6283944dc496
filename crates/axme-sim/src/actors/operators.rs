//! Operators end and steer intents, known and unknown ones, one and many; strangers try what is not theirs.

use axme_intent::{IntentId, StepKind, WaitingReason};
use serde_json::{Value, json};

use super::bundles::PEOPLE;
use super::recipients::ask_for_link;
use super::{answer, by_admin, by_chief};
use crate::invariants::{hold, same};
use crate::stage::Call;
use crate::{Checked, Sim};

fn any(sim: &mut Sim) -> Option<IntentId> {
    let ids: Vec<IntentId> = sim.watch.seen.keys().copied().collect();
    sim.stage.pick(&ids)
}

pub fn resolve(sim: &mut Sim) -> Checked {
    let Some(id) = any(sim) else { return Ok(()) };
    let (mark, key) = (sim.promises.mark(), sim.stage.admin.clone());
    let mut body = match sim.stage.below(4) {
        0 => json!({ "status": "COMPLETED", "result": { "by": mark } }),
        1 => json!({ "status": "FAILED", "reason": mark }),
        _ => json!({ "status": "CANCELED", "reason": mark }),
    };
    if sim.stage.chance(25) {
        body["expected_policy_generation"] = json!(sim.stage.below(3));
    }
    answer(sim, &key, id, "resolve", &mark, body).map(|_| ())
}

pub fn ask_for_the_unknown(sim: &mut Sim) -> Checked {
    for id in ["01900000-0000-7000-8000-000000000000", "nonsense"] {
        let body = json!({ "status": "CANCELED" });
        let heard = by_admin(sim, "POST", &format!("/v1/intents/{id}/resolve"), body)?;
        hold!(heard.status == 404 || heard.is_unknown(), "an unknown intent was answered {}", heard.status);
    }
    Ok(())
}

/// Settings, sometimes meant for a generation that is over: those change nothing.
pub fn change_settings(sim: &mut Sim) -> Checked {
    let Some(id) = any(sim) else { return Ok(()) };
    let generation = sim.watch.seen[&id].head.intent.policy_generation;
    let expected = if sim.stage.chance(40) { Some(generation + sim.stage.below(2) as u32) } else { None };
    let span = 1 + sim.stage.below(5_000);
    let (verb, mut body) = match sim.stage.below(5) {
        0 => ("controls", json!({ "controls_patch": { "timeout_seconds": span } })),
        1 => ("controls", json!({ "controls_patch": { "timeout_seconds": null, "max_reminders": 2 } })),
        2 => ("controls", json!({ "controls_patch": { "remind_after_seconds": span, "escalate_to": "cyd" } })),
        3 => ("policy", json!({ "envelope_patch": { "execution_timeout_seconds": span } })),
        _ => ("policy", json!({ "grants_patch": { "delegate:bob": { "allow": ["resume", "resolve"] } } })),
    };
    if let Some(expected) = expected {
        body["expected_policy_generation"] = json!(expected);
    }
    let before = sim.stage.snapshot();
    let heard = by_admin(sim, "POST", &format!("/v1/intents/{id}/{verb}"), body)?;
    if heard.is_unknown() {
        return Ok(());
    }
    let after = sim.stage.snapshot();
    let is_applied = heard.status == 200 && heard.body["applied"] == true;
    hold!(is_applied || same(&before, &after), "{id}: {verb} was answered {} and changed something", heard.status);
    let is_stale = expected.is_some_and(|expected| expected != generation);
    hold!(!(is_applied && is_stale), "{id}: {verb} of generation {expected:?} was applied to {generation}");
    let told = &heard.body["policy_generation"];
    hold!(!is_applied || *told == json!(generation + 1), "{id}: generation {told} follows {generation}");
    Ok(())
}

pub fn cancel_many(sim: &mut Sim) -> Checked {
    let is_dry = sim.stage.chance(50);
    let body = json!({ "older_than_hours": 2, "dry_run": is_dry, "limit": 5, "reason": "spring cleaning" });
    let before = sim.stage.snapshot();
    let heard = by_admin(sim, "POST", "/v1/intents/bulk-cancel", body)?;
    if heard.is_unknown() {
        return Ok(());
    }
    let after = sim.stage.snapshot();
    hold!(!is_dry || same(&before, &after), "a rehearsal canceled something");
    let ids = heard.body["intent_ids"].as_array().cloned().unwrap_or_default();
    for id in ids.iter().filter_map(Value::as_str).filter(|_| !is_dry) {
        let is_canceled = |columns: &axme_server::store::simulated::HeadColumns| {
            columns.head.intent.id.to_string() == id && columns.status == "CANCELED"
        };
        hold!(after.heads.iter().any(is_canceled), "{id} was said to be canceled");
    }
    Ok(())
}

/// To another workspace nothing here exists.
pub fn poke_from_elsewhere(sim: &mut Sim) -> Checked {
    let Some(id) = any(sim) else { return Ok(()) };
    let (method, verb, body) = match sim.stage.below(5) {
        0 => ("GET", "", json!(null)),
        1 => ("GET", "/events", json!(null)),
        2 => ("POST", "/resolve", json!({ "status": "CANCELED" })),
        3 => ("POST", "/controls", json!({ "controls_patch": { "timeout_seconds": 1 } })),
        _ => ("POST", "/resume", json!({ "action": "complete", "found": "nothing" })),
    };
    let path = format!("/v1/intents/{id}{verb}");
    let call = Call { key: sim.cast.stranger.clone(), method, path, body, idempotency_key: None };
    let heard = sim.send_one(&call)?;
    hold!(heard.status == 404 || heard.is_unknown(), "another workspace's {method} {} got {}", call.path, heard.status);
    Ok(())
}

/// Those that somebody is asked about, and now and then one of the others.
fn asked(sim: &mut Sim) -> Option<IntentId> {
    let open = sim.watch.seen.iter().filter(|(_, seen)| seen.head.intent.open_task().is_some());
    let open: Vec<IntentId> = open.map(|(id, _)| *id).collect();
    if sim.stage.chance(90) { sim.stage.pick(&open) } else { any(sim) }
}

/// A task is given to somebody else. Without a task, nothing changes.
pub fn reassign(sim: &mut Sim) -> Checked {
    let Some(id) = asked(sim) else { return Ok(()) };
    let to = ["ann@example.com", "cat@example.com", "deputy@example.com", "clerk"][sim.stage.below(4)];
    let before = sim.stage.snapshot();
    let heard = by_chief(sim, "POST", &format!("/v1/tasks/{id}/reassign"), json!({ "to": to, "note": "away" }))?;
    if heard.is_unknown() {
        return Ok(());
    }
    let after = sim.stage.snapshot();
    hold!(heard.status == 200 || same(&before, &after), "{id}: reassigning was answered {} and is done", heard.status);
    let holder = after.heads.iter().find(|columns| columns.head.intent.id == id);
    let holder = holder.and_then(|columns| columns.head.intent.waiting()).map(|waiting| &waiting.holder.reference);
    hold!(heard.status != 200 || holder.is_some_and(|holder| holder == to), "{id}: {holder:?} has it, not {to}");
    Ok(())
}

/// A link for a form.
pub fn make_link(sim: &mut Sim) -> Checked {
    let Some(id) = asked(sim) else { return Ok(()) };
    let person = PEOPLE[sim.stage.below(PEOPLE.len())];
    ask_for_link(sim, id, person).map(|_| ())
}

/// Intents that wait for time, of these those at a timeout, which a go-on ends.
fn paused(sim: &Sim) -> (Vec<IntentId>, Vec<IntentId>) {
    let paused = sim.watch.seen.iter().filter_map(|(id, seen)| {
        let waiting = seen.head.intent.waiting().filter(|waiting| waiting.reason == WaitingReason::WaitingForTime)?;
        let step = seen.spec().plan.as_ref()?.step(waiting.step.as_deref()?)?;
        Some((*id, step.kind == StepKind::Timeout))
    });
    let (timeouts, others): (Vec<_>, Vec<_>) = paused.partition(|(_, is_timeout)| *is_timeout);
    let ids = |pairs: Vec<(IntentId, bool)>| pairs.into_iter().map(|(id, _)| id).collect();
    (ids(timeouts), ids(others))
}

/// Somebody lets a timeout go on, or tries to shorten a delay.
pub fn let_go_on(sim: &mut Sim) -> Checked {
    let (timeouts, others) = paused(sim);
    let target = if sim.stage.chance(80) { sim.stage.pick(&timeouts) } else { sim.stage.pick(&others) };
    target.map_or(Ok(()), |id| go_on(sim, id))
}

fn go_on(sim: &mut Sim, id: IntentId) -> Checked {
    let (mark, key) = (sim.promises.mark(), sim.stage.admin.clone());
    answer(sim, &key, id, "resume", &mark, json!({ "approve_current_step": true, "reason": mark })).map(|_| ())
}

/// Every timeout goes on. Returns how many there were.
pub fn let_all_go_on(sim: &mut Sim) -> Result<usize, String> {
    let (timeouts, _) = paused(sim);
    for id in &timeouts {
        go_on(sim, *id)?;
    }
    Ok(timeouts.len())
}
