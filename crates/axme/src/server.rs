//! The server crate as this program sees it. Nothing else here names it.

pub use axme_server::{Bootstrap, Config, Running, start};
