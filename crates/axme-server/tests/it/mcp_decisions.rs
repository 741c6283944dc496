//! Decisions where a model may choose the call (`spec/protocol.md` §7.7).

use std::sync::Arc;

use axme_api::mcp::tools::host_tools;
use axme_api::{Access, JsonFields, Scope};
use axme_core::auth::Caller;
use axme_core::auth::grants::Grant;
use axme_core::request::{Credentials, Edge, Request, RequestMeta};
use axme_core::{call, ops};
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};
use crate::mcp_client::{WITH_TASKS, done, event_stream, member, message, refused};
use crate::oauth;

each_engine! {
    no_model_decides_for_a_person,
    a_grant_decides_only_what_others_raised,
    each_tool_that_decides_works_for_a_granted_client,
    an_assistant_asks_for_permission,
    no_model_names_a_deputy,
}

async fn no_model_decides_for_a_person(engine: Engine) {
    let server = Server::start(engine).await;
    let key = &server.admin;
    let owner = server.sign_in("owner@local").await;
    let ask = json!({ "title": "Ship it?", "assignees": ["owner@local"] });
    let id = done(&server, key, "tasks_create", ask).await["intent_id"].clone();
    let thread = json!({ "thread_id": id });
    let answer = json!({ "intent_id": id, "outcome": "approved" });
    for (name, arguments) in [
        ("tasks_approve", json!({ "intent_id": id })),
        ("tasks_submit", answer),
        ("approvals_decide", json!({ "approval_id": id, "decision": "approve" })),
        ("inbox_approve", thread.clone()),
        ("inbox_reject", thread),
        ("intents_answer", json!({ "intent_id": id, "body": { "approve_current_step": true } })),
        ("intents_answer", json!({ "intent_id": id, "body": { "task_result": { "outcome": "approved" } } })),
        ("intents_resolve", json!({ "intent_id": id, "status": "COMPLETED", "result": {} })),
        ("tasks_link", json!({ "intent_id": id, "person": "owner@local" })),
    ] {
        assert_eq!(refused(&server, key, name, arguments.clone()).await, "person_required", "{name}");
        // The model holds a person's own token as it holds a key.
        let call = message(WITH_TASKS, "tools/call", json!({ "name": name, "arguments": arguments }));
        let headers = [
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", WITH_TASKS),
            ("authorization", owner.bearer.as_str()),
        ];
        let answer = server.send_with("", "POST", "/mcp", Some(call), &headers).await;
        assert_eq!(
            answer.body["result"]["structuredContent"]["error"]["code"], "person_required",
            "{name}: {}",
            answer.body
        );
    }
    assert_eq!(server.intent(id.as_str().unwrap()).await["status"], "WAITING");
    // Work of agents has no task, so a model may end it.
    let work = id_of(&server.post(key, "/v1/intents", json!({ "intent_type": "x", "to_agent": "worker" })).await);
    done(&server, key, "intents_resolve", json!({ "intent_id": work, "status": "COMPLETED", "result": {} })).await;
    assert_eq!(server.intent(&work).await["status"], "COMPLETED");
    // In the dialect of the SDKs, a key does what it does over REST.
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "axme.approvals.decide", "arguments": { "approval_id": id, "decision": "approve" } } });
    let answer = server.send(key, "POST", "/mcp", Some(call)).await;
    assert_eq!(answer.body["result"]["ok"], true, "{}", answer.body);
}

