//! Quotas: what a workspace may use, and what it has used.
//!
//! What is used is counted in the transaction that uses it. A workspace without a policy has no limits, and pays nothing
//! for the question. One with a policy takes the lock of it when something is counted that it limits.

use std::collections::BTreeMap;

use axme_api::quotas::{
    AskSeries, AskSummary, Dimensions, NamedWorkspace, QuotaAnswer, QuotaPolicy, UpdateQuota, UsagePoint, UsageSeries,
    UsageSeriesAnswer, UsageSummary, UsageSummaryAnswer, Used, UsedDimensions,
};
use axme_api::roles::Permission;
use axme_api::{ApiError, ErrorKind};
use axme_intent::Time;
use serde_json::{Value, json};
use uuid::Uuid;

use super::tenants::{self, Authority, Place};
use super::{check_chars, check_word};
use crate::call::PrepareContext;
use crate::config::Limits;
use crate::cx::CallContext;
use crate::error::{Error, Result, StoreError};
use crate::store::access_requests::AccessRequest;
use crate::store::quotas::{self as store, Policy, Tally};
use crate::store::{Mark, Tx, media, organizations};
use crate::tier::{Allowance, Tier};

const HOUR_MICROS: i64 = 3_600_000_000;
const HOURS_A_DAY: i64 = 24;
/// The row of an hour that is written under the lock of a policy.
const LOCKED_SLOT: i64 = 0;
/// What is left of what has no limit.
const NO_LIMIT: i64 = 2_147_483_647;
/// What a policy has for a tier when none was granted: for what it does not limit, that of the server holds.
const UNSAID: &str = "custom";
/// Longest series that is told by the hour.
const HOURLY_DAYS: u64 = 2;

/// What is counted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    Intents,
    InboxWrites,
    MediaUploadBytes,
    /// Events put into the queue of one subscriber each.
    WebhookDeliveries,
    SchemaWrites,
}

impl Dimension {
    const ALL: [Dimension; 5] = [
        Dimension::Intents,
        Dimension::InboxWrites,
        Dimension::MediaUploadBytes,
        Dimension::WebhookDeliveries,
        Dimension::SchemaWrites,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Dimension::Intents => "intents_per_day",
            Dimension::InboxWrites => "inbox_writes_per_day",
            Dimension::MediaUploadBytes => "media_upload_bytes_per_day",
            Dimension::WebhookDeliveries => "webhook_deliveries_per_day",
            Dimension::SchemaWrites => "schema_writes_per_day",
        }
    }

    const fn of(self, dimensions: &mut Dimensions) -> &mut u64 {
        match self {
            Dimension::Intents => &mut dimensions.intents_per_day,
            Dimension::InboxWrites => &mut dimensions.inbox_writes_per_day,
            Dimension::MediaUploadBytes => &mut dimensions.media_upload_bytes_per_day,
            Dimension::WebhookDeliveries => &mut dimensions.webhook_deliveries_per_day,
            Dimension::SchemaWrites => &mut dimensions.schema_writes_per_day,
        }
    }
}

fn hour(at: Time) -> i64 {
    at.micros().div_euclid(HOUR_MICROS)
}

fn day(at: Time) -> i64 {
    hour(at).div_euclid(HOURS_A_DAY) * HOURS_A_DAY
}

fn at_hour(hour: i64) -> Time {
    Time::from_micros(hour.saturating_mul(HOUR_MICROS))
}

/// How many intents a workspace has been charged for today.
pub(super) fn intents_today(cx: &mut CallContext<'_, '_>, workspace: Uuid) -> Result<i64> {
    Ok(store::used_since(cx.tx, workspace, Dimension::Intents.as_str(), day(cx.now))?)
}

