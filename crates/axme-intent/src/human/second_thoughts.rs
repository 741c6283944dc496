//! Second thoughts: questions that a person who is asked asks back, the requester's replies, and withdrawals of a yes.

use serde::{Deserialize, Serialize};

use super::answer::{AnswerClient, Standing};
use super::is_same_person;
use crate::Time;
use axme_types::Holder;
use axme_types::tasks::Via;

/// Maximum number of questions about one asking. A person who knows too little after that says no.
pub const MAX_QUESTIONS: usize = 5;

/// The longest question and the longest reply, in characters. The head of the intent holds both.
pub const MAX_QUESTION_CHARS: usize = 1_000;

/// A question to the requester, as a person asks it. The actor of the command is its author.
#[derive(Debug, Clone, PartialEq)]
pub struct AskBack {
    pub text: String,
    /// The requester.
    pub to: Holder,
    /// The email address of the requester, if it is known.
    pub email: Option<String>,
    pub via: Via,
    pub through: Option<AnswerClient>,
    pub standing: Standing,
}

/// A person takes back a yes of theirs. The actor of the command is its author.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Withdrawal {
    pub comment: Option<String>,
    pub via: Via,
    pub through: Option<AnswerClient>,
    pub standing: Standing,
}

/// A question on the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub by: String,
    pub via: Via,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<AnswerClient>,
    pub at: Time,
    /// The requester, who has to reply.
    pub to: Holder,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
}

/// The requester's reply to a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub by: String,
    pub via: Via,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<AnswerClient>,
    pub at: Time,
    pub text: String,
}

impl Question {
    /// True if the question is for this person, by the address that is mailed about it.
    pub fn is_for(&self, person: &str) -> bool {
        self.email.as_deref().is_some_and(|email| is_same_person(email, person))
    }
}

/// Returns the name under which the list of tasks finds the open questions to a requester. No person has such a name.
pub fn question_address(person: &str) -> String {
    format!("question://{}", super::person_key(person))
}
