//! Checkpoints beside the writer: a thread that copies the log into the database while the writer goes on. A commit has to
//! make the checkpoint itself only if the log grows faster than this thread can copy.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::OpenFlags;

/// The pause after a commit, in which the next ones gather.
const PAUSE: Duration = Duration::from_millis(50);
/// The pause after a failed checkpoint, for example on a full disk.
const AFTER_ERROR: Duration = Duration::from_secs(5);
/// Pages (of 4 KiB) that are worth a checkpoint. Hot pages are copied once for many commits.
const WORTHWHILE: i64 = 500;

pub(super) struct Checkpoints {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    wish: Mutex<Wish>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Wish {
    #[default]
    Nothing,
    /// Commits have been added to the log.
    Look,
    End,
}

impl Checkpoints {
    /// Starts the thread for a database whose writer commits with this setting of `synchronous`.
    pub fn start(file: &Path, synchronous: &'static str) -> Checkpoints {
        let state = Arc::new(State::default());
        let (for_thread, file) = (state.clone(), file.to_owned());
        let run = move || {
            if let Err(error) = for_thread.run(&file, synchronous) {
                tracing::warn!(%error, "checkpoints beside the writer have ended; commits make them");
            }
        };
        let thread = std::thread::Builder::new().name("axme-checkpoint".to_owned()).spawn(run);
        Checkpoints { state, thread: Some(thread.expect("the system can start a thread")) }
    }

    /// Tells the thread that the log has grown.
    pub fn note(&self) {
        self.state.wish(Wish::Look);
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.state.wish(Wish::End);
        // An error means that the thread has panicked; its message is in the log.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl State {
    fn wish(&self, wish: Wish) {
        let mut held = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        if *held != wish {
            *held = wish;
            self.changed.notify_one();
        }
    }

    fn run(&self, file: &PathBuf, synchronous: &str) -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(file, flags)?;
        connection.execute_batch(&format!("PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0;"))?;
        let mut pause = PAUSE;
        while self.next_look(pause) {
            pause = PAUSE;
            if let Err(error) = copy(&connection) {
                tracing::warn!(%error, "a checkpoint beside the writer failed");
                pause = AFTER_ERROR;
            }
        }
        Ok(())
    }

    /// Waits until the log has grown, and then for the pause. Returns false when the thread must end.
    fn next_look(&self, pause: Duration) -> bool {
        let held = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.changed.wait_while(held, |wish| *wish == Wish::Nothing).unwrap_or_else(PoisonError::into_inner);
        let paused = self.changed.wait_timeout_while(held, pause, |wish| *wish != Wish::End);
        let (mut held, _) = paused.unwrap_or_else(PoisonError::into_inner);
        if *held == Wish::End {
            return false;
        }
        *held = Wish::Nothing;
        true
    }
}

/// Copies the log if it is worth it.
fn copy(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let (pages, copied) = checkpoint(connection, "NOOP")?;
    if pages - copied >= WORTHWHILE {
        checkpoint(connection, "PASSIVE")?;
    }
    Ok(())
}

/// Returns the pages in the log, and how many of them are in the database. `NOOP` only looks. `PASSIVE` waits for nobody
/// and copies what it can.
fn checkpoint(connection: &rusqlite::Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| Ok((row.get(1)?, row.get(2)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_copied_beside_the_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("test.db");
        let writer = rusqlite::Connection::open(&file).expect("SQLite opens");
        writer
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a BLOB);")
            .expect("a database");
        let checkpoints = Checkpoints::start(&file, "FULL");
        let left = || checkpoint(&writer, "NOOP").map(|(pages, copied)| pages - copied).expect("the log can be read");
        writer.execute("INSERT INTO t VALUES (zeroblob(4096))", []).expect("a row");
        checkpoints.note();
        std::thread::sleep(PAUSE * 3);
        assert!(left() > 0, "a few pages are not worth a checkpoint");
        writer.execute("INSERT INTO t VALUES (zeroblob(4096 * 1000))", []).expect("a long row");
        assert!(left() >= WORTHWHILE);
        for _ in 0..100 {
            checkpoints.note();
            std::thread::sleep(PAUSE);
            if left() == 0 {
                return;
            }
        }
        panic!("{} pages are only in the log", left());
    }
}
