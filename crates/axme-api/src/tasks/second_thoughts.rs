//! The types of second thoughts about an open task: questions to the requester, the replies, and withdrawals. Our
//! extension of the protocol.

use axme_types::tasks::Via;
use serde::{Deserialize, Serialize};

use super::Task;
use crate::{Id, Timestamp, lenient};

/// A yes that its author withdraws.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WithdrawAnswer {
    /// The id of the intent that waits for more answers.
    pub intent_id: Id,
    /// The reason, which the history of the intent keeps; at most 1,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1000)))]
    pub comment: Option<String>,
}

/// The task after a withdrawal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WithdrawnAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the intent.
    pub intent_id: Id,
    /// The person who has withdrawn a yes.
    pub withdrawn_by: String,
    /// The task.
    pub task: Task,
}

/// A question to the requester of a task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AskRequester {
    /// The id of the intent that waits for the answer.
    pub intent_id: Id,
    /// The question: 1 to 1,000 characters. Required.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1000)))]
    pub question: String,
}

/// The requester's reply to a question.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplyToQuestion {
    /// The id of the intent that waits for the answer.
    pub intent_id: Id,
    /// The reply: 1 to 1,000 characters. Required.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1000)))]
    pub reply: String,
}

/// A task after a question or a reply.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuestionAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the intent.
    pub intent_id: Id,
    /// The task with its questions.
    pub task: Task,
}

/// A question to the requester, and the reply.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskQuestion {
    /// The person who asked.
    pub asked_by: String,
    /// The channel of the question.
    pub asked_via: Via,
    /// When the person asked.
    pub asked_at: Timestamp,
    /// The question.
    pub question: String,
    /// The requester who replied; absent while the question is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replied_by: Option<String>,
    /// When the requester replied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replied_at: Option<Timestamp>,
    /// The reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}
