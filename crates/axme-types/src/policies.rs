//! Words about the rules for senders.

use crate::text_enum;

text_enum! {
    /// The subject of a policy.
    pub enum PolicyKind {
        /// The senders of other organizations that an organization accepts.
        Receive = "receive",
        /// The senders of other organizations that one agent accepts. It replaces the policy of its organization.
        Override = "override",
        /// The senders that one agent accepts, of any organization.
        Send = "send",
    }
}

text_enum! {
    /// The senders that a policy accepts.
    pub enum PolicyType {
        /// Everybody.
        Open = "open",
        /// The senders on its list.
        Allowlist = "allowlist",
        /// Nobody. Not a type of send policies.
        Closed = "closed",
        /// The senders that are not on its list. Only a type of send policies.
        Denylist = "denylist",
    }
}
