//! The server crate as this program sees it. Nothing else here names it.

pub use axme_core::system::Mail;
use axme_server::folder::FolderError;
pub use axme_server::{Bootstrap, Config, Running, StartError, start};

/// Whether a server did not start because another one has the data folder.
pub fn is_taken(error: &StartError) -> bool {
    matches!(error, StartError::Folder(FolderError::Taken(_)))
}
