//! The transaction of a job. [`Tx`] runs statements through the engine and collects the signals that its commit sends.
//! It also decides when a value from the cache of rules may be used.

use std::any::Any;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axme_intent::{IntentId, Time};
use uuid::Uuid;

use crate::clock::Clock;
use crate::error::StoreError;
use crate::limits::Limits;
use crate::metrics::StoreMetrics;
use crate::reply_key::ReplyKey;
use crate::rng::Rng;
use crate::rules_cache::{CachedRules, Entry, RulesCache};
use crate::value::{Row, Value};
use crate::wakeups::{Signal, Wakes, Wakeups};

/// An open transaction, with everything that a job may depend on besides its input: time, randomness and the server's
/// limits. A job that runs twice sees the same time.
pub struct Tx<'a> {
    connection: &'a mut dyn Connection,
    signals: Vec<(Signal, Wakes)>,
    ended_steps: Vec<EndedStep>,
    /// When the call or the worker's tick asked for the transaction.
    pub now: Time,
    /// The latest time of any transaction of this process: later than `now` after the clock was set back.
    pub latest: Time,
    /// When the transaction began, by the time that the clock has been running.
    began: Duration,
    pub rng: &'a Rng,
    pub limits: &'a Arc<Limits>,
    cache: &'a RulesCache,
    rules: RulesInUse,
    metrics: &'a StoreMetrics,
    /// True if the store reports ended steps to a listener.
    pub is_traced: bool,
    /// True when an earlier run of the job failed: cached rules may have been stale.
    is_repeated: bool,
}

/// Divides by zero, and so fails, unless the owner has the expected version. PostgreSQL runs it in the same round trip
/// as the writes that rely on the version.
const GUARD: &str = "SELECT 1 / CASE WHEN COALESCE((SELECT version FROM policy_versions WHERE owner_id = $1), 0) \
     = $2 THEN 1 ELSE 0 END";

/// A step of a workflow that has ended, for the trace of its intent.
#[derive(Debug, Clone)]
pub struct EndedStep {
    pub traceparent: String,
    pub intent: IntentId,
    pub step: String,
    pub began_at: Time,
    pub ended_at: Time,
}

/// Gets the ended steps after their commit.
pub type StepListener = Box<dyn Fn(EndedStep) + Send + Sync>;

/// The consequences of a job beside its writes. They take effect with the commit.
#[derive(Default)]
pub(crate) struct Consequences {
    pub signals: Vec<(Signal, Wakes)>,
    /// Updates of the cache of rules.
    pub rules: RulesInUse,
    pub ended_steps: Vec<EndedStep>,
}

/// The usage counter of one dimension in one hour. Hours are numbered since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub workspace: Uuid,
    pub dimension: &'static str,
    pub hour: i64,
}

/// The rules that a transaction has used or changed.
#[derive(Default)]
pub(crate) struct RulesInUse {
    /// Values whose version this transaction has compared, or compares at the latest with its commit.
    current: Vec<(Uuid, CachedRules)>,
    /// Values that this transaction has loaded. They enter the cache after the commit.
    loaded: Vec<(Uuid, Entry)>,
    /// Versions that the commit compares, each with the time of the transaction.
    guarded: Vec<(Uuid, i64, Duration)>,
    changed: Vec<Uuid>,
}

impl RulesInUse {
    pub fn changed(&self) -> &[Uuid] {
        &self.changed
    }

    /// Updates the cache after a commit.
    pub fn settle(self, cache: &RulesCache) {
        for (owner, entry) in self.loaded {
            cache.put(owner, entry);
        }
        for (owner, version, at) in self.guarded {
            cache.confirm(owner, version, at, false);
        }
        for owner in self.changed {
            cache.remove(owner);
        }
    }
}

/// The state that all transactions of one store share.
pub(crate) struct Environment {
    pub rng: Rng,
    pub limits: Arc<Limits>,
    pub wakeups: Arc<Wakeups>,
    pub rules: RulesCache,
    /// Why the store accepts no more writes.
    pub closed: OnceLock<String>,
    pub clock: Arc<dyn Clock>,
    /// The latest time of any job, in microseconds. It is ahead of the clock after that was set back.
    pub latest: AtomicI64,
    pub metrics: StoreMetrics,
    pub steps: OnceLock<StepListener>,
}

