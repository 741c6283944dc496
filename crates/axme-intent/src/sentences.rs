//! Events as sentences: who did what, in which way and on whose behalf. The command line, pages and mail show these
//! sentences, and no other text about an event.
//!
//! A sentence says only what its event records. It is one line of bounded length without control characters, whatever
//! people wrote.

use axme_types::tasks::Via;
use serde_json::Value;

use crate::human::{is_email, is_same_person};
use crate::lifecycle::{Event, EventBody, Holder, IntentSpec, Wait};
use crate::outcome::{Outcome, answered, capital, people, person};
use crate::{HumanTask, Json, Object, OutcomeKind, WaitingReason, template};

/// The longest sentence, and the longest text of a person or an agent in it, in characters.
const MAX_CHARS: usize = 1_000;
const MAX_QUOTED_CHARS: usize = 500;

/// The actor of the platform itself.
const PLATFORM: &str = "gateway";

/// Returns an event as a sentence. `None` for an event that adds nothing to the one before or after it.
pub fn of_event(event: &Event) -> Option<String> {
    let actor = name(&event.actor);
    let by = if event.actor == PLATFORM { String::new() } else { format!(" by {actor}") };
    let said = match &event.body {
        EventBody::Created(spec) => submitted(spec),
        EventBody::Submitted => return None,
        EventBody::Delivered { to } => format!("Queued for {}", name(to.as_str())),
        EventBody::Acknowledged => format!("Received{by}"),
        EventBody::InProgress { step, result, details, .. } => progress(
            step.as_deref(),
            result.as_ref().map(Json::value).as_ref(),
            &details.values_parsed(),
            &event.actor,
        )?,
        EventBody::Waiting(waiting) => waits(waiting)?,
        EventBody::HumanTaskAssigned { holder, task } => asked(holder, task),
        EventBody::Timeout { step } => format!("Step {step} was not finished before its deadline"),
        EventBody::Reminder { holder, count } => format!("Reminder {count} to {}", display(holder)),
        EventBody::Escalated { holder, from, due_at, task } => {
            let how = if task.is_some() && due_at.is_some() { "instead" } else { "as well" };
            format!("{} is asked {how}, because {} has not answered", display(holder), display(from))
        }
        EventBody::Voted { vote, needed } => {
            let needed = format!(", one of {needed} who have to say yes");
            answer(&vote.result.value(), &vote.by, vote.via, &needed)
        }
        EventBody::Transferred { holder, from, note, .. } => {
            format!("Reassigned from {} to {}{by}{}", display(from), display(holder), quoted(note.as_deref()))
        }
        EventBody::DeliveryFailed { attempt, most, error, retry_at } => {
            let again = retry_at.map(|at| format!("; the next attempt is at {}", at.in_minutes())).unwrap_or_default();
            format!("Delivery {attempt} of {most} failed{}{again}", quoted(Some(error)))
        }
        EventBody::Completed { .. } | EventBody::Failed { .. } | EventBody::Canceled { .. } | EventBody::TimedOut => {
            ended(event, &by)
        }
    };
    // Only our own words get a capital letter; a name stays unchanged.
    let said = if said.starts_with("a person") { capital(&said) } else { said };
    Some(one_line(&said, MAX_CHARS))
}

fn submitted(spec: &IntentSpec) -> String {
    let key = spec.requested_by.as_deref().map(|owner| format!(" with a key of {}", name(owner))).unwrap_or_default();
    let to = if spec.to.is_platform() { String::new() } else { format!(" to {}", name(spec.to.as_str())) };
    let plan = spec.plan.as_ref().map(|plan| format!(", scenario {}", plan.scenario_id)).unwrap_or_default();
    format!("Submitted by {}{key}{to}: {}{plan}", name(spec.from.as_str()), spec.intent_type)
}

