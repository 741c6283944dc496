//! Lists and replays deliveries: routed deliveries, and dead letters of every kind.

use std::collections::BTreeMap;

use axme_api::ApiError;
use axme_api::deliveries::{
    DeliveryAnswer, DeliveryFilter, DeliveryList, DeliveryStatus, DeliveryTransport, DeliveryView, GetDelivery,
    ListDeliveries, ReplayDelivery,
};
use axme_intent::IntentId;
use serde_json::json;
use uuid::Uuid;

use super::principals::{RUN, place_of_range, read_range};
use crate::auth::placement::{InWorkspace, Placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::engine::notices::MAIL_QUEUE;
use crate::error::{Result, StoreError};
use crate::input::{parse_id, read_before, read_id};
use crate::policy::quota;
use crate::policy::quota::Dimension;
use axme_store::notices::MailState;
use axme_store::queue::{DeadLetter, ItemKind, QueueItem};
use axme_store::{Shard, Signal, Tx, notices, queue as store, routed_deliveries};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::deliveries::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::deliveries::GET, prepare_get, get)),
    // An intent's delivery is on the shard of the intent's family; any shard will do for the others.
    Binding::Transaction(
        &handler(&axme_api::deliveries::REPLAY, prepare_replay, replay)
            .on(|asked| Shard::of_intent(IntentId(asked.what))),
    ),
];

/// Maximum dead letters under one id. An event has fewer subscribers than this.
const MAX_LETTERS_OF_ID: i64 = 1_000;

/// The filters and the page of a listing.
pub struct DeliveryQuery {
    /// Range of principal ids; `None` also lists dead letters that were not routed.
    principals: Option<(Uuid, Uuid)>,
    /// Only what could not be delivered for this intent.
    intent: Option<IntentId>,
    status: Option<DeliveryFilter>,
    transport: Option<DeliveryTransport>,
    before: Uuid,
    limit: i64,
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListDeliveries) -> Result<InWorkspace<DeliveryQuery>> {
    let before = read_before(input.before.as_deref(), Uuid::max(), "a delivery id")?;
    let principals = input.principal_id.as_deref().map(|id| read_range(Some(id))).transpose()?;
    let limit = input.limit.items()?;
    let intent = input.intent_id.as_deref().map(parse_id).transpose()?;
    let (status, transport) = (input.status, input.transport_type);
    let wanted = DeliveryQuery { principals, intent, status, transport, before, limit };
    Ok(InWorkspace::new(input.workspace, wanted))
}

/// Lists routed deliveries in any status together with other dead letters, by id. A dead letter that was routed appears
/// once, as a routed delivery. A page never splits the letters under one id, so it may exceed the limit.
pub fn list(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<DeliveryQuery>) -> Result<DeliveryList> {
    let wanted = &asked.what;
    let place = place_of_range(cx, asked, wanted.principals.unwrap_or((Uuid::nil(), Uuid::max())))?;
    let (workspace, limit) = (place.workspace, wanted.limit);
    if wanted.transport == Some(DeliveryTransport::Email) && wanted.principals.is_none() {
        return list_mail(cx, &place, wanted);
    }
    if let Some(intent) = wanted.intent {
        return undelivered(cx, &place, intent, wanted);
    }
    let range = wanted.principals.unwrap_or((Uuid::nil(), Uuid::max()));
    let status = wanted.status.map(DeliveryFilter::as_str);
    let routed = routed_deliveries::list(cx.tx, workspace, range, wanted.before, status, limit)?;
    let mut dead = Vec::new();
    if wanted.principals.is_none() && wanted.status.is_none_or(|status| status == DeliveryFilter::DeadLettered) {
        dead = store::list_dead(cx.tx, workspace, wanted.before, limit)?;
        if let Some(last) = dead.last().filter(|_| is_full(&dead, limit)).map(|letter| letter.item.id) {
            dead.retain(|letter| letter.item.id != last);
            dead.extend(store::list_dead_of(cx.tx, workspace, last, MAX_LETTERS_OF_ID)?);
        }
    }
    let mut found: BTreeMap<Uuid, Vec<DeliveryView>> = BTreeMap::new();
    for letter in &dead {
        found.entry(letter.item.id).or_default().push(view(letter, &place, DeliveryStatus::DeadLettered));
    }
    found.extend(
        routed.into_iter().map(|delivery| (delivery.id, vec![super::routed_deliveries::view(delivery, &place)])),
    );
    let mut deliveries = Vec::new();
    for of_one in found.into_values().rev() {
        if is_full(&deliveries, limit) {
            break;
        }
        deliveries.extend(of_one);
    }
    let next_before = deliveries.last().filter(|_| is_full(&deliveries, limit)).map(|last| last.delivery_id.clone());
    deliveries.retain(|delivery| wanted.goes_by(delivery));
    Ok(DeliveryList { ok: true, deliveries, next_before })
}

