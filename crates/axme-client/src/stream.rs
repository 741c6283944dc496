//! The two streams: the events of an intent, and the deliveries to an agent (`spec/protocol.md` §11.3).
//!
//! Both ask the server to keep the stream open (`follow=1`). After an interruption (the window ends, the connection
//! breaks, the server restarts) they continue after the last number. They end early if the server refuses the call, or
//! the first connection fails three times. An observer also ends early if the server is away for about a minute.

use std::collections::VecDeque;
use std::time::Duration;

use axme_api::agents;
use axme_api::intents::{self, EventView, GetIntent, ListEvents};
use axme_api::{Id, Limit, Status, Timestamp, lenient};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use reqwest::header::{ACCEPT, HeaderValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sse_stream::{Sse, SseByteStream};

use crate::calls::fresh_key;
use crate::exchange::{REPEATS, pause};
use crate::request::{path, query};
use crate::{Client, ClientError, JsonFields, Object};

type Frames = BoxStream<'static, Result<Sse, sse_stream::Error>>;

/// A stream of `T` that ends after its first error. Dropping it closes the connection.
pub type Feed<T> = BoxStream<'static, Result<T, ClientError>>;

/// The `wait_seconds` for servers that do not know `follow`. Less than the silence timeout.
const WINDOW_SECONDS: u64 = 30;
/// The longest pause between attempts to reconnect.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The failures in a row that an observer survives. With the pauses between them, they take about a minute.
const OBSERVER_FAILURES: u32 = 16;
/// The pause after an empty window. A server may end such windows at once.
const IDLE_PAUSE: Duration = Duration::from_millis(250);

/// Whether a server that was reached once can be reached now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// The connection broke, and a new one failed.
    Away,
    /// There is a connection again.
    Back,
}

/// A delivery of an intent to an agent (`spec/protocol.md` §11.3). Deliveries are at least once: the same intent comes
/// again under a new `seq` until it is answered. A text that the server leaves out is empty.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    /// The number of the delivery; it grows with every delivery to this agent.
    pub seq: u64,
    /// The id of the intent, for [`Client::get_intent`] and [`Client::resume`].
    pub intent_id: Id,
    /// The status at delivery: `DELIVERED`, or `CREATED` for a step on some servers.
    pub status: Status,
    /// The name of the event, `intent.delivered` from this server.
    pub event_type: String,
    /// The type of the intent, such as `intent.ask.v1`.
    #[serde(default)]
    pub intent_type: String,
    /// The address of the sender, `agent://org/workspace/name`.
    #[serde(default)]
    pub from_agent: String,
    /// The address of the receiving agent, `agent://org/workspace/name`.
    #[serde(default)]
    pub to_agent: String,
    /// When the intent was created. `None` if the server leaves it out.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The payload. `None` if it is too large for a frame; [`Client::get_intent`] returns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

impl Client {
    /// Streams the events of an intent with `seq > since`, as they happen, up to the terminal event
    /// (`spec/protocol.md` §11.3). 0 starts at the first event.
    ///
    /// # Errors
    ///
    /// The last item is an error if the server refuses the call, cannot be reached at first, or is away for about a
    /// minute. It is [`ClientError::Answer`] if a frame cannot be read.
    pub fn observe(&self, intent_id: &str, since: u64) -> Feed<EventView> {
        self.observe_with(intent_id, since, OBSERVER_FAILURES)
    }

    /// Streams the events of an intent as [`Client::observe`] does, and tells `report` when the server goes away and when
    /// it is back. After the first connection it waits for the server without a limit.
    ///
    /// # Errors
    ///
    /// The last item is an error if the server refuses the call or cannot be reached at first. It is
    /// [`ClientError::Answer`] if a frame cannot be read.
    pub fn observe_and_report(
        &self,
        intent_id: &str,
        since: u64,
        report: impl Fn(ServerState) + Send + Sync + 'static,
    ) -> Feed<EventView> {
        let fields = Object::from_iter([("intent_id".to_owned(), Value::from(intent_id))]);
        let reader = Reader::new(self, intents::STREAM.path, fields, since);
        let reader = Reader { report: Some(Box::new(report)), ..reader };
        feed(EventSource { reader, intent_id: intent_id.to_owned(), rest: VecDeque::new(), is_over: false })
    }

