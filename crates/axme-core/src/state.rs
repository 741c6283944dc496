//! The state of a running server, shared by everything that handles requests. It also counts open streams against their
//! limits.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ipnet::IpNet;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use axme_api::mcp::selection::Selection;
use axme_api::{ApiError, ErrorCode};
use axme_words::Language;

use axme_store::{JobError, Limits, Store, Tx, Wakeups};

use crate::auth::oidc::OidcSettings;
use crate::auth::{Caller, Keys};
use crate::consumers::Consumers;
use crate::error::{Result, StoreError};
use crate::metrics::Metrics;
use crate::policy::body_budget::BodyBudget;
use crate::policy::fair_gate::FairGate;
use crate::policy::quota;
use crate::policy::rate_limit::RateLimiter;
use crate::policy::tier::Allowance;
use crate::system::{Mail, System, Tracer};
use crate::web_push::WebPush;

pub struct AppState {
    pub store: Store,
    pub system: System,
    pub wakeups: Arc<Wakeups>,
    pub keys: Keys,
    pub limiter: RateLimiter,
    /// The named readers of queues, as far as this process has seen them.
    pub consumers: Consumers,
    /// The turns of callers at the read connections.
    reads: Arc<FairGate>,
    pub metrics: Metrics,
    /// The memory for request bodies.
    pub bodies: BodyBudget,
    pub limits: Arc<Limits>,
    pub site: Site,
    /// Sends spans to a collector, if the settings name one.
    pub tracer: OnceLock<Arc<dyn Tracer>>,
    /// Outgoing mail, for an operator who watches it. Slow watchers lose mail.
    pub mails: broadcast::Sender<Mail>,
    /// True once the server must stop.
    pub stopping: watch::Receiver<bool>,
    streams: Mutex<Streams>,
    /// True while nothing is offered to any agent: after a restore.
    has_paused_offers: AtomicBool,
}

/// The public side of the server: how it is reached, and how people get in.
#[derive(Clone, Default)]
pub struct Site {
    /// The public URL, without a slash at the end.
    pub base_url: String,
    /// Web origins that may show pages in a frame.
    pub embed_origins: Vec<String>,
    pub mcp: McpSite,
    /// The language of pages and mail for people who have chosen none.
    pub language: Language,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// A person who signs in with an unknown address gets a new organization.
    pub sign_up: bool,
    pub oidc: Option<Arc<OidcSettings>>,
    /// Anyone can get an organization and a key for a trial.
    pub trials: bool,
    /// Web origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// The SHA-256 of the token that reads the metrics.
    pub scrape_token_hash: Option<[u8; 32]>,
    /// Notifications in browsers, if the operator wants them.
    pub web_push: Option<Arc<WebPush>>,
}

/// How hosts of the Model Context Protocol reach the server.
#[derive(Debug, Clone, Default)]
pub struct McpSite {
    /// Web origins that may call, beside the server's own.
    pub origins: Vec<String>,
    /// The tools that are listed unless the request chooses.
    pub tools: Selection,
}

impl Site {
    /// Returns true for the address of a trusted proxy.
    pub fn trusts(&self, address: &IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// Returns true for the token that reads the metrics.
    pub fn is_scrape_token(&self, shown: &str) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.scrape_token_hash.is_some_and(|hash| hash.ct_eq(&shown).into())
    }
}

/// The reads per connection that are handed to the store, so that no connection waits for the next one.
const READS_AHEAD: usize = 2;

/// The mails that a watcher can lag behind.
const MAX_MAILS: usize = 64;

/// The permit of an open stream. Dropping it frees the place.
pub struct StreamPermit {
    app: Arc<AppState>,
    account: String,
    workspace: Uuid,
}

/// The open streams, counted.
#[derive(Default)]
struct Streams {
    of_account: HashMap<String, usize>,
    of_workspace: HashMap<Uuid, usize>,
}

