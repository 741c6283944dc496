//! SQLite: WAL, `synchronous=FULL`, one writer that commits in groups.
//!
//! A group is one transaction. A job that fails before its first write does not disturb the others. If one fails after
//! a write, the group is rolled back and runs again with each job under a savepoint. Then a failing job undoes only its
//! own writes. Some failures (a full disk) end the whole transaction; its jobs also run again once, and no caller gets
//! an answer before that. No caller gets a success either if the database file was deleted in the meantime.

mod checkpoints;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, ToSql};
use uuid::Uuid;

use crate::error::StoreError;
use crate::identity::FileIdentity;
use crate::migrations;
use crate::reply_key::ReplyKey;
use crate::tallies::Tallies;
use crate::tx::{Connection, Environment, Tally, Tx};
use crate::value::{Row, Value};
use crate::writer::{Engine, Failure, QueuedJob};
use checkpoints::Checkpoints;

/// SQLite releases before this one can corrupt a WAL database when a checkpoint meets a reset.
const OLDEST_SAFE: i32 = 3_051_003;
const CACHED_STATEMENTS: usize = 256;
/// Pages of the log (of 4 KiB) after which a commit copies them into the database. Usually the thread beside the writer has
/// done so before. A start after a crash reads about this many pages again.
const CHECKPOINT_PAGES: u32 = 2_000;
/// The size to which the log is cut back when it starts again. It grows beyond that while a long reader, such as a backup,
/// keeps a checkpoint from finishing.
const LOG_BYTES: u32 = 16 * 1_048_576;

pub(crate) struct Sqlite {
    connection: rusqlite::Connection,
    role: Role,
    /// The database and its log, as a sole writer has opened them.
    files: Vec<FileIdentity>,
    /// Set for a sole writer.
    checkpoints: Option<Checkpoints>,
    environment: Arc<Environment>,
    /// The number of next commits that fail as on a full disk.
    #[cfg(feature = "simulation")]
    pub(crate) failing_commits: u32,
}

#[derive(PartialEq, Clone, Copy)]
pub(crate) enum Role {
    /// The only writer of the file, as in every server: the data folder belongs to one process.
    SoleWriter,
    /// One of several writers of the file, as in the simulation of nodes.
    #[cfg(feature = "simulation")]
    OneOfWriters,
    Reader,
}

impl Sqlite {
    pub(crate) fn open_writer(file: &Path, role: Role, environment: Arc<Environment>) -> Result<Sqlite, StoreError> {
        if rusqlite::version_number() < OLDEST_SAFE {
            return Err(StoreError::Unavailable(format!("SQLite {} is too old", rusqlite::version())));
        }
        private(file, environment.limits.durable)
            .map_err(|e| StoreError::Unavailable(format!("{}: {e}", file.display())))?;
        let mut connection = rusqlite::Connection::open(file).map_err(fault)?;
        // Takes effect in an empty file only: free pages can be given back later.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").map_err(fault)?;
        let synchronous = if environment.limits.durable { "FULL" } else { "OFF" };
        open_log(&connection, synchronous).map_err(fault)?;
        migrate(&mut connection)?;
        let mut writer = Sqlite::tuned(connection, role, environment)?;
        if role == Role::SoleWriter {
            writer.files = writer.open_files();
            writer.checkpoints = Some(Checkpoints::start(file, synchronous));
        }
        Ok(writer)
    }

