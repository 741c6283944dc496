//! Limits that a trace would be too long for.

use axme_intent::lifecycle::EventBody;
use axme_intent::workflow::MAX_RESULTS_BYTES;

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
