//! Rules for every call: bodies, errors, headers, and retries under an idempotency key.

use std::time::Duration;

use axme_server::workers;
use axum::body::Body;
use axum::http::Request;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine, id_of};

each_engine! {
    a_repeated_call_gets_the_first_answer,
    a_key_belongs_to_its_caller_and_its_endpoint,
    a_refused_late_answer_is_remembered_and_other_refusals_are_not,
    calls_with_one_key_at_the_same_time_make_one_intent,
    stored_answers_expire,
    an_idempotency_key_has_its_limits,
    a_body_that_is_not_json_is_malformed,
    a_body_that_is_not_an_object_is_refused,
    a_field_of_a_wrong_type_is_refused,
    an_empty_body_is_an_empty_object,
    oversized_payloads_and_bodies_are_refused,
    deep_nesting_is_refused,
    strings_come_back_as_they_were_sent,
    the_null_character_is_refused_everywhere,
    numbers_come_back_within_the_range_that_json_readers_share,
    unknown_paths_are_refused_in_the_common_error_format,
    request_and_trace_ids_come_back,
    an_owner_that_is_named_twice_must_be_the_same,
    health_and_readiness_need_no_key,
    every_answer_is_json_and_says_so,
}

const KEY: &str = "idempotency-key";

async fn create_with(server: &Server, key: &str, body: Value) -> Answer {
    server.send_with(&server.admin, "POST", "/v1/intents", Some(body), &[(KEY, key)]).await
}

fn ask(payload: Value) -> Value {
    json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": payload })
}

async fn a_repeated_call_gets_the_first_answer(engine: Engine) {
    let server = Server::start(engine).await;
    let first = create_with(&server, "k1", ask(json!({ "a": 1, "b": [1, 2] }))).await.ok();
    server.advance(Duration::from_secs(60)).await;
    let mut drawn_anew = ask(json!({ "b": [1, 2], "a": 1 }));
    drawn_anew["correlation_id"] = json!("00000000-0000-0000-0000-000000000001");
    drawn_anew["from_agent"] = json!("somebody");
    for body in [ask(json!({ "a": 1, "b": [1, 2] })), drawn_anew] {
        assert_eq!(create_with(&server, "k1", body).await.ok(), first);
    }
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"].as_array().unwrap().len(), 1);

    for body in
        [ask(json!({ "a": 2, "b": [1, 2] })), ask(json!({ "a": 1, "b": [2, 1] })), json!({ "intent_type": "x y" })]
    {
        let text = create_with(&server, "k1", body).await;
        if text.status == 409 {
            assert_eq!(text.refused(409, "idempotency_key_reused"), "idempotency key reused with different payload");
        } else {
            text.refused(422, "validation_failed");
        }
    }
    let another = create_with(&server, "k2", ask(json!({ "a": 1, "b": [1, 2] }))).await.ok();
    assert_ne!(id_of(&another), id_of(&first));
    let no_key = create_with(&server, " ", ask(json!({ "a": 1, "b": [1, 2] }))).await.ok();
    assert_ne!(id_of(&no_key), id_of(&first));
}

async fn a_key_belongs_to_its_caller_and_its_endpoint(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let mine = create_with(&server, "k", ask(json!({}))).await.ok();
    let theirs = server.send_with(&worker, "POST", "/v1/intents", Some(ask(json!({}))), &[(KEY, "k")]).await.ok();
    assert_ne!(id_of(&mine), id_of(&theirs));
    let cancel = Some(json!({ "status": "CANCELED" }));
    for intent in [&mine, &theirs] {
        let path = format!("/v1/intents/{}/resolve", id_of(intent));
        let first = server.send_with(&server.admin, "POST", &path, cancel.clone(), &[(KEY, "k")]).await.ok();
        let again = server.send_with(&server.admin, "POST", &path, cancel.clone(), &[(KEY, "k")]).await.ok();
        assert_eq!(first, again, "no 409: it is the same call");
        assert_eq!(first["intent"]["intent_id"], intent["intent_id"]);
    }
}

