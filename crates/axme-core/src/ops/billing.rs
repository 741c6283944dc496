//! Billing plans. Invoices are computed from them; nothing else depends on them.

use axme_api::billing::{BillingPlan, PlanAnswer, UpdatePlan};
use axme_api::quotas::NamedWorkspace;
use axme_api::roles::Permission;
use axme_api::{ApiError, ErrorKind};
use serde_json::json;

use super::invoices;
use crate::auth::placement;
use crate::auth::placement::Placement;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::input::{check_chars, check_size, check_word};
use axme_store::billing as store;
use axme_store::billing::Plan;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::billing::PLAN, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::billing::UPDATE_PLAN, prepare_update, update)),
];

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: NamedWorkspace) -> Result<NamedWorkspace> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, input: &NamedWorkspace) -> Result<PlanAnswer> {
    let place = placement::place_of(cx, &input.workspace, Permission::ViewBilling)?;
    let missing = || {
        ApiError::new(
            ErrorKind::NotFound,
            "billing_plan_not_found",
            "this workspace has no billing plan; set one first",
        )
    };
    let plan = store::find(cx.tx, place.workspace)?.ok_or_else(missing)?;
    answer(&place, &plan)
}

pub(crate) fn prepare_update(_: &PrepareContext<'_>, input: UpdatePlan) -> Result<UpdatePlan> {
    check_chars("plan_code", Some(&input.plan_code), 2, 64)?;
    check_chars("currency", Some(&input.currency), 3, 16)?;
    check_word("billing_cycle", input.billing_cycle.as_deref(), &["monthly", "annual"])?;
    check_chars("updated_by_actor_id", input.updated_by_actor_id.as_deref(), 1, 255)?;
    check_size("metadata", &input.metadata)?;
    let amounts = [
        ("monthly_commit_minor", Some(input.monthly_commit_minor)),
        ("seats_included", input.seats_included),
        ("overage_unit_price_minor", input.overage_unit_price_minor),
    ];
    for (name, amount) in amounts {
        if amount.is_some_and(|n| i64::try_from(n).is_err()) {
            return Err(ApiError::invalid(format!("{name}: must be at most {}", i64::MAX)).into());
        }
    }
    Ok(input)
}

pub fn update(cx: &mut CallContext<'_, '_>, input: &UpdatePlan) -> Result<PlanAnswer> {
    let place = placement::place(cx, Some(&input.org_id), Some(&input.workspace_id), Permission::ChangeBilling)?;
    let known = store::lock(cx.tx, place.workspace)?;
    let billing_cycle = input.billing_cycle.clone().unwrap_or_else(|| "monthly".to_owned());
    let period_start = known.as_ref().map_or(cx.now.midnight(), |plan| plan.period_start);
    let created_at = known.as_ref().map_or(cx.now, |plan| plan.created_at);
    let amount = |n: Option<u64>| i64::try_from(n.unwrap_or(0)).unwrap_or(i64::MAX);
    let plan = Plan {
        workspace_id: place.workspace,
        billing_plan_id: known.as_ref().map_or_else(|| cx.rng.uuid_at(cx.now), |plan| plan.billing_plan_id),
        plan_code: input.plan_code.clone(),
        currency: input.currency.clone(),
        period_start,
        period_end: invoices::period_end(period_start, &billing_cycle, created_at),
        billing_cycle,
        monthly_commit_minor: amount(Some(input.monthly_commit_minor)),
        seats_included: amount(input.seats_included),
        overage_unit_price_minor: amount(input.overage_unit_price_minor),
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
        billing_plan_id: plan.billing_plan_id.to_string(),
        org_id: place.org.to_string(),
        workspace_id: place.workspace.to_string(),
        plan_code: plan.plan_code.clone(),
        currency: plan.currency.clone(),
        billing_cycle: plan.billing_cycle.clone(),
        monthly_commit_minor: amount(plan.monthly_commit_minor),
        seats_included: amount(plan.seats_included),
        overage_unit_price_minor: amount(plan.overage_unit_price_minor),
        status: "active".to_owned(),
        updated_by_actor_id: plan.updated_by.clone(),
        metadata,
        created_at: plan.created_at.to_string(),
        updated_at: plan.updated_at.to_string(),
    };
    Ok(PlanAnswer { ok: true, billing_plan })
}
