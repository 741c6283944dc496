//! The identity of a file: tells whether its path still leads to the file that this process has open.
//!
//! A process that has a file open can go on writing to it after the file was deleted. Nothing written then survives.

use std::io;
use std::path::{Path, PathBuf};

/// The identity of an open file, with its path.
#[derive(Debug)]
pub struct FileIdentity {
    path: PathBuf,
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl FileIdentity {
    /// Reads the identity of the file that a path leads to now.
    pub fn of(path: &Path) -> io::Result<FileIdentity> {
        #[cfg(unix)]
        let device_and_inode = device_and_inode(path)?;
        Ok(FileIdentity {
            path: path.to_owned(),
            #[cfg(unix)]
            device_and_inode,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns true if the path leads to no file, or to another one. An error of the file system does not count.
    pub fn is_gone(&self) -> bool {
        #[cfg(unix)]
        match device_and_inode(&self.path) {
            Ok(found) => found != self.device_and_inode,
            Err(error) => matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        }
        // Elsewhere, an open file cannot be deleted.
        #[cfg(not(unix))]
        false
    }
}

#[cfg(unix)]
fn device_and_inode(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
