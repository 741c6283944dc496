//! The types of human tasks, one row each (`spec/protocol.md` §5.3).
//!
//! A row lists the outcomes of a type, their meanings, and the other fields of an answer. `human` checks answers
//! against it, `fields` warns about types that are not in it, and the command line reads its hints from it. To add a
//! type, add a row. A task of an unknown type is accepted, and accepts any word as its outcome.

/// A type of human task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskType {
    pub name: &'static str,
    /// The positive one first.
    pub outcomes: &'static [Outcome],
    pub accepts: Accepts,
}

/// The outcomes that a task accepts if it lists none itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// The outcomes of its type.
    Listed,
    AnyWord,
}

/// A word that a person answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub word: &'static str,
    pub meaning: Meaning,
    /// How the command line offers the outcome. Without it, the command line does not offer it.
    pub prompt: Option<&'static str>,
    /// The other fields of an answer, as the command line shows them. The server enforces only `required_comment`,
    /// `evidence_required` and `form_schema`.
    pub fields: &'static [AnswerField],
}

/// The meaning of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A yes to every task that has this word.
    Yes,
    /// A yes to tasks of this type, and a no to others.
    YesOfType,
    /// A no to every task that has this word.
    No,
}

/// A field of an answer: `comment`, or one of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerField {
    pub name: &'static str,
    pub placeholder: &'static str,
    pub shown: FieldShown,
}

/// When a field of an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldShown {
    Always,
    /// Only if the task's form requires no field.
    WithoutForm,
}

/// The type of a task that names no type.
pub const DEFAULT_TYPE: TaskType = TaskType {
    name: "approval",
    outcomes: &[yes("approved").prompt("To approve"), no("rejected").prompt("To reject")],
    accepts: Accepts::Listed,
};

/// Every type that the protocol knows.
pub const TASK_TYPES: &[TaskType] = &[
    DEFAULT_TYPE,
    TaskType {
        name: "review",
        outcomes: &[
            yes("approved").prompt("To approve"),
            no("changes_requested").prompt("To ask for changes"),
            no("rejected").prompt("To reject"),
        ],
        accepts: Accepts::Listed,
    },
    TaskType {
        name: "form",
        outcomes: &[
            yes("submitted").prompt("To submit").fields(&[field("KEY", "VALUE", FieldShown::WithoutForm)]),
            no("cannot_assess"),
        ],
        accepts: Accepts::Listed,
    },
    TaskType {
        name: "confirmation",
        outcomes: &[yes("confirmed").prompt("To confirm"), no("denied"), no("rejected").prompt("To deny")],
        accepts: Accepts::Listed,
    },
    TaskType {
        name: "assignment",
        outcomes: &[
            yes("assigned").prompt("To assign").fields(&[field("assignee", "WHO", FieldShown::WithoutForm)]),
            no("declined").prompt("To decline"),
        ],
        accepts: Accepts::Listed,
    },
    TaskType {
        name: "clarification",
        outcomes: &[
            yes("provided").prompt("To answer").fields(&[field("comment", "TEXT", FieldShown::Always)]),
            no("declined").prompt("To decline").fields(&[field("comment", "WHY", FieldShown::Always)]),
            no("rejected"),
        ],
        accepts: Accepts::Listed,
    },
    TaskType {
        name: "manual_action",
        outcomes: &[
            yes("completed").prompt("When it is done").fields(&[field("evidence", "WHERE", FieldShown::Always)]),
            no("failed").prompt("If it failed").fields(&[field("evidence", "WHERE", FieldShown::Always)]),
        ],
        accepts: Accepts::Listed,
    },
    TaskType {
        name: "override",
        outcomes: &[
            yes("override_approved").prompt("To override").fields(&[field("comment", "WHY", FieldShown::Always)]),
            no("rejected").prompt("To reject").fields(&[field("comment", "WHY", FieldShown::Always)]),
        ],
        accepts: Accepts::Listed,
    },
    TaskType { name: "provide_data", outcomes: &[yes("provided")], accepts: Accepts::AnyWord },
    TaskType { name: "attach_file", outcomes: &[yes("attached")], accepts: Accepts::AnyWord },
    TaskType { name: "validate_real_world", outcomes: &[yes("validated")], accepts: Accepts::AnyWord },
    TaskType { name: "validate_output", outcomes: &[yes("validated")], accepts: Accepts::AnyWord },
    TaskType { name: "delegation", outcomes: &[yes("delegated")], accepts: Accepts::AnyWord },
    TaskType { name: "reroute", outcomes: &[yes("rerouted")], accepts: Accepts::AnyWord },
    TaskType { name: "escalate", outcomes: &[yes_of_type("escalated")], accepts: Accepts::AnyWord },
];

