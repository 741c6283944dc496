//! Invoices: the amount due for a billing plan in one period. They are records; no money is collected.
//!
//! A period begins at midnight UTC, on the day of the month when the plan was created, and lasts a month or a year. At
//! its end, the server writes a draft with the plan's current terms. A day later it counts the usage again, because
//! other nodes may have counted late, and issues the invoice.

use axme_api::billing::{
    BillingCycle, GetInvoice, Invoice as View, InvoiceAnswer, InvoiceList, InvoiceStatus, ListInvoices,
};
use axme_api::roles::Permission;
use axme_api::{ApiError, Timestamp};
use axme_intent::Time;
use serde_json::json;
use uuid::Uuid;

use crate::auth::placement::{InWorkspace, Placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{read_before, read_id};
use crate::policy::quota;
use axme_store::invoices::Invoice;
use axme_store::{Tx, billing, invoices as store, members};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::billing::INVOICES, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::billing::INVOICE, prepare_get, get)),
];

/// How long an invoice stays a draft.
pub const DRAFT_SECONDS: u64 = 86_400;

/// Returns the end of a period that begins at a midnight, on the day of the month when the plan was created.
pub fn period_end(start: Time, cycle: BillingCycle, made_at: Time) -> Time {
    start.day_in_months(cycle.months(), made_at.day_of_month())
}

/// Closes the period of a workspace's plan if it has ended: writes the invoice and begins the next period.
pub fn close(tx: &mut Tx<'_>, workspace: Uuid) -> Result<()> {
    let rng = tx.rng;
    let now = tx.now;
    let Some(plan) = billing::lock(tx, workspace)?.filter(|plan| plan.period_end <= now) else { return Ok(()) };
    let (start, end) = (plan.period_start, plan.period_end);
    billing::set_period(tx, workspace, end, period_end(end, plan.billing_cycle, plan.created_at))?;
    if start == end {
        return Ok(());
    }
    let invoice = Invoice {
        workspace,
        id: rng.uuid_at(now),
        billing_plan_id: plan.billing_plan_id,
        commit_minor: plan.monthly_commit_minor.saturating_mul(plan.billing_cycle.months().into()),
        plan_code: plan.plan_code,
        billing_cycle: plan.billing_cycle,
        currency: plan.currency,
        seats_included: plan.seats_included,
        seats_used: members::count_in(tx, workspace)?,
        overage_unit_price_minor: plan.overage_unit_price_minor,
        overage_units: count(tx, workspace, start, end)?,
        period_start: start,
        period_end: end,
        issued_at: None,
        created_at: now,
        updated_at: now,
    };
    Ok(store::insert(tx, &invoice)?)
}

/// Issues a draft a day after its period, with its usage counted again.
pub fn issue(tx: &mut Tx<'_>, draft: &Invoice) -> Result<()> {
    let now = tx.now;
    let units = count(tx, draft.workspace, draft.period_start, draft.period_end)?;
    Ok(store::issue(tx, draft, units, now)?)
}

fn count(tx: &mut Tx<'_>, workspace: Uuid, start: Time, end: Time) -> Result<i64> {
    Ok(i64::try_from(quota::intents_beyond(tx, workspace, start, end)?).unwrap_or(i64::MAX))
}

pub struct InvoiceQuery {
    /// `None` for all.
    status: Option<InvoiceStatus>,
    before: Uuid,
    limit: i64,
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListInvoices) -> Result<InWorkspace<InvoiceQuery>> {
    let before = read_before(input.before.as_deref(), Uuid::max(), "an invoice id")?;
    let wanted = InvoiceQuery { status: input.status, before, limit: input.limit.items()? };
    Ok(InWorkspace::new(input.workspace, wanted))
}

pub fn list(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<InvoiceQuery>) -> Result<InvoiceList> {
    let (place, wanted) = (asked.place(cx, Permission::ViewBilling)?, &asked.what);
    let is_issued = match wanted.status {
        None => None,
        Some(InvoiceStatus::Draft) => Some(false),
        Some(InvoiceStatus::Issued) => Some(true),
        Some(InvoiceStatus::Paid | InvoiceStatus::Overdue | InvoiceStatus::Void) => {
            return Ok(InvoiceList { ok: true, invoices: Vec::new() });
        }
    };
    let found = store::list(cx.tx, place.workspace, is_issued, wanted.before, wanted.limit)?;
    Ok(InvoiceList { ok: true, invoices: found.into_iter().map(|invoice| view(&place, invoice)).collect() })
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetInvoice) -> Result<InWorkspace<Uuid>> {
    let id = read_id("invoice", &input.invoice_id)?;
    Ok(InWorkspace::new(input.workspace, id))
}

pub fn get(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Uuid>) -> Result<InvoiceAnswer> {
    let place = asked.place(cx, Permission::ViewBilling)?;
    let found = store::find(cx.tx, place.workspace, asked.what)?;
    let invoice = found.ok_or_else(|| ApiError::not_found(format!("invoice {}", asked.what)))?;
    Ok(InvoiceAnswer { ok: true, invoice: view(&place, invoice) })
}

fn view(place: &Placement, invoice: Invoice) -> View {
    let amount = |n: i64| u64::try_from(n).unwrap_or(0);
    let overage = amount(invoice.overage_units).saturating_mul(amount(invoice.overage_unit_price_minor));
    let total = amount(invoice.commit_minor).saturating_add(overage);
    let metadata = json!({
        "plan_code": invoice.plan_code,
        "billing_cycle": invoice.billing_cycle,
        "commit_minor": invoice.commit_minor,
        "overage_units": invoice.overage_units,
        "overage_unit_price_minor": invoice.overage_unit_price_minor,
        "overage_minor": overage,
        "seats_included": invoice.seats_included,
        "seats_used": invoice.seats_used,
    });
    View {
        invoice_id: invoice.id.into(),
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        billing_plan_id: Some(invoice.billing_plan_id.into()),
        period_start: invoice.period_start.into(),
        period_end: invoice.period_end.into(),
        subtotal_minor: total,
        total_minor: total,
        currency: invoice.currency,
        status: if invoice.issued_at.is_some() { InvoiceStatus::Issued } else { InvoiceStatus::Draft },
        due_at: None,
        issued_at: invoice.issued_at.map(Timestamp::from),
        paid_at: None,
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        created_at: invoice.created_at.into(),
        updated_at: invoice.updated_at.into(),
    }
}
