//! When keys were last used: gathered in memory as keys are looked up. A worker writes it once a minute and at the end; a
//! crash loses the last minute.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axme_intent::Time;
use uuid::Uuid;

/// Keys that are noted between two writes; the uses of others in that minute are not kept.
const MOST_KEYS: usize = 10_000;
/// Uses that are not written yet. Sorted, so that nodes which write the same rows take their locks in one order.
#[derive(Default)]
pub struct KeyUses(Mutex<BTreeMap<(Uuid, String), Time>>);

impl KeyUses {
    pub fn note(&self, workspace: Uuid, key_id: &str, at: Time) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < MOST_KEYS {
            uses.insert((workspace, key_id.to_owned()), at);
        }
    }

    /// Takes the uses that were gathered.
    pub fn take(&self) -> Vec<((Uuid, String), Time)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}
