//! The pipeline every operation passes through.
//!
//! In order: identify the caller, check access, decode the input, prepare (everything slow or random that can be done
//! outside the transaction), then in one transaction: the idempotency key, the operation itself, the stored reply. The
//! commit makes it durable; only then does anybody hear of it.

use std::pin::Pin;
use std::sync::Arc;

use axme_api::{Access, ApiError, ErrorKind, Input, Object, Op, OpInfo};
use axme_intent::human::Via;
use axme_intent::{Address, Time};
use axum::body::Bytes;
use axum::http::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::auth;
use crate::config::Limits;
use crate::cx::{CallContext, Caller, Role};
use crate::error::{Error, Result, StoreError};
use crate::seal;
use crate::store::Mark;
use crate::store::replies::{self, Reply, ReplyKey};
use crate::system::{Outbound, Rng};

/// The deepest nesting of a body. What is stored is read again inside a few more levels, and JSON readers, ours and those
/// of clients, stop at 128.
const MAX_DEPTH: usize = 64;

/// Nothing has a longer name. The path is part of an indexed key, and PostgreSQL indexes no more than 2,704 bytes.
const MAX_PATH_BYTES: usize = 2_000;

/// A request, free of routing.
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub headers: HeaderMap,
    pub path_fields: Vec<(&'static str, String)>,
    pub query: Vec<(String, String)>,
    pub body: Bytes,
}

/// A body to send, with the status of a stored refusal where it repeats one.
pub struct EncodedReply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What `prepare` works with.
pub struct PrepareContext<'a> {
    /// `x-owner-agent`, when there is one.
    pub owner_header: Option<&'a str>,
    pub caller: &'a Arc<Caller>,
    pub now: Time,
    pub rng: &'a Rng,
    pub limits: &'a Limits,
    /// How people and clients reach the server; no slash at the end.
    pub base_url: &'a str,
    pub outbound: &'a dyn Outbound,
    /// The caller's workspace has semantic schemas.
    pub has_schemas: bool,
    /// Of one payload or result in the caller's workspace.
    pub payload_bytes: usize,
}

/// An operation bound to what it does.
///
/// `prepare` turns the input into what the transaction needs, and says which write lane it belongs on. `run` does the work;
/// it may run more than once, so it takes its input by reference.
pub struct Handler<I: 'static, O: 'static, P> {
    pub op: &'static Op<I, O>,
    pub prepare: fn(&PrepareContext<'_>, I) -> Result<P>,
    pub run: fn(&mut CallContext<'_, '_>, &P) -> Result<O>,
    /// Where the body may hold an idempotency key of its own, and how a repeated answer is marked.
    pub in_body: Option<BodyKey>,
}

#[derive(Clone, Copy)]
pub struct BodyKey {
    pub field: &'static str,
    pub mark: fn(&mut Object),
}

impl<I, O, P> Clone for Handler<I, O, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I, O, P> Copy for Handler<I, O, P> {}

/// An operation in one transaction, its types forgotten: so the pipeline is compiled once, and not once for each of them.
pub trait ErasedHandler: Send + Sync {
    fn info(&self) -> &'static OpInfo;
    fn in_body(&self) -> Option<BodyKey>;
    /// Reads the input and prepares; says which write lane the job belongs on.
    fn begin(&self, before: &PrepareContext<'_>, request: &Request) -> Result<Job>;
}

/// What is done in the transaction, and may be done more than once.
pub type Job = Box<dyn Fn(&mut CallContext<'_, '_>) -> Result<Output> + Send>;

/// An answer that is yet to be written out.
pub type Output = Box<dyn FnOnce() -> Result<Vec<u8>> + Send>;

impl<I, O, P> ErasedHandler for Handler<I, O, P>
where
    I: DeserializeOwned + 'static,
    O: Serialize + Send + 'static,
    P: Send + 'static,
{
    fn info(&self) -> &'static OpInfo {
        &self.op.info
    }

    fn in_body(&self) -> Option<BodyKey> {
        self.in_body
    }

