//! Prompts that a person picks in the host, and the completion of their arguments.

use axme_api::{Json, JsonFields};
use rmcp::ErrorData;
use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptResult, JsonObject, Prompt, PromptArgument,
    PromptMessage, Role,
};

use super::calls::HostCall;

/// The most values of one completion.
const MAX_VALUES: usize = 100;

/// Returns the prompts.
pub(super) fn all() -> Vec<Prompt> {
    let argument = |name: &str, about: &str| PromptArgument::new(name).with_description(about).with_required(true);
    vec![
        Prompt::new("review_my_tasks", Some("Go through the tasks that wait for me."), None)
            .with_title("Review my tasks"),
        Prompt::new("what_is_stuck", Some("Find what does not move, and why."), None).with_title("What is stuck?"),
        Prompt::new(
            "ask_somebody",
            Some("Ask a person a question, and tell me the answer."),
            Some(vec![argument("person", "The email address of the person."), argument("question", "The question.")]),
        )
        .with_title("Ask somebody"),
    ]
}

/// Returns the messages of a prompt.
pub(super) fn get(name: &str, arguments: &JsonObject) -> Result<GetPromptResult, ErrorData> {
    let argument = |name: &str| {
        let text = arguments.get(name).and_then(|value| value.as_str()).filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| ErrorData::invalid_params(format!("{name}: required"), None))
    };
    let text = match name {
        "review_my_tasks" => {
            "List my tasks with tasks_list. For each, tell me who asks, what for, and until when. Answer none: \
                              I decide. Then tell me where I can answer."
                .to_owned()
        }
        "what_is_stuck" => {
            "List the intents that wait, with intents_list and status WAITING,DELIVERED. For the oldest, use \
                            intents_trace. Tell me what each waits for, since when, and what would help."
                .to_owned()
        }
        "ask_somebody" => format!(
            "Ask {} with tasks_create: {} Then follow the intent with intents_watch, and tell me the answer.",
            argument("person")?,
            argument("question")?
        ),
        _ => return Err(ErrorData::invalid_params(format!("there is no prompt {name}"), None)),
    };
    Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]))
}

/// Completes an address or the id of an intent.
pub(super) async fn complete(call: &HostCall, request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let (operation, list, field) = match request.argument.name.as_str() {
        "intent_id" => ("intents.list", "intents", "intent_id"),
        "person" => ("organizations.members.list", "members", "actor_id"),
        "address" | "to_agent" => ("agents.list", "agents", "address"),
        _ => return Ok(CompleteResult::default()),
    };
    // A caller who may not list these gets no completion.
    let page = call.operate(operation, JsonFields::new()).await.unwrap_or_default();
    let entries: Vec<Json> = page.field(list).and_then(|entries| entries.read().ok()).unwrap_or_default();
    let begun = &request.argument.value;
    let matches = |text: &String| text.contains(begun.as_str());
    let values = entries.iter().filter_map(|entry| entry.field(field)?.string()).filter(matches).take(MAX_VALUES);
    let info = CompletionInfo::new(values.collect()).map_err(|why| ErrorData::internal_error(why, None))?;
    Ok(CompleteResult::new(info))
}
