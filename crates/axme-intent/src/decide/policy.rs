//! Decisions on changes to the settings of a live intent: validation, merging and the timers that follow.

use axme_types::ErrorCode;
use axme_types::limits::{MAX_DELIVERY_ATTEMPTS, MAX_REMINDERS, MAX_SPAN_SECONDS};
use serde_json::Value;

use crate::Status;
use crate::fields::shown;
use crate::lifecycle::{Effect, Intent, TimerKind};
use crate::policy::{Action, CONTROLS, ENVELOPE, MAX_POLICY_BYTES, Patch, Policy};
use crate::refusal::Refusal;
use crate::workflow::Plan;
use crate::{Object, Time};

/// The new settings, with the effects and warnings of the change.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDecision {
    pub policy: Policy,
    pub effects: Vec<Effect>,
    /// Name the keys that are stored but have no effect.
    pub warnings: Vec<String>,
}

/// Merges a patch into the settings. `deadline_at` is the deadline the intent was created with, `plan` its plan.
pub fn change_policy(
    intent: &Intent,
    plan: Option<&Plan>,
    deadline_at: Option<Time>,
    patch: &Patch,
    now: Time,
) -> Result<PolicyDecision, Refusal> {
    let status = intent.status();
    if status.is_terminal() {
        let message = format!("the intent is already {}", status.as_str());
        return Err(Refusal::new(ErrorCode::IntentAlreadyTerminal, message).with("status", status.as_str()));
    }
    check(patch)?;
    let mut policy = intent.policy.clone();
    merge(&mut policy.controls, &patch.controls);
    merge(&mut policy.grants, &patch.grants);
    merge(&mut policy.envelope, &patch.envelope);
    let bytes = serde_json::to_string(&policy).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_POLICY_BYTES {
        let message = format!(
            "the settings would have {bytes} bytes of JSON, at most {MAX_POLICY_BYTES} are allowed: remove some"
        );
        return Err(Refusal::new(ErrorCode::PolicyTooLarge, message));
    }
    let mut effects = Vec::new();
    if patch.controls.contains_key("timeout_seconds") || patch.envelope.contains_key("ttl_seconds") {
        policy.deadline_at = deadline(intent, &policy, patch, now);
        // A child's own deadline is its step's, and the parent's timer enforces it.
        effects.push(match policy.deadline_at.or(deadline_at.filter(|_| intent.parent.is_none())) {
            Some(at) => Effect::SetTimer { kind: TimerKind::Deadline, at },
            None => Effect::ClearTimer(TimerKind::Deadline),
        });
    }
    if patch.envelope.contains_key("execution_timeout_seconds")
        && matches!(status, Status::Acknowledged | Status::InProgress)
    {
        effects.push(match policy.execution_seconds() {
            Some(seconds) => Effect::SetTimer { kind: TimerKind::Execution, at: now.plus_seconds(seconds) },
            None => Effect::ClearTimer(TimerKind::Execution),
        });
    }
    let is_of_reminder_plan =
        |key: &String| key.starts_with("remind") || key == "max_reminders" || key == "escalate_to";
    if patch.controls.keys().any(is_of_reminder_plan) {
        let next = intent.next_stage(&intent.reminder_plan(&policy, plan));
        effects.push(match next {
            Some((_, seconds)) => Effect::SetTimer { kind: TimerKind::ReminderStage, at: now.plus_seconds(seconds) },
            None => Effect::ClearTimer(TimerKind::ReminderStage),
        });
    }
    Ok(PolicyDecision { policy, effects, warnings: unread(patch) })
}

/// Returns the deadline from the settings: the earlier of the timeout and the time to live.
fn deadline(intent: &Intent, policy: &Policy, patch: &Patch, now: Time) -> Option<Time> {
    let asked = match patch.controls.get("timeout_seconds") {
        Some(value) => value.as_u64().map(|seconds| now.plus_seconds(seconds)),
        None => intent.policy.deadline_at.filter(|_| policy.controls.contains_key("timeout_seconds")),
    };
    let bound = policy.envelope.get("ttl_seconds").and_then(Value::as_u64);
    asked.into_iter().chain(bound.map(|seconds| intent.created_at.plus_seconds(seconds))).min()
}