fn progress(step: Option<&str>, result: Option<&Value>, details: &Object, actor: &str) -> Option<String> {
    let text = |key: &str| details.get(key).and_then(Value::as_str);
    if let (Some(answer_given), Some(by)) = (details.get("task_result"), text("answered_by")) {
        let via = text("answered_via").and_then(Via::parse).unwrap_or_default();
        let asked = details.get("answered_for").and_then(Value::as_array).into_iter().flatten();
        let asked: Vec<String> = asked.filter_map(Value::as_str).map(str::to_owned).collect();
        let behalf = if asked.is_empty() { String::new() } else { format!(", on behalf of {}", people(&asked)) };
        return Some(answer(answer_given, by, via, &behalf));
    }
    let Some(step) = step else {
        let reason = text("reason").or_else(|| text("message")).or_else(|| text("note"));
        return Some(format!("In progress, reported by {}{}", name(actor), quoted(reason)));
    };
    let Some(result) = result else {
        let error = details.get("error").map(fault_text).unwrap_or_default();
        return Some(format!("Step {step} failed and is tried again{}", quoted(Some(&error))));
    };
    let agent = text("agent").map(|agent| format!(" by {}", name(agent)));
    if text("step_outcome") == Some("failed") {
        let error = &result["error"];
        // The event before this one says that the step missed its deadline.
        let is_told = error["code"] == "step_timeout" && agent.is_none();
        // The platform ends a step that is late or canceled; the agent has reported nothing.
        let is_reported = error["code"] != "step_timeout" && error["code"] != "step_canceled";
        let by = agent.filter(|_| is_reported).map(|by| format!(", reported{by}")).unwrap_or_default();
        return (!is_told).then(|| format!("Step {step} failed{by}{}", quoted(Some(&fault_text(error)))));
    }
    if let Some(agent) = agent {
        return Some(format!("Step {step} was done{agent}"));
    }
    // A reminder has an event of its own.
    if result.get("reminded").is_some() {
        return None;
    }
    let told = result["notified"].as_array().into_iter().flatten().filter_map(|target| target["to"].as_str());
    let told: Vec<String> = told.map(str::to_owned).collect();
    if !told.is_empty() {
        return Some(format!("Step {step} notified {}", people(&told)));
    }
    if let Some(seconds) = result["delayed_seconds"].as_u64() {
        return Some(format!("Step {step} has waited {seconds} s"));
    }
    if actor == PLATFORM {
        return Some(format!("Step {step} is done"));
    }
    Some(format!("Step {step} was resumed by {}{}", name(actor), quoted(result["reason"].as_str())))
}

fn waits(waiting: &Wait) -> Option<String> {
    let step = waiting.step.as_deref().map(|step| format!(" (step {step})")).unwrap_or_default();
    match waiting.reason {
        // The next event says who is asked, and what.
        WaitingReason::WaitingForHuman => None,
        WaitingReason::WaitingForTime => {
            let until = waiting.due_at.map(|at| format!("until {}", at.in_minutes()));
            Some(format!("Waiting {}{step}", until.unwrap_or_else(|| "until a caller resumes it".to_owned())))
        }
        WaitingReason::WaitingForAgent | WaitingReason::WaitingForTool => {
            Some(format!("Waiting for {}{step}", display(&waiting.holder)))
        }
    }
}

fn asked(holder: &Holder, task: &HumanTask) -> String {
    let mut all = vec![display(holder)];
    let others = task.assignees.iter().flatten().chain(&task.notify_email);
    for other in others.filter(|other| !is_same_person(other, &holder.reference)) {
        let other = name(other);
        if !all.contains(&other) {
            all.push(other);
        }
    }
    let verb = if all.len() == 1 { "is" } else { "are" };
    let needed = task.needed();
    let quorum = if needed > 1 { format!(", and {needed} have to say yes") } else { String::new() };
    format!("{} {verb} asked{quorum}{}", all.join(", "), quoted(Some(&task.title)))
}

/// Returns a person's answer: who gave it and how, then `more`, then the comment.
fn answer(result: &Value, by: &str, via: Via, more: &str) -> String {
    let way = match via {
        Via::Api => "through the API",
        Via::CommandLine => "at the command line",
        Via::Email => "by mailed link",
        Via::Form => "on a page",
        Via::Inbox => "in the inbox",
        Via::Assistant => "through an assistant",
    };
    let word = answered(result["outcome"].as_str().unwrap_or_default());
    format!("{word} by {} {way}{more}{}", name(by), quoted(result["comment"].as_str()))
}

