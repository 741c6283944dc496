//! Intents: create, get, list.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    an_intent_goes_to_its_agent_and_back,
    a_create_needs_only_its_required_fields,
    every_form_of_an_address_is_accepted,
    the_sender_is_the_agent_of_the_key,
    the_first_three_events_are_there_with_the_answer,
    a_probable_misspelling_is_accepted_and_reported,
    an_invalid_create_names_the_wrong_field,
    whole_numbers_may_have_a_fraction_of_zero,
    get_answers_with_the_documented_mirrors_only,
    an_unknown_intent_is_not_found,
    a_list_is_newest_first_in_pages,
    a_list_is_filtered_by_status_and_receiver,
    an_agent_sees_and_changes_only_its_own_intents,
    events_continue_after_the_last_number_or_the_next_one,
}

async fn an_intent_goes_to_its_agent_and_back(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": { "question": 6 } });
    let created = server.post(&server.admin, "/v1/intents", body).await;
    assert_eq!(created["status"], "DELIVERED");
    assert_eq!(created["intent"]["lifecycle_status"], "DELIVERED");
    let id = id_of(&created);
    assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"]);

    let window = server.stream(&worker, "/v1/agents/local/default/worker/intents/stream?since=0&wait_seconds=5").await;
    assert_eq!(window.intent_ids(), [id.as_str()]);
    let frame = &window.content()[0];
    assert_eq!((frame.event.as_str(), frame.id), ("intent.delivered", Some(2)));
    assert_eq!(frame.data["payload"], json!({ "question": 6 }));
    assert_eq!(window.next_seq(), 2);

    let resumed =
        server.post(&worker, &format!("/v1/intents/{id}/resume"), json!({ "action": "complete", "answer": 42 })).await;
    assert_eq!(resumed["intent"]["status"], "COMPLETED");
    assert_eq!(resumed["event"]["event_type"], "intent.completed");
    let got = server.get(&server.admin, &format!("/v1/intents/{id}")).await;
    assert_eq!(got["result"], json!({ "answer": 42 }));
    assert_eq!(got["intent"]["result"], json!({ "answer": 42 }));

    let late = server.send(&worker, "POST", &format!("/v1/intents/{id}/resume"), Some(json!({ "x": 1 }))).await;
    late.refused(409, "intent_already_terminal");
    let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=2").await;
    assert!(window.content().is_empty(), "an ended intent is not offered");
}

async fn a_create_needs_only_its_required_fields(engine: Engine) {
    let server = Server::start(engine).await;
    let bare = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" });
    let created = server.post(&server.admin, "/v1/intents", bare).await;
    assert!(created["correlation_id"].as_str().is_some_and(|id| Uuid::parse_str(id).is_ok()), "{created}");
    assert_eq!(server.intent(&id_of(&created)).await["payload"], json!({}));

    // Without a receiver, the platform asks a person.
    let to_platform = server.post(&server.admin, "/v1/intents", json!({ "intent_type": "intent.ask.v1" })).await;
    let intent = server.intent(&id_of(&to_platform)).await;
    assert_eq!((&intent["to_agent"], &intent["status"]), (&json!("agent://agent_core"), &json!("WAITING")));

    let correlation = Uuid::from_u128(7).to_string();
    let camel = json!({
        "intentType": "compliance_check", "toAgent": "worker", "fromAgent": "agent://a/b", "replyTo": "agent://c/d",
        "correlationId": correlation, "payload": { "keptCase": 1 },
    });
    let created = server.post(&server.admin, "/v1/intents", camel).await;
    assert_eq!(created["correlation_id"], correlation);
    let intent = server.intent(&id_of(&created)).await;
    assert_eq!(intent["intent_type"], "compliance_check");
    assert_eq!(intent["correlation_id"], correlation);
    assert_eq!(intent["to_agent"], "agent://local/default/worker");
    assert_eq!(intent["from_agent"], "agent://a/b");
    assert_eq!(intent["reply_to"], "agent://c/d");
    assert_eq!(intent["payload"], json!({ "keptCase": 1 }));

    let owned = server.post(
        &server.admin,
        "/v1/intents?owner_agent=worker",
        json!({
            "intent_type": "intent.ask.v1", "to_agent": "worker", "city": "Oslo",
        }),
    );
    assert_eq!(server.intent(&id_of(&owned.await)).await["payload"], json!({ "city": "Oslo" }));

    let flat = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "city": "Oslo", "n": { "deep": [1] } });
    let created = server.post(&server.admin, "/v1/intents", flat).await;
    let intent = server.intent(&id_of(&created)).await;
    assert_eq!(
        intent["payload"],
        json!({ "city": "Oslo", "n": { "deep": [1] } }),
        "without a payload, the other fields are the payload"
    );

    let both =
        json!({ "intent_type": "x", "to_agent": "worker", "payload": { "a": 1 }, "unknown": 2, "reply_to": null });
    let created = server.post(&server.admin, "/v1/intents", both).await;
    let intent = server.intent(&id_of(&created)).await;
    assert_eq!(intent["payload"], json!({ "a": 1 }), "with a payload, the other fields are ignored");
    assert!(intent.get("reply_to").is_none(), "{intent}");
}

