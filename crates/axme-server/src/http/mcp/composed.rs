//! The tools that make several calls.

use axme_api::mcp::tools::HostTool;
use axme_api::{ApiError, Json, JsonFields};
use axme_core::engine::intent_access::find_readable;
use axme_core::input::parse_id;
use axme_store::intents;
use serde_json::{Value, json};

use super::calls::{HostCall, with};
use super::waits::{self, Reporter};

/// The longest wait of `intents_watch`, in seconds.
const MAX_WAIT_SECONDS: u64 = 40;
/// The most events that `intents_trace` returns, and the most steps.
const MAX_TRACED_EVENTS: usize = 2_000;

/// The outcomes that the tools for answers record.
const OUTCOMES: [(&str, &str); 5] = [
    ("tasks_approve", "approved"),
    ("tasks_reject", "rejected"),
    ("tasks_confirm", "confirmed"),
    ("tasks_assign", "assigned"),
    ("tasks_complete", "completed"),
];

const HOW_TO_WRITE: &str = "Write a bundle with scenario_id, agents (role, address), humans (role, contact), a workflow of steps, and the \
                            intent (type, payload). Steps run in order. A step names an agent or a human by role in assigned_to; a step \
                            with runtime_type human_approval asks the person. Check the bundle with scenarios_validate, then run it with \
                            scenarios_apply.";

/// Does the work of a composed tool.
pub(super) async fn run(call: &HostCall, tool: &HostTool, reporter: &Reporter) -> Result<Json, ApiError> {
    match tool.name.as_str() {
        "status" => Ok(status(call).into()),
        "doctor" => Ok(doctor(call).await.into()),
        "org_list" => organizations(call).await,
        "agents_receive_override" => receive_override(call).await,
        "intents_resume" | "intents_retry" => send_again(call).await,
        "intents_watch" => watch(call, reporter).await,
        "intents_trace" => trace(call).await,
        "tasks_get" => task(call).await,
        "tasks_create" => ask(call).await,
        "scenarios_create" => how_to_write(call).await,
        "tasks_submit" => answer_task(call, &call.required("outcome")?).await,
        name => match OUTCOMES.iter().find(|(tool, _)| *tool == name) {
            Some((_, outcome)) => answer_task(call, outcome).await,
            None => Err(ApiError::internal()),
        },
    }
}

fn status(call: &HostCall) -> Value {
    let caller = call.caller();
    json!({
        "ok": true,
        "service": "axme",
        "version": env!("CARGO_PKG_VERSION"),
        "base_url": call.app.site.base_url,
        "organization": caller.org_slug,
        "workspace": caller.workspace_slug,
        "role": caller.role,
        "address": caller.address,
    })
}

/// Tries what most tools need, and says for each part whether it works.
async fn doctor(call: &HostCall) -> Value {
    let one = || JsonFields::new().with("limit", Json::of(&1));
    let tries = [
        ("credential", "me.get", JsonFields::new()),
        ("intents", "intents.list", one()),
        ("agents", "agents.list", one()),
        ("tasks", "tasks.list", one()),
    ];
    let mut checks = vec![json!({ "check": "server", "ok": true, "detail": "the server answers" })];
    for (check, operation, arguments) in tries {
        let outcome = call.operate(operation, arguments).await;
        let detail = outcome.as_ref().err().map_or("works".to_owned(), |error| error.message.clone());
        checks.push(json!({ "check": check, "ok": outcome.is_ok(), "detail": detail }));
    }
    let all = checks.iter().all(|check| check["ok"] == true);
    json!({ "ok": all, "checks": checks })
}

/// Lists the organizations of a person; a key has one.
async fn organizations(call: &HostCall) -> Result<Json, ApiError> {
    let organizations = match call.caller().person() {
        Some(_) => call.operate("portal.personal.context", JsonFields::new()).await?.field("organizations"),
        None => {
            let own = call.operate("organizations.get", JsonFields::new()).await?;
            own.field("organization").map(|organization| Json::of(&[organization]))
        }
    };
    Ok(JsonFields::new().with("ok", Json::of(&true)).with("organizations", organizations.unwrap_or_default()).into())
}

async fn receive_override(call: &HostCall) -> Result<Json, ApiError> {
    let mut arguments = call.arguments.clone();
    let action = arguments.remove("action").and_then(|action| action.string()).unwrap_or_default();
    match action.as_str() {
        "get" => call.operate("agents.receive_override.get", arguments).await,
        "set" => call.operate("agents.receive_override.put", arguments).await,
        _ => Err(ApiError::invalid("action: must be get or set")),
    }
}

/// Submits an intent that has ended once more.
async fn send_again(call: &HostCall) -> Result<Json, ApiError> {
    let id = call.required("intent_id")?;
    let intent_id = parse_id(&id).map_err(|error| error.into_api())?;
    let caller = call.permit.caller.clone();
    let found = call.app.read_for(&call.caller().service_account_id, move |tx| {
        let (owner, head) = find_readable(tx, &caller, intent_id)?;
        Ok::<_, axme_core::error::Error>((intents::spec(tx, owner, intent_id)?, head.intent.status()))
    });
    let (spec, status) = found.await.map_err(|error| error.into_api())?;
    if !status.is_terminal() {
        let message = format!("the intent is {status}: only an intent that has ended can be sent again");
        return Err(ApiError::invalid(message));
    }
    if spec.plan.is_some() {
        return Err(ApiError::invalid("the intent ran a scenario: apply the scenario again with scenarios_apply"));
    }
    let mut arguments = JsonFields::new()
        .with("intent_type", spec.intent_type.as_str())
        .with("to_agent", spec.to.spelled())
        .with("payload", spec.payload.clone());
    if let Some(reply_to) = &spec.reply_to {
        arguments.set("reply_to", reply_to.as_str());
    }
    if let Some(task) = &spec.task {
        arguments.set("human_task", Json::of(task));
    }
    if let Some(key) = call.arguments.get("idempotency_key") {
        arguments.set("idempotency_key", key.clone());
    }
    call.operate("intents.create", arguments).await
}

