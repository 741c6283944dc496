//! The AXME server: gateway, registry and workers.
//!
//! [`start`] opens the store, starts the workers and listens; [`Running::stop`] ends it cleanly. A request goes
//! `http` → `call` → `ops` → `engine` → `store`; what leaves or waits is done by `workers`. `ARCHITECTURE.md` has the map.

pub mod app;
mod auth;
pub mod call;
pub mod channels;
pub mod config;
mod cx;
mod engine;
pub mod error;
pub mod files;
pub mod first_start;
pub mod folder;
pub mod http;
mod limiter;
mod oidc;
mod ops;
mod passwords;
mod seal;
mod signer;
pub mod store;
mod table;
pub mod tier;
pub mod wake;
pub mod workers;
pub mod world;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use app::{App, Site};
pub use config::{Config, Limits};
pub use folder::{Bootstrap, RunFile};
use folder::{Folder, FolderError};
use store::{Shape, Store};
use system::{Mail, System};
use wake::{SWEEP_BETWEEN_NODES, SWEEP_IN_PROCESS, Wakeups};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("settings: {0}")]
    Config(String),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("the database cannot be opened: {0}")]
    Store(String),
    #[error("cannot listen on {address}: {why}")]
    Listen { address: SocketAddr, why: std::io::Error },
}

/// A server that takes calls.
pub struct Running {
    addr: SocketAddr,
    base_url: String,
    folder: Folder,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    workers: Vec<JoinHandle<()>>,
    patience: Duration,
    mails: broadcast::Sender<Mail>,
}

/// Opens everything and listens. On return the server takes calls.
pub async fn start(config: Config) -> Result<Running, StartError> {
    config.validate().map_err(StartError::Config)?;
    let folder = Folder::open(&config.data)?;
    let limits = Arc::new(Limits { tier: config.tier, ..config.limits.clone() });
    let (stop, stopping) = watch::channel(false);
    let (store, wakeups) = open_store(&config, &folder).await?;
    let guard = channels::guard::Guard::new(&limits.outbound_allow)
        .map_err(|why| StartError::Config(format!("limits.outbound_allow: {why}")))?;
    let mailer =
        channels::mailer::Mailer::new(&config.mail, &folder.path().join("outbox")).map_err(StartError::Config)?;
    if let Some(outbox) = mailer.outbox() {
        tracing::info!(outbox = %outbox.display(), "no mail server is set: mail goes into files");
    } else if config.public_url.is_none() {
        tracing::warn!("public_url is not set: links in mail lead to the address that the server listens on");
    }
    if config.database_url.is_some() && config.media.url.is_none() {
        tracing::info!(
            "files lie in the data folder of this node: others on the same database need the same folder, or a bucket"
        );
    }
    let patience = channels::outbound::PATIENCE;
    let web = channels::outbound::Web::new(guard, mailer, limits.push_seconds, patience).map_err(StartError::Config)?;
    let listener =
        TcpListener::bind(config.listen).await.map_err(|why| StartError::Listen { address: config.listen, why })?;
    let addr = listener.local_addr().map_err(|why| StartError::Listen { address: config.listen, why })?;
    let local_url = format!("http://{}", reachable(addr));
    let base_url = config.public_url.as_ref().map_or(local_url.clone(), |url| url.trim_end_matches('/').to_owned());
    let site = Site {
        base_url: base_url.clone(),
        embed_origins: config.embed_origins.clone(),
        media: Some(
            files::Files::open(&config.media, folder.path().join("media"), limits.durable)
                .map_err(StartError::Config)?,
        ),
        trusted_proxies: channels::guard::networks(&config.trusted_proxies)
            .map_err(|why| StartError::Config(format!("trusted_proxies: {why}")))?,
        sign_up: config.sign_up,
        trials: config.trials,
        oidc: config.oidc.clone().map(Arc::new),
    };
    let app = App::new(store, System::real(Arc::new(web)), wakeups, limits.clone(), site, stopping);
    first_start::run(&app, &folder, &config.owner_email, &base_url).await?;
    // Before the first call: nothing that happens may pass by those who are subscribed to it.
    workers::fanout::watch(&app).await.map_err(|error| StartError::Store(error.to_string()))?;
    workers::mesh::rule(&app).await.map_err(|error| StartError::Store(error.to_string()))?;
    let mut workers = vec![
        tokio::spawn(workers::timers::run(app.clone())),
        tokio::spawn(workers::sweep::run(app.clone())),
        tokio::spawn(workers::billing::run(app.clone())),
        tokio::spawn(workers::lines::run(app.clone())),
        tokio::spawn(workers::fanout::run(app.clone())),
        tokio::spawn(workers::notices::run(app.clone())),
        tokio::spawn(workers::mesh::run(app.clone())),
        tokio::spawn(workers::key_uses::run(app.clone())),
    ];
    if let Some(url) = &config.database_url {
        workers.push(tokio::spawn(workers::doorbell::run(app.clone(), url.clone())));
    }
    let router = http::router::router(app.clone());
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays without TCP_NODELAY");
        }
    });
    let stopped = app.clone();
    let server = tokio::spawn(async move {
        // The limits of what needs no credential go by the address of the client.
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(async move { stopped.stopped().await });
        if let Err(error) = serving.await {
            tracing::error!(%error, "the server ended");
        }
    });
    // Commands on this machine go straight to it, whatever the way from outside is.
    folder.write_run(&RunFile { base_url: local_url, pid: std::process::id() })?;
    tracing::info!(%addr, base_url, storage = app.store.engine, data = %folder.path().display(), "axme listens");
    let mails = app.mails.clone();
    let patience = Duration::from_secs(limits.shutdown_seconds);
    Ok(Running { addr, base_url, folder, stop, server, workers, patience, mails })
}

async fn open_store(config: &Config, folder: &Folder) -> Result<(Store, Arc<Wakeups>), StartError> {
    let limits = &config.limits;
    let shape = Shape {
        write_group: limits.write_group,
        read_threads: limits.read_threads,
        postgres_lanes: limits.postgres_lanes,
        durable: limits.durable,
    };
    let failed = |error: error::StoreError| StartError::Store(error.to_string());
    match &config.database_url {
        None => {
            let wakeups = Wakeups::new(SWEEP_IN_PROCESS);
            let store = Store::open_sqlite(&folder.path().join("axme.db"), shape, wakeups.clone()).map_err(failed)?;
            Ok((store, wakeups))
        }
        Some(url) => {
            let wakeups = Wakeups::new(SWEEP_BETWEEN_NODES);
            let store = Store::open_postgres(url, shape, wakeups.clone()).await.map_err(failed)?;
            Ok((store, wakeups))
        }
    }
}

/// An address that a client on this machine can use.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let mut addr = addr;
    if addr.ip().is_unspecified() {
        addr.set_ip(if addr.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    addr
}

impl Running {
    /// How clients reach it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Mail as it goes out from now on.
    pub fn mails(&self) -> broadcast::Receiver<Mail> {
        self.mails.subscribe()
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Ends streams with their closing frame, lets calls finish, and lets go of the folder. Bounded in time.
    pub async fn stop(mut self) {
        // Nobody listening means that everything has ended already.
        let _ = self.stop.send(true);
        let finish = async {
            let _ = (&mut self.server).await;
            for worker in &mut self.workers {
                let _ = worker.await;
            }
        };
        if tokio::time::timeout(self.patience, finish).await.is_err() {
            tracing::warn!("calls were still running when the time to stop was up");
        }
        self.folder.remove_run();
        tracing::info!("axme stopped");
    }
}
