//! The shapes of a body of `intents.resume` (`spec/protocol.md` §13.1).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tasks::TaskResult;
use crate::{Number, Object};

/// An answer. The first shape that fits applies, so that any other object is an agent's result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AnswerBody {
    /// The answer of a person.
    Person(PersonAnswer),
    /// The result of an agent.
    Completed(CompletedWork),
    /// The failure of an agent.
    Failed(FailedWork),
    /// A go-on.
    GoOn(GoOn),
    /// A failure, reported by a word.
    Reported(ReportedFailure),
    /// A hand-over.
    HandedOver(HandOver),
    /// The result of an agent: all fields.
    Result(Object),
}

/// The answer of a person to a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct PersonAnswer {
    /// The answer.
    pub task_result: TaskResult,
    /// Changes nothing unless the intent is at this generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_policy_generation: Option<Number<0, { u32::MAX as u64 }>>,
}

text_enum! {
    /// The word for a result.
    pub enum CompleteAction {
        /// The work is done.
        Complete = "complete",
    }
}

/// The result of an agent: all fields but `action`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct CompletedWork {
    /// That the work is done.
    pub action: CompleteAction,
    /// The result.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub result: Object,
}

text_enum! {
    /// The word for a failure.
    pub enum FailAction {
        /// The work failed.
        Fail = "fail",
    }
}

/// The failure of an agent. The fields but `action` are kept as the result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct FailedWork {
    /// That the work failed.
    pub action: FailAction,
    /// The error: `{code, message}`, or its message as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// The code of the error, unless `error` has one; `agent_failed` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Value>,
    /// The message of the error, unless `error` has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Value>,
    /// The message of the error, unless `error` or `reason` has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Value>,
}

/// A go-on: lets a paused intent continue, or declines that. It never ends a plain intent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct GoOn {
    /// False declines. True approves the task of a person who is asked.
    pub approve_current_step: bool,
    /// Why. It is the comment of an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Value>,
    /// Changes nothing unless the intent is at this generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_policy_generation: Option<Number<0, { u32::MAX as u64 }>>,
}

text_enum! {
    /// The words for a failure.
    pub enum FailureWord {
        /// The work failed.
        Failed = "failed",
        /// The work failed: another word for `failed`.
        Error = "error",
    }
}

/// A failure that an agent reports in `status` or, without one, in `outcome`, in any case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct ReportedFailure {
    /// That the work failed.
    pub status: FailureWord,
    /// The error: `{code, message}`, or its message as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

text_enum! {
    /// The word for a hand-over. Any word that begins with it means the same.
    pub enum PendingWord {
        /// Others have to act now.
        Pending = "pending",
    }
}

/// A hand-over: the part of the agent is done, and others have to act. It is `status` or, without one, `outcome`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct HandOver {
    /// That others have to act.
    pub status: PendingWord,
}
