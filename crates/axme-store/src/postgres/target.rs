//! The database to connect to, and the connection on which nodes notify each other.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config};

use super::errors::fault;
use super::tls;
use super::url::DatabaseUrl;
use super::{ROUND_TRIP, SILENCE};
use crate::error::StoreError;

/// The longest that one address may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The database to connect to.
#[derive(Clone)]
pub(crate) struct Target {
    config: Config,
    tls: tokio_postgres_rustls::MakeRustlsConnect,
    durable: bool,
}

impl Target {
    pub fn parse(url: &str, durable: bool) -> Result<Target, StoreError> {
        let DatabaseUrl { mut config, tls, has_mode } = DatabaseUrl::parse(url)?;
        config.connect_timeout(CONNECT_TIMEOUT).application_name("axme");
        // Detects a silent database within seconds, not hours.
        config
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(SILENCE / 3)
            .keepalives_retries(3);
        // Debian's server offers TLS with a certificate that cannot be verified. A local connection does not need TLS.
        if !has_mode && tls.authorities.is_none() && config.get_hosts().iter().all(is_local) {
            config.ssl_mode(SslMode::Disable);
        }
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls::config(&tls)?);
        Ok(Target { config, tls, durable })
    }

    /// Opens a connection. A port that accepts and stays silent is an error.
    async fn open(&self) -> Result<(Client, TlsConnection), StoreError> {
        let hosts = u32::try_from(self.config.get_hosts().len()).unwrap_or(u32::MAX);
        let patience = CONNECT_TIMEOUT.saturating_mul(hosts.saturating_add(1));
        within(patience, self.config.connect(self.tls.clone())).await
    }

    /// Connects. The caller's runtime drives the connection.
    pub async fn connect(&self) -> Result<Client, StoreError> {
        let (client, connection) = self.open().await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a database connection ended");
            }
        });
        if !self.durable {
            within(ROUND_TRIP, client.batch_execute("SET synchronous_commit = off")).await?;
        }
        Ok(client)
    }
}

type TlsConnection = tokio_postgres::Connection<
    tokio_postgres::Socket,
    <tokio_postgres_rustls::MakeRustlsConnect as MakeTlsConnect<tokio_postgres::Socket>>::Stream,
>;

/// Waits for an answer of the database, at most `patience`.
pub(super) async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, answer).await {
        Ok(answer) => answer.map_err(fault),
        Err(_) => Err(StoreError::Unavailable("the database did not answer in time".to_owned())),
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// A separate connection on which nodes notify each other (`LISTEN` and `NOTIFY`).
pub struct ListenConnection {
    client: Client,
    messages: mpsc::UnboundedReceiver<String>,
    channel: &'static str,
}

impl ListenConnection {
    pub async fn open(url: &str, channel: &'static str) -> Result<ListenConnection, StoreError> {
        let target = Target::parse(url, true)?;
        let (client, mut connection) = target.open().await?;
        let (sender, messages) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(note) = message
                    && sender.send(note.payload().to_owned()).is_err()
                {
                    return;
                }
            }
        });
        within(ROUND_TRIP, client.batch_execute(&format!("LISTEN {channel}"))).await?;
        Ok(ListenConnection { client, messages, channel })
    }

    /// Sends a message to all nodes, this one included. At most 8,000 bytes.
    pub async fn notify(&self, message: &str) -> Result<(), StoreError> {
        let params: [&(dyn ToSql + Sync); 2] = [&self.channel, &message];
        within(ROUND_TRIP, self.client.execute("SELECT pg_notify($1, $2)", &params)).await.map(|_| ())
    }

    /// The next message; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<String> {
        self.messages.recv().await
    }
}
