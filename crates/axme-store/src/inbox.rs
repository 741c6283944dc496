//! SQL for the inbox: the threads of an owner, which are intents, and the entries that people and agents add to them.
//!
//! Changes get numbers when their owner asks for them, under the owner's counter. A change can commit after one with a
//! later time, so each scan goes back a little. The version of a thread tells whether its change has a number already.

use axme_intent::{Address, IntentId, Time};
pub use axme_types::inbox::EntryKind;
use uuid::Uuid;

use super::Tx;
use super::intents::{Head, head, heads, received};
use crate::error::StoreError;

/// How far a scan for changes goes back behind the last one: longer than a transaction takes, plus the clock
/// difference.
const LOOK_BACK_MILLIS: u64 = 300_000;

/// The first page of a thread's entries.
const FIRST_PAGE: i64 = 8;

/// Maximum number of changes of each kind that one scan numbers.
const MAX_CHANGES: i64 = 500;

/// The membership of an owner in a thread.
#[derive(Debug, Clone)]
pub struct Member {
    pub thread: IntentId,
    pub owner: Address,
    /// The owner decides in the receiver's place.
    pub decides: bool,
    /// The number of additions to the thread.
    pub acts: i64,
    pub joined_at: Time,
    pub read_at: Option<Time>,
}

/// An entry of a thread.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: Uuid,
    pub kind: EntryKind,
    pub actor: String,
    pub at: Time,
    /// An object.
    pub details: serde_json::Value,
}

/// Lists the intents that `owner` received or whose result it received, a page of each, newest first. `stages` selects
/// live intents (`true`), ended ones, or both. Without an owner, lists a page of all intents of the workspace.
pub fn list(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    owner: Option<&Address>,
    stages: &[bool],
    before: IntentId,
    limit: i64,
) -> Result<Vec<Head>, StoreError> {
    let Some(owner) = owner else {
        let rows = tx.rows(
            heads!("WHERE workspace_id = $1 AND intent_id < $2 ORDER BY intent_id DESC LIMIT $3"),
            &[workspace.into(), before.into(), limit.into()],
        )?;
        return rows.iter().map(head).collect();
    };
    let mut found = received(tx, workspace, owner, stages, before, limit)?;
    if !stages.contains(&false) {
        return Ok(found);
    }
    let rows = tx.rows(
        heads!(
            "WHERE workspace_id = $1 AND reply_to = $2 AND intent_id < $3 AND reply_to IS NOT NULL AND live = 0 \
             ORDER BY intent_id DESC LIMIT $4"
        ),
        &[workspace.into(), owner.into(), before.into(), limit.into()],
    )?;
    for row in &rows {
        found.push(head(row)?);
    }
    Ok(found)
}

/// A statement that reads whole members.
macro_rules! members {
    ($rest:literal) => {
        concat!("SELECT thread_id, owner, decides, acts, joined_at, read_at FROM inbox_members ", $rest)
    };
}

/// Lists a page of the threads that `owner` is a member of, newest id first.
pub fn list_parts(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    owner: &Address,
    before: IntentId,
    limit: i64,
) -> Result<Vec<Member>, StoreError> {
    let rows = tx.rows(
        members!("WHERE workspace_id = $1 AND owner = $2 AND thread_id < $3 ORDER BY thread_id DESC LIMIT $4"),
        &[workspace.into(), owner.into(), before.into(), limit.into()],
    )?;
    rows.iter().map(member).collect()
}

/// Lists the members of a thread in the order in which they joined.
pub fn members(tx: &mut Tx<'_>, workspace: Uuid, thread: IntentId) -> Result<Vec<Member>, StoreError> {
    let rows = tx.rows(
        members!("WHERE workspace_id = $1 AND thread_id = $2 ORDER BY joined_at, owner"),
        &[workspace.into(), thread.into()],
    )?;
    rows.iter().map(member).collect()
}

fn member(row: &super::Row) -> Result<Member, StoreError> {
    Ok(Member {
        thread: IntentId(row.uuid(0)?),
        owner: Address::from_canonical(row.string(1)?),
        decides: row.int(2)? != 0,
        acts: row.int(3)?,
        joined_at: row.time(4)?,
        read_at: row.opt_time(5)?,
    })
}

