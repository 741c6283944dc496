//! The results of tools as hosts read them: text for the model, and the same as structured content.

use axme_api::mcp::tools::HostTool;
use axme_api::{ApiError, Json, JsonFields};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

/// The result of a tool.
pub(super) struct ToolAnswer {
    pub text: String,
    pub structured: Json,
    pub is_error: bool,
}

impl ToolAnswer {
    /// Returns the result of a call that was done.
    pub(super) fn done(tool: &HostTool, data: &Json) -> ToolAnswer {
        let message = sentence(tool, &data.value());
        let structured = JsonFields::new()
            .with("ok", Json::of(&true))
            .with("tool", tool.name.as_str())
            .with("message", message)
            .with("data", data.clone());
        let structured = Json::from(structured);
        ToolAnswer { text: structured.text().to_owned(), structured, is_error: false }
    }

    /// Returns the result of a call that was refused: a model reads why, and what to do.
    pub(super) fn refused(tool: &str, error: &ApiError) -> ToolAnswer {
        let structured = json!({
            "ok": false,
            "tool": tool,
            "message": error.message,
            "error": {
                "code": error.code.as_str(),
                "message": error.message,
                "status": error.kind().http_status(),
                "details": error.details,
            },
        });
        let text = format!("{} ({})", error.message, error.code);
        ToolAnswer { text, structured: structured.into(), is_error: true }
    }

    /// Returns the result for the SDK, which rounds numbers.
    pub(super) fn into_result(self) -> CallToolResult {
        let content = vec![ContentBlock::text(self.text)];
        let mut result = if self.is_error { CallToolResult::error(content) } else { CallToolResult::success(content) };
        result.structured_content = Some(self.structured.value());
        result
    }

    /// Returns the result as JSON with exact numbers.
    pub(super) fn json(&self) -> Json {
        let content = json!([{ "type": "text", "text": self.text }]);
        let result = JsonFields::new().with("content", content).with("structuredContent", self.structured.clone());
        result.with("isError", Json::of(&self.is_error)).into()
    }
}

/// Returns the result of a tool in one sentence.
fn sentence(tool: &HostTool, data: &Value) -> String {
    if let (Some(id), Some(status)) = (data["intent_id"].as_str(), data["status"].as_str()) {
        let next = if tool.can_be_task { " Follow it with intents_watch." } else { "" };
        let outcome = data["outcome_text"].as_str().or_else(|| data["intent"]["outcome_text"].as_str());
        return format!("Intent {id} is {status}.{}{next}", outcome.map(|text| format!(" {text}")).unwrap_or_default());
    }
    let lists = data.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_array()?)));
    match lists.into_iter().find(|(name, _)| *name != "warnings") {
        Some((name, items)) => format!("{} {}.", items.len(), name.replace('_', " ")),
        None => format!("{}: done.", tool.title),
    }
}
