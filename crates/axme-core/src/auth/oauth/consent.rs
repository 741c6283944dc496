//! The request of a client, the person's consent to it, and the code that the client gets.

use axme_api::Scope;
use axme_intent::Time;
use uuid::Uuid;

use super::clients::{self, KnownClient};
use super::{OauthError, check_resource};
use crate::auth::membership::{self, Belonging};
use crate::auth::{Role, hash};
use crate::error::Result;
use crate::state::AppState;
use axme_store::oauth::{self as store, Code, Consent, Request};
use axme_store::person_accounts::{self as records, Account};
use axme_store::{Shard, Tx};

/// How long a person may think about the consent.
const CONSENT_SECONDS: u64 = 600;
/// How long a code is valid.
const CODE_SECONDS: u64 = 60;
/// The longest state of a client.
const MAX_STATE_CHARS: usize = 2_000;
/// The length of a SHA-256 in base64url without padding.
const CHALLENGE_CHARS: usize = 43;

/// The parameters of an authorization request, as text.
#[derive(Debug, Clone, Default)]
pub struct AuthorizeFields {
    pub response_type: String,
    pub client_id: String,
    pub redirect_uri: String,
    pub state: String,
    pub scope: String,
    pub resource: String,
    pub code_challenge: String,
    pub code_challenge_method: String,
}

/// Why an authorization request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizeFault {
    /// The client or its redirect URI is unknown, so the person is told on a page.
    Page(OauthError),
    /// The client is told, by a redirect to this URL.
    Redirect(String),
}

/// A request that may go on.
#[derive(Debug, Clone)]
pub struct Authorization {
    pub client: KnownClient,
    pub request: Request,
}

/// Checks an authorization request. Nothing is stored.
pub async fn check(app: &AppState, fields: &AuthorizeFields) -> Result<Authorization, AuthorizeFault> {
    let client = clients::find(app, &fields.client_id).await.map_err(AuthorizeFault::Page)?;
    let uri = match (fields.redirect_uri.as_str(), client.redirect_uris.as_slice()) {
        ("", [only]) => only.clone(),
        (uri, _) if client.redirects_to(uri) => uri.to_owned(),
        _ => {
            let why = "redirect_uri: not one that the program has registered; another program may have sent you here";
            return Err(AuthorizeFault::Page(OauthError::invalid_request(why)));
        }
    };
    let mut request = Request {
        client_id: client.client_id.clone(),
        client_name: client.name.clone(),
        redirect_uri: uri,
        challenge: fields.code_challenge.clone(),
        state: fields.state.clone(),
        scopes: String::new(),
    };
    let scopes = check_fields(app, fields)
        .map_err(|error| AuthorizeFault::Redirect(refusal_url(&request, &app.site.base_url, &error)))?;
    request.scopes = names(&scopes);
    Ok(Authorization { client, request })
}

fn check_fields(app: &AppState, fields: &AuthorizeFields) -> Result<Vec<Scope>, OauthError> {
    if fields.response_type != "code" {
        return Err(OauthError::new("unsupported_response_type", "response_type: must be code"));
    }
    if fields.code_challenge_method != "S256" {
        return Err(OauthError::invalid_request("code_challenge_method: must be S256"));
    }
    let is_base64url = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if fields.code_challenge.len() != CHALLENGE_CHARS || !is_base64url(&fields.code_challenge) {
        return Err(OauthError::invalid_request("code_challenge: must be a SHA-256 in base64url"));
    }
    if fields.state.chars().count() > MAX_STATE_CHARS {
        return Err(OauthError::invalid_request(format!("state: at most {MAX_STATE_CHARS} characters")));
    }
    check_resource(&app.site.base_url, &fields.resource)?;
    read_scopes(&fields.scope)
}

