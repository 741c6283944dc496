//! Sessions of browsers: a cookie that holds a token of a login session. It ends with its session, so a person sees and
//! revokes it among the others.
//!
//! The console also takes the key of a program. The session of a key belongs to no account, acts with the rights of the
//! key, and ends with it. The key itself is never in the browser.

use std::sync::Arc;

use axme_api::{ApiError, ErrorCode};
use axme_intent::Time;
use axme_store::person_accounts::{Account, Session};
use axme_store::{Store, Tx, person_accounts as records, service_accounts};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::caller::Caller;
use super::keys::{Keys, hash};
use super::sign_in::{Client, SessionOrigin, SignInRules, enter, fresh_refresh};
use crate::error::{Result, StoreError};

/// The `client_type` of these sessions.
pub const BROWSER: &str = "browser";

/// The account of a session that belongs to a key.
const NO_ACCOUNT: Uuid = Uuid::nil();

/// A person who has signed in with a browser.
#[derive(Debug, Clone)]
pub struct BrowserSession {
    pub account: Account,
    pub session_id: Uuid,
}

/// Begins a session. Returns the token for the cookie.
pub fn begin(tx: &mut Tx<'_>, rules: SignInRules, account: &Account) -> Result<String> {
    let client = Client { kind: BROWSER.to_owned(), label: None };
    Ok(enter(tx, rules, account, &client, SessionOrigin::Home)?.into_token())
}

/// Begins a session in the workspace of a key, which ends with the key: for the holder of an exchange token.
pub fn begin_in(
    tx: &mut Tx<'_>,
    rules: SignInRules,
    account: &Account,
    workspace: Uuid,
    key: Option<records::Key>,
) -> Result<String> {
    let client = Client { kind: BROWSER.to_owned(), label: Some("opened by a program".to_owned()) };
    Ok(enter(tx, rules, account, &client, SessionOrigin::OfKey(workspace, key))?.into_token())
}

/// Begins a session that acts with the rights of a caller's key. Returns the token for the cookie.
pub fn begin_of_key(tx: &mut Tx<'_>, rules: SignInRules, caller: &Caller) -> Result<String> {
    let Some(key) = caller.key_id.clone() else {
        return Err(ApiError::new(ErrorCode::InvalidPlatformApiKey, "this is not the key of a workspace").into());
    };
    let (now, session_id) = (tx.now, tx.rng.uuid());
    let session = Session {
        account_id: NO_ACCOUNT,
        session_id,
        client_type: BROWSER.to_owned(),
        device_label: None,
        created_at: now,
        refreshed_at: now,
        expires_at: now.plus_seconds(rules.session_days * 86_400),
        revoked_at: None,
        key: Some((caller.workspace, key.clone())),
    };
    records::insert_session(tx, &session)?;
    let event = axme_store::audit::AuditEvent {
        trail: caller.workspace,
        id: tx.rng.uuid_at(now),
        at: now,
        actor: caller.actor(),
        action: "auth.sign_in".to_owned(),
        subject: key,
        details: json!({ "session_id": session_id, "client_type": BROWSER }),
    };
    axme_store::audit::insert(tx, &event)?;
    Ok(fresh_refresh(tx, &session)?)
}

/// Finds the session of a cookie, if it has not ended and belongs to a person.
pub fn find(tx: &mut Tx<'_>, token: &str) -> Result<Option<BrowserSession>, StoreError> {
    let Some(session) = find_any(tx, token)? else { return Ok(None) };
    let account = records::find(tx, session.account_id)?;
    Ok(account.map(|account| BrowserSession { account, session_id: session.session_id }))
}

/// Finds the session of a cookie, of a person or of a key, if it has not ended.
fn find_any(tx: &mut Tx<'_>, token: &str) -> Result<Option<Session>, StoreError> {
    let now = tx.now;
    let Some(known) = records::find_refresh(tx, &hash(token))? else { return Ok(None) };
    let session = records::find_session(tx, known.session_id)?;
    Ok(session.filter(|session| {
        session.client_type == BROWSER
            && session.revoked_at.is_none()
            && now < session.expires_at
            && known.used_at.is_none()
    }))
}

/// Ends the session of a cookie, of a person or of a key. An unknown one has ended already.
pub fn end(tx: &mut Tx<'_>, token: &str) -> Result<(), StoreError> {
    let now = tx.now;
    if let Some(session) = find_any(tx, token)? {
        records::revoke_session(tx, session.account_id, session.session_id, now)?;
    }
    Ok(())
}

/// The person or the key that acts through a session.
enum Holder {
    Person(BrowserSession),
    /// The hash of a key.
    Key(Vec<u8>),
}

/// Identifies the caller of a cookie: its person in their workspace, or the key that the session began with.
pub(crate) async fn identify(keys: &Keys, store: &Store, token: &str, now: Time) -> Result<Arc<Caller>> {
    let token = token.to_owned();
    let look = move |tx: &mut Tx<'_>| -> Result<Option<Holder>, StoreError> {
        let Some(session) = find_any(tx, &token)? else { return Ok(None) };
        if session.account_id != NO_ACCOUNT {
            let account = records::find(tx, session.account_id)?;
            let of = |account| Holder::Person(BrowserSession { account, session_id: session.session_id });
            return Ok(account.map(of));
        }
        let Some((workspace, key)) = session.key else { return Ok(None) };
        Ok(service_accounts::key_hash(tx, workspace, &key)?.map(Holder::Key))
    };
    let ended = || ApiError::new(ErrorCode::InvalidActorToken, "the session has ended: sign in again");
    match store.read(look).await?.ok_or_else(ended)? {
        Holder::Person(session) => keys.of_browser(store, session.account, session.session_id, now).await,
        Holder::Key(hash) => keys.of_key_hash(store, &hash, now).await,
    }
}

/// Returns the token that every form of a session carries. Another site cannot know it.
pub fn csrf(token: &str) -> String {
    let digest: [u8; 32] = Sha256::new().chain_update(b"axme csrf v1\0").chain_update(token).finalize().into();
    axme_store::hex(&digest)
}

/// True for the token of the session's forms. Compares in constant time.
pub fn is_csrf(token: &str, given: &str) -> bool {
    subtle::ConstantTimeEq::ct_eq(csrf(token).as_bytes(), given.as_bytes()).into()
}
