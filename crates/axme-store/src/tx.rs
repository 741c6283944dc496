//! An open transaction, as jobs see it.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use axme_intent::Time;
use uuid::Uuid;

use crate::error::StoreError;
use crate::limits::Limits;
use crate::quotas::Tally;
use crate::rng::Rng;
use crate::value::{Row, Value};
use crate::wakeups::{Signal, Wakeups};

/// An open transaction, with everything a job may depend on besides its own input: the time, randomness, and the limits
/// of the server. A job that runs twice sees the same time.
pub struct Tx<'a> {
    connection: &'a mut dyn Connection,
    signals: Vec<Signal>,
    /// When the call or the worker's round asked for the transaction.
    pub now: Time,
    pub rng: &'a Rng,
    pub limits: &'a Arc<Limits>,
    known: &'a Known,
}

/// What all transactions of one store share.
pub(crate) struct Environment {
    pub rng: Rng,
    pub limits: Arc<Limits>,
    pub wakeups: Arc<Wakeups>,
    pub known: Known,
}

/// What this node knows of workspaces, so that those who do not use a thing do not pay for it. It only grows: a workspace
/// that has ended its use costs a look that comes to nothing.
pub(crate) type Known = RwLock<HashSet<(Mark, Uuid)>>;

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

pub(crate) fn has(known: &Known, mark: Mark, workspace: Uuid) -> bool {
    known.read().unwrap_or_else(PoisonError::into_inner).contains(&(mark, workspace))
}

pub(crate) fn learn(known: &Known, mark: Mark, workspaces: impl Iterator<Item = Uuid>) {
    known.write().unwrap_or_else(PoisonError::into_inner).extend(workspaces.map(|workspace| (mark, workspace)));
}

/// What an engine offers inside a transaction. `$1`, `$2`, … are the parameters; they must first appear in ascending order.
pub(crate) trait Connection {
    /// Runs a statement and returns how many rows it changed.
    fn run(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, StoreError>;
    /// Runs a statement whose result nobody needs; the engine may delay it until the next read or the commit.
    fn push(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<(), StoreError>;
    fn rows(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;
    /// Counts one use in a row that no other connection writes; the engine may add it up until the commit.
    fn tally(&mut self, tally: Tally, count: i64) -> Result<(), StoreError>;
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, environment: &'a Environment, now: Time) -> Tx<'a> {
        let Environment { rng, limits, known, .. } = environment;
        Tx { connection, signals: Vec::new(), now, rng, limits, known }
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

    /// Counts one use. Others see it once it is committed, and this transaction perhaps not before.
    pub fn tally(&mut self, tally: Tally, count: i64) -> Result<(), StoreError> {
        self.connection.tally(tally, count)
    }

    /// A fresh id that sorts by time.
    pub fn uuid(&self) -> Uuid {
        self.rng.uuid_at(self.now)
    }

    /// True when a workspace uses a thing.
    pub fn has(&self, mark: Mark, workspace: Uuid) -> bool {
        has(self.known, mark, workspace)
    }

    /// From now on, it does.
    pub fn mark(&self, mark: Mark, workspace: Uuid) {
        learn(self.known, mark, std::iter::once(workspace));
    }

    /// Sends a signal after the commit, and only then.
    pub fn signal(&mut self, signal: Signal) {
        self.signals.push(signal);
    }

    pub(crate) fn take_signals(&mut self) -> Vec<Signal> {
        std::mem::take(&mut self.signals)
    }
}
