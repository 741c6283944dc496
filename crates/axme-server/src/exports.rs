//! Places outside the database that get JSON Lines: a folder, or a bucket of any store with the S3 API. A folder has a file
//! per day. Nothing can be appended to an object, so each batch of lines is one of its own.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use axme_core::error::{Result, StoreError};
use axme_core::system::System;
use serde_json::Value;

use crate::config::MediaSettings;
use crate::files::Files;

#[derive(Clone)]
pub enum Exports {
    Folder(PathBuf),
    Bucket(Files),
}

impl Exports {
    /// Opens the place that a setting names: a folder, or `s3://bucket/prefix` with the endpoint and the keys of `media`.
    /// Creates nothing.
    pub fn open(setting: &str, place: &Path, media: &MediaSettings) -> Result<Exports, String> {
        match place.to_str().filter(|url| url.starts_with("s3://")) {
            Some(url) => Files::in_bucket(setting, url, media).map(Exports::Bucket),
            None => Ok(Exports::Folder(place.to_owned())),
        }
    }

    /// Returns the place as a store of whole files.
    pub fn files(&self) -> Files {
        match self {
            Exports::Folder(folder) => Files::in_folder(folder.clone(), true),
            Exports::Bucket(bucket) => bucket.clone(),
        }
    }

    /// Writes lines. Those of one kind are together. They are durable when this returns.
    pub async fn write(&self, system: &System, kind: &str, lines: &[Value]) -> Result<()> {
        let now = system.clock.now();
        let day = now.to_string().chars().take(10).collect::<String>();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        match self {
            Exports::Folder(folder) => append(folder, format!("{kind}-{day}.jsonl"), text).await,
            Exports::Bucket(bucket) => {
                let mut object = bucket.begin(&format!("{kind}-{day}-{}.jsonl", system.rng.uuid_at(now))).await?;
                object.write(text.into()).await?;
                object.finish().await
            }
        }
    }
}

/// Appends text to a file.
async fn append(folder: &Path, name: String, text: String) -> Result<()> {
    let (folder, path) = (folder.to_owned(), folder.join(name));
    let shown = path.display().to_string();
    let append = move || -> std::io::Result<()> {
        std::fs::create_dir_all(&folder)?;
        let mut options = File::options();
        options.create(true).read(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        if is_torn(&mut file)? {
            file.write_all(b"\n")?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    let written = tokio::task::spawn_blocking(append).await;
    let failed = |why: String| StoreError::Unavailable(format!("cannot write to {shown}: {why}"));
    Ok(written.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?)
}

/// Returns true if the last line has no end, as after a crash or on a full disk.
fn is_torn(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