    pub(crate) fn open_reader(file: &Path, environment: Arc<Environment>) -> Result<Sqlite, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Sqlite::tuned(rusqlite::Connection::open_with_flags(file, flags).map_err(fault)?, Role::Reader, environment)
    }

    fn tuned(
        connection: rusqlite::Connection,
        role: Role,
        environment: Arc<Environment>,
    ) -> Result<Sqlite, StoreError> {
        connection.busy_timeout(Duration::from_secs(5)).map_err(fault)?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        keep_plans(&connection)?;
        // The page cache, in KiB: enough for the index pages of a busy server.
        connection.execute_batch("PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;").map_err(fault)?;
        Ok(Sqlite {
            connection,
            role,
            files: Vec::new(),
            checkpoints: None,
            environment,
            #[cfg(feature = "simulation")]
            failing_commits: 0,
        })
    }

    fn exec(&self, sql: &'static str) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql).and_then(|mut s| s.raw_execute()).map(|_| ()).map_err(fault)
    }

    /// Runs the jobs in one transaction and returns their outcomes in order. After an error, no write has taken effect.
    fn attempt(&mut self, jobs: &mut [QueuedJob], guard: Guard) -> Result<Vec<Result<(), Failure>>, GroupFailure> {
        self.exec(if self.role == Role::Reader { "BEGIN" } else { "BEGIN IMMEDIATE" })?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        let mut used = Tallies::default();
        let mut changed_rules = Vec::new();
        for job in jobs.iter_mut() {
            if guard == Guard::Each {
                self.exec("SAVEPOINT job")?;
            }
            let mut live = self.live(&changed_rules);
            let now = job.now();
            let outcome = job.run(&mut Tx::new(&mut live, &self.environment, now));
            let Live { has_written, tallies, .. } = live;
            if self.connection.is_autocommit() {
                return Err(StoreError::Unavailable("the database ended the transaction".to_owned()).into());
            }
            match (guard, &outcome) {
                (Guard::Group, Err(_)) if has_written => return Err(GroupFailure::Spoiled),
                (Guard::Group, _) => {}
                (Guard::Each, Ok(())) => self.exec("RELEASE job")?,
                (Guard::Each, Err(_)) => {
                    self.exec("ROLLBACK TO job")?;
                    self.exec("RELEASE job")?;
                }
            }
            if outcome.is_ok() {
                used.add(tallies);
                changed_rules.extend_from_slice(job.changed_rules());
            }
            outcomes.push(outcome);
        }
        let mut live = self.live(&changed_rules);
        if let Some(last) = jobs.last() {
            // There is one writer, so one slot is enough.
            used.write(&mut Tx::new(&mut live, &self.environment, last.now()), 0)?;
        }
        let began = self.environment.clock.running();
        let committed = self.commit();
        if self.role != Role::Reader {
            let took = self.environment.clock.running().saturating_sub(began);
            self.environment.metrics.commit(outcomes.len(), took, committed.is_ok());
        }
        committed?;
        Ok(outcomes)
    }

    fn live<'a>(&'a self, changed_rules: &'a [Uuid]) -> Live<'a> {
        let is_sole_writer = self.role == Role::SoleWriter;
        Live { connection: &self.connection, is_sole_writer, changed_rules, has_written: false, tallies: Vec::new() }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        #[cfg(feature = "simulation")]
        if self.failing_commits > 0 {
            self.failing_commits -= 1;
            return Err(StoreError::Unavailable("database or disk is full".to_owned()));
        }
        self.exec("COMMIT")
    }

    /// Runs and commits the jobs, if necessary a second time, and returns their outcomes in order. After an error, no
    /// write has taken effect.
    pub(crate) fn settle(&mut self, jobs: &mut [QueuedJob]) -> Result<Vec<Result<(), Failure>>, StoreError> {
        let mut outcome = self.attempt(jobs, Guard::Group);
        if let Err(gone) = &outcome {
            if let GroupFailure::Lost(error) = gone {
                tracing::warn!(%error, jobs = jobs.len(), "a transaction failed and runs again");
            }
            self.roll_back();
            outcome = self.attempt(jobs, Guard::Each);
        }
        outcome.map_err(|gone| {
            self.roll_back();
            match gone {
                GroupFailure::Lost(error) => error,
                GroupFailure::Spoiled => StoreError::Fault("a job under a savepoint failed its group".to_owned()),
            }
        })
    }
}