async fn every_form_of_an_address_is_accepted(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let own = "agent://local/default/worker";
    let forms = [
        ("worker", own),
        ("local/default/worker", own),
        ("agent://worker", own),
        ("agent://local/default/worker", own),
        ("agent:/local/default/worker", own),
        (" worker ", own),
        ("nobody", "agent://local/default/nobody"),
        ("agent://conformance/receiver", "agent://conformance/receiver"),
        ("conformance/receiver", "agent://conformance/receiver"),
        ("agent://elsewhere/ws/agent", "agent://elsewhere/ws/agent"),
        ("agent://user/00000000-0000-0000-0000-000000000001", "agent://user/00000000-0000-0000-0000-000000000001"),
        ("user://ops-lead", "user://ops-lead"),
        ("initiator://fire-and-forget", "initiator://fire-and-forget"),
        ("someone@example.com", "someone@example.com"),
        ("@nick", "@nick"),
    ];
    for (written, canonical) in forms {
        let id = server.submit(written, json!({})).await;
        assert_eq!(server.intent(&id).await["to_agent"], canonical, "{written}");
        assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"], "{written}");
    }
    let longest = format!("x://{}", "y".repeat(379));
    assert_eq!(server.intent(&server.submit(&longest, json!({})).await).await["to_agent"], longest);
    for wrong in ["z".repeat(384), "a\nb".to_owned()] {
        let body = json!({ "intent_type": "x", "to_agent": wrong });
        server.send(&server.admin, "POST", "/v1/intents", Some(body)).await.refused(422, "invalid_agent_address");
    }
}

async fn the_sender_is_the_agent_of_the_key(engine: Engine) {
    let server = Server::start(engine).await;
    let sender = server.agent("sender").await;
    let create = async |key: &str, from: Option<&str>| {
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "from_agent": from });
        let id = id_of(&server.post(key, "/v1/intents", body).await);
        let from = server.intent(&id).await["from_agent"].clone();
        assert_eq!(server.events(&id).await[0]["actor"], from);
        from
    };
    assert_eq!(create(&sender, None).await, "agent://local/default/sender");
    assert_eq!(create(&sender, Some("agent://local/default/somebody-else")).await, "agent://local/default/sender");
    assert_eq!(create(&server.admin, Some("boss")).await, "agent://local/default/boss");
    assert_eq!(create(&server.admin, None).await, "user://owner@local");
}

