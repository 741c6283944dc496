//! The store: one SQL text, two engines.
//!
//! Work arrives as jobs: synchronous functions over an open [`Tx`]. The job's [`Shard`] selects the writer; reads go to
//! a pool of read connections. SQLite has one writer, which commits many jobs with one fsync. PostgreSQL has several,
//! each a thread with its own connection. A job may run more than once (after a failed commit or a deadlock), so it
//! must not consume its input.
//!
//! All SQL is in this crate, one file per family, and never decides anything. The store does not know HTTP, roles or
//! the types of the API.

pub mod absences;
pub mod access_requests;
pub mod alerts;
pub mod alpha;
pub mod approvals;
pub mod attributes;
pub mod audit;
pub mod audit_chain;
pub mod backup;
pub mod billing;
pub mod checkpoint_copies;
pub mod checkup;
pub mod clock;
pub mod console;
pub mod consumers;
pub mod error;
pub mod gauges;
pub mod groups;
mod identity;
pub mod inbox;
pub mod intents;
pub mod invites;
pub mod invoices;
pub mod limits;
pub mod links;
pub mod logins;
pub mod media;
pub mod members;
pub mod mesh;
pub mod metrics;
mod migrations;
pub mod notices;
pub mod oauth;
pub mod organizations;
pub mod person_accounts;
pub mod person_settings;
pub mod policies;
pub mod policy_versions;
mod postgres;
pub mod principals;
pub mod pushes;
pub mod queue;
pub mod quotas;
pub mod receipts;
pub mod received_intents;
pub mod replies;
mod reply_key;
pub mod retention;
pub mod rng;
pub mod routed_deliveries;
pub mod routing;
mod rules_cache;
pub mod saved_views;
pub mod scenarios;
pub mod schemas;
pub mod service_accounts;
pub mod sessions;
pub mod shard;
#[cfg(feature = "simulation")]
pub mod simulated;
mod sqlite;
mod tallies;
pub mod tasks;
pub mod timers;
pub mod traces;
pub mod transfer;
mod tx;
pub mod users;
mod value;
pub mod wakeups;
pub mod web_push;
pub mod webhooks;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axme_intent::Time;
use axme_types::storage::StorageEngine;
use postgres::Role;
use uuid::Uuid;

pub use clock::Clock;
pub use error::{JobError, StoreError};
pub use identity::FileIdentity;
pub use limits::{EVENTS_DAYS, Limits, MAX_RETENTION_DAYS, RetentionLimits, Tier};
pub use metrics::StoreMetrics;
pub use postgres::{ListenConnection, statistics};
pub use rng::{Rng, hex};
pub use shard::Shard;
pub(crate) use tx::Environment;
pub use tx::{EndedStep, StepListener, Tally, Tx};
pub use value::{Row, Value};
pub use wakeups::{Signal, Subscription, Wakes, Wakeup, Wakeups};
pub use writer::Announcement;
use writer::{ErasedJob, Failure, Queue, QueuedJob, TypedJob};

/// An open store. Its threads end when it is dropped.
pub struct Store {
    writers: Vec<Queue>,
    readers: Queue,
    environment: Arc<Environment>,
    clock: Arc<dyn Clock>,
    /// The file of an SQLite database.
    file: Option<PathBuf>,
    pub engine: StorageEngine,
}

/// The bytes on disk of a database.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub database: u64,
    /// The write-ahead log of SQLite. PostgreSQL has one for all its databases, which is not ours to measure.
    pub log: Option<u64>,
}

/// The resources of a store besides its database.
#[derive(Clone)]
pub struct StoreOptions {
    pub limits: Arc<Limits>,
    pub clock: Arc<dyn Clock>,
    pub rng: Rng,
    pub wakeups: Arc<Wakeups>,
}

impl StoreOptions {
    fn environment(&self) -> Arc<Environment> {
        let StoreOptions { limits, rng, wakeups, clock } = self.clone();
        let (rules, latest, closed, metrics, steps) = Default::default();
        Arc::new(Environment { rng, limits, wakeups, rules, clock, latest, closed, metrics, steps })
    }
}

