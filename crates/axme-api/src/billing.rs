//! Billing plans, as records (contract `wire.md` §2.18).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::op::{Access, Op};
use crate::quotas::NamedWorkspace;
use crate::{Object, lenient};

pub static PLAN: Op<NamedWorkspace, PlanAnswer> = Op::get("billing.plan.get", "/v1/billing/plan")
    .access(Access::Role)
    .about("The plan that a workspace is billed by.");
pub static UPDATE_PLAN: Op<UpdatePlan, PlanAnswer> = Op::patch("billing.plan.update", "/v1/billing/plan")
    .access(Access::Role)
    .about("Record the plan that a workspace is billed by.");

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
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

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PlanAnswer {
    pub ok: bool,
    pub billing_plan: BillingPlan,
}
