//! Every command in every situation, written as tables and a diagram to `docs/lifecycle.md`, below the marker.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use axme_intent::Status;
use axme_intent::lifecycle::{Decision, Refusal};

use crate::golden;
use crate::story::Story;

const MARKER: &str = "<!-- Written by crates/axme-intent/tests/rules/table.rs from here on. -->\n";

/// A state of an intent when a command arrives, and a story that leads there.
struct Situation {
    name: &'static str,
    story: &'static str,
}

/// A command: its name in the tables, its label in the diagram, and its line in a story.
struct Row {
    name: &'static str,
    label: &'static str,
    line: &'static str,
}

const PLAIN: [Situation; 3] = [
    Situation { name: "DELIVERED", story: "intent to worker\ncreate" },
    Situation { name: "ACKNOWLEDGED", story: "intent to worker\ncreate\nworker: acknowledge" },
    Situation { name: "IN_PROGRESS", story: "intent to worker\ncreate\nworker: hand_over {}" },
];

const PERSON: [Situation; 1] = [Situation { name: "WAITING for a person", story: "intent to human\ncreate" }];

const WORKFLOW: [Situation; 4] = [
    Situation {
        name: "WAITING for an agent's step; another follows",
        story: "step work agent worker within 60s then after else after\nstep after person boss\ncreate",
    },
    Situation { name: "WAITING for an agent's step, the last", story: "step work agent worker within 60s\ncreate" },
    Situation {
        name: "WAITING for a person's step; another follows",
        story: "step work person boss within 60s then after else after\nstep after agent worker\ncreate",
    },
    Situation { name: "WAITING for a person's step, the last", story: "step work person boss within 60s\ncreate" },
];

const OVER: [Situation; 4] = [
    Situation { name: "COMPLETED", story: "intent to worker\ncreate\nworker: complete {}" },
    Situation { name: "FAILED", story: "intent to worker\ncreate\nworker: fail broken: it broke" },
    Situation { name: "CANCELED", story: "intent to worker\ncreate\nasker: resolve canceled not needed" },
    Situation { name: "TIMED_OUT", story: "intent to worker\ncreate\ngateway: deadline" },
];

