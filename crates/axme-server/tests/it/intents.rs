//! Intents: create, look, answer, end.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Server, id_of, on_both, poll};

#[test]
fn an_intent_goes_to_its_agent_and_back() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let worker = server.agent("worker").await;
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": { "question": 6 } });
        let created = server.post(&server.admin, "/v1/intents", body).await;
        assert_eq!(created["status"], "DELIVERED");
        assert_eq!(created["intent"]["lifecycle_status"], "DELIVERED");
        let id = id_of(&created);
        assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"]);

        let window =
            server.stream(&worker, "/v1/agents/local/default/worker/intents/stream?since=0&wait_seconds=5").await;
        assert_eq!(window.intent_ids(), [id.as_str()]);
        let frame = &window.content()[0];
        assert_eq!((frame.event.as_str(), frame.id), ("intent.delivered", Some(2)));
        assert_eq!(frame.data["payload"], json!({ "question": 6 }));
        assert_eq!(window.next_seq(), 2);

        let resumed = server
            .post(&worker, &format!("/v1/intents/{id}/resume"), json!({ "action": "complete", "answer": 42 }))
            .await;
        assert_eq!(resumed["intent"]["status"], "COMPLETED");
        assert_eq!(resumed["event"]["event_type"], "intent.completed");
        let got = server.get(&server.admin, &format!("/v1/intents/{id}")).await;
        assert_eq!(got["result"], json!({ "answer": 42 }));
        assert_eq!(got["intent"]["result"], json!({ "answer": 42 }));

        let late = server.send(&worker, "POST", &format!("/v1/intents/{id}/resume"), Some(json!({ "x": 1 }))).await;
        late.refused(409, "intent_already_terminal");
        let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=2").await;
        assert!(window.content().is_empty(), "a finished intent is offered no more");
    });
}

#[test]
fn a_create_may_leave_out_what_clients_leave_out() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let bare = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" });
        let created = server.post(&server.admin, "/v1/intents", bare).await;
        assert!(created["correlation_id"].as_str().is_some_and(|id| Uuid::parse_str(id).is_ok()), "{created}");
        assert_eq!(server.intent(&id_of(&created)).await["payload"], json!({}));

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

        let flat =
            json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "city": "Oslo", "n": { "deep": [1] } });
        let created = server.post(&server.admin, "/v1/intents", flat).await;
        let intent = server.intent(&id_of(&created)).await;
        assert_eq!(
            intent["payload"],
            json!({ "city": "Oslo", "n": { "deep": [1] } }),
            "without a payload, the rest is it"
        );

        let both =
            json!({ "intent_type": "x", "to_agent": "worker", "payload": { "a": 1 }, "unknown": 2, "reply_to": null });
        let created = server.post(&server.admin, "/v1/intents", both).await;
        let intent = server.intent(&id_of(&created)).await;
        assert_eq!(intent["payload"], json!({ "a": 1 }), "beside a payload, the rest is ignored");
        assert!(intent.get("reply_to").is_none(), "{intent}");
    });
}

#[test]
fn every_form_of_an_address_is_taken() {
    on_both(async |engine| {
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
    });
}

#[test]
fn the_sender_is_the_agent_whose_key_it_is() {
    on_both(async |engine| {
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
    });
}

#[test]
fn the_first_three_events_are_there_with_the_answer() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": { "a": 1 } });
        let created = server.post(&server.admin, "/v1/intents", body).await;
        let id = id_of(&created);
        assert_eq!(created["status"], "DELIVERED");
        assert_eq!(created["created_at"], "2026-01-01T00:00:00.000Z");
        assert_eq!(
            created["intent"],
            json!({ "intent_id": id, "status": "DELIVERED", "lifecycle_status": "DELIVERED" })
        );
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
    });
}

