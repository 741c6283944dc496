//! The commands that an intent accepts, and the parts of a decision.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Fault;
use super::event::Event;
use crate::HumanTask;
use crate::human::{AskBack, Reply, Response, Withdrawal};
use crate::{Address, IntentId, Json, Time};
use axme_types::Holder;

/// A command to a live intent.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The receiving agent has seen the intent.
    Acknowledge,
    /// The receiving agent answers.
    Answer(Answer),
    /// The receiving agent has done its part of a plain intent, and a person decides. Any other intent is handed over.
    AskPerson { note: Json, holder: Holder, task: Box<HumanTask>, due_at: Option<Time> },
    /// A person answers the task.
    Decide(Response),
    /// A person's task is reassigned: as a whole, or only the part of `from`.
    Reassign { holder: Holder, from: Option<String>, note: Option<String> },
    /// A person who may answer the task asks the requester first.
    AskBack(AskBack),
    /// The requester replies to the open question. The decision fills in the author and the time.
    Reply(Reply),
    /// A person withdraws a yes that has decided nothing yet.
    Withdraw(Withdrawal),
    /// The control plane lets the intent proceed. Never answers a person's task.
    Proceed { reason: Option<String> },
    /// A caller ends the intent, from any live state.
    Resolve(Ending),
    /// `deadline_at` has passed.
    DeadlinePassed,
    /// The deadline of a step has passed. Has no effect if the step has ended.
    StepDeadlinePassed { step: String },
    /// A stage of the reminder plan is due: a reminder, or the escalation.
    ReminderStageDue,
    /// The agent has worked on the intent for longer than the envelope allows.
    ExecutionTimedOut,
    /// Push number `attempt`, of at most `most`, to the receiver failed.
    PushFailed { attempt: u32, most: u32, error: String, retry_at: Option<Time> },
    /// The child that carried out a step has ended. Has no effect if the step has ended.
    ChildEnded { child: IntentId, ending: Ending },
}

/// An agent's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Complete(Json),
    Fail(Fault),
    /// The agent has done its part, and another actor continues. Ends a step; on a plain intent it is only progress.
    HandOver(Json),
}

/// How an intent ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    Completed(Json),
    Failed(Fault),
    Canceled(String),
    TimedOut,
}

/// The inputs of a decision other than the intent and the command.
#[derive(Debug, Clone)]
pub struct DecideInput {
    pub now: Time,
    pub actor: String,
    /// A fresh id of the family, used if the decision starts a child.
    pub child: IntentId,
    /// The steps that their agents do not accept, each with the fault. Such a step fails when it starts.
    pub denied_steps: BTreeMap<String, Fault>,
}

/// The result of a command: events to append, then effects to carry out in the same transaction.
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
    /// The receiver has the intent: offer it again only after a long time.
    MarkAcknowledged,
    /// Stop delivering the intent.
    EndDelivery,
    /// Stop delivering the intent, and keep the delivery as a dead letter.
    BuryDelivery,
    /// Offer the intent to its receiver again now.
    OfferAgain,
    /// Offer the child that carries out a step to its receiver again now.
    OfferChildAgain(IntentId),
    /// Mail people about the open task. A group stands for its members.
    Mail {
        about: Occasion,
        to: Vec<String>,
    },
    /// Send the notice of a step.
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
    /// Set a timer, which replaces one of the same kind.
    SetTimer {
        kind: TimerKind,
        at: Time,
    },
    ClearTimer(TimerKind),
    ClearTimers,
    /// Notify the parent of how the intent ended.
    TellParent(Ending),
}

/// Why a person is mailed about a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// The task is new to them.
    Asked,
    Reminded,
    /// The previous holder did not answer.
    Escalated,
    /// To the requester: a person who is asked has a question.
    Questioned,
    /// The requester has replied to a question.
    Replied,
}

/// The purpose of a timer. An intent has at most one timer of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimerKind {
    Deadline,
    Step(String),
    /// The next reminder, or the escalation after the last one.
    ReminderStage,
    /// The limit on how long an agent may work on the intent.
    Execution,
}
