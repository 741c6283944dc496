//! Human tasks: the question to a person, and who may answer it (`spec/protocol.md` §5). Answers
//! are in `answer`, undeclared tasks in `implied`, texts with templates in `texts`.

mod answer;
mod implied;
mod second_thoughts;
mod texts;

use std::collections::BTreeSet;

pub use answer::{AnswerClient, Response, Standing, TaskResult, Verdict, Via, Vote};
pub use implied::{asks_person, is_approval_type};
pub use second_thoughts::{AskBack, MAX_QUESTION_CHARS, MAX_QUESTIONS, Question, Reply, Withdrawal, question_address};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields::shown;
use crate::task_types::TaskType;
use crate::{Object, form};

/// The largest quorum: as many people as a task can have assignees.
const MAX_QUORUM: u32 = 20;

/// The longest title and description, in characters.
const MAX_TITLE_CHARS: usize = 255;
const MAX_DESCRIPTION_CHARS: usize = 2_000;

/// Maximum number of key facts. A person who decides reads no more.
const MAX_SUMMARY_FIELDS: usize = 20;

/// The title of a task that was declared without one.
pub const DEFAULT_TITLE: &str = "Human approval required";

/// A task for a person. Unknown fields are kept and shown unchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HumanTask {
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<String>,
    /// Explicit outcomes replace those of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_outcomes: Option<Vec<String>>,
    #[serde(default)]
    pub required_comment: bool,
    #[serde(default)]
    pub evidence_required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignees: Option<Vec<String>>,
    /// An email address that is asked in addition to the assignees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify_email: Option<String>,
    /// How many different people have to say yes; 1 by default. A single no decides. An extension of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u32>,
    /// The person who started the intent may not answer. An extension of the protocol.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_requester: bool,
    /// A person must answer: the key of a service account does not suffice. An extension of the protocol.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub person_required: bool,
    /// Steps whose answers must come from other people than the answer to this task. An extension of the protocol.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distinct_from: Vec<String>,
    /// The fields of the payload and of results that a page and a mail show first. An extension of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Vec<SummaryField>>,
    /// The consequences of a yes and of a no, in the words of the author. An extension of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_yes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_no: Option<String>,
    /// The JSON Schema that the fields of an answer must meet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form_schema: Option<Box<Value>>,
    #[serde(flatten)]
    pub rest: Object,
}

/// A key fact of a task: a field as templates name it (`payload.amount`, `results.check.score`), and its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SummaryEntry", into = "SummaryEntry")]
pub struct SummaryField {
    pub field: String,
    pub label: Option<String>,
}

/// A summary field as it is written: its name alone, or with a label.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SummaryEntry {
    Field(String),
    Labeled { field: String, label: String },
}

impl From<SummaryEntry> for SummaryField {
    fn from(entry: SummaryEntry) -> SummaryField {
        match entry {
            SummaryEntry::Field(field) => SummaryField { field, label: None },
            SummaryEntry::Labeled { field, label } => SummaryField { field, label: Some(label) },
        }
    }
}

impl From<SummaryField> for SummaryEntry {
    fn from(field: SummaryField) -> SummaryEntry {
        match field.label {
            Some(label) => SummaryEntry::Labeled { field: field.field, label },
            None => SummaryEntry::Field(field.field),
        }
    }
}

impl HumanTask {
    /// Returns the task of an intent that waits for a person but declares no task.
    pub fn untitled() -> HumanTask {
        HumanTask {
            title: DEFAULT_TITLE.to_owned(),
            description: None,
            task_type: None,
            allowed_outcomes: None,
            required_comment: false,
            evidence_required: false,
            assignees: None,
            notify_email: None,
            quorum: None,
            exclude_requester: false,
            person_required: false,
            distinct_from: Vec::new(),
            summary: None,
            on_yes: None,
            on_no: None,
            form_schema: None,
            rest: Object::new(),
        }
    }

