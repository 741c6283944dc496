//! A person's answer: how it is read, which outcomes a task accepts, and what they mean.

use axme_types::ErrorCode;
pub use axme_types::tasks::Via;
use axme_words::{Language, say};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{HumanTask, is_same_person};
use crate::refusal::Refusal;
use crate::task_types::{TaskType, is_no, is_yes};
use crate::{Json, JsonFields, Object, form};

/// Whether an answer is a yes or a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Positive,
    Negative,
}

/// A person's answer and its channel. The actor of the command is its author.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Response {
    pub answer: TaskResult,
    pub via: Via,
    /// The client that sent the answer in the person's name.
    pub through: Option<AnswerClient>,
    pub standing: Standing,
}

/// A client that sent an answer in the name of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerClient {
    /// The id of the client that holds the person's grant.
    pub client: String,
    /// The program that showed the form of the task to the person, as it names itself. `None` without a form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// The facts about the author of an answer, beside the name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The author also started the intent.
    pub is_requester: bool,
    /// A token, the key of a sign-in or a personal link identifies the author. False for the key of a service account.
    pub is_person: bool,
    /// The groups that the author belongs to, as assignees: `group://<name>`.
    pub groups: Vec<String>,
    /// The absent people in whose place the author may answer this task. Empty if the task asks the author.
    pub stands_in_for: Vec<String>,
}

/// One yes of a quorum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vote {
    pub by: String,
    /// The absent person in whose place the author has said yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    pub via: Via,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<AnswerClient>,
    pub result: Json,
}

impl Vote {
    /// True if this is the vote of a person: cast by the person, or by a deputy in the person's place.
    pub fn is_of(&self, person: &str) -> bool {
        is_same_person(&self.by, person) || self.on_behalf_of.as_deref().is_some_and(|one| is_same_person(one, person))
    }
}

/// A person's answer as sent, not yet checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskResult {
    pub outcome: Option<String>,
    pub comment: Option<String>,
    /// All other fields: those next to `outcome` and those under `data`, which take precedence.
    pub data: JsonFields,
}

impl HumanTask {
    /// Checks an answer. Returns the answer to record, with the canonical outcome, and its verdict.
    pub fn check(&self, answer: &TaskResult) -> Result<(JsonFields, Verdict), Refusal> {
        self.check_in(answer, Language::English)
    }

    /// Checks an answer as [`HumanTask::check`] does. The errors of fields are in the language of the person.
    pub fn check_in(&self, answer: &TaskResult, language: Language) -> Result<(JsonFields, Verdict), Refusal> {
        let word = answer.outcome.as_deref().map(str::trim).unwrap_or_default();
        if word.is_empty() {
            return Err(Refusal::new(
                ErrorCode::OutcomeRequired,
                format!("outcome is required: {}", self.expectation()),
            ));
        }
        let outcome = self.canonical(word).ok_or_else(|| {
            Refusal::new(
                ErrorCode::OutcomeNotAllowed,
                format!("outcome \"{word}\" is not allowed: {}", self.expectation()),
            )
        })?;
        let mut wrong = form::Complaints::new();
        let mut code = None;
        if self.required_comment && answer.comment.as_deref().is_none_or(|c| c.trim().is_empty()) {
            wrong.insert("comment".to_owned(), say(language, "wrong-required-here").into());
            code = Some(ErrorCode::CommentRequired);
        }
        if self.evidence_required && answer.data.get("evidence").is_none_or(|evidence| is_blank(&evidence.value())) {
            wrong.insert("evidence".to_owned(), say(language, "wrong-required-here").into());
            code = code.or(Some(ErrorCode::EvidenceRequired));
        }
        let verdict = self.verdict(&outcome);
        let flag = answer.data.get("approved").and_then(|flag| form::truth(&flag.value()));
        if flag.is_some_and(|approved| approved != (verdict == Verdict::Positive)) {
            let message = format!("outcome \"{outcome}\" and approved contradict each other: send only the outcome");
            return Err(Refusal::new(ErrorCode::Contradiction, message));
        }
        let data = match &self.form_schema {
            Some(schema) => {
                let comment = answer.comment.as_deref();
                let given = with_outcome(schema, &answer.data, &outcome)?;
                match form::check(schema, &given, comment, verdict == Verdict::Positive, language) {
                    Ok(read) => as_sent(read, &answer.data),
                    Err(complaints) => {
                        wrong.extend(complaints);
                        JsonFields::new()
                    }
                }
            }
            None => answer.data.clone(),
        };
        if !wrong.is_empty() {
            return Err(refuse_fields(code.unwrap_or(ErrorCode::FormInvalid), wrong));
        }
        let mut record = JsonFields::new();
        record.set("outcome", outcome);
        if let Some(comment) = &answer.comment {
            record.set("comment", comment.as_str());
        }
        for (key, value) in data {
            record.entry(key).or_insert(value);
        }
        Ok((record, verdict))
    }

    /// Returns the verdict of an answer without checking its other fields.
    pub fn means(&self, answer: &TaskResult) -> Verdict {
        let word = answer.outcome.as_deref().unwrap_or_default();
        self.verdict(&self.canonical(word).unwrap_or_default())
    }

