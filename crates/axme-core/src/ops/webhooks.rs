//! Webhook subscriptions, and events that callers publish. `workers::webhooks` sends the events.

use axme_api::webhooks::{
    DeleteSubscription, DeleteSubscriptionAnswer, DeliveryCounters, ListSubscriptions, PublishEvent,
    PublishEventAnswer, ReplayEvent, ReplayEventAnswer, SubscriptionAnswer, SubscriptionList, SubscriptionView,
    UpsertSubscription,
};
use axme_api::{ApiError, Timestamp};
use axme_intent::Address;
use serde_json::{Value, json};
use uuid::Uuid;

use super::service_accounts::{check_callback, check_secret};
use crate::auth::{Caller, Role, membership, role_of_account};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::engine::GATEWAY;
use crate::error::{Result, StoreError};
use crate::input::{check_chars, check_size, read_id};
use crate::ops::inbox::owner;
use crate::policy::quota;
use crate::policy::quota::Dimension;
use crate::policy::snapshot::{self, Snapshot};
use crate::signature;
use axme_store::members::OrgRole;
use axme_store::person_accounts::Membership;
use axme_store::queue::QueueItem;
use axme_store::webhooks::{Event, EventOrigin, EventSource, RESERVED_EVENT_PREFIX, Subscription};
use axme_store::{Signal, Tx, audit, members, organizations as tenants, queue, service_accounts, webhooks as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::webhooks::UPSERT, prepare_upsert, upsert)),
    Binding::Transaction(&handler(&axme_api::webhooks::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::webhooks::DELETE, prepare_delete, delete)),
    Binding::Transaction(&handler(&axme_api::webhooks::PUBLISH, prepare_publish, publish)),
    Binding::Transaction(&handler(&axme_api::webhooks::REPLAY, prepare_replay, replay)),
];

/// Maximum subscriptions per workspace, and maximum revoked ones in a listing.
const MAX_SUBSCRIPTIONS: i64 = 100;

const MAX_EVENT_TYPES: usize = 32;

pub struct NewSubscription {
    subscription: Subscription,
    secret: Option<String>,
}

pub(crate) fn prepare_upsert(context: &PrepareContext<'_>, input: UpsertSubscription) -> Result<NewSubscription> {
    let (owner, for_all) = whose(context, input.owner_agent.as_deref())?;
    if !(1..=MAX_EVENT_TYPES).contains(&input.event_types.len()) {
        return Err(ApiError::invalid(format!("event_types: must have 1 to {MAX_EVENT_TYPES} items")).into());
    }
    for event_type in &input.event_types {
        check_event_type("event_types", event_type, 1)?;
        if event_type.trim_end_matches('*').contains('*') {
            return Err(ApiError::invalid("event_types: * is allowed only at the end").into());
        }
    }
    check_secret("secret", input.secret.as_deref())?;
    check_chars("description", input.description.as_deref(), 0, 255)?;
    let subscription = Subscription {
        workspace: context.caller.workspace,
        id: context.rng.uuid_at(context.now),
        owner,
        for_all,
        callback_url: check_callback(context, &input.callback_url)?,
        secret: signature::fresh_secret(context.rng),
        event_types: input.event_types,
        active: input.active.unwrap_or(true),
        description: input.description,
        created_by: None,
        created_at: context.now,
        updated_at: context.now,
        revoked_at: None,
    };
    Ok(NewSubscription { subscription, secret: input.secret })
}

fn check_event_type(field: &str, text: &str, least: usize) -> Result<()> {
    if (least..=100).contains(&text.chars().count()) && !text.chars().any(char::is_whitespace) {
        return Ok(());
    }
    Err(ApiError::invalid(format!("{field}: {least} to 100 characters without spaces")).into())
}

/// Returns the owner of the events, and true if a workspace-admin key without an owner means those of all owners.
fn whose(context: &PrepareContext<'_>, field: Option<&str>) -> Result<(Address, bool)> {
    Ok(match owner(context, field)? {
        Some(owner) => (owner, false),
        None => (of_caller(context.caller), true),
    })
}

fn of_caller(caller: &Caller) -> Address {
    Address::resolve(&format!("user://{}", caller.owner), caller.home())
}

