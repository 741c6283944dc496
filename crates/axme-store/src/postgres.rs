//! PostgreSQL: each writer is a thread with its own connection and its own runtime.
//!
//! Waiting jobs share a transaction, so that they share its commit. Statements without a result are queued and sent
//! together with the next read or the commit, so that a group costs few round trips. Inserts of one kind become one
//! statement. A job that fails before its first
//! write does not disturb the others. After any other failure the group is rolled back, and each job runs alone. A job
//! alone runs again if it loses a deadlock or a race, or if its connection ends before the commit is sent. Readers see
//! one snapshot.

mod batch;
mod errors;
mod live;
mod sizes;
pub(crate) mod startup;
pub mod statistics;
mod target;
mod tls;
mod url;
mod values;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use crate::error::StoreError;
use crate::tx::{Environment, Tx};
use crate::writer::{Engine, Failure, QueuedJob};
pub(crate) use errors::fault;
use live::Live;
pub(crate) use sizes::database_bytes;
pub use target::ListenConnection;
pub(crate) use target::Target;
use target::within;

/// Maximum number of jobs that share a transaction.
pub(crate) const MAX_GROUP: usize = 64;
/// The time after which a transaction takes no further job: its locks hold up other connections.
const GROUP_TIME: Duration = Duration::from_millis(5);
/// How often a job runs alone when each run ends in a conflict or with its connection.
const MAX_RUNS: u32 = 3;
/// The time after which a quiet connection counts as broken.
const SILENCE: Duration = Duration::from_secs(15);
/// The longest that a round trip may take. It exceeds the database's own limits below.
const ROUND_TRIP: Duration = Duration::from_secs(40);
/// A node that freezes inside a transaction loses its locks, and a wait for a lock is bounded.
const SESSION_LIMITS: &str =
    "SET lock_timeout = '10s'; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '15s'";
/// How often the runtime runs the task of an idle connection before a job. One look reads the socket, the next ones let
/// the task report its end.
const LOOKS: u32 = 3;

/// The kind of transaction that a connection runs.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// Every statement sees the latest commits, because a job locks rows before it reads what they protect.
    Writer,
    /// All statements of a job see one snapshot.
    Reader,
}

impl Role {
    fn begin(self) -> &'static str {
        match self {
            Role::Writer => "BEGIN",
            Role::Reader => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

pub(crate) struct Postgres {
    target: Target,
    role: Role,
    runtime: Option<Runtime>,
    session: Option<Session>,
    /// The slot in which it counts usage.
    slot: i64,
    environment: Arc<Environment>,
}

struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// For each plain insert of one row, the insert of many rows; `None` for other statements.
    inserts: HashMap<&'static str, Option<Statement>>,
    state: SessionState,
}

/// Whether a connection can run another job.
#[derive(Clone, Copy, PartialEq)]
enum SessionState {
    Usable,
    /// The database has ended the connection.
    Cut,
    /// The database did not answer in time. Another connection would probably be as silent.
    Silent,
}

impl Postgres {
    pub fn new(target: Target, role: Role, slot: i64, environment: Arc<Environment>) -> Postgres {
        Postgres { target, role, runtime: None, session: None, slot, environment }
    }

    /// Runs the first jobs in one transaction, as many as its time allows, and returns their outcomes in order. After an
    /// error, no write has taken effect.
    fn attempt(&mut self, jobs: &mut [QueuedJob]) -> Result<Vec<Result<(), Failure>>, GroupFailure> {
        let (Some(runtime), Some(session)) = (&self.runtime, &mut self.session) else {
            return Err(StoreError::Unavailable("there is no connection to the database".to_owned()).into());
        };
        let environment = self.environment.clone();
        let mut live = Live::new(runtime, session, self.role);
        let mut outcomes = Vec::with_capacity(jobs.len());
        let (began, is_alone) = (environment.clock.running(), jobs.len() == 1);
        if let Err(error) = live.find_free_keys(jobs.iter().filter_map(|job| job.key().cloned()).collect()) {
            live.roll_back();
            return Err(error.into());
        }
        for job in jobs.iter_mut() {
            live.begin_job();
            let now = job.now();
            match job.run(&mut Tx::new(&mut live, &environment, now)) {
                Ok(()) => {
                    live.end_job();
                    outcomes.push(Ok(()));
                }
                Err(failure) if live.forget_job() => outcomes.push(Err(failure)),
                Err(failure) => {
                    live.roll_back();
                    let before = outcomes.len();
                    return if is_alone { Ok(vec![Err(failure)]) } else { Err(GroupFailure::Spoiled { before }) };
                }
            }
            if live.holds_shared_lock || environment.clock.running() > began + GROUP_TIME {
                break;
            }
        }
        live.begin_job();
        let tallies = std::mem::take(&mut live.tallies);
        let last = jobs[outcomes.len() - 1].now();
        let written = tallies.write(&mut Tx::new(&mut live, &environment, last), self.slot);
        if let Err(error) = written {
            live.roll_back();
            return Err(error.into());
        }
        if live.is_broken {
            live.roll_back();
            return Err(StoreError::Fault("a job succeeded although a statement had failed".to_owned()).into());
        }
        let (is_writer, began) = (self.role == Role::Writer, environment.clock.running());
        let committed = live.commit();
        if is_writer {
            let took = environment.clock.running().saturating_sub(began);
            environment.metrics.commit(outcomes.len(), took, committed.is_ok());
        }
        match committed {
            // No job may run again, and none knows how it ended.
            Err(StoreError::Unknown(why)) => {
                Ok(outcomes.iter().map(|_| Err(StoreError::Unknown(why.clone()).into())).collect())
            }
            other => Ok(other.map(|()| outcomes)?),
        }
    }

