//! Dead letters: deliveries that were given up.

use axme_api::ApiError;
use axme_api::deliveries::{Delivery, DeliveryAnswer, DeliveryList, ListDeliveries, ReplayDelivery};
use axme_intent::IntentId;
use serde_json::json;
use uuid::Uuid;

use super::{COMMON_LANE, page_size};
use crate::call::Before;
use crate::cx::{Caller, Cx};
use crate::engine::tell::MAIL_LINE;
use crate::error::Result;
use crate::store::deliveries::{self as store, DeadLetter};
use crate::store::notices;
use crate::wake::Wake;

pub fn prepare_list(_: &Before<'_>, input: ListDeliveries) -> Result<(u16, (IntentId, i64))> {
    if input.status.as_deref().is_some_and(|status| status != "dead_lettered") {
        return Err(ApiError::invalid("status: only dead_lettered is listed").into());
    }
    let before = match &input.before {
        None => IntentId(Uuid::max()),
        Some(text) => text.parse().map_err(|_| ApiError::invalid("before: must be a delivery id"))?,
    };
    Ok((COMMON_LANE, (before, page_size(input.limit, 200, 1_000)?)))
}

pub fn list(cx: &mut Cx<'_, '_>, (before, limit): &(IntentId, i64)) -> Result<DeliveryList> {
    let dead = store::list_dead(cx.tx, cx.caller.workspace, *before, *limit)?;
    let next_before = dead.last().filter(|_| dead.len() as i64 == *limit).map(|last| last.intent_id.to_string());
    let deliveries = dead.iter().map(|letter| view(letter, cx.caller, "dead_lettered")).collect();
    Ok(DeliveryList { ok: true, deliveries, next_before })
}

pub fn prepare_replay(_: &Before<'_>, input: ReplayDelivery) -> Result<(u16, IntentId)> {
    let id: IntentId =
        input.delivery_id.parse().map_err(|_| ApiError::not_found(format!("delivery {}", input.delivery_id)))?;
    Ok((id.lane(), id))
}

pub fn replay(cx: &mut Cx<'_, '_>, id: &IntentId) -> Result<DeliveryAnswer> {
    let workspace = cx.caller.workspace;
    let letter = store::find_dead(cx.tx, workspace, *id)?;
    let letter = letter.ok_or_else(|| ApiError::not_found(format!("delivery {id}")))?;
    store::revive(cx.tx, workspace, &letter.address, *id, cx.now)?;
    cx.audit("deliveries.replay", &id.to_string(), &json!({ "to_agent": letter.address }))?;
    if notices::line_of(&letter.address).is_some() {
        notices::reopen(cx.tx, workspace, id.0)?;
        cx.tx.wake(Wake::notices());
    }
    cx.tx.wake(Wake::queue(workspace, &letter.address));
    Ok(DeliveryAnswer { ok: true, delivery: view(&letter, cx.caller, "pending") })
}

fn view(letter: &DeadLetter, caller: &Caller, status: &str) -> Delivery {
    Delivery {
        delivery_id: letter.intent_id.to_string(),
        intent_id: letter.told_of.unwrap_or(letter.intent_id).to_string(),
        org_id: caller.org.to_string(),
        workspace_id: caller.workspace.to_string(),
        to_agent: letter.address.to_string(),
        transport_type: match notices::line_of(&letter.address) {
            Some(MAIL_LINE) => "email",
            Some(_) => "webhook",
            None if letter.address.as_str().starts_with("webhook://") => "webhook",
            None => "http",
        }
        .to_owned(),
        status: status.to_owned(),
        error_detail: letter.last_error.clone(),
        updated_at: letter.dead_at.to_string(),
    }
}
