//! The rights that a person can give to a client.

use crate::text_enum;

text_enum! {
    /// A right that a person gives to a client, such as an assistant.
    pub enum Scope {
        /// May call the tools that only read.
        Read = "read",
        /// May call the tools that change something, in the name of the person.
        Write = "write",
        /// May call the tools that need an admin, if the person is one.
        Admin = "admin",
        /// May decide tasks in the name of the person. A consent gives it only if the person chooses it.
        TasksDecide = "tasks:decide",
    }
}
