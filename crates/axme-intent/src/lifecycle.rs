//! An intent: its specification and its state. `command` has the commands that it accepts, and `event` its history.
//! `decide` turns a command into events, and `apply` folds an event into the state.
//!
//! The state of an intent is exactly its events folded in order. `tests/rules/properties.rs` checks this for random
//! histories.

mod command;
mod event;

use axme_types::json::TaggedFields;
pub use command::{Answer, Command, DecideInput, Decision, Effect, Ending, Occasion, TimerKind};
pub use event::{Event, EventBody};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::human::{Question, Vote, group_name, is_email, is_same_person, person_key};
use crate::outcome::Outcome;
use crate::policy::Policy;
pub use crate::refusal::Refusal;
use crate::reminder_plan::{ReminderPlan, Stage};
use crate::serde_fields::{is_zero, present};
use crate::workflow::Cursor;
use crate::{Address, HumanTask, IntentId, Json, Plan, Time};
pub use crate::{Holder, HolderKind, Status, WaitingReason};

/// The specification that an intent is created with. It never changes afterwards; the first event keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntentSpec {
    pub intent_type: String,
    pub correlation_id: Uuid,
    pub from: Address,
    pub to: Address,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    pub payload: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delivery_attempts: Option<u32>,
    /// Reminders and escalation outside a plan. Steps have reminder plans of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder_plan: Option<ReminderPlan>,
    /// A person's task on the intent itself, outside any scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<HumanTask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The owner of the key that created the intent, unless `from` already names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The owner of that key, if the token of another person was beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_with: Option<String>,
    /// The client that started the intent where a model may have chosen the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// For a child: the step of its parent that it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

impl IntentSpec {
    /// Returns the requester as the actor that has to reply to a question.
    pub fn requester(&self) -> Holder {
        let from = self.from.as_str();
        if from.starts_with("agent://") {
            return Holder { kind: HolderKind::Agent, reference: from.to_owned(), name: self.from.short().to_owned() };
        }
        Holder::named(HolderKind::Human, &person_key(from))
    }

    /// Returns true for each name under which the intent was started. These are the sender, the person or owner of the key,
    /// and the owner of a key beside a token.
    pub fn names_requester(&self, name: &str) -> bool {
        let others = [&self.requested_by, &self.requested_with].into_iter().flatten().map(String::as_str);
        std::iter::once(self.from.as_str()).chain(others).any(|requester| is_same_person(requester, name))
    }

    /// Returns the email address of the person who started the intent, if it is known.
    pub fn requester_email(&self) -> Option<String> {
        let names = [self.requested_by.as_deref(), Some(self.from.as_str())];
        names.into_iter().flatten().map(person_key).find(|name| is_email(name))
    }
}

impl Wait {
    /// Returns the question that waits for the requester's reply.
    pub fn open_question(&self) -> Option<&Question> {
        self.questions.last().filter(|question| question.reply.is_none())
    }
}

/// The mutable head of an intent: everything that `decide` needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    pub id: IntentId,
    pub root: IntentId,
    pub parent: Option<IntentId>,
    /// Its receiver.
    pub to: Address,
    pub state: State,
    /// The progress of the plan, if the intent has one.
    pub cursor: Option<Cursor>,
    /// The position of the last event: 1, 2, 3, … without gaps.
    pub position: u32,
    pub created_at: Time,
    /// The time of the last event; the next is never earlier.
    pub updated_at: Time,
    /// Counts the changes of `policy`.
    pub policy_generation: u32,
    pub tally: Tally,
    pub policy: Policy,
}

/// Counts of reminders and failed pushes, and the latest escalation. Folded from events, like the state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// The reminder plan the intent was created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder_plan: Option<ReminderPlan>,
    /// Reminders since the current wait began.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reminded: u32,
    /// The holder that the current wait was escalated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated_to: Option<Holder>,
    /// The holder before the escalation, who may still answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated_from: Option<Holder>,
    /// Failed pushes to the receiver.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed_pushes: u32,
}

