//! SQL for the ways to sign in: mail with a code and a link, approval of a program, and OpenID Connect. Also counts
//! wrong passwords. Codes, links and tokens are stored as hashes.

use axme_intent::Time;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

/// A sign-in by mail that has begun.
#[derive(Debug, Clone)]
pub struct LoginIntent {
    pub id: Uuid,
    /// In lower case.
    pub email: String,
    /// The grant that the link in the mail approves.
    pub grant_hash: Vec<u8>,
    /// Set, like `link_hash`, when the mail is sent.
    pub code_hash: Option<Vec<u8>>,
    pub link_hash: Option<Vec<u8>>,
    pub wrong_codes: i64,
    pub created_at: Time,
    pub expires_at: Time,
    pub used_at: Option<Time>,
}

pub fn insert(tx: &mut Tx<'_>, i: &LoginIntent) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO login_intents (login_intent_id, email, grant_hash, wrong_codes, created_at, expires_at) \
         VALUES ($1, $2, $3, 0, $4, $5)",
        &[i.id.into(), (&i.email).into(), (&i.grant_hash[..]).into(), i.created_at.into(), i.expires_at.into()],
    )
}

fn intent(row: &Row) -> Result<LoginIntent, StoreError> {
    Ok(LoginIntent {
        id: row.uuid(0)?,
        email: row.string(1)?,
        grant_hash: row.bytes(2)?.to_vec(),
        code_hash: row.opt_bytes(3)?.map(<[u8]>::to_vec),
        link_hash: row.opt_bytes(4)?.map(<[u8]>::to_vec),
        wrong_codes: row.int(5)?,
        created_at: row.time(6)?,
        expires_at: row.time(7)?,
        used_at: row.opt_time(8)?,
    })
}

/// A statement that reads whole intents.
macro_rules! intent {
    ($rest:literal) => {
        concat!(
            "SELECT login_intent_id, email, grant_hash, code_hash, link_hash, wrong_codes, created_at, expires_at, used_at \
             FROM login_intents ",
            $rest
        )
    };
}

