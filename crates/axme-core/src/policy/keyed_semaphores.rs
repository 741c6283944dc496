//! Semaphores by key: each key has as many permits as any other.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// Semaphores kept in memory; beyond this, those without a holder are dropped.
const MAX_KEYS: usize = 1_024;

pub struct KeyedSemaphores<K> {
    permits: usize,
    known: Mutex<HashMap<K, Arc<Semaphore>>>,
}

impl<K: Eq + Hash> KeyedSemaphores<K> {
    pub fn new(permits: usize) -> KeyedSemaphores<K> {
        KeyedSemaphores { permits: permits.min(Semaphore::MAX_PERMITS), known: Mutex::default() }
    }

    /// Returns the semaphore of a key.
    pub fn of<Q: Eq + Hash + ToOwned<Owned = K> + ?Sized>(&self, key: &Q) -> Arc<Semaphore>
    where
        K: Borrow<Q>,
    {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = known.get(key) {
            return semaphore.clone();
        }
        if known.len() >= MAX_KEYS {
            known.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        known.entry(key.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.permits))).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_semaphore_while_somebody_holds_it() {
        let semaphores = KeyedSemaphores::new(1);
        let held = semaphores.of("held");
        let _permit = held.clone().try_acquire_owned().expect("the first permit");
        for key in 0..2 * MAX_KEYS {
            semaphores.of(key.to_string().as_str());
        }
        assert!(Arc::ptr_eq(&held, &semaphores.of("held")));
        assert!(semaphores.known.lock().unwrap().len() <= MAX_KEYS);
    }
}
