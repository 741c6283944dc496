//! The data folder: its lock, the credentials of the first start, and the address of the running server.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axme_store::FileIdentity;
use serde::{Deserialize, Serialize};

use crate::private_file;

/// The credentials of the first start, in `bootstrap.json`. Only the owner of the file can read it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Bootstrap {
    pub base_url: String,
    pub api_key: String,
    pub org_id: String,
    pub workspace_id: String,
    pub owner_email: String,
}

/// The address of a running server, in `run.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunFile {
    pub base_url: String,
    pub pid: u32,
}

/// The file of a restored folder whose server delivers nothing while it is there.
pub(crate) const PAUSED: &str = "deliveries-paused";

const DRAFT: &str = "bootstrap.json.draft";

/// A locked data folder. Dropping the value releases the lock.
pub struct Folder {
    path: PathBuf,
    _lock: File,
    lock: Arc<FileIdentity>,
}

#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("another server uses the data folder {0}: stop it, or choose another folder with --data")]
    Taken(PathBuf),
    #[error("{path}: {why}")]
    Io { path: PathBuf, why: std::io::Error },
}

impl Folder {
    /// Creates the folder if it is missing, and locks it against other servers.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |why| FolderError::Io { path, why }
        };
        private_dir(path).map_err(io(path))?;
        let lock_path = path.join("axme.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(io(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {
                let identity = FileIdentity::of(&lock_path).map_err(io(&lock_path))?;
                Ok(Folder { path: path.to_owned(), _lock: lock, lock: Arc::new(identity) })
            }
            Err(TryLockError::WouldBlock) => Err(FolderError::Taken(path.to_owned())),
            Err(TryLockError::Error(why)) => Err(io(&lock_path)(why)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock file. While it is the one that this server has locked, the folder is this server's.
    pub(crate) fn lock(&self) -> Arc<FileIdentity> {
        self.lock.clone()
    }

    /// Returns true while the folder has just been restored, and nobody has resumed it.
    pub(crate) fn is_paused(path: &Path) -> bool {
        path.join(PAUSED).exists()
    }

    /// Writes the draft of `bootstrap.json` durably. This happens before the commit, so that a crash loses no key.
    pub(crate) fn write_draft(&self, bootstrap: &Bootstrap) -> Result<(), FolderError> {
        self.write_private(DRAFT, bootstrap)
    }

    /// Renames the draft to `bootstrap.json` if it belongs to the organization `org_id`; removes it otherwise.
    pub(crate) fn publish_draft(&self, org_id: &str) -> Result<(), FolderError> {
        let path = self.path.join(DRAFT);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
        let is_ours = serde_json::from_str::<Bootstrap>(&text).is_ok_and(|draft| draft.org_id == org_id);
        let done = if is_ours { fs::rename(&path, self.path.join("bootstrap.json")) } else { fs::remove_file(&path) };
        done.and_then(|()| private_file::sync_folder(&self.path)).map_err(|why| FolderError::Io { path, why })
    }

    /// Puts the base URL in force into `bootstrap.json`, if the file is there and has another one.
    pub(crate) fn refresh_base_url(&self, base_url: &str) -> Result<(), FolderError> {
        const NAME: &str = "bootstrap.json";
        let Ok(text) = fs::read_to_string(self.path.join(NAME)) else { return Ok(()) };
        // A file that a person has changed keeps what this version does not know.
        let Ok(mut known) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text) else {
            return Ok(());
        };
        if known.get("base_url").and_then(serde_json::Value::as_str) == Some(base_url) {
            return Ok(());
        }
        known.insert("base_url".to_owned(), base_url.into());
        self.write_private(NAME, &known)
    }

    pub(crate) fn write_run(&self, run: &RunFile) -> Result<(), FolderError> {
        self.write_private("run.json", run)
    }

    pub(crate) fn remove_run(&self) {
        if self.lock.is_gone() {
            // The file may belong to another server.
            return;
        }
        let path = self.path.join("run.json");
        if let Err(error) = fs::remove_file(&path) {
            tracing::debug!(%error, "could not remove run.json");
        }
    }

    fn write_private(&self, name: &str, content: &impl Serialize) -> Result<(), FolderError> {
        let path = self.path.join(name);
        let text = serde_json::to_string_pretty(content).map_err(std::io::Error::from);
        text.and_then(|text| private_file::write(&path, format!("{text}\n").as_bytes()))
            .map_err(|why| FolderError::Io { path, why })
    }
}

fn private_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bootstrap_json_holds_the_base_url_in_force() {
        let path = tempfile::tempdir().unwrap();
        let folder = Folder::open(path.path()).unwrap();
        folder.refresh_base_url("http://127.0.0.1:8100").unwrap();
        assert!(!path.path().join("bootstrap.json").exists(), "only the first start makes the file");
        let bootstrap = Bootstrap {
            base_url: "http://127.0.0.1:45907".to_owned(),
            api_key: "key".to_owned(),
            org_id: "org".to_owned(),
            workspace_id: "workspace".to_owned(),
            owner_email: "owner@local".to_owned(),
        };
        folder.write_draft(&bootstrap).unwrap();
        folder.publish_draft("org").unwrap();
        folder.refresh_base_url("https://axme.example.com").unwrap();
        let text = fs::read_to_string(path.path().join("bootstrap.json")).unwrap();
        let read: Bootstrap = serde_json::from_str(&text).unwrap();
        assert_eq!((read.base_url.as_str(), read.api_key.as_str()), ("https://axme.example.com", "key"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path.path().join("bootstrap.json")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
