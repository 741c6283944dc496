//! Databases for tests. The schema is migrated once and used many times, since a migration
//! takes longer than most tests.
//!
//! On SQLite each server gets a copy of a migrated file. On PostgreSQL each server gets its own schema. After a test
//! that passed, the schema is emptied and kept for the next test; a failed test drops its schemas. The last running
//! test drops the kept schemas, so that none is left behind.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axme_core::state::AppState;
use axme_intent::Time;
use axme_store::clock::ManualClock;
use axme_store::wakeups::{SWEEP_BETWEEN_NODES, Wakeups};
use axme_store::{Limits, Rng, Shard, Store, StoreOptions};
use futures_util::StreamExt;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::Engine;

/// The environment variable that names the PostgreSQL server of the tests.
pub const POSTGRES: &str = "AXME_TEST_POSTGRES_URL";

/// Write connections of each server on PostgreSQL: two, so that tests have concurrent writers.
const POSTGRES_WRITERS: u16 = 2;

/// Concurrent tests on PostgreSQL, on any number of processors. A server has up to five connections, and a test of
/// several nodes fifteen; the server that `tools/postgres.sh` starts accepts 200.
const MAX_POSTGRES_TESTS: usize = 24;

/// How long the writers of a server may take to finish after its test.
const REST: Duration = Duration::from_secs(10);

/// The table in which migrations record themselves.
const HISTORY: &str = "refinery_schema_history";

pub fn postgres_url() -> Option<String> {
    std::env::var(POSTGRES).ok()
}

/// Returns the limits of a server under test: no answer waits for the disk.
pub fn limits_of_tests(limits: Limits) -> Limits {
    Limits { durable: false, postgres_writers: POSTGRES_WRITERS.into(), ..limits }
}

/// Returns the options of a store that migrates its database.
pub fn migration() -> StoreOptions {
    StoreOptions {
        limits: Arc::new(limits_of_tests(Limits::default())),
        clock: Arc::new(ManualClock::at(Time::from_micros(0))),
        rng: Rng::system(),
        wakeups: Wakeups::new(SWEEP_BETWEEN_NODES),
    }
}

/// A migrated and empty SQLite database.
static SQLITE_FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, copy) = (folder.path().join("axme.db"), folder.path().join("copy.db"));
    let store = Store::open_sqlite(&file, &migration());
    let _store = store.expect("the store opens");
    let connection = rusqlite::Connection::open(&file).expect("the file opens");
    let copy_name = copy.to_str().expect("a path of text");
    connection.execute("VACUUM INTO ?1", [copy_name]).expect("the database is copied");
    std::fs::read(&copy).expect("the copy is there")
});

pub fn open_sqlite(folder: &Path, options: &StoreOptions) -> Store {
    let file = folder.join("axme.db");
    std::fs::write(&file, &*SQLITE_FILE).expect("the database is written");
    Store::open_sqlite(&file, options).expect("the store opens")
}

/// Opens a store in its own schema.
pub async fn open_postgres(options: &StoreOptions) -> Store {
    let kept = pool().kept.pop();
    let schema = match kept {
        Some(schema) => schema,
        None => Schema::migrated().await,
    };
    let url = use_schema(schema);
    Store::open_postgres(&url, options).await.expect("the store opens")
}

/// Opens another store in the schema that this test has opened last.
pub async fn reopen_postgres(options: &StoreOptions) -> Store {
    let url = IN_USE.with_borrow(|in_use| in_use.schemas.last().map(Schema::url)).expect("a schema");
    Store::open_postgres(&url, options).await.expect("the store opens")
}

/// Registers a server on PostgreSQL: its writers must finish before its schema is emptied.
pub fn note_server(app: &Arc<AppState>) {
    IN_USE.with_borrow_mut(|in_use| in_use.servers.push(app.clone()));
}

/// Returns the URL of an empty schema, for servers that the test starts by URL. The schema is dropped after the test.
pub async fn fresh_schema() -> String {
    use_schema(Schema::create().await)
}

/// Runs a test on a database of its own, because locks of migrations belong to a whole database.
pub async fn with_database(test: impl AsyncFnOnce(String)) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("d{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    ADMIN.client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
    let url = postgres_url().expect("checked before the test");
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    test(format!("{server}/{name}")).await;
    ADMIN.client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.expect("the database is dropped");
}

