//! The machine of a running server, for its operators: the settings in force, and the check that `axme doctor --server` makes.
//!
//! One check runs at a time: it writes to the disk, and connects to the database and to the mail server.

use std::sync::{Arc, Mutex};

use axme_intent::Time;

use crate::checkup::{self, Finding};
use crate::config::{Config, Setting};

/// The findings of a check, and when it ended.
pub type Findings = Arc<(Time, Vec<Finding>)>;

/// The machine of this node.
#[derive(Default)]
pub struct Machine {
    config: Config,
    running: tokio::sync::Mutex<()>,
    last: Mutex<Option<Findings>>,
}

impl Machine {
    pub fn new(config: Config) -> Machine {
        Machine { config, ..Machine::default() }
    }

    /// Returns the settings in force by name. Secrets are masked.
    pub fn settings(&self) -> &[Setting] {
        &self.config.in_force
    }

    /// Returns the bytes that are free on the disk of the data folder, where the system tells.
    pub fn free_bytes(&self) -> Option<u64> {
        checkup::free_bytes(&self.config.data).ok().flatten()
    }

    /// Returns the findings of the last check, if there was one since the start.
    pub fn last(&self) -> Option<Findings> {
        self.last.lock().ok()?.clone()
    }

    /// Checks the machine. Returns false if another check is running.
    pub async fn check(&self, now: impl Fn() -> Time) -> bool {
        let Ok(_running) = self.running.try_lock() else { return false };
        let findings = checkup::examine(&self.config, None).await;
        if let Ok(mut last) = self.last.lock() {
            *last = Some(Arc::new((now(), findings)));
        }
        true
    }
}
