//! SQL for OAuth: registered clients, consents in progress, codes, and the grants that clients hold. Secrets are stored as
//! hashes.

use axme_intent::Time;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

/// A client that has registered itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub client_id: String,
    pub name: String,
    /// A JSON array of the URIs.
    pub redirect_uris: String,
    pub created_at: Time,
}

pub fn insert_client(tx: &mut Tx<'_>, client: &Client) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO oauth_clients (client_id, name, redirect_uris, created_at) VALUES ($1, $2, $3, $4)",
        &[(&client.client_id).into(), (&client.name).into(), (&client.redirect_uris).into(), client.created_at.into()],
    )
}

/// Counts the registered clients that no person has used yet, up to `most`.
pub fn count_unused_clients(tx: &mut Tx<'_>, most: i64) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM (SELECT 1 AS one FROM oauth_clients WHERE used_at IS NULL LIMIT $1) AS unused",
        &[most.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

pub fn find_client(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<Client>, StoreError> {
    let row = tx.row(
        "SELECT client_id, name, redirect_uris, created_at FROM oauth_clients WHERE client_id = $1",
        &[client_id.into()],
    )?;
    row.map(|row| {
        Ok(Client {
            client_id: row.string(0)?,
            name: row.string(1)?,
            redirect_uris: row.string(2)?,
            created_at: row.time(3)?,
        })
    })
    .transpose()
}

/// Records that a person has given a registered client a grant. Has no effect for other clients.
pub fn touch_client(tx: &mut Tx<'_>, client_id: &str, now: Time) -> Result<(), StoreError> {
    tx.push("UPDATE oauth_clients SET used_at = $1 WHERE client_id = $2", &[now.into(), client_id.into()])
}

/// The part of an authorization request that a code must repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub client_id: String,
    pub client_name: String,
    pub redirect_uri: String,
    /// The PKCE challenge, by the method S256.
    pub challenge: String,
    pub state: String,
    /// Names with blanks between them.
    pub scopes: String,
}

/// A person who has signed in and is asked for consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    pub request: Request,
    pub account_id: Uuid,
    pub expires_at: Time,
}

/// A code that a client exchanges for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    pub request: Request,
    pub account_id: Uuid,
    pub workspace: Uuid,
    pub expires_at: Time,
    /// The session that the code began. A used code is kept, so that a second use is noticed.
    pub session_id: Option<Uuid>,
}

/// A statement that reads the columns of a request, which come first.
macro_rules! request {
    ($more:literal, $rest:literal) => {
        concat!("SELECT client_id, client_name, redirect_uri, challenge, state, scopes, ", $more, $rest)
    };
}

fn request(row: &Row) -> Result<Request, StoreError> {
    Ok(Request {
        client_id: row.string(0)?,
        client_name: row.string(1)?,
        redirect_uri: row.string(2)?,
        challenge: row.string(3)?,
        state: row.string(4)?,
        scopes: row.string(5)?,
    })
}

pub fn insert_consent(tx: &mut Tx<'_>, hash: &[u8], consent: &Consent) -> Result<(), StoreError> {
    let r = &consent.request;
    tx.push(
        "INSERT INTO oauth_consents (hash, client_id, client_name, redirect_uri, challenge, state, scopes, account_id, \
         expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            hash.into(),
            (&r.client_id).into(),
            (&r.client_name).into(),
            (&r.redirect_uri).into(),
            (&r.challenge).into(),
            (&r.state).into(),
            (&r.scopes).into(),
            consent.account_id.into(),
            consent.expires_at.into(),
        ],
    )
}

fn consent(row: &Row) -> Result<Consent, StoreError> {
    Ok(Consent { request: request(row)?, account_id: row.uuid(6)?, expires_at: row.time(7)? })
}

pub fn find_consent(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Consent>, StoreError> {
    let row = tx.row(request!("account_id, expires_at ", "FROM oauth_consents WHERE hash = $1"), &[hash.into()])?;
    row.as_ref().map(consent).transpose()
}

/// Deletes a consent, so that it is answered once. Returns false if it is gone already.
pub fn take_consent(tx: &mut Tx<'_>, hash: &[u8]) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM oauth_consents WHERE hash = $1", &[hash.into()])? > 0)
}

pub fn insert_code(tx: &mut Tx<'_>, hash: &[u8], code: &Code) -> Result<(), StoreError> {
    let r = &code.request;
    tx.push(
        "INSERT INTO oauth_codes (hash, client_id, client_name, redirect_uri, challenge, state, scopes, account_id, \
         workspace_id, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            hash.into(),
            (&r.client_id).into(),
            (&r.client_name).into(),
            (&r.redirect_uri).into(),
            (&r.challenge).into(),
            (&r.state).into(),
            (&r.scopes).into(),
            code.account_id.into(),
            code.workspace.into(),
            code.expires_at.into(),
        ],
    )
}