async fn the_first_three_events_are_there_with_the_answer(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": { "a": 1 } });
    let created = server.post(&server.admin, "/v1/intents", body).await;
    let id = id_of(&created);
    assert_eq!(created["status"], "DELIVERED");
    assert_eq!(created["created_at"], "2026-01-01T00:00:00.000Z");
    assert_eq!(created["intent"], json!({ "intent_id": id, "status": "DELIVERED", "lifecycle_status": "DELIVERED" }));
    let seen: Vec<Value> = server
        .events(&id)
        .await
        .iter()
        .map(|e| json!([e["intent_id"], e["seq"], e["event_type"], e["status"], e["handler"], e["at"]]))
        .collect();
    let at = "2026-01-01T00:00:00.000Z";
    let expected = json!([
        [id, 2, "intent.created", "CREATED", null, at],
        [id, 4, "intent.submitted", "SUBMITTED", null, at],
        [id, 6, "intent.delivered", "DELIVERED", "agent://local/default/worker", at],
    ]);
    assert_eq!(json!(seen), expected);
}

async fn a_probable_misspelling_is_accepted_and_reported(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let create = async |body: Value| server.post(&server.admin, "/v1/intents", body).await;
    let task = json!({ "title": "Pay?", "quroum": 2, "mood": 1, "task_type": "approvall" });
    let created = create(json!({ "intent_type": "x", "human_task": task, "payload": {}, "reply_too": "me" })).await;
    let expected = json!([
        "human_task.quroum: unknown field, kept and shown, but without effect; did you mean quorum?",
        "human_task.mood: unknown field, kept and shown, but without effect",
        "human_task.task_type: unknown type \"approvall\": any word is accepted as its outcome; did you mean approval?",
        "reply_too: unknown field, ignored; did you mean reply_to?",
    ]);
    assert_eq!(created["warnings"], expected);
    assert_eq!(server.intent(&id_of(&created)).await["human_task"]["quroum"], 2);

    // Nothing is filled into the texts of a direct intent.
    let task =
        json!({ "title": "Pay {{ payload.amount }}?", "on_yes": "It is paid.", "assignees": ["ann@example.com"] });
    let created = create(json!({ "intent_type": "x", "human_task": task, "payload": { "amount": 5 } })).await;
    let expected =
        json!(["human_task.title: shown as written; only tasks of scenarios are filled in from the payload"]);
    assert_eq!(created["warnings"], expected);
    assert_eq!(server.intent(&id_of(&created)).await["human_task"]["title"], "Pay {{ payload.amount }}?");

    // Without a payload, it is part of the payload, like any other field.
    let created =
        create(json!({ "intent_type": "x", "to_agent": "worker", "human_tsak": { "title": "t" }, "n": 1 })).await;
    let expected = json!(["human_tsak: unknown field, part of the payload; did you mean human_task?"]);
    assert_eq!(created["warnings"], expected);
    let payload = server.intent(&id_of(&created)).await["payload"].clone();
    assert_eq!(payload, json!({ "human_tsak": { "title": "t" }, "n": 1 }));
}

