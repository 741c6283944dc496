//! SQL for quota policies and usage. Usage is counted per hour, in several rows (slots), so that connections need not
//! wait for one another.

use axme_intent::Time;
pub use axme_types::quotas::{OverageMode, QuotaTier};
use uuid::Uuid;

use super::{Row, Tally, Tx};
use crate::error::StoreError;

/// Longer than the 90 days of a series, and than the year that a yearly invoice covers.
const KEPT_DAYS: u64 = 400;

#[derive(Debug, Clone)]
pub struct Policy {
    pub workspace_id: Uuid,
    pub quota_policy_id: Uuid,
    pub tier: QuotaTier,
    /// JSON.
    pub dimensions: String,
    pub soft_threshold_percent: i64,
    pub hard_enforcement: bool,
    pub overage_mode: OverageMode,
    pub updated_by: Option<String>,
    pub updated_at: Time,
}

fn policy(row: &Row) -> Result<Policy, StoreError> {
    Ok(Policy {
        workspace_id: row.uuid(0)?,
        quota_policy_id: row.uuid(1)?,
        tier: row.word(2, QuotaTier::parse)?,
        dimensions: row.string(3)?,
        soft_threshold_percent: row.int(4)?,
        hard_enforcement: row.int(5)? != 0,
        overage_mode: row.word(6, OverageMode::parse)?,
        updated_by: row.opt_string(7)?,
        updated_at: row.time(8)?,
    })
}

/// A statement that reads whole policies.
macro_rules! policies {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, quota_policy_id, tier, dimensions, soft_threshold_percent, hard_enforcement, \
             overage_mode, updated_by, updated_at FROM quota_policies ",
            $rest
        )
    };
}

pub fn find_policy(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Option<Policy>, StoreError> {
    let row = tx.row(policies!("WHERE workspace_id = $1"), &[workspace.into()])?;
    row.as_ref().map(policy).transpose()
}

/// Finds and locks the quota policy of a workspace, so that charges against it run one after another.
pub fn lock_policy(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Option<Policy>, StoreError> {
    tx.holds_shared_lock();
    let row = tx.row(policies!("WHERE workspace_id = $1 FOR UPDATE"), &[workspace.into()])?;
    row.as_ref().map(policy).transpose()
}

/// Adds a policy to a workspace without one.
pub fn add_policy(tx: &mut Tx<'_>, p: &Policy) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO quota_policies (workspace_id, quota_policy_id, tier, dimensions, soft_threshold_percent, \
         hard_enforcement, overage_mode, updated_by, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (workspace_id) DO NOTHING",
        &[
            p.workspace_id.into(),
            p.quota_policy_id.into(),
            p.tier.as_str().into(),
            (&p.dimensions).into(),
            p.soft_threshold_percent.into(),
            p.hard_enforcement.into(),
            p.overage_mode.as_str().into(),
            p.updated_by.as_ref().into(),
            p.updated_at.into(),
        ],
    )
}

/// Creates or updates the policy of a workspace. Its id stays.
pub fn put_policy(tx: &mut Tx<'_>, p: &Policy) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO quota_policies (workspace_id, quota_policy_id, tier, dimensions, soft_threshold_percent, \
         hard_enforcement, overage_mode, updated_by, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (workspace_id) DO UPDATE SET tier = excluded.tier, dimensions = excluded.dimensions, \
         soft_threshold_percent = excluded.soft_threshold_percent, hard_enforcement = excluded.hard_enforcement, \
         overage_mode = excluded.overage_mode, updated_by = excluded.updated_by, updated_at = excluded.updated_at",
        &[
            p.workspace_id.into(),
            p.quota_policy_id.into(),
            p.tier.as_str().into(),
            (&p.dimensions).into(),
            p.soft_threshold_percent.into(),
            p.hard_enforcement.into(),
            p.overage_mode.as_str().into(),
            p.updated_by.as_ref().into(),
            p.updated_at.into(),
        ],
    )
}

/// Adds `count` uses to one slot of an hour.
pub fn add(tx: &mut Tx<'_>, tally: Tally, slot: i64, count: i64) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO usage_slots (workspace_id, dimension, hour, slot, used) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (workspace_id, dimension, hour, slot) DO UPDATE SET used = usage_slots.used + excluded.used",
        &[tally.workspace.into(), tally.dimension.into(), tally.hour.into(), slot.into(), count.into()],
    )
}

/// Sums the usage of one dimension from an hour on.
pub fn used_since(tx: &mut Tx<'_>, workspace: Uuid, dimension: &str, hour: i64) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM usage_slots \
         WHERE workspace_id = $1 AND dimension = $2 AND hour >= $3",
        &[workspace.into(), dimension.into(), hour.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Lists the usage of one dimension per hour, for `first <= hour < end`.
pub fn list_between(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    dimension: &str,
    (first, end): (i64, i64),
) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows = tx.rows(
        "SELECT hour, CAST(SUM(used) AS BIGINT) FROM usage_slots \
         WHERE workspace_id = $1 AND dimension = $2 AND hour >= $3 AND hour < $4 GROUP BY hour",
        &[workspace.into(), dimension.into(), first.into(), end.into()],
    )?;
    rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
}

/// Lists the usage from an hour on: dimension, hour and amount.
pub fn list_since(tx: &mut Tx<'_>, workspace: Uuid, hour: i64) -> Result<Vec<(String, i64, i64)>, StoreError> {
    let rows = tx.rows(
        "SELECT dimension, hour, CAST(SUM(used) AS BIGINT) FROM usage_slots WHERE workspace_id = $1 AND hour >= $2 \
         GROUP BY dimension, hour",
        &[workspace.into(), hour.into()],
    )?;
    rows.iter().map(|row| Ok((row.string(0)?, row.int(1)?, row.int(2)?))).collect()
}

/// Deletes up to `limit` rows of usage that are more than `KEPT_DAYS` older than a time. Returns how many.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let hour = before.minus_millis(KEPT_DAYS * 24 * 3_600_000).micros().div_euclid(3_600_000_000);
    let rows = tx.rows(
        "SELECT workspace_id, dimension, hour, slot FROM usage_slots WHERE hour < $1 AND workspace_id NOT IN \
         (SELECT workspace_id FROM retention_rules WHERE held = 1) ORDER BY hour LIMIT $2",
        &[hour.into(), limit.into()],
    )?;
    for row in &rows {
        tx.push(
            "DELETE FROM usage_slots WHERE workspace_id = $1 AND dimension = $2 AND hour = $3 AND slot = $4",
            &[row.uuid(0)?.into(), row.text(1)?.into(), row.int(2)?.into(), row.int(3)?.into()],
        )?;
    }
    Ok(rows.len())
}