    /// Returns the verdict of an outcome. It is a yes if the word means yes, or if it is the task's first outcome and
    /// does not mean no.
    fn verdict(&self, outcome: &str) -> Verdict {
        let is_first = self.outcomes().is_some_and(|list| list.first() == Some(&outcome));
        let is_yes_of_type = TaskType::find(self.task_type.as_deref()).is_some_and(|row| row.has_yes(outcome));
        if is_yes(outcome) || is_yes_of_type || (is_first && !is_no(outcome)) {
            Verdict::Positive
        } else {
            Verdict::Negative
        }
    }

    /// Maps a client's word (`approve`, or `rejected` for a confirmation) to the only outcome of the task that it can
    /// mean. An outcome that the task lists maps to itself.
    fn canonical(&self, word: &str) -> Option<String> {
        let usual = match word {
            "approve" => "approved",
            "reject" => "rejected",
            other => other,
        };
        let Some(outcomes) = self.outcomes() else {
            let plain = word.len() <= 64 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            return plain.then(|| usual.to_owned());
        };
        if let Some(named) = [word, usual].into_iter().find(|word| outcomes.contains(word)) {
            return Some(named.to_owned());
        }
        let only = |mut found: Vec<&str>| if found.len() == 1 { found.pop().map(str::to_owned) } else { None };
        match usual {
            "rejected" | "denied" | "declined" => only(outcomes.into_iter().filter(|o| is_no(o)).collect()),
            "approved" | "confirmed" => {
                only(outcomes.into_iter().filter(|o| self.verdict(o) == Verdict::Positive).collect())
            }
            _ => None,
        }
    }

    fn expectation(&self) -> String {
        match self.outcomes() {
            Some(list) => format!("send one of {}", list.join(", ")),
            None => "send one word of letters, digits, '_', '.' or '-'".to_owned(),
        }
    }
}

/// Refuses an answer, and names every wrong field in the message and in `details.fields`.
fn refuse_fields(code: ErrorCode, complaints: form::Complaints) -> Refusal {
    let lines =
        complaints.iter().map(|(field, why)| if field.is_empty() { why.clone() } else { format!("{field}: {why}") });
    let message = lines.collect::<Vec<_>>().join("; ");
    Refusal::new(code, message).with("fields", serde_json::json!(complaints))
}

impl TaskResult {
    /// Reads an answer from the body of a resume: `task_result`, and `outcome` and `comment` if a client puts them next
    /// to it.
    pub fn read(body: &JsonFields) -> TaskResult {
        let inner = body.get("task_result").and_then(Json::fields).unwrap_or_default();
        let is_data = |name: &str| !matches!(name, "outcome" | "comment" | "data");
        let beside = inner.iter().filter(|(name, _)| is_data(name)).map(|(name, value)| (name.clone(), value.clone()));
        let mut data: JsonFields = beside.collect();
        data.extend(inner.get("data").and_then(Json::fields).unwrap_or_default());
        let flag = data.get("approved").and_then(|flag| form::truth(&flag.value()));
        let implied = flag.map(|yes| if yes { "approved" } else { "rejected" }.to_owned());
        TaskResult {
            outcome: inner.string("outcome").or_else(|| body.string("outcome")).or(implied),
            comment: inner.string("comment").or_else(|| body.string("comment")),
            data,
        }
    }
}

/// Returns the fields that a form has read, each as it was sent unless the form has changed it.
fn as_sent(read: Object, sent: &JsonFields) -> JsonFields {
    let field = |(name, value): (String, Value)| {
        let same = sent.get(&name).filter(|sent| **sent == value).cloned();
        (name, same.unwrap_or_else(|| value.into()))
    };
    read.into_iter().map(field).collect()
}