    pub(crate) fn observe_with(&self, intent_id: &str, since: u64, most_failures: u32) -> Feed<EventView> {
        let fields = Object::from_iter([("intent_id".to_owned(), Value::from(intent_id))]);
        let reader = Reader { most_failures, ..Reader::new(self, intents::STREAM.path, fields, since) };
        feed(EventSource { reader, intent_id: intent_id.to_owned(), rest: VecDeque::new(), is_over: false })
    }

    /// Streams the deliveries to the agent at `address`, starting with all intents that it has not answered. It does
    /// not end, and reconnects when the server is away. Every form of an address is accepted
    /// (`spec/protocol.md` §1.13). From then on, the client sends a consumer name with its calls: that of
    /// [`Builder::consumer`](crate::Builder::consumer), or a random one. While it listens, no other worker is offered what
    /// it has received.
    ///
    /// # Errors
    ///
    /// The last item is an error if the server refuses the call, cannot be reached at first, or
    /// sends an unreadable frame.
    pub fn listen(&self, address: &str) -> Feed<Delivery> {
        let fields = Object::from_iter([("address".to_owned(), Value::from(address))]);
        self.inner.consumer.get_or_init(fresh_consumer);
        feed(DeliverySource { reader: Reader::new(self, agents::STREAM.path, fields, 0) })
    }
}

/// Draws the name of a worker that was not given one.
fn fresh_consumer() -> HeaderValue {
    HeaderValue::try_from(format!("axme-rust-{}", fresh_key())).expect("the name is plain ASCII text")
}

/// Produces one item after another.
trait Source: Send + 'static {
    type Item: Send + 'static;
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Item>, ClientError>> + Send;
}

