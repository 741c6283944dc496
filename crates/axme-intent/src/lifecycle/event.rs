//! The events of an intent, which are its only history.

use axme_types::json::TaggedFields;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use super::{Fault, IntentSpec, Wait};
use crate::Status;
use crate::human::{AnswerClient, Question, Reply, Via, Vote};
use crate::outcome::{Cause, Outcome};
use crate::{Address, HumanTask, Json, JsonFields, Time};
use axme_types::{EventType, Holder};

/// A fact in the history of an intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub position: u32,
    pub at: Time,
    /// The author of the event: an address, an account, or `gateway`.
    pub actor: String,
    /// The status after the event.
    pub status: Status,
    pub body: EventBody,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventBody {
    Created(Box<IntentSpec>),
    Submitted,
    Delivered {
        to: Address,
    },
    Acknowledged,
    /// Work continues. `step` and `result` belong to a step that just ended; `step` alone belongs to a failed step that
    /// is retried. `details` has everything else.
    InProgress {
        #[serde(skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<Json>,
        details: JsonFields,
        /// The latest failure of the workflow after this event, if a step has failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// The decision of a person with the answer of this event.
        #[serde(skip_serializing_if = "Option::is_none")]
        decided: Option<Outcome>,
    },
    Waiting(Wait),
    HumanTaskAssigned {
        holder: Holder,
        task: HumanTask,
    },
    /// A step's own deadline passed. The intent itself has not timed out.
    Timeout {
        step: String,
    },
    /// The holder was reminded, for the `count`th time.
    Reminder {
        holder: Holder,
        count: u32,
    },
    /// `holder` has to act now, and `from` still may. `due_at` is the new deadline of the step, if it has one. `task`
    /// is set if a person replaces an agent, which may then still answer unless `due_at` is set.
    Escalated {
        holder: Holder,
        from: Holder,
        #[serde(skip_serializing_if = "Option::is_none")]
        due_at: Option<Time>,
        #[serde(skip_serializing_if = "Option::is_none")]
        task: Option<Box<HumanTask>>,
    },
    /// One person said yes, and others have to as well.
    Voted {
        vote: Vote,
        needed: u32,
    },
    /// The author of `vote` withdrew it.
    Withdrawn {
        vote: Vote,
        via: Via,
        #[serde(skip_serializing_if = "Option::is_none")]
        through: Option<AnswerClient>,
        #[serde(skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// A person who is asked has a question to the requester.
    Questioned {
        question: Question,
    },
    /// The requester replied to the open question, which `asked_by` had asked.
    Replied {
        asked_by: String,
        reply: Reply,
    },
    /// A person's task was reassigned. `holder` alone has it now, or, with `is_part`, replaces `from` among several
    /// assignees.
    Transferred {
        holder: Holder,
        from: Holder,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_part: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A push to the receiver failed. The next attempt is at `retry_at`, unless it was the last.
    DeliveryFailed {
        attempt: u32,
        most: u32,
        error: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_at: Option<Time>,
    },
    Completed {
        result: Json,
        details: JsonFields,
        /// Set if it says more than the status.
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
    },
    Failed {
        fault: Fault,
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
    },
    Canceled {
        reason: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
    },
    TimedOut,
}

impl<'de> Deserialize<'de> for EventBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EventBody, D::Error> {
        let (kind, mut fields) = TaggedFields::read(deserializer, "kind")?;
        Ok(match kind.as_str() {
            "created" => EventBody::Created(fields.all()?),
            "submitted" => EventBody::Submitted,
            "delivered" => EventBody::Delivered { to: fields.one("to")? },
            "acknowledged" => EventBody::Acknowledged,
            "in_progress" => EventBody::InProgress {
                step: fields.optional("step")?,
                result: fields.optional("result")?,
                details: fields.one("details")?,
                cause: fields.optional("cause")?,
                decided: fields.optional("decided")?,
            },
            "waiting" => EventBody::Waiting(fields.all()?),
            "human_task_assigned" => {
                EventBody::HumanTaskAssigned { holder: fields.one("holder")?, task: fields.one("task")? }
            }
            "timeout" => EventBody::Timeout { step: fields.one("step")? },
            "reminder" => EventBody::Reminder { holder: fields.one("holder")?, count: fields.one("count")? },
            "escalated" => EventBody::Escalated {
                holder: fields.one("holder")?,
                from: fields.one("from")?,
                due_at: fields.optional("due_at")?,
                task: fields.optional("task")?,
            },
            "voted" => EventBody::Voted { vote: fields.one("vote")?, needed: fields.one("needed")? },
            "withdrawn" => EventBody::Withdrawn {
                vote: fields.one("vote")?,
                via: fields.one("via")?,
                through: fields.optional("through")?,
                comment: fields.optional("comment")?,
            },
            "questioned" => EventBody::Questioned { question: fields.one("question")? },
            "replied" => EventBody::Replied { asked_by: fields.one("asked_by")?, reply: fields.one("reply")? },
            "transferred" => EventBody::Transferred {
                holder: fields.one("holder")?,
                from: fields.one("from")?,
                is_part: fields.optional("is_part")?.unwrap_or_default(),
                note: fields.optional("note")?,
            },
            "delivery_failed" => EventBody::DeliveryFailed {
                attempt: fields.one("attempt")?,
                most: fields.one("most")?,
                error: fields.one("error")?,
                retry_at: fields.optional("retry_at")?,
            },
            "completed" => EventBody::Completed {
                result: fields.one("result")?,
                details: fields.one("details")?,
                outcome: fields.optional("outcome")?,
            },
            "failed" => EventBody::Failed { fault: fields.one("fault")?, outcome: fields.optional("outcome")? },
            "canceled" => EventBody::Canceled { reason: fields.one("reason")?, outcome: fields.optional("outcome")? },
            "timed_out" => EventBody::TimedOut,
            other => return Err(D::Error::custom(format!("unknown kind of event {other}"))),
        })
    }
}

impl Event {
    /// Returns how the intent ended, if this event ends it.
    pub fn outcome(&self) -> Option<Outcome> {
        let stored = match &self.body {
            EventBody::Completed { outcome, .. }
            | EventBody::Failed { outcome, .. }
            | EventBody::Canceled { outcome, .. } => outcome,
            _ => &None,
        };
        stored.clone().or_else(|| Outcome::of_status(self.status))
    }
}

impl EventBody {
    /// Returns the type of the event on the wire.
    pub const fn event_type(&self) -> EventType {
        match self {
            EventBody::Created(_) => EventType::Created,
            EventBody::Submitted => EventType::Submitted,
            EventBody::Delivered { .. } => EventType::Delivered,
            EventBody::Acknowledged => EventType::Acknowledged,
            EventBody::InProgress { .. } => EventType::InProgress,
            EventBody::Waiting(_)
            | EventBody::Voted { .. }
            | EventBody::Withdrawn { .. }
            | EventBody::Questioned { .. }
            | EventBody::Replied { .. } => EventType::Waiting,
            EventBody::HumanTaskAssigned { .. } => EventType::HumanTaskAssigned,
            EventBody::Timeout { .. } => EventType::Timeout,
            EventBody::Reminder { .. } => EventType::Reminder,
            EventBody::Escalated { .. } => EventType::Escalated,
            EventBody::Transferred { .. } => EventType::Transfer,
            EventBody::DeliveryFailed { .. } => EventType::DeliveryFailed,
            EventBody::Completed { .. } => EventType::Completed,
            EventBody::Failed { .. } => EventType::Failed,
            EventBody::Canceled { .. } => EventType::Canceled,
            EventBody::TimedOut => EventType::TimedOut,
        }
    }
}