/// Finds a sign-in by mail, without a lock.
pub fn find(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<LoginIntent>, StoreError> {
    let row = tx.row(intent!("WHERE login_intent_id = $1"), &[id.into()])?;
    row.as_ref().map(intent).transpose()
}

/// Finds and locks a sign-in by mail, so that codes are tried one after another.
pub fn lock(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<LoginIntent>, StoreError> {
    let row = tx.row(intent!("WHERE login_intent_id = $1 FOR UPDATE"), &[id.into()])?;
    row.as_ref().map(intent).transpose()
}

/// Stores the hashes of the code and the link in the mail that is being sent.
pub fn set_secrets(tx: &mut Tx<'_>, id: Uuid, code: &[u8], link: &[u8]) -> Result<(), StoreError> {
    tx.push(
        "UPDATE login_intents SET code_hash = $1, link_hash = $2 WHERE login_intent_id = $3",
        &[code.into(), link.into(), id.into()],
    )
}

pub fn count_wrong_code(tx: &mut Tx<'_>, id: Uuid) -> Result<(), StoreError> {
    tx.push("UPDATE login_intents SET wrong_codes = wrong_codes + 1 WHERE login_intent_id = $1", &[id.into()])
}

pub fn mark_used(tx: &mut Tx<'_>, id: Uuid, now: Time) -> Result<(), StoreError> {
    tx.push("UPDATE login_intents SET used_at = $1 WHERE login_intent_id = $2", &[now.into(), id.into()])
}

/// Counts the sign-ins by mail that began for an address since a time, and the wrong codes entered for them.
pub fn count_since(tx: &mut Tx<'_>, email: &str, since: Time) -> Result<(i64, i64), StoreError> {
    let row = tx.row(
        "SELECT COUNT(*), CAST(COALESCE(SUM(wrong_codes), 0) AS BIGINT) FROM login_intents WHERE email = $1 AND created_at > $2",
        &[email.into(), since.into()],
    )?;
    row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
}

/// A grant: a program polls it until a person approves it elsewhere.
#[derive(Debug, Clone)]
pub struct Grant {
    pub hash: Vec<u8>,
    pub user_code: String,
    /// A device shows the user code. Otherwise it is never shown.
    pub is_device: bool,
    /// The person who approved it.
    pub account_id: Option<Uuid>,
    pub created_at: Time,
    pub expires_at: Time,
    /// When the program received its session.
    pub delivered_at: Option<Time>,
    /// The session that it received, sealed under the id of the grant.
    pub sealed: Option<Vec<u8>>,
}

fn grant(row: &Row) -> Result<Grant, StoreError> {
    Ok(Grant {
        hash: row.bytes(0)?.to_vec(),
        user_code: row.string(1)?,
        account_id: row.opt_uuid(2)?,
        created_at: row.time(3)?,
        expires_at: row.time(4)?,
        delivered_at: row.opt_time(5)?,
        is_device: row.int(6)? != 0,
        sealed: row.opt_bytes(7)?.map(<[u8]>::to_vec),
    })
}

/// A statement that reads whole rows.
macro_rules! grant {
    ($rest:literal) => {
        concat!(
            "SELECT hash, user_code, account_id, created_at, expires_at, delivered_at, is_device, sealed FROM cli_grants ",
            $rest
        )
    };
}

/// Adds a grant. Returns false if its user code is taken.
pub fn insert_grant(tx: &mut Tx<'_>, g: &Grant) -> Result<bool, StoreError> {
    let added = tx.run(
        "INSERT INTO cli_grants (hash, user_code, created_at, expires_at, is_device) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (user_code) DO NOTHING",
        &[(&g.hash[..]).into(), (&g.user_code).into(), g.created_at.into(), g.expires_at.into(), g.is_device.into()],
    )?;
    Ok(added > 0)
}

/// Finds a grant, without a lock.
pub fn find_grant(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Grant>, StoreError> {
    let row = tx.row(grant!("WHERE hash = $1"), &[hash.into()])?;
    row.as_ref().map(grant).transpose()
}

/// Finds and locks a grant.
pub fn lock_grant(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Grant>, StoreError> {
    let row = tx.row(grant!("WHERE hash = $1 FOR UPDATE"), &[hash.into()])?;
    row.as_ref().map(grant).transpose()
}

pub fn find_grant_by_code(tx: &mut Tx<'_>, user_code: &str) -> Result<Option<Grant>, StoreError> {
    let row = tx.row(grant!("WHERE user_code = $1"), &[user_code.into()])?;
    row.as_ref().map(grant).transpose()
}

/// Approves a grant in a person's name. Returns false if it is already approved or has expired.
pub fn approve(tx: &mut Tx<'_>, hash: &[u8], account: Uuid, now: Time) -> Result<bool, StoreError> {
    let changed = tx.run(
        "UPDATE cli_grants SET account_id = $1 WHERE hash = $2 AND account_id IS NULL AND expires_at > $3",
        &[account.into(), hash.into(), now.into()],
    )?;
    Ok(changed > 0)
}

/// Records the session that the program received.
pub fn mark_delivered(tx: &mut Tx<'_>, hash: &[u8], now: Time, sealed: &[u8]) -> Result<(), StoreError> {
    tx.push(
        "UPDATE cli_grants SET delivered_at = $1, sealed = $2 WHERE hash = $3",
        &[now.into(), sealed.into(), hash.into()],
    )
}

/// A sign-in at an OpenID Connect provider.
#[derive(Debug, Clone)]
pub struct OidcLogin {
    pub grant_hash: Vec<u8>,
    pub nonce: String,
    pub verifier: String,
    /// Set once the provider has identified the person.
    pub email: Option<String>,
    pub expires_at: Time,
}

pub fn insert_oidc(tx: &mut Tx<'_>, hash: &[u8], login: &OidcLogin) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO oidc_logins (hash, grant_hash, nonce, verifier, email, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            hash.into(),
            (&login.grant_hash[..]).into(),
            (&login.nonce).into(),
            (&login.verifier).into(),
            login.email.as_ref().into(),
            login.expires_at.into(),
        ],
    )
}

/// Returns true if a sign-in with this hash exists and has not expired.
pub fn is_oidc(tx: &mut Tx<'_>, hash: &[u8], now: Time) -> Result<bool, StoreError> {
    let row = tx.row("SELECT 1 FROM oidc_logins WHERE hash = $1 AND expires_at > $2", &[hash.into(), now.into()])?;
    Ok(row.is_some())
}

/// Takes a sign-in and deletes it, so that each state and each confirmation is valid once.
pub fn take_oidc(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<OidcLogin>, StoreError> {
    let row = tx.row(
        "DELETE FROM oidc_logins WHERE hash = $1 RETURNING grant_hash, nonce, verifier, email, expires_at",
        &[hash.into()],
    )?;
    row.map(|row| {
        Ok(OidcLogin {
            grant_hash: row.bytes(0)?.to_vec(),
            nonce: row.string(1)?,
            verifier: row.string(2)?,
            email: row.opt_string(3)?,
            expires_at: row.time(4)?,
        })
    })
    .transpose()
}

/// The wrong passwords entered for a name.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    pub failures: i64,
    pub last_at: Option<Time>,
    pub locked_until: Option<Time>,
}

pub fn failures(tx: &mut Tx<'_>, name: &[u8]) -> Result<Failures, StoreError> {
    let row =
        tx.row("SELECT failures, last_at, locked_until FROM login_failures WHERE name_hash = $1", &[name.into()])?;
    row.map_or(Ok(Failures::default()), |row| {
        Ok(Failures { failures: row.int(0)?, last_at: row.opt_time(1)?, locked_until: row.opt_time(2)? })
    })
}

/// Counts one more wrong password, starting again at 1 if the last one was before `fresh`. Returns the count.
pub fn count_failure(tx: &mut Tx<'_>, name: &[u8], now: Time, fresh: Time) -> Result<i64, StoreError> {
    let row = tx.row(
        "INSERT INTO login_failures (name_hash, failures, last_at) VALUES ($1, 1, $2) ON CONFLICT (name_hash) DO UPDATE \
         SET failures = CASE WHEN login_failures.last_at < $3 THEN 1 ELSE login_failures.failures + 1 END, last_at = $2 \
         RETURNING failures",
        &[name.into(), now.into(), fresh.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

pub fn lock_name(tx: &mut Tx<'_>, name: &[u8], until: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE login_failures SET locked_until = $1, failures = 0 WHERE name_hash = $2",
        &[until.into(), name.into()],
    )
}

pub fn forget_failures(tx: &mut Tx<'_>, name: &[u8]) -> Result<(), StoreError> {
    tx.push("DELETE FROM login_failures WHERE name_hash = $1", &[name.into()])
}

/// Deletes rows that expired before a time, up to `limit` per table. Returns the largest number deleted from one table.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let statements = [
        "DELETE FROM login_intents WHERE login_intent_id IN \
         (SELECT login_intent_id FROM login_intents WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM oidc_logins WHERE hash IN (SELECT hash FROM oidc_logins WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM cli_grants WHERE hash IN (SELECT hash FROM cli_grants WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM login_failures WHERE name_hash IN (SELECT name_hash FROM login_failures WHERE last_at < $1 LIMIT $2)",
    ];
    let mut gone = 0;
    for statement in statements {
        gone = tx.run(statement, &[before.into(), limit.into()])?.max(gone);
    }
    Ok(usize::try_from(gone).unwrap_or(usize::MAX))
}