/// Takes the lock of a node that migrates. It ends with the connection, which ends with the client.
pub async fn lock_migrations(url: &str) -> (Client, JoinHandle<Result<(), tokio_postgres::Error>>) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("PostgreSQL answers");
    let connection = tokio::spawn(connection);
    // "AXME" as a number.
    client.execute("SELECT pg_advisory_lock(1096305989)", &[]).await.expect("the lock is free");
    (client, connection)
}

/// Registers a schema for this test; returns its URL.
fn use_schema(schema: Schema) -> String {
    let url = schema.url();
    IN_USE.with_borrow_mut(|in_use| in_use.schemas.push(schema));
    url
}

/// Returns the tables of the test's last schema that may hold secrets, in PostgreSQL's COPY format.
pub async fn dump_postgres() -> Vec<u8> {
    let schema = IN_USE.with_borrow(|in_use| in_use.schemas.last().map(|last| last.name.clone())).expect("a schema");
    let mut text = Vec::new();
    for table in ["api_keys", "audit_events", "invites", "media_links", "media_uploads", "replies", "service_accounts"]
    {
        let copied = ADMIN.client.copy_out(&format!("COPY {schema}.{table} TO STDOUT")).await.expect("a copy");
        let mut copied = std::pin::pin!(copied);
        while let Some(part) = copied.next().await {
            text.extend_from_slice(&part.expect("a part"));
        }
    }
    text
}

/// A forbidden change of the second line of an audit trail, made in the database.
#[derive(Debug, Clone, Copy)]
pub enum Tamper {
    Change,
    Delete,
    /// Deletes the last line instead.
    Truncate,
    /// Deletes the last line and the checkpoints, and sets the chain back to the line before.
    Cut,
    /// Forgets the whole chain too, so that a new one is made over the changed line.
    Rewrite,
}

pub async fn tamper_with_audit(server: &super::Server, trail: Uuid, tamper: Tamper) {
    let tamper = move |tx: &mut axme_store::Tx<'_>| {
        let changed = match tamper {
            Tamper::Rewrite => {
                tx.run("DELETE FROM audit_heads WHERE trail_id = $1", &[trail.into()])?;
                tx.run("DELETE FROM audit_checkpoints WHERE trail_id = $1", &[trail.into()])?;
                tx.run("UPDATE audit_events SET seq = NULL, hash = NULL WHERE trail_id = $1 AND seq <> 2", &[trail.into()])?;
                tx.run(
                    "UPDATE audit_events SET seq = NULL, hash = NULL, actor = 'nobody' WHERE trail_id = $1 AND seq = 2",
                    &[trail.into()],
                )
            }
            Tamper::Cut => {
                tx.run("DELETE FROM audit_checkpoints WHERE trail_id = $1", &[trail.into()])?;
                tx.run(
                    "DELETE FROM audit_events WHERE trail_id = $1 AND seq = (SELECT seq FROM audit_heads WHERE trail_id = $1)",
                    &[trail.into()],
                )?;
                tx.run(
                    "UPDATE audit_heads SET seq = seq - 1, hash = (SELECT e.hash FROM audit_events e \
                     WHERE e.trail_id = $1 AND e.seq = audit_heads.seq - 1) WHERE trail_id = $1",
                    &[trail.into()],
                )
            }
            Tamper::Change => tx.run(
                "UPDATE audit_events SET actor = 'nobody' WHERE trail_id = $1 AND seq = 2",
                &[trail.into()],
            ),
            Tamper::Delete => tx.run("DELETE FROM audit_events WHERE trail_id = $1 AND seq = 2", &[trail.into()]),
            Tamper::Truncate => tx.run(
                "DELETE FROM audit_events WHERE trail_id = $1 AND seq = (SELECT seq FROM audit_heads WHERE trail_id = $1)",
                &[trail.into()],
            ),
        };
        changed.inspect(|rows| assert_eq!(*rows, 1))
    };
    server.app.store.write(Shard::CONTROL, tamper).await.expect("the line is there");
}