/// The extent of a rollback after a failed job.
#[derive(PartialEq, Clone, Copy)]
enum Guard {
    /// The whole group, which then runs again under [`Guard::Each`]. Savepoints cost more than the statements between
    /// them, and a job rarely fails after a write.
    Group,
    /// Its own writes only: every job runs under a savepoint.
    Each,
}

/// Why a transaction failed.
enum GroupFailure {
    /// A job failed after a write.
    Spoiled,
    Lost(StoreError),
}

impl From<StoreError> for GroupFailure {
    fn from(error: StoreError) -> GroupFailure {
        GroupFailure::Lost(error)
    }
}

impl Engine for Sqlite {
    fn work(&mut self, mut jobs: Vec<QueuedJob>) {
        let settled = self.settle(&mut jobs).and_then(|outcomes| self.check_files().map(|()| outcomes));
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.note();
        }
        answer(jobs, settled, &self.environment);
    }
}

/// Reports to each job's caller how the job ended.
pub(crate) fn answer(
    jobs: Vec<QueuedJob>,
    settled: Result<Vec<Result<(), Failure>>, StoreError>,
    environment: &Environment,
) {
    match settled {
        Ok(outcomes) => {
            for (job, outcome) in jobs.into_iter().zip(outcomes) {
                job.finish(outcome, environment);
            }
        }
        Err(error) => {
            for job in jobs {
                job.finish(Err(error.clone().into()), environment);
            }
        }
    }
}

impl Sqlite {
    /// Checks that what was committed is in the files that the next start finds. Closes the store if not.
    fn check_files(&self) -> Result<(), StoreError> {
        let Some(gone) = self.files.iter().find(|file| file.is_gone()) else { return Ok(()) };
        let why = format!("{} was removed or replaced while the server was running", gone.path().display());
        Err(StoreError::Unavailable(self.environment.closed.get_or_init(|| why).clone()))
    }

    /// Returns the files that this connection has open.
    fn open_files(&self) -> Vec<FileIdentity> {
        let Some(database) = self.connection.path() else { return Vec::new() };
        let files = [database.to_owned(), format!("{database}-wal")];
        files.iter().filter_map(|file| FileIdentity::of(Path::new(file)).ok()).collect()
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit() && self.exec("ROLLBACK").is_err() {
            tracing::error!("could not roll back a failed transaction");
        }
    }
}

/// Moves free pages to the end of the file, and cuts them off. Returns whether more can be cut off. A file from before the
/// first version with `auto_vacuum` keeps its free pages, and uses them again.
pub(crate) fn give_back_space(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let before = free_pages(tx)?;
    // Each step of the statement frees one page.
    tx.rows("PRAGMA incremental_vacuum(500)", &[])?;
    let after = free_pages(tx)?;
    Ok(0 < after && after < before)
}

fn free_pages(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let row = tx.row("PRAGMA freelist_count", &[])?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Sets up the log of a writer.
fn open_log(connection: &rusqlite::Connection, synchronous: &str) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; \
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA journal_size_limit = {LOG_BYTES};"
    ))
}

/// Lets a prepared statement keep its plan. Without this, SQLite plans a statement with a `LIMIT` anew for each value.
fn keep_plans(connection: &rusqlite::Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ()).map_err(fault)
}

/// Makes the file readable by its owner only. SQLite gives the files beside it the same mode.
fn private(file: &Path, durable: bool) -> std::io::Result<()> {
    let opened = std::fs::File::options().create(true).append(true).open(file)?;
    #[cfg(unix)]
    opened.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    if durable { opened.sync_all() } else { Ok(()) }
}

/// The connection while a transaction is open.
struct Live<'a> {
    connection: &'a rusqlite::Connection,
    is_sole_writer: bool,
    /// The owners whose rules earlier jobs of the group have changed.
    changed_rules: &'a [Uuid],
    has_written: bool,
    tallies: Vec<(Tally, i64)>,
}

