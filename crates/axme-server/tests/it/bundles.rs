//! Bundles: validated, and applied all or nothing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of, published_contract};
use crate::published;
use crate::scenarios::{APPLY, check_and_sign_off, child};

each_engine! {
    validation_names_every_fault_and_its_place,
    unknown_fields_are_reported_in_warnings,
    validation_changes_nothing,
    a_dry_run_walks_the_chosen_ends_and_changes_nothing,
    a_dry_run_refuses_an_end_that_cannot_be,
    a_refused_bundle_leaves_nothing_behind,
    agents_are_created_only_when_the_bundle_says_so,
    a_bundle_without_a_workflow_is_one_intent,
    applying_again_under_the_same_key_is_the_same_intent,
    the_published_bundles_validate,
    a_misspelt_field_of_a_bundle_is_reported_with_a_suggestion,
    the_published_direct_intents_are_taken,
    a_bundle_of_the_official_runner_asks_and_tells_whoever_applies_it,
    a_bundle_of_the_older_format_is_refused,
}

const VALIDATE: &str = "/v1/scenarios/validate";
const DRY_RUN: &str = "/v1/scenarios/dry-run";

async fn validation_names_every_fault_and_its_place(engine: Engine) {
    let server = Server::start(engine).await;
    let bundle = json!({
        "agents": [
            { "role": "a", "address": "agent://other/ws/x", "create_if_missing": true },
            { "role": "a", "address": "y", "delivery_mode": "pigeon" },
            { "address": "z" },
            "text",
        ],
        "humans": [{ "role": "h" }, { "role": "a" }],
        "workflow": { "entry_step": "nowhere", "steps": [
            { "step_id": "one", "assigned_to": "nobody", "on_success": "two" },
            { "step_id": "one", "assigned_to": "a", "requires_approval": true },
            { "step_id": "wait", "tool_id": "tool.internal.delay", "assigned_to": "a" },
            { "step_id": "pause", "runtime_type": "delay" },
            { "step_id": "odd", "runtime_type": "magic" },
            { "step_id": "nobody" },
            { "step_id": "form", "assigned_to": "h", "human_task": { "title": "t", "form_schema": { "type": 5 } } },
            { "step_id": "slow", "assigned_to": "y", "step_deadline_seconds": -1, "retry": { "max_retries": 2 } },
            { "assigned_to": "y" },
        ] },
        "intent": { "type": "not a type", "payload": [], "deadline_at": "soon" },
    });
    let report = server.post(&server.admin, VALIDATE, bundle.clone()).await;
    assert_eq!(report["valid"], false);
    let errors: Vec<&str> = report["errors"].as_array().unwrap().iter().map(|e| e.as_str().unwrap()).collect();
    for place in [
        "scenario_id: required",
        "agents[0].address: ",
        "agents[1].role: ",
        "agents[1].delivery_mode: ",
        "agents[2].role: required",
        "agents[3]: ",
        "humans[1].role: ",
        "workflow.entry_step: ",
        "workflow.steps[0].assigned_to: ",
        "workflow.steps[0].on_success: ",
        "workflow.steps[1].step_id: ",
        "workflow.steps[1].assigned_to: ",
        "workflow.steps[2]: ",
        "workflow.steps[3]: ",
        "workflow.steps[4].runtime_type: ",
        "workflow.steps[6].human_task.form_schema: ",
        "workflow.steps[7].assigned_to: ",
        "workflow.steps[8].step_id: required",
        "intent.type: ",
        "intent.payload: ",
        "intent.deadline_at: ",
    ] {
        assert!(errors.iter().any(|error| error.starts_with(place)), "{place} is not in {errors:#?}");
    }
    let refused = server.send(&server.admin, "POST", APPLY, Some(bundle)).await;
    assert_eq!(refused.body["error"]["details"]["errors"], report["errors"], "apply reports the same errors");
    let text = refused.refused(422, "scenario_invalid");
    assert!(errors.iter().all(|error| text.contains(error)), "{text}");
    for empty in [json!({}), json!({ "workflow": [] }), json!({ "intent": 5 }), json!({ "agents": {} })] {
        let report = server.post(&server.admin, VALIDATE, empty).await;
        assert_eq!(report["valid"], false);
    }
}

