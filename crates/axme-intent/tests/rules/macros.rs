//! Macros: the properties that all of them share. The steps of each are in `tests/scenarios/macro-*`.

use axme_intent::scenario::check;
use axme_intent::scenario::macros::{DefaultValue, Kind, MACROS, find};
use axme_intent::{Home, Object};
use serde_json::{Value, json};

const HOME: Home<'_> = Home { org: "local", workspace: "default" };

/// A bundle of two people and an agent.
fn bundle(workflow: Value) -> Object {
    let bundle = json!({
        "scenario_id": "macro.v1",
        "agents": [{ "role": "worker", "address": "worker" }],
        "humans": [{ "role": "boss" }, { "role": "deputy" }],
        "workflow": workflow,
        "intent": { "type": "intent.macro.v1" },
    });
    bundle.as_object().unwrap().clone()
}

#[test]
fn each_takes_what_the_official_wizard_offers() {
    for known in &MACROS {
        let mut given = json!({
            "step_deadline_seconds": "3600", "remind_after_seconds": "600", "max_reminders": "2",
            "escalate_to": "user://night-shift",
        });
        if known.parameters.iter().any(|parameter| parameter.kind == Kind::Signers) {
            given["approvers"] = json!("boss, deputy");
        }
        let (scenario, report) = check(&bundle(json!({ "macro_id": known.id, "parameters": given })), HOME);
        assert!(report.errors.is_empty() && report.warnings.is_empty(), "{}: {report:?}", known.id);
        let plan = scenario.unwrap().plan.unwrap();
        let last = plan.steps.last().unwrap();
        let reminder_plan = last.reminder_plan.clone().unwrap();
        assert_eq!(
            (last.deadline_seconds, reminder_plan.remind_after_seconds),
            (Some(3600), Some(600)),
            "{}",
            known.id
        );
        assert_eq!(
            (reminder_plan.max_reminders, reminder_plan.escalate_to.unwrap().reference),
            (Some(2), "user://night-shift".to_owned())
        );
        for id in known.aliases.iter().chain([&known.id]) {
            assert_eq!(find(id).unwrap().id, known.id);
        }
    }
}

#[test]
fn a_macro_is_the_steps_that_one_would_write() {
    let written = json!({ "steps": [
        { "step_id": "work", "tool_id": "tool.agent.task.v1", "assigned_to": "worker", "step_deadline_seconds": 5 },
        { "step_id": "approval", "tool_id": "tool.approval.human_signoff", "assigned_to": "boss", "requires_approval": true,
          "human_task": { "title": "Ship?" }, "step_deadline_seconds": 60, "escalate_to": "deputy" },
    ] });
    let named = json!({ "macro_id": "macro.agent_then_approval.v1", "parameters": {
        "agent_deadline_seconds": "5", "title": "Ship?", "step_deadline_seconds": "60", "escalate_to": "deputy",
    } });
    assert_eq!(check(&bundle(named), HOME), check(&bundle(written), HOME));
}

#[test]
fn a_default_is_a_value_that_could_be_given() {
    for known in &MACROS {
        for parameter in known.parameters {
            let DefaultValue::Text(text) = parameter.default else { continue };
            assert!(
                text.is_empty() || parameter.kind != Kind::Whole || text.parse::<u64>().is_ok(),
                "{}",
                parameter.name
            );
        }
    }
}