/// Reads the names of scopes. Without any, all but deciding are meant. `offline_access`, which some clients add, has no
/// meaning here: every grant has a refresh token.
pub fn read_scopes(text: &str) -> Result<Vec<Scope>, OauthError> {
    let mut scopes = Vec::new();
    for name in text.split_whitespace().filter(|name| *name != "offline_access") {
        let Some(scope) = Scope::parse(name) else {
            let known = names(Scope::ALL);
            return Err(OauthError::new("invalid_scope", format!("scope: the scopes here are {known}")));
        };
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() {
        scopes = Scope::ALL.iter().copied().filter(|scope| *scope != Scope::TasksDecide).collect();
    }
    Ok(scopes)
}

/// Writes scopes as one text.
pub fn names(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

/// Stores that a person has signed in for a request. Returns the secret with which the page is answered.
pub fn ask(tx: &mut Tx<'_>, request: Request, account: &Account) -> Result<String> {
    let secret = tx.rng.hex::<32>();
    let consent = Consent { request, account_id: account.account_id, expires_at: tx.now.plus_seconds(CONSENT_SECONDS) };
    store::insert_consent(tx, &hash(&secret), &consent)?;
    Ok(secret)
}

/// A consent that a person is asked for.
pub struct AskedConsent {
    pub request: Request,
    pub account: Account,
    /// The workspaces that the person may give access to, with the names of their organizations.
    pub workspaces: Vec<(String, Uuid, String)>,
    /// The workspace in which the person works.
    pub home: Option<Uuid>,
}

/// Finds a consent by its secret. `None` if it is unknown, answered or expired.
pub async fn find(app: &AppState, secret: &str) -> Result<Option<AskedConsent>> {
    let (hash, now) = (hash(secret), app.system.clock.now());
    let look = move |tx: &mut Tx<'_>| -> Result<_> { look_at(tx, &hash, now) };
    app.store.read(look).await
}

fn look_at(tx: &mut Tx<'_>, hash: &[u8], now: Time) -> Result<Option<AskedConsent>> {
    let Some(consent) = store::find_consent(tx, hash)?.filter(|consent| now < consent.expires_at) else {
        return Ok(None);
    };
    let Some(account) = records::find(tx, consent.account_id)? else { return Ok(None) };
    let memberships = records::memberships(tx, &account.email)?;
    let home = membership::home(tx, &account, &memberships)?.map(|(_, workspace)| workspace.workspace_id);
    let mut workspaces = Vec::new();
    for Belonging { organization, workspaces: theirs } in membership::belongings(tx, &memberships)? {
        for workspace in theirs {
            // A role without access to intents has nothing to give.
            let role = membership::role_in(&memberships, organization.org_id, workspace.workspace_id);
            if role.is_some_and(|role| role != Role::Visitor) {
                workspaces.push((organization.name.clone(), workspace.workspace_id, workspace.name.clone()));
            }
        }
    }
    Ok(Some(AskedConsent { request: consent.request, account, workspaces, home }))
}

/// Records the consent to a workspace and to some of the requested scopes. Returns the URL of the client, with the code; no
/// scope at all is a refusal. `None` if the consent is unknown, answered or expired, or if the person may not give access to the workspace.
pub async fn allow(app: &AppState, secret: &str, workspace: Uuid, scopes: &[Scope]) -> Result<Option<String>> {
    if scopes.is_empty() {
        return deny(app, secret).await;
    }
    let (given, hash) = (scopes.to_vec(), hash(secret));
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let now = tx.now;
        let Some(asked) = look_at(tx, &hash, now)? else { return Ok(None) };
        let may_give = asked.workspaces.iter().any(|(_, id, _)| *id == workspace);
        if !may_give || !store::take_consent(tx, &hash)? {
            return Ok(None);
        }
        let code = format!("axme_code_{}", tx.rng.hex::<32>());
        let requested = read_scopes(&asked.request.scopes).unwrap_or_default();
        let given: Vec<Scope> = given.iter().copied().filter(|scope| requested.contains(scope)).collect();
        let request = Request { scopes: names(&given), ..asked.request };
        let kept = Code {
            request: request.clone(),
            account_id: asked.account.account_id,
            workspace,
            expires_at: now.plus_seconds(CODE_SECONDS),
            session_id: None,
        };
        store::insert_code(tx, &crate::auth::hash(&code), &kept)?;
        store::touch_client(tx, &request.client_id, now)?;
        Ok(Some((request, code)))
    };
    let allowed = app.store.write(Shard::CONTROL, job).await?;
    Ok(allowed.map(|(request, code)| answer_url(&request, &app.site.base_url, &[("code", &code)])))
}

/// Records that the person gives nothing. Returns the URL of the client; `None` as for [`allow`].
pub async fn deny(app: &AppState, secret: &str) -> Result<Option<String>> {
    let hash = hash(secret);
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let found = store::find_consent(tx, &hash)?;
        Ok(found.filter(|_| store::take_consent(tx, &hash).is_ok_and(|taken| taken)))
    };
    let denied = OauthError::new("access_denied", "the person did not agree");
    let consent = app.store.write(Shard::CONTROL, job).await?;
    Ok(consent.map(|consent| refusal_url(&consent.request, &app.site.base_url, &denied)))
}

fn refusal_url(request: &Request, issuer: &str, error: &OauthError) -> String {
    answer_url(request, issuer, &[("error", error.code), ("error_description", &error.description)])
}

/// Adds an answer to the redirect URI of a client, with its state and the issuer (RFC 9207).
fn answer_url(request: &Request, issuer: &str, fields: &[(&str, &str)]) -> String {
    let Ok(mut url) = url::Url::parse(&request.redirect_uri) else { return request.redirect_uri.clone() };
    {
        let mut pairs = url.query_pairs_mut();
        pairs.extend_pairs(fields);
        if !request.state.is_empty() {
            pairs.append_pair("state", &request.state);
        }
        pairs.append_pair("iss", issuer);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_never_include_deciding_by_default() {
        let by_default = read_scopes("").unwrap();
        assert!(!by_default.is_empty() && !by_default.contains(&Scope::TasksDecide));
        assert_eq!(read_scopes("offline_access").unwrap(), by_default);
        assert_eq!(read_scopes("tasks:decide tasks:decide").unwrap(), [Scope::TasksDecide]);
        assert_eq!(read_scopes("everything").unwrap_err().code, "invalid_scope");
    }

    #[test]
    fn an_answer_keeps_the_query_of_the_redirect_uri() {
        let request = Request {
            client_id: "c".into(),
            client_name: "C".into(),
            redirect_uri: "https://a.example/cb?x=1".into(),
            challenge: String::new(),
            state: "s&t".into(),
            scopes: String::new(),
        };
        let url = answer_url(&request, "https://axme.example", &[("code", "abc")]);
        assert_eq!(url, "https://a.example/cb?x=1&code=abc&state=s%26t&iss=https%3A%2F%2Faxme.example");
    }
}
