//! SQL for billing plans. A workspace has at most one plan. Amounts are in the minor unit of its currency, and its row
//! has the current period.

use axme_intent::Time;
pub use axme_types::billing::BillingCycle;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Plan {
    pub workspace_id: Uuid,
    pub billing_plan_id: Uuid,
    pub plan_code: String,
    pub currency: String,
    pub billing_cycle: BillingCycle,
    pub monthly_commit_minor: i64,
    pub seats_included: i64,
    pub overage_unit_price_minor: i64,
    pub updated_by: Option<String>,
    /// JSON.
    pub metadata: String,
    pub created_at: Time,
    pub updated_at: Time,
    /// The current period, from here up to `period_end`.
    pub period_start: Time,
    pub period_end: Time,
}

/// A statement that reads whole plans.
macro_rules! plans {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, billing_plan_id, plan_code, currency, billing_cycle, monthly_commit_minor, \
             seats_included, overage_unit_price_minor, updated_by, metadata, created_at, updated_at, \
             period_start, period_end FROM billing_plans ",
            $rest
        )
    };
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Option<Plan>, StoreError> {
    let row = tx.row(plans!("WHERE workspace_id = $1"), &[workspace.into()])?;
    row.as_ref().map(plan).transpose()
}

/// Finds and locks the plan of a workspace.
pub fn lock(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Option<Plan>, StoreError> {
    let row = tx.row(plans!("WHERE workspace_id = $1 FOR UPDATE"), &[workspace.into()])?;
    row.as_ref().map(plan).transpose()
}

/// Lists workspaces whose period has ended.
pub fn list_over(tx: &mut Tx<'_>, now: Time, limit: i64) -> Result<Vec<Uuid>, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id FROM billing_plans WHERE period_end <= $1 ORDER BY period_end LIMIT $2",
        &[now.into(), limit.into()],
    )?;
    rows.iter().map(|row| row.uuid(0)).collect()
}

pub fn set_period(tx: &mut Tx<'_>, workspace: Uuid, start: Time, end: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE billing_plans SET period_start = $1, period_end = $2 WHERE workspace_id = $3",
        &[start.into(), end.into(), workspace.into()],
    )
}

fn plan(row: &Row) -> Result<Plan, StoreError> {
    Ok(Plan {
        workspace_id: row.uuid(0)?,
        billing_plan_id: row.uuid(1)?,
        plan_code: row.string(2)?,
        currency: row.string(3)?,
        billing_cycle: row.word(4, BillingCycle::parse)?,
        monthly_commit_minor: row.int(5)?,
        seats_included: row.int(6)?,
        overage_unit_price_minor: row.int(7)?,
        updated_by: row.opt_string(8)?,
        metadata: row.string(9)?,
        created_at: row.time(10)?,
        updated_at: row.time(11)?,
        period_start: row.time(12)?,
        period_end: row.time(13)?,
    })
}

/// Creates or updates the plan of a workspace. Its id, creation time and start of the period stay.
pub fn put(tx: &mut Tx<'_>, p: &Plan) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO billing_plans (workspace_id, billing_plan_id, plan_code, currency, billing_cycle, monthly_commit_minor, \
         seats_included, overage_unit_price_minor, updated_by, metadata, created_at, updated_at, period_start, period_end) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (workspace_id) DO UPDATE \
         SET plan_code = excluded.plan_code, currency = excluded.currency, billing_cycle = excluded.billing_cycle, \
         monthly_commit_minor = excluded.monthly_commit_minor, seats_included = excluded.seats_included, \
         overage_unit_price_minor = excluded.overage_unit_price_minor, updated_by = excluded.updated_by, \
         metadata = excluded.metadata, updated_at = excluded.updated_at, period_end = excluded.period_end",
        &[
            p.workspace_id.into(),
            p.billing_plan_id.into(),
            (&p.plan_code).into(),
            (&p.currency).into(),
            p.billing_cycle.as_str().into(),
            p.monthly_commit_minor.into(),
            p.seats_included.into(),
            p.overage_unit_price_minor.into(),
            p.updated_by.as_ref().into(),
            (&p.metadata).into(),
            p.created_at.into(),
            p.updated_at.into(),
            p.period_start.into(),
            p.period_end.into(),
        ],
    )
}
