//! `tasks_answer`: the host shows the form of a task to its person, and the server records the answer.
//!
//! The first call returns the form instead of a result. The host shows it, and repeats the call with what the person
//! entered (`input_required` of revision 2026-07-28). The server keeps nothing in between: `requestState` only says which
//! asking was shown.

use std::collections::BTreeMap;

use axme_api::mcp::tools::HostTool;
use axme_api::{ApiError, ErrorCode, ErrorKind, Json, JsonFields};
use axme_core::call::authorize;
use axme_core::input::{check_size, parse_id};
use axme_core::ops::host_tasks::{self, HostAnswer, HostTask};
use axme_core::policy::key_scope::Activity;
use axme_core::views;
use axme_intent::lifecycle::IntentSpec;
use axme_intent::{TaskResult, prospect};
use axme_store::intents::Head;
use axme_store::{Shard, Tx};
use axme_words::Language;
use rmcp::model::{CallToolResponse, ElicitRequest, ElicitRequestParams, InputRequest, InputRequiredResult};

use super::answers::ToolAnswer;
use super::calls::{HostCall, with};
use super::flat_form;
use super::program::FORM;

/// The name of the tool.
pub(super) const NAME: &str = "tasks_answer";
/// The longest text above a form, in characters.
const MAX_MESSAGE_CHARS: usize = 4_000;

/// Returns the form of a task, or records the answer of the person.
pub(super) async fn ask(call: &HostCall, tool: &HostTool) -> Result<CallToolResponse, ApiError> {
    call.permit.admit_tool(&call.app, &tool.name).map_err(|error| error.into_api())?;
    authorize(Activity::of_tool(tool), call.caller()).map_err(|error| error.into_api())?;
    call.check_scope(tool.scope())?;
    let id = call.required("intent_id")?;
    let task = find(call, &id).await?;
    let Some(result) = &call.filled.result else { return offer(call, &task, None) };
    if result.string("action").as_deref() != Some("accept") {
        let still_open = with("intent_id", &id)
            .with("status", task.head.intent.status().as_str())
            .with("outcome_text", "The person did not answer here; the task still waits.");
        return Ok(finish(call, tool, &still_open.into()));
    }
    match record(call, &task, result).await {
        Ok(Some((head, spec))) => {
            let intent = views::intent(&head, &spec);
            let data = with("intent_id", &id).with("status", head.intent.status().as_str());
            Ok(finish(call, tool, &data.with("intent", Json::of(&intent)).into()))
        }
        // The task has changed meanwhile, or the person has to correct the answer.
        Ok(None) => offer(call, &find(call, &id).await?, Some("The question has changed. Please look at it again.")),
        Err(error) if error.kind() == ErrorKind::Invalid => offer(call, &find(call, &id).await?, Some(&error.message)),
        Err(error) => Err(error),
    }
}

/// Records what the person entered. Returns `None` if the host was shown another asking.
async fn record(call: &HostCall, task: &HostTask, result: &JsonFields) -> Result<Option<(Head, IntentSpec)>, ApiError> {
    let Some(asking) = call.filled.asking.as_deref().and_then(|asking| asking.parse().ok()) else { return Ok(None) };
    let content = result.get("content").and_then(Json::fields).unwrap_or_default();
    let answer = flat_form::answer(&content);
    check_size("answer", &answer).map_err(|error| error.into_api())?;
    let given = HostAnswer {
        intent: task.head.intent.id,
        asking,
        host: call.host.name.clone().unwrap_or_else(|| "unnamed".to_owned()),
        answer: TaskResult::read(&JsonFields::new().with("task_result", answer)),
    };
    let caller = call.permit.caller.clone();
    let job = move |tx: &mut Tx<'_>| host_tasks::answer(tx, &caller, &given);
    call.app.store.write(Shard::of_intent(task.head.intent.id), job).await.map_err(|error| error.into_api())
}

async fn find(call: &HostCall, id: &str) -> Result<HostTask, ApiError> {
    let id = parse_id(id).map_err(|error| error.into_api())?;
    let caller = call.permit.caller.clone();
    let found = call.app.read_for(&call.caller().service_account_id, move |tx| host_tasks::find(tx, &caller, id));
    found.await.map_err(|error| error.into_api())
}

fn finish(call: &HostCall, tool: &HostTool, data: &Json) -> CallToolResponse {
    let answer = ToolAnswer::done(tool, data);
    // The SDK rounds numbers; the exact text replaces its own.
    let _ = call.exact.set(answer.structured.clone());
    answer.into_result().into()
}

/// Returns the form with the text above it, which begins with what was wrong with the last answer.
fn offer(call: &HostCall, task: &HostTask, problem: Option<&str>) -> Result<CallToolResponse, ApiError> {
    let elsewhere = "the person answers by mail, on the page or with the command line";
    if !call.host.shows_forms {
        let message = format!("this host shows no forms: {elsewhere}");
        return Err(ApiError::new(ErrorCode::PersonRequired, message));
    }
    let Some(requested_schema) = flat_form::of(&task.task) else {
        let message =
            format!("the form of this task has lists or nested fields, which a host cannot show: {elsewhere}");
        return Err(ApiError::new(ErrorCode::PersonRequired, message));
    };
    let message = message(task, problem);
    let params = ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema };
    let form = InputRequest::Elicitation(ElicitRequest::new(params));
    let forms = BTreeMap::from([(FORM.to_owned(), form)]);
    Ok(InputRequiredResult::new(Some(forms), Some(task.asking().to_string())).into())
}

/// Returns what the person reads: who asks, for what, the facts, and what follows.
fn message(task: &HostTask, problem: Option<&str>) -> String {
    let request = prospect::request(task.task.task_type.as_deref(), Language::English);
    let mut lines: Vec<String> = problem.into_iter().map(|why| format!("Not recorded: {why}\n")).collect();
    lines.push(format!("{} {request}: {}", task.requester.name, task.task.title));
    lines.extend(task.task.description.clone());
    lines
        .extend(task.facts().into_iter().map(|fact| format!("{}: {}", fact.label, fact.value.text(Language::English))));
    let prospects = prospect::of(&task.head.intent, &task.spec, Language::English);
    for (answer, sentences) in [("Yes", prospects.on_yes), ("No", prospects.on_no)] {
        if !sentences.is_empty() {
            lines.push(format!("{answer}: {}", sentences.join(" ")));
        }
    }
    lines.join("\n").chars().take(MAX_MESSAGE_CHARS).collect()
}
