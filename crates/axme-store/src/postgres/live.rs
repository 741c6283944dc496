//! The transaction that is open on a connection: runs statements, or queues them for the next read or the commit.

use std::collections::HashSet;

use futures_util::future::join_all;
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::batch::{self, QueuedStatement, Step};
use super::errors::{explain, fault, in_statement};
use super::{ROUND_TRIP, Role, SILENCE, Session, SessionState};
use crate::error::StoreError;
use crate::reply_key::ReplyKey;
use crate::tallies::Tallies;
use crate::tx::{Connection, Tally};
use crate::value::{Row, Value};

/// Finds the keys without a stored reply, by their position.
const FREE_KEYS: &str = "SELECT k.nth FROM UNNEST(CAST($1 AS uuid[]), CAST($2 AS text[]), CAST($3 AS text[]), CAST($4 AS text[])) \
     WITH ORDINALITY AS k(workspace_id, caller, endpoint, idempotency_key, nth) \
     WHERE NOT EXISTS (SELECT 1 FROM replies r WHERE r.workspace_id = k.workspace_id AND r.caller = k.caller \
     AND r.endpoint = k.endpoint AND r.idempotency_key = k.idempotency_key)";

/// The session while a transaction is open. `BEGIN` is sent with the first statement.
pub(super) struct Live<'a> {
    runtime: &'a Runtime,
    session: &'a mut Session,
    role: Role,
    begun: bool,
    queued: Vec<QueuedStatement>,
    /// True once a statement has failed: the database then accepts nothing but a rollback.
    pub(super) is_broken: bool,
    /// The statements that earlier jobs have queued.
    queued_before: usize,
    /// True once the current job has sent a write.
    has_written: bool,
    /// The idempotency keys that no job of the group and no stored reply has taken.
    free_keys: HashSet<ReplyKey>,
    /// True once a job has locked a row that jobs of unrelated intents lock too.
    pub(super) holds_shared_lock: bool,
    job_tallies: Vec<(Tally, i64)>,
    /// The usage of the jobs that succeeded. Counting each by itself would cost a statement per job.
    pub(super) tallies: Tallies,
}

impl<'a> Live<'a> {
    pub(super) fn new(runtime: &'a Runtime, session: &'a mut Session, role: Role) -> Live<'a> {
        Live {
            runtime,
            session,
            role,
            begun: false,
            queued: Vec::new(),
            is_broken: false,
            queued_before: 0,
            has_written: false,
            free_keys: HashSet::new(),
            holds_shared_lock: false,
            job_tallies: Vec::new(),
            tallies: Tallies::default(),
        }
    }

    /// Looks up which idempotency keys have no stored reply, for all jobs of the group at once.
    pub(super) fn find_free_keys(&mut self, keys: Vec<ReplyKey>) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let statement = self.statement(FREE_KEYS)?;
        let column = |value: fn(&ReplyKey) -> Value<'_>| keys.iter().map(value).collect::<Vec<Value<'_>>>();
        let columns = [
            column(|key| key.workspace.into()),
            column(|key| (&key.caller).into()),
            column(|key| (&key.endpoint).into()),
            column(|key| (&key.key).into()),
        ];
        let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        let rows = self
            .flush(async |client: &Client| client.query(&statement, &params).await)
            .map_err(|e| in_statement(e, FREE_KEYS))?;
        for row in rows {
            let nth: i64 = row.try_get(0).map_err(|e| explain(&e, FREE_KEYS))?;
            self.free_keys.extend(usize::try_from(nth - 1).ok().and_then(|nth| keys.get(nth)).cloned());
        }
        Ok(())
    }

    pub(super) fn begin_job(&mut self) {
        self.queued_before = self.queued.len();
        self.has_written = false;
    }

    pub(super) fn end_job(&mut self) {
        self.tallies.add(std::mem::take(&mut self.job_tallies));
    }

    /// Takes back what a failed job has queued. Returns false if it cannot be undone without a rollback.
    pub(super) fn forget_job(&mut self) -> bool {
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
        let statement = self.prepare(sql)?;
        self.session.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn prepare(&mut self, sql: &str) -> Result<Statement, StoreError> {
        let prepared =
            self.runtime.block_on(async { tokio::time::timeout(ROUND_TRIP, self.session.client.prepare(sql)).await });
        match prepared {
            Ok(prepared) => prepared.map_err(|e| {
                self.session.note(&e);
                self.is_broken = true;
                explain(&e, sql)
            }),
            Err(_) => Err(self.lose()),
        }
    }

    fn queue(&mut self, sql: &'static str, params: &[Value<'_>], is_write: bool) -> Result<(), StoreError> {
        let statement = self.statement(sql)?;
        let params = params.iter().cloned().map(Value::into_owned).collect();
        self.queued.push(QueuedStatement { sql, statement, params, is_write });
        Ok(())
    }

    /// Returns the insert of many rows that stands for a plain insert of one; `None` for other statements.
    fn insert_of_many(&mut self, sql: &'static str, one: &Statement) -> Result<Option<Statement>, StoreError> {
        if let Some(known) = self.session.inserts.get(sql) {
            return Ok(known.clone());
        }
        let prepared = match batch::insert_of_many(sql, one.params()) {
            Some(text) => Some(self.prepare(&text)?),
            None => None,
        };
        self.session.inserts.insert(sql, prepared.clone());
        Ok(prepared)
    }

    /// Returns the queued statements in the form in which they are sent.
    fn take_steps(&mut self) -> Result<Vec<Step>, StoreError> {
        let mut steps = Vec::new();
        for step in batch::coalesce(std::mem::take(&mut self.queued)) {
            match step {
                Step::Inserts { sql, one, rows } => match self.insert_of_many(sql, &one)? {
                    Some(statement) => steps.push(Step::unite(statement, rows)),
                    None => steps.extend(rows.into_iter().map(|row| Step::one(sql, one.clone(), row))),
                },
                other => steps.push(other),
            }
        }
        Ok(steps)
    }

    /// Sends the queued statements and `last` in one batch, and waits for all answers.
    fn flush<T>(
        &mut self,
        last: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        self.has_written |= self.queued.iter().skip(self.queued_before).any(|one| one.is_write);
        self.queued_before = 0;
        // A panic or an error would lose the queued statements.
        let was_broken = std::mem::replace(&mut self.is_broken, true);
        let steps = self.take_steps()?;
        let begin = !std::mem::replace(&mut self.begun, true);
        let (client, role) = (&self.session.client, self.role);
        let answered = self.runtime.block_on(async {
            let all = async {
                let opening = async { if begin { client.batch_execute(role.begin()).await } else { Ok(()) } };
                let writes =
                    join_all(steps.iter().map(async |step| client.execute(step.statement(), &step.params()).await));
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

    pub(super) fn commit(mut self) -> Result<(), StoreError> {
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

    pub(super) fn roll_back(mut self) {
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

    fn take_free_key(&mut self, key: &ReplyKey) -> bool {
        self.free_keys.remove(key)
    }

    fn holds_shared_lock(&mut self) {
        self.holds_shared_lock = true;
    }

    fn tally(&mut self, tally: Tally, count: i64) -> Result<(), StoreError> {
        self.job_tallies.push((tally, count));
        Ok(())
    }
}