fn ended(event: &Event, by: &str) -> String {
    let outcome = event.outcome().unwrap_or(Outcome::plain(OutcomeKind::Completed));
    let decision = || {
        let said = outcome.sentence();
        let mut letters = said.chars();
        letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    let is_decided = outcome.kind.is_decision();
    match &event.body {
        EventBody::Failed { .. } if is_decided => format!("Failed: {}", decision()),
        EventBody::Failed { fault, .. } => {
            // The end of a workflow follows from its steps, which have their own sentences.
            let is_workflow =
                fault.result.as_ref().and_then(|result| result.field("steps")).is_some_and(|steps| steps.is_object());
            let by = if by.is_empty() || is_workflow { String::new() } else { format!(", reported{by}") };
            format!("Failed{by}{}", quoted(Some(&fault_words(&fault.code, &fault.message))))
        }
        EventBody::Canceled { .. } if is_decided => format!("Canceled: {}", decision()),
        EventBody::Canceled { reason, .. } => format!("Canceled{by}{}", quoted(Some(reason))),
        EventBody::TimedOut => "Timed out: the deadline passed".to_owned(),
        _ if is_decided => format!("Completed: {}", decision()),
        _ => format!("Completed{by}"),
    }
}

fn fault_text(error: &Value) -> String {
    let text = |key: &str| error[key].as_str().unwrap_or_default();
    fault_words(text("code"), text("message"))
}

fn fault_words(code: &str, message: &str) -> String {
    match (code, message) {
        (code, "") => code.to_owned(),
        ("" | "failed" | "agent_failed" | "step_timeout" | "delivery_failed", message) => message.to_owned(),
        (code, message) => format!("{message} ({code})"),
    }
}

/// Returns the name of a holder, with its email address if that says more.
fn display(holder: &Holder) -> String {
    let known = if holder.name.is_empty() { &holder.reference } else { &holder.name };
    let is_shown = is_same_person(known, &holder.reference) || !is_email(&holder.reference);
    if is_shown { name(known) } else { format!("{} ({})", name(known), holder.reference) }
}

/// Returns the name of an actor: a person, the last part of an agent's address, or the platform.
fn name(actor: &str) -> String {
    match actor {
        "human" | "agent://agent_core" => "a person".to_owned(),
        PLATFORM => "the platform".to_owned(),
        actor if actor.starts_with("agent://") => actor.rsplit('/').next().unwrap_or(actor).to_owned(),
        actor => person(actor).to_owned(),
    }
}

/// Returns `: text`, or nothing for an empty text.
fn quoted(text: Option<&str>) -> String {
    let text = one_line(text.unwrap_or_default(), MAX_QUOTED_CHARS);
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// Returns text on one line, and cut off where it gets too long.
fn one_line(text: &str, most: usize) -> String {
    let words = template::one_line(text);
    match words.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lifecycle::Fault;
    use crate::{Status, Time};

    fn said(body: EventBody, actor: &str, status: Status) -> Option<String> {
        of_event(&Event { position: 1, at: Time::from_micros(0), actor: actor.to_owned(), status, body })
    }

    fn answered_event(details: Value) -> Option<String> {
        let details = details.as_object().unwrap().clone().into();
        let body = EventBody::InProgress { step: None, result: None, details, cause: None, decided: None };
        said(body, "somebody", Status::InProgress)
    }

    #[test]
    fn an_answer_says_who_really_gave_it_how_and_for_whom() {
        let details = json!({
            "task_result": { "outcome": "rejected", "comment": "too\n\u{1b}[31mexpensive\u{202e}" },
            "answered_by": "user://bob@example.com", "answered_via": "email", "answered_for": ["Operations"],
        });
        let expected = "Rejected by bob@example.com by mailed link, on behalf of Operations: too [31mexpensive";
        assert_eq!(answered_event(details).as_deref(), Some(expected));
        for (via, way) in [
            (Via::Api, "through the API"),
            (Via::CommandLine, "at the command line"),
            (Via::Form, "on a page"),
            (Via::Inbox, "in the inbox"),
            (Via::Assistant, "through an assistant"),
        ] {
            let details =
                json!({ "task_result": { "outcome": "approved" }, "answered_by": "ann", "answered_via": via });
            assert_eq!(answered_event(details), Some(format!("Approved by ann {way}")));
        }
    }

    #[test]
    fn a_reassignment_and_a_cancellation_name_their_author() {
        let holder = |name: &str| Holder::named(crate::HolderKind::Human, name);
        let body = EventBody::Transferred {
            holder: holder("kim@example.com"),
            from: holder("human"),
            is_part: false,
            note: Some("on leave".to_owned()),
        };
        let expected = "Reassigned from a person to kim@example.com by max@example.com: on leave";
        assert_eq!(said(body, "max@example.com", Status::Waiting).as_deref(), Some(expected));
        let body = EventBody::Canceled { reason: "not needed".to_owned(), outcome: None };
        let expected = "Canceled by max@example.com: not needed";
        assert_eq!(said(body, "max@example.com", Status::Canceled).as_deref(), Some(expected));
    }

    #[test]
    fn a_sentence_is_one_line_of_bounded_length() {
        let fault = Fault { code: "c".repeat(5_000), message: "line\r\n".repeat(5_000), details: None, result: None };
        let text = said(EventBody::Failed { fault, outcome: None }, &"a".repeat(5_000), Status::Failed).unwrap();
        assert!(text.chars().count() <= MAX_CHARS + 1 && !text.contains(char::is_control), "{text}");
    }
}
