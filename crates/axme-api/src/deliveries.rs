//! Deliveries: payloads that were sent along a route, and dead letters of every kind, in one listing
//! (`spec/protocol.md` §2.17).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

pub use axme_types::deliveries::{DeliveryStatus, DeliveryTransport};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::workspace_ref::WorkspaceRef;
use crate::{ErrorCode, Id, Number, Object, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&SUBMIT, &GET, &STATUS_COUNTS, &RECONCILE, &LIST, &REPLAY];

/// Lists deliveries.
pub static LIST: Op<ListDeliveries, DeliveryList> = Op::get("deliveries.list", "/v1/deliveries")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("List routed deliveries, and dead letters of every kind, newest first.");
/// Sends a payload along a route of a principal.
pub static SUBMIT: Op<SubmitDelivery, DeliveryAnswer> = Op::post("deliveries.submit", "/v1/deliveries")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound, ErrorCode::NotSupportedYet, ErrorCode::PayloadTooLarge, ErrorCode::RouteNotFound])
    .about("Send a payload along the best route of a principal.");
/// Returns one delivery.
pub static GET: Op<GetDelivery, DeliveryAnswer> = Op::get("deliveries.get", "/v1/deliveries/{delivery_id}")
    .access(Access::Role)
    .about("Get one delivery, with its status and its last error.");
/// Counts routed deliveries by status.
pub static STATUS_COUNTS: Op<ShowOperations, OperationsAnswer> =
    Op::get("deliveries.operations", "/v1/deliveries-operations")
        .access(Access::Role)
        .errors(&[ErrorCode::NotFound])
        .about("Count the routed deliveries of the last hours by status.");
/// Ends routed deliveries that have been pending for too long.
pub static RECONCILE: Op<Reconcile, ReconcileAnswer> = Op::post("deliveries.reconcile", "/v1/deliveries/reconcile")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("End routed deliveries that have been pending for too long.");
/// Sends a delivery again.
pub static REPLAY: Op<ReplayDelivery, DeliveryAnswer> =
    Op::post("deliveries.replay", "/v1/deliveries/{delivery_id}/replay")
        .access(Access::Role)
        .errors(&[ErrorCode::NotSupportedYet, ErrorCode::QuotaExceeded, ErrorCode::RouteNotFound])
        .about(
            "Send a routed delivery again as a new one, or the dead letters under an id. \
             The intent of a dead letter stays FAILED, and its receiver cannot answer it.",
        );

text_enum! {
    /// The status by which deliveries are listed.
    pub enum DeliveryFilter {
        /// Stored, and not tried yet.
        Submitted = "submitted",
        /// Tried, and to be tried again.
        Pending = "pending",
        /// The endpoint has accepted it.
        Delivered = "delivered",
        /// Matches nothing: a delivery that fails is tried again.
        Failed = "failed",
        /// Given up: every attempt failed, or a caller ended it.
        DeadLettered = "dead_lettered",
    }
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListDeliveries {
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// Only routed deliveries to this principal.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<Id>,
    /// Only what could not be delivered for this intent: dead letters, and notices that are tried again. One page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub intent_id: Option<Id>,
    /// Only deliveries with this status.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<DeliveryFilter>,
    /// Only deliveries that are sent in this way. With `email`, mail that waits and mail that was sent in the last 30 days is
    /// listed too.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub transport_type: Option<DeliveryTransport>,
    /// The page size: 1 to 1,000; 200 by default. A page that would split the dead letters under one id is longer.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<200, 1_000>,
    /// Only deliveries older than this id: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub before: Option<Id>,
}

/// Which delivery to send again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplayDelivery {
    /// The id of the delivery.
    pub delivery_id: Id,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// Which delivery to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetDelivery {
    /// The id of the delivery.
    pub delivery_id: Id,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// A new routed delivery: `alias` or `principal_id` is required, and the alias takes precedence.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubmitDelivery {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The id of the workspace. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub workspace_id: Id,
    /// The content: at most 131,072 bytes of JSON.
    pub payload: Object,
    /// An active alias of the principal.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The id of the principal.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<Id>,
    /// Any text that links related deliveries.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 3, max = 255)))]
    pub correlation_id: Option<String>,
    /// A repeated call with the same key gets the first answer, for 48 hours.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 4, max = 255)))]
    pub idempotency_key: Option<String>,
}

