//! The callback server of an agent in http mode. It accepts only signed posts, acknowledges each post at once and
//! queues its intent.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tracing::warn;

const SIGNATURE: &str = "x-axme-signature";
const PREFIX: &str = "sha256=";

pub(crate) struct CallbackServer {
    listener: TcpListener,
    pub(crate) url: String,
    /// The key of the signatures, for this run only.
    pub(crate) secret: String,
}

impl CallbackServer {
    /// Binds a free loopback port.
    pub(crate) async fn bind() -> std::io::Result<CallbackServer> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/intent", listener.local_addr()?);
        Ok(CallbackServer { listener, url, secret: axme_client::fresh_key() })
    }

    /// Serves until it is stopped, and sends the ids of posted intents to `queue`.
    pub(crate) async fn serve(self, queue: mpsc::UnboundedSender<String>, stop: watch::Receiver<()>) {
        let state = Arc::new((self.secret, queue));
        run(self.listener, Router::new().route("/intent", post(receive)).with_state(state), stop).await;
    }

    /// Answers every post with 503, like the proxy of a stopped service.
    pub(crate) async fn fail(self, stop: watch::Receiver<()>) {
        run(self.listener, Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE), stop).await;
    }
}

async fn run(listener: TcpListener, router: Router, mut stop: watch::Receiver<()>) {
    let stopped = async move {
        let _ = stop.changed().await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        warn!(%error, "the callback server has stopped");
    }
}

type Queue = Arc<(String, mpsc::UnboundedSender<String>)>;

async fn receive(State(state): State<Queue>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let (secret, queue) = &*state;
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_signed(secret, &body, signature) {
        return (StatusCode::UNAUTHORIZED, r#"{"error":"invalid signature"}"#);
    }
    let intent: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(intent_id) = intent["intent_id"].as_str() else {
        return (StatusCode::BAD_REQUEST, r#"{"error":"missing intent_id"}"#);
    };
    match queue.send(intent_id.to_owned()) {
        Ok(()) => (StatusCode::OK, r#"{"ack":true}"#),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, r#"{"error":"the agent has stopped"}"#),
    }
}

/// Whether `header` is `sha256=` and the HMAC-SHA256 of the body under the secret, in hexadecimal digits.
fn is_signed(secret: &str, body: &[u8], header: &str) -> bool {
    let Some(signature) = header.strip_prefix(PREFIX).and_then(decode_hex) else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

fn decode_hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HMAC test vector 2 of RFC 4231.
    #[test]
    fn only_a_signed_body_is_accepted() {
        let good = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(is_signed("Jefe", b"what do ya want for nothing?", good));
        assert!(!is_signed("Jefe", b"what do ya want for nothing!", good));
        assert!(!is_signed("jefe", b"what do ya want for nothing?", good));
        for wrong in ["", "sha256=", "sha256=5b", "5bdcc146", "sha256=zz", "sha256=123"] {
            assert!(!is_signed("Jefe", b"what do ya want for nothing?", wrong), "{wrong}");
        }
    }
}