/// How many more intents than its quota allows a workspace has had, day by day, from one midnight to another; none where what
/// is beyond the quota is not billed.
pub fn intents_beyond(tx: &mut Tx<'_>, workspace: Uuid, start: Time, end: Time) -> Result<u64> {
    let Some(policy) = store::find_policy(tx, workspace)? else { return Ok(0) };
    let limit = dimensions(&policy)?.intents_per_day;
    if limit == 0 || policy.overage_mode != "bill_overage" {
        return Ok(0);
    }
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    for (hour, used) in store::list_between(tx, workspace, Dimension::Intents.as_str(), (hour(start), hour(end)))? {
        *days.entry(hour.div_euclid(HOURS_A_DAY)).or_default() += u64::try_from(used).unwrap_or(0);
    }
    Ok(days.values().map(|used| used.saturating_sub(limit)).sum())
}

/// What a workspace may use: as its policy says, and where that says nothing, as the server does.
pub fn allowance(limits: &Limits, policy: Option<&Policy>) -> Result<Allowance, StoreError> {
    let granted = policy.and_then(|policy| Tier::parse(&policy.tier)).unwrap_or(limits.tier);
    let mut allowance = granted.allowance();
    if let Some(per_minute) = limits.rate_limit_per_minute {
        allowance.dimensions.requests_per_minute = per_minute;
    }
    let Some(policy) = policy else { return Ok(allowance) };
    if !is_hard(policy) {
        // How long a payload may be is no use that adds up: it stays what the tier gives.
        return Ok(Allowance { payload_bytes: allowance.payload_bytes, ..Allowance::default() });
    }
    let (said, usual) = (dimensions(policy)?, allowance.dimensions);
    let or = |said: u64, usual: u64| if said == 0 { usual } else { said };
    allowance.dimensions = Dimensions {
        requests_per_minute: or(said.requests_per_minute, usual.requests_per_minute),
        intents_per_day: or(said.intents_per_day, usual.intents_per_day),
        inbox_writes_per_day: or(said.inbox_writes_per_day, usual.inbox_writes_per_day),
        media_upload_bytes_per_day: or(said.media_upload_bytes_per_day, usual.media_upload_bytes_per_day),
        media_storage_bytes: or(said.media_storage_bytes, usual.media_storage_bytes),
        webhook_deliveries_per_day: or(said.webhook_deliveries_per_day, usual.webhook_deliveries_per_day),
        schema_writes_per_day: or(said.schema_writes_per_day, usual.schema_writes_per_day),
    };
    Ok(allowance)
}

/// What a policy says with what the server adds, also where going beyond it is not refused.
pub(super) fn shown(limits: &Limits, policy: &Policy) -> Result<Allowance, StoreError> {
    let hard = Policy { hard_enforcement: true, overage_mode: "block".to_owned(), ..policy.clone() };
    allowance(limits, Some(&hard))
}

/// What goes beyond is refused.
fn is_hard(policy: &Policy) -> bool {
    policy.hard_enforcement && policy.overage_mode == "block"
}

/// What a workspace may use, behind a lock under which it is counted one after the other. `None` without limits.
pub fn lock(cx: &mut CallContext<'_, '_>, workspace: Uuid) -> Result<Option<Allowance>> {
    Ok(Meter::of(cx).lock(workspace)?)
}

/// What a workspace may use, without its lock: for what another lock counts one after the other.
pub(super) fn current(cx: &mut CallContext<'_, '_>, workspace: Uuid) -> Result<Allowance> {
    Ok(Meter::of(cx).current(workspace)?)
}

/// Refuses what there may be no more of. Nothing resets it but taking something away.
pub fn check_total(dimension: &'static str, used: u64, more: u64, limit: u64) -> Result<()> {
    if limit == 0 || used.saturating_add(more) <= limit {
        return Ok(());
    }
    Err(Exceeded { dimension, used, limit, reset_at: None }.into())
}

/// A quota that does not allow what is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    dimension: &'static str,
    used: u64,
    limit: u64,
    reset_at: Option<Time>,
}

impl std::fmt::Display for Exceeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "quota exceeded for {}", self.dimension)
    }
}

