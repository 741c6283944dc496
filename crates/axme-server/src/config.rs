//! The settings of a server: one struct with every limit, validated once.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use axme_api::mcp::selection::Selection;
use axme_core::auth::oidc::OidcSettings;
use axme_intent::human::is_email;
use axme_store::{EVENTS_DAYS, Limits, MAX_RETENTION_DAYS, RetentionLimits, Tier};
use axme_words::Language;

#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// The data folder: the SQLite database, `bootstrap.json` and the lock. Also required with PostgreSQL.
    pub data: PathBuf,
    /// `postgres://…`. If unset, SQLite in `data`.
    pub database_url: Option<String>,
    /// The email address of the account that owns the organization of the first start.
    pub owner_email: String,
    /// The URL that clients use, if it is not the listening address.
    pub public_url: Option<String>,
    pub mail: MailSettings,
    pub alerts: AlertSettings,
    pub web_push: WebPushSettings,
    pub audit: AuditSettings,
    pub media: MediaSettings,
    pub metrics: MetricsSettings,
    pub retention: RetentionSettings,
    /// Whether the first sign-in with an unknown email address creates an organization. If not, only members of
    /// organizations can sign in.
    pub sign_up: bool,
    /// Whether `POST /v1/alpha/bootstrap` gives anyone a trial organization and a key, without a sign-in.
    pub trials: bool,
    /// The OpenID Connect provider for sign-in; off if unset.
    pub oidc: Option<OidcSettings>,
    /// The language of pages and mail for people whose browser asks for none of ours, and who have chosen none.
    pub language: Language,
    /// Web origins that may show task pages in a frame, such as `https://intranet.example.com`.
    pub embed_origins: Vec<String>,
    pub mcp: McpSettings,
    /// Web origins whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
    pub tls: TlsSettings,
    pub traces: TraceSettings,
    /// The tier of workspaces without individually agreed limits.
    #[serde(deserialize_with = "named_tier")]
    pub tier: Tier,
    /// Networks of proxies whose `X-Forwarded-For` is trusted, such as `10.1.0.0/16`.
    pub trusted_proxies: Vec<String>,
    pub limits: Limits,
    /// Every setting in force with its source, for the page of the operators. It is not a setting itself.
    #[serde(skip)]
    pub in_force: Vec<Setting>,
}

/// One setting in force. A secret is masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    pub name: String,
    pub value: String,
    pub source: String,
}

/// Returns true for an address at which a push service can reach the operator.
fn is_contact(text: &str) -> bool {
    text.strip_prefix("mailto:").is_some_and(is_email)
        || text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())
}

/// Reads an address to listen on. The error repeats what it could not read.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| D::Error::custom(format!("\"{text}\" is not an IP address with a port, such as 127.0.0.1:8100")))
}

fn optional_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    address(deserializer).map(Some)
}

/// Reads a tier by name. The error lists the choices, and the environment variable that may hold the wrong name.
fn named_tier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tier, D::Error> {
    let name = String::deserialize(deserializer)?;
    Tier::parse(&name).ok_or_else(|| {
        let choices = [Tier::SelfHosted, Tier::EmailVerified, Tier::Corporate].map(Tier::as_str).join(", ");
        D::Error::custom(format!("tier (AXME_TIER): unknown value \"{name}\"; use one of {choices}"))
    })
}

/// The mail server.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// `smtp://`, `smtp://…?tls=required` or `smtps://user:password@host:port`. If unset, mail is written to the folder
    /// `outbox` in the data folder.
    pub smtp_url: Option<String>,
    /// The sender address of outgoing mail.
    pub from: String,
}

impl Default for MailSettings {
    fn default() -> MailSettings {
        MailSettings { smtp_url: None, from: "AXME <axme@localhost>".to_owned() }
    }
}

/// The readers of the metrics besides the operators.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsSettings {
    /// An address that serves `/metrics` to anyone who reaches it, and nothing else.
    #[serde(deserialize_with = "optional_address")]
    pub listen: Option<SocketAddr>,
    /// A token that reads `/metrics` on the main port.
    pub token: Option<String>,
}

/// The files of TLS, in PEM. Without them, a proxy before the server has the certificate.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate of the server, and those between it and its authority.
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// The mail about trouble, for servers without other monitoring.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertSettings {
    /// The operator's address. Off if unset.
    pub email: Option<String>,
}

/// Notifications of tasks in the browsers of people.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebPushSettings {
    /// Where the push services of the browsers reach the operator: `mailto:` or `https:`. Off if unset.
    pub contact: Option<String>,
}

/// The places outside the database that get the signed checkpoints of the audit trail. Off if unset.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// A folder; or `s3://bucket/prefix`, with the endpoint and the keys of `media`.
    pub checkpoints: Option<PathBuf>,
    /// An email address.
    pub email: Option<String>,
}

