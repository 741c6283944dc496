//! The sources of difference between two runs: the clock, randomness, and other servers. Tests replace them with
//! controlled ones. No other code reads the time, draws random numbers or calls other servers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axme_intent::Time;
use axme_store::{Clock, Rng};
use uuid::Uuid;

use crate::traceparent::Traceparent;

#[derive(Clone)]
pub struct System {
    pub clock: Arc<dyn Clock>,
    pub rng: Rng,
    pub outbound: Arc<dyn Outbound>,
}

/// A request to an untrusted server.
#[derive(Debug, Clone)]
pub struct Post {
    /// The workspace on whose behalf it is sent.
    pub workspace: Uuid,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// JSON, unless a header names another type.
    pub body: Vec<u8>,
}

/// The answer to a [`Post`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostAnswer {
    pub status: u16,
    /// The pause that the receiver asks for.
    pub retry_after_seconds: Option<u64>,
}

impl PostAnswer {
    /// Returns an error unless the receiver accepted the request.
    pub fn accepted(self) -> Result<(), PostError> {
        let why = format!("answered with status {}", self.status);
        match (self.status, self.retry_after_seconds) {
            (200..300, _) => Ok(()),
            (410, _) => Err(PostError::Gone(why)),
            (429 | 503, Some(seconds)) => {
                let pause_seconds = seconds.clamp(1, MAX_RETRY_AFTER_SECONDS);
                Err(PostError::Later { pause_seconds, why })
            }
            _ => Err(PostError::Failed(why)),
        }
    }
}

/// Why a [`Post`] was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostError {
    /// It was not sent, because too many others are in progress. The receiver is not at fault.
    Busy,
    /// The receiver asks to try again after a pause.
    Later {
        pause_seconds: u64,
        why: String,
    },
    /// The receiver never accepts such a request again.
    Gone(String),
    Failed(String),
}

impl PostError {
    /// Returns the pause until a try that uses up no attempt, and why it is needed. A receiver may put off a request for
    /// a day after `first_at`; later it fails like any other.
    pub fn pause(&self, first_at: Time, now: Time) -> Option<(u64, &str)> {
        match self {
            PostError::Busy => Some((BUSY_PAUSE_SECONDS, "too many requests were in progress")),
            PostError::Later { pause_seconds, why } if now < first_at.plus_seconds(MAX_PUT_OFF_SECONDS) => {
                Some((*pause_seconds, why))
            }
            PostError::Later { .. } | PostError::Gone(_) | PostError::Failed(_) => None,
        }
    }

    /// True if another try is pointless.
    pub fn is_final(&self) -> bool {
        matches!(self, PostError::Gone(_))
    }

    pub fn why(&self) -> &str {
        match self {
            PostError::Busy => "too many requests were in progress",
            PostError::Later { why, .. } | PostError::Gone(why) | PostError::Failed(why) => why,
        }
    }
}

impl From<String> for PostError {
    fn from(why: String) -> PostError {
        PostError::Failed(why)
    }
}

/// The delay until a request is tried again after [`PostError::Busy`].
const BUSY_PAUSE_SECONDS: u64 = 5;
/// The longest pause that a receiver may ask for.
const MAX_RETRY_AFTER_SECONDS: u64 = 3_600;
/// The time after which a receiver's wish for a pause counts as a failure.
const MAX_PUT_OFF_SECONDS: u64 = 86_400;

/// A request whose answer is read.
#[derive(Debug, Clone)]
pub struct Fetch {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// A form to post. Without one, the request is a GET.
    pub form: Option<String>,
}

/// The status and the body of the answer, or why there was none.
pub type FetchResult = Result<(u16, Vec<u8>), String>;

/// A mail to one person.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The id, which is the same for every attempt to send the mail.
    pub id: String,
    pub to: String,
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The link through which the person answers, if the mail asks for an answer.
    pub link: Option<String>,
}

/// Why a mail was not sent.
#[derive(Debug, Clone)]
pub struct MailError {
    pub why: String,
    /// The mail server will never accept the mail, for example because the address does not exist.
    pub is_final: bool,
}

/// The part that a span plays in an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// The server answers a call.
    Server,
    /// The server calls another one.
    Client,
    /// A step of an intent.
    Internal,
}

/// A finished span.
#[derive(Debug, Clone)]
pub struct Span {
    pub name: String,
    pub kind: SpanKind,
    pub own: Traceparent,
    pub parent: Option<Traceparent>,
    /// Spans of other traces that belong together with this one.
    pub links: Vec<Traceparent>,
    pub began_at: Time,
    pub ended_at: Time,
    pub attributes: Vec<(&'static str, String)>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Sends finished spans to a collector.
pub trait Tracer: Send + Sync {
    /// Takes a span, without waiting.
    fn record(&self, span: Span);
    /// The share of new traces that are recorded, from 0 to 1.
    fn sample_ratio(&self) -> f64;
}

/// The only way to reach other servers.
pub trait Outbound: Send + Sync {
    /// Checks whether a URL may be called, without resolving its host. The error says why not.
    fn check(&self, url: &str) -> Result<(), String>;
    /// Sends a request. Returns the answer, or why there was none.
    fn post(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<PostAnswer, PostError>> + Send + '_>>;
    /// Sends a request to a trusted server.
    fn fetch(&self, fetch: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>>;
    /// Sends a GET to a URL that a stranger chose. Only public addresses are called.
    fn fetch_public(&self, fetch: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>>;
    /// Hands a mail to the mail server.
    fn mail(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>>;
}