async fn a_refused_late_answer_is_remembered_and_other_refusals_are_not(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let resume = format!("/v1/intents/{id}/resume");
    let send = async |body: Value| server.send_with(&server.admin, "POST", &resume, Some(body), &[(KEY, "k")]).await;

    send(json!({ "task_result": { "outcome": "approved" } })).await.refused(409, "not_waiting_for_human");
    send(json!({ "answer": 1 })).await.ok();
    send(json!({ "answer": 1 })).await.ok();
    send(json!({ "answer": 2 })).await.refused(409, "idempotency_key_reused");

    let late = async |key: &str| {
        server.send_with(&server.admin, "POST", &resume, Some(json!({ "late": true })), &[(KEY, key)]).await
    };
    let first = late("late").await;
    let again = late("late").await;
    assert_eq!(first.body, again.body);
    for refused in [first, again] {
        assert_eq!(refused.body["error"]["details"], json!({ "status": "COMPLETED" }));
        refused.refused(409, "intent_already_terminal");
    }
    let other = server.send_with(&server.admin, "POST", &resume, Some(json!({})), &[(KEY, "late")]).await;
    other.refused(409, "idempotency_key_reused");
}

async fn calls_with_one_key_at_the_same_time_make_one_intent(engine: Engine) {
    let server = Server::start(engine).await;
    for round in 0..5 {
        let key = format!("round-{round}");
        let calls = (0..8).map(|_| create_with(&server, &key, ask(json!({ "round": round }))));
        let answers: Vec<Value> = join_all(calls).await.into_iter().map(Answer::ok).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"].as_array().unwrap().len(), 5);

    let id = server.submit("worker", json!({})).await;
    let path = format!("/v1/intents/{id}/resume");
    let call = || server.send_with(&server.admin, "POST", &path, Some(json!({ "a": 1 })), &[(KEY, "one")]);
    let answers: Vec<Value> = join_all((0..8).map(|_| call())).await.into_iter().map(Answer::ok).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(server.events(&id).await.len(), 4);
}

async fn stored_answers_expire(engine: Engine) {
    let server = Server::start(engine).await;
    let first = create_with(&server, "k", ask(json!({}))).await.ok();
    server.advance(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap(), 0);
    assert_eq!(create_with(&server, "k", ask(json!({}))).await.ok(), first, "kept for at least a day");
    server.advance(Duration::from_secs(25 * 3_600)).await;
    assert_eq!(workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap(), 1);
    assert_ne!(create_with(&server, "k", ask(json!({}))).await.ok(), first);
}

async fn an_idempotency_key_has_its_limits(engine: Engine) {
    let server = Server::start(engine).await;
    create_with(&server, &"k".repeat(255), ask(json!({}))).await.ok();
    create_with(&server, "x", ask(json!({}))).await.ok();
    create_with(&server, &"k".repeat(256), ask(json!({}))).await.refused(422, "validation_failed");
    create_with(&server, "schlüssel", ask(json!({}))).await.refused(422, "validation_failed");
    // The id of a missing account may be long, too.
    let digits: String = (1..3_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let path = format!("/v1/service-accounts/{digits}/keys");
    let refused = server.send_with(&server.admin, "POST", &path, Some(json!({})), &[(KEY, "k")]).await;
    refused.refused(404, "not_found");
}

async fn a_body_that_is_not_json_is_malformed(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let paths = ["/v1/intents", "/v1/service-accounts", "/v1/scenarios/apply", &format!("/v1/intents/{id}/resume")];
    for path in paths {
        for headers in [&[][..], &[(KEY, "k")]] {
            for body in [
                &b"{"[..],
                b"{\"a\":}",
                b"nonsense",
                b"{} {}",
                b"{\"a\": \"\xff\xfe\"}",
                b"{\"a\": \"\\ud800\"}",
                b"\x00",
            ] {
                let sent = server.send_raw(&server.admin, "POST", path, body.to_vec(), headers).await;
                sent.refused(422, "invalid_json");
            }
        }
    }
    assert_eq!(server.events(&id).await.len(), 3);
}

async fn a_body_that_is_not_an_object_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let paths = ["/v1/intents", "/v1/service-accounts", "/v1/scenarios/apply", &format!("/v1/intents/{id}/resume")];
    for path in paths {
        for body in ["[]", "[\"name\"]", "\"text\"", "5", "true", "null"] {
            for headers in [&[][..], &[(KEY, "k")]] {
                let body = body.as_bytes().to_vec();
                let refused = server.send_raw(&server.admin, "POST", path, body, headers).await;
                let text = refused.refused(422, "validation_failed");
                assert_eq!(text, "the body must be a JSON object");
            }
        }
    }
}

async fn a_field_of_a_wrong_type_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    for (field, value) in [
        ("intent_type", json!(5)),
        ("to_agent", json!(["a"])),
        ("from_agent", json!({})),
        ("payload", json!([1])),
        ("payload", json!("text")),
        ("correlation_id", json!(5)),
        ("deadline_at", json!(1_767_225_600)),
        ("human_task", json!("text")),
        ("max_delivery_attempts", json!(-1)),
        ("max_delivery_attempts", json!(1.5)),
        ("max_delivery_attempts", json!("many")),
    ] {
        for headers in [&[][..], &[(KEY, "k")]] {
            let mut body = ask(json!({}));
            body[field] = value.clone();
            let refused = server.send_with(&server.admin, "POST", "/v1/intents", Some(body), headers).await;
            let text = refused.refused(422, "validation_failed");
            assert!(text.starts_with(&format!("{field}: ")), "{text}");
        }
    }
    let refused = server.send(&server.admin, "GET", "/v1/intents?status=DELIVERED&limit=many", None).await;
    assert!(refused.refused(422, "validation_failed").starts_with("limit: "));
    let body = json!({ "org_id": "an id", "workspace_id": 5 });
    let refused = server.send(&server.admin, "POST", "/v1/aliases/x/revoke", Some(body)).await;
    assert_eq!(refused.refused(422, "validation_failed"), "workspace_id: invalid type: integer `5`, expected a string");
    let missing = server.send(&server.admin, "POST", "/v1/intents", Some(json!({ "to_agent": "worker" }))).await;
    assert_eq!(missing.refused(422, "validation_failed"), "intent_type: required");
    let refused = server.send(&server.admin, "POST", "/v1/service-accounts", Some(json!({ "name": 5 }))).await;
    refused.refused(422, "validation_failed");
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"], json!([]));
}

