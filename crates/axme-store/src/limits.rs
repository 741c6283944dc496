//! All limits of the server, in one struct. The settings fill it, and every transaction carries it. The tier decides
//! which limits a workspace has by default.

pub use axme_types::quotas::Tier;
use serde::{Deserialize, Serialize};

/// The longest rule of retention, in days: 100 years.
pub const MAX_RETENTION_DAYS: u64 = 36_500;

/// The days that events for subscribers are kept without a setting.
pub const EVENTS_DAYS: u64 = 30;
/// The shortest rule for stored replies: a client may repeat a call that long (`spec/protocol.md` §1.7).
pub const MIN_REPLY_HOURS: u64 = 24;

/// How many days the server keeps data, and the days that a workspace may choose. From the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionLimits {
    pub intents_days: Option<u64>,
    pub files_days: Option<u64>,
    pub audit_days: Option<u64>,
    /// Events for subscribers. Unset: 30.
    pub events_days: Option<u64>,
    /// The fewest and the most days that a workspace may choose. Unset: 1 to 36,500.
    pub min_days: Option<u64>,
    pub max_days: Option<u64>,
}

impl RetentionLimits {
    /// Returns the fewest and the most days that a workspace may choose.
    pub fn bounds(&self) -> (u64, u64) {
        (self.min_days.unwrap_or(1), self.max_days.unwrap_or(MAX_RETENTION_DAYS))
    }

    /// Returns the days that data is kept: the rule of its workspace within the bounds, or else the setting of the server.
    pub fn days(&self, own: Option<i64>, of_server: Option<u64>) -> Option<u64> {
        let (min, max) = self.bounds();
        let own = own.and_then(|days| u64::try_from(days).ok());
        own.map(|days| days.clamp(min, max.max(min))).or(of_server)
    }

    /// Returns the days that events for subscribers are kept.
    pub fn events_days(&self, own: Option<i64>) -> u64 {
        self.days(own, self.events_days).unwrap_or(EVENTS_DAYS)
    }

    /// Returns the fewest and the most hours that a workspace may choose for stored replies.
    pub fn reply_bounds(&self) -> (u64, u64) {
        let (min, max) = self.bounds();
        let min = min.saturating_mul(24).max(MIN_REPLY_HOURS);
        (min, max.saturating_mul(24).max(min))
    }
}

