//! The consequences of a person's answer, from the plan and the state of the intent. Before the answer they are for a yes and
//! for a no; after it, they say where the intent is.
//!
//! The sentences follow the same links as the engine (`Plan::next`). They promise nothing beyond the next agent or
//! person: a plan can branch there.

use crate::human::group_name;
use crate::lifecycle::{Intent, IntentSpec};
use crate::outcome::{Cause, capital, people, person};
use crate::template::is_template;
use crate::workflow::{EndTarget, Next, Notice, Plan, Step, StepKind, StepOutcome, Target};
use crate::{HolderKind, HumanTask, Outcome, OutcomeKind, Status, WaitingReason};

/// Maximum number of steps that a prospect follows.
const MAX_STEPS: usize = 6;

/// The consequences of an answer, each as sentences in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prospects {
    pub on_yes: Vec<String>,
    pub on_no: Vec<String>,
}

/// Returns what an answer to the open task leads to. A text of the author replaces what the plan says; that more people
/// have to say yes is said in any case.
pub fn of(intent: &Intent, spec: &IntentSpec) -> Prospects {
    let Some((waiting, task)) = intent.waiting().zip(intent.open_task()) else { return Prospects::default() };
    let path = |outcome: StepOutcome| match (&spec.plan, &waiting.step) {
        (Some(plan), Some(step)) => follow(intent, plan, step, outcome),
        _ => vec![format!("The answer ends the request, and {} receives it.", requester(spec))],
    };
    let told = |text: &Option<String>, outcome| text.clone().map_or_else(|| path(outcome), |text| vec![text]);
    let missing = task.needed().saturating_sub(waiting.votes.len() + 1);
    let mut on_yes: Vec<String> = more_votes(task, missing).into_iter().collect();
    on_yes.extend(told(&task.on_yes, StepOutcome::Success));
    Prospects { on_yes, on_no: told(&task.on_no, StepOutcome::Failure) }
}

fn more_votes(task: &HumanTask, missing: usize) -> Option<String> {
    let needed = task.needed();
    match missing {
        0 if needed > 1 => Some("This is the last yes that is needed.".to_owned()),
        0 => None,
        1 => Some(format!("One more person must say yes, {needed} in total. Then:")),
        missing => Some(format!("{missing} more people must say yes, {needed} in total. Then:")),
    }
}

/// Returns the sentences of the steps that follow, up to the first that takes an agent, a person or an outside event.
fn follow(intent: &Intent, plan: &Plan, current: &str, outcome: StepOutcome) -> Vec<String> {
    let earlier = intent.cursor.as_ref().and_then(|cursor| cursor.cause.clone());
    let refused = || Cause { step: current.to_owned(), outcome: Outcome::plain(OutcomeKind::No), is_handled: false };
    let cause = match outcome {
        StepOutcome::Failure => Some(refused()),
        StepOutcome::Success => earlier.map(|cause| Cause { is_handled: true, ..cause }),
    };
    let (mut sentences, mut from, mut outcome) = (Vec::new(), current.to_owned(), outcome);
    for _ in 0..MAX_STEPS {
        match plan.next(&from, outcome, cause.as_ref()) {
            Next::End(end) => {
                let is_failed = cause.as_ref().is_some_and(|cause| !cause.is_handled);
                sentences.push(end_sentence(end, is_failed).to_owned());
                return sentences;
            }
            Next::Step(step) => {
                sentences.extend(step_sentence(step));
                let is_instant = matches!(
                    step.kind,
                    StepKind::Notification { .. } | StepKind::Reminder { .. } | StepKind::Pass | StepKind::Delay { .. }
                );
                if !is_instant {
                    return sentences;
                }
                (from, outcome) = (step.id.clone(), StepOutcome::Success);
            }
        }
    }
    sentences.push("More steps follow.".to_owned());
    sentences
}

fn end_sentence(end: Option<EndTarget>, is_failed: bool) -> &'static str {
    match end {
        Some(EndTarget::Completed) => "The request is complete.",
        Some(EndTarget::Canceled) => "The request is canceled.",
        Some(EndTarget::Failed) => "The request ends without success.",
        None if is_failed => "The request ends without success.",
        None => "The request is complete.",
    }
}

