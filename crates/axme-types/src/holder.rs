//! The actor that an intent waits for.

use serde::{Deserialize, Serialize};

use crate::HolderKind;

/// The actor that has to act next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Holder {
    /// The kind of actor.
    #[serde(rename = "type")]
    pub kind: HolderKind,
    /// An address, a contact or a role.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The name to show.
    pub name: String,
}

impl Holder {
    /// Creates a holder of whom only a name or an address is known.
    pub fn named(kind: HolderKind, reference: &str) -> Holder {
        Holder { kind, reference: reference.to_owned(), name: reference.to_owned() }
    }
}
