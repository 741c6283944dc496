//! Deliveries: what was sent along a route, and everything else that was given up, in one listing
//! (`spec/protocol.md` §2.17).

use serde::{Deserialize, Serialize};

use crate::Object;
use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::workspace_ref::WorkspaceRef;

pub const OPERATIONS: &[&dyn AnyOp] = &[&SUBMIT, &GET, &STATUS_COUNTS, &RECONCILE, &LIST, &REPLAY];

pub static LIST: Op<ListDeliveries, DeliveryList> = Op::get("deliveries.list", "/v1/deliveries")
    .access(Access::Role)
    .about("What was sent along routes, and dead letters of every kind, newest first.");
pub static SUBMIT: Op<SubmitDelivery, DeliveryAnswer> = Op::post("deliveries.submit", "/v1/deliveries")
    .access(Access::Role)
    .about("Send something along a principal's route.");
pub static GET: Op<GetDelivery, DeliveryAnswer> =
    Op::get("deliveries.get", "/v1/deliveries/{delivery_id}").access(Access::Role).about("What became of a delivery.");
pub static STATUS_COUNTS: Op<ShowOperations, Operations> =
    Op::get("deliveries.operations", "/v1/deliveries-operations")
        .access(Access::Role)
        .about("How many deliveries along routes stand how.");
pub static RECONCILE: Op<Reconcile, Reconciled> = Op::post("deliveries.reconcile", "/v1/deliveries/reconcile")
    .access(Access::Role)
    .about("End deliveries along routes that have been pending for too long.");
pub static REPLAY: Op<ReplayDelivery, DeliveryAnswer> =
    Op::post("deliveries.replay", "/v1/deliveries/{delivery_id}/replay").access(Access::Role).about(
        "Send once more: a delivery along a route as a new one, the dead letters of an id as themselves. Its intent stays FAILED: the receiver learns of it and cannot answer it.",
    );

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListDeliveries {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// Only what went to this principal along a route.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// `submitted`, `pending`, `delivered`, `dead_lettered` or `failed`, which nothing is: what fails is tried again.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// At most this many, 1 to 1000; 200 unless given. Dead letters with the same id are not parted.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<200, 1_000>,
    /// Only deliveries older than this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplayDelivery {
    pub delivery_id: String,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetDelivery {
    pub delivery_id: String,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubmitDelivery {
    pub org_id: String,
    pub workspace_id: String,
    pub payload: Object,
    /// This or `principal_id`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// 3 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// 4 to 255 characters; the same key again is answered alike for 48 hours.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShowOperations {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// 1 to 168; 24 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub window_hours: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Operations {
    pub ok: bool,
    pub window_hours: u64,
    pub total: u64,
    pub submitted: u64,
    pub pending: u64,
    pub delivered: u64,
    pub dead_lettered: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reconcile {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// At most 86,400; 300 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub max_pending_age_seconds: Option<u64>,
    /// 1 to 5,000; 500 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// `dead_lettered`, or `delivered` for what is known to have arrived; `dead_lettered` unless given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub target_status: Option<String>,
    /// 3 to 500 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reconciled {
    pub ok: bool,
    pub target_status: String,
    pub reconciled: u64,
    pub delivery_ids: Vec<String>,
}

/// What went along a route has a principal and a route, a dead letter of another kind `intent_id` and `to_agent`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delivery {
    /// Of a dead letter: the id of the intent, or of what somebody was to be told.
    pub delivery_id: String,
    pub replay_of_delivery_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_id: Option<String>,
    pub org_id: String,
    pub workspace_id: String,
    pub principal_id: Option<String>,
    pub alias: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_agent: Option<String>,
    pub transport_type: String,
    pub route_id: Option<String>,
    /// `submitted` before the first attempt, then `pending`; `delivered` or `dead_lettered` in the end.
    pub status: String,
    pub correlation_id: Option<String>,
    pub idempotency_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Object>,
    /// Why the last attempt failed.
    pub error_detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryList {
    pub ok: bool,
    pub deliveries: Vec<Delivery>,
    /// Give it as `before` for the next page; null on the last.
    pub next_before: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryAnswer {
    pub ok: bool,
    pub delivery: Delivery,
}
