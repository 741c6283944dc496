//! SQL for the browsers that show a person's tasks as notifications, and for the key that names this server to push
//! services.

use axme_intent::Time;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

/// Maximum number of browsers of a person. A further one replaces the oldest.
pub const MAX_BROWSERS: i64 = 10;

/// A browser that a person has chosen for notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSubscription {
    pub subscription_id: Uuid,
    pub account_id: Uuid,
    /// The session in which it was added, and with which it ends.
    pub session_id: Uuid,
    /// The URL of the push service. A request to it needs this server's key too.
    pub endpoint: String,
    /// A point of P-256, 65 bytes.
    pub public_key: Vec<u8>,
    /// 16 bytes.
    pub auth_secret: Vec<u8>,
    /// The name of the browser, for the person.
    pub browser: String,
    pub created_at: Time,
}

macro_rules! subscriptions {
    ($filter:literal) => {
        concat!(
            "SELECT p.subscription_id, p.account_id, p.session_id, p.endpoint, p.public_key, p.auth_secret, p.browser, \
             p.created_at FROM web_push_subscriptions p \
             JOIN login_sessions s ON s.account_id = p.account_id AND s.session_id = p.session_id \
             AND s.revoked_at IS NULL ",
            $filter
        )
    };
}

fn subscription(row: &Row) -> Result<PushSubscription, StoreError> {
    Ok(PushSubscription {
        subscription_id: row.uuid(0)?,
        account_id: row.uuid(1)?,
        session_id: row.uuid(2)?,
        endpoint: row.string(3)?,
        public_key: row.bytes(4)?.to_vec(),
        auth_secret: row.bytes(5)?.to_vec(),
        browser: row.string(6)?,
        created_at: row.time(7)?,
    })
}

/// Lists the browsers of a person whose sessions have not ended, newest first.
pub fn list(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<PushSubscription>, StoreError> {
    let now = tx.now;
    let rows = tx.rows(
        subscriptions!("WHERE p.account_id = $1 AND s.expires_at > $2 ORDER BY p.created_at DESC LIMIT $3"),
        &[account.into(), now.into(), MAX_BROWSERS.into()],
    )?;
    rows.iter().map(subscription).collect()
}

/// Like [`list`], for the person with an email address, in lower case.
pub fn list_by_email(tx: &mut Tx<'_>, email: &str) -> Result<Vec<PushSubscription>, StoreError> {
    let now = tx.now;
    let rows = tx.rows(
        subscriptions!(
            "JOIN person_accounts a ON a.account_id = p.account_id WHERE a.email = $1 AND s.expires_at > $2 \
             ORDER BY p.created_at DESC LIMIT $3"
        ),
        &[email.into(), now.into(), MAX_BROWSERS.into()],
    )?;
    rows.iter().map(subscription).collect()
}

/// Finds a browser whose session has not ended.
pub fn find(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<PushSubscription>, StoreError> {
    let now = tx.now;
    let row = tx.row(subscriptions!("WHERE p.subscription_id = $1 AND s.expires_at > $2"), &[id.into(), now.into()])?;
    row.as_ref().map(subscription).transpose()
}

/// Adds a browser. It belongs to whoever added it last, and the person keeps the newest ones.
pub fn put(tx: &mut Tx<'_>, new: &PushSubscription) -> Result<(), StoreError> {
    tx.push("DELETE FROM web_push_subscriptions WHERE endpoint = $1", &[(&new.endpoint).into()])?;
    tx.push(
        "DELETE FROM web_push_subscriptions WHERE account_id = $1 AND subscription_id NOT IN (SELECT subscription_id FROM \
         web_push_subscriptions WHERE account_id = $1 ORDER BY created_at DESC, subscription_id LIMIT $2)",
        &[new.account_id.into(), (MAX_BROWSERS - 1).into()],
    )?;
    tx.push(
        "INSERT INTO web_push_subscriptions (subscription_id, account_id, session_id, endpoint, public_key, auth_secret, \
         browser, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            new.subscription_id.into(),
            new.account_id.into(),
            new.session_id.into(),
            (&new.endpoint).into(),
            new.public_key.as_slice().into(),
            new.auth_secret.as_slice().into(),
            (&new.browser).into(),
            new.created_at.into(),
        ],
    )
}

/// Removes a browser of a person; nothing if it is not theirs.
pub fn delete(tx: &mut Tx<'_>, account: Uuid, id: Uuid) -> Result<(), StoreError> {
    tx.push(
        "DELETE FROM web_push_subscriptions WHERE account_id = $1 AND subscription_id = $2",
        &[account.into(), id.into()],
    )
}

/// Returns the key that names this server to push services, in PKCS #8.
pub fn find_key(tx: &mut Tx<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    let row = tx.row("SELECT pkcs8 FROM web_push_keys WHERE only_row = 1", &[])?;
    row.map(|row| Ok(row.bytes(0)?.to_vec())).transpose()
}

/// Stores the key, unless another node has stored one.
pub fn put_key(tx: &mut Tx<'_>, pkcs8: &[u8]) -> Result<(), StoreError> {
    let now = tx.now;
    tx.push(
        "INSERT INTO web_push_keys (only_row, pkcs8, created_at) VALUES (1, $1, $2) ON CONFLICT (only_row) DO NOTHING",
        &[pkcs8.into(), now.into()],
    )
}
