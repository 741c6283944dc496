//! A cache of values derived from the rules of a workspace or an organization, each valid for one version of those
//! rules.
//!
//! A transaction compares the version before it uses a value, so no rule is applied after the commit that changed it.
//! The single writer of SQLite makes every change of rules, and updates the cache after each commit. So it compares a
//! version once. The cache itself changes only after commits, because jobs roll back and run again.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hashlink::LruCache;
use uuid::Uuid;

/// Owners in the cache. Beyond it, the least recently used one is dropped.
const MAX_OWNERS: usize = 1_000;

/// A value of any type; its user knows which.
pub(crate) type CachedRules = Arc<dyn Any + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Entry {
    pub version: i64,
    pub value: CachedRules,
    /// When a transaction last found the version to be current, by the time that the clock has been running.
    pub checked_at: Duration,
    /// True if the only writer of the database found the version to be current. Then it stays so until that writer
    /// removes the entry.
    pub is_exact: bool,
}

pub(crate) struct RulesCache(Mutex<LruCache<Uuid, Entry>>);

impl Default for RulesCache {
    fn default() -> RulesCache {
        RulesCache(Mutex::new(LruCache::new(MAX_OWNERS)))
    }
}

impl RulesCache {
    pub fn get(&self, owner: Uuid) -> Option<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&owner).cloned()
    }

    /// Adds an entry. A reader may have loaded it before the latest commit, so it does not replace an exact one.
    pub fn put(&self, owner: Uuid, entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entry.is_exact || !entries.get(&owner).is_some_and(|known| known.is_exact) {
            entries.insert(owner, entry);
        }
    }

    /// Records that the version was still current at a time.
    pub fn confirm(&self, owner: Uuid, version: i64, at: Duration, is_exact: bool) {
        if let Some(entry) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&owner)
            && entry.version == version
        {
            entry.checked_at = entry.checked_at.max(at);
            entry.is_exact |= is_exact;
        }
    }

    pub fn remove(&self, owner: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&owner);
    }
}