impl DeliveryQuery {
    fn goes_by(&self, delivery: &DeliveryView) -> bool {
        self.transport.is_none_or(|transport| transport == delivery.transport_type)
    }

    fn has_status(&self, delivery: &DeliveryView) -> bool {
        self.status.is_none_or(|status| status.as_str() == delivery.status.as_str())
    }
}

/// Lists mail in every state. A filter by status makes pages shorter.
fn list_mail(cx: &mut CallContext<'_, '_>, place: &Placement, wanted: &DeliveryQuery) -> Result<DeliveryList> {
    let found = notices::list_mail(cx.tx, place.workspace, wanted.intent, wanted.before, wanted.limit)?;
    let next_before = found.last().filter(|_| is_full(&found, wanted.limit)).map(|last| last.id.into());
    let mut deliveries: Vec<DeliveryView> = found.iter().map(|mail| view_of_mail(mail, place)).collect();
    deliveries.retain(|delivery| wanted.has_status(delivery));
    Ok(DeliveryList { ok: true, deliveries, next_before })
}

fn view_of_mail(mail: &MailState, place: &Placement) -> DeliveryView {
    let status = match (mail.dead_at, mail.is_open, &mail.last_error) {
        (Some(_), ..) => DeliveryStatus::DeadLettered,
        (None, true, Some(_)) => DeliveryStatus::Pending,
        (None, true, None) => DeliveryStatus::Submitted,
        (None, false, _) => DeliveryStatus::Delivered,
    };
    let letter = DeadLetter {
        item: QueueItem::notice(mail.id),
        address: notices::address(&mail.queue),
        dead_at: mail.dead_at.unwrap_or(mail.created_at),
        last_error: mail.last_error.clone(),
        reported_intent: mail.intent,
        recipient: Some(mail.recipient.clone()),
    };
    let intent_id = mail.intent.map(|intent| intent.0.into());
    let created_at = Some(mail.created_at.into());
    DeliveryView { intent_id, transport_type: DeliveryTransport::Email, created_at, ..view(&letter, place, status) }
}

/// Lists what could not be delivered for an intent: its notices, and its pushes that were given up.
fn undelivered(
    cx: &mut CallContext<'_, '_>,
    place: &Placement,
    intent: IntentId,
    wanted: &DeliveryQuery,
) -> Result<DeliveryList> {
    let mut deliveries = Vec::new();
    for notice in store::list_failing(cx.tx, place.workspace, intent, wanted.limit)? {
        let status = if notice.is_dead { DeliveryStatus::DeadLettered } else { DeliveryStatus::Pending };
        deliveries.push(view(&notice.letter, place, status));
    }
    let pushes = store::list_dead_of(cx.tx, place.workspace, intent.0, MAX_LETTERS_OF_ID)?;
    deliveries.extend(pushes.iter().map(|letter| view(letter, place, DeliveryStatus::DeadLettered)));
    deliveries.retain(|delivery| wanted.has_status(delivery) && wanted.goes_by(delivery));
    Ok(DeliveryList { ok: true, deliveries, next_before: None })
}

fn is_full<T>(page: &[T], limit: i64) -> bool {
    usize::try_from(limit).is_ok_and(|limit| page.len() >= limit)
}

