//! Waits for intents: bounded, and ended by the stop of the server or the disconnection of the client.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axme_api::{ApiError, Json, JsonFields, Status};
use axme_core::input::parse_id;
use axme_store::Signal;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::{Peer, RoleServer};
use serde_json::Value;

use super::calls::{HostCall, with};

/// How often a waiting tool reports that it still waits.
const REPORT_EVERY: Duration = Duration::from_secs(15);

/// Reports the progress of a call to a host that asked for it.
pub(super) struct Reporter {
    host: Option<(Peer<RoleServer>, ProgressToken)>,
    sent: AtomicU32,
}

impl Reporter {
    /// Returns a reporter for a host. Without a token it reports nothing.
    pub(super) fn new(peer: &Peer<RoleServer>, token: Option<ProgressToken>) -> Reporter {
        Reporter { host: token.map(|token| (peer.clone(), token)), sent: AtomicU32::new(0) }
    }

    /// Returns a reporter for a client that is told nothing.
    pub(super) fn silent() -> Reporter {
        Reporter { host: None, sent: AtomicU32::new(0) }
    }

    pub(super) async fn report(&self, message: &str) {
        let Some((peer, token)) = &self.host else { return };
        let count = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        let progress = ProgressNotificationParam::new(token.clone(), f64::from(count)).with_message(message);
        // A client that has gone misses nothing: the intent goes on.
        let _ = peer.notify_progress(progress).await;
    }
}

/// The events of an intent after a number, and whether more can come.
pub(super) struct Seen {
    pub events: Vec<Json>,
    pub next_since: u64,
    pub is_ended: bool,
}

/// Returns the events after `since`. Without any, waits for the next one at most `seconds`.
pub(super) async fn events(
    call: &HostCall,
    id: &str,
    since: u64,
    seconds: u64,
    reporter: &Reporter,
) -> Result<Seen, ApiError> {
    let app = &call.app;
    let subscription = app.wakeups.subscribe(Signal::intent(parse_id(id).map_err(|error| error.into_api())?));
    let _place =
        if seconds > 0 { Some(app.open_stream(call.caller()).await.map_err(|error| error.into_api())?) } else { None };
    let until = app.system.clock.now().plus_seconds(seconds);
    loop {
        let listener = subscription.listen();
        let arguments = with("intent_id", id).with("since", Json::of(&since));
        let page = call.operate("intents.events", arguments).await?;
        let events: Vec<Json> = page.field("events").and_then(|events| events.read().ok()).unwrap_or_default();
        let last = events.last().map(Json::value);
        let next_since = last.as_ref().and_then(|event| event["seq"].as_u64()).unwrap_or(since);
        let is_over = app.system.clock.now() >= until || *app.stopping.borrow();
        if !events.is_empty() || is_over {
            let is_ended = match &last {
                Some(event) => is_terminal(&event["status"]),
                None => is_terminal(&intent(call, id).await?.value()["status"]),
            };
            return Ok(Seen { events, next_since, is_ended });
        }
        reporter.report("waiting").await;
        let pause = async {
            tokio::select! {
                () = app.system.clock.sleep_until(until) => {}
                () = tokio::time::sleep(REPORT_EVERY) => {}
                () = app.stopped() => {}
            }
        };
        listener.or(pause).await;
    }
}

/// Returns an intent.
pub(super) async fn intent(call: &HostCall, id: &str) -> Result<Json, ApiError> {
    call.operate("intents.get", with("intent_id", id)).await
}

/// Waits at most `seconds` until an intent ends, and returns it as it then is.
pub(super) async fn until_ended(
    call: &HostCall,
    id: &str,
    seconds: u64,
    reporter: &Reporter,
) -> Result<Json, ApiError> {
    let until = call.app.system.clock.now().plus_seconds(seconds);
    let mut since = 0;
    loop {
        let left = until.since(call.app.system.clock.now()).as_secs();
        let seen = events(call, id, since, left, reporter).await?;
        since = seen.next_since;
        if seen.is_ended || seen.events.is_empty() {
            return intent(call, id).await;
        }
    }
}

/// Returns true for the status of an intent that has ended.
pub(super) fn is_terminal(status: &Value) -> bool {
    status.as_str().and_then(Status::parse).is_some_and(Status::is_terminal)
}

impl Seen {
    /// Returns the fields of a result.
    pub(super) fn fields(&self) -> JsonFields {
        let fields = JsonFields::new().with("events", Json::of(&self.events));
        fields.with("next_since", Json::of(&self.next_since)).with("is_ended", Json::of(&self.is_ended))
    }
}
