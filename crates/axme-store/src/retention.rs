//! SQL for retention: the rules of workspaces, and the rows that a sweep exports and deletes.
//!
//! Ids begin with the time of their creation, so old rows are found by id, without an index on the time of their end.

use axme_intent::{IntentId, Time};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;
use crate::media::StoredFile;

/// How long a workspace keeps its data. `None` stands for the setting of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    pub intents_days: Option<i64>,
    pub files_days: Option<i64>,
    pub audit_days: Option<i64>,
    /// Events for subscribers.
    pub events_days: Option<i64>,
    /// Stored replies, in hours.
    pub reply_hours: Option<i64>,
    /// Nothing of the workspace is swept.
    pub held: bool,
}

/// The hold of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub reason: String,
    pub by: String,
    pub at: Time,
}

/// The rules of a workspace as its admins see them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleRecord {
    pub rules: Rules,
    /// Absent for a hold that was set in the database.
    pub hold: Option<Hold>,
    /// The last change, and its actor; `None` for a workspace without rules of its own.
    pub updated: Option<(String, Time)>,
}

/// The oldest row of a workspace.
#[derive(Debug, Clone, Copy)]
pub struct Oldest {
    pub workspace: Uuid,
    pub at: Time,
}

/// A page of workspaces with their rules, after an id.
pub fn list(tx: &mut Tx<'_>, after: Uuid, limit: i64) -> Result<Vec<(Uuid, Rules)>, StoreError> {
    let rows = tx.rows(
        "SELECT w.workspace_id, r.intents_days, r.files_days, r.audit_days, r.events_days, r.reply_hours, \
         COALESCE(r.held, 0) FROM workspaces w \
         LEFT JOIN retention_rules r ON r.workspace_id = w.workspace_id \
         WHERE w.workspace_id > $1 ORDER BY w.workspace_id LIMIT $2",
        &[after.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok((row.uuid(0)?, rules(row, 1)?))).collect()
}

/// Returns the rules of a workspace, or of an organization as a whole, which has none of its own.
pub fn find(tx: &mut Tx<'_>, workspace: Uuid) -> Result<RuleRecord, StoreError> {
    let row = tx.row(
        "SELECT intents_days, files_days, audit_days, events_days, reply_hours, held, hold_reason, held_by, held_at, \
         updated_by, updated_at FROM retention_rules WHERE workspace_id = $1",
        &[workspace.into()],
    )?;
    let Some(row) = row else { return Ok(RuleRecord::default()) };
    let hold = match (row.opt_string(6)?, row.opt_string(7)?, row.opt_time(8)?) {
        (Some(reason), Some(by), Some(at)) => Some(Hold { reason, by, at }),
        _ => None,
    };
    Ok(RuleRecord { rules: rules(&row, 0)?, hold, updated: Some((row.string(9)?, row.time(10)?)) })
}

fn rules(row: &Row, column: usize) -> Result<Rules, StoreError> {
    Ok(Rules {
        intents_days: row.opt_int(column)?,
        files_days: row.opt_int(column + 1)?,
        audit_days: row.opt_int(column + 2)?,
        events_days: row.opt_int(column + 3)?,
        reply_hours: row.opt_int(column + 4)?,
        held: row.int(column + 5)? == 1,
    })
}

/// Sets how long a workspace keeps its data. Its hold stays.
pub fn put_days(tx: &mut Tx<'_>, workspace: Uuid, rules: &Rules, by: &str) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO retention_rules (workspace_id, intents_days, files_days, audit_days, events_days, reply_hours, held, \
         updated_by, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8) ON CONFLICT (workspace_id) DO UPDATE SET \
         intents_days = excluded.intents_days, files_days = excluded.files_days, audit_days = excluded.audit_days, \
         events_days = excluded.events_days, reply_hours = excluded.reply_hours, updated_by = excluded.updated_by, updated_at = excluded.updated_at",
        &[
            workspace.into(),
            rules.intents_days.into(),
            rules.files_days.into(),
            rules.audit_days.into(),
            rules.events_days.into(),
            rules.reply_hours.into(),
            by.into(),
            tx.now.into(),
        ],
    )
}

/// Begins or ends the hold of a workspace. Its days stay. The caller has locked the sweeps.
pub fn put_hold(tx: &mut Tx<'_>, workspace: Uuid, hold: Option<&Hold>, by: &str) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO retention_rules (workspace_id, held, hold_reason, held_by, held_at, updated_by, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (workspace_id) DO UPDATE SET \
         held = excluded.held, hold_reason = excluded.hold_reason, held_by = excluded.held_by, held_at = excluded.held_at, \
         updated_by = excluded.updated_by, updated_at = excluded.updated_at",
        &[
            workspace.into(),
            i64::from(hold.is_some()).into(),
            hold.map(|hold| hold.reason.as_str()).into(),
            hold.map(|hold| hold.by.as_str()).into(),
            hold.map(|hold| hold.at).into(),
            by.into(),
            tx.now.into(),
        ],
    )
}