impl Store {
    /// Opens or creates the SQLite file and brings its schema up to date. Blocking.
    pub fn open_sqlite(file: &Path, options: &StoreOptions) -> Result<Store, StoreError> {
        let (environment, limits) = (options.environment(), &options.limits);
        let writer = sqlite::Sqlite::open_writer(file, sqlite::Role::SoleWriter, environment.clone())?;
        let readers = (0..limits.read_threads.max(1)).map(|_| {
            sqlite::Sqlite::open_reader(file, environment.clone())
                .map(|reader| Box::new(reader) as Box<dyn writer::Engine>)
        });
        let readers = readers.collect::<Result<_, _>>()?;
        let writers = vec![Queue::spawn("write", vec![Box::new(writer)], limits.write_group, limits.waiting_calls)];
        let readers = Queue::spawn("read", readers, 1, limits.waiting_calls);
        let (clock, file) = (options.clock.clone(), Some(file.to_owned()));
        Ok(Store { writers, readers, environment, clock, file, engine: StorageEngine::Sqlite })
    }

    /// Checks the URL of a PostgreSQL database, and the files of TLS that it names.
    pub fn check_url(url: &str) -> Result<(), StoreError> {
        postgres::Target::parse(url, true).map(|_| ())
    }

    /// Connects to PostgreSQL and brings its schema up to date. Waits at most `start_seconds` for a database that is not
    /// ready.
    pub async fn open_postgres(url: &str, options: &StoreOptions) -> Result<Store, StoreError> {
        let (environment, limits) = (options.environment(), &options.limits);
        let target = postgres::Target::parse(url, limits.durable)?;
        postgres::startup::migrate(&target, Duration::from_secs(limits.start_seconds)).await?;
        let connect = |role| {
            // Each connection counts usage in its own rows.
            let slot = i64::from(u32::from_be_bytes(Rng::system().bytes()));
            Box::new(postgres::Postgres::new(target.clone(), role, slot, environment.clone()))
        };
        let writer = |n| {
            Queue::spawn(&format!("write-{n}"), vec![connect(Role::Writer)], postgres::MAX_GROUP, limits.waiting_calls)
        };
        let writers = (0..limits.postgres_writers.max(1)).map(writer).collect();
        let readers =
            (0..limits.read_threads.max(1)).map(|_| connect(Role::Reader) as Box<dyn writer::Engine>).collect();
        let readers = Queue::spawn("read", readers, 1, limits.waiting_calls);
        let clock = options.clock.clone();
        Ok(Store { writers, readers, environment, clock, file: None, engine: StorageEngine::Postgresql })
    }

    /// Opens a database for reading, beside the server that uses it. Changes nothing, also not its schema. Blocking.
    pub fn open_sqlite_for_reading(file: &Path, options: &StoreOptions) -> Result<Store, StoreError> {
        let environment = options.environment();
        let reader = sqlite::Sqlite::open_reader(file, environment.clone())?;
        let readers = Queue::spawn("read", vec![Box::new(reader)], 1, options.limits.waiting_calls);
        Ok(Store::for_reading(readers, environment, options, Some(file.to_owned()), StorageEngine::Sqlite))
    }

    /// Opens a PostgreSQL database for reading, like [`Store::open_sqlite_for_reading`].
    pub fn open_postgres_for_reading(url: &str, options: &StoreOptions) -> Result<Store, StoreError> {
        let environment = options.environment();
        let target = postgres::Target::parse(url, options.limits.durable)?;
        let reader = postgres::Postgres::new(target, Role::Reader, 0, environment.clone());
        let readers = Queue::spawn("read", vec![Box::new(reader)], 1, options.limits.waiting_calls);
        Ok(Store::for_reading(readers, environment, options, None, StorageEngine::Postgresql))
    }

    fn for_reading(
        readers: Queue,
        environment: Arc<Environment>,
        options: &StoreOptions,
        file: Option<PathBuf>,
        engine: StorageEngine,
    ) -> Store {
        let store = Store { writers: Vec::new(), readers, environment, clock: options.clock.clone(), file, engine };
        // A write is refused before it looks for a writer.
        store.close("this database is open for reading");
        store
    }

    /// Runs a job in a write transaction and returns once it is durable. `shard` belongs to the family that the job
    /// writes.
    pub async fn write<T, E, F>(&self, shard: Shard, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.write_as_of(self.clock.now(), shard, job).await
    }