/// Calls an operation as the client of a person's grant.
async fn through_grant(
    server: &Server,
    bearer: &str,
    client: &str,
    scopes: &[Scope],
    id: &str,
    input: Value,
) -> Result<Value, String> {
    let meta =
        RequestMeta { edge: Edge::Model, credentials: Credentials::read(None, Some(bearer)), ..RequestMeta::default() };
    let mut permit = call::authenticate(&server.app, Access::Key, &meta).await.expect("a caller");
    let grant = Grant { client: client.to_owned(), scopes: scopes.to_vec() };
    permit.caller = Arc::new(Caller { grant: Some(Arc::new(grant)), ..(*permit.caller).clone() });
    let binding = ops::find(id).expect("an operation");
    let mut fields = JsonFields::of(input);
    let path_fields: Vec<_> =
        binding.info().path_fields().filter_map(|name| Some((name, fields.remove(name)?.string()?))).collect();
    let path = path_fields
        .iter()
        .fold(binding.info().path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
    let body = axme_api::Json::from(fields).text().to_owned().into();
    let request = Request { method: binding.info().method.as_str(), path, meta, path_fields, query: Vec::new(), body };
    match call::call(&server.app, binding, &permit, request).await {
        Ok(reply) => Ok(serde_json::from_slice(&reply.body).expect("JSON")),
        Err(error) => Err(error.into_api().code.as_str().to_owned()),
    }
}

async fn a_grant_decides_only_what_others_raised(engine: Engine) {
    let server = Server::start(engine).await;
    let owner = server.sign_in("owner@local").await;
    let kim = member(&server, "kim@example.com", "workspace_admin").await;
    let bearer = owner.bearer.as_str();
    let answer = |id: &str, outcome: &str| json!({ "intent_id": id, "task_result": { "outcome": outcome } });
    let decide = [Scope::TasksDecide];
    let raise = |task_type: &str| {
        json!({ "intent_type": "x.v1", "to_agent": "human", "payload": {},
        "human_task": { "title": "?", "task_type": task_type, "assignees": ["owner@local"] } })
    };
    // A task of an agent, with the scope and without.
    let worker = server.agent("worker").await;
    for (task_type, outcome) in [
        ("approval", "approved"),
        ("approval", "rejected"),
        ("confirmation", "confirmed"),
        ("assignment", "assigned"),
        ("form", "submitted"),
    ] {
        let id = server.send(&worker, "POST", "/v1/intents", Some(raise(task_type))).await.body["intent_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let none = through_grant(&server, bearer, "claude", &[], "intents.resume", answer(&id, outcome)).await;
        assert_eq!(none, Err("person_required".to_owned()));
        let mut body = answer(&id, outcome);
        body["task_result"]["assignee"] = "kim@example.com".into();
        let done = through_grant(&server, bearer, "claude", &decide, "intents.resume", body).await.expect("an answer");
        assert_eq!(done["applied"], true, "{done}");
    }
    // A task that the person raised, by hand or through any client.
    let own = server.as_person(&owner, "POST", "/v1/intents", Some(raise("approval"))).await.body["intent_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = through_grant(&server, bearer, "claude", &decide, "intents.resume", answer(&own, "approved")).await;
    assert_eq!(refused, Err("person_required".to_owned()));
    // A task that the same client raised for another person.
    let raised = through_grant(&server, &kim.bearer, "claude", &[], "intents.create", raise("approval"))
        .await
        .expect("an intent");
    let id = raised["intent_id"].as_str().unwrap();
    let same = through_grant(&server, bearer, "claude", &decide, "intents.resume", answer(id, "approved")).await;
    assert_eq!(same, Err("person_required".to_owned()));
    let other = through_grant(&server, bearer, "chatgpt", &decide, "intents.resume", answer(id, "approved")).await;
    assert_eq!(other.expect("an answer")["applied"], true);
    // The tools list shows the deciding tools to nobody without the scope.
    assert!(host_tools().iter().filter(|tool| tool.decides).count() >= 9);
}

async fn each_tool_that_decides_works_for_a_granted_client(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let client = oauth::connect(&server, oauth::OWNER, &["read", "tasks:decide"]).await;
    for (tool, task_type, more, outcome) in [
        ("tasks_approve", "approval", json!({ "comment": "good" }), "approved"),
        ("tasks_reject", "approval", json!({}), "rejected"),
        ("tasks_confirm", "confirmation", json!({}), "confirmed"),
        ("tasks_assign", "assignment", json!({ "data": { "assignee": "kim@example.com" } }), "assigned"),
        ("tasks_complete", "manual_action", json!({}), "completed"),
        ("tasks_submit", "form", json!({ "outcome": "submitted" }), "submitted"),
    ] {
        let task = json!({ "title": "?", "task_type": task_type, "assignees": [oauth::OWNER] });
        let raised = json!({ "intent_type": "x.v1", "to_agent": "human", "payload": {}, "human_task": task });
        let id = server.post(&worker, "/v1/intents", raised).await["intent_id"].as_str().unwrap().to_owned();
        let mut arguments = more;
        arguments["intent_id"] = json!(id);
        let result = oauth::call(&server, &client.access, tool, arguments).await.body["result"].clone();
        assert_eq!(result["isError"], json!(false), "{tool}: {result}");
        let intent = server.intent(&id).await;
        assert_eq!(
            (&intent["status"], &intent["result"]["outcome"]),
            (&json!("COMPLETED"), &json!(outcome)),
            "{intent}"
        );
        // The history tells such an answer from the person's own.
        let events = server.events(&id).await;
        let details = events.iter().map(|event| &event["details"]).find(|details| details["answered_by"].is_string());
        let details = details.expect("an event of the answer");
        assert_eq!(details["answered_via"], "assistant", "{details}");
        assert_eq!(details["answered_through"], json!({ "client": client.client }), "{details}");
    }
}

async fn an_assistant_asks_for_permission(engine: Engine) {
    let server = Server::start(engine).await;
    let kim = member(&server, "kim@example.com", "member").await;
    let ask = |id: &str| {
        message(
            WITH_TASKS,
            "tools/call",
            json!({ "name": "permission_prompt",
        "arguments": { "tool_name": "Bash", "input": { "command": "deploy" }, "tool_use_id": id } }),
        )
    };
    let path = "/mcp?tools=default,permission&approvers=kim@example.com";
    for (id, outcome, behavior) in [("1", "approved", "allow"), ("2", "rejected", "deny")] {
        let wanted = ask(id);
        let question = event_stream(&server, path, &wanted);
        let answer = async {
            let task = crate::harness::poll(async || {
                let tasks = server.as_person(&kim, "GET", "/v1/me/tasks", None).await;
                tasks.body["tasks"].get(0).cloned()
            })
            .await;
            assert_eq!(task["human_task"]["title"], "May the assistant run Bash?");
            let path = format!("/v1/intents/{}/resume", task["intent_id"].as_str().unwrap());
            let body = json!({ "task_result": { "outcome": outcome, "comment": "because" } });
            server.as_person(&kim, "POST", &path, Some(body)).await
        };
        let (told, _) = tokio::join!(question, answer);
        let decision: Value =
            serde_json::from_str(told["result"]["content"][0]["text"].as_str().expect("a text")).unwrap();
        assert_eq!(decision["behavior"], behavior, "{decision}");
        match outcome {
            "approved" => assert_eq!(decision["updatedInput"], json!({ "command": "deploy" })),
            _ => assert_eq!(decision["message"], "because"),
        }
    }
    // A repeated request finds the same answer at once.
    let again = event_stream(&server, path, &ask("2")).await;
    assert!(again["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("deny")), "{again}");
}

async fn no_model_names_a_deputy(engine: Engine) {
    let server = Server::start(engine).await;
    let owner = member(&server, "ann@example.com", "member").await;
    member(&server, "bob@example.com", "member").await;
    let until = server.now().plus_seconds(3_600).to_string();
    let absence = json!({ "deputy": "bob@example.com", "until": until });
    let all = [Scope::TasksDecide];
    for (id, input) in [("me.absence.put", absence.clone()), ("me.absence.end", json!({}))] {
        let refused = through_grant(&server, &owner.bearer, "claude", &all, id, input).await;
        assert_eq!(refused, Err("person_required".to_owned()), "{id}");
    }
    server.as_person(&owner, "PUT", "/v1/me/absence", Some(absence)).await.ok();
}
