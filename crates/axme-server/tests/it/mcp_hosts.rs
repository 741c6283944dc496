//! The Model Context Protocol for hosts (`spec/protocol.md` §7.4 to §7.6): its revisions, tools and tasks.

use axme_core::state::{McpSite, Site};
use axme_store::Limits;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};
use crate::mcp_client::{NEWEST, WITH_TASKS, complete, done, message, refused, rpc, send, text_of, tool};
use crate::oauth;

each_engine! {
    each_revision_gets_its_own_form,
    an_unknown_revision_is_refused_before_anything_is_done,
    only_allowed_origins_may_call,
    hosts_choose_the_tools_that_they_see,
    every_official_tool_answers_and_refuses,
    numbers_keep_their_text,
    calls_become_tasks_in_both_forms,
    a_wait_is_bounded_and_returns_a_cursor,
    resources_and_prompts_are_read,
    the_dialect_is_told_apart_by_what_is_sent,
}

async fn each_revision_gets_its_own_form(engine: Engine) {
    let server = Server::start(engine).await;
    let key = &server.admin;
    let hello = |version: &str| json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "a", "version": "1" } });
    for (asked, given) in [
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        (WITH_TASKS, WITH_TASKS),
        ("1999-01-01", WITH_TASKS),
    ] {
        let result = rpc(&server, key, "", "initialize", hello(asked)).await["result"].clone();
        assert_eq!(result["protocolVersion"], given, "{result}");
        assert_eq!(result["serverInfo"]["name"], "axme");
        assert_eq!(result["capabilities"]["tasks"].is_object(), given == WITH_TASKS, "{result}");
        assert!(result["instructions"].as_str().is_some_and(|text| text.contains("intents_send")), "{result}");
    }
    for version in ["2025-03-26", WITH_TASKS] {
        assert_eq!(rpc(&server, key, version, "ping", json!({})).await["result"], json!({}));
        let result = rpc(&server, key, version, "tools/list", json!({})).await["result"].clone();
        assert!(result.get("resultType").is_none() && result["tools"].is_array(), "{result}");
    }
    let found = rpc(&server, key, NEWEST, "server/discover", json!({})).await["result"].clone();
    assert!(found["supportedVersions"].as_array().is_some_and(|versions| versions.contains(&json!(NEWEST))), "{found}");
    let list = rpc(&server, key, NEWEST, "tools/list", json!({})).await["result"].clone();
    assert_eq!((&list["resultType"], &list["cacheScope"]), (&json!("complete"), &json!("private")), "{list}");
    assert!(list["ttlMs"].is_u64(), "{list}");
    // A header that contradicts the body is refused.
    let body = message(NEWEST, "tools/list", json!({}));
    let headers = [
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", NEWEST),
        ("mcp-method", "tools/call"),
    ];
    let answer = server.send_with(key, "POST", "/mcp", Some(body), &headers).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]["code"]), (400, &json!(-32_020)), "{}", answer.body);
    for (body, code) in [("nonsense", -32_700), ("[]", -32_600), ("5", -32_600)] {
        let headers = [("accept", "application/json, text/event-stream"), ("content-type", "application/json")];
        let answer = server.send_raw(key, "POST", "/mcp", body.into(), &headers).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]["code"]), (400, &json!(code)), "{body}");
    }
    let unknown = rpc(&server, key, WITH_TASKS, "explode", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32_601, "{unknown}");
    let paged = rpc(&server, key, WITH_TASKS, "tools/list", json!({ "cursor": "x" })).await;
    assert_eq!(paged["error"]["code"], -32_602, "{paged}");
    let nobody = send(&server, "", "/mcp", WITH_TASKS, &message(WITH_TASKS, "ping", json!({}))).await;
    assert_eq!(nobody.status, 401);
    assert!(nobody.headers.contains_key("www-authenticate"));
}

