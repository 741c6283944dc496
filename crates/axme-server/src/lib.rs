//! The AXME server: gateway, registry and workers.
//!
//! [`start`] opens the store, starts the workers and listens; [`Running::stop`] ends it cleanly. A request enters
//! through `http` and goes to the core and back. `workers` do everything that waits, and `deliver` makes all outgoing
//! connections. `ARCHITECTURE.md` has the map.

pub mod audit;
pub mod backup;
pub mod checkup;
pub mod config;
pub mod deliver;
pub mod exports;
pub mod files;
pub mod first_start;
pub mod folder;
pub mod http;
pub mod log_filter;
pub mod machine;
pub mod move_database;
pub mod private_file;
pub mod system;
pub mod workers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axme_api::mcp::selection::Selection;
use axme_core::state::{AppState, McpSite, Site};
use axme_core::system::{Mail, System};
use axme_core::web_push::WebPush;
use axme_store::wakeups::{SWEEP_BETWEEN_NODES, SWEEP_IN_PROCESS};
use axme_store::{Limits, Store, StoreError, StoreOptions, Wakeups};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tracing::Instrument;

pub use config::{Config, Setting};
pub use folder::{Bootstrap, RunFile};
use folder::{Folder, FolderError};
use http::Gateway;
use workers::checkpoint_copies::Destination;

/// How often the server of a restored folder looks whether it may deliver.
const LOOK_AT_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("settings: {0}")]
    Config(String),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("cannot open the database: {0}")]
    Store(String),
    #[error("cannot listen on {address}: {why}; choose another address: --listen, or the setting metrics.listen")]
    Listen { address: SocketAddr, why: std::io::Error },
}

/// A running server.
pub struct Running {
    addr: SocketAddr,
    base_url: String,
    folder: Folder,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    workers: Vec<JoinHandle<()>>,
    patience: Duration,
    mails: broadcast::Sender<Mail>,
    failure: watch::Receiver<Option<String>>,
    otlp: Option<Arc<deliver::otlp::Otlp>>,
}

/// Checks the settings as a start does, without opening or creating anything.
pub fn check(config: &Config) -> Result<(), StartError> {
    config.validate().map_err(StartError::Config)?;
    let networks = deliver::guard::networks;
    networks(&config.limits.outbound_allow)
        .map_err(|why| StartError::Config(format!("limits.outbound_allow: {why}")))?;
    networks(&config.trusted_proxies).map_err(|why| StartError::Config(format!("trusted_proxies: {why}")))?;
    deliver::mailer::Mailer::new(&config.mail, Path::new("outbox")).map_err(StartError::Config)?;
    files::Files::open(&config.media, config.data.join("media"), true).map_err(StartError::Config)?;
    open_exports("retention.export", config.retention.export.as_ref(), config)?;
    open_exports("audit.checkpoints", config.audit.checkpoints.as_ref(), config)?;
    http::tls::Tls::open(&config.tls).map_err(StartError::Config)?;
    if let Some(url) = &config.database_url {
        Store::check_url(url).map_err(|error| StartError::Store(error.to_string()))?;
    }
    Ok(())
}

/// Opens the store, starts the workers and listens. The server accepts calls when this returns.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_on(config, None).await
}

