//! The workflow of an intent as a picture: its steps from top to bottom, and the paths after success and failure. Each step
//! shows its state. Drawn on the server; a page without scripts shows it too.

use std::collections::BTreeMap;

use axme_core::ops::console::{StepRun, StepState};
use axme_intent::workflow::{EndTarget, Link, Plan, Step, StepKind};

use super::frame::short;

/// The sizes of the picture, in pixels.
const WIDTH: i64 = 260;
const HEIGHT: i64 = 52;
const GAP: i64 = 34;
const LEFT: i64 = 90;
const TOP: i64 = 12;
const LANE: i64 = 14;
const MAX_LANES: i64 = 5;
/// The longest label, in characters.
const LABEL: usize = 30;

/// A box: a step, or an end of the workflow.
pub(super) struct GraphBox {
    pub x: i64,
    pub y: i64,
    pub width: i64,
    pub height: i64,
    pub title: String,
    pub note: String,
    pub class: &'static str,
    pub title_x: i64,
    pub title_y: i64,
    pub note_y: i64,
}

/// A path from one box to another.
pub(super) struct Arrow {
    pub d: String,
    pub class: &'static str,
}

/// The picture, with the same content as a list of sentences for readers who do not see it.
pub(super) struct Graph {
    pub width: i64,
    pub height: i64,
    pub boxes: Vec<GraphBox>,
    pub arrows: Vec<Arrow>,
    pub sentences: Vec<String>,
}

/// Draws a plan. `runs` are the steps that were begun.
pub(super) fn graph(plan: &Plan, runs: &[StepRun]) -> Graph {
    let mut boxes: Vec<GraphBox> = Vec::new();
    let mut rows: BTreeMap<String, usize> = BTreeMap::new();
    for step in &plan.steps {
        rows.insert(step.id.clone(), boxes.len());
        boxes.push(place(boxes.len(), &step.id, &kind(step), state_class(&step.id, runs)));
    }
    for end in ends(plan) {
        rows.insert(end.as_str().to_owned(), boxes.len());
        boxes.push(place(boxes.len(), end_name(end), "end of the workflow", "end"));
    }
    let mut arrows = Vec::new();
    let (mut lanes_left, mut lanes_right) = (0, 0);
    for (from, step) in plan.steps.iter().enumerate() {
        let is_taken = |link: &Link| {
            let began = |id: &str| runs.iter().any(|run| run.step == id);
            began(&step.id) && link.step().is_some_and(began)
        };
        for (link, is_success) in [(&step.on_success, true), (&step.on_failure, false)] {
            let Some(link) = link else { continue };
            let name: String = link.clone().into();
            let Some(to) = rows.get(&name) else { continue };
            let class = match (is_success, is_taken(link)) {
                (true, true) => "path taken",
                (true, false) => "path",
                (false, true) => "path failure taken",
                (false, false) => "path failure",
            };
            let d = if is_success && *to == from + 1 {
                straight(&boxes[from], &boxes[*to])
            } else if is_success {
                lanes_left += 1;
                around(&boxes[from], &boxes[*to], -lane(lanes_left))
            } else {
                lanes_right += 1;
                around(&boxes[from], &boxes[*to], lane(lanes_right))
            };
            arrows.push(Arrow { d, class });
        }
    }
    let height = TOP + i64::try_from(boxes.len()).unwrap_or(0) * (HEIGHT + GAP);
    Graph {
        width: 2 * LEFT + WIDTH,
        height,
        sentences: plan.steps.iter().map(|step| sentence(step, runs)).collect(),
        boxes,
        arrows,
    }
}

fn place(row: usize, title: &str, note: &str, class: &'static str) -> GraphBox {
    let y = TOP + i64::try_from(row).unwrap_or(0) * (HEIGHT + GAP);
    GraphBox {
        x: LEFT,
        y,
        width: WIDTH,
        height: HEIGHT,
        title: cut(title),
        note: cut(note),
        class,
        title_x: LEFT + 14,
        title_y: y + 22,
        note_y: y + 40,
    }
}

fn straight(from: &GraphBox, to: &GraphBox) -> String {
    let x = from.x + from.width / 2;
    format!("M{x} {} V{}", from.y + from.height, to.y - 3)
}

