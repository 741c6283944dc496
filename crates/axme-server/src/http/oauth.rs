//! OAuth for clients of the Model Context Protocol: the metadata, registration, the pages, tokens and revocation.
//!
//! Opening a page stores nothing and signs nobody in. No cookie is set: each step carries what the next one needs, so no
//! other site can take a step in the person's name.

use std::fmt::Display;

use askama::Template;
use axme_api::{Scope, oauth as api};
use axme_core::auth::oauth::consent::{self, AskedConsent, AuthorizeFault, AuthorizeFields};
use axme_core::auth::oauth::exchange::{self, TokenFields};
use axme_core::auth::oauth::{OauthError, clients, resource};
use axme_core::auth::sign_in::SignInRules;
use axme_core::error::{Error, Result};
use axme_core::ops::logins::{self as ops, GrantQuery};
use axme_core::state::AppState;
use axme_store::{Shard, Tx};
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::routing::{get, post};
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

use super::extract::{field, meta, query, read_public_body};
use super::form::FormFields;
use super::letterhead::Letterhead;
use super::login::{provider, read_form};
use super::page_state::PageState;
use super::pages::{Page, message, page, sent_leading_to, told};
use super::{Gateway, refusal};

type State = PageState;

pub fn routes() -> Router<Gateway> {
    Router::new()
        .route(api::RESOURCE.path, get(describe_resource))
        .route(api::RESOURCE_OF_ENDPOINT.path, get(describe_resource))
        .route(api::SERVER.path, get(describe_server))
        .route(api::REGISTER.path, post(register).options(preflight))
        .route(api::AUTHORIZE.path, get(authorize).post(authorize_step))
        .route(api::TOKEN.path, post(token).options(preflight))
        .route(api::REVOKE.path, post(revoke).options(preflight))
}

/// Says where a client finds out how to sign in (RFC 9728). Clients ask for the scopes that are named here, so all are:
/// the person chooses among them, and deciding is not chosen by default.
pub(super) fn challenge(app: &AppState, headers: &mut HeaderMap) {
    let place = format!("{}{}", app.site.base_url, api::RESOURCE_OF_ENDPOINT.path);
    let scopes = consent::names(Scope::ALL);
    let told = HeaderValue::from_str(&format!("Bearer resource_metadata=\"{place}\", scope=\"{scopes}\""));
    if let Ok(told) = told {
        headers.insert(header::WWW_AUTHENTICATE, told);
    }
}

async fn describe_resource(app: State) -> Response<Body> {
    let described = json!({
        "resource": resource(&app.site.base_url),
        "resource_name": "AXME",
        "authorization_servers": [app.site.base_url],
        "scopes_supported": Scope::WORDS,
        "bearer_methods_supported": ["header"],
    });
    answer(200, &described)
}

async fn describe_server(app: State) -> Response<Body> {
    let base = &app.site.base_url;
    let described = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}{}", api::AUTHORIZE.path),
        "token_endpoint": format!("{base}{}", api::TOKEN.path),
        "registration_endpoint": format!("{base}{}", api::REGISTER.path),
        "revocation_endpoint": format!("{base}{}", api::REVOKE.path),
        "jwks_uri": format!("{base}{}", axme_api::auth::KEYS.path),
        "scopes_supported": Scope::WORDS,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": true,
        "authorization_response_iss_parameter_supported": true,
    });
    answer(200, &described)
}

async fn preflight() -> Response<Body> {
    let mut response = answer(200, &json!({}));
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers
        .insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, mcp-protocol-version"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

async fn register(app: State, request: HttpRequest) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let source = meta(&app, &parts).source_ip;
    if let Err(error) = clients::admit_registration(&app, source) {
        return refusal(&error.into_api());
    }
    let registered = async {
        let body = read_public_body(&app, source, body).await.map_err(unreadable)?;
        clients::register(&app, &body).await
    };
    match registered.await {
        Ok(client) => answer(201, &client),
        Err(error) => refused(&error),
    }
}