    fn begin(&self, context: &PrepareContext<'_>, request: &Request) -> Result<Job> {
        let (lane, prepared) = (self.prepare)(context, decode(self.op.info.input, request)?)?;
        let run = self.run;
        let job = move |cx: &mut CallContext<'_, '_>| {
            let output = run(cx, &prepared)?;
            Ok(Box::new(move || to_json(&output)) as Output)
        };
        Ok((lane, Box::new(job)))
    }
}

/// An operation that is more than one transaction: it signs, hashes or looks elsewhere between them.
pub struct AsyncHandler<I: 'static, O: 'static> {
    pub op: &'static Op<I, O>,
    pub run: fn(AsyncContext, I) -> BoxFuture<O>,
}

/// An answer that takes its time.
pub type BoxFuture<O> = Pin<Box<dyn Future<Output = Result<O>> + Send>>;

impl<I, O> Clone for AsyncHandler<I, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I, O> Copy for AsyncHandler<I, O> {}

/// What such an operation works with.
pub struct AsyncContext {
    pub app: Arc<App>,
    /// Nobody, for a public operation.
    pub caller: Arc<Caller>,
    pub headers: HeaderMap,
    pub now: Time,
}

/// Handles a request for one such operation. An idempotency key changes nothing: what it answers holds secrets.
pub async fn serve<I, O>(app: &Arc<App>, served: AsyncHandler<I, O>, request: Request) -> Result<EncodedReply>
where
    I: DeserializeOwned + 'static,
    O: Serialize + Send + 'static,
{
    let info = &served.op.info;
    let visit = visit(app, info, &request).await?;
    let output = (served.run)(visit, decode(info.input, &request)?).await?;
    Ok(EncodedReply { status: 200, body: to_json(&output)? })
}

async fn visit(app: &Arc<App>, info: &OpInfo, request: &Request) -> Result<AsyncContext> {
    let now = app.system.clock.now();
    let caller = identify(app, info.access, &request.headers, now).await?;
    check_access(info.access, &caller)?;
    check_text(request)?;
    Ok(AsyncContext { app: app.clone(), caller, headers: request.headers.clone(), now })
}

/// Who calls. What is public is nobody's, whatever credentials come along: a stale one must not stand in the way.
pub async fn identify(app: &App, access: Access, headers: &HeaderMap, now: Time) -> Result<Arc<Caller>> {
    match access {
        Access::Public => Ok(Arc::new(Caller::nobody())),
        Access::Person if !auth::shows_anything(headers) => {
            let nobody = Caller::nobody();
            auth::check_person(&nobody)?;
            Ok(Arc::new(nobody))
        }
        Access::Person => app.keys.identify_person(&app.store, headers, now).await,
        _ => app.keys.identify(&app.store, headers, now).await,
    }
}

/// Handles a request for one operation.
pub async fn call(app: &App, work: &dyn ErasedHandler, request: Request) -> Result<EncodedReply> {
    let info = work.info();
    let now = app.system.clock.now();
    let caller = identify(app, info.access, &request.headers, now).await?;
    check_access(info.access, &caller)?;
    check_owner(&request, &caller)?;
    check_text(&request)?;
    check_named_once(&request)?;
    let repeat = Repeat::of(app, work, &request, &caller)?;
    let owner_header = request.headers.get("x-owner-agent").and_then(|value| value.to_str().ok());
    let allowance = app.limiter.allowance(app, caller.workspace).await?.unwrap_or_default();
    let before = Before {
        owner_header: owner_header.filter(|text| !text.trim().is_empty()),
        caller: &caller,
        now,
        rng: &app.system.rng,
        limits: &app.limits,
        base_url: &app.site.base_url,
        outbound: app.system.outbound.as_ref(),
        has_schemas: app.store.has(Mark::Schemas, caller.workspace),
        payload_bytes: usize::try_from(allowance.most_payload_bytes()).unwrap_or(usize::MAX),
    };
    let (lane, run) = work.begin(&before, &request)?;
    let (rng, limits) = (app.system.rng.clone(), app.limits.clone());
    let is_read = info.effect == axme_api::Effect::Read;
    let secret = info.secret;
    let via = via(info, &request.headers);
    let mark = work.in_body().map(|key| key.mark);
    let job = move |tx: &mut crate::store::Tx<'_>| {
        if let Some(repeat) = &repeat
            && !replies::take_key(tx, &repeat.key, &repeat.fingerprint, now)?
        {
            let reply = replies::find(tx, &repeat.key)?;
            let reply = reply.ok_or_else(|| StoreError::Conflict("the reply of a taken key is gone".to_owned()))?;
            return repeat.replay(reply, mark).map(Done::Written);
        }
        let mut cx = CallContext { tx, caller: &caller, now, rng: &rng, limits: &limits, via };
        let outcome = run(&mut cx);
        let Some(repeat) = &repeat else { return outcome.map(Done::Fresh) };
        let (status, body, kept) = match outcome {
            Ok(output) => (200, output()?, None),
            Err(Error::Kept(error)) => (error.kind.http_status(), to_json(&error.body())?, Some(error)),
            Err(error) => return Err(error),
        };
        replies::put(tx, &repeat.key, &repeat.reply(&rng, status, &body, secret)?)?;
        match kept {
            Some(error) => Err(Error::Kept(error)),
            None => Ok(Done::Written(EncodedReply { status, body })),
        }
    };
    let done = if is_read { app.store.read(job).await } else { app.store.write(lane, job).await };
    match done? {
        Done::Written(sent) => Ok(sent),
        Done::Fresh(output) => Ok(EncodedReply { status: 200, body: output()? }),
    }
}

