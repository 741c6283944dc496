//! Billing plans and invoices, as records (`spec/protocol.md` §2.26).

use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::quotas::NamedWorkspace;
use crate::{Object, lenient};

pub const OPERATIONS: &[&dyn AnyOp] = &[&PLAN, &UPDATE_PLAN, &INVOICES, &INVOICE];

pub static PLAN: Op<NamedWorkspace, PlanAnswer> = Op::get("billing.plan.get", "/v1/billing/plan")
    .access(Access::Role)
    .about("The plan that a workspace is billed by.");
pub static UPDATE_PLAN: Op<UpdatePlan, PlanAnswer> = Op::patch("billing.plan.update", "/v1/billing/plan")
    .access(Access::Role)
    .about("Record the plan that a workspace is billed by.");

pub static INVOICES: Op<ListInvoices, InvoiceList> = Op::get("billing.invoices.list", "/v1/billing/invoices")
    .access(Access::Role)
    .about("What a workspace's plan came to in each period, newest first.");
pub static INVOICE: Op<GetInvoice, InvoiceAnswer> =
    Op::get("billing.invoices.get", "/v1/billing/invoices/{invoice_id}").access(Access::Role).about("One invoice.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListInvoices {
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// The key's own workspace unless given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// `draft` or `issued`; `paid`, `overdue` and `void`, which nothing is: nobody is charged.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// Only invoices older than this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetInvoice {
    pub invoice_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// The key's own workspace unless given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
}

/// Amounts are in the smallest unit of the currency.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Invoice {
    pub invoice_id: String,
    pub org_id: String,
    pub workspace_id: String,
    pub billing_plan_id: Option<String>,
    pub period_start: String,
    pub period_end: String,
    pub subtotal_minor: u64,
    pub total_minor: u64,
    pub currency: String,
    /// `draft` on the day after the period, then `issued`.
    pub status: String,
    pub due_at: Option<String>,
    pub issued_at: Option<String>,
    pub paid_at: Option<String>,
    /// What the amounts come from: the terms of the plan, the seats and what was used beyond the quota.
    pub metadata: Object,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceList {
    pub ok: bool,
    pub invoices: Vec<Invoice>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceAnswer {
    pub ok: bool,
    pub invoice: Invoice,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdatePlan {
    pub org_id: String,
    pub workspace_id: String,
    /// 2 to 64 characters.
    pub plan_code: String,
    /// 3 to 16 characters.
    pub currency: String,
    /// `monthly` or `annual`; `monthly` unless given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub billing_cycle: Option<String>,
    #[serde(deserialize_with = "lenient::number")]
    pub monthly_commit_minor: u64,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub seats_included: Option<u64>,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub overage_unit_price_minor: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub updated_by_actor_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BillingPlan {
    pub billing_plan_id: String,
    pub org_id: String,
    pub workspace_id: String,
    pub plan_code: String,
    pub currency: String,
    pub billing_cycle: String,
    pub monthly_commit_minor: u64,
    pub seats_included: u64,
    pub overage_unit_price_minor: u64,
    pub status: String,
    pub updated_by_actor_id: Option<String>,
    pub metadata: Object,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlanAnswer {
    pub ok: bool,
    pub billing_plan: BillingPlan,
}
