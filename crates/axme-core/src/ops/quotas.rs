//! Quotas: the limits of a workspace, and its usage.
//!
//! Usage is counted in the transaction that causes it. A workspace without a policy has no limits and no extra cost.
//! With a policy, counting what it limits takes the policy's lock.

use axme_api::quotas::{
    Dimensions, GetUsageSeries, GetUsageSummary, Granularity, QuotaAnswer, QuotaPolicy, UpdateQuota, Usage,
    UsageDimensions, UsagePoint, UsageSeries, UsageSeriesAnswer, UsageSummary, UsageSummaryAnswer, UsageWindow,
    WorkspaceQuery,
};
use axme_api::roles::Permission;
use axme_api::{Number, WorkspaceRef};
use serde_json::json;
use uuid::Uuid;

use crate::auth::placement;
use crate::auth::placement::Placement;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::check_chars;
use crate::policy::quota::{Dimension, HOURS_A_DAY, at_hour, day, dimensions, hour, shown, unsaid};
use crate::policy::snapshot;
use crate::policy::tier;
use axme_store::access_requests::AccessRequest;
use axme_store::quotas::{OverageMode, Policy, QuotaTier};
use axme_store::{Limits, Tier, media, quotas as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::quotas::GET, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::quotas::UPDATE, prepare_update, update)),
    Binding::Transaction(&handler(&axme_api::quotas::SUMMARY, prepare_summary, summary)),
    Binding::Transaction(&handler(&axme_api::quotas::TIMESERIES, prepare_series, series)),
    Binding::Transaction(&handler(&axme_api::quotas::ROLLUPS, prepare_rollups, series)),
];

/// Stands for "no limit" where a number is required: `remaining`, and the limits of the portal.
pub(super) const NO_LIMIT: i64 = 2_147_483_647;
/// Maximum days of a series with a point per hour.
const HOURLY_DAYS: u64 = 2;
/// Days of a series whose caller names none.
const DEFAULT_DAYS: u64 = 30;

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: WorkspaceQuery) -> Result<WorkspaceQuery> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, input: &WorkspaceQuery) -> Result<QuotaAnswer> {
    let place = placement::place_of(cx, &input.workspace, Permission::ViewUsage)?;
    let policy = find(cx, &place)?;
    answer(cx, &place, &policy)
}

/// Returns the policy of a workspace, or else one that sets nothing, under the workspace's own id.
pub(super) fn find(cx: &mut CallContext<'_, '_>, place: &Placement) -> Result<Policy> {
    let known = store::find_policy(cx.tx, place.workspace)?;
    Ok(known.unwrap_or_else(|| unsaid(cx.limits.tier, place.workspace, cx.now)))
}

/// Returns the tier to show for a policy: the granted tier, or the server's if no policy was set.
pub(super) fn shown_tier(limits: &Limits, policy: &Policy) -> QuotaTier {
    match (policy.tier, &policy.updated_by) {
        (QuotaTier::Custom, None) => limits.tier.into(),
        (tier, _) => tier,
    }
}

pub(crate) fn prepare_update(_: &PrepareContext<'_>, input: UpdateQuota) -> Result<UpdateQuota> {
    check_chars("updated_by_actor_id", input.updated_by_actor_id.as_deref(), 1, 255)?;
    Ok(input)
}

pub fn update(cx: &mut CallContext<'_, '_>, input: &UpdateQuota) -> Result<QuotaAnswer> {
    let place = placement::place(cx, Some(&input.org_id), Some(&input.workspace_id), Permission::ChangeQuotas)?;
    let updated_by = input.updated_by_actor_id.clone().unwrap_or_else(|| cx.caller.actor());
    let known = fresh(cx, place.workspace, updated_by)?;
    let percent = input.soft_threshold_percent.and_then(|percent| i64::try_from(percent.get()).ok());
    let policy = Policy {
        dimensions: json!(input.dimensions.over(&dimensions(&known)?)).to_string(),
        soft_threshold_percent: percent.unwrap_or(known.soft_threshold_percent),
        hard_enforcement: input.hard_enforcement.unwrap_or(known.hard_enforcement),
        overage_mode: input.overage_mode,
        ..known
    };
    put(cx, &policy, "quotas.update")?;
    answer(cx, &place, &policy)
}

/// Returns the policy of a workspace, locked for a change; a first one if none was set.
fn fresh(cx: &mut CallContext<'_, '_>, workspace: Uuid, updated_by: String) -> Result<Policy> {
    // A lock needs a row. Without it, one of two concurrent first changes would be lost.
    store::add_policy(cx.tx, &unsaid(cx.limits.tier, workspace, cx.now))?;
    let known = store::lock_policy(cx.tx, workspace)?;
    let first = || Policy {
        hard_enforcement: true,
        overage_mode: OverageMode::Block,
        ..unsaid(cx.limits.tier, workspace, cx.now)
    };
    let agreed = known.clone().filter(|policy| policy.updated_by.is_some()).unwrap_or_else(first);
    Ok(Policy { updated_by: Some(updated_by), updated_at: cx.now, ..agreed })
}

fn put(cx: &mut CallContext<'_, '_>, policy: &Policy, action: &str) -> Result<()> {
    store::put_policy(cx.tx, policy)?;
    snapshot::changed(cx.tx, policy.workspace_id)?;
    let line = json!({ "tier": policy.tier, "dimensions": policy.dimensions, "overage_mode": policy.overage_mode });
    Ok(cx.audit_in(policy.workspace_id, action, &policy.quota_policy_id.to_string(), &line)?)
}