pub fn upsert(cx: &mut CallContext<'_, '_>, new: &NewSubscription) -> Result<SubscriptionAnswer> {
    let NewSubscription { subscription: fresh, secret } = new;
    let created_by = whose_right(cx)?;
    // Two calls add subscriptions one after the other, on every node. Changes of roles take the same lock, so the next
    // change sees this subscription.
    tenants::lock(cx.tx, cx.caller.org)?;
    if let Some(person) = &created_by
        && !may_have(&memberships(cx, cx.caller.org, person)?, cx.caller.org, person, fresh)
    {
        let message = format!("the role of {person} does not allow this subscription; ask a workspace admin");
        return Err(ApiError::forbidden(message).into());
    }
    let known = store::list(cx.tx, fresh.workspace, MAX_SUBSCRIPTIONS + 1)?;
    let is_same = |s: &&Subscription| {
        (&s.owner, s.for_all, &s.callback_url) == (&fresh.owner, fresh.for_all, &fresh.callback_url)
    };
    let old = known.iter().find(is_same).cloned();
    if old.is_none() && known.len() as i64 >= MAX_SUBSCRIPTIONS {
        let message = format!("a workspace may have at most {MAX_SUBSCRIPTIONS} subscriptions; delete one first");
        return Err(ApiError::invalid(message).into());
    }
    let is_made = old.is_none() && secret.is_none();
    let mut subscription = match old {
        None => Subscription { created_by, ..fresh.clone() },
        // A person's subscription passes to the last writer; a key's stays with the key.
        Some(old) => Subscription {
            event_types: fresh.event_types.clone(),
            active: fresh.active,
            description: fresh.description.clone().or(old.description),
            created_by: old.created_by.and(created_by),
            updated_at: cx.now,
            ..old
        },
    };
    if let Some(secret) = secret {
        subscription.secret.clone_from(secret);
    }
    store::put(cx.tx, &subscription)?;
    let line = json!({
        "owner": subscription.owner, "callback_url": subscription.callback_url, "event_types": subscription.event_types,
        "active": subscription.active,
    });
    cx.audit("webhooks.subscriptions.upsert", &subscription.id.to_string(), &line)?;
    snapshot::changed(cx.tx, subscription.workspace)?;
    cx.tx.signal(Signal::push_receivers());
    let mut shown = view(&subscription);
    shown.secret = is_made.then(|| subscription.secret.clone());
    shown.standard_webhooks_secret = secret.as_deref().map(signature::standard_secret);
    Ok(SubscriptionAnswer { ok: true, subscription: shown })
}

/// Returns the person on whose role a subscription of this caller depends; `None` if the key's own role allows it.
fn whose_right(cx: &mut CallContext<'_, '_>) -> Result<Option<String>> {
    let caller = cx.caller;
    let account = service_accounts::find_service_account(cx.tx, caller.workspace, &caller.service_account_id)?;
    let of_key = account.and_then(|account| role_of_account(account.role));
    Ok((of_key != Some(caller.role)).then(|| caller.owner.clone()))
}

/// Returns a person's active roles in one organization, whether or not the organization is suspended.
fn memberships(cx: &mut CallContext<'_, '_>, org: Uuid, person: &str) -> Result<Vec<Membership>, StoreError> {
    let roles = members::roles_of(cx.tx, org, person)?.into_iter();
    let membership = |(role, workspace): (OrgRole, Uuid)| {
        let workspace_id = Some(workspace).filter(|id| !id.is_nil());
        Membership { org_id: org, workspace_id, role }
    };
    Ok(roles.map(membership).collect())
}

/// Allows admins of the workspace any subscription, and members one to events of their own address.
fn may_have(memberships: &[Membership], org: Uuid, person: &str, subscription: &Subscription) -> bool {
    match membership::role_in(memberships, org, subscription.workspace) {
        Some(Role::WorkspaceAdmin) => true,
        Some(Role::Member) => !subscription.for_all && subscription.owner == Address::of_person(person),
        Some(Role::Agent | Role::Visitor) | None => false,
    }
}

