//! Quotas: what a workspace may use, counted in the transaction that uses it.
//!
//! A workspace without a policy has no limits. One with a policy takes the lock of it when something is counted that it
//! limits.

use std::collections::BTreeMap;

use axme_api::quotas::Dimensions;
use axme_api::{ApiError, ErrorKind};
use axme_intent::Time;
use serde_json::{Value, json};
use uuid::Uuid;

use super::snapshot::Snapshot;
use super::tier::{self, Allowance};
use crate::auth::placement::RoleSet;
use crate::context::CallContext;
use crate::error::{Error, Result, StoreError};
use axme_store::quotas::{self as store, Policy};
use axme_store::{Limits, Tally, Tier, Tx, organizations};

const HOUR_MICROS: i64 = 3_600_000_000;

pub(crate) const HOURS_A_DAY: i64 = 24;

/// The row of an hour that is written under the lock of a policy.
const LOCKED_SLOT: i64 = 0;

/// What a policy has for a tier when none was granted: for what it does not limit, that of the server holds.
pub(crate) const UNSAID: &str = "custom";

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

/// How many intents a workspace has been charged for today.
pub fn intents_today(tx: &mut Tx<'_>, workspace: Uuid) -> Result<i64> {
    let today = day(tx.now);
    Ok(store::used_since(tx, workspace, Dimension::Intents.as_str(), today)?)
}

/// How many more intents than its quota allows a workspace has had, day by day, from one midnight to another; none where what
/// is beyond the quota is not billed.
pub(crate) fn intents_beyond(tx: &mut Tx<'_>, workspace: Uuid, start: Time, end: Time) -> Result<u64> {
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
pub(crate) fn allowance(limits: &Limits, policy: Option<&Policy>) -> Result<Allowance, StoreError> {
    let granted = policy.and_then(|policy| Tier::parse(&policy.tier)).unwrap_or(limits.tier);
    let mut allowance = tier::allowance(granted);
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
pub fn shown(limits: &Limits, policy: &Policy) -> Result<Allowance, StoreError> {
    let hard = Policy { hard_enforcement: true, overage_mode: "block".to_owned(), ..policy.clone() };
    allowance(limits, Some(&hard))
}

/// What goes beyond is refused.
fn is_hard(policy: &Policy) -> bool {
    policy.hard_enforcement && policy.overage_mode == "block"
}

/// Refuses what there may be no more of. Nothing resets it but taking something away.
pub(crate) fn check_total(dimension: &'static str, used: u64, more: u64, limit: u64) -> Result<()> {
    if limit == 0 || used.saturating_add(more) <= limit {
        return Ok(());
    }
    Err(QuotaExcess { dimension, used, limit, reset_at: None }.into())
}

/// A quota that does not allow what is asked for.
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
        let error = ApiError::new(ErrorKind::RateLimited, "quota_exceeded", excess.to_string());
        let error = error.with("dimension", excess.dimension).with("used", excess.used);
        error.with("limit", excess.limit).with("reset_at", excess.reset_at.map(|at| at.to_string())).into()
    }
}

/// Counts so many more, or refuses them where they would be too many. Where nothing is limited, uses are added up until
/// the commit; where something is, the next one to take the lock must see these.
pub fn charge(tx: &mut Tx<'_>, workspace: Uuid, dimension: Dimension, more: u64) -> Result<()> {
    Ok(try_charge(tx, workspace, dimension, more)?.map_or(Ok(()), Err)?)
}

/// The same for what cannot be refused: it is not counted, and something else is done with it.
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
    // The lock is for what is limited: nobody waits for it with anything else.
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

/// Refuses what could not be charged now, and counts nothing; without the lock, so also in a transaction that only reads.
pub fn check(tx: &mut Tx<'_>, workspace: Uuid, dimension: Dimension, more: u64) -> Result<()> {
    let limit = limit(tx, workspace, dimension)?;
    Ok(exceeded(tx, workspace, limit, dimension, more)?.map_or(Ok(()), Err)?)
}

/// How much of a thing a workspace may use in a day; 0 for no limit.
fn limit(tx: &mut Tx<'_>, workspace: Uuid, dimension: Dimension) -> Result<u64, StoreError> {
    let mut allowance = current(tx, workspace)?;
    Ok(*dimension.of(&mut allowance.dimensions))
}

/// What a workspace may use, without its lock.
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
        // A lock needs a row. This one says nothing, so that the settings of the server stay what holds.
        let fresh = unsaid(tier, workspace, tx.now);
        store::add_policy(tx, &fresh)?;
        policy = store::lock_policy(tx, workspace)?;
    }
    policy.map(|policy| allowance(tx.limits, Some(&policy))).transpose()
}

/// The workspace that a payload names to be charged: `tenant{org_id, workspace_id}`.
pub(crate) fn named_tenant(payload: &Value) -> Option<(Uuid, Uuid)> {
    let tenant = payload.get("tenant")?;
    let id = |name: &str| Uuid::parse_str(tenant.get(name)?.as_str()?).ok();
    Some((id("org_id")?, id("workspace_id")?))
}

/// Whom an intent is charged to: the tenant that its payload names, when the caller belongs to it; else the caller's own
/// workspace. A payload may say what it likes.
pub(crate) fn payer(cx: &mut CallContext<'_, '_>, named: Option<(Uuid, Uuid)>) -> Result<Uuid> {
    let own = cx.caller.workspace;
    let Some((org, workspace)) = named.filter(|(_, workspace)| *workspace != own) else { return Ok(own) };
    let found = organizations::find_workspace(cx.tx, workspace)?.filter(|found| found.org_id == org);
    let is_own = found.is_some() && RoleSet::in_org(cx, org)?.reaches(workspace);
    Ok(if is_own { workspace } else { own })
}

/// The policy of a workspace with which nothing was agreed.
pub(crate) fn unsaid(tier: Tier, workspace: Uuid, now: Time) -> Policy {
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

pub fn dimensions(policy: &Policy) -> Result<Dimensions, StoreError> {
    serde_json::from_str(&policy.dimensions).map_err(|e| StoreError::Fault(format!("dimensions: {e}")))
}
