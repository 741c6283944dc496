//! The steps of a scenario: the plan, and which step follows which outcome. Pure data and one lookup; `decide` carries
//! out the steps.

use std::collections::BTreeMap;

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::outcome::{Cause, Outcome};
use crate::serde_fields::{is_zero, present};
use crate::{Address, HumanTask, Json, JsonFields, ReminderPlan};
use axme_types::Holder;

/// Maximum number of steps that one intent may run, loops included. It stops a plan that loops without end.
pub const MAX_STEP_RUNS: u32 = 1_000;

/// Maximum number of consecutive instant steps. A plan has no more steps than that, so more of them are a loop.
pub const MAX_PASSED_STEPS: u32 = 100;

/// The largest results of a workflow's steps in total, in bytes of JSON. Every later step receives them.
pub const MAX_RESULTS_BYTES: usize = 1_048_576;

/// A scenario lowered to plain steps: roles resolved, order explicit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub scenario_id: String,
    pub entry: String,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub id: String,
    pub tool: String,
    pub kind: StepKind,
    /// Counted from the start of the step, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder_plan: Option<ReminderPlan>,
    /// How often and when a failed step of an agent is retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The notice that is sent when a person's step starts, in addition to the mail about its task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Box<Notice>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// The link after success; `None` ends the workflow: COMPLETED, or FAILED if an earlier failure is not handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Link>,
    /// The link after failure, timeout or a person's no; `None` ends the workflow with FAILED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Link>,
    /// Set for a notice, reminder or delay that runs after a failure and leads into the success path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejoins: Option<Rejoin>,
}

text_enum! {
    /// The ends of a workflow that a bundle can name in place of a step.
    pub enum EndTarget {
        Completed = "end.completed",
        Failed = "end.failed",
        Canceled = "end.canceled",
    }
}

/// Where a step leads: to another step, or to an end of the workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Link {
    Step(String),
    End(EndTarget),
}

impl From<String> for Link {
    fn from(text: String) -> Link {
        EndTarget::parse(&text).map_or(Link::Step(text), Link::End)
    }
}

impl From<Link> for String {
    fn from(link: Link) -> String {
        match link {
            Link::Step(step) => step,
            Link::End(end) => end.as_str().to_owned(),
        }
    }
}

impl Link {
    /// Returns the step that the link leads to, if it is one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Link::Step(step) => Some(step),
            Link::End(_) => None,
        }
    }
}

/// How a step that runs after a failure leads into the success path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejoin {
    /// The bundle names the step: the workflow goes on.
    Named,
    /// Only the order of the steps leads there: the workflow ends, unless it comes back to the step that failed.
    ByOrder,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StepKind {
    /// Handed to an agent as a child intent.
    Agent { to: Address, name: String },
    /// Waits on the intent itself for a person.
    Human {
        holder: Holder,
        task: Box<HumanTask>,
        /// Set for an escalation: the person who had the task before. Either may answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        escalated_from: Option<Holder>,
    },
    /// Waits, and succeeds.
    Delay { seconds: u64 },
    /// Waits until a caller with access lets the intent proceed. Fails at the deadline of the step.
    Timeout,
    /// Sends a notice, and succeeds at once.
    Notification { notice: Box<Notice> },
    /// Reminds a person, and succeeds at once.
    Reminder { holder: Holder, notice: Box<Notice> },
    /// Does nothing.
    Pass,
}

impl StepKind {
    /// True if an agent or a person has to act.
    pub const fn has_holder(&self) -> bool {
        matches!(self, StepKind::Agent { .. } | StepKind::Human { .. })
    }

    /// True for steps that repair nothing: after a failure, their success is not the success of the workflow.
    pub const fn is_quiet(&self) -> bool {
        matches!(
            self,
            StepKind::Delay { .. } | StepKind::Notification { .. } | StepKind::Reminder { .. } | StepKind::Pass
        )
    }
}

/// A message that a step sends, and its recipients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Empty for the sender of the intent.
    pub targets: Vec<Target>,
    /// A template.
    pub subject: String,
    /// A template.
    pub body: String,
}

/// A recipient of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "channel", content = "to", rename_all = "snake_case")]
pub enum Target {
    Email(String),
    /// A thread in the inbox of an address, role or name.
    Inbox(String),
    /// A URL that accepts our own JSON.
    Webhook(String),
    /// A URL that accepts messages in the chat's own format.
    Slack(String),
    Teams(String),
}