/// Makes deletions wait for the beginning of a hold, and a hold for a deletion that has begun. The trail is that of a
/// workspace, or of an organization with all its workspaces.
pub fn lock_sweeps(tx: &mut Tx<'_>, trail: Uuid) -> Result<(), StoreError> {
    tx.holds_shared_lock();
    tx.row(
        "SELECT 1 FROM workspaces WHERE workspace_id = $1 OR org_id = $1 ORDER BY workspace_id FOR UPDATE",
        &[trail.into()],
    )?;
    Ok(())
}

/// Returns true while nothing of a workspace may be deleted.
pub fn is_held(tx: &mut Tx<'_>, workspace: Uuid) -> Result<bool, StoreError> {
    Ok(find(tx, workspace)?.rules.held)
}

/// Returns true while nothing of an audit trail may be deleted: its workspace is on hold, or a workspace of its
/// organization is.
pub fn is_trail_held(tx: &mut Tx<'_>, trail: Uuid) -> Result<bool, StoreError> {
    let held = tx.row(
        "SELECT 1 FROM retention_rules r JOIN workspaces w ON w.workspace_id = r.workspace_id \
         WHERE (w.workspace_id = $1 OR w.org_id = $1) AND r.held = 1 LIMIT 1",
        &[trail.into()],
    )?;
    Ok(held.is_some())
}

/// The last id that a page looked at, and the ids in it that may go.
pub struct Page {
    pub last: Option<Uuid>,
    pub due: Vec<IntentId>,
}

/// Looks at intents that were created before a time, in the order of their ids. An intent may go once it has ended
/// before that time, and so has the intent that its family began with.
pub fn list_ended(tx: &mut Tx<'_>, workspace: Uuid, after: Uuid, before: Time, limit: i64) -> Result<Page, StoreError> {
    let rows = tx.rows(
        "SELECT i.intent_id, i.live, i.updated_at, COALESCE(r.live, 0), COALESCE(r.updated_at, 0) FROM intents i \
         LEFT JOIN intents r ON r.workspace_id = i.workspace_id AND r.intent_id = i.root_id \
         WHERE i.workspace_id = $1 AND i.intent_id > $2 AND i.intent_id < $3 ORDER BY i.intent_id LIMIT $4",
        &[workspace.into(), after.into(), IntentId::first_at(before).into(), limit.into()],
    )?;
    let last = rows.last().map(|row| row.uuid(0)).transpose()?;
    let mut due = Vec::new();
    for row in &rows {
        let is_over = row.int(1)? == 0 && row.int(3)? == 0;
        if is_over && row.time(2)? < before && row.time(4)? < before {
            due.push(IntentId(row.uuid(0)?));
        }
    }
    Ok(Page { last, due })
}

