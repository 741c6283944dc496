//! The default allowance of a workspace, by tier. The quota policy of a workspace overrides it. A self-hosted server
//! has no limits by default.

use axme_api::intents::MAX_PAYLOAD_BYTES;
use axme_api::quotas::Dimensions;
use axme_store::{Limits, Tier};

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;

/// The limits of a workspace; 0 for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    pub dimensions: Dimensions,
    /// Calls of one MCP tool by one account.
    pub tool_calls_per_minute: u64,
    /// Members of the workspace and of its organization.
    pub actors_total: u64,
    pub service_accounts: u64,
    /// Streams open at a time.
    pub streams: u64,
    /// The longest payload or result; 0 for the limit of every server.
    pub payload_bytes: u64,
}

/// Returns the limits of a tier.
pub(crate) fn allowance(tier: Tier) -> Allowance {
    let (requests, intents, inbox, storage, actors, streams, payload_bytes) = match tier {
        Tier::SelfHosted => return Allowance::default(),
        Tier::EmailVerified => (120, 500, 200, GIB, 20, 20, 0),
        Tier::Corporate => (600, 5_000, 2_000, 10 * GIB, 50, 100, 512 * KIB),
    };
    Allowance {
        dimensions: Dimensions {
            requests_per_minute: requests,
            intents_per_day: intents,
            inbox_writes_per_day: inbox,
            media_storage_bytes: storage,
            ..Dimensions::default()
        },
        tool_calls_per_minute: 120,
        actors_total: actors,
        service_accounts: actors,
        streams,
        payload_bytes,
    }
}

/// Returns the default rate limit: calls of one operation by one caller in a minute; 0 for no limit.
pub fn requests_per_minute(limits: &Limits) -> u64 {
    limits.rate_limit_per_minute.unwrap_or(allowance(limits.tier).dimensions.requests_per_minute)
}

impl Allowance {
    /// The largest size of a payload or a result, in bytes of JSON.
    pub(crate) fn most_payload_bytes(&self) -> u64 {
        if self.payload_bytes == 0 { MAX_PAYLOAD_BYTES as u64 } else { self.payload_bytes }
    }
}