/// A status with the data that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    Created,
    Submitted,
    Delivered,
    Acknowledged,
    InProgress,
    Waiting(Wait),
    Completed {
        result: Json,
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

/// The state of a waiting intent: the reason, the holder and the start of the wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    pub reason: WaitingReason,
    pub holder: Holder,
    pub since: Time,
    /// The step of the plan that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The task of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Box<HumanTask>>,
    /// The child that carries out the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<IntentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// The yes answers so far, if the task needs several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
    /// The questions to the requester, oldest first. Only the last one may lack its reply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// The position of the event that began the wait or reassigned the task. It numbers the askings of an intent: a
    /// link for one asking is invalid for another.
    #[serde(default)]
    pub asking: u32,
}

/// Why something failed (contract: `intent.error.v1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub code: String,
    pub message: String,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub details: Option<Json>,
    /// The answer that came with the failure: a person's no with its comment, or an agent's findings.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub result: Option<Json>,
}

impl Intent {
    /// Returns an intent before its first event.
    pub fn draft(id: IntentId, root: IntentId, parent: Option<IntentId>, now: Time) -> Intent {
        Intent {
            id,
            root,
            parent,
            to: Address::from_canonical(String::new()),
            state: State::Created,
            cursor: None,
            position: 0,
            created_at: now,
            updated_at: now,
            policy_generation: 0,
            tally: Tally::default(),
            policy: Policy::default(),
        }
    }

    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// Returns how the intent ended; `None` while it is live.
    pub fn outcome(&self) -> Option<Outcome> {
        let stored = match &self.state {
            State::Completed { outcome, .. } | State::Failed { outcome, .. } | State::Canceled { outcome, .. } => {
                outcome
            }
            _ => &None,
        };
        stored.clone().or_else(|| Outcome::of_status(self.status()))
    }

    /// Returns the effective deadline. `own` is the one that the intent was created with.
    pub fn deadline(&self, own: Option<Time>) -> Option<Time> {
        self.policy.deadline_at.or(own)
    }

    /// Returns when the holder has to have acted: at the earlier of the step's deadline and the intent's. `own` is the
    /// deadline that the intent was created with.
    pub fn due_at(&self, own: Option<Time>) -> Option<Time> {
        let of_step = self.waiting().filter(|waiting| waiting.step.is_some()).and_then(|waiting| waiting.due_at);
        of_step.into_iter().chain(self.deadline(own)).min()
    }

    /// Returns the reminder plan that is in effect under `policy`: the current step's, or the intent's own outside a
    /// plan. It is empty while the intent waits for time to pass.
    pub fn reminder_plan(&self, policy: &Policy, plan: Option<&Plan>) -> ReminderPlan {
        let own = match self.waiting() {
            Some(waiting) if waiting.reason == WaitingReason::WaitingForTime => return ReminderPlan::default(),
            Some(Wait { step: Some(step), .. }) => {
                plan.and_then(|plan| plan.step(step)).and_then(|step| step.reminder_plan.as_ref())
            }
            _ => self.tally.reminder_plan.as_ref(),
        };
        policy.reminder_plan(own)
    }

    /// Returns the next stage of a reminder plan, and its seconds after the stage before. A question that waits for the
    /// requester's reply is not escalated: the people who are asked are not late.
    pub fn next_stage(&self, plan: &ReminderPlan) -> Option<(Stage, u64)> {
        let is_questioned = self.open_question().is_some();
        let next = plan.next(self.tally.reminded, self.tally.escalated_to.is_some());
        next.filter(|(stage, _)| !is_questioned || *stage == Stage::Remind)
    }

    /// Returns the question about the open task that waits for the requester's reply.
    pub fn open_question(&self) -> Option<&Question> {
        self.open_task().and(self.waiting()).and_then(Wait::open_question)
    }

    /// Returns the actor that has to act next: the holder of the wait, or the requester while a question is open.
    pub fn pending_with(&self) -> Option<&Holder> {
        let holder = self.waiting().map(|waiting| &waiting.holder);
        self.open_question().map(|question| &question.to).or(holder)
    }

    pub fn waiting(&self) -> Option<&Wait> {
        match &self.state {
            State::Waiting(waiting) => Some(waiting),
            _ => None,
        }
    }