/// Makes `owner` a member of a thread. A member that decides keeps that right.
pub fn join(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    owner: &Address,
    thread: IntentId,
    decides: bool,
    now: Time,
) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO inbox_members (workspace_id, owner, thread_id, decides, acts, joined_at) VALUES ($1, $2, $3, $4, 0, $5) \
         ON CONFLICT (workspace_id, owner, thread_id) DO UPDATE \
         SET decides = CASE WHEN excluded.decides = 1 THEN 1 ELSE inbox_members.decides END",
        &[workspace.into(), owner.into(), thread.into(), i64::from(decides).into(), now.into()],
    )
}

/// Counts an addition, so that the thread has changed for all its members. Locks their rows.
pub fn touch(tx: &mut Tx<'_>, workspace: Uuid, thread: IntentId) -> Result<(), StoreError> {
    tx.push(
        "UPDATE inbox_members SET acts = acts + 1 WHERE workspace_id = $1 AND thread_id = $2",
        &[workspace.into(), thread.into()],
    )
}

pub fn mark_read(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    owner: &Address,
    thread: IntentId,
    now: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE inbox_members SET read_at = $1 WHERE workspace_id = $2 AND owner = $3 AND thread_id = $4",
        &[now.into(), workspace.into(), owner.into(), thread.into()],
    )
}

/// Appends an entry to a thread and returns its number. Call [`touch`] first: its lock prevents two entries with the
/// same number.
pub fn add(tx: &mut Tx<'_>, workspace: Uuid, thread: IntentId, entry: &Entry) -> Result<i64, StoreError> {
    let last = tx.row(
        "SELECT COALESCE(MAX(number), 0) FROM inbox_entries WHERE workspace_id = $1 AND thread_id = $2",
        &[workspace.into(), thread.into()],
    )?;
    let number = last.map(|row| row.int(0)).transpose()?.unwrap_or(0) + 1;
    tx.push(
        "INSERT INTO inbox_entries (workspace_id, thread_id, number, entry_id, kind, actor, at, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            workspace.into(),
            thread.into(),
            number.into(),
            entry.id.into(),
            entry.kind.as_str().into(),
            (&entry.actor).into(),
            entry.at.into(),
            entry.details.to_string().into(),
        ],
    )?;
    Ok(number)
}

/// Finds an entry of a thread by its number.
pub fn entry(tx: &mut Tx<'_>, workspace: Uuid, thread: IntentId, number: i64) -> Result<Option<Entry>, StoreError> {
    let row = tx.row(
        "SELECT entry_id, kind, actor, at, details FROM inbox_entries \
         WHERE workspace_id = $1 AND thread_id = $2 AND number = $3",
        &[workspace.into(), thread.into(), number.into()],
    )?;
    row.as_ref().map(read_entry).transpose()
}

fn read_entry(row: &super::Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        id: row.uuid(0)?,
        kind: row.word(1, EntryKind::parse)?,
        actor: row.string(2)?,
        at: row.time(3)?,
        details: row.json(4)?,
    })
}

/// Maximum number of entries, and bytes of entries, to read. The last entry is always read.
#[derive(Debug, Clone, Copy)]
pub struct EntryLimits {
    pub entries: i64,
    pub bytes: usize,
}

/// Lists the last entries of a thread that `owner` can see, oldest first.
pub fn entries(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    thread: IntentId,
    owner: &Address,
    most: EntryLimits,
) -> Result<Vec<Entry>, StoreError> {
    let (mut found, mut bytes, mut before) = (Vec::new(), 0, i64::MAX);
    // The first page is small, since entries may be long.
    let mut page = FIRST_PAGE;
    loop {
        let limit = page.min(most.entries - found.len() as i64);
        let rows = tx.rows(
            "SELECT entry_id, kind, actor, at, details, number FROM inbox_entries e \
             WHERE workspace_id = $1 AND thread_id = $2 AND number < $3 AND (kind <> 'reply' OR NOT EXISTS \
             (SELECT 1 FROM inbox_deleted d WHERE d.workspace_id = e.workspace_id AND d.thread_id = e.thread_id \
             AND d.owner IN ('', $4) AND d.message_id = e.entry_id)) ORDER BY number DESC LIMIT $5",
            &[workspace.into(), thread.into(), before.into(), owner.into(), limit.into()],
        )?;
        for row in &rows {
            bytes += row.text(4)?.len();
            if bytes > most.bytes && !found.is_empty() {
                break;
            }
            found.push(read_entry(row)?);
            before = row.int(5)?;
        }
        if (rows.len() as i64) < limit || bytes > most.bytes || found.len() as i64 >= most.entries {
            found.reverse();
            return Ok(found);
        }
        page *= 2;
    }
}

