//! The move of a data folder from SQLite to PostgreSQL. The files and settings stay; only the rows move.

use std::path::{Path, PathBuf};

use axme_store::transfer::{self, MovedTable};

use crate::backup::BackupError;
use crate::folder::Folder;
use crate::private_file::sync_folder;

const DATABASE: &str = "axme.db";
const MOVED: &str = "axme.db.moved";

/// The outcome of a move.
#[derive(Debug)]
pub struct Moved {
    pub tables: Vec<MovedTable>,
    /// The old database under its new name, so that no server starts on it by mistake.
    pub kept: PathBuf,
}

/// Moves all rows of a stopped server to a PostgreSQL without any. Compares every table before anything is final.
pub async fn to_postgres(data: &Path, url: &str) -> Result<Moved, BackupError> {
    // The lock keeps servers away, and is refused while one runs.
    let _folder = Folder::open(data)?;
    let (file, kept) = (data.join(DATABASE), data.join(MOVED));
    if !file.is_file() {
        return Err(BackupError::Refused(format!("{} has no {DATABASE}: there is nothing to move", data.display())));
    }
    if kept.exists() {
        return Err(BackupError::Refused(format!("{} exists: rename or delete it first", kept.display())));
    }
    let tables = transfer::to_postgres(&file, url).await?;
    let io = |why| BackupError::Io { path: file.clone(), why };
    std::fs::rename(&file, &kept).and_then(|()| sync_folder(data)).map_err(io)?;
    Ok(Moved { tables, kept })
}
