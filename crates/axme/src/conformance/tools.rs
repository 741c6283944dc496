//! `POST /mcp` (contract `wire.md` §7). Answers are 200, also those that say what went wrong.

use serde_json::{Value, json};

use super::checks::{Suite, fresh};
use super::wire::{Answer, Part, Seen};

async fn ask(suite: &Suite, method: &str, params: &Value) -> Seen<(String, Answer)> {
    let id = fresh();
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    Ok((id, suite.wire.post("/mcp", &body).await?))
}

/// The result of the call, and that it is an answer to it. Some clients take the mere presence of `error` for one.
fn result<'a>(id: &str, answer: &'a Answer) -> Seen<Part<'a>> {
    let body = answer.object()?;
    body.get("jsonrpc").is_text("2.0")?;
    body.get("id").is_text(id)?;
    if body.get("error").exists().is_ok() {
        return Err(answer.wrong("a result and no error"));
    }
    body.get("result").fields()?;
    Ok(body.get("result"))
}

pub async fn mcp_initialize(suite: &mut Suite) -> Seen {
    let (id, answer) = ask(suite, "initialize", &json!({ "protocolVersion": "2024-11-05" })).await?;
    result(&id, &answer)?.get("protocolVersion").text().map(|_| ())
}

pub async fn mcp_tools_list(suite: &mut Suite) -> Seen {
    let (id, answer) = ask(suite, "tools/list", &json!({})).await?;
    let tools = result(&id, &answer)?.get("tools").some_items()?;
    tools[0].get("name").text().map(|_| ())
}

pub async fn mcp_tools_call(suite: &mut Suite) -> Seen {
    let params = json!({ "name": "axme.check_nick", "arguments": { "nick": "@conformance_mcp" } });
    let (id, answer) = ask(suite, "tools/call", &params).await?;
    let result = result(&id, &answer)?;
    result.get("tool").text()?;
    result.get("status").text().map(|_| ())
}
