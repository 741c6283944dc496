//! PostgreSQL: each writer is a thread with its own connection and its own runtime.
//!
//! Waiting jobs share a transaction, so that they share its commit. Statements without a result are queued and sent
//! together with the next read or the commit, so that a group costs few round trips. A job that fails before its first
//! write does not disturb the others. After any other failure the group is rolled back, and each job runs alone. A job
//! alone runs again if it loses a deadlock or a race, or if its connection ends before the commit is sent. Readers see
//! one snapshot.

mod errors;
pub(crate) mod startup;
mod target;
mod values;

pub mod statistics;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::error::StoreError;
use crate::tallies::Tallies;
use crate::tx::{Connection, Environment, Tally, Tx};
use crate::value::{Row, Value};
use crate::writer::{Engine, Failure, QueuedJob};
use errors::{explain, fault, in_statement};
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
        match live.commit() {
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
            self.session = Some(Session { client, statements: HashMap::new(), state: SessionState::Usable });
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

/// The session while a transaction is open. `BEGIN` is sent with the first statement.
struct Live<'a> {
    runtime: &'a Runtime,
    session: &'a mut Session,
    role: Role,
    begun: bool,
    queued: Vec<QueuedStatement>,
    /// True once a statement has failed: the database then accepts nothing but a rollback.
    is_broken: bool,
    /// The statements that earlier jobs have queued.
    queued_before: usize,
    /// True once the current job has sent a write.
    has_written: bool,
    /// True once a job has locked a row that jobs of unrelated intents lock too.
    holds_shared_lock: bool,
    job_tallies: Vec<(Tally, i64)>,
    /// The usage of the jobs that succeeded. Counting each by itself would cost a statement per job.
    tallies: Tallies,
}

/// A statement that is sent with the next read or the commit.
struct QueuedStatement {
    statement: Statement,
    params: Vec<Value<'static>>,
    is_write: bool,
}

impl<'a> Live<'a> {
    fn new(runtime: &'a Runtime, session: &'a mut Session, role: Role) -> Live<'a> {
        Live {
            runtime,
            session,
            role,
            begun: false,
            queued: Vec::new(),
            is_broken: false,
            queued_before: 0,
            has_written: false,
            holds_shared_lock: false,
            job_tallies: Vec::new(),
            tallies: Tallies::default(),
        }
    }

    fn begin_job(&mut self) {
        self.queued_before = self.queued.len();
        self.has_written = false;
    }

    fn end_job(&mut self) {
        self.tallies.add(std::mem::take(&mut self.job_tallies));
    }

    /// Takes back what a failed job has queued. Returns false if it cannot be undone without a rollback.
    fn forget_job(&mut self) -> bool {
        if self.has_written || self.is_broken || self.session.has_ended() {
            return false;
        }
        self.queued.truncate(self.queued_before);
        self.job_tallies.clear();
        true
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.session.statements.get(sql) {
            return Ok(statement.clone());
        }
        let prepared =
            self.runtime.block_on(async { tokio::time::timeout(ROUND_TRIP, self.session.client.prepare(sql)).await });
        let statement = match prepared {
            Ok(prepared) => prepared.map_err(|e| {
                self.session.note(&e);
                self.is_broken = true;
                explain(&e, sql)
            })?,
            Err(_) => return Err(self.lose()),
        };
        self.session.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn queue(&mut self, sql: &'static str, params: &[Value<'_>], is_write: bool) -> Result<(), StoreError> {
        let statement = self.statement(sql)?;
        let params = params.iter().cloned().map(Value::into_owned).collect();
        self.queued.push(QueuedStatement { statement, params, is_write });
        Ok(())
    }

    /// Sends the queued statements and `last` in one batch, and waits for all answers.
    fn flush<T>(
        &mut self,
        last: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let queued = std::mem::take(&mut self.queued);
        self.has_written |= queued.iter().skip(self.queued_before).any(|one| one.is_write);
        self.queued_before = 0;
        let begin = !std::mem::replace(&mut self.begun, true);
        let (client, role) = (&self.session.client, self.role);
        // A panic would lose the queued statements.
        let was_broken = std::mem::replace(&mut self.is_broken, true);
        let answered = self.runtime.block_on(async {
            let all = async {
                let opening = async { if begin { client.batch_execute(role.begin()).await } else { Ok(()) } };
                let writes = join_all(queued.iter().map(|QueuedStatement { statement, params, .. }| async move {
                    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
                    client.execute(statement, &params).await
                }));
                let (opened, writes, last) = tokio::join!(biased; opening, writes, last(client));
                opened?;
                for write in writes {
                    write?;
                }
                last
            };
            tokio::time::timeout(ROUND_TRIP, all).await
        });
        match answered {
            Ok(Ok(done)) => {
                self.is_broken = was_broken;
                Ok(done)
            }
            Ok(Err(error)) => {
                self.session.note(&error);
                Err(fault(error))
            }
            Err(_) => Err(self.lose()),
        }
    }

    fn lose(&mut self) -> StoreError {
        (self.session.state, self.is_broken) = (SessionState::Silent, true);
        StoreError::Unavailable("the database did not answer in time".to_owned())
    }

    fn commit(mut self) -> Result<(), StoreError> {
        if !self.begun && self.queued.is_empty() {
            return Ok(());
        }
        let committed = self.flush(async |client: &Client| client.batch_execute("COMMIT").await);
        match committed {
            // An error answer means that nothing was committed. Without an answer, the outcome is unknown.
            Err(StoreError::Unavailable(why)) if self.session.has_ended() && self.role == Role::Writer => {
                Err(StoreError::Unknown(why))
            }
            other => other,
        }
    }

    fn roll_back(mut self) {
        self.queued.clear();
        if self.begun && !self.session.has_ended() {
            let client = &self.session.client;
            let rolled_back =
                self.runtime.block_on(async { tokio::time::timeout(SILENCE, client.batch_execute("ROLLBACK")).await });
            // If the rollback failed, the next job opens another connection.
            if !matches!(rolled_back, Ok(Ok(()))) {
                self.session.state = SessionState::Silent;
            }
        }
    }
}

impl Connection for Live<'_> {
    fn run(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        let statement = self.statement(sql)?;
        self.has_written = true;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
        self.flush(async |client: &Client| client.execute(&statement, &params).await).map_err(|e| in_statement(e, sql))
    }

    fn push(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<(), StoreError> {
        self.queue(sql, params, true)
    }

    fn rows(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(sql)?;
        self.has_written |= !sql.starts_with("SELECT");
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
        let rows = self
            .flush(async |client: &Client| client.query(&statement, &params).await)
            .map_err(|e| in_statement(e, sql))?;
        rows.iter()
            .map(|row| {
                let values: std::result::Result<Vec<_>, _> =
                    (0..row.len()).map(|n| row.try_get::<_, Value<'static>>(n)).collect();
                values.map(Row).map_err(|e| explain(&e, sql))
            })
            .collect()
    }

    fn guard(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<bool, StoreError> {
        self.queue(sql, params, false).map(|()| true)
    }

    fn has_exact_rules(&self, _: Uuid) -> bool {
        // Other nodes write too.
        false
    }

    fn has_snapshot(&self) -> bool {
        self.role == Role::Reader
    }

    fn holds_shared_lock(&mut self) {
        self.holds_shared_lock = true;
    }

    fn tally(&mut self, tally: Tally, count: i64) -> Result<(), StoreError> {
        self.job_tallies.push((tally, count));
        Ok(())
    }
}
