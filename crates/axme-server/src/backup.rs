//! Backups of a data folder: one file in the tar format with the database, the files and the credentials of the first
//! start. Its last entry is a manifest with the SHA-256 of each other entry, so that a truncated file is noticed.
//!
//! A backup is written while a server runs. The database is a snapshot of one moment; files are copied after it, and a
//! file never changes. It holds every secret of the server: only its owner can read it, and it may be encrypted.

mod bucket;
mod encryption;

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use axme_intent::Time;
use axme_store::StoreError;
use axme_store::backup::{self as database, Ended, LiveKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::{Builder, TempDir};

use crate::folder::{Folder, FolderError, PAUSED};
use crate::private_file::sync_folder;
pub use bucket::Object;
use encryption::Sealed;
pub use encryption::{Decryption, Encryption, NeededKey, make_key, needed_key};

const DATABASE: &str = "axme.db";
const BOOTSTRAP: &str = "bootstrap.json";
const MEDIA: &str = "media";
const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path}: {why}")]
    Io { path: PathBuf, why: io::Error },
    #[error("{0}")]
    Database(#[from] StoreError),
    #[error("{0}")]
    Folder(#[from] FolderError),
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    #[error("{url}: {why}")]
    Bucket { url: String, why: String },
    #[error("{0}")]
    Refused(String),
}

/// The last entry of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format.
    pub format: u32,
    /// The version of the program that wrote the backup.
    pub version: String,
    pub created_at: String,
    pub entries: Vec<Entry>,
    /// Files that the database names and that were not in the folder: deleted meanwhile, or in a bucket.
    pub missing_files: usize,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// The outcome of a restore.
#[derive(Debug, Clone)]
pub struct Restored {
    pub manifest: Manifest,
    pub ended: Ended,
    pub keys: Vec<LiveKey>,
}

/// Writes a backup of a data folder, whether or not a server uses it.
pub fn write(data: &Path, target: &Path, encryption: &Encryption, now: Time) -> Result<Manifest, BackupError> {
    let source = data.join(DATABASE);
    if !source.is_file() {
        let why = format!("{} has no axme.db: only data folders with SQLite can be backed up this way", data.display());
        return Err(BackupError::Refused(why));
    }
    if target.exists() {
        return Err(BackupError::Refused(format!("{} exists: choose another name", target.display())));
    }
    let parent = parent_of(target);
    let work = work_folder(parent)?;
    let copy = work.path().join(DATABASE);
    database::snapshot(&source, &copy)?;
    let mut draft = Builder::new().prefix(".axme-backup-").tempfile_in(parent).map_err(at(parent))?;
    let mut archive = tar::Builder::new(Sealed::begin(draft.as_file_mut(), encryption).map_err(at(target))?);
    let mut entries = vec![add(&mut archive, DATABASE, &copy)?];
    let bootstrap = data.join(BOOTSTRAP);
    if bootstrap.is_file() {
        entries.push(add(&mut archive, BOOTSTRAP, &bootstrap)?);
    }
    let mut missing_files = 0;
    for name in database::stored_files(&copy)? {
        let file = data.join(MEDIA).join(&name);
        if file.is_file() {
            entries.push(add(&mut archive, &format!("{MEDIA}/{name}"), &file)?);
        } else {
            missing_files += 1;
        }
    }
    let (version, created_at) = (env!("CARGO_PKG_VERSION").to_owned(), now.to_string());
    let manifest = Manifest { format: FORMAT, version, created_at, entries, missing_files };
    let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::from).map_err(at(target))?;
    let mut header = header(text.len() as u64);
    archive.append_data(&mut header, MANIFEST, &text[..]).map_err(at(target))?;
    archive.into_inner().and_then(Sealed::finish).map_err(at(target))?;
    draft.as_file().sync_all().map_err(at(target))?;
    draft.persist_noclobber(target).map_err(|error| at(target)(error.error))?;
    sync_folder(parent).map_err(at(parent))?;
    Ok(manifest)
}

/// Checks every entry of a backup against its manifest, and the database in it.
pub fn verify(file: &Path, decryption: &Decryption) -> Result<Manifest, BackupError> {
    let work = work_folder(&std::env::temp_dir())?;
    let manifest = extract(file, decryption, work.path())?;
    database::check(&work.path().join(DATABASE))?;
    Ok(manifest)
}