/// Lists the ids of the replies in a thread that `owner` can see, latest first.
pub fn replies(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    thread: IntentId,
    owner: &Address,
    limit: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let rows = tx.rows(
        "SELECT entry_id FROM inbox_entries e WHERE workspace_id = $1 AND thread_id = $2 AND kind = 'reply' AND NOT EXISTS \
         (SELECT 1 FROM inbox_deleted d WHERE d.workspace_id = e.workspace_id AND d.thread_id = e.thread_id \
         AND d.owner IN ('', $3) AND d.message_id = e.entry_id) ORDER BY number DESC LIMIT $4",
        &[workspace.into(), thread.into(), owner.into(), limit.into()],
    )?;
    rows.iter().map(|row| row.uuid(0)).collect()
}

/// Finds the last decision of a thread: `approved` or `rejected`.
pub fn last_decision(tx: &mut Tx<'_>, workspace: Uuid, thread: IntentId) -> Result<Option<EntryKind>, StoreError> {
    let row = tx.row(
        "SELECT kind FROM inbox_entries WHERE workspace_id = $1 AND thread_id = $2 AND kind IN ('approved', 'rejected') \
         ORDER BY number DESC LIMIT 1",
        &[workspace.into(), thread.into()],
    )?;
    row.map(|row| row.word(0, EntryKind::parse)).transpose()
}

/// Hides a message from `owner`, or from everyone without an owner.
pub fn delete_message(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    thread: IntentId,
    owner: Option<&Address>,
    message: Uuid,
) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO inbox_deleted (workspace_id, thread_id, owner, message_id) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (workspace_id, thread_id, owner, message_id) DO NOTHING",
        &[workspace.into(), thread.into(), owner.map_or("", Address::as_str).into(), message.into()],
    )
}

/// Returns true if a message of a thread is hidden from `owner`.
pub fn is_deleted(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    thread: IntentId,
    owner: &Address,
    message: Uuid,
) -> Result<bool, StoreError> {
    let row = tx.row(
        "SELECT 1 FROM inbox_deleted WHERE workspace_id = $1 AND thread_id = $2 AND owner IN ('', $3) AND message_id = $4",
        &[workspace.into(), thread.into(), owner.into(), message.into()],
    )?;
    Ok(row.is_some())
}

