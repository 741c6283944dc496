//! The errors of a call, as its caller sees them.

use serde_json::Value;

use crate::Object;

/// The error of a call. Its `Display` text is meant for people.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered with a status other than 2xx.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The client could not reach the server, the connection broke, or the answer took too long.
    #[error("{}", transport(.0))]
    Transport(reqwest::Error),
    /// The answer does not have the shape of the operation; the address may not be an AXME server. The text says where.
    #[error("unexpected answer: {0}")]
    Answer(String),
    /// The input is invalid, so the client sent nothing. The text says what is wrong.
    #[error("{0}")]
    Input(String),
    /// [`crate::Client::wait_for`] reached its time limit.
    #[error("intent {intent_id} has not ended after {waited:?}")]
    StillRunning {
        /// The id of the intent.
        intent_id: String,
        /// The time limit of the wait.
        waited: std::time::Duration,
    },
}

/// An error answer of the server (`spec/protocol.md` §1.5).
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable error code, in snake case. Empty if the answer has none, for example because a proxy sent it.
    pub code: String,
    /// The message for people: the fault, and often the remedy. Never empty.
    pub message: String,
    /// Facts about the error by name, such as `dimension` and `limit` of an exceeded quota. Often empty.
    pub details: Object,
    /// Seconds to wait before the next attempt (`Retry-After`).
    pub retry_after: Option<u64>,
    /// The whole answer. If it is not JSON, its first 500 characters as a string.
    pub body: Value,
}

impl Refusal {
    /// Reads an error answer. Text that is not JSON becomes the message.
    pub(crate) fn read(status: u16, retry_after: Option<u64>, bytes: &[u8]) -> Refusal {
        let body: Value = serde_json::from_slice(bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).chars().take(500).collect()));
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let error = &body["error"];
        let message = text(&error["message"])
            .or_else(|| text(&body["detail"]))
            .or_else(|| text(&body["message"]))
            .or_else(|| text(error))
            .or_else(|| text(&body))
            .unwrap_or_else(|| format!("HTTP status {status}"));
        Refusal {
            status,
            code: text(&error["code"]).unwrap_or_default(),
            message,
            details: error["details"].as_object().cloned().unwrap_or_default(),
            retry_after,
            body,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code.as_str() {
            "" => write!(f, "{} (HTTP {})", self.message, self.status),
            code => write!(f, "{} ({code}, HTTP {})", self.message, self.status),
        }
    }
}

impl ClientError {
    /// Returns the HTTP status, if the server refused the call.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// Returns the error code, if the server refused the call; empty if the answer had none.
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str())
    }

    /// Returns the error answer, if the server refused the call.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            ClientError::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Returns whether the same call may succeed later: after status 429 or 5xx, and after [`ClientError::Transport`].
    pub fn is_transient(&self) -> bool {
        match self {
            ClientError::Refused(refusal) => refusal.status == 429 || refusal.status >= 500,
            ClientError::Transport(_) => true,
            ClientError::Answer(_) | ClientError::Input(_) | ClientError::StillRunning { .. } => false,
        }
    }
}

/// Shows the address and the innermost cause; the causes between them only repeat these.
fn transport(error: &reqwest::Error) -> String {
    let place = error.url().map(|url| format!(" {}", url.origin().ascii_serialization())).unwrap_or_default();
    if error.is_timeout() {
        return format!("no answer from{place} in time");
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("cannot reach{place}: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_found_in_every_shape_of_error() {
        let read = |body: &str| Refusal::read(409, None, body.as_bytes());
        let ours =
            read(r#"{"ok":false,"error":{"code":"conflict","message":"over","details":{"a":1}},"detail":"over"}"#);
        assert_eq!(
            (ours.code.as_str(), ours.message.as_str(), ours.details["a"].as_u64()),
            ("conflict", "over", Some(1))
        );
        assert_eq!(ours.to_string(), "over (conflict, HTTP 409)");
        assert_eq!(read(r#"{"detail":"other"}"#).message, "other");
        assert_eq!(read(r#"{"error":"plain"}"#).message, "plain");
        assert_eq!(read("Bad Gateway").to_string(), "Bad Gateway (HTTP 409)");
        assert_eq!(read("").to_string(), "HTTP status 409 (HTTP 409)");
    }
}
