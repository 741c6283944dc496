//! Backups in a bucket of any store with the S3 API. A backup is made on the disk first, and read from there.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{BackupError, at, private};
use crate::config::MediaSettings;
use crate::files::Files;

/// Bytes read from the disk at a time.
const PART_BYTES: usize = 1024 * 1024;

/// The place of a backup in a bucket.
pub struct Object {
    url: String,
    files: Files,
    store: Arc<dyn ObjectStore>,
    key: Key,
    name: String,
}

impl Object {
    /// Whether a text names a place in a bucket.
    pub fn is_url(text: &str) -> bool {
        text.starts_with("s3://")
    }

    /// Opens `s3://bucket/folder/name`, with the endpoint and the credentials of the settings.
    pub fn open(url: &str, settings: &MediaSettings) -> Result<Object, BackupError> {
        let refused = |why: String| BackupError::Refused(why);
        let (folder, name) = url.rsplit_once('/').unwrap_or_default();
        if name.is_empty() || folder.len() <= "s3://".len() {
            return Err(refused(format!("\"{url}\" has no name: write it like s3://bucket/axme.tar")));
        }
        let files = Files::in_bucket("the place of the backup", folder, settings).map_err(refused)?;
        let Files::Bucket { store, prefix } = &files else {
            return Err(refused(format!("\"{url}\" is not in a bucket")));
        };
        let (store, key) = (store.clone(), prefix.clone().join(name));
        Ok(Object { url: url.to_owned(), files, store, key, name: name.to_owned() })
    }

    /// Refuses a place where something is already.
    pub async fn check_free(&self) -> Result<(), BackupError> {
        match self.store.head(&self.key).await {
            Ok(_) => Err(BackupError::Refused(format!("{} exists: choose another name", self.url))),
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Uploads a file. Nothing is there until all of it is.
    pub async fn upload(&self, file: &Path) -> Result<(), BackupError> {
        let mut source = std::fs::File::open(file).map_err(at(file))?;
        let mut draft = self.files.begin(&self.name).await.map_err(|error| self.failed(error))?;
        loop {
            let mut part = Vec::with_capacity(PART_BYTES);
            let most = u64::try_from(PART_BYTES).unwrap_or(u64::MAX);
            Read::take(&mut source, most).read_to_end(&mut part).map_err(at(file))?;
            if part.is_empty() {
                return draft.finish().await.map_err(|error| self.failed(error));
            }
            draft.write(Bytes::from(part)).await.map_err(|error| self.failed(error))?;
        }
    }

    /// Downloads the backup into a new file that only its owner can read.
    pub async fn download(&self, into: &Path) -> Result<(), BackupError> {
        let mut target = private(into)?;
        let mut parts = self.store.get(&self.key).await.map_err(|error| self.failed(error))?.into_stream();
        while let Some(part) = parts.try_next().await.map_err(|error| self.failed(error))? {
            target.write_all(&part).map_err(at(into))?;
        }
        Ok(())
    }

    fn failed(&self, error: impl std::fmt::Display) -> BackupError {
        BackupError::Bucket { url: self.url.clone(), why: error.to_string() }
    }
}
