//! Whom an intent waits for.

use serde::{Deserialize, Serialize};

use crate::HolderKind;

/// The actor that has to act next: `pending_with` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    #[serde(rename = "type")]
    pub kind: HolderKind,
    /// An address, a contact or a role.
    #[serde(rename = "ref")]
    pub reference: String,
    pub name: String,
}

impl Holder {
    /// A holder of whom only a name or an address is known.
    pub fn named(kind: HolderKind, reference: &str) -> Holder {
        Holder { kind, reference: reference.to_owned(), name: reference.to_owned() }
    }
}
