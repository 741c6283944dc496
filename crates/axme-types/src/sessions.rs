//! Words about collaboration sessions.

use crate::text_enum;

text_enum! {
    /// The status of a collaboration session.
    pub enum SessionStatus {
        /// Agents may post messages.
        Active = "ACTIVE",
        /// It has ended; its messages stay readable.
        Completed = "COMPLETED",
    }
}

text_enum! {
    /// The type of an entry in the feed of a session.
    pub enum FeedEntryType {
        /// A message.
        Message = "session.message",
        /// The end of the session. It is the last entry.
        Completed = "session.completed",
    }
}
