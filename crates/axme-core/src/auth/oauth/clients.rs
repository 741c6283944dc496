//! The clients that may ask for a grant. A client has registered itself (RFC 7591), or its id is the URL of a document about
//! it.
//!
//! A client gets its codes at one of its own redirect URIs only, so a code never reaches a stranger.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::OauthError;
use crate::state::AppState;
use crate::system::Fetch;
use axme_store::oauth::{self as store, Client};
use axme_store::{Shard, Tx};

/// Registrations per minute and client address.
const REGISTRATIONS_PER_MINUTE: u64 = 10;
/// Maximum number of registered clients that no person has used. The sweep deletes them after a day.
const MAX_UNUSED: i64 = 10_000;
const MAX_REDIRECT_URIS: usize = 20;
const MAX_URI_CHARS: usize = 2_000;
const MAX_NAME_CHARS: usize = 100;
/// The longest document about a client, in bytes.
const MAX_DOCUMENT_BYTES: usize = 64 * 1_024;

/// The schemes with which a browser would run or read something instead of opening a program.
const DANGEROUS_SCHEMES: [&str; 9] =
    ["about", "blob", "data", "file", "filesystem", "ftp", "javascript", "vbscript", "ws"];

/// A client that asks for a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownClient {
    pub client_id: String,
    pub name: String,
    pub redirect_uris: Vec<String>,
}

impl KnownClient {
    /// Returns true if codes may be sent to a URI: one of the client's own, letter by letter. The port of a loopback
    /// address is free, because a program on the person's machine opens any that is free (RFC 8252).
    pub fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|own| own == uri || (is_loopback(own) && without_port(own) == without_port(uri)))
    }
}

fn is_loopback(uri: &str) -> bool {
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "http");
    url.is_some_and(|url| match url.host_str().unwrap_or_default() {
        "localhost" => true,
        host => host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    })
}

/// Returns a URI without its port; `None` for any other text.
fn without_port(uri: &str) -> Option<Url> {
    let mut url = Url::parse(uri).ok()?;
    url.set_port(None).ok()?;
    Some(url)
}

/// The metadata of a client, from its registration or its document.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Metadata {
    #[serde(default)]
    pub client_id: String,
    #[serde(default)]
    pub client_name: String,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    #[serde(default)]
    pub token_endpoint_auth_method: Option<String>,
    #[serde(default)]
    pub grant_types: Option<Vec<String>>,
}

impl Metadata {
    fn check(&self) -> Result<(), OauthError> {
        let wrong = |why: String| Err(OauthError::new("invalid_client_metadata", why));
        if self.redirect_uris.is_empty() || self.redirect_uris.len() > MAX_REDIRECT_URIS {
            return Err(OauthError::new(
                "invalid_redirect_uri",
                format!("redirect_uris: name 1 to {MAX_REDIRECT_URIS} URIs"),
            ));
        }
        for uri in &self.redirect_uris {
            check_redirect_uri(uri)?;
        }
        if self.client_name.chars().count() > MAX_NAME_CHARS || self.client_name.chars().any(char::is_control) {
            return wrong(format!(
                "client_name: at most {MAX_NAME_CHARS} characters, none of them a control character"
            ));
        }
        if let Some(types) = &self.grant_types
            && !types.iter().any(|one| one == "authorization_code")
        {
            return wrong("grant_types: must contain authorization_code".to_owned());
        }
        Ok(())
    }

    /// Returns the name for people: the given one, or the host that gets the codes.
    fn name(&self) -> String {
        if !self.client_name.trim().is_empty() {
            return self.client_name.trim().to_owned();
        }
        let host = self.redirect_uris.first().and_then(|uri| Url::parse(uri).ok()?.host_str().map(str::to_owned));
        host.unwrap_or_else(|| "a program without a name".to_owned())
    }
}

fn check_redirect_uri(uri: &str) -> Result<(), OauthError> {
    let wrong = |why: &str| Err(OauthError::new("invalid_redirect_uri", format!("redirect_uris: {why}")));
    if uri.len() > MAX_URI_CHARS || !uri.is_ascii() {
        return wrong("a URI has at most 2000 ASCII characters");
    }
    let Ok(url) = Url::parse(uri) else { return wrong("one of them is not a URI") };
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return wrong("a URI has neither a fragment nor a user");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(uri) => Ok(()),
        "http" => wrong("http is for 127.0.0.1, [::1] and localhost only; use https"),
        scheme if DANGEROUS_SCHEMES.contains(&scheme) || scheme == "wss" => wrong("this scheme is not allowed"),
        // A program of the person's machine that has registered the scheme.
        _ => Ok(()),
    }
}

/// Charges a registration to the client address, or refuses it.
pub fn admit_registration(app: &AppState, source: Option<IpAddr>) -> crate::error::Result<()> {
    let now = app.system.clock.now();
    app.limiter.check_address(source, "oauth.register", REGISTRATIONS_PER_MINUTE, now).map(|_| ())
}

