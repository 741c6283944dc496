//! The parts of the server that this program uses. No other file imports the server's crates.

pub(crate) use axme_core::auth::oidc::OidcSettings;
pub(crate) use axme_core::system::Mail;
use axme_server::folder::FolderError;
pub(crate) use axme_server::log_filter::may_log;
pub(crate) use axme_server::system::now;
pub(crate) use axme_server::{
    Bootstrap, Config, Running, Setting, StartError, audit, backup, check, checkup, move_database, start, start_on,
};

/// Whether the start failed because another server uses the data folder.
pub(crate) fn is_taken(error: &StartError) -> bool {
    matches!(error, StartError::Folder(FolderError::Taken(_)))
}