async fn unknown_fields_are_reported_in_warnings(engine: Engine) {
    let server = Server::start(engine).await;
    let mut bundle = check_and_sign_off();
    bundle["workflow"]["steps"][0]["escalate_to"] = json!("operator");
    bundle["workflow"]["steps"][1]["remind_after_seconds"] = json!(0);
    bundle["workflow"]["steps"][1]["escalate_to"] = json!("");
    bundle["intent"]["remind_after_seconds"] = json!(600);
    bundle["color"] = json!("blue");
    let report = server.post(&server.admin, VALIDATE, bundle.clone()).await;
    assert_eq!((&report["valid"], &report["errors"]), (&json!(true), &json!([])));
    let expected = json!(["color: unknown field, ignored"]);
    assert_eq!(report["warnings"], expected);
    assert_eq!(server.post(&server.admin, APPLY, bundle).await["warnings"], expected);
    assert_eq!(server.get(&server.admin, "/v1/agents").await["agents"].as_array().unwrap().len(), 1);
}

async fn validation_changes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let report = server.post(&server.admin, VALIDATE, check_and_sign_off()).await;
    assert_eq!(report, json!({ "ok": true, "valid": true, "errors": [], "warnings": [] }));
    assert_eq!(server.get(&server.admin, "/v1/agents").await["agents"], json!([]));
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"], json!([]));
}

/// Returns a bundle with a retry, a loop over a quorum, and a second person.
fn review_in_rounds() -> Value {
    json!({
        "scenario_id": "rounds.v1",
        "agents": [{ "role": "writer", "address": "writer", "create_if_missing": true }],
        "humans": [{ "role": "boss", "contact": "boss@example.com" }],
        "workflow": { "steps": [
            { "step_id": "write", "assigned_to": "writer", "step_deadline_seconds": 60,
              "retry": { "max_retries": 1, "retry_delay_seconds": 5 } },
            { "step_id": "review", "assigned_to": "boss", "on_failure": "write", "step_deadline_seconds": 600,
              "human_task": { "title": "Good?", "task_type": "approval", "quorum": 2, "required_comment": true,
                              "assignees": ["ann@example.com", "bob@example.com"] } },
            { "step_id": "publish", "assigned_to": "boss", "on_failure": "end.canceled", "distinct_from": ["review"],
              "human_task": { "title": "Publish?", "task_type": "approval" } },
        ] },
        "intent": { "type": "intent.text.v1", "payload": { "n": 1 } },
    })
}

async fn a_dry_run_walks_the_chosen_ends_and_changes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let walk = async |answers: Value| {
        let walked =
            server.post(&server.admin, DRY_RUN, json!({ "bundle": review_in_rounds(), "answers": answers })).await;
        let steps = walked["steps"].as_array().unwrap().iter();
        let steps: Vec<String> = steps
            .map(|step| {
                let word = |field: &str| step[field].as_str().unwrap_or_default().to_owned();
                format!("{} {} {}", word("step_id"), word("outcome"), step["after_seconds"])
            })
            .collect();
        (steps, walked)
    };
    let (steps, walked) = walk(json!({})).await;
    assert_eq!(steps, ["write succeeded 0", "review succeeded 0", "publish succeeded 0"]);
    assert_eq!((&walked["status"], &walked["outcome"]), (&json!("COMPLETED"), &json!("approved")));
    assert_eq!(walked["steps"][1]["asked"], json!(["boss@example.com", "ann@example.com", "bob@example.com"]));
    assert_eq!(walked["steps"][2]["asked"], json!(["boss@example.com"]));

    let answers =
        json!({ "write": ["failed", "succeeded"], "review": ["rejected", "approved"], "publish": ["rejected"] });
    let (steps, walked) = walk(answers).await;
    let expected = [
        "write retrying 0",
        "write succeeded 5",
        "review failed 5",
        "write succeeded 5",
        "review succeeded 5",
        "publish failed 5",
    ];
    assert_eq!(steps, expected);
    assert_eq!(walked["status"], "CANCELED");
    assert_eq!(walked["steps"][2]["answer"], "rejected");

    let (steps, walked) = walk(json!({ "write": ["timed_out"] })).await;
    assert_eq!(steps, ["write retrying 60", "write failed 125"]);
    assert_eq!(walked["status"], "FAILED");
    // The workflow stops after so many runs, as a real one does.
    let (steps, walked) = walk(json!({ "review": ["rejected"] })).await;
    assert_eq!((steps.len(), &walked["status"]), (1_000, &json!("FAILED")));

    assert_eq!(server.get(&server.admin, "/v1/agents").await["agents"], json!([]));
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"], json!([]));
}

