//! Streams: windows of server-sent events over the store (`spec/protocol.md` §11).
//!
//! A window sends everything after `since`, lingers briefly, sends the number to continue from, and closes. An idle
//! window is held until something happens or its time is up. The server keeps no state between windows: the client's
//! number is all of it, so a slow or stopped client costs nothing and loses nothing. `?follow=1` keeps a stream open.

mod deliveries;

use std::sync::Arc;
use std::time::Duration;

use axme_api::intents::StatusList;
use axme_api::{ApiError, ErrorCode, ErrorKind, Route};
use axme_intent::{IntentId, Status, Time};
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use tokio::sync::mpsc;
use uuid::Uuid;

use axme_core::auth::Caller;
use axme_core::call::{authenticate, authorize, identify};
use axme_core::consumers;
use axme_core::engine::intent_access;
use axme_core::error::Result;
use axme_core::input::{address as address_of, parse_id};
use axme_core::policy::key_scope;
use axme_core::request::Credentials;
use axme_core::state::{AppState, StreamPermit};
use axme_core::{ops, views};
use axme_store::consumers::{Consumer, ConsumerName};
use axme_store::intents::Head;
use axme_store::wakeups::Listener;
use axme_store::{Signal, Subscription, intents as intent_rows, sessions as session_rows};

use deliveries::AgentStream;

use super::extract::{meta, query};
use super::frames;

/// The parameters of a stream.
struct Window {
    since: u64,
    wait_seconds: u64,
    follow: bool,
    /// The client asks for the headers only (`HEAD`): nothing is claimed or sent.
    only_headers: bool,
    /// Keeps windows of events open until their time is up, since the official Python client
    /// sleeps a second after each.
    stays_open: bool,
    status: Option<Vec<Status>>,
    /// The name of the reader.
    consumer: Option<ConsumerName>,
    /// The presented credentials. Each look at the store checks them again: the stream ends if they are revoked,
    /// expire, or give other rights.
    credentials: Credentials,
}

impl Window {
    /// Returns the end of the window, or the time of the next keep-alive if that is earlier: proxies cut connections that
    /// are quiet.
    fn next_stop(&self, app: &AppState, until: Time) -> Time {
        let keep_alive = app.system.clock.now().plus_seconds(app.limits.keep_alive_seconds);
        if self.follow { keep_alive } else { until.min(keep_alive) }
    }

    /// Returns true if the window is not over at a stop.
    fn goes_on(&self, app: &AppState, until: Time) -> bool {
        (self.follow || app.system.clock.now() < until) && !*app.stopping.borrow()
    }
}

/// The time limit for a client to accept a frame. After that, its unsent deliveries are released.
const SEND_PATIENCE: Duration = Duration::from_secs(30);
/// The time limit for a frame while the server stops.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(2);

/// The default `wait_seconds` of a session's stream.
const SESSION_WAIT_SECONDS: u64 = 30;

/// The sending side of an open stream.
struct FrameSender {
    app: Arc<AppState>,
    sender: mpsc::Sender<Bytes>,
    _permit: StreamPermit,
}

/// The client has disconnected, or does not read.
struct ClientGone;

impl FrameSender {
    async fn send(&self, frame: Bytes) -> Result<(), ClientGone> {
        let farewell = async {
            self.app.stopped().await;
            tokio::time::sleep(FAREWELL_PATIENCE).await;
        };
        tokio::select! {
            biased;
            sent = self.sender.send(frame) => sent.map_err(|_| ClientGone),
            () = tokio::time::sleep(SEND_PATIENCE) => Err(ClientGone),
            () = farewell => Err(ClientGone),
        }
    }
}

/// Streams the events of an intent.
pub async fn intent(app: Arc<AppState>, id: String, request: Parts) -> Result<Response<Body>> {
    let (caller, window) = open(&app, &axme_api::intents::STREAM, &request).await?;
    let id = parse_id(&id)?;
    let subscription = app.wakeups.subscribe(Signal::intent(id));
    let listener = subscription.listen();
    let for_read = caller.clone();
    // The check of the caller's rights and the first look are one read.
    let (since, most, frame_bytes) = (window.since, app.limits.window_events, app.limits.frame_bytes);
    let job = move |tx: &mut axme_store::Tx<'_>| -> Result<_> {
        let (owner, head) = intent_access::find_readable(tx, &for_read, id)?;
        let page = read_events(tx, (owner, id), Some(&head), since, (most, frame_bytes))?;
        Ok((owner, page))
    };
    let (owner, page) = app.read_for(&caller.service_account_id, job).await?;
    let (out, response) = answer(&app, &caller).await?;
    let subject = Subject::Intent { id, owner };
    if window.only_headers {
        return Ok(response);
    }
    let first = Some((listener, page));
    tokio::spawn(async move { EventStream { app, caller, subject, window, out }.run(subscription, first).await });
    Ok(response)
}