/// All limits of the server. The name of each has its unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest request body.
    pub body_bytes: usize,
    /// The longest body of a call without a credential, unless it shows the link of an open task.
    pub public_body_bytes: usize,
    /// The memory for all request bodies that are on their way or in use, and the part that one client may take.
    pub bodies_bytes: usize,
    pub bodies_bytes_per_client: usize,
    /// Open connections, in total and per address. Trusted proxies count only in total.
    pub connections: usize,
    pub connections_per_address: usize,
    /// Open requests of one connection of HTTP/2. Each also takes the place of a connection.
    pub requests_per_connection: usize,
    /// The time in which the headers of a request must arrive, and how long a connection stays open between requests.
    pub header_seconds: u64,
    /// How long a client may read nothing of an answer before its connection is closed.
    pub unread_seconds: u64,
    /// The longest file.
    pub media_bytes: u64,
    /// The time in which a request body, or each part of a file, must arrive.
    pub body_seconds: u64,
    /// The longest idempotency key.
    pub idempotency_key_chars: usize,
    /// How long replies to calls with an idempotency key are stored.
    pub reply_hours: u64,
    /// Maximum number of jobs that share one fsync on SQLite.
    pub write_group: usize,
    /// Read connections.
    pub read_threads: usize,
    /// Write connections to PostgreSQL.
    pub postgres_writers: usize,
    /// Calls of one workspace that may wait for a writer, and calls of one account that may wait to read. More are refused.
    pub waiting_calls: usize,
    /// False only in tests, where answers do not wait for the disk.
    pub durable: bool,
    /// The delays until an unacknowledged delivery is offered again, one per offer. The last one repeats.
    pub offer_seconds: Vec<u64>,
    /// The delay until an acknowledged delivery is offered again.
    pub acknowledged_seconds: u64,
    /// Deliveries in one window of a stream.
    pub window_deliveries: usize,
    /// The memory for the frames of a stream that wait for its reader, and for one more frame.
    pub window_bytes: usize,
    /// Events in one window of a stream.
    pub window_events: usize,
    /// How long a window stays open after a frame, so that it can also hold the next ones.
    pub linger_millis: u64,
    /// How long a window stays open for an intent that has ended.
    pub terminal_hold_millis: u64,
    /// The longest data line of a stream. Beyond it, results and payloads are left out.
    pub frame_bytes: usize,
    /// The interval of keep-alive frames on a followed stream.
    pub keep_alive_seconds: u64,
    /// Open streams per service account.
    pub streams_per_account: usize,
    /// How long a start waits for PostgreSQL, or for another node that changes the schema.
    pub start_seconds: u64,
    /// The longest duration of a shutdown.
    pub shutdown_seconds: u64,
    /// The delays until a failed push is tried again, one per attempt. The last one repeats.
    pub push_retry_seconds: Vec<u64>,
    /// The timeout of a push, answer included. It is shorter than the first of `offer_seconds`, the lease of the push.
    pub push_seconds: u64,
    /// Private networks that the server may call, such as `10.1.0.0/16`.
    pub outbound_allow: Vec<String>,
    /// The lifetime of an intent whose sender sets none; unlimited if unset.
    pub default_ttl_seconds: Option<u64>,
    /// How long an unused sign-in session stays valid.
    pub session_days: u64,
    /// How long a key from a sign-in stays valid.
    pub login_key_days: u64,
    /// Keys cached between calls. A revoked key is still refused within a second.
    pub cached_keys: usize,
    /// Calls of one operation by one service account. Replaces the limit of the tier; 0 means no limit. Each node
    /// counts its own calls.
    pub rate_limit_per_minute: Option<u64>,
    /// The tier from the settings.
    #[serde(skip)]
    pub tier: Tier,
    /// How long data is kept, from the settings.
    #[serde(skip)]
    pub retention: RetentionLimits,
}

impl Limits {
    /// Returns the hours that replies are kept: the rule of their workspace within the bounds, or else the setting of the
    /// server.
    pub fn reply_hours_of(&self, own: Option<i64>) -> u64 {
        let (min, max) = self.retention.reply_bounds();
        let own = own.and_then(|hours| u64::try_from(hours).ok());
        own.map_or(self.reply_hours, |hours| hours.clamp(min, max))
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes: 1024 * 1024,
            public_body_bytes: 16 * 1024,
            bodies_bytes: 32 * 1024 * 1024,
            bodies_bytes_per_client: 8 * 1024 * 1024,
            connections: 10_000,
            connections_per_address: 2_500,
            requests_per_connection: 100,
            header_seconds: 30,
            unread_seconds: 30,
            media_bytes: 100 * 1024 * 1024,
            body_seconds: 30,
            idempotency_key_chars: 255,
            reply_hours: 48,
            write_group: 256,
            read_threads: 2,
            postgres_writers: 8,
            waiting_calls: 4_096,
            durable: true,
            offer_seconds: vec![15, 60, 300, 600],
            acknowledged_seconds: 3_600,
            window_deliveries: 50,
            window_bytes: 128 * 1024,
            window_events: 500,
            linger_millis: 200,
            terminal_hold_millis: 1_000,
            frame_bytes: 48 * 1024,
            keep_alive_seconds: 15,
            streams_per_account: 1_000,
            start_seconds: 60,
            shutdown_seconds: 9,
            push_retry_seconds: vec![30, 120, 600],
            push_seconds: 10,
            outbound_allow: Vec::new(),
            default_ttl_seconds: None,
            session_days: 30,
            login_key_days: 90,
            cached_keys: 10_000,
            rate_limit_per_minute: None,
            tier: Tier::SelfHosted,
            retention: RetentionLimits::default(),
        }
    }
}