async fn a_dry_run_refuses_an_end_that_cannot_be(engine: Engine) {
    let server = Server::start(engine).await;
    let mut barred = review_in_rounds();
    // Both people of the review have answered it, and one of them is asked again.
    barred["humans"][0]["contact"] = json!("ann@example.com");
    let mut direct = review_in_rounds();
    direct["workflow"] = Value::Null;
    let mut invalid = review_in_rounds();
    invalid["workflow"]["steps"][0]["assigned_to"] = json!("nobody");
    for (bundle, answers, code, says) in [
        (review_in_rounds(), json!({ "wriet": ["failed"] }), "validation_failed", "no step \"wriet\""),
        (review_in_rounds(), json!({ "write": ["approved"] }), "validation_failed", "an agent's step is"),
        (review_in_rounds(), json!({ "publish": ["timed_out"] }), "validation_failed", "it has no deadline"),
        (review_in_rounds(), json!({ "publish": ["perhaps"] }), "outcome_not_allowed", "perhaps"),
        (review_in_rounds(), json!("approved"), "validation_failed", "answers"),
        (barred, json!({}), "validation_failed", "answered step review"),
        (direct, json!({}), "validation_failed", "no workflow"),
        (invalid, json!({}), "scenario_invalid", "workflow.steps[0].assigned_to"),
    ] {
        let input = json!({ "bundle": bundle, "answers": answers });
        let text = server.send(&server.admin, "POST", DRY_RUN, Some(input)).await.refused(422, code);
        assert!(text.contains(says), "{text}");
    }
}

async fn a_refused_bundle_leaves_nothing_behind(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let mut invalid = check_and_sign_off();
    invalid["workflow"]["steps"][1]["assigned_to"] = json!("nobody");
    let mut late = check_and_sign_off();
    late["intent"]["deadline_at"] = json!("2025-01-01T00:00:00Z");
    let mut internal = check_and_sign_off();
    internal["workflow"]["steps"][1] =
        json!({ "step_id": "wait", "runtime_type": "delay", "runtime_config": { "seconds": 0 } });
    for (key, bundle, status, code) in [
        (&server.admin, invalid, 422, "scenario_invalid"),
        (&server.admin, late, 422, "validation_failed"),
        (&server.admin, internal, 422, "scenario_invalid"),
        (&worker, check_and_sign_off(), 403, "forbidden"),
    ] {
        server.send(key, "POST", APPLY, Some(bundle)).await.refused(status, code);
    }
    assert_eq!(server.get(&server.admin, "/v1/agents").await["agents"].as_array().unwrap().len(), 1);
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"], json!([]));
    assert_eq!(server.get(&server.admin, "/v1/me/tasks").await["tasks"], json!([]));
}

async fn agents_are_created_only_when_the_bundle_says_so(engine: Engine) {
    let server = Server::start(engine).await;
    server.advance(Duration::from_millis(1)).await;
    let mut bundle = check_and_sign_off();
    bundle["agents"][0]["create_if_missing"] = json!(false);
    let applied = server.post(&server.admin, APPLY, bundle.clone()).await;
    let address = "agent://local/default/checker";
    assert_eq!(applied["agents"], json!([{ "role": "checker", "address": address, "created": false }]));
    assert_eq!(applied["agents_provisioned"][0]["service_account_id"], Value::Null);
    assert_eq!(server.get(&server.admin, "/v1/agents").await["agents"], json!([]));
    assert_eq!(
        server.intent(&child(&server, &id_of(&applied)).await).await["to_agent"],
        address,
        "the agent may register later"
    );

    bundle["agents"][0]["create_if_missing"] = json!(true);
    for (address, created) in [
        ("checker", true),
        ("checker", false),
        ("agent://local/default/checker", false),
        ("local/default/checker", false),
    ] {
        bundle["agents"][0]["address"] = json!(address);
        let applied = server.post(&server.admin, APPLY, bundle.clone()).await;
        assert_eq!(applied["agents"][0]["created"], created, "{address}");
        assert_eq!(applied["agents"][0]["address"], "agent://local/default/checker", "{address}");
    }
    let accounts = server.get(&server.admin, "/v1/service-accounts").await;
    let names: Vec<&Value> = accounts["service_accounts"].as_array().unwrap().iter().map(|a| &a["name"]).collect();
    assert_eq!(names, ["admin", "checker"]);
    assert_eq!(accounts["service_accounts"][1]["display_name"], "Checker");
}

