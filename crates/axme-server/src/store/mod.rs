//! The store: one SQL text, two engines.
//!
//! Work comes as jobs: synchronous functions over an open [`Tx`]. Writes go to a *write lane*, chosen by the family of the
//! intent they touch; reads go to a pool of read connections. SQLite has one write lane, which commits many jobs with one
//! fsync; PostgreSQL has several, each a thread with a connection of its own. A job may run more than once (a group whose
//! commit failed, a lost deadlock), so it must not consume its input.
//!
//! SQL stands only in this folder, one file per family, and it never decides anything.

pub mod access_requests;
pub mod alpha;
pub mod approvals;
pub mod audit;
pub mod billing;
pub mod inbox;
pub mod intents;
pub mod invites;
pub mod invoices;
mod lane;
pub mod links;
pub mod logins;
pub mod media;
pub mod members;
pub mod mesh;
mod migrations;
pub mod notices;
pub mod organizations;
pub mod person_accounts;
pub mod policies;
mod postgres;
pub mod principals;
pub mod queue;
pub mod quotas;
pub mod replies;
pub mod routed_deliveries;
pub mod routing;
pub mod schemas;
pub mod service_accounts;
pub mod sessions;
pub mod simulated;
mod sqlite;
pub mod timers;
pub mod users;
mod value;
pub mod webhooks;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::error::{Error, Result, StoreError};
use crate::system::Rng;
use crate::wakeups::{Signal, Wakeups};
use lane::{Job, Lane};
pub(crate) use postgres::Line;
use quotas::Tally;
pub use value::{Row, Value};

/// Waiting jobs per lane; callers wait for a place beyond it.
const QUEUE_JOBS: usize = 4_096;

/// An open transaction.
pub struct Tx<'a> {
    connection: &'a mut dyn Connection,
    wakeups: Vec<Wake>,
    known: Known,
}

/// What this node knows of workspaces, so that those who do not use a thing do not pay for it. It only grows: a workspace
/// that has ended its use costs a look that comes to nothing.
pub type Known = Arc<RwLock<HashSet<(Mark, Uuid)>>>;

/// What a workspace uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Somebody is subscribed to what happens: decisions are fanned out.
    Subscribers,
    /// Payloads are checked against schemas.
    Schemas,
    /// Some agents are killed or have policies about what they cost and do.
    Rules,
    /// Not everything may be used without end.
    Quota,
    /// An agent has a policy about its senders.
    Senders,
}

fn has(known: &Known, mark: Mark, workspace: Uuid) -> bool {
    known.read().unwrap_or_else(PoisonError::into_inner).contains(&(mark, workspace))
}

fn learn(known: &Known, mark: Mark, workspaces: impl Iterator<Item = Uuid>) {
    known.write().unwrap_or_else(PoisonError::into_inner).extend(workspaces.map(|workspace| (mark, workspace)));
}

/// What an engine offers inside a transaction. `$1`, `$2`, … are the parameters; they must first appear in ascending order.
pub(crate) trait Connection {
    /// Runs a statement and says how many rows it changed.
    fn run(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, StoreError>;
    /// Runs a statement whose result nobody needs; the engine may delay it until the next read or the commit.
    fn push(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<(), StoreError>;
    fn rows(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;
    /// Counts one use in a row that no other connection writes; the engine may add it up until the commit.
    fn tally(&mut self, tally: Tally, count: i64) -> Result<(), StoreError>;
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection) -> Tx<'a> {
        Tx { connection, wakeups: Vec::new(), known: Known::default() }
    }

    pub fn run(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.connection.run(sql, params)
    }

    pub fn push(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<(), StoreError> {
        self.connection.push(sql, params)
    }

    pub fn rows(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.connection.rows(sql, params)
    }

    /// The first row, if any.
    pub fn row(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.connection.rows(sql, params)?.into_iter().next())
    }

    /// Counts one use. It is seen by others once it is committed, and perhaps not before by this transaction.
    pub fn tally(&mut self, tally: Tally, count: i64) -> Result<(), StoreError> {
        self.connection.tally(tally, count)
    }

    /// True when a workspace uses a thing.
    pub fn has(&self, mark: Mark, workspace: Uuid) -> bool {
        has(&self.known, mark, workspace)
    }

    /// From now on, it does.
    pub fn mark(&self, mark: Mark, workspace: Uuid) {
        learn(&self.known, mark, std::iter::once(workspace));
    }

    /// Rings after the commit, and only then.
    pub fn wake(&mut self, wake: Wake) {
        self.wakeups.push(wake);
    }
}

/// The open store. Dropping the last handle ends its threads.
pub struct Store {
    write: Vec<Lane>,
    read: Lane,
    wakeups: Arc<Wakeups>,
    known: Known,
    /// `sqlite` or `postgresql`.
    pub engine: &'static str,
}

/// How many threads and how large the groups; see `config::Limits`.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub write_group: usize,
    pub read_threads: usize,
    pub postgres_lanes: usize,
    /// False only in tests: a commit then does not wait for the disk.
    pub durable: bool,
}

