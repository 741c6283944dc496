//! The databases that a server can use.

use crate::text_enum;

text_enum! {
    /// The database of a server.
    pub enum StorageEngine {
        /// SQLite, in a file of the server.
        Sqlite = "sqlite",
        /// PostgreSQL, which several nodes can share.
        Postgresql = "postgresql",
    }
}
