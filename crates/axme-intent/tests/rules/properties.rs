//! Invariants of every history: random commands on random intents. [`History`](crate::history::History) checks most of
//! them after each command. This file has the rest, and the properties of smaller parts.

use std::collections::BTreeMap;

use axme_intent::lifecycle::{Command, DecideInput, Event, Intent, Tally};
use axme_intent::policy::Policy;
use axme_intent::resume::Resume;
use axme_intent::workflow::Cursor;
use axme_intent::{Address, Home, HumanTask, IntentId, JsonFields, Object, State, TaskResult, Time, apply, decide};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::random::{self, Beginning, Turn};

fn config(cases: u32) -> ProptestConfig {
    // A failure becomes a trace instead of a file of seeds.
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

fn through_json<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn replayed(draft: &Intent, events: &[Event]) -> Intent {
    let mut intent = draft.clone();
    for event in events {
        apply(&mut intent, event);
    }
    intent
}

/// Every stored part of an intent survives storage, and its events alone rebuild it.
fn check_storage(beginning: &Beginning, turns: &[Turn]) -> Result<(), TestCaseError> {
    let history = random::play(beginning, turns);
    // Settings are not part of the history.
    let settled = |mut intent: Intent| {
        intent.policy = history.intent.policy.clone();
        intent.policy_generation = history.intent.policy_generation;
        intent
    };
    let rebuilt = settled(replayed(&history.draft, &history.events));
    prop_assert_eq!(&rebuilt, &history.intent, "the events rebuild the intent");

    let stored: Vec<Event> = history.events.iter().map(through_json).collect();
    for (stored, event) in stored.iter().zip(&history.events) {
        prop_assert_eq!(stored, event, "events survive storage");
    }
    let rebuilt = settled(replayed(&history.draft, &stored));
    prop_assert_eq!(&rebuilt, &history.intent, "stored events rebuild the intent");
    prop_assert_eq!(&through_json::<Tally>(&history.intent.tally), &history.intent.tally);
    prop_assert_eq!(&through_json::<Policy>(&history.intent.policy), &history.intent.policy);

    prop_assert_eq!(&through_json::<State>(&history.intent.state), &history.intent.state);
    prop_assert_eq!(&through_json::<Option<Cursor>>(&history.intent.cursor), &history.intent.cursor);
    Ok(())
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn histories_hold(beginning in random::beginning(), turns in random::turns()) {
        check_storage(&beginning, &turns)?;
    }
}

proptest! {
    #![proptest_config(config(200))]

    /// Covers every state, even unreachable ones, with and without the plan.
    #[test]
    fn deciding_is_total(
        beginning in random::beginning(),
        turns in random::turns(),
        last in random::turns(),
        position in 0..u32::MAX / 2,
    ) {
        let history = random::play(&beginning, &turns);
        let mut intent = history.intent.clone();
        intent.position = position;
        let input = DecideInput {
            now: Time::from_micros(i64::from(position)),
            actor: String::new(),
            child: IntentId(Uuid::nil()),
            denied_steps: BTreeMap::new(),
        };
        for turn in &last {
            if matches!(turn.what, random::Move::Change(_)) {
                continue;
            }
            let command = turn.what.command(&history);
            decide(&intent, Some(&history.spec), command.clone(), &input).ok();
            decide(&intent, None, command.clone(), &input).ok();
            decide(&history.draft, Some(&history.spec), command, &input).ok();
        }
    }

    /// Every intent can be ended from any state, so that none hangs forever.
    #[test]
    fn every_intent_can_be_ended(
        beginning in random::beginning(),
        turns in random::turns(),
        ending in random::ending(),
    ) {
        let mut history = random::play(&beginning, &turns);
        let input = DecideInput {
            now: random::START,
            actor: "admin".to_owned(),
            child: IntentId(Uuid::max()),
            denied_steps: BTreeMap::new(),
        };
        let was_over = history.intent.status().is_terminal();
        let outcome = history.send(Command::Resolve(ending), &input);
        prop_assert_eq!(outcome.is_err(), was_over);
        prop_assert!(history.intent.status().is_terminal());
    }

    /// The record of a person's answer can be sent again and means the same.
    #[test]
    fn a_recorded_answer_is_an_answer(task in random::task(), answer in json_object()) {
        let Ok((record, verdict)) = task.check(&TaskResult::read(&answer.into())) else { return Ok(()) };
        let body = JsonFields::from_iter([("task_result".to_owned(), record.clone().into())]);
        prop_assert_eq!(task.check(&TaskResult::read(&body)), Ok((record, verdict)));
    }

    /// A task accepts each outcome that it shows, and records it unchanged.
    #[test]
    fn what_is_shown_can_be_answered(mut source in json_object(), outcomes in vec(random::word(), 1..4)) {
        source.insert("allowed_outcomes".to_owned(), outcomes.into());
        let (task, _) = HumanTask::read(&source);
        for outcome in task.shown_outcomes() {
            let data = JsonFields::from_iter([("evidence".to_owned(), "seen".into())]);
            let answer = TaskResult { outcome: Some(outcome.to_owned()), comment: Some("why".to_owned()), data };
            let (record, _) = task.check(&answer).map_err(|refusal| TestCaseError::fail(refusal.message))?;
            prop_assert_eq!(record.string("outcome"), Some(outcome.to_owned()));
        }
    }

    #[test]
    fn tasks_are_read_from_anything(source in json_object()) {
        let (task, _) = HumanTask::read(&source);
        prop_assert_eq!(through_json::<HumanTask>(&task), task);
    }

    #[test]
    fn a_resume_means_something_whatever_it_says(body in json_object()) {
        Resume::read(Some(&body.into()));
    }

    #[test]
    fn an_address_in_canonical_form_stays_as_it_is(
        text in "(agent:/{0,3})?([a-z_]{0,6}|agent_core|human)(/[a-z]{0,4}){0,3} ?",
    ) {
        let home = Home { org: "local", workspace: "default" };
        let once = Address::resolve(&text, home);
        prop_assert_eq!(&Address::resolve(once.as_str(), home), &once);
    }
}

fn json_object() -> impl Strategy<Value = Object> {
    let key = prop_oneof![
        Just("task_result"),
        Just("outcome"),
        Just("comment"),
        Just("data"),
        Just("approved"),
        Just("evidence"),
        Just("title"),
        Just("description"),
        Just("task_type"),
        Just("allowed_outcomes"),
        Just("required_comment"),
        Just("assignees"),
        Just("action"),
        Just("status"),
        Just("error"),
        Just("reason"),
        Just("approve_current_step"),
    ];
    let key = prop_oneof![3 => key.prop_map(str::to_owned), 1 => random::word()];
    let nested = vec((key.clone(), random::json()), 0..4).prop_map(|fields| Value::Object(Object::from_iter(fields)));
    let list = vec(random::word(), 0..4).prop_map(Value::from);
    let value = prop_oneof![
        3 => random::json(),
        2 => nested,
        2 => list,
        1 => Just(Value::from("approved")),
        1 => Just(Value::from("rejected")),
    ];
    vec((key, value), 0..6).prop_map(Object::from_iter)
}
