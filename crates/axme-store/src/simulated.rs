//! SQLite without threads, for the deterministic simulation (`axme-sim`).
//!
//! The engine is the production one. Reads run at once. Writes wait until the simulation commits them as one group and
//! decides how that ends. [`snapshot`] reads everything that the invariants cover.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axme_intent::lifecycle::Event;
use axme_intent::{IntentId, Time};
use axme_types::storage::StorageEngine;
use uuid::Uuid;

use crate::error::StoreError;
use crate::groups::{self, AskingRule};
use crate::intents::{self, Head};
use crate::queue::{HELD, QueueItem};
use crate::sqlite::{self, Role, Sqlite};
use crate::tx::{Environment, Tx};
use crate::writer::{Engine, Queue, QueuedJob};
use crate::{Store, StoreOptions};

/// The events of one intent. Its history is bounded by the steps that it may run.
const MAX_EVENTS: i64 = 100_000;

/// How a group of writes ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Commits,
    /// The first commit fails, the second one succeeds.
    CommitsLate,
    /// The disk is full: nothing is durable, and all callers get the error.
    DiskFull,
    /// The process dies before the commit: nothing is durable, and no caller gets an answer.
    DiesBefore,
    /// The process dies right after the commit: everything is durable, but no caller gets an answer and no waiter
    /// wakes.
    DiesAfter,
    /// Nothing is durable, but all callers get success: a broken store, which the simulation must detect.
    Lies,
}

impl Fate {
    pub fn is_deadly(self) -> bool {
        matches!(self, Fate::DiesBefore | Fate::DiesAfter)
    }
}

/// The simulation's control over the commits of a store.
#[derive(Clone)]
pub struct CommitControl(Arc<Mutex<Writer>>);

struct Writer {
    engine: Sqlite,
    environment: Arc<Environment>,
    waiting: Vec<QueuedJob>,
    is_dead: bool,
}

impl CommitControl {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the waiting writes.
    pub fn waiting(&self) -> usize {
        self.writer().waiting.len()
    }

    /// Runs up to `most` waiting writes as one group with the given fate. Returns how many.
    pub fn commit(&self, most: usize, fate: Fate) -> usize {
        let mut writer = self.writer();
        let count = writer.waiting.len().min(most);
        let mut jobs: Vec<_> = writer.waiting.drain(..count).collect();
        writer.engine.failing_commits = match fate {
            Fate::Commits | Fate::DiesAfter => 0,
            Fate::CommitsLate => 1,
            Fate::DiskFull | Fate::DiesBefore | Fate::Lies => 2,
        };
        let settled = writer.engine.settle(&mut jobs);
        writer.engine.failing_commits = 0;
        match fate {
            Fate::DiesBefore | Fate::DiesAfter => {
                writer.is_dead = true;
                writer.waiting.clear();
            }
            Fate::Lies => sqlite::answer(jobs, Ok((0..count).map(|_| Ok(())).collect()), &writer.environment),
            Fate::Commits | Fate::CommitsLate | Fate::DiskFull => sqlite::answer(jobs, settled, &writer.environment),
        }
        count
    }

    /// Ends the process: waiting writes are lost, and new ones are refused.
    pub fn die(&self) {
        let mut writer = self.writer();
        writer.is_dead = true;
        writer.waiting.clear();
    }

    fn take(&self, job: QueuedJob) -> Result<(), StoreError> {
        let mut writer = self.writer();
        if writer.is_dead {
            return Err(StoreError::Unavailable("the store has stopped".to_owned()));
        }
        writer.waiting.push(job);
        Ok(())
    }
}

impl Store {
    /// Opens or creates the SQLite file. The returned control decides how commits end.
    pub fn open_simulated(file: &Path, options: &StoreOptions) -> Result<(Store, CommitControl), StoreError> {
        let environment = options.environment();
        let engine = Sqlite::open_writer(file, Role::OneOfWriters, environment.clone())?;
        let writer = Writer { engine, environment: environment.clone(), waiting: Vec::new(), is_dead: false };
        let control = CommitControl(Arc::new(Mutex::new(writer)));
        let reader = Mutex::new(Sqlite::open_reader(file, environment.clone())?);
        let writes = control.clone();
        let writers = vec![Queue::Simulated(Box::new(move |job| writes.take(job)))];
        let readers = Queue::Simulated(Box::new(move |job| {
            reader.lock().unwrap_or_else(PoisonError::into_inner).work(vec![job]);
            Ok(())
        }));
        let clock = options.clock.clone();
        Ok((Store { writers, readers, environment, clock, file: None, engine: StorageEngine::Sqlite }, control))
    }
}

