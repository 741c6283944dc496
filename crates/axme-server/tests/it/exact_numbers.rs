//! Numbers that no type of Rust holds leave the server as they came in, on every way. Requests that differ in one digit
//! differ. A key that an object has twice is refused.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};
use crate::pushes::{self, Receiver, server_that_may_call_loopback};
use crate::scenarios::APPLY;
use crate::webhooks::{self, subscribe};

each_engine! {
    a_payload_keeps_its_numbers_on_every_way,
    a_result_of_an_agent_keeps_its_numbers,
    an_answer_of_a_person_keeps_its_numbers,
    a_workflow_passes_numbers_on_untouched,
    templates_and_schemas_read_any_number,
    one_digit_makes_another_request_of_one_key,
    a_key_that_is_there_twice_is_refused_with_its_path,
}

const EXACT: &str = r#"{"amount":123456789012345678901234567890.12345678901234567890,"id":18446744073709551617,"e":1E400,"list":[{"n":-0.10},1.0]}"#;

/// [`EXACT`] with white space, which the server does not keep.
const SPACED: &str = "{ \"amount\": 123456789012345678901234567890.12345678901234567890,\n \"id\" : 18446744073709551617,\t\"e\":1E400 , \"list\": [ { \"n\" : -0.10 } , 1.0 ] }";

/// Sends a text and returns the text of the answer. The harness would parse both.
async fn call_with(server: &Server, key: &str, call: (&str, &str), body: &str, idempotency: &str) -> (u16, String) {
    let (method, path) = call;
    let mut request = Request::builder().method(method).uri(path).header("x-api-key", key);
    if !idempotency.is_empty() {
        request = request.header("idempotency-key", idempotency);
    }
    let request = request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap();
    let (parts, body) = server.request(request).await.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), String::from_utf8(bytes.to_vec()).unwrap())
}

async fn call(server: &Server, key: &str, method: &str, path: &str, body: &str) -> String {
    let (status, text) = call_with(server, key, (method, path), body, "").await;
    assert_eq!(status, 200, "{text}");
    text
}

