//! What the agents of the examples answer: a few fixed rules about a payload, each a pure function.

use axme_client::Object;
use serde_json::{Value, json};

/// What an agent answers to a payload.
pub type Rules = fn(&Value) -> Value;

/// The most records that a batch may have.
const MOST_RECORDS: u64 = 10_000;

/// Whether a change may be made: never to production, and with high risk only behind a confirmed backup.
pub fn compliance(change: &Value) -> Value {
    let risky = matches!(text(change, "risk_level"), "high" | "critical");
    let reasons = [
        (text(change, "environment") == "production", "changes to production need another process"),
        (risky && change["backup_confirmed"] != true, "a risky change needs a confirmed backup"),
        (text(change, "rollback_plan").is_empty(), "there is no rollback plan"),
    ];
    verdict(&reasons, json!({ "compliant": true, "risk_level": text(change, "risk_level") }), change, &["change_id"])
}

/// Whether a deployment can go ahead: a version, a place before production, and a way back.
pub fn readiness(deployment: &Value) -> Value {
    let is_early = matches!(text(deployment, "environment"), "staging" | "canary" | "preview");
    let reasons = [
        (text(deployment, "service").is_empty(), "the service is not named"),
        (!is_version(text(deployment, "version")), "the version is not of the form 1.2.3"),
        (!is_early, "the environment is not staging, canary or preview"),
        (text(deployment, "rollback_tag").is_empty(), "there is no tag to go back to"),
    ];
    verdict(&reasons, json!({ "ready": true }), deployment, &["service", "version", "environment", "rollback_tag"])
}

/// Whether a request stays within what its category may cost.
pub fn budget(request: &Value) -> Value {
    let envelope = match text(request, "category") {
        "cloud_infrastructure" => Some(50_000.0),
        "software_licenses" => Some(20_000.0),
        "contractor_services" => Some(40_000.0),
        "hardware" => Some(15_000.0),
        _ => None,
    };
    let amount = request["amount"].as_f64().unwrap_or_default();
    let reasons = [
        (envelope.is_none(), "the category has no budget"),
        (amount <= 0.0, "the amount is missing"),
        (envelope.is_some_and(|most| amount > most), "the amount is above what is left for the category"),
    ];
    let found = json!({ "within_budget": true, "envelope": envelope });
    verdict(&reasons, found, request, &["budget_id", "amount", "category"])
}

/// How risky a change is: by its level and by how much it touches, against a threshold; 0 means that there is none.
pub fn risk(change: &Value) -> Value {
    let level = match text(change, "risk_level") {
        "low" => 0,
        "medium" => 5,
        "high" => 15,
        "critical" => 40,
        _ => 10,
    };
    let score = change["change_count"].as_u64().unwrap_or_default() + level;
    let threshold = change["risk_threshold"].as_u64().unwrap_or_default();
    let reasons = [(threshold > 0 && score > threshold, "the risk is above the threshold")];
    let word = match score {
        0..15 => "low",
        15..40 => "medium",
        _ => "high",
    };
    verdict(&reasons, json!({ "risk_score": score, "risk": word, "risk_threshold": threshold }), change, &["service"])
}

/// How soon somebody has to look at an incident.
pub fn incident(report: &Value) -> Value {
    let minutes = match text(report, "severity") {
        "P1" => Some(5),
        "P2" => Some(15),
        "P3" => Some(60),
        "P4" => Some(240),
        _ => None,
    };
    let reasons = [(minutes.is_none(), "the severity is none of P1, P2, P3, P4")];
    verdict(&reasons, json!({ "respond_within_minutes": minutes }), report, &["incident_id", "severity", "service"])
}

/// Processes a batch that is not too long.
pub fn batch(batch: &Value) -> Value {
    let records = batch["record_count"].as_u64().unwrap_or_default();
    let reasons = [(records > MOST_RECORDS, "the batch has more than 10000 records")];
    verdict(&reasons, json!({ "processed_records": records }), batch, &["batch_id"])
}

