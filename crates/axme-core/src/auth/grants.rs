//! Grants: the rights that a person gives to a client, such as an assistant.
//!
//! A bearer token of a grant resolves to the [`Caller`](super::Caller) of its person, with the grant beside it. A grant
//! only narrows what its person may do.

use axme_api::Scope;

/// The rights that a person gives to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The id of the client.
    pub client: String,
    pub scopes: Vec<Scope>,
}

impl Grant {
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}
