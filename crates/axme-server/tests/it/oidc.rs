//! Sign-in with an OpenID Connect provider, which the test runs itself and which may be dishonest.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axme_core::auth::oidc::OidcSettings;
use axme_core::state::Site;
use axme_store::Limits;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Engine, SITE, Server, each_engine};
use crate::oauth;

each_engine! {
    a_provider_signs_people_in,
    a_provider_signs_people_in_for_an_assistant,
    unverified_claims_sign_nobody_in,
}

const CLIENT: &str = "axme at home";
const SECRET: &str = "a secret: with signs";

/// The next answer of the provider, and the last request to it.
#[derive(Default)]
struct ProviderState {
    url: String,
    claims: Value,
    /// Signs with the public key as a shared secret, as a forger would.
    is_forged: bool,
    /// The challenge of the authorization request, and its nonce.
    challenge: String,
    nonce: String,
}

type Shared = Arc<Mutex<ProviderState>>;

pub struct Provider {
    state: Shared,
    url: String,
}

/// Returns a seed, and the public half of its key.
fn key() -> ([u8; 32], String) {
    let seed = [7; 32];
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    (seed, BASE64_URL_SAFE_NO_PAD.encode(aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref()))
}

fn sign(state: &ProviderState) -> String {
    let (seed, public) = key();
    let mut claims =
        json!({ "iss": state.url, "aud": CLIENT, "sub": "1", "nonce": state.nonce, "exp": 4_000_000_000_u64 });
    claims.as_object_mut().unwrap().extend(state.claims.as_object().unwrap().clone());
    let (algorithm, key) = match state.is_forged {
        true => (Algorithm::HS256, EncodingKey::from_secret(public.as_bytes())),
        false => {
            let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
            (Algorithm::EdDSA, EncodingKey::from_ed_der(&[&prefix[..], &seed].concat()))
        }
    };
    jsonwebtoken::encode(&Header { kid: Some("k1".to_owned()), ..Header::new(algorithm) }, &claims, &key).unwrap()
}

async fn tokens(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let field = |name: &str| {
        let value = body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap_or_default();
        percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned()
    };
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", encode(CLIENT), encode(SECRET))));
    let state = state.lock().unwrap();
    let is_right = headers["authorization"] == basic.as_str()
        && BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier"))) == state.challenge
        && field("code") == "the code"
        && field("redirect_uri") == format!("{SITE}/app/login/provider-callback");
    match is_right {
        true => (StatusCode::OK, json!({ "id_token": sign(&state), "access_token": "x" }).to_string()),
        false => (StatusCode::BAD_REQUEST, json!({ "error": "invalid_grant" }).to_string()),
    }
}

