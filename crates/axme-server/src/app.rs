//! What the running server consists of, shared by everything that handles requests.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, watch};

use axme_api::{ApiError, ErrorKind};

use crate::auth::Keys;
use crate::config::{Limits, OidcSettings};
use crate::error::Result;
use crate::store::Store;
use crate::wake::Wakes;
use crate::world::{Mail, World};

pub struct App {
    pub store: Store,
    pub world: World,
    pub wakes: Arc<Wakes>,
    pub keys: Keys,
    pub limits: Arc<Limits>,
    pub site: Site,
    /// Mail as it goes out, for whoever runs the server and wants to see it. Nothing is kept for those who are slow.
    pub mails: broadcast::Sender<Mail>,
    /// True once the server is asked to stop.
    pub stopping: watch::Receiver<bool>,
    streams: Mutex<HashMap<String, usize>>,
}

/// How the server is reached from outside, and where it keeps files for others.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// No slash at the end.
    pub base_url: String,
    /// Web origins that may show pages in a frame.
    pub embed_origins: Vec<String>,
    /// The folder of files; without one, none are taken.
    pub media: Option<PathBuf>,
    /// Whoever signs in first with an address that nobody knows gets an organization of their own.
    pub sign_up: bool,
    pub oidc: Option<Arc<OidcSettings>>,
    /// Whoever asks gets an organization and a key for a trial.
    pub trials: bool,
}

/// Mail that a watcher may be behind.
const MOST_MAILS: usize = 64;

/// An open stream's place among those of its account.
pub struct StreamSeat {
    app: Arc<App>,
    account: String,
}

impl App {
    pub fn new(
        store: Store,
        world: World,
        wakes: Arc<Wakes>,
        limits: Arc<Limits>,
        site: Site,
        stopping: watch::Receiver<bool>,
    ) -> Arc<App> {
        let keys = Keys::new(limits.cached_keys, &site.base_url);
        let (mails, _) = broadcast::channel(MOST_MAILS);
        Arc::new(App { store, world, wakes, keys, limits, site, mails, stopping, streams: Mutex::default() })
    }

    /// Takes a place for a stream, if the account has one left.
    pub fn seat_stream(self: &Arc<App>, account: &str) -> Result<StreamSeat> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let open = streams.entry(account.to_owned()).or_default();
        if *open >= self.limits.streams_per_account {
            let message = format!("this account has {open} streams open, which is the most");
            return Err(ApiError::new(ErrorKind::RateLimited, "rate_limit_exceeded", message).into());
        }
        *open += 1;
        Ok(StreamSeat { app: self.clone(), account: account.to_owned() })
    }

    /// Ready once the server is asked to stop.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // An error means that the sender is gone: stopped as well.
        let _ = stopping.wait_for(|stop| *stop).await;
    }
}

impl Drop for StreamSeat {
    fn drop(&mut self) {
        let mut streams = self.app.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = streams.get_mut(&self.account) {
            *open -= 1;
            if *open == 0 {
                streams.remove(&self.account);
            }
        }
    }
}
