//! The limits that a key has beside its role. `policy::key_scope` applies them.

use std::sync::Arc;

use axme_intent::Address;
use axme_store::service_accounts::{KeyBounds, KeyScope};

/// The limits of a key that has some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLimits {
    pub scope: KeyScope,
    /// The only addresses that the key works with; empty for all.
    pub addresses: Vec<Address>,
}

impl KeyLimits {
    /// Returns the limits of a stored key; `None` for a key without any.
    pub(super) fn of(stored: KeyBounds) -> Option<Arc<KeyLimits>> {
        let KeyBounds { scope, addresses } = stored;
        let addresses: Vec<Address> = addresses.into_iter().map(Address::from_canonical).collect();
        let is_limited = scope != KeyScope::Full || !addresses.is_empty();
        is_limited.then(|| Arc::new(KeyLimits { scope, addresses }))
    }
}