/// Returns an ended intent with its whole history, as one JSON object for an export.
pub fn export_intent(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<Option<Json>, StoreError> {
    let key = [workspace.into(), id.into()];
    let Some(row) = tx.row(
        "SELECT root_id, parent_id, intent_type, from_agent, to_agent, status, state, created_at, updated_at FROM intents \
         WHERE workspace_id = $1 AND intent_id = $2",
        &key,
    )?
    else {
        return Ok(None);
    };
    let decisions = tx.rows(
        "SELECT position, at, events FROM events WHERE workspace_id = $1 AND intent_id = $2 ORDER BY position",
        &key,
    )?;
    let decision = |row: &Row| -> Result<Json, StoreError> {
        Ok(json!({ "position": row.int(0)?, "at": row.time(1)?.to_string(), "events": row.json::<Json>(2)? }))
    };
    let decisions: Vec<Json> = decisions.iter().map(decision).collect::<Result<_, _>>()?;
    Ok(Some(json!({
        "kind": "intent", "workspace_id": workspace, "intent_id": id, "root_id": row.uuid(0)?,
        "parent_id": row.opt_uuid(1)?, "intent_type": row.text(2)?, "from_agent": row.text(3)?, "to_agent": row.text(4)?,
        "status": row.text(5)?, "state": row.json::<Json>(6)?, "created_at": row.time(7)?.to_string(),
        "updated_at": row.time(8)?.to_string(), "decisions": decisions,
    })))
}

/// Deletes an ended intent and everything that belongs to it alone. Returns false if it is live again, or was deleted
/// before.
pub fn delete_intent(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<bool, StoreError> {
    let key = [workspace.into(), id.into()];
    let owners = tx.rows(
        "SELECT to_agent FROM intents WHERE workspace_id = $1 AND intent_id = $2 AND live = 0 UNION ALL \
         SELECT reply_to FROM intents WHERE workspace_id = $1 AND intent_id = $2 AND live = 0 AND reply_to IS NOT NULL UNION ALL \
         SELECT owner FROM inbox_members WHERE workspace_id = $1 AND thread_id = $2",
        &key,
    )?;
    if tx.run("DELETE FROM intents WHERE workspace_id = $1 AND intent_id = $2 AND live = 0", &key)? == 0 {
        return Ok(false);
    }
    for owner in &owners {
        tx.push(
            "DELETE FROM inbox_changes WHERE workspace_id = $1 AND owner = $2 AND thread_id = $3",
            &[workspace.into(), owner.text(0)?.into(), id.into()],
        )?;
    }
    for statement in [
        "DELETE FROM events WHERE workspace_id = $1 AND intent_id = $2",
        "DELETE FROM timers WHERE workspace_id = $1 AND intent_id = $2",
        "DELETE FROM approvals WHERE workspace_id = $1 AND approval_id = $2",
        "DELETE FROM task_people WHERE workspace_id = $1 AND intent_id = $2",
        "DELETE FROM intent_attributes WHERE workspace_id = $1 AND intent_id = $2",
        "DELETE FROM pushes WHERE workspace_id = $1 AND intent_id = $2",
        "DELETE FROM scenario_runs WHERE workspace_id = $1 AND intent_id = $2",
        "DELETE FROM fanouts WHERE workspace_id = $1 AND intent_id = $2",
        "DELETE FROM notices WHERE workspace_id = $1 AND intent_id = $2 AND open = 0",
        "DELETE FROM inbox_entries WHERE workspace_id = $1 AND thread_id = $2",
        "DELETE FROM inbox_deleted WHERE workspace_id = $1 AND thread_id = $2",
        "DELETE FROM inbox_members WHERE workspace_id = $1 AND thread_id = $2",
        "DELETE FROM queue_items WHERE workspace_id = $1 AND item_id = $2 AND dead_at IS NOT NULL",
        "DELETE FROM intent_traces WHERE workspace_id = $1 AND root_id = $2",
    ] {
        tx.push(statement, &key)?;
    }
    // The dead letter of a receiver in another workspace, and its note that it received the intent.
    tx.push("DELETE FROM queue_items WHERE item_id = $1 AND dead_at IS NOT NULL", &[id.into()])?;
    tx.push("DELETE FROM received_intents WHERE intent_id = $1", &[id.into()])?;
    Ok(true)
}

/// A finished file.
#[derive(Debug, Clone)]
pub struct OldFile {
    pub id: Uuid,
    pub owner: String,
    pub filename: String,
    pub mime_type: String,
    pub finalized_at: Time,
    pub stored: Option<StoredFile>,
}

/// Looks at files that were announced before a time, in the order of their ids.
pub fn list_files(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    after: Uuid,
    before: Time,
    limit: i64,
) -> Result<Vec<OldFile>, StoreError> {
    let rows = tx.rows(
        "SELECT upload_id, finalized_at, stored_file, stored_bytes, stored_sha256, owner, filename, mime_type FROM media_uploads \
         WHERE workspace_id = $1 AND upload_id > $2 AND upload_id < $3 AND finalized_at IS NOT NULL \
         ORDER BY upload_id LIMIT $4",
        &[workspace.into(), after.into(), IntentId::first_at(before).into(), limit.into()],
    )?;
    let file = |row: &Row| -> Result<_, StoreError> {
        let stored = match row.opt_string(2)? {
            Some(file) => Some(StoredFile { file, bytes: row.int(3)?, sha256: row.string(4)? }),
            None => None,
        };
        let (owner, filename, mime_type) = (row.string(5)?, row.string(6)?, row.string(7)?);
        Ok(OldFile { id: row.uuid(0)?, owner, filename, mime_type, finalized_at: row.time(1)?, stored })
    };
    rows.iter().map(file).collect()
}

/// Deletes a file's row and its links. The bytes go after the commit.
pub fn delete_file(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<(), StoreError> {
    let key = [workspace.into(), id.into()];
    tx.push("DELETE FROM media_uploads WHERE workspace_id = $1 AND upload_id = $2", &key)
}