async fn token(app: State, request: HttpRequest) -> Response<Body> {
    let exchanged = async {
        let form = fields_of(&app, request).await?;
        let text = |name: &str| form.get(name).to_owned();
        let fields = TokenFields {
            grant_type: text("grant_type"),
            client_id: text("client_id"),
            code: text("code"),
            redirect_uri: text("redirect_uri"),
            code_verifier: text("code_verifier"),
            refresh_token: text("refresh_token"),
            resource: text("resource"),
        };
        exchange::tokens(&app, &fields).await
    };
    match exchanged.await {
        Ok(tokens) => answer(200, &tokens),
        Err(error) => refused(&error),
    }
}

async fn revoke(app: State, request: HttpRequest) -> Response<Body> {
    let ended = async {
        let form = fields_of(&app, request).await?;
        exchange::revoke(&app, form.get("token")).await.map_err(OauthError::from)
    };
    match ended.await {
        Ok(()) => answer(200, &json!({})),
        Err(error) => refused(&error),
    }
}

async fn fields_of(app: &AppState, request: HttpRequest) -> Result<FormFields, OauthError> {
    read_form(app, request).await.map_err(unreadable)
}

fn unreadable(error: Error) -> OauthError {
    OauthError::new("invalid_request", error.into_api().message)
}

/// Returns an answer that any page may read: it holds nothing that a browser would add by itself.
fn answer(status: u16, body: &Value) -> Response<Body> {
    let mut response = super::json(status, body.to_string().into_bytes());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn refused(error: &OauthError) -> Response<Body> {
    let status = match error.code {
        "invalid_client" => 401,
        "server_error" => 500,
        "temporarily_unavailable" => 503,
        _ => 400,
    };
    answer(status, &json!({ "error": error.code, "error_description": error.description }))
}

async fn authorize(app: State, request: HttpRequest) -> Response<Body> {
    let fields = authorize_fields(&query(request.uri().query()));
    show(&app, begin(&app, &fields).await)
}

async fn authorize_step(app: State, request: HttpRequest) -> Response<Body> {
    show(&app, step(&app, request).await)
}

/// The next thing that the browser shows.
enum Next {
    Page(Page),
    /// The consent, whose answer leads to the client.
    Consent(Page, String),
    /// The client's own address.
    Client(String),
}

fn show(app: &PageState, next: Result<Next>) -> Response<Body> {
    match next {
        Ok(Next::Page(page)) => sent_leading_to(app, Ok(page), ""),
        Ok(Next::Consent(page, uri)) => sent_leading_to(app, Ok(page), &uri),
        Ok(Next::Client(uri)) => {
            let mut response = sent_leading_to(app, Ok(Page(303, String::new())), &uri);
            response.headers_mut().extend(HeaderValue::from_str(&uri).ok().map(|uri| (header::LOCATION, uri)));
            response
        }
        Err(error) => sent_leading_to(app, Err(error), ""),
    }
}

/// The head of these pages, from which the files are beside.
fn head(app: &PageState) -> Letterhead {
    Letterhead::from(app, "../app/")
}

fn authorize_fields(fields: &[(String, String)]) -> AuthorizeFields {
    let text = |name: &str| field(fields, name);
    AuthorizeFields {
        response_type: text("response_type"),
        client_id: text("client_id"),
        redirect_uri: text("redirect_uri"),
        state: text("state"),
        scope: text("scope"),
        resource: text("resource"),
        code_challenge: text("code_challenge"),
        code_challenge_method: text("code_challenge_method"),
    }
}

#[derive(Template)]
#[template(path = "oauth_sign_in.html")]
struct SignInPage<'a> {
    head: Letterhead,
    client: &'a str,
    /// The parameters of the request, which each step repeats.
    fields: Vec<(&'static str, &'a str)>,
    email: &'a str,
    /// The sign-in that the mailed code belongs to; empty before the mail.
    intent_id: &'a str,
    /// The secret id of the grant that a link in the mail, or the provider, approves.
    grant_id: &'a str,
    /// The code with which the provider signs the person in for the grant; empty for a sign-in by mail.
    user_code: &'a str,
    provider: String,
    error: String,
}

fn repeated(fields: &AuthorizeFields) -> Vec<(&'static str, &str)> {
    vec![
        ("response_type", &fields.response_type),
        ("client_id", &fields.client_id),
        ("redirect_uri", &fields.redirect_uri),
        ("state", &fields.state),
        ("scope", &fields.scope),
        ("resource", &fields.resource),
        ("code_challenge", &fields.code_challenge),
        ("code_challenge_method", &fields.code_challenge_method),
    ]
}