impl From<Exceeded> for Error {
    fn from(exceeded: Exceeded) -> Error {
        let error = ApiError::new(ErrorKind::RateLimited, "quota_exceeded", exceeded.to_string());
        let error = error.with("dimension", exceeded.dimension).with("used", exceeded.used);
        error.with("limit", exceeded.limit).with("reset_at", exceeded.reset_at.map(|at| at.to_string())).into()
    }
}

/// Counts in an open transaction what workspaces use.
pub struct Meter<'a, 'tx> {
    pub tx: &'a mut Tx<'tx>,
    pub limits: &'a Limits,
    pub now: Time,
}

impl<'a, 'tx> Meter<'a, 'tx> {
    pub fn of(cx: &'a mut CallContext<'_, 'tx>) -> Meter<'a, 'tx> {
        Meter { tx: cx.tx, limits: cx.limits, now: cx.now }
    }

    /// Counts so many more, or refuses them where they would be too many. Where nothing is limited, uses are added up until
    /// the commit; where something is, the next one to take the lock must see these.
    pub fn charge(&mut self, workspace: Uuid, dimension: Dimension, more: u64) -> Result<()> {
        Ok(self.try_charge(workspace, dimension, more)?.map_or(Ok(()), Err)?)
    }

    /// The same for what cannot be refused: it is not counted, and something else is done with it.
    pub fn try_charge(
        &mut self,
        workspace: Uuid,
        dimension: Dimension,
        more: u64,
    ) -> Result<Option<Exceeded>, StoreError> {
        if more == 0 {
            return Ok(None);
        }
        let tally = Tally { workspace, dimension: dimension.as_str(), hour: hour(self.now) };
        let count = i64::try_from(more).unwrap_or(i64::MAX);
        // The lock is for what is limited: nobody waits for it with anything else.
        if self.limit(workspace, dimension)? == 0 {
            self.tx.tally(tally, count)?;
            return Ok(None);
        }
        let mut allowance = self.lock(workspace)?.unwrap_or_default();
        let limit = *dimension.of(&mut allowance.dimensions);
        if let Some(exceeded) = self.exceeded(workspace, limit, dimension, more)? {
            return Ok(Some(exceeded));
        }
        store::add(self.tx, tally, LOCKED_SLOT, count)?;
        Ok(None)
    }

    /// Refuses what could not be charged now, and counts nothing; without the lock, so also in a transaction that only reads.
    pub fn check(&mut self, workspace: Uuid, dimension: Dimension, more: u64) -> Result<()> {
        let limit = self.limit(workspace, dimension)?;
        Ok(self.exceeded(workspace, limit, dimension, more)?.map_or(Ok(()), Err)?)
    }

    /// How much of a thing a workspace may use in a day; 0 for no limit.
    fn limit(&mut self, workspace: Uuid, dimension: Dimension) -> Result<u64, StoreError> {
        let mut allowance = self.current(workspace)?;
        Ok(*dimension.of(&mut allowance.dimensions))
    }

    /// What a workspace may use, without its lock.
    fn current(&mut self, workspace: Uuid) -> Result<Allowance, StoreError> {
        if !self.is_limited(workspace) {
            return Ok(Allowance::default());
        }
        allowance(self.limits, store::find_policy(self.tx, workspace)?.as_ref())
    }

    fn exceeded(
        &mut self,
        workspace: Uuid,
        limit: u64,
        dimension: Dimension,
        more: u64,
    ) -> Result<Option<Exceeded>, StoreError> {
        if limit == 0 {
            return Ok(None);
        }
        let used = store::used_since(self.tx, workspace, dimension.as_str(), day(self.now))?;
        let used = u64::try_from(used).unwrap_or(0);
        let reset_at = Some(at_hour(day(self.now) + HOURS_A_DAY));
        let exceeded = Exceeded { dimension: dimension.as_str(), used, limit, reset_at };
        Ok((used.saturating_add(more) > limit).then_some(exceeded))
    }

    fn is_limited(&self, workspace: Uuid) -> bool {
        self.limits.tier.is_hosted() || self.tx.has(Mark::Quota, workspace)
    }

