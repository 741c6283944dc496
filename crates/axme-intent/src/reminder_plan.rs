//! The reminder plan of an intent that waits: reminders first, then escalation (`spec/protocol.md` §4.9).
//!
//! Each stage is due a fixed time after the one before it. A late stage, such as after a restart, delays the next ones,
//! so that nobody gets all reminders at once.

use serde::{Deserialize, Serialize};

use axme_types::Holder;

/// The default number of reminders.
pub const USUAL_REMINDERS: u32 = 3;

/// How the holder of a waiting intent is reminded, and who is asked after that.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReminderPlan {
    /// Counted from the start of the wait. Without it there are no reminders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<u64>,
    /// The time between reminders; by default `remind_after_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<u32>,
    /// The holder after the last reminder, or at the step's deadline if that comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_to: Option<Holder>,
}

/// A stage of a reminder plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Remind,
    Escalate,
}

impl ReminderPlan {
    pub fn is_empty(&self) -> bool {
        *self == ReminderPlan::default()
    }

    /// Returns the stage after `reminded` reminders, and its seconds after the stage before. `None` after the last
    /// stage.
    pub fn next(&self, reminded: u32, is_escalated: bool) -> Option<(Stage, u64)> {
        let after = self.remind_after_seconds?;
        let interval = self.remind_interval_seconds.unwrap_or(after);
        if is_escalated {
            return None;
        }
        if reminded < self.max_reminders.unwrap_or(USUAL_REMINDERS) {
            return Some((Stage::Remind, if reminded == 0 { after } else { interval }));
        }
        self.escalate_to.as_ref().map(|_| (Stage::Escalate, interval))
    }
}
