//! External systems: web servers that receive posts, and a mail server. The seed decides when they fail.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axme_core::system::{Fetch, FetchResult, Mail, MailError, Outbound, Post, PostAnswer, PostError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// The endpoints of the push agent and of the subscriber.
pub(crate) const AGENT_URL: &str = "https://dan.example/";
pub(crate) const SUBSCRIBER_URL: &str = "https://hook.example/";
/// The chat webhook of notification steps.
pub(crate) const CHAT_URL: &str = "https://chat.example/";

/// A post that arrived, regardless of the response.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedPost {
    pub(crate) url: String,
    /// The id of the delivery, which all attempts share.
    pub(crate) id: String,
    pub(crate) body: Value,
}

#[derive(Clone)]
pub(crate) struct SimulatedOutbound(Arc<Mutex<State>>);

struct State {
    rng: StdRng,
    is_faulty: bool,
    received_posts: Vec<ReceivedPost>,
    mails: Vec<Mail>,
    /// True to drop accepted mail.
    loses_mail: bool,
}

impl SimulatedOutbound {
    pub(crate) fn new(seed: u64, loses_mail: bool) -> SimulatedOutbound {
        let rng = StdRng::seed_from_u64(seed ^ 0x6f75_7473_6964_6521);
        let state = State { rng, is_faulty: false, received_posts: Vec::new(), mails: Vec::new(), loses_mail };
        SimulatedOutbound(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn set_faulty(&self, is_faulty: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_faulty = is_faulty;
    }

    /// Takes the posts that arrived since the last call.
    pub(crate) fn take_posts(&self) -> Vec<ReceivedPost> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).received_posts)
    }

    /// Takes the mail that arrived since the last call.
    pub(crate) fn take_mails(&self) -> Vec<Mail> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).mails)
    }
}

impl Outbound for SimulatedOutbound {
    fn check(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn post(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<PostAnswer, PostError>> + Send + '_>> {
        Box::pin(async move {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let drawn = if state.is_faulty { state.rng.random_range(0..100) } else { 100 };
            match drawn {
                ..15 => return Err(PostError::Failed("connection refused".to_owned())),
                15..20 => return Err(PostError::Busy),
                _ => {}
            }
            let body = serde_json::from_slice(&post.body).map_err(|error| error.to_string())?;
            let id = post.headers.iter().find(|(name, _)| *name == "webhook-id").map(|(_, id)| id.clone());
            state.received_posts.push(ReceivedPost { url: post.url, id: id.unwrap_or_default(), body });
            match drawn {
                20..35 => Err(PostError::Failed("the reply was lost".to_owned())),
                35..45 => Ok(PostAnswer { status: 500, retry_after_seconds: None }),
                45..50 => Ok(PostAnswer { status: 503, retry_after_seconds: Some(20) }),
                _ => Ok(PostAnswer { status: 204, retry_after_seconds: None }),
            }
        })
    }

    fn fetch(&self, _: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>> {
        Box::pin(async { Err("connection refused".to_owned()) })
    }

    fn fetch_public(&self, _: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>> {
        Box::pin(async { Err("connection refused".to_owned()) })
    }

    fn mail(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>> {
        Box::pin(async move {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let drawn = if state.is_faulty { state.rng.random_range(0..100) } else { 100 };
            if drawn < 20 {
                return Err(MailError { why: "connection refused".to_owned(), is_final: false });
            }
            if !state.loses_mail {
                state.mails.push(mail);
            }
            if drawn < 35 { Err(MailError { why: "the reply was lost".to_owned(), is_final: false }) } else { Ok(()) }
        })
    }
}