async fn an_invalid_create_names_the_wrong_field(engine: Engine) {
    let server = Server::start(engine).await;
    let refuse = async |code: &str, fields: Value| {
        let mut body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" });
        for (name, value) in fields.as_object().expect("an object") {
            body[name] = value.clone();
        }
        server.send(&server.admin, "POST", "/v1/intents", Some(body)).await.refused(422, code)
    };
    for (fields, name) in [
        (json!({ "human_task": { "title": "t", "notify_email": "nobody" } }), "human_task.notify_email"),
        (json!({ "human_task": { "title": "t", "quorum": 0 } }), "human_task.quorum"),
        (json!({ "human_task": { "title": "t", "form_schema": 5 } }), "human_task.form_schema"),
        (json!({ "human_task": { "title": "t", "form_schema": { "type": 5 } } }), "human_task.form_schema"),
        (json!({ "intent_type": "" }), "intent_type"),
        (json!({ "intent_type": "two words" }), "intent_type"),
        (json!({ "intent_type": "x".repeat(256) }), "intent_type"),
        (json!({ "correlation_id": "no-uuid" }), "correlation_id"),
        (json!({ "max_delivery_attempts": 0 }), "max_delivery_attempts"),
        (json!({ "max_delivery_attempts": 10_001 }), "max_delivery_attempts"),
        (json!({ "remind_after_seconds": 315_576_001 }), "remind_after_seconds"),
        (json!({ "remind_after_seconds": 60, "max_reminders": 1_001 }), "max_reminders"),
        (json!({ "reply_to": "r".repeat(384) }), "reply_to"),
        (json!({ "remind_interval_seconds": 60 }), "remind_interval_seconds: requires remind_after_seconds"),
        (json!({ "max_reminders": 3 }), "max_reminders: requires remind_after_seconds"),
        (json!({ "escalate_to": "boss" }), "escalate_to: requires remind_after_seconds"),
        (json!({ "remind_after_seconds": 0 }), "remind_after_seconds"),
        (json!({ "ttl_seconds": 59 }), "ttl_seconds"),
        (json!({ "ttl_seconds": 604_801 }), "ttl_seconds"),
        (json!({ "ttl_seconds": 60.5 }), "ttl_seconds"),
        (json!({ "ttl_seconds": -60.0 }), "ttl_seconds"),
        (json!({ "ttl_seconds": 60, "deadline_at": "2026-06-01T00:00:00Z" }), "give deadline_at or ttl_seconds"),
        (json!({ "deadline_at": "tomorrow" }), "deadline_at"),
        (json!({ "deadline_at": "2025-12-31T23:59:59Z" }), "deadline_at"),
        (json!({ "deadline_at": "2026-01-01T00:00:00Z" }), "deadline_at"),
        (json!({ "human_task": { "title": 5 } }), "human_task.title"),
        (json!({ "human_task": { "allowed_outcomes": [] } }), "human_task.allowed_outcomes"),
        (json!({ "human_task": { "required_comment": "yes" } }), "human_task.required_comment"),
    ] {
        let text = refuse("validation_failed", fields.clone()).await;
        assert!(text.starts_with(name), "{fields}: {text}");
    }
    refuse("invalid_agent_address", json!({ "to_agent": " " })).await;
    let listed = server.get(&server.admin, "/v1/intents").await;
    assert_eq!(listed["intents"], json!([]), "a refused create leaves nothing");
}

/// `3.0` is an integer in JSON Schema, and so in the published schema.
async fn whole_numbers_may_have_a_fraction_of_zero(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({
        "intent_type": "intent.test.v1", "to_agent": "x", "payload": {},
        "remind_after_seconds": 60.0, "max_reminders": 3.0,
    });
    let created = server.post(&server.admin, "/v1/intents", body).await;
    let intent_id = created["intent_id"].as_str().unwrap();
    let shown = server.get(&server.admin, &format!("/v1/intents/{intent_id}")).await;
    let intent = &shown["intent"];
    assert_eq!((&intent["remind_after_seconds"], &intent["max_reminders"]), (&json!(60), &json!(3)), "{intent}");
}

async fn get_answers_with_the_documented_mirrors_only(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let correlation = Uuid::from_u128(1).to_string();
    let body = json!({
        "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": { "a": [1, 2.5, null, "ü"] },
        "correlation_id": correlation, "deadline_at": "2026-01-01T02:00:00+01:00", "max_delivery_attempts": 4,
    });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let answer = server.get(&server.admin, &format!("/v1/intents/{id}")).await;
    let at = "2026-01-01T00:00:00.000Z";
    let deadline = "2026-01-01T01:00:00.000Z";
    let intent = json!({
        "intent_id": id, "intent_type": "intent.ask.v1", "correlation_id": correlation,
        "from_agent": "user://owner@local", "to_agent": "agent://local/default/worker",
        "status": "DELIVERED", "lifecycle_status": "DELIVERED", "lifecycle_waiting_reason": null,
        "legacy_status": "accepted", "payload": { "a": [1, 2.5, null, "ü"] }, "result": null, "error": null,
        "deadline_at": deadline, "due_at": deadline, "max_delivery_attempts": 4,
        "remind_count": 0, "delivery_attempt": 0, "policy_generation": 0, "created_at": at, "updated_at": at,
    });
    let expected = json!({
        "ok": true, "intent": intent, "intent_id": id, "status": "DELIVERED", "lifecycle_status": "DELIVERED",
        "intent_type": "intent.ask.v1", "payload": { "a": [1, 2.5, null, "ü"] }, "result": null,
    });
    assert_eq!(answer, expected);
}