/// Registers a client. Returns its metadata as registered.
pub async fn register(app: &AppState, body: &[u8]) -> Result<serde_json::Value, OauthError> {
    let now = app.system.clock.now();
    let metadata: Metadata = serde_json::from_slice(body).map_err(|error| {
        OauthError::new(
            "invalid_client_metadata",
            format!("the body must be a JSON object with redirect_uris: {error}"),
        )
    })?;
    metadata.check()?;
    let client = Client {
        client_id: format!("axme_client_{}", app.system.rng.hex::<16>()),
        name: metadata.name(),
        redirect_uris: json!(metadata.redirect_uris).to_string(),
        created_at: now,
    };
    let new = client.clone();
    let job = move |tx: &mut Tx<'_>| -> crate::error::Result<bool> {
        if store::count_unused_clients(tx, MAX_UNUSED)? >= MAX_UNUSED {
            return Ok(false);
        }
        store::insert_client(tx, &new)?;
        Ok(true)
    };
    if !app.store.write(Shard::CONTROL, job).await.map_err(OauthError::from)? {
        return Err(OauthError::new(
            "temporarily_unavailable",
            "too many clients have registered today; try again tomorrow",
        ));
    }
    Ok(json!({
        "client_id": client.client_id,
        "client_id_issued_at": now.millis() / 1_000,
        "client_name": client.name,
        "redirect_uris": metadata.redirect_uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }))
}

/// Finds the client of an id: the URL of its document, or the id of its registration.
pub async fn find(app: &AppState, client_id: &str) -> Result<KnownClient, OauthError> {
    let unknown = || {
        let why = "client_id: unknown here; the program must register again (remove its saved sign-in and start over)";
        OauthError::new("invalid_client", why)
    };
    if client_id.starts_with("https://") {
        return fetch(app, client_id).await;
    }
    let id = client_id.to_owned();
    let found = app.store.read(move |tx| store::find_client(tx, &id)).await;
    let found = found.map_err(|error| OauthError::from(crate::error::Error::from(error)))?.ok_or_else(unknown)?;
    Ok(KnownClient {
        client_id: found.client_id,
        name: found.name,
        redirect_uris: serde_json::from_str(&found.redirect_uris).unwrap_or_default(),
    })
}

/// Reads the document about a client from its URL, which only public addresses may have.
async fn fetch(app: &AppState, client_id: &str) -> Result<KnownClient, OauthError> {
    let wrong = |why: &str| OauthError::new("invalid_client", format!("client_id: {why}"));
    let url = Url::parse(client_id).map_err(|_| wrong("not a URL"))?;
    if client_id.len() > MAX_URI_CHARS || url.path() == "/" || url.fragment().is_some() || !url.username().is_empty() {
        return Err(wrong("the URL of a document has a path, and neither a fragment nor a user"));
    }
    let headers = vec![("accept", "application/json".to_owned())];
    let request = Fetch { url: client_id.to_owned(), headers, form: None };
    let (status, body) = app.system.outbound.fetch_public(request).await.map_err(|why| wrong(&why))?;
    if status != 200 || body.len() > MAX_DOCUMENT_BYTES {
        return Err(wrong("its URL does not return a document of at most 64 KiB"));
    }
    let metadata: Metadata =
        serde_json::from_slice(&body).map_err(|_| wrong("its document is not valid JSON metadata"))?;
    if metadata.client_id != client_id {
        return Err(wrong("its document names another client_id"));
    }
    if metadata.token_endpoint_auth_method.as_deref().is_some_and(|method| method != "none") {
        return Err(wrong("its document asks for a client secret; only token_endpoint_auth_method none is supported"));
    }
    metadata.check()?;
    // A document may claim any name. Its host is what the person can trust.
    let name = format!("{} ({})", metadata.name(), url.host_str().unwrap_or_default());
    Ok(KnownClient { client_id: client_id.to_owned(), name, redirect_uris: metadata.redirect_uris })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(uris: &[&str]) -> KnownClient {
        let redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        KnownClient { client_id: "c".into(), name: "C".into(), redirect_uris }
    }

    #[test]
    fn a_redirect_uri_is_compared_letter_by_letter() {
        let one = client(&["https://a.example/callback"]);
        assert!(one.redirects_to("https://a.example/callback"));
        for other in [
            "https://a.example/callback/",
            "https://a.example/callback?next=1",
            "https://a.example:8443/callback",
            "https://a.example/Callback",
            "https://a.example.evil.example/callback",
            "http://a.example/callback",
            "https://a.example/callback#x",
        ] {
            assert!(!one.redirects_to(other), "{other}");
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_address_is_free() {
        let one = client(&["http://127.0.0.1:1234/callback"]);
        assert!(one.redirects_to("http://127.0.0.1:50000/callback"));
        assert!(one.redirects_to("http://127.0.0.1/callback"));
        for other in ["http://127.0.0.1:50000/other", "http://localhost:50000/callback", "http://127.0.0.2:1/callback"]
        {
            assert!(!one.redirects_to(other), "{other}");
        }
        assert!(client(&["http://[::1]/cb"]).redirects_to("http://[::1]:999/cb"));
        assert!(!client(&["https://127.0.0.1:1234/cb"]).redirects_to("https://127.0.0.1:999/cb"));
    }

    #[test]
    fn a_dangerous_redirect_uri_is_refused() {
        for good in
            ["https://a.example/cb", "http://localhost:9/cb", "cursor://anysphere.mcp/oauth", "com.example.app:/cb"]
        {
            assert!(check_redirect_uri(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://a.example/cb#part",
            "https://user@a.example/cb",
            "/cb",
            "",
        ] {
            assert!(check_redirect_uri(bad).is_err(), "{bad}");
        }
    }
}
