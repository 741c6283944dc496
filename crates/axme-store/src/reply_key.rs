//! The key under which a reply is stored. Jobs announce it before they run.

use uuid::Uuid;

/// The key of a stored reply: the caller, the endpoint and the idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplyKey {
    pub workspace: Uuid,
    pub caller: String,
    /// Method and path.
    pub endpoint: String,
    pub key: String,
}