async fn an_unknown_revision_is_refused_before_anything_is_done(engine: Engine) {
    let server = Server::start(engine).await;
    let call =
        json!({ "name": "intents_send", "arguments": { "intent_type": "x.v1", "to_agent": "a", "payload": {} } });
    let answer = send(&server, &server.admin, "/mcp", "2031-01-01", &message("2031-01-01", "tools/call", call)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["error"]["code"], -32_022, "{}", answer.body);
    assert!(answer.body["error"]["data"]["supported"].as_array().is_some_and(|known| known.contains(&json!(NEWEST))));
    assert_eq!(answer.body["id"], 1);
    let list = server.send(&server.admin, "GET", "/v1/intents", None).await;
    assert_eq!(list.body["intents"], json!([]), "nothing was done");
}

async fn only_allowed_origins_may_call(engine: Engine) {
    let site = Site {
        mcp: McpSite { origins: vec!["https://host.example".to_owned()], ..McpSite::default() },
        ..Site::default()
    };
    let server = Server::start_at(engine, Limits::default(), site).await;
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    for (origin, status) in
        [("https://host.example", 200), (crate::harness::SITE, 200), ("https://evil.example", 403), ("null", 403)]
    {
        let headers = [("origin", origin)];
        let answer = server.send_with(&server.admin, "POST", "/mcp", Some(ping.clone()), &headers).await;
        assert_eq!(answer.status.as_u16(), status, "{origin}");
        let allowed = answer.headers.get("access-control-allow-origin").and_then(|value| value.to_str().ok());
        assert_eq!(allowed, (status == 200).then_some(origin));
        let asked = server.send_with("", "OPTIONS", "/mcp", None, &headers).await;
        assert_eq!(asked.status.as_u16(), if status == 200 { 204 } else { 403 }, "{origin}");
    }
}