/// The collector of traces.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceSettings {
    /// The URL of a collector that speaks OTLP over HTTP, such as `http://127.0.0.1:4318`. Off if unset.
    pub endpoint: Option<String>,
    /// Headers for the collector: `name=value`.
    pub headers: Vec<String>,
    /// The share of new traces that are recorded, from 0 to 1. A trace that a caller began follows the caller.
    pub sample_ratio: f64,
}

impl TraceSettings {
    /// Reads headers like `authorization=Bearer x`.
    pub(crate) fn headers(&self) -> Result<HashMap<String, String>, String> {
        let read = |line: &String| {
            let (name, value) = line.split_once('=').filter(|(name, _)| !name.trim().is_empty())?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        let wrong = || "traces.headers: write each header as name=value".to_owned();
        self.headers.iter().map(|line| read(line).ok_or_else(wrong)).collect()
    }
}

impl Default for TraceSettings {
    fn default() -> TraceSettings {
        TraceSettings { endpoint: None, headers: Vec::new(), sample_ratio: 1.0 }
    }
}

/// How many days data is kept; forever if unset. Workspaces may have rules of their own.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSettings {
    /// Intents that have ended, from their end.
    pub intents_days: Option<u64>,
    /// Finished files.
    pub files_days: Option<u64>,
    /// Lines of the audit trail, up to a signed checkpoint.
    pub audit_days: Option<u64>,
    /// Events for subscribers: 30 if unset.
    pub events_days: Option<u64>,
    /// Mail in the folder `outbox`.
    pub outbox_days: Option<u64>,
    /// The fewest and the most days that the admins of a workspace may choose.
    pub min_days: Option<u64>,
    pub max_days: Option<u64>,
    /// A folder that gets what is deleted first, as JSON Lines; or `s3://bucket/prefix`, with the endpoint and the keys of
    /// `media`.
    pub export: Option<PathBuf>,
    /// For tests of this project only: how many seconds a day of these settings takes.
    pub day_seconds: u64,
}

/// The seconds of a day.
const DAY_SECONDS: u64 = 86_400;

impl Default for RetentionSettings {
    fn default() -> RetentionSettings {
        RetentionSettings {
            intents_days: None,
            files_days: None,
            audit_days: None,
            events_days: Some(EVENTS_DAYS),
            outbox_days: None,
            min_days: None,
            max_days: None,
            export: None,
            day_seconds: DAY_SECONDS,
        }
    }
}

impl RetentionSettings {
    /// Returns what operations need to know.
    pub fn limits(&self) -> RetentionLimits {
        let RetentionSettings { intents_days, files_days, audit_days, events_days, min_days, max_days, .. } = *self;
        RetentionLimits { intents_days, files_days, audit_days, events_days, min_days, max_days }
    }
}

/// The shortest scrape token. A short one can be guessed.
const MIN_TOKEN_CHARS: usize = 16;

/// The file store.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaSettings {
    /// `s3://bucket/prefix`. If unset, files are stored in the folder `media` in the data folder.
    pub url: Option<String>,
    /// The URL of the S3 API, such as `https://minio.example.com:9000`, if it is not Amazon's.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    /// The access key. If it and its secret are unset, they come from the environment
    /// (`AWS_ACCESS_KEY_ID`, …) or the machine.
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
}

/// How hosts of the Model Context Protocol reach the server.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpSettings {
    /// Web origins that may call `/mcp`, such as `https://assistant.example.com`.
    pub origins: Vec<String>,
    /// The tools that are listed unless the request chooses: names with commas between them, such as `tasks,intents`.
    pub tools: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8100)),
            data: PathBuf::from("axme-data"),
            database_url: None,
            owner_email: "owner@local".to_owned(),
            public_url: None,
            mail: MailSettings::default(),
            alerts: AlertSettings::default(),
            web_push: WebPushSettings::default(),
            audit: AuditSettings::default(),
            media: MediaSettings::default(),
            metrics: MetricsSettings::default(),
            retention: RetentionSettings::default(),
            sign_up: false,
            trials: false,
            oidc: None,
            language: Language::English,
            embed_origins: Vec::new(),
            mcp: McpSettings::default(),
            cors_origins: Vec::new(),
            tls: TlsSettings::default(),
            traces: TraceSettings::default(),
            tier: Tier::SelfHosted,
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            in_force: Vec::new(),
        }
    }
}

