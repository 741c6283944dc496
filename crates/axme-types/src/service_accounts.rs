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
    /// The calls that a key is valid for.
    pub enum KeyScope {
        /// Everything that its account may do.
        Full = "full",
        /// Calls that change nothing.
        Read = "read",
        /// Submitting intents, and reading those that were submitted.
        Submit = "submit",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro takes no other attributes than documentation")]
impl Default for KeyScope {
    fn default() -> KeyScope {
        KeyScope::Full
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