/// Leaves an open task as the migration that made the table of people left it: with one row, which names nobody.
pub async fn forget_whom_a_task_asks(server: &super::Server, id: axme_intent::IntentId) {
    let forget = move |tx: &mut axme_store::Tx<'_>| {
        let changed = tx.run("UPDATE task_people SET person = '' WHERE intent_id = $1", &[id.into()]);
        changed.inspect(|rows| assert_eq!(*rows, 1))
    };
    server.app.store.write(Shard::CONTROL, forget).await.expect("the task is open");
}

/// Replaces the state of an intent as it is stored, also by a text that is none; returns the earlier one.
pub async fn swap_state(server: &super::Server, id: axme_intent::IntentId, state: &str) -> String {
    let state = state.to_owned();
    let swap = move |tx: &mut axme_store::Tx<'_>| {
        let row = tx.row("SELECT state FROM intents WHERE intent_id = $1", &[id.into()])?;
        tx.run("UPDATE intents SET state = $1 WHERE intent_id = $2", &[state.as_str().into(), id.into()])?;
        row.expect("the intent is there").text(0).map(str::to_owned)
    };
    server.app.store.write(Shard::CONTROL, swap).await.expect("the state is stored")
}

/// Returns the number of rows that the planner of PostgreSQL knows of.
pub async fn planned_rows(url: &str, table: &str) -> f64 {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    let known = "SELECT CAST(reltuples AS float8) FROM pg_class WHERE oid = to_regclass($1)";
    client.query_one(known, &[&table]).await.expect("the table is there").get(0)
}

thread_local! {
    /// The PostgreSQL resources of the test on this thread.
    static IN_USE: RefCell<InUse> = const { RefCell::new(InUse { schemas: Vec::new(), servers: Vec::new() }) };
}

#[derive(Default)]
struct InUse {
    schemas: Vec<Schema>,
    servers: Vec<Arc<AppState>>,
}

impl InUse {
    /// Keeps the schemas for the next test if this one has passed, and drops them otherwise.
    async fn end(self, has_passed: bool) {
        let is_reusable = has_passed && self.rests().await;
        for schema in self.schemas {
            if is_reusable && schema.empty().await {
                pool().kept.push(schema);
            } else {
                schema.remove().await;
            }
        }
    }

    /// Waits until the writers have finished their jobs, which would otherwise write to the schema of the next test.
    /// Returns false if they do not finish.
    async fn rests(&self) -> bool {
        let resting = async {
            for app in &self.servers {
                // Each writer gets one of these ids.
                for n in 0..POSTGRES_WRITERS {
                    let shard = Shard::of_workspace(Uuid::from_u128(n.into()));
                    app.store.write(shard, |_| Ok(())).await?;
                }
            }
            Ok::<_, axme_store::StoreError>(())
        };
        matches!(tokio::time::timeout(REST, resting).await, Ok(Ok(())))
    }
}

struct Schema {
    name: String,
    /// Deletes the rows of all tables but [`HISTORY`]; `None` for a schema that is not reused.
    clear: Option<String>,
}

impl Schema {
    async fn create() -> Schema {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ADMIN.client.batch_execute(&format!("CREATE SCHEMA {name}")).await.expect("a schema");
        Schema { name, clear: None }
    }

    async fn migrated() -> Schema {
        let schema = Schema::create().await;
        let store = Store::open_postgres(&schema.url(), &migration()).await;
        store.expect("the store opens");
        let client = &ADMIN.client;
        let tables = "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename <> $2";
        let tables = client.query(tables, &[&schema.name, &HISTORY]).await.expect("the tables are listed");
        let mut clear = String::new();
        for table in tables {
            let table = format!("{}.{}", schema.name, table.get::<_, &str>(0));
            let row = client.query_opt(&format!("SELECT 1 FROM {table} LIMIT 1"), &[]).await.expect("a query");
            assert!(row.is_none(), "migrations fill {table}: an emptied schema is not like a new one");
            clear.push_str(&format!("DELETE FROM {table}; "));
        }
        Schema { clear: Some(clear), ..schema }
    }

    /// Returns the URL of the schema.
    fn url(&self) -> String {
        let base = postgres_url().expect("checked before the test");
        let joint = if base.contains('?') { '&' } else { '?' };
        format!("{base}{joint}options=-csearch_path%3D{}", self.name)
    }

