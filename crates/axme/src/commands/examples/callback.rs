//! The callback server of an agent in http mode. It accepts only signed posts, acknowledges each post at once and
//! queues its intent.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tracing::warn;

use crate::signature;

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
    let signed = headers.get(signature::HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signature::is_signed(secret, &body, signed) {
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