impl Connection for Live<'_> {
    fn run(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.has_written = true;
        let mut statement = self.connection.prepare_cached(sql).map_err(|e| explain(e, sql))?;
        let changed = statement.execute(rusqlite::params_from_iter(params)).map_err(|e| explain(e, sql))?;
        Ok(changed as u64)
    }

    fn push(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<(), StoreError> {
        self.run(sql, params).map(|_| ())
    }

    fn rows(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection.prepare_cached(without_locks(sql)?).map_err(|e| explain(e, sql))?;
        self.has_written |= !statement.readonly();
        let columns = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(params)).map_err(|e| explain(e, sql))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(|e| explain(e, sql))? {
            let value = |n| row.get_ref(n).map_err(|e| explain(e, sql)).and_then(|value| take(value, sql));
            found.push(Row((0..columns).map(value).collect::<Result<_, StoreError>>()?));
        }
        Ok(found)
    }

    fn guard(&mut self, _: &'static str, _: &[Value<'_>]) -> Result<bool, StoreError> {
        // A read costs no round trip here.
        Ok(false)
    }

    fn has_exact_rules(&self, owner: Uuid) -> bool {
        self.is_sole_writer && !self.changed_rules.contains(&owner)
    }

    fn has_snapshot(&self) -> bool {
        true
    }

    fn take_free_key(&mut self, _: &ReplyKey) -> bool {
        // A read costs no round trip here.
        false
    }

    fn holds_shared_lock(&mut self) {
        // There is one writer.
    }

    fn tally(&mut self, tally: Tally, count: i64) -> Result<(), StoreError> {
        self.tallies.push((tally, count));
        Ok(())
    }
}