impl Store {
    /// Opens or creates the SQLite file and brings its schema up to date. Blocking.
    pub fn open_sqlite(file: &Path, shape: Shape, wakeups: Arc<Wakeups>) -> Result<Store, StoreError> {
        let writer = sqlite::Sqlite::open_writer(file, shape.durable)?;
        let readers: Result<Vec<_>, _> =
            (0..shape.read_threads.max(1)).map(|_| sqlite::Sqlite::open_reader(file)).collect();
        let write = vec![Lane::spawn("write", vec![Box::new(writer)], shape.write_group, QUEUE_JOBS)];
        let readers = readers?.into_iter().map(|r| Box::new(r) as Box<dyn lane::Engine>).collect();
        let read = Lane::spawn("read", readers, 1, QUEUE_JOBS);
        Ok(Store { write, read, wakeups, known: Known::default(), engine: "sqlite" })
    }

    /// Connects to PostgreSQL and brings its schema up to date.
    pub async fn open_postgres(url: &str, shape: Shape, wakeups: Arc<Wakeups>) -> Result<Store, StoreError> {
        let target = postgres::Target::parse(url, shape.durable)?;
        postgres::migrate(&target).await?;
        // Usage is counted by each connection in rows of its own.
        let rng = Rng::system();
        let connect = || Box::new(postgres::Postgres::new(target.clone(), u32::from_be_bytes(rng.bytes())));
        let lane = |name: &str| Lane::spawn(name, vec![connect()], 1, QUEUE_JOBS);
        let write = (0..shape.postgres_lanes.max(1)).map(|n| lane(&format!("write-{n}"))).collect();
        let readers = (0..shape.read_threads.max(1)).map(|_| connect() as Box<dyn lane::Engine>).collect();
        let read = Lane::spawn("read", readers, 1, QUEUE_JOBS);
        Ok(Store { write, read, wakeups, known: Known::default(), engine: "postgresql" })
    }

    /// Runs a job in a write transaction and returns once it is durable. `lane` is that of the family it touches.
    pub async fn write<T, F>(&self, lane: u16, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let lane = &self.write[usize::from(lane) % self.write.len()];
        self.enqueue(lane, job).await
    }

    /// Runs a job against a consistent snapshot. It must not write.
    pub async fn read<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.enqueue(&self.read, job).await
    }

    /// True when a workspace uses a thing.
    pub fn has(&self, mark: Mark, workspace: Uuid) -> bool {
        has(&self.known, mark, workspace)
    }

    /// From now on, these workspaces do.
    pub fn mark(&self, mark: Mark, workspaces: impl Iterator<Item = Uuid>) {
        learn(&self.known, mark, workspaces);
    }

    async fn enqueue<T, F>(&self, lane: &Lane, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let (wakeups, known) = (self.wakeups.clone(), self.known.clone());
        let job = TypedJob { job, answer: None, rings: Vec::new(), wakeups, known, sender };
        lane.send(Box::new(job)).await?;
        let stopped = |_| Error::Store(StoreError::Unavailable("the store has stopped".to_owned()));
        // The job comes back with its answer, so that what it held is freed here and not on the lane.
        let (answer, _job) = receiver.await.map_err(stopped)?;
        answer
    }
}

/// A job with the place its answer goes to.
struct TypedJob<T, F> {
    job: F,
    answer: Option<Result<T>>,
    rings: Vec<Wake>,
    wakeups: Arc<Wakeups>,
    known: Known,
    sender: oneshot::Sender<(Result<T>, F)>,
}

impl<T, F> Job for TypedJob<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        // Nobody waits any more and nothing was begun: after an outage, calls that were given up are not done late.
        if self.sender.is_closed() {
            return Err(StoreError::Unavailable("the caller has gone".to_owned()).into());
        }
        tx.known.clone_from(&self.known);
        match (self.job)(tx) {
            Ok(value) => self.answer = Some(Ok(value)),
            Err(Error::Kept(error)) => self.answer = Some(Err(Error::Kept(error))),
            Err(error) => return Err(error),
        }
        self.rings = std::mem::take(&mut tx.wakeups);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        let TypedJob { job, answer, rings, wakeups, known: _, sender } = *self;
        let answer = match (outcome, answer) {
            (Ok(()), Some(answer)) => {
                for wake in &rings {
                    wakeups.ring(*wake);
                }
                answer
            }
            (Ok(()), None) => Err(StoreError::Fault("a job ended without an answer".to_owned()).into()),
            (Err(error), _) => Err(error),
        };
        // The caller may be gone; its work is done all the same.
        let _ = sender.send((answer, job));
    }
}