/// The interface of an engine inside a transaction. Parameters are `$1`, `$2`, … and must first appear in ascending
/// order.
pub(crate) trait Connection {
    /// Runs a statement and returns how many rows it changed.
    fn run(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, StoreError>;
    /// Runs a statement without returning a result. The engine may delay it until the next read or the commit.
    fn push(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<(), StoreError>;
    fn rows(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;
    /// Makes the commit fail with a conflict if the query fails. Returns false on an engine where a read is as cheap.
    fn guard(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<bool, StoreError>;
    /// Returns true if exact entries of the cache are current. Then no other connection writes the database, and the open
    /// transaction has not changed the owner's rules.
    fn has_exact_rules(&self, owner: Uuid) -> bool;
    /// Returns true if all reads of the transaction see one snapshot.
    fn has_snapshot(&self) -> bool;
    /// Returns true if no stored reply had the key when the group began, and no job of the group has taken it since. Takes
    /// the key. If another connection takes it too, the commit fails with a conflict.
    fn take_free_key(&mut self, key: &ReplyKey) -> bool;
    /// Notes that the transaction holds a lock which jobs of unrelated intents wait for.
    fn holds_shared_lock(&mut self);
    /// Adds `count` uses in a row that no other connection writes. The engine may delay this until the commit.
    fn tally(&mut self, tally: Tally, count: i64) -> Result<(), StoreError>;
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, environment: &'a Environment, now: Time) -> Tx<'a> {
        let Environment { rng, limits, rules: cache, clock, latest, steps, metrics, .. } = environment;
        let (rules, began, is_traced) = (RulesInUse::default(), clock.running(), steps.get().is_some());
        let (signals, ended_steps) = Default::default();
        let latest = Time::from_micros(latest.fetch_max(now.micros(), Ordering::Relaxed)).max(now);
        let is_repeated = false;
        Tx {
            connection,
            signals,
            ended_steps,
            now,
            latest,
            began,
            rng,
            limits,
            cache,
            rules,
            metrics,
            is_traced,
            is_repeated,
        }
    }

    pub fn run(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.metrics.statement(0);
        self.connection.run(sql, params)
    }

    pub fn push(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<(), StoreError> {
        self.metrics.statement(0);
        self.connection.push(sql, params)
    }

    pub fn rows(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let rows = self.connection.rows(sql, params)?;
        self.metrics.statement(rows.len());
        Ok(rows)
    }

    /// Takes an idempotency key that is known to be free.
    pub(crate) fn take_free_key(&mut self, key: &ReplyKey) -> bool {
        self.connection.take_free_key(key)
    }

    /// Returns true if nothing else writes the database while this transaction is open, or it reads a snapshot.
    pub(crate) fn has_snapshot(&self) -> bool {
        self.connection.has_snapshot()
    }

    /// Says that the job locks a row which jobs of unrelated intents lock too. No further job joins its transaction, so
    /// that two transactions never wait for each other's rows.
    pub(crate) fn holds_shared_lock(&mut self) {
        self.connection.holds_shared_lock();
    }

    /// The first row, if any.
    pub fn row(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, params)?.into_iter().next())
    }

    /// Counts `count` uses. Even this transaction may not see them before the commit.
    pub fn tally(&mut self, tally: Tally, count: i64) -> Result<(), StoreError> {
        self.connection.tally(tally, count)
    }

    /// Generates an id that sorts by time.
    pub fn uuid(&self) -> Uuid {
        self.rng.uuid_at(self.now)
    }

    /// Returns the value derived from the current rules of a workspace or an organization. A cached value is used while
    /// its version is current; otherwise `load` computes a new one.
    pub fn rules<T: Send + Sync + 'static>(
        &mut self,
        owner: Uuid,
        load: fn(&mut Tx<'_>, Uuid) -> Result<T, StoreError>,
    ) -> Result<Arc<T>, StoreError> {
        if let Some((_, value)) = self.rules.current.iter().find(|(known, _)| *known == owner) {
            return typed(value.clone());
        }
        let remembered = self.cache.get(owner);
        let is_exact = self.connection.has_exact_rules(owner) && !self.rules.changed.contains(&owner);
        let value = match remembered {
            Some(entry) if is_exact && entry.is_exact => entry.value,
            Some(entry) if self.may_guard(owner) && self.guard_version(owner, entry.version)? => {
                self.rules.guarded.push((owner, entry.version, self.began));
                entry.value
            }
            remembered => {
                let version = self.rules_version(owner)?;
                match remembered.filter(|entry| entry.version == version) {
                    Some(entry) => {
                        self.cache.confirm(owner, version, self.began, is_exact);
                        entry.value
                    }
                    None => self.load(owner, version, is_exact, load)?,
                }
            }
        };
        self.rules.current.push((owner, value.clone()));
        typed(value)
    }

    /// Reads the version of an owner's rules; 0 until the first change.
    fn rules_version(&mut self, owner: Uuid) -> Result<i64, StoreError> {
        let row = self.row("SELECT version FROM policy_versions WHERE owner_id = $1", &[owner.into()])?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// A repeated job reads the version, because a guard may have made it fail. After a change of its own, a guard
    /// would fail.
    fn may_guard(&self, owner: Uuid) -> bool {
        !self.is_repeated && !self.rules.changed.contains(&owner)
    }

    fn guard_version(&mut self, owner: Uuid, version: i64) -> Result<bool, StoreError> {
        self.connection.guard(GUARD, &[owner.into(), version.into()])
    }

    fn load<T: Send + Sync + 'static>(
        &mut self,
        owner: Uuid,
        version: i64,
        is_exact: bool,
        load: fn(&mut Tx<'_>, Uuid) -> Result<T, StoreError>,
    ) -> Result<CachedRules, StoreError> {
        let value: CachedRules = Arc::new(load(self, owner)?);
        // Without a snapshot, the rules may have changed between the reads. The job runs again and reads them anew.
        if !self.connection.has_snapshot() && self.rules_version(owner)? != version {
            return Err(StoreError::Conflict("the rules changed while they were read".to_owned()));
        }
        if !self.rules.changed.contains(&owner) {
            let entry = Entry { version, value: value.clone(), checked_at: self.began, is_exact };
            self.rules.loaded.push((owner, entry));
        }
        Ok(value)
    }

    /// Drops the values derived from an owner's rules, because this transaction changes the rules.
    pub(crate) fn forget_rules(&mut self, owner: Uuid) {
        self.rules.current.retain(|(known, _)| *known != owner);
        self.rules.changed.push(owner);
    }

    /// Sends a signal after the commit, and only then.
    pub fn signal(&mut self, signal: Signal) {
        self.signals.push((signal, Wakes::All));
    }

    /// Sends a signal about one piece of work, after the commit and only then. It wakes one of the waiters that share
    /// the work.
    pub fn signal_one(&mut self, signal: Signal) {
        self.signals.push((signal, Wakes::One));
    }

    /// Reports an ended step after the commit, and only then.
    pub fn report_step(&mut self, step: EndedStep) {
        self.ended_steps.push(step);
    }

    pub(crate) fn repeat(&mut self) {
        self.is_repeated = true;
    }

    /// Returns true if the job used rules whose version only the commit compares.
    pub(crate) fn has_unread_rules(&self) -> bool {
        !self.rules.guarded.is_empty()
    }

    /// Takes the rules that a refusing job has loaded. The job has changed nothing, so other jobs may use them.
    pub(crate) fn take_loaded_rules(&mut self) -> RulesInUse {
        RulesInUse { loaded: std::mem::take(&mut self.rules.loaded), ..RulesInUse::default() }
    }

    pub(crate) fn take_consequences(&mut self) -> Consequences {
        Consequences {
            signals: std::mem::take(&mut self.signals),
            rules: std::mem::take(&mut self.rules),
            ended_steps: std::mem::take(&mut self.ended_steps),
        }
    }
}

fn typed<T: Any + Send + Sync>(value: CachedRules) -> Result<Arc<T>, StoreError> {
    value.downcast().map_err(|_| StoreError::Fault("a value derived from rules has another type".to_owned()))
}
