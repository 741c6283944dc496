//! What can be asked of an intent, and what a decision on it consists of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fault;
use super::event::Event;
use crate::human::Response;
use crate::status::Holder;
use crate::{Address, IntentId, Time};

/// What can be asked of a live intent.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The receiving agent has seen it.
    Acknowledge,
    /// The receiving agent answers.
    Answer(Answer),
    /// A person answers the task.
    Decide(Response),
    /// A person's task is given to somebody else.
    Reassign { holder: Holder, from: Option<String>, note: Option<String> },
    /// The control plane says: go on. Never answers a person's task.
    Proceed { reason: Option<String> },
    /// A caller ends it, from any live state.
    Resolve(Ending),
    /// `deadline_at` has passed.
    DeadlinePassed,
    /// The deadline of a step has passed. Nothing when the step is over.
    StepDeadlinePassed { step: String },
    /// A stage of the reminder plan is due: a reminder, or the escalation.
    ReminderStageDue,
    /// The agent has had it for longer than the envelope allows.
    ExecutionTimedOut,
    /// A push to the receiver failed: the `attempt`th of at most `most`.
    PushFailed { attempt: u32, most: u32, error: String, retry_at: Option<Time> },
    /// The child that carried out a step has ended. Nothing when the step is over.
    ChildEnded { child: IntentId, ending: Ending },
}

/// An agent's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Complete(Value),
    Fail(Fault),
    /// The agent's part is done, somebody else goes on. Ends a step; on a plain intent it is only progress.
    HandOver(Value),
}

/// How an intent ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    Completed(Value),
    Failed(Fault),
    Canceled(String),
    TimedOut,
}

/// The values that a decision takes from outside, beside the intent and the command.
#[derive(Debug, Clone)]
pub struct DecideInput {
    pub now: Time,
    pub actor: String,
    /// A fresh id of the family, used if the decision starts a child.
    pub child: IntentId,
}

/// What a command does: events to append, then effects to carry out in the same transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Put the intent into the queue of its receiver.
    Deliver {
        to: Address,
    },
    /// The receiver has it; offer it again only after a long time.
    MarkAcknowledged,
    /// Nobody needs to receive it any more.
    EndDelivery,
    /// It could not be delivered: kept as a dead letter.
    BuryDelivery,
    /// Offer it to its receiver again now.
    OfferAgain,
    /// The same for the child that carries out a step.
    OfferChildAgain(IntentId),
    /// Mail people about the task that waits.
    Mail {
        about: Occasion,
        to: Vec<String>,
    },
    /// Send what a step has to tell.
    Notify {
        step: String,
    },
    StartChild {
        child: IntentId,
        step: String,
    },
    EndChild {
        child: IntentId,
        ending: Ending,
    },
    /// Replaces a timer of the same kind.
    SetTimer {
        kind: TimerKind,
        at: Time,
    },
    ClearTimer(TimerKind),
    ClearTimers,
    /// The intent is over: its parent, if any, hears how.
    TellParent(Ending),
}

/// Why a person is mailed about a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// The task is new to them.
    Asked,
    Reminded,
    /// Somebody else did not answer.
    Escalated,
}

/// What a timer is for. One of each kind per intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimerKind {
    Deadline,
    Step(String),
    /// The next reminder, or the escalation after the last one.
    ReminderStage,
    /// How long an agent may work on it.
    Execution,
}
