//! The verification of audit trails outside of a running server: in a database, or in the files of an export.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axme_core::audit_proof::{self, Export};
use axme_core::error::Error;
use axme_store::wakeups::SWEEP_IN_PROCESS;
use axme_store::{Limits, Rng, Store, StoreError, StoreOptions, Wakeups};

pub use axme_core::audit_proof::{Statement, TrailReport};

use crate::system;

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("{path}: {why}")]
    Io { path: PathBuf, why: std::io::Error },
    #[error("{path}, line {line}: {why}")]
    Line { path: PathBuf, line: usize, why: String },
    #[error("{0} has no axme.db: name its data folder, or set AXME_DATABASE_URL")]
    NoDatabase(PathBuf),
    #[error("cannot read the database: {0}")]
    Database(String),
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> AuditError {
        AuditError::Database(error.to_string())
    }
}

impl From<Error> for AuditError {
    fn from(error: Error) -> AuditError {
        AuditError::Database(error.to_string())
    }
}

/// Verifies all trails of a PostgreSQL database, or of the SQLite database of a data folder. A server may use it
/// meanwhile.
pub async fn verify_database(
    data: &Path,
    url: Option<&str>,
    kept: &[Statement],
) -> Result<Vec<TrailReport>, AuditError> {
    let options = StoreOptions {
        limits: Arc::new(Limits::default()),
        clock: system::clock(),
        rng: Rng::system(),
        wakeups: Wakeups::new(SWEEP_IN_PROCESS),
    };
    let file = data.join("axme.db");
    let store = match url {
        Some(url) => Store::open_postgres_for_reading(url, &options)?,
        None if file.is_file() => Store::open_sqlite_for_reading(&file, &options)?,
        None => return Err(AuditError::NoDatabase(data.to_owned())),
    };
    Ok(audit_proof::verify_database(&store, kept).await?)
}

/// Verifies the trails of an export: files of audit lines that a sweep has written, in the order of their days.
pub fn verify_export(files: &[PathBuf], kept: &[Statement]) -> Result<Vec<TrailReport>, AuditError> {
    let mut export = Export::default();
    for path in files {
        let failed = |why| AuditError::Io { path: path.clone(), why };
        for (number, text) in BufReader::new(File::open(path).map_err(failed)?).lines().enumerate() {
            let text = text.map_err(failed)?;
            let wrong = |why| AuditError::Line { path: path.clone(), line: number + 1, why };
            if !text.trim().is_empty() {
                export.read_line(&text).map_err(wrong)?;
            }
        }
    }
    Ok(export.finish(kept))
}