/// Fills in the field `outcome` of a form that has one. The field and the outcome are one thing, so they must agree.
fn with_outcome(schema: &Value, data: &JsonFields, outcome: &str) -> Result<Object, Refusal> {
    let mut given = data.values_parsed();
    if form::has_field(schema, "outcome") {
        let before = given.insert("outcome".to_owned(), outcome.into());
        if before.is_some_and(|before| before != outcome) {
            let message =
                format!("outcome \"{outcome}\" and data.outcome contradict each other: send only the outcome");
            return Err(Refusal::new(ErrorCode::Contradiction, message));
        }
    }
    Ok(given)
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(value: Value) -> HumanTask {
        let (task, complaints) = HumanTask::read(value.as_object().unwrap());
        assert_eq!(complaints, Vec::<String>::new());
        task
    }

    fn answer(value: Value) -> TaskResult {
        TaskResult::read(&value.as_object().unwrap().clone().into())
    }

    #[test]
    fn a_shortcut_maps_to_the_one_outcome_it_can_mean() {
        let outcome = |task_value: Value, word: &str| {
            task(task_value)
                .check(&answer(json!({"task_result": {"outcome": word}})))
                .map(|(o, v)| (o["outcome"].value(), v))
        };
        let confirmation = json!({"task_type": "confirmation", "allowed_outcomes": ["confirmed", "denied"]});
        assert_eq!(outcome(confirmation, "rejected").unwrap(), (json!("denied"), Verdict::Negative));
        let override_task = json!({"task_type": "override"});
        assert_eq!(outcome(override_task, "approved").unwrap(), (json!("override_approved"), Verdict::Positive));
        assert!(outcome(json!({"task_type": "review"}), "denied").is_err(), "two negatives: no guess");
        assert!(outcome(json!({}), "aproved").is_err(), "a typo never approves");
        assert_eq!(outcome(json!({"task_type": "reroute"}), "rerouted").unwrap().1, Verdict::Positive);
    }

    #[test]
    fn what_is_no_known_yes_is_no_yes() {
        let verdict = |task_value: Value, word: &str| {
            task(task_value).check(&answer(json!({"task_result": {"outcome": word}}))).map(|(_, verdict)| verdict)
        };
        let own = json!({"allowed_outcomes": ["ship_it", "refused", "hold", "escalated", "approved"]});
        assert_eq!(verdict(own.clone(), "ship_it"), Ok(Verdict::Positive), "the first of its own outcomes");
        assert_eq!(verdict(own.clone(), "approved"), Ok(Verdict::Positive), "a word for yes");
        for word in ["refused", "hold", "escalated"] {
            assert_eq!(verdict(own.clone(), word), Ok(Verdict::Negative), "{word}");
        }
        for no in ["disapproved", "not_approved", "refused", "Not accepted"] {
            let first = json!({"allowed_outcomes": [no, "approved"]});
            assert_eq!(verdict(first, no), Ok(Verdict::Negative), "{no}");
        }
        assert_eq!(verdict(json!({"task_type": "payment_check"}), "disapproved"), Ok(Verdict::Negative));
        assert!(verdict(json!({"allowed_outcomes": ["no", "hold"]}), "approved").is_err(), "no outcome matches it");
        let contradiction = json!({"outcome": "approved", "task_result": {"approved": false}});
        assert_eq!(task(json!({})).check(&answer(contradiction)).unwrap_err().code, ErrorCode::Contradiction);
        assert_eq!(verdict(json!({"task_type": "reroute"}), "Rejected"), Ok(Verdict::Negative));
    }

    #[test]
    fn the_outcome_may_stand_in_three_places() {
        for body in [
            json!({"task_result": {"outcome": "approved"}}),
            json!({"outcome": "approved", "task_result": {"x": 1}}),
            json!({"task_result": {"data": {"approved": true}}}),
            json!({"task_result": {"approved": "true"}}),
        ] {
            assert_eq!(answer(body.clone()).outcome.as_deref(), Some("approved"), "{body}");
        }
    }

    #[test]
    fn a_field_called_outcome_is_the_outcome() {
        let schema = json!({
            "required": ["outcome", "days"], "additionalProperties": false,
            "properties": { "outcome": { "enum": ["approved", "rejected"] }, "days": { "type": "integer" } },
        });
        let form = task(json!({"form_schema": schema}));
        let record = |body: Value| form.check(&answer(body)).map(|(record, _)| Value::Object(record.values_parsed()));
        let expected = json!({"outcome": "approved", "days": 3});
        for body in [
            json!({"task_result": {"outcome": "approved", "data": {"days": 3}}}),
            json!({"task_result": {"outcome": "approved", "data": {"days": "3", "outcome": "approved"}}}),
        ] {
            assert_eq!(record(body), Ok(expected.clone()));
        }
        let two = json!({"task_result": {"outcome": "approved", "data": {"days": 3, "outcome": "rejected"}}});
        assert_eq!(record(two).unwrap_err().code, ErrorCode::Contradiction);
        let strict = task(json!({"form_schema": {"additionalProperties": false, "properties": {"days": {}}}}));
        let days = answer(json!({"task_result": {"outcome": "approved", "data": {"days": 3}}}));
        assert!(strict.check(&days).is_ok(), "a form without that field does not get it");
    }

    #[test]
    fn required_comment_and_evidence_are_required() {
        let strict = task(json!({"required_comment": true, "evidence_required": true}));
        let code = |body: Value| strict.check(&answer(body)).unwrap_err().code;
        assert_eq!(code(json!({"task_result": {"outcome": "approved", "comment": " "}})), ErrorCode::CommentRequired);
        assert_eq!(code(json!({"task_result": {"outcome": "approved", "comment": "c"}})), ErrorCode::EvidenceRequired);
        let full = json!({"task_result": {"outcome": "approved", "comment": "c", "data": {"evidence": "photo"}}});
        assert!(strict.check(&answer(full)).is_ok());
    }

    #[test]
    fn empty_evidence_is_none() {
        for blank in [json!(null), json!(" "), json!([]), json!({})] {
            assert!(is_blank(&blank), "{blank}");
        }
        for value in [json!("x"), json!([1]), json!({ "a": 1 }), json!(0), json!(false)] {
            assert!(!is_blank(&value), "{value}");
        }
    }
}