    /// Returns the task of a person who replaces an agent that did not finish a step.
    pub fn instead_of(agent: &str, step: &str) -> HumanTask {
        let title: String = format!("{agent} has not finished step {step}").chars().take(255).collect();
        let description = "Say how the step ended, so that the workflow can continue.".to_owned();
        HumanTask { title, description: Some(description), ..HumanTask::untitled() }
    }

    /// Reads a `human_task` leniently: reports fields of a wrong type, and gives a missing title the default. Returns
    /// the errors as texts that each name the field.
    pub fn read(source: &Object) -> (HumanTask, Vec<String>) {
        let mut task = HumanTask::untitled();
        let mut complaints = Vec::new();
        for (key, value) in source {
            if value.is_null() {
                continue;
            }
            match key.as_str() {
                "title" => match limited_text(value, MAX_TITLE_CHARS) {
                    Ok(text) if text.trim().is_empty() => {}
                    Ok(text) => task.title = text,
                    Err(why) => complaints.push(format!("title: {why}")),
                },
                "description" => match limited_text(value, MAX_DESCRIPTION_CHARS) {
                    Ok(text) => task.description = Some(text),
                    Err(why) => complaints.push(format!("description: {why}")),
                },
                "task_type" => match limited_text(value, 64) {
                    Ok(text) => task.task_type = Some(text),
                    Err(why) => complaints.push(format!("task_type: {why}")),
                },
                "required_comment" | "evidence_required" | "exclude_requester" | "person_required" => {
                    match (value.as_bool(), key.as_str()) {
                        (Some(flag), "required_comment") => task.required_comment = flag,
                        (Some(flag), "evidence_required") => task.evidence_required = flag,
                        (Some(flag), "exclude_requester") => task.exclude_requester = flag,
                        (Some(flag), _) => task.person_required = flag,
                        (None, _) => complaints.push(format!("{key}: must be true or false, not {}", shown(value))),
                    }
                }
                "distinct_from" => {
                    complaints.push("distinct_from: belongs to a step of a workflow, beside its human_task".to_owned());
                }
                "notify_email" => match value.as_str().map(str::trim) {
                    Some("") => {}
                    Some(email) if is_email(email) => task.notify_email = Some(email.to_owned()),
                    _ => complaints.push(format!("notify_email: must be one email address, not {}", shown(value))),
                },
                "quorum" => match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
                    Some(quorum) if (1..=MAX_QUORUM).contains(&quorum) => task.quorum = Some(quorum),
                    _ => complaints
                        .push(format!("quorum: must be a whole number from 1 to {MAX_QUORUM}, not {}", shown(value))),
                },
                "allowed_outcomes" => match text_list(value, 20, 64) {
                    Ok(list) => task.allowed_outcomes = Some(list),
                    Err(why) => complaints.push(format!("allowed_outcomes: {why}")),
                },
                "form_schema" => match form::check_schema(value) {
                    Ok(()) => task.form_schema = Some(Box::new(value.clone())),
                    Err(why) => complaints.push(format!("form_schema: {why}")),
                },
                "summary" => match summary(value) {
                    Ok(fields) => task.summary = Some(fields),
                    Err(why) => complaints.push(format!("summary: {why}")),
                },
                "on_yes" | "on_no" => match limited_text(value, MAX_DESCRIPTION_CHARS) {
                    Ok(text) if key == "on_yes" => task.on_yes = Some(text),
                    Ok(text) => task.on_no = Some(text),
                    Err(why) => complaints.push(format!("{key}: {why}")),
                },
                "assignees" => match text_list(value, 20, 383) {
                    Ok(list) => task.assignees = Some(list),
                    Err(why) => complaints.push(format!("assignees: {why}")),
                },
                _ => {
                    task.rest.insert(key.clone(), value.clone());
                }
            }
        }
        let people: BTreeSet<String> = task.assignees.iter().flatten().map(|person| person_key(person)).collect();
        // A group may have any number of members.
        let has_group = task.assignees.iter().flatten().any(|person| group_name(person).is_some());
        if task.needed() > people.len().max(1) && !has_group {
            let (needed, people) = (task.needed(), people.len());
            complaints.push(format!(
                "quorum: {needed} is more than the {people} different assignees: add assignees or lower it"
            ));
        }
        (task, complaints)
    }

    /// True if it matters who answers. Then no one may answer in another person's place.
    pub fn is_guarded(&self) -> bool {
        self.needed() > 1 || self.exclude_requester || self.person_required || !self.distinct_from.is_empty()
    }

    /// Returns an error if the task can never get enough answers because the requester may not give one. `holders` are
    /// asked in addition to the people that the task names.
    pub fn out_of_reach(&self, holders: &[&str], is_requester: impl Fn(&str) -> bool) -> Option<String> {
        let asked = holders.iter().copied().chain(self.assignees.iter().flatten().map(String::as_str));
        let asked: Vec<&str> =
            asked.chain(self.notify_email.as_deref()).filter(|person| !is_requester(person)).collect();
        if asked.iter().any(|person| group_name(person).is_some()) {
            return None;
        }
        let left = asked.into_iter().map(person_key).collect::<BTreeSet<_>>().len();
        (self.exclude_requester && left < self.needed()).then(|| {
            let needed = self.needed();
            format!(
                "exclude_requester: {needed} have to answer, but without the requester only {left} are asked: add assignees"
            )
        })
    }

    /// Returns the number of people who have to say yes.
    pub fn needed(&self) -> usize {
        self.quorum.unwrap_or(1) as usize
    }

    /// Returns the accepted outcomes, positive first. `None` means any word (types without documented outcomes).
    fn outcomes(&self) -> Option<Vec<&str>> {
        if let Some(list) = &self.allowed_outcomes {
            return Some(list.iter().map(String::as_str).collect());
        }
        TaskType::find(self.task_type.as_deref())?.only_outcomes()
    }

    /// Returns the outcomes to show to a person.
    pub fn shown_outcomes(&self) -> Vec<&str> {
        self.outcomes().unwrap_or_else(|| vec!["completed", "declined"])
    }
}

