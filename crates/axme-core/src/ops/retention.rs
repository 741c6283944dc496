//! Sets how long a workspace keeps its data, and its hold. The sweep in `axme-server/workers/retention.rs` applies both.

use axme_api::retention::{
    ChangeHold, Days, GetRetention, Hold as HoldView, Hours, Retention, RetentionAnswer, RetentionDays, UpdateRetention,
};
use axme_api::roles::Permission;
use axme_api::{ApiError, Timestamp};
use serde_json::json;

use crate::auth::placement::{self, Placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::check_chars;
use axme_store::retention as store;
use axme_store::retention::{Hold, RuleRecord, Rules};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::retention::GET, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::retention::UPDATE, prepare_update, update)),
    Binding::Transaction(&handler(&axme_api::retention::HOLD, prepare_hold, hold)),
    Binding::Transaction(&handler(&axme_api::retention::RELEASE, prepare_hold, release)),
];

const MAX_REASON_CHARS: usize = 500;

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetRetention) -> Result<GetRetention> {
    Ok(input)
}

/// Returns the rules of a workspace. The operators also see those of other tenants, which they may hold.
pub fn get(cx: &mut CallContext<'_, '_>, input: &GetRetention) -> Result<RetentionAnswer> {
    let is_named = input.workspace.workspace_id.is_some();
    let place = match is_named && placement::is_operator(cx)? {
        true => placement::place_for_operator(cx, &input.workspace)?,
        false => placement::place_of(cx, &input.workspace, Permission::ChangeRetention)?,
    };
    answer(cx, &place)
}

pub(crate) fn prepare_update(context: &PrepareContext<'_>, input: UpdateRetention) -> Result<UpdateRetention> {
    let (min, max) = context.limits.retention.bounds();
    let named = [
        ("intents_days", input.intents_days),
        ("files_days", input.files_days),
        ("audit_days", input.audit_days),
        ("events_days", input.events_days),
    ];
    for (name, days) in named {
        if let Some(days) = days.map(Days::get).filter(|days| !(min..=max).contains(days)) {
            let message = format!("{name} is {days}; the operator of this server allows {min} to {max} days");
            return Err(ApiError::invalid(message).into());
        }
    }
    let (min, max) = context.limits.retention.reply_bounds();
    if let Some(hours) = input.reply_hours.map(Hours::get).filter(|hours| !(min..=max).contains(hours)) {
        let message = format!("reply_hours is {hours}; the operator of this server allows {min} to {max} hours");
        return Err(ApiError::invalid(message).into());
    }
    Ok(input)
}

pub fn update(cx: &mut CallContext<'_, '_>, input: &UpdateRetention) -> Result<RetentionAnswer> {
    let place = placement::place_of(cx, &input.workspace, Permission::ChangeRetention)?;
    let days = |days: Option<Days>| days.and_then(|days| i64::try_from(days.get()).ok());
    let reply_hours = input.reply_hours.and_then(|hours| i64::try_from(hours.get()).ok());
    let rules = Rules {
        intents_days: days(input.intents_days),
        files_days: days(input.files_days),
        audit_days: days(input.audit_days),
        events_days: days(input.events_days),
        reply_hours,
        held: false,
    };
    store::put_days(cx.tx, place.workspace, &rules, &cx.caller.actor())?;
    let line = json!({
        "intents_days": rules.intents_days, "files_days": rules.files_days, "audit_days": rules.audit_days,
        "events_days": rules.events_days, "reply_hours": rules.reply_hours,
    });
    cx.audit_in(place.workspace, "retention.update", &place.workspace.to_string(), &line)?;
    answer(cx, &place)
}

pub(crate) fn prepare_hold(_: &PrepareContext<'_>, input: ChangeHold) -> Result<ChangeHold> {
    check_chars("reason", Some(input.reason.trim()), 1, MAX_REASON_CHARS)?;
    Ok(input)
}

/// Begins a hold. A hold that has begun keeps its first reason.
pub fn hold(cx: &mut CallContext<'_, '_>, input: &ChangeHold) -> Result<RetentionAnswer> {
    let place = placement::place_for_operator(cx, &input.workspace)?;
    store::lock_sweeps(cx.tx, place.workspace)?;
    if !store::is_held(cx.tx, place.workspace)? {
        let hold = Hold { reason: input.reason.trim().to_owned(), by: cx.caller.actor(), at: cx.now };
        store::put_hold(cx.tx, place.workspace, Some(&hold), &hold.by)?;
        audit(cx, &place, "retention.hold", &hold.reason)?;
    }
    answer(cx, &place)
}

/// Ends a hold. A repeat has no effect.
pub fn release(cx: &mut CallContext<'_, '_>, input: &ChangeHold) -> Result<RetentionAnswer> {
    let place = placement::place_for_operator(cx, &input.workspace)?;
    store::lock_sweeps(cx.tx, place.workspace)?;
    if store::is_held(cx.tx, place.workspace)? {
        store::put_hold(cx.tx, place.workspace, None, &cx.caller.actor())?;
        audit(cx, &place, "retention.release", input.reason.trim())?;
    }
    answer(cx, &place)
}

/// Records a hold in the trail of the workspace, and in that of the operators.
fn audit(cx: &mut CallContext<'_, '_>, place: &Placement, action: &str, reason: &str) -> Result<()> {
    let (line, subject) = (json!({ "reason": reason }), place.workspace.to_string());
    cx.audit_in(place.workspace, action, &subject, &line)?;
    if let Some(operators) = placement::operators(cx)? {
        cx.audit_in(operators, action, &subject, &line)?;
    }
    Ok(())
}

fn answer(cx: &mut CallContext<'_, '_>, place: &Placement) -> Result<RetentionAnswer> {
    let RuleRecord { rules, hold, updated } = store::find(cx.tx, place.workspace)?;
    let limits = &cx.limits;
    let of_days = &limits.retention;
    let own = |days: Option<i64>| days.and_then(|days| u64::try_from(days).ok());
    let (min_days, max_days) = of_days.bounds();
    let (updated_by_actor_id, updated_at) = updated.unzip();
    Ok(RetentionAnswer {
        ok: true,
        retention: Retention {
            org_id: place.org.into(),
            workspace_id: place.workspace.into(),
            rules: RetentionDays {
                intents_days: own(rules.intents_days),
                files_days: own(rules.files_days),
                audit_days: own(rules.audit_days),
                events_days: own(rules.events_days),
                reply_hours: own(rules.reply_hours),
            },
            effective: RetentionDays {
                intents_days: of_days.days(rules.intents_days, of_days.intents_days),
                files_days: of_days.days(rules.files_days, of_days.files_days),
                audit_days: of_days.days(rules.audit_days, of_days.audit_days),
                events_days: Some(of_days.events_days(rules.events_days)),
                reply_hours: Some(limits.reply_hours_of(rules.reply_hours)),
            },
            min_days,
            max_days,
            held: rules.held,
            hold: hold.map(|hold| HoldView { reason: hold.reason, held_by_actor_id: hold.by, held_at: hold.at.into() }),
            updated_by_actor_id,
            updated_at: updated_at.map(Timestamp::from),
        },
    })
}