/// A head with the columns that are derived from its state.
#[derive(Debug, Clone)]
pub struct HeadColumns {
    pub workspace: Uuid,
    pub head: Head,
    pub status: String,
    pub live: bool,
    pub task_since: Option<Time>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct QueueRow {
    pub address: String,
    pub item: QueueItem,
    pub number: Option<i64>,
    pub dead_at: Option<Time>,
    /// The named reader that holds it.
    pub consumer: Option<String>,
    /// True if it is never due until its reader falls silent.
    pub is_held: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TimerRow {
    pub intent_id: IntentId,
    pub kind: String,
    pub due_at: Time,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NoticeRow {
    pub id: Uuid,
    pub intent_id: Option<IntentId>,
    pub queue: String,
    pub channel: String,
    pub recipient: String,
    pub is_open: bool,
    /// For mail about a task: the number of the request that it is about.
    pub asking: Option<u32>,
    /// For mail to a requester: the number of the question that it is about.
    pub question: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LinkRow {
    pub intent_id: IntentId,
    pub asking: u32,
    pub person: String,
    pub via: String,
    pub used_at: Option<Time>,
    pub outcome: Option<String>,
}

/// The contents of the store that invariants cover, without the events.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub heads: Vec<HeadColumns>,
    pub queue: Vec<QueueRow>,
    pub timers: Vec<TimerRow>,
    pub notices: Vec<NoticeRow>,
    pub links: Vec<LinkRow>,
    /// The known named readers: address and name.
    pub consumers: BTreeSet<(String, String)>,
    pub asking: AskingState,
}

/// The groups and the rule by which people decide.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AskingState {
    /// The canonical names of the members of each group.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    pub rule: Option<AskingRule>,
    /// The deputy of each person who has named one.
    pub deputies: BTreeMap<String, String>,
    /// The active members.
    pub members: BTreeSet<String>,
}

pub fn snapshot(tx: &mut Tx<'_>) -> Result<Snapshot, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, intent_id, status, live, task_since FROM intents ORDER BY workspace_id, intent_id",
        &[],
    )?;
    let mut heads = Vec::with_capacity(rows.len());
    for row in rows {
        let (workspace, id) = (row.uuid(0)?, IntentId(row.uuid(1)?));
        let head = intents::find(tx, workspace, id)?
            .ok_or_else(|| StoreError::Fault(format!("intent {id} is listed but cannot be found")))?;
        let task_since = row.opt_int(4)?.map(Time::from_micros);
        heads.push(HeadColumns { workspace, head, status: row.string(2)?, live: row.int(3)? != 0, task_since });
    }
    let rows = tx.rows(
        "SELECT address, item_id, kind, number, dead_at, consumer, due_at FROM queue_items \
         ORDER BY workspace_id, address, item_id",
        &[],
    )?;
    let item = |row: &crate::Row| {
        let (item, number, dead_at) = (QueueItem::read(row, 1)?, row.opt_int(3)?, row.opt_time(4)?);
        let (consumer, is_held) = (row.opt_string(5)?, row.time(6)? == HELD);
        Ok(QueueRow { address: row.string(0)?, item, number, dead_at, consumer, is_held })
    };
    let queue = rows.iter().map(item).collect::<Result<_, StoreError>>()?;
    let rows =
        tx.rows("SELECT intent_id, kind, due_at FROM timers ORDER BY due_at, workspace_id, intent_id, kind", &[])?;
    let timer = |row: &crate::Row| {
        Ok(TimerRow { intent_id: IntentId(row.uuid(0)?), kind: row.string(1)?, due_at: row.time(2)? })
    };
    let timers = rows.iter().map(timer).collect::<Result<_, StoreError>>()?;
    let (notices, links) = (notices(tx)?, links(tx)?);
    let rows = tx.rows("SELECT address, name FROM consumers", &[])?;
    let consumers = rows.iter().map(|row| Ok((row.string(0)?, row.string(1)?))).collect::<Result<_, StoreError>>()?;
    let asking = asking(tx, heads.first().map(|columns| columns.workspace))?;
    Ok(Snapshot { heads, queue, timers, notices, links, consumers, asking })
}

fn asking(tx: &mut Tx<'_>, workspace: Option<Uuid>) -> Result<AskingState, StoreError> {
    let mut asking = AskingState::default();
    for row in tx.rows("SELECT group_name, person FROM group_members", &[])? {
        asking.groups.entry(row.string(0)?).or_default().insert(row.string(1)?);
    }
    for row in tx.rows("SELECT person, deputy FROM absences", &[])? {
        asking.deputies.insert(row.string(0)?, row.string(1)?);
    }
    for row in tx.rows("SELECT actor_id FROM members WHERE status = 'active'", &[])? {
        asking.members.insert(row.string(0)?);
    }
    if let Some(workspace) = workspace {
        asking.rule = groups::find_rule(tx, workspace)?;
    }
    Ok(asking)
}

/// Takes all claims from named readers: a broken server, which the simulation must detect.
pub fn release_all_claims(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let now = tx.now;
    tx.push("UPDATE queue_items SET consumer = NULL, due_at = $1 WHERE consumer IS NOT NULL", &[now.into()])
}

/// Lets claims of named readers never lapse: a broken server, which the simulation must detect.
pub fn keep_all_claims(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let late = tx.now.plus_seconds(100 * 365 * 86_400);
    tx.push("UPDATE consumers SET seen_at = $1", &[late.into()])
}

fn notices(tx: &mut Tx<'_>) -> Result<Vec<NoticeRow>, StoreError> {
    let rows = tx.rows(
        "SELECT notice_id, intent_id, queue, channel, recipient, open, content FROM notices ORDER BY notice_id",
        &[],
    )?;
    let notice = |row: &crate::Row| {
        let content = row.json::<serde_json::Value>(6)?;
        let number = |field: &str| content[field].as_u64().and_then(|number| u32::try_from(number).ok());
        Ok(NoticeRow {
            id: row.uuid(0)?,
            intent_id: row.opt_uuid(1)?.map(IntentId),
            queue: row.string(2)?,
            channel: row.string(3)?,
            recipient: row.string(4)?,
            is_open: row.int(5)? != 0,
            asking: number("asking"),
            question: number("question").map(|number| number as usize),
        })
    };
    rows.iter().map(notice).collect()
}

fn links(tx: &mut Tx<'_>) -> Result<Vec<LinkRow>, StoreError> {
    let rows = tx.rows("SELECT intent_id, asking, person, via, used_at, outcome FROM task_links ORDER BY hash", &[])?;
    let link = |row: &crate::Row| {
        Ok(LinkRow {
            intent_id: IntentId(row.uuid(0)?),
            asking: row.count(1)?,
            person: row.string(2)?,
            via: row.string(3)?,
            used_at: row.opt_time(4)?,
            outcome: row.opt_string(5)?,
        })
    };
    rows.iter().map(link).collect()
}

/// Lets every link answer the current request of its intent any number of times: a broken server, which the simulation
/// must detect.
pub fn forget_askings(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.push("UPDATE task_links SET used_at = NULL, outcome = NULL", &[])?;
    for row in tx.rows("SELECT workspace_id, intent_id, state FROM intents WHERE task_since IS NOT NULL", &[])? {
        let asking = row.json::<serde_json::Value>(2)?["asking"].as_i64().unwrap_or(0);
        tx.push(
            "UPDATE task_links SET asking = $1 WHERE workspace_id = $2 AND intent_id = $3",
            &[asking.into(), row.uuid(0)?.into(), row.uuid(1)?.into()],
        )?;
    }
    Ok(())
}

/// Changes a line of an audit trail, as someone with access to the database could.
pub fn forge_audit_line(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    tx.run("UPDATE audit_events SET actor = 'nobody' WHERE audit_id = (SELECT MIN(audit_id) FROM audit_events)", &[])
}

/// Sets due timers of live intents again: a broken server, which the simulation must detect.
pub fn put_timers_back(tx: &mut Tx<'_>, workspace: Uuid, timers: &[TimerRow]) -> Result<(), StoreError> {
    let now = tx.now;
    for timer in timers.iter().filter(|timer| timer.due_at <= now) {
        tx.push(
            "INSERT INTO timers (workspace_id, intent_id, kind, due_at) \
             SELECT workspace_id, intent_id, $1, $2 FROM intents WHERE workspace_id = $3 AND intent_id = $4 AND live = 1 \
             ON CONFLICT (workspace_id, intent_id, kind) DO UPDATE SET due_at = excluded.due_at",
            &[timer.kind.clone().into(), timer.due_at.into(), workspace.into(), timer.intent_id.into()],
        )?;
    }
    Ok(())
}

/// Reads the whole history of an intent.
pub fn history(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<Vec<Event>, StoreError> {
    intents::list_events(tx, workspace, id, 0, MAX_EVENTS)
}
