//! Billing plans and invoices. They are records: the server takes no payments (`spec/protocol.md` §2.26).

pub use axme_types::billing::BillingCycle;
use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::quotas::WorkspaceQuery;
use crate::workspace_ref::WorkspaceRef;
use crate::{ErrorCode, Id, Number, Object, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&PLAN, &UPDATE_PLAN, &INVOICES, &INVOICE];

/// Gets the billing plan of a workspace.
pub static PLAN: Op<WorkspaceQuery, PlanAnswer> = Op::get("billing.plan.get", "/v1/billing/plan")
    .access(Access::Role)
    .errors(&[ErrorCode::BillingPlanNotFound, ErrorCode::NotFound])
    .about("Get the billing plan of a workspace.");
/// Records the billing plan of a workspace.
pub static UPDATE_PLAN: Op<UpdatePlan, PlanAnswer> = Op::patch("billing.plan.update", "/v1/billing/plan")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound, ErrorCode::PayloadTooLarge])
    .about("Record the billing plan of a workspace.");

/// Lists the invoices of a workspace.
pub static INVOICES: Op<ListInvoices, InvoiceList> = Op::get("billing.invoices.list", "/v1/billing/invoices")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("List the invoices of a workspace, newest first: one for each period of its plan.");
/// Gets one invoice.
pub static INVOICE: Op<GetInvoice, InvoiceAnswer> =
    Op::get("billing.invoices.get", "/v1/billing/invoices/{invoice_id}").access(Access::Role).about("Get one invoice.");

/// The largest amount and count of a billing plan.
const MAX_AMOUNT: u64 = i64::MAX as u64;

text_enum! {
    /// The status of an invoice. The server takes no payments, so that no invoice reaches the last three.
    pub enum InvoiceStatus {
        /// The period has ended less than a day ago; the amounts may still change.
        Draft = "draft",
        /// The amounts are final.
        Issued = "issued",
        /// Not used by this server.
        Paid = "paid",
        /// Not used by this server.
        Overdue = "overdue",
        /// Not used by this server.
        Void = "void",
    }
}

/// Which invoices to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListInvoices {
    /// The workspace.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// Only invoices with this status.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<InvoiceStatus>,
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// Only invoices older than this id: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub before: Option<Id>,
}

/// Which invoice to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetInvoice {
    /// The id of the invoice.
    pub invoice_id: Id,
    /// The workspace of the invoice.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
}

/// An invoice. Amounts are in the smallest unit of the currency.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Invoice {
    /// The id of the invoice.
    pub invoice_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The id of the billing plan.
    pub billing_plan_id: Option<Id>,
    /// The start of the period: a midnight UTC.
    pub period_start: Timestamp,
    /// The end of the period: a midnight UTC.
    pub period_end: Timestamp,
    /// The same as `total_minor`.
    pub subtotal_minor: u64,
    /// The amount due: the committed amount of the period and the overage.
    pub total_minor: u64,
    /// The currency, as the plan names it.
    pub currency: String,
    /// The status: `draft` for a day after the period, then `issued`.
    pub status: InvoiceStatus,
    /// Always null: the server takes no payments.
    pub due_at: Option<Timestamp>,
    /// When the invoice was issued; null for a draft.
    pub issued_at: Option<Timestamp>,
    /// Always null: the server takes no payments.
    pub paid_at: Option<Timestamp>,
    /// The source of the amounts: the terms of the plan, the seats, and the usage beyond the quota.
    pub metadata: Object,
    /// When the draft was written.
    pub created_at: Timestamp,
    /// When the invoice last changed.
    pub updated_at: Timestamp,
}

/// A page of invoices.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceList {
    /// Always true.
    pub ok: bool,
    /// The invoices, newest first.
    pub invoices: Vec<Invoice>,
}

/// The invoice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceAnswer {
    /// Always true.
    pub ok: bool,
    /// The invoice.
    pub invoice: Invoice,
}

/// The terms of a billing plan. They replace the previous ones. Amounts are in the smallest unit of the currency.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdatePlan {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The id of the workspace. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub workspace_id: Id,
    /// The name of the plan, a label of 2 to 64 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 64)))]
    pub plan_code: String,
    /// The currency, a label of 3 to 16 characters such as `EUR`.
    #[cfg_attr(feature = "schema", schemars(length(min = 3, max = 16)))]
    pub currency: String,
    /// How often the plan is invoiced; `monthly` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub billing_cycle: Option<BillingCycle>,
    /// The committed amount of a month. An annual invoice has twelve times as much.
    pub monthly_commit_minor: Number<0, MAX_AMOUNT>,
    /// How many members the commitment covers; 0 by default. Invoices show it beside the members counted.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub seats_included: Option<Number<0, MAX_AMOUNT>>,
    /// The price of each intent beyond `intents_per_day`, if the quota bills overage; 0 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub overage_unit_price_minor: Option<Number<0, MAX_AMOUNT>>,
    /// The actor who changed the plan, to show later: 1 to 255 characters. The caller by default.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub updated_by_actor_id: Option<String>,
    /// Data of the caller's own: at most 131,072 bytes of JSON.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

text_enum! {
    /// The status of a billing plan.
    pub enum PlanStatus {
        /// The plan is invoiced.
        Active = "active",
        /// Not used by this server.
        Suspended = "suspended",
        /// Not used by this server.
        Inactive = "inactive",
    }
}

/// A billing plan. Amounts are in the smallest unit of the currency.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BillingPlan {
    /// The id of the billing plan.
    pub billing_plan_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The name of the plan.
    pub plan_code: String,
    /// The currency.
    pub currency: String,
    /// How often the plan is invoiced.
    pub billing_cycle: BillingCycle,
    /// The committed amount of a month.
    pub monthly_commit_minor: u64,
    /// How many members the commitment covers.
    pub seats_included: u64,
    /// The price of each intent beyond `intents_per_day`, if the quota bills overage.
    pub overage_unit_price_minor: u64,
    /// Always `active`.
    pub status: PlanStatus,
    /// The actor who last changed the plan.
    pub updated_by_actor_id: Option<String>,
    /// Data of the caller's own.
    pub metadata: Object,
    /// When the plan was first recorded.
    pub created_at: Timestamp,
    /// When the plan last changed.
    pub updated_at: Timestamp,
}

/// The billing plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlanAnswer {
    /// Always true.
    pub ok: bool,
    /// The billing plan.
    pub billing_plan: BillingPlan,
}