    fn lock(&mut self, workspace: Uuid) -> Result<Option<Allowance>, StoreError> {
        if !self.is_limited(workspace) {
            return Ok(None);
        }
        let tier = self.limits.tier;
        let mut policy = store::lock_policy(self.tx, workspace)?;
        if policy.is_none() && tier.is_hosted() {
            // A lock needs a row. This one says nothing, so that the settings of the server stay what holds.
            store::add_policy(self.tx, &unsaid(tier, workspace, self.now))?;
            self.tx.mark(Mark::Quota, workspace);
            policy = store::lock_policy(self.tx, workspace)?;
        }
        policy.map(|policy| allowance(self.limits, Some(&policy))).transpose()
    }
}

/// The workspace that a payload names to be charged: `tenant{org_id, workspace_id}`.
pub fn named_tenant(payload: &Value) -> Option<(Uuid, Uuid)> {
    let tenant = payload.get("tenant")?;
    let id = |name: &str| Uuid::parse_str(tenant.get(name)?.as_str()?).ok();
    Some((id("org_id")?, id("workspace_id")?))
}

/// Whom an intent is charged to: the tenant that its payload names, when the caller belongs to it; else the caller's own
/// workspace. A payload may say what it likes.
pub fn charged(cx: &mut CallContext<'_, '_>, named: Option<(Uuid, Uuid)>) -> Result<Uuid> {
    let own = cx.caller.workspace;
    let Some((org, workspace)) = named.filter(|(_, workspace)| *workspace != own) else { return Ok(own) };
    let found = organizations::find_workspace(cx.tx, workspace)?.filter(|found| found.org_id == org);
    let is_own = found.is_some() && Authority::in_org(cx, org)?.reaches(workspace);
    Ok(if is_own { workspace } else { own })
}

pub fn prepare_get(_: &PrepareContext<'_>, input: NamedWorkspace) -> Result<NamedWorkspace> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, input: &NamedWorkspace) -> Result<QuotaAnswer> {
    let (org, workspace) = (input.org_id.as_deref(), input.workspace_id.as_deref());
    let place = tenants::place(cx, org, workspace, Permission::ViewUsage)?;
    let policy = find(cx, &place)?;
    answer(cx, &place, &policy)
}

/// The policy of a workspace; the one without limits, under the workspace's own id, where there is none.
pub(super) fn find(cx: &mut CallContext<'_, '_>, place: &Place) -> Result<Policy> {
    let known = store::find_policy(cx.tx, place.workspace)?;
    Ok(known.unwrap_or_else(|| unsaid(cx.limits.tier, place.workspace, cx.now)))
}

/// The tier of a policy as people are told it: the one that was granted, the server's where nobody has agreed anything, and
/// no tier at all where the limits were agreed one by one.
pub(super) fn tier_name(limits: &Limits, policy: &Policy) -> &'static str {
    match (Tier::parse(&policy.tier), &policy.updated_by) {
        (Some(granted), _) => granted.as_str(),
        (None, None) => limits.tier.as_str(),
        (None, Some(_)) => UNSAID,
    }
}

/// The policy of a workspace with which nothing was agreed.
fn unsaid(tier: Tier, workspace: Uuid, now: Time) -> Policy {
    Policy {
        workspace_id: workspace,
        quota_policy_id: workspace,
        tier: UNSAID.to_owned(),
        dimensions: json!(Dimensions::default()).to_string(),
        soft_threshold_percent: 80,
        hard_enforcement: tier.is_hosted(),
        overage_mode: if tier.is_hosted() { "block" } else { "grace" }.to_owned(),
        updated_by: None,
        updated_at: now,
    }
}

pub(super) fn dimensions(policy: &Policy) -> Result<Dimensions, StoreError> {
    serde_json::from_str(&policy.dimensions).map_err(|e| StoreError::Fault(format!("dimensions: {e}")))
}