fn step_sentence(step: &Step) -> Option<String> {
    Some(match &step.kind {
        StepKind::Agent { name, to } => {
            let name = if name.is_empty() { agent(to.as_str()) } else { name.as_str() };
            format!("The service {name} carries out the step “{}”.", step.id)
        }
        StepKind::Human { holder, task, .. } => {
            let asked = match &task.assignees {
                Some(assignees) => assignees.clone(),
                None if holder.name.is_empty() => vec![holder.reference.clone()],
                None => vec![holder.name.clone()],
            };
            let verb = if asked.len() == 1 { "is" } else { "are" };
            let title = if is_template(&task.title) { String::new() } else { format!(": “{}”", task.title) };
            format!("{} {verb} asked next{title}.", names(&asked))
        }
        StepKind::Delay { seconds } => format!("The request waits {}.", span(*seconds)),
        StepKind::Timeout => "The request waits until a person or a program resumes it.".to_owned(),
        StepKind::Notification { notice } => told(notice),
        StepKind::Reminder { holder, .. } => {
            format!(
                "{} is reminded.",
                names(&[if holder.name.is_empty() { &holder.reference } else { &holder.name }.clone()])
            )
        }
        StepKind::Pass => return None,
    })
}

fn told(notice: &Notice) -> String {
    let name = |target: &Target| match target {
        Target::Slack(_) | Target::Teams(_) | Target::Webhook(_) => {
            format!("{} ({})", target.shown(), target.channel())
        }
        Target::Email(_) | Target::Inbox(_) => target.shown().to_owned(),
    };
    let to: Vec<String> = notice.targets.iter().map(name).collect();
    match to.as_slice() {
        [] => "The requester is notified.".to_owned(),
        [one] => format!("{} is notified.", names(std::slice::from_ref(one))),
        several => format!("{} are notified.", names(several)),
    }
}

/// Returns names as a list, with the first letter of our own words as a capital.
fn names(all: &[String]) -> String {
    let shown: Vec<String> = all.iter().map(|name| shown(name)).collect();
    let text = people(&shown);
    if text.starts_with("a person") || text.starts_with("group ") { capital(&text) } else { text }
}

/// Returns the name of a person, a group or an agent without the parts that only machines need.
pub fn shown(name: &str) -> String {
    match group_name(name) {
        Some(group) => format!("group {group}"),
        None if name == "human" => "a person in charge".to_owned(),
        None if name.starts_with("agent://") => agent(name).to_owned(),
        None => person(name).to_owned(),
    }
}

fn agent(address: &str) -> &str {
    address.rsplit('/').next().unwrap_or(address)
}

/// Returns the name of the requester of an intent, for a sentence.
pub fn requester(spec: &IntentSpec) -> String {
    shown(spec.from.as_str())
}

fn span(seconds: u64) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Returns what a task of this type asks for, after the name of the requester.
pub fn request(task_type: Option<&str>) -> &'static str {
    match task_type.unwrap_or("approval") {
        "approval" => "asks for your approval",
        "review" => "asks for your review",
        "form" | "provide_data" => "asks you to fill in a form",
        "confirmation" => "asks you to confirm",
        "assignment" => "asks you to assign a task",
        "clarification" => "has a question for you",
        "manual_action" => "asks you to do something",
        "override" => "asks you to override a rule",
        _ => "asks for your answer",
    }
}

/// Returns who decides the open task, how many have to say yes, and who has, as sentences.
pub fn deciders(intent: &Intent) -> String {
    let Some((waiting, task)) = intent.waiting().zip(intent.open_task()) else { return String::new() };
    let asked: Vec<String> = intent.asked().into_iter().map(shown).collect();
    let mut text = match task.needed() {
        1 => format!("one of {}.", people(&asked)),
        needed => format!("{needed} of {} have to say yes. A single no decides.", people(&asked)),
    };
    if asked.len() == 1 && task.needed() == 1 {
        text = format!("{}.", people(&asked));
    }
    let said: Vec<String> = waiting.votes.iter().map(|vote| shown(&vote.by)).collect();
    if !said.is_empty() {
        text = format!("{text} {} said yes.", people(&said));
    }
    text
}

