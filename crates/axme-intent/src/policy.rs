//! Settings of a live intent that may be changed while it runs: controls, grants and the envelope (contract `wire.md` §4.8).
//!
//! They are not history. Every change makes a new generation; who changed what stands in the audit trail.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reminder_plan::ReminderPlan;
use crate::status::{Holder, HolderKind};
use crate::{Object, Time};

/// How long the settings of one intent may be together, in bytes of JSON.
pub const MAX_POLICY_BYTES: usize = 16_384;
/// The longest span a setting may name: ten years.
pub const MAX_SPAN_SECONDS: u64 = 315_576_000;
pub const USUAL_PUSHES: u32 = 3;

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

impl Policy {
    pub fn is_empty(&self) -> bool {
        *self == Policy::default()
    }

    /// The reminder plan under these settings, given the one the intent or its step came with.
    pub fn reminder_plan(&self, own: Option<&ReminderPlan>) -> ReminderPlan {
        let mut reminder_plan = own.cloned().unwrap_or_default();
        let seconds = |key: &str| self.controls.get(key).and_then(Value::as_u64);
        reminder_plan.remind_after_seconds = seconds("remind_after_seconds").or(reminder_plan.remind_after_seconds);
        reminder_plan.remind_interval_seconds =
            seconds("remind_interval_seconds").or(reminder_plan.remind_interval_seconds);
        reminder_plan.max_reminders = count(&self.controls, "max_reminders").or(reminder_plan.max_reminders);
        if let Some(to) = self.controls.get("escalate_to").and_then(Value::as_str) {
            reminder_plan.escalate_to = Some(Holder::named(HolderKind::Human, to));
        }
        reminder_plan
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

fn count(fields: &Object, key: &str) -> Option<u32> {
    fields.get(key).and_then(Value::as_u64).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}
