//! SQL for invoices: one per billing plan and period, with the plan's terms at the end of the period. An invoice is a
//! draft until it is issued.

use axme_intent::Time;
use axme_types::billing::BillingCycle;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Invoice {
    pub workspace: Uuid,
    pub id: Uuid,
    pub billing_plan_id: Uuid,
    pub plan_code: String,
    pub billing_cycle: BillingCycle,
    pub currency: String,
    /// The committed amount of the whole period, in the minor unit of `currency`.
    pub commit_minor: i64,
    pub seats_included: i64,
    pub seats_used: i64,
    pub overage_unit_price_minor: i64,
    pub overage_units: i64,
    pub period_start: Time,
    pub period_end: Time,
    /// `None` for a draft.
    pub issued_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
}

pub fn insert(tx: &mut Tx<'_>, invoice: &Invoice) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO invoices (workspace_id, invoice_id, billing_plan_id, plan_code, billing_cycle, currency, commit_minor, \
         seats_included, seats_used, overage_unit_price_minor, overage_units, period_start, period_end, issued_at, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        &[
            invoice.workspace.into(),
            invoice.id.into(),
            invoice.billing_plan_id.into(),
            (&invoice.plan_code).into(),
            invoice.billing_cycle.as_str().into(),
            (&invoice.currency).into(),
            invoice.commit_minor.into(),
            invoice.seats_included.into(),
            invoice.seats_used.into(),
            invoice.overage_unit_price_minor.into(),
            invoice.overage_units.into(),
            invoice.period_start.into(),
            invoice.period_end.into(),
            invoice.issued_at.into(),
            invoice.created_at.into(),
            invoice.updated_at.into(),
        ],
    )
}

/// Issues a draft with the final overage. Does nothing if another node has issued it.
pub fn issue(tx: &mut Tx<'_>, invoice: &Invoice, overage_units: i64, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE invoices SET overage_units = $1, issued_at = $2, updated_at = $3 \
         WHERE workspace_id = $4 AND invoice_id = $5 AND issued_at IS NULL",
        &[overage_units.into(), now.into(), now.into(), invoice.workspace.into(), invoice.id.into()],
    )
}

/// A statement that reads whole invoices.
macro_rules! invoices {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, invoice_id, billing_plan_id, plan_code, billing_cycle, currency, commit_minor, \
             seats_included, seats_used, overage_unit_price_minor, overage_units, period_start, period_end, \
             issued_at, created_at, updated_at FROM invoices ",
            $rest
        )
    };
}

/// Lists drafts of periods that ended at or before a time.
pub fn list_drafts(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<Vec<Invoice>, StoreError> {
    let rows = tx.rows(
        invoices!("WHERE period_end <= $1 AND issued_at IS NULL ORDER BY period_end LIMIT $2"),
        &[before.into(), limit.into()],
    )?;
    rows.iter().map(invoice).collect()
}

/// Lists invoices of a workspace, newest first: drafts, issued ones, or both.
pub fn list(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    is_issued: Option<bool>,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Invoice>, StoreError> {
    let (least, most) = is_issued.map_or((0, 1), |is| (i64::from(is), i64::from(is)));
    let rows = tx.rows(
        invoices!(
            "WHERE workspace_id = $1 AND invoice_id < $2 \
             AND CAST(CASE WHEN issued_at IS NULL THEN 0 ELSE 1 END AS BIGINT) BETWEEN $3 AND $4 ORDER BY invoice_id DESC LIMIT $5"
        ),
        &[workspace.into(), before.into(), least.into(), most.into(), limit.into()],
    )?;
    rows.iter().map(invoice).collect()
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Invoice>, StoreError> {
    let row = tx.row(invoices!("WHERE workspace_id = $1 AND invoice_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(invoice).transpose()
}

fn invoice(row: &Row) -> Result<Invoice, StoreError> {
    Ok(Invoice {
        workspace: row.uuid(0)?,
        id: row.uuid(1)?,
        billing_plan_id: row.uuid(2)?,
        plan_code: row.string(3)?,
        billing_cycle: row.word(4, BillingCycle::parse)?,
        currency: row.string(5)?,
        commit_minor: row.int(6)?,
        seats_included: row.int(7)?,
        seats_used: row.int(8)?,
        overage_unit_price_minor: row.int(9)?,
        overage_units: row.int(10)?,
        period_start: row.time(11)?,
        period_end: row.time(12)?,
        issued_at: row.opt_time(13)?,
        created_at: row.time(14)?,
        updated_at: row.time(15)?,
    })
}
