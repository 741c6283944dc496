//! A keep-alive HTTP/1.1 connection that does as little as possible: the load must cost less than the measured server.
//!
//! Requests are bytes that the caller has prepared. Responses are read by their length or in chunks. Anything else is
//! an error.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More headers than the server ever sends.
const MAX_HEADERS: usize = 32;
const READ_AHEAD: usize = 16 * 1024;

pub(crate) struct Connection {
    stream: TcpStream,
    /// The bytes that have arrived; those before `read` are consumed.
    arrived: Vec<u8>,
    read: usize,
}

/// How the body of the current response ends.
#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    Chunks,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, arrived: Vec::with_capacity(READ_AHEAD), read: 0 })
    }

    /// Sends a request and reads its response, which must be a 200.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.stream.write_all(request).await?;
        let framing = self.head().await?;
        match framing {
            Framing::Length(length) => Ok(self.take(length).await?.to_vec()),
            Framing::Chunks => {
                let mut body = Vec::new();
                while let Some(chunk) = self.chunk().await? {
                    body.extend_from_slice(chunk);
                }
                Ok(body)
            }
        }
    }

    /// Sends a request whose response is a stream, and reads its head. [`Connection::chunk`] reads the rest.
    pub(crate) async fn open_stream(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        match self.head().await? {
            Framing::Chunks => Ok(()),
            Framing::Length(_) => bail!("the response has a length, but a stream was expected"),
        }
    }

    /// Reads the next chunk of a stream, or `None` at its end.
    pub(crate) async fn chunk(&mut self) -> anyhow::Result<Option<&[u8]>> {
        let length = loop {
            match httparse::parse_chunk_size(&self.arrived[self.read..]) {
                Ok(httparse::Status::Complete((head, length))) => {
                    self.read += head;
                    break usize::try_from(length)?;
                }
                Ok(httparse::Status::Partial) => self.more().await?,
                Err(_) => bail!("the response has a chunk without a size"),
            }
        };
        let with_end = self.take(length + 2).await?;
        Ok(if length == 0 { None } else { Some(&with_end[..length]) })
    }

    async fn head(&mut self) -> anyhow::Result<Framing> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let unread = &self.arrived[self.read..];
            if let httparse::Status::Complete(head) = response.parse(unread).context("the response is not HTTP")? {
                if response.code != Some(200) {
                    bail!("the server returned {}", String::from_utf8_lossy(unread));
                }
                let framing = framing(response.headers)?;
                self.read += head;
                return Ok(framing);
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, length: usize) -> anyhow::Result<&[u8]> {
        while self.arrived.len() - self.read < length {
            self.more().await?;
        }
        let taken = self.read..self.read + length;
        self.read += length;
        Ok(&self.arrived[taken])
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        self.arrived.drain(..self.read);
        self.read = 0;
        self.arrived.reserve(READ_AHEAD);
        match self.stream.read_buf(&mut self.arrived).await? {
            0 => bail!("the server closed the connection"),
            _ => Ok(()),
        }
    }
}

fn framing(headers: &[httparse::Header<'_>]) -> anyhow::Result<Framing> {
    let header = |name: &str| headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
    match header("content-length") {
        Some(length) => Ok(Framing::Length(std::str::from_utf8(length)?.parse()?)),
        None if header("transfer-encoding").is_some() => Ok(Framing::Chunks),
        None => bail!("the response has neither a length nor chunks"),
    }
}

/// Returns the bytes of a POST. `headers` are whole lines.
pub(crate) fn post(path: &str, key: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// Returns the bytes of a GET.
pub(crate) fn get(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\nx-api-key: {key}\r\n\r\n").into_bytes()
}