impl Provider {
    pub async fn start() -> Provider {
        let state = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        state.lock().unwrap().url = url.clone();
        let discovery = json!({
            "issuer": url, "authorization_endpoint": format!("{url}/authorize?x=1"),
            "token_endpoint": format!("{url}/token"), "jwks_uri": format!("{url}/keys"),
        });
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": key().1 }] });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(async move || discovery.to_string()))
            .route("/keys", get(async move || keys.to_string()))
            .route("/token", post(tokens))
            .with_state(state.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        Provider { state, url }
    }

    fn says(&self, claims: Value) {
        self.state.lock().unwrap().claims = claims;
    }
}

pub async fn start(engine: Engine, provider: &Provider, sign_up: bool) -> Server {
    let oidc = OidcSettings {
        issuer: provider.url.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: SECRET.to_owned(),
        name: "Acme".to_owned(),
        domains: vec!["local".to_owned(), "example.com".to_owned()],
    };
    let site = Site { oidc: Some(Arc::new(oidc)), sign_up, ..Site::default() };
    Server::start_at(engine, Limits::default(), site).await
}

/// Starts on a device, goes to the provider, and comes back. Returns the grant and the page
/// that the browser then shows.
async fn go(server: &Server, provider: &Provider) -> (Value, Answer) {
    let grant = server.post("", "/v1/auth/cli-grants", json!({})).await;
    let page = server.page(grant["approval_url"].as_str().unwrap()).await.body.to_string();
    let user_code = grant["user_code"].as_str().unwrap();
    assert!(page.contains(&format!("provider?code={user_code}")) && page.contains("Acme"), "{page}");
    let shown = through(server, provider, user_code).await;
    (grant, shown)
}

/// Goes to the provider with the code of a grant, and comes back. Returns the page that the browser then shows.
async fn through(server: &Server, provider: &Provider, user_code: &str) -> Answer {
    let led = server.page(&format!("/app/login/provider?code={user_code}")).await;
    assert_eq!(led.status, 303, "{led:?}");
    let location = led.headers["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("{}/authorize?x=1&response_type=code&", provider.url)), "{location}");
    let field = |name: &str| {
        let value = location.split(&format!("&{name}=")).nth(1).unwrap();
        percent_encoding::percent_decode_str(value.split('&').next().unwrap()).decode_utf8().unwrap().into_owned()
    };
    assert_eq!((field("client_id"), field("code_challenge_method")), (CLIENT.to_owned(), "S256".to_owned()));
    {
        let mut state = provider.state.lock().unwrap();
        (state.challenge, state.nonce) = (field("code_challenge"), field("nonce"));
    }
    let back = format!("/app/login/provider-callback?state={}&code=the%20code", field("state"));
    let shown = server.page(&back).await;
    // A callback URL works once.
    assert_eq!(server.page(&back).await.status, 404);
    shown
}

/// Confirms on the shown page.
async fn confirm(server: &Server, shown: &Answer) -> Answer {
    let page = shown.body.to_string();
    let token = page.split("name=\\\"token\\\" value=\\\"").nth(1).unwrap().split('\\').next().unwrap();
    server.submit_form(&format!("/app/login/provider-callback?token={token}"), &[]).await
}

async fn poll(server: &Server, grant: &Value) -> Answer {
    server.send("", "GET", &format!("/v1/auth/cli-grants/{}", grant["grant_id"].as_str().unwrap()), None).await
}

async fn a_provider_signs_people_in(engine: Engine) {
    let provider = Provider::start().await;
    let server = start(engine, &provider, false).await;
    provider.says(json!({ "email": "Owner@Local", "email_verified": true }));
    let (grant, shown) = go(&server, &provider).await;
    let page = shown.body.to_string();
    assert!(page.contains("Sign in as owner@local?") && page.contains(grant["user_code"].as_str().unwrap()), "{page}");
    assert_eq!(poll(&server, &grant).await.ok()["state"], "pending", "the callback signs nobody in");
    assert_eq!(confirm(&server, &shown).await.status, 200);
    assert_eq!(confirm(&server, &shown).await.status, 404, "once");
    let answer = poll(&server, &grant).await.ok();
    assert_eq!(server.get(answer["api_key"].as_str().unwrap(), "/v1/me").await["role"], "workspace_admin");

    // A person who is not a member is refused, unless sign-up is open.
    provider.says(json!({ "email": "ann@example.com", "email_verified": "true" }));
    let (grant, shown) = go(&server, &provider).await;
    assert_eq!(confirm(&server, &shown).await.status, 403);
    assert_eq!(poll(&server, &grant).await.ok()["state"], "pending");
    let open = start(engine, &provider, true).await;
    let (grant, shown) = go(&open, &provider).await;
    confirm(&open, &shown).await;
    assert_eq!(poll(&open, &grant).await.ok()["state"], "approved");
}

async fn a_provider_signs_people_in_for_an_assistant(engine: Engine) {
    let provider = Provider::start().await;
    let server = start(engine, &provider, false).await;
    let (client, challenge) = (oauth::register(&server).await, oauth::challenge());
    let asked = oauth::parameters(&client, &challenge, "read");
    let to_provider = [&asked[..], &[("way", "provider")]].concat();
    let page = oauth::post(&server, "/oauth/authorize", &to_provider).await;
    let text = page.body.as_str().unwrap();
    let user_code = text.split("provider?code=").nth(1).expect("a link to the provider");
    let user_code = user_code.split('"').next().unwrap().to_owned();
    let grant = oauth::hidden(&page, "grant_id");
    let go_on = [&asked[..], &[("grant_id", grant.as_str()), ("intent_id", ""), ("user_code", &user_code)]].concat();
    // Before the provider has answered, nobody is signed in, and the page still leads to the provider.
    let early = oauth::post(&server, "/oauth/authorize", &go_on).await;
    assert_eq!(early.status, 422);
    assert!(early.body.as_str().unwrap().contains(&format!("provider?code={user_code}")), "{}", early.body);
    provider.says(json!({ "email": "owner@local", "email_verified": true }));
    let shown = through(&server, &provider, &user_code).await;
    assert_eq!(oauth::post(&server, "/oauth/authorize", &go_on).await.status, 422, "the person has to confirm");
    assert_eq!(confirm(&server, &shown).await.status, 200);
    let consent = oauth::post(&server, "/oauth/authorize", &go_on).await;
    assert!(consent.body.as_str().unwrap().contains("owner@local"), "{}", consent.body);
    let given = oauth::answer(&server, &consent, &["read"], "allow").await;
    let tokens = oauth::exchange(&server, &[], &client, oauth::named(&given, "code")).await.body;
    let access = tokens["access_token"].as_str().unwrap();
    let result = oauth::call(&server, access, "whoami", json!({})).await.body["result"].clone();
    assert_eq!(result["isError"], json!(false), "{result}");
}

async fn unverified_claims_sign_nobody_in(engine: Engine) {
    let provider = Provider::start().await;
    let server = start(engine, &provider, true).await;
    let good = json!({ "email": "owner@local", "email_verified": true });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let now = server.now().millis() / 1_000;
    for claims in [
        json!({}),
        with("email_verified", json!(false)),
        with("email_verified", Value::Null),
        with("email", json!("owner@local.evil.org")),
        // The Kelvin sign is a k in lower case.
        with("email", json!("mi\u{212a}e@example.com")),
        with("email", json!("owner")),
        with("iss", json!("https://elsewhere.example")),
        with("aud", json!("another client")),
        with("azp", json!("another client")),
        with("nonce", json!("another sign-in")),
        with("exp", json!(now - 61)),
    ] {
        provider.says(claims.clone());
        let (grant, shown) = go(&server, &provider).await;
        assert_eq!(shown.status, 502, "{claims}: {}", shown.body);
        assert!(!shown.body.to_string().contains(SECRET));
        assert_eq!(poll(&server, &grant).await.ok()["state"], "pending");
    }
    provider.says(good.clone());
    provider.state.lock().unwrap().is_forged = true;
    assert_eq!(go(&server, &provider).await.1.status, 502);
    provider.state.lock().unwrap().is_forged = false;
    // A clock that is slightly off is accepted; a page that is left open too long is not.
    provider.says(with("exp", json!(now - 59)));
    let (_, shown) = go(&server, &provider).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    server.clock.advance(Duration::from_secs(601));
    assert_eq!(confirm(&server, &shown).await.status, 404);
    for path in
        ["/app/login/provider-callback", "/app/login/provider-callback?state=x&code=y", "/app/login/provider?code=X"]
    {
        assert_eq!(server.page(path).await.status, 404, "{path}");
    }
    // Without a provider, these routes do not exist.
    let plain = Server::start(engine).await;
    let grant = plain.post("", "/v1/auth/cli-grants", json!({})).await;
    let page = plain.page(grant["approval_url"].as_str().unwrap()).await.body.to_string();
    assert!(!page.contains("provider?code="));
    let path = format!("/app/login/provider?code={}", grant["user_code"].as_str().unwrap());
    assert_eq!(plain.page(&path).await.status, 404);
}