pub fn prepare_update(_: &PrepareContext<'_>, input: UpdateQuota) -> Result<UpdateQuota> {
    check_word("overage_mode", Some(&input.overage_mode), &["block", "grace", "bill_overage"])?;
    check_chars("updated_by_actor_id", input.updated_by_actor_id.as_deref(), 1, 255)?;
    if input.soft_threshold_percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
        return Err(ApiError::invalid("soft_threshold_percent: 1 to 100").into());
    }
    Ok(input)
}

pub fn update(cx: &mut CallContext<'_, '_>, input: &UpdateQuota) -> Result<QuotaAnswer> {
    let place = tenants::place(cx, Some(&input.org_id), Some(&input.workspace_id), Permission::ChangeQuotas)?;
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

/// The policy of a workspace, locked to be changed; a first one where there is none.
fn fresh(cx: &mut CallContext<'_, '_>, workspace: Uuid, updated_by: String) -> Result<Policy> {
    // A lock needs a row: two first changes at once must both be there in the end.
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
    cx.tx.mark(Mark::Quota, policy.workspace_id);
    let line = json!({ "tier": policy.tier, "dimensions": policy.dimensions, "overage_mode": policy.overage_mode });
    Ok(cx.audit_in(policy.workspace_id, action, &policy.quota_policy_id.to_string(), &line)?)
}

/// Gives a workspace the limits of a hosted tier, as was asked for.
pub fn upgrade(cx: &mut CallContext<'_, '_>, request: &AccessRequest) -> Result<()> {
    let workspace = request.workspace_id.unwrap_or(request.from_workspace_id);
    let tier = request.requested_tier.clone().unwrap_or_else(|| "email_verified".to_owned());
    let limits = Tier::parse(&tier).unwrap_or(Tier::EmailVerified).allowance().dimensions;
    let updated_by = cx.caller.actor();
    let policy = Policy { tier, dimensions: json!(limits).to_string(), ..fresh(cx, workspace, updated_by)? };
    put(cx, &policy, "quotas.upgrade")
}

fn answer(cx: &CallContext<'_, '_>, place: &Place, policy: &Policy) -> Result<QuotaAnswer> {
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

pub fn prepare_summary(_: &PrepareContext<'_>, input: AskSummary) -> Result<(AskSummary, i64)> {
    check_word("window", input.window.as_deref(), &["day", "week", "month"])?;
    let days = match input.window.as_deref() {
        Some("week") => 7,
        Some("month") => 30,
        _ => 1,
    };
    Ok((input, days))
}

/// The window ends now; it begins with the first of its days.
pub fn summary(cx: &mut CallContext<'_, '_>, (input, days): &(AskSummary, i64)) -> Result<UsageSummaryAnswer> {
    let (org, workspace) = (input.org_id.as_deref(), input.workspace_id.as_deref());
    let place = tenants::place(cx, org, workspace, Permission::ViewUsage)?;
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

pub fn prepare_series(_: &PrepareContext<'_>, input: AskSeries) -> Result<Span> {
    let days = input.window_days.unwrap_or(30);
    let step_hours = if days <= HOURLY_DAYS { 1 } else { HOURS_A_DAY };
    span(input, days, step_hours)
}

pub fn prepare_rollups(_: &PrepareContext<'_>, input: AskSeries) -> Result<Span> {
    let days = input.window_days.unwrap_or(30);
    span(input, days, HOURS_A_DAY)
}

fn span(input: AskSeries, days: u64, step_hours: i64) -> Result<Span> {
    if !(1..=90).contains(&days) {
        return Err(ApiError::invalid("window_days: 1 to 90").into());
    }
    Ok(Span { input, days, step_hours })
}

/// One point for each hour or day up to now, also where nothing was used.
pub fn series(cx: &mut CallContext<'_, '_>, span: &Span) -> Result<UsageSeriesAnswer> {
    let (org, workspace) = (span.input.org_id.as_deref(), span.input.workspace_id.as_deref());
    let place = tenants::place(cx, org, workspace, Permission::ViewUsage)?;
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
