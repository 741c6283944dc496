//! Checks of `POST /mcp` (`spec/protocol.md` §7). Every answer has the status 200, even if it reports an error.

use serde_json::{Value, json};

use super::http::{CheckResult, Response, TEXT};
use super::suite::{Suite, new_uuid};

/// Calls a method. The answer must have a matching result and no key `error`: some clients treat any value of it as an
/// error.
async fn call(suite: &Suite, method: &str, params: &Value, result: &Value) -> CheckResult<Response> {
    let id = new_uuid();
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let response = suite.http.post("/mcp", &body).await?;
    let answer = response.object()?;
    answer.matches(&json!({ "jsonrpc": "2.0", "id": id }))?;
    if answer.get("error").exists().is_ok() {
        return Err(response.mismatch("a result and no error"));
    }
    answer.get("result").fields()?;
    answer.get("result").matches(result)?;
    Ok(response)
}

pub(crate) async fn mcp_initialize(suite: &mut Suite) -> CheckResult {
    let params = json!({ "protocolVersion": "2024-11-05" });
    call(suite, "initialize", &params, &json!({ "protocolVersion": TEXT })).await.map(|_| ())
}

pub(crate) async fn mcp_tools_list(suite: &mut Suite) -> CheckResult {
    let response = call(suite, "tools/list", &json!({}), &json!({})).await?;
    response.object()?.get("result").get("tools").some_items()?[0].get("name").text().map(|_| ())
}

pub(crate) async fn mcp_tools_call(suite: &mut Suite) -> CheckResult {
    let params = json!({ "name": "axme.check_nick", "arguments": { "nick": "@conformance_mcp" } });
    call(suite, "tools/call", &params, &json!({ "tool": TEXT, "status": TEXT })).await.map(|_| ())
}