/// Shows the first page, or sends the browser back to the client with what is wrong.
async fn begin(app: &PageState, fields: &AuthorizeFields) -> Result<Next> {
    let asked = match consent::check(app, fields).await {
        Ok(asked) => asked,
        Err(fault) => return refuse(app, fault),
    };
    Ok(Next::Page(sign_in(app, fields, &asked.client.name, 200, SignIn::default())?))
}

fn refuse(app: &PageState, fault: AuthorizeFault) -> Result<Next> {
    match fault {
        AuthorizeFault::Redirect(uri) => Ok(Next::Client(uri)),
        AuthorizeFault::Page(error) => {
            let status = if error.code == "temporarily_unavailable" { 503 } else { 400 };
            // The description is for the author of the program, in English as the protocol has it.
            let sentences: [&dyn Display; 2] = [&error.description, &app.say("connect-restart")];
            Ok(Next::Page(message(app, status, app.say("connect-not-possible"), &sentences)?))
        }
    }
}

/// The contents of the sign-in page beside the client.
#[derive(Default)]
struct SignIn<'a> {
    email: &'a str,
    intent_id: &'a str,
    grant_id: &'a str,
    user_code: &'a str,
    error: String,
}

fn sign_in(app: &PageState, fields: &AuthorizeFields, client: &str, status: u16, shown: SignIn<'_>) -> Result<Page> {
    let SignIn { email, intent_id, grant_id, user_code, error } = shown;
    let (fields, provider) = (repeated(fields), provider(app));
    page(
        status,
        &SignInPage { head: head(app), client, fields, email, intent_id, grant_id, user_code, provider, error },
    )
}

async fn step(app: &PageState, request: HttpRequest) -> Result<Next> {
    let form = read_form(app, request).await?;
    if !form.get("consent").is_empty() {
        return answer_consent(app, &form).await;
    }
    let pairs: Vec<(String, String)> =
        NAMES.iter().map(|name| ((*name).to_owned(), form.get(name).to_owned())).collect();
    let fields = authorize_fields(&pairs);
    let asked = match consent::check(app, &fields).await {
        Ok(asked) => asked,
        Err(fault) => return refuse(app, fault),
    };
    let again =
        |status: u16, shown: SignIn<'_>| sign_in(app, &fields, &asked.client.name, status, shown).map(Next::Page);
    let (email, grant_id) = (form.get("email"), form.get("grant_id").to_owned());
    if form.get("way") == "provider" && app.site.oidc.is_some() {
        let (grant_id, user_code) = ops::begin_grant(app).await?;
        return again(200, SignIn { grant_id: &grant_id, user_code: &user_code, ..SignIn::default() });
    }
    if grant_id.is_empty() {
        let grant_id = ops::fresh_grant_id(&app.system.rng);
        return match ops::begin(app, email, GrantQuery::New(grant_id.clone())).await {
            Ok(intent) => {
                again(200, SignIn { email, intent_id: &intent.to_string(), grant_id: &grant_id, ..SignIn::default() })
            }
            Err(error) => {
                let error = error.into_api();
                again(error.kind().http_status(), SignIn { email, error: told(app, &error), ..SignIn::default() })
            }
        };
    }
    let (rules, typed) = (SignInRules::of(app), form.get("code").to_owned());
    let intent = Uuid::parse_str(form.get("intent_id")).ok();
    let (known, request) = (grant_id.clone(), asked.request.clone());
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let account = match intent.filter(|_| !typed.trim().is_empty()) {
            Some(id) => {
                let email = ops::use_code(tx, id, &typed)?;
                Some(ops::admit(tx, rules, &email)?)
            }
            // The link in the mail was opened, or the provider has answered.
            None => ops::approver(tx, &known)?,
        };
        account.map(|account| consent::ask(tx, request.clone(), &account)).transpose()
    };
    match app.store.write(Shard::CONTROL, job).await {
        Ok(Some(secret)) => show_consent(app, &secret).await,
        Ok(None) => {
            // The code becomes a part of a link.
            let is_plain = |code: &str| code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let user_code = Some(form.get("user_code")).filter(|code| is_plain(code)).unwrap_or_default();
            let intent_id = form.get("intent_id");
            let error = if user_code.is_empty() { "connect-type-code" } else { "connect-other-window" };
            let error = app.say(error).into();
            again(422, SignIn { email, intent_id, grant_id: &grant_id, user_code, error })
        }
        Err(error) => {
            let error = error.into_api();
            // If the sign-in has expired or was used, start again with the address.
            let is_wrong_code = error.code == axme_api::ErrorCode::InvalidCode;
            let (intent_id, grant_id) =
                if is_wrong_code { (form.get("intent_id"), grant_id.as_str()) } else { ("", "") };
            let shown = SignIn { email, intent_id, grant_id, error: told(app, &error), ..SignIn::default() };
            again(error.kind().http_status(), shown)
        }
    }
}

