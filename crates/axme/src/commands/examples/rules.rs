//! The rules of the example agents: pure functions from a payload to an answer.

use axme_client::Object;
use serde_json::{Value, json};

/// The answer of an agent to a payload.
pub(crate) type Rules = fn(&Value) -> Value;

const MAX_RECORDS: u64 = 10_000;

/// Refuses changes to production, changes without a rollback plan, and risky changes without a confirmed backup.
pub(crate) fn compliance(change: &Value) -> Value {
    let is_risky = matches!(text(change, "risk_level"), "high" | "critical");
    let reasons = [
        (text(change, "environment") == "production", "changes to production follow another process"),
        (is_risky && change["backup_confirmed"] != true, "a risky change needs a confirmed backup"),
        (text(change, "rollback_plan").is_empty(), "there is no rollback plan"),
    ];
    answer(change, &["risk_level", "change_id"], json!({ "compliant": true }), &reasons)
}

/// Requires a service, a version, an environment before production, and a tag to roll back to.
pub(crate) fn readiness(deployment: &Value) -> Value {
    let is_early = matches!(text(deployment, "environment"), "staging" | "canary" | "preview");
    let reasons = [
        (text(deployment, "service").is_empty(), "the service is not named"),
        (!is_version(text(deployment, "version")), "the version is not of the form 1.2.3"),
        (!is_early, "the environment is not staging, canary or preview"),
        (text(deployment, "rollback_tag").is_empty(), "there is no tag to roll back to"),
    ];
    let repeated = ["service", "version", "environment", "rollback_tag"];
    answer(deployment, &repeated, json!({ "ready": true }), &reasons)
}

/// Checks a request against the budget of its category.
pub(crate) fn budget(request: &Value) -> Value {
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
        (envelope.is_some_and(|most| amount > most), "the amount exceeds the budget of the category"),
    ];
    let found = json!({ "within_budget": true, "envelope": envelope });
    answer(request, &["budget_id", "amount", "category"], found, &reasons)
}

/// Scores a change by its level and size and compares the score with the threshold; 0 means no threshold.
pub(crate) fn risk(change: &Value) -> Value {
    let level = match text(change, "risk_level") {
        "low" => 0,
        "medium" => 5,
        "high" => 15,
        "critical" => 40,
        _ => 10,
    };
    let score = change["change_count"].as_u64().unwrap_or_default() + level;
    let threshold = change["risk_threshold"].as_u64().unwrap_or_default();
    let word = match score {
        0..15 => "low",
        15..40 => "medium",
        _ => "high",
    };
    let found = json!({ "risk_score": score, "risk": word, "risk_threshold": threshold });
    answer(change, &["service"], found, &[(threshold > 0 && score > threshold, "the risk is above the threshold")])
}

/// Sets the response time of an incident by its severity.
pub(crate) fn incident(report: &Value) -> Value {
    let minutes = match text(report, "severity") {
        "P1" => Some(5),
        "P2" => Some(15),
        "P3" => Some(60),
        "P4" => Some(240),
        _ => None,
    };
    let reasons = [(minutes.is_none(), "the severity is not P1, P2, P3 or P4")];
    answer(report, &["incident_id", "severity", "service"], json!({ "respond_within_minutes": minutes }), &reasons)
}

/// Processes a batch of at most `MAX_RECORDS` records.
pub(crate) fn batch(batch: &Value) -> Value {
    let records = batch["record_count"].as_u64().unwrap_or_default();
    let reasons = [(records > MAX_RECORDS, "the batch has more than 10000 records")];
    answer(batch, &["batch_id"], json!({ "processed_records": records }), &reasons)
}

/// Accepts an order and returns its tracking number.
pub(crate) fn order(order: &Value) -> Value {
    let id = text(order, "order_id");
    let found = json!({ "accepted": true, "tracking_id": format!("TRK-{id}") });
    answer(order, &["order_id"], found, &[(id.is_empty(), "the order has no order_id")])
}

/// Allows read access, with a justification, to data that is not personal.
pub(crate) fn access(request: &Value) -> Value {
    let reasons = [
        (text(request, "access_type") != "READ", "only READ access is granted"),
        (request["pii_fields"] == true, "the data is personal"),
        (text(request, "justification").is_empty(), "there is no justification"),
    ];
    answer(request, &["request_id", "resource", "access_type"], json!({ "within_policy": true }), &reasons)
}

/// Checks that a change has an id and is not for production, which has its own maintenance window.
pub(crate) fn window(change: &Value) -> Value {
    let reasons = [
        (text(change, "change_id").is_empty(), "the change has no change_id"),
        (text(change, "environment") == "production", "production has its own window"),
    ];
    answer(change, &["change_id", "service", "window_id"], json!({ "window_open": true }), &reasons)
}

/// Fails with every reason that applies, else completes with the findings and the repeated fields of the payload.
fn answer(payload: &Value, repeated: &[&str], found: Value, reasons: &[(bool, &str)]) -> Value {
    let reasons: Vec<&str> = reasons.iter().filter(|(holds, _)| *holds).map(|(_, reason)| *reason).collect();
    if !reasons.is_empty() {
        return json!({ "action": "fail", "error": { "code": "check_failed", "message": reasons.join("; ") }, "reasons": reasons });
    }
    let mut answer = Object::from_iter([("action".to_owned(), Value::from("complete"))]);
    answer.extend(found.as_object().cloned().unwrap_or_default());
    let repeated = repeated.iter().filter(|name| !payload[**name].is_null());
    answer.extend(repeated.map(|name| ((*name).to_owned(), payload[*name].clone())));
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
    fn every_broken_rule_is_a_reason() {
        let risky = json!({ "environment": "production", "risk_level": "high", "rollback_plan": "x" });
        let cases: [(Rules, Value, usize); 10] = [
            (compliance, risky, 2),
            (readiness, json!({}), 4),
            (budget, json!({ "category": "hardware", "amount": 15_001 }), 1),
            (budget, json!({ "category": "parties", "amount": 1 }), 1),
            (risk, json!({ "risk_level": "high", "change_count": 16, "risk_threshold": 30 }), 1),
            (incident, json!({ "severity": "P5" }), 1),
            (batch, json!({ "record_count": 10_001 }), 1),
            (order, json!({}), 1),
            (access, json!({ "access_type": "WRITE", "pii_fields": true }), 3),
            (window, json!({ "environment": "production" }), 2),
        ];
        for (rules, payload, reasons) in cases {
            assert_eq!(rules(&payload)["reasons"].as_array().map_or(0, Vec::len), reasons, "{payload}");
        }
        assert!(is_version("1.2.3-rc1") && !is_version("1.2") && !is_version("a.b.c"));
    }

    #[test]
    fn an_answer_has_what_was_found_and_repeated_fields() {
        let expected = json!({ "action": "complete", "accepted": true, "tracking_id": "TRK-o-1", "order_id": "o-1" });
        assert_eq!(order(&json!({ "order_id": "o-1" })), expected);
        assert_eq!(incident(&json!({ "severity": "P2" }))["respond_within_minutes"], 15);
        assert_eq!(budget(&json!({ "category": "hardware", "amount": 15_000 }))["within_budget"], true);
        let without_threshold = risk(&json!({ "risk_level": "high", "change_count": 90 }));
        assert_eq!(without_threshold["risk"], "high");
    }
}
