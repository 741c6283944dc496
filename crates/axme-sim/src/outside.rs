//! The world outside: servers that are pushed to, and a mail server; they fail by the seed.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axme_server::system::{Fetch, Fetched, Mail, Outbound, Post, Unposted, Unsent};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// Where the pushed agent and the subscriber are.
pub const AGENT_URL: &str = "https://dan.example/";
pub const SUBSCRIBER_URL: &str = "https://hook.example/";
/// Where steps tell chats something.
pub const CHAT_URL: &str = "https://chat.example/";

/// One post that arrived, whatever was answered.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub url: String,
    /// What the sender calls it; the same for every attempt.
    pub id: String,
    pub body: Value,
}

#[derive(Clone)]
pub struct Outside(Arc<Mutex<Inner>>);

struct Inner {
    rng: StdRng,
    is_faulty: bool,
    arrivals: Vec<Arrival>,
    mails: Vec<Mail>,
    /// Mail is taken and never arrives.
    loses_mail: bool,
}

impl Outside {
    pub fn new(seed: u64, loses_mail: bool) -> Outside {
        let rng = StdRng::seed_from_u64(seed ^ 0x6f75_7473_6964_6521);
        let inner = Inner { rng, is_faulty: false, arrivals: Vec::new(), mails: Vec::new(), loses_mail };
        Outside(Arc::new(Mutex::new(inner)))
    }

    pub fn set_faulty(&self, is_faulty: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_faulty = is_faulty;
    }

    /// What arrived since this was last asked.
    pub fn arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).arrivals)
    }

    /// Mail that arrived since this was last asked.
    pub fn mails(&self) -> Vec<Mail> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).mails)
    }
}

impl Outbound for Outside {
    fn check(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn post(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<u16, Unposted>> + Send + '_>> {
        Box::pin(async move {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let drawn = if inner.is_faulty { inner.rng.random_range(0..100) } else { 100 };
            match drawn {
                ..15 => return Err(Unposted::Failed("connection refused".to_owned())),
                15..20 => return Err(Unposted::NoPlace),
                _ => {}
            }
            let body = serde_json::from_slice(&post.body).map_err(|error| error.to_string())?;
            let id = post.headers.iter().find(|(name, _)| *name == "webhook-id").map(|(_, id)| id.clone());
            inner.arrivals.push(Arrival { url: post.url, id: id.unwrap_or_default(), body });
            match drawn {
                20..35 => Err(Unposted::Failed("the reply was lost".to_owned())),
                35..50 => Ok(500),
                _ => Ok(204),
            }
        })
    }

    fn fetch(&self, _: Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>> {
        Box::pin(async { Err("nobody is there".to_owned()) })
    }

    fn mail(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), Unsent>> + Send + '_>> {
        Box::pin(async move {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let drawn = if inner.is_faulty { inner.rng.random_range(0..100) } else { 100 };
            if drawn < 20 {
                return Err(Unsent { why: "connection refused".to_owned(), is_final: false });
            }
            if !inner.loses_mail {
                inner.mails.push(mail);
            }
            if drawn < 35 { Err(Unsent { why: "the reply was lost".to_owned(), is_final: false }) } else { Ok(()) }
        })
    }
}
