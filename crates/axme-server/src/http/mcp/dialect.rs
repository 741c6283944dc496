//! The dialect of the AXME SDKs: plain JSON, in which every operation is a tool (`spec/protocol.md` §7.1 to §7.3). A tool is
//! called through the same pipeline as its route.
//!
//! A request without a valid key gets the usual HTTP error. Any other request gets status 200 and a JSON-RPC answer,
//! even for an error; one with only notifications gets 202.

use std::sync::Arc;

use axme_api::mcp::{self, Tool};
use axme_api::{ApiError, ErrorCode, ErrorKind, Json, JsonFields};
use axme_core::call::{self, CallPermit, checked_body, storable};
use axme_core::policy::key_scope::Activity;
use axme_core::request::{KeyHeader, RequestMeta};
use axme_core::state::AppState;
use axme_intent::Address;
use axme_intent::address::agent_name;
use axme_store::service_accounts;
use axum::body::Bytes;
use serde_json::{Value, json};

use super::operations::request_of;

/// Maximum number of requests in one batch.
const MAX_REQUESTS: usize = 50;

/// The protocol versions of plain-JSON clients. A client that asks for another version gets the first.
const VERSIONS: [&str; 3] = ["2024-11-05", "2025-03-26", "2025-06-18"];

const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const AUTH_REQUIRED: i64 = -32001;
const OWNER_MISMATCH: i64 = -32003;
const RATE_LIMITED: i64 = -32004;
const GATEWAY_ERROR: i64 = -32010;
const NOT_RESOLVED: i64 = -32011;

/// A JSON-RPC error.
struct RpcError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> RpcError {
        RpcError { code, message: message.into(), data: None }
    }
}

impl From<ApiError> for RpcError {
    fn from(error: ApiError) -> RpcError {
        let code = match error.kind() {
            ErrorKind::Unauthenticated => AUTH_REQUIRED,
            ErrorKind::Forbidden => OWNER_MISMATCH,
            ErrorKind::RateLimited => RATE_LIMITED,
            ErrorKind::Malformed if error.code == ErrorCode::OwnerMismatch => OWNER_MISMATCH,
            ErrorKind::Malformed | ErrorKind::Invalid | ErrorKind::TooLarge => INVALID_PARAMS,
            ErrorKind::NotFound => NOT_RESOLVED,
            _ => GATEWAY_ERROR,
        };
        let data =
            json!({ "code": error.code.as_str(), "status": error.kind().http_status(), "details": error.details });
        RpcError { code, message: error.message, data: Some(data) }
    }
}

/// One HTTP request, with its caller.
struct McpCall<'a> {
    app: &'a Arc<AppState>,
    permit: CallPermit,
    meta: RequestMeta,
}

/// Answers a request, or a batch of them. Returns `None` if there were only notifications.
pub(super) async fn handle(app: &Arc<AppState>, meta: RequestMeta, permit: CallPermit, body: &Bytes) -> Option<Json> {
    let mcp_call = McpCall { app, permit, meta };
    match read(body) {
        Err(error) => Some(enclose(Json::default(), Err(error))),
        Ok(requests) => match requests.read::<Vec<Json>>() {
            Ok(requests) => mcp_call.batch(&requests).await,
            Err(_) => mcp_call.one(&requests).await,
        },
    }
}

fn read(body: &Bytes) -> Result<Json, RpcError> {
    // A report of a failure may have text that cannot be stored. It is replaced, as on the routes.
    let repaired =
        storable(body).filter(|body| serde_json::from_slice::<Json>(body).is_ok_and(|requests| are_reports(&requests)));
    let body = repaired.as_deref().unwrap_or(body);
    let text = checked_body(body).map_err(|error| RpcError::new(INVALID_REQUEST, error.into_api().message))?;
    serde_json::from_str(&text)
        .map_err(|error| RpcError::new(INVALID_REQUEST, format!("the body is not valid JSON: {error}")))
}

/// Returns true if every request calls a tool with a report as its arguments.
fn are_reports(requests: &Json) -> bool {
    let requests = requests.read::<Vec<Json>>().unwrap_or_else(|_| vec![requests.clone()]);
    let is_report = |request: &Json| {
        let params = request.field("params")?;
        let name = params.field("name")?.string()?;
        let binding = axme_core::ops::find(name.strip_prefix(mcp::PREFIX).unwrap_or(&name))?;
        Some(binding.is_report(&params.field("arguments")?.fields()?))
    };
    requests.iter().all(|request| is_report(request).unwrap_or(false))
}

/// Returns the activity of a tool: that of its operation, or a read.
fn activity(tool: &Tool) -> Activity {
    let id = tool.name.strip_prefix(mcp::PREFIX).unwrap_or(&tool.name);
    let found = axme_core::ops::find(id).map(|binding| Activity::from(binding.info()));
    found.unwrap_or_else(|| Activity::reading(mcp::CHECK_NICK, tool.access))
}