/// Returns the one spelling for a person: `user://Ann@Example.com` and `ann@example.com` are the same person.
pub fn person_key(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix("user://").unwrap_or(text).to_lowercase()
}

/// True when both name the same person.
pub fn is_same_person(one: &str, other: &str) -> bool {
    person_key(one) == person_key(other)
}

/// Returns the name of a group that is named as an assignee: `group://<name>`.
pub fn group_name(text: &str) -> Option<String> {
    text.trim().strip_prefix("group://").map(str::to_lowercase)
}

/// Returns a group as an assignee.
pub fn group_address(name: &str) -> String {
    format!("group://{name}")
}

/// True for a name that stands for whoever administers the workspace: `human`, and the platform itself.
pub fn is_platform_name(text: &str) -> bool {
    let text = text.trim();
    text == "human" || text.trim_start_matches("agent://").rsplit('/').next() == Some("agent_core")
}

/// True for text in the form of an email address. It may still be undeliverable.
pub fn is_email(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"/".contains(c);
    let is_name = |part: &str| !part.is_empty() && part.chars().all(plain);
    text.len() <= 254
        && text.split_once('@').is_some_and(|(user, host)| is_name(user) && is_name(host) && !host.contains('@'))
}

fn limited_text(value: &Value, most: usize) -> Result<String, String> {
    match value.as_str() {
        Some(text) if text.chars().count() <= most => Ok(text.to_owned()),
        Some(text) => Err(format!("has {} characters, at most {most} are allowed", text.chars().count())),
        None => Err(format!("must be a string, not {}", shown(value))),
    }
}

fn summary(value: &Value) -> Result<Vec<SummaryField>, String> {
    let list = value.as_array().filter(|list| (1..=MAX_SUMMARY_FIELDS).contains(&list.len()));
    let list =
        list.ok_or_else(|| format!("must be a list of 1 to {MAX_SUMMARY_FIELDS} fields, not {}", shown(value)))?;
    let entry = |item: &Value| {
        let field: SummaryField = serde_json::from_value(item.clone())
            .map_err(|_| format!("must name fields, or have objects with field and label, not {}", shown(item)))?;
        let is_short = |text: &str| !text.trim().is_empty() && text.chars().count() <= MAX_TITLE_CHARS;
        if !is_short(&field.field) || field.label.as_deref().is_some_and(|label| !is_short(label)) {
            return Err(format!("must have names and labels of 1 to {MAX_TITLE_CHARS} characters"));
        }
        Ok(field)
    };
    list.iter().map(entry).collect()
}