#[test]
fn a_create_that_cannot_work_is_refused_by_name() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let refuse = async |code: &str, fields: Value| {
            let mut body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" });
            for (name, value) in fields.as_object().expect("an object") {
                body[name] = value.clone();
            }
            server.send(&server.admin, "POST", "/v1/intents", Some(body)).await.refused(422, code)
        };
        for fields in [
            json!({ "remind_after_seconds": 60 }),
            json!({ "remind_interval_seconds": 60 }),
            json!({ "max_reminders": 3 }),
            json!({ "escalate_to": "user://boss" }),
            json!({ "ttl_seconds": 60 }),
            json!({ "human_task": { "title": "t", "notify_email": "a@example.com" } }),
            json!({ "human_task": { "title": "t", "form_schema": { "type": "object" } } }),
        ] {
            let text = refuse("not_supported_yet", fields.clone()).await;
            assert!(text.ends_with("not supported yet"), "{fields}: {text}");
        }
        for (fields, name) in [
            (json!({ "intent_type": "" }), "intent_type"),
            (json!({ "intent_type": "two words" }), "intent_type"),
            (json!({ "intent_type": "x".repeat(256) }), "intent_type"),
            (json!({ "to_agent": null }), "to_agent"),
            (json!({ "to_agent": " " }), "to_agent"),
            (json!({ "correlation_id": "no-uuid" }), "correlation_id"),
            (json!({ "max_delivery_attempts": 0 }), "max_delivery_attempts"),
            (json!({ "reply_to": "r".repeat(384) }), "reply_to"),
            (json!({ "deadline_at": "tomorrow" }), "deadline_at"),
            (json!({ "deadline_at": "2025-12-31T23:59:59Z" }), "deadline_at"),
            (json!({ "deadline_at": "2026-01-01T00:00:00Z" }), "deadline_at"),
            (json!({ "human_task": { "title": 5 } }), "human_task.title"),
            (json!({ "human_task": { "allowed_outcomes": [] } }), "human_task.allowed_outcomes"),
            (json!({ "human_task": { "required_comment": "yes" } }), "human_task.required_comment"),
        ] {
            let text = refuse("validation_failed", fields.clone()).await;
            assert!(text.starts_with(&format!("{name}:")), "{fields}: {text}");
        }
        let listed = server.get(&server.admin, "/v1/intents").await;
        assert_eq!(listed["intents"], json!([]), "a refused create leaves nothing");
    });
}

#[test]
fn an_answer_to_get_has_its_mirrors_and_no_more() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
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
    });
}

#[test]
fn an_unknown_intent_is_not_found() {
    on_both(async |engine| {
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
    });
}

#[test]
fn a_list_is_newest_first_in_pages() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let mut ids = Vec::new();
        for n in 0..7 {
            ids.push(server.submit("worker", json!({ "n": n })).await);
            server.pass(Duration::from_millis(1)).await;
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
    });
}

#[test]
fn a_list_is_filtered_by_status_and_receiver() {
    on_both(async |engine| {
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
    });
}

#[test]
fn an_agent_sees_and_touches_only_what_is_to_or_from_it() {
    on_both(async |engine| {
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
    });
}

#[test]
fn events_are_read_on_from_the_last_number_or_the_one_after_it() {
    on_both(async |engine| {
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
    });
}

#[test]
fn resolve_ends_an_intent_in_the_way_it_says() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        for (body, status, result, error) in [
            (json!({ "status": "COMPLETED", "result": { "a": 1 } }), "COMPLETED", json!({ "a": 1 }), Value::Null),
            (json!({ "status": "completed" }), "COMPLETED", json!({}), Value::Null),
            (json!({ "status": "Completed", "result": null }), "COMPLETED", json!({}), Value::Null),
            (
                json!({ "status": "FAILED", "error": { "code": "no_stock", "message": "sold out" } }),
                "FAILED",
                Value::Null,
                json!({
                    "code": "no_stock", "message": "sold out", "details": { "code": "no_stock", "message": "sold out" },
                }),
            ),
            (
                json!({ "status": "failed", "reason": "tired" }),
                "FAILED",
                Value::Null,
                json!({ "code": "failed", "message": "tired" }),
            ),
            (
                json!({ "status": "CANCELED", "reason": "late" }),
                "CANCELED",
                Value::Null,
                json!({ "code": "canceled", "message": "late" }),
            ),
            (json!({ "status": "CANCELLED" }), "CANCELED", Value::Null, json!({ "code": "canceled", "message": "" })),
            (json!({ "status": "cancelled" }), "CANCELED", Value::Null, json!({ "code": "canceled", "message": "" })),
        ] {
            let id = server.submit("worker", json!({ "p": 1 })).await;
            let path = format!("/v1/intents/{id}/resolve");
            let resolved = server.post(&server.admin, &path, body.clone()).await;
            assert_eq!(resolved["applied"], true);
            assert_eq!(resolved["policy_generation"], 0);
            assert_eq!(resolved["intent"], server.intent(&id).await, "{body}");
            for (name, expected) in [
                ("status", &json!(status)),
                ("lifecycle_status", &json!(status)),
                ("result", &result),
                ("error", &error),
                ("payload", &json!({ "p": 1 })),
            ] {
                assert_eq!(&resolved["intent"][name], expected, "{body}");
            }
            assert_eq!(resolved["completion_delivery"], json!({ "delivered": false, "reason": "reply_to_not_set" }));
            let word = status.to_ascii_lowercase();
            assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered", word.as_str()]);
            let event = &resolved["event"];
            assert_eq!(event, server.events(&id).await.last().unwrap());
            assert_eq!(event["event_type"], format!("intent.{word}"));
            assert_eq!((&event["status"], &event["seq"]), (&json!(status), &json!(8)));
            assert_eq!(event["actor"], "owner@local");
            assert!(event["details"].is_object() && event["at"].is_string(), "{event}");
            if status == "COMPLETED" {
                assert_eq!((&event["result"], &event["data"]), (&result, &result));
            }

            for again in [body, json!({ "status": "COMPLETED" }), json!({ "status": "CANCELED" })] {
                server.send(&server.admin, "POST", &path, Some(again)).await.refused(409, "intent_already_terminal");
            }
        }
    });
}