/// Streams the events of a session.
pub async fn session(app: Arc<AppState>, id: String, request: Parts) -> Result<Response<Body>> {
    let (caller, mut window) = open(&app, &axme_api::sessions::STREAM, &request).await?;
    if !query(request.uri.query()).iter().any(|(name, _)| name == "wait_seconds") {
        window.wait_seconds = SESSION_WAIT_SECONDS;
    }
    let id = ops::sessions::read_session(&id)?;
    let for_read = caller.clone();
    app.store.read(move |tx| ops::sessions::find_visible(tx, &for_read, id).map(|_| ())).await?;
    let (out, response) = answer(&app, &caller).await?;
    let subject = Subject::Session(id);
    if window.only_headers {
        return Ok(response);
    }
    let subscription = app.wakeups.subscribe(Signal::session(id));
    tokio::spawn(async move { EventStream { app, caller, subject, window, out }.run(subscription, None).await });
    Ok(response)
}

/// Streams the deliveries to an agent.
pub async fn agent(app: Arc<AppState>, address: String, request: Parts) -> Result<Response<Body>> {
    let (caller, window) = open(&app, &axme_api::agents::STREAM, &request).await?;
    let address = address_of(&address, "address", caller.home())?;
    if address.is_elsewhere(caller.home()) {
        let message = format!("agent {address} not found");
        return Err(ApiError::new(ErrorCode::AgentNotFound, message).into());
    }
    if !caller.is_admin() && caller.address.as_ref() != Some(&address) {
        return Err(ApiError::forbidden(format!("this key does not belong to {address}")).into());
    }
    key_scope::check_address(&caller, &address)?;
    let (out, response) = answer(&app, &caller).await?;
    if window.only_headers {
        return Ok(response);
    }
    let name = window.consumer.clone();
    let consumer = name.map(|name| Consumer { workspace: caller.workspace, address: address.clone(), name });
    if let Some(consumer) = &consumer {
        app.consumers.see(&app.store, consumer, app.system.clock.now()).await?;
    }
    let is_discarded = window.since == 0 && window.wait_seconds == 1 && !window.follow;
    let backlog_of = is_discarded.then(|| app.system.clock.now());
    tokio::spawn(async move { AgentStream { app, caller, address, consumer, window, backlog_of, out }.run().await });
    Ok(response)
}

async fn open(app: &AppState, route: &Route, request: &Parts) -> Result<(Arc<Caller>, Window)> {
    let meta = meta(app, request);
    let caller = authenticate(app, route.access, &meta).await?.caller;
    authorize(route, &caller)?;
    let fields = query(request.uri.query());
    let field = |name: &str| {
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).filter(|v| !v.is_empty())
    };
    let number = |name: &str, usual: u64| match field(name) {
        None => Ok(usual),
        Some(text) => {
            text.parse::<u64>().map_err(|_| ApiError::invalid(format!("{name}: must be a whole number of at least 0")))
        }
    };
    let status = match field("status") {
        None => None,
        Some(list) => Some(StatusList::parse(list).map_err(|wrong| ApiError::invalid(format!("status: {wrong}")))?.0),
    };
    let names: Vec<&str> =
        fields.iter().filter(|(name, _)| name == "consumer").map(|(_, value)| value.as_str()).collect();
    let window = Window {
        consumer: consumers::read_name(&meta.consumer, &names)?,
        // A client that reconnects by itself repeats its address and adds the last number it saw.
        since: number("since", 0)?.max(last_event_id(&request.headers)),
        wait_seconds: number("wait_seconds", 15)?.clamp(1, 60),
        only_headers: meta.only_headers,
        follow: matches!(field("follow"), Some("1" | "true")),
        stays_open: is_python_sdk(&request.headers),
        status,
        credentials: meta.credentials,
    };
    Ok((caller, window))
}

/// Returns the number in `Last-Event-ID`; 0 without one.
fn last_event_id(headers: &HeaderMap) -> u64 {
    let text = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Checks that the credentials still give the rights with which the stream was opened.
async fn recheck(app: &AppState, window: &Window, opened_as: &Caller) -> Result<()> {
    let caller = identify(app, &window.credentials).await?;
    let rights = |caller: &Caller| {
        let place = (caller.org, caller.workspace, caller.role);
        (place, caller.address.clone(), caller.bearer.clone(), caller.key_bounds.clone())
    };
    if rights(&caller) == rights(opened_as) {
        return Ok(());
    }
    Err(ApiError::forbidden("the rights of the caller have changed since the stream was opened").into())
}

/// Detects the official Python client. The published one shows only its HTTP library, and always sends a trace id.
fn is_python_sdk(headers: &HeaderMap) -> bool {
    let begins =
        |name: &str, with: &str| headers.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| v.starts_with(with));
    begins("x-axme-client", "axme-sdk-python")
        || (begins("user-agent", "python-httpx/") && headers.contains_key("x-trace-id"))
}

