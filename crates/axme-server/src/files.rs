//! The file store: a folder on the disk, or a bucket of any store with the S3 API.
//!
//! A file gets its name when all of it has arrived. An unfinished file is removed.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axme_api::{ApiError, ErrorCode};
use axum::body::{Body, Bytes};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::io::AsyncWriteExt;

use crate::config::MediaSettings;
use axme_core::error::{Error, Result};

/// Bytes read from the disk at a time.
const PART_BYTES: usize = 64 * 1024;
/// Bytes of one part of an upload to a bucket: the minimum of S3. Shorter files are sent in one request.
const BUCKET_PART_BYTES: usize = 5 * 1024 * 1024;
/// Parts of one file in flight. Memory holds these and one more.
const BUCKET_PARTS: usize = 2;
/// The time limit of one request to a bucket, and of all its retries together.
const BUCKET_SECONDS: u64 = 30;
/// The suffix of a file on the disk until it is complete.
const UNFINISHED: &str = ".part";

#[derive(Clone)]
pub enum Files {
    Folder { path: PathBuf, is_durable: bool },
    Bucket { store: Arc<dyn ObjectStore>, prefix: Key },
}

/// A file that is being received. Dropping it before [`Draft::finish`] removes what was written.
pub enum Draft {
    OnDisk { file: Option<File>, part: Option<PathBuf>, end: PathBuf, is_durable: bool },
    InBucket { writer: Option<BufWriter> },
}

impl Files {
    pub fn in_folder(path: PathBuf, is_durable: bool) -> Files {
        Files::Folder { path, is_durable }
    }

    /// Opens the bucket of the settings, or `folder` if they name none.
    pub fn open(settings: &MediaSettings, folder: PathBuf, is_durable: bool) -> Result<Files, String> {
        match &settings.url {
            Some(url) => Files::in_bucket("media.url", url, settings),
            None => Ok(Files::in_folder(folder, is_durable)),
        }
    }

    /// Opens the bucket at a URL, with the endpoint and the keys of the settings. `setting` is the name of the setting
    /// with the URL, for errors.
    pub fn in_bucket(setting: &str, url: &str, settings: &MediaSettings) -> Result<Files, String> {
        let rest = url.strip_prefix("s3://").ok_or_else(|| format!("{setting} \"{url}\" must begin with s3://"))?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(format!("{setting} \"{url}\" has no bucket; write it like s3://bucket/prefix"));
        }
        let prefix = Key::parse(prefix.trim_end_matches('/')).map_err(|why| format!("{setting} \"{url}\": {why}"))?;
        // Missing credentials come from the environment, or from the role of a machine at Amazon.
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(name);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        if let Some(id) = &settings.access_key_id {
            builder = builder.with_access_key_id(id);
        }
        if let Some(secret) = &settings.secret_access_key {
            builder = builder.with_secret_access_key(secret);
        }
        let patience = Duration::from_secs(BUCKET_SECONDS);
        let retry = RetryConfig { retry_timeout: patience, max_retries: 3, ..RetryConfig::default() };
        let is_plain = settings.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let options = ClientOptions::new().with_timeout(patience).with_allow_http(is_plain);
        let store = builder.with_client_options(options).with_retry(retry).build();
        let store = store.map_err(|why| format!("{setting}: {why}"))?;
        Ok(Files::Bucket { store: Arc::new(store), prefix })
    }

    pub async fn begin(&self, name: &str) -> Result<Draft> {
        match self {
            Files::Folder { path, is_durable } => {
                let (end, part, is_durable) = (path.join(name), path.join(format!("{name}{UNFINISHED}")), *is_durable);
                let opened = part.clone();
                let file = on_disk(move || {
                    if let Some(folder) = opened.parent() {
                        fs::create_dir_all(folder)?;
                    }
                    let mut options = File::options();
                    #[cfg(unix)]
                    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                    options.create_new(true).write(true).open(&opened)
                })
                .await?;
                Ok(Draft::OnDisk { file: Some(file), part: Some(part), end, is_durable })
            }
            Files::Bucket { store, prefix } => {
                let writer = BufWriter::with_capacity(store.clone(), prefix.clone().join(name), BUCKET_PART_BYTES);
                Ok(Draft::InBucket { writer: Some(writer.with_max_concurrency(BUCKET_PARTS)) })
            }
        }
    }

    /// Returns the bytes `from..to` of a file as a stream.
    pub async fn read(&self, name: &str, from: u64, to: u64) -> Result<Body> {
        match self {
            Files::Folder { path, .. } => {
                let path = path.join(name);
                let file = on_disk(move || match File::open(path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    opened => {
                        let mut file = opened?;
                        file.seek(SeekFrom::Start(from))?;
                        Ok(Some(file))
                    }
                });
                Ok(parts(file.await?.ok_or_else(|| missing(name))?, to.saturating_sub(from)))
            }
            Files::Bucket { store, prefix } => {
                let range = GetRange::Bounded(from..to);
                let options = GetOptions { range: Some(range), ..GetOptions::default() };
                let found = store.get_opts(&prefix.clone().join(name), options).await.map_err(|error| match error {
                    object_store::Error::NotFound { .. } => missing(name),
                    error => unavailable(error),
                })?;
                Ok(Body::from_stream(found.into_stream()))
            }
        }
    }

    /// Copies a file of this many bytes into another store. Replaces an unfinished copy, which a crash can leave.
    pub async fn copy(&self, name: &str, bytes: u64, to: &Files, new_name: &str) -> Result<()> {
        to.remove(&format!("{new_name}{UNFINISHED}")).await?;
        let mut parts = self.read(name, 0, bytes).await?.into_data_stream();
        let mut copy = to.begin(new_name).await?;
        while let Some(part) = parts.next().await {
            copy.write(part.map_err(unavailable)?).await?;
        }
        copy.finish().await
    }

    /// Removes a file. A missing file is not an error.
    pub async fn remove(&self, name: &str) -> Result<()> {
        match self {
            Files::Folder { path, .. } => {
                let path = path.join(name);
                on_disk(move || match fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                })
                .await
            }
            Files::Bucket { store, prefix } => match store.delete(&prefix.clone().join(name)).await {
                Err(error) if !matches!(error, object_store::Error::NotFound { .. }) => Err(unavailable(error)),
                _ => Ok(()),
            },
        }
    }

    /// Lists the names of all files. A folder also lists unfinished files.
    pub async fn names(&self) -> Result<BoxStream<'static, Result<String>>> {
        match self {
            Files::Folder { path, .. } => {
                let path = path.clone();
                let names = on_disk(move || match fs::read_dir(&path) {
                    Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
                    Err(error) => Err(error),
                })
                .await?;
                Ok(stream::iter(names.into_iter().map(Ok)).boxed())
            }
            Files::Bucket { store, prefix } => {
                let name = |found: object_store::ObjectMeta| found.location.filename().unwrap_or_default().to_owned();
                Ok(store.list(Some(prefix)).map_ok(name).map_err(unavailable).boxed())
            }
        }
    }
}