/// Finds the canonical address that receives the result of an intent.
pub fn reply_to(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<Option<Address>, StoreError> {
    let row = tx.row(
        "SELECT reply_to FROM intents WHERE workspace_id = $1 AND intent_id = $2",
        &[workspace.into(), id.into()],
    )?;
    let text = row.map(|row| row.opt_string(0)).transpose()?.flatten();
    Ok(text.map(Address::from_canonical))
}

/// Numbers the changes in the threads of `owner` since the last scan. Returns true if there may be more.
pub fn number_changes(tx: &mut Tx<'_>, workspace: Uuid, owner: &Address, now: Time) -> Result<bool, StoreError> {
    // From here to its commit, this excludes other scans for the owner.
    let counter = tx.row(
        "INSERT INTO inbox_counters (workspace_id, owner, last_number, seen_until) VALUES ($1, $2, 0, 0) \
         ON CONFLICT (workspace_id, owner) DO UPDATE SET last_number = inbox_counters.last_number \
         RETURNING last_number, seen_until",
        &[workspace.into(), owner.into()],
    )?;
    let counter = counter.ok_or_else(|| StoreError::Fault("a counter returned nothing".to_owned()))?;
    let (mut number, seen_until) = (counter.int(0)?, counter.time(1)?);
    let since = seen_until.minus_millis(LOOK_BACK_MILLIS);
    let params = [workspace.into(), owner.into(), since.into(), MAX_CHANGES.into()];
    let received = tx.rows(
        "SELECT i.intent_id, i.position + COALESCE(m.acts, 0), i.updated_at FROM intents i \
         LEFT JOIN inbox_members m ON m.workspace_id = i.workspace_id AND m.owner = i.to_agent AND m.thread_id = i.intent_id \
         LEFT JOIN inbox_changes c ON c.workspace_id = i.workspace_id AND c.owner = i.to_agent AND c.thread_id = i.intent_id \
         WHERE i.workspace_id = $1 AND i.to_agent = $2 AND i.updated_at > $3 \
         AND (c.version IS NULL OR c.version <> i.position + COALESCE(m.acts, 0)) \
         ORDER BY i.updated_at, i.intent_id LIMIT $4",
        &params,
    )?;
    let replied = tx.rows(
        "SELECT i.intent_id, i.position + COALESCE(m.acts, 0), i.updated_at FROM intents i \
         LEFT JOIN inbox_members m ON m.workspace_id = i.workspace_id AND m.owner = i.reply_to AND m.thread_id = i.intent_id \
         LEFT JOIN inbox_changes c ON c.workspace_id = i.workspace_id AND c.owner = i.reply_to AND c.thread_id = i.intent_id \
         WHERE i.workspace_id = $1 AND i.reply_to = $2 AND i.reply_to IS NOT NULL AND i.live = 0 AND i.updated_at > $3 \
         AND (c.version IS NULL OR c.version <> i.position + COALESCE(m.acts, 0)) \
         ORDER BY i.updated_at, i.intent_id LIMIT $4",
        &params,
    )?;
    let joined = tx.rows(
        "SELECT m.thread_id, m.acts + COALESCE(i.position, 0), COALESCE(i.updated_at, m.joined_at) FROM inbox_members m \
         LEFT JOIN intents i ON i.workspace_id = m.workspace_id AND i.intent_id = m.thread_id \
         LEFT JOIN inbox_changes c ON c.workspace_id = m.workspace_id AND c.owner = m.owner AND c.thread_id = m.thread_id \
         WHERE m.workspace_id = $1 AND m.owner = $2 AND (c.version IS NULL OR c.version <> m.acts + COALESCE(i.position, 0)) \
         ORDER BY m.thread_id LIMIT $3",
        &[workspace.into(), owner.into(), MAX_CHANGES.into()],
    )?;
    let is_full = |rows: &[super::Row]| i64::try_from(rows.len()).is_ok_and(|n| n >= MAX_CHANGES);
    let mut until = now.max(seen_until);
    for rows in [&received, &replied] {
        if let Some(last) = rows.last().filter(|_| is_full(rows)) {
            until = until.min(last.time(2)?.max(seen_until));
        }
    }
    let mut changed = Vec::new();
    for row in received.iter().chain(&replied).chain(&joined) {
        changed.push((row.time(2)?, row.uuid(0)?, row.int(1)?));
    }
    changed.sort_unstable();
    changed.dedup_by_key(|(_, thread, _)| *thread);
    for (_, thread, version) in &changed {
        number += 1;
        tx.push(
            "INSERT INTO inbox_changes (workspace_id, owner, thread_id, number, version) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (workspace_id, owner, thread_id) DO UPDATE SET number = excluded.number, version = excluded.version",
            &[workspace.into(), owner.into(), (*thread).into(), number.into(), (*version).into()],
        )?;
    }
    tx.push(
        "UPDATE inbox_counters SET last_number = $1, seen_until = $2 WHERE workspace_id = $3 AND owner = $4",
        &[number.into(), until.into(), workspace.into(), owner.into()],
    )?;
    Ok(is_full(&received) || is_full(&replied) || is_full(&joined))
}

/// Lists the threads of `owner` whose last change has a number above `after`, in the order of these numbers.
pub fn list_changes(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    owner: &Address,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, IntentId)>, StoreError> {
    let rows = tx.rows(
        "SELECT number, thread_id FROM inbox_changes WHERE workspace_id = $1 AND owner = $2 AND number > $3 \
         ORDER BY number LIMIT $4",
        &[workspace.into(), owner.into(), after.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok((row.int(0)?, IntentId(row.uuid(1)?)))).collect()
}
