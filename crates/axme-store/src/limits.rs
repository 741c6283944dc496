//! Every bound of the server, in one struct. Settings fill it; transactions carry it.

use std::fmt;

use serde::Deserialize;

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

impl Tier {
    pub const fn as_str(self) -> &'static str {
        match self {
            Tier::SelfHosted => "self_hosted",
            Tier::EmailVerified => "email_verified",
            Tier::Corporate => "corporate",
        }
    }

    /// Reads the name of a tier.
    pub fn parse(text: &str) -> Option<Tier> {
        [Tier::SelfHosted, Tier::EmailVerified, Tier::Corporate].into_iter().find(|tier| tier.as_str() == text)
    }

    /// Workspaces have limits unless something else was agreed.
    pub const fn is_hosted(self) -> bool {
        !matches!(self, Tier::SelfHosted)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Every bound of the server, with its unit in its name.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest request body.
    pub body_bytes: usize,
    /// Longest file.
    pub media_bytes: u64,
    /// How long a body may take to arrive, and each part of a file.
    pub body_seconds: u64,
    /// Longest idempotency key.
    pub idempotency_key_chars: usize,
    /// How long answers to idempotent calls are kept.
    pub reply_hours: u64,
    /// Jobs that may share one fsync on SQLite.
    pub write_group: usize,
    /// Read connections.
    pub read_threads: usize,
    /// Write connections to PostgreSQL.
    pub postgres_writers: usize,
    /// False only in tests: answers then do not wait for the disk.
    pub durable: bool,
    /// After how many seconds a delivery that nobody acknowledged is offered again; the last repeats.
    pub offer_seconds: Vec<u64>,
    /// The same for a delivery that was acknowledged.
    pub acknowledged_seconds: u64,
    /// Deliveries in one window of a stream.
    pub window_deliveries: usize,
    /// Events in one window of a stream.
    pub window_events: usize,
    /// How long a window stays open after something was sent, to send what follows at once.
    pub linger_millis: u64,
    /// How long a window is held for an intent that is over.
    pub terminal_hold_millis: u64,
    /// Longest data line of a stream; beyond it, results and payloads are left out.
    pub frame_bytes: usize,
    /// How often a stream that is followed says that it lives.
    pub keep_alive_seconds: u64,
    /// Open streams per service account.
    pub streams_per_account: usize,
    /// How long a shutdown may take.
    pub shutdown_seconds: u64,
    /// After how many seconds a push that failed is tried again; the last repeats.
    pub push_retry_seconds: Vec<u64>,
    /// How long a push may take, answer included; less than the first of `offer_seconds`, which is its lease.
    pub push_seconds: u64,
    /// Networks that may be called although they are not public, such as `10.1.0.0/16`.
    pub outbound_allow: Vec<String>,
    /// How long an intent lives whose sender does not say; for ever when unset. In seconds.
    pub default_ttl_seconds: Option<u64>,
    /// How long somebody stays signed in who does nothing.
    pub session_days: u64,
    /// How long the key is good that a sign-in gives.
    pub login_key_days: u64,
    /// Keys remembered between calls. A revoked key is refused within a second all the same.
    pub cached_keys: usize,
    /// Calls of one operation by one service account, in place of those of the tier; 0 for no limit. Each node counts its own.
    pub rate_limit_per_minute: Option<u64>,
    /// That of the settings.
    #[serde(skip)]
    pub tier: Tier,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes: 1024 * 1024,
            media_bytes: 100 * 1024 * 1024,
            body_seconds: 30,
            idempotency_key_chars: 255,
            reply_hours: 48,
            write_group: 256,
            read_threads: 2,
            postgres_writers: 8,
            durable: true,
            offer_seconds: vec![15, 60, 300, 600],
            acknowledged_seconds: 3_600,
            window_deliveries: 50,
            window_events: 500,
            linger_millis: 200,
            terminal_hold_millis: 1_000,
            frame_bytes: 48 * 1024,
            keep_alive_seconds: 15,
            streams_per_account: 1_000,
            shutdown_seconds: 9,
            push_retry_seconds: vec![30, 120, 600],
            push_seconds: 10,
            outbound_allow: Vec::new(),
            default_ttl_seconds: None,
            session_days: 30,
            login_key_days: 90,
            cached_keys: 10_000,
            rate_limit_per_minute: None,
            tier: Tier::default(),
        }
    }
}
