//! Changes of live intents: controls, policy, and canceling many at once (`spec/protocol.md` §2.1).

use serde::{Deserialize, Serialize};

use super::{IntentView, NotAppliedReason, StatusList};
use crate::page::Limit;
use crate::{Id, Number, Object, lenient};

/// A change of an intent's controls.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateControls {
    /// The id of the intent.
    pub intent_id: Id,
    /// Merged into the controls; null removes a key. The server acts on `timeout_seconds` (counted from now),
    /// `remind_after_seconds`, `remind_interval_seconds`, `max_reminders`, `escalate_to` and `max_delivery_attempts`.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub controls_patch: Option<Object>,
    /// Why, and on which condition.
    #[serde(flatten)]
    pub why: ChangeReason,
}

/// A change of an intent's policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdatePolicy {
    /// The id of the intent.
    pub intent_id: Id,
    /// Merged into the grants: `{"delegate:<address>": {"allow": [action, …]}}`. The actions are `read`, `resume`,
    /// `resolve`, `update_controls` and `update_policy`. Null removes a grant.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub grants_patch: Option<Object>,
    /// Merged into the bounds: `max_retry_count`, `retry_backoff_seconds`, `execution_timeout_seconds` and `ttl_seconds`
    /// (counted from the creation).
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub envelope_patch: Option<Object>,
    /// Why, and on which condition.
    #[serde(flatten)]
    pub why: ChangeReason,
}

/// The reason and the condition of a change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = ""))]
pub struct ChangeReason {
    /// Recorded in the audit trail beside the identity of the caller.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Recorded in the audit trail; at most 2,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The address that the caller acts for, if the key may act for several.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// Changes nothing unless the intent is at this generation; the answer then has `applied: false`.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub expected_policy_generation: Option<Number<0, { u32::MAX as u64 }>>,
}

/// The effect of the call on the controls or the policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangePolicyAnswer {
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
    /// Keys that were stored and that the server does not act on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Which intents to cancel.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkCancel {
    /// Hours since the creation: 0.1 to 87,600, and 24 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0.1, max = 87_600.0)))]
    pub older_than_hours: Option<f64>,
    /// The statuses to cancel, in any case: DELIVERED, WAITING, IN_PROGRESS and SUBMITTED by default. Terminal ones are
    /// refused.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status_filter: Option<StatusList>,
    /// True by default: the call only lists the intents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// Recorded in the history of each intent.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many intents the call cancels at most: 500 by default, 5,000 at the highest.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<500, 5_000>,
}

/// The intents that were or would be canceled.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkCancelAnswer {
    /// Always true.
    pub ok: bool,
    /// True when the call changed nothing.
    pub dry_run: bool,
    /// How many intents the same call without `dry_run` cancels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_cancel: Option<u64>,
    /// How many intents were canceled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled: Option<u64>,
    /// The ids of these intents.
    pub intent_ids: Vec<Id>,
    /// True when there may be more beyond the limit.
    pub has_more: bool,
}
