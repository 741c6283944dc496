//! The fields that a bundle may have, place by place. Free-form content is not listed: payloads, `input`, the settings
//! of internal steps, and schemas of forms.

use super::reader::Reader;
use crate::{Object, fields};

pub const BUNDLE: [&str; 9] =
    ["scenario_id", "title", "description", "idempotency_key", "agents", "humans", "workflow", "intent", "$schema"];

/// The fields of an older format of bundles, and what replaces them.
pub(super) const OLD: [(&str, &str); 3] = [
    ("workflow_steps", "write the steps as workflow.steps"),
    ("durability", "set deadlines, reminders and attempts in intent and in the steps"),
    ("handler", "declare the agent in agents, and its work as a step"),
];

pub const AGENT: [&str; 6] = ["role", "address", "create_if_missing", "display_name", "delivery_mode", "callback_url"];

pub const HUMAN: [&str; 3] = ["role", "contact", "display_name"];

pub const WORKFLOW: [&str; 4] = ["steps", "entry_step", "macro_id", "parameters"];

pub const STEP: [&str; 18] = [
    "step_id",
    "tool_id",
    "runtime_type",
    "runtime_config",
    "config",
    "input",
    "assigned_to",
    "requires_approval",
    "human_task",
    "distinct_from",
    "step_deadline_seconds",
    "remind_after_seconds",
    "remind_interval_seconds",
    "max_reminders",
    "escalate_to",
    "retry",
    "on_success",
    "on_failure",
];

pub const RETRY: [&str; 2] = ["max_retries", "retry_delay_seconds"];

pub const INTENT: [&str; 9] = [
    "type",
    "payload",
    "deadline_at",
    "max_delivery_attempts",
    "remind_after_seconds",
    "remind_interval_seconds",
    "max_reminders",
    "escalate_to",
    "human_task",
];

impl Reader<'_> {
    /// Warns about the unknown fields of `source`.
    pub(super) fn known(&mut self, source: &Object, place: &str, known: &[&str]) {
        for (name, text) in fields::unknown(source, known, "ignored") {
            let place = if place.is_empty() { name } else { format!("{place}.{name}") };
            self.warn(&place, text);
        }
    }
}
