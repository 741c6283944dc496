//! Quotas: limits on the usage of a workspace. The transaction that uses something also counts it.
//!
//! Without a quota policy, the limits of the server's tier apply; a self-hosted server has none. A charge to a limited
//! dimension locks the policy.

use std::collections::BTreeMap;

use axme_api::quotas::Dimensions;
use axme_api::{ApiError, ErrorCode};
use axme_intent::{Json, Time};
use serde_json::json;
use uuid::Uuid;

use super::snapshot::Snapshot;
use super::tier::{self, Allowance};
use crate::auth::placement::RoleSet;
use crate::context::CallContext;
use crate::error::{Error, Result, StoreError};
use axme_store::quotas::{self as store, OverageMode, Policy, QuotaTier};
use axme_store::{Limits, Tally, Tier, Tx, organizations};

const HOUR_MICROS: i64 = 3_600_000_000;

pub(crate) const HOURS_A_DAY: i64 = 24;

/// The slot of an hour that is written under the lock of a policy.
const LOCKED_SLOT: i64 = 0;

/// A dimension of usage that is counted per day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    Intents,
    InboxWrites,
    MediaUploadBytes,
    /// Events, counted once per subscriber.
    WebhookDeliveries,
    SchemaWrites,
}

impl Dimension {
    pub const ALL: [Dimension; 5] = [
        Dimension::Intents,
        Dimension::InboxWrites,
        Dimension::MediaUploadBytes,
        Dimension::WebhookDeliveries,
        Dimension::SchemaWrites,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Dimension::Intents => "intents_per_day",
            Dimension::InboxWrites => "inbox_writes_per_day",
            Dimension::MediaUploadBytes => "media_upload_bytes_per_day",
            Dimension::WebhookDeliveries => "webhook_deliveries_per_day",
            Dimension::SchemaWrites => "schema_writes_per_day",
        }
    }

    pub const fn of(self, dimensions: &mut Dimensions) -> &mut u64 {
        match self {
            Dimension::Intents => &mut dimensions.intents_per_day,
            Dimension::InboxWrites => &mut dimensions.inbox_writes_per_day,
            Dimension::MediaUploadBytes => &mut dimensions.media_upload_bytes_per_day,
            Dimension::WebhookDeliveries => &mut dimensions.webhook_deliveries_per_day,
            Dimension::SchemaWrites => &mut dimensions.schema_writes_per_day,
        }
    }
}

pub fn hour(at: Time) -> i64 {
    at.micros().div_euclid(HOUR_MICROS)
}

pub fn day(at: Time) -> i64 {
    hour(at).div_euclid(HOURS_A_DAY) * HOURS_A_DAY
}

pub(crate) fn at_hour(hour: i64) -> Time {
    Time::from_micros(hour.saturating_mul(HOUR_MICROS))
}

/// Counts the intents that were charged to a workspace today.
pub fn intents_today(tx: &mut Tx<'_>, workspace: Uuid) -> Result<i64> {
    let today = day(tx.now);
    Ok(store::used_since(tx, workspace, Dimension::Intents.as_str(), today)?)
}

/// Counts the intents of a workspace beyond its daily quota, for `start <= day < end`. Returns 0 if overage is not
/// billed.
pub(crate) fn intents_beyond(tx: &mut Tx<'_>, workspace: Uuid, start: Time, end: Time) -> Result<u64> {
    let Some(policy) = store::find_policy(tx, workspace)? else { return Ok(0) };
    let limit = dimensions(&policy)?.intents_per_day;
    if limit == 0 || policy.overage_mode != OverageMode::BillOverage {
        return Ok(0);
    }
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    for (hour, used) in store::list_between(tx, workspace, Dimension::Intents.as_str(), (hour(start), hour(end)))? {
        *days.entry(hour.div_euclid(HOURS_A_DAY)).or_default() += u64::try_from(used).unwrap_or(0);
    }
    Ok(days.values().map(|used| used.saturating_sub(limit)).sum())
}