/// What a job ended with. Answers that are not stored are written out after the transaction.
enum Done {
    Fresh(Output),
    Written(EncodedReply),
}

/// How an answer that this call gives for a person has come.
fn via(info: &OpInfo, headers: &HeaderMap) -> Via {
    let client = headers.get("x-axme-client").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match info.id.split('.').next() {
        Some("inbox" | "approvals") => Via::Inbox,
        _ if client.starts_with("axme-cli/") => Via::CommandLine,
        _ => Via::Api,
    }
}

/// Refuses a caller whom an operation is not for.
pub fn check_access(access: Access, caller: &Caller) -> Result<()> {
    match (access, caller.role) {
        (Access::Public, _) | (Access::Admin, Role::WorkspaceAdmin) => Ok(()),
        (Access::Person, _) => auth::check_person(caller).map(|_| ()),
        (Access::Key, Role::Visitor) => {
            Err(ApiError::forbidden("you have no part in the work of this workspace").into())
        }
        (Access::Key, _) => Ok(()),
        (Access::Role, Role::Agent) if caller.person().is_some() => Ok(()),
        (Access::Role, Role::Agent) | (Access::Admin, _) => {
            Err(ApiError::forbidden("this needs a workspace-admin key").into())
        }
        (Access::Role, _) => Ok(()),
    }
}

/// The owner may be named in the query or in a header, but not differently in both.
fn check_owner(request: &Request, caller: &Caller) -> Result<()> {
    let header = request.headers.get("x-owner-agent").and_then(|value| value.to_str().ok());
    let query = request.query.iter().find(|(name, _)| name == "owner_agent").map(|(_, value)| value.as_str());
    let (Some(header), Some(query)) = (header.filter(|h| !h.is_empty()), query.filter(|q| !q.is_empty())) else {
        return Ok(());
    };
    if Address::resolve(header, caller.home()) == Address::resolve(query, caller.home()) {
        return Ok(());
    }
    let message = format!("owner_agent is \"{query}\" in the query and \"{header}\" in x-owner-agent");
    Err(ApiError::new(ErrorKind::Malformed, "owner_mismatch", message).into())
}

/// A tenant that is named in the path and in the body is the same one.
fn check_named_once(request: &Request) -> Result<()> {
    const NAMES: [&str; 3] = ["org_id", "workspace_id", "member_id"];
    if !request.path_fields.iter().any(|(name, _)| NAMES.contains(name)) {
        return Ok(());
    }
    let body = body_object(&request.body)?;
    for (name, value) in request.path_fields.iter().filter(|(name, _)| NAMES.contains(name)) {
        if body.get(*name).and_then(Value::as_str).is_some_and(|other| !other.is_empty() && other != value) {
            let message = format!("{name} is \"{value}\" in the path and another in the body");
            return Err(ApiError::new(ErrorKind::Malformed, "path_mismatch", message).into());
        }
    }
    Ok(())
}

/// Refuses what could not be stored or not be read again: the null character, which PostgreSQL has no place for, bodies
/// that are nested too deeply, and endless paths.
fn check_text(request: &Request) -> Result<()> {
    if request.path.len() > MAX_PATH_BYTES {
        return Err(ApiError::not_found("what so long a path names").into());
    }
    let null = || ApiError::invalid("the character \\u0000 cannot be stored");
    let has_null = |text: &str| text.contains('\0');
    let fields = request.path_fields.iter().map(|(_, value)| value);
    if fields.chain(request.query.iter().flat_map(|(name, value)| [name, value])).any(|text| has_null(text)) {
        return Err(null().into());
    }
    check_body(&request.body)
}

