//! The numbers of a heartbeat (`spec/protocol.md` §8.1).

use serde::{Deserialize, Serialize};

use crate::Object;

/// The numbers of an agent since its last heartbeat. Other fields are kept as the metadata of the agent: at most 4,096
/// bytes of JSON together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct Metrics {
    /// Intents; the sum of the next two by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1_000_000_000_000_u64)))]
    pub intents_total: Option<f64>,
    /// Intents that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1_000_000_000_000_u64)))]
    pub intents_succeeded: Option<f64>,
    /// Intents that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1_000_000_000_000_u64)))]
    pub intents_failed: Option<f64>,
    /// The mean time per intent, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1_000_000_000_u64)))]
    pub avg_latency_ms: Option<f64>,
    /// The cost of these intents, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1_000_000_000_u64)))]
    pub cost_usd: Option<f64>,
    /// Every other field.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub metadata: Object,
}
