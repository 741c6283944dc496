//! Words about organizations and workspaces.

use crate::text_enum;

text_enum! {
    /// The status of an organization. Its keys work only while it is active.
    pub enum OrganizationStatus {
        /// Not in use yet.
        Pending = "pending",
        /// In use.
        Active = "active",
        /// Out of use for a time.
        Suspended = "suspended",
        /// Out of use for good.
        Archived = "archived",
    }
}

text_enum! {
    /// The status of a workspace. Its keys work only while it is active.
    pub enum WorkspaceStatus {
        /// In use.
        Active = "active",
        /// Out of use for a time.
        Suspended = "suspended",
        /// Out of use for good.
        Archived = "archived",
    }
}

text_enum! {
    /// The answer to a new intent for an agent that nobody has registered.
    pub enum UnknownReceivers {
        /// The intent is accepted with a warning, and waits for the agent to be registered.
        Accept = "accept",
        /// The intent is refused with 404 `agent_not_found`.
        Refuse = "refuse",
    }
}

text_enum! {
    /// The purpose of a workspace. It is a label: the server treats all workspaces alike.
    pub enum Environment {
        /// For experiments.
        Sandbox = "sandbox",
        /// For tests before production.
        Staging = "staging",
        /// For real work.
        Production = "production",
    }
}
