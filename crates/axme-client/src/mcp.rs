//! Messages of the Model Context Protocol, as a bridge passes them on (`spec/protocol.md` §7).

use axme_api::Json;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use sse_stream::SseByteStream;

use crate::{Client, ClientError};

/// The messages with which a server answers one message. The last one is the answer itself; a notification gets none.
pub type McpAnswers = BoxStream<'static, Result<Json, ClientError>>;

impl Client {
    /// Sends one message to `/mcp`, with the query `parameters` and further headers, and returns the answers. The message
    /// is sent once.
    ///
    /// # Errors
    ///
    /// Fails as [`Client::call`] does. A refusal in a message of the protocol is an answer, not an error.
    pub async fn send_mcp(
        &self,
        parameters: &str,
        headers: &[(&'static str, String)],
        message: &Json,
    ) -> Result<McpAnswers, ClientError> {
        let inner = &self.inner;
        let url = format!("{}/mcp{parameters}", inner.base_url);
        let build = || {
            let request = inner.http.post(&url).header(CONTENT_TYPE, "application/json");
            let request = request.header(ACCEPT, "application/json, text/event-stream");
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
            request.body(message.text().to_owned())
        };
        let response = match self.send(build).await {
            Ok(response) => response,
            Err(ClientError::Refused(refusal)) if refusal.body.get("jsonrpc").is_some() => {
                let answer = Json::from(refusal.body.clone());
                return Ok(stream::iter([Ok(answer)]).boxed());
            }
            Err(error) => return Err(error),
        };
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            let frames = SseByteStream::new(Box::pin(response.bytes_stream()));
            let messages = frames.filter_map(async |frame| match frame {
                Ok(frame) => Some(read(frame.data?.as_bytes())),
                Err(error) => Some(Err(ClientError::Answer(format!("the event stream broke: {error}")))),
            });
            return Ok(messages.boxed());
        }
        let bytes = response.bytes().await.map_err(ClientError::Transport)?;
        let answer = if bytes.is_empty() { None } else { Some(read(&bytes)) };
        Ok(stream::iter(answer).boxed())
    }
}

fn read(bytes: &[u8]) -> Result<Json, ClientError> {
    serde_json::from_slice(bytes).map_err(|_| ClientError::Answer("the server did not answer with JSON".to_owned()))
}
