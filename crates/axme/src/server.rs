//! The server crate. No other file of this program names it.

pub(crate) use axme_core::system::Mail;
use axme_server::folder::FolderError;
pub(crate) use axme_server::{Bootstrap, Config, Running, StartError, start};

/// Whether a start failed because another server uses the data folder.
pub(crate) fn is_taken(error: &StartError) -> bool {
    matches!(error, StartError::Folder(FolderError::Taken(_)))
}