async fn answer(app: &Arc<AppState>, caller: &Caller) -> Result<(FrameSender, Response<Body>)> {
    let permit = app.open_stream(caller).await?;
    let (sender, receiver) = mpsc::channel(1);
    let frames = futures_util::stream::unfold(receiver, async |mut receiver: mpsc::Receiver<Bytes>| {
        receiver.recv().await.map(|frame| (Ok::<_, std::convert::Infallible>(frame), receiver))
    });
    let mut response = Response::new(Body::from_stream(frames));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok((FrameSender { app: app.clone(), sender, _permit: permit }, response))
}

/// A wait until a window ends.
struct Hold<'a> {
    app: &'a AppState,
    until: Time,
}

impl Hold<'_> {
    /// Returns when the window ends, the server stops, or the client disconnects.
    async fn over(&self, out: &FrameSender) {
        tokio::select! {
            () = self.app.system.clock.sleep_until(self.until) => {}
            () = self.app.stopped() => {}
            () = out.sender.closed() => {}
        }
    }
}

/// The subject of a stream of events.
#[derive(Debug, Clone, Copy)]
enum Subject {
    /// An intent, and the workspace that owns it.
    Intent {
        id: IntentId,
        owner: Uuid,
    },
    Session(Uuid),
}

/// A stream of the events of one subject, up to its end.
struct EventStream {
    app: Arc<AppState>,
    caller: Arc<Caller>,
    subject: Subject,
    window: Window,
    out: FrameSender,
}

/// The result of one look at the store.
struct EventPage {
    frames: Vec<(u64, Bytes)>,
    /// Whether the subject has ended and `frames` completes its events.
    is_over: bool,
}

/// The frames of one look, bounded by number and by bytes. The first frame always has room.
struct FramePage {
    frames: Vec<(u64, Bytes)>,
    most: usize,
    bytes_left: usize,
}

/// The rows that a look parses at a time: each may be long.
const ROWS_AT_ONCE: usize = 20;

impl FramePage {
    fn new(most: usize, bytes_left: usize) -> FramePage {
        FramePage { frames: Vec::new(), most, bytes_left }
    }

    fn has_room(&self) -> bool {
        self.frames.len() < self.most && self.bytes_left > 0
    }

    /// Returns how many rows to read next.
    fn rows(&self) -> i64 {
        (self.most - self.frames.len()).min(ROWS_AT_ONCE) as i64
    }

    fn add(&mut self, number: u64, frame: Bytes) {
        self.bytes_left = self.bytes_left.saturating_sub(frame.len());
        self.frames.push((number, frame));
    }
}

impl EventStream {
    /// Runs to the end of the window. `first` is a look that was taken already, with the listener from before it.
    async fn run(self, subscription: Subscription, first: Option<(Listener, EventPage)>) {
        let mut cursor = self.window.since;
        // The only error is a client that has gone; it needs no answer.
        let _ = self.windows(&subscription, first, &mut cursor).await;
        let _ = self.out.send(frames::timeout(cursor)).await;
    }

    async fn windows(
        &self,
        subscription: &Subscription,
        mut first: Option<(Listener, EventPage)>,
        cursor: &mut u64,
    ) -> Result<(), ClientGone> {
        let limits = &self.app.limits;
        let mut left = limits.window_events;
        let mut until = self.app.system.clock.now().plus_seconds(self.window.wait_seconds);
        let mut is_first_look = true;
        loop {
            let hold = Hold { app: &self.app, until: self.window.next_stop(&self.app, until) };
            let found = loop {
                let (listener, looked) = match first.take() {
                    Some((listener, page)) => (listener, Ok(page)),
                    None => (subscription.listen(), self.look(*cursor, left).await),
                };
                match looked {
                    Ok(seen) if !seen.frames.is_empty() || (is_first_look && seen.is_over) => break Some(seen),
                    Ok(_) => {}
                    Err(error) => return fail(error),
                }
                is_first_look = false;
                if !listener.or(hold.over(&self.out)).await {
                    break None;
                }
            };
            let seen = match found {
                Some(seen) => seen,
                None if self.window.goes_on(&self.app, until) => {
                    self.out.send(frames::keep_alive()).await?;
                    continue;
                }
                None => return Ok(()),
            };
            left = left.saturating_sub(seen.frames.len());
            let is_empty = seen.frames.is_empty();
            for (number, frame) in seen.frames {
                self.out.send(frame).await?;
                *cursor = number;
            }
            let now = self.app.system.clock.now();
            match (seen.is_over, is_empty) {
                (true, false) => return Ok(()),
                // Ended, and nothing is new: hold briefly, so that clients that ignore the end do not spin.
                (true, true) => {
                    let hold = Hold { app: &self.app, until: now.plus_millis(limits.terminal_hold_millis) };
                    hold.over(&self.out).await;
                    return Ok(());
                }
                _ if self.window.follow => left = limits.window_events,
                _ if left == 0 => return Ok(()),
                _ if self.window.stays_open => {}
                _ => until = until.min(now.plus_millis(limits.linger_millis)),
            }
        }
    }