impl Config {
    /// Checks the settings. The error names the first invalid one.
    pub fn validate(&self) -> Result<(), String> {
        let limits = &self.limits;
        if let Some(url) = &self.database_url
            && !url.starts_with("postgres://")
            && !url.starts_with("postgresql://")
        {
            return Err("database_url must begin with postgres:// (leave it out for SQLite)".to_owned());
        }
        if !self.owner_email.contains('@') {
            return Err(format!("owner_email \"{}\" is not an email address", self.owner_email));
        }
        if let Some(contact) = self.web_push.contact.as_ref().filter(|contact| !is_contact(contact)) {
            return Err(format!(
                "web_push.contact \"{contact}\" must be like mailto:ops@example.com or https://example.com"
            ));
        }
        if let Some(email) = self.alerts.email.as_ref().filter(|email| !is_email(email)) {
            return Err(format!("alerts.email \"{email}\" is not an email address"));
        }
        if let Some(email) = self.audit.email.as_ref().filter(|email| !is_email(email)) {
            return Err(format!("audit.email \"{email}\" is not an email address"));
        }
        if let Some(url) = &self.public_url
            && !url.starts_with("http://")
            && !url.starts_with("https://")
        {
            return Err(format!("public_url \"{url}\" must begin with http:// or https://"));
        }
        let RetentionSettings {
            intents_days,
            files_days,
            audit_days,
            events_days,
            outbox_days,
            min_days,
            max_days,
            ..
        } = self.retention;
        let days = [intents_days, files_days, audit_days, events_days, outbox_days, min_days, max_days];
        if days.contains(&Some(0)) || self.retention.day_seconds == 0 {
            return Err("the settings under retention are days, at least 1; leave one out to keep its data".to_owned());
        }
        let (min, max) = self.retention.limits().bounds();
        if min > max || max > MAX_RETENTION_DAYS {
            return Err(format!(
                "retention.min_days is {min} and max_days is {max}; use at most {MAX_RETENTION_DAYS}, the larger for max_days"
            ));
        }
        if self.metrics.token.as_ref().is_some_and(|token| token.chars().count() < MIN_TOKEN_CHARS) {
            return Err(format!("metrics.token needs at least {MIN_TOKEN_CHARS} characters"));
        }
        if let Some(url) = &self.traces.endpoint
            && !url.starts_with("http://")
            && !url.starts_with("https://")
        {
            return Err(format!("traces.endpoint \"{url}\" must begin with http:// or https://"));
        }
        if !(0.0..=1.0).contains(&self.traces.sample_ratio) {
            return Err("traces.sample_ratio must be from 0 to 1".to_owned());
        }
        self.traces.headers()?;
        self.oidc.as_ref().map_or(Ok(()), OidcSettings::validate)?;
        let is_origin = |text: &str| {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
            !host.is_empty() && host != "*" && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:*[]".contains(&b))
        };
        Selection::parse(&self.mcp.tools).map_err(|wrong| format!("mcp.{wrong}"))?;
        let lists = [
            ("embed_origins", &self.embed_origins),
            ("cors_origins", &self.cors_origins),
            ("mcp.origins", &self.mcp.origins),
        ];
        for (name, origins) in lists {
            if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
                return Err(format!(
                    "{name}: \"{wrong}\" is not an origin; write it like https://intranet.example.com"
                ));
            }
        }
        if limits.offer_seconds.is_empty() || limits.offer_seconds.contains(&0) {
            return Err("limits.offer_seconds needs at least one number, each at least 1".to_owned());
        }
        if limits.push_retry_seconds.is_empty() {
            return Err("limits.push_retry_seconds needs at least one number".to_owned());
        }
        if limits.push_seconds == 0 || limits.push_seconds >= limits.offer_seconds[0] {
            let lease = limits.offer_seconds[0];
            return Err(format!("limits.push_seconds must be at least 1 and less than offer_seconds[0], {lease}"));
        }
        for (name, number) in [
            ("write_group", limits.write_group),
            ("read_threads", limits.read_threads),
            ("postgres_writers", limits.postgres_writers),
            ("waiting_calls", limits.waiting_calls),
            ("window_deliveries", limits.window_deliveries),
            ("window_bytes", limits.window_bytes),
            ("window_events", limits.window_events),
            ("cached_keys", limits.cached_keys),
            ("connections", limits.connections),
            ("connections_per_address", limits.connections_per_address),
            ("requests_per_connection", limits.requests_per_connection),
        ] {
            if number == 0 {
                return Err(format!("limits.{name} must be at least 1"));
            }
        }
        let longest = limits.body_bytes.max(limits.public_body_bytes);
        if limits.bodies_bytes_per_client < longest || limits.bodies_bytes < limits.bodies_bytes_per_client {
            return Err(format!(
                "limits.bodies_bytes_per_client must be at least {longest}, the longest body, and at most bodies_bytes"
            ));
        }
        if limits.header_seconds == 0 || limits.unread_seconds == 0 {
            return Err("limits.header_seconds and limits.unread_seconds must be at least 1".to_owned());
        }
        Ok(())
    }
}

/// Shows the settings without the credentials of the database, the mail server and the file store.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("database", &if self.database_url.is_some() { "postgresql" } else { "sqlite" })
            .field("owner_email", &self.owner_email)
            .field("public_url", &self.public_url)
            .field("mail", &if self.mail.smtp_url.is_some() { "smtp" } else { "outbox" })
            .field("media", &self.media.url.as_deref().unwrap_or("local"))
            .field("embed_origins", &self.embed_origins)
            .field("mcp", &self.mcp)
            .field("tier", &self.tier)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("limits", &self.limits)
            .finish()
    }
}