async fn an_empty_body_is_an_empty_object(engine: Engine) {
    let server = Server::start(engine).await;
    let account = server.post(&server.admin, "/v1/service-accounts", json!({ "name": "worker" })).await;
    let keys = format!("/v1/service-accounts/{}/keys", account["service_account_id"].as_str().unwrap());
    for body in ["", " ", "\r\n\t "] {
        server.send_raw(&server.admin, "POST", &keys, body.into(), &[]).await.ok();
        let id = server.submit("worker", json!({})).await;
        let resume = format!("/v1/intents/{id}/resume");
        server.send_raw(&server.admin, "POST", &resume, body.into(), &[]).await.ok();
        server.send_raw(&server.admin, "POST", "/v1/scenarios/validate", body.into(), &[]).await.ok();
        let create = server.send_raw(&server.admin, "POST", "/v1/intents", body.into(), &[]).await;
        create.refused(422, "validation_failed");
        server.send_raw(&server.admin, "GET", "/v1/capabilities", body.into(), &[]).await.ok();
    }
}

async fn oversized_payloads_and_bodies_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    // {"t":""} is 8 bytes.
    let payload = |bytes: usize| json!({ "t": "x".repeat(bytes - 8) });
    let fits = payload(131_072);
    let id = server.submit("worker", fits.clone()).await;
    assert_eq!(server.intent(&id).await["payload"], fits);
    let create = async |body: Value| server.send(&server.admin, "POST", "/v1/intents", Some(body)).await;
    create(ask(payload(131_073))).await.refused(413, "payload_too_large");
    create(json!({ "intent_type": "x", "to_agent": "worker", "t": "x".repeat(131_073) }))
        .await
        .refused(413, "payload_too_large");

    let resolve = format!("/v1/intents/{id}/resolve");
    let resume = format!("/v1/intents/{id}/resume");
    let post = async |path: &str, body: Value| server.send(&server.admin, "POST", path, Some(body)).await;
    post(&resolve, json!({ "status": "COMPLETED", "result": payload(131_073) }))
        .await
        .refused(413, "payload_too_large");
    post(&resolve, json!({ "status": "FAILED", "error": payload(131_073) })).await.refused(413, "payload_too_large");
    post(&resolve, json!({ "status": "CANCELED", "reason": "x".repeat(131_073) }))
        .await
        .refused(413, "payload_too_large");
    post(&resume, payload(131_073)).await.refused(413, "payload_too_large");
    let bundle = json!({ "scenario_id": "x", "intent": { "type": "x", "payload": payload(131_073) }, "agents": [{ "role": "a", "address": "b" }] });
    post("/v1/scenarios/apply", bundle).await.refused(413, "payload_too_large");
    assert_eq!(server.events(&id).await.len(), 3);
    let done = post(&resume, payload(131_072)).await.ok();
    assert_eq!(done["intent"]["result"], payload(131_072));

    let padded = |bytes: usize| {
        let mut text = ask(json!({})).to_string();
        text.push_str(&" ".repeat(bytes - text.len()));
        text.into_bytes()
    };
    let send = async |bytes: Vec<u8>| server.send_raw(&server.admin, "POST", "/v1/intents", bytes, &[]).await;
    send(padded(1024 * 1024)).await.ok();
    send(padded(1024 * 1024 + 1)).await.refused(413, "body_too_large");
    send(vec![b'x'; 20 * 1024 * 1024]).await.refused(413, "body_too_large");
}