/// Takes an order and says how to follow it.
pub fn order(order: &Value) -> Value {
    let id = text(order, "order_id");
    let reasons = [(id.is_empty(), "the order has no order_id")];
    verdict(&reasons, json!({ "accepted": true, "tracking_id": format!("TRK-{id}") }), order, &["order_id"])
}

/// Whether somebody may be given access at all: to read, and nothing that is about persons.
pub fn access(request: &Value) -> Value {
    let reasons = [
        (text(request, "access_type") != "READ", "only READ is given this way"),
        (request["pii_fields"] == true, "there is personal data in it"),
        (text(request, "justification").is_empty(), "there is no justification"),
    ];
    verdict(&reasons, json!({ "within_policy": true }), request, &["request_id", "resource", "access_type"])
}

/// Whether a change can be made in its maintenance window.
pub fn window(change: &Value) -> Value {
    let reasons = [
        (text(change, "change_id").is_empty(), "the change has no change_id"),
        (text(change, "environment") == "production", "production has a window of its own"),
    ];
    verdict(&reasons, json!({ "window_open": true }), change, &["change_id", "service", "window_id"])
}

/// The answer: why not, for every reason that holds; otherwise what was found, beside some fields of the payload.
fn verdict(reasons: &[(bool, &str)], found: Value, payload: &Value, repeated: &[&str]) -> Value {
    let reasons: Vec<&str> = reasons.iter().filter(|(holds, _)| *holds).map(|(_, reason)| *reason).collect();
    if !reasons.is_empty() {
        return json!({ "action": "fail", "error": { "code": "check_failed", "message": reasons.join("; ") }, "reasons": reasons });
    }
    let mut answer = Object::from_iter([("action".to_owned(), Value::from("complete"))]);
    answer.extend(found.as_object().cloned().unwrap_or_default());
    for name in repeated.iter().filter(|name| !payload[**name].is_null()) {
        answer.insert((*name).to_owned(), payload[*name].clone());
    }
    Value::Object(answer)
}

fn text<'a>(payload: &'a Value, key: &str) -> &'a str {
    payload[key].as_str().unwrap_or_default()
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(3, '.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_order_is_refused() {
        let refusals = |rules: Rules, payload: Value| rules(&payload)["reasons"].as_array().map_or(0, Vec::len);
        let risky = json!({ "environment": "production", "risk_level": "high", "rollback_plan": "x" });
        assert_eq!(refusals(compliance, risky), 2);
        assert_eq!(refusals(readiness, json!({})), 4);
        assert_eq!(refusals(budget, json!({ "category": "hardware", "amount": 15_001 })), 1);
        assert_eq!(refusals(budget, json!({ "category": "parties", "amount": 1 })), 1);
        assert_eq!(refusals(risk, json!({ "risk_level": "high", "change_count": 16, "risk_threshold": 30 })), 1);
        assert_eq!(refusals(incident, json!({ "severity": "P5" })), 1);
        assert_eq!(refusals(batch, json!({ "record_count": 10_001 })), 1);
        assert_eq!(refusals(order, json!({})), 1);
        assert_eq!(refusals(access, json!({ "access_type": "WRITE", "pii_fields": true })), 3);
        assert_eq!(refusals(window, json!({ "environment": "production" })), 2);
        assert!(is_version("1.2.3-rc1") && !is_version("1.2") && !is_version("a.b.c"));
    }

    #[test]
    fn what_is_in_order_is_answered_with_what_was_found() {
        let order = order(&json!({ "order_id": "o-1" }));
        assert_eq!(
            order,
            json!({ "action": "complete", "accepted": true, "tracking_id": "TRK-o-1", "order_id": "o-1" })
        );
        assert_eq!(incident(&json!({ "severity": "P2" }))["respond_within_minutes"], 15);
        assert_eq!(budget(&json!({ "category": "hardware", "amount": 15_000 }))["within_budget"], true);
        assert_eq!(
            risk(&json!({ "risk_level": "high", "change_count": 90 }))["risk"],
            "high",
            "no threshold, no limit"
        );
    }
}