/// Restores a backup into a data folder without a database. Nothing is there until everything is.
///
/// Sessions, grants and unused links of the backup end, and the keys that sign tokens are replaced. A server that starts
/// on the folder delivers nothing until [`resume`].
pub fn restore(file: &Path, decryption: &Decryption, data: &Path, now: Time) -> Result<Restored, BackupError> {
    // The lock keeps a server away until the folder is complete.
    let _folder = Folder::open(data)?;
    if data.join(DATABASE).exists() {
        let why = format!("{} has a database already: choose an empty folder, or move it away", data.display());
        return Err(BackupError::Refused(why));
    }
    let work = work_folder(data)?;
    let manifest = extract(file, decryption, work.path())?;
    let copy = work.path().join(DATABASE);
    database::check(&copy)?;
    let ended = database::end_access(&copy, now)?;
    let keys = database::live_keys(&copy, now)?;
    fs::write(data.join(PAUSED), "").map_err(at(data))?;
    let media = work.path().join(MEDIA);
    if media.is_dir() {
        fs::create_dir_all(data.join(MEDIA)).map_err(at(data))?;
        for entry in fs::read_dir(&media).map_err(at(&media))?.flatten() {
            fs::rename(entry.path(), data.join(MEDIA).join(entry.file_name())).map_err(at(&media))?;
        }
    }
    // The database comes last: without it, the folder counts as empty.
    for name in [BOOTSTRAP, DATABASE] {
        let from = work.path().join(name);
        if from.is_file() {
            File::open(&from).and_then(|file| file.sync_all()).map_err(at(&from))?;
            fs::rename(&from, data.join(name)).map_err(at(data))?;
        }
    }
    sync_folder(data).map_err(at(data))?;
    Ok(Restored { manifest, ended, keys })
}

/// Lets the server of a restored folder deliver. Returns false if it did already.
pub fn resume(data: &Path) -> Result<bool, BackupError> {
    match fs::remove_file(data.join(PAUSED)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(at(data)(error)),
    }
}

/// Unpacks a backup and compares it with its manifest.
fn extract(file: &Path, decryption: &Decryption, into: &Path) -> Result<Manifest, BackupError> {
    let damaged = |why: String| BackupError::Damaged(why);
    let mut archive = tar::Archive::new(encryption::open(file, decryption)?);
    let mut found: Vec<Entry> = Vec::new();
    let mut manifest = None;
    for entry in archive.entries().map_err(|error| damaged(error.to_string()))? {
        let mut entry = entry.map_err(|error| damaged(error.to_string()))?;
        let name = entry.path().map_err(|error| damaged(error.to_string()))?.to_string_lossy().into_owned();
        if manifest.is_some() {
            return Err(damaged(format!("{name} comes after the manifest")));
        }
        if name == MANIFEST {
            let read: Manifest = serde_json::from_reader(&mut entry).map_err(|error| damaged(error.to_string()))?;
            manifest = Some(read);
            continue;
        }
        let place = place_of(&name).ok_or_else(|| damaged(format!("unknown entry {name}")))?;
        let target = into.join(place);
        fs::create_dir_all(parent_of(&target)).map_err(at(&target))?;
        found.push(copy(&name, &mut entry, &mut private(&target)?).map_err(|error| damaged(error.to_string()))?);
    }
    let manifest = manifest.ok_or_else(|| damaged("it has no end".to_owned()))?;
    if manifest.format != FORMAT {
        let why = format!("a newer version of AXME wrote this backup ({}): use that version", manifest.version);
        return Err(BackupError::Refused(why));
    }
    if let Some(wrong) = manifest.entries.iter().find(|entry| !found.contains(entry)) {
        return Err(damaged(format!("{} is not as it was written", wrong.name)));
    }
    if found.len() != manifest.entries.len() || !found.iter().any(|entry| entry.name == DATABASE) {
        return Err(damaged("its entries are not those of its manifest".to_owned()));
    }
    Ok(manifest)
}

/// Returns the place of an entry; `None` for a name that no backup has. A name cannot leave the folder.
fn place_of(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let parts: Vec<Component<'_>> = path.components().collect();
    let is_plain = |part: &Component<'_>| matches!(part, Component::Normal(_));
    match parts[..] {
        [_] if name == DATABASE || name == BOOTSTRAP => Some(path),
        [folder, file] if folder.as_os_str() == MEDIA && is_plain(&file) => Some(path),
        _ => None,
    }
}

fn add(archive: &mut tar::Builder<impl Write>, name: &str, path: &Path) -> Result<Entry, BackupError> {
    let file = File::open(path).map_err(at(path))?;
    let bytes = file.metadata().map_err(at(path))?.len();
    let mut hashing = Hashing { from: BufReader::new(file), hash: Sha256::new() };
    archive.append_data(&mut header(bytes), name, &mut hashing).map_err(at(path))?;
    Ok(Entry { name: name.to_owned(), bytes, sha256: hex(hashing.hash) })
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header
}

/// A file whose hash is computed while it is read.
struct Hashing<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

fn copy(name: &str, from: &mut impl Read, to: &mut File) -> io::Result<Entry> {
    let mut hashing = Hashing { from, hash: Sha256::new() };
    let bytes = io::copy(&mut hashing, to)?;
    Ok(Entry { name: name.to_owned(), bytes, sha256: hex(hashing.hash) })
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Creates a file that only its owner can read.
fn private(path: &Path) -> Result<File, BackupError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(at(path))
}

/// Creates a folder that only its owner can read. It goes when it is dropped.
pub fn work_folder(parent: &Path) -> Result<TempDir, BackupError> {
    Builder::new().prefix(".axme-work-").tempdir_in(parent).map_err(at(parent))
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |why| BackupError::Io { path: path.clone(), why }
}