async fn deep_nesting_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let send =
        async |key: &str, path: &str, body: String| server.send_raw(key, "POST", path, body.into_bytes(), &[]).await;
    // The body and the payload are two levels, the unknown field of a body without a payload is in one.
    for (around, most) in [(r#""payload":{"n":"#, 62), (r#""n":"#, 63)] {
        let body = |depth: usize| {
            let close = if around.contains("payload") { "}" } else { "" };
            format!(r#"{{"intent_type":"x","to_agent":"worker",{around}{}{close}}}"#, nested(depth))
        };
        for depth in [most + 1, 100, 124, 125, 126, 127, 128, 129, 100_000] {
            send(&server.admin, "/v1/intents", body(depth)).await.refused(422, "validation_failed");
        }
        let id = id_of(&send(&server.admin, "/v1/intents", body(most)).await.ok());
        assert_eq!(server.intent(&id).await["payload"]["n"].to_string(), nested(most));
        let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=5").await;
        assert_eq!(window.intent_ids(), [id.as_str()], "the queue can be read");
        let path = format!("/v1/intents/{id}/resume");
        send(&worker, &path, format!(r#"{{"n":{}}}"#, nested(64))).await.refused(422, "validation_failed");
        let answered = send(&worker, &path, format!(r#"{{"n":{}}}"#, nested(63))).await.ok();
        assert_eq!(answered["intent"]["result"]["n"].to_string(), nested(63));
        assert_eq!(server.events(&id).await.len(), 4);
    }
    let brackets = json!({ "text": "[{".repeat(1_000), "escaped": "\"[[\\\"".repeat(100) });
    let id = server.submit("worker", brackets.clone()).await;
    assert_eq!(server.intent(&id).await["payload"], brackets, "brackets in text are not nesting");
}

async fn strings_come_back_as_they_were_sent(engine: Engine) {
    let server = Server::start(engine).await;
    let odd = "ü é 漢字 \u{1F600} \u{10FFFF} \u{FEFF} \u{202E} \u{7F} \u{1} \" \\ / \u{2028} \\u0000 e\u{301}";
    let payload = json!({ "text": odd, odd: { "\u{1}": [odd] } });
    let id = server.submit("worker", payload.clone()).await;
    assert_eq!(server.intent(&id).await["payload"], payload);
    let escaped = r#"{"a":"\u00fc\ud83d\ude00\u0001\/"}"#.as_bytes().to_vec();
    let path = format!("/v1/intents/{id}/resume");
    let done = server.send_raw(&server.admin, "POST", &path, escaped, &[]).await.ok();
    assert_eq!(done["intent"]["result"], json!({ "a": "ü\u{1F600}\u{1}/" }));
    let account = json!({ "name": "An agent!", "display_name": odd, "description": odd });
    let account = server.post(&server.admin, "/v1/service-accounts", account).await;
    assert_eq!(account["service_account"]["name"], "An agent!");
    assert_eq!(account["service_account"]["display_name"], odd);
    assert_eq!(account["service_account"]["description"], odd);
}

async fn the_null_character_is_refused_everywhere(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let account = server.post(&server.admin, "/v1/service-accounts", json!({ "name": "worker" })).await;
    let account = account["service_account_id"].as_str().unwrap();
    let bundle = json!({ "scenario_id": "a\0", "intent": { "type": "x" } });
    for (path, body) in [
        ("/v1/intents".to_owned(), ask(json!({ "a": "b\0c" }))),
        ("/v1/intents".to_owned(), ask(json!({ "a\0": 1 }))),
        ("/v1/intents".to_owned(), json!({ "intent_type": "x\0", "to_agent": "worker" })),
        ("/v1/intents".to_owned(), json!({ "intent_type": "x", "to_agent": "work\0er" })),
        ("/v1/intents".to_owned(), json!({ "intent_type": "x", "human_task": { "title": "\0" } })),
        (format!("/v1/intents/{id}/resume"), json!({ "answer": ["\\\0"] })),
        (format!("/v1/intents/{id}/resolve"), json!({ "status": "CANCELED", "reason": "\0" })),
        ("/v1/service-accounts".to_owned(), json!({ "name": "name", "description": "a\0b" })),
        ("/v1/service-accounts".to_owned(), json!({ "name": "na\0me" })),
        (format!("/v1/service-accounts/{account}/keys"), json!({ "expires_at": "\0" })),
        ("/v1/scenarios/apply".to_owned(), bundle.clone()),
        ("/v1/scenarios/validate".to_owned(), bundle),
    ] {
        for headers in [&[][..], &[(KEY, "k")]] {
            let refused = server.send_with(&server.admin, "POST", &path, Some(body.clone()), headers).await;
            assert_eq!(refused.status, 422, "{path} {body}");
            assert!(refused.refused(422, "validation_failed").contains("\\u0000"), "{path} {body}");
        }
    }
    for path in [
        "/v1/agents/a%00b",
        "/v1/agents?after=%00",
        "/v1/service-accounts/a%00b",
        "/v1/service-accounts?after=a%00",
        "/v1/intents?to_agent=a%00",
    ] {
        let refused = server.send(&server.admin, "GET", path, None).await;
        assert_eq!(refused.status, 422, "{path}");
        refused.refused(422, "validation_failed");
    }
    assert_eq!(server.events(&id).await.len(), 3);
}

async fn numbers_come_back_within_the_range_that_json_readers_share(engine: Engine) {
    let server = Server::start(engine).await;
    let numbers =
        r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":0.1,"d":1e300,"e":-0.0,"f":9007199254740993}"#;
    let body = format!(r#"{{"intent_type":"x","to_agent":"worker","payload":{numbers}}}"#);
    let created = server.send_raw(&server.admin, "POST", "/v1/intents", body.into_bytes(), &[]).await.ok();
    let payload = &server.intent(&id_of(&created)).await["payload"];
    assert_eq!(payload["a"], json!(u64::MAX));
    assert_eq!(payload["b"], json!(i64::MIN));
    assert_eq!((payload["c"].as_f64(), payload["d"].as_f64()), (Some(0.1), Some(1e300)));
    assert_eq!(payload["f"], json!(9_007_199_254_740_993_u64));
}

async fn unknown_paths_are_refused_in_the_common_error_format(engine: Engine) {
    let server = Server::start(engine).await;
    for path in ["/v1", "/v2/intents", "/v1/intent", "/v1/intents//", "/v1/intents/x/y/z", "//v1/intents"] {
        server.send(&server.admin, "GET", path, None).await.refused(404, "not_found");
    }
    for (method, path) in [
        ("DELETE", "/v1/intents"),
        ("PUT", "/v1/intents/x"),
        ("GET", "/v1/intents/x/resume"),
        ("POST", "/v1/agents"),
        ("POST", "/v1/agents/worker/intents/stream"),
        ("POST", "/v1/health"),
        ("PATCH", "/v1/capabilities"),
    ] {
        server.send(&server.admin, method, path, None).await.refused(405, "method_not_allowed");
    }
    for path in [
        "/v1/intents/%ff",
        "/v1/agents/%ff%fe",
        "/v1/intents/%ff/events/stream",
        "/v1/agents/%ff/intents/stream",
        "/v1/media/download/%ff",
        "/v1/auth/login-intent/%ff/callback",
        "/app/tasks/%ff",
    ] {
        let refused = server.send(&server.admin, "GET", path, None).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.body);
        refused.refused(400, "invalid_path");
    }
}

async fn request_and_trace_ids_come_back(engine: Engine) {
    let server = Server::start(engine).await;
    let ids = [("x-request-id", "req-1"), ("x-trace-id", "trace-1")];
    for (path, status) in [("/v1/capabilities", 200), ("/v1/intents/x", 404), ("/nowhere", 404), ("/health", 200)] {
        let answer = server.send_with(&server.admin, "GET", path, None, &ids).await;
        assert_eq!(answer.status, status);
        for (name, value) in ids {
            assert_eq!(answer.headers.get(name).unwrap(), value, "{path}");
        }
        let answer = server.send(&server.admin, "GET", path, None).await;
        assert_eq!(answer.headers.get("x-request-id").unwrap().len(), 36, "made if it is missing");
        assert!(answer.headers.get("x-trace-id").is_none());
    }
    let long = "x".repeat(129);
    let answer = server.send_with(&server.admin, "GET", "/health", None, &[("x-request-id", &long)]).await;
    assert_eq!(answer.headers.get("x-request-id").unwrap().len(), 36);
}

async fn an_owner_that_is_named_twice_must_be_the_same(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let resume = format!("/v1/intents/{id}/resume");
    let send = async |query: &str, header: &str| {
        let path = format!("{resume}?owner_agent={query}");
        server.send_with(&server.admin, "POST", &path, Some(json!({})), &[("x-owner-agent", header)]).await
    };
    send("worker", "other").await.refused(400, "owner_mismatch");
    // Whichever of two is checked, the other one might be used.
    send("worker", "worker&owner_agent=other").await.refused(400, "owner_mismatch");
    send("agent://local/default/worker", "agent://other/default/worker").await.refused(400, "owner_mismatch");
    assert_eq!(server.events(&id).await.len(), 3);
    send("worker", "worker").await.ok();
    send("worker", "agent://local/default/worker").await.ok();
    send("agent%3A%2F%2Flocal%2Fdefault%2Fworker", "worker").await.ok();
    send("", "worker").await.ok();
    let get =
        server.send_with(&server.admin, "GET", "/v1/intents?owner_agent=a", None, &[("x-owner-agent", "b")]).await;
    get.refused(400, "owner_mismatch");
}

async fn health_and_readiness_need_no_key(engine: Engine) {
    let server = Server::start(engine).await;
    for path in ["/health", "/v1/health"] {
        let health = server.send("", "GET", path, None).await.ok();
        assert_eq!((&health["service"], &health["registered_users"]), (&json!("axme"), &json!(1)));
        assert_eq!(health["storage"], server.app.store.engine.as_str());
    }
    server.send("", "GET", "/ready", None).await.ok();
    server.stop();
    server.send("", "GET", "/ready", None).await.refused(503, "unavailable");
    server.send("", "GET", "/health", None).await.ok();
}

async fn every_answer_is_json_and_says_so(engine: Engine) {
    let server = Server::start(engine).await;
    for path in ["/v1/intents", "/v1/intents/x", "/nowhere", "/health", "/openapi.json"] {
        let request = Request::builder().uri(path).header("x-api-key", &server.admin).body(Body::empty()).unwrap();
        let response = server.request(request).await;
        assert_eq!(response.headers()["content-type"], "application/json", "{path}");
    }
}
