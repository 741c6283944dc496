//! Two points that the SDK lacks (decision 0023): the tasks of revision 2025-11-25, and numbers of more than 64 bits.

use axme_api::mcp::tools::find_host_tool;
use axme_api::{ApiError, Json, JsonFields};
use axum::body::Bytes;
use serde_json::{Value, json};

use super::calls::HostCall;
use super::tasks::{self, TaskState};
use super::tools;
use super::waits::{self, Reporter};

/// The only revision with tasks of its own. Later ones have the tasks extension, which the SDK speaks.
const WITH_TASKS: &str = "2025-11-25";
/// The longest wait for the result of a task, in seconds. Hosts ask again.
const RESULT_SECONDS: u64 = 40;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
const INTERNAL_ERROR: i64 = -32_603;
/// The key of the metadata that names the task of a result.
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// A request of a host, with its parts as they were sent.
pub(super) struct RpcRequest {
    /// The revision that the header names; empty without the header.
    pub version: String,
    pub method: String,
    pub params: JsonFields,
    pub id: Json,
}

/// Why a request has no result.
struct Fault {
    code: i64,
    message: String,
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Fault {
        Fault { code: INTERNAL_ERROR, message: error.message }
    }
}

/// Answers a request about tasks of revision 2025-11-25. Returns `None` for every other request.
pub(super) async fn answer(call: &HostCall, request: &RpcRequest) -> Option<Json> {
    if request.version != WITH_TASKS {
        return None;
    }
    let outcome = match request.method.as_str() {
        "tools/call" if request.params.contains_key("task") => start(call, request).await,
        "tasks/get" => named(call, request).await.map(|state| state.legacy().into()),
        "tasks/result" => result(call, request).await,
        "tasks/cancel" => cancel(call, request).await,
        "tasks/list" => list(call, request).await,
        _ => return None,
    };
    let answer = JsonFields::new().with("jsonrpc", "2.0").with("id", request.id.clone());
    Some(match outcome {
        Ok(result) => answer.with("result", result).into(),
        Err(Fault { code, message }) => answer.with("error", json!({ "code": code, "message": message })).into(),
    })
}

/// Calls a tool as a task. The call itself is done at once: its intent is the task.
async fn start(call: &HostCall, request: &RpcRequest) -> Result<Json, Fault> {
    let name = request.params.string("name").unwrap_or_default();
    let fault = |code, message| Fault { code, message };
    let tool = find_host_tool(&name).ok_or_else(|| fault(INVALID_PARAMS, format!("there is no tool {name}")))?;
    if !tool.can_be_task {
        return Err(fault(METHOD_NOT_FOUND, format!("{name} cannot be called as a task")));
    }
    let data =
        tools::run(call, tool, &Reporter::silent()).await.map_err(|error| fault(INVALID_PARAMS, error.message))?;
    let id = data.field("intent_id").and_then(|id| id.string()).unwrap_or_default();
    Ok(json!({ "task": find(call, &id).await?.legacy() }).into())
}

async fn find(call: &HostCall, id: &str) -> Result<TaskState, Fault> {
    let missing = || Fault { code: INVALID_PARAMS, message: format!("there is no task {id}") };
    tasks::find(call, id).await?.ok_or_else(missing)
}

async fn named(call: &HostCall, request: &RpcRequest) -> Result<TaskState, Fault> {
    find(call, &request.params.string("taskId").unwrap_or_default()).await
}

async fn result(call: &HostCall, request: &RpcRequest) -> Result<Json, Fault> {
    let id = named(call, request).await?.id;
    waits::until_ended(call, &id, RESULT_SECONDS, &Reporter::silent()).await?;
    let state = find(call, &id).await?;
    let Some(result) = state.result else {
        let message = "the task is still working: ask tasks/get until it ends, then ask again".to_owned();
        return Err(Fault { code: INTERNAL_ERROR, message });
    };
    let fields = result.json().fields().unwrap_or_default();
    Ok(fields.with("_meta", json!({ RELATED_TASK: { "taskId": id } })).into())
}

async fn cancel(call: &HostCall, request: &RpcRequest) -> Result<Json, Fault> {
    let id = named(call, request).await?.id;
    tasks::cancel(call, &id).await.map_err(|error| Fault { code: INVALID_PARAMS, message: error.message })?;
    Ok(find(call, &id).await?.legacy().into())
}

async fn list(call: &HostCall, request: &RpcRequest) -> Result<Json, Fault> {
    let cursor = request.params.string("cursor");
    let page = tasks::list(call, cursor.as_deref()).await;
    let (states, next) = page.map_err(|error| Fault { code: INVALID_PARAMS, message: error.message })?;
    let states: Vec<Value> = states.iter().map(TaskState::legacy).collect();
    let mut page = json!({ "tasks": states });
    if let Some(next) = next {
        page["nextCursor"] = next.into();
    }
    Ok(page.into())
}

/// Completes an answer of the SDK. Returns `None` if nothing is missing.
pub(super) fn complete(body: &Bytes, call: &HostCall, request: &RpcRequest) -> Option<String> {
    let mut answer: JsonFields = serde_json::from_slice(body).ok()?;
    let mut result = answer.get("result")?.fields()?;
    match request.method.as_str() {
        "tools/call" => result.set("structuredContent", call.exact.get()?.clone()),
        "initialize" if result.string("protocolVersion").is_some_and(|version| version == WITH_TASKS) => {
            let tasks = json!({ "list": {}, "cancel": {}, "requests": { "tools": { "call": {} } } });
            let capabilities = result.get("capabilities")?.fields()?.with("tasks", tasks);
            result.set("capabilities", capabilities);
        }
        "tools/list" if request.version == WITH_TASKS => {
            let tools: Vec<JsonFields> = result.get("tools")?.read().ok()?;
            let tools = tools.into_iter().map(|tool| {
                let name = tool.string("name").unwrap_or_default();
                let can_be_task = find_host_tool(&name).is_some_and(|tool| tool.can_be_task);
                if can_be_task { tool.with("execution", json!({ "taskSupport": "optional" })) } else { tool }
            });
            result.set("tools", Json::of(&tools.collect::<Vec<_>>()));
        }
        _ => return None,
    }
    answer.set("result", result);
    Some(Json::from(answer).text().to_owned())
}