/// Returns where an intent is now, as a sentence.
pub fn standing(intent: &Intent) -> String {
    if let Some(waiting) = intent.waiting() {
        return match waiting.reason {
            WaitingReason::WaitingForHuman => {
                let said =
                    |person: &&&str| waiting.votes.iter().any(|vote| crate::human::is_same_person(&vote.by, person));
                let open: Vec<String> =
                    intent.asked().iter().filter(|person| !said(person)).map(|person| (*person).to_owned()).collect();
                format!(
                    "The request now waits for an answer from {}.",
                    people(&open.iter().map(|name| shown(name)).collect::<Vec<_>>())
                )
            }
            WaitingReason::WaitingForTime => match waiting.due_at {
                Some(at) => format!("The request waits until {}.", at.in_minutes()),
                None => "The request waits until a person or a program resumes it.".to_owned(),
            },
            WaitingReason::WaitingForAgent | WaitingReason::WaitingForTool => {
                let holder = &waiting.holder;
                let name = if holder.name.is_empty() { shown(&holder.reference) } else { holder.name.clone() };
                let kind = if holder.kind == HolderKind::Human { "" } else { "the service " };
                match &waiting.step {
                    Some(step) => format!("The request is now with {kind}{name}, at the step “{step}”."),
                    None => format!("The request is now with {kind}{name}."),
                }
            }
        };
    }
    match (intent.status(), intent.outcome()) {
        (Status::Completed, _) => "The request is complete.".to_owned(),
        (Status::Canceled, _) => "The request is canceled.".to_owned(),
        (Status::TimedOut, _) => "The deadline of the request passed.".to_owned(),
        (Status::Failed, Some(outcome)) if outcome.kind.is_decision() => {
            format!("The request ended: {}.", outcome.sentence())
        }
        (Status::Failed, _) => "The request failed.".to_owned(),
        _ => "The request is in progress.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{IntentId, State, Time, Wait};
    use axme_types::Holder;

    fn asked(task: serde_json::Value, plan: Option<serde_json::Value>) -> (Intent, IntentSpec) {
        let task = HumanTask::read(task.as_object().unwrap()).0;
        let id = IntentId(uuid::Uuid::from_u128(1));
        let mut intent = Intent::draft(id, id, None, Time::from_micros(0));
        intent.state = State::Waiting(Wait {
            reason: WaitingReason::WaitingForHuman,
            holder: Holder::named(HolderKind::Human, "ann@example.com"),
            since: Time::from_micros(0),
            step: plan.as_ref().map(|_| "ask".to_owned()),
            task: Some(Box::new(task)),
            child: None,
            due_at: None,
            votes: Vec::new(),
            asking: 1,
        });
        let spec = json!({
            "intent_type": "t", "correlation_id": uuid::Uuid::nil(), "from": "user://max@example.com", "to": "human",
            "payload": {}, "plan": plan,
        });
        (intent, serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn a_plan_says_what_follows_up_to_the_next_agent_or_person() {
        let notice =
            json!({ "targets": [{ "channel": "email", "to": "ops@example.com" }], "subject": "s", "body": "b" });
        let plan = json!({ "scenario_id": "pay", "entry": "ask", "steps": [
            { "id": "ask", "tool": "", "kind": { "type": "human", "holder": Holder::named(HolderKind::Human, "ann"), "task": { "title": "t" } },
              "on_success": "tell", "on_failure": "end.failed" },
            { "id": "tell", "tool": "", "kind": { "type": "notification", "notice": notice }, "on_success": "pay" },
            { "id": "pay", "tool": "", "kind": { "type": "agent", "to": "agent://acme/prod/bank", "name": "bank" }, "on_success": "more" },
            { "id": "more", "tool": "", "kind": { "type": "pass" } },
        ] });
        let (intent, spec) =
            asked(json!({ "title": "t", "quorum": 2, "assignees": ["ann", "bob"] }), Some(plan.clone()));
        let prospects = of(&intent, &spec);
        let expected = [
            "One more person must say yes, 2 in total. Then:",
            "ops@example.com is notified.",
            "The service bank carries out the step “pay”.",
        ];
        assert_eq!(prospects.on_yes, expected);
        assert_eq!(prospects.on_no, ["The request ends without success."]);
        let (intent, spec) = asked(json!({ "title": "t", "on_yes": "The money leaves today." }), Some(plan));
        assert_eq!(of(&intent, &spec).on_yes, ["The money leaves today."]);
        assert_eq!(standing(&intent), "The request now waits for an answer from ann@example.com.");
    }

    #[test]
    fn without_a_plan_the_requester_gets_the_answer() {
        let (intent, spec) = asked(json!({ "title": "t" }), None);
        let told = "The answer ends the request, and max@example.com receives it.";
        assert_eq!(of(&intent, &spec), Prospects { on_yes: vec![told.to_owned()], on_no: vec![told.to_owned()] });
    }
}
