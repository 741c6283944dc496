//! HTTP as the conformance suite speaks it: the key as a bearer token and nothing else, a JSON content type on every
//! request, 15 seconds. And what came, with words for what should have come.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use axme_client::Object;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, Url};
use serde_json::Value;

use crate::failure::Failure;
use crate::screen::short;

/// For one answer, to its last byte.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is shown of an answer, in characters.
const SHOWN: usize = 400;

/// What was expected and what came.
#[derive(Debug)]
pub struct Wrong(pub String);

pub type Seen<T = ()> = Result<T, Wrong>;

pub struct Wire {
    http: Client,
    base_url: String,
    bearer: String,
}

impl Wire {
    pub fn new(base_url: &str, key: &str) -> Result<Wire, Failure> {
        let base_url = base_url.trim().trim_end_matches('/').to_owned();
        let url = Url::parse(&base_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = url else {
            return Err(Failure::usage(format!("\"{base_url}\" is no base URL: want http(s)://host[:port]")));
        };
        // A redirect is an answer like any other, and here it is a wrong one.
        let mut http = Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        if url.scheme() == "http" {
            http = http.tls_certs_only([]);
        }
        if url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.")) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(Failure::new)?;
        Ok(Wire { http, base_url, bearer: format!("Bearer {key}") })
    }

    /// Fails when nobody listens: then no check would say anything.
    pub async fn find_server(&self) -> Result<(), Failure> {
        let asked = self.http.get(format!("{}/health", self.base_url)).send().await;
        match asked {
            Err(error) if error.is_connect() => {
                Err(Failure::new(format!("cannot reach {}: {}", self.base_url, innermost(&error))))
            }
            _ => Ok(()),
        }
    }

    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Seen<Answer> {
        self.send(Method::GET, path, query, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Seen<Answer> {
        self.send(Method::POST, path, &[], &[], Some(body)).await
    }

    /// A POST in the name of an owner.
    pub async fn post_as(&self, owner: &str, path: &str, body: &Value) -> Seen<Answer> {
        self.send(Method::POST, path, &[("owner_agent", owner)], &[], Some(body)).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Seen<Answer> {
        let mut call = format!("{method} {path}");
        let mut url = Url::parse(&format!("{}{path}", self.base_url)).map_err(|e| Wrong(format!("{call}: {e}")))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
            let shown: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            call = format!("{call}?{}", shown.join("&"));
        }
        let mut request = self.http.request(method, url);
        request = request.header("authorization", &self.bearer).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let no_answer = |error: reqwest::Error| match error.is_timeout() {
            true => Wrong(format!("{call}: expected an answer within {} s, got none", PATIENCE.as_secs())),
            false => Wrong(format!("{call}: expected an answer, got none: {}", innermost(&error))),
        };
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let text = response.text().await.map_err(no_answer)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { call, status, content_type, text, body })
    }
}

/// The reason at the bottom, such as "connection refused".
fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// What came, whole.
pub struct Answer {
    call: String,
    pub status: u16,
    content_type: String,
    text: String,
    /// Null when it is no JSON.
    body: Value,
}

impl Answer {
    /// What an answer about the caller says of its role.
    pub fn role(&self) -> Option<&str> {
        self.body["role"].as_str()
    }

    pub fn wrong(&self, expected: impl Display) -> Wrong {
        let came = short(&self.text.replace('\n', "\\n"), SHOWN);
        Wrong(format!("{}: expected {expected}, got {} {came}", self.call, self.status))
    }

    /// 200 and a JSON object; what every JSON-RPC answer is.
    pub fn object(&self) -> Seen<Part<'_>> {
        if self.status == 200 && self.body.is_object() {
            return Ok(Part { answer: self, path: String::new(), value: Some(&self.body) });
        }
        Err(self.wrong("200 and a JSON object"))
    }

    /// 200 and a JSON object with `ok: true`; what every success is.
    pub fn success(&self) -> Seen<Part<'_>> {
        let body = self.object()?;
        body.get("ok").is(&Value::Bool(true))?;
        Ok(body)
    }

    /// The status, and a reason in one of the places where clients look for it.
    pub fn refused(&self, status: u16) -> Seen {
        if self.status != status {
            return Err(self.wrong(format!("status {status}")));
        }
        let reasons = ["/error", "/error/message", "/message", "/detail"];
        let has_reason =
            reasons.iter().filter_map(|path| self.body.pointer(path)?.as_str()).any(|text| !text.is_empty());
        if has_reason { Ok(()) } else { Err(self.wrong("a reason in error.message, message or detail")) }
    }

