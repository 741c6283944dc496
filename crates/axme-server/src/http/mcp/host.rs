//! The protocol for every host: checks of the request, then the answer of `rmcp`, the official SDK.
//!
//! The SDK serves each request by itself: no session, JSON unless progress is reported. It lacks the tasks of revision
//! 2025-11-25 and rounds numbers; [`beside`](super::beside) does both (decision 0023).

use std::sync::{Arc, OnceLock};

use axme_api::mcp::selection::Selection;
use axme_api::{Json, JsonFields};
use axme_core::call::{CallPermit, checked_body};
use axme_core::request::{KeyHeader, RequestMeta};
use axme_core::state::AppState;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use rmcp::model::ProtocolVersion;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};

use super::calls::HostCall;
use super::handler::Handler;
use super::program::{FilledForm, HostProgram};
use super::{beside, permission};

/// The header that names the revision of the protocol.
pub(super) const VERSION_HEADER: &str = "mcp-protocol-version";

const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const INVALID_PARAMS: i64 = -32_602;
const UNSUPPORTED_VERSION: i64 = -32_022;

/// A request of a host, authenticated and read.
pub(super) struct HostRequest {
    pub parts: Parts,
    pub meta: RequestMeta,
    pub permit: CallPermit,
    pub body: Bytes,
    /// `tools` of the query; empty without it.
    pub tools: String,
    /// `approvers` of the query; empty without it.
    pub approvers: String,
}

/// Answers one request of a host.
pub(super) async fn handle(app: &Arc<AppState>, request: HostRequest) -> Response<Body> {
    let HostRequest { mut parts, meta, permit, body, tools, approvers } = request;
    let meta = RequestMeta { idempotency_key: KeyHeader::Absent, ..meta };
    let selection = match tools.as_str() {
        "" => app.site.mcp.tools.clone(),
        names => match Selection::parse(names) {
            Ok(selection) => selection,
            Err(why) => return fault(&Json::default(), INVALID_PARAMS, &why, None),
        },
    };
    let message = match read(&body) {
        Ok(message) => message,
        Err((code, why)) => return fault(&Json::default(), code, &why, None),
    };
    let id = message.get("id").cloned().unwrap_or_default();
    if let Some(refused) = check_version(&parts.headers, &id) {
        return refused;
    }
    let params = message.get("params").and_then(Json::fields).unwrap_or_default();
    let host = HostProgram::read(version(&parts.headers), &params);
    let arguments = params.get("arguments").and_then(Json::fields).unwrap_or_default();
    let call = Arc::new(HostCall {
        app: app.clone(),
        permit,
        meta,
        selection,
        approvers: approvers.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        arguments,
        exact: OnceLock::new(),
        host,
        filled: FilledForm::read(&params),
    });
    let request = beside::RpcRequest {
        version: version(&parts.headers).to_owned(),
        method: message.string("method").unwrap_or_default(),
        params,
        id,
    };
    if let Some(answer) = beside::answer(&call, &request).await {
        return in_json(StatusCode::OK, answer.text().to_owned());
    }
    fill_in(&mut parts.headers);
    let response = through_sdk(&call, &request, parts, body).await;
    with_own_parts(response, &call, &request).await
}

/// Reads one JSON-RPC message.
fn read(body: &Bytes) -> Result<JsonFields, (i64, String)> {
    let text = checked_body(body).map_err(|error| (PARSE_ERROR, error.into_api().message))?;
    let message: Json =
        serde_json::from_str(&text).map_err(|error| (PARSE_ERROR, format!("the body is not valid JSON: {error}")))?;
    message.fields().ok_or_else(|| (INVALID_REQUEST, "send one request at a time, as an object".to_owned()))
}

/// Answers with a JSON-RPC error, before anything is done.
fn fault(id: &Json, code: i64, message: &str, data: Option<Value>) -> Response<Body> {
    let mut error = json!({ "code": code, "message": message });
    if let Some(data) = data {
        error["data"] = data;
    }
    let answer = json!({ "jsonrpc": "2.0", "id": id.value(), "error": error });
    in_json(StatusCode::BAD_REQUEST, answer.to_string())
}

fn in_json(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn version(headers: &HeaderMap) -> &str {
    headers.get(VERSION_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Refuses a revision that the server does not know: the client could not read the answer to what is done.
fn check_version(headers: &HeaderMap, id: &Json) -> Option<Response<Body>> {
    let value = headers.get(VERSION_HEADER)?;
    let requested = value.to_str().unwrap_or_default();
    let supported: Vec<&str> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
    if supported.contains(&requested) {
        return None;
    }
    let message = format!("the protocol version \"{requested}\" is not supported: use one of {}", supported.join(", "));
    let data = json!({ "supported": supported, "requested": requested });
    Some(fault(id, UNSUPPORTED_VERSION, &message, Some(data)))
}

/// Lets a client send fewer headers than the SDK insists on. The answer is JSON unless the client asks for progress.
fn fill_in(headers: &mut HeaderMap) {
    headers.entry(header::HOST).or_insert(HeaderValue::from_static("localhost"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
}

async fn through_sdk(call: &Arc<HostCall>, request: &beside::RpcRequest, parts: Parts, body: Bytes) -> Response<Body> {
    let handler = Handler { call: call.clone() };
    // A person may take an hour. Until then, an event stream keeps the connection open.
    let is_long = request.params.string("name").as_deref() == Some(permission::NAME);
    // The origin is checked before. The host name is the operator's choice.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(!is_long)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(call.app.limits.body_bytes);
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(handler.clone()), sessions, config);
    service.handle(axum::http::Request::from_parts(parts, Full::new(body))).await.map(Body::new)
}

/// Adds to an answer in JSON what the SDK leaves out.
async fn with_own_parts(response: Response<Body>, call: &HostCall, request: &beside::RpcRequest) -> Response<Body> {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !is_json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // The body is in memory already, so that reading it cannot fail.
    let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let completed = beside::complete(&bytes, call, request).map_or(bytes, Bytes::from);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(completed))
}
