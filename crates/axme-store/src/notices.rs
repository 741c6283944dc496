//! SQL for notices: messages to people and chats. A notice waits as an item in a queue, and stays open until it is sent
//! or given up.

use axme_intent::{Address, IntentId, Time};
use serde_json::Value;
use uuid::Uuid;

use super::queue::{self, QueueItem};
use super::{Row, Tx};
use crate::error::StoreError;

/// The channel of routed deliveries.
pub const ROUTE: &str = "route";

#[derive(Debug, Clone)]
pub struct Notice {
    pub workspace: Uuid,
    pub id: Uuid,
    /// The intent that it reports on; `None` for mail about accounts and for routed deliveries.
    pub intent: Option<IntentId>,
    /// `mail`, `login`, or the host of the recipient's URL, so that a slow host delays only its own notices.
    pub queue: String,
    /// `email`, `webhook`, `slack`, `teams`, or `route` for a routed delivery.
    pub channel: String,
    /// An address for mail, or a URL.
    pub recipient: String,
    pub content: Value,
    pub created_at: Time,
}

impl Notice {
    /// The item in the queue: the notice itself, or the routed delivery that it sends. Both have the same id.
    pub fn item(&self) -> QueueItem {
        item(self.id, &self.channel)
    }
}

fn item(id: Uuid, channel: &str) -> QueueItem {
    if channel == ROUTE { QueueItem::routed_delivery(id) } else { QueueItem::notice(id) }
}

/// The address of a queue of notices.
pub fn address(queue: &str) -> Address {
    Address::from_canonical(format!("notice://{queue}"))
}

/// Stores a notice and queues it, due at once.
pub fn insert(tx: &mut Tx<'_>, notice: &Notice) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO notices (workspace_id, notice_id, intent_id, queue, channel, recipient, content, open, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)",
        &[
            notice.workspace.into(),
            notice.id.into(),
            notice.intent.into(),
            (&notice.queue).into(),
            (&notice.channel).into(),
            (&notice.recipient).into(),
            notice.content.to_string().into(),
            notice.created_at.into(),
        ],
    )?;
    queue::insert(tx, notice.workspace, &address(&notice.queue), notice.item(), notice.created_at)
}

/// Counts the notices of an intent.
pub fn count(tx: &mut Tx<'_>, workspace: Uuid, intent: IntentId) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM notices WHERE workspace_id = $1 AND intent_id = $2",
        &[workspace.into(), intent.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Notice>, StoreError> {
    let row = tx.row(
        "SELECT workspace_id, notice_id, intent_id, queue, channel, recipient, content, created_at FROM notices \
         WHERE workspace_id = $1 AND notice_id = $2",
        &[workspace.into(), id.into()],
    )?;
    row.as_ref().map(notice).transpose()
}

fn notice(row: &Row) -> Result<Notice, StoreError> {
    Ok(Notice {
        workspace: row.uuid(0)?,
        id: row.uuid(1)?,
        intent: row.opt_uuid(2)?.map(IntentId),
        queue: row.string(3)?,
        channel: row.string(4)?,
        recipient: row.string(5)?,
        content: row.json(6)?,
        created_at: row.time(7)?,
    })
}

/// Lists the open mails of a queue to a recipient, oldest first.
pub fn list_open(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    queue: &str,
    recipient: &str,
    limit: i64,
) -> Result<Vec<Notice>, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, notice_id, intent_id, queue, channel, recipient, content, created_at FROM notices \
         WHERE workspace_id = $1 AND queue = $2 AND open = 1 AND channel = 'email' AND recipient = $3 \
         ORDER BY notice_id LIMIT $4",
        &[workspace.into(), queue.into(), recipient.into(), limit.into()],
    )?;
    rows.iter().map(notice).collect()
}