    /// Runs a job like [`Store::write`], with what it says about itself.
    pub async fn write_announced<T, E, F>(&self, announcement: Announcement, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.write_as_of(self.clock.now(), announcement, job).await
    }

    /// Runs a job like [`Store::write`], at an earlier time: for example that of the call that caused it.
    pub async fn write_as_of<T, E, F>(&self, now: Time, announcement: impl Into<Announcement>, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        if let Some(why) = self.closed() {
            return Err(StoreError::Unavailable(why.to_owned()).into());
        }
        let announcement = announcement.into();
        let queue = &self.writers[announcement.shard.writer(self.writers.len())];
        answer::<T, E, F>(self.submit(queue, now, announcement, Box::new(TypedJob { job, answer: None })).await)
    }

    /// Runs a job against a consistent snapshot. It must not write.
    pub async fn read<T, E, F>(&self, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: JobError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        answer::<T, E, F>(
            self.submit(
                &self.readers,
                self.clock.now(),
                Shard::CONTROL.into(),
                Box::new(TypedJob { job, answer: None }),
            )
            .await,
        )
    }

    /// Refuses all writes from now on, with this reason.
    pub fn close(&self, why: &str) {
        self.environment.closed.get_or_init(|| why.to_owned());
    }

    /// Returns why the store is closed; `None` if it is open. A store closes by itself when its file is gone.
    pub fn closed(&self) -> Option<&str> {
        self.environment.closed.get().map(String::as_str)
    }

    /// Gives up to `pages` free pages of an SQLite database back to the disk. Returns false if none is left, and on
    /// PostgreSQL, whose own vacuum does it.
    pub async fn give_back_space(&self) -> Result<bool, StoreError> {
        if self.engine != StorageEngine::Sqlite {
            return Ok(false);
        }
        self.write(Shard::CONTROL, sqlite::give_back_space).await
    }

    /// Reports the steps of workflows that end from now on. Only the first listener gets them.
    pub fn report_steps_to(&self, listener: StepListener) {
        self.environment.steps.get_or_init(|| listener);
    }

    /// The measurements of the writers.
    pub fn metrics(&self) -> &StoreMetrics {
        &self.environment.metrics
    }

    /// Returns the bytes of the database, and of the log beside it where there is one.
    pub async fn sizes(&self) -> Result<Sizes, StoreError> {
        let Some(file) = &self.file else {
            let database = self.read(postgres::database_bytes).await?;
            return Ok(Sizes { database, log: None });
        };
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
        let log = file.with_extension("db-wal");
        Ok(Sizes { database: bytes(file), log: Some(bytes(&log)) })
    }

    /// The waiters that commits wake.
    pub fn wakeups(&self) -> &Arc<Wakeups> {
        &self.environment.wakeups
    }

    /// Returns the cached value of an owner's rules if its version was current less than `age` ago. Only [`Tx::rules`]
    /// checks it in a transaction.
    pub fn remembered_rules<T: Send + Sync + 'static>(&self, owner: Uuid, age: Duration) -> Option<Arc<T>> {
        let entry = self.environment.rules.get(owner)?;
        let is_recent = entry.is_exact || self.clock.running() < entry.checked_at + age;
        if is_recent { entry.value.downcast().ok() } else { None }
    }

    async fn submit(
        &self,
        queue: &Queue,
        now: Time,
        announcement: Announcement,
        work: Box<dyn ErasedJob>,
    ) -> Result<Box<dyn ErasedJob>, StoreError> {
        let (job, completion) = QueuedJob::new(work, now, announcement);
        queue.send(job).await?;
        let stopped = |_| StoreError::Unavailable("the store has stopped".to_owned());
        match completion.await.map_err(stopped)? {
            (Ok(()) | Err(Failure::Refused), job) => Ok(job),
            (Err(Failure::Store(error)), _) => Err(error),
        }
    }
}

/// Takes the answer out of a finished job.
fn answer<T, E, F>(returned: Result<Box<dyn ErasedJob>, StoreError>) -> Result<T, E>
where
    T: Send + 'static,
    E: JobError,
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
{
    let job = returned?.into_any().downcast::<TypedJob<T, E, F>>();
    let answer = job.ok().and_then(|job| job.answer);
    answer.unwrap_or_else(|| Err(StoreError::Fault("a job ended without an answer".to_owned()).into()))
}