/// Ends the subscriptions in an organization that a person's remaining roles do not allow.
pub(super) fn end_without_right(cx: &mut CallContext<'_, '_>, org: Uuid, person: &str) -> Result<()> {
    let memberships = memberships(cx, org, person)?;
    let mut after = (Uuid::nil(), Uuid::nil());
    loop {
        let page = store::list_of(cx.tx, person, after, MAX_SUBSCRIPTIONS)?;
        let is_last = (page.len() as i64) < MAX_SUBSCRIPTIONS;
        for subscription in page {
            after = (subscription.workspace, subscription.id);
            let is_here =
                tenants::find_workspace(cx.tx, subscription.workspace)?.is_some_and(|found| found.org_id == org);
            if is_here && !may_have(&memberships, org, person, &subscription) {
                end(cx, subscription, &json!({ "created_by": person, "why": "role_lost" }))?;
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

fn end(cx: &mut CallContext<'_, '_>, subscription: Subscription, why: &Value) -> Result<(), StoreError> {
    let (trail, id) = (subscription.workspace, subscription.id);
    store::drop_queue(cx.tx, &subscription)?;
    store::put(cx.tx, &Subscription { revoked_at: Some(cx.now), updated_at: cx.now, ..subscription })?;
    cx.audit_in(trail, "webhooks.subscriptions.delete", &id.to_string(), why)?;
    snapshot::changed(cx.tx, trail)?;
    cx.tx.signal(Signal::push_receivers());
    Ok(())
}

/// Pauses a subscription whose receiver has answered that it is gone.
pub fn pause_gone(tx: &mut Tx<'_>, gone: &Subscription) -> Result<(), StoreError> {
    let known = store::find(tx, gone.workspace, gone.id)?;
    // The receiver may have moved in the meantime, with the next call of its owner.
    let Some(known) = known.filter(|known| known.active && known.updated_at == gone.updated_at) else { return Ok(()) };
    let paused = Subscription { active: false, updated_at: tx.now, ..known };
    store::put(tx, &paused)?;
    let event = audit::AuditEvent {
        trail: paused.workspace,
        id: tx.uuid(),
        at: tx.now,
        actor: GATEWAY.to_owned(),
        action: "webhooks.subscriptions.pause".to_owned(),
        subject: paused.id.to_string(),
        details: json!({ "why": "answered_410", "callback_url": paused.callback_url }),
    };
    audit::insert(tx, &event)?;
    snapshot::changed(tx, paused.workspace)?;
    tx.signal(Signal::push_receivers());
    Ok(())
}

fn view(subscription: &Subscription) -> SubscriptionView {
    let hint: String = subscription.secret.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    SubscriptionView {
        subscription_id: subscription.id.into(),
        owner_agent: subscription.owner.spelled().to_owned(),
        all_owners: subscription.for_all,
        callback_url: subscription.callback_url.clone(),
        event_types: subscription.event_types.clone(),
        active: subscription.active && subscription.revoked_at.is_none(),
        description: subscription.description.clone(),
        created_at: subscription.created_at.into(),
        updated_at: subscription.updated_at.into(),
        revoked_at: subscription.revoked_at.map(Timestamp),
        secret_hint: Some(format!("…{hint}")),
        secret: None,
        standard_webhooks_secret: None,
    }
}

pub(crate) fn prepare_list(context: &PrepareContext<'_>, input: ListSubscriptions) -> Result<(Option<Address>, bool)> {
    let owner = owner(context, input.owner_agent.as_deref())?;
    Ok((owner, input.include_inactive.unwrap_or(false)))
}

pub fn list(
    cx: &mut CallContext<'_, '_>,
    (owner, include_inactive): &(Option<Address>, bool),
) -> Result<SubscriptionList> {
    let mut found = store::list(cx.tx, cx.caller.workspace, MAX_SUBSCRIPTIONS)?;
    if *include_inactive {
        found.extend(store::list_revoked(cx.tx, cx.caller.workspace, owner.as_ref(), MAX_SUBSCRIPTIONS)?);
    }
    found.retain(|s| (s.active || *include_inactive) && owner.as_ref().is_none_or(|owner| *owner == s.owner));
    Ok(SubscriptionList { ok: true, subscriptions: found.iter().map(view).collect() })
}

pub(crate) fn prepare_delete(context: &PrepareContext<'_>, input: DeleteSubscription) -> Result<Uuid> {
    owner(context, input.owner_agent.as_deref())?;
    read_id("subscription", &input.subscription_id)
}

/// Ends a subscription: any one for an admin, its own for an agent. A repeat returns the same answer.
pub fn delete(cx: &mut CallContext<'_, '_>, id: &Uuid) -> Result<DeleteSubscriptionAnswer> {
    let found = store::find(cx.tx, cx.caller.workspace, *id)?;
    let may = |s: &Subscription| cx.caller.is_admin() || cx.caller.address.as_ref() == Some(&s.owner);
    let found = found.filter(may).ok_or_else(|| ApiError::not_found(format!("subscription {id}")))?;
    let revoked_at = found.revoked_at.unwrap_or(cx.now);
    if found.revoked_at.is_none() {
        end(cx, found, &json!({}))?;
    }
    Ok(DeleteSubscriptionAnswer { ok: true, subscription_id: (*id).into(), revoked_at: revoked_at.into() })
}

pub struct NewEvent(Event);

pub(crate) fn prepare_publish(context: &PrepareContext<'_>, input: PublishEvent) -> Result<NewEvent> {
    let (owner, _) = whose(context, input.owner_agent.as_deref())?;
    check_event_type("event_type", &input.event_type, 3)?;
    if !(2..=100).contains(&input.source.chars().count()) {
        return Err(ApiError::invalid("source: 2 to 100 characters").into());
    }
    check_is_free(&input.event_type, &input.source)?;
    check_size("payload", &input.payload)?;
    let event = Event {
        id: context.rng.uuid_at(context.now),
        owners: vec![owner],
        event_type: input.event_type,
        source: input.source,
        origin: Some(EventOrigin::Caller),
        payload: input.payload.into(),
        queued: 0,
        delivered: 0,
        created_at: context.now,
    };
    Ok(NewEvent(event))
}

/// Refuses names under which this server reports what happened: subscribers trust them.
fn check_is_free(event_type: &str, source: &str) -> Result<()> {
    let (event_type, source) = (event_type.to_lowercase(), source.trim().to_lowercase());
    if event_type.starts_with(RESERVED_EVENT_PREFIX) {
        return Err(ApiError::invalid("event_type: intent.* is reserved for this server; choose another name").into());
    }
    if EventSource::parse(&source).is_some() {
        let message = format!("source: \"{source}\" is reserved for this server; choose another name");
        return Err(ApiError::invalid(message).into());
    }
    Ok(())
}

pub fn publish(cx: &mut CallContext<'_, '_>, NewEvent(event): &NewEvent) -> Result<PublishEventAnswer> {
    let workspace = cx.caller.workspace;
    let subscribers = subscribers(cx.tx, workspace)?;
    let interested = interested(&subscribers, event);
    let queued = interested.len() as u64;
    quota::charge(cx.tx, workspace, Dimension::WebhookDeliveries, queued)?;
    store::insert_event(cx.tx, workspace, &Event { queued: whole(interested.len()), ..event.clone() })?;
    for subscription in interested {
        store::queue_first(cx.tx, subscription, event.id, cx.now)?;
        cx.tx.signal(Signal::queue(workspace, &subscription.address()));
    }
    cx.audit("webhooks.events.publish", &event.id.to_string(), &json!({ "event_type": event.event_type }))?;
    Ok(PublishEventAnswer {
        ok: true,
        accepted_at: cx.now.into(),
        event_type: event.event_type.clone(),
        source: event.source.clone(),
        owner_agent: event.owners.iter().map(Address::to_string).next().unwrap_or_default(),
        event_id: event.id.into(),
        counters: counters(cx, event.id, queued)?,
    })
}

/// Publishes an event about invites to the owner's subscribers.
pub(super) fn tell(cx: &mut CallContext<'_, '_>, owner: Address, event_type: &str, payload: Value) -> Result<()> {
    let event = event(cx.tx, owner, event_type, EventSource::Invites, payload);
    Ok(tell_in(cx.tx, cx.caller.workspace, event)?)
}

/// Builds an event that is not queued yet.
pub fn event(tx: &Tx<'_>, owner: Address, event_type: &str, source: EventSource, payload: Value) -> Event {
    Event {
        id: tx.uuid(),
        owners: vec![owner],
        event_type: event_type.to_owned(),
        source: source.as_str().to_owned(),
        origin: Some(EventOrigin::Platform),
        payload: payload.into(),
        queued: 0,
        delivered: 0,
        created_at: tx.now,
    }
}

/// Publishes an event to the subscribers of a workspace.
pub(crate) fn tell_in(tx: &mut Tx<'_>, workspace: Uuid, event: Event) -> Result<(), StoreError> {
    if !Snapshot::of(tx, workspace)?.has_subscribers {
        return Ok(());
    }
    let subscribers = subscribers(tx, workspace)?;
    let interested = interested(&subscribers, &event);
    spread(tx, workspace, event, &interested)
}

/// Returns the active subscriptions of a workspace.
pub fn subscribers(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Vec<Subscription>, StoreError> {
    let all = store::list(tx, workspace, MAX_SUBSCRIPTIONS)?;
    Ok(all.into_iter().filter(|subscription| subscription.active).collect())
}

/// Returns the subscriptions that match an event.
pub fn interested<'a>(subscribers: &'a [Subscription], event: &Event) -> Vec<&'a Subscription> {
    subscribers.iter().filter(|subscription| subscription.wants(&event.event_type, &event.owners)).collect()
}

/// Queues an event for the matching subscriptions, unless it is stored already. The event has happened, so it is never
/// refused: deliveries beyond the workspace's quota become dead letters, which can be replayed.
pub fn spread(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    mut event: Event,
    interested: &[&Subscription],
) -> Result<(), StoreError> {
    let now = tx.now;
    event.queued = whole(interested.len());
    if interested.is_empty() || !store::insert_event(tx, workspace, &event)? {
        return Ok(());
    }
    let all = quota::try_charge(tx, workspace, Dimension::WebhookDeliveries, interested.len() as u64)?;
    for subscription in interested {
        let exceeded = match &all {
            None => None,
            Some(_) => quota::try_charge(tx, workspace, Dimension::WebhookDeliveries, 1)?,
        };
        let (address, item) = (subscription.address(), QueueItem::webhook_event(event.id));
        store::queue_first(tx, subscription, event.id, now)?;
        match exceeded {
            None => tx.signal(Signal::queue(workspace, &address)),
            Some(exceeded) => {
                queue::note(tx, workspace, &address, item, &exceeded.to_string())?;
                queue::bury(tx, workspace, &address, item, now)?;
            }
        }
    }
    Ok(())
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn counters(cx: &mut CallContext<'_, '_>, event: Uuid, queued: u64) -> Result<DeliveryCounters> {
    let found = store::find_event(cx.tx, cx.caller.workspace, event)?;
    let (all, delivered) = found.map_or((0, 0), |event| (event.queued, event.delivered));
    let dead = store::count_dead(cx.tx, cx.caller.workspace, event)?;
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(DeliveryCounters {
        queued_deliveries: queued,
        processed_deliveries: 0,
        delivered: count(delivered),
        pending: count(all - delivered - dead),
        dead_lettered: count(dead),
    })
}

pub(crate) fn prepare_replay(context: &PrepareContext<'_>, input: ReplayEvent) -> Result<Uuid> {
    owner(context, input.owner_agent.as_deref())?;
    read_id("event", &input.event_id)
}

pub fn replay(cx: &mut CallContext<'_, '_>, id: &Uuid) -> Result<ReplayEventAnswer> {
    let found = store::find_event(cx.tx, cx.caller.workspace, *id)?;
    let may = |event: &Event| {
        cx.caller.is_admin() || cx.caller.address.as_ref().is_some_and(|own| event.owners.contains(own))
    };
    let event = found.filter(may).ok_or_else(|| ApiError::not_found(format!("event {id}")))?;
    let workspace = cx.caller.workspace;
    let subscribers = subscribers(cx.tx, workspace)?;
    let interested = interested(&subscribers, &event);
    let queued = interested.len() as u64;
    quota::charge(cx.tx, workspace, Dimension::WebhookDeliveries, queued)?;
    for subscription in interested {
        store::queue(cx.tx, subscription, event.id, cx.now)?;
        cx.tx.signal(Signal::queue(workspace, &subscription.address()));
    }
    cx.audit("webhooks.events.replay", &id.to_string(), &json!({ "queued": queued }))?;
    Ok(ReplayEventAnswer {
        ok: true,
        event_id: (*id).into(),
        event_type: event.event_type.clone(),
        owner_agent: event.owners.iter().map(Address::to_string).next().unwrap_or_default(),
        replayed_at: cx.now.into(),
        counters: counters(cx, *id, queued)?,
    })
}
