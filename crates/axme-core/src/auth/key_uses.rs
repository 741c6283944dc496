//! The last uses of keys, gathered in memory as keys are looked up. A worker writes them once a minute and at shutdown;
//! a crash loses the last minute.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axme_intent::Time;
use uuid::Uuid;

/// Maximum number of keys between two writes. Uses of further keys in that minute are not recorded.
const MAX_KEYS: usize = 10_000;
/// The uses that are not written yet. They are sorted, so that all nodes lock the same rows in the same order.
#[derive(Default)]
pub struct KeyUses(Mutex<BTreeMap<(Uuid, String), Time>>);

impl KeyUses {
    pub fn note(&self, workspace: Uuid, key_id: &str, at: Time) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < MAX_KEYS {
            uses.insert((workspace, key_id.to_owned()), at);
        }
    }

    /// Takes the gathered uses.
    pub fn take(&self) -> Vec<((Uuid, String), Time)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}
