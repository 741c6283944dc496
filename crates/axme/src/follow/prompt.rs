//! A person's task at the terminal: the outcome, the fields of its form, a comment, one line each, while events go on
//! arriving.

use std::io::{IsTerminal, stdin};

use axme_client::Object;
use axme_intent::task_types::TaskType;
use serde_json::Value;
use tokio::sync::mpsc;

use super::Reply;
use crate::failure::Failure;
use crate::lines::read_lines;
use crate::screen::part;

/// What a task asks.
#[derive(Debug, PartialEq)]
pub struct Question {
    /// The words that count, the one for yes first; empty when any word does.
    outcomes: Vec<String>,
    fields: Vec<Field>,
    comment: Need,
}

#[derive(Debug, PartialEq)]
struct Field {
    name: String,
    need: Need,
    /// What an empty line stands for.
    suggestion: Option<String>,
    /// Whether only a yes is asked for it.
    is_of_form: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Need {
    Required,
    Optional,
}

impl Question {
    pub fn read(task: &Value, suggestions: &Object) -> Question {
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
        // Whether it is approved follows from the outcome.
        let form = form.filter(|(name, _)| *name != "approved").map(|(name, _)| Field {
            name: name.clone(),
            need: if required.contains(name) { Need::Required } else { Need::Optional },
            suggestion: suggestion(name),
            is_of_form: true,
        });
        let evidence = (task["evidence_required"] == true).then(|| Field {
            name: "evidence".to_owned(),
            need: Need::Required,
            suggestion: suggestion("evidence"),
            is_of_form: false,
        });
        let comment = if task["required_comment"] == true { Need::Required } else { Need::Optional };
        Question { outcomes, fields: form.chain(evidence).collect(), comment }
    }

    /// The outcome that a line means: a word or the beginning of one, or yes and no.
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

    /// The next thing to ask after the first `asked` fields.
    fn next(&self, asked: usize, outcome: &str) -> Asking {
        let is_yes = self.outcomes.first().is_none_or(|yes| yes == outcome);
        let rest = self.fields.iter().enumerate().skip(asked);
        let mut rest = rest.filter(|(_, field)| is_yes || !field.is_of_form);
        rest.next().map_or(Asking::Comment, |(index, _)| Asking::Field(index))
    }

    fn words(&self, asking: Asking) -> String {
        match asking {
            Asking::Nothing => String::new(),
            Asking::Outcome if self.outcomes == ["approved", "rejected"] => {
                "\n  Approve or reject here [a/r]: ".to_owned()
            }
            Asking::Outcome => format!("\n  Answer here [{}]: ", self.outcomes.join("/")),
            Asking::Field(index) => {
                let field = &self.fields[index];
                match (&field.suggestion, field.need) {
                    (Some(suggestion), _) => format!("  {} [{suggestion}]: ", field.name),
                    (None, Need::Required) => format!("  {}: ", field.name),
                    (None, Need::Optional) => format!("  {} (optional): ", field.name),
                }
            }
            Asking::Comment if self.comment == Need::Required => "  Comment: ".to_owned(),
            Asking::Comment => "  Comment (optional): ".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Asking {
    Nothing,
    Outcome,
    Field(usize),
    Comment,
}

/// A question at the terminal.
pub struct Prompt {
    lines: Option<mpsc::Receiver<String>>,
    question: Option<Question>,
    asking: Asking,
    /// What has been said so far.
    draft: Reply,
}

impl Prompt {
    pub fn closed() -> Prompt {
        Prompt { lines: None, question: None, asking: Asking::Nothing, draft: Reply::default() }
    }

    /// Asks, if there is somebody to ask.
    pub fn open(&mut self, question: Question) -> Result<(), Failure> {
        if !stdin().is_terminal() {
            return Ok(());
        }
        if self.lines.is_none() {
            self.lines = Some(read_lines());
        }
        self.question = Some(question);
        self.restart()
    }

    /// Asks from the beginning.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.draft = Reply::default();
        self.asking = Asking::Outcome;
        self.again()
    }

    /// Ends the line of the question, so that something else can be shown.
    pub fn step_aside(&self) -> Result<(), Failure> {
        if self.asking == Asking::Nothing { Ok(()) } else { part("\n") }
    }

    /// Shows the question that is open.
    pub fn again(&self) -> Result<(), Failure> {
        self.question.as_ref().map_or(Ok(()), |question| part(&question.words(self.asking)))
    }

    /// Takes the question back: it was answered, or the intent has moved on.
    pub fn close(&mut self) -> Result<(), Failure> {
        self.step_aside()?;
        self.asking = Asking::Nothing;
        Ok(())
    }

    /// The answer when it is complete, `None` after every other line; never while nothing is asked.
    pub async fn reply(&mut self) -> Result<Option<Reply>, Failure> {
        let (Some(lines), true) = (&mut self.lines, self.asking != Asking::Nothing) else {
            return std::future::pending().await;
        };
        let Some(line) = lines.recv().await else {
            // The end of the input: somebody elsewhere has to answer.
            self.asking = Asking::Nothing;
            return Ok(None);
        };
        self.take(line.trim());
        if self.asking == Asking::Nothing {
            return Ok(Some(std::mem::take(&mut self.draft)));
        }
        self.again()?;
        Ok(None)
    }

    /// Notes what a line says, and moves on; a line that says nothing usable is asked for again.
    fn take(&mut self, line: &str) {
        let Some(question) = &self.question else { return };
        match self.asking {
            Asking::Nothing => {}
            Asking::Outcome => {
                if let Some(outcome) = question.outcome(line) {
                    self.asking = question.next(0, &outcome);
                    self.draft.outcome = outcome;
                }
            }
            Asking::Field(index) => {
                let field = &question.fields[index];
                let given = Some(line.to_owned()).filter(|line| !line.is_empty()).or(field.suggestion.clone());
                if given.is_none() && field.need == Need::Required {
                    return;
                }
                self.draft.data.extend(given.map(|value| (field.name.clone(), value.into())));
                self.asking = question.next(index + 1, &self.draft.outcome);
            }
            Asking::Comment if line.is_empty() && question.comment == Need::Required => {}
            Asking::Comment => {
                self.draft.comment = (!line.is_empty()).then(|| line.to_owned());
                self.asking = Asking::Nothing;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is asked, line by line, and the answer that comes of it.
    fn talk(task: &Value, suggestions: &Value, lines: &[&str]) -> (Vec<String>, Reply) {
        let question = Question::read(task, suggestions.as_object().unwrap());
        let mut prompt = Prompt { question: Some(question), asking: Asking::Outcome, ..Prompt::closed() };
        let mut asked = Vec::new();
        for line in lines {
            asked.push(prompt.question.as_ref().unwrap().words(prompt.asking).trim().to_owned());
            prompt.take(line);
        }
        assert_eq!(prompt.asking, Asking::Nothing, "more is asked than {asked:?}");
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
    fn evidence_is_asked_whatever_the_outcome() {
        let task = json!({ "allowed_outcomes": ["completed", "failed"], "evidence_required": true });
        let (asked, reply) = talk(&task, &json!({}), &["no", "photo 7", ""]);
        assert_eq!((asked[1].as_str(), reply.outcome.as_str()), ("evidence:", "failed"));
        assert_eq!(reply.data["evidence"], "photo 7");
    }
}