async fn hosts_choose_the_tools_that_they_see(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let names = async |key: &str, path: &str| -> Vec<String> {
        let list = send(&server, key, path, WITH_TASKS, &message(WITH_TASKS, "tools/list", json!({}))).await;
        let tools = list.body["result"]["tools"].as_array().expect("a list").clone();
        tools.iter().map(|tool| tool["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let shown = names(&server.admin, "/mcp").await;
    assert!(shown.contains(&"intents_send".to_owned()) && shown.contains(&"tasks_create".to_owned()), "{shown:?}");
    assert!(!shown.contains(&"tasks_approve".to_owned()), "a key never decides: {shown:?}");
    assert_eq!(names(&server.admin, "/mcp?tools=official").await.len(), 48);
    assert!(names(&server.admin, "/mcp?tools=all").await.len() <= 128);
    assert!(names(&server.admin, "/mcp?tools=mesh").await.contains(&"mesh_agents_kill".to_owned()));
    assert!(!names(&worker, "/mcp?tools=service_accounts").await.contains(&"service_accounts_create".to_owned()));
    let wrong =
        send(&server, &server.admin, "/mcp?tools=nonsense", WITH_TASKS, &message(WITH_TASKS, "ping", json!({}))).await;
    assert_eq!((wrong.status.as_u16(), &wrong.body["error"]["code"]), (400, &json!(-32_602)), "{}", wrong.body);
    // A tool that is not shown can be called, under each of its spellings.
    for name in ["mesh_agents_list", "axme.mesh_agents_list", "mesh.agents.list", "axme.mesh.agents.list"] {
        assert_eq!(tool(&server, &server.admin, name, json!({})).await["isError"], false, "{name}");
    }
    let list = rpc(&server, &server.admin, WITH_TASKS, "tools/list", json!({})).await;
    for tool in list["result"]["tools"].as_array().expect("a list") {
        let can_be_task = ["intents_send", "scenarios_apply", "tasks_create"].contains(&tool["name"].as_str().unwrap());
        assert_eq!(tool["execution"]["taskSupport"] == "optional", can_be_task, "{}", tool["name"]);
        assert!(tool["outputSchema"]["properties"]["data"].is_object() && tool["annotations"]["title"].is_string());
    }
}

/// Every official tool is called once with success and once with a refusal.
async fn every_official_tool_answers_and_refuses(engine: Engine) {
    let server = Server::start(engine).await;
    let key = &server.admin;
    let owner = server.sign_in("owner@local").await;
    let mut seen: Vec<&'static str> = Vec::new();
    let mut ok = async |name: &'static str, arguments: Value| -> Value {
        seen.push(name);
        done(&server, key, name, arguments).await
    };
    ok("status", json!({})).await;
    let me = ok("whoami", json!({})).await;
    assert_eq!(ok("doctor", json!({})).await["ok"], true);
    assert_eq!(ok("org_list", json!({})).await["organizations"].as_array().map(Vec::len), Some(1));
    ok("org_receive_policy_get", json!({})).await;
    ok("org_receive_policy_set", json!({ "policy_type": "open" })).await;
    ok("workspace_list", json!({})).await;
    ok("workspace_members_list", json!({})).await;
    ok("member_list", json!({ "org_id": me["org_id"] })).await;
    let member = ok("member_add", json!({ "actor_id": "kim@example.com", "role": "member" })).await;
    let member_id = member["member"]["member_id"].clone();
    ok("member_update", json!({ "member_id": member_id, "status": "suspended" })).await;
    ok("member_remove", json!({ "member_id": member_id })).await;
    let agent = ok("agents_register", json!({ "name": "builder" })).await;
    let account = agent["service_account"]["service_account_id"].clone();
    let address = agent["service_account"]["address"].clone();
    ok("agents_list", json!({})).await;
    ok("agents_show", json!({ "address": address })).await;
    let fresh = ok("agents_keys_create", json!({ "service_account_id": account })).await;
    ok("agents_policy_get", json!({ "address": address })).await;
    ok("agents_policy_set", json!({ "address": address, "policy_type": "open" })).await;
    ok("agents_receive_override", json!({ "address": address, "action": "get" })).await;
    ok("agents_receive_override", json!({ "address": address, "action": "set", "override_type": "use_org_default" }))
        .await;
    let sent = ok("intents_send", json!({ "to_agent": "builder", "intent_type": "x.v1", "payload": { "a": 1 } })).await;
    let id = sent["intent_id"].clone();
    ok("intents_list", json!({ "status": "DELIVERED", "limit": 5 })).await;
    assert_eq!(ok("intents_get", json!({ "intent_id": id })).await["intent"]["payload"], json!({ "a": 1 }));
    ok("intents_log", json!({ "intent_id": id })).await;
    assert_eq!(ok("intents_trace", json!({ "intent_id": id })).await["is_cut"], false);
    assert_eq!(ok("intents_watch", json!({ "intent_id": id })).await["is_ended"], false);
    assert_eq!(ok("intents_cancel", json!({ "intent_id": id, "reason": "no" })).await["intent"]["status"], "CANCELED");
    let again = ok("intents_resume", json!({ "intent_id": id })).await;
    assert_ne!(again["intent_id"], id);
    assert_eq!(
        ok("intents_get", json!({ "intent_id": again["intent_id"] })).await["intent"]["payload"],
        json!({ "a": 1 })
    );
    ok("intents_retry", json!({ "intent_id": id })).await;
    ok("intents_cleanup", json!({ "older_than_hours": 1, "dry_run": true })).await;
    ok("tasks_list", json!({})).await;
    let task =
        ok("tasks_create", json!({ "title": "Ship it?", "assignees": ["kim@example.com"] })).await["intent_id"].clone();
    assert_eq!(ok("tasks_get", json!({ "intent_id": task })).await["intent"]["human_task"]["title"], "Ship it?");
    ok("quota_show", json!({})).await;
    let upgrade = json!({ "requester_actor_id": "owner@local", "company_name": "Example", "justification": "growth" });
    ok("quota_upgrade_request", upgrade).await;
    ok("scenarios_list_templates", json!({})).await;
    ok("scenarios_create", json!({})).await;
    let bundle = json!({ "scenario_id": "s.v1", "agents": [{ "role": "b", "address": "builder" }],
        "intent": { "type": "x.v1", "payload": {} } });
    assert_eq!(ok("scenarios_validate", json!({ "bundle": bundle })).await["valid"], true);
    ok("scenarios_apply", json!({ "bundle": bundle })).await;
    ok("agents_keys_revoke", json!({ "service_account_id": account, "key_id": fresh["key"]["key_id"] })).await;
    ok("agents_delete", json!({ "service_account_id": account })).await;
    // A person's tools need a person.
    let person = async |name: &str, arguments: Value| -> Value {
        let call = message(WITH_TASKS, "tools/call", json!({ "name": name, "arguments": arguments }));
        let headers = [
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", WITH_TASKS),
            ("authorization", owner.bearer.as_str()),
        ];
        let answer = server.send_with("", "POST", "/mcp", Some(call), &headers).await;
        assert_eq!(answer.body["result"]["isError"], false, "{name}: {}", answer.body);
        answer.body["result"]["structuredContent"]["data"].clone()
    };
    person("workspace_use", json!({})).await;
    let sessions = person("session_list", json!({})).await;
    person("session_revoke", json!({ "session_id": sessions["sessions"][0]["session_id"] })).await;
    seen.extend(["workspace_use", "session_list", "session_revoke"]);
    // The tools that decide need a grant: `each_tool_that_decides_works_for_a_granted_client` has their success.
    let deciding = ["tasks_approve", "tasks_reject", "tasks_confirm", "tasks_assign", "tasks_complete", "tasks_submit"];
    seen.extend(deciding);
    let list =
        send(&server, key, "/mcp?tools=official", WITH_TASKS, &message(WITH_TASKS, "tools/list", json!({}))).await;
    let official = list.body["result"]["tools"].as_array().expect("a list").clone();
    for tool in &official {
        let name = tool["name"].as_str().unwrap();
        assert!(seen.contains(&name), "{name} was not called");
    }
    let agent = server.agent("weak").await;
    server.mails().await;
    let writer = oauth::connect(&server, oauth::OWNER, &["write"]).await;
    for tool in &official {
        let name = tool["name"].as_str().unwrap();
        let arguments = json!({ "intent_id": uuid::Uuid::nil(), "outcome": "x", "address": "agent://a/b/nobody", "action": "get",
            "service_account_id": "sa_none", "key_id": "none", "member_id": "none", "session_id": "none", "limit": -1,
            "older_than_hours": -1, "bundle": 5, "policy_type": "nonsense", "to_agent": "" });
        // Some tools cannot be refused by their arguments: these are refused to a client without the scope.
        let harmless = [
            "status",
            "whoami",
            "doctor",
            "org_list",
            "scenarios_list_templates",
            "scenarios_create",
            "quota_show",
            "workspace_list",
            "workspace_members_list",
            "org_receive_policy_get",
        ];
        if harmless.contains(&name) {
            let answer = oauth::call(&server, &writer.access, name, json!({})).await.body["result"].clone();
            let code = &answer["structuredContent"]["error"]["code"];
            assert_eq!((&answer["isError"], code), (&json!(true), &json!("forbidden")), "{name}: {answer}");
            continue;
        }
        let code = refused(&server, &agent, name, arguments).await;
        assert!(!code.is_empty(), "{name}");
    }
}

async fn numbers_keep_their_text(engine: Engine) {
    let server = Server::start(engine).await;
    let exact = "12345678901234567890123.4500";
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"intents_send","arguments":{{"intent_type":"x.v1","to_agent":"a","payload":{{"n":{exact}}}}}}}}}"#
    );
    let headers = [
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", WITH_TASKS),
        ("content-type", "application/json"),
    ];
    let sent = server.send_raw(&server.admin, "POST", "/mcp", body.into(), &headers).await;
    let id = sent.body["result"]["structuredContent"]["data"]["intent_id"].as_str().expect("an id").to_owned();
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"intents_get","arguments":{{"intent_id":"{id}"}}}}}}"#
    );
    let text = text_of(&server, body).await;
    let structured = text.split("structuredContent").nth(1).expect("a structured result");
    assert!(structured.contains(exact), "{text}");
}

