//! Operators end and steer intents, known and unknown ones, one and many; strangers try what is not theirs.

use axme_intent::IntentId;
use serde_json::{Value, json};

use super::{answer, by_admin};
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
