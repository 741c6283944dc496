//! The reminder plan of an intent that waits: reminders first, then escalation (contract `wire.md` §4.9, `semantics.md` §2.4).
//!
//! Each stage follows the one before it by a span of time. A stage that comes late, after a restart say, delays those after
//! it, so that nobody gets all reminders at once.

use serde::{Deserialize, Serialize};

use crate::status::Holder;

/// How many reminders there are when nobody says how many.
pub const USUAL_REMINDERS: u32 = 3;

/// How somebody who keeps an intent waiting is reminded, and who is asked after that.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReminderPlan {
    /// Counted from when the waiting began. Without it there are no reminders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<u64>,
    /// Between reminders; as long as the first took unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<u32>,
    /// Who holds the intent once the reminders are used up, or at the step's deadline when that comes first.
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

    /// The stage after `reminded` reminders, and how many seconds after the one before it. `None` after the last.
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
