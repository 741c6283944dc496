//! Sessions of browsers: a cookie that holds a token of a login session. It ends with its session, so a person sees and
//! revokes it among the others.

use axme_store::person_accounts::Account;
use axme_store::{Tx, person_accounts as records};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::hash;
use super::sign_in::{Client, SessionOrigin, SignInRules, enter};
use crate::error::{Result, StoreError};

/// The `client_type` of these sessions.
pub const BROWSER: &str = "browser";

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

/// Finds the session of a cookie, if it has not ended.
pub fn find(tx: &mut Tx<'_>, token: &str) -> Result<Option<BrowserSession>, StoreError> {
    let now = tx.now;
    let Some(known) = records::find_refresh(tx, &hash(token))? else { return Ok(None) };
    let session = records::find_session(tx, known.session_id)?;
    let session = session.filter(|session| {
        session.client_type == BROWSER
            && session.revoked_at.is_none()
            && now < session.expires_at
            && known.used_at.is_none()
    });
    let Some(session) = session else { return Ok(None) };
    let account = records::find(tx, session.account_id)?;
    Ok(account.map(|account| BrowserSession { account, session_id: session.session_id }))
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
