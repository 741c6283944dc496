//! OAuth for clients of the Model Context Protocol: the whole way to a call, and every attack that the standards name.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Engine, SITE, Server, code_of, each_engine, id_of};

each_engine! {
    a_client_discovers_registers_and_calls_in_the_name_of_a_person,
    a_code_works_once_and_a_second_use_ends_the_grant,
    a_code_needs_its_verifier_client_and_redirect_uri,
    a_stranger_gets_no_code,
    tokens_of_a_grant_are_for_one_resource,
    a_refresh_token_works_once_and_only_for_its_client,
    a_person_decides_what_a_client_may_do,
    a_grant_ends_when_the_person_ends_it,
    a_grant_is_for_one_workspace_of_the_person,
    a_consent_expires_and_is_answered_once,
    the_link_of_the_mail_signs_in_too,
    unused_clients_are_swept,
    registrations_are_limited_by_client_address,
}

pub const OWNER: &str = "owner@local";
const CALLBACK: &str = "http://127.0.0.1:1234/callback";
const VERIFIER: &str = "a-verifier-that-is-at-least-forty-three-characters-long";

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn form(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    fields.join("&")
}

pub async fn post(server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    server.send_raw("", "POST", path, form(fields).into_bytes(), &kind).await
}

pub async fn register(server: &Server) -> String {
    let metadata = json!({ "client_name": "Test Host", "redirect_uris": [CALLBACK] });
    let answer = server.send("", "POST", "/oauth/register", Some(metadata)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.body["client_id"].as_str().unwrap().to_owned()
}

pub fn challenge() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// The parameters with which a client opens the page.
pub fn parameters<'a>(client: &'a str, challenge: &'a str, scope: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("state", "the state"),
        ("scope", scope),
        ("resource", "https://axme.example/mcp"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
}

/// Returns the value of a hidden field of a page.
pub fn hidden(page: &Answer, name: &str) -> String {
    let text = page.body.as_str().unwrap();
    let at = text.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no field {name}: {text}"));
    text[at..].split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Signs in on the page with the code of the mail. Returns the page that asks for consent.
async fn consent_page(server: &Server, email: &str, parameters: &[(&str, &str)]) -> Answer {
    let page = server.page(&format!("/oauth/authorize?{}", form(parameters))).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let page = post(server, "/oauth/authorize", &[parameters, &[("email", email)]].concat()).await;
    let code = code_of(&server.mails().await);
    let (intent, grant) = (hidden(&page, "intent_id"), hidden(&page, "grant_id"));
    let typed = [("email", email), ("intent_id", &intent), ("grant_id", &grant), ("code", &code)];
    let page = post(server, "/oauth/authorize", &[parameters, &typed].concat()).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page
}

/// Returns the first workspace of the page that asks for consent.
fn workspace_of(page: &Answer) -> String {
    page.body.as_str().unwrap().split("<option value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Answers the consent. Returns the parameters that the client gets.
pub async fn answer(server: &Server, page: &Answer, scopes: &[&str], answer: &str) -> Vec<(String, String)> {
    let (secret, workspace) = (hidden(page, "consent"), workspace_of(page));
    let names: Vec<String> = scopes.iter().map(|scope| format!("scope:{scope}")).collect();
    let mut fields = vec![("consent", secret.as_str()), ("workspace", &workspace), ("answer", answer)];
    fields.extend(names.iter().map(|name| (name.as_str(), "yes")));
    returned(&post(server, "/oauth/authorize", &fields).await)
}

/// Returns the parameters of a redirect to the client.
fn returned(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let to = reqwest::Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
    assert!(to.as_str().starts_with(CALLBACK), "{to}");
    to.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

pub fn named<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

pub async fn exchange(server: &Server, changes: &[(&str, &str)], client: &str, code: &str) -> Answer {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("resource", "https://axme.example/mcp"),
    ];
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    post(server, "/oauth/token", &fields).await
}

async fn refresh(server: &Server, client: &str, token: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
    post(server, "/oauth/token", &fields).await
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    assert_eq!(answer.body["error"], code, "{}", answer.body);
}

/// A client that a person has connected.
pub struct Connected {
    pub client: String,
    pub access: String,
    refresh: String,
}

const MOST: [&str; 3] = ["read", "write", "admin"];

pub async fn connect(server: &Server, email: &str, scopes: &[&str]) -> Connected {
    let (client, challenge) = (register(server).await, challenge());
    let scope = scopes.join(" ");
    let page = consent_page(server, email, &parameters(&client, &challenge, &scope)).await;
    let given = answer(server, &page, scopes, "allow").await;
    let tokens = exchange(server, &[], &client, named(&given, "code")).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    let text = |name: &str| tokens.body[name].as_str().unwrap().to_owned();
    Connected { client, access: text("access_token"), refresh: text("refresh_token") }
}

/// Calls a tool as a host does. Returns the whole answer.
pub async fn call(server: &Server, token: &str, tool: &str, arguments: Value) -> Answer {
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments },
    });
    let headers = [
        ("authorization", format!("Bearer {token}")),
        ("accept", "application/json, text/event-stream".to_owned()),
        ("mcp-protocol-version", "2025-06-18".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.send_with("", "POST", "/mcp", Some(body), &headers).await
}

async fn sees_intents(server: &Server, token: &str) -> bool {
    let answer = call(server, token, "intents_list", json!({})).await;
    answer.status == StatusCode::OK && answer.body["result"]["isError"] != json!(true)
}

async fn a_client_discovers_registers_and_calls_in_the_name_of_a_person(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let accept = [("accept", "application/json, text/event-stream")];
    let first = server.send_with("", "POST", "/mcp", Some(body), &accept).await;
    assert_eq!(first.status, StatusCode::UNAUTHORIZED);
    let told = first.headers["www-authenticate"].to_str().unwrap().to_owned();
    assert!(
        told.contains("resource_metadata=\"https://axme.example/.well-known/oauth-protected-resource/mcp\""),
        "{told}"
    );
    assert!(told.contains("scope=\"read write admin tasks:decide\""), "{told}");

    let resource = server.page("/.well-known/oauth-protected-resource/mcp").await.body;
    assert_eq!(resource["resource"], format!("{SITE}/mcp"));
    assert_eq!(resource["authorization_servers"], json!([SITE]));
    assert_eq!(server.page("/.well-known/oauth-protected-resource").await.body, resource);
    let described = server.page("/.well-known/oauth-authorization-server").await.body;
    assert_eq!(described["issuer"], SITE);
    assert_eq!(described["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(described["token_endpoint"], format!("{SITE}/oauth/token"));

    let (client, challenge) = (register(&server).await, challenge());
    let page = consent_page(&server, OWNER, &parameters(&client, &challenge, "")).await;
    let text = page.body.as_str().unwrap();
    for part in ["Test Host", OWNER, "Default", "127.0.0.1"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' http://127.0.0.1:1234;"), "{policy}");
    let given = answer(&server, &page, &MOST, "allow").await;
    assert_eq!((named(&given, "state"), named(&given, "iss")), ("the state", SITE));
    let tokens = exchange(&server, &[], &client, named(&given, "code")).await.body;
    assert_eq!((&tokens["token_type"], &tokens["scope"]), (&json!("Bearer"), &json!("read write admin")));

    server.agent("worker").await;
    let access = tokens["access_token"].as_str().unwrap();
    let arguments = json!({ "to_agent": "worker", "intent_type": "intent.ask.v1", "payload": { "n": 1 } });
    let sent = call(&server, access, "intents_send", arguments).await;
    assert_ne!(sent.body["result"]["isError"], json!(true), "{}", sent.body);
    let id = id_of(&sent.body["result"]["structuredContent"]["data"]);
    let intent = server.intent(&id).await;
    assert_eq!(intent["from_agent"], format!("user://{OWNER}"), "{intent}");
    let links = server.sign_in(OWNER).await;
    let links = server.as_person(&links, "GET", "/v1/auth/assistant-links", None).await.ok();
    assert!(links["links"].to_string().contains("Test Host"), "{links}");
}

async fn a_code_works_once_and_a_second_use_ends_the_grant(engine: Engine) {
    let server = Server::start(engine).await;
    let (client, challenge) = (register(&server).await, challenge());
    let page = consent_page(&server, OWNER, &parameters(&client, &challenge, "read")).await;
    let given = answer(&server, &page, &["read"], "allow").await;
    let tokens = exchange(&server, &[], &client, named(&given, "code")).await.body;
    let access = tokens["access_token"].as_str().unwrap();
    assert!(sees_intents(&server, access).await);
    refused(&exchange(&server, &[], &client, named(&given, "code")).await, "invalid_grant");
    server.advance(Duration::from_secs(2)).await;
    assert!(!sees_intents(&server, access).await, "whoever used it first keeps nothing either");
    refused(&refresh(&server, &client, tokens["refresh_token"].as_str().unwrap()).await, "invalid_grant");
}

async fn a_code_needs_its_verifier_client_and_redirect_uri(engine: Engine) {
    let server = Server::start(engine).await;
    let (client, other, challenge) = (register(&server).await, register(&server).await, challenge());
    let page = consent_page(&server, OWNER, &parameters(&client, &challenge, "read")).await;
    let given = answer(&server, &page, &["read"], "allow").await;
    let code = named(&given, "code");
    let wrong = "another-verifier-that-is-at-least-forty-three-characters";
    refused(&exchange(&server, &[("code_verifier", wrong)], &client, code).await, "invalid_grant");
    refused(&exchange(&server, &[("code_verifier", "")], &client, code).await, "invalid_grant");
    refused(&exchange(&server, &[("code_verifier", &challenge)], &client, code).await, "invalid_grant");
    refused(
        &exchange(&server, &[("redirect_uri", "http://127.0.0.1:9/callback")], &client, code).await,
        "invalid_grant",
    );
    refused(&exchange(&server, &[("resource", "https://other.example/mcp")], &client, code).await, "invalid_target");
    refused(&exchange(&server, &[], &other, code).await, "invalid_grant");
    refused(&exchange(&server, &[], &client, "axme_code_of_nobody").await, "invalid_grant");
    refused(&exchange(&server, &[("grant_type", "password")], &client, code).await, "unsupported_grant_type");
    server.advance(Duration::from_secs(61)).await;
    refused(&exchange(&server, &[], &client, code).await, "invalid_grant");
}

async fn a_stranger_gets_no_code(engine: Engine) {
    let server = Server::start(engine).await;
    let (client, challenge) = (register(&server).await, challenge());
    let good = parameters(&client, &challenge, "read");
    let open = async |changes: &[(&str, &str)]| {
        let mut fields = good.clone();
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            fields.push((*name, *value));
        }
        server.page(&format!("/oauth/authorize?{}", form(&fields))).await
    };
    // The browser is sent nowhere: the address may be an attacker's.
    for changes in [
        [("redirect_uri", "https://evil.example/callback")],
        [("redirect_uri", "http://127.0.0.1:1234/callback/../other")],
        [("redirect_uri", "http://127.0.0.1.evil.example:1234/callback")],
        [("client_id", "axme_client_unknown")],
        [("client_id", "https://127.0.0.1/client.json")],
    ] {
        let page = open(&changes).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{changes:?}");
        assert!(page.headers.get("location").is_none(), "{changes:?}");
    }
    for (changes, code) in [
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("code_challenge", "")], "invalid_request"),
        ([("response_type", "token")], "unsupported_response_type"),
        ([("scope", "everything")], "invalid_scope"),
        ([("resource", "https://other.example/mcp")], "invalid_target"),
    ] {
        let told = returned(&open(&changes).await);
        assert_eq!((named(&told, "error"), named(&told, "state")), (code, "the state"), "{changes:?}");
        assert_eq!(named(&told, "code"), "");
    }
    for uris in
        [json!([]), json!(["javascript:alert(1)"]), json!(["http://evil.example/"]), json!(["https://a.example/#x"])]
    {
        let answer = server.send("", "POST", "/oauth/register", Some(json!({ "redirect_uris": uris }))).await;
        refused(&answer, "invalid_redirect_uri");
    }
    refused(&server.send("", "POST", "/oauth/register", Some(json!("text"))).await, "invalid_client_metadata");
    let wrong = post(&server, "/oauth/authorize", &[("consent", "guessed"), ("answer", "allow")]).await;
    assert_eq!(wrong.status, StatusCode::GONE);
}

async fn tokens_of_a_grant_are_for_one_resource(engine: Engine) {
    let server = Server::start(engine).await;
    let connected = connect(&server, OWNER, &MOST).await;
    assert!(sees_intents(&server, &connected.access).await);
    // Neither as a bearer nor as a key, and not at another endpoint after it has worked at its own.
    for path in ["/v1/intents", "/v1/me", "/v1/auth/sessions", "/v1/agents/worker/intents/stream?wait_seconds=1"] {
        let bearer = format!("Bearer {}", connected.access);
        let answer = server.send_with("", "GET", path, None, &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}: {}", answer.body);
        assert_eq!(server.send(&connected.access, "GET", path, None).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    server
        .send("", "POST", "/v1/auth/refresh", Some(json!({ "refresh_token": connected.refresh })))
        .await
        .refused(401, "invalid_refresh_token");
    // A token of another server with the same address is as invalid as one that has expired.
    let other = Server::start(engine).await;
    let foreign = connect(&other, OWNER, &MOST).await;
    assert!(sees_intents(&other, &foreign.access).await && !sees_intents(&server, &foreign.access).await);
    server.advance(Duration::from_secs(16 * 60)).await;
    assert_eq!(call(&server, &connected.access, "status", json!({})).await.status, StatusCode::UNAUTHORIZED);
    // The refresh token was not used up by any of that.
    let next = refresh(&server, &connected.client, &connected.refresh).await.body;
    assert!(sees_intents(&server, next["access_token"].as_str().unwrap()).await);
}

async fn a_refresh_token_works_once_and_only_for_its_client(engine: Engine) {
    let server = Server::start(engine).await;
    let connected = connect(&server, OWNER, &["read"]).await;
    let other = register(&server).await;
    refused(&refresh(&server, &other, &connected.refresh).await, "invalid_grant");
    refused(&refresh(&server, &connected.client, "axme_rt_unknown").await, "invalid_grant");
    let next = refresh(&server, &connected.client, &connected.refresh).await.body;
    assert_eq!(next["scope"], "read");
    assert!(sees_intents(&server, next["access_token"].as_str().unwrap()).await);
    let person = server.sign_in(OWNER).await;
    refused(&refresh(&server, &connected.client, &person.refresh).await, "invalid_grant");
    // A thief uses the old token later: the grant ends for both.
    server.advance(Duration::from_secs(11)).await;
    refused(&refresh(&server, &connected.client, &connected.refresh).await, "invalid_grant");
    refused(&refresh(&server, &connected.client, next["refresh_token"].as_str().unwrap()).await, "invalid_grant");
}

async fn a_person_decides_what_a_client_may_do(engine: Engine) {
    let server = Server::start(engine).await;
    let (client, challenge) = (register(&server).await, challenge());
    let parameters = parameters(&client, &challenge, "read write tasks:decide");
    let page = consent_page(&server, OWNER, &parameters).await;
    let text = page.body.as_str().unwrap();
    assert!(text.contains("name=\"scope:read\" value=\"yes\" checked"), "{text}");
    assert!(text.contains("name=\"scope:tasks:decide\" value=\"yes\">"), "deciding is not chosen: {text}");
    // A scope that the client did not ask for is not given, whatever the form says.
    let given = answer(&server, &page, &["read", "admin"], "allow").await;
    let tokens = exchange(&server, &[], &client, named(&given, "code")).await.body;
    assert_eq!(tokens["scope"], "read");
    let access = tokens["access_token"].as_str().unwrap();
    assert!(sees_intents(&server, access).await);
    let arguments = json!({ "to_agent": "worker", "intent_type": "intent.ask.v1", "payload": {} });
    let sent = call(&server, access, "intents_send", arguments).await.body;
    assert_eq!(sent["result"]["isError"], true, "{sent}");
    assert!(sent.to_string().contains("write"), "{sent}");

    let page = consent_page(&server, OWNER, &parameters).await;
    let told = answer(&server, &page, &["read"], "deny").await;
    assert_eq!((named(&told, "error"), named(&told, "code")), ("access_denied", ""));
    let page = consent_page(&server, OWNER, &parameters).await;
    let told = answer(&server, &page, &[], "allow").await;
    assert_eq!(named(&told, "error"), "access_denied", "nothing chosen is nothing given");
}

async fn a_grant_ends_when_the_person_ends_it(engine: Engine) {
    let server = Server::start(engine).await;
    let one = connect(&server, OWNER, &["read"]).await;
    let two = connect(&server, OWNER, &["read"]).await;
    let three = connect(&server, OWNER, &["read"]).await;
    assert_eq!(post(&server, "/oauth/revoke", &[("token", &one.refresh)]).await.status, StatusCode::OK);
    assert_eq!(post(&server, "/oauth/revoke", &[("token", &two.access)]).await.status, StatusCode::OK);
    assert_eq!(post(&server, "/oauth/revoke", &[("token", "unknown")]).await.status, StatusCode::OK);
    server.advance(Duration::from_secs(2)).await;
    assert!(!sees_intents(&server, &one.access).await && !sees_intents(&server, &two.access).await);
    assert!(sees_intents(&server, &three.access).await);
    // A person's own refresh token is not a grant's.
    let person = server.sign_in(OWNER).await;
    assert_eq!(post(&server, "/oauth/revoke", &[("token", &person.refresh)]).await.status, StatusCode::OK);
    server.as_person(&person, "GET", "/v1/auth/sessions", None).await.ok();
    server.as_person(&person, "POST", "/v1/auth/logout-all", Some(json!({}))).await.ok();
    server.advance(Duration::from_secs(2)).await;
    assert!(!sees_intents(&server, &three.access).await);
    refused(&refresh(&server, &three.client, &three.refresh).await, "invalid_grant");
}

async fn a_grant_is_for_one_workspace_of_the_person(engine: Engine) {
    let server = Server::start(engine).await;
    let org = server.bootstrap.org_id.to_string();
    let path = format!("/v1/organizations/{org}/members");
    let member = server.post(&server.admin, &path, json!({ "actor_id": "kim@example.com", "role": "member" })).await;
    let (client, challenge) = (register(&server).await, challenge());
    let page = consent_page(&server, "kim@example.com", &parameters(&client, &challenge, "read")).await;
    // A workspace of other people, put into the form.
    let foreign = uuid::Uuid::from_u128(7).to_string();
    let secret = hidden(&page, "consent");
    let fields = [("consent", secret.as_str()), ("workspace", &foreign), ("answer", "allow"), ("scope:read", "yes")];
    assert_eq!(post(&server, "/oauth/authorize", &fields).await.status, StatusCode::GONE);
    let given = answer(&server, &page, &["read"], "allow").await;
    let tokens = exchange(&server, &[], &client, named(&given, "code")).await.body;
    let access = tokens["access_token"].as_str().unwrap();
    assert!(sees_intents(&server, access).await);
    let path = format!("{path}/{}", member["member"]["member_id"].as_str().unwrap());
    server.send(&server.admin, "DELETE", &path, None).await.ok();
    server.advance(Duration::from_secs(2)).await;
    assert!(!sees_intents(&server, access).await, "a removed member's client sees nothing");
}

async fn a_consent_expires_and_is_answered_once(engine: Engine) {
    let server = Server::start(engine).await;
    let (client, challenge) = (register(&server).await, challenge());
    let parameters = parameters(&client, &challenge, "read");
    let page = consent_page(&server, OWNER, &parameters).await;
    answer(&server, &page, &["read"], "allow").await;
    let (secret, workspace) = (hidden(&page, "consent"), workspace_of(&page));
    let fields = [("consent", secret.as_str()), ("workspace", &workspace), ("answer", "allow"), ("scope:read", "yes")];
    assert_eq!(post(&server, "/oauth/authorize", &fields).await.status, StatusCode::GONE);
    let page = consent_page(&server, OWNER, &parameters).await;
    server.advance(Duration::from_secs(601)).await;
    let secret = hidden(&page, "consent");
    let fields = [("consent", secret.as_str()), ("workspace", &workspace), ("answer", "allow"), ("scope:read", "yes")];
    assert_eq!(post(&server, "/oauth/authorize", &fields).await.status, StatusCode::GONE);
}

async fn the_link_of_the_mail_signs_in_too(engine: Engine) {
    let server = Server::start(engine).await;
    let (client, challenge) = (register(&server).await, challenge());
    let parameters = parameters(&client, &challenge, "read");
    let page = post(&server, "/oauth/authorize", &[&parameters[..], &[("email", OWNER)]].concat()).await;
    let (intent, grant) = (hidden(&page, "intent_id"), hidden(&page, "grant_id"));
    let link = server.mails().await[0].link.clone().unwrap();
    let typed = [("email", OWNER), ("intent_id", &intent), ("grant_id", &grant), ("code", "")];
    let early = post(&server, "/oauth/authorize", &[&parameters[..], &typed].concat()).await;
    assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", early.body);
    let signed_in = server.submit_form(&link, &[]).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.body);
    let page = post(&server, "/oauth/authorize", &[&parameters[..], &typed].concat()).await;
    let given = answer(&server, &page, &["read"], "allow").await;
    assert_eq!(exchange(&server, &[], &client, named(&given, "code")).await.status, StatusCode::OK);
}

async fn unused_clients_are_swept(engine: Engine) {
    let server = Server::start(engine).await;
    let used = connect(&server, OWNER, &["read"]).await;
    let unused = register(&server).await;
    server.advance(Duration::from_secs(25 * 3_600)).await;
    axme_server::workers::sweep::tick(&server.app, None).await.unwrap();
    let challenge = challenge();
    let open = async |client: &str| {
        server.page(&format!("/oauth/authorize?{}", form(&parameters(client, &challenge, "read")))).await.status
    };
    assert_eq!(open(&used.client).await, StatusCode::OK);
    assert_eq!(open(&unused).await, StatusCode::BAD_REQUEST);
}

async fn registrations_are_limited_by_client_address(engine: Engine) {
    let server = Server::start(engine).await;
    let register = async |peer: &str| {
        let body = json!({ "redirect_uris": [CALLBACK] }).to_string();
        let request = Request::post("/oauth/register").header("content-type", "application/json");
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        server.request(request).await.status().as_u16()
    };
    for _ in 0..10 {
        assert_eq!(register("203.0.113.5").await, 201);
    }
    assert_eq!((register("203.0.113.5").await, register("203.0.113.6").await), (429, 201));
}
