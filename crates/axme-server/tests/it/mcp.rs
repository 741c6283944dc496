//! The Model Context Protocol over plain JSON (`spec/protocol.md` §7).

use axme_api::Access;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, poll};

each_engine! {
    a_client_initializes_and_lists_its_tools,
    tools_do_what_their_operations_do,
    errors_have_documented_codes,
    batches_are_answered_in_order_and_notifications_not_at_all,
}

async fn rpc(server: &Server, key: &str, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": "an-id", "method": method, "params": params });
    let answer = server.send(key, "POST", "/mcp", Some(body)).await;
    assert_eq!(answer.status, 200);
    assert_eq!((&answer.body["jsonrpc"], &answer.body["id"]), (&json!("2.0"), &json!("an-id")));
    answer.body
}

/// Calls a tool that must succeed.
async fn tool(server: &Server, key: &str, name: &str, arguments: Value) -> Value {
    let answer = rpc(server, key, "tools/call", json!({ "name": name, "arguments": arguments })).await;
    assert_eq!(answer.get("error"), None, "{answer}");
    let result = answer["result"].clone();
    assert_eq!((&result["ok"], &result["tool"], &result["status"]), (&json!(true), &json!(name), &json!("completed")));
    assert_eq!(result["content"][0]["type"], "text");
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["data"]);
    result
}

async fn refused(server: &Server, key: &str, method: &str, params: Value) -> (i64, Value) {
    let answer = rpc(server, key, method, params).await;
    assert_eq!(answer.get("result"), None, "{answer}");
    assert!(answer["error"]["message"].is_string());
    (answer["error"]["code"].as_i64().unwrap(), answer["error"]["data"]["code"].clone())
}

async fn a_client_initializes_and_lists_its_tools(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let hello = rpc(&server, &worker, "initialize", json!({ "protocolVersion": "2024-11-05" })).await;
    assert_eq!(hello["result"]["protocolVersion"], "2024-11-05");
    assert_eq!(hello["result"]["capabilities"]["tools"]["listChanged"], false);
    let hello = rpc(&server, &worker, "initialize", json!({ "protocolVersion": "1999-01-01" })).await;
    assert_eq!(hello["result"]["protocolVersion"], "2024-11-05");
    assert_eq!(rpc(&server, &worker, "ping", json!({})).await["result"], json!({ "pong": true }));
    assert_eq!(rpc(&server, &worker, "resources/list", json!({})).await["result"], json!({ "resources": [] }));
    assert_eq!(rpc(&server, &worker, "prompts/list", Value::Null).await["result"], json!({ "prompts": [] }));

    let all = rpc(&server, &server.admin, "tools/list", json!({})).await["result"]["tools"].clone();
    let all = all.as_array().unwrap();
    let is_for_keys =
        |op: &&&dyn axme_api::AnyOp| !matches!(op.info().access, Access::Public | Access::Person | Access::Newcomer);
    assert_eq!(all.len(), axme_api::table().iter().filter(is_for_keys).count() + 1);
    let owner = server.sign_in("owner@local").await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "axme.portal.personal.context", "arguments": {} } });
    let told = server.as_person(&owner, "POST", "/mcp", Some(call)).await;
    assert_eq!(told.body["result"]["data"]["account"]["email"], "owner@local", "{}", told.body);
    assert_eq!(all[0]["name"], "axme.check_nick");
    for tool in all {
        let schema = &tool["inputSchema"];
        assert_eq!(schema["type"], "object", "{tool}");
        for name in schema["required"].as_array().unwrap() {
            assert!(schema["properties"].get(name.as_str().unwrap()).is_some(), "{tool}");
        }
        assert!(!schema.to_string().contains("$ref"), "{tool}");
    }
    let create = all.iter().find(|tool| tool["name"] == "axme.intents.create").unwrap();
    assert!(create["inputSchema"]["required"].as_array().unwrap().contains(&json!("intent_type")));
    let own = rpc(&server, &worker, "tools/list", json!({})).await["result"]["tools"].to_string();
    assert!(own.contains("axme.intents.get") && !own.contains("axme.service_accounts.create"));
}

