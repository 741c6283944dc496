//! The consequences of a person's answer, from the plan and the state of the intent. Before the answer they are for a yes and
//! for a no; after it, they say where the intent is.
//!
//! The sentences follow the same links as the engine (`Plan::next`). They promise nothing beyond the next agent or
//! person: a plan can branch there.

use axme_words::{Language, Text, say};

use crate::human::group_name;
use crate::lifecycle::{Intent, IntentSpec, Wait};
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
pub fn of(intent: &Intent, spec: &IntentSpec, language: Language) -> Prospects {
    let Some((waiting, task)) = intent.waiting().zip(intent.open_task()) else { return Prospects::default() };
    let path = |outcome: StepOutcome| match (&spec.plan, &waiting.step) {
        (Some(plan), Some(step)) => follow(intent, plan, step, outcome, language),
        _ => vec![say(language, "then-requester").with("name", requester(spec, language)).to_string()],
    };
    let told = |text: &Option<String>, outcome| text.clone().map_or_else(|| path(outcome), |text| vec![text]);
    let missing = task.needed().saturating_sub(waiting.votes.len() + 1);
    let mut on_yes: Vec<String> = more_votes(task, missing, language).into_iter().collect();
    on_yes.extend(told(&task.on_yes, StepOutcome::Success));
    Prospects { on_yes, on_no: told(&task.on_no, StepOutcome::Failure) }
}

fn more_votes(task: &HumanTask, missing: usize, language: Language) -> Option<String> {
    let needed = task.needed();
    match missing {
        0 if needed > 1 => Some(say(language, "then-last-yes").to_string()),
        0 => None,
        missing => Some(say(language, "then-more-yes").with("missing", missing).with("needed", needed).to_string()),
    }
}

/// Returns the sentences of the steps that follow, up to the first that takes an agent, a person or an outside event.
fn follow(intent: &Intent, plan: &Plan, current: &str, outcome: StepOutcome, language: Language) -> Vec<String> {
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
                sentences.push(say(language, end_sentence(end, is_failed)).to_string());
                return sentences;
            }
            Next::Step(step) => {
                sentences.extend(step_sentence(step, language));
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
    sentences.push(say(language, "then-more-steps").to_string());
    sentences
}

/// Returns the id of the sentence about an end.
fn end_sentence(end: Option<EndTarget>, is_failed: bool) -> &'static str {
    match end {
        Some(EndTarget::Completed) => "then-completed",
        Some(EndTarget::Canceled) => "then-canceled",
        Some(EndTarget::Failed) => "then-failed",
        None if is_failed => "then-failed",
        None => "then-completed",
    }
}

fn step_sentence(step: &Step, language: Language) -> Option<String> {
    let sentence = match &step.kind {
        StepKind::Agent { name, to } => {
            let name = if name.is_empty() { agent(to.as_str()) } else { name.as_str() };
            say(language, "then-service").with("name", name).with("step", step.id.as_str())
        }
        StepKind::Human { holder, task, .. } => {
            let asked = match &task.assignees {
                Some(assignees) => assignees.clone(),
                None if holder.name.is_empty() => vec![holder.reference.clone()],
                None => vec![holder.name.clone()],
            };
            let title = match is_template(&task.title) {
                true => String::new(),
                false => say(language, "then-title").with("title", task.title.as_str()).to_string(),
            };
            let sentence = say(language, "then-asked").with("count", asked.len());
            sentence.with("names", names(&asked, language)).with("title", title)
        }
        StepKind::Delay { seconds } => say(language, "then-waits").with("span", span(*seconds, language)),
        StepKind::Timeout => say(language, "then-resumed"),
        StepKind::Notification { notice } => told(notice, language),
        StepKind::Reminder { holder, .. } => {
            let name = if holder.name.is_empty() { &holder.reference } else { &holder.name };
            say(language, "then-reminded").with("name", names(std::slice::from_ref(name), language))
        }
        StepKind::Pass => return None,
    };
    Some(sentence.to_string())
}

fn told(notice: &Notice, language: Language) -> Text {
    let name = |target: &Target| match target {
        Target::Slack(_) | Target::Teams(_) | Target::Webhook(_) => {
            format!("{} ({})", target.shown(), target.channel())
        }
        Target::Email(_) | Target::Inbox(_) => target.shown().to_owned(),
    };
    let to: Vec<String> = notice.targets.iter().map(name).collect();
    match to.len() {
        0 => say(language, "then-requester-notified"),
        count => say(language, "then-notified").with("count", count).with("names", names(&to, language)),
    }
}

