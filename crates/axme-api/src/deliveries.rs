//! Deliveries that were given up: what could not be pushed to its receiver (contract `wire.md` §2.19 for the shape).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{Access, Op};

pub static LIST: Op<ListDeliveries, DeliveryList> = Op::get("deliveries.list", "/v1/deliveries")
    .access(Access::Admin)
    .about("Dead letters: intents that could not be pushed to their receiver, newest first.");
pub static REPLAY: Op<ReplayDelivery, DeliveryAnswer> =
    Op::post("deliveries.replay", "/v1/deliveries/{delivery_id}/replay").access(Access::Admin).about(
        "Push a dead letter once more. Its intent stays FAILED: the receiver learns of it and cannot answer it.",
    );

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ListDeliveries {
    /// Only `dead_lettered` is listed.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// At most this many, 1 to 1000; 200 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Only deliveries older than this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReplayDelivery {
    pub delivery_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// The id of the intent, or of what somebody was to be told.
    pub delivery_id: String,
    pub intent_id: String,
    pub org_id: String,
    pub workspace_id: String,
    pub to_agent: String,
    pub transport_type: String,
    /// `dead_lettered`, or `pending` once it is replayed.
    pub status: String,
    /// Why the last push failed.
    pub error_detail: Option<String>,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryList {
    pub ok: bool,
    pub deliveries: Vec<Delivery>,
    /// Give it as `before` for the next page; null on the last.
    pub next_before: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryAnswer {
    pub ok: bool,
    pub delivery: Delivery,
}
