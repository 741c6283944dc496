//! The HTTP client of the conformance checks. It sends the key only as a bearer token, and a JSON content type on every
//! request, and waits 15 seconds. A mismatch shows the expected and the actual response.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use axme_client::Object;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Url};
use serde_json::Value;

use crate::failure::Failure;
use crate::output::truncate;

/// The limit for one response, to its last byte.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The maximum length of a shown response, in characters.
const MAX_SHOWN: usize = 400;

/// A failed expectation: a message with the expected and the actual response.
#[derive(Debug)]
pub(crate) struct Mismatch(pub(crate) String);

pub(crate) type CheckResult<T = ()> = Result<T, Mismatch>;

/// A placeholder of [`Field::matches`], like the constants after it: text that is not empty.
pub(crate) const TEXT: &str = "#text";
pub(crate) const TEXT_OR_NULL: &str = "#text?";
pub(crate) const UUID: &str = "#uuid";
/// True or false.
pub(crate) const FLAG: &str = "#flag";
/// An integer of 0 or more.
pub(crate) const COUNT: &str = "#count";
pub(crate) const OBJECT: &str = "#object";
/// Any value, including null.
pub(crate) const PRESENT: &str = "#present";

pub(crate) struct HttpClient {
    client: reqwest::Client,
    base_url: String,
    bearer: String,
}