/// Returns names as a list, with the first letter of our own words as a capital.
fn names(all: &[String], language: Language) -> String {
    let text = people(&shown_list(all, language));
    let is_ours = all.first().is_some_and(|name| name == UNNAMED || group_name(name).is_some());
    if is_ours { capital(&text) } else { text }
}

fn shown_list(all: &[impl AsRef<str>], language: Language) -> Vec<String> {
    all.iter().map(|name| shown(name.as_ref(), language)).collect()
}

/// The holder of a task that names nobody.
const UNNAMED: &str = "human";

/// Returns the name of a person, a group or an agent without the parts that only machines need.
pub fn shown(name: &str, language: Language) -> String {
    match group_name(name) {
        Some(group) => say(language, "name-group").with("name", group).to_string(),
        None if name == UNNAMED => say(language, "name-in-charge").to_string(),
        None if name.starts_with("agent://") => agent(name).to_owned(),
        None => person(name).to_owned(),
    }
}

fn agent(address: &str) -> &str {
    address.rsplit('/').next().unwrap_or(address)
}

/// Returns the name of the requester of an intent, for a sentence.
pub fn requester(spec: &IntentSpec, language: Language) -> String {
    shown(spec.from.as_str(), language)
}

fn span(seconds: u64, language: Language) -> String {
    let (id, count) = match seconds {
        0..120 => ("length-seconds", seconds),
        120..7_200 => ("length-minutes", seconds / 60),
        7_200..172_800 => ("length-hours", seconds / 3_600),
        _ => ("length-days", seconds / 86_400),
    };
    say(language, id).with("count", count).to_string()
}

/// Returns what a task of this type asks for, after the name of the requester.
pub fn request(task_type: Option<&str>, language: Language) -> String {
    let known = axme_words::of_family(language, "request", task_type.unwrap_or("approval"));
    known.unwrap_or_else(|| say(language, "request-answer")).to_string()
}

/// Returns who decides the open task, how many have to say yes, and who has, as sentences.
pub fn deciders(intent: &Intent, language: Language) -> String {
    let Some((waiting, task)) = intent.waiting().zip(intent.open_task()) else { return String::new() };
    let asked = people(&shown_list(&intent.asked(), language));
    let text = match task.needed() {
        1 if intent.asked().len() == 1 => say(language, "deciders-only"),
        1 => say(language, "deciders-one-of"),
        needed => say(language, "deciders-needed").with("needed", needed),
    };
    let text = text.with("names", asked).to_string();
    if waiting.votes.is_empty() {
        return text;
    }
    let said: Vec<&str> = waiting.votes.iter().map(|vote| vote.by.as_str()).collect();
    format!("{text} {}", say(language, "deciders-said").with("names", people(&shown_list(&said, language))))
}

/// Returns where an intent is now, as a sentence.
pub fn standing(intent: &Intent, language: Language) -> String {
    if let Some(question) = intent.open_question() {
        return say(language, "standing-question").with("name", shown(&question.to.reference, language)).into();
    }
    let sentence = match intent.waiting() {
        Some(waiting) => match waiting.reason {
            WaitingReason::WaitingForHuman => {
                let said = |person: &&&str| waiting.votes.iter().any(|vote| vote.is_of(person));
                let asked = intent.asked();
                let open: Vec<&str> = asked.iter().filter(|person| !said(person)).copied().collect();
                say(language, "standing-asked").with("names", people(&shown_list(&open, language)))
            }
            WaitingReason::WaitingForTime => match waiting.due_at {
                Some(at) => say(language, "standing-until").with("at", at),
                None => say(language, "then-resumed"),
            },
            WaitingReason::WaitingForAgent | WaitingReason::WaitingForTool => at_holder(waiting, language),
        },
        None => match (intent.status(), intent.outcome()) {
            (Status::Completed, _) => say(language, "then-completed"),
            (Status::Canceled, _) => say(language, "then-canceled"),
            (Status::TimedOut, _) => say(language, "standing-timed-out"),
            (Status::Failed, Some(outcome)) if outcome.kind.is_decision() => {
                say(language, "standing-ended").with("outcome", outcome.sentence(language))
            }
            (Status::Failed, _) => say(language, "standing-failed"),
            _ => say(language, "standing-progress"),
        },
    };
    sentence.to_string()
}