async fn create(server: &Server, to: &str, payload: &str) -> String {
    let body = format!(r#"{{"intent_type": "intent.ask.v1", "to_agent": "{to}", "payload": {payload}}}"#);
    id_in(&call(server, &server.admin, "POST", "/v1/intents", &body).await)
}

/// Returns the first `intent_id` of an answer.
fn id_in(text: &str) -> String {
    let at = text.find(r#""intent_id":""#).expect("an id") + 13;
    text[at..at + 36].to_owned()
}

fn shows(text: &str, field: &str) {
    assert!(text.contains(&format!(r#""{field}":{EXACT}"#)), "{field} is not exact: {text}");
}

async fn a_payload_keeps_its_numbers_on_every_way(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let worker = server.agent("worker").await;
    let id = create(&server, "worker", SPACED).await;
    let got = call(&server, &worker, "GET", &format!("/v1/intents/{id}"), "").await;
    assert_eq!(got.matches(&format!(r#""payload":{EXACT}"#)).count(), 2, "{got}");

    let whole = format!(r#"{{"intent_type":"intent.ask.v1","to_agent":"worker","x":{EXACT}}}"#);
    let bare = id_in(&call(&server, &server.admin, "POST", "/v1/intents", &whole).await);
    shows(&call(&server, &server.admin, "GET", &format!("/v1/intents/{bare}"), "").await, "x");

    let path = "/v1/agents/local/default/worker/intents/stream?since=0&wait_seconds=2";
    let mut stream = server.open(&worker, path, &[]).await;
    shows(&stream.next().await.unwrap(), "x");

    let (receiver, addr) = Receiver::start().await;
    let (account, _) = pushes::pushed(&server, "pushed", &format!("http://{addr}/intent")).await;
    create(&server, "pushed", SPACED).await;
    pushes::round(&server, &account).await;
    let pushed = receiver.got();
    shows(std::str::from_utf8(&pushed[0].1).unwrap(), "payload");

    let arguments = format!(r#"{{"intent_type":"intent.ask.v1","to_agent":"worker","payload":{SPACED}}}"#);
    let rpc = |name: &str, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"axme.{name}","arguments":{arguments}}}}}"#
        )
    };
    let made = id_in(&call(&server, &server.admin, "POST", "/mcp", &rpc("intents.create", &arguments)).await);
    let arguments = format!(r#"{{"intent_id":"{made}"}}"#);
    shows(&call(&server, &server.admin, "POST", "/mcp", &rpc("intents.get", &arguments)).await, "payload");
}

async fn a_result_of_an_agent_keeps_its_numbers(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let worker = server.agent("worker").await;
    let (receiver, addr) = Receiver::start().await;
    let url = format!("http://{addr}/intent");
    let subscription = subscribe(&server, &server.admin, &url, json!(["intent.completed"]), None).await;
    let body = r#"{"intent_type":"intent.ask.v1","to_agent":"worker","reply_to":"asker","payload":{}}"#;
    let id = id_in(&call(&server, &server.admin, "POST", "/v1/intents", body).await);
    let answer = format!(r#"{{"action":"complete",{}"#, &SPACED[1..]);
    let resumed = call(&server, &worker, "POST", &format!("/v1/intents/{id}/resume"), &answer).await;
    shows(&resumed, "result");
    shows(&call(&server, &server.admin, "GET", &format!("/v1/intents/{id}"), "").await, "result");
    let events = call(&server, &server.admin, "GET", &format!("/v1/intents/{id}/events"), "").await;
    shows(&events, "result");
    shows(&events, "data");
    let mut stream = server.open(&server.admin, &format!("/v1/intents/{id}/events/stream?since=6"), &[]).await;
    shows(&stream.next().await.unwrap(), "result");
    let inbox = call(&server, &server.admin, "GET", "/v1/inbox?owner_agent=asker", "").await;
    assert!(inbox.contains(&EXACT.replace('"', "\\\"")), "{inbox}");
    webhooks::round(&server, &subscription).await;
    shows(std::str::from_utf8(&receiver.got()[0].1).unwrap(), "result");

    let failed = create(&server, "worker", "{}").await;
    let error = format!(r#"{{"action":"fail","error":{{"code":"no","message":"m","x":{SPACED}}}}}"#);
    shows(&call(&server, &worker, "POST", &format!("/v1/intents/{failed}/resume"), &error).await, "x");
    let handed = create(&server, "worker", "{}").await;
    let note = format!(r#"{{"status":"pending_review","x":{SPACED}}}"#);
    call(&server, &worker, "POST", &format!("/v1/intents/{handed}/resume"), &note).await;
    shows(&call(&server, &server.admin, "GET", &format!("/v1/intents/{handed}/events"), "").await, "x");
    let ended = format!(r#"{{"status":"COMPLETED","result":{SPACED}}}"#);
    shows(&call(&server, &server.admin, "POST", &format!("/v1/intents/{handed}/resolve"), &ended).await, "result");
}

async fn an_answer_of_a_person_keeps_its_numbers(engine: Engine) {
    let server = Server::start(engine).await;
    let task = r#"{"title":"t","form_schema":{"properties":{"n":{"type":"number"},"text":{"type":"integer"}}}}"#;
    let body =
        format!(r#"{{"intent_type":"intent.ask.v1","to_agent":"human","payload":{SPACED},"human_task":{task}}}"#);
    let id = id_in(&call(&server, &server.admin, "POST", "/v1/intents", &body).await);
    let link = server.post(&server.admin, &format!("/v1/tasks/{id}/links"), json!({})).await;
    let page = server.page(link["url"].as_str().unwrap()).await;
    let page = page.body.as_str().unwrap().to_owned();
    assert!(page.contains("123456789012345678901234567890.12345678901234567890"), "an approver sees the amount");
    let answer = format!(
        r#"{{"task_result":{{"outcome":"approved","data":{{"n":18446744073709551617,"text":"7","x":{SPACED}}}}}}}"#
    );
    call(&server, &server.admin, "POST", &format!("/v1/intents/{id}/resume"), &answer).await;
    let got = call(&server, &server.admin, "GET", &format!("/v1/intents/{id}"), "").await;
    let expected = format!(r#""result":{{"outcome":"approved","n":18446744073709551617,"text":7,"x":{EXACT}}}"#);
    assert!(got.contains(&expected), "{got}");
    let events = call(&server, &server.admin, "GET", &format!("/v1/intents/{id}/events"), "").await;
    assert!(events.contains(&expected.replace("\"result\"", "\"task_result\"")), "{events}");
}

async fn a_workflow_passes_numbers_on_untouched(engine: Engine) {
    let server = Server::start(engine).await;
    let step = |id: &str, input: &str| {
        format!(r#"{{"step_id":"{id}","tool_id":"tool.agent.task.v1","assigned_to":"worker"{input}}}"#)
    };
    let bundle = format!(
        r#"{{"scenario_id":"s.v1","agents":[{{"role":"worker","address":"worker","create_if_missing":true}}],
            "workflow":{{"steps":[{},{}]}},"intent":{{"type":"intent.work.v1","payload":{SPACED}}}}}"#,
        step("one", &format!(r#","input":{SPACED}"#)),
        step("two", ""),
    );
    let id = id_in(&call(&server, &server.admin, "POST", APPLY, &bundle).await);
    let child = async || {
        let events = call(&server, &server.admin, "GET", &format!("/v1/intents/{id}/events"), "").await;
        let at = events.rfind(r#""child_intent_id":""#).unwrap() + 19;
        events[at..at + 36].to_owned()
    };
    let first = child().await;
    let got = call(&server, &server.admin, "GET", &format!("/v1/intents/{first}"), "").await;
    shows(&got, "parent_payload");
    shows(&got, "input");
    assert!(got.contains(r#""id":18446744073709551617,"e":1E400,"list":[{"n":-0.10},1.0],"parent_payload""#), "{got}");
    let answer = format!(r#"{{"action":"complete","x":{SPACED}}}"#);
    call(&server, &server.admin, "POST", &format!("/v1/intents/{first}/resume"), &answer).await;
    let second = child().await;
    let got = call(&server, &server.admin, "GET", &format!("/v1/intents/{second}"), "").await;
    assert!(got.contains(&format!(r#""previous_results":{{"one":{{"x":{EXACT}}}}}"#)), "{got}");
    call(&server, &server.admin, "POST", &format!("/v1/intents/{second}/resume"), &answer).await;
    let got = call(&server, &server.admin, "GET", &format!("/v1/intents/{id}"), "").await;
    let steps = format!(r#""steps":{{"one":{{"x":{EXACT}}},"two":{{"x":{EXACT}}}}}"#);
    assert!(got.contains(&format!(r#""result":{{"x":{EXACT},{steps}}}"#)), "{got}");
}

async fn templates_and_schemas_read_any_number(engine: Engine) {
    let server = Server::start(engine).await;
    let schema = json!({
        "semantic_type": "intent.ask.now.v1", "schema_ref": "r", "compatibility_mode": "strict",
        "schema_json": { "properties": { "id": { "type": "integer" }, "e": { "maximum": 10 } } },
    });
    server.post(&server.admin, "/v1/schemas", schema).await;
    let body =
        |payload: &str| format!(r#"{{"intent_type":"intent.ask.now.v1","to_agent":"worker","payload":{payload}}}"#);
    let send =
        async |payload: &str| call_with(&server, &server.admin, ("POST", "/v1/intents"), &body(payload), "").await;
    let (status, text) = send(EXACT).await;
    assert_eq!((status, text.contains("schema_invalid")), (422, true), "1E400 is above 10: {text}");
    assert_eq!(send(r#"{"id":18446744073709551617,"e":-1E400}"#).await.0, 200);
    let notice = json!({
        "step_id": "tell", "runtime_type": "notification",
        "runtime_config": { "to": "boss@example.com", "subject": "{{ payload.id }}", "body": "{{ payload.e }}" },
    });
    let bundle = format!(
        r#"{{"scenario_id":"s.v1","workflow":{{"steps":[{notice}]}},"intent":{{"type":"intent.work.v1","payload":{EXACT}}}}}"#
    );
    call(&server, &server.admin, "POST", APPLY, &bundle).await;
    assert_eq!(server.mails().await.len(), 1);
}

async fn one_digit_makes_another_request_of_one_key(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let send = async |payload: &str| {
        let body = format!(r#"{{"intent_type":"intent.ask.v1","to_agent":"worker","payload":{payload}}}"#);
        call_with(&server, &server.admin, ("POST", "/v1/intents"), &body, "one").await
    };
    let first = send(r#"{"n":1234567890123456789012345,"m":{"a":1,"b":"é"}}"#).await;
    assert_eq!(first.0, 200, "{}", first.1);
    assert_eq!(send("{ \"m\": {\"b\":\"\\u00e9\",\t\"a\": 1},\n\"n\": 1234567890123456789012345 }").await, first);
    for other in [
        r#"{"n":1234567890123456789012346,"m":{"a":1,"b":"é"}}"#,
        r#"{"n":1234567890123456789012345,"m":{"a":1.0,"b":"é"}}"#,
    ] {
        let (status, text) = send(other).await;
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &error["error"]["code"]), (409, &json!("idempotency_key_reused")), "{other}");
    }
}

async fn a_key_that_is_there_twice_is_refused_with_its_path(engine: Engine) {
    let server = Server::start(engine).await;
    let refused = async |method: &str, path: &str, body: &str, at: &str| {
        let (status, text) = call_with(&server, &server.admin, (method, path), body, "").await;
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &error["error"]["code"]), (422, &json!("validation_failed")), "{text}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{at}: ")), "{message}");
    };
    let create = |payload: &str| format!(r#"{{"intent_type":"t.ask.v1","to_agent":"worker","payload":{payload}}}"#);
    let id = id_in(&call(&server, &server.admin, "POST", "/v1/intents", &create("{}")).await);
    for (payload, at) in
        [(r#"{"a":1,"\u0061":1}"#, "payload.a"), (r#"{"items":[{"n":1},{"n":1,"m":{},"n":2}]}"#, "payload.items[1].n")]
    {
        refused("POST", "/v1/intents", &create(payload), at).await;
    }
    refused("POST", "/v1/intents", r#"{"intent_type":"t.v1","intent_type":"t.v1"}"#, "intent_type").await;
    let answer = r#"{"action":"complete","x":{"y":[[{"k":1,"k":2}]]}}"#;
    refused("POST", &format!("/v1/intents/{id}/resume"), answer, "x.y[0][0].k").await;
    refused("POST", APPLY, r#"{"intent":{"payload":{"a":1,"a":1}}}"#, "intent.payload.a").await;
    refused("POST", "/v1/tasks/action", r#"{"token":"t","token":"t"}"#, "token").await;
    refused("POST", "/v1/service-accounts", r#"{"name":"a","name":"b"}"#, "name").await;
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let (status, text) = call_with(&server, &server.admin, ("POST", "/v1/intents"), &create(&deep), "").await;
    assert_eq!(status, 422, "{text}");
    assert!(text.contains("nested more than 64 deep"), "{text}");
}
