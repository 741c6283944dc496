//! The agents that the examples bring along. Each listens on its own stream with its own key, as any agent would, and
//! answers by a few fixed rules.

use std::time::Duration;

use axme_client::{Client, ClientError, Delivery, Object, is_terminal};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tracing::warn;

/// What an agent answers to a payload.
pub type Rules = fn(&Value) -> Value;

/// How long an agent rests after an answer that did not arrive.
const REST: Duration = Duration::from_secs(1);

/// Receives and answers, until it is stopped or its key is refused.
pub async fn play(client: Client, address: String, rules: Rules) {
    'listening: loop {
        let mut deliveries = client.listen(&address);
        while let Some(delivery) = deliveries.next().await {
            let delivery = match delivery {
                Ok(delivery) => delivery,
                Err(error) => return warn!(address, %error, "the agent cannot listen any more"),
            };
            if let Err(error) = answer(&client, &delivery, rules).await {
                warn!(address, intent_id = delivery.intent_id, %error, "the agent could not answer");
                if error.is_transient() {
                    // A stream that begins anew brings everything that is not answered.
                    tokio::time::sleep(REST).await;
                    continue 'listening;
                }
            }
        }
    }
}

async fn answer(client: &Client, delivery: &Delivery, rules: Rules) -> Result<(), ClientError> {
    let intent = client.get_intent(&delivery.intent_id).await?.intent;
    if is_terminal(&intent.status) {
        return Ok(());
    }
    // The step of a workflow carries the payload of the whole.
    let payload = intent.payload.get("parent_payload").filter(|value| value.is_object()).unwrap_or(&intent.payload);
    let Value::Object(answer) = rules(payload) else { return Ok(()) };
    match client.resume(&intent.intent_id, answer).await {
        // Another delivery of the same intent was answered first.
        Err(ClientError::Refused(refusal)) if refusal.status == 409 => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

/// Whether a change may be made: never to production, and with high risk only behind a confirmed backup.
pub fn compliance(change: &Value) -> Value {
    let text = |key: &str| change[key].as_str().unwrap_or_default();
    let risky = matches!(text("risk_level"), "high" | "critical");
    let mut reasons = Vec::new();
    if text("environment") == "production" {
        reasons.push("changes to production need another process");
    }
    if risky && change["backup_confirmed"] != true {
        reasons.push("a risky change needs a confirmed backup");
    }
    if text("rollback_plan").is_empty() {
        reasons.push("there is no rollback plan");
    }
    verdict(reasons, json!({ "compliant": true, "change_id": text("change_id"), "risk_level": text("risk_level") }))
}

/// Whether a deployment can go ahead: a version, a place before production, and a way back.
pub fn readiness(deployment: &Value) -> Value {
    let text = |key: &str| deployment[key].as_str().unwrap_or_default();
    let mut reasons = Vec::new();
    if text("service").is_empty() {
        reasons.push("the service is not named");
    }
    if !is_version(text("version")) {
        reasons.push("the version is not of the form 1.2.3");
    }
    if !matches!(text("environment"), "staging" | "canary" | "preview") {
        reasons.push("the environment is not staging, canary or preview");
    }
    if text("rollback_tag").is_empty() {
        reasons.push("there is no tag to go back to");
    }
    let found = json!({
        "ready": true,
        "service": text("service"),
        "version": text("version"),
        "environment": text("environment"),
        "rollback_tag": text("rollback_tag"),
    });
    verdict(reasons, found)
}

/// The answer: what was found, or why not.
fn verdict(reasons: Vec<&str>, found: Value) -> Value {
    if !reasons.is_empty() {
        return json!({ "action": "fail", "error": { "code": "check_failed", "message": reasons.join("; ") }, "reasons": reasons });
    }
    let mut answer = Object::from_iter([("action".to_owned(), Value::from("complete"))]);
    answer.extend(found.as_object().cloned().unwrap_or_default());
    Value::Object(answer)
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(3, '.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::catalogue::EXAMPLES;

    #[test]
    fn the_agents_are_content_with_their_examples() {
        for example in &EXAMPLES {
            let bundle = example.bundle();
            for (address, rules) in example.agents {
                assert!(bundle["agents"].as_array().unwrap().iter().any(|agent| agent["address"] == *address));
                assert_eq!(rules(&bundle["intent"]["payload"])["action"], "complete", "{}", example.id);
            }
        }
    }

    #[test]
    fn what_is_not_in_order_is_refused() {
        let refused = compliance(&json!({ "environment": "production", "risk_level": "high", "rollback_plan": "x" }));
        assert_eq!(refused["reasons"].as_array().unwrap().len(), 2);
        assert_eq!(readiness(&json!({}))["reasons"].as_array().unwrap().len(), 4);
        assert!(is_version("1.2.3-rc1") && !is_version("1.2") && !is_version("a.b.c"));
    }
}
