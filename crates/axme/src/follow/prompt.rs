//! The prompt for a task: the outcome, the fields of its form and a comment, one line each, while events keep arriving.

use std::io::{IsTerminal, stdin};

use axme_client::Object;
use axme_intent::task_types::TaskType;
use serde_json::Value;
use tokio::sync::mpsc;

use super::TaskAnswer;
use crate::failure::Failure;
use crate::output::print_prompt;
use crate::stdin::read_lines;

/// The questions of a task.
#[derive(Debug, PartialEq)]
pub(crate) struct Question {
    /// The allowed outcomes, the one for yes first; empty if any word is allowed.
    outcomes: Vec<String>,
    fields: Vec<Field>,
    comment: Requirement,
}

#[derive(Debug, PartialEq)]
struct Field {
    name: String,
    /// The title of the field, or else its name.
    label: String,
    need: Requirement,
    /// The value that the person can only agree to, if it is a boolean.
    constant: Option<bool>,
    /// The value that an empty line selects.
    suggestion: Option<String>,
    /// Whether the field is prompted for only after a yes.
    is_of_form: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Requirement {
    Required,
    Optional,
}

impl Question {
    pub(crate) fn read(task: &Value, suggestions: &Object) -> Question {
        let words = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut outcomes = words(&task["allowed_outcomes"]);
        if outcomes.is_empty() {
            let of_type = TaskType::find(task["task_type"].as_str()).and_then(TaskType::only_outcomes);
            outcomes = of_type.unwrap_or_default().into_iter().map(str::to_owned).collect();
        }
        let schema = &task["form_schema"];
        let required = words(&schema["required"]);
        let suggestion = |name: &str| suggestions.get(name).and_then(Value::as_str).map(str::to_owned);
        let form = schema["properties"].as_object().into_iter().flatten();
        // `approved` follows from the outcome, and a field `outcome` is the outcome.
        let form = form.filter(|(name, _)| *name != "approved" && *name != "outcome").map(|(name, property)| Field {
            name: name.clone(),
            label: property["title"].as_str().unwrap_or(name).to_owned(),
            need: if required.contains(name) { Requirement::Required } else { Requirement::Optional },
            constant: property["const"].as_bool(),
            suggestion: match &property["const"] {
                Value::Null | Value::Bool(_) => suggestion(name),
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            is_of_form: true,
        });
        let evidence = (task["evidence_required"] == true).then(|| Field {
            name: "evidence".to_owned(),
            label: "evidence".to_owned(),
            need: Requirement::Required,
            constant: None,
            suggestion: suggestion("evidence"),
            is_of_form: false,
        });
        let comment = if task["required_comment"] == true { Requirement::Required } else { Requirement::Optional };
        Question { outcomes, fields: form.chain(evidence).collect(), comment }
    }

    /// Parses an outcome: a word, an unambiguous prefix, or yes and no.
    fn outcome(&self, line: &str) -> Option<String> {
        let word = line.trim().to_ascii_lowercase();
        let (first, last) = (self.outcomes.first(), self.outcomes.last());
        if word.is_empty() || self.outcomes.is_empty() {
            return Some(word).filter(|word| !word.is_empty());
        }
        if let Some(exact) = self.outcomes.iter().find(|outcome| **outcome == word) {
            return Some(exact.clone());
        }
        let mut begun = self.outcomes.iter().filter(|outcome| outcome.starts_with(&word));
        match (begun.next(), begun.next(), word.as_str()) {
            (Some(only), None, _) => Some(only.clone()),
            (_, _, "y" | "yes") => first.cloned(),
            (_, _, "n" | "no") if self.outcomes.len() == 2 => last.cloned(),
            _ => None,
        }
    }

    /// Returns the step after the first `asked` fields.
    fn next(&self, asked: usize, outcome: &str) -> PromptStep {
        let is_yes = self.outcomes.first().is_none_or(|yes| yes == outcome);
        let rest = self.fields.iter().enumerate().skip(asked);
        let mut rest = rest.filter(|(_, field)| is_yes || !field.is_of_form);
        rest.next().map_or(PromptStep::Comment, |(index, _)| PromptStep::Field(index))
    }

    fn text(&self, step: PromptStep) -> String {
        match step {
            PromptStep::Idle => String::new(),
            PromptStep::Outcome if self.outcomes == ["approved", "rejected"] => {
                "\n  Approve or reject here [a/r]: ".to_owned()
            }
            PromptStep::Outcome => format!("\n  Answer here [{}]: ", self.outcomes.join("/")),
            PromptStep::Field(index) => {
                let field = &self.fields[index];
                match (&field.suggestion, field.need) {
                    _ if field.constant.is_some() => format!("  {} [type yes to agree]: ", field.label),
                    (Some(suggestion), _) => format!("  {} [{suggestion}]: ", field.name),
                    (None, Requirement::Required) => format!("  {}: ", field.name),
                    (None, Requirement::Optional) => format!("  {} (optional): ", field.name),
                }
            }
            PromptStep::Comment if self.comment == Requirement::Required => "  Comment: ".to_owned(),
            PromptStep::Comment => "  Comment (optional): ".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum PromptStep {
    Idle,
    Outcome,
    Field(usize),
    Comment,
}

/// A prompt at the terminal.
pub(crate) struct Prompt {
    lines: Option<mpsc::Receiver<String>>,
    question: Option<Question>,
    step: PromptStep,
    /// The answer so far.
    draft: TaskAnswer,
}

impl Prompt {
    pub(crate) fn closed() -> Prompt {
        Prompt { lines: None, question: None, step: PromptStep::Idle, draft: TaskAnswer::default() }
    }

    /// Opens the prompt, if stdin is a terminal.
    pub(crate) fn open(&mut self, question: Question) -> Result<(), Failure> {
        if !stdin().is_terminal() {
            return Ok(());
        }
        if self.lines.is_none() {
            self.lines = Some(read_lines());
        }
        self.question = Some(question);
        self.restart()
    }

    /// Starts again with the outcome.
    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        self.draft = TaskAnswer::default();
        self.step = PromptStep::Outcome;
        self.show()
    }

    /// Ends the line of the prompt, so that other lines can follow.
    pub(crate) fn interrupt(&self) -> Result<(), Failure> {
        if self.step == PromptStep::Idle { Ok(()) } else { print_prompt("\n") }
    }

    /// Shows the open question.
    pub(crate) fn show(&self) -> Result<(), Failure> {
        self.question.as_ref().map_or(Ok(()), |question| print_prompt(&question.text(self.step)))
    }

    /// Closes the prompt: the task was answered elsewhere, or the intent has moved on.
    pub(crate) fn close(&mut self) -> Result<(), Failure> {
        self.interrupt()?;
        self.step = PromptStep::Idle;
        Ok(())
    }

    /// Returns the complete answer, or `None` after each line before that. Pending while the prompt is idle.
    pub(crate) async fn reply(&mut self) -> Result<Option<TaskAnswer>, Failure> {
        let (Some(lines), true) = (&mut self.lines, self.step != PromptStep::Idle) else {
            return std::future::pending().await;
        };
        let Some(line) = lines.recv().await else {
            // End of input: another terminal has to answer.
            self.step = PromptStep::Idle;
            return Ok(None);
        };
        self.take(line.trim());
        if self.step == PromptStep::Idle {
            return Ok(Some(std::mem::take(&mut self.draft)));
        }
        self.show()?;
        Ok(None)
    }

    /// Reads a line and moves on. An unusable line repeats the question.
    fn take(&mut self, line: &str) {
        let Some(question) = &self.question else { return };
        match self.step {
            PromptStep::Idle => {}
            PromptStep::Outcome => {
                if let Some(outcome) = question.outcome(line) {
                    self.step = question.next(0, &outcome);
                    self.draft.outcome = outcome;
                }
            }
            PromptStep::Field(index) => {
                let field = &question.fields[index];
                // Only the person agrees: an empty line is not a yes.
                if let Some(constant) = field.constant {
                    if !matches!(line.to_ascii_lowercase().as_str(), "y" | "yes") {
                        return;
                    }
                    self.draft.data.insert(field.name.clone(), constant.into());
                    self.step = question.next(index + 1, &self.draft.outcome);
                    return;
                }
                let value = Some(line.to_owned()).filter(|line| !line.is_empty()).or(field.suggestion.clone());
                if value.is_none() && field.need == Requirement::Required {
                    return;
                }
                self.draft.data.extend(value.map(|value| (field.name.clone(), value.into())));
                self.step = question.next(index + 1, &self.draft.outcome);
            }
            PromptStep::Comment if line.is_empty() && question.comment == Requirement::Required => {}
            PromptStep::Comment => {
                self.draft.comment = (!line.is_empty()).then(|| line.to_owned());
                self.step = PromptStep::Idle;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns the prompts for the lines, and the resulting answer.
    fn talk(task: &Value, suggestions: &Value, lines: &[&str]) -> (Vec<String>, TaskAnswer) {
        let question = Question::read(task, suggestions.as_object().unwrap());
        let mut prompt = Prompt { question: Some(question), step: PromptStep::Outcome, ..Prompt::closed() };
        let mut asked = Vec::new();
        for line in lines {
            asked.push(prompt.question.as_ref().unwrap().text(prompt.step).trim().to_owned());
            prompt.take(line);
        }
        assert_eq!(prompt.step, PromptStep::Idle, "more prompts than {asked:?}");
        (asked, prompt.draft)
    }

    #[test]
    fn a_plain_approval() {
        for yes in ["a", "approve", "Approved", "y"] {
            let (asked, reply) = talk(&json!({}), &json!({}), &["maybe", yes, ""]);
            assert_eq!(asked[1], "Approve or reject here [a/r]:");
            assert_eq!((reply.outcome.as_str(), reply.comment), ("approved", None));
        }
        let (_, reply) = talk(&json!({}), &json!({}), &["n", "too early"]);
        assert_eq!((reply.outcome.as_str(), reply.comment.as_deref()), ("rejected", Some("too early")));
    }

    #[test]
    fn a_form_is_asked_field_by_field() {
        let task = json!({
            "allowed_outcomes": ["approved", "rejected", "deferred"], "required_comment": true,
            "form_schema": {
                "required": ["approved", "days", "scope"],
                "properties": { "approved": {}, "days": {}, "scope": {}, "notes": {} },
            },
        });
        let (asked, reply) = talk(&task, &json!({ "days": "30" }), &["a", "", "", "all", "", "", "fine"]);
        let expected = [
            "Answer here [approved/rejected/deferred]:",
            "days [30]:",
            "scope:",
            "scope:",
            "notes (optional):",
            "Comment:",
            "Comment:",
        ];
        assert_eq!(asked, expected);
        assert_eq!(Value::Object(reply.data), json!({ "days": "30", "scope": "all" }));
        let (asked, reply) = talk(&task, &json!({}), &["d", "later"]);
        assert_eq!((asked.len(), reply.outcome.as_str()), (2, "deferred"), "a no needs no form");
    }

    #[test]
    fn a_constant_is_shown_and_agreed_to() {
        let task = json!({ "form_schema": { "properties": {
            "agree": { "const": true, "title": "I have read the terms" }, "terms": { "const": "v2" },
        } } });
        let (asked, reply) = talk(&task, &json!({ "agree": "true" }), &["a", "", "no", "yes", "", ""]);
        let agree = "I have read the terms [type yes to agree]:";
        assert_eq!(asked[1..5], [agree, agree, agree, "terms [v2]:"]);
        assert_eq!(Value::Object(reply.data), json!({ "agree": true, "terms": "v2" }));
    }

    #[test]
    fn evidence_is_asked_whatever_the_outcome() {
        let task = json!({ "allowed_outcomes": ["completed", "failed"], "evidence_required": true });
        let (asked, reply) = talk(&task, &json!({}), &["no", "photo 7", ""]);
        assert_eq!((asked[1].as_str(), reply.outcome.as_str()), ("evidence:", "failed"));
        assert_eq!(reply.data["evidence"], "photo 7");
    }
}