impl Target {
    /// The name of the channel, as bundles write it.
    pub const fn channel(&self) -> &'static str {
        match self {
            Target::Email(_) => "email",
            Target::Inbox(_) => "inbox",
            Target::Webhook(_) => "webhook",
            Target::Slack(_) => "slack",
            Target::Teams(_) => "teams",
        }
    }

    /// Returns the recipient without the parts of a URL that may be secret.
    pub fn shown(&self) -> &str {
        match self {
            Target::Email(to) | Target::Inbox(to) => to,
            Target::Webhook(url) | Target::Slack(url) | Target::Teams(url) => {
                let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let host = host.split(['/', '?', '#']).next().unwrap_or_default();
                host.rsplit('@').next().unwrap_or_default()
            }
        }
    }

    /// Returns the recipient: an address, a role or a URL.
    pub fn to(&self) -> &str {
        match self {
            Target::Email(to) | Target::Inbox(to) | Target::Webhook(to) | Target::Slack(to) | Target::Teams(to) => to,
        }
    }
}

/// The tries after the first one, and the pause before each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    pub max_retries: u32,
    pub delay_seconds: u64,
}

/// The progress of a running plan.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// The current step; empty before the first.
    pub step: String,
    /// Steps ended so far, loops and failed tries included.
    pub runs: u32,
    /// The results of the finished steps, by step id, in the order in which they first finished.
    pub results: JsonFields,
    /// How often the current step failed and was scheduled for a retry.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
    /// The people who answered or voted in the last run of each step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deciders: BTreeMap<String, Vec<String>>,
    /// The latest failure of a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The latest decision of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Outcome>,
}

/// How a step ended, as far as it decides the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    Success,
    Failure,
}

impl Step {
    /// Returns the notice that the step sends, if any.
    pub fn notice(&self) -> Option<&Notice> {
        match &self.kind {
            StepKind::Notification { notice } | StepKind::Reminder { notice, .. } => Some(notice),
            _ => self.notice.as_deref(),
        }
    }
}

impl Plan {
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Returns what follows `current`. `cause` is the latest failure, the one of `current` included.
    pub fn next(&self, current: &str, outcome: StepOutcome, cause: Option<&Cause>) -> Next<'_> {
        let Some(step) = self.step(current) else { return Next::End(None) };
        let link = match outcome {
            StepOutcome::Success => step.on_success.as_ref(),
            StepOutcome::Failure => step.on_failure.as_ref(),
        };
        match link {
            Some(Link::End(end)) => Next::End(Some(*end)),
            Some(Link::Step(id)) if outcome == StepOutcome::Success && self.stops_before(step, id, cause) => {
                Next::End(None)
            }
            Some(Link::Step(id)) => self.step(id).map_or(Next::End(None), Next::Step),
            None => Next::End(None),
        }
    }

    /// True if only the order of the steps leads from `step` into the success path, after a failure that nothing has
    /// repaired. A path that comes back to the failed step is a retry, and goes on.
    fn stops_before(&self, step: &Step, next: &str, cause: Option<&Cause>) -> bool {
        let is_open = |cause: &&Cause| !cause.is_handled;
        step.rejoins == Some(Rejoin::ByOrder)
            && cause.filter(is_open).is_some_and(|cause| !self.success_path(next).any(|step| step.id == cause.step))
    }

    /// Returns the steps that follow each other from `first` as long as each succeeds, each once.
    pub(crate) fn success_path<'p>(&'p self, first: &str) -> impl Iterator<Item = &'p Step> {
        let after = |step: &&'p Step| step.on_success.as_ref().and_then(Link::step).and_then(|id| self.step(id));
        // A path has at most as many steps as the plan, unless it is a loop.
        std::iter::successors(self.step(first), after).take(self.steps.len())
    }
}

/// The step or the end that follows a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next<'p> {
    Step(&'p Step),
    /// The end of the workflow; without a target, the one that follows from what happened.
    End(Option<EndTarget>),
}

/// Returns the payload of a child intent: the parent's payload and the context of the step. The fields of the parent's
/// payload are also at the top, unless the context has a field of that name.
pub fn child_payload(parent_id: &str, parent_payload: &Json, plan: &Plan, step: &Step, results: &JsonFields) -> Json {
    let mut payload = parent_payload.fields().unwrap_or_default();
    payload.set("parent_payload", parent_payload.clone());
    payload.set("parent_intent_id", parent_id);
    payload.set("scenario_id", plan.scenario_id.as_str());
    payload.set("step_id", step.id.as_str());
    payload.set("tool_id", step.tool.as_str());
    payload.set("input", step.input.clone().unwrap_or_default());
    payload.set("previous_results", results.clone());
    payload.into()
}

/// Returns the result of a finished workflow: the last step's result, and every step's under `steps`.
pub fn combined_result(last: &Json, results: &JsonFields) -> Json {
    let mut combined = match last.fields() {
        Some(fields) => fields,
        None if last.is_null() => JsonFields::new(),
        None => JsonFields::from_iter([("value".to_owned(), last.clone())]),
    };
    combined.set("steps", results.clone());
    combined.into()
}
