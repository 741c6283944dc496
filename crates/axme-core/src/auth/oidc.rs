//! Sign-in through an OpenID Connect provider: the authorization code flow with PKCE, as a client.
//!
//! The settings name the provider, whose statements about email addresses are trusted. Its token is verified with its
//! published keys, and only with asymmetric algorithms.

use std::fmt;

use axme_intent::Time;
use axme_intent::human::is_email;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::system::{Fetch, Outbound};

/// How far the provider's clock may be ahead or behind.
const LEEWAY_SECONDS: u64 = 60;

/// An OpenID Connect provider where people sign in.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OidcSettings {
    /// The issuer in its discovery document, such as `https://sso.example.com`.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
    /// The text of the provider's button on the sign-in page.
    pub name: String,
    /// The accepted domains of email addresses, such as `example.com`. An empty list accepts all.
    pub domains: Vec<String>,
}

/// Shows everything but the secret.
impl fmt::Debug for OidcSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcSettings").field("issuer", &self.issuer).field("client_id", &self.client_id).finish()
    }
}

impl OidcSettings {
    pub fn validate(&self) -> Result<(), String> {
        let is_inside =
            ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|p| self.issuer.starts_with(p));
        if !self.issuer.starts_with("https://") && !is_inside {
            return Err(format!("oidc.issuer \"{}\" must begin with https://", self.issuer));
        }
        if self.client_id.is_empty() || self.client_secret.is_empty() {
            return Err("oidc.issuer requires oidc.client_id and oidc.client_secret".to_owned());
        }
        Ok(())
    }
}

/// The fields used from the discovery document.
#[derive(Debug, Deserialize)]
struct Provider {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The field used from the token response.
#[derive(Debug, Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Debug, Deserialize)]
struct IdToken {
    exp: u64,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    email: Option<String>,
    /// A boolean; some providers send text.
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    azp: Option<String>,
}

/// The values that bind a request to the provider to one sign-in.
pub struct Binding<'a> {
    pub state: &'a str,
    pub nonce: &'a str,
    pub verifier: &'a str,
    pub redirect_uri: &'a str,
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn form(fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", encode(value)));
    fields.collect::<Vec<_>>().join("&")
}

async fn fetch<T: DeserializeOwned>(outbound: &dyn Outbound, fetch: Fetch) -> Result<T, String> {
    let url = fetch.url.clone();
    let (status, body) = outbound.fetch(fetch).await.map_err(|why| format!("{url}: {why}"))?;
    if status != 200 {
        return Err(format!("{url} answered with status {status}"));
    }
    serde_json::from_slice(&body).map_err(|error| format!("{url} returned an unreadable response: {error}"))
}

async fn discover(outbound: &dyn Outbound, settings: &OidcSettings) -> Result<Provider, String> {
    let issuer = settings.issuer.trim_end_matches('/');
    let url = format!("{issuer}/.well-known/openid-configuration");
    let provider: Provider = fetch(outbound, Fetch { url, headers: Vec::new(), form: None }).await?;
    if provider.issuer.trim_end_matches('/') != issuer {
        return Err(format!("the provider's issuer is {}, but oidc.issuer is {issuer}", provider.issuer));
    }
    Ok(provider)
}

/// Returns the URL to which the person's browser is sent.
pub async fn authorization_url(
    outbound: &dyn Outbound,
    settings: &OidcSettings,
    binding: &Binding<'_>,
) -> Result<String, String> {
    let provider = discover(outbound, settings).await?;
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(binding.verifier));
    let query = form(&[
        ("response_type", "code"),
        ("client_id", &settings.client_id),
        ("redirect_uri", binding.redirect_uri),
        ("scope", "openid email"),
        ("state", binding.state),
        ("nonce", binding.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let joint = if provider.authorization_endpoint.contains('?') { '&' } else { '?' };
    Ok(format!("{}{joint}{query}", provider.authorization_endpoint))
}

/// Returns the email address that the provider has verified, in lower case. The error is for the log and the page.
pub async fn who(
    outbound: &dyn Outbound,
    settings: &OidcSettings,
    binding: &Binding<'_>,
    code: &str,
    now: Time,
) -> Result<String, String> {
    let provider = discover(outbound, settings).await?;
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", binding.redirect_uri),
        ("code_verifier", binding.verifier),
    ];
    // Basic is the default for a provider that lists no methods.
    let methods = provider.token_endpoint_auth_methods_supported.as_deref();
    let is_basic = methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
    let mut headers = vec![("accept", "application/json".to_owned())];
    if is_basic {
        let pair = format!("{}:{}", encode(&settings.client_id), encode(&settings.client_secret));
        headers.push(("authorization", format!("Basic {}", BASE64_STANDARD.encode(pair))));
    } else {
        fields.extend([("client_id", settings.client_id.as_str()), ("client_secret", &settings.client_secret)]);
    }
    let request = Fetch { url: provider.token_endpoint.clone(), headers, form: Some(form(&fields)) };
    let tokens: Tokens = fetch(outbound, request).await?;
    let keys: JwkSet =
        fetch(outbound, Fetch { url: provider.jwks_uri.clone(), headers: Vec::new(), form: None }).await?;
    let claims = check(&tokens.id_token, &keys, &provider.issuer, &settings.client_id)?;
    if claims.exp.saturating_add(LEEWAY_SECONDS) <= now.millis() / 1_000 {
        return Err("the provider's token has expired".to_owned());
    }
    if claims.nonce.as_deref() != Some(binding.nonce) {
        return Err("the provider's token is for another sign-in".to_owned());
    }
    if claims.azp.as_ref().is_some_and(|azp| *azp != settings.client_id) {
        return Err("the provider's token is for another client".to_owned());
    }
    let is_verified = claims.email_verified == Value::Bool(true) || claims.email_verified == "true";
    let email = claims.email.filter(|_| is_verified).map(|email| email.trim().to_ascii_lowercase());
    let email = email.ok_or("the provider did not return a verified email address (email with email_verified)")?;
    // Letters that look like others, or become others in lower case, would merge two people.
    if !email.is_ascii() || !is_email(&email) {
        return Err("the provider returned an email address that is not plain ASCII or not valid".to_owned());
    }
    let domain = email.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
    if !settings.domains.is_empty() && !settings.domains.iter().any(|known| known.eq_ignore_ascii_case(domain)) {
        return Err(format!("addresses of {domain} are not accepted here: sign in with another address"));
    }
    Ok(email)
}

fn check(token: &str, keys: &JwkSet, issuer: &str, client_id: &str) -> Result<IdToken, String> {
    let wrong = |error: jsonwebtoken::errors::Error| format!("the provider's token is invalid: {error}");
    let header = jsonwebtoken::decode_header(token).map_err(wrong)?;
    // Published keys are public, so anyone could use one as a shared secret.
    if matches!(header.alg, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) {
        return Err("the provider's token is signed with a shared secret".to_owned());
    }
    let key = match &header.kid {
        Some(kid) => keys.find(kid),
        None if keys.keys.len() == 1 => keys.keys.first(),
        None => None,
    };
    let key = key.ok_or("the provider's token is signed with a key that it does not publish")?;
    let key = DecodingKey::from_jwk(key).map_err(wrong)?;
    let mut validation = Validation::new(header.alg);
    // The caller checks the expiry with our own clock.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.set_required_spec_claims(&["iss", "aud"]);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[client_id]);
    jsonwebtoken::decode::<IdToken>(token, &key, &validation).map(|data| data.claims).map_err(wrong)
}
