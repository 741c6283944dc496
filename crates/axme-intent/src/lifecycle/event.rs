//! What happened to an intent: its events, which are its only history.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fault, IntentSpec, Wait};
use crate::human::Vote;
use crate::serde_fields::present;
use crate::status::{Holder, Status};
use crate::{Address, HumanTask, Object, Time};

/// Something that happened to an intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub position: u32,
    pub at: Time,
    /// Who caused it: an address, an account, or `gateway`.
    pub actor: String,
    /// The status after the event.
    pub status: Status,
    pub body: EventBody,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventBody {
    Created(Box<IntentSpec>),
    Submitted,
    Delivered {
        to: Address,
    },
    Acknowledged,
    /// Work goes on. `step` and `result` are those of a step that just ended, `step` alone of one that failed and is tried
    /// again; `details` says what else is known.
    InProgress {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        result: Option<Value>,
        details: Object,
    },
    Waiting(Wait),
    HumanTaskAssigned {
        holder: Holder,
        task: HumanTask,
    },
    /// A step's own deadline passed; the intent itself is not over.
    Timeout {
        step: String,
    },
    /// Whoever has to act was reminded, for the `count`th time.
    Reminder {
        holder: Holder,
        count: u32,
    },
    /// Somebody else has to act now, `from` still may. `due_at` is the new deadline of the step, when it has one. `task` is
    /// set when a person is asked to do what an agent should have done; `from` may not any more when its time is over.
    Escalated {
        holder: Holder,
        from: Holder,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_at: Option<Time>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<Box<HumanTask>>,
    },
    /// Somebody said yes, and others have to as well.
    Voted {
        vote: Vote,
        needed: u32,
    },
    /// A person's task was given to somebody else, who alone has it now; or who has the part of `from` in it, when there are
    /// others who were asked as well.
    Transferred {
        holder: Holder,
        from: Holder,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_part: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A push to the receiver failed; it is tried again at `retry_at`.
    DeliveryFailed {
        attempt: u32,
        most: u32,
        error: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Time>,
    },
    Completed {
        result: Value,
        details: Object,
    },
    Failed {
        fault: Fault,
    },
    Canceled {
        reason: String,
    },
    TimedOut,
}

impl EventBody {
    /// The name on the wire.
    pub const fn event_type(&self) -> &'static str {
        match self {
            EventBody::Created(_) => "intent.created",
            EventBody::Submitted => "intent.submitted",
            EventBody::Delivered { .. } => "intent.delivered",
            EventBody::Acknowledged => "intent.acknowledged",
            EventBody::InProgress { .. } => "intent.in_progress",
            EventBody::Waiting(_) | EventBody::Voted { .. } => "intent.waiting",
            EventBody::HumanTaskAssigned { .. } => "intent.human_task_assigned",
            EventBody::Timeout { .. } => "intent.timeout",
            EventBody::Reminder { .. } => "intent.reminder",
            EventBody::Escalated { .. } => "intent.escalated",
            EventBody::Transferred { .. } => "intent.transfer",
            EventBody::DeliveryFailed { .. } => "intent.delivery_failed",
            EventBody::Completed { .. } => "intent.completed",
            EventBody::Failed { .. } => "intent.failed",
            EventBody::Canceled { .. } => "intent.canceled",
            EventBody::TimedOut => "intent.timed_out",
        }
    }
}