fn text_list(value: &Value, most: usize, each: usize) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or_else(|| format!("must be a list of strings, not {}", shown(value)))?;
    if list.is_empty() || list.len() > most {
        return Err(format!("must have 1 to {most} entries, not {}", list.len()));
    }
    list.iter()
        .map(|item| match limited_text(item, each) {
            Ok(text) if text.trim().is_empty() => Err("must not have empty entries".to_owned()),
            // Answers are trimmed as well.
            Ok(text) => Ok(text.trim().to_owned()),
            Err(why) => Err(why),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_who_replaces_an_agent_is_told_what_to_do() {
        let task = HumanTask::instead_of("builder", "build");
        assert_eq!(task.title, "builder has not finished step build");
        let told = "Say how the step ended, so that the workflow can continue.";
        assert_eq!(task.description.as_deref(), Some(told));
        assert_eq!(HumanTask::instead_of(&"b".repeat(400), "build").title.len(), 255);
    }

    #[test]
    fn wrong_types_are_named() {
        let (_, complaints) = HumanTask::read(json!({"title": 3, "allowed_outcomes": []}).as_object().unwrap());
        assert_eq!(
            complaints,
            ["title: must be a string, not 3", "allowed_outcomes: must have 1 to 20 entries, not 0"]
        );
    }

    fn read(task: Value) -> (HumanTask, Vec<String>) {
        HumanTask::read(task.as_object().unwrap())
    }

    #[test]
    fn each_guard_alone_makes_a_task_guarded() {
        assert!(!read(json!({ "title": "t", "quorum": 1 })).0.is_guarded());
        for guard in [json!({ "exclude_requester": true }), json!({ "person_required": true }), json!({ "quorum": 2 })]
        {
            assert!(read(guard.clone()).0.is_guarded(), "{guard}");
        }
        let apart = HumanTask { distinct_from: vec!["other".to_owned()], ..HumanTask::untitled() };
        assert!(apart.is_guarded());
    }

    #[test]
    fn what_belongs_elsewhere_or_means_nothing_is_said_or_skipped() {
        assert_eq!(read(json!({ "distinct_from": ["a"] })).1.len(), 1);
        assert_eq!(read(json!({ "notify_email": " " })), (HumanTask::untitled(), Vec::new()));
        let (task, _) = read(json!({ "on_yes": "It ships.", "on_no": "Nothing happens." }));
        assert_eq!([task.on_yes.as_deref(), task.on_no.as_deref()], [Some("It ships."), Some("Nothing happens.")]);
        assert_eq!(read(json!({ "quorum": 0 })).1.len(), 1);
    }

    #[test]
    fn lists_and_names_have_their_limits() {
        let people = |count: usize| json!({ "assignees": vec!["ann"; count] });
        assert_eq!([20, 21].map(|count| read(people(count)).1.len()), [0, 1]);
        for (field, complaints) in [("amount", 0), (" ", 1), ("", 1)] {
            assert_eq!(read(json!({ "summary": [field] })).1.len(), complaints, "{field}");
            assert_eq!(read(json!({ "summary": [{ "field": "a", "label": field }] })).1.len(), complaints, "{field}");
        }
        let long = "x".repeat(MAX_TITLE_CHARS + 1);
        assert_eq!(read(json!({ "summary": [long] })).1.len(), 1);
        assert_eq!(read(json!({ "summary": [{ "field": "a", "label": long }] })).1.len(), 1);
    }

    #[test]
    fn an_email_address_has_two_plain_parts() {
        assert!(is_email("ann+pay@example.com"));
        for text in
            ["ann", "@example.com", "ann@", "a nn@example.com", "a\u{7}nn@example.com", "<ann@example.com", "a@b@c"]
        {
            assert!(!is_email(text), "{text}");
        }
    }
}
