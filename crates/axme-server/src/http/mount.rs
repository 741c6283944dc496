//! Turns operations into routes.
//!
//! A wildcard takes the rest of a path. Operations below one wildcard share a route, and the
//! end of the path selects one.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use axme_api::{Access, ApiError, Effect, ErrorCode, Method, OpInfo};
use axme_core::call::{self, Binding};
use axme_core::error::Result;
use axme_core::input::parse_id;
use axme_core::request::Request;
use axme_core::state::AppState;
use axme_intent::IntentId;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::Response;
use axum::http::request::Parts;
use axum::routing::{MethodFilter, MethodRouter, on};
use tracing::Instrument;

use super::extract::{Fields, IntentTrace, PathFields, RequestId, Route, meta, query, read_body, read_public_body};
use super::{Gateway, encoding, refusal, respond};

type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
type TailHandler = Arc<dyn Fn(Arc<AppState>, Fields, HttpRequest) -> Answer + Send + Sync>;

/// An operation below a wildcard.
struct Tail {
    method: Method,
    /// The field that the wildcard fills.
    name: &'static str,
    /// The end of the path after the wildcard; it may have fields.
    ending: &'static str,
    handler: TailHandler,
}

impl Tail {
    /// Returns the fields of the text that the wildcard took, if it has the ending of the tail.
    fn fields(&self, taken: &str) -> Option<Fields> {
        let mut rest = taken;
        let mut fields = Vec::new();
        for part in self.ending.rsplit('/').take(self.ending.matches('/').count()) {
            let (before, last) = rest.rsplit_once('/')?;
            rest = before;
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) => fields.push((name, last.to_owned())),
                None if part == last => {}
                None => return None,
            }
        }
        fields.push((self.name, rest.to_owned()));
        Some(fields).filter(|_| !rest.is_empty())
    }
}

/// Collects the routes of operations.
#[derive(Default)]
pub struct Mount {
    router: Router<Gateway>,
    tails: BTreeMap<&'static str, Vec<Tail>>,
}

impl Mount {
    /// Returns the routes of everything that was mounted.
    pub fn finish(self) -> Router<Gateway> {
        self.tails.into_iter().fold(self.router, |router, (base, tails)| router.route(base, below(tails)))
    }

    /// Mounts an operation under its path and its aliases.
    pub fn operation(&mut self, binding: &'static Binding) {
        let info = binding.info();
        for path in std::iter::once(&info.path).chain(info.aliases) {
            match Wildcard::of(path) {
                Some(wildcard) => {
                    let handler = move |app: Arc<AppState>, fields: Fields, request: HttpRequest| {
                        Box::pin(async move { answer(&app, binding, fields, request).await }) as Answer
                    };
                    self.add_tail(info.method, wildcard, Arc::new(handler));
                }
                None => {
                    let names: Vec<&'static str> = axme_api::op::path_fields(path).collect();
                    let handler = move |State(app): State<Arc<AppState>>, params: PathFields, request: HttpRequest| {
                        let fields = names.iter().map(|name| (*name, params.get(name))).collect();
                        async move { answer(&app, binding, fields, request).await }
                    };
                    self.router = std::mem::take(&mut self.router).route(path, on(filter(info.method), handler));
                }
            }
        }
    }

    /// Mounts a stream below a wildcard. The handler gets the wildcard's value.
    pub fn tail<F, A>(&mut self, route: &axme_api::Route, handle: F)
    where
        F: Fn(Arc<AppState>, String, Parts) -> A + Copy + Send + Sync + 'static,
        A: Future<Output = Result<Response<Body>>> + Send,
    {
        let Some(wildcard) = Wildcard::of(route.path) else { return };
        let handler = move |app: Arc<AppState>, fields: Fields, request: HttpRequest| {
            let value = fields.into_iter().map(|(_, value)| value).next().unwrap_or_default();
            Box::pin(async move { respond(handle(app, value, request.into_parts().0).await) }) as Answer
        };
        self.add_tail(route.method, wildcard, Arc::new(handler));
    }

    fn add_tail(&mut self, method: Method, wildcard: Wildcard, handler: TailHandler) {
        let Wildcard { base, name, ending } = wildcard;
        self.tails.entry(base).or_default().push(Tail { method, name, ending, handler });
    }
}

pub(crate) fn no_operation(request: &HttpRequest) -> Response<Body> {
    let message = format!("no operation at {} {}; see /docs", request.method(), request.uri().path());
    refusal(&ApiError::new(ErrorCode::NotFound, message))
}