fn code(row: &Row) -> Result<Code, StoreError> {
    Ok(Code {
        request: request(row)?,
        account_id: row.uuid(6)?,
        workspace: row.uuid(7)?,
        expires_at: row.time(8)?,
        session_id: row.opt_uuid(9)?,
    })
}

/// Finds and locks a code, so that its uses run one after another.
pub fn lock_code(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Code>, StoreError> {
    let row = tx.row(
        request!("account_id, workspace_id, expires_at, session_id ", "FROM oauth_codes WHERE hash = $1 FOR UPDATE"),
        &[hash.into()],
    )?;
    row.as_ref().map(code).transpose()
}

/// Returns true if a code is known, used or not.
pub fn is_code(tx: &mut Tx<'_>, hash: &[u8]) -> Result<bool, StoreError> {
    Ok(tx.row("SELECT 1 FROM oauth_codes WHERE hash = $1", &[hash.into()])?.is_some())
}

/// Marks a code as used by the session that it began.
pub fn use_code(tx: &mut Tx<'_>, hash: &[u8], session: Uuid) -> Result<(), StoreError> {
    tx.push("UPDATE oauth_codes SET session_id = $1 WHERE hash = $2", &[session.into(), hash.into()])
}

/// The rights that a client holds through a session of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub session_id: Uuid,
    pub client_id: String,
    pub workspace: Uuid,
    /// Names with blanks between them.
    pub scopes: String,
    pub created_at: Time,
}

pub fn insert_grant(tx: &mut Tx<'_>, grant: &Grant) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO oauth_grants (session_id, client_id, workspace_id, scopes, created_at) VALUES ($1, $2, $3, $4, $5)",
        &[
            grant.session_id.into(),
            (&grant.client_id).into(),
            grant.workspace.into(),
            (&grant.scopes).into(),
            grant.created_at.into(),
        ],
    )
}

/// Finds the grant of a session; `None` for a session of the person's own.
pub fn find_grant(tx: &mut Tx<'_>, session: Uuid) -> Result<Option<Grant>, StoreError> {
    let row = tx.row(
        "SELECT session_id, client_id, workspace_id, scopes, created_at FROM oauth_grants WHERE session_id = $1",
        &[session.into()],
    )?;
    row.map(|row| {
        Ok(Grant {
            session_id: row.uuid(0)?,
            client_id: row.string(1)?,
            workspace: row.uuid(2)?,
            scopes: row.string(3)?,
            created_at: row.time(4)?,
        })
    })
    .transpose()
}

/// How long a client stays registered after its last grant: longer than a session lives without being refreshed.
const CLIENTS_KEPT_DAYS: u64 = 90;

/// Deletes consents and codes that expired before a time, and clients that no person has used since then. Deletes grants
/// whose session is gone, too; up to `limit` of each. Returns the largest number of rows that one statement deleted.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let idle = before.minus_millis(CLIENTS_KEPT_DAYS * 86_400_000);
    let statements = [
        (
            "DELETE FROM oauth_consents WHERE hash IN (SELECT hash FROM oauth_consents WHERE expires_at < $1 LIMIT $2)",
            before,
        ),
        ("DELETE FROM oauth_codes WHERE hash IN (SELECT hash FROM oauth_codes WHERE expires_at < $1 LIMIT $2)", before),
        (
            "DELETE FROM oauth_clients WHERE client_id IN (SELECT client_id FROM oauth_clients \
             WHERE used_at IS NULL AND created_at < $1 LIMIT $2)",
            before,
        ),
        (
            "DELETE FROM oauth_clients WHERE client_id IN (SELECT client_id FROM oauth_clients WHERE used_at < $1 LIMIT $2)",
            idle,
        ),
        (
            "DELETE FROM oauth_grants WHERE session_id IN (SELECT g.session_id FROM oauth_grants g \
             LEFT JOIN login_sessions s ON s.session_id = g.session_id \
             WHERE s.session_id IS NULL AND g.created_at < $1 LIMIT $2)",
            before,
        ),
    ];
    let mut gone = 0;
    for (statement, before) in statements {
        gone = tx.run(statement, &[before.into(), limit.into()])?.max(gone);
    }
    Ok(usize::try_from(gone).unwrap_or(usize::MAX))
}