/// Computes the allowance of a workspace: the limits of its policy; where that sets none, those of the server.
pub(crate) fn allowance(limits: &Limits, policy: Option<&Policy>) -> Result<Allowance, StoreError> {
    let granted = policy.and_then(|policy| policy.tier.granted()).unwrap_or(limits.tier);
    let mut allowance = tier::allowance(granted);
    if let Some(per_minute) = limits.rate_limit_per_minute {
        allowance.dimensions.requests_per_minute = per_minute;
    }
    let Some(policy) = policy else { return Ok(allowance) };
    if !is_hard(policy) {
        // The length of a payload is not usage that adds up, so the tier still limits it.
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

/// Computes the limits to show for a policy, even if they are not enforced.
pub fn shown(limits: &Limits, policy: &Policy) -> Result<Allowance, StoreError> {
    let hard = Policy { hard_enforcement: true, overage_mode: OverageMode::Block, ..policy.clone() };
    allowance(limits, Some(&hard))
}

/// Returns true if a policy refuses usage beyond its limits.
fn is_hard(policy: &Policy) -> bool {
    policy.hard_enforcement && policy.overage_mode == OverageMode::Block
}

/// Refuses `more` of a dimension with a limit on its total. Only removing something lowers the total.
pub(crate) fn check_total(dimension: &'static str, used: u64, more: u64, limit: u64) -> Result<()> {
    if limit == 0 || used.saturating_add(more) <= limit {
        return Ok(());
    }
    Err(QuotaExcess { dimension, used, limit, reset_at: None }.into())
}

/// A request that exceeds a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaExcess {
    dimension: &'static str,
    used: u64,
    limit: u64,
    reset_at: Option<Time>,
}

impl std::fmt::Display for QuotaExcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "quota exceeded for {}", self.dimension)
    }
}

impl From<QuotaExcess> for Error {
    fn from(excess: QuotaExcess) -> Error {
        let error = ApiError::new(ErrorCode::QuotaExceeded, excess.to_string());
        let error = error.with("dimension", excess.dimension).with("used", excess.used);
        error.with("limit", excess.limit).with("reset_at", excess.reset_at.map(|at| at.to_string())).into()
    }
}

/// Counts `more` uses, or refuses them if they exceed the limit. Unlimited uses may be added up until the commit.
/// Limited ones are written under the lock, because the next transaction that takes it must see them.
pub fn charge(tx: &mut Tx<'_>, workspace: Uuid, dimension: Dimension, more: u64) -> Result<()> {
    Ok(try_charge(tx, workspace, dimension, more)?.map_or(Ok(()), Err)?)
}

/// Counts `more` uses, or returns the excess and counts nothing. It is for uses that cannot be refused.
pub(crate) fn try_charge(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    dimension: Dimension,
    more: u64,
) -> Result<Option<QuotaExcess>, StoreError> {
    if more == 0 {
        return Ok(None);
    }
    let tally = Tally { workspace, dimension: dimension.as_str(), hour: hour(tx.now) };
    let count = i64::try_from(more).unwrap_or(i64::MAX);
    // Only charges to a limited dimension wait for the lock.
    if limit(tx, workspace, dimension)? == 0 {
        tx.tally(tally, count)?;
        return Ok(None);
    }
    let mut allowance = lock(tx, workspace)?.unwrap_or_default();
    let limit = *dimension.of(&mut allowance.dimensions);
    if let Some(exceeded) = exceeded(tx, workspace, limit, dimension, more)? {
        return Ok(Some(exceeded));
    }
    store::add(tx, tally, LOCKED_SLOT, count)?;
    Ok(None)
}

/// Refuses uses that could not be charged now. It counts nothing and takes no lock, so it also works in a read
/// transaction.
pub fn check(tx: &mut Tx<'_>, workspace: Uuid, dimension: Dimension, more: u64) -> Result<()> {
    let limit = limit(tx, workspace, dimension)?;
    Ok(exceeded(tx, workspace, limit, dimension, more)?.map_or(Ok(()), Err)?)
}