/// The same for a body alone.
pub fn check_body(body: &[u8]) -> Result<()> {
    let null = || ApiError::invalid("the character \\u0000 cannot be stored");
    let (mut depth, mut in_string) = (0_usize, false);
    let mut bytes = body.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                if body[at..].starts_with(b"\\u0000") {
                    return Err(null().into());
                }
                bytes.next();
            }
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(ApiError::invalid(format!("the body is nested more than {MAX_DEPTH} deep")).into());
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Puts the input together: path over query over body.
fn decode<I: DeserializeOwned>(input: Input, request: &Request) -> Result<I> {
    // The usual case is read in one go. What is not read that way is looked at again below, which also says what is wrong.
    if input == Input::Flat
        && request.path_fields.is_empty()
        && request.query.is_empty()
        && request.body.trim_ascii_start().first() == Some(&b'{')
        && let Ok(input) = serde_json::from_slice(&request.body)
    {
        return Ok(input);
    }
    let fields = gather(input, request)?;
    serde_json::from_value(Value::Object(fields)).map_err(|error| match gather(input, request) {
        Ok(fields) if error.classify() == serde_json::error::Category::Data => named::<I>(&fields, &error),
        _ => unreadable(&error),
    })
}

/// The fields of the input, by name.
fn gather(input: Input, request: &Request) -> Result<Object> {
    let body = body_object(&request.body)?;
    let mut fields = match input {
        Input::Flat => body,
        Input::RawBody => Object::from_iter([("body".to_owned(), Value::Object(body))]),
    };
    for (name, value) in &request.query {
        if !(input == Input::RawBody && name == "body") {
            fields.insert(name.clone(), Value::String(value.clone()));
        }
    }
    for (name, value) in &request.path_fields {
        fields.insert((*name).to_owned(), Value::String(value.clone()));
    }
    Ok(fields)
}

/// Says which field is wrong. A field that is missing is named by the error itself.
fn named<I: DeserializeOwned>(fields: &Object, error: &serde_json::Error) -> Error {
    let text = plain(error);
    let read = |fields: Object| serde_json::from_value::<I>(Value::Object(fields)).err().map(|error| plain(&error));
    match culprit(fields, &text, &read) {
        Some(name) if !text.starts_with("missing field") => ApiError::invalid(format!("{name}: {text}")),
        _ => ApiError::invalid(text),
    }
    .into()
}

/// The field that is wrong in the same way when it comes alone; or the one without which the error is another, since alone, a
/// field of a flattened part is only looked at when none is missing.
fn culprit<'a>(fields: &'a Object, text: &str, read: &dyn Fn(Object) -> Option<String>) -> Option<&'a String> {
    let with = |is_in: &dyn Fn(&String) -> bool| {
        let some = fields.iter().filter(|(name, _)| is_in(name));
        read(some.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let alone = fields.keys().find(|name| with(&|other| other == *name).as_deref() == Some(text));
    alone.or_else(|| fields.keys().find(|name| with(&|other| other != *name).as_deref() != Some(text)))
}

fn body_object(body: &Bytes) -> Result<Object> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Object::new());
    }
    match serde_json::from_slice(body).map_err(|e| unreadable(&e))? {
        Value::Object(fields) => Ok(fields),
        _ => Err(ApiError::invalid("the body must be a JSON object").into()),
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    match error.classify() {
        serde_json::error::Category::Data => ApiError::invalid(plain(error)).into(),
        _ => ApiError::new(ErrorKind::Malformed, "invalid_json", format!("the body is no JSON: {error}")).into(),
    }
}

/// The message without the position, which means nothing once fields of the path are mixed in.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| StoreError::Fault(e.to_string()).into())
}

/// A call that may be repeated under the same idempotency key.
struct Repeat {
    key: ReplyKey,
    fingerprint: [u8; 32],
    /// The caller's own token, under which secret answers are sealed.
    token: String,
}