/// Which routed deliveries to count.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShowOperations {
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// Only deliveries of the last hours, as many as this; 24 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub window_hours: Option<Number<1, 168>>,
}

/// The number of routed deliveries by status.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OperationsAnswer {
    /// Always true.
    pub ok: bool,
    /// The hours in which the deliveries were submitted.
    pub window_hours: u64,
    /// All deliveries.
    pub total: u64,
    /// Deliveries that were not tried yet.
    pub submitted: u64,
    /// Deliveries that are tried again.
    pub pending: u64,
    /// Deliveries that have arrived.
    pub delivered: u64,
    /// Deliveries that were given up.
    pub dead_lettered: u64,
}

text_enum! {
    /// The status with which a caller ends pending deliveries.
    pub enum ReconcileTarget {
        /// They are given up, and can be replayed.
        DeadLettered = "dead_lettered",
        /// They are known to have arrived.
        Delivered = "delivered",
    }
}

/// Which routed deliveries to end, and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reconcile {
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// Only deliveries that were submitted at least this many seconds ago; 300 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub max_pending_age_seconds: Option<Number<0, 86_400>>,
    /// How many deliveries the call ends at most; 500 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub limit: Option<Number<1, 5_000>>,
    /// The status of the deliveries afterwards; `dead_lettered` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub target_status: Option<ReconcileTarget>,
    /// Stored as the last error of the deliveries that are given up. By default it names their age.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 3, max = 500)))]
    pub reason: Option<String>,
}

/// The routed deliveries that the call ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReconcileAnswer {
    /// Always true.
    pub ok: bool,
    /// The status of the deliveries now.
    pub target_status: ReconcileTarget,
    /// How many deliveries the call ended.
    pub reconciled: u64,
    /// Their ids, oldest first.
    pub delivery_ids: Vec<Id>,
}

/// A routed delivery, which has a principal and a route, or another dead letter, which has `intent_id` and `to_agent`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryView {
    /// The id of the delivery. For a dead letter that was not routed, the id of its intent, event or notice.
    pub delivery_id: Id,
    /// The id of the delivery that this one repeats; null unless it is a replay.
    pub replay_of_delivery_id: Option<Id>,
    /// The id of the intent that a dead letter is about, or else of its event or notice. Absent from routed deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_id: Option<Id>,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The id of the principal; null unless the delivery was routed.
    pub principal_id: Option<Id>,
    /// The alias that the request named; null without one.
    pub alias: Option<String>,
    /// The address of the queue of a dead letter. Absent from routed deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_agent: Option<String>,
    /// The person to whom a mail about an intent is sent. Absent from other deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The way in which the delivery is sent.
    pub transport_type: DeliveryTransport,
    /// The id of the route; null unless the delivery was routed.
    pub route_id: Option<Id>,
    /// The status of the delivery.
    pub status: DeliveryStatus,
    /// The text that links related deliveries; null without one.
    pub correlation_id: Option<String>,
    /// The idempotency key of the request; null without one.
    pub idempotency_key: Option<String>,
    /// The content of a routed delivery. Absent from other dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Object>,
    /// Why the last attempt failed; null if none has.
    pub error_detail: Option<String>,
    /// When a routed delivery was submitted. Absent from other dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the delivery was given up, or else when it was submitted.
    pub updated_at: Timestamp,
}

/// A page of deliveries.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryList {
    /// Always true.
    pub ok: bool,
    /// The deliveries, newest first.
    pub deliveries: Vec<DeliveryView>,
    /// Send it as `before` to get the next page; null on the last page.
    pub next_before: Option<Id>,
}

/// The delivery.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryAnswer {
    /// Always true.
    pub ok: bool,
    /// The delivery.
    pub delivery: DeliveryView,
}