fn check(patch: &Patch) -> Result<(), Refusal> {
    let numbers = [
        (&patch.controls, "timeout_seconds", 1, MAX_SPAN_SECONDS),
        (&patch.controls, "remind_after_seconds", 1, MAX_SPAN_SECONDS),
        (&patch.controls, "remind_interval_seconds", 1, MAX_SPAN_SECONDS),
        (&patch.controls, "max_reminders", 1, MAX_REMINDERS),
        (&patch.controls, "max_delivery_attempts", 1, MAX_DELIVERY_ATTEMPTS),
        (&patch.envelope, "max_retry_count", 0, MAX_DELIVERY_ATTEMPTS),
        (&patch.envelope, "retry_backoff_seconds", 1, MAX_SPAN_SECONDS),
        (&patch.envelope, "execution_timeout_seconds", 1, MAX_SPAN_SECONDS),
        (&patch.envelope, "ttl_seconds", 1, MAX_SPAN_SECONDS),
    ];
    for (fields, key, least, most) in numbers {
        let Some(value) = fields.get(key).filter(|value| !value.is_null()) else { continue };
        if !value.as_u64().is_some_and(|n| (least..=most).contains(&n)) {
            let given = shown(value);
            let message = format!("{key}: must be a whole number from {least} to {most}, or null, not {given}");
            return Err(Refusal::new(ErrorCode::InvalidControl, message));
        }
    }
    let to = patch.controls.get("escalate_to").filter(|to| !to.is_null());
    if let Some(wrong) = to.filter(|to| to.as_str().is_none_or(str::is_empty)) {
        let message = format!("escalate_to: must be a name or an address, not {}", shown(wrong));
        return Err(Refusal::new(ErrorCode::InvalidControl, message));
    }
    patch.grants.iter().try_for_each(|(key, grant)| check_grant(key, grant))
}

fn check_grant(key: &str, grant: &Value) -> Result<(), Refusal> {
    let wrong = |why: String| Err(Refusal::new(ErrorCode::InvalidGrant, format!("{key}: {why}")));
    if !key.starts_with("delegate:") {
        return wrong("the name of a grant must be \"delegate:<address>\"".to_owned());
    }
    if grant.is_null() {
        return Ok(());
    }
    let allowed = grant.get("allow").and_then(Value::as_array);
    let is_known = |entry: &Value| entry.as_str().and_then(Action::parse).is_some();
    match allowed {
        Some(list) if list.iter().all(is_known) => Ok(()),
        _ => wrong(format!(
            "must be {{\"allow\": [...]}} with any of {}, not {}",
            Action::WORDS.join(", "),
            shown(grant)
        )),
    }
}

fn merge(into: &mut Object, patch: &Object) {
    for (key, value) in patch {
        if value.is_null() {
            into.remove(key);
        } else {
            into.insert(key.clone(), value.clone());
        }
    }
}

fn unread(patch: &Patch) -> Vec<String> {
    let of = |what: &str, fields: &Object, known: &[&str]| -> Vec<String> {
        let unknown = fields.iter().filter(|(key, value)| !value.is_null() && !known.contains(&key.as_str()));
        unknown.map(|(key, _)| format!("{what}.{key}: kept, but this server does not act on it")).collect()
    };
    let mut warnings = of("controls_patch", &patch.controls, &CONTROLS);
    warnings.extend(of("envelope_patch", &patch.envelope, &ENVELOPE));
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IntentId;
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn settings_may_be_as_long_as_the_limit_and_no_longer() {
        let (id, now) = (IntentId(Uuid::nil()), Time::from_micros(0));
        let intent = Intent::draft(id, id, None, now);
        let changed = |chars: usize| {
            let controls = json!({ "note": "x".repeat(chars) }).as_object().cloned().unwrap_or_default();
            let patch = Patch { controls, ..Patch::default() };
            change_policy(&intent, None, None, &patch, now).map(|change| change.policy)
        };
        let length = |policy: &Policy| serde_json::to_string(policy).expect("JSON").len();
        let rest = MAX_POLICY_BYTES - length(&changed(0).expect("a short note"));
        assert_eq!(length(&changed(rest).expect("the longest note")), MAX_POLICY_BYTES);
        for more in [1, 2, 1_000] {
            assert_eq!(changed(rest + more).expect_err("a longer note").code, ErrorCode::PolicyTooLarge);
        }
    }
}