/// The names of the fields that each step repeats.
const NAMES: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "scope",
    "resource",
    "code_challenge",
    "code_challenge_method",
];

#[derive(Template)]
#[template(path = "oauth_consent.html")]
struct ConsentPage<'a> {
    head: Letterhead,
    client: &'a str,
    /// The host, or the scheme of a program, that gets the access.
    destination: String,
    email: &'a str,
    secret: &'a str,
    workspaces: Vec<WorkspaceChoice>,
    scopes: Vec<ScopeChoice>,
}

struct WorkspaceChoice {
    id: String,
    name: String,
    is_chosen: bool,
}

struct ScopeChoice {
    name: &'static str,
    words: String,
    is_chosen: bool,
}

async fn show_consent(app: &PageState, secret: &str) -> Result<Next> {
    let Some(asked) = consent::find(app, secret).await? else { return Ok(Next::Page(expired(app)?)) };
    let AskedConsent { request, account, workspaces, home } = asked;
    if workspaces.is_empty() {
        let why = app.say("connect-no-workspace").with("email", account.email);
        let sentences: [&dyn Display; 2] = [&why, &app.say("connect-nothing-given")];
        return Ok(Next::Page(message(app, 403, app.say("connect-nothing"), &sentences)?));
    }
    let first = home.filter(|home| workspaces.iter().any(|(_, id, _)| id == home)).or(Some(workspaces[0].1));
    let choice = |(organization, id, name): (String, Uuid, String)| WorkspaceChoice {
        id: id.to_string(),
        name: format!("{name} ({organization})"),
        is_chosen: Some(id) == first,
    };
    let requested = consent::read_scopes(&request.scopes).unwrap_or_default();
    let scope = |scope: Scope| ScopeChoice {
        name: scope.as_str(),
        words: app.say(words(scope)).into(),
        // Deciding is given only by a person who chooses it here.
        is_chosen: scope != Scope::TasksDecide,
    };
    let destination = Url::parse(&request.redirect_uri).ok();
    let destination = destination.map(|url| url.host_str().unwrap_or(url.scheme()).to_owned()).unwrap_or_default();
    let shown = page(
        200,
        &ConsentPage {
            head: head(app),
            client: &request.client_name,
            destination,
            email: &account.email,
            secret,
            workspaces: workspaces.into_iter().map(choice).collect(),
            scopes: requested.into_iter().map(scope).collect(),
        },
    )?;
    Ok(Next::Consent(shown, request.redirect_uri))
}

/// Returns the id of the text that says what a client may do with a scope, to the person who gives it.
fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "connect-read",
        Scope::Write => "connect-write",
        Scope::Admin => "connect-admin",
        Scope::TasksDecide => "connect-decide",
    }
}

fn expired(app: &PageState) -> Result<Page> {
    let sentences: [&dyn Display; 2] = [&app.say("connect-expired-why"), &app.say("connect-nothing-given")];
    message(app, 410, app.say("sign-in-expired"), &sentences)
}

async fn answer_consent(app: &PageState, form: &FormFields) -> Result<Next> {
    let secret = form.get("consent");
    let next = match form.get("answer") {
        "allow" => {
            let chosen = |scope: &Scope| !form.get(&format!("scope:{}", scope.as_str())).is_empty();
            let scopes: Vec<Scope> = Scope::ALL.iter().copied().filter(chosen).collect();
            let workspace = Uuid::parse_str(form.get("workspace")).unwrap_or_default();
            consent::allow(app, secret, workspace, &scopes).await?
        }
        _ => consent::deny(app, secret).await?,
    };
    match next {
        Some(uri) => Ok(Next::Client(uri)),
        None => Ok(Next::Page(expired(app)?)),
    }
}
