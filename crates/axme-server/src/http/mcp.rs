//! The Model Context Protocol at `/mcp`, with two faces (`spec/protocol.md` §7).
//!
//! The AXME SDKs speak a dialect: they send no `MCP-Protocol-Version` and do not accept event streams ([`dialect`]). Every
//! other client gets the protocol as its revisions define it ([`host`]). No session outlives a request.
//!
//! A bearer token resolves to a caller, with a [`Grant`](axme_core::auth::grants::Grant) if a client acts for a person.
//! Without a credential, the answer is 401 with `WWW-Authenticate`, from which clients discover how to sign in.

mod answers;
mod beside;
mod calls;
mod composed;
mod dialect;
mod elicitation;
mod flat_form;
mod handler;
mod host;
pub(in crate::http) mod operations;
mod origins;
mod permission;
mod program;
mod prompts;
mod resources;
mod tasks;
mod tools;
mod waits;

use std::sync::Arc;

use axme_api::Access;
use axme_core::call;
use axme_core::error::Result;
use axme_core::request::{Edge, RequestMeta};
use axme_core::state::AppState;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};

use super::extract::{field, meta, query, read_body};
use super::mount::method_not_allowed;
use super::{json, oauth, refusal, respond};

/// Answers a request, or in the dialect a batch of them.
pub async fn answer(State(app): State<Arc<AppState>>, request: Request) -> Response<Body> {
    let origin = match origins::check(&app, request.headers()) {
        Ok(origin) => origin,
        Err(error) => return refusal(&error),
    };
    let is_dialect = is_dialect(request.headers());
    let mut response = respond(handle(&app, request, is_dialect).await);
    if response.status() == StatusCode::UNAUTHORIZED && !is_dialect {
        oauth::challenge(&app, response.headers_mut());
    }
    origins::allow(origin, response.headers_mut());
    response
}

async fn handle(app: &Arc<AppState>, request: Request, is_dialect: bool) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    // Only hosts may show the token of a grant.
    let edge = if is_dialect { Edge::Direct } else { Edge::Model };
    let meta = RequestMeta { edge, ..meta(app, &parts) };
    let permit = call::authenticate(app, Access::Key, &meta).await?;
    let held = read_body(app, &permit.caller.service_account_id, body).await?.json()?;
    if is_dialect {
        let answer = dialect::handle(app, meta, permit, &held.bytes).await;
        return Ok(match answer {
            Some(answer) => json(200, answer.text().as_bytes().to_vec()),
            None => json(202, Vec::new()),
        });
    }
    let parameters = query(parts.uri.query());
    let (tools, approvers) = (field(&parameters, "tools"), field(&parameters, "approvers"));
    let request = host::HostRequest { parts, meta, permit, body: held.bytes.clone(), tools, approvers };
    Ok(host::handle(app, request).await)
}

/// Answers the question of a browser whether a page may call.
pub async fn preflight(State(app): State<Arc<AppState>>, request: Request) -> Response<Body> {
    match origins::check(&app, request.headers()) {
        Ok(None) => method_not_allowed(&request),
        Ok(Some(origin)) => origins::preflight(origin),
        Err(error) => refusal(&error),
    }
}

/// Returns true for a request of an AXME SDK.
fn is_dialect(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let names_stream = |value: &str| value.to_ascii_lowercase().contains("text/event-stream");
    !headers.contains_key(host::VERSION_HEADER) && !accepted.into_iter().any(names_stream)
}
