//! Quotas of workspaces, and what they have used (`spec/protocol.md` §2.25).

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::workspace_ref::WorkspaceRef;

pub const OPERATIONS: &[&dyn AnyOp] = &[&GET, &UPDATE, &SUMMARY, &TIMESERIES, &ROLLUPS];

pub static GET: Op<NamedWorkspace, QuotaAnswer> =
    Op::get("quotas.get", "/v1/quotas").access(Access::Role).about("What a workspace may use.");
pub static UPDATE: Op<UpdateQuota, QuotaAnswer> =
    Op::patch("quotas.update", "/v1/quotas").access(Access::Role).about("Limit what a workspace may use.");
pub static SUMMARY: Op<AskSummary, UsageSummaryAnswer> = Op::get("usage.summary", "/v1/usage/summary")
    .access(Access::Role)
    .about("What a workspace has used today, or in the last 7 or 30 days.");
pub static TIMESERIES: Op<AskSeries, UsageSeriesAnswer> = Op::get("usage.timeseries", "/v1/usage/timeseries")
    .access(Access::Role)
    .about("What a workspace has used, day by day; hour by hour for up to two days.");
pub static ROLLUPS: Op<AskSeries, UsageSeriesAnswer> = Op::ask("usage.rollups.daily", "/v1/usage/rollups/daily")
    .access(Access::Role)
    .about("The sums of each day. They are always up to date.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedWorkspace {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateQuota {
    pub org_id: String,
    pub workspace_id: String,
    pub dimensions: SetDimensions,
    /// `block`, `grace` or `bill_overage`. Only `block` refuses what goes beyond.
    pub overage_mode: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub updated_by_actor_id: Option<String>,
    /// 1 to 100; as it was unless given, 80 at first.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub soft_threshold_percent: Option<u64>,
    /// As it was unless given, true at first; false refuses nothing.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub hard_enforcement: Option<bool>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AskSummary {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// `day`, `week` or `month`; `day` unless given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AskSeries {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// 1 to 90; 30 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub window_days: Option<u64>,
}

/// One number for each thing that is counted. As a limit, 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Dimensions {
    #[serde(deserialize_with = "lenient::number")]
    pub requests_per_minute: u64,
    #[serde(deserialize_with = "lenient::number")]
    pub intents_per_day: u64,
    #[serde(deserialize_with = "lenient::number")]
    pub inbox_writes_per_day: u64,
    #[serde(deserialize_with = "lenient::number")]
    pub media_upload_bytes_per_day: u64,
    #[serde(deserialize_with = "lenient::number")]
    pub media_storage_bytes: u64,
    #[serde(deserialize_with = "lenient::number")]
    pub webhook_deliveries_per_day: u64,
    #[serde(deserialize_with = "lenient::number")]
    pub schema_writes_per_day: u64,
}

/// The limits that are to change; 0 takes one away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SetDimensions {
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub intents_per_day: Option<u64>,
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub inbox_writes_per_day: Option<u64>,
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub media_upload_bytes_per_day: Option<u64>,
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub media_storage_bytes: Option<u64>,
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub webhook_deliveries_per_day: Option<u64>,
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub schema_writes_per_day: Option<u64>,
}

impl SetDimensions {
    /// The limits that were there, with those that are given in their place.
    pub fn over(&self, known: &Dimensions) -> Dimensions {
        Dimensions {
            requests_per_minute: self.requests_per_minute.unwrap_or(known.requests_per_minute),
            intents_per_day: self.intents_per_day.unwrap_or(known.intents_per_day),
            inbox_writes_per_day: self.inbox_writes_per_day.unwrap_or(known.inbox_writes_per_day),
            media_upload_bytes_per_day: self.media_upload_bytes_per_day.unwrap_or(known.media_upload_bytes_per_day),
            media_storage_bytes: self.media_storage_bytes.unwrap_or(known.media_storage_bytes),
            webhook_deliveries_per_day: self.webhook_deliveries_per_day.unwrap_or(known.webhook_deliveries_per_day),
            schema_writes_per_day: self.schema_writes_per_day.unwrap_or(known.schema_writes_per_day),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuotaPolicy {
    pub quota_policy_id: String,
    pub org_id: String,
    pub workspace_id: String,
    pub dimensions: Dimensions,
    pub soft_threshold_percent: u64,
    pub hard_enforcement: bool,
    pub overage_mode: String,
    pub updated_by_actor_id: Option<String>,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuotaAnswer {
    pub ok: bool,
    pub quota_policy: QuotaPolicy,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Used {
    pub used: u64,
    /// For the whole window; 0 for none.
    pub limit: u64,
    /// Below 0 when more was used than the limit; 2,147,483,647 without one.
    pub remaining: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsedDimensions {
    pub requests_per_minute: Used,
    pub intents_per_day: Used,
    pub inbox_writes_per_day: Used,
    pub media_upload_bytes_per_day: Used,
    pub media_storage_bytes: Used,
    pub webhook_deliveries_per_day: Used,
    pub schema_writes_per_day: Used,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSummary {
    pub org_id: String,
    pub workspace_id: String,
    pub window_start: String,
    pub window_end: String,
    pub dimensions: UsedDimensions,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSummaryAnswer {
    pub ok: bool,
    pub summary: UsageSummary,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsagePoint {
    pub at: String,
    pub dimensions: Dimensions,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSeries {
    pub org_id: String,
    pub workspace_id: String,
    /// `hour` or `day`.
    pub granularity: String,
    pub points: Vec<UsagePoint>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSeriesAnswer {
    pub ok: bool,
    pub series: UsageSeries,
}