async fn watch(call: &HostCall, reporter: &Reporter) -> Result<Json, ApiError> {
    let id = call.required("intent_id")?;
    let number = |name: &str| match call.arguments.get(name).filter(|value| !value.is_null()) {
        None => Ok(0),
        Some(value) => value
            .value()
            .as_u64()
            .ok_or_else(|| ApiError::invalid(format!("{name}: must be a whole number of at least 0"))),
    };
    let (since, seconds) = (number("since")?, number("wait_seconds")?.min(MAX_WAIT_SECONDS));
    let seen = waits::events(call, &id, since, seconds, reporter).await?;
    let intent = waits::intent(call, &id).await?;
    Ok(joined(&intent, &seen.fields()))
}

/// Returns an intent with further fields.
fn joined(intent: &Json, more: &JsonFields) -> Json {
    let mut fields = JsonFields::new();
    for name in ["ok", "intent_id", "status", "intent"] {
        fields.set(name, intent.field(name).unwrap_or_default());
    }
    fields.extend(more.clone());
    fields.into()
}

/// Returns an intent with all its events and those of its steps.
async fn trace(call: &HostCall) -> Result<Json, ApiError> {
    let id = call.required("intent_id")?;
    let intent = waits::intent(call, &id).await?;
    let mut events: Vec<Json> = Vec::new();
    let (mut since, mut is_cut) = (0, false);
    loop {
        let seen = waits::events(call, &id, since, 0, &Reporter::silent()).await?;
        if seen.events.is_empty() {
            break;
        }
        since = seen.next_since;
        events.extend(seen.events);
        if events.len() >= MAX_TRACED_EVENTS {
            is_cut = true;
            break;
        }
    }
    let more = JsonFields::new().with("events", Json::of(&events)).with("is_cut", Json::of(&is_cut));
    Ok(joined(&intent, &more))
}

async fn task(call: &HostCall) -> Result<Json, ApiError> {
    let answer = waits::intent(call, &call.required("intent_id")?).await?;
    let task = answer.field("intent").and_then(|intent| intent.field("human_task"));
    if task.is_none_or(|task| task.is_null()) {
        return Err(ApiError::invalid("this intent does not wait for a person: intents_get shows it"));
    }
    Ok(answer)
}

/// Asks people.
async fn ask(call: &HostCall) -> Result<Json, ApiError> {
    let mut arguments = call.arguments.clone();
    let mut task = JsonFields::new().with("title", call.required("title")?);
    for name in ["description", "task_type", "form_schema", "allowed_outcomes", "assignees"] {
        if let Some(value) = arguments.remove(name).filter(|value| !value.is_null()) {
            task.set(name, value);
        }
    }
    if !task.contains_key("assignees") {
        return Err(ApiError::invalid("assignees: required, a list of email addresses"));
    }
    arguments.remove("title");
    let payload = arguments.remove("payload").unwrap_or_else(|| JsonFields::new().into());
    let mut intent = JsonFields::new().with("intent_type", "human.ask.v1").with("to_agent", "human");
    for name in ["ttl_seconds", "deadline_at", "idempotency_key"] {
        if let Some(value) = arguments.remove(name) {
            intent.set(name, value);
        }
    }
    call.operate("intents.create", intent.with("payload", payload).with("human_task", task)).await
}

/// Records the answer to a task.
async fn answer_task(call: &HostCall, outcome: &str) -> Result<Json, ApiError> {
    let id = call.required("intent_id")?;
    let mut result = JsonFields::new().with("outcome", outcome);
    for name in ["comment", "data"] {
        if let Some(value) = call.arguments.get(name).filter(|value| !value.is_null()) {
            result.set(name, value.clone());
        }
    }
    call.operate("intents.resume", with("intent_id", &id).with("task_result", result)).await
}

async fn how_to_write(call: &HostCall) -> Result<Json, ApiError> {
    let macros = call.operate("macros.list", JsonFields::new()).await?.field("macros").unwrap_or_default();
    let example = json!({
        "scenario_id": "deploy.approval.v1",
        "agents": [{ "role": "deployer", "address": "deployer" }],
        "humans": [{ "role": "lead", "contact": "lead@example.com" }],
        "workflow": { "steps": [
            { "step_id": "approve", "assigned_to": "lead", "runtime_type": "human_approval" },
            { "step_id": "deploy", "assigned_to": "deployer" },
        ] },
        "intent": { "type": "deploy.v1", "payload": { "service": "billing" } },
    });
    let fields = JsonFields::new().with("ok", Json::of(&true)).with("instructions", HOW_TO_WRITE);
    Ok(fields.with("example", example).with("macros", macros).into())
}
