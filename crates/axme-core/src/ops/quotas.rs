//! Quotas: the limits of a workspace, and its usage.
//!
//! Usage is counted in the transaction that causes it. A workspace without a policy has no limits and no extra cost.
//! With a policy, counting what it limits takes the policy's lock.

use axme_api::ApiError;
use axme_api::quotas::{
    AskSeries, AskSummary, Dimensions, NamedWorkspace, QuotaAnswer, QuotaPolicy, UpdateQuota, UsagePoint, UsageSeries,
    UsageSeriesAnswer, UsageSummary, UsageSummaryAnswer, Used, UsedDimensions,
};
use axme_api::roles::Permission;
use serde_json::json;
use uuid::Uuid;

use crate::auth::placement;
use crate::auth::placement::Placement;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_chars, check_word};
use crate::policy::quota::{Dimension, HOURS_A_DAY, UNSAID, at_hour, day, dimensions, hour, shown, unsaid};
use crate::policy::snapshot;
use crate::policy::tier;
use axme_store::access_requests::AccessRequest;
use axme_store::quotas::Policy;
use axme_store::{Limits, Tier, media, quotas as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::quotas::GET, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::quotas::UPDATE, prepare_update, update)),
    Binding::Transaction(&handler(&axme_api::quotas::SUMMARY, prepare_summary, summary)),
    Binding::Transaction(&handler(&axme_api::quotas::TIMESERIES, prepare_series, series)),
    Binding::Transaction(&handler(&axme_api::quotas::ROLLUPS, prepare_rollups, series)),
];

/// The `remaining` of a dimension without a limit.
const NO_LIMIT: i64 = 2_147_483_647;
/// Maximum days of a series with a point per hour.
const HOURLY_DAYS: u64 = 2;

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: NamedWorkspace) -> Result<NamedWorkspace> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, input: &NamedWorkspace) -> Result<QuotaAnswer> {
    let place = placement::place_of(cx, &input.workspace, Permission::ViewUsage)?;
    let policy = find(cx, &place)?;
    answer(cx, &place, &policy)
}

/// Returns the policy of a workspace, or else one that sets nothing, under the workspace's own id.
pub(super) fn find(cx: &mut CallContext<'_, '_>, place: &Placement) -> Result<Policy> {
    let known = store::find_policy(cx.tx, place.workspace)?;
    Ok(known.unwrap_or_else(|| unsaid(cx.limits.tier, place.workspace, cx.now)))
}

/// Returns the tier to show for a policy: the granted tier, or the server's if no policy was set. A policy whose limits
/// were set one by one has none.
pub(super) fn tier_name(limits: &Limits, policy: &Policy) -> &'static str {
    match (Tier::parse(&policy.tier), &policy.updated_by) {
        (Some(granted), _) => granted.as_str(),
        (None, None) => limits.tier.as_str(),
        (None, Some(_)) => UNSAID,
    }
}

pub(crate) fn prepare_update(_: &PrepareContext<'_>, input: UpdateQuota) -> Result<UpdateQuota> {
    check_word("overage_mode", Some(&input.overage_mode), &["block", "grace", "bill_overage"])?;
    check_chars("updated_by_actor_id", input.updated_by_actor_id.as_deref(), 1, 255)?;
    if input.soft_threshold_percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
        return Err(ApiError::invalid("soft_threshold_percent: must be from 1 to 100").into());
    }
    Ok(input)
}

