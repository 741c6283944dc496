//! Billing plans. Invoices are computed from them; nothing else depends on them.

use axme_api::billing::{BillingCycle, BillingPlan, PlanAnswer, PlanStatus, UpdatePlan};
use axme_api::quotas::WorkspaceQuery;
use axme_api::roles::Permission;
use axme_api::{ApiError, ErrorCode, Number};
use serde_json::json;

use super::invoices;
use crate::auth::placement;
use crate::auth::placement::Placement;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::input::{check_chars, check_size};
use axme_store::billing as store;
use axme_store::billing::Plan;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::billing::PLAN, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::billing::UPDATE_PLAN, prepare_update, update)),
];

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: WorkspaceQuery) -> Result<WorkspaceQuery> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, input: &WorkspaceQuery) -> Result<PlanAnswer> {
    let place = placement::place_of(cx, &input.workspace, Permission::ViewBilling)?;
    let missing = || ApiError::new(ErrorCode::BillingPlanNotFound, "this workspace has no billing plan; set one first");
    let plan = store::find(cx.tx, place.workspace)?.ok_or_else(missing)?;
    answer(&place, &plan)
}

pub(crate) fn prepare_update(_: &PrepareContext<'_>, input: UpdatePlan) -> Result<UpdatePlan> {
    check_chars("plan_code", Some(&input.plan_code), 2, 64)?;
    check_chars("currency", Some(&input.currency), 3, 16)?;
    check_chars("updated_by_actor_id", input.updated_by_actor_id.as_deref(), 1, 255)?;
    check_size("metadata", &input.metadata)?;
    Ok(input)
}

pub fn update(cx: &mut CallContext<'_, '_>, input: &UpdatePlan) -> Result<PlanAnswer> {
    let place = placement::place(cx, Some(&input.org_id), Some(&input.workspace_id), Permission::ChangeBilling)?;
    let known = store::lock(cx.tx, place.workspace)?;
    let billing_cycle = input.billing_cycle.unwrap_or(BillingCycle::Monthly);
    let period_start = known.as_ref().map_or(cx.now.midnight(), |plan| plan.period_start);
    let created_at = known.as_ref().map_or(cx.now, |plan| plan.created_at);
    let amount = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let plan = Plan {
        workspace_id: place.workspace,
        billing_plan_id: known.as_ref().map_or_else(|| cx.rng.uuid_at(cx.now), |plan| plan.billing_plan_id),
        plan_code: input.plan_code.clone(),
        currency: input.currency.clone(),
        period_start,
        period_end: invoices::period_end(period_start, billing_cycle, created_at),
        billing_cycle,
        monthly_commit_minor: amount(input.monthly_commit_minor.get()),
        seats_included: amount(input.seats_included.map_or(0, Number::get)),
        overage_unit_price_minor: amount(input.overage_unit_price_minor.map_or(0, Number::get)),
        updated_by: Some(input.updated_by_actor_id.clone().unwrap_or_else(|| cx.caller.actor())),
        metadata: json!(input.metadata.clone().unwrap_or_default()).to_string(),
        created_at,
        updated_at: cx.now,
    };
    store::put(cx.tx, &plan)?;
    let line = json!({ "plan_code": plan.plan_code, "monthly_commit_minor": plan.monthly_commit_minor });
    cx.audit_in(place.workspace, "billing.plan.update", &plan.billing_plan_id.to_string(), &line)?;
    answer(&place, &plan)
}

fn answer(place: &Placement, plan: &Plan) -> Result<PlanAnswer> {
    let metadata = serde_json::from_str(&plan.metadata).map_err(|e| StoreError::Fault(format!("metadata: {e}")))?;
    let amount = |n: i64| u64::try_from(n).unwrap_or(0);
    let billing_plan = BillingPlan {
        billing_plan_id: plan.billing_plan_id.into(),
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        plan_code: plan.plan_code.clone(),
        currency: plan.currency.clone(),
        billing_cycle: plan.billing_cycle,
        monthly_commit_minor: amount(plan.monthly_commit_minor),
        seats_included: amount(plan.seats_included),
        overage_unit_price_minor: amount(plan.overage_unit_price_minor),
        status: PlanStatus::Active,
        updated_by_actor_id: plan.updated_by.clone(),
        metadata,
        created_at: plan.created_at.into(),
        updated_at: plan.updated_at.into(),
    };
    Ok(PlanAnswer { ok: true, billing_plan })
}
