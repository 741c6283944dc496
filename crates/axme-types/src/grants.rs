//! Words about the grants of an intent (`spec/protocol.md` §4.8).

use crate::text_enum;

text_enum! {
    /// An action that a grant can allow a delegate.
    pub enum GrantAction {
        /// Read the intent and its events. Every grant includes it.
        Read = "read",
        /// Answer the intent.
        Resume = "resume",
        /// End the intent.
        Resolve = "resolve",
        /// Change the controls of the intent.
        UpdateControls = "update_controls",
        /// Change the grants and the bounds of the intent.
        UpdatePolicy = "update_policy",
    }
}