/// Leads around the boxes, on the left for a negative distance.
fn around(from: &GraphBox, to: &GraphBox, distance: i64) -> String {
    let (start_y, end_y) = (from.y + from.height / 2, to.y + to.height / 2);
    let (edge, far) = match distance < 0 {
        true => (from.x, from.x + distance),
        false => (from.x + from.width, from.x + from.width + distance),
    };
    let tip = if distance < 0 { edge - 3 } else { edge + 3 };
    format!("M{edge} {start_y} C{far} {start_y} {far} {end_y} {tip} {end_y}")
}

fn lane(number: i64) -> i64 {
    20 + LANE * (1 + (number - 1) % MAX_LANES)
}

fn state_class(step: &str, runs: &[StepRun]) -> &'static str {
    match runs.iter().find(|run| run.step == step).map(|run| run.state) {
        Some(StepState::Running) => "step running",
        Some(StepState::Done) => "step done",
        Some(StepState::Failed) => "step failed",
        None => "step",
    }
}

fn ends(plan: &Plan) -> Vec<EndTarget> {
    let mut found = Vec::new();
    for link in plan.steps.iter().flat_map(|step| [&step.on_success, &step.on_failure]).flatten() {
        if let Link::End(end) = link
            && !found.contains(end)
        {
            found.push(*end);
        }
    }
    found
}

fn end_name(end: EndTarget) -> &'static str {
    match end {
        EndTarget::Completed => "Completed",
        EndTarget::Failed => "Failed",
        EndTarget::Canceled => "Canceled",
    }
}

fn kind(step: &Step) -> String {
    match &step.kind {
        StepKind::Agent { name, .. } => format!("agent {}", short(name)),
        StepKind::Human { holder, .. } => format!("person {}", super::frame::holder(holder)),
        StepKind::Delay { seconds } => format!("waits {}", super::frame::span(*seconds)),
        StepKind::Timeout => "waits for a go-ahead".to_owned(),
        StepKind::Notification { .. } => "sends a notice".to_owned(),
        StepKind::Reminder { holder, .. } => format!("reminds {}", super::frame::holder(holder)),
        StepKind::Pass => "passes on".to_owned(),
    }
}

fn sentence(step: &Step, runs: &[StepRun]) -> String {
    let state = match runs.iter().find(|run| run.step == step.id).map(|run| run.state) {
        Some(StepState::Running) => "is running",
        Some(StepState::Done) => "is done",
        Some(StepState::Failed) => "failed",
        None => "has not begun",
    };
    let leads = |link: &Option<Link>| match link {
        None => "the end".to_owned(),
        Some(Link::Step(step)) => step.clone(),
        Some(Link::End(end)) => end_name(*end).to_owned(),
    };
    let (success, failure) = (leads(&step.on_success), leads(&step.on_failure));
    format!("{} ({}) {state}. Success leads to {success}, failure to {failure}.", step.id, kind(step))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> Plan {
        let step = |id: &str, success: Option<&str>, failure: Option<&str>| json!({ "id": id, "tool": "tool.wait", "kind": { "type": "delay", "seconds": 60 }, "on_success": success, "on_failure": failure });
        let steps =
            [step("a", Some("b"), Some("c")), step("b", Some("end.completed"), None), step("c", Some("a"), None)];
        serde_json::from_value(json!({ "scenario_id": "s", "entry": "a", "steps": steps })).unwrap()
    }

    #[test]
    fn steps_show_their_state_and_the_path_taken() {
        let run = |step: &str, state| StepRun { step: step.to_owned(), state };
        let drawn = graph(&plan(), &[run("a", StepState::Done), run("b", StepState::Running)]);
        let classes: Vec<&str> = drawn.boxes.iter().map(|drawn| drawn.class).collect();
        assert_eq!(classes, ["step done", "step running", "step", "end"]);
        let paths: Vec<&str> = drawn.arrows.iter().map(|arrow| arrow.class).collect();
        assert_eq!(paths, ["path taken", "path failure", "path", "path"]);
        assert_eq!(drawn.sentences[0], "a (waits 1 min) is done. Success leads to b, failure to c.");
    }
}
