//! SQL for people: their accounts, their sign-in sessions with refresh and exchange tokens, and the keys that sign
//! access tokens. Of refresh and exchange tokens, only hashes are stored.

use axme_intent::Time;
use axme_types::members::OrgRole;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Account {
    pub account_id: Uuid,
    /// In lower case. For an account without an address, `person-` and a UUID, a name that no mail reaches.
    pub email: String,
    pub nick: Option<String>,
    pub display_name: Option<String>,
    pub company: Option<String>,
    pub password_hash: Option<String>,
    pub selected_workspace: Option<Uuid>,
    pub created_at: Time,
    pub verified_at: Option<Time>,
}

/// A statement that reads whole rows.
macro_rules! account {
    ($rest:literal) => {
        concat!("SELECT account_id, email, nick, display_name, company, password_hash, selected_workspace_id, created_at, verified_at FROM person_accounts ", $rest)
    };
}

fn account(row: &Row) -> Result<Account, StoreError> {
    Ok(Account {
        account_id: row.uuid(0)?,
        email: row.string(1)?,
        nick: row.opt_string(2)?,
        display_name: row.opt_string(3)?,
        company: row.opt_string(4)?,
        password_hash: row.opt_string(5)?,
        selected_workspace: row.opt_uuid(6)?,
        created_at: row.time(7)?,
        verified_at: row.opt_time(8)?,
    })
}

pub fn find(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Account>, StoreError> {
    let row = tx.row(account!("WHERE account_id = $1"), &[id.into()])?;
    row.as_ref().map(account).transpose()
}

pub fn find_by_email(tx: &mut Tx<'_>, email: &str) -> Result<Option<Account>, StoreError> {
    let row = tx.row(account!("WHERE email = $1"), &[email.into()])?;
    row.as_ref().map(account).transpose()
}

pub fn find_by_nick(tx: &mut Tx<'_>, nick: &str) -> Result<Option<Account>, StoreError> {
    let row = tx.row(account!("WHERE nick = $1"), &[nick.into()])?;
    row.as_ref().map(account).transpose()
}

/// Creates the account of an email address, unless it exists.
pub fn insert(tx: &mut Tx<'_>, id: Uuid, email: &str, now: Time) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO person_accounts (account_id, email, created_at) VALUES ($1, $2, $3) ON CONFLICT (email) DO NOTHING",
        &[id.into(), email.into(), now.into()],
    )
}

/// Creates an account that signs in by a nick and a password. Returns false if another account has the nick.
pub fn insert_named(tx: &mut Tx<'_>, a: &Account) -> Result<bool, StoreError> {
    let added = tx.run(
        "INSERT INTO person_accounts (account_id, email, nick, password_hash, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (nick) DO NOTHING",
        &[
            a.account_id.into(),
            (&a.email).into(),
            a.nick.as_ref().into(),
            a.password_hash.as_ref().into(),
            a.created_at.into(),
        ],
    )?;
    Ok(added > 0)
}

pub fn count(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.row("SELECT COUNT(*) FROM person_accounts", &[])?.map_or(Ok(0), |row| row.int(0))
}

/// Finds and locks an account.
pub fn lock(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Account>, StoreError> {
    let row = tx.row(account!("WHERE account_id = $1 FOR UPDATE"), &[id.into()])?;
    row.as_ref().map(account).transpose()
}

/// Records that the person has proved to receive mail at the address. Only the first time is kept.
pub fn mark_verified(tx: &mut Tx<'_>, id: Uuid, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE person_accounts SET verified_at = COALESCE(verified_at, $1) WHERE account_id = $2",
        &[now.into(), id.into()],
    )
}

pub fn select_workspace(tx: &mut Tx<'_>, id: Uuid, workspace: Uuid) -> Result<(), StoreError> {
    tx.push(
        "UPDATE person_accounts SET selected_workspace_id = $1 WHERE account_id = $2",
        &[workspace.into(), id.into()],
    )
}

pub fn set_profile(tx: &mut Tx<'_>, a: &Account) -> Result<(), StoreError> {
    tx.push(
        "UPDATE person_accounts SET display_name = $1, company = $2 WHERE account_id = $3",
        &[a.display_name.as_ref().into(), a.company.as_ref().into(), a.account_id.into()],
    )
}

