//! Settings of a live intent that may be changed while it runs: controls, grants and the envelope (contract `wire.md` §4.8).
//!
//! They are not history. Every change makes a new generation; who changed what stands in the audit trail.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ladder::Ladder;
use crate::lifecycle::{Effect, Intent, Refusal, TimerKind};
use crate::status::{Holder, HolderKind, Status};
use crate::workflow::Plan;
use crate::{Object, Time};

/// How long the settings of one intent may be together, in bytes of JSON.
pub const MAX_POLICY_BYTES: usize = 16_384;
/// The longest span a setting may name: ten years.
pub const MAX_SPAN_SECONDS: u64 = 315_576_000;
pub const USUAL_PUSHES: u32 = 3;

const CONTROLS: [&str; 6] = [
    "timeout_seconds",
    "remind_after_seconds",
    "remind_interval_seconds",
    "max_reminders",
    "escalate_to",
    "max_delivery_attempts",
];
const ENVELOPE: [&str; 4] = ["max_retry_count", "retry_backoff_seconds", "execution_timeout_seconds", "ttl_seconds"];

/// What was set, as it was set, and the deadline that follows from it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// `timeout_seconds` (from the change on), `remind_after_seconds`, `remind_interval_seconds`, `max_reminders`,
    /// `escalate_to`, `max_delivery_attempts`.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub controls: Object,
    /// `delegate:<address>` → `{"allow": [action, …]}`.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub grants: Object,
    /// Bounds: `max_retry_count`, `retry_backoff_seconds`, `execution_timeout_seconds`, `ttl_seconds` (from creation on).
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub envelope: Object,
    /// When set, the deadline instead of the one the intent was created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Time>,
}

/// What a delegate may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Look at the intent and its events. Comes with every grant.
    Read,
    Resume,
    Resolve,
    UpdateControls,
    UpdatePolicy,
}

impl Action {
    pub const ALL: [Action; 5] =
        [Action::Read, Action::Resume, Action::Resolve, Action::UpdateControls, Action::UpdatePolicy];

    pub const fn as_str(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Resume => "resume",
            Action::Resolve => "resolve",
            Action::UpdateControls => "update_controls",
            Action::UpdatePolicy => "update_policy",
        }
    }
}

/// Changes to merge in: `null` takes a key away.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patch {
    pub controls: Object,
    pub grants: Object,
    pub envelope: Object,
}

/// What a change comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub policy: Policy,
    pub effects: Vec<Effect>,
    /// Keys that were kept and that nothing here acts on.
    pub warnings: Vec<String>,
}

impl Policy {
    pub fn is_empty(&self) -> bool {
        *self == Policy::default()
    }

    /// The ladder that holds, given the one the intent or its step came with.
    pub fn ladder(&self, own: Option<&Ladder>) -> Ladder {
        let mut ladder = own.cloned().unwrap_or_default();
        let seconds = |key: &str| self.controls.get(key).and_then(Value::as_u64);
        ladder.remind_after_seconds = seconds("remind_after_seconds").or(ladder.remind_after_seconds);
        ladder.remind_interval_seconds = seconds("remind_interval_seconds").or(ladder.remind_interval_seconds);
        ladder.max_reminders = count(&self.controls, "max_reminders").or(ladder.max_reminders);
        if let Some(to) = self.controls.get("escalate_to").and_then(Value::as_str) {
            ladder.escalate_to = Some(Holder::named(HolderKind::Human, to));
        }
        ladder
    }

    /// How many pushes there may be in all, given what the intent was created with.
    pub fn most_pushes(&self, own: Option<u32>) -> u32 {
        let bound = count(&self.envelope, "max_retry_count").map(|retries| retries.saturating_add(1));
        let asked = count(&self.controls, "max_delivery_attempts").or(own);
        match (asked, bound) {
            (Some(asked), Some(bound)) => asked.min(bound),
            (asked, bound) => asked.or(bound).unwrap_or(USUAL_PUSHES),
        }
    }

    /// The pause after a failed push, when the envelope names one.
    pub fn retry_seconds(&self) -> Option<u64> {
        self.envelope.get("retry_backoff_seconds").and_then(Value::as_u64)
    }

    /// How long an agent may work on it once it has it.
    pub fn execution_seconds(&self) -> Option<u64> {
        self.envelope.get("execution_timeout_seconds").and_then(Value::as_u64)
    }

    /// True when the holder of `address` (canonical) was granted this.
    pub fn grants(&self, address: &str, action: Action) -> bool {
        let Some(grant) = self.grants.get(&format!("delegate:{address}")) else { return false };
        let allowed = grant.get("allow").and_then(Value::as_array);
        let names = |word: &str| allowed.is_some_and(|list| list.iter().any(|entry| entry.as_str() == Some(word)));
        action == Action::Read || names(action.as_str())
    }
}

