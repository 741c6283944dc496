//! What makes two runs differ: the clock, randomness, and other people's servers. Real ones in the program, controlled ones
//! in tests. Nothing else reads the time, draws a random number or reaches out.

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

/// A request to somebody else's server.
#[derive(Debug, Clone)]
pub struct Post {
    /// On whose behalf.
    pub workspace: Uuid,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// Why a request to somebody else's server has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostError {
    /// It was not sent: too many others are under way. That is no fault of the receiver.
    Busy,
    Failed(String),
}

impl From<String> for PostError {
    fn from(why: String) -> PostError {
        PostError::Failed(why)
    }
}

/// When a request that was not sent because too many were under way is tried again.
pub const BUSY_PAUSE_SECONDS: u64 = 5;

/// A request to a server that whoever runs this one has named in the settings, and trusts.
#[derive(Debug, Clone)]
pub struct Fetch {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// A form to send; without one it is a GET.
    pub form: Option<String>,
}

/// The status and the body that were answered, or why there was no answer.
pub type FetchResult = Result<(u16, Vec<u8>), String>;

/// A mail to one person.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The same for every attempt to send it.
    pub id: String,
    pub to: String,
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Where the person answers, when the mail asks for an answer.
    pub link: Option<String>,
}

/// Why a mail was not sent.
#[derive(Debug, Clone)]
pub struct MailError {
    pub why: String,
    /// The mail server will never take it: nobody has the address, say.
    pub is_final: bool,
}

/// The only way out.
pub trait Outbound: Send + Sync {
    /// Whether a URL may be called, as far as it says itself; otherwise why not.
    fn check(&self, url: &str) -> Result<(), String>;
    /// Sends; returns the status that was answered, or why there was no answer.
    fn post(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<u16, PostError>> + Send + '_>>;
    /// Asks a trusted server.
    fn fetch(&self, fetch: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>>;
    /// Hands a mail to the mail server, or says why that failed.
    fn mail(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>>;
}
