//! Words about the events that subscribers get.

use crate::text_enum;

text_enum! {
    /// The origin of an event.
    pub enum EventOrigin {
        /// A caller published the event with `webhooks.events.publish`.
        Caller = "caller",
        /// This server reports what happened.
        Platform = "platform",
    }
}

text_enum! {
    /// The sources of this server's own events. No caller may publish under them.
    pub enum EventSource {
        /// The sign-in of people.
        Auth = "auth",
        /// The threads of inboxes.
        Inbox = "inbox",
        /// The lifecycle of intents.
        Intents = "intents",
        /// The invites of users.
        Invites = "invites",
    }
}

/// The prefix of the types that only this server publishes.
pub const RESERVED_EVENT_PREFIX: &str = "intent.";