fn enclose(id: Json, outcome: Result<Json, RpcError>) -> Json {
    let answer = JsonFields::new().with("jsonrpc", "2.0").with("id", id);
    let answer = match outcome {
        Ok(result) => answer.with("result", result),
        Err(RpcError { code, message, data }) => {
            let error = JsonFields::of(json!({ "code": code, "message": message }));
            answer.with(
                "error",
                match data {
                    Some(data) => error.with("data", data),
                    None => error,
                },
            )
        }
    };
    answer.into()
}

impl McpCall<'_> {
    /// Runs requests in order: each one sees the effects of the ones before it.
    async fn batch(&self, requests: &[Json]) -> Option<Json> {
        if requests.is_empty() || requests.len() > MAX_REQUESTS {
            let message = format!("a batch must have 1 to {MAX_REQUESTS} requests");
            return Some(enclose(Json::default(), Err(RpcError::new(INVALID_REQUEST, message))));
        }
        let mut answers = Vec::new();
        for request in requests {
            answers.extend(self.one(request).await);
        }
        (!answers.is_empty()).then(|| Json::of(&answers))
    }

    /// Answers a request. Returns `None` for a notification, which is a request without an id.
    async fn one(&self, request: &Json) -> Option<Json> {
        let invalid = |message: &str| Err(RpcError::new(INVALID_REQUEST, message));
        let Some(fields) = request.fields() else {
            return Some(enclose(Json::default(), invalid("a request must be an object")));
        };
        let id = fields.get("id").cloned();
        let is_known = |id: &Json| matches!(id.value(), Value::String(_) | Value::Number(_) | Value::Null);
        let known = id.clone().filter(is_known);
        let outcome = match (fields.string("method"), fields.get("jsonrpc"), &id, &known) {
            (_, _, Some(_), None) => invalid("id: must be text or a number"),
            (_, Some(version), _, _) if *version != *"2.0" => invalid("jsonrpc: must be \"2.0\""),
            (Some(method), ..) => match fields.get("params").filter(|params| !params.is_null()).map(Json::fields) {
                None => self.run(&method, &JsonFields::new()).await,
                Some(Some(params)) => self.run(&method, &params).await,
                Some(None) => Err(RpcError::new(INVALID_PARAMS, "params: must be an object")),
            },
            _ => invalid("method: must be text"),
        };
        id.map(|_| enclose(known.unwrap_or_default(), outcome))
    }

    async fn run(&self, method: &str, params: &JsonFields) -> Result<Json, RpcError> {
        let plain = match method {
            "initialize" => {
                let asked = params.string("protocolVersion").unwrap_or_default();
                json!({
                    "protocolVersion": VERSIONS.iter().find(|version| **version == asked).unwrap_or(&VERSIONS[0]),
                    "capabilities": { "tools": { "listChanged": false } },
                    "serverInfo": { "name": "axme", "version": env!("CARGO_PKG_VERSION") },
                })
            }
            "ping" => json!({ "pong": true }),
            "tools/list" => {
                let may = |tool: &&Tool| call::authorize(activity(tool), &self.permit.caller).is_ok();
                let show = |tool: &Tool| json!({ "name": tool.name, "description": tool.about, "inputSchema": tool.input_schema });
                json!({ "tools": mcp::tools().iter().filter(may).map(show).collect::<Vec<_>>() })
            }
            "tools/call" => return self.call(params).await,
            "resources/list" => json!({ "resources": [] }),
            "prompts/list" => json!({ "prompts": [] }),
            _ if method.starts_with("notifications/") => json!({}),
            _ => return Err(RpcError::new(METHOD_NOT_FOUND, format!("there is no method {method}"))),
        };
        Ok(plain.into())
    }

    async fn call(&self, params: &JsonFields) -> Result<Json, RpcError> {
        let invalid = |message: String| RpcError::new(INVALID_PARAMS, message);
        let name = params.string("name").ok_or_else(|| invalid("name: required".to_owned()))?;
        let name = name.as_str();
        let mut arguments = match params.get("arguments").filter(|arguments| !arguments.is_null()) {
            None => JsonFields::new(),
            Some(arguments) => arguments.fields().ok_or_else(|| invalid("arguments: must be an object".to_owned()))?,
        };
        let tool = mcp::tools().iter().find(|tool| tool.name == name);
        let tool = tool.ok_or_else(|| invalid(format!("there is no tool {name}")))?;
        self.permit.admit_tool(self.app, name).map_err(|error| RpcError::from(error.into_api()))?;
        let owner = self.owner(params, tool, &mut arguments)?;
        call::authorize(activity(tool), &self.permit.caller).map_err(|error| RpcError::from(error.into_api()))?;
        let data = if name == mcp::CHECK_NICK {
            self.check_nick(&arguments).await?
        } else {
            self.operate(tool, arguments, owner.as_deref()).await?
        };
        let mut result = JsonFields::of(json!({
            "ok": true,
            "tool": name,
            "status": "completed",
            "owner_agent": owner.unwrap_or_else(|| self.permit.caller.actor()),
            "content": [{ "type": "text", "text": data.text() }],
        }));
        if let Some(id) = data.field("intent_id") {
            result.set("intent_id", id);
        }
        Ok(result.with("data", data).into())
    }

    /// Returns the `owner_agent` of the parameters or of the arguments. Removes it from the arguments if the operation
    /// has no such field.
    fn owner(&self, params: &JsonFields, tool: &Tool, arguments: &mut JsonFields) -> Result<Option<String>, RpcError> {
        let owner = |fields: &JsonFields| fields.string("owner_agent").filter(|owner| !owner.is_empty());
        let (beside, within) = (owner(params), owner(arguments));
        if !tool.takes("owner_agent") && within.is_some() {
            arguments.remove("owner_agent");
        }
        if let (Some(beside), Some(within)) = (&beside, &within) {
            let home = self.permit.caller.home();
            if Address::resolve(beside, home) != Address::resolve(within, home) {
                let message =
                    format!("owner_agent is \"{within}\" in the arguments but \"{beside}\" beside them: send one");
                return Err(RpcError::new(OWNER_MISMATCH, message));
            }
        }
        Ok(beside.or(within))
    }

    /// Calls an operation as its route does.
    async fn operate(&self, tool: &Tool, mut arguments: JsonFields, owner: Option<&str>) -> Result<Json, RpcError> {
        let id = tool.name.strip_prefix(mcp::PREFIX).unwrap_or(&tool.name);
        let Some(binding) = axme_core::ops::find(id) else {
            return Err(RpcError::new(INVALID_PARAMS, format!("there is no tool {}", tool.name)));
        };
        let mut meta = self.meta.clone();
        let key = arguments.remove("idempotency_key").filter(|key| !key.is_null());
        let text = key.as_ref().and_then(Json::string);
        if key.is_some() && text.is_none() {
            return Err(RpcError::new(INVALID_PARAMS, "idempotency_key: must be text"));
        }
        let plain = |name: &str, value: &str| match value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            true => Ok(value.to_owned()),
            false => Err(RpcError::new(INVALID_PARAMS, format!("{name}: must be plain ASCII text"))),
        };
        if let Some(key) = text {
            meta.idempotency_key = KeyHeader::Text(plain("idempotency-key", &key)?);
        }
        if let Some(owner) = owner {
            meta.owner = Some(plain("x-owner-agent", owner)?);
        }
        let request =
            request_of(binding.info(), arguments, meta).map_err(|wrong| RpcError::new(INVALID_PARAMS, wrong))?;
        let sent = call::call(self.app, binding, &self.permit, request)
            .await
            .map_err(|error| RpcError::from(error.into_api()))?;
        let data: Json = serde_json::from_slice(&sent.body)
            .map_err(|error| RpcError::new(GATEWAY_ERROR, format!("the answer is not valid JSON: {error}")))?;
        if sent.status == 200 {
            return Ok(data);
        }
        // A stored refusal, repeated for its idempotency key.
        let code = match sent.status {
            403 => OWNER_MISMATCH,
            _ => GATEWAY_ERROR,
        };
        let data = data.value();
        let message = data["message"].as_str().unwrap_or_default();
        let told = json!({ "code": data["error"]["code"], "status": sent.status, "details": data["error"]["details"] });
        Err(RpcError { data: Some(told), ..RpcError::new(code, message) })
    }

    /// Returns whether a new agent of the workspace could have the name.
    async fn check_nick(&self, arguments: &JsonFields) -> Result<Json, RpcError> {
        let nick = arguments.string("nick").filter(|nick| !nick.trim().is_empty());
        let nick = nick.ok_or_else(|| RpcError::new(INVALID_PARAMS, "nick: required"))?;
        let home = self.permit.caller.home();
        let name = agent_name(nick.trim().trim_start_matches('@'), home);
        let Some(address) = name.map(|name| Address::agent(home, &name)) else {
            return Ok(json!({ "nick": nick, "available": false }).into());
        };
        let (workspace, wanted) = (self.permit.caller.workspace, address.clone());
        let found = self.app.store.read(move |tx| service_accounts::find_agent(tx, workspace, &wanted)).await;
        let found = found.map_err(|error| RpcError::from(axme_core::error::Error::from(error).into_api()))?;
        Ok(json!({ "nick": nick, "public_address": address, "available": found.is_none() }).into())
    }
}
