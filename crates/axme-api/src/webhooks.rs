//! Webhooks: subscriptions to events, and events of one's own (`spec/protocol.md` §2.7).

use serde::{Deserialize, Serialize};

use crate::Object;
use crate::lenient;
use crate::op::{AnyOp, Op};

pub const OPERATIONS: &[&dyn AnyOp] = &[&UPSERT, &LIST, &DELETE, &PUBLISH, &REPLAY];

pub static UPSERT: Op<UpsertSubscription, SubscriptionAnswer> =
    Op::post("webhooks.subscriptions.upsert", "/v1/webhooks/subscriptions")
        .secret()
        .about("Subscribe a callback to events; the same owner and callback again change the subscription.");
pub static LIST: Op<ListSubscriptions, SubscriptionList> =
    Op::get("webhooks.subscriptions.list", "/v1/webhooks/subscriptions").about("Subscriptions, oldest first.");
pub static DELETE: Op<DeleteSubscription, SubscriptionDeleted> =
    Op::delete("webhooks.subscriptions.delete", "/v1/webhooks/subscriptions/{subscription_id}")
        .about("End a subscription; what it has not got yet is not sent.");
pub static PUBLISH: Op<PublishEvent, EventPublished> =
    Op::post("webhooks.events.publish", "/v1/webhooks/events").about("Send an event of one's own to subscribers.");
pub static REPLAY: Op<ReplayEvent, EventReplayed> =
    Op::post("webhooks.events.replay", "/v1/webhooks/events/{event_id}/replay")
        .about("Send an event again, to everybody who is subscribed to it now.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpsertSubscription {
    /// Whose events; the caller's own address unless given. With a workspace-admin key without an address: everybody's.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// 8 to 2,048 characters.
    pub callback_url: String,
    /// 1 to 32: `intent.completed`, `inbox.reply_received`, …; `intent.*` for a family, `*` for all.
    pub event_types: Vec<String>,
    /// 16 to 128 characters; made and shown once when it is missing.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// False pauses: what happens meanwhile is not sent later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// At most 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListSubscriptions {
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// `true` lists paused and ended ones too.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub include_inactive: Option<bool>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteSubscription {
    pub subscription_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishEvent {
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// 3 to 100 characters.
    pub event_type: String,
    /// 2 to 100 characters: what sends it.
    pub source: String,
    pub payload: Object,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplayEvent {
    pub event_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subscription {
    pub subscription_id: String,
    pub owner_agent: String,
    pub callback_url: String,
    pub event_types: Vec<String>,
    pub active: bool,
    pub description: Option<String>,
    pub created_at: String,
    pub updated_at: String,
    pub revoked_at: Option<String>,
    /// The secret's last four characters.
    pub secret_hint: Option<String>,
    /// The whole secret, only in the answer to the call for which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionAnswer {
    pub ok: bool,
    pub subscription: Subscription,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionList {
    pub ok: bool,
    pub subscriptions: Vec<Subscription>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionDeleted {
    pub ok: bool,
    pub subscription_id: String,
    pub revoked_at: String,
}

/// What became of an event's deliveries. Sending comes after the answer, so `processed_deliveries` is 0.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counters {
    /// By this call.
    pub queued_deliveries: u64,
    /// By this call.
    pub processed_deliveries: u64,
    /// Of the event, so far.
    pub delivered: u64,
    pub pending: u64,
    pub dead_lettered: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventPublished {
    pub ok: bool,
    pub accepted_at: String,
    pub event_type: String,
    pub source: String,
    pub owner_agent: String,
    pub event_id: String,
    #[serde(flatten)]
    pub counters: Counters,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventReplayed {
    pub ok: bool,
    pub event_id: String,
    pub event_type: String,
    pub owner_agent: String,
    pub replayed_at: String,
    #[serde(flatten)]
    pub counters: Counters,
}
