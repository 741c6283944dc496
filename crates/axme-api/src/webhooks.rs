//! Webhooks: subscriptions to events, and events of one's own (`spec/protocol.md` §2.7).

use serde::{Deserialize, Serialize};

use crate::op::{AnyOp, Op};
use crate::{ErrorCode, Id, JsonFields, Timestamp, lenient};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&UPSERT, &LIST, &DELETE, &PUBLISH, &REPLAY];

/// Creates or changes a subscription.
pub static UPSERT: Op<UpsertSubscription, SubscriptionAnswer> =
    Op::post("webhooks.subscriptions.upsert", "/v1/webhooks/subscriptions")
        .secret()
        .errors(&[ErrorCode::InvalidAgentAddress])
        .about("Subscribe a callback to events. The same owner and callback again change the subscription.");
/// Lists subscriptions.
pub static LIST: Op<ListSubscriptions, SubscriptionList> =
    Op::get("webhooks.subscriptions.list", "/v1/webhooks/subscriptions")
        .errors(&[ErrorCode::InvalidAgentAddress])
        .about("List subscriptions, oldest first.");
/// Ends a subscription.
pub static DELETE: Op<DeleteSubscription, DeleteSubscriptionAnswer> =
    Op::delete("webhooks.subscriptions.delete", "/v1/webhooks/subscriptions/{subscription_id}")
        .errors(&[ErrorCode::InvalidAgentAddress])
        .about("End a subscription. Its pending deliveries are not sent.");
/// Publishes an event.
pub static PUBLISH: Op<PublishEvent, PublishEventAnswer> = Op::post("webhooks.events.publish", "/v1/webhooks/events")
    .errors(&[ErrorCode::InvalidAgentAddress, ErrorCode::PayloadTooLarge, ErrorCode::QuotaExceeded])
    .about("Send an event of the caller's own to its subscribers.");
/// Sends an event again.
pub static REPLAY: Op<ReplayEvent, ReplayEventAnswer> =
    Op::post("webhooks.events.replay", "/v1/webhooks/events/{event_id}/replay")
        .errors(&[ErrorCode::InvalidAgentAddress, ErrorCode::QuotaExceeded])
        .about("Send an event again, to all present subscribers that want it.");

/// A subscription to create or change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpsertSubscription {
    /// The owner of the events; by default the address of the key. Without both, an admin key gets the events of all.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// The URL to which events are posted: 8 to 2,048 characters, and an address that the server may call.
    #[cfg_attr(feature = "schema", schemars(length(min = 8, max = 2_048)))]
    pub callback_url: String,
    /// The types of the events, 1 to 32 of them. `intent.*` is a family of types, `*` all of them.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 32)))]
    pub event_types: Vec<String>,
    /// The secret that signs the posts: 16 to 128 characters. A new subscription without it gets a new secret.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 128)))]
    pub secret: Option<String>,
    /// True by default. False pauses the subscription: events of that time are not sent later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// The purpose of the subscription; at most 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub description: Option<String>,
}

/// Which subscriptions to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListSubscriptions {
    /// The owner of the events; by default the address of the key. Without both, an admin key gets all subscriptions.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// True also lists subscriptions that are paused or have ended; false by default.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub include_inactive: Option<bool>,
}

/// Which subscription to end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteSubscription {
    /// The id of the subscription.
    pub subscription_id: Id,
    /// The owner for whom the caller acts. Without an admin key, only the address of the key.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

/// An event of the caller's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishEvent {
    /// The owner of the event; by default the address of the key, or else the owner of the key.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// The type of the event: 3 to 100 characters without blanks. `intent.*` is reserved for this server.
    #[cfg_attr(feature = "schema", schemars(length(min = 3, max = 100)))]
    pub event_type: String,
    /// The program that sends the event: 2 to 100 characters. `auth`, `inbox`, `intents` and `invites` are reserved for
    /// this server.
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 100)))]
    pub source: String,
    /// The content of the event: at most 131,072 bytes of JSON.
    pub payload: JsonFields,
}

/// Which event to send again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplayEvent {
    /// The id of the event.
    pub event_id: Id,
    /// The owner for whom the caller acts. Without an admin key, only the address of the key.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

/// A subscription as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionView {
    /// The id of the subscription.
    pub subscription_id: Id,
    /// The owner of the events. If the subscription gets the events of all owners, the owner of the key that created it.
    pub owner_agent: String,
    /// True if the subscription gets the events of all owners. Our extension.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_owners: bool,
    /// The URL to which events are posted.
    pub callback_url: String,
    /// The types of the events.
    pub event_types: Vec<String>,
    /// False if the subscription is paused or has ended. A receiver that answers with status 410 pauses it.
    pub active: bool,
    /// The purpose of the subscription; null without one.
    pub description: Option<String>,
    /// When the subscription was created.
    pub created_at: Timestamp,
    /// When the subscription last changed.
    pub updated_at: Timestamp,
    /// When the subscription ended; null until then.
    pub revoked_at: Option<Timestamp>,
    /// The last four characters of the secret, after `…`.
    pub secret_hint: Option<String>,
    /// The whole secret. Only in the answer to the call for which the server made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The secret in the form of the Standard Webhooks libraries, `whsec_…`. Only in the answer to a call that gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_webhooks_secret: Option<String>,
}

/// The subscription after the call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionAnswer {
    /// Always true.
    pub ok: bool,
    /// The subscription.
    pub subscription: SubscriptionView,
}

/// The subscriptions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionList {
    /// Always true.
    pub ok: bool,
    /// The subscriptions, oldest first. Ended subscriptions follow, at most 100 and the latest first.
    pub subscriptions: Vec<SubscriptionView>,
}

/// The end of a subscription.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteSubscriptionAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the subscription.
    pub subscription_id: Id,
    /// When the subscription ended.
    pub revoked_at: Timestamp,
}

/// The deliveries of an event. Flattened into answers, without a description of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = ""))]
pub struct DeliveryCounters {
    /// The deliveries that this call queued.
    pub queued_deliveries: u64,
    /// Always 0, because deliveries are sent after the answer.
    pub processed_deliveries: u64,
    /// The deliveries of the event that have arrived so far.
    pub delivered: u64,
    /// The deliveries of the event that are still to be sent.
    pub pending: u64,
    /// The deliveries of the event that the server has given up.
    pub dead_lettered: u64,
}

/// The published event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishEventAnswer {
    /// Always true.
    pub ok: bool,
    /// When the event was accepted.
    pub accepted_at: Timestamp,
    /// The type of the event.
    pub event_type: String,
    /// The program that sent the event.
    pub source: String,
    /// The owner of the event.
    pub owner_agent: String,
    /// The id of the event, for `webhooks.events.replay`.
    pub event_id: Id,
    /// The deliveries of the event.
    #[serde(flatten)]
    pub counters: DeliveryCounters,
}

/// The event that is sent again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplayEventAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the event.
    pub event_id: Id,
    /// The type of the event.
    pub event_type: String,
    /// The owner of the event.
    pub owner_agent: String,
    /// When the event was queued again.
    pub replayed_at: Timestamp,
    /// The deliveries of the event.
    #[serde(flatten)]
    pub counters: DeliveryCounters,
}
