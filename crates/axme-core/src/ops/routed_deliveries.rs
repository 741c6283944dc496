//! Routed deliveries: submitted to a principal's best route, and sent after the commit like notices.

use axme_api::deliveries::{
    DeliveryAnswer, DeliveryStatus, DeliveryTransport, DeliveryView, OperationsAnswer, Reconcile, ReconcileAnswer,
    ReconcileTarget, ShowOperations, SubmitDelivery,
};
use axme_api::routing::{AuthMode, TransportType};
use axme_api::{ApiError, Number, Object, WorkspaceRef};
use serde_json::json;
use uuid::Uuid;

use super::principals::RUN;
use super::routing::{Target, read_target, resolve_target};
use crate::auth::placement::{InWorkspace, Placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_chars, check_size};
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
    let transport_type = match route.transport_type {
        TransportType::Http => DeliveryTransport::Http,
        TransportType::Webhook => DeliveryTransport::Webhook,
        other @ (TransportType::Queue | TransportType::Matrix) => {
            let what = format!("routed deliveries with transport_type {other} are");
            return Err(ApiError::not_supported_yet(what).into());
        }
    };
    if !matches!(route.auth_mode, AuthMode::None | AuthMode::Jwt) {
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
        transport_type,
        route: route.id,
        queue: notices::address(&queue),
        correlation_id: submission.correlation_id.clone(),
        idempotency_key: submission.idempotency_key.clone(),
        payload: submission.payload.clone(),
        created_at: cx.now,
        status: DeliveryStatus::Submitted,
        dead_at: None,
        last_error: None,
    };
    store::insert(cx.tx, &delivery)?;
    let content = json!({ "delivery": {
        "event_type": "delivery", "delivery_id": delivery.id, "principal_id": delivery.principal, "alias": delivery.alias,
        "correlation_id": delivery.correlation_id, "replay_of_delivery_id": delivery.replay_of,
        "payload": delivery.payload, "occurred_at": delivery.created_at.to_string(),
    }, "signed_for": (route.auth_mode == AuthMode::Jwt).then_some(delivery.principal) });
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

pub(super) fn view(delivery: RoutedDelivery, place: &Placement) -> DeliveryView {
    DeliveryView {
        delivery_id: delivery.id.into(),
        replay_of_delivery_id: delivery.replay_of.map(Into::into),
        intent_id: None,
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        principal_id: Some(delivery.principal.into()),
        alias: delivery.alias,
        to_agent: None,
        recipient: None,
        transport_type: delivery.transport_type,
        route_id: Some(delivery.route.into()),
        status: delivery.status,
        correlation_id: delivery.correlation_id,
        idempotency_key: delivery.idempotency_key,
        payload: Some(delivery.payload),
        error_detail: delivery.last_error,
        created_at: Some(delivery.created_at.into()),
        updated_at: delivery.dead_at.unwrap_or(delivery.created_at).into(),
    }
}

pub(crate) fn prepare_operations(_: &PrepareContext<'_>, input: ShowOperations) -> Result<InWorkspace<u64>> {
    Ok(InWorkspace::new(input.workspace, input.window_hours.map_or(24, Number::get)))
}

pub fn operations(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<u64>) -> Result<OperationsAnswer> {
    let (place, hours) = (asked.place(cx, RUN)?, asked.what);
    let counts = store::count(cx.tx, place.workspace, cx.now.minus_millis(hours * 3_600_000))?;
    let of = |status: DeliveryStatus| {
        let found = counts.iter().find(|(known, _)| *known == status);
        found.and_then(|(_, count)| u64::try_from(*count).ok()).unwrap_or(0)
    };
    let (submitted, pending) = (of(DeliveryStatus::Submitted), of(DeliveryStatus::Pending));
    let (delivered, dead) = (of(DeliveryStatus::Delivered), of(DeliveryStatus::DeadLettered));
    Ok(OperationsAnswer {
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
    target: ReconcileTarget,
    reason: String,
}

pub(crate) fn prepare_reconcile(_: &PrepareContext<'_>, input: Reconcile) -> Result<InWorkspace<Reconciliation>> {
    let age_seconds = input.max_pending_age_seconds.map_or(300, Number::get);
    let limit = i64::try_from(input.limit.map_or(500, Number::get)).unwrap_or(5_000);
    let target = input.target_status.unwrap_or(ReconcileTarget::DeadLettered);
    check_chars("reason", input.reason.as_deref(), 3, 500)?;
    let reason = input.reason.unwrap_or_else(|| format!("was pending for more than {age_seconds} s"));
    let asked = Reconciliation { age_seconds, limit, target, reason };
    Ok(InWorkspace::new(input.workspace, asked))
}

pub fn reconcile(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Reconciliation>) -> Result<ReconcileAnswer> {
    let (workspace, asked) = (asked.place(cx, RUN)?.workspace, &asked.what);
    let before = cx.now.minus_millis(asked.age_seconds * 1_000);
    let open = store::list_open(cx.tx, workspace, before, asked.limit)?;
    for (id, address) in &open {
        let item = QueueItem::routed_delivery(*id);
        if asked.target == ReconcileTarget::Delivered {
            queue::delete(cx.tx, workspace, address, item)?;
        } else {
            queue::note(cx.tx, workspace, address, item, &asked.reason)?;
            queue::bury(cx.tx, workspace, address, item, cx.now)?;
        }
        notices::close(cx.tx, workspace, *id)?;
    }
    let line = json!({ "target_status": asked.target, "reason": asked.reason, "reconciled": open.len() });
    cx.audit_in(workspace, "deliveries.reconcile", &workspace.to_string(), &line)?;
    Ok(ReconcileAnswer {
        ok: true,
        target_status: asked.target,
        reconciled: u64::try_from(open.len()).unwrap_or(0),
        delivery_ids: open.iter().map(|(id, _)| (*id).into()).collect(),
    })
}
