//! Steps of a scenario: the plan, and which step follows which outcome. Pure data and one lookup; what a step *does* is
//! decided in `lifecycle`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lifecycle::{Holder, present};
use crate::{Address, HumanTask, Ladder, Object};

/// How many steps one intent may run, loops included: a plan whose failures lead back to themselves ends here.
pub const MAX_STEP_RUNS: u32 = 1_000;

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
    pub ladder: Option<Ladder>,
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
    Human { holder: Holder, task: Box<HumanTask> },
}

/// Where a running plan stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// The current step; empty before the first.
    pub step: String,
    /// Steps started so far, loops included.
    pub runs: u32,
    /// What the finished steps answered, by step id, in the order they first finished.
    pub results: Object,
}

/// How a step came out, as far as the order of steps cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    Success,
    Failure,
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
