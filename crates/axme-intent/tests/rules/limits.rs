//! Limits that a trace would be too long for.

use axme_intent::Home;
use axme_intent::lifecycle::EventBody;
use axme_intent::scenario::check;
use axme_intent::workflow::MAX_RESULTS_BYTES;
use serde_json::{Value, json};

use crate::story::Story;

#[test]
fn the_results_of_a_workflow_may_be_as_long_as_the_limit_and_no_longer() {
    let rest = MAX_RESULTS_BYTES - r#"{"first":{"x":""}}"#.len();
    for (length, is_refused) in [(rest, false), (rest + 1, true), (rest + 1_000, true)] {
        let mut story = Story::told("step first agent a then second\nstep second agent b\ncreate");
        let text = "x".repeat(length);
        let decision = story.send(&format!("gateway: child_ended c1 completed {{\"x\":\"{text}\"}}")).unwrap();
        let too_large =
            |body: &EventBody| matches!(body, EventBody::Failed { fault, .. } if fault.code == "results_too_large");
        assert_eq!(decision.events.iter().any(|event| too_large(&event.body)), is_refused, "{length}");
    }
}

#[test]
fn a_bundle_may_have_as_many_entries_as_the_limit_and_no_more() {
    let home = Home { org: "local", workspace: "default" };
    for (list, most) in [("agents", 50), ("humans", 20)] {
        let errors = |count: usize| {
            let entry = |n: usize| json!({ "role": format!("role{n}"), "address": format!("agent{n}") });
            let entries: Vec<Value> = (0..count).map(entry).collect();
            let bundle = json!({ "scenario_id": "s.v1", list: entries, "intent": { "type": "x" } });
            let (_, report) = check(bundle.as_object().unwrap(), home);
            report.errors.iter().filter(|error| error.contains("are allowed")).count()
        };
        assert_eq!([errors(most), errors(most + 1)], [0, 1], "{list}");
    }
}