/// Gives a workspace the limits of the hosted tier that a request names.
pub fn upgrade(cx: &mut CallContext<'_, '_>, request: &AccessRequest) -> Result<()> {
    let workspace = request.workspace_id.unwrap_or(request.from_workspace_id);
    let tier = request.requested_tier.map_or(Tier::EmailVerified, Tier::from);
    let limits = tier::allowance(tier).dimensions;
    let updated_by = cx.caller.actor();
    let policy =
        Policy { tier: tier.into(), dimensions: json!(limits).to_string(), ..fresh(cx, workspace, updated_by)? };
    put(cx, &policy, "quotas.upgrade")
}

fn answer(cx: &CallContext<'_, '_>, place: &Placement, policy: &Policy) -> Result<QuotaAnswer> {
    let quota_policy = QuotaPolicy {
        quota_policy_id: policy.quota_policy_id.into(),
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        dimensions: shown(cx.limits, policy)?.dimensions,
        soft_threshold_percent: u64::try_from(policy.soft_threshold_percent).unwrap_or(80),
        hard_enforcement: policy.hard_enforcement,
        overage_mode: policy.overage_mode,
        updated_by_actor_id: policy.updated_by.clone(),
        updated_at: policy.updated_at.into(),
    };
    Ok(QuotaAnswer { ok: true, quota_policy })
}

pub(crate) fn prepare_summary(_: &PrepareContext<'_>, input: GetUsageSummary) -> Result<GetUsageSummary> {
    Ok(input)
}

/// Returns the usage from the start of the window's first day until now.
pub fn summary(cx: &mut CallContext<'_, '_>, input: &GetUsageSummary) -> Result<UsageSummaryAnswer> {
    let place = placement::place_of(cx, &input.workspace, Permission::ViewUsage)?;
    let days = i64::from(input.window.unwrap_or(UsageWindow::Day).days());
    let start = day(cx.now) - (days - 1) * HOURS_A_DAY;
    let limits = shown(cx.limits, &find(cx, &place)?)?.dimensions;
    let mut sums = Dimensions::default();
    for (name, _, used) in store::list_since(cx.tx, place.workspace, start)? {
        add(&mut sums, &name, used);
    }
    sums.media_storage_bytes = u64::try_from(media::sum_bytes(cx.tx, place.workspace, cx.now)?).unwrap_or(0);
    let used = |used: u64, limit: u64, days: i64| {
        let limit = limit.saturating_mul(u64::try_from(days).unwrap_or(1));
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let remaining = if limit == 0 { NO_LIMIT } else { whole(limit).saturating_sub(whole(used)) };
        Usage { used, limit, remaining }
    };
    let dimensions = UsageDimensions {
        requests_per_minute: used(sums.requests_per_minute, limits.requests_per_minute, 1),
        intents_per_day: used(sums.intents_per_day, limits.intents_per_day, days),
        inbox_writes_per_day: used(sums.inbox_writes_per_day, limits.inbox_writes_per_day, days),
        media_upload_bytes_per_day: used(sums.media_upload_bytes_per_day, limits.media_upload_bytes_per_day, days),
        media_storage_bytes: used(sums.media_storage_bytes, limits.media_storage_bytes, 1),
        webhook_deliveries_per_day: used(sums.webhook_deliveries_per_day, limits.webhook_deliveries_per_day, days),
        schema_writes_per_day: used(sums.schema_writes_per_day, limits.schema_writes_per_day, days),
    };
    let summary = UsageSummary {
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        window_start: at_hour(start).into(),
        window_end: cx.now.into(),
        dimensions,
    };
    Ok(UsageSummaryAnswer { ok: true, summary })
}

fn add(sums: &mut Dimensions, name: &str, used: i64) {
    if let Some(dimension) = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == name) {
        *dimension.of(sums) += u64::try_from(used).unwrap_or(0);
    }
}

pub struct Span {
    workspace: WorkspaceRef,
    days: u64,
    granularity: Granularity,
}

pub(crate) fn prepare_series(_: &PrepareContext<'_>, input: GetUsageSeries) -> Result<Span> {
    let days = days(&input);
    let granularity = if days <= HOURLY_DAYS { Granularity::Hour } else { Granularity::Day };
    Ok(Span { workspace: input.workspace, days, granularity })
}

pub(crate) fn prepare_rollups(_: &PrepareContext<'_>, input: GetUsageSeries) -> Result<Span> {
    Ok(Span { days: days(&input), workspace: input.workspace, granularity: Granularity::Day })
}

fn days(input: &GetUsageSeries) -> u64 {
    input.window_days.map_or(DEFAULT_DAYS, Number::get)
}

/// Returns a point for each hour or day up to now, including those without usage.
pub fn series(cx: &mut CallContext<'_, '_>, span: &Span) -> Result<UsageSeriesAnswer> {
    let place = placement::place_of(cx, &span.workspace, Permission::ViewUsage)?;
    let step_hours = i64::from(span.granularity.hours());
    let days = i64::try_from(span.days).unwrap_or(1);
    let start = day(cx.now) - (days - 1) * HOURS_A_DAY;
    let count = (hour(cx.now) - start) / step_hours + 1;
    let mut sums = vec![Dimensions::default(); usize::try_from(count).unwrap_or(0)];
    for (name, hour, used) in store::list_since(cx.tx, place.workspace, start)? {
        let place = usize::try_from((hour - start) / step_hours).unwrap_or(usize::MAX);
        if let Some(sums) = sums.get_mut(place) {
            add(sums, &name, used);
        }
    }
    let points =
        (0..).zip(sums).map(|(n, dimensions)| UsagePoint { at: at_hour(start + n * step_hours).into(), dimensions });
    let series = UsageSeries {
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        granularity: span.granularity,
        points: points.collect(),
    };
    Ok(UsageSeriesAnswer { ok: true, series })
}
