//! Changes of live intents: controls, policy, and canceling many at once (`spec/protocol.md` §2.1).

pub use axme_types::grants::GrantAction;
use axme_types::limits::{MAX_DELIVERY_ATTEMPTS, MAX_REMINDERS, MAX_SPAN_SECONDS};
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
    /// Merged into the controls; null removes a key.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Controls>"))]
    pub controls_patch: Option<Object>,
    /// Why, and on which condition.
    #[serde(flatten)]
    pub why: ChangeReason,
}

/// The controls of an intent. Other keys are stored, named in `warnings`, and have no effect.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct Controls {
    /// Seconds from the change until the intent becomes TIMED_OUT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<Number<1, MAX_SPAN_SECONDS>>,
    /// Seconds until the first reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<Number<1, MAX_SPAN_SECONDS>>,
    /// Seconds between reminders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<Number<1, MAX_SPAN_SECONDS>>,
    /// How many reminders are sent at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<Number<1, MAX_REMINDERS>>,
    /// The address, contact or role that is asked after the last reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub escalate_to: Option<String>,
    /// How many pushes to the receiver may fail before the intent fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delivery_attempts: Option<Number<1, MAX_DELIVERY_ATTEMPTS>>,
}

/// The bounds of an intent. Other keys are stored, named in `warnings`, and have no effect.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct Envelope {
    /// How many pushes may follow the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retry_count: Option<Number<0, MAX_DELIVERY_ATTEMPTS>>,
    /// Seconds after a failed push until the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_backoff_seconds: Option<Number<1, MAX_SPAN_SECONDS>>,
    /// Seconds after an agent acknowledged the intent or handed over, until it becomes TIMED_OUT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_timeout_seconds: Option<Number<1, MAX_SPAN_SECONDS>>,
    /// Seconds from the creation to the latest deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<Number<1, MAX_SPAN_SECONDS>>,
}

/// The actions that another address may take.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct Grant {
    /// The actions. Every grant includes `read`.
    pub allow: Vec<GrantAction>,
}

/// The schema of grants: a map from `delegate:<address>`.
#[cfg(feature = "schema")]
pub(super) fn grants_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["object", "null"],
        "propertyNames": { "pattern": "^delegate:" },
        "additionalProperties": generator.subschema_for::<Option<Grant>>(),
    })
}

/// A change of an intent's policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdatePolicy {
    /// The id of the intent.
    pub intent_id: Id,
    /// Merged into the grants: each `delegate:<address>` and what that address may do. Null removes a grant.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "grants_schema"))]
    pub grants_patch: Option<Object>,
    /// Merged into the bounds; null removes a key.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Envelope>"))]
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
    /// Only intents older than this id: the `next_before` of an earlier answer.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub before: Option<Id>,
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
    /// Send it as `before` to go on, even if this call found nothing; absent when there are no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_before: Option<Id>,
}
