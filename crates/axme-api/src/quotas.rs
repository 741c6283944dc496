//! Quotas of workspaces, and their usage (`spec/protocol.md` §2.25, §15.3).

pub use axme_types::quotas::OverageMode;
use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::workspace_ref::WorkspaceRef;
use crate::{ErrorCode, Id, Number, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&GET, &UPDATE, &SUMMARY, &TIMESERIES, &ROLLUPS];

/// Gets the limits of a workspace.
pub static GET: Op<WorkspaceQuery, QuotaAnswer> = Op::get("quotas.get", "/v1/quotas")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("Get the limits of a workspace.");
/// Changes the limits of a workspace.
pub static UPDATE: Op<UpdateQuota, QuotaAnswer> = Op::patch("quotas.update", "/v1/quotas")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("Change the limits of a workspace.");
/// Sums the usage of a workspace.
pub static SUMMARY: Op<GetUsageSummary, UsageSummaryAnswer> = Op::get("usage.summary", "/v1/usage/summary")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("Get the usage of a workspace today, or in the last 7 or 30 days.");
/// Lists the usage of a workspace by day or hour.
pub static TIMESERIES: Op<GetUsageSeries, UsageSeriesAnswer> = Op::get("usage.timeseries", "/v1/usage/timeseries")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("Get the usage of a workspace by day; by hour for up to two days.");
/// Lists the usage of a workspace by day.
pub static ROLLUPS: Op<GetUsageSeries, UsageSeriesAnswer> = Op::ask("usage.rollups.daily", "/v1/usage/rollups/daily")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("Get the usage of a workspace by day. The sums are always up to date.");

/// Which workspace the call is about.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkspaceQuery {
    /// The workspace.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
}

/// A change of a workspace's limits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateQuota {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The id of the workspace. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub workspace_id: Id,
    /// The limits to change. Limits that are missing stay.
    pub dimensions: DimensionChange,
    /// The treatment of usage beyond the limits.
    pub overage_mode: OverageMode,
    /// The actor who changed the limits, to show later: 1 to 255 characters. The caller by default.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub updated_by_actor_id: Option<String>,
    /// The percentage of a limit at which a client may warn; 80 at first. The server only stores it. It stays when it is
    /// missing.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub soft_threshold_percent: Option<Number<1, 100>>,
    /// False permits all usage, whatever the `overage_mode`; true at first. It stays when it is missing.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub hard_enforcement: Option<bool>,
}

text_enum! {
    /// The window of a usage summary. It ends now and begins at midnight UTC of its first day.
    pub enum UsageWindow {
        /// Today.
        Day = "day",
        /// The last 7 days, today included.
        Week = "week",
        /// The last 30 days, today included.
        Month = "month",
    }
}

impl UsageWindow {
    /// Returns the number of days in the window, today included.
    pub const fn days(self) -> u32 {
        match self {
            UsageWindow::Day => 1,
            UsageWindow::Week => 7,
            UsageWindow::Month => 30,
        }
    }
}

/// Which usage to sum.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetUsageSummary {
    /// The workspace.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// The window; `day` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub window: Option<UsageWindow>,
}

/// Which usage to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetUsageSeries {
    /// The workspace.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// The number of days, today included; 30 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub window_days: Option<Number<1, 90>>,
}

/// One number for each dimension of usage: a limit, or an amount. A limit of 0 means no limit. Days are in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Dimensions {
    /// Calls of one operation by one caller in a minute. Only limited, never counted: the amount is 0.
    #[serde(deserialize_with = "lenient::number")]
    pub requests_per_minute: u64,
    /// New intents and applied bundles.
    #[serde(deserialize_with = "lenient::number")]
    pub intents_per_day: u64,
    /// Replies, delegations and decisions in threads.
    #[serde(deserialize_with = "lenient::number")]
    pub inbox_writes_per_day: u64,
    /// Bytes of files, each time they arrive.
    #[serde(deserialize_with = "lenient::number")]
    pub media_upload_bytes_per_day: u64,
    /// Bytes of files that are stored or announced now. A series does not count them: there the amount is 0.
    #[serde(deserialize_with = "lenient::number")]
    pub media_storage_bytes: u64,
    /// Events queued for subscribers, one for each subscriber.
    #[serde(deserialize_with = "lenient::number")]
    pub webhook_deliveries_per_day: u64,
    /// Payload schemas created or changed.
    #[serde(deserialize_with = "lenient::number")]
    pub schema_writes_per_day: u64,
}

