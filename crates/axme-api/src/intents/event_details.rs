//! The facts of an event (`spec/protocol.md` §4.2).

use axme_types::tasks::Via;
use axme_types::text_enum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Id, Number, Object, Timestamp};

text_enum! {
    /// The way in which a step ended, or goes on.
    pub enum StepOutcome {
        /// It succeeded.
        Succeeded = "succeeded",
        /// It failed.
        Failed = "failed",
        /// It failed and is tried again.
        Retrying = "retrying",
    }
}

/// A client that sent an answer in the name of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AnswerClient {
    /// The id of the client that holds the person's grant.
    pub client: String,
    /// The program that showed the form of the task to the person, as it names itself. Absent without a form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// The facts of an event. Each type of event has some of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventDetails {
    /// Created: the type of the intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent_type: Option<String>,
    /// Created: the address of the receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_agent: Option<String>,
    /// Created: the id of the scenario, from its bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario_id: Option<String>,
    /// Waiting, timeout, in progress: the id of the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_id: Option<String>,
    /// Waiting: the intent to the agent of the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child_intent_id: Option<Id>,
    /// Waiting, escalated: when the actor that has to act next must have acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// In progress: how the step ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_outcome: Option<StepOutcome>,
    /// In progress: the result of the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_result: Option<Value>,
    /// In progress: which attempt the next one is, when a step is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Number<0, { u32::MAX as u64 }>>,
    /// In progress, delivery failed, failed: what went wrong. Text, or `{code, message, details?}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// In progress, waiting, completed: the answer of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_result: Option<Object>,
    /// In progress, waiting, completed: the person who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// In progress, waiting, completed: the channel of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_via: Option<Via>,
    /// In progress, waiting, completed: the client that sent the answer in the person's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_through: Option<AnswerClient>,
    /// In progress, waiting: the people who were asked, if another person answered in their place. Our extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_for: Option<Vec<String>>,
    /// In progress, waiting: true if the person answered as the deputy of an absent person. Our extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_as_deputy: Option<bool>,
    /// Waiting: how many people have to say yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<Number<1, 20>>,
    /// Waiting: the person who withdrew a yes. Our extension, like the next four.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn_by: Option<String>,
    /// Waiting: a question to the requester.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Waiting: the person who asked the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// Waiting: the requester's reply to a question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// Waiting: the requester who replied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replied_by: Option<String>,
    /// Transfer: the person who got the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transferred_to: Option<String>,
    /// Transfer: the person who had the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transferred_from: Option<String>,
    /// Transfer: the note to the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Reminder: how many reminders the actor got, with this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remind_count: Option<Number<0, { u32::MAX as u64 }>>,
    /// Escalated: the actor of `escalate_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalated_to: Option<String>,
    /// Escalated: the actor that did not act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalated_from: Option<String>,
    /// Delivery failed: how many pushes failed, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_attempt: Option<String>,
    /// Delivery failed: how many pushes may fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delivery_attempts: Option<Number<0, { u32::MAX as u64 }>>,
    /// Delivery failed: when the next push is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// Why it happened. `step_timeout` and `deadline_exceeded` come from the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The schema of the details: those of the server, or the body of an agent that handed over.
#[cfg(feature = "schema")]
pub(crate) fn details_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "anyOf": [generator.subschema_for::<EventDetails>(), { "type": "object" }] })
}
