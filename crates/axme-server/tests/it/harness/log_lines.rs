//! Every test runs with logs at `trace`, filtered as the program filters them. When its server ends, no line may show a
//! secret that the test knows: of a request, an answer or a mail.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

use axme_core::system::Mail;
use axme_server::log_filter::may_log;
use serde_json::Value;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The fields of requests and answers that hold a secret.
const SECRET_FIELDS: [&str; 20] = [
    "access_token",
    "account_session_token",
    "api_key",
    "approval_url",
    "current_password",
    "download_url",
    "grant_id",
    "invite_token",
    "invite_url",
    "link",
    "link_token",
    "password",
    "portal_url",
    "refresh_token",
    "secret",
    "standard_webhooks_secret",
    "token",
    "upload_url",
    "url",
    "webhook_secret",
];
/// Shorter texts may be part of a line by chance.
const LEAST_CHARS: usize = 6;

/// The log lines of all tests of this process.
static LINES: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(|| {
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(|| Lines);
    // An error means that another subscriber was set, so that the checks would see nothing.
    let filter = EnvFilter::new("trace");
    let started = tracing_subscriber::registry().with(lines).with(filter).with(filter_fn(may_log)).try_init();
    started.expect("the tests log");
    Mutex::default()
});

struct Lines;

impl Write for Lines {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Watches the lines from the start of a server to its end.
pub struct LogWatch {
    began: usize,
    secrets: Mutex<BTreeSet<String>>,
}

impl LogWatch {
    pub fn start() -> LogWatch {
        LogWatch { began: LINES.lock().unwrap_or_else(PoisonError::into_inner).len(), secrets: Mutex::default() }
    }

    /// Notes a secret.
    pub fn note_text(&self, secret: &str) {
        if secret.chars().count() >= LEAST_CHARS {
            self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
        }
    }

    /// Notes the secrets of a mail: its code, and the token of its link.
    pub fn note_mail(&self, mail: &Mail) {
        let code = mail.subject.split(' ').next().unwrap_or_default();
        if code.len() == LEAST_CHARS && code.bytes().all(|byte| byte.is_ascii_digit()) {
            self.note_text(code);
        }
        mail.link.iter().for_each(|link| self.note_url(link));
    }

    /// Notes the secrets of a request or an answer.
    pub fn note_json(&self, body: &[u8]) {
        if let Ok(body) = serde_json::from_slice(body) {
            self.note_value(&body);
        }
    }

    fn note_value(&self, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value.as_str().filter(|_| SECRET_FIELDS.contains(&name.as_str())) {
                        Some(url) if url.contains("://") => self.note_url(url),
                        Some(secret) => self.note_text(secret),
                        None => self.note_value(value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.note_value(item)),
            _ => {}
        }
    }

    /// Notes the values in the query of a URL.
    fn note_url(&self, url: &str) {
        let query = url.split_once('?').map(|(_, query)| query).unwrap_or_default();
        query.split('&').filter_map(|pair| pair.split_once('=')).for_each(|(_, value)| self.note_text(value));
    }

    /// Returns the lines since the start, of this test and of those that ran beside it.
    pub fn lines(&self) -> String {
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lines[self.began..]).into_owned()
    }
}

impl Drop for LogWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let lines = self.lines();
        for secret in self.secrets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // A code may be part of an id, but not a word of its own.
            let is_word = |at: usize| {
                let outside = |near: Option<char>| near.is_none_or(|near| !near.is_ascii_alphanumeric());
                outside(lines[..at].chars().next_back()) && outside(lines[at + secret.len()..].chars().next())
            };
            let shown = lines.match_indices(secret.as_str()).find(|(at, _)| is_word(*at));
            let line = shown.map(|(at, _)| lines[..at].lines().last().unwrap_or_default());
            assert!(line.is_none(), "a log line shows the secret {secret}: {line:?}…");
        }
    }
}