async fn calls_become_tasks_in_both_forms(engine: Engine) {
    let server = Server::start(engine).await;
    let (key, worker) = (&server.admin, server.agent("worker").await);
    let send_as_task = json!({ "name": "intents_send", "task": { "ttl": 60_000 },
        "arguments": { "intent_type": "x.v1", "to_agent": "worker", "payload": {} } });
    let task = rpc(&server, key, WITH_TASKS, "tools/call", send_as_task.clone()).await["result"]["task"].clone();
    assert_eq!((&task["status"], &task["ttl"]), (&json!("working"), &Value::Null), "{task}");
    let id = json!({ "taskId": task["taskId"] });
    assert_eq!(rpc(&server, key, WITH_TASKS, "tasks/get", id.clone()).await["result"]["status"], "working");
    complete(&server, &worker, &task["taskId"], json!({ "b": 2 })).await;
    assert_eq!(rpc(&server, key, WITH_TASKS, "tasks/get", id.clone()).await["result"]["status"], "completed");
    let result = rpc(&server, key, WITH_TASKS, "tasks/result", id.clone()).await["result"].clone();
    assert_eq!(result["structuredContent"]["data"]["intent"]["result"], json!({ "b": 2 }), "{result}");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/related-task"]["taskId"], task["taskId"]);
    let ended = rpc(&server, key, WITH_TASKS, "tasks/cancel", id).await;
    assert_eq!(ended["error"]["code"], -32_602, "{ended}");
    let second = rpc(&server, key, WITH_TASKS, "tools/call", send_as_task).await["result"]["task"]["taskId"].clone();
    let canceled = rpc(&server, key, WITH_TASKS, "tasks/cancel", json!({ "taskId": second })).await;
    assert_eq!(canceled["result"]["status"], "cancelled", "{canceled}");
    let list = rpc(&server, key, WITH_TASKS, "tasks/list", json!({})).await["result"]["tasks"].clone();
    assert_eq!(list.as_array().map(Vec::len), Some(2), "{list}");
    for (method, params) in [
        ("tasks/get", json!({ "taskId": "nonsense" })),
        ("tasks/result", json!({ "taskId": uuid::Uuid::nil() })),
        ("tasks/list", json!({ "cursor": "nonsense" })),
    ] {
        let fault = rpc(&server, key, WITH_TASKS, method, params).await;
        assert_eq!(fault["error"]["code"], -32_602, "{method}: {fault}");
    }
    let wrong = json!({ "name": "status", "task": {}, "arguments": {} });
    assert_eq!(rpc(&server, key, WITH_TASKS, "tools/call", wrong).await["error"]["code"], -32_601);
    // Another agent sees no task of others.
    let other = server.agent("other").await;
    let fault = rpc(&server, &other, WITH_TASKS, "tasks/get", json!({ "taskId": second })).await;
    assert_eq!(fault["error"]["code"], -32_602, "{fault}");

    // The extension: the client declares it with each request, and the server decides.
    let mut call = message(
        NEWEST,
        "tools/call",
        json!({ "name": "intents_send",
        "arguments": { "intent_type": "x.v1", "to_agent": "worker", "payload": {} } }),
    );
    let capabilities = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    call["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
    let handle = send(&server, key, "/mcp", NEWEST, &call).await.body["result"].clone();
    assert_eq!((&handle["resultType"], &handle["status"]), (&json!("task"), &json!("working")), "{handle}");
    complete(&server, &worker, &handle["taskId"], json!({ "c": 3 })).await;
    let mut get = message(NEWEST, "tasks/get", json!({ "taskId": handle["taskId"] }));
    get["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    let state = send(&server, key, "/mcp", NEWEST, &get).await;
    assert_eq!(state.status, 200, "{}", state.body);
    let state = state.body["result"].clone();
    assert_eq!(state["status"], "completed", "{state}");
    assert_eq!(state["result"]["structuredContent"]["data"]["intent"]["result"], json!({ "c": 3 }), "{state}");
    // Without it, the same tool returns the id and names the next tool.
    let plain =
        tool(&server, key, "intents_send", json!({ "intent_type": "x.v1", "to_agent": "worker", "payload": {} })).await;
    assert!(
        plain["structuredContent"]["message"].as_str().is_some_and(|text| text.contains("intents_watch")),
        "{plain}"
    );
}

async fn a_wait_is_bounded_and_returns_a_cursor(engine: Engine) {
    let server = Server::start(engine).await;
    let (key, worker) = (&server.admin, server.agent("worker").await);
    let id = server.submit("worker", json!({})).await;
    let id_value = json!(id);
    let first = done(&server, key, "intents_watch", json!({ "intent_id": id })).await;
    let since = first["next_since"].clone();
    assert!(!first["events"].as_array().unwrap().is_empty() && since.as_u64() > Some(0), "{first}");
    let nothing = done(&server, key, "intents_watch", json!({ "intent_id": id, "since": since })).await;
    assert_eq!((&nothing["events"], &nothing["next_since"]), (&json!([]), &since));
    let wait = done(&server, key, "intents_watch", json!({ "intent_id": id, "since": since, "wait_seconds": 40 }));
    let (waited, ()) = tokio::join!(wait, complete(&server, &worker, &id_value, json!({ "d": 4 })));
    let rest = match waited["is_ended"] == true {
        true => waited,
        false => {
            done(
                &server,
                key,
                "intents_watch",
                json!({ "intent_id": id, "since": waited["next_since"], "wait_seconds": 40 }),
            )
            .await
        }
    };
    assert_eq!((&rest["is_ended"], &rest["intent"]["result"]), (&json!(true), &json!({ "d": 4 })), "{rest}");
    assert_eq!(
        refused(&server, key, "intents_watch", json!({ "intent_id": id, "since": -1 })).await,
        "validation_failed"
    );
}

async fn resources_and_prompts_are_read(engine: Engine) {
    let server = Server::start(engine).await;
    let key = &server.admin;
    let id = server.submit("worker", json!({ "a": 1 })).await;
    let read = rpc(&server, key, WITH_TASKS, "resources/read", json!({ "uri": format!("axme://intents/{id}") })).await;
    let text: Value = serde_json::from_str(read["result"]["contents"][0]["text"].as_str().expect("a text")).unwrap();
    assert_eq!(text["intent"]["payload"], json!({ "a": 1 }));
    assert!(
        rpc(&server, key, WITH_TASKS, "resources/list", json!({})).await["result"]["resources"][0]["uri"]
            == "axme://tasks"
    );
    assert!(
        rpc(&server, key, WITH_TASKS, "resources/templates/list", json!({})).await["result"]["resourceTemplates"]
            .is_array()
    );
    for uri in ["axme://nonsense", "axme://intents/nonsense"] {
        let missing = rpc(&server, key, WITH_TASKS, "resources/read", json!({ "uri": uri })).await;
        assert!(missing["error"]["code"].is_i64(), "{missing}");
    }
    let prompts = rpc(&server, key, WITH_TASKS, "prompts/list", json!({})).await["result"]["prompts"].clone();
    assert_eq!(prompts.as_array().map(Vec::len), Some(3));
    let params = json!({ "name": "ask_somebody", "arguments": { "person": "kim@example.com", "question": "Ready?" } });
    let prompt = rpc(&server, key, WITH_TASKS, "prompts/get", params).await["result"].to_string();
    assert!(prompt.contains("kim@example.com") && prompt.contains("Ready?"), "{prompt}");
    let params = json!({ "ref": { "type": "ref/resource", "uri": "axme://intents/{intent_id}" }, "argument": { "name": "intent_id", "value": &id[..8] } });
    let completed = rpc(&server, key, WITH_TASKS, "completion/complete", params).await;
    assert_eq!(completed["result"]["completion"]["values"], json!([id]), "{completed}");
    let params = json!({ "ref": { "type": "ref/prompt", "name": "ask_somebody" }, "argument": { "name": "person", "value": "own" } });
    let completed = rpc(&server, key, WITH_TASKS, "completion/complete", params).await;
    assert_eq!(completed["result"]["completion"]["values"], json!(["owner@local"]), "{completed}");
}

/// The first request of each client that was tried, as it was recorded.
async fn the_dialect_is_told_apart_by_what_is_sent(engine: Engine) {
    let server = Server::start(engine).await;
    let clients: Value = serde_json::from_str(include_str!("mcp_first_requests.json")).expect("the fixture is JSON");
    for client in clients.as_array().expect("a list") {
        let headers = client["headers"].as_object().expect("headers");
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect();
        let answer = server.send_with(&server.admin, "POST", "/mcp", Some(client["body"].clone()), &headers).await;
        let version = answer.body["result"]["protocolVersion"].as_str().unwrap_or_default();
        match client["face"].as_str() {
            // The dialect falls back to its first version, and knows nothing of instructions.
            Some("dialect") => assert!(
                answer.body["result"].get("instructions").is_none() && version == "2024-11-05",
                "{client}: {}",
                answer.body
            ),
            _ => assert!(answer.body["result"]["instructions"].is_string(), "{client}: {}", answer.body),
        }
    }
}
