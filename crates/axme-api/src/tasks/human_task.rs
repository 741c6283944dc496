//! The task for a person, and the answer to it (`spec/protocol.md` §5.2, §5.4).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Number, Object};

/// A task for a person. Unknown fields are kept and shown, and named in `warnings`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct HumanTask {
    /// The title: at most 255 characters; `Human approval required` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub title: Option<String>,
    /// The question to the person: at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2000)))]
    pub description: Option<String>,
    /// The type of the task, which says what may be answered; `approval` by default. Another word is accepted, and then
    /// any word is an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "task_type"))]
    pub task_type: Option<String>,
    /// The outcomes that are accepted instead of those of the type, the positive one first: 1 to 20 words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 20), inner(length(min = 1, max = 64))))]
    pub allowed_outcomes: Option<Vec<String>>,
    /// True if an answer needs a comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_comment: Option<bool>,
    /// True if an answer needs the field `evidence`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_required: Option<bool>,
    /// The people who are asked: 1 to 20 email addresses, roles, names or groups (`group://<name>`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 20), inner(length(min = 1, max = 383))))]
    pub assignees: Option<Vec<String>>,
    /// An email address that is asked in addition to the assignees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 254)))]
    pub notify_email: Option<String>,
    /// How many different people have to say yes; 1 by default. A single no decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<Number<1, 20>>,
    /// True if the person who started the intent may not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_requester: Option<bool>,
    /// True if a person must answer: the key of a service account does not suffice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_required: Option<bool>,
    /// The fields that pages and mails show first, as templates name them: `payload.amount`, or `{"field", "label"}`; 1
    /// to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 20)))]
    pub summary: Option<Vec<SummaryField>>,
    /// The consequence of a yes, instead of the plan's words: at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2000)))]
    pub on_yes: Option<String>,
    /// The consequence of a no, instead of the plan's words: at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2000)))]
    pub on_no: Option<String>,
    /// The JSON Schema (2020-12) of the fields of an answer: at most 32,768 bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form_schema: Option<Object>,
    /// Any value. It is shown, and has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Every other field.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub rest: Object,
}

/// A key fact of a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum SummaryField {
    /// The field.
    Field(String),
    /// The field with its label.
    Labeled {
        /// The field: `payload.amount`, `results.check.score`.
        field: String,
        /// The label.
        label: String,
    },
}

/// The answer of a person. Fields of the form stand beside `outcome` or in `data`; those in `data` take precedence.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct TaskResult {
    /// One of the outcomes of the task. Required, unless `approved` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The comment of the person. Some tasks require one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The fields of the form, and `evidence` where the task requires it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Object>,
    /// Without an outcome, true means `approved` and false `rejected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<bool>,
    /// The other fields of the form.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub rest: Object,
}

#[cfg(feature = "schema")]
fn task_type(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let known = generator.subschema_for::<axme_types::tasks::TaskTypeName>();
    schemars::json_schema!({ "anyOf": [known, { "type": "string", "maxLength": 64 }, { "type": "null" }] })
}