fn feed<S: Source>(source: S) -> Feed<S::Item> {
    Box::pin(stream::unfold(Some(source), |source| async {
        let mut source = source?;
        match source.next().await {
            Ok(Some(item)) => Some((Ok(item), Some(source))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    }))
}

struct EventSource {
    reader: Reader,
    intent_id: String,
    /// Events fetched in one call after the intent ended without its terminal event on the stream.
    rest: VecDeque<EventView>,
    is_over: bool,
}

impl Source for EventSource {
    type Item = EventView;

    async fn next(&mut self) -> Result<Option<EventView>, ClientError> {
        while !self.is_over {
            match self.reader.step::<EventView>().await? {
                Step::Frame(event) => {
                    self.is_over = event.status.is_terminal();
                    return Ok(Some(event));
                }
                // The intent may have ended at or before `since`; then no frame follows.
                Step::Interrupted => self.catch_up().await?,
            }
        }
        Ok(self.rest.pop_front())
    }
}

impl EventSource {
    /// Fetches the remaining events, if the intent has ended.
    async fn catch_up(&mut self) -> Result<(), ClientError> {
        let client = &self.reader.client;
        let fetched = async {
            let answer = client.call(&intents::GET, &GetIntent::new(self.intent_id.as_str())).await?;
            if !answer.status.is_terminal() {
                return Ok(None);
            }
            let input = ListEvents {
                intent_id: self.intent_id.as_str().into(),
                since: Some(self.reader.since),
                limit: Limit::default(),
            };
            client.call(&intents::EVENTS, &input).await.map(|list| Some(list.events))
        };
        match fetched.await {
            Ok(Some(events)) => {
                self.rest = events.into();
                self.is_over = true;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) if error.is_transient() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

struct DeliverySource {
    reader: Reader,
}

impl Source for DeliverySource {
    type Item = Delivery;

    async fn next(&mut self) -> Result<Option<Delivery>, ClientError> {
        loop {
            if let Step::Frame(delivery) = self.reader.step().await? {
                return Ok(Some(delivery));
            }
        }
    }
}

enum Step<T> {
    Frame(T),
    /// The window ended or the connection broke; the next step continues after the last number.
    Interrupted,
}

/// Reads frames with a growing `seq` from a stream path, over any number of connections.
struct Reader {
    client: Client,
    template: &'static str,
    fields: Object,
    /// The last number seen.
    since: u64,
    frames: Option<Frames>,
    /// Whether this connection has delivered a frame.
    has_frames: bool,
    /// Whether any connection succeeded. Before that, only `REPEATS` failures are allowed.
    has_connected: bool,
    /// Failures since the last frame.
    failures: u32,
    /// The allowed failures after the first connection.
    most_failures: u32,
    /// Hears when the server goes away, and when it is back.
    report: Option<Box<dyn Fn(ServerState) + Send + Sync>>,
    is_away: bool,
}

impl Reader {
    fn new(client: &Client, template: &'static str, fields: Object, since: u64) -> Reader {
        let client = client.clone();
        Reader {
            client,
            template,
            fields,
            since,
            frames: None,
            has_frames: false,
            has_connected: false,
            failures: 0,
            most_failures: u32::MAX,
            report: None,
            is_away: false,
        }
    }

    fn set_away(&mut self, is_away: bool) {
        if self.is_away != is_away
            && let Some(report) = &self.report
        {
            report(if is_away { ServerState::Away } else { ServerState::Back });
        }
        self.is_away = is_away;
    }

    async fn step<T: Frame>(&mut self) -> Result<Step<T>, ClientError> {
        loop {
            let frames = match &mut self.frames {
                Some(frames) => frames,
                None => self.connect().await?,
            };
            let Some(Ok(frame)) = frames.next().await else {
                self.frames = None;
                self.failures = if self.has_frames { 0 } else { self.failures + 1 };
                tokio::time::sleep(backoff(self.failures)).await;
                return Ok(Step::Interrupted);
            };
            self.failures = 0;
            let name = frame.event.as_deref().unwrap_or_default();
            if name == "stream.timeout" {
                self.frames = None;
                if !self.has_frames {
                    tokio::time::sleep(IDLE_PAUSE).await;
                }
                return Ok(Step::Interrupted);
            }
            if !name.starts_with("intent.") {
                continue;
            }
            let read: Result<T, _> = serde_json::from_str(frame.data.as_deref().unwrap_or_default());
            let item =
                read.map_err(|e| ClientError::Answer(format!("{} sent an invalid frame: {e}", self.template)))?;
            self.has_frames = true;
            self.since = self.since.max(item.seq());
            return Ok(Step::Frame(item));
        }
    }

    /// Opens a connection. Retries while the error is transient and the allowed failures are not used up.
    async fn connect(&mut self) -> Result<&mut Frames, ClientError> {
        loop {
            match self.open().await {
                Ok(frames) => {
                    self.has_frames = false;
                    self.has_connected = true;
                    self.set_away(false);
                    return Ok(self.frames.insert(frames));
                }
                Err(error) if error.is_transient() && self.failures < self.allowed_failures() => {
                    self.failures += 1;
                    self.set_away(self.has_connected);
                    tokio::time::sleep(pause(&error, self.failures).min(MAX_PAUSE)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn allowed_failures(&self) -> u32 {
        if self.has_connected { self.most_failures } else { REPEATS }
    }

    async fn open(&mut self) -> Result<Frames, ClientError> {
        let mut path = path(self.template, &mut self.fields.clone().into())?;
        let window = json!({ "since": self.since, "wait_seconds": WINDOW_SECONDS, "follow": 1 });
        path += &query(&JsonFields::of(window));
        let inner = &self.client.inner;
        // No limit on the whole request, since streams stay open; the read timeout of the client limits silence.
        let url = format!("{}{path}", inner.base_url);
        let response = self.client.send(|| inner.http.get(&url).header(ACCEPT, "text/event-stream")).await?;
        Ok(Box::pin(SseByteStream::new(Box::pin(response.bytes_stream()))))
    }
}

/// Returns the pause after a broken connection: none after one that delivered frames, otherwise exponential.
fn backoff(failures: u32) -> Duration {
    if failures == 0 {
        Duration::ZERO
    } else {
        (Duration::from_millis(100) * 2u32.saturating_pow(failures.min(16))).min(MAX_PAUSE)
    }
}

/// The data of a frame. The next connection continues after its number.
trait Frame: DeserializeOwned + Send {
    fn seq(&self) -> u64;
}

impl Frame for EventView {
    fn seq(&self) -> u64 {
        self.seq
    }
}

impl Frame for Delivery {
    fn seq(&self) -> u64 {
        self.seq
    }
}