impl HttpClient {
    pub(crate) fn new(base_url: &str, key: &str) -> Result<HttpClient, Failure> {
        let base_url = base_url.trim().trim_end_matches('/').to_owned();
        let url = Url::parse(&base_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = url else {
            return Err(Failure::usage(format!("\"{base_url}\" is not a base URL: use http(s)://host[:port]")));
        };
        // A redirect is a response like any other.
        let mut client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        if url.scheme() == "http" {
            client = client.tls_certs_only([]);
        }
        if url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.")) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(Failure::new)?;
        Ok(HttpClient { client, base_url, bearer: format!("Bearer {key}") })
    }

    /// Fails if no server listens, because every check would fail then.
    pub(crate) async fn find_server(&self) -> Result<(), Failure> {
        let health = self.client.get(format!("{}/health", self.base_url)).send().await;
        match health {
            Err(error) if error.is_connect() => {
                Err(Failure::new(format!("cannot reach {}: {}", self.base_url, innermost(&error))))
            }
            _ => Ok(()),
        }
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> CheckResult<Response> {
        self.send(Method::GET, path, query, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> CheckResult<Response> {
        self.send(Method::POST, path, &[], &[], Some(body)).await
    }

    /// Sends a POST on behalf of an owner.
    pub(crate) async fn post_as(&self, owner: &str, path: &str, body: &Value) -> CheckResult<Response> {
        self.send(Method::POST, path, &[("owner_agent", owner)], &[], Some(body)).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> CheckResult<Response> {
        let mut call = format!("{method} {path}");
        let mut url = Url::parse(&format!("{}{path}", self.base_url)).map_err(|e| Mismatch(format!("{call}: {e}")))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
            let shown: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            call = format!("{call}?{}", shown.join("&"));
        }
        let mut request = self.client.request(method, url);
        request = request.header("authorization", &self.bearer).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let no_response = |error: reqwest::Error| match error.is_timeout() {
            true => Mismatch(format!("{call}: expected an answer within {} s, got none", TIMEOUT.as_secs())),
            false => Mismatch(format!("{call}: expected an answer, got none: {}", innermost(&error))),
        };
        let response = request.send().await.map_err(no_response)?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let text = response.text().await.map_err(no_response)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Response { call, status, content_type, text, body })
    }
}

/// Returns the innermost cause, such as "connection refused".
fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// A response, read to its end.
pub(crate) struct Response {
    call: String,
    pub(crate) status: u16,
    content_type: String,
    text: String,
    /// Null if the text is not JSON.
    body: Value,
}

impl Response {
    /// Returns the role of the caller from a response of `/v1/me`.
    pub(crate) fn role(&self) -> Option<&str> {
        self.body["role"].as_str()
    }

    pub(crate) fn mismatch(&self, expected: impl Display) -> Mismatch {
        let actual = truncate(&self.text.replace('\n', "\\n"), MAX_SHOWN);
        Mismatch(format!("{}: expected {expected}, got {} {actual}", self.call, self.status))
    }

    /// Expects 200 and a JSON object, as in every JSON-RPC answer.
    pub(crate) fn object(&self) -> CheckResult<Field<'_>> {
        if self.status == 200 && self.body.is_object() {
            return Ok(Field { response: self, path: String::new(), value: Some(&self.body) });
        }
        Err(self.mismatch("200 and a JSON object"))
    }

    /// Expects 200 and a JSON object with `ok: true`, as in every success.
    pub(crate) fn success(&self) -> CheckResult<Field<'_>> {
        let body = self.object()?;
        body.get("ok").is(&Value::Bool(true))?;
        Ok(body)
    }

    /// Expects the status, and a reason in one of the fields where clients look for it.
    pub(crate) fn is_refused(&self, status: u16) -> CheckResult {
        if self.status != status {
            return Err(self.mismatch(format!("status {status}")));
        }
        let reasons = ["/error", "/error/message", "/message", "/detail"];
        let has_reason =
            reasons.iter().filter_map(|path| self.body.pointer(path)?.as_str()).any(|text| !text.is_empty());
        if has_reason { Ok(()) } else { Err(self.mismatch("a reason in error.message, message or detail")) }
    }

    /// Parses a stream that was read to its end: LF, one `data` line per frame, a blank line after each frame.
    pub(crate) fn frames(&self) -> CheckResult<Vec<Frame>> {
        if self.status != 200 || !self.content_type.starts_with("text/event-stream") {
            return Err(self.mismatch(format!("200 and text/event-stream (not \"{}\")", self.content_type)));
        }
        let Some(text) = self.text.strip_suffix("\n\n") else {
            return Err(self.mismatch("a stream that ends with a blank line"));
        };
        text.split("\n\n").map(|frame| self.frame(frame)).collect()
    }

    fn frame(&self, text: &str) -> CheckResult<Frame> {
        let mut frame = Frame { event: String::new(), data: Value::Null };
        for line in text.lines().filter(|line| !line.starts_with(':')) {
            match line.split_once(": ") {
                Some(("event", event)) => frame.event = event.to_owned(),
                Some(("data", data)) if frame.data.is_null() => {
                    frame.data = serde_json::from_str(data).map_err(|_| self.mismatch("JSON in each data line"))?;
                }
                Some(("id" | "retry", _)) => {}
                _ => {
                    return Err(self.mismatch(format!("frames of id, event and one data line (not \"{line}\")")));
                }
            }
        }
        Ok(frame)
    }
}

pub(crate) struct Frame {
    pub(crate) event: String,
    pub(crate) data: Value,
}

/// A field of a response, which may be missing.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    response: &'a Response,
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Field<'a> {
    pub(crate) fn get(&self, name: &str) -> Field<'a> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Field { response: self.response, path, value: self.value.and_then(|value| value.get(name)) }
    }

    pub(crate) fn mismatch(&self, expected: impl Display) -> Mismatch {
        let actual = self.value.map_or("nothing".to_owned(), |value| truncate(&value.to_string(), MAX_SHOWN));
        let Response { call, text, status, .. } = self.response;
        let whole = truncate(&text.replace('\n', "\\n"), MAX_SHOWN);
        Mismatch(format!("{call}: expected {} to be {expected}, got {actual} in {status} {whole}", self.path))
    }

    pub(crate) fn is(&self, expected: &Value) -> CheckResult {
        if self.value == Some(expected) { Ok(()) } else { Err(self.mismatch(expected)) }
    }

    pub(crate) fn is_text(&self, expected: &str) -> CheckResult {
        self.is(&Value::from(expected))
    }

    /// Finds the item of a list whose field `name` is this text.
    pub(crate) fn find(&self, name: &str, text: &str) -> CheckResult<Field<'a>> {
        let found = self.items()?.into_iter().find(|item| item.get(name).is_text(text).is_ok());
        found.ok_or_else(|| self.mismatch(format!("a list with {name} {text}")))
    }

    /// Compares with an example. An object lists the required fields; `[example]` is a list of at least one such item.
    /// A string is a value or a placeholder: [`TEXT`] and the constants after it, or `#one|two` for one of several
    /// words.
    pub(crate) fn matches(&self, example: &Value) -> CheckResult {
        match example {
            Value::Object(fields) => fields.iter().try_for_each(|(name, example)| self.get(name).matches(example)),
            Value::Array(items) => match items.as_slice() {
                [item] => self.some_items()?.iter().try_for_each(|other| other.matches(item)),
                _ => self.is(example),
            },
            Value::String(text) => match text.as_str() {
                TEXT => self.text().map(|_| ()),
                TEXT_OR_NULL => self.text_or_null().map(|_| ()),
                UUID => self.uuid().map(|_| ()),
                FLAG => self.flag().map(|_| ()),
                COUNT => self.count().map(|_| ()),
                OBJECT => self.fields().map(|_| ()),
                PRESENT => self.exists(),
                words if words.starts_with('#') && words.contains('|') => {
                    let actual = self.text()?;
                    if words[1..].split('|').any(|word| word == actual) {
                        return Ok(());
                    }
                    Err(self.mismatch(words[1..].replace('|', " or ")))
                }
                _ => self.is(example),
            },
            _ => self.is(example),
        }
    }

    /// Expects any value, including null.
    pub(crate) fn exists(&self) -> CheckResult {
        self.value.map(|_| ()).ok_or_else(|| self.mismatch("present"))
    }

    /// Expects text that is not empty.
    pub(crate) fn text(&self) -> CheckResult<&'a str> {
        let text = self.value.and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| self.mismatch("text that is not empty"))
    }

    pub(crate) fn text_or_null(&self) -> CheckResult<Option<&'a str>> {
        match self.value {
            Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            _ => Err(self.mismatch("text or null")),
        }
    }

    pub(crate) fn uuid(&self) -> CheckResult<&'a str> {
        let text = self.value.and_then(Value::as_str).filter(|text| uuid::Uuid::try_parse(text).is_ok());
        text.ok_or_else(|| self.mismatch("a UUID"))
    }

    pub(crate) fn flag(&self) -> CheckResult<bool> {
        self.value.and_then(Value::as_bool).ok_or_else(|| self.mismatch("true or false"))
    }

    pub(crate) fn count(&self) -> CheckResult<u64> {
        self.value.and_then(Value::as_u64).ok_or_else(|| self.mismatch("an integer of 0 or more"))
    }

    pub(crate) fn fields(&self) -> CheckResult<&'a Object> {
        self.value.and_then(Value::as_object).ok_or_else(|| self.mismatch("an object"))
    }

    pub(crate) fn items(&self) -> CheckResult<Vec<Field<'a>>> {
        let items = self.value.and_then(Value::as_array).ok_or_else(|| self.mismatch("a list"))?;
        let part =
            |(at, value)| Field { response: self.response, path: format!("{}[{at}]", self.path), value: Some(value) };
        Ok(items.iter().enumerate().map(part).collect())
    }

    /// Expects a list with at least one item.
    pub(crate) fn some_items(&self) -> CheckResult<Vec<Field<'a>>> {
        let items = self.items()?;
        if items.is_empty() { Err(self.mismatch("a list with at least one item")) } else { Ok(items) }
    }
}