async fn a_bundle_without_a_workflow_is_one_intent(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let bundle = json!({
        "scenario_id": "delivery.stream.v1", "agents": [{ "role": "w", "address": "worker" }],
        "intent": { "type": "intent.work.v1", "payload": { "n": 1 }, "max_delivery_attempts": 3 },
    });
    let applied = server.post(&worker, APPLY, bundle).await;
    assert_eq!(
        (&applied["status"], &applied["pending_with"]),
        (&json!("DELIVERED"), &json!("agent://local/default/worker"))
    );
    assert!(applied.get("compile_id").is_none() && applied.get("workflow_compile_id").is_none(), "{applied}");
    let intent = server.intent(&id_of(&applied)).await;
    assert_eq!((&intent["payload"], &intent["max_delivery_attempts"]), (&json!({ "n": 1 }), &json!(3)));
    assert_eq!(server.event_types(&id_of(&applied)).await, ["created", "submitted", "delivered"]);

    let ask = json!({ "scenario_id": "ask.v1", "intent": { "type": "intent.ask.v1", "human_task": { "title": "t" } } });
    let applied = server.post(&server.admin, APPLY, ask).await;
    assert_eq!((&applied["status"], &applied["pending_with"]), (&json!("WAITING"), &json!("agent://agent_core")));
    let nobody = json!({ "scenario_id": "ask.v1", "intent": { "type": "intent.ask.v1" } });
    let applied = server.post(&server.admin, APPLY, nobody).await;
    assert_eq!(applied["status"], "WAITING");
    assert_eq!(server.intent(&id_of(&applied)).await["human_task"]["title"], "Human approval required");
}

async fn applying_again_under_the_same_key_is_the_same_intent(engine: Engine) {
    let server = Server::start(engine).await;
    let mut in_body = check_and_sign_off();
    in_body["idempotency_key"] = json!("once");
    let first = server.post(&server.admin, APPLY, in_body.clone()).await;
    assert_eq!((&first["idempotent"], &first["agents"][0]["created"]), (&json!(false), &json!(true)));
    let mut expected = first.clone();
    expected["idempotent"] = json!(true);
    assert_eq!(server.post(&server.admin, APPLY, in_body.clone()).await, expected);
    // The key in the header and the key in the body are the same.
    let header = [("idempotency-key", "once")];
    for body in [&in_body, &check_and_sign_off()] {
        let again = server.send_with(&server.admin, "POST", APPLY, Some(body.clone()), &header).await.ok();
        assert_eq!(again, expected);
    }
    in_body["intent"]["payload"]["service"] = json!("other");
    server.send(&server.admin, "POST", APPLY, Some(in_body)).await.refused(409, "idempotency_key_reused");
    let without = server.post(&server.admin, APPLY, check_and_sign_off()).await;
    assert_eq!(without["compile_id"], first["compile_id"], "the same workflow");
    assert_ne!(id_of(&without), id_of(&first));
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"].as_array().unwrap().len(), 2);
    let alias = server.post(&server.admin, "/v1/scenarios/bundle", check_and_sign_off()).await;
    assert_eq!(alias["status"], "WAITING");
}

async fn the_published_bundles_validate(engine: Engine) {
    let Some(bundles) = published::bundles() else { return };
    let server = Server::start(engine).await;
    for (name, bundle) in &bundles {
        let report = server.post(&server.admin, VALIDATE, bundle.clone()).await;
        assert_eq!(report, json!({ "ok": true, "valid": true, "errors": [], "warnings": [] }), "{name}");
    }
}

async fn a_misspelt_field_of_a_bundle_is_reported_with_a_suggestion(engine: Engine) {
    let server = Server::start(engine).await;
    let mut bundle = check_and_sign_off();
    bundle["workflow"]["steps"][0]["step_dedline_seconds"] = json!(60);
    bundle["workflow"]["steps"][1]["human_task"]["quroum"] = json!(2);
    let expected = json!([
        "workflow.steps[0].step_dedline_seconds: unknown field, ignored; did you mean step_deadline_seconds?",
        "workflow.steps[1].human_task.quroum: unknown field, kept and shown, but without effect; did you mean quorum?",
    ]);
    assert_eq!(server.post(&server.admin, VALIDATE, bundle.clone()).await["warnings"], expected);
    assert_eq!(server.post(&server.admin, APPLY, bundle).await["warnings"], expected);
}