#[test]
fn resolve_takes_no_other_status() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let id = server.submit("worker", json!({})).await;
        let path = format!("/v1/intents/{id}/resolve");
        for body in [
            json!({ "status": "TIMED_OUT" }),
            json!({ "status": "WAITING" }),
            json!({ "status": "DONE" }),
            json!({ "status": "" }),
            json!({ "status": 5 }),
            json!({ "result": {} }),
        ] {
            server.send(&server.admin, "POST", &path, Some(body)).await.refused(422, "validation_failed");
        }
        assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"]);
    });
}

#[test]
fn a_stale_generation_changes_nothing_and_is_no_error() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let id = server.submit("worker", json!({})).await;
        for (call, body) in [
            ("resolve", json!({ "status": "COMPLETED", "expected_policy_generation": 3 })),
            ("resume", json!({ "action": "complete", "expected_policy_generation": 3 })),
            ("resume", json!({ "approve_current_step": true, "expected_policy_generation": 3 })),
        ] {
            let answer = server.post(&server.admin, &format!("/v1/intents/{id}/{call}"), body).await;
            assert_eq!(answer["applied"], false);
            assert_eq!(answer["reason"], "stale_policy_generation");
            assert_eq!(answer["policy_generation"], 0);
            assert_eq!(answer["intent"]["status"], "DELIVERED");
        }
        assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"]);
        let body = json!({ "action": "complete", "expected_policy_generation": 0, "x": 1 });
        let answer = server.post(&server.admin, &format!("/v1/intents/{id}/resume"), body).await;
        assert_eq!((&answer["applied"], &answer["intent"]["result"]), (&json!(true), &json!({ "x": 1 })));
    });
}