fn at_holder(waiting: &Wait, language: Language) -> Text {
    let holder = &waiting.holder;
    let name = if holder.name.is_empty() { shown(&holder.reference, language) } else { holder.name.clone() };
    let sentence = match (holder.kind, &waiting.step) {
        (HolderKind::Human, Some(_)) => say(language, "standing-at-person-step"),
        (HolderKind::Human, None) => say(language, "standing-at-person"),
        (_, Some(_)) => say(language, "standing-at-service-step"),
        (_, None) => say(language, "standing-at-service"),
    };
    let sentence = sentence.with("name", name);
    match &waiting.step {
        Some(step) => sentence.with("step", step.as_str()),
        None => sentence,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{IntentId, State, Time};
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
            questions: Vec::new(),
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
        let prospects = of(&intent, &spec, Language::English);
        let expected = [
            "One more person must say yes, 2 in total. Then:",
            "ops@example.com is notified.",
            "The service bank carries out the step “pay”.",
        ];
        assert_eq!(prospects.on_yes, expected);
        assert_eq!(prospects.on_no, ["The request ends without success."]);
        let in_german = of(&intent, &spec, Language::German);
        let expected = [
            "Noch eine Person muss zustimmen, insgesamt 2. Danach:",
            "ops@example.com wird benachrichtigt.",
            "Der Dienst bank führt den Schritt „pay“ aus.",
        ];
        assert_eq!(in_german.on_yes, expected);
        let (intent, spec) = asked(json!({ "title": "t", "on_yes": "The money leaves today." }), Some(plan));
        assert_eq!(of(&intent, &spec, Language::English).on_yes, ["The money leaves today."]);
        assert_eq!(standing(&intent, Language::English), "The request now waits for an answer from ann@example.com.");
    }

    #[test]
    fn without_a_plan_the_requester_gets_the_answer() {
        let (intent, spec) = asked(json!({ "title": "t" }), None);
        let told = "The answer ends the request, and max@example.com receives it.";
        assert_eq!(
            of(&intent, &spec, Language::English),
            Prospects { on_yes: vec![told.to_owned()], on_no: vec![told.to_owned()] }
        );
    }

    #[test]
    fn times_and_requests_are_in_words() {
        let shown = [1, 2, 119, 120, 7_199, 7_200, 172_799, 172_800].map(|seconds| span(seconds, Language::English));
        assert_eq!(
            shown,
            ["1 second", "2 seconds", "119 seconds", "2 minutes", "119 minutes", "2 hours", "47 hours", "2 days"]
        );
        let known =
            ["approval", "review", "form", "confirmation", "assignment", "clarification", "manual_action", "override"];
        let ask = |word: Option<&str>| request(word, Language::English);
        let mut said: Vec<String> = known.into_iter().chain(["dance"]).map(|word| ask(Some(word))).collect();
        assert_eq!([ask(None), ask(Some("provide_data"))], [said[0].clone(), said[2].clone()]);
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), 9, "{said:?}");
        assert!(said.iter().all(|text| text.starts_with("asks ") || text.starts_with("has ")), "{said:?}");
    }

    #[test]
    fn names_are_shown_without_what_only_machines_need() {
        let told = ["human", "agent://local/default/bank", "group://Finance", "user://ann@example.com", "team/kim"]
            .map(|name| shown(name, Language::English));
        assert_eq!(told, ["a person in charge", "bank", "group finance", "ann@example.com", "team/kim"]);
        let holder = |reference: &str, name: &str| Holder {
            kind: HolderKind::Human,
            reference: reference.to_owned(),
            name: name.to_owned(),
        };
        let notice = Box::new(Notice { targets: Vec::new(), subject: String::new(), body: String::new() });
        let ask = |task: serde_json::Value, holder: Holder| StepKind::Human {
            holder,
            task: Box::new(HumanTask::read(task.as_object().unwrap()).0),
            escalated_from: None,
        };
        for (kind, said) in [
            (ask(json!({ "title": "Pay?" }), holder("ann@example.com", "")), "ann@example.com is asked next: “Pay?”."),
            (ask(json!({ "title": "Pay?" }), holder("ann@example.com", "ann")), "ann is asked next: “Pay?”."),
            (
                ask(json!({ "title": "{{ x }}", "assignees": ["ann", "bob"] }), holder("x", "x")),
                "ann, bob are asked next.",
            ),
            (ask(json!({ "title": "Go?" }), holder("human", "")), "A person in charge is asked next: “Go?”."),
            (ask(json!({ "title": "Go?" }), holder("group://ops", "")), "Group ops is asked next: “Go?”."),
            (
                StepKind::Reminder { holder: holder("ann@example.com", ""), notice: notice.clone() },
                "ann@example.com is reminded.",
            ),
            (StepKind::Reminder { holder: holder("ann@example.com", "ann"), notice }, "ann is reminded."),
            (StepKind::Delay { seconds: 60 }, "The request waits 60 seconds."),
        ] {
            let step: Step = serde_json::from_value(json!({ "id": "s", "tool": "", "kind": kind })).unwrap();
            assert_eq!(step_sentence(&step, Language::English).as_deref(), Some(said));
        }
    }
}
