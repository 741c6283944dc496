//! Refusals: why an intent refuses a command, or a task refuses an answer.

use serde_json::Value;

use crate::Object;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The state of the intent does not allow the command.
    Conflict,
    /// The input is invalid.
    Invalid,
    /// The actor may not send the command; another one may.
    Forbidden,
}

/// The refusal of a command. Nothing has changed.
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
