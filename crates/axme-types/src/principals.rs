//! Words about principals and their aliases.

use crate::text_enum;

text_enum! {
    /// The kind of a principal.
    pub enum PrincipalType {
        /// A person.
        User = "user",
        /// A program that works for others.
        ServiceAgent = "service_agent",
        /// The account of a program.
        ServiceAccount = "service_account",
    }
}

text_enum! {
    /// The status of a principal.
    pub enum PrincipalStatus {
        /// It can be reached.
        Active = "active",
    }
}

text_enum! {
    /// The purpose of an alias. Stored for callers; the server does not act on it.
    pub enum AliasType {
        /// A name under which people write to the principal.
        Communication = "communication",
        /// A name under which programs call the principal.
        Service = "service",
        /// A name from another system.
        External = "external",
    }
}