#[test]
fn every_body_of_resume_means_what_its_senders_mean() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let worker = server.agent("worker").await;
        let rows: Vec<(Value, &str, Value)> = vec![
            // The control plane: go on, but do not complete.
            (json!({}), "IN_PROGRESS", Value::Null),
            (json!({ "approve_current_step": true }), "IN_PROGRESS", Value::Null),
            (
                json!({
                    "approve_current_step": true, "reason": "ok", "actor": "me", "expected_policy_generation": 0,
                    "internal_scheduler": false,
                }),
                "IN_PROGRESS",
                Value::Null,
            ),
            (json!({ "reason": "only a reason" }), "IN_PROGRESS", Value::Null),
            // Agents that say so.
            (json!({ "action": "complete" }), "COMPLETED", json!({})),
            (
                json!({ "action": "complete", "score": 3, "reason": "fine" }),
                "COMPLETED",
                json!({ "score": 3, "reason": "fine" }),
            ),
            (json!({ "action": "fail", "reason": "broken" }), "FAILED", json!({ "reason": "broken" })),
            // Agents that just answer.
            (json!({ "approved": true, "score": 0.5 }), "COMPLETED", json!({ "approved": true, "score": 0.5 })),
            (json!({ "approved": false }), "COMPLETED", json!({ "approved": false })),
            (
                json!({ "outcome": "success", "result": { "a": 1 } }),
                "COMPLETED",
                json!({ "outcome": "success", "result": { "a": 1 } }),
            ),
            (json!({ "status": "ok" }), "COMPLETED", json!({ "status": "ok" })),
            (json!({ "action": "ship", "x": 1 }), "COMPLETED", json!({ "action": "ship", "x": 1 })),
            (json!({ "status": "failed", "why": "x" }), "FAILED", json!({ "status": "failed", "why": "x" })),
            (json!({ "outcome": "failed" }), "FAILED", json!({ "outcome": "failed" })),
            (json!({ "outcome": "error" }), "FAILED", json!({ "outcome": "error" })),
            // An agent that wants somebody else next.
            (json!({ "status": "pending_human_approval", "n": 1 }), "IN_PROGRESS", Value::Null),
            // A result may have any key: none is taken for a field of the call.
            (
                json!({ "intent_id": "mine", "body": { "x": 1 } }),
                "COMPLETED",
                json!({ "intent_id": "mine", "body": { "x": 1 } }),
            ),
            (json!({ "owner_agent": "mine" }), "COMPLETED", json!({ "owner_agent": "mine" })),
        ];
        for (body, status, result) in rows {
            let id = server.submit("worker", json!({})).await;
            let path = format!("/v1/intents/{id}/resume?owner_agent=agent://examples/requester&body=ignored");
            let resumed = server.post(&worker, &path, body.clone()).await;
            assert_eq!((&resumed["applied"], &resumed["policy_generation"]), (&json!(true), &json!(0)));
            assert_eq!(resumed["intent"]["status"], status, "{body}");
            assert_eq!(resumed["intent"]["result"], result, "{body}");
            assert_eq!(&resumed["event"], server.events(&id).await.last().unwrap(), "{body}");
            let word = status.to_ascii_lowercase();
            assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered", word.as_str()], "{body}");
            assert_eq!(resumed["event"]["actor"], "agent://local/default/worker");
            if status == "IN_PROGRESS" {
                // The published flow goes on to resolve.
                let path = format!("/v1/intents/{id}/resolve");
                server.post(&worker, &path, json!({ "status": "COMPLETED", "result": {} })).await;
            }
        }

        let id = server.submit("worker", json!({})).await;
        let path = format!("/v1/intents/{id}/resume");
        let empty = server.send(&worker, "POST", &path, None).await.ok();
        assert_eq!(empty["intent"]["status"], "IN_PROGRESS");
        let again = server.post(&worker, &path, json!({})).await;
        assert_eq!((&again["applied"], &again["event"]), (&json!(true), &Value::Null), "already going on");
        let declined = server.post(&worker, &path, json!({ "approve_current_step": false })).await;
        assert_eq!((&declined["applied"], &declined["reason"]), (&json!(false), &json!("not_approved")));
        let no_task =
            server.send(&server.admin, "POST", &path, Some(json!({ "task_result": { "outcome": "approved" } }))).await;
        no_task.refused(409, "not_waiting_for_human");
        assert_eq!(server.intent(&id).await["status"], "IN_PROGRESS");
    });
}

#[test]
fn a_failure_keeps_what_the_agent_said() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        for (body, code, message) in [
            (json!({ "action": "fail" }), "agent_failed", "the agent reported a failure"),
            (json!({ "action": "fail", "reason": "too risky" }), "agent_failed", "too risky"),
            (json!({ "action": "fail", "error": "boom" }), "agent_failed", "boom"),
            (
                json!({ "status": "failed", "error": { "code": "no_disk", "message": "full", "free": 0 } }),
                "no_disk",
                "full",
            ),
        ] {
            let id = server.submit("worker", json!({})).await;
            let failed = server.post(&server.admin, &format!("/v1/intents/{id}/resume"), body.clone()).await;
            assert_eq!(failed["intent"]["error"]["code"], code, "{body}");
            assert_eq!(failed["intent"]["error"]["message"], message, "{body}");
            assert_eq!(failed["event"]["error"], failed["intent"]["error"]);
            assert_eq!(failed["event"]["details"]["error"], failed["intent"]["error"]);
        }
    });
}