    /// Returns the people who are asked to answer the open task, each once, by email address, role or name.
    pub fn asked(&self) -> Vec<&str> {
        let Some((waiting, task)) = self.waiting().zip(self.open_task()) else { return Vec::new() };
        let holders = [Some(&waiting.holder), self.tally.escalated_from.as_ref()].into_iter().flatten();
        let holders = holders.filter(|holder| holder.kind == HolderKind::Human).map(|holder| &holder.reference);
        let mut asked: Vec<&str> = Vec::new();
        for person in holders.chain(task.assignees.iter().flatten()).chain(&task.notify_email) {
            if !person.trim().is_empty() && !asked.iter().any(|known| is_same_person(known, person)) {
                asked.push(person);
            }
        }
        asked
    }

    /// Returns true if the open task asks for a person: by name, or by one of their groups.
    pub fn asks(&self, person: &str, groups: &[String]) -> bool {
        let is_theirs = |asked: &str| groups.iter().any(|group| is_same_person(group, asked));
        self.asked().into_iter().any(|asked| is_same_person(asked, person) || is_theirs(asked))
    }

    /// Returns the absent person in whose place a deputy answers. This is the first of `absent` who is asked, has not voted,
    /// and may answer this task after the earlier steps.
    pub fn seat_of_deputy<'a>(&self, absent: &'a [String]) -> Option<&'a str> {
        let votes = self.waiting().map(|waiting| waiting.votes.as_slice()).unwrap_or_default();
        let is_free = |absent: &&String| {
            self.asks(absent, &[])
                && !votes.iter().any(|vote| vote.is_of(absent))
                && self.step_decided_by(absent).is_none()
        };
        absent.iter().find(is_free).map(String::as_str)
    }

    /// Returns the earlier step that the person decided, if the open task must be decided by another person.
    pub(crate) fn step_decided_by(&self, person: &str) -> Option<&str> {
        let decided = |step: &&String| {
            let deciders = self.cursor.as_ref().and_then(|cursor| cursor.deciders.get(*step));
            deciders.is_some_and(|deciders| deciders.iter().any(|decider| is_same_person(decider, person)))
        };
        self.open_task()?.distinct_from.iter().find(decided).map(String::as_str)
    }

    /// Returns the email addresses of the people who are asked and have not yet said yes, and the groups that are asked.
    pub fn mailed(&self) -> Vec<&str> {
        let votes = self.waiting().map(|waiting| waiting.votes.as_slice()).unwrap_or_default();
        // An intent may be sent to a person's address.
        let asked = self.asked().into_iter().map(|person| match person.strip_prefix("user://") {
            Some(email) if is_email(email) => email,
            _ => person,
        });
        asked
            .filter(|person| is_email(person) || group_name(person).is_some())
            .filter(|person| !votes.iter().any(|vote| vote.is_of(person)))
            .collect()
    }

    /// Returns the task that a person is asked to answer now.
    pub fn open_task(&self) -> Option<&HumanTask> {
        self.waiting().filter(|w| w.reason == WaitingReason::WaitingForHuman).and_then(|w| w.task.as_deref())
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
        let (status, mut fields) = TaggedFields::read(deserializer, "status")?;
        let unknown = || D::Error::custom(format!("unknown status {status}"));
        Ok(match Status::parse(&status).ok_or_else(unknown)? {
            Status::Created => State::Created,
            Status::Submitted => State::Submitted,
            Status::Delivered => State::Delivered,
            Status::Acknowledged => State::Acknowledged,
            Status::InProgress => State::InProgress,
            Status::Waiting => State::Waiting(fields.all()?),
            Status::Completed => {
                State::Completed { result: fields.one("result")?, outcome: fields.optional("outcome")? }
            }
            Status::Failed => State::Failed { fault: fields.one("fault")?, outcome: fields.optional("outcome")? },
            Status::Canceled => State::Canceled { reason: fields.one("reason")?, outcome: fields.optional("outcome")? },
            Status::TimedOut => State::TimedOut,
        })
    }
}

impl State {
    pub const fn status(&self) -> Status {
        match self {
            State::Created => Status::Created,
            State::Submitted => Status::Submitted,
            State::Delivered => Status::Delivered,
            State::Acknowledged => Status::Acknowledged,
            State::InProgress => Status::InProgress,
            State::Waiting(_) => Status::Waiting,
            State::Completed { .. } => Status::Completed,
            State::Failed { .. } => Status::Failed,
            State::Canceled { .. } => Status::Canceled,
            State::TimedOut => Status::TimedOut,
        }
    }
}