pub fn update(cx: &mut CallContext<'_, '_>, input: &UpdateQuota) -> Result<QuotaAnswer> {
    let place = placement::place(cx, Some(&input.org_id), Some(&input.workspace_id), Permission::ChangeQuotas)?;
    let updated_by = input.updated_by_actor_id.clone().unwrap_or_else(|| cx.caller.actor());
    let known = fresh(cx, place.workspace, updated_by)?;
    let percent = input.soft_threshold_percent.and_then(|percent| i64::try_from(percent).ok());
    let policy = Policy {
        dimensions: json!(input.dimensions.over(&dimensions(&known)?)).to_string(),
        soft_threshold_percent: percent.unwrap_or(known.soft_threshold_percent),
        hard_enforcement: input.hard_enforcement.unwrap_or(known.hard_enforcement),
        overage_mode: input.overage_mode.clone(),
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
        overage_mode: "block".to_owned(),
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
    let tier = request.requested_tier.clone().unwrap_or_else(|| "email_verified".to_owned());
    let limits = tier::allowance(Tier::parse(&tier).unwrap_or(Tier::EmailVerified)).dimensions;
    let updated_by = cx.caller.actor();
    let policy = Policy { tier, dimensions: json!(limits).to_string(), ..fresh(cx, workspace, updated_by)? };
    put(cx, &policy, "quotas.upgrade")
}

fn answer(cx: &CallContext<'_, '_>, place: &Placement, policy: &Policy) -> Result<QuotaAnswer> {
    let quota_policy = QuotaPolicy {
        quota_policy_id: policy.quota_policy_id.to_string(),
        org_id: place.org.to_string(),
        workspace_id: place.workspace.to_string(),
        dimensions: shown(cx.limits, policy)?.dimensions,
        soft_threshold_percent: u64::try_from(policy.soft_threshold_percent).unwrap_or(80),
        hard_enforcement: policy.hard_enforcement,
        overage_mode: policy.overage_mode.clone(),
        updated_by_actor_id: policy.updated_by.clone(),
        updated_at: policy.updated_at.to_string(),
    };
    Ok(QuotaAnswer { ok: true, quota_policy })
}

pub(crate) fn prepare_summary(_: &PrepareContext<'_>, input: AskSummary) -> Result<(AskSummary, i64)> {
    check_word("window", input.window.as_deref(), &["day", "week", "month"])?;
    let days = match input.window.as_deref() {
        Some("week") => 7,
        Some("month") => 30,
        _ => 1,
    };
    Ok((input, days))
}

/// Returns the usage from the start of the window's first day until now.
pub fn summary(cx: &mut CallContext<'_, '_>, (input, days): &(AskSummary, i64)) -> Result<UsageSummaryAnswer> {
    let place = placement::place_of(cx, &input.workspace, Permission::ViewUsage)?;
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
        Used { used, limit, remaining }
    };
    let dimensions = UsedDimensions {
        requests_per_minute: used(sums.requests_per_minute, limits.requests_per_minute, 1),
        intents_per_day: used(sums.intents_per_day, limits.intents_per_day, *days),
        inbox_writes_per_day: used(sums.inbox_writes_per_day, limits.inbox_writes_per_day, *days),
        media_upload_bytes_per_day: used(sums.media_upload_bytes_per_day, limits.media_upload_bytes_per_day, *days),
        media_storage_bytes: used(sums.media_storage_bytes, limits.media_storage_bytes, 1),
        webhook_deliveries_per_day: used(sums.webhook_deliveries_per_day, limits.webhook_deliveries_per_day, *days),
        schema_writes_per_day: used(sums.schema_writes_per_day, limits.schema_writes_per_day, *days),
    };
    let summary = UsageSummary {
        org_id: place.org.to_string(),
        workspace_id: place.workspace.to_string(),
        window_start: at_hour(start).to_string(),
        window_end: cx.now.to_string(),
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
    input: AskSeries,
    days: u64,
    step_hours: i64,
}

pub(crate) fn prepare_series(_: &PrepareContext<'_>, input: AskSeries) -> Result<Span> {
    let days = input.window_days.unwrap_or(30);
    let step_hours = if days <= HOURLY_DAYS { 1 } else { HOURS_A_DAY };
    span(input, days, step_hours)
}

pub(crate) fn prepare_rollups(_: &PrepareContext<'_>, input: AskSeries) -> Result<Span> {
    let days = input.window_days.unwrap_or(30);
    span(input, days, HOURS_A_DAY)
}

fn span(input: AskSeries, days: u64, step_hours: i64) -> Result<Span> {
    if !(1..=90).contains(&days) {
        return Err(ApiError::invalid("window_days: must be from 1 to 90").into());
    }
    Ok(Span { input, days, step_hours })
}

/// Returns a point for each hour or day up to now, including those without usage.
pub fn series(cx: &mut CallContext<'_, '_>, span: &Span) -> Result<UsageSeriesAnswer> {
    let place = placement::place_of(cx, &span.input.workspace, Permission::ViewUsage)?;
    let days = i64::try_from(span.days).unwrap_or(1);
    let start = day(cx.now) - (days - 1) * HOURS_A_DAY;
    let count = (hour(cx.now) - start) / span.step_hours + 1;
    let mut sums = vec![Dimensions::default(); usize::try_from(count).unwrap_or(0)];
    for (name, hour, used) in store::list_since(cx.tx, place.workspace, start)? {
        let place = usize::try_from((hour - start) / span.step_hours).unwrap_or(usize::MAX);
        if let Some(sums) = sums.get_mut(place) {
            add(sums, &name, used);
        }
    }
    let points = (0..)
        .zip(sums)
        .map(|(n, dimensions)| UsagePoint { at: at_hour(start + n * span.step_hours).to_string(), dimensions });
    let series = UsageSeries {
        org_id: place.org.to_string(),
        workspace_id: place.workspace.to_string(),
        granularity: if span.step_hours == 1 { "hour" } else { "day" }.to_owned(),
        points: points.collect(),
    };
    Ok(UsageSeriesAnswer { ok: true, series })
}