async fn tools_do_what_their_operations_do(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let arguments = json!({
        "intent_type": "x.v1", "to_agent": "worker", "payload": { "a": 1 }, "idempotency_key": "once",
        "owner_agent": "agent://local/default/worker",
    });
    let made = tool(&server, &server.admin, "axme.intents.create", arguments.clone()).await;
    assert_eq!(made["owner_agent"], "agent://local/default/worker");
    let id = made["intent_id"].as_str().unwrap();
    let again = tool(&server, &server.admin, "axme.intents.create", arguments).await;
    assert_eq!(again["data"], made["data"], "once");
    // No field of the call itself is in the payload.
    assert_eq!(server.intent(id).await["payload"], json!({ "a": 1 }));
    let body = json!({ "intent_type": "x.v1", "to_agent": "worker", "payload": { "a": 2 } });
    let headers = [("idempotency-key", "once")];
    let other = server.send_with(&server.admin, "POST", "/v1/intents", Some(body), &headers).await;
    other.refused(409, "idempotency_key_reused");

    let got = tool(&server, &worker, "axme.intents.get", json!({ "intent_id": id })).await;
    assert_eq!(got["data"]["intent"]["intent_id"], id);
    // The receiver's call acknowledges it, as on the route.
    poll(async || (server.intent(id).await["status"] == "ACKNOWLEDGED").then_some(())).await;
    let events = tool(&server, &worker, "axme.intents.events", json!({ "intent_id": id, "since": 2 })).await;
    assert!(events["data"]["events"].as_array().unwrap().iter().all(|event| event["seq"].as_u64().unwrap() > 2));
    let done = json!({ "intent_id": id, "status": "COMPLETED", "result": { "b": 2 } });
    tool(&server, &worker, "axme.intents.resolve", done).await;
    assert_eq!(server.intent(id).await["status"], "COMPLETED");
    tool(&server, &server.admin, "axme.mesh.agents.kill", json!({ "address_id": "worker" })).await;
    let bundle = json!({ "scenario_id": "s.v1", "intent": { "type": "x" }, "owner_agent": "me" });
    tool(&server, &server.admin, "axme.scenarios.validate", bundle).await;

    for (nick, is_free) in [("@conformance_mcp", true), ("@worker", false), ("worker", false), ("@@", false)] {
        let checked = tool(&server, &worker, "axme.check_nick", json!({ "nick": nick })).await;
        assert_eq!(checked["data"]["nick"], nick);
        assert_eq!(checked["data"]["available"], is_free, "{nick}");
    }
}

async fn errors_have_documented_codes(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let key = &worker;
    let id = server.submit("other", json!({})).await;
    for (method, params, code, reason) in [
        ("tools/explode", json!({}), -32601, Value::Null),
        ("tools/call", json!([]), -32602, Value::Null),
        ("tools/call", json!({}), -32602, Value::Null),
        ("tools/call", call("axme.explode", json!({})), -32602, Value::Null),
        ("tools/call", call("axme.check_nick", json!({ "nick": 1 })), -32602, Value::Null),
        ("tools/call", json!({ "name": "axme.check_nick", "arguments": [] }), -32602, Value::Null),
        ("tools/call", call("axme.intents.get", json!({})), -32602, Value::Null),
        ("tools/call", call("axme.intents.create", json!({})), -32602, json!("validation_failed")),
        ("tools/call", call("axme.intents.get", json!({ "intent_id": id })), -32011, json!("not_found")),
        ("tools/call", call("axme.service_accounts.create", json!({ "name": "x1" })), -32003, json!("forbidden")),
        (
            "tools/call",
            json!({ "name": "axme.me.get", "arguments": { "owner_agent": "a" }, "owner_agent": "b" }),
            -32003,
            Value::Null,
        ),
    ] {
        assert_eq!(refused(&server, key, method, params.clone()).await, (code, reason), "{method} {params}");
    }
    let limits = json!({ "address_id": "worker", "max_intents_per_day": 0 });
    tool(&server, &server.admin, "axme.mesh.policies.cost.put", limits).await;
    let create = call("axme.intents.create", json!({ "intent_type": "x", "to_agent": "y" }));
    let (code, reason) = refused(&server, key, "tools/call", create).await;
    assert_eq!((code, reason), (-32004, json!("max_intents_per_day_exceeded")));
    for body in
        ["nonsense", "1", "[]", "{\"id\": {}}", "{\"id\": 1}", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}"]
    {
        let answer = server.send_raw(key, "POST", "/mcp", body.into(), &[]).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]["code"]), (200, &json!(-32600)), "{body}");
    }
    server.send("", "POST", "/mcp", Some(json!({}))).await.refused(401, "missing_platform_api_key");
}

async fn batches_are_answered_in_order_and_notifications_not_at_all(engine: Engine) {
    let server = Server::start(engine).await;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 7, "method": "ping" },
        { "jsonrpc": "2.0", "method": "notifications/initialized" },
        { "jsonrpc": "2.0", "id": "x", "method": "explode" },
        5,
    ]);
    let answer = server.send(&server.admin, "POST", "/mcp", Some(batch)).await.body;
    let ids: Vec<&Value> = answer.as_array().unwrap().iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&json!(7), &json!("x"), &Value::Null]);
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let bearer = format!("Bearer {}", server.admin);
    let headers = [("authorization", bearer.as_str())];
    let answer = server.send_with("", "POST", "/mcp", Some(note), &headers).await;
    assert_eq!((answer.status.as_u16(), answer.body), (202, json!("")));
}