    /// The frames of a stream that was read to its end: LF, one `data` line a frame, a blank line after the last one.
    pub fn frames(&self) -> Seen<Vec<Frame>> {
        if self.status != 200 || !self.content_type.starts_with("text/event-stream") {
            return Err(self.wrong(format!("200 and text/event-stream (it is \"{}\")", self.content_type)));
        }
        let Some(text) = self.text.strip_suffix("\n\n") else {
            return Err(self.wrong("a stream that ends with a blank line"));
        };
        text.split("\n\n").map(|frame| self.frame(frame)).collect()
    }

    fn frame(&self, text: &str) -> Seen<Frame> {
        let mut frame = Frame { event: String::new(), data: Value::Null };
        for line in text.lines().filter(|line| !line.starts_with(':')) {
            match line.split_once(": ") {
                Some(("event", event)) => frame.event = event.to_owned(),
                Some(("data", data)) if frame.data.is_null() => {
                    frame.data = serde_json::from_str(data).map_err(|_| self.wrong("JSON in each data line"))?;
                }
                Some(("id" | "retry", _)) => {}
                _ => return Err(self.wrong(format!("frames of id, event and one data line (\"{line}\" is another)"))),
            }
        }
        Ok(frame)
    }
}

pub struct Frame {
    pub event: String,
    pub data: Value,
}

/// Some place in an answer, which may be missing.
#[derive(Clone)]
pub struct Part<'a> {
    answer: &'a Answer,
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Part<'a> {
    pub fn get(&self, name: &str) -> Part<'a> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Part { answer: self.answer, path, value: self.value.and_then(|value| value.get(name)) }
    }

    pub fn wrong(&self, expected: impl Display) -> Wrong {
        let came = self.value.map_or("nothing".to_owned(), |value| short(&value.to_string(), SHOWN));
        let Answer { call, text, status, .. } = self.answer;
        let whole = short(&text.replace('\n', "\\n"), SHOWN);
        Wrong(format!("{call}: expected {} to be {expected}, got {came} in {status} {whole}", self.path))
    }

    pub fn is(&self, expected: &Value) -> Seen {
        if self.value == Some(expected) { Ok(()) } else { Err(self.wrong(expected)) }
    }

    pub fn is_text(&self, expected: &str) -> Seen {
        self.is(&Value::from(expected))
    }

    /// One of these words.
    pub fn is_one_of(&self, expected: &[&str]) -> Seen {
        let text = self.text()?;
        if expected.contains(&text) { Ok(()) } else { Err(self.wrong(expected.join(" or "))) }
    }

    /// There, whatever it is; null counts.
    pub fn exists(&self) -> Seen {
        self.value.map(|_| ()).ok_or_else(|| self.wrong("there"))
    }

    /// Text that is not empty.
    pub fn text(&self) -> Seen<&'a str> {
        let text = self.value.and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| self.wrong("text that is not empty"))
    }

    pub fn text_or_null(&self) -> Seen<Option<&'a str>> {
        match self.value {
            Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            _ => Err(self.wrong("text or null")),
        }
    }

    pub fn uuid(&self) -> Seen<&'a str> {
        let text = self.value.and_then(Value::as_str).filter(|text| uuid::Uuid::try_parse(text).is_ok());
        text.ok_or_else(|| self.wrong("a UUID"))
    }

    pub fn flag(&self) -> Seen<bool> {
        self.value.and_then(Value::as_bool).ok_or_else(|| self.wrong("true or false"))
    }

    pub fn count(&self) -> Seen<u64> {
        self.value.and_then(Value::as_u64).ok_or_else(|| self.wrong("an integer of 0 or more"))
    }

    pub fn fields(&self) -> Seen<&'a Object> {
        self.value.and_then(Value::as_object).ok_or_else(|| self.wrong("an object"))
    }

    pub fn items(&self) -> Seen<Vec<Part<'a>>> {
        let items = self.value.and_then(Value::as_array).ok_or_else(|| self.wrong("a list"))?;
        let part = |(at, value)| Part { answer: self.answer, path: format!("{}[{at}]", self.path), value: Some(value) };
        Ok(items.iter().enumerate().map(part).collect())
    }

    /// A list with something in it.
    pub fn some_items(&self) -> Seen<Vec<Part<'a>>> {
        let items = self.items()?;
        if items.is_empty() { Err(self.wrong("a list with at least one item")) } else { Ok(items) }
    }
}
