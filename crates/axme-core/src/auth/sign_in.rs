//! The beginning of a session, with which every way to sign in ends. [`enter`] creates it in a transaction;
//! [`signed_in`] signs its access token afterwards.

use axme_api::auth::{SignInAnswer, TokenType};
use axme_api::{ApiError, ErrorCode};
use axme_intent::Time;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::keys::{FreshKey, fresh_key, hash};
use super::membership;
use super::tokens::{Person, TOKEN_SECONDS};
use crate::error::{Error, Result, StoreError};
use crate::input::check_chars;
use crate::seal;
use crate::state::AppState;
use axme_store::person_accounts::{Account, Key, Session};
use axme_store::service_accounts::{AccountRole, NewKey, ServiceAccount};
use axme_store::{Rng, Tx, person_accounts as records, service_accounts};

/// The `client_type` of a session that an exchange token began.
pub(crate) const DASHBOARD: &str = "dashboard";

/// The workspace in which a session begins.
#[derive(Debug, Clone)]
pub enum SessionOrigin {
    /// The person's own workspace.
    Home,
    /// The person's own workspace, with a new key for it.
    HomeWithKey,
    /// A named workspace. If the session comes from a key, it ends with the key.
    OfKey(Uuid, Option<Key>),
}

/// A new session, with the secrets that are shown once.
#[derive(Serialize, Deserialize)]
pub struct NewSession {
    person: Person,
    refresh_token: String,
    api_key: Option<String>,
    org: Option<Uuid>,
    workspace: Option<Uuid>,
}

impl NewSession {
    /// Returns the token that continues the session.
    pub(crate) fn into_token(self) -> String {
        self.refresh_token
    }

    pub(crate) fn person(&self) -> &Person {
        &self.person
    }

    pub(crate) fn refresh_token(&self) -> &str {
        &self.refresh_token
    }

    /// Encrypts the session under a secret that only its program knows.
    pub(crate) fn seal(&self, rng: &Rng, secret: &str) -> Option<Vec<u8>> {
        seal::seal(rng, secret, SEALED_SESSION, &serde_json::to_string(self).ok()?)
    }

    /// Decrypts a sealed session.
    pub(crate) fn open(secret: &str, sealed: &[u8]) -> Option<NewSession> {
        serde_json::from_str(&seal::open(secret, SEALED_SESSION, sealed)?).ok()
    }
}

/// The name of the sealed thing, so that no other sealed text passes for it.
const SEALED_SESSION: &str = "session of a grant";

/// Begins a session. Without open sign-up, refuses a person without any membership.
pub fn enter(
    tx: &mut Tx<'_>,
    rules: SignInRules,
    account: &Account,
    client: &Client,
    origin: SessionOrigin,
) -> Result<NewSession> {
    let rng = tx.rng;
    let now = tx.now;
    if !rules.may_anybody && !records::is_member(tx, &account.email)? {
        return Err(outside(&account.email));
    }
    let session = Session {
        account_id: account.account_id,
        session_id: rng.uuid(),
        client_type: client.kind.clone(),
        device_label: client.label.clone(),
        created_at: now,
        refreshed_at: now,
        expires_at: now.plus_seconds(rules.session_days * 86_400),
        revoked_at: None,
        key: match &origin {
            SessionOrigin::OfKey(_, key) => key.clone(),
            _ => None,
        },
    };
    records::insert_session(tx, &session)?;
    let refresh_token = fresh_refresh(tx, &session)?;
    let memberships = records::memberships(tx, &account.email)?;
    let mut account = account.clone();
    if let SessionOrigin::OfKey(workspace, _) = &origin {
        account.selected_workspace = Some(*workspace);
    }
    let home = membership::home(tx, &account, &memberships)?;
    if let Some((_, workspace)) = &home
        && account.selected_workspace != Some(workspace.workspace_id)
    {
        account.selected_workspace = Some(workspace.workspace_id);
        records::select_workspace(tx, account.account_id, workspace.workspace_id)?;
    }
    let api_key = match (&home, origin) {
        (Some((org, workspace)), SessionOrigin::HomeWithKey) => {
            Some(fresh_login_key(tx, rules, &account, (org.org_id, workspace.workspace_id))?)
        }
        _ => None,
    };
    if let Some((_, workspace)) = &home {
        let line = json!({ "session_id": session.session_id, "client_type": client.kind });
        audit(tx, workspace.workspace_id, &account.email, "auth.sign_in", &line)?;
    }
    Ok(NewSession {
        person: Person { account_id: account.account_id, session_id: session.session_id, email: account.email.clone() },
        refresh_token,
        api_key,
        org: home.as_ref().map(|(org, _)| org.org_id),
        workspace: home.as_ref().map(|(_, workspace)| workspace.workspace_id),
    })
}

/// Writes an audit event about a person who has no key in the workspace yet.
pub fn audit(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    actor: &str,
    action: &str,
    details: &serde_json::Value,
) -> Result<(), StoreError> {
    let rng = tx.rng;
    let now = tx.now;
    let event = axme_store::audit::AuditEvent {
        trail: workspace,
        id: rng.uuid_at(now),
        at: now,
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: actor.to_owned(),
        details: details.clone(),
    };
    axme_store::audit::insert(tx, &event)
}

