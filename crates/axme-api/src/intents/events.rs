//! The events of an intent as callers see them (`spec/protocol.md` §4.2).

use axme_types::{AnyEventType, Status, WaitingReason};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Holder, OutcomeView};
use crate::page::Limit;
use crate::{Id, Json, JsonFields, Timestamp, lenient};

/// Which events to list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListEvents {
    /// The id of the intent.
    pub intent_id: Id,
    /// Only events with a greater `seq`.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = axme_types::limits::MAX_INTEGER)))]
    pub since: Option<u64>,
    /// The page size: 1,000 by default and at most.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<1_000, 1_000>,
}

/// Events of an intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventList {
    /// Always true.
    pub ok: bool,
    /// The events, in order.
    pub events: Vec<EventView>,
}

/// An event as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventView {
    /// The id of the intent.
    pub intent_id: Id,
    /// The number of the event: 2, 4, 6, …, so that clients that ask for `last + 1` miss none either.
    pub seq: u64,
    /// The type of the event.
    pub event_type: AnyEventType,
    /// The status after the event.
    pub status: Status,
    /// Why the intent waits after the event.
    pub waiting_reason: Option<WaitingReason>,
    /// The actor that has to act next.
    pub pending_with: Option<Holder>,
    /// The address of the agent that holds the intent.
    pub handler: Option<String>,
    /// The caller who caused the event.
    pub actor: String,
    /// When the event happened.
    pub at: Timestamp,
    /// Facts that depend on the type of the event. When an agent handed over, they are the fields of its body.
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::event_details::details_schema"))]
    pub details: JsonFields,
    /// The task that the event assigned to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::tasks::HumanTask>"))]
    pub human_task: Option<Value>,
    /// The result with which the intent ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Json>,
    /// The same as `result`. While the intent goes on: the fields that an agent sent with its hand-over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
    /// The error with which the intent ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Json>,
    /// How the intent ended, if this event ends it.
    #[serde(flatten)]
    pub outcome: OutcomeView,
    /// The event as a sentence: who did what, in which way and on whose behalf. Absent for an event that adds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// True if a stream left out `result`, `data`, `error`, `human_task` and `details` because of their size: read the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}