/// Starts like [`start`], on a socket that listens already instead of the address of the settings.
pub async fn start_on(config: Config, inherited: Option<std::net::TcpListener>) -> Result<Running, StartError> {
    config.validate().map_err(StartError::Config)?;
    let folder = Folder::open(&config.data)?;
    let limits = Arc::new(Limits { tier: config.tier, retention: config.retention.limits(), ..config.limits.clone() });
    let (stop, stopping) = watch::channel(false);
    let guard = deliver::guard::Guard::new(&limits.outbound_allow)
        .map_err(|why| StartError::Config(format!("limits.outbound_allow: {why}")))?;
    let mailer =
        deliver::mailer::Mailer::new(&config.mail, &folder.path().join("outbox")).map_err(StartError::Config)?;
    if let Some(outbox) = mailer.outbox() {
        tracing::info!(outbox = %outbox.display(), "no mail server is set: mail is written to files");
    } else if config.public_url.is_none() {
        tracing::warn!("public_url is not set: links in mail use the listening address");
    }
    if config.database_url.is_some() && config.media.url.is_none() {
        tracing::info!(
            "files are stored in the data folder of this node: with several nodes, share the folder or set media.url"
        );
    }
    let patience = deliver::outbound::PATIENCE;
    let web = deliver::outbound::Web::new(guard, mailer, limits.push_seconds, patience).map_err(StartError::Config)?;
    let system = system::real(Arc::new(web));
    let store = open_store(&config, &folder, &system, &limits).await?;
    let files = files::Files::open(&config.media, folder.path().join("media"), limits.durable);
    let files = Some(files.map_err(StartError::Config)?);
    let tls = http::tls::Tls::open(&config.tls).map_err(StartError::Config)?;
    let (listener, addr) = match inherited {
        Some(socket) => adopt(socket).map_err(|why| StartError::Listen { address: config.listen, why })?,
        None => listen(config.listen).await?,
    };
    let metrics_listener = match config.metrics.listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let local_url = format!("{scheme}://{}", reachable(addr));
    let base_url = config.public_url.as_ref().map_or(local_url.clone(), |url| url.trim_end_matches('/').to_owned());
    let site = Site {
        base_url: base_url.clone(),
        embed_origins: config.embed_origins.clone(),
        mcp: McpSite {
            origins: config.mcp.origins.clone(),
            tools: Selection::parse(&config.mcp.tools).unwrap_or_default(),
        },
        trusted_proxies: deliver::guard::networks(&config.trusted_proxies)
            .map_err(|why| StartError::Config(format!("trusted_proxies: {why}")))?,
        language: config.language,
        sign_up: config.sign_up,
        trials: config.trials,
        oidc: config.oidc.clone().map(Arc::new),
        cors_origins: config.cors_origins.clone(),
        scrape_token_hash: config.metrics.token.as_ref().map(|token| Sha256::digest(token).into()),
        web_push: config.web_push.contact.clone().map(|contact| Arc::new(WebPush::new(contact))),
    };
    let app = AppState::new(store, system, limits.clone(), site, stopping);
    let otlp = deliver::otlp::Otlp::open(&config.traces).map_err(StartError::Config)?.map(Arc::new);
    if let Some(otlp) = &otlp {
        // Nothing has set it before.
        let _ = app.tracer.set(otlp.clone());
        app.trace_steps();
    }
    first_start::run(&app, &folder, &config.owner_email, &base_url).await?;
    let kept = workers::retention::Places {
        settings: config.retention.clone(),
        files: files.clone(),
        outbox: folder.path().join("outbox"),
        export: open_exports("retention.export", config.retention.export.as_ref(), &config)?,
    };
    let resumed = resumption(&app, folder.path());
    // Workers start before the first call, so that they miss no signal.
    let (fails, failure) = watch::channel(None);
    let mut workers = vec![
        spawn("folder_watch", workers::folder_watch::run(app.clone(), folder.lock(), fails)),
        spawn("timers", after(&app, &resumed, workers::timers::run(app.clone()))),
        spawn("sweep", workers::sweep::run(app.clone(), files.clone())),
        spawn("retention", workers::retention::run(app.clone(), kept)),
        spawn("audit_chain", workers::audit_chain::run(app.clone())),
        spawn("billing", workers::billing::run(app.clone())),
        spawn("push", after(&app, &resumed, workers::push_dispatcher::run(app.clone()))),
        spawn("fanout", workers::fanout::run(app.clone())),
        spawn("receipts", workers::receipts::run(app.clone())),
        spawn("notices", after(&app, &resumed, workers::notices::run(app.clone()))),
        spawn("mesh", workers::mesh::run(app.clone())),
        spawn("key_uses", workers::key_uses::run(app.clone())),
        spawn("consumers", workers::consumers::run(app.clone())),
    ];
    if let Some(email) = &config.alerts.email {
        let data = folder.path().to_owned();
        workers.push(spawn("alerts", workers::alerts::run(app.clone(), email.clone(), data)));
    }
    for place in checkpoint_places(&config)? {
        workers.push(spawn(
            "checkpoint_copies",
            after(&app, &resumed, workers::checkpoint_copies::run(app.clone(), place)),
        ));
    }
    if let Some(url) = &config.database_url {
        workers.push(spawn("pg_wakeups", workers::pg_wakeups::run(app.clone(), url.clone())));
        workers.push(spawn("statistics", workers::statistics::run(app.clone(), url.clone())));
    }
    let machine = Arc::new(machine::Machine::new(config.clone()));
    let gateway = Gateway { app: app.clone(), files, scrapes: Arc::default(), machine };
    if let Some((listener, addr)) = metrics_listener {
        let router = http::metrics::open_router(gateway.clone());
        workers.push(spawn("metrics", http::connections::serve(listener, router, app.clone(), None)));
        tracing::info!(%addr, "metrics are served to anyone who reaches this address");
    }
    if let Some(tls) = &tls {
        workers.push(spawn("tls", tls.clone().watch(app.clone())));
    }
    let front = http::front(gateway);
    let server = tokio::spawn(http::connections::serve(listener, front, app.clone(), tls));
    // Commands on this machine use the local address, even if public_url is set.
    // A certificate names the public address, not the local one.
    let run_url = if scheme == "https" { base_url.clone() } else { local_url };
    folder.write_run(&RunFile { base_url: run_url, pid: std::process::id() })?;
    tracing::info!(%addr, base_url, storage = app.store.engine.as_str(), data = %folder.path().display(), "axme is listening");
    let mails = app.mails.clone();
    let patience = Duration::from_secs(limits.shutdown_seconds);
    Ok(Running { addr, base_url, folder, stop, server, workers, patience, mails, failure, otlp })
}

