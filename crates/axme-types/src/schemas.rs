//! Words about the schemas of payloads.

use crate::text_enum;

text_enum! {
    /// The effect of a schema on the payloads that differ from it.
    pub enum CompatibilityMode {
        /// Refuses any difference.
        Strict = "strict",
        /// Accepts unknown fields, because the sender may be newer than the receiver; refuses other differences.
        Backward = "backward",
        /// Accepts any difference and reports it as a warning.
        Warn = "warn",
    }
}

text_enum! {
    /// The owner of a schema.
    pub enum SchemaScope {
        /// An agent or the workspace.
        Tenant = "tenant",
        /// Always the whole workspace. Only a workspace-admin key may use it.
        Core = "core",
    }
}
