//! Steps of a scenario: the plan, and which step follows which outcome. Pure data and one lookup; what a step *does* is
//! decided in `lifecycle`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::serde_fields::{is_zero, present};
use crate::status::Holder;
use crate::{Address, HumanTask, Object, ReminderPlan};

/// How many steps one intent may run, loops included: a plan whose failures lead back to themselves ends here.
pub const MAX_STEP_RUNS: u32 = 1_000;

/// How many steps may be over at once, one after the other: more than a plan has are a circle.
pub const MAX_PASSED_STEPS: u32 = 100;

/// How long the results of a workflow's steps may be together, in bytes of JSON: they travel to every later step.
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
    /// An agent's step that failed is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// What is told when a person's step starts, beside the mail about its task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Box<Notice>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The step after success; `None` ends the workflow with COMPLETED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<String>,
    /// The step after failure, time-out or a person's no; `None` ends the workflow with FAILED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
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
        /// The task was this person's before: an escalation. Either may answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        escalated_from: Option<Holder>,
    },
    /// Waits, and succeeds.
    Delay { seconds: u64 },
    /// Waits until somebody who may act on the intent lets it go on. Its end is the deadline of the step, and a failure.
    Timeout,
    /// Tells somebody something, and succeeds at once.
    Notification { notice: Box<Notice> },
    /// Reminds somebody, and succeeds at once.
    Reminder { holder: Holder, notice: Box<Notice> },
    /// Does nothing.
    Pass,
}

impl StepKind {
    /// True when somebody in particular has to act.
    pub const fn has_holder(&self) -> bool {
        matches!(self, StepKind::Agent { .. } | StepKind::Human { .. })
    }
}

/// What a step tells, and whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    pub targets: Vec<Target>,
    /// A template.
    pub subject: String,
    /// A template.
    pub body: String,
}

/// A way to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "channel", content = "to", rename_all = "snake_case")]
pub enum Target {
    Email(String),
    /// A thread in the inbox of an address, role or name.
    Inbox(String),
    /// A URL that takes JSON of ours.
    Webhook(String),
    /// A URL that takes messages in the form of this chat.
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

    /// Where it leads, without what may be secret in a URL.
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

    /// Where it leads: an address, or a URL.
    pub fn to(&self) -> &str {
        match self {
            Target::Email(to) | Target::Inbox(to) | Target::Webhook(to) | Target::Slack(to) | Target::Teams(to) => to,
        }
    }
}

/// Tries after the first, and how long the step rests before each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    pub max_retries: u32,
    pub delay_seconds: u64,
}

/// Where a running plan stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// The current step; empty before the first.
    pub step: String,
    /// Steps ended so far, loops and failed tries included.
    pub runs: u32,
    /// What the finished steps answered, by step id, in the order they first finished.
    pub results: Object,
    /// How often the current step has failed and was to be tried again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
}

/// How a step came out, as far as the order of steps cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    Success,
    Failure,
}

impl Step {
    /// What the step tells, if it tells anything.
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

    /// The step that follows `current`; `None` when the workflow ends there.
    pub fn next(&self, current: &str, outcome: StepOutcome) -> Option<&Step> {
        let step = self.step(current)?;
        let target = match outcome {
            StepOutcome::Success => step.on_success.as_deref(),
            StepOutcome::Failure => step.on_failure.as_deref(),
        };
        target.and_then(|id| self.step(id))
    }
}

/// What a child intent carries: the parent's payload and what the step needs to know.
pub fn child_payload(parent_id: &str, parent_payload: &Value, plan: &Plan, step: &Step, results: &Object) -> Value {
    serde_json::json!({
        "parent_payload": parent_payload,
        "parent_intent_id": parent_id,
        "scenario_id": plan.scenario_id,
        "step_id": step.id,
        "tool_id": step.tool,
        "input": step.input,
        "previous_results": results,
    })
}

/// The result of a finished workflow: the last step's result, and every step's under `steps`.
pub fn combined_result(last: &Value, results: &Object) -> Value {
    let mut combined = match last {
        Value::Object(fields) => fields.clone(),
        Value::Null => Object::new(),
        other => Object::from_iter([("value".to_owned(), other.clone())]),
    };
    combined.insert("steps".to_owned(), Value::Object(results.clone()));
    Value::Object(combined)
}