async fn an_unknown_intent_is_not_found(engine: Engine) {
    let server = Server::start(engine).await;
    for id in [Uuid::nil().to_string(), Uuid::max().to_string(), "no-uuid".to_owned(), "%20".to_owned()] {
        for (method, suffix) in
            [("GET", ""), ("GET", "/events"), ("GET", "/events/stream"), ("POST", "/resolve"), ("POST", "/resume")]
        {
            let body = (method == "POST").then(|| json!({ "status": "COMPLETED" }));
            let path = format!("/v1/intents/{id}{suffix}");
            server.send(&server.admin, method, &path, body).await.refused(404, "not_found");
        }
    }
}

async fn a_list_is_newest_first_in_pages(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(server.submit("worker", json!({ "n": n })).await);
        server.advance(Duration::from_millis(1)).await;
    }
    ids.reverse();
    let ids_of = |list: &Value| -> Vec<String> { list["intents"].as_array().unwrap().iter().map(id_of).collect() };
    let all = server.get(&server.admin, "/v1/intents").await;
    assert_eq!((ids_of(&all), &all["next_before"]), (ids.clone(), &Value::Null));
    let first = json!({
        "intent_id": ids[0], "intent_type": "intent.ask.v1", "status": "DELIVERED", "lifecycle_status": "DELIVERED",
        "from_agent": "user://owner@local", "to_agent": "agent://local/default/worker",
        "created_at": "2026-01-01T00:00:00.006Z", "updated_at": "2026-01-01T00:00:00.006Z",
    });
    assert_eq!(all["intents"][0], first);

    let mut paged = Vec::new();
    let mut before = String::new();
    for expected in [3, 3, 1] {
        let page = server.get(&server.admin, &format!("/v1/intents?limit=3{before}")).await;
        assert_eq!(ids_of(&page).len(), expected);
        paged.extend(ids_of(&page));
        before = page["next_before"].as_str().map(|id| format!("&before={id}")).unwrap_or_default();
    }
    assert_eq!((paged, before), (ids.clone(), String::new()));

    for (query, expected) in [("limit=1000000", 7), ("limit=", 7), ("before=", 7)] {
        assert_eq!(ids_of(&server.get(&server.admin, &format!("/v1/intents?{query}")).await).len(), expected);
    }
    for query in ["limit=0", "limit=-1", "limit=x", "limit=99999999999999999999", "before=x"] {
        let refused = server.send(&server.admin, "GET", &format!("/v1/intents?{query}"), None).await;
        refused.refused(422, "validation_failed");
    }
}

