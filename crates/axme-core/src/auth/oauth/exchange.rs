//! The tokens of a grant: a code is exchanged once, a refresh token once, and both are gone when the person ends the
//! session.

use axme_api::ErrorCode;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{OauthError, check_resource};
use crate::auth::hash;
use crate::auth::sign_in::{Client, SessionOrigin, SignInRules, enter};
use crate::auth::tokens::{Person, TOKEN_SECONDS};
use crate::error::{Error, Result};
use crate::ops::login_sessions;
use crate::state::AppState;
use axme_store::oauth::{self as store, Grant};
use axme_store::person_accounts as records;
use axme_store::{Shard, Tx};

/// The shortest and the longest PKCE verifier (RFC 7636).
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;
/// The longest name of a client in the list of sessions.
const MAX_LABEL_CHARS: usize = 100;

/// The fields of a token request, as text.
#[derive(Debug, Clone, Default)]
pub struct TokenFields {
    pub grant_type: String,
    pub client_id: String,
    pub code: String,
    pub redirect_uri: String,
    pub code_verifier: String,
    pub refresh_token: String,
    pub resource: String,
}

/// Answers a token request.
pub async fn tokens(app: &AppState, fields: &TokenFields) -> Result<Value, OauthError> {
    check_resource(&app.site.base_url, &fields.resource)?;
    let (person, grant, refresh_token) = match fields.grant_type.as_str() {
        "authorization_code" => by_code(app, fields).await?,
        "refresh_token" => by_refresh_token(app, fields).await?,
        _ => {
            let why = "grant_type: must be authorization_code or refresh_token";
            return Err(OauthError::new("unsupported_grant_type", why));
        }
    };
    let now = app.system.clock.now();
    let access_token = app.keys.signer.sign_grant(&app.store, &app.system.rng, now, &person, &grant).await;
    Ok(json!({
        "access_token": access_token.map_err(OauthError::from)?,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "refresh_token": refresh_token,
        "scope": grant.scopes,
    }))
}

type Granted = (Person, Grant, String);

async fn by_code(app: &AppState, fields: &TokenFields) -> Result<Granted, OauthError> {
    let (hash, now, rules) = (hash(&fields.code), app.system.clock.now(), SignInRules::of(app));
    // An unknown code must not occupy the writer.
    let is_known = app.store.read(move |tx| store::is_code(tx, &hash)).await;
    if !is_known.map_err(|error| OauthError::from(Error::from(error)))? {
        return Err(unknown_code());
    }
    let fields = fields.clone();
    let job = move |tx: &mut Tx<'_>| -> Result<Result<Granted, OauthError>> {
        let Some(code) = store::lock_code(tx, &hash)? else { return Ok(Err(unknown_code())) };
        if let Some(session) = code.session_id {
            // Two parties hold the code. Neither may keep what it gave.
            records::revoke_session(tx, code.account_id, session, now)?;
            let why = "code: it was used before, so its grant was ended; sign in again";
            return Ok(Err(OauthError::invalid_grant(why)));
        }
        let request = &code.request;
        if now >= code.expires_at || request.client_id != fields.client_id {
            return Ok(Err(unknown_code()));
        }
        if request.redirect_uri != fields.redirect_uri {
            return Ok(Err(OauthError::invalid_grant("redirect_uri: must be that of the authorization request")));
        }
        if !fits(&request.challenge, &fields.code_verifier) {
            return Ok(Err(OauthError::invalid_grant("code_verifier: does not fit the code_challenge")));
        }
        let Some(account) = records::find(tx, code.account_id)? else { return Ok(Err(unknown_code())) };
        let label: String = request.client_name.chars().take(MAX_LABEL_CHARS).collect();
        let client = Client { kind: format!("{}{label}", login_sessions::ASSISTANT), label: Some(label) };
        let session = enter(tx, rules, &account, &client, SessionOrigin::OfKey(code.workspace, None))?;
        let grant = Grant {
            session_id: session.person().session_id,
            client_id: request.client_id.clone(),
            workspace: code.workspace,
            scopes: request.scopes.clone(),
            created_at: now,
        };
        store::insert_grant(tx, &grant)?;
        store::use_code(tx, &hash, grant.session_id)?;
        Ok(Ok((session.person().clone(), grant, session.refresh_token().to_owned())))
    };
    app.store.write(Shard::CONTROL, job).await.map_err(OauthError::from)?
}

fn unknown_code() -> OauthError {
    OauthError::invalid_grant("code: unknown, expired, or of another client; sign in again")
}

/// Returns true if a verifier is the one whose SHA-256 is the challenge.
fn fits(challenge: &str, verifier: &str) -> bool {
    let hashed = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    VERIFIER_CHARS.contains(&verifier.len()) && bool::from(hashed.as_bytes().ct_eq(challenge.as_bytes()))
}

async fn by_refresh_token(app: &AppState, fields: &TokenFields) -> Result<Granted, OauthError> {
    let client_id = fields.client_id.clone();
    let check = move |tx: &mut Tx<'_>, session| -> Result<Option<Grant>> {
        Ok(store::find_grant(tx, session)?.filter(|grant| grant.client_id == client_id))
    };
    let rotated = login_sessions::rotate(app, &fields.refresh_token, check).await;
    let (person, refresh_token, grant) = rotated.map_err(|error| match error {
        Error::Api(error) if matches!(error.code, ErrorCode::InvalidRefreshToken | ErrorCode::RefreshTokenReused) => {
            OauthError::invalid_grant(error.message)
        }
        error => OauthError::from(error),
    })?;
    Ok((person, grant, refresh_token))
}

/// Ends the grant of a token, as RFC 7009 has it. An unknown token is ignored.
pub async fn revoke(app: &AppState, token: &str) -> Result<()> {
    let now = app.system.clock.now();
    let by_access = match app.keys.signer.read_grant(&app.store, token, now).await? {
        Ok(claims) => Some(claims.sid),
        Err(_) => None,
    };
    let hash = hash(token);
    let find = move |tx: &mut Tx<'_>| -> Result<_> {
        let session = match by_access {
            Some(session) => Some(session),
            None => records::find_refresh(tx, &hash)?.map(|token| token.session_id),
        };
        let Some(session) = session else { return Ok(None) };
        // A session of the person's own is ended elsewhere.
        if store::find_grant(tx, session)?.is_none() {
            return Ok(None);
        }
        Ok(records::find_session(tx, session)?)
    };
    let Some(session) = app.store.read(find).await? else { return Ok(()) };
    let end = move |tx: &mut Tx<'_>| records::revoke_session(tx, session.account_id, session.session_id, tx.now);
    app.store.write(Shard::CONTROL, end).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    #[test]
    fn a_verifier_fits_its_challenge_only() {
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(fits(challenge, verifier));
        assert!(!fits(challenge, &verifier.replace('X', "Y")));
        assert!(!fits(challenge, challenge));
        assert!(!fits(challenge, ""));
    }
}
