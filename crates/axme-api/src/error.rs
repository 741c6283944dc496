//! The error of the API. Its code decides the HTTP status. On the wire it is always
//! `{"ok":false,"error":{"code","message","details"},"detail","message"}`, with the same text three times
//! (`spec/protocol.md` §1.5).

pub use axme_types::{ErrorCode, ErrorKind};
use serde_json::{Value, json};

use crate::Object;

/// An error of the API, before it becomes an HTTP answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// The kind of error, which decides the HTTP status.
    pub code: ErrorCode,
    /// One or two sentences for people that say what is wrong and what to do.
    pub message: String,
    /// Facts for programs, such as `retry_after_seconds`.
    pub details: Object,
}

impl ApiError {
    /// Returns an error without details.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ApiError {
        ApiError { code, message: message.into(), details: Object::new() }
    }

    /// Returns the error for a field that is missing or wrong; the message names the field first.
    pub fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(ErrorCode::ValidationFailed, message)
    }

    /// Returns the error for a request that the protocol knows and this server does not support.
    pub fn not_supported_yet(what: impl std::fmt::Display) -> ApiError {
        ApiError::new(ErrorCode::NotSupportedYet, format!("{what} not supported yet"))
    }

    /// Returns the error for a thing that does not exist, or that belongs to another tenant.
    pub fn not_found(what: impl std::fmt::Display) -> ApiError {
        ApiError::new(ErrorCode::NotFound, format!("{what} not found"))
    }

    /// Returns the error for a caller who may not do this.
    pub fn forbidden(message: impl Into<String>) -> ApiError {
        ApiError::new(ErrorCode::Forbidden, message)
    }

    /// Returns the error for a fault of the server. The caller learns nothing about its cause.
    pub fn internal() -> ApiError {
        ApiError::new(ErrorCode::InternalError, "the server failed; its log has the cause")
    }

    /// Returns the error for a call that may succeed later.
    pub fn unavailable(message: impl Into<String>) -> ApiError {
        ApiError::new(ErrorCode::Unavailable, message)
    }

    /// Adds a detail.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> ApiError {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Returns the class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.code.kind()
    }

    /// Returns the body on the wire.
    pub fn body(&self) -> Value {
        json!({
            "ok": false,
            "error": { "code": self.code.as_str(), "message": self.message, "details": self.details },
            "detail": self.message,
            "message": self.message,
        })
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for ApiError {}
