//! Words about service accounts.

use crate::text_enum;

text_enum! {
    /// The role of the keys of a service account.
    pub enum AccountRole {
        /// May do everything in the workspace.
        WorkspaceAdmin = "workspace_admin",
        /// May act as the account's own address.
        Agent = "agent",
        /// May do what the person may do whose logins the keys belong to.
        Login = "login",
    }
}

text_enum! {
    /// The status of a service account.
    pub enum AccountStatus {
        /// Its keys work.
        Active = "active",
        /// Kept, so that registering its address again restores it.
        Deleted = "deleted",
    }
}