/// Returns a signal that is true once the server may deliver: at once, or when an operator resumes a restored folder.
fn resumption(app: &Arc<AppState>, data: &Path) -> watch::Receiver<bool> {
    let is_paused = Folder::is_paused(data);
    let (resume, resumed) = watch::channel(!is_paused);
    if is_paused {
        app.pause_offers(true);
        tracing::warn!("this folder was restored: nothing is delivered until you run axme restore --resume");
        let (app, data) = (app.clone(), data.to_owned());
        tokio::spawn(async move {
            while Folder::is_paused(&data) && !*app.stopping.borrow() {
                tokio::time::sleep(LOOK_AT_PAUSE).await;
            }
            app.pause_offers(false);
            app.wakeups.signal_all_here();
            tracing::info!("deliveries are resumed");
            // An error means that the server has stopped.
            let _ = resume.send(true);
        });
    }
    resumed
}

/// Runs a worker once the server may deliver.
fn after(
    app: &Arc<AppState>,
    resumed: &watch::Receiver<bool>,
    worker: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let (app, mut resumed) = (app.clone(), resumed.clone());
    async move {
        let is_resumed = tokio::select! {
            outcome = resumed.wait_for(|resumed| *resumed) => outcome.is_ok(),
            () = app.stopped() => false,
        };
        if is_resumed || *resumed.borrow() {
            worker.await;
        }
    }
}

/// Opens the folder or bucket that a setting names, if it is set.
fn open_exports(
    setting: &str,
    place: Option<&PathBuf>,
    config: &Config,
) -> Result<Option<exports::Exports>, StartError> {
    let opened = place.map(|place| exports::Exports::open(setting, place, &config.media));
    opened.transpose().map_err(StartError::Config)
}

/// Returns the places outside the database that get the checkpoints of the audit trail.
fn checkpoint_places(config: &Config) -> Result<Vec<Destination>, StartError> {
    let folder = open_exports("audit.checkpoints", config.audit.checkpoints.as_ref(), config)?;
    let name = config.audit.checkpoints.as_ref().map(|place| place.display().to_string());
    let files = name.zip(folder).map(|(name, exports)| Destination::Files { name, exports });
    let mail = config.audit.email.clone().map(|to| Destination::Mail { to });
    Ok(files.into_iter().chain(mail).collect())
}

/// Listens on an address, and returns the address with its port.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |why| StartError::Listen { address, why };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// Listens on a socket of another process, and returns its address.
fn adopt(socket: std::net::TcpListener) -> std::io::Result<(TcpListener, SocketAddr)> {
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    Ok((TcpListener::from_std(socket)?, address))
}

/// Starts a worker in a span that names it.
fn spawn(kind: &'static str, worker: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(worker.instrument(tracing::info_span!("worker", kind)))
}

async fn open_store(
    config: &Config,
    folder: &Folder,
    system: &System,
    limits: &Arc<Limits>,
) -> Result<Store, StartError> {
    let sweep = if config.database_url.is_some() { SWEEP_BETWEEN_NODES } else { SWEEP_IN_PROCESS };
    let options = StoreOptions {
        limits: limits.clone(),
        clock: system.clock.clone(),
        rng: system.rng.clone(),
        wakeups: Wakeups::new(sweep),
    };
    let opened = match &config.database_url {
        None => Store::open_sqlite(&folder.path().join("axme.db"), &options),
        Some(url) => Store::open_postgres(url, &options).await,
    };
    opened.map_err(|error: StoreError| StartError::Store(error.to_string()))
}

/// Returns an address that clients on this machine can use.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let mut addr = addr;
    if addr.ip().is_unspecified() {
        addr.set_ip(if addr.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    addr
}

impl Running {
    /// Returns the URL that clients use: `public_url`, or the local address.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Subscribes to the mails that are sent from now on.
    pub fn mails(&self) -> broadcast::Receiver<Mail> {
        self.mails.subscribe()
    }

    /// Waits until the server cannot go on, and returns why.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.clone();
        match failure.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            // The worker has ended with the server.
            Err(_) => std::future::pending().await,
        }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Ends streams with their closing frame, waits for running calls, and releases the data folder. Takes at most
    /// `shutdown_seconds`.
    pub async fn stop(mut self) {
        // An error means that everything has already ended.
        let _ = self.stop.send(true);
        let finish = async {
            let _ = (&mut self.server).await;
            for worker in &mut self.workers {
                let _ = worker.await;
            }
        };
        if tokio::time::timeout(self.patience, finish).await.is_err() {
            tracing::warn!("calls were still running when the time limit of the shutdown passed");
        }
        if let Some(otlp) = self.otlp.take() {
            // An error would mean that the task panicked.
            let _ = tokio::task::spawn_blocking(move || otlp.close()).await;
        }
        self.folder.remove_run();
        tracing::info!("axme stopped");
    }
}