/// Returns the dead letters under an id, the first of them apart; fails if there are none.
fn dead(cx: &mut CallContext<'_, '_>, workspace: Uuid, id: Uuid) -> Result<(DeadLetter, Vec<DeadLetter>)> {
    let letters = store::list_dead_of(cx.tx, workspace, id, MAX_LETTERS_OF_ID)?;
    let first = letters.first().cloned().ok_or_else(|| ApiError::not_found(format!("delivery {id}")))?;
    Ok((first, letters))
}

/// Finds the workspace of a delivery: of a routed one, or else of a dead letter.
fn workspace_of(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Uuid>, StoreError> {
    match routed_deliveries::workspace_of(tx, id)? {
        Some(workspace) => Ok(Some(workspace)),
        None => store::workspace_of_dead(tx, id),
    }
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetDelivery) -> Result<InWorkspace<Uuid>> {
    let id = read_id("delivery", &input.delivery_id)?;
    Ok(InWorkspace::new(input.workspace, id))
}

pub fn get(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Uuid>) -> Result<DeliveryAnswer> {
    let id = asked.what;
    let place = asked.place_of_object(cx, RUN, id, workspace_of)?;
    let delivery = match routed_deliveries::find(cx.tx, place.workspace, id)? {
        Some(routed) => super::routed_deliveries::view(routed, &place),
        None => {
            let (first, _) = dead(cx, place.workspace, id)?;
            view(&first, &place, DeliveryStatus::DeadLettered)
        }
    };
    Ok(DeliveryAnswer { ok: true, delivery })
}

pub(crate) fn prepare_replay(_: &PrepareContext<'_>, input: ReplayDelivery) -> Result<InWorkspace<Uuid>> {
    let id = read_id("delivery", &input.delivery_id)?;
    Ok(InWorkspace::new(input.workspace, id))
}

pub fn replay(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Uuid>) -> Result<DeliveryAnswer> {
    let id = asked.what;
    let place = asked.place_of_object(cx, RUN, id, workspace_of)?;
    let workspace = place.workspace;
    if let Some(again) = super::routed_deliveries::replay(cx, &place, id)? {
        return Ok(again);
    }
    let (first, letters) = dead(cx, workspace, id)?;
    let webhooks = letters.iter().filter(|letter| letter.item.kind == ItemKind::WebhookEvent).count() as u64;
    if webhooks > 0 {
        quota::charge(cx.tx, workspace, Dimension::WebhookDeliveries, webhooks)?;
    }
    for letter in &letters {
        store::revive(cx.tx, workspace, &letter.address, letter.item, cx.now)?;
        cx.audit_in(workspace, "deliveries.replay", &id.to_string(), &json!({ "to_agent": letter.address }))?;
        if matches!(letter.item.kind, ItemKind::Notice | ItemKind::RoutedDelivery) {
            notices::reopen(cx.tx, workspace, id)?;
            cx.tx.signal(Signal::notices());
        }
        cx.tx.signal(Signal::queue(workspace, &letter.address));
    }
    Ok(DeliveryAnswer { ok: true, delivery: view(&first, &place, DeliveryStatus::Pending) })
}

fn view(letter: &DeadLetter, place: &Placement, status: DeliveryStatus) -> DeliveryView {
    DeliveryView {
        delivery_id: letter.item.id.into(),
        replay_of_delivery_id: None,
        intent_id: Some(letter.reported_intent.map_or(letter.item.id, |intent| intent.0).into()),
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        principal_id: None,
        alias: None,
        to_agent: Some(letter.address.to_string()),
        recipient: letter.recipient.clone(),
        transport_type: match letter.item.kind {
            ItemKind::Intent => DeliveryTransport::Http,
            ItemKind::Notice if letter.address == notices::address(MAIL_QUEUE) => DeliveryTransport::Email,
            ItemKind::WebhookEvent | ItemKind::Notice | ItemKind::RoutedDelivery => DeliveryTransport::Webhook,
        },
        route_id: None,
        status,
        correlation_id: None,
        idempotency_key: None,
        payload: None,
        error_detail: letter.last_error.clone(),
        created_at: None,
        updated_at: letter.dead_at.into(),
    }
}
