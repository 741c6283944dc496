//! The sources of difference between two runs: the clock, randomness, and other servers. Tests replace them with
//! controlled ones. No other code reads the time, draws random numbers or calls other servers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axme_store::{Clock, Rng};
use uuid::Uuid;

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
    /// JSON.
    pub body: Vec<u8>,
}

/// Why a [`Post`] has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostError {
    /// It was not sent, because too many others are in progress. The receiver is not at fault.
    Busy,
    Failed(String),
}

impl From<String> for PostError {
    fn from(why: String) -> PostError {
        PostError::Failed(why)
    }
}

/// The delay until a request is tried again after [`PostError::Busy`].
pub const BUSY_PAUSE_SECONDS: u64 = 5;

/// A request to a trusted server, which the settings name.
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

/// The only way to reach other servers.
pub trait Outbound: Send + Sync {
    /// Checks whether a URL may be called, without resolving its host. The error says why not.
    fn check(&self, url: &str) -> Result<(), String>;
    /// Sends a request. Returns the status of the answer, or why there was none.
    fn post(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<u16, PostError>> + Send + '_>>;
    /// Sends a request to a trusted server.
    fn fetch(&self, fetch: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>>;
    /// Hands a mail to the mail server.
    fn mail(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>>;
}