impl Repeat {
    fn of(app: &App, work: &dyn ErasedHandler, request: &Request, caller: &Caller) -> Result<Option<Repeat>> {
        let in_body = work.in_body();
        if work.info().effect == axme_api::Effect::Read {
            return Ok(None);
        }
        let header = request.headers.get("idempotency-key").map(|value| value.to_str());
        let header = header.transpose().map_err(|_| ApiError::invalid("Idempotency-Key must be plain ASCII text"))?;
        let header = header.map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned);
        if header.is_none() && in_body.is_none() {
            return Ok(None);
        }
        let mut fields = body_object(&request.body)?;
        // A key in the body names what is to happen once; it wins over a header, which may be fresh on each try.
        let own = in_body.and_then(|field| fields.remove(field.field)).filter(|own| !own.is_null());
        if let (Some(field), Some(Value::Object(_) | Value::Array(_) | Value::Bool(_) | Value::Number(_))) =
            (in_body, &own)
        {
            return Err(ApiError::invalid(format!("{}: must be a string", field.field)).into());
        }
        let own = own.as_ref().and_then(Value::as_str).map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned);
        let Some(key) = own.or(header) else { return Ok(None) };
        let most = app.limits.idempotency_key_chars;
        if key.chars().count() > most {
            return Err(ApiError::invalid(format!("the idempotency key is longer than {most} characters")).into());
        }
        let key = ReplyKey {
            workspace: caller.workspace,
            caller: caller.service_account_id.clone(),
            endpoint: endpoint(request),
            key,
        };
        let token = auth::credential(&request.headers)?.to_owned();
        Ok(Some(Repeat { key, fingerprint: fingerprint(fields, &request.query), token }))
    }

    fn place(&self) -> String {
        format!("{} {} {} {}", self.key.workspace, self.key.caller, self.key.endpoint, self.key.key)
    }

    fn reply(&self, rng: &Rng, status: u16, body: &[u8], secret: bool) -> Result<Reply> {
        let text = String::from_utf8(body.to_vec()).map_err(|e| StoreError::Fault(e.to_string()))?;
        let (answer, sealed) = if secret {
            let sealed = seal::seal(rng, &self.token, &self.place(), &text);
            (None, Some(sealed.ok_or_else(|| StoreError::Fault("an answer could not be sealed".to_owned()))?))
        } else {
            (Some(text), None)
        };
        Ok(Reply { fingerprint: self.fingerprint.to_vec(), status, answer, sealed })
    }

    fn replay(&self, reply: Reply, mark: Option<fn(&mut Object)>) -> Result<EncodedReply> {
        if reply.fingerprint != self.fingerprint {
            let text = "idempotency key reused with different payload";
            return Err(ApiError::new(ErrorKind::Conflict, "idempotency_key_reused", text).into());
        }
        let text = match (reply.answer, reply.sealed) {
            (Some(answer), _) => answer,
            (None, Some(sealed)) => seal::open(&self.token, &self.place(), &sealed).ok_or_else(|| {
                ApiError::new(
                    ErrorKind::Conflict,
                    "secret_not_shown_again",
                    "this call was made with another api key; its secret is shown to that key only",
                )
            })?,
            (None, None) => return Err(StoreError::Fault("a stored reply is empty".to_owned()).into()),
        };
        let mut body = text.into_bytes();
        if let (Some(mark), 200) = (mark, reply.status) {
            let mut fields: Object = serde_json::from_slice(&body).map_err(|e| StoreError::Fault(e.to_string()))?;
            mark(&mut fields);
            body = to_json(&fields)?;
        }
        Ok(EncodedReply { status: reply.status, body })
    }
}

/// What is called, as it is kept with the reply: a token that stands in a path only as its hash.
fn endpoint(request: &Request) -> String {
    let path = &request.path;
    let has_token = request.path_fields.iter().any(|(name, _)| *name == "token");
    let path = if has_token { crate::system::hex(&auth::hash(path)) } else { path.clone() };
    format!("{} {path}", request.method)
}

/// What makes two calls the same: canonical JSON with sorted keys, without what clients draw anew on each try.
fn fingerprint(mut fields: Object, query: &[(String, String)]) -> [u8; 32] {
    for drawn in ["correlation_id", "correlationId", "from_agent", "fromAgent"] {
        fields.remove(drawn);
    }
    let mut query: Vec<_> = query.to_vec();
    query.sort();
    let mut value = serde_json::json!({ "body": fields, "query": query });
    value.sort_all_objects();
    Sha256::digest(value.to_string()).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn print(value: Value) -> [u8; 32] {
        let Value::Object(fields) = value else { panic!() };
        fingerprint(fields, &[])
    }

    #[test]
    fn fingerprints_ignore_order_and_what_is_drawn_anew() {
        let a = print(json!({"payload": {"a": 1, "b": [1, 2]}, "correlation_id": "x"}));
        let b = print(json!({"correlation_id": "y", "payload": {"b": [1, 2], "a": 1}, "from_agent": "z"}));
        assert_eq!(a, b);
        assert_ne!(a, print(json!({"payload": {"a": 1, "b": [2, 1]}})));
    }
}
