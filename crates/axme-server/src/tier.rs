//! What a workspace may use: by the tier that the server is set to, where nothing else was agreed with the workspace.

use std::fmt;

use axme_api::intents::MAX_PAYLOAD_BYTES;
use axme_api::quotas::Dimensions;
use serde::Deserialize;

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;

/// How a server is run: by oneself, without limits, or for others (contract `semantics.md` §3.6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    #[default]
    SelfHosted,
    /// Starter.
    EmailVerified,
    /// Business.
    Corporate,
}

/// The most of each thing; 0 for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    pub dimensions: Dimensions,
    /// Calls of one tool over MCP by one account.
    pub tool_calls_per_minute: u64,
    /// Members of the workspace and of its organization.
    pub actors_total: u64,
    pub service_accounts: u64,
    /// Open at a time.
    pub streams: u64,
    /// Of one payload or result; 0 for what every server takes.
    pub payload_bytes: u64,
}

impl Tier {
    pub const fn as_str(self) -> &'static str {
        match self {
            Tier::SelfHosted => "self_hosted",
            Tier::EmailVerified => "email_verified",
            Tier::Corporate => "corporate",
        }
    }

    /// The tier that was granted under a name, if it is one.
    pub fn parse(text: &str) -> Option<Tier> {
        [Tier::SelfHosted, Tier::EmailVerified, Tier::Corporate].into_iter().find(|tier| tier.as_str() == text)
    }

    /// Workspaces have limits unless something else was agreed.
    pub const fn is_hosted(self) -> bool {
        !matches!(self, Tier::SelfHosted)
    }

    pub fn allowance(self) -> Allowance {
        let (requests, intents, inbox, storage, actors, streams, payload_bytes) = match self {
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
}

impl Allowance {
    /// The most bytes of JSON that a payload or a result may have.
    pub fn most_payload_bytes(&self) -> u64 {
        if self.payload_bytes == 0 { MAX_PAYLOAD_BYTES as u64 } else { self.payload_bytes }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
