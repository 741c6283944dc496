//! What can go wrong with a call, from the caller's side.

use serde_json::Value;

use crate::Object;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered, and the answer is no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No answer: the server cannot be reached, or the connection broke.
    #[error("{}", transport(.0))]
    Transport(reqwest::Error),
    /// An answer that is not what the operation promises; perhaps no AXME server.
    #[error("unexpected answer: {0}")]
    Answer(String),
    /// The call was not made, because it could not be put together.
    #[error("{0}")]
    Input(String),
    /// [`crate::Client::wait_for`] waited as long as it was told to.
    #[error("intent {intent_id} is still not finished after {waited:?}")]
    StillRunning { intent_id: String, waited: std::time::Duration },
}

/// An error answer of the server (contract `wire.md` §1.5).
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Snake case, stable; empty when the answer was no JSON of ours.
    pub code: String,
    pub message: String,
    pub details: Object,
    /// Seconds after which the same call may work.
    pub retry_after: Option<u64>,
    /// The whole answer.
    pub body: Value,
}

impl Refusal {
    /// Reads an error answer; text that is no JSON becomes the message.
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
    /// The HTTP status, when the server answered.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// The code of the answer, when the server refused.
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str())
    }

    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            ClientError::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the same call may work later: too many calls, a fault of the server, no connection.
    pub fn is_transient(&self) -> bool {
        match self {
            ClientError::Refused(refusal) => refusal.status == 429 || refusal.status >= 500,
            ClientError::Transport(_) => true,
            ClientError::Answer(_) | ClientError::Input(_) | ClientError::StillRunning { .. } => false,
        }
    }
}

/// The outermost sentence names the address, the innermost the cause; what lies between repeats them.
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