/// Sets the password and the nick to sign in with. Returns false if another account has the nick.
pub fn set_password(tx: &mut Tx<'_>, a: &Account) -> Result<bool, StoreError> {
    if let Some(nick) = &a.nick
        && find_by_nick(tx, nick)?.is_some_and(|other| other.account_id != a.account_id)
    {
        return Ok(false);
    }
    tx.push(
        "UPDATE person_accounts SET nick = $1, password_hash = $2 WHERE account_id = $3",
        &[a.nick.as_ref().into(), a.password_hash.as_ref().into(), a.account_id.into()],
    )?;
    Ok(true)
}

/// A person's role in a workspace or in a whole organization.
#[derive(Debug, Clone)]
pub struct Membership {
    pub org_id: Uuid,
    /// `None` for the whole organization.
    pub workspace_id: Option<Uuid>,
    pub role: OrgRole,
}

/// Lists a person's active memberships in active organizations, oldest first.
pub fn memberships(tx: &mut Tx<'_>, email: &str) -> Result<Vec<Membership>, StoreError> {
    let rows = tx.rows(
        "SELECT m.org_id, m.workspace_id, m.role FROM members m JOIN organizations o ON o.org_id = m.org_id \
         WHERE m.actor_id = $1 AND m.status = 'active' AND o.status = 'active' ORDER BY m.created_at, m.member_id",
        &[email.into()],
    )?;
    let read = |row: &Row| {
        let workspace = row.uuid(1)?;
        let workspace_id = Some(workspace).filter(|id| !id.is_nil());
        Ok(Membership { org_id: row.uuid(0)?, workspace_id, role: row.word(2, OrgRole::parse)? })
    };
    rows.iter().map(read).collect()
}

/// Activates all invitations of a person. Returns true if the person now is a member of any organization.
pub fn take_up(tx: &mut Tx<'_>, email: &str, now: Time) -> Result<bool, StoreError> {
    tx.push(
        "UPDATE members SET status = 'active', updated_at = $1 WHERE actor_id = $2 AND status = 'invited'",
        &[now.into(), email.into()],
    )?;
    is_member(tx, email)
}

/// Returns true if a person has an active or an invited membership anywhere.
pub fn is_member(tx: &mut Tx<'_>, email: &str) -> Result<bool, StoreError> {
    let row = tx.row(
        "SELECT 1 FROM members WHERE actor_id = $1 AND status IN ('active', 'invited') LIMIT 1",
        &[email.into()],
    )?;
    Ok(row.is_some())
}

#[derive(Debug, Clone)]
pub struct Session {
    pub account_id: Uuid,
    pub session_id: Uuid,
    /// The program that signed in: `cli`, `web`, `dashboard`, or the name that it gives itself.
    pub client_type: String,
    pub device_label: Option<String>,
    pub created_at: Time,
    pub refreshed_at: Time,
    pub expires_at: Time,
    pub revoked_at: Option<Time>,
    /// The key that the session began with. The session ends with this key.
    pub key: Option<Key>,
}

/// The workspace and the id of a key.
pub type Key = (Uuid, String);

/// A statement that reads whole rows. The end and the revocation of a session's key apply to the session.
macro_rules! session {
    ($rest:literal) => {
        concat!(
            "SELECT s.account_id, s.session_id, s.client_type, s.device_label, s.created_at, s.refreshed_at, \
             CASE WHEN k.expires_at < s.expires_at THEN k.expires_at ELSE s.expires_at END, \
             COALESCE(s.revoked_at, k.revoked_at), s.key_workspace_id, s.key_id FROM login_sessions s \
             LEFT JOIN api_keys k ON k.workspace_id = s.key_workspace_id AND k.key_id = s.key_id ",
            $rest
        )
    };
}

fn session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        account_id: row.uuid(0)?,
        session_id: row.uuid(1)?,
        client_type: row.string(2)?,
        device_label: row.opt_string(3)?,
        created_at: row.time(4)?,
        refreshed_at: row.time(5)?,
        expires_at: row.time(6)?,
        revoked_at: row.opt_time(7)?,
        key: row.opt_uuid(8)?.zip(row.opt_string(9)?),
    })
}

pub fn insert_session(tx: &mut Tx<'_>, s: &Session) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO login_sessions (account_id, session_id, client_type, device_label, created_at, refreshed_at, expires_at, \
         key_workspace_id, key_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            s.account_id.into(),
            s.session_id.into(),
            (&s.client_type).into(),
            s.device_label.as_ref().into(),
            s.created_at.into(),
            s.refreshed_at.into(),
            s.expires_at.into(),
            s.key.as_ref().map(|(workspace, _)| *workspace).into(),
            s.key.as_ref().map(|(_, key)| key).into(),
        ],
    )
}