/// Lists the queues that hold open notices, due or not, after the queue `after`.
pub fn list_queues(tx: &mut Tx<'_>, after: (Uuid, &str), limit: i64) -> Result<Vec<(Uuid, String)>, StoreError> {
    let rows = tx.rows(
        "SELECT DISTINCT workspace_id, queue FROM notices WHERE open = 1 AND (workspace_id, queue) > ($1, $2) \
         ORDER BY workspace_id, queue LIMIT $3",
        &[after.0.into(), after.1.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok((row.uuid(0)?, row.string(1)?))).collect()
}

/// Closes a notice that was sent, given up, or became pointless.
pub fn close(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<(), StoreError> {
    set_open(tx, workspace, id, 0)
}

/// Deletes a notice that nobody needs any more, with its queue item.
pub fn delete(tx: &mut Tx<'_>, workspace: Uuid, notice: &Notice) -> Result<(), StoreError> {
    queue::delete(tx, workspace, &address(&notice.queue), notice.item())?;
    tx.push("DELETE FROM notices WHERE workspace_id = $1 AND notice_id = $2", &[workspace.into(), notice.id.into()])
}

/// A mail, and how far it got.
#[derive(Debug, Clone)]
pub struct MailState {
    pub id: Uuid,
    pub intent: Option<IntentId>,
    pub recipient: String,
    pub queue: String,
    pub content: Value,
    pub created_at: Time,
    /// True until the mail is sent or given up.
    pub is_open: bool,
    pub dead_at: Option<Time>,
    pub last_error: Option<String>,
}

impl MailState {
    /// True if the mail was handed over to the mail server.
    pub fn is_sent(&self) -> bool {
        !self.is_open && self.dead_at.is_none()
    }
}

/// Lists mails with ids below `before`, newest first: all of a workspace, or those about one intent.
pub fn list_mail(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    intent: Option<IntentId>,
    before: Uuid,
    limit: i64,
) -> Result<Vec<MailState>, StoreError> {
    macro_rules! mails {
        ($filter:literal) => {
            concat!(
                "SELECT n.notice_id, n.intent_id, n.recipient, n.queue, n.created_at, n.open, q.dead_at, q.last_error, \
                 n.content \
                 FROM notices n LEFT JOIN queue_items q ON q.workspace_id = n.workspace_id \
                 AND q.address = 'notice://' || n.queue AND q.item_id = n.notice_id \
                 WHERE n.workspace_id = $1 AND n.channel = 'email' AND n.notice_id < $2 ",
                $filter
            )
        };
    }
    let rows = match intent {
        None => tx.rows(mails!("ORDER BY n.notice_id DESC LIMIT $3"), &[workspace.into(), before.into(), limit.into()]),
        Some(intent) => tx.rows(
            mails!("AND n.intent_id = $3 ORDER BY n.notice_id DESC LIMIT $4"),
            &[workspace.into(), before.into(), intent.into(), limit.into()],
        ),
    };
    rows?.iter().map(mail_state).collect()
}

fn mail_state(row: &Row) -> Result<MailState, StoreError> {
    Ok(MailState {
        id: row.uuid(0)?,
        intent: row.opt_uuid(1)?.map(IntentId),
        recipient: row.string(2)?,
        queue: row.string(3)?,
        created_at: row.time(4)?,
        is_open: row.int(5)? != 0,
        dead_at: row.opt_time(6)?,
        last_error: row.opt_string(7)?,
        content: row.json(8)?,
    })
}

/// Reopens a notice, to send it once more.
pub fn reopen(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<(), StoreError> {
    set_open(tx, workspace, id, 1)
}

fn set_open(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid, open: i64) -> Result<(), StoreError> {
    tx.push(
        "UPDATE notices SET open = $1 WHERE workspace_id = $2 AND notice_id = $3",
        &[open.into(), workspace.into(), id.into()],
    )
}

/// Deletes up to `limit` notices created before a time, with their queue items. Returns how many.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, notice_id, queue, channel FROM notices WHERE created_at < $1 AND workspace_id NOT IN \
         (SELECT workspace_id FROM retention_rules WHERE held = 1) ORDER BY created_at LIMIT $2",
        &[before.into(), limit.into()],
    )?;
    for row in &rows {
        let (workspace, id) = (row.uuid(0)?, row.uuid(1)?);
        queue::delete(tx, workspace, &address(row.text(2)?), item(id, row.text(3)?))?;
        tx.push("DELETE FROM notices WHERE workspace_id = $1 AND notice_id = $2", &[workspace.into(), id.into()])?;
    }
    Ok(rows.len())
}
