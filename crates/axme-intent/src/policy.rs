//! Settings of a live intent that may be changed while it runs: controls, grants and the envelope
//! (`spec/protocol.md` §4.8).
//!
//! They are not part of the history. Every change makes a new generation, and the audit trail records its author.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::HolderKind;
use crate::reminder_plan::ReminderPlan;
use crate::{Object, Time};
use axme_types::Holder;
pub use axme_types::grants::GrantAction as Action;

/// The largest settings of one intent, in bytes of JSON.
pub const MAX_POLICY_BYTES: usize = 16_384;
pub const USUAL_PUSHES: u32 = 3;

/// The controls. `timeout_seconds` counts from the change.
pub const CONTROLS: [&str; 6] = [
    "timeout_seconds",
    "remind_after_seconds",
    "remind_interval_seconds",
    "max_reminders",
    "escalate_to",
    "max_delivery_attempts",
];

/// The bounds. `ttl_seconds` counts from the creation.
pub const ENVELOPE: [&str; 4] =
    ["max_retry_count", "retry_backoff_seconds", "execution_timeout_seconds", "ttl_seconds"];

/// The settings as they were sent, and the deadline that follows from them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// See [`CONTROLS`].
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub controls: Object,
    /// `delegate:<address>` → `{"allow": [action, …]}`.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub grants: Object,
    /// Bounds: see [`ENVELOPE`].
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub envelope: Object,
    /// Replaces the deadline that the intent was created with, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Time>,
}

/// Changes to merge in. `null` removes a key.
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

    /// Returns the reminder plan under these settings. `own` is the one of the intent or of its step.
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

    /// Returns the most pushes in total. `own` is the number that the intent was created with.
    pub fn most_pushes(&self, own: Option<u32>) -> u32 {
        let bound = count(&self.envelope, "max_retry_count").map(|retries| retries.saturating_add(1));
        let asked = count(&self.controls, "max_delivery_attempts").or(own);
        match (asked, bound) {
            (Some(asked), Some(bound)) => asked.min(bound),
            (asked, bound) => asked.or(bound).unwrap_or(USUAL_PUSHES),
        }
    }

    /// Returns the pause after a failed push, if the envelope sets one.
    pub fn retry_seconds(&self) -> Option<u64> {
        self.envelope.get("retry_backoff_seconds").and_then(Value::as_u64)
    }

    /// Returns how long an agent may work on the intent, if the envelope limits it.
    pub fn execution_seconds(&self) -> Option<u64> {
        self.envelope.get("execution_timeout_seconds").and_then(Value::as_u64)
    }

    /// True if a grant allows the action to `address` (canonical).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_default_is_empty() {
        assert!(Policy::default().is_empty());
        assert!(!Policy { deadline_at: Some(Time::from_micros(1)), ..Policy::default() }.is_empty());
    }
}
