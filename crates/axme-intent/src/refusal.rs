//! Refusals: why an intent does not take a command, or a task does not take an answer.

use serde_json::Value;

use crate::Object;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The intent is not in a state for this.
    Conflict,
    /// The input does not fit.
    Invalid,
    /// Somebody else may, this one may not.
    Forbidden,
}

/// A command that an intent does not take. Nothing has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub kind: RefusalKind,
    pub code: &'static str,
    pub message: String,
    pub details: Object,
}

impl Refusal {
    pub fn invalid(code: &'static str, message: String) -> Refusal {
        Refusal { kind: RefusalKind::Invalid, code, message, details: Object::new() }
    }

    pub fn conflict(code: &'static str, message: String) -> Refusal {
        Refusal { kind: RefusalKind::Conflict, code, message, details: Object::new() }
    }

    pub fn forbidden(code: &'static str, message: String) -> Refusal {
        Refusal { kind: RefusalKind::Forbidden, code, message, details: Object::new() }
    }

    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Refusal {
        self.details.insert(key.to_owned(), value.into());
        self
    }
}
