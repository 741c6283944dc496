//! An agent that is a server: intents are posted to it. It believes only what is signed, says at once that it has it, and
//! works afterwards.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

use super::agents::Agent;

const SIGNATURE: &str = "x-axme-signature";
const PREFIX: &str = "sha256=";

/// A place on this machine that intents can be posted to.
pub struct Receiver {
    listener: TcpListener,
    pub callback_url: String,
    /// Signs what is posted here. For this run only.
    pub secret: String,
}

struct Terminal {
    agent: Agent,
    secret: String,
    /// Work that is not answered yet.
    at_work: Mutex<JoinSet<()>>,
}

impl Receiver {
    pub async fn bind() -> std::io::Result<Receiver> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let callback_url = format!("http://{}/intent", listener.local_addr()?);
        Ok(Receiver { listener, callback_url, secret: axme_client::fresh_key() })
    }

    /// Serves until it is stopped, then finishes what it has taken.
    pub async fn serve(self, agent: Agent) {
        let stop = agent.stop.clone();
        let desk = Arc::new(Terminal { agent, secret: self.secret, at_work: Mutex::default() });
        let router =
            Router::new().route("/intent", post(receive)).route("/health", get(async || "ok")).with_state(desk.clone());
        run(self.listener, router, stop).await;
        let at_work = std::mem::take(&mut *desk.at_work.lock().expect("nobody panics with the lock"));
        at_work.join_all().await;
    }

    /// Refuses everything, as a service does that is down behind its proxy.
    pub async fn break_down(self, stop: watch::Receiver<()>) {
        run(self.listener, Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE), stop).await;
    }
}

async fn run(listener: TcpListener, router: Router, mut stop: watch::Receiver<()>) {
    let stopped = async move {
        let _ = stop.changed().await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        warn!(%error, "the agent cannot serve any more");
    }
}

async fn receive(State(desk): State<Arc<Terminal>>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let given = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_ours(&desk.secret, &body, given) {
        return (StatusCode::UNAUTHORIZED, r#"{"error":"the signature is not ours"}"#);
    }
    let posted: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(intent_id) = posted["intent_id"].as_str().map(str::to_owned) else {
        return (StatusCode::BAD_REQUEST, r#"{"error":"no intent_id"}"#);
    };
    // The answer to the push only says that it has arrived.
    let agent = desk.agent.clone();
    desk.at_work.lock().expect("nobody panics with the lock").spawn(async move {
        if let Err(error) = agent.answer(&intent_id).await {
            warn!(agent.address, intent_id, %error, "the agent could not answer");
        }
    });
    (StatusCode::OK, r#"{"ack":true}"#)
}

/// Whether `header` is `sha256=` and the HMAC-SHA256 of the body under the secret, in hexadecimal digits.
fn is_ours(secret: &str, body: &[u8], header: &str) -> bool {
    let Some(given) = header.strip_prefix(PREFIX).and_then(unhex) else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length will do");
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HMAC test vector 2 of RFC 4231.
    #[test]
    fn only_what_is_signed_is_ours() {
        let good = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(is_ours("Jefe", b"what do ya want for nothing?", good));
        assert!(!is_ours("Jefe", b"what do ya want for nothing!", good));
        assert!(!is_ours("jefe", b"what do ya want for nothing?", good));
        for wrong in ["", "sha256=", "sha256=5b", "5bdcc146", "sha256=zz", "sha256=123"] {
            assert!(!is_ours("Jefe", b"what do ya want for nothing?", wrong), "{wrong}");
        }
    }
}