/// Returns the daily limit of a dimension; 0 for no limit.
fn limit(tx: &mut Tx<'_>, workspace: Uuid, dimension: Dimension) -> Result<u64, StoreError> {
    let mut allowance = current(tx, workspace)?;
    Ok(*dimension.of(&mut allowance.dimensions))
}

/// Returns the allowance of a workspace, without locking its policy.
pub fn current(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Allowance, StoreError> {
    let rules = Snapshot::of(tx, workspace)?;
    if rules.quota.is_none() && !tx.limits.tier.is_hosted() {
        return Ok(Allowance::default());
    }
    allowance(tx.limits, rules.quota.as_ref())
}

fn exceeded(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    limit: u64,
    dimension: Dimension,
    more: u64,
) -> Result<Option<QuotaExcess>, StoreError> {
    if limit == 0 {
        return Ok(None);
    }
    let now = tx.now;
    let used = store::used_since(tx, workspace, dimension.as_str(), day(now))?;
    let used = u64::try_from(used).unwrap_or(0);
    let reset_at = Some(at_hour(day(now) + HOURS_A_DAY));
    let exceeded = QuotaExcess { dimension: dimension.as_str(), used, limit, reset_at };
    Ok((used.saturating_add(more) > limit).then_some(exceeded))
}

pub fn lock(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Option<Allowance>, StoreError> {
    let tier = tx.limits.tier;
    if Snapshot::of(tx, workspace)?.quota.is_none() && !tier.is_hosted() {
        return Ok(None);
    }
    let mut policy = store::lock_policy(tx, workspace)?;
    if policy.is_none() && tier.is_hosted() {
        // A lock needs a row. This one sets no limits, so those of the server still apply.
        let fresh = unsaid(tier, workspace, tx.now);
        store::add_policy(tx, &fresh)?;
        policy = store::lock_policy(tx, workspace)?;
    }
    policy.map(|policy| allowance(tx.limits, Some(&policy))).transpose()
}

/// Reads the tenant that a payload names to be charged: `tenant{org_id, workspace_id}`.
pub(crate) fn named_tenant(payload: &Json) -> Option<(Uuid, Uuid)> {
    let tenant = payload.field("tenant")?;
    let id = |name: &str| Uuid::parse_str(&tenant.field(name)?.string()?).ok();
    Some((id("org_id")?, id("workspace_id")?))
}

/// Charges an intent to the caller's workspace, and to the tenant that its payload names if the caller belongs to that
/// tenant. Naming another tenant is not an error, and avoids no quota.
pub(crate) fn charge_intent(cx: &mut CallContext<'_, '_>, named: Option<(Uuid, Uuid)>) -> Result<()> {
    let own = cx.caller.workspace;
    let mut payers = vec![own];
    if let Some((org, workspace)) = named.filter(|(_, workspace)| *workspace != own) {
        let found = organizations::find_workspace(cx.tx, workspace)?.filter(|found| found.org_id == org);
        if found.is_some() && RoleSet::in_org(cx, org)?.reaches(workspace) {
            payers.push(workspace);
        }
    }
    // In one order, so that two calls that name each other's workspace do not wait for each other.
    payers.sort_unstable();
    payers.into_iter().try_for_each(|payer| charge(cx.tx, payer, Dimension::Intents, 1))
}

/// The default policy of a workspace, which sets no limits.
pub(crate) fn unsaid(tier: Tier, workspace: Uuid, now: Time) -> Policy {
    Policy {
        workspace_id: workspace,
        quota_policy_id: workspace,
        tier: QuotaTier::Custom,
        dimensions: json!(Dimensions::default()).to_string(),
        soft_threshold_percent: 80,
        hard_enforcement: tier.is_hosted(),
        overage_mode: if tier.is_hosted() { OverageMode::Block } else { OverageMode::Grace },
        updated_by: None,
        updated_at: now,
    }
}

pub fn dimensions(policy: &Policy) -> Result<Dimensions, StoreError> {
    serde_json::from_str(&policy.dimensions).map_err(|e| StoreError::Fault(format!("dimensions: {e}")))
}
