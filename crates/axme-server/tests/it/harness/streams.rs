//! Streams of server-sent events, read step by step or to their end.

use std::time::Duration;

use axme_intent::Time;
use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use super::{PATIENCE, Server};

/// A stream that is being read.
pub struct OpenStream {
    pub status: StatusCode,
    pub headers: HeaderMap,
    began: Time,
    body: Body,
    text: String,
}

impl OpenStream {
    /// Returns the stream of a response; `began` is the time of the request on the server's clock.
    pub fn new(response: Response<Body>, began: Time) -> OpenStream {
        let (parts, body) = response.into_parts();
        OpenStream { status: parts.status, headers: parts.headers, began, body, text: String::new() }
    }

    /// Returns the next frame or comment, while the clock stands still; `None` at the end.
    pub async fn next(&mut self) -> Option<String> {
        let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("a frame, or the end of the stream");
        let bytes = frame?.expect("the stream is not broken").into_data().expect("data");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        self.text.push_str(&text);
        Some(text)
    }

    /// Returns the next frame, which must come.
    pub async fn frame(&mut self) -> Frame {
        let text = self.next().await.expect("a frame");
        parse(&text).pop().unwrap_or_else(|| panic!("a frame, not {text}"))
    }

    /// Reads the rest of the stream. Whenever it is held, the clock moves to the end of the hold.
    pub async fn read_to_end(mut self, server: &Server) -> Window {
        loop {
            let held = async {
                server.clock.advance(server.until_held().await);
                // Give the tasks that the clock has woken time to run.
                tokio::time::sleep(Duration::from_millis(1)).await;
            };
            tokio::select! {
                biased;
                frame = self.next() => if frame.is_none() { break },
                () = held => {}
            }
        }
        Window {
            status: self.status,
            frames: parse(&self.text),
            lasted: server.now().since(self.began),
            text: self.text,
        }
    }
}

/// The content of a window of a stream.
#[derive(Debug)]
pub struct Window {
    pub status: StatusCode,
    pub frames: Vec<Frame>,
    pub text: String,
    /// Measured by the server's clock.
    pub lasted: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub event: String,
    pub id: Option<u64>,
    pub data: Value,
}

impl Window {
    /// Returns the frames without the closing frame, which must exist.
    pub fn content(&self) -> &[Frame] {
        let (last, rest) = self.frames.split_last().expect("a window has a closing frame");
        assert_eq!(last.event, "stream.timeout", "{}", self.text);
        rest
    }

    pub fn next_seq(&self) -> u64 {
        self.frames.last().expect("a closing frame").data["next_seq"].as_u64().expect("a number")
    }

    pub fn intent_ids(&self) -> Vec<&str> {
        self.content().iter().map(|frame| frame.data["intent_id"].as_str().expect("an id")).collect()
    }
}

fn parse(text: &str) -> Vec<Frame> {
    text.split_terminator("\n\n")
        .filter(|block| !block.starts_with(':'))
        .map(|block| {
            let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            Frame {
                event: line("event: ").unwrap_or_default(),
                id: line("id: ").map(|id| id.parse().expect("a number")),
                data: serde_json::from_str(&line("data: ").expect("a data line")).expect("JSON"),
            }
        })
        .collect()
}
