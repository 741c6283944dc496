//! OAuth 2.1 for clients of the Model Context Protocol: an assistant gets a grant of a person, never the person's own
//! credentials.
//!
//! `clients` says who asks, `consent` what the person gives, and `exchange` turns a code or a refresh token into tokens.
//! Tokens are for one resource, `/mcp`, and one workspace. Clients have no secret: every code needs its PKCE verifier.

pub mod clients;
pub mod consent;
pub mod exchange;

use axme_api::ErrorKind;

use crate::error::Error;

/// A refusal in the form of RFC 6749.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthError {
    /// The code of the standard, such as `invalid_grant`.
    pub code: &'static str,
    /// The cause and the remedy, in ASCII.
    pub description: String,
}

impl OauthError {
    pub fn new(code: &'static str, description: impl Into<String>) -> OauthError {
        OauthError { code, description: description.into() }
    }

    pub(crate) fn invalid_request(description: impl Into<String>) -> OauthError {
        OauthError::new("invalid_request", description)
    }

    pub(crate) fn invalid_grant(description: impl Into<String>) -> OauthError {
        OauthError::new("invalid_grant", description)
    }
}

/// A failure of the server, which a client may repeat.
impl From<Error> for OauthError {
    fn from(error: Error) -> OauthError {
        let error = error.into_api();
        let code = match error.kind() {
            ErrorKind::Unavailable | ErrorKind::RateLimited => "temporarily_unavailable",
            ErrorKind::Internal => "server_error",
            _ => "invalid_grant",
        };
        OauthError::new(code, error.message)
    }
}

/// Returns the resource that tokens are for: the endpoint of the Model Context Protocol.
pub fn resource(base_url: &str) -> String {
    format!("{}{}", base_url.trim_end_matches('/'), axme_api::mcp::ENDPOINT.path)
}

/// Refuses a resource of another server. Without one, this server's is meant.
pub(crate) fn check_resource(base_url: &str, named: &str) -> Result<(), OauthError> {
    let own = resource(base_url);
    if named.is_empty() || named.trim_end_matches('/') == own {
        return Ok(());
    }
    Err(OauthError::new("invalid_target", format!("resource: tokens of this server are for {own} only")))
}