/// Words for yes that no type has, for tasks with their own outcomes. A word that is neither here nor in the table is
/// not a yes: an approval fails closed.
const OTHER_YES: [&str; 9] =
    ["acknowledged", "accepted", "approve", "confirm", "complete", "accept", "done", "proceed", "yes"];

/// Words for no that no type has.
const OTHER_NO: [&str; 12] = [
    "deferred",
    "override_rejected",
    "canceled",
    "reject",
    "deny",
    "decline",
    "cancelled",
    "no",
    "refused",
    "refuse",
    "disapproved",
    "disapprove",
];

impl TaskType {
    /// Returns the type with this name, or the default type for a task that names none.
    pub fn find(name: Option<&str>) -> Option<&'static TaskType> {
        let name = name.unwrap_or(DEFAULT_TYPE.name);
        TASK_TYPES.iter().find(|row| row.name == name)
    }

    /// Returns the outcomes of the type, if it accepts no others.
    pub fn only_outcomes(&self) -> Option<Vec<&'static str>> {
        (self.accepts == Accepts::Listed).then(|| self.outcomes.iter().map(|outcome| outcome.word).collect())
    }

    /// True if the word is a yes to tasks of this type.
    pub(crate) fn has_yes(&self, word: &str) -> bool {
        self.outcomes.iter().any(|outcome| outcome.word == word && outcome.meaning != Meaning::No)
    }
}

/// True for a word that is a yes to every task, in upper or lower case.
pub(crate) fn is_yes(word: &str) -> bool {
    words_of(Meaning::Yes).chain(OTHER_YES).any(|yes| word.eq_ignore_ascii_case(yes))
}

/// True for a word that is a no to every task, in upper or lower case.
pub(crate) fn is_no(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    words_of(Meaning::No).chain(OTHER_NO).any(|no| word == no) || word.starts_with("not_") || word.starts_with("not ")
}

fn words_of(meaning: Meaning) -> impl Iterator<Item = &'static str> {
    let outcomes = TASK_TYPES.iter().flat_map(|row| row.outcomes);
    outcomes.filter(move |outcome| outcome.meaning == meaning).map(|outcome| outcome.word)
}

const fn yes(word: &'static str) -> Outcome {
    Outcome { word, meaning: Meaning::Yes, prompt: None, fields: &[] }
}

const fn yes_of_type(word: &'static str) -> Outcome {
    Outcome { word, meaning: Meaning::YesOfType, prompt: None, fields: &[] }
}

const fn no(word: &'static str) -> Outcome {
    Outcome { word, meaning: Meaning::No, prompt: None, fields: &[] }
}

const fn field(name: &'static str, placeholder: &'static str, shown: FieldShown) -> AnswerField {
    AnswerField { name, placeholder, shown }
}

impl Outcome {
    const fn prompt(self, prompt: &'static str) -> Outcome {
        Outcome { prompt: Some(prompt), ..self }
    }

    const fn fields(self, fields: &'static [AnswerField]) -> Outcome {
        Outcome { fields, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_sound() {
        let names: BTreeSet<&str> = TASK_TYPES.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), TASK_TYPES.len(), "each type has its own name");
        for row in TASK_TYPES {
            assert_eq!(TaskType::find(Some(row.name)), Some(row));
            assert!(row.outcomes.first().is_some_and(|first| first.meaning != Meaning::No), "{}", row.name);
            assert!(row.outcomes.iter().skip(1).all(|other| other.meaning == Meaning::No), "{}", row.name);
        }
        assert_eq!(TaskType::find(None), Some(&DEFAULT_TYPE));
        let yes: BTreeSet<&str> = words_of(Meaning::Yes).collect();
        assert!(words_of(Meaning::No).all(|no| !yes.contains(no) && !is_yes(no)), "a word is a yes or a no");
        assert!(yes.iter().all(|yes| !is_no(yes)));
    }
}