async fn the_published_direct_intents_are_taken(engine: Engine) {
    let Some(folder) = published_contract("scenarios") else { return };
    let text = std::fs::read_to_string(folder.join("_direct-intents.json")).unwrap();
    let families: Value = serde_json::from_str(&text).unwrap();
    let families = families.as_object().unwrap().iter().filter(|(family, _)| !family.starts_with('_'));
    let intents: Vec<(&String, &Value)> = families.flat_map(|(_, intents)| intents.as_object().unwrap()).collect();
    assert!(intents.len() >= 10, "{}", intents.len());
    let server = Server::start(engine).await;
    for (name, intent) in &intents {
        let created = server.post(&server.admin, "/v1/intents", (*intent).clone()).await;
        let intent_as_listed = server.get(&server.admin, "/v1/intents?limit=1").await["intents"][0].clone();
        // Their agents are not registered here.
        let unknown = json!([format!("nobody is registered at {}", intent_as_listed["to_agent"].as_str().unwrap())]);
        assert_eq!(created.get("warnings"), Some(&unknown).filter(|_| intent.get("human_task").is_none()), "{name}");
        let status = intent_as_listed["status"].clone();
        assert_eq!(status, if intent.get("human_task").is_some() { "WAITING" } else { "DELIVERED" }, "{name}");
        server.clock.advance(Duration::from_millis(1));
    }
}

async fn a_bundle_of_the_official_runner_asks_and_tells_whoever_applies_it(engine: Engine) {
    let server = Server::start(engine).await;
    let form = json!({ "required": ["outcome"], "properties": { "outcome": { "enum": ["approved", "rejected"] } } });
    let bundle = |task: Value| {
        json!({
            "scenario_id": "s.v1", "humans": [{ "role": "ops" }], "intent": { "type": "x" },
            "workflow": { "steps": [
                { "step_id": "tell", "tool_id": "tool.internal.notification" },
                { "step_id": "sign_off", "assigned_to": "ops", "human_task": task },
            ] },
        })
    };
    let task = json!({ "title": "Ship?", "form_schema": form });
    let report = server.post(&server.admin, VALIDATE, bundle(task.clone())).await;
    assert_eq!((&report["valid"], &report["warnings"]), (&json!(true), &json!([])), "{report}");
    let id = id_of(&server.post(&server.admin, APPLY, bundle(task.clone())).await);
    let mails = server.mails().await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "owner@local"), "a person who is asked gets no second mail");
    let link = mails[0].link.clone().unwrap();
    let page = server.page(&link).await;
    assert!(!page.body.as_str().unwrap().contains("name=\"field.outcome\""), "the buttons set it");
    let answered = server.submit_form(&link, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");

    let mut notice_only = bundle(task.clone());
    notice_only["workflow"]["steps"].as_array_mut().unwrap().truncate(1);
    server.post(&server.admin, APPLY, notice_only).await;
    let mails = server.mails().await;
    let seen = mails.iter().map(|mail| (mail.to.as_str(), mail.link.is_some())).collect::<Vec<_>>();
    assert_eq!(seen, [("owner@local", false)], "a notice without a recipient goes to the sender");

    // Where nobody is mailed, the report says so.
    let guarded = json!({ "title": "Ship?", "exclude_requester": true });
    let worker = server.agent("worker").await;
    for (key, task) in [(&server.admin, guarded), (&worker, task)] {
        let report = server.post(key, VALIDATE, bundle(task)).await;
        assert_eq!(report["valid"], true, "{report}");
        let warning = report["warnings"][0].as_str().unwrap_or_default();
        assert!(warning.contains("workflow.steps[1]: nobody is mailed about this task"), "{report}");
    }
}

async fn a_bundle_of_the_older_format_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let bundle = json!({
        "scenario_id": "s.v1", "agents": [{ "role": "w", "address": "worker" }], "intent": { "type": "x" },
        "workflow_steps": [{ "step_id": "one", "assigned_to": "w" }], "durability": { "deadline_minutes": 5 },
    });
    let report = server.post(&server.admin, VALIDATE, bundle.clone()).await;
    let errors: Vec<&str> = report["errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap()).collect();
    assert_eq!((&report["valid"], errors.len()), (&json!(false), 2), "{report}");
    assert!(errors[0].starts_with("workflow_steps: ") && errors[1].starts_with("durability: "), "{report}");
    server.send(&server.admin, "POST", APPLY, Some(bundle)).await.refused(422, "scenario_invalid");
}
