//! What the running server consists of, shared by everything that handles requests.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use axme_api::{ApiError, ErrorKind};
use axme_store::{Limits, Store, Wakeups};

use crate::auth::oidc::OidcSettings;
use crate::auth::{Caller, Keys};
use crate::error::Result;
use crate::policy::quota;
use crate::policy::rate_limit::RateLimiter;
use crate::policy::tier::Allowance;
use crate::system::{Mail, System};

pub struct AppState {
    pub store: Store,
    pub system: System,
    pub wakeups: Arc<Wakeups>,
    pub keys: Keys,
    pub limiter: RateLimiter,
    pub limits: Arc<Limits>,
    pub site: Site,
    /// Mail as it goes out, for whoever runs the server and wants to see it. Nothing is kept for those who are slow.
    pub mails: broadcast::Sender<Mail>,
    /// True once the server is asked to stop.
    pub stopping: watch::Receiver<bool>,
    streams: Mutex<Streams>,
}

/// How the server is reached from outside, and who may come in.
#[derive(Clone, Default)]
pub struct Site {
    /// No slash at the end.
    pub base_url: String,
    /// Web origins that may show pages in a frame.
    pub embed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whoever signs in first with an address that nobody knows gets an organization of their own.
    pub sign_up: bool,
    pub oidc: Option<Arc<OidcSettings>>,
    /// Whoever asks gets an organization and a key for a trial.
    pub trials: bool,
}

/// Mail that a watcher may be behind.
const MOST_MAILS: usize = 64;

/// An open stream's place among those of its account and of its workspace.
pub struct StreamPermit {
    app: Arc<AppState>,
    account: String,
    workspace: Uuid,
}

/// How many streams are open.
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
        let (keys, limiter) = (Keys::new(limits.cached_keys, &site.base_url), RateLimiter::default());
        let wakeups = store.wakeups().clone();
        let (mails, _) = broadcast::channel(MOST_MAILS);
        Arc::new(AppState {
            store,
            system,
            wakeups,
            keys,
            limiter,
            limits,
            site,
            mails,
            stopping,
            streams: Mutex::default(),
        })
    }

    /// Takes a place for a stream, if the account and its workspace have one left.
    pub async fn open_stream(self: &Arc<AppState>, caller: &Caller) -> Result<StreamPermit> {
        let allowance = self.allowance(caller.workspace).await?.unwrap_or_default();
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let open = streams.of_account.get(&caller.service_account_id).copied().unwrap_or_default();
        if open >= self.limits.streams_per_account {
            let message = format!("this account has {open} streams open, which is the most");
            return Err(ApiError::new(ErrorKind::RateLimited, "rate_limit_exceeded", message).into());
        }
        let open = streams.of_workspace.get(&caller.workspace).copied().unwrap_or_default();
        quota::check_total("sse_streams_max", open as u64, 1, allowance.streams)?;
        *streams.of_account.entry(caller.service_account_id.clone()).or_default() += 1;
        *streams.of_workspace.entry(caller.workspace).or_default() += 1;
        Ok(StreamPermit { app: self.clone(), account: caller.service_account_id.clone(), workspace: caller.workspace })
    }

    /// What a workspace may use, as of some seconds ago. `None` when nobody has limited anything.
    pub(crate) async fn allowance(&self, workspace: Uuid) -> Result<Option<Allowance>> {
        self.limiter.allowance(&self.store, &self.limits, self.system.clock.now(), workspace).await
    }

    /// Ready once the server is asked to stop.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // An error means that the sender is gone: stopped as well.
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