#[test]
fn looking_with_the_receivers_key_acknowledges() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let (worker, sender) = (server.agent("worker").await, server.agent("sender").await);
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" });
        let id = id_of(&server.post(&sender, "/v1/intents", body).await);
        let moved_on = server.submit("worker", json!({})).await;
        server.post(&server.admin, &format!("/v1/intents/{moved_on}/resume"), json!({})).await;
        for _ in 0..3 {
            server.get(&server.admin, &format!("/v1/intents/{id}")).await;
            server.get(&sender, &format!("/v1/intents/{id}")).await;
            server.get(&worker, &format!("/v1/intents/{moved_on}")).await;
        }
        assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"], "it was not the receiver");

        let seen = server.get(&worker, &format!("/v1/intents/{id}")).await;
        assert_eq!(seen["status"], "DELIVERED", "the answer does not wait for it");
        let events = poll(async || Some(server.events(&id).await).filter(|events| events.len() > 3)).await;
        let last = events.last().unwrap();
        assert_eq!(last["event_type"], "intent.acknowledged");
        assert_eq!((&last["status"], &last["seq"]), (&json!("ACKNOWLEDGED"), &json!(8)));
        assert_eq!(last["actor"], "agent://local/default/worker");

        server.get(&worker, &format!("/v1/intents/{id}")).await;
        let other = server.submit("worker", json!({})).await;
        server.get(&worker, &format!("/v1/intents/{other}")).await;
        poll(async || (server.intent(&other).await["status"] == "ACKNOWLEDGED").then_some(())).await;
        assert_eq!(server.events(&id).await.len(), 4, "only once");
        assert_eq!(server.event_types(&moved_on).await.last().unwrap(), "in_progress", "not after it has moved on");
        server.post(&worker, &format!("/v1/intents/{id}/resume"), json!({ "action": "complete" })).await;
        assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    });
}

#[test]
fn nothing_follows_the_terminal_event() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let worker = server.agent("worker").await;
        let mut ended = Vec::new();
        for (call, body) in [
            ("resolve", json!({ "status": "COMPLETED" })),
            ("resolve", json!({ "status": "FAILED" })),
            ("resolve", json!({ "status": "CANCELED" })),
            ("resume", json!({ "action": "complete" })),
            ("resume", json!({ "action": "fail" })),
        ] {
            let at = server.now().plus_seconds(60).to_string();
            let create = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "deadline_at": at });
            let id = id_of(&server.post(&server.admin, "/v1/intents", create).await);
            server.post(&worker, &format!("/v1/intents/{id}/{call}"), body).await;
            ended.push((id, 4));
        }
        let at = server.now().plus_seconds(30).to_string();
        let create = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "deadline_at": at });
        let timed_out = id_of(&server.post(&server.admin, "/v1/intents", create).await);
        ended.push((timed_out, 4));
        server.pass(Duration::from_secs(30)).await;

        for (id, count) in &ended {
            server.get(&worker, &format!("/v1/intents/{id}")).await;
            for body in [
                json!({}),
                json!({ "approve_current_step": true }),
                json!({ "approve_current_step": false }),
                json!({ "action": "complete" }),
                json!({ "action": "fail" }),
                json!({ "status": "pending" }),
                json!({ "task_result": { "outcome": "approved" } }),
                json!({ "x": 1 }),
            ] {
                let late = server.send(&worker, "POST", &format!("/v1/intents/{id}/resume"), Some(body)).await;
                late.refused(409, "intent_already_terminal");
            }
            let late = json!({ "status": "CANCELED" });
            let late = server.send(&worker, "POST", &format!("/v1/intents/{id}/resolve"), Some(late)).await;
            late.refused(409, "intent_already_terminal");
            assert_eq!(server.events(id).await.len(), *count);
        }
        server.pass(Duration::from_secs(3_600)).await;
        for (id, count) in &ended {
            assert_eq!(server.events(id).await.len(), *count, "no timer fires either");
        }
        let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=1").await;
        assert!(window.content().is_empty(), "what is over is offered no more");
    });
}

#[test]
fn a_deadline_ends_an_intent() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let at = server.now().plus_seconds(10).to_string();
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "nobody", "deadline_at": at });
        let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
        server.pass(Duration::from_secs(9)).await;
        assert_eq!(server.intent(&id).await["status"], "DELIVERED");
        server.pass(Duration::from_secs(1)).await;
        assert_eq!(server.intent(&id).await["status"], "TIMED_OUT");
        assert_eq!(server.event_types(&id).await.last().unwrap(), "timed_out");
    });
}
