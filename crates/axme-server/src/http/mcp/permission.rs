//! `permission_prompt`: asks a person whether a tool may run. Command-line assistants call it before a tool that needs
//! permission, and read allow or deny as JSON from the text of the result.

use axme_api::mcp::tools::HostTool;
use axme_api::{ApiError, Json, JsonFields};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::calls::HostCall;
use super::waits::{self, Reporter};

/// The name of the tool.
pub(super) const NAME: &str = "permission_prompt";

/// How long a person has for the answer, in seconds. Then the question lapses, and the tool may not run.
const SECONDS: u64 = 3_600;

/// Asks, waits, and returns the answer in the form that assistants read.
pub(super) async fn ask(call: &HostCall, tool: &HostTool, reporter: &Reporter) -> CallToolResult {
    let decision = match decide(call, tool, reporter).await {
        Ok(None) => json!({ "behavior": "allow", "updatedInput": input(call).value() }),
        Ok(Some(why)) => json!({ "behavior": "deny", "message": why }),
        Err(error) => json!({ "behavior": "deny", "message": format!("nobody could be asked: {}", error.message) }),
    };
    CallToolResult::success(vec![ContentBlock::text(decision.to_string())])
}

fn input(call: &HostCall) -> Json {
    call.arguments.get("input").filter(|input| input.is_object()).cloned().unwrap_or_else(|| json!({}).into())
}

/// Returns why the tool may not run, or `None` if it may.
async fn decide(call: &HostCall, tool: &HostTool, reporter: &Reporter) -> Result<Option<String>, ApiError> {
    call.permit.admit_tool(&call.app, &tool.name).map_err(|error| error.into_api())?;
    let name = call.required("tool_name")?;
    let asked = call.operate("intents.create", question(call, &name)).await?;
    let id = asked.field("intent_id").and_then(|id| id.string()).unwrap_or_default();
    reporter.report("waiting for a person").await;
    let intent = waits::until_ended(call, &id, SECONDS, reporter).await?.value()["intent"].take();
    let result = &intent["result"];
    if result["outcome"] == "approved" {
        return Ok(None);
    }
    let why = match intent["status"].as_str().unwrap_or_default() {
        "COMPLETED" => result["comment"].as_str().unwrap_or("a person said no").to_owned(),
        "TIMED_OUT" => "nobody answered in time".to_owned(),
        "CANCELED" => "the question was canceled".to_owned(),
        _ => format!("nobody has answered yet; the question is intent {id}"),
    };
    Ok(Some(why))
}

/// Returns the intent that asks for permission.
fn question(call: &HostCall, name: &str) -> JsonFields {
    let mut task =
        JsonFields::new().with("title", format!("May the assistant run {name}?")).with("task_type", "approval");
    let owner = Some(call.caller().owner.clone()).filter(|owner| owner.contains('@'));
    let approvers: Vec<String> = match call.approvers.is_empty() {
        true => owner.into_iter().collect(),
        false => call.approvers.clone(),
    };
    if !approvers.is_empty() {
        task.set("assignees", Json::of(&approvers));
    }
    let payload = JsonFields::new().with("tool", name).with("input", input(call));
    let mut intent = JsonFields::new()
        .with("intent_type", "permission.tool.v1")
        .with("to_agent", "human")
        .with("payload", payload)
        .with("ttl_seconds", Json::of(&SECONDS))
        .with("human_task", task);
    if let Some(id) = call.arguments.string("tool_use_id") {
        // A host that repeats its request continues to wait for the same answer.
        let text = Value::from(vec![name, &id, input(call).text()]).to_string();
        let hash: String = Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        intent.set("idempotency_key", format!("permission-{hash}"));
    }
    intent
}