const ROWS: [Row; 22] = [
    Row { name: "the agent acknowledges it", label: "acknowledged", line: "worker: acknowledge" },
    Row { name: "the agent completes it", label: "completed by the agent", line: "worker: complete {}" },
    Row { name: "the agent fails it", label: "failed by the agent", line: "worker: fail broken: it broke" },
    Row { name: "the agent hands it over", label: "handed over", line: "worker: hand_over {}" },
    Row { name: "a person answers yes", label: "yes", line: r#"boss: decide {"outcome": "approved"}"# },
    Row { name: "a person answers no", label: "no", line: r#"boss: decide {"outcome": "rejected"}"# },
    Row {
        name: "a person answers with an unknown outcome",
        label: "unknown outcome",
        line: r#"boss: decide {"outcome": "maybe"}"#,
    },
    Row { name: "a person answers without an outcome", label: "no outcome", line: "boss: decide {}" },
    Row { name: "a person asks the requester back", label: "question", line: "boss: ask_back Why?" },
    Row { name: "the control plane tells it to proceed", label: "proceed", line: "asker: proceed" },
    Row { name: "it is resolved as COMPLETED", label: "resolved", line: "asker: resolve completed {}" },
    Row { name: "it is resolved as FAILED", label: "resolved", line: "asker: resolve failed broken: it broke" },
    Row { name: "it is resolved as CANCELED", label: "resolved", line: "asker: resolve canceled not needed" },
    Row { name: "its deadline passes", label: "deadline", line: "gateway: deadline" },
    Row { name: "a reminder is due", label: "reminder", line: "gateway: reminder_stage_due" },
    Row {
        name: "the agent exceeds its execution time",
        label: "execution time exceeded",
        line: "gateway: execution_timed_out",
    },
    Row { name: "a push fails", label: "push failed", line: "gateway: push_failed 1 of 3 refused" },
    Row { name: "the last push fails", label: "last push failed", line: "gateway: push_failed 3 of 3 refused" },
    Row { name: "the step's deadline passes", label: "step's deadline", line: "gateway: step_deadline work" },
    Row { name: "the step's intent completes", label: "step done", line: "gateway: child_ended c1 completed {}" },
    Row {
        name: "the step's intent fails, is canceled or times out",
        label: "step failed",
        line: "gateway: child_ended c1 failed broken: it broke",
    },
    Row {
        name: "an intent ends that it is not waiting for",
        label: "another intent ended",
        line: "gateway: child_ended stranger completed {}",
    },
];

#[test]
fn the_lifecycle_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lifecycle.md");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let (introduction, _) = text.split_once(MARKER).unwrap_or((&text, ""));
    let actual = format!("{introduction}{MARKER}\n{}\n{}", diagram(), tables());
    golden::report(golden::compare(&path, &actual).err().into_iter().collect());
}

/// The four terminal statuses share one table column.
#[test]
fn an_ended_intent_behaves_the_same_however_it_ended() {
    for row in &ROWS {
        let cells: BTreeSet<String> = OVER.iter().map(|situation| cell(situation, row)).collect();
        assert_eq!(cells.len(), 1, "{}: {cells:?}", row.name);
    }
}

/// A failed, a canceled and a timed-out child share one row.
#[test]
fn a_step_fails_alike_however_its_child_failed() {
    for situation in &WORKFLOW[..2] {
        let steps: BTreeSet<Vec<&str>> = ["failed broken: it broke", "canceled not needed", "timed_out"]
            .into_iter()
            .map(|ending| {
                let line = format!("gateway: child_ended c1 {ending}");
                let decision = Story::told(situation.story).send(&line).unwrap();
                decision.events.iter().map(|event| event.status.as_str()).collect()
            })
            .collect();
        assert_eq!(steps.len(), 1, "{}: {steps:?}", situation.name);
    }
}

/// Sends a row's command. In a situation without children, the ended intent is a stranger instead of c1.
fn outcome(situation: &Situation, row: &Row) -> (Status, Result<Decision, Refusal>) {
    let mut story = Story::told(situation.story);
    let before = story.history().intent.status();
    let line = match story.history().children.is_empty() {
        true => row.line.replace("c1", "stranger"),
        false => row.line.to_owned(),
    };
    (before, story.send(&line))
}

fn cell(situation: &Situation, row: &Row) -> String {
    match outcome(situation, row).1 {
        Ok(decision) => match decision.events.last() {
            None => "nothing".to_owned(),
            Some(last) => {
                let types =
                    decision.events.iter().map(|event| event.body.event_type().as_str().trim_start_matches("intent."));
                format!("{} → **{}**", types.collect::<Vec<_>>().join(", "), last.status.as_str())
            }
        },
        Err(refusal) => format!("refused: `{}`", refusal.code),
    }
}

fn tables() -> String {
    let mut text = String::new();
    table(&mut text, "An intent that an agent works on", &PLAIN);
    table(&mut text, "An intent that a person answers", &PERSON);
    table(&mut text, "An intent with steps", &WORKFLOW);
    let over = [Situation { name: "any terminal status", story: OVER[0].story }];
    table(&mut text, "An intent that has ended", &over);
    text
}

fn table(text: &mut String, title: &str, situations: &[Situation]) {
    let names: Vec<&str> = situations.iter().map(|situation| situation.name).collect();
    writeln!(text, "## {title}\n\n| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len())).unwrap();
    for row in &ROWS {
        let cells: Vec<String> = situations.iter().map(|situation| cell(situation, row)).collect();
        writeln!(text, "| {} | {} |", row.name, cells.join(" | ")).unwrap();
    }
    text.push('\n');
}

/// The labels of the transitions between two statuses.
pub type Transitions = BTreeMap<(&'static str, &'static str), Vec<&'static str>>;

/// The changes of status that the tables list.
pub struct Lifecycle {
    /// The statuses that a new intent may have after its creation.
    pub first: BTreeSet<&'static str>,
    /// The transitions out of some of the live statuses.
    pub somewhere: Transitions,
    /// By its target, each transition that every live status has.
    pub everywhere: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Lifecycle {
    pub fn of_the_rules() -> Lifecycle {
        let live: Vec<&Situation> = PLAIN.iter().chain(&PERSON).chain(&WORKFLOW).collect();
        let first = live.iter().map(|situation| first_rest(situation)).collect();
        let mut lifecycle = Lifecycle { first, somewhere: BTreeMap::new(), everywhere: BTreeMap::new() };
        for row in &ROWS {
            let edges: Vec<_> = live.iter().filter_map(|situation| edge(situation, row)).collect();
            let (_, first) = *edges.first().unwrap_or(&("", ""));
            if edges.len() == live.len() && edges.iter().all(|(_, to)| *to == first) {
                lifecycle.everywhere.entry(first).or_default().push(row.label);
                continue;
            }
            for edge in edges {
                let labels = lifecycle.somewhere.entry(edge).or_default();
                if !labels.contains(&row.label) {
                    labels.push(row.label);
                }
            }
        }
        lifecycle
    }
}

pub fn is_terminal(status: &str) -> bool {
    Status::ALL.iter().any(|known| known.is_terminal() && known.as_str() == status)
}

/// Returns the same as a diagram. A transition from every live status is drawn once, from the box around them.
fn diagram() -> String {
    let Lifecycle { first, somewhere, everywhere } = Lifecycle::of_the_rules();
    let mut text = "```mermaid\nstateDiagram-v2\n  state live {\n".to_owned();
    for ((from, to), labels) in somewhere.iter().filter(|((_, to), _)| !is_terminal(to)) {
        writeln!(text, "    {from} --> {to}: {}", labels.join(", ")).unwrap();
    }
    text.push_str("  }\n  [*] --> CREATED\n  CREATED --> SUBMITTED\n");
    for first in first {
        writeln!(text, "  SUBMITTED --> {first}").unwrap();
    }
    for ((from, to), labels) in somewhere.iter().filter(|((_, to), _)| is_terminal(to)) {
        writeln!(text, "  {from} --> {to}: {}", labels.join(", ")).unwrap();
    }
    for (to, labels) in &everywhere {
        writeln!(text, "  live --> {to}: {}", labels.join(", ")).unwrap();
    }
    text.push_str("```\n");
    text
}

/// Returns the statuses before and after the row's command.
fn edge(situation: &Situation, row: &Row) -> Option<(&'static str, &'static str)> {
    let (before, outcome) = outcome(situation, row);
    let decision = outcome.ok()?;
    decision.events.last().map(|last| (before.as_str(), last.status.as_str()))
}

/// Returns the status of a new intent after its creation.
fn first_rest(situation: &Situation) -> &'static str {
    let mut story = Story::told(situation.story);
    let mut statuses = story.history().events.iter().map(|event| event.status);
    let rest = statuses.find(|status| !matches!(status, Status::Created | Status::Submitted));
    rest.unwrap().as_str()
}
