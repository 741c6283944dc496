//! Words about the inbox.

use crate::text_enum;

text_enum! {
    /// The kind of an entry that a person or an agent adds to a thread.
    pub enum EntryKind {
        /// A message.
        Reply = "reply",
        /// Another address gets the thread.
        Delegated = "delegated",
        /// A yes.
        Approved = "approved",
        /// A no.
        Rejected = "rejected",
    }
}

impl EntryKind {
    /// True for an entry that decides the thread.
    pub const fn is_decision(self) -> bool {
        match self {
            EntryKind::Approved | EntryKind::Rejected => true,
            EntryKind::Reply | EntryKind::Delegated => false,
        }
    }
}