impl AppState {
    pub fn new(
        store: Store,
        system: System,
        limits: Arc<Limits>,
        site: Site,
        stopping: watch::Receiver<bool>,
    ) -> Arc<AppState> {
        let (keys, limiter) =
            (Keys::new(limits.cached_keys, &site.base_url, system.clock.clone()), RateLimiter::default());
        let (wakeups, metrics) = (store.wakeups().clone(), Metrics::new(store.metrics()));
        let (mails, _) = broadcast::channel(MAX_MAILS);
        Arc::new(AppState {
            store,
            system,
            wakeups,
            keys,
            limiter,
            consumers: Consumers::default(),
            metrics,
            reads: FairGate::new(limits.read_threads * READS_AHEAD),
            bodies: BodyBudget::new(limits.bodies_bytes, limits.bodies_bytes_per_client),
            limits,
            site,
            tracer: OnceLock::new(),
            mails,
            stopping,
            streams: Mutex::default(),
            has_paused_offers: AtomicBool::new(false),
        })
    }

    /// Reserves a place for a stream. Refuses it if the account or its workspace has too many open streams.
    pub async fn open_stream(self: &Arc<AppState>, caller: &Caller) -> Result<StreamPermit> {
        let allowance = self.allowance(caller.workspace).await?.unwrap_or_default();
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let open = streams.of_account.get(&caller.service_account_id).copied().unwrap_or_default();
        if open >= self.limits.streams_per_account {
            let message = format!("this account has {open} open streams, the maximum; close one first");
            return Err(ApiError::new(ErrorCode::RateLimitExceeded, message).into());
        }
        let open = streams.of_workspace.get(&caller.workspace).copied().unwrap_or_default();
        quota::check_total("sse_streams_max", open as u64, 1, allowance.streams)?;
        *streams.of_account.entry(caller.service_account_id.clone()).or_default() += 1;
        *streams.of_workspace.entry(caller.workspace).or_default() += 1;
        Ok(StreamPermit { app: self.clone(), account: caller.service_account_id.clone(), workspace: caller.workspace })
    }

    /// Stops or resumes all offers to agents of this node.
    pub fn pause_offers(&self, is_paused: bool) {
        self.has_paused_offers.store(is_paused, Ordering::Relaxed);
    }

    /// Returns true while nothing is offered to any agent.
    pub fn has_paused_offers(&self) -> bool {
        self.has_paused_offers.load(Ordering::Relaxed)
    }

    /// Returns the number of open streams.
    pub fn streams_open(&self) -> usize {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).of_account.values().sum()
    }

    /// Reads in the store for a caller. When the read connections are busy, callers take turns.
    pub async fn read_for<T, E, F>(&self, caller: &str, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let _place = self.reads.enter(caller).await;
        self.store.read(job).await
    }

    /// Reads like [`AppState::read_for`]. Refuses the call if too many reads of the caller wait already.
    pub async fn read_at_once<T, E, F>(&self, caller: &str, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        match self.reads.try_enter(caller, self.limits.waiting_calls).await {
            Some(_place) => self.store.read(job).await,
            None => Err(StoreError::Overloaded.into()),
        }
    }

    /// Returns the allowance of a workspace, which may be some seconds old. `None` if nothing is limited.
    pub(crate) async fn allowance(&self, workspace: Uuid) -> Result<Option<Allowance>> {
        self.limiter.allowance(&self.store, &self.limits, workspace).await
    }

    /// Completes once the server must stop.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // An error means that the sender is gone, which also means stop.
        let _ = stopping.wait_for(|stop| *stop).await;
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut streams = self.app.streams.lock().unwrap_or_else(PoisonError::into_inner);
        leave(&mut streams.of_account, &self.account);
        leave(&mut streams.of_workspace, &self.workspace);
    }
}

fn leave<K: Eq + Hash>(open: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = open.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            open.remove(key);
        }
    }
}
