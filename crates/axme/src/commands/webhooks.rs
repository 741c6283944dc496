//! `axme webhooks`: subscriptions, and a receiver on this machine that shows what arrives.

use std::net::SocketAddr;
use std::sync::Arc;

use axme_client::api::webhooks::{self, DeleteSubscription, ListSubscriptions, UpsertSubscription};
use axme_client::{Id, Json};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use clap::{Args, Subcommand};
use serde_json::json;
use tokio::net::TcpListener;

use super::serve::ShutdownSignal;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::limit;
use crate::output::{OutputFormat, day_time, line, payload_fields, print_list};
use crate::session::{Session, Shape};
use crate::signature;

/// The largest post that the receiver reads.
const MAX_BODY: usize = 1_048_576;

/// List subscriptions, and receive events on this machine
#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// List the subscriptions
    #[command(visible_alias = "ls")]
    List,
    Listen(Listen),
}

/// Receive posts on this machine, print them and check their signatures
///
/// Works for subscriptions and for agents in http mode. With --events, the command subscribes its own address while it
/// runs. The server must be able to reach that address: `axme dev` reaches this machine, other servers only addresses
/// that they may call.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme webhooks listen --events 'intent.*'\n         \
                        axme webhooks listen --listen 127.0.0.1:9000 --secret \"$SECRET\"")]
pub(crate) struct Listen {
    /// Address and port to listen on; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Secret that signs the posts [env: AXME_WEBHOOK_SECRET] [default with --events: a new one]
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// Types of events to subscribe to, separated by commas; * is all of them
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    events: Vec<String>,
    /// URL at which the server reaches this address [default: http://ADDRESS/]
    #[arg(long, value_name = "URL", requires = "events")]
    public_url: Option<String>,
    /// Stop after this many posts
    #[arg(long, value_name = "N", value_parser = limit::read::<usize>)]
    count: Option<usize>,
}

impl Webhooks {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        match self {
            Webhooks::List => list(&Session::open(flags).await?).await,
            Webhooks::Listen(listen) => listen.run(flags).await,
        }
    }
}

async fn list(session: &Session) -> Result<(), Failure> {
    let input = ListSubscriptions { owner_agent: None, include_inactive: Some(true) };
    let show = |list: webhooks::SubscriptionList| {
        let rows = list.subscriptions.iter().map(|subscription| {
            vec![
                subscription.subscription_id.to_string(),
                if subscription.active { "active" } else { "paused" }.to_owned(),
                subscription.callback_url.clone(),
                subscription.event_types.join(", "),
                day_time(subscription.created_at),
            ]
        });
        print_list("subscriptions", &["SUBSCRIPTION_ID", "STATUS", "URL", "EVENTS", "CREATED"], rows)
    };
    session.tell(&webhooks::LIST, &input, Shape::Wrapped, show).await
}

/// The settings of the receiver, shared by all posts.
struct Receiver {
    format: OutputFormat,
    secret: Option<String>,
    posts: tokio::sync::mpsc::UnboundedSender<()>,
}

impl Listen {
    async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let mut stop = ShutdownSignal::new()?;
        let format = flags.format();
        let listener = TcpListener::bind(self.listen)
            .await
            .map_err(|e| Failure::new(format!("cannot listen on {}: {e}", self.listen)))?;
        let own_url = format!("http://{}/", listener.local_addr()?);
        let fresh = || (!self.events.is_empty()).then(axme_client::fresh_key);
        let secret = self.secret.clone().or_else(|| folders::environment("AXME_WEBHOOK_SECRET")).or_else(fresh);
        format.print(format!("Receiving posts at {own_url}"))?;
        if secret.is_none() {
            format.print("  Signatures are not checked: pass --secret")?;
        }
        let (posts, mut arrived) = tokio::sync::mpsc::unbounded_channel();
        let receiver = Arc::new(Receiver { format, secret: secret.clone(), posts });
        let router = Router::new().fallback(receive).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(receiver);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        let subscribed = match &self.events[..] {
            [] => None,
            events => {
                let session = Session::open(flags).await?;
                let url = self.public_url.clone().unwrap_or(own_url);
                let id = subscribe(&session, &url, events, secret).await?;
                format.print(format!("  Subscribed to {} with {id}; press Ctrl-C to stop", events.join(", ")))?;
                Some((session, id))
            }
        };
        let mut seen = 0;
        while self.count.is_none_or(|count| seen < count) {
            tokio::select! {
                _ = stop.recv() => break,
                _ = arrived.recv() => seen += 1,
            }
        }
        serving.abort();
        if let Some((session, subscription_id)) = subscribed {
            let input = DeleteSubscription { subscription_id, owner_agent: None };
            session.call(&webhooks::DELETE, &input).await?;
        }
        Ok(())
    }
}

async fn subscribe(session: &Session, url: &str, events: &[String], secret: Option<String>) -> Result<Id, Failure> {
    let input = UpsertSubscription {
        owner_agent: None,
        callback_url: url.to_owned(),
        event_types: events.to_vec(),
        secret,
        active: Some(true),
        description: Some("axme webhooks listen".to_owned()),
    };
    Ok(session.call(&webhooks::UPSERT, &input).await?.subscription.subscription_id)
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = receiver.secret.as_ref().map(|secret| signature::is_signed(secret, &body, header(signature::HEADER)));
    let content = std::str::from_utf8(&body).ok().and_then(|text| Json::parse(text).ok());
    // A reader that has gone ends the command with the next signal.
    let _ = show(receiver.format, header("webhook-id"), signed, content.as_ref(), body.len());
    let _ = receiver.posts.send(());
    if signed == Some(false) { StatusCode::UNAUTHORIZED } else { StatusCode::OK }
}

/// Shows a post. Forged ones are shown too, and are refused.
fn show(
    format: OutputFormat,
    id: &str,
    signed: Option<bool>,
    content: Option<&Json>,
    length: usize,
) -> Result<(), Failure> {
    if format.is_json() {
        return format.print_json(&json!({ "webhook_id": id, "signature_valid": signed, "body": content }));
    }
    let verdict = match signed {
        Some(true) => "✓ signature is valid",
        Some(false) => "✗ signature is wrong; answered with 401",
        None => "  signature was not checked",
    };
    line(format!("\n{verdict}  {id}"))?;
    match content {
        Some(content) => payload_fields(content, 2).iter().try_for_each(line),
        None => line(format!("  {length} bytes that are not JSON")),
    }
}
