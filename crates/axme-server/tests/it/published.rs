//! Applies every published sample bundle and drives it to its documented end.

use std::time::Duration;

use axme_server::workers;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of, published_contract};

each_engine! {
    the_published_bundles_come_to_their_documented_ends,
}

/// The bundles with a step that nobody does in time, and their final status. All others are answered and complete.
const ENDS: [(&str, &str); 4] = [
    ("durability/retry-failure.json", "FAILED"),
    ("durability/timeout.json", "FAILED"),
    ("durability/reminder-escalation.json", "FAILED"),
    ("internal/timeout.json", "FAILED"),
];

/// More turns than any bundle takes.
const MAX_TURNS: usize = 40;

/// Returns every published sample bundle with its path, if the contract is there.
pub fn bundles() -> Option<Vec<(String, Value)>> {
    let folder = published_contract("scenarios")?;
    let mut bundles = Vec::new();
    for family in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in std::fs::read_dir(&family).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            let bundle: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            bundles.push((name, bundle));
        }
    }
    bundles.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(bundles.len() >= 20, "{}", bundles.len());
    Some(bundles)
}

async fn the_published_bundles_come_to_their_documented_ends(engine: Engine) {
    let Some(bundles) = bundles() else { return };
    let server = Server::start(engine).await;
    for (name, bundle) in &bundles {
        let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle.clone()).await);
        let expected = ENDS.iter().find(|(known, _)| known == name).map_or("COMPLETED", |(_, end)| end);
        drive(&server, &id, expected == "COMPLETED" || name.contains("reminder")).await;
        let intent = server.intent(&id).await;
        assert_eq!(intent["status"], expected, "{name}: {intent}");
        let asks_person = bundle["workflow"]["steps"]
            .as_array()
            .is_some_and(|steps| steps.iter().any(|step| step.get("human_task").is_some()));
        let outcome = match expected {
            "COMPLETED" if asks_person => "yes",
            "COMPLETED" => "completed",
            _ => "timed_out",
        };
        assert_eq!(intent["outcome_kind"], outcome, "{name}: {}", intent["outcome_text"]);
        if expected == "FAILED" {
            assert_eq!(intent["error"]["code"], "step_timeout", "{name}");
        }
        let steps = bundle["workflow"]["steps"].as_array().map_or(0, Vec::len);
        let done = intent["result"]["steps"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(done, steps, "{name}: {}", intent["result"]);
        if name.contains("reminder") {
            let reminders = server.event_types(&id).await.iter().filter(|name| *name == "reminder").count();
            assert!(reminders >= 1, "{name}");
        }
    }
}

/// Acts for agents and people until the intent has ended.
async fn drive(server: &Server, id: &str, agents_work: bool) {
    for _ in 0..MAX_TURNS {
        let intent = server.intent(id).await;
        server.clock.advance(Duration::from_millis(5));
        let is_person = intent["lifecycle_waiting_reason"] == "WAITING_FOR_HUMAN";
        if ["COMPLETED", "FAILED", "TIMED_OUT", "CANCELED"].iter().any(|end| intent["status"] == *end) {
            return;
        }
        let waits_for_reminder = intent["remind_after_seconds"].is_number() && intent["remind_count"] == 0;
        let is_short = intent["max_reminders"] == 3 && intent["remind_after_seconds"] == 30;
        if is_person && (waits_for_reminder || is_short && intent["intent_type"] == "intent.change.approval.v1") {
            // The person waits until a reminder is sent; in one bundle the person never answers.
            server.advance(Duration::from_secs(intent["remind_after_seconds"].as_u64().unwrap())).await;
        } else if is_person {
            let answer = json!({ "task_result": positive(&intent["human_task"]) });
            server.post(&server.admin, &format!("/v1/intents/{id}/resume"), answer).await;
        } else if agents_work {
            let child = server.events(id).await.into_iter().rev().find_map(|event| {
                event["details"]["child_intent_id"]
                    .as_str()
                    .filter(|_| event["event_type"] == "intent.waiting")
                    .map(str::to_owned)
            });
            let child = child.unwrap_or_else(|| panic!("{intent} waits for no child"));
            assert!(server.intent(&child).await["payload"]["parent_payload"].is_object());
            server
                .post(
                    &server.admin,
                    &format!("/v1/intents/{child}/resume"),
                    json!({ "action": "complete", "ok": true }),
                )
                .await;
        } else {
            server.advance(Duration::from_secs(30)).await;
        }
        workers::notices::tick(&server.app).await.unwrap();
    }
    panic!("{} does not end", server.intent(id).await);
}

/// Returns an approval as the command line sends it: all values are text.
fn positive(task: &Value) -> Value {
    let usual = match task["task_type"].as_str().unwrap_or("approval") {
        "confirmation" => "confirmed",
        "assignment" => "assigned",
        "clarification" => "provided",
        "manual_action" => "completed",
        "override" => "override_approved",
        _ => "approved",
    };
    let outcome = task["allowed_outcomes"][0].as_str().unwrap_or(usual);
    let mut answer = json!({ "outcome": outcome, "comment": "fine", "evidence": "photo" });
    for name in task["form_schema"]["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let property = &task["form_schema"]["properties"][name];
        let value = match (property["type"].as_str(), property["enum"][0].as_str()) {
            (_, Some(first)) => first,
            (Some("boolean"), _) => "true",
            (Some("integer" | "number"), _) => "5",
            _ => "someone@example.com",
        };
        if name != "approved" {
            answer[name] = json!(value);
        }
    }
    answer
}
