//! The one error of the API. Its kind gives the HTTP status. On the wire it is always
//! `{"ok":false,"error":{"code","message","details"},"detail","message"}` with the same text three times
//! (`spec/protocol.md` §1.5).

use serde_json::{Value, json};

use crate::Object;

/// What went wrong, in the classes a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request contradicts itself or is no JSON.
    Malformed,
    /// No credential, or one that is not known.
    Unauthenticated,
    /// Known, but not allowed inside its own tenant.
    Forbidden,
    /// Does not exist, or belongs to somebody else.
    NotFound,
    /// No such operation on this path.
    MethodNotAllowed,
    /// The state of the object does not permit it.
    Conflict,
    /// It was there and is no more: a link that expired.
    Gone,
    TooLarge,
    /// Well-formed but not acceptable: a field is missing or wrong.
    Invalid,
    RateLimited,
    /// The body did not arrive in time.
    RequestTimeout,
    /// A fault of the server.
    Internal,
    /// The server cannot do it now; the same call may work later.
    Unavailable,
}

impl ErrorKind {
    /// The status of an HTTP answer with an error of this kind.
    pub const fn http_status(self) -> u16 {
        match self {
            ErrorKind::Malformed => 400,
            ErrorKind::Unauthenticated => 401,
            ErrorKind::Forbidden => 403,
            ErrorKind::NotFound => 404,
            ErrorKind::MethodNotAllowed => 405,
            ErrorKind::RequestTimeout => 408,
            ErrorKind::Conflict => 409,
            ErrorKind::Gone => 410,
            ErrorKind::TooLarge => 413,
            ErrorKind::Invalid => 422,
            ErrorKind::RateLimited => 429,
            ErrorKind::Internal => 500,
            ErrorKind::Unavailable => 503,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub kind: ErrorKind,
    /// Snake case, stable.
    pub code: &'static str,
    /// What was wrong and what to do, for people.
    pub message: String,
    pub details: Object,
}

impl ApiError {
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { kind, code, message: message.into(), details: Object::new() }
    }

    pub fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(ErrorKind::Invalid, "validation_failed", message)
    }

    pub fn not_supported_yet(what: impl std::fmt::Display) -> ApiError {
        ApiError::new(ErrorKind::Invalid, "not_supported_yet", format!("{what} not supported yet"))
    }

    pub fn not_found(what: impl std::fmt::Display) -> ApiError {
        ApiError::new(ErrorKind::NotFound, "not_found", format!("{what} not found"))
    }

    pub fn forbidden(message: impl Into<String>) -> ApiError {
        ApiError::new(ErrorKind::Forbidden, "forbidden", message)
    }

    pub fn internal() -> ApiError {
        ApiError::new(ErrorKind::Internal, "internal_error", "the server failed; its log has the cause")
    }

    pub fn unavailable(message: impl Into<String>) -> ApiError {
        ApiError::new(ErrorKind::Unavailable, "unavailable", message)
    }

    pub fn with(mut self, key: &str, value: impl Into<Value>) -> ApiError {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// The body on the wire.
    pub fn body(&self) -> Value {
        json!({
            "ok": false,
            "error": { "code": self.code, "message": self.message, "details": self.details },
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