async fn a_list_is_filtered_by_status_and_receiver(engine: Engine) {
    let server = Server::start(engine).await;
    let open = server.submit("worker", json!({})).await;
    let done = server.submit("worker", json!({})).await;
    let gone = server.submit("other", json!({})).await;
    let asked = server.submit("human", json!({})).await;
    server.post(&server.admin, &format!("/v1/intents/{done}/resolve"), json!({ "status": "COMPLETED" })).await;
    server.post(&server.admin, &format!("/v1/intents/{gone}/resolve"), json!({ "status": "CANCELED" })).await;
    for (query, expected) in [
        ("status=DELIVERED", vec![&open]),
        ("status=completed", vec![&done]),
        ("status=CANCELLED", vec![&gone]),
        ("status=CANCELED,COMPLETED", vec![&done, &gone]),
        ("status=WAITING,,DELIVERED,", vec![&open, &asked]),
        ("status=FAILED", vec![]),
        ("status=", vec![&open, &done, &gone, &asked]),
        ("to_agent=worker", vec![&open, &done]),
        ("to_agent=agent://local/default/worker&status=COMPLETED", vec![&done]),
        ("to_agent=nobody", vec![]),
    ] {
        let list = server.get(&server.admin, &format!("/v1/intents?{query}")).await;
        let mut ids: Vec<String> = list["intents"].as_array().unwrap().iter().map(id_of).collect();
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "{query}");
    }
    for query in ["status=DONE", "status=DELIVERED,nonsense"] {
        let refused = server.send(&server.admin, "GET", &format!("/v1/intents?{query}"), None).await;
        refused.refused(422, "validation_failed");
    }
}

async fn an_agent_sees_and_changes_only_its_own_intents(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, sender) = (server.agent("worker").await, server.agent("sender").await);
    let stranger = server.agent("stranger").await;
    let to_worker = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" });
    let between = id_of(&server.post(&sender, "/v1/intents", to_worker).await);
    let from_admin = server.submit("worker", json!({})).await;
    let to_nobody = server.submit("nobody", json!({})).await;
    for (key, visible) in [
        (&server.admin, vec![&between, &from_admin, &to_nobody]),
        (&worker, vec![&between, &from_admin]),
        (&sender, vec![&between]),
        (&stranger, vec![]),
    ] {
        let list = server.get(key, "/v1/intents").await;
        let mut ids: Vec<String> = list["intents"].as_array().unwrap().iter().map(id_of).collect();
        ids.sort();
        let mut expected: Vec<String> = visible.into_iter().cloned().collect();
        expected.sort();
        assert_eq!(ids, expected);
    }
    for (method, suffix) in
        [("GET", ""), ("GET", "/events"), ("GET", "/events/stream"), ("POST", "/resolve"), ("POST", "/resume")]
    {
        let body = (method == "POST").then(|| json!({ "status": "COMPLETED" }));
        let path = format!("/v1/intents/{between}{suffix}");
        server.send(&stranger, method, &path, body).await.refused(404, "not_found");
    }
    assert_eq!(server.event_types(&between).await, ["created", "submitted", "delivered"]);
    server.get(&sender, &format!("/v1/intents/{between}")).await;
    let canceled = json!({ "status": "CANCELED", "reason": "changed my mind" });
    server.post(&sender, &format!("/v1/intents/{between}/resolve"), canceled).await;
}

async fn events_continue_after_the_last_number_or_the_next_one(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    server.post(&server.admin, &format!("/v1/intents/{id}/resume"), json!({})).await;
    server.post(&server.admin, &format!("/v1/intents/{id}/resume"), json!({ "action": "complete" })).await;
    let numbers = async |query: &str| {
        let list = server.get(&server.admin, &format!("/v1/intents/{id}/events{query}")).await;
        list["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers("").await, [2, 4, 6, 8, 10]);
    for (query, expected) in [
        ("?since=0", vec![2, 4, 6, 8, 10]),
        ("?since=1", vec![2, 4, 6, 8, 10]),
        ("?since=2", vec![4, 6, 8, 10]),
        ("?since=3", vec![4, 6, 8, 10]),
        ("?since=4&limit=2", vec![6, 8]),
        ("?since=10", vec![]),
        ("?since=11", vec![]),
        ("?since=18446744073709551615", vec![]),
        ("?since=", vec![2, 4, 6, 8, 10]),
    ] {
        assert_eq!(numbers(query).await, expected, "{query}");
    }
    for query in ["since=-1", "since=x", "since=1.5", "limit=0"] {
        let path = format!("/v1/intents/{id}/events?{query}");
        server.send(&server.admin, "GET", &path, None).await.refused(422, "validation_failed");
    }
}
