//! Routed deliveries: submitted to a principal's best route, and sent after the commit like notices.

use axme_api::deliveries::{
    Delivery, DeliveryAnswer, Operations, Reconcile, Reconciled, ShowOperations, SubmitDelivery,
};
use axme_api::{ApiError, Object, WorkspaceRef};
use serde_json::json;
use uuid::Uuid;

use super::principals::RUN;
use super::routing::{Target, read_target, resolve_target};
use crate::auth::placement::{InWorkspace, Placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_chars, check_size, check_within, check_word};
use axme_store::notices::Notice;
use axme_store::queue::QueueItem;
use axme_store::routed_deliveries::RoutedDelivery;
use axme_store::{Signal, notices, queue, routed_deliveries as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::deliveries::STATUS_COUNTS, prepare_operations, operations)),
    Binding::Transaction(&handler(&axme_api::deliveries::RECONCILE, prepare_reconcile, reconcile)),
    Binding::Transaction(
        &handler(&axme_api::deliveries::SUBMIT, prepare_submit, submit).key_field("idempotency_key", |_| {}),
    ),
];

pub struct Submission {
    target: Target,
    payload: Object,
    correlation_id: Option<String>,
    idempotency_key: Option<String>,
}

pub(crate) fn prepare_submit(_: &PrepareContext<'_>, input: SubmitDelivery) -> Result<InWorkspace<Submission>> {
    check_size("payload", &input.payload)?;
    check_chars("correlation_id", input.correlation_id.as_deref(), 3, 255)?;
    check_chars("idempotency_key", input.idempotency_key.as_deref(), 4, 255)?;
    let submission = Submission {
        target: read_target(input.alias, input.principal_id.as_deref())?,
        payload: input.payload,
        correlation_id: input.correlation_id,
        idempotency_key: input.idempotency_key,
    };
    Ok(InWorkspace::new(WorkspaceRef::new(input.org_id, input.workspace_id), submission))
}

pub fn submit(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Submission>) -> Result<DeliveryAnswer> {
    let place = asked.place(cx, RUN)?;
    send(cx, &place, &asked.what, None)
}