    /// Makes sure that there is a connection. A connection that ended while no job ran is replaced.
    fn connect(&mut self) -> Result<(), StoreError> {
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            empty => {
                let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
                empty.insert(built.map_err(|e| StoreError::Unavailable(e.to_string()))?)
            }
        };
        if self.session.is_some() {
            // The runtime stands still between jobs, and so does the task that notices the end of the connection.
            runtime.block_on(async {
                for _ in 0..LOOKS {
                    tokio::task::yield_now().await;
                }
            });
        }
        if self.session.as_ref().is_none_or(Session::has_ended) {
            let connected = runtime.block_on(async {
                let client = self.target.connect().await?;
                within(ROUND_TRIP, client.batch_execute(SESSION_LIMITS)).await?;
                Ok::<_, StoreError>(client)
            });
            let client = connected.inspect_err(|_| self.session = None)?;
            self.session = Some(Session {
                client,
                statements: HashMap::new(),
                inserts: HashMap::new(),
                state: SessionState::Usable,
            });
        }
        Ok(())
    }

    /// Runs a job in a transaction of its own, several times if necessary.
    fn run_alone(&mut self, job: &mut QueuedJob) -> Result<(), Failure> {
        let mut runs = 0;
        loop {
            runs += 1;
            let attempted =
                self.connect().map_err(GroupFailure::from).and_then(|()| self.attempt(std::slice::from_mut(job)));
            let outcome = match attempted {
                Ok(mut outcomes) => outcomes.pop().unwrap_or(Err(Failure::Refused)),
                Err(failure) => Err(failure.into_error().into()),
            };
            match outcome {
                Err(Failure::Store(StoreError::Conflict(_))) if runs < MAX_RUNS => {}
                // Once the commit is sent, the error is `Unknown`. Before that, nothing has happened.
                Err(Failure::Store(StoreError::Unavailable(why))) if runs < MAX_RUNS && self.is_cut() => {
                    tracing::debug!(why, "a connection ended during a job, which runs again on another");
                }
                outcome => return outcome,
            }
        }
    }

    /// Reports the outcomes of the first jobs. A job that met a conflict has left no trace in its group, and runs again
    /// after the others have their answers.
    fn finish(&mut self, jobs: &mut VecDeque<QueuedJob>, outcomes: Vec<Result<(), Failure>>) {
        let mut again = Vec::new();
        for outcome in outcomes {
            let Some(job) = jobs.pop_front() else { break };
            match outcome {
                Err(Failure::Store(StoreError::Conflict(_))) => again.push(job),
                outcome => job.finish(outcome, &self.environment),
            }
        }
        for mut job in again {
            let outcome = self.run_alone(&mut job);
            job.finish(outcome, &self.environment);
        }
    }
}

/// Why a transaction was not committed.
enum GroupFailure {
    /// A job failed after a write; `before` jobs had succeeded before it.
    Spoiled {
        before: usize,
    },
    Store(StoreError),
}

impl GroupFailure {
    fn into_error(self) -> StoreError {
        match self {
            GroupFailure::Store(error) => error,
            GroupFailure::Spoiled { .. } => StoreError::Fault("a job alone failed its group".to_owned()),
        }
    }
}

impl From<StoreError> for GroupFailure {
    fn from(error: StoreError) -> GroupFailure {
        GroupFailure::Store(error)
    }
}

impl Postgres {
    /// Returns true if the connection has ended, so that a fresh one may do better.
    fn is_cut(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.has_ended() && session.state != SessionState::Silent)
    }
}

impl Session {
    fn has_ended(&self) -> bool {
        self.state != SessionState::Usable || self.client.is_closed()
    }

    /// Notes an error after which the database closes the connection.
    fn note(&mut self, error: &tokio_postgres::Error) {
        let ends = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::DATABASE_DROPPED,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        if error.code().is_some_and(|code| ends.contains(code)) {
            self.state = SessionState::Cut;
        }
    }
}

impl Engine for Postgres {
    fn work(&mut self, jobs: Vec<QueuedJob>) {
        let mut jobs = VecDeque::from(jobs);
        // The next group, and the jobs that run alone after it.
        let (mut group, mut alone) = (jobs.len(), 0_usize);
        while !jobs.is_empty() {
            if let Err(error) = self.connect() {
                let outcomes: Vec<_> = jobs.iter().map(|_| Err(error.clone().into())).collect();
                self.finish(&mut jobs, outcomes);
                return;
            }
            group = group.min(jobs.len());
            if group < 2 {
                let Some(mut job) = jobs.pop_front() else { return };
                let outcome = self.run_alone(&mut job);
                job.finish(outcome, &self.environment);
                alone = (alone + group).saturating_sub(1);
                group = if alone > 0 { 0 } else { jobs.len() };
                continue;
            }
            match self.attempt(&mut jobs.make_contiguous()[..group]) {
                Ok(outcomes) => {
                    group -= outcomes.len();
                    self.finish(&mut jobs, outcomes);
                    group = if group == 0 && alone == 0 { jobs.len() } else { group };
                }
                // The jobs before the one that failed commit together, if none of them fails as well.
                Err(GroupFailure::Spoiled { before }) if alone == 0 => (group, alone) = (before, 1),
                Err(_) => (group, alone) = (0, alone + group),
            }
        }
    }
}