impl Draft {
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match self {
            Draft::OnDisk { file, .. } => {
                let mut open = file.take().ok_or_else(ended)?;
                *file = Some(on_disk(move || open.write_all(&bytes).map(|()| open)).await?);
                Ok(())
            }
            Draft::InBucket { writer } => writer.as_mut().ok_or_else(ended)?.put(bytes).await.map_err(unavailable),
        }
    }

    /// Gives the file its name. The file is durable when this returns.
    pub async fn finish(mut self) -> Result<()> {
        match &mut self {
            Draft::OnDisk { file, part, end, is_durable } => {
                let (open, from) = (file.take().ok_or_else(ended)?, part.clone().ok_or_else(ended)?);
                let (to, is_durable) = (end.clone(), *is_durable);
                on_disk(move || {
                    if is_durable {
                        open.sync_all()?;
                    }
                    fs::rename(&from, &to)?;
                    if is_durable { sync_folder(&to) } else { Ok(()) }
                })
                .await?;
                *part = None;
                Ok(())
            }
            Draft::InBucket { writer } => {
                let mut writer = writer.take().ok_or_else(ended)?;
                writer.shutdown().await.map_err(unavailable)
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        match self {
            Draft::OnDisk { part, .. } => {
                if let Some(Err(error)) = part.take().map(fs::remove_file) {
                    tracing::debug!(%error, "could not remove an unfinished file");
                }
            }
            Draft::InBucket { writer } => {
                let (Some(mut writer), Ok(runtime)) = (writer.take(), tokio::runtime::Handle::try_current()) else {
                    return;
                };
                runtime.spawn(async move {
                    if let Err(error) = writer.abort().await {
                        tracing::warn!(%error, "the parts of an unfinished file stay in the bucket");
                    }
                });
            }
        }
    }
}

/// Syncs the folder of a file, which makes the file's name durable.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn ended() -> Error {
    unavailable("a file was written to after an error")
}

fn unavailable(why: impl std::fmt::Display) -> Error {
    tracing::error!(%why, "files cannot be reached");
    ApiError::unavailable("files cannot be stored or read now: try again").into()
}

/// Not "unavailable", since a retry does not help: the file was removed by hand, or another node has it.
fn missing(name: &str) -> Error {
    tracing::error!(name, "a file is missing from the file store: check that all nodes use the same store");
    ApiError::new(ErrorCode::FileMissing, "the file is missing from the file store of this server").into()
}

/// Runs disk work on a thread that may block.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T> {
    let outcome = tokio::task::spawn_blocking(work).await.map_err(unavailable)?;
    outcome.map_err(unavailable)
}

/// Streams the next `left` bytes of a file.
fn parts(file: File, left: u64) -> Body {
    Body::from_stream(stream::try_unfold((file, left), |(mut file, left)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut part = vec![0; PART_BYTES.min(usize::try_from(left).unwrap_or(PART_BYTES))];
            let count = file.read(&mut part)?;
            part.truncate(count);
            Ok::<_, std::io::Error>((part, file))
        });
        let (part, file) = read.await.map_err(std::io::Error::other)??;
        if part.is_empty() {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        let left = left.saturating_sub(part.len() as u64);
        Ok(Some((Bytes::from(part), (file, left))))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(url: &str) -> Result<Files, String> {
        let settings = MediaSettings {
            url: Some(url.to_owned()),
            endpoint: Some("http://127.0.0.1:9".to_owned()),
            region: Some("eu-west-1".to_owned()),
            access_key_id: Some("id".to_owned()),
            secret_access_key: Some("secret".to_owned()),
        };
        Files::open(&settings, PathBuf::new(), true)
    }

    #[test]
    fn a_bucket_is_named_by_its_url() {
        for (url, key) in [
            ("s3://files", "x"),
            ("s3://files/", "x"),
            ("s3://files/axme/media", "axme/media/x"),
            ("s3://files/axme/media/", "axme/media/x"),
        ] {
            let Ok(Files::Bucket { prefix, .. }) = open(url) else { panic!("{url}") };
            assert_eq!(prefix.join("x").as_ref(), key, "{url}");
        }
        for url in ["https://files", "s3://", "s3:///prefix", "s3://files/../x", "s3://files/a//b"] {
            assert!(open(url).is_err(), "{url}");
        }
    }
}