pub fn find_session(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Session>, StoreError> {
    let row = tx.row(session!("WHERE s.session_id = $1"), &[id.into()])?;
    row.as_ref().map(session).transpose()
}

/// Finds and locks a session, so that its refreshes run one after another.
pub fn lock_session(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Session>, StoreError> {
    let row = tx.row(session!("WHERE s.session_id = $1 FOR UPDATE OF s"), &[id.into()])?;
    row.as_ref().map(session).transpose()
}

/// Lists the sessions of a person that have not ended, newest first.
pub fn list_live_sessions(tx: &mut Tx<'_>, account: Uuid, now: Time, limit: i64) -> Result<Vec<Session>, StoreError> {
    let rows = tx.rows(
        session!(
            "WHERE s.account_id = $1 AND s.revoked_at IS NULL AND k.revoked_at IS NULL AND s.expires_at > $2 \
             AND (k.expires_at IS NULL OR k.expires_at > $2) ORDER BY s.created_at DESC, s.session_id DESC LIMIT $3"
        ),
        &[account.into(), now.into(), limit.into()],
    )?;
    rows.iter().map(session).collect()
}

/// Lists the sessions of a person, newest first.
pub fn list_sessions(tx: &mut Tx<'_>, account: Uuid, limit: i64) -> Result<Vec<Session>, StoreError> {
    let rows = tx.rows(
        session!("WHERE s.account_id = $1 ORDER BY s.created_at DESC, s.session_id DESC LIMIT $2"),
        &[account.into(), limit.into()],
    )?;
    rows.iter().map(session).collect()
}

pub fn extend_session(tx: &mut Tx<'_>, s: &Session) -> Result<(), StoreError> {
    tx.push(
        "UPDATE login_sessions SET refreshed_at = $1, expires_at = $2 WHERE account_id = $3 AND session_id = $4",
        &[s.refreshed_at.into(), s.expires_at.into(), s.account_id.into(), s.session_id.into()],
    )
}

/// Revokes a session of a person; an earlier revocation stays. Returns false if the person has no such session.
pub fn revoke_session(tx: &mut Tx<'_>, account: Uuid, id: Uuid, now: Time) -> Result<bool, StoreError> {
    let changed = tx.run(
        "UPDATE login_sessions SET revoked_at = COALESCE(revoked_at, $1) WHERE account_id = $2 AND session_id = $3",
        &[now.into(), account.into(), id.into()],
    )?;
    Ok(changed > 0)
}

/// Revokes the valid sessions of a person and returns their ids.
pub fn revoke_all(tx: &mut Tx<'_>, account: Uuid, now: Time) -> Result<Vec<Uuid>, StoreError> {
    let rows = tx.rows(
        "UPDATE login_sessions SET revoked_at = $1 WHERE account_id = $2 AND revoked_at IS NULL AND expires_at > $1 \
         RETURNING session_id",
        &[now.into(), account.into()],
    )?;
    rows.iter().map(|row| row.uuid(0)).collect()
}

/// Revokes every session of a person except one.
pub fn revoke_others(tx: &mut Tx<'_>, account: Uuid, kept: Uuid, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE login_sessions SET revoked_at = $1 WHERE account_id = $2 AND session_id <> $3 AND revoked_at IS NULL",
        &[now.into(), account.into(), kept.into()],
    )
}

/// A refresh token: a program exchanges it, once, for a new access token.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    pub session_id: Uuid,
    pub expires_at: Time,
    pub used_at: Option<Time>,
    /// Set with `used_at`. With the token itself, it gives the next token.
    pub next_nonce: Option<Vec<u8>>,
}

pub fn insert_refresh(
    tx: &mut Tx<'_>,
    hash: &[u8],
    session: Uuid,
    now: Time,
    expires_at: Time,
) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO refresh_tokens (hash, session_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        &[hash.into(), session.into(), now.into(), expires_at.into()],
    )
}