/// The prefix of refresh tokens.
const REFRESH: &str = "axme_rt_";

/// Creates the first refresh token of a session.
pub(super) fn fresh_refresh(tx: &mut Tx<'_>, session: &Session) -> Result<String, StoreError> {
    let rng = tx.rng;
    let now = tx.now;
    let token = format!("{REFRESH}{}", rng.hex::<32>());
    records::insert_refresh(tx, &hash(&token), session.session_id, now, session.expires_at)?;
    Ok(token)
}

/// Uses a refresh token up and creates the next one.
pub(crate) fn next_refresh(tx: &mut Tx<'_>, token: &str, session: &Session) -> Result<String, StoreError> {
    let (nonce, now): ([u8; 32], Time) = (tx.rng.bytes(), tx.now);
    let next = refresh_after(token, &nonce);
    records::use_refresh(tx, &hash(token), now, &nonce)?;
    records::insert_refresh(tx, &hash(&next), session.session_id, now, session.expires_at)?;
    Ok(next)
}

/// Derives the token after a used one. It takes the used token and the stored nonce: the database alone gives no token.
pub(crate) fn refresh_after(token: &str, nonce: &[u8]) -> String {
    let digest = Sha256::new().chain_update(b"axme next refresh token v1\0").chain_update(nonce).chain_update(token);
    let bytes: [u8; 32] = digest.finalize().into();
    format!("{REFRESH}{}", axme_store::hex(&bytes))
}

/// Creates a key for a person in a workspace. It always has the person's current role there.
fn fresh_login_key(
    tx: &mut Tx<'_>,
    rules: SignInRules,
    account: &Account,
    (org, workspace): (Uuid, Uuid),
) -> Result<String, StoreError> {
    let rng = tx.rng;
    let now = tx.now;
    let id = match service_accounts::find_login_account(tx, workspace, &account.email)? {
        Some(id) => id,
        None => {
            let holder = ServiceAccount {
                name: format!("login of {}", account.email),
                display_name: account.display_name.clone(),
                role: AccountRole::Login,
                ..ServiceAccount::of_owner(rng.uuid_at(now), org, workspace, &account.email, now)
            };
            service_accounts::insert_service_account(tx, &holder)?;
            holder.service_account_id
        }
    };
    let FreshKey { token, hash, hint } = fresh_key(rng, &id);
    let key = NewKey {
        workspace,
        key_id: &format!("sak_{}", rng.uuid_at(now).simple()),
        service_account_id: &id,
        hash: &hash,
        hint: &hint,
        created_by: &account.email,
        created_at: now,
        expires_at: Some(now.plus_seconds(rules.key_days * 86_400)),
    };
    service_accounts::insert_key(tx, &key)?;
    Ok(token)
}

/// Signs the access token of a new session and builds the answer.
pub async fn signed_in(app: &AppState, now: Time, session: NewSession) -> Result<SignInAnswer> {
    let access_token = app.keys.signer.sign(&app.store, &app.system.rng, now, &session.person).await?;
    Ok(SignInAnswer {
        ok: true,
        account_session_token: access_token.clone(),
        access_token,
        refresh_token: session.refresh_token,
        expires_in: TOKEN_SECONDS,
        token_type: TokenType::Bearer,
        session_id: session.person.session_id.into(),
        api_key: session.api_key,
        org_id: session.org.map(Into::into),
        workspace_id: session.workspace.map(Into::into),
    })
}

/// The program that signs in.
#[derive(Debug, Clone)]
pub struct Client {
    pub kind: String,
    pub label: Option<String>,
}

impl Client {
    /// Reads the program from the request or, by default, from its `x-axme-client` header.
    pub fn read(kind: Option<String>, label: Option<String>, header: &str) -> Result<Client> {
        check_chars("client_type", kind.as_deref(), 1, 32)?;
        check_chars("device_label", label.as_deref(), 1, 120)?;
        // Only an exchange token begins such a session.
        if kind.as_deref() == Some(DASHBOARD) {
            return Err(ApiError::invalid("client_type: \"dashboard\" is reserved; choose another").into());
        }
        let told = match header {
            client if client.starts_with("axme-cli/") => "cli",
            client if client.starts_with("axme-sdk-") => "sdk",
            _ => "api",
        };
        Ok(Client { kind: kind.unwrap_or_else(|| told.to_owned()), label })
    }
}

/// The server's settings for sign-ins.
#[derive(Debug, Clone, Copy)]
pub struct SignInRules {
    pub may_anybody: bool,
    pub session_days: u64,
    pub key_days: u64,
}

impl SignInRules {
    pub fn of(app: &AppState) -> SignInRules {
        SignInRules {
            may_anybody: app.site.sign_up,
            session_days: app.limits.session_days,
            key_days: app.limits.login_key_days,
        }
    }
}

pub fn outside(email: &str) -> Error {
    let message = format!("{email} is outside actor membership scope: ask an owner of an organization here to add you");
    ApiError::new(ErrorCode::SignUpClosed, message).into()
}