    async fn look(&self, since: u64, most: usize) -> Result<EventPage> {
        recheck(&self.app, &self.window, &self.caller).await?;
        match self.subject {
            Subject::Intent { id, owner } => self.look_at_intent((owner, id), since, most).await,
            Subject::Session(id) => self.look_at_session(id, since, most).await,
        }
    }

    async fn look_at_session(&self, id: Uuid, since: u64, most: usize) -> Result<EventPage> {
        let (workspace, frame_bytes) = (self.caller.workspace, self.app.limits.frame_bytes);
        let after = i64::try_from(since).unwrap_or(i64::MAX);
        let job = move |tx: &mut axme_store::Tx<'_>| -> Result<_> {
            let (mut page, mut last, mut after) = (FramePage::new(most, tx.limits.window_bytes), None, after);
            while page.has_room() {
                let entries = session_rows::list_entries(tx, workspace, id, after, page.rows())?;
                let Some(end) = entries.last() else { break };
                after = end.seq;
                for entry in &entries {
                    if !page.has_room() {
                        break;
                    }
                    let view = ops::sessions::view_entry(id, entry);
                    page.add(view.seq, frames::entry(view, frame_bytes));
                    last = Some(ops::sessions::is_last(entry));
                }
            }
            let is_over = match last {
                Some(is_last) => is_last,
                None => session_rows::find(tx, workspace, id)?.is_none_or(|session| session.completed_at.is_some()),
            };
            Ok(EventPage { frames: page.frames, is_over })
        };
        self.app.read_for(&self.caller.service_account_id, job).await
    }

    async fn look_at_intent(&self, place: (Uuid, IntentId), since: u64, most: usize) -> Result<EventPage> {
        let frame_bytes = self.app.limits.frame_bytes;
        let job = move |tx: &mut axme_store::Tx<'_>| read_events(tx, place, None, since, (most, frame_bytes));
        self.app.read_for(&self.caller.service_account_id, job).await
    }
}

/// Reads a page of the events of an intent, whose head may be known already.
fn read_events(
    tx: &mut axme_store::Tx<'_>,
    (workspace, id): (Uuid, IntentId),
    head: Option<&Head>,
    since: u64,
    (most, frame_bytes): (usize, usize),
) -> Result<EventPage> {
    let mut after = views::position_seen(since);
    let (mut page, mut last) = (FramePage::new(most, tx.limits.window_bytes), None);
    // An intent without newer events is not read a second time.
    let mut has_more = head.is_none_or(|head| i64::from(head.intent.position) > after);
    while has_more && page.has_room() {
        let bounds = (page.rows(), page.bytes_left);
        let (events, may_have_more) = intent_rows::list_events_within(tx, workspace, id, after, bounds)?;
        let Some(end) = events.last() else { break };
        after = i64::from(end.position);
        has_more = may_have_more;
        for event in &events {
            if !page.has_room() {
                break;
            }
            let view = views::event(id, event);
            page.add(view.seq, frames::event(&view, frame_bytes));
            last = Some(event.status.is_terminal());
        }
    }
    let is_over = match (last, head) {
        (Some(is_terminal), _) => is_terminal,
        (None, Some(head)) => head.intent.status().is_terminal(),
        (None, None) => intent_rows::find(tx, workspace, id)?.is_none_or(|head| head.intent.status().is_terminal()),
    };
    Ok(EventPage { frames: page.frames, is_over })
}

fn fail(error: axme_core::error::Error) -> Result<(), ClientGone> {
    // The window ends as if its time were up: the client reconnects, and sees whether the store works again.
    let error = error.into_api();
    match error.kind() {
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => {
            tracing::info!(%error, "a stream ended because its caller lost its rights")
        }
        _ => tracing::warn!(%error, "a stream ended early"),
    }
    Ok(())
}
