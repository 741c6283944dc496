//! Bundles: the errors, the warnings and the plan of each file in `tests/scenarios`, and the properties of every
//! bundle.

use std::fmt::Write;
use std::fs;

use axme_intent::scenario::macros::MACROS;
use axme_intent::scenario::{Agent, Report, Scenario, check};
use axme_intent::{Home, Object, Plan, Step, StepKind};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{golden, random};

const HOME: Home<'_> = Home { org: "local", workspace: "default" };

#[test]
fn bundles_become_plans() {
    let mut differences = Vec::new();
    for path in golden::files(&golden::folder("scenarios"), "json") {
        let text = fs::read_to_string(&path).unwrap();
        let bundle: Object = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (scenario, report) = check(&bundle, HOME);
        let actual = show(scenario.as_ref(), &report);
        differences.extend(golden::compare(&path.with_extension("golden.txt"), &actual).err());
    }
    golden::report(differences);
}

/// A user who copies an example starts without warnings.
#[test]
fn nothing_is_to_be_said_about_the_examples() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let mut count = 0;
    for example in fs::read_dir(folder).unwrap() {
        let path = example.unwrap().path().join("scenario.json");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let bundle: Object = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(check(&bundle, HOME).1, Report::default(), "{}", path.display());
        count += 1;
    }
    assert!(count > 20, "{count} examples");
}

fn show(scenario: Option<&Scenario>, report: &Report) -> String {
    let mut text = String::new();
    for (name, list) in [("errors", &report.errors), ("warnings", &report.warnings)] {
        writeln!(text, "{name}: {}", list.len()).unwrap();
        for entry in list {
            writeln!(text, "  {entry}").unwrap();
        }
    }
    let Some(scenario) = scenario else { return text };
    let Scenario {
        scenario_id,
        agents,
        intent_type,
        payload,
        deadline_at,
        max_delivery_attempts,
        reminder_plan,
        to,
        task,
        plan,
    } = scenario;
    writeln!(text, "\nscenario {scenario_id}\nintent {intent_type} to {to}\npayload {payload}").unwrap();
    for (name, value) in [
        ("deadline", deadline_at.map(|at| at.to_string())),
        ("attempts", max_delivery_attempts.map(|count| count.to_string())),
        ("task", task.as_ref().map(|task| serde_json::to_string(task).unwrap())),
    ] {
        if let Some(value) = value {
            writeln!(text, "{name} {value}").unwrap();
        }
    }
    for agent in agents {
        show_agent(&mut text, agent);
    }
    if let Some(reminder_plan) = reminder_plan {
        writeln!(text, "reminder_plan {}", serde_json::to_string(reminder_plan).unwrap()).unwrap();
    }
    if let Some(plan) = plan {
        show_plan(&mut text, plan);
    }
    text
}

fn show_agent(text: &mut String, agent: &Agent) {
    let Agent { role, address, written, create_if_missing, display_name, delivery_mode, callback_url } = agent;
    write!(text, "agent {role}: {address}, written {written}").unwrap();
    let (name, mode, url) = (display_name.as_deref(), delivery_mode.map(|mode| mode.as_str()), callback_url.as_deref());
    for (name, value) in [("called", name), ("by", mode), ("at", url)] {
        if let Some(value) = value {
            write!(text, ", {name} {value}").unwrap();
        }
    }
    writeln!(text, "{}", if *create_if_missing { ", created if missing" } else { "" }).unwrap();
}

