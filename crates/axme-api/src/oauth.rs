//! OAuth for clients of the Model Context Protocol. It has discovery (RFC 9728, RFC 8414), registration (RFC 7591), the
//! pages that ask a person, tokens, and their revocation (RFC 7009).
//!
//! These routes speak the forms of the standards, errors included.

use crate::op::{Access, Route};

/// The routes of this family, in the order of the documentation.
pub const ROUTES: &[Route] =
    &[RESOURCE, RESOURCE_OF_ENDPOINT, SERVER, REGISTER, AUTHORIZE, AUTHORIZE_ANSWER, TOKEN, REVOKE];

/// Describes the resource that tokens are for.
pub const RESOURCE: Route = Route::get("oauth.resource", "/.well-known/oauth-protected-resource")
    .access(Access::Public)
    .about("Describe `/mcp` as an OAuth resource (RFC 9728): its address, its authorization server, its scopes.");
/// Describes the resource at the place that RFC 9728 derives from its address.
pub const RESOURCE_OF_ENDPOINT: Route =
    Route::get("oauth.resource_of_endpoint", "/.well-known/oauth-protected-resource/mcp")
        .access(Access::Public)
        .about("Describe `/mcp` as an OAuth resource, at the place derived from its address.");
/// Describes the authorization server.
pub const SERVER: Route = Route::get("oauth.server", "/.well-known/oauth-authorization-server")
    .access(Access::Public)
    .about("Describe the authorization server (RFC 8414): its endpoints and what they support.");
/// Registers a client.
pub const REGISTER: Route = Route::post("oauth.register", "/oauth/register")
    .access(Access::Public)
    .about("Register a client (RFC 7591). A client that no person uses is deleted after a day.");
/// Shows the page that signs a person in and asks for consent.
pub const AUTHORIZE: Route = Route::get("oauth.authorize", "/oauth/authorize")
    .access(Access::Public)
    .about("Show the page on which a person signs in for a client. PKCE with S256 is required.");
/// Takes one step of that page: the email address, the mailed code, the consent.
pub const AUTHORIZE_ANSWER: Route = Route::post("oauth.authorize_step", "/oauth/authorize")
    .access(Access::Public)
    .about("Take one step of the page: the email address, the mailed code, then the consent.");
/// Exchanges a code or a refresh token for tokens.
pub const TOKEN: Route = Route::post("oauth.token", "/oauth/token")
    .access(Access::Public)
    .about("Exchange a code or a refresh token for tokens. Each works once.");
/// Ends a grant.
pub const REVOKE: Route = Route::post("oauth.revoke", "/oauth/revoke")
    .access(Access::Public)
    .about("End the grant of an access token or a refresh token (RFC 7009). An unknown token is accepted, too.");
