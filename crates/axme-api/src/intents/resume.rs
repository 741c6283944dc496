//! Answers to intents (`spec/protocol.md` §13).

use serde::{Deserialize, Serialize};

use super::{EventView, IntentView, NotAppliedReason};
use crate::{Id, JsonFields, lenient};

/// An answer to an intent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResumeIntent {
    /// The id of the intent.
    pub intent_id: Id,
    /// The address that the caller acts for, if the key may act for several.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// The consumer that answers. It must not differ from the header `x-axme-consumer`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 128), regex(pattern = crate::ConsumerName::PATTERN)))]
    pub consumer: Option<String>,
    /// The answer, in one of the shapes of `spec/protocol.md` §13.1. A request without a body lets the intent go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "super::AnswerBody"))]
    pub body: Option<JsonFields>,
}

/// The effect of the call on the intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResumeAnswer {
    /// Always true.
    pub ok: bool,
    /// False when the call changed nothing, for the reason in `reason`.
    pub applied: bool,
    /// Why the call changed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<NotAppliedReason>,
    /// The generation of the intent after the call.
    pub policy_generation: u32,
    /// The intent after the call.
    pub intent: IntentView,
    /// The last event that the call caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventView>,
    /// That the intent has not ended, and how to end it. Absent when the answer has ended it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
