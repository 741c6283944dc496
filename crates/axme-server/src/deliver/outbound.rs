//! Outgoing HTTP: no redirects, no proxy, and a time limit. Concurrent posts are limited per workspace and host, per
//! workspace, and in total.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::guard::Guard;
use super::mailer::Mailer;
use axme_core::policy::keyed_semaphores::KeyedSemaphores;
use axme_core::system::{Fetch, FetchResult, Mail, MailError, Outbound, Post, PostAnswer, PostError};

/// Concurrent requests of one workspace to one host and port: a hanging host leaves room for others. More than one
/// agent uses at a time, so that a hanging agent does not block another at the same host.
const PER_HOST: usize = 16;
/// Concurrent requests of one workspace. A workspace whose hosts all hang blocks only itself.
const PER_WORKSPACE: usize = 64;
/// Concurrent requests in total. Each holds a socket, and the callers of this server need some too.
const IN_ALL: usize = 512;
/// The longest wait of a request for its permits.
pub const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_SECONDS: u64 = 5;

/// The longest answer that is read, in bytes.
const MAX_FETCHED_BYTES: usize = 1024 * 1024;

pub struct Web {
    client: reqwest::Client,
    /// For servers that the settings name. They may have private addresses.
    trusting: reqwest::Client,
    guard: Guard,
    mailer: Mailer,
    workspaces: KeyedSemaphores<Uuid>,
    /// By workspace, host and port.
    hosts: KeyedSemaphores<(Uuid, String)>,
    all: Arc<Semaphore>,
    patience: Duration,
}

impl Web {
    /// Returns a client whose requests take at most `seconds` each, answer included. Before that, a request may wait
    /// for its permits as long as `patience`.
    pub fn new(guard: Guard, mailer: Mailer, seconds: u64, patience: Duration) -> Result<Web, String> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .connect_timeout(Duration::from_secs(CONNECT_SECONDS.min(seconds)))
                .timeout(Duration::from_secs(seconds))
                .user_agent(concat!("axme/", env!("CARGO_PKG_VERSION")))
        };
        let client = builder().dns_resolver(Arc::new(guard.clone())).build().map_err(|error| error.to_string())?;
        let trusting = builder().build().map_err(|error| error.to_string())?;
        Ok(Web {
            client,
            trusting,
            guard,
            mailer,
            workspaces: KeyedSemaphores::new(PER_WORKSPACE),
            hosts: KeyedSemaphores::new(PER_HOST),
            all: Arc::new(Semaphore::new(IN_ALL)),
            patience,
        })
    }

    /// Waits for three permits: for the workspace at the host, for the workspace, and for the server. In this order, a
    /// waiting request holds no permit that another workspace could wait for.
    async fn places(&self, workspace: Uuid, url: &reqwest::Url) -> Result<[OwnedSemaphorePermit; 3], String> {
        let host = format!("{} {:?}", url.host_str().unwrap_or_default(), url.port_or_known_default());
        let enter = async |gate: Arc<Semaphore>| gate.acquire_owned().await.map_err(|error| error.to_string());
        Ok([
            enter(self.hosts.of(&(workspace, host))).await?,
            enter(self.workspaces.of(&workspace)).await?,
            enter(self.all.clone()).await?,
        ])
    }
}

impl Outbound for Web {
    fn check(&self, url: &str) -> Result<(), String> {
        self.guard.check(url).map(|_| ())
    }

    fn post(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<PostAnswer, PostError>> + Send + '_>> {
        Box::pin(async move {
            let url = self.guard.check(&post.url)?;
            let places = tokio::time::timeout(self.patience, self.places(post.workspace, &url)).await;
            let _places = places.map_err(|_| PostError::Busy)??;
            let mut request = self.client.post(url).body(post.body);
            if !post.headers.iter().any(|(name, _)| *name == "content-type") {
                request = request.header("content-type", "application/json");
            }
            for (name, value) in post.headers {
                request = request.header(name, value);
            }
            // The body is not read.
            let answer = request.send().await.map_err(|error| reason(&error))?;
            let retry_after_seconds = retry_after_seconds(answer.headers());
            Ok(PostAnswer { status: answer.status().as_u16(), retry_after_seconds })
        })
    }

    fn fetch(&self, fetch: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>> {
        Box::pin(async move {
            let mut request = match fetch.form {
                None => self.trusting.get(&fetch.url),
                Some(form) => {
                    let kind = "application/x-www-form-urlencoded";
                    self.trusting.post(&fetch.url).header("content-type", kind).body(form)
                }
            };
            for (name, value) in fetch.headers {
                request = request.header(name, value);
            }
            read_answer(request).await
        })
    }

    fn fetch_public(&self, fetch: Fetch) -> Pin<Box<dyn Future<Output = FetchResult> + Send + '_>> {
        Box::pin(async move {
            let mut request = self.client.get(self.guard.check(&fetch.url)?);
            for (name, value) in fetch.headers {
                request = request.header(name, value);
            }
            let _place = self.all.try_acquire().map_err(|_| "too many requests at the moment".to_owned())?;
            read_answer(request).await
        })
    }

    fn mail(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>> {
        Box::pin(self.mailer.send(mail))
    }
}

/// Sends a request and reads its answer.
async fn read_answer(request: reqwest::RequestBuilder) -> FetchResult {
    let mut answer = request.send().await.map_err(|error| reason(&error))?;
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| reason(&error))? {
        body.extend_from_slice(&part);
        if body.len() > MAX_FETCHED_BYTES {
            return Err(format!("the answer is longer than {MAX_FETCHED_BYTES} bytes"));
        }
    }
    Ok((answer.status().as_u16(), body))
}

/// Reads `Retry-After`: seconds, or a date, which is compared with the date of the answer.
fn retry_after_seconds(headers: &HeaderMap) -> Option<u64> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::trim);
    let wanted = text(RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse() {
        return Some(seconds);
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let pause = date(wanted)?.duration_since(date(text(DATE)?)?).unwrap_or_default();
    Some(pause.as_secs())
}

/// Returns the innermost cause. It is the most specific, and the outer ones show the URL, which may contain a secret.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_of_a_receiver_is_read_in_both_forms() {
        let read = |pairs: &[(reqwest::header::HeaderName, &str)]| {
            let pairs = pairs.iter().map(|(name, text)| (name.clone(), text.parse().expect("a header")));
            retry_after_seconds(&pairs.collect())
        };
        let (date, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(read(&[(RETRY_AFTER, " 120 ")]), Some(120));
        assert_eq!(read(&[(RETRY_AFTER, later), (DATE, date)]), Some(30));
        assert_eq!(read(&[(RETRY_AFTER, date), (DATE, later)]), Some(0));
        for unread in [&[(RETRY_AFTER, later)][..], &[(RETRY_AFTER, "soon"), (DATE, date)], &[(RETRY_AFTER, "-1")], &[]]
        {
            assert_eq!(read(unread), None, "{unread:?}");
        }
    }
}