    /// Empties the schema. Returns whether it is like a new one.
    async fn empty(&self) -> bool {
        match &self.clear {
            Some(clear) => ADMIN.client.batch_execute(clear).await.is_ok(),
            None => false,
        }
    }

    /// Drops the schema. A server that is stopping may still be reading: PostgreSQL then aborts one of the two, and the
    /// drop is retried.
    async fn remove(self) {
        let statement = format!("DROP SCHEMA {} CASCADE", self.name);
        while let Err(error) = ADMIN.client.batch_execute(&statement).await {
            if error.code() != Some(&SqlState::T_R_DEADLOCK_DETECTED) {
                eprintln!("schema {} is left behind: {error}", self.name);
                return;
            }
        }
    }
}

/// The state that concurrent tests share.
struct Pool {
    tests: usize,
    on_postgres: usize,
    /// Migrated, empty schemas.
    kept: Vec<Schema>,
}

impl Pool {
    /// Takes the kept schemas if no running test could use them.
    fn take_unused(&mut self) -> Vec<Schema> {
        if self.tests == 0 { std::mem::take(&mut self.kept) } else { Vec::new() }
    }
}

static POOL: Mutex<Pool> = Mutex::new(Pool { tests: 0, on_postgres: 0, kept: Vec::new() });
static POSTGRES_LEFT: Condvar = Condvar::new();

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The slot of a running test.
pub struct TestSlot {
    engine: Engine,
}

impl Drop for TestSlot {
    fn drop(&mut self) {
        let mut pool = pool();
        pool.tests -= 1;
        if self.engine == Engine::Postgres {
            pool.on_postgres -= 1;
            POSTGRES_LEFT.notify_one();
        }
    }
}

/// Takes a slot before a test; on PostgreSQL it waits for a free one.
pub fn enter(engine: Engine) -> TestSlot {
    if engine == Engine::Postgres {
        LazyLock::force(&ADMIN);
    }
    let mut pool = pool();
    // Counted while it waits, since the test will need the kept schemas.
    pool.tests += 1;
    if engine == Engine::Postgres {
        let free = POSTGRES_LEFT.wait_while(pool, |pool| pool.on_postgres >= MAX_POSTGRES_TESTS);
        free.unwrap_or_else(PoisonError::into_inner).on_postgres += 1;
    }
    TestSlot { engine }
}

/// Cleans up the databases of a test, after its tasks have ended.
pub fn leave(place: TestSlot, has_passed: bool) {
    let in_use = IN_USE.take();
    if !in_use.schemas.is_empty() {
        ADMIN.runtime.block_on(in_use.end(has_passed));
    }
    drop(place);
    let unused = pool().take_unused();
    if !unused.is_empty() {
        ADMIN.runtime.block_on(async {
            for schema in unused {
                schema.remove().await;
            }
        });
    }
}

/// The tests' own connection, and the runtime that drives it. [`enter`] opens it outside any other runtime.
struct Admin {
    runtime: Runtime,
    client: Client,
}

static ADMIN: LazyLock<Admin> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let client = runtime.block_on(async {
        let url = postgres_url().expect("checked before the test");
        let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("PostgreSQL answers");
        tokio::spawn(connection);
        client.batch_execute("SET synchronous_commit = off").await.expect("a setting");
        client
    });
    Admin { runtime, client }
});

/// Makes a database look as if a newer version had migrated it.
pub fn add_migration_of_the_future(file: &Path) {
    let newer = rusqlite::Connection::open(file).expect("the file opens");
    let applied = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
                   SELECT 99, 'of_the_future', applied_on, checksum FROM refinery_schema_history WHERE version = 1";
    assert_eq!(newer.execute(applied, []).expect("a history"), 1);
}

/// Undoes [`add_migration_of_the_future`].
pub fn remove_migration_of_the_future(file: &Path) {
    let newer = rusqlite::Connection::open(file).expect("the file opens");
    let removed = newer.execute("DELETE FROM refinery_schema_history WHERE version = 99", []);
    assert_eq!(removed.expect("a history"), 1);
}
