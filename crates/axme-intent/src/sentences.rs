//! Events as sentences: who did what, in which way and on whose behalf. The command line, pages and mail show these
//! sentences, and no other text about an event.
//!
//! A sentence says only what its event records. It is one line of bounded length without control characters, whatever
//! people wrote.

use axme_types::tasks::Via;
use axme_words::{Language, Text, inline, of_family, say};
use serde_json::Value;

use crate::human::{is_email, is_same_person};
use crate::lifecycle::{Event, EventBody, Holder, IntentSpec, Wait};
use crate::outcome::{Outcome, answered, capital, people, person};
use crate::template::one_line_within;
use crate::{HumanTask, Json, Object, OutcomeKind, WaitingReason};

/// The longest sentence, and the longest text of a person or an agent in it, in characters.
const MAX_CHARS: usize = 1_000;
const MAX_QUOTED_CHARS: usize = 500;

/// The actor of the platform itself.
const PLATFORM: &str = "gateway";

/// Returns an event as a sentence. `None` for an event that adds nothing to the one before or after it.
pub fn of_event(event: &Event, language: Language) -> Option<String> {
    Narrator { language }.event(event)
}

/// Tells events in a language.
struct Narrator {
    language: Language,
}

impl Narrator {
    fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }

    /// Returns a text with a blank before it, as a part that follows another one.
    fn part(&self, id: &'static str, name: &str) -> String {
        format!(" {}", self.say(id).with("name", name))
    }

    fn event(&self, event: &Event) -> Option<String> {
        let actor = self.name(&event.actor);
        let by = if event.actor == PLATFORM { String::new() } else { self.part("event-by", &actor) };
        let said: String = match &event.body {
            EventBody::Created(spec) => self.submitted(spec),
            EventBody::Submitted => return None,
            EventBody::Delivered { to } => self.say("event-queued").with("name", self.name(to.as_str())).into(),
            EventBody::Acknowledged => self.say("event-received").with("by", by).into(),
            EventBody::InProgress { step, result, details, .. } => {
                let result = result.as_ref().map(Json::value);
                self.progress(step.as_deref(), result.as_ref(), &details.values_parsed(), &event.actor)?
            }
            EventBody::Waiting(waiting) => self.waits(waiting)?,
            EventBody::HumanTaskAssigned { holder, task } => self.asked(holder, task),
            EventBody::Timeout { step } => self.say("event-step-late").with("step", step).into(),
            EventBody::Reminder { holder, count } => {
                self.say("event-reminder").with("count", *count).with("name", self.display(holder)).into()
            }
            EventBody::Escalated { holder, from, due_at, task } => {
                let is_instead = task.is_some() && due_at.is_some();
                let said = self.say(if is_instead { "event-asked-instead" } else { "event-asked-too" });
                said.with("name", self.display(holder)).with("from", self.display(from)).into()
            }
            EventBody::Voted { vote, needed } => {
                let needed = self.say("event-vote").with("needed", *needed).to_string();
                let absent = vote.on_behalf_of.as_slice();
                self.answer(&vote.result.value(), &vote.by, vote.via, &format!("{}{needed}", self.behalf(absent)))
            }
            EventBody::Withdrawn { vote, via, comment, .. } => {
                let said = self.say("event-withdrawn").with("name", self.name(&vote.by)).with("way", self.way(*via));
                format!("{said}{}", quoted(comment.as_deref()))
            }
            EventBody::Questioned { question } => {
                let said = self.say("event-question").with("name", self.name(&question.by));
                let said = said.with("to", self.display(&question.to)).with("way", self.way(question.via));
                format!("{said}{}", quoted(Some(&question.text)))
            }
            EventBody::Replied { asked_by, reply } => {
                let said = self.say("event-reply").with("name", self.name(&reply.by));
                let said = said.with("to", self.name(asked_by)).with("way", self.way(reply.via));
                format!("{said}{}", quoted(Some(&reply.text)))
            }
            EventBody::Transferred { holder, from, note, .. } => {
                let said = self.say("event-reassigned").with("from", self.display(from));
                let said = said.with("name", self.display(holder)).with("by", by);
                said.with("note", quoted(note.as_deref())).into()
            }
            EventBody::DeliveryFailed { attempt, most, error, retry_at } => {
                let again = retry_at.map(|at| self.say("event-delivery-again").with("at", at).to_string());
                let said = self.say("event-delivery-failed").with("attempt", *attempt).with("most", *most);
                said.with("why", quoted(Some(error))).with("again", again.unwrap_or_default()).into()
            }
            EventBody::Completed { .. }
            | EventBody::Failed { .. }
            | EventBody::Canceled { .. }
            | EventBody::TimedOut => self.ended(event, &by),
        };
        // Only our own words get a capital letter; a name stays unchanged.
        let is_ours = said.starts_with(&self.say("name-person").to_string());
        Some(one_line_within(&if is_ours { capital(&said) } else { said }, MAX_CHARS))
    }

    fn submitted(&self, spec: &IntentSpec) -> String {
        let key = spec.requested_by.as_deref().map(|owner| self.part("name-with-key", &self.name(owner)));
        let to = (!spec.to.is_platform()).then(|| self.part("event-to", &self.name(spec.to.as_str())));
        let plan = spec.plan.as_ref().map(|plan| self.say("event-plan").with("name", &plan.scenario_id).to_string());
        let said = self.say("event-submitted").with("name", self.name(spec.from.as_str()));
        let said = said.with("key", key.unwrap_or_default()).with("to", to.unwrap_or_default());
        said.with("type", &spec.intent_type).with("plan", plan.unwrap_or_default()).into()
    }

    fn progress(&self, step: Option<&str>, result: Option<&Value>, details: &Object, actor: &str) -> Option<String> {
        let text = |key: &str| details.get(key).and_then(Value::as_str);
        if let (Some(answer_given), Some(by)) = (details.get("task_result"), text("answered_by")) {
            let via = text("answered_via").and_then(Via::parse).unwrap_or_default();
            let asked = details.get("answered_for").and_then(Value::as_array).into_iter().flatten();
            let asked: Vec<String> = asked.filter_map(Value::as_str).map(str::to_owned).collect();
            return Some(self.answer(answer_given, by, via, &self.behalf(&asked)));
        }
        let Some(step) = step else {
            let reason = text("reason").or_else(|| text("message")).or_else(|| text("note"));
            return Some(format!("{}{}", self.say("event-progress").with("name", self.name(actor)), quoted(reason)));
        };
        let Some(result) = result else {
            let error = details.get("error").map(fault_text).unwrap_or_default();
            return Some(format!("{}{}", self.say("event-step-again").with("step", step), quoted(Some(&error))));
        };
        let agent = text("agent").map(|agent| self.name(agent));
        if text("step_outcome") == Some("failed") {
            let error = &result["error"];
            // The event before this one says that the step missed its deadline.
            let is_told = error["code"] == "step_timeout" && agent.is_none();
            // The platform ends a step that is late or canceled; the agent has reported nothing.
            let is_reported = error["code"] != "step_timeout" && error["code"] != "step_canceled";
            let by = agent.filter(|_| is_reported).map(|agent| self.reported(&agent)).unwrap_or_default();
            let said = self.say("event-step-failed").with("step", step).with("by", by);
            return (!is_told).then(|| format!("{said}{}", quoted(Some(&fault_text(error)))));
        }
        if let Some(agent) = agent {
            return Some(self.say("event-step-done-by").with("step", step).with("name", agent).into());
        }
        // A reminder has an event of its own.
        if result.get("reminded").is_some() {
            return None;
        }
        let told = result["notified"].as_array().into_iter().flatten().filter_map(|target| target["to"].as_str());
        let told: Vec<String> = told.map(str::to_owned).collect();
        if !told.is_empty() {
            return Some(self.say("event-step-notified").with("step", step).with("names", people(&told)).into());
        }
        if let Some(seconds) = result["delayed_seconds"].as_u64() {
            return Some(self.say("event-step-waited").with("step", step).with("seconds", seconds).into());
        }
        if actor == PLATFORM {
            return Some(self.say("event-step-done").with("step", step).into());
        }
        let said = self.say("event-step-resumed").with("step", step).with("name", self.name(actor));
        Some(format!("{said}{}", quoted(result["reason"].as_str())))
    }

    fn reported(&self, by: &str) -> String {
        self.say("event-reported").with("name", by).into()
    }

    fn waits(&self, waiting: &Wait) -> Option<String> {
        let step = waiting.step.as_deref().map(|step| format!(" {}", self.say("event-of-step").with("step", step)));
        let said = match waiting.reason {
            // The next event says who is asked, and what.
            WaitingReason::WaitingForHuman => return None,
            WaitingReason::WaitingForTime => match waiting.due_at {
                Some(at) => self.say("event-waiting-until").with("at", at),
                None => self.say("event-waiting-resume"),
            },
            WaitingReason::WaitingForAgent | WaitingReason::WaitingForTool => {
                self.say("event-waiting-for").with("name", self.display(&waiting.holder))
            }
        };
        Some(said.with("step", step.unwrap_or_default()).into())
    }

    fn asked(&self, holder: &Holder, task: &HumanTask) -> String {
        let mut all = vec![self.display(holder)];
        let others = task.assignees.iter().flatten().chain(&task.notify_email);
        for other in others.filter(|other| !is_same_person(other, &holder.reference)) {
            let other = self.name(other);
            if !all.contains(&other) {
                all.push(other);
            }
        }
        let needed = task.needed();
        let quorum = (needed > 1).then(|| self.say("event-quorum").with("needed", needed).to_string());
        let said = self.say("event-asked").with("count", all.len()).with("names", all.join(", "));
        format!("{}{}", said.with("quorum", quorum.unwrap_or_default()), quoted(Some(&task.title)))
    }

    /// Returns a person's answer: who gave it and how, then `more`, then the comment.
    fn answer(&self, result: &Value, by: &str, via: Via, more: &str) -> String {
        let way = self.way(via);
        let word = answered(self.language, result["outcome"].as_str().unwrap_or_default());
        let said = self.say("event-answer").with("answer", word).with("name", self.name(by));
        format!("{}{}", said.with("way", way).with("more", more), quoted(result["comment"].as_str()))
    }

    /// Returns the people in whose place an answer was given, as a part that follows another one.
    fn behalf(&self, asked: &[String]) -> String {
        match asked.is_empty() {
            true => String::new(),
            false => self.say("event-on-behalf").with("names", people(asked)).into(),
        }
    }

    fn way(&self, via: Via) -> String {
        of_family(self.language, "way", via.as_str()).map(String::from).unwrap_or_default()
    }

    fn ended(&self, event: &Event, by: &str) -> String {
        let outcome = event.outcome().unwrap_or(Outcome::plain(OutcomeKind::Completed));
        let decided = |id: &'static str| -> String {
            self.say(id).with("decision", inline(self.language, &outcome.sentence(self.language))).into()
        };
        let is_decided = outcome.kind.is_decision();
        match &event.body {
            EventBody::Failed { .. } if is_decided => decided("event-failed-decided"),
            EventBody::Failed { fault, .. } => {
                // The end of a workflow follows from its steps, which have their own sentences.
                let is_workflow = fault
                    .result
                    .as_ref()
                    .and_then(|result| result.field("steps"))
                    .is_some_and(|steps| steps.is_object());
                let is_silent = by.is_empty() || is_workflow;
                let by = if is_silent { String::new() } else { self.reported(&self.name(&event.actor)) };
                let said = self.say("event-failed").with("by", by);
                format!("{said}{}", quoted(Some(&fault_words(&fault.code, &fault.message))))
            }
            EventBody::Canceled { .. } if is_decided => decided("event-canceled-decided"),
            EventBody::Canceled { reason, .. } => {
                format!("{}{}", self.say("event-canceled").with("by", by), quoted(Some(reason)))
            }
            EventBody::TimedOut => self.say("event-timed-out").into(),
            _ if is_decided => decided("event-completed-decided"),
            _ => self.say("event-completed").with("by", by).into(),
        }
    }

    /// Returns the name of a holder, with its email address if that says more.
    fn display(&self, holder: &Holder) -> String {
        let known = if holder.name.is_empty() { &holder.reference } else { &holder.name };
        let is_shown = is_same_person(known, &holder.reference) || !is_email(&holder.reference);
        if is_shown { self.name(known) } else { format!("{} ({})", self.name(known), holder.reference) }
    }

    /// Returns the name of an actor: a person, the last part of an agent's address, or the platform.
    fn name(&self, actor: &str) -> String {
        match actor {
            "human" | "agent://agent_core" => self.say("name-person").into(),
            PLATFORM => self.say("name-platform").into(),
            actor if actor.starts_with("agent://") => actor.rsplit('/').next().unwrap_or(actor).to_owned(),
            actor => person(actor).to_owned(),
        }
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

/// Returns `: text`, or nothing for an empty text.
fn quoted(text: Option<&str>) -> String {
    let text = one_line_within(text.unwrap_or_default(), MAX_QUOTED_CHARS);
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lifecycle::Fault;
    use crate::{Status, Time};

    fn told(body: EventBody, actor: &str, status: Status, language: Language) -> Option<String> {
        of_event(&Event { position: 1, at: Time::from_micros(0), actor: actor.to_owned(), status, body }, language)
    }

    fn said(body: EventBody, actor: &str, status: Status) -> Option<String> {
        told(body, actor, status, Language::English)
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
    fn an_event_is_told_in_german_too() {
        let details = json!({
            "task_result": { "outcome": "changes_requested", "comment": "zu teuer" },
            "answered_by": "user://bob@example.com", "answered_via": "email", "answered_for": ["Einkauf"],
        });
        let details = details.as_object().unwrap().clone().into();
        let body = EventBody::InProgress { step: None, result: None, details, cause: None, decided: None };
        let expected =
            "Änderungen verlangt von bob@example.com über den Link einer Mail, im Namen von Einkauf: zu teuer";
        assert_eq!(told(body, "somebody", Status::InProgress, Language::German).as_deref(), Some(expected));
        let body = EventBody::Canceled { reason: "erledigt".to_owned(), outcome: None };
        let expected = "Abgebrochen durch max@example.com: erledigt";
        assert_eq!(told(body, "max@example.com", Status::Canceled, Language::German).as_deref(), Some(expected));
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