/// Queues a delivery on the target's best route.
fn send(
    cx: &mut CallContext<'_, '_>,
    place: &Placement,
    submission: &Submission,
    replay_of: Option<Uuid>,
) -> Result<DeliveryAnswer> {
    let found = resolve_target(cx, place, &submission.target, 1)?;
    let route = found.best;
    if route.transport_type == "queue" {
        return Err(ApiError::not_supported_yet("routed deliveries with transport_type queue are").into());
    }
    if route.auth_mode != "none" {
        let what = format!("routed deliveries with auth_mode {} are", route.auth_mode);
        return Err(ApiError::not_supported_yet(what).into());
    }
    let host = url::Url::parse(&route.endpoint_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let queue = host.unwrap_or_else(|| "nowhere".to_owned());
    let delivery = RoutedDelivery {
        workspace: place.workspace,
        id: cx.rng.uuid_at(cx.now),
        replay_of,
        principal: found.principal.id,
        alias: found.alias.map(|alias| alias.alias),
        transport_type: route.transport_type,
        route: route.id,
        queue: notices::address(&queue),
        correlation_id: submission.correlation_id.clone(),
        idempotency_key: submission.idempotency_key.clone(),
        payload: submission.payload.clone(),
        created_at: cx.now,
        status: "submitted".to_owned(),
        dead_at: None,
        last_error: None,
    };
    store::insert(cx.tx, &delivery)?;
    let content = json!({ "delivery": {
        "event_type": "delivery", "delivery_id": delivery.id, "principal_id": delivery.principal, "alias": delivery.alias,
        "correlation_id": delivery.correlation_id, "replay_of_delivery_id": delivery.replay_of,
        "payload": delivery.payload, "occurred_at": delivery.created_at.to_string(),
    } });
    let notice = Notice {
        workspace: delivery.workspace,
        id: delivery.id,
        intent: None,
        queue,
        channel: notices::ROUTE.to_owned(),
        recipient: route.endpoint_url,
        content,
        created_at: cx.now,
    };
    notices::insert(cx.tx, &notice)?;
    cx.tx.signal(Signal::notices());
    let line =
        json!({ "principal_id": delivery.principal, "route_id": delivery.route, "replay_of": delivery.replay_of });
    cx.audit_in(place.workspace, "deliveries.submit", &delivery.id.to_string(), &line)?;
    Ok(DeliveryAnswer { ok: true, delivery: view(delivery, place) })
}

/// Sends a routed delivery again, as a new delivery; `None` if there is no routed delivery with the id.
pub(super) fn replay(cx: &mut CallContext<'_, '_>, place: &Placement, id: Uuid) -> Result<Option<DeliveryAnswer>> {
    let Some(old) = store::find(cx.tx, place.workspace, id)? else { return Ok(None) };
    let submission = Submission {
        target: Target::Principal(old.principal),
        payload: old.payload,
        correlation_id: old.correlation_id,
        idempotency_key: None,
    };
    send(cx, place, &submission, Some(id)).map(Some)
}

pub(super) fn view(delivery: RoutedDelivery, place: &Placement) -> Delivery {
    Delivery {
        delivery_id: delivery.id.to_string(),
        replay_of_delivery_id: delivery.replay_of.map(|id| id.to_string()),
        intent_id: None,
        org_id: place.org.to_string(),
        workspace_id: place.workspace.to_string(),
        principal_id: Some(delivery.principal.to_string()),
        alias: delivery.alias,
        to_agent: None,
        transport_type: delivery.transport_type,
        route_id: Some(delivery.route.to_string()),
        status: delivery.status,
        correlation_id: delivery.correlation_id,
        idempotency_key: delivery.idempotency_key,
        payload: Some(delivery.payload),
        error_detail: delivery.last_error,
        created_at: Some(delivery.created_at.to_string()),
        updated_at: delivery.dead_at.unwrap_or(delivery.created_at).to_string(),
    }
}

pub(crate) fn prepare_operations(_: &PrepareContext<'_>, input: ShowOperations) -> Result<InWorkspace<u64>> {
    check_within("window_hours", input.window_hours, 1..=168)?;
    Ok(InWorkspace::new(input.workspace, input.window_hours.unwrap_or(24)))
}

pub fn operations(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<u64>) -> Result<Operations> {
    let (place, hours) = (asked.place(cx, RUN)?, asked.what);
    let counts = store::count(cx.tx, place.workspace, cx.now.minus_millis(hours * 3_600_000))?;
    let of = |status: &str| {
        let found = counts.iter().find(|(name, _)| name == status);
        found.and_then(|(_, count)| u64::try_from(*count).ok()).unwrap_or(0)
    };
    let (submitted, pending, delivered, dead) = (of("submitted"), of("pending"), of("delivered"), of("dead_lettered"));
    Ok(Operations {
        ok: true,
        window_hours: hours,
        total: submitted + pending + delivered + dead,
        submitted,
        pending,
        delivered,
        dead_lettered: dead,
    })
}

pub struct Reconciliation {
    age_seconds: u64,
    limit: i64,
    target: String,
    reason: String,
}

pub(crate) fn prepare_reconcile(_: &PrepareContext<'_>, input: Reconcile) -> Result<InWorkspace<Reconciliation>> {
    check_within("max_pending_age_seconds", input.max_pending_age_seconds, 0..=86_400)?;
    let age_seconds = input.max_pending_age_seconds.unwrap_or(300);
    check_within("limit", input.limit, 1..=5_000)?;
    let limit = i64::try_from(input.limit.unwrap_or(500)).unwrap_or(5_000);
    let target = input.target_status.unwrap_or_else(|| "dead_lettered".to_owned());
    check_word("target_status", Some(&target), &["delivered", "dead_lettered"])?;
    check_chars("reason", input.reason.as_deref(), 3, 500)?;
    let reason = input.reason.unwrap_or_else(|| format!("was pending for more than {age_seconds} s"));
    let asked = Reconciliation { age_seconds, limit, target, reason };
    Ok(InWorkspace::new(input.workspace, asked))
}

pub fn reconcile(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Reconciliation>) -> Result<Reconciled> {
    let (workspace, asked) = (asked.place(cx, RUN)?.workspace, &asked.what);
    let before = cx.now.minus_millis(asked.age_seconds * 1_000);
    let open = store::list_open(cx.tx, workspace, before, asked.limit)?;
    for (id, address) in &open {
        let item = QueueItem::routed_delivery(*id);
        if asked.target == "delivered" {
            queue::delete(cx.tx, workspace, address, item)?;
        } else {
            queue::note(cx.tx, workspace, address, item, &asked.reason)?;
            queue::bury(cx.tx, workspace, address, item, cx.now)?;
        }
        notices::close(cx.tx, workspace, *id)?;
    }
    let line = json!({ "target_status": asked.target, "reason": asked.reason, "reconciled": open.len() });
    cx.audit_in(workspace, "deliveries.reconcile", &workspace.to_string(), &line)?;
    Ok(Reconciled {
        ok: true,
        target_status: asked.target.clone(),
        reconciled: u64::try_from(open.len()).unwrap_or(0),
        delivery_ids: open.iter().map(|(id, _)| id.to_string()).collect(),
    })
}
