//! The list of intents and its filters.

use axme_types::limits::MAX_SPAN_SECONDS;
use axme_types::{OutcomeKind, Status, WaitingReason};
use serde::{Deserialize, Serialize};

use super::{Holder, OutcomeView, StatusList};
use crate::page::Limit;
use crate::{Id, Number, Timestamp, lenient};

/// Which intents to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListIntents {
    /// Only intents with one of these statuses. Words with commas between them, in any case.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusList>,
    /// Only intents to this address.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub to_agent: Option<String>,
    /// Only intents from this address.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub from_agent: Option<String>,
    /// Only intents of this type.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub intent_type: Option<String>,
    /// Only intents of this scenario, as its bundle names it. Steps are not listed.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub scenario_id: Option<String>,
    /// Only intents with this value of a searchable field: its name, `=` and the value as text, such as `order_id=4711`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// Only these intents: at most 100 ids with commas between them.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub intent_ids: Option<String>,
    /// Only intents that ended so.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub outcome_kind: Option<OutcomeKind>,
    /// Only intents that wait for this reason.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub waiting_reason: Option<WaitingReason>,
    /// Only intents that wait for this person, role or agent, as `pending_with` or an assignee names it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Only intents that were created at this time or later.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub created_after: Option<Timestamp>,
    /// Only intents that were created before this time.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Timestamp>,
    /// Only intents that have not changed for this many seconds.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub unchanged_seconds: Option<Number<1, MAX_SPAN_SECONDS>>,
    /// The page size: 50 by default, at most 500.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<50, 500>,
    /// Only intents older than this id: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub before: Option<Id>,
}

/// A page of intents.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IntentList {
    /// Always true.
    pub ok: bool,
    /// The intents, newest first.
    pub intents: Vec<IntentSummary>,
    /// Send it as `before` to get the next page; null on the last page.
    pub next_before: Option<Id>,
}

/// An intent in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IntentSummary {
    /// The id of the intent.
    pub intent_id: Id,
    /// The type of the intent.
    pub intent_type: String,
    /// The status of the intent.
    pub status: Status,
    /// The same as `status`.
    pub lifecycle_status: Status,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: OutcomeView,
    /// The address of the sender.
    pub from_agent: String,
    /// The address of the receiver.
    pub to_agent: String,
    /// True while the intent waits for an agent that nobody has registered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nobody_listens: bool,
    /// The actor that has to act next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_with: Option<Holder>,
    /// Since when the intent waits for that actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
    /// When the intent was created.
    pub created_at: Timestamp,
    /// When the intent last changed.
    pub updated_at: Timestamp,
}