pub fn find_refresh(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<RefreshToken>, StoreError> {
    let row = tx.row(
        "SELECT session_id, expires_at, used_at, next_nonce FROM refresh_tokens WHERE hash = $1",
        &[hash.into()],
    )?;
    row.map(|row| {
        Ok(RefreshToken {
            session_id: row.uuid(0)?,
            expires_at: row.time(1)?,
            used_at: row.opt_time(2)?,
            next_nonce: row.opt_bytes(3)?.map(<[u8]>::to_vec),
        })
    })
    .transpose()
}

/// Marks a token as used. `next_nonce` gives the next token.
pub fn use_refresh(tx: &mut Tx<'_>, hash: &[u8], now: Time, next_nonce: &[u8]) -> Result<(), StoreError> {
    tx.push(
        "UPDATE refresh_tokens SET used_at = $1, next_nonce = $2 WHERE hash = $3 AND used_at IS NULL",
        &[now.into(), next_nonce.into(), hash.into()],
    )
}

pub fn insert_exchange(
    tx: &mut Tx<'_>,
    hash: &[u8],
    account: Uuid,
    workspace: Uuid,
    key: Option<&Key>,
    expires_at: Time,
) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO exchange_tokens (hash, account_id, workspace_id, key_workspace_id, key_id, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            hash.into(),
            account.into(),
            workspace.into(),
            key.map(|(workspace, _)| *workspace).into(),
            key.map(|(_, id)| id).into(),
            expires_at.into(),
        ],
    )
}

/// Returns true if an exchange token is neither used nor expired.
pub fn is_exchange(tx: &mut Tx<'_>, hash: &[u8], now: Time) -> Result<bool, StoreError> {
    let row = tx.row(
        "SELECT 1 FROM exchange_tokens WHERE hash = $1 AND used_at IS NULL AND expires_at > $2",
        &[hash.into(), now.into()],
    )?;
    Ok(row.is_some())
}

/// The account, the workspace and the key that an exchange token was made for.
pub type TokenExchange = (Uuid, Uuid, Option<Key>);

/// Uses up an exchange token. `None` if it is used or expired, or if its key is expired or revoked.
pub fn take_exchange(tx: &mut Tx<'_>, hash: &[u8], now: Time) -> Result<Option<TokenExchange>, StoreError> {
    let row = tx.row(
        "UPDATE exchange_tokens SET used_at = $1 WHERE hash = $2 AND used_at IS NULL AND expires_at > $1 \
         AND (key_id IS NULL OR EXISTS (SELECT 1 FROM api_keys k WHERE k.workspace_id = exchange_tokens.key_workspace_id \
         AND k.key_id = exchange_tokens.key_id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $1))) \
         RETURNING account_id, workspace_id, key_workspace_id, key_id",
        &[now.into(), hash.into()],
    )?;
    row.map(|row| Ok((row.uuid(0)?, row.uuid(1)?, row.opt_uuid(2)?.zip(row.opt_string(3)?)))).transpose()
}

/// A key that signs access tokens, as stored.
#[derive(Debug, Clone)]
pub struct Seed {
    pub key_id: String,
    pub seed: Vec<u8>,
    pub created_at: Time,
}

/// Lists the keys created since a time, newest first.
pub fn signing_keys(tx: &mut Tx<'_>, since: Time) -> Result<Vec<Seed>, StoreError> {
    let rows = tx.rows(
        "SELECT key_id, seed, created_at FROM signing_keys WHERE created_at >= $1 ORDER BY created_at DESC, key_id DESC",
        &[since.into()],
    )?;
    let read = |row: &Row| Ok(Seed { key_id: row.string(0)?, seed: row.bytes(1)?.to_vec(), created_at: row.time(2)? });
    rows.iter().map(read).collect()
}

pub fn insert_signing_key(tx: &mut Tx<'_>, key: &Seed) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO signing_keys (key_id, seed, created_at) VALUES ($1, $2, $3)",
        &[(&key.key_id).into(), (&key.seed[..]).into(), key.created_at.into()],
    )
}

/// Deletes tokens and sessions that expired before a time, up to `limit` of each, and keys that verify nothing any
/// more. Returns the largest number of rows that one statement deleted.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let statements = [
        "DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM login_sessions WHERE session_id IN (SELECT session_id FROM login_sessions WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM exchange_tokens WHERE hash IN (SELECT hash FROM exchange_tokens WHERE expires_at < $1 LIMIT $2)",
    ];
    let mut gone = 0;
    for statement in statements {
        gone = tx.run(statement, &[before.into(), limit.into()])?.max(gone);
    }
    // Two days more, because a key still verifies tokens for a day after it stops signing.
    let unknown = before.minus_millis(2 * 86_400_000);
    tx.push("DELETE FROM signing_keys WHERE created_at < $1", &[unknown.into()])?;
    Ok(usize::try_from(gone).unwrap_or(usize::MAX))
}