pub fn method_not_allowed(request: &HttpRequest) -> Response<Body> {
    let message = format!("{} is not allowed at {}", request.method(), request.uri().path());
    refusal(&ApiError::new(ErrorCode::MethodNotAllowed, message))
}

fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    }
}

/// A path with a wildcard.
struct Wildcard {
    /// The route that the path belongs to.
    base: &'static str,
    /// The field that the wildcard fills.
    name: &'static str,
    /// The end of the path after the wildcard.
    ending: &'static str,
}

impl Wildcard {
    fn of(path: &'static str) -> Option<Wildcard> {
        let begin = path.find("{*")?;
        let end = begin + path[begin..].find('}')?;
        Some(Wildcard { base: &path[..=end], name: &path[begin + 2..end], ending: &path[end + 1..] })
    }
}

/// Returns the route of everything below one wildcard. The longest ending that fits wins.
fn below(mut tails: Vec<Tail>) -> MethodRouter<Gateway> {
    tails.sort_by_key(|tail| std::cmp::Reverse(tail.ending.len()));
    let tails = Arc::new(tails);
    [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete]
        .into_iter()
        .filter(|method| tails.iter().any(|tail| tail.method == *method))
        .fold(MethodRouter::new(), |route, method| {
            let tails = tails.clone();
            let handler = move |State(app): State<Arc<AppState>>, params: PathFields, request: HttpRequest| {
                let fits = |tail: &Tail| tail.fields(&params.get(tail.name));
                let found =
                    tails.iter().filter(|tail| tail.method == method).find_map(|tail| Some((tail, fits(tail)?)));
                let refused = match tails.iter().any(|tail| fits(tail).is_some()) {
                    true => method_not_allowed(&request),
                    false => no_operation(&request),
                };
                let answer = found.map(|(tail, fields)| (tail.handler)(app, fields, request));
                async move {
                    match answer {
                        Some(answer) => answer.await,
                        None => refused,
                    }
                }
            };
            route.on(filter(method), handler)
        })
}

/// Answers a request for an operation.
async fn answer(
    app: &Arc<AppState>,
    binding: &'static Binding,
    path_fields: Fields,
    request: HttpRequest,
) -> Response<Body> {
    let span = RequestId::span(request.extensions(), binding.info().id);
    let mut response = answer_in_span(app, binding, path_fields, request).instrument(span).await;
    response.extensions_mut().insert(Route::Operation(binding.info()));
    encoding::mark(binding.info(), &mut response);
    response
}

async fn answer_in_span(
    app: &Arc<AppState>,
    binding: &'static Binding,
    path_fields: Fields,
    request: HttpRequest,
) -> Response<Body> {
    let info = binding.info();
    // HEAD must change nothing, and these operations may.
    if request.method() == axum::http::Method::HEAD && info.effect == Effect::Write {
        return method_not_allowed(&request);
    }
    let (parts, body) = request.into_parts();
    let meta = meta(app, &parts);
    // Admit the caller before reading the body.
    let permit = match call::admit(app, info, &meta).await {
        Ok(permit) => permit,
        Err(error) => return refusal(&error.into_api()),
    };
    let changed = app.tracer.get().and_then(|_| changed_intent(info, &path_fields));
    let answered = async {
        let held = match info.access {
            Access::Public => read_public_body(app, meta.source_ip, body).await?,
            Access::Newcomer if permit.caller.is_anonymous() => read_public_body(app, meta.source_ip, body).await?,
            _ => read_body(app, &permit.caller.service_account_id, body).await?,
        };
        let held = held.json()?;
        let request = Request {
            method: info.method.as_str(),
            path: parts.uri.path().to_owned(),
            path_fields,
            query: query(parts.uri.query()),
            meta,
            body: held.bytes.clone(),
        };
        let reply = call::call(app, binding, &permit, request).await?;
        Ok(super::json(reply.status, reply.body))
    };
    let mut response = respond(answered.await);
    super::show_rate(permit.rate, response.headers_mut());
    let caller = permit.caller;
    if let Some(id) = changed.filter(|_| response.status().is_success())
        && let Some(trace) = app.trace_of(caller.workspace, caller.address.clone(), id).await
    {
        response.extensions_mut().insert(IntentTrace(trace));
    }
    response
}

/// Returns the intent that an operation changes, if its path names one.
fn changed_intent(info: &OpInfo, fields: &Fields) -> Option<IntentId> {
    const NAMES: [&str; 3] = ["intent_id", "thread_id", "approval_id"];
    let named = fields.iter().find(|(name, _)| info.effect == Effect::Write && NAMES.contains(name));
    parse_id(&named?.1).ok()
}
