//! Refusals: why an intent does not accept a command, or a task does not accept an answer.

use axme_types::ErrorCode;
use serde_json::Value;

use crate::Object;

/// A command that an intent does not accept. Nothing has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub code: ErrorCode,
    /// Says what is wrong and what to do, for people.
    pub message: String,
    pub details: Object,
}

impl Refusal {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), details: Object::new() }
    }

    /// Adds a detail for programs.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Refusal {
        self.details.insert(key.to_owned(), value.into());
        self
    }
}