/// Removes a row lock from the end of a statement, since SQLite has one writer. Anywhere else a lock is an error,
/// because the text after it would be lost.
fn without_locks(sql: &'static str) -> Result<&'static str, StoreError> {
    let Some((text, lock)) = sql.split_once(" FOR UPDATE") else { return Ok(sql) };
    let is_word = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match lock {
        "" | " SKIP LOCKED" => Ok(text),
        _ if lock.strip_prefix(" OF ").map(|of| of.strip_suffix(" SKIP LOCKED").unwrap_or(of)).is_some_and(is_word) => {
            Ok(text)
        }
        _ => Err(StoreError::Fault(format!("FOR UPDATE is not at the end of: {sql}"))),
    }
}

/// Brings the schema up to date.
fn migrate(connection: &mut rusqlite::Connection) -> Result<(), StoreError> {
    let runner = migrations::runner(dialect)?;
    if connection.table_exists(None, migrations::HISTORY).map_err(fault)? {
        let applied = runner.get_applied_migrations(connection).map_err(migrations::fault)?;
        migrations::check_history(&runner, &applied)?;
    }
    runner.run(connection).map_err(migrations::fault).map(|_| ())
}

/// Opens a file whose rows go to another database. The log goes into the file first, and so does a newer schema.
pub(crate) fn open_for_transfer(file: &Path) -> Result<rusqlite::Connection, StoreError> {
    let mut connection =
        rusqlite::Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(fault)?;
    migrate(&mut connection)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(fault)?;
    Ok(connection)
}

/// Translates a migration into SQLite's dialect.
fn dialect(sql: &str) -> String {
    sql.replace(" COLLATE \"C\"", "").replace("/* clustered */", "WITHOUT ROWID")
}

fn take(value: ValueRef<'_>, sql: &str) -> Result<Value<'static>, StoreError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Int(n),
        // No column holds a REAL, so the statement computed it. PostgreSQL would return another type.
        ValueRef::Real(_) => return Err(StoreError::Fault(format!("a value is not an integer in: {sql}"))),
        ValueRef::Text(text) => Value::Text(Cow::Owned(match std::str::from_utf8(text) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(text).into_owned(),
        })),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec().into()),
    })
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(n) => ValueRef::Integer(*n),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Uuid(id) => ValueRef::Blob(id.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn explain(error: rusqlite::Error, sql: &str) -> StoreError {
    match fault(error) {
        StoreError::Fault(why) => StoreError::Fault(format!("{why} in: {sql}")),
        other => other,
    }
}

pub(crate) fn fault(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory,
        ) => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Fault(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(sql: &'static str) -> Result<Vec<Row>, StoreError> {
        let connection = rusqlite::Connection::open_in_memory().expect("SQLite opens");
        Live {
            connection: &connection,
            is_sole_writer: true,
            changed_rules: &[],
            has_written: false,
            tallies: Vec::new(),
        }
        .rows(sql, &[])
    }

    #[test]
    fn a_value_that_is_not_an_integer_is_a_fault() {
        assert_eq!(rows("SELECT 3 / 2").expect("an integer")[0].int(0).expect("an integer"), 1);
        assert!(matches!(rows("SELECT 3 / 2.0"), Err(StoreError::Fault(_))));
    }

    #[test]
    fn a_limit_does_not_plan_a_statement_again() {
        let plans = |keeps: bool| {
            let connection = rusqlite::Connection::open_in_memory().expect("SQLite opens");
            if keeps {
                keep_plans(&connection).expect("the setting is known");
            }
            connection
                .execute_batch("CREATE TABLE t (a INTEGER, b INTEGER); CREATE INDEX i ON t (a)")
                .expect("a table");
            let mut statement =
                connection.prepare("SELECT b FROM t WHERE a > $1 ORDER BY a LIMIT $2").expect("a query");
            for limit in 1..=10 {
                let mut rows = statement.query([limit, limit]).expect("the query runs");
                while rows.next().expect("a row").is_some() {}
            }
            statement.get_status(rusqlite::StatementStatus::RePrepare)
        };
        assert_eq!(plans(true), 0);
        assert!(plans(false) > 5, "SQLite no longer needs the setting");
    }

    #[test]
    fn the_log_shrinks_again_after_a_long_reader() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("test.db");
        let writer = rusqlite::Connection::open(&file).expect("SQLite opens");
        open_log(&writer, "OFF").expect("a log");
        writer.execute_batch("CREATE TABLE t (a BLOB)").expect("a table");
        let log = || std::fs::metadata(file.with_extension("db-wal")).expect("a log").len();
        let write = |bytes: u32| writer.execute("INSERT INTO t VALUES (zeroblob($1))", [bytes]).expect("a row");
        let reader = rusqlite::Connection::open(&file).expect("SQLite opens");
        reader.execute_batch("BEGIN; SELECT COUNT(*) FROM t").expect("a snapshot");
        for _ in 0..3 {
            write(LOG_BYTES);
        }
        assert!(log() > 3 * u64::from(LOG_BYTES), "the reader keeps the log");
        reader.execute_batch("COMMIT").expect("the end of the snapshot");
        // The first commit copies the log, and the second one starts it again.
        write(1);
        write(1);
        assert!(log() <= u64::from(LOG_BYTES), "{} bytes", log());
    }

    #[test]
    fn a_row_lock_is_dropped_from_the_end_and_refused_elsewhere() {
        for sql in [
            "SELECT 1",
            "SELECT 1 FOR UPDATE",
            "SELECT 1 FOR UPDATE SKIP LOCKED",
            "SELECT 1 FOR UPDATE OF s",
            "SELECT 1 FOR UPDATE OF s SKIP LOCKED",
        ] {
            assert_eq!(without_locks(sql).expect(sql), "SELECT 1");
        }
        for sql in [
            "SELECT 1 FOR UPDATE LIMIT 5",
            "SELECT 1 FOR UPDATE OF s LIMIT 5",
            "WITH due AS (SELECT 1 FOR UPDATE SKIP LOCKED) SELECT 2",
            "SELECT 1 FOR UPDATE NOWAIT",
        ] {
            assert!(matches!(without_locks(sql), Err(StoreError::Fault(_))), "{sql}");
        }
    }
}
