//! Tells each story of `tests/traces` to people: who is asked, and what follows a yes and a no. After each command it says where
//! the request is, and shows the receipt of a decision. Written to `tests/told.txt`, and in German to `tests/told.de.txt`.

use std::fmt::Write;
use std::fs;

use axme_intent::{human, prospect, receipt};
use axme_types::Language;
use uuid::Uuid;

use crate::golden;
use crate::story::Story;

#[test]
fn people_are_told_what_is_true() {
    let told = [("told.txt", Language::English), ("told.de.txt", Language::German)];
    golden::report(told.into_iter().filter_map(|(file, language)| compare(file, language).err()).collect());
}

fn compare(file: &str, language: Language) -> Result<(), String> {
    let mut text = String::new();
    for path in golden::files(&golden::folder("traces"), "trace") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        writeln!(text, "{name}").unwrap();
        tell(&mut text, &fs::read_to_string(&path).unwrap(), language);
        text.push('\n');
    }
    golden::compare(&golden::folder(file), &text)
}

fn tell(text: &mut String, trace: &str, language: Language) {
    let mut story = Story::default();
    let (mut before, mut last) = (None, String::new());
    for line in trace.lines().filter(|line| !line.starts_with([' ', '#']) && !line.is_empty()) {
        story.line(line);
        let Some(history) = story.started() else { continue };
        let mut told = String::new();
        let seen = before.take().map_or(0, |intent: axme_intent::Intent| {
            for event in history.events.iter().filter(|event| event.position > intent.position) {
                if let Some(receipt) = receipt::of(Uuid::nil(), Uuid::nil(), &intent, event, &history.spec) {
                    let mut shown = serde_json::to_value(&receipt).unwrap();
                    for same in ["receipt_id", "workspace_id", "intent_id", "intent_type", "payload_sha256"] {
                        shown.as_object_mut().unwrap().remove(same);
                    }
                    writeln!(told, "    receipt: {shown}").unwrap();
                }
            }
            intent.position
        });
        let decisions = history.events.iter().filter(|e| e.position > seen && receipt::is_decision(e)).count();
        assert_eq!(told.lines().count(), decisions, "each decision has a receipt: {line}");
        let intent = &history.intent;
        let prospects = prospect::of(intent, &history.spec, language);
        let deciders = prospect::deciders(intent, language);
        let mut state = format!("    now: {}\n", prospect::standing(intent, language));
        if !deciders.is_empty() {
            writeln!(state, "    asked: {deciders}").unwrap();
        }
        for (answer, sentences) in [("yes", prospects.on_yes), ("no", prospects.on_no)] {
            sentences.iter().for_each(|sentence| writeln!(state, "    {answer}: {sentence}").unwrap());
        }
        if let Some(at) = intent.due_at(history.spec.deadline_at).filter(|_| !deciders.is_empty()) {
            writeln!(state, "    due: {at}").unwrap();
        }
        let is_guarded = intent.open_task().is_some_and(human::HumanTask::is_guarded);
        if is_guarded {
            state.push_str("    guarded\n");
        }
        if state != last {
            told.push_str(&state);
            last = state;
        }
        if !told.is_empty() {
            writeln!(text, "  {line}").unwrap();
            text.push_str(&told);
        }
        before = Some(intent.clone());
    }
}