fn show_plan(text: &mut String, plan: &Plan) {
    writeln!(text, "plan, beginning with {}", plan.entry).unwrap();
    for step in &plan.steps {
        let Step { id, tool, kind, deadline_seconds, reminder_plan, retry, notice, input, .. } = step;
        let who = match kind {
            StepKind::Agent { to, name } => format!("agent {to} ({name})"),
            StepKind::Human { holder, task, escalated_from } => {
                let from =
                    escalated_from.as_ref().map(|from| format!(", before {}", from.reference)).unwrap_or_default();
                let task = serde_json::to_string(task).unwrap();
                format!("person {} ({}){from}, task {task}", holder.reference, holder.name)
            }
            other => serde_json::to_string(other).unwrap(),
        };
        writeln!(text, "  {id}: {who}").unwrap();
        for (name, value) in [
            ("tool", Some(tool.clone()).filter(|tool| !tool.is_empty())),
            ("within", deadline_seconds.map(|seconds| format!("{seconds} s"))),
            (
                "reminder_plan",
                reminder_plan.as_ref().map(|reminder_plan| serde_json::to_string(reminder_plan).unwrap()),
            ),
            ("retry", retry.map(|retry| format!("{} times after {} s", retry.max_retries, retry.delay_seconds))),
            ("notice", notice.as_ref().map(|notice| serde_json::to_string(notice).unwrap())),
            ("input", input.as_ref().map(|input| input.text().to_owned())),
            ("on success", step.on_success.clone().map(String::from)),
            ("on failure", step.on_failure.clone().map(String::from)),
            ("rejoins", step.rejoins.map(|rejoin| format!("{rejoin:?}"))),
        ] {
            if let Some(value) = value {
                writeln!(text, "    {name}: {value}").unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn anything_can_be_checked(bundle in anything_like_a_bundle()) {
        let (scenario, report) = check(&bundle, HOME);
        prop_assert_eq!(scenario.is_some(), report.errors.is_empty(), "{:?}", report.errors);
        if let Some(scenario) = scenario {
            check_scenario(&scenario)?;
        }
    }
}

/// Checks that a bundle without errors can be applied: it is complete, and its links lead to steps.
fn check_scenario(scenario: &Scenario) -> Result<(), TestCaseError> {
    prop_assert!(!scenario.scenario_id.is_empty());
    prop_assert!(!scenario.intent_type.is_empty());
    if let Some(plan) = &scenario.plan {
        prop_assert!(plan.step(&plan.entry).is_some());
        for (index, step) in plan.steps.iter().enumerate() {
            if let StepKind::Agent { to, .. } = &step.kind {
                prop_assert!(!to.is_platform(), "a child waits for its agent");
            }
            prop_assert!(!plan.steps[..index].iter().any(|earlier| earlier.id == step.id), "a step has its own id");
            for target in [&step.on_success, &step.on_failure].into_iter().flatten() {
                prop_assert!(target.step().is_none_or(|target| plan.step(target).is_some()), "no step {:?}", target);
            }
        }
    }
    let beginning = random::Beginning {
        spec: axme_intent::IntentSpec {
            intent_type: scenario.intent_type.clone(),
            correlation_id: Uuid::nil(),
            from: scenario.to.clone(),
            to: scenario.to.clone(),
            reply_to: None,
            payload: scenario.payload.clone(),
            deadline_at: scenario.deadline_at,
            max_delivery_attempts: scenario.max_delivery_attempts,
            reminder_plan: scenario.reminder_plan.clone(),
            task: scenario.task.clone(),
            plan: scenario.plan.clone(),
            requested_by: None,
            requested_with: None,
            client: None,
            step: None,
        },
        is_child: false,
    };
    let history = random::begin(&beginning);
    let passes = |plan: &Plan| plan.steps.iter().any(|step| matches!(step.kind, StepKind::Pass));
    let may_be_over = scenario.plan.as_ref().is_some_and(passes);
    prop_assert!(may_be_over || !history.intent.status().is_terminal(), "the intent starts");
    Ok(())
}

/// Objects with the fields of a bundle. Most values fit, so that many bundles can be applied; a few do not.
fn anything_like_a_bundle() -> impl Strategy<Value = Object> {
    let flag = || words(&[json!(true), json!(false)], &[json!("yes")]);
    let number = || words(&[json!(0), json!(60)], &[json!(-1), json!(1.5), json!("60"), json!(u64::MAX)]);
    let name = || random::word().prop_map(Value::from).boxed();
    let task = || {
        let task = random::task().prop_map(|task| serde_json::to_value(task).unwrap());
        prop_oneof![2 => Just(Value::Null), 1 => task].boxed()
    };
    let agent = object(vec![
        (
            "address",
            texts(&["checker", "Demo Runner", "agent://local/default/x"], &["agent://other/ws/x", "human", ""]),
        ),
        ("create_if_missing", flag()),
        ("display_name", name()),
        ("delivery_mode", texts(&["stream", "poll", ""], &["http", "pigeon"])),
    ]);
    let human = object(vec![("contact", texts(&["", "ops@example.com"], &[])), ("display_name", name())]);
    let link = || texts(&["s0", "s1", "end.failed", ""], &["nowhere", "end.soon"]);
    let assigned = texts(&["checker", "boss", "agent://a/b/c"], &["builder", "nobody", "", "agent://agent_core"]);
    let step = object(vec![
        ("tool_id", texts(&["", "tool.agent.task.v1"], &["tool.approval.human_signoff", "tool.internal.delay"])),
        ("runtime_type", texts(&[""], &["human_approval", "timeout", "nap"])),
        ("assigned_to", assigned),
        ("requires_approval", words(&[json!(false)], &[json!(true), json!(1)])),
        ("step_deadline_seconds", number()),
        ("retry", words(&[json!({}), json!({"max_retries": 0})], &[json!({"max_retries": 2}), json!([])])),
        ("human_task", words(&[Value::Null], &[json!({}), json!({"title": 1}), json!({"form_schema": {}})])),
        ("on_success", link()),
        ("on_failure", link()),
        ("remind_after_seconds", number()),
        ("input", random::json().boxed()),
    ]);
    let steps = object(vec![
        ("steps", list(step, "step_id", &["s0", "s1", "s2"])),
        ("entry_step", texts(&["s0", "s1", ""], &["nowhere"])),
        ("macro_id", texts(&[""], &["macro.approval.v1"])),
    ]);
    let person = || texts(&["boss", "ops@example.com", ""], &["checker", "nobody"]);
    let parameters = object(vec![
        ("approver", person()),
        ("first_approver", person()),
        ("second_approver", person()),
        ("approvers", words(&[json!(["boss"]), json!("boss, ops@example.com")], &[json!([]), json!("boss,boss")])),
        ("agent", texts(&["checker", "agent://a/b/c", ""], &["boss", "agent://agent_core"])),
        ("title", texts(&["Go?", ""], &[])),
        ("step_deadline_seconds", words(&[json!("60"), json!(60), json!("0")], &[json!("soon"), json!(-1)])),
        ("escalate_to", person()),
    ]);
    let ids: Vec<&str> = MACROS.iter().map(|known| known.id).collect();
    let named = object(vec![("macro_id", texts(&ids, &["macro.magic.v1"])), ("parameters", parameters)]);
    let workflow = prop_oneof![3 => steps, 1 => named].boxed();
    let intent = object(vec![
        ("type", texts(&["story.v1", "plain"], &["two words", ""])),
        ("payload", words(&[json!({}), json!({"n": 1})], &[json!([])])),
        ("deadline_at", texts(&["2026-01-31T12:00:00Z", ""], &["tomorrow"])),
        ("max_delivery_attempts", number()),
        ("human_task", task()),
        ("escalate_to", texts(&["", "boss"], &[])),
    ]);
    let bundle = object(vec![
        ("scenario_id", texts(&["a.v1", "with-hyphens.v1"], &[""])),
        ("title", name()),
        ("agents", list(agent, "role", &["checker", "builder"])),
        ("humans", list(human, "role", &["boss"])),
        ("workflow", prop_oneof![1 => Just(Value::Null), 4 => workflow].boxed()),
        ("intent", prop_oneof![20 => intent, 1 => Just(json!({}))].boxed()),
        ("unknown", random::json().boxed()),
    ]);
    bundle.prop_map(|bundle| match bundle {
        Value::Object(bundle) => bundle,
        _ => Object::new(),
    })
}

type JsonStrategy = BoxedStrategy<Value>;

/// Builds an object. Some fields are missing, and a few have any type at all.
fn object(fields: Vec<(&'static str, JsonStrategy)>) -> JsonStrategy {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| {
            let value = prop_oneof![
                200 => value.prop_map(Some),
                5 => Just(None),
                1 => random::json().prop_map(Some),
            ];
            value.prop_map(move |value| value.map(|value| (key.to_owned(), value)))
        })
        .collect();
    fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect())).boxed()
}

/// Builds a list of entries with different names under `key`. A few entries lose or share theirs.
fn list(entry: JsonStrategy, key: &'static str, names: &'static [&'static str]) -> JsonStrategy {
    let fewest = (names.len() - 1).max(1);
    let named = vec((entry, 0..100usize), fewest..=names.len()).prop_map(move |entries| {
        let named = entries.into_iter().enumerate().map(|(index, (mut entry, luck))| {
            if let (Value::Object(fields), 1..) = (&mut entry, luck) {
                let name = if luck == 1 { names[0] } else { names[index] };
                fields.insert(key.to_owned(), name.into());
            }
            entry
        });
        Value::from(named.collect::<Vec<Value>>())
    });
    named.boxed()
}

fn texts(good: &[&str], bad: &[&str]) -> JsonStrategy {
    let values = |list: &[&str]| list.iter().map(|word| Value::from(*word)).collect::<Vec<Value>>();
    words(&values(good), &values(bad))
}

fn words(good: &[Value], bad: &[Value]) -> JsonStrategy {
    let good = proptest::sample::select(good.to_vec());
    if bad.is_empty() {
        return good.boxed();
    }
    prop_oneof![100 => good, 1 => proptest::sample::select(bad.to_vec())].boxed()
}
