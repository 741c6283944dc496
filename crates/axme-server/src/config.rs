//! The settings of a server: one struct, every limit in it, validated once.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use axme_core::auth::oidc::OidcSettings;
use axme_store::{Limits, Tier};

#[derive(Clone, Deserialize)]
#[serde(default)]
pub struct Config {
    pub listen: SocketAddr,
    /// The folder of the SQLite database, of `bootstrap.json` and of the lock. Needed on PostgreSQL too.
    pub data: PathBuf,
    /// `postgres://…`; SQLite in `data` without it.
    pub database_url: Option<String>,
    /// The e-mail address of the account that owns the organization made on first start.
    pub owner_email: String,
    /// How clients reach the server when that is not the address it listens on.
    pub public_url: Option<String>,
    pub mail: MailSettings,
    pub media: MediaSettings,
    /// Whoever signs in first with an address that nobody knows gets an organization of their own. Otherwise only members of
    /// organizations sign in.
    pub sign_up: bool,
    /// Whoever asks gets an organization and a key, without a sign-in: `POST /v1/alpha/bootstrap`.
    pub trials: bool,
    /// Sign-in by a provider of OpenID Connect; off unless it is set.
    pub oidc: Option<OidcSettings>,
    /// Web origins that may show the pages of tasks in a frame, such as `https://intranet.example.com`.
    pub embed_origins: Vec<String>,
    /// What workspaces may use when nothing else was agreed with them.
    #[serde(deserialize_with = "named_tier")]
    pub tier: Tier,
    /// Networks of proxies whose `X-Forwarded-For` is believed, such as `10.1.0.0/16`.
    pub trusted_proxies: Vec<String>,
    pub limits: Limits,
}

/// A tier by its name. A wrong one is told with the choices, and with the variable that it may have come from.
fn named_tier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tier, D::Error> {
    let name = String::deserialize(deserializer)?;
    Tier::parse(&name).ok_or_else(|| {
        let choices = [Tier::SelfHosted, Tier::EmailVerified, Tier::Corporate].map(Tier::as_str).join(", ");
        D::Error::custom(format!("tier (AXME_TIER): \"{name}\" is none of {choices}"))
    })
}

/// How people are mailed.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// `smtp://`, `smtp://…?tls=required` or `smtps://user:password@host:port`. Without it mail goes into the folder
    /// `outbox` of the data folder.
    pub smtp_url: Option<String>,
    /// Whom mail comes from.
    pub from: String,
}

impl Default for MailSettings {
    fn default() -> MailSettings {
        MailSettings { smtp_url: None, from: "AXME <axme@localhost>".to_owned() }
    }
}

/// Where files lie.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaSettings {
    /// `s3://bucket/prefix`. Without it files lie in the folder `media` of the data folder.
    pub url: Option<String>,
    /// Where the store is, such as `https://minio.example.com:9000`, when it is not Amazon's.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    /// With its secret; without them, those of the environment (`AWS_ACCESS_KEY_ID`, …) or of the machine.
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
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
            media: MediaSettings::default(),
            sign_up: false,
            trials: false,
            oidc: None,
            embed_origins: Vec::new(),
            tier: Tier::default(),
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// What is wrong with the settings, as a sentence.
    pub fn validate(&self) -> Result<(), String> {
        let limits = &self.limits;
        if let Some(url) = &self.database_url
            && !url.starts_with("postgres://")
            && !url.starts_with("postgresql://")
        {
            return Err("database_url must begin with postgres:// (leave it out for SQLite)".to_owned());
        }
        if !self.owner_email.contains('@') {
            return Err(format!("owner_email \"{}\" is no e-mail address", self.owner_email));
        }
        if let Some(url) = &self.public_url
            && !url.starts_with("http://")
            && !url.starts_with("https://")
        {
            return Err(format!("public_url \"{url}\" must begin with http:// or https://"));
        }
        self.oidc.as_ref().map_or(Ok(()), OidcSettings::validate)?;
        let is_origin = |text: &str| {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
            !host.is_empty() && host != "*" && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:*[]".contains(&b))
        };
        if let Some(wrong) = self.embed_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(format!("embed_origins: \"{wrong}\" is no origin such as https://intranet.example.com"));
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
            ("window_deliveries", limits.window_deliveries),
            ("window_events", limits.window_events),
            ("cached_keys", limits.cached_keys),
        ] {
            if number == 0 {
                return Err(format!("limits.{name} must be at least 1"));
            }
        }
        Ok(())
    }
}

/// Shows everything but the credentials of the database, of the mail server and of the store of files.
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
            .field("tier", &self.tier)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("limits", &self.limits)
            .finish()
    }
}
