//! The bundle of a scenario (`spec/protocol.md` §6.1). The server reads it leniently: null and 0 are absent, and unknown
//! fields are ignored and named in `warnings`.

use axme_types::DeliveryBinding;
use axme_types::limits::{MAX_DELIVERY_ATTEMPTS, MAX_REMINDERS, MAX_SPAN_SECONDS};
use axme_types::scenarios::RuntimeType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tasks::HumanTask;
use crate::{Number, Object, Timestamp};

/// A bundle: agents, people, a workflow and the intent that starts it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct ScenarioBundle {
    /// The id of the scenario: at most 255 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub scenario_id: String,
    /// The title, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The purpose of the scenario, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The idempotency key of the call, unless the header has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The agents, at most 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 50)))]
    pub agents: Option<Vec<BundleAgent>>,
    /// The people, at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 20)))]
    pub humans: Option<Vec<BundleHuman>>,
    /// The steps. Without a workflow, the intent goes to the first agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<BundleWorkflow>,
    /// The intent that starts the workflow.
    pub intent: BundleIntent,
    /// The URL of a JSON Schema, for editors. The server ignores it.
    #[serde(default, rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
}

/// An agent that steps name by its role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct BundleAgent {
    /// The role in the bundle: at most 100 characters. No other agent or person has it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub role: String,
    /// The address of the agent, in any form.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 383)))]
    pub address: String,
    /// True to register the agent if its address is not registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_if_missing: Option<bool>,
    /// The name to show: at most 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub display_name: Option<String>,
    /// How intents reach a new agent; `stream` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_mode: Option<DeliveryBinding>,
    /// The URL that intents are posted to; required with `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2048)))]
    pub callback_url: Option<String>,
}

/// A person whom steps name by a role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct BundleHuman {
    /// The role in the bundle: at most 100 characters. No other agent or person has it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub role: String,
    /// The email address of the person, or another way to name the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 383)))]
    pub contact: Option<String>,
    /// The name to show: at most 255 characters; the role by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub display_name: Option<String>,
}

/// The steps, or the macro that writes them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct BundleWorkflow {
    /// The steps, at most 100. Not allowed with `macro_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub steps: Option<Vec<BundleStep>>,
    /// The id of the first step; the first of the list by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_step: Option<String>,
    /// The id of a macro, such as `macro.approval.v1`; `macros.list` returns them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_id: Option<String>,
    /// The parameters of the macro.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Object>,
}

/// A step of a workflow.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct BundleStep {
    /// The id of the step. No other step has it.
    pub step_id: String,
    /// The id of a tool. `tool.internal.<runtime_type>` means the same as `runtime_type`; others have no meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_id: Option<String>,
    /// The work of the platform in this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_type: Option<RuntimeType>,
    /// The settings of a step that the platform carries out, such as `seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_config: Option<Object>,
    /// Further settings; those in `runtime_config` take precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Object>,
    /// The input of the agent. It may hold settings too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The role, address or person that acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// True if a person has to approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_approval: Option<bool>,
    /// The task for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_task: Option<HumanTask>,
    /// Steps whose answers must come from other people than the answer to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct_from: Option<Vec<String>>,
    /// Seconds from the start of the step until it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_deadline_seconds: Option<Number<0, MAX_SPAN_SECONDS>>,
    /// Seconds until the first reminder. The other reminder fields need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<Number<0, MAX_SPAN_SECONDS>>,
    /// Seconds between reminders; by default as many as until the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<Number<0, MAX_SPAN_SECONDS>>,
    /// How many reminders are sent at most; 3 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<Number<0, MAX_REMINDERS>>,
    /// The person who is asked after the last reminder: a role of `humans` or an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_to: Option<String>,
    /// How often a failed step of an agent is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<StepRetry>,
    /// The id of the step that follows a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<String>,
    /// The id of the step that follows a failure. Without it, a failure ends the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
}

/// How often a failed step of an agent is tried again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct StepRetry {
    /// How many attempts follow the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<Number<0, 100>>,
    /// Seconds before each of them; 30 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_delay_seconds: Option<Number<0, MAX_SPAN_SECONDS>>,
}

/// The intent of a bundle.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct BundleIntent {
    /// The type of the intent: letters, digits, `.`, `_` and `-`.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub intent_type: String,
    /// The work to do: at most 131,072 bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Object>,
    /// The intent becomes TIMED_OUT at this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Timestamp>,
    /// How many pushes to the receiver may fail before the intent fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delivery_attempts: Option<Number<0, MAX_DELIVERY_ATTEMPTS>>,
    /// Seconds until the first reminder, for steps without their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<Number<0, MAX_SPAN_SECONDS>>,
    /// Seconds between reminders; by default as many as until the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<Number<0, MAX_SPAN_SECONDS>>,
    /// How many reminders are sent at most; 3 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<Number<0, MAX_REMINDERS>>,
    /// The person who is asked after the last reminder: a role of `humans` or an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_to: Option<String>,
    /// The task for a person, in a bundle without steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_task: Option<HumanTask>,
}