/// Merges a patch in. `deadline_at` is the deadline the intent was created with, `plan` its plan.
pub fn change(
    intent: &Intent,
    plan: Option<&Plan>,
    deadline_at: Option<Time>,
    patch: &Patch,
    now: Time,
) -> Result<Change, Refusal> {
    let status = intent.status();
    if status.is_terminal() {
        let message = format!("the intent is already {}", status.as_str());
        return Err(Refusal::conflict("intent_already_terminal", message).with("status", status.as_str()));
    }
    check(patch)?;
    let mut policy = intent.policy.clone();
    merge(&mut policy.controls, &patch.controls);
    merge(&mut policy.grants, &patch.grants);
    merge(&mut policy.envelope, &patch.envelope);
    let bytes = serde_json::to_string(&policy).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_POLICY_BYTES {
        let message = format!("the settings of an intent take {bytes} bytes, at most {MAX_POLICY_BYTES} are kept");
        return Err(Refusal::invalid("policy_too_large", message));
    }
    let mut effects = Vec::new();
    if patch.controls.contains_key("timeout_seconds") || patch.envelope.contains_key("ttl_seconds") {
        policy.deadline_at = deadline(intent, &policy, patch, now);
        // A child's own deadline is that of its step, and its parent minds it.
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
    let is_rung = |key: &String| key.starts_with("remind") || key == "max_reminders" || key == "escalate_to";
    if patch.controls.keys().any(is_rung) {
        let next = intent.ladder(&policy, plan).next(intent.tally.reminded, intent.tally.escalated_to.is_some());
        effects.push(match next {
            Some((_, seconds)) => Effect::SetTimer { kind: TimerKind::Ladder, at: now.plus_seconds(seconds) },
            None => Effect::ClearTimer(TimerKind::Ladder),
        });
    }
    Ok(Change { policy, effects, warnings: unread(patch) })
}

/// The deadline that the settings ask for: the earlier of the time-out and the time to live.
fn deadline(intent: &Intent, policy: &Policy, patch: &Patch, now: Time) -> Option<Time> {
    let asked = match patch.controls.get("timeout_seconds") {
        Some(value) => value.as_u64().map(|seconds| now.plus_seconds(seconds)),
        None => intent.policy.deadline_at.filter(|_| policy.controls.contains_key("timeout_seconds")),
    };
    let bound = policy.envelope.get("ttl_seconds").and_then(Value::as_u64);
    asked.into_iter().chain(bound.map(|seconds| intent.created_at.plus_seconds(seconds))).min()
}

fn check(patch: &Patch) -> Result<(), Refusal> {
    let spans = [
        (&patch.controls, "timeout_seconds", 1),
        (&patch.controls, "remind_after_seconds", 1),
        (&patch.controls, "remind_interval_seconds", 1),
        (&patch.controls, "max_reminders", 1),
        (&patch.controls, "max_delivery_attempts", 1),
        (&patch.envelope, "max_retry_count", 0),
        (&patch.envelope, "retry_backoff_seconds", 1),
        (&patch.envelope, "execution_timeout_seconds", 1),
        (&patch.envelope, "ttl_seconds", 1),
    ];
    for (fields, key, least) in spans {
        let Some(value) = fields.get(key).filter(|value| !value.is_null()) else { continue };
        if !value.as_u64().is_some_and(|n| (least..=MAX_SPAN_SECONDS).contains(&n)) {
            let message = format!("{key}: must be a whole number from {least} to {MAX_SPAN_SECONDS}, or null");
            return Err(Refusal::invalid("invalid_control", message));
        }
    }
    if patch.controls.get("escalate_to").is_some_and(|to| !to.is_null() && to.as_str().is_none_or(str::is_empty)) {
        return Err(Refusal::invalid("invalid_control", "escalate_to: must be a name or an address".to_owned()));
    }
    patch.grants.iter().try_for_each(|(key, grant)| check_grant(key, grant))
}

fn check_grant(key: &str, grant: &Value) -> Result<(), Refusal> {
    let known: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let wrong = |why: String| Err(Refusal::invalid("invalid_grant", format!("{key}: {why}")));
    if !key.starts_with("delegate:") {
        return wrong("grants are named \"delegate:<address>\"".to_owned());
    }
    if grant.is_null() {
        return Ok(());
    }
    let allowed = grant.get("allow").and_then(Value::as_array);
    let is_known = |entry: &Value| entry.as_str().is_some_and(|word| known.contains(&word));
    match allowed {
        Some(list) if list.iter().all(is_known) => Ok(()),
        _ => wrong(format!("must be {{\"allow\": [...]}} with any of {}", known.join(", "))),
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

fn count(fields: &Object, key: &str) -> Option<u32> {
    fields.get(key).and_then(Value::as_u64).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}