/// The limits to change. 0 removes a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DimensionChange {
    /// Calls of one operation by one caller in a minute.
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_992_u64)))]
    pub requests_per_minute: Option<u64>,
    /// New intents and applied bundles.
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_992_u64)))]
    pub intents_per_day: Option<u64>,
    /// Replies, delegations and decisions in threads.
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_992_u64)))]
    pub inbox_writes_per_day: Option<u64>,
    /// Bytes of files, each time they arrive.
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_992_u64)))]
    pub media_upload_bytes_per_day: Option<u64>,
    /// Bytes of files that are stored or announced at one time.
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_992_u64)))]
    pub media_storage_bytes: Option<u64>,
    /// Events queued for subscribers, one for each subscriber.
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_992_u64)))]
    pub webhook_deliveries_per_day: Option<u64>,
    /// Payload schemas created or changed.
    #[serde(deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_992_u64)))]
    pub schema_writes_per_day: Option<u64>,
}

impl DimensionChange {
    /// Returns the previous limits with this change.
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

/// The limits of a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuotaPolicy {
    /// The id of the limits: that of the workspace.
    pub quota_policy_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The limits; those of the server where none was set.
    pub dimensions: Dimensions,
    /// The percentage of a limit at which a client may warn, from 1 to 100.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
    pub soft_threshold_percent: u64,
    /// False permits all usage, whatever the `overage_mode`.
    pub hard_enforcement: bool,
    /// The treatment of usage beyond the limits.
    pub overage_mode: OverageMode,
    /// The actor who last changed the limits; null until they are first set.
    pub updated_by_actor_id: Option<String>,
    /// When the limits last changed. Until they are first set, a time at or before the call.
    pub updated_at: Timestamp,
}

/// The limits of a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuotaAnswer {
    /// Always true.
    pub ok: bool,
    /// The limits.
    pub quota_policy: QuotaPolicy,
}

/// The usage of one dimension in a window.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    /// The amount used.
    pub used: u64,
    /// The limit for the whole window; 0 means no limit.
    pub limit: u64,
    /// The limit without the amount used: below 0 beyond the limit, 2,147,483,647 without a limit.
    #[cfg_attr(feature = "schema", schemars(range(min = i64::MIN, max = i64::MAX)))]
    pub remaining: i64,
}

/// The usage of every dimension in a window.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageDimensions {
    /// Calls of one operation by one caller in a minute. Only limited, never counted: the amount is 0.
    pub requests_per_minute: Usage,
    /// New intents and applied bundles.
    pub intents_per_day: Usage,
    /// Replies, delegations and decisions in threads.
    pub inbox_writes_per_day: Usage,
    /// Bytes of files, each time they arrived.
    pub media_upload_bytes_per_day: Usage,
    /// Bytes of files that are stored or announced now.
    pub media_storage_bytes: Usage,
    /// Events queued for subscribers, one for each subscriber.
    pub webhook_deliveries_per_day: Usage,
    /// Payload schemas created or changed.
    pub schema_writes_per_day: Usage,
}

/// The usage of a workspace in a window.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSummary {
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The start of the window: midnight UTC of its first day.
    pub window_start: Timestamp,
    /// The end of the window: now.
    pub window_end: Timestamp,
    /// The usage of every dimension.
    pub dimensions: UsageDimensions,
}

/// The usage of a workspace in a window.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSummaryAnswer {
    /// Always true.
    pub ok: bool,
    /// The usage.
    pub summary: UsageSummary,
}

/// The usage in one hour or day.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsagePoint {
    /// The start of the hour or day.
    pub at: Timestamp,
    /// The amounts used.
    pub dimensions: Dimensions,
}

text_enum! {
    /// The length of time that one point of a series covers.
    pub enum Granularity {
        /// An hour.
        Hour = "hour",
        /// A day in UTC.
        Day = "day",
    }
}

impl Granularity {
    /// Returns the number of hours in one point.
    pub const fn hours(self) -> u32 {
        match self {
            Granularity::Hour => 1,
            Granularity::Day => 24,
        }
    }
}

/// The usage of a workspace over time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSeries {
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The length of time that one point covers.
    pub granularity: Granularity,
    /// One point for each hour or day up to now, oldest first.
    pub points: Vec<UsagePoint>,
}

/// The usage of a workspace over time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSeriesAnswer {
    /// Always true.
    pub ok: bool,
    /// The usage.
    pub series: UsageSeries,
}
