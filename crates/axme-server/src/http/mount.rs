//! How operations become routes.
//!
//! A wildcard takes the rest of a path, so operations below one share a route and are told apart by what the path ends in.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use axme_api::{Access, ApiError, ErrorKind, Method, OpInfo, intents as api_intents};
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::Response;
use axum::http::request::Parts;
use axum::routing::{MethodFilter, MethodRouter, on};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::router::{PathFields, acknowledge, field, query, read_body, respond};
use super::{client, refusal, stream};
use crate::app::App;
use crate::call::{self, Handler, Request, EncodedReply, AsyncHandler, ErasedHandler};
use crate::error::Result;
use crate::limiter::Left;

/// The fields of a path.
pub type Fields = Vec<(&'static str, String)>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Handler = Arc<dyn Fn(Fields, HttpRequest) -> BoxFuture<Response<Body>> + Send + Sync>;

/// An operation, called by something that is no route of its own.
pub type Call = Arc<dyn Fn(Request) -> BoxFuture<Result<EncodedReply>> + Send + Sync>;

/// All operations by their ids.
pub type Calls = HashMap<&'static str, Call>;

/// An operation below a wildcard.
struct Tail {
    method: Method,
    /// The field that the wildcard fills.
    name: &'static str,
    /// What the path ends in, with fields.
    ending: &'static str,
    handler: Handler,
}

impl Tail {
    /// The fields of what the wildcard took, when it ends as the tail does.
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
pub struct Mount {
    app: Arc<App>,
    router: Router,
    tails: BTreeMap<&'static str, Vec<Tail>>,
    calls: Calls,
}

impl Mount {
    pub fn new(app: Arc<App>) -> Mount {
        Mount { app, router: Router::new(), tails: BTreeMap::new(), calls: Calls::new() }
    }

    /// The routes of everything that was mounted.
    pub fn finish(mut self) -> Router {
        for (base, tails) in std::mem::take(&mut self.tails) {
            self.route(base, below(tails));
        }
        self.router
    }

    pub fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// Mounts an operation in one transaction.
    pub fn op<I, O, P>(&mut self, bound: Handler<I, O, P>)
    where
        I: DeserializeOwned + 'static,
        O: Serialize + Send + 'static,
        P: Send + 'static,
    {
        let call = self.call(Arc::new(bound));
        self.add(&bound.op.info, call);
    }

    /// Mounts an operation that is more than one transaction.
    pub fn served<I, O>(&mut self, served: AsyncHandler<I, O>)
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + Send + 'static,
    {
        let app = self.app.clone();
        let call = move |request: Request| {
            let app = app.clone();
            Box::pin(async move { call::serve(&app, served, request).await }) as BoxFuture<Result<EncodedReply>>
        };
        self.add(&served.op.info, Arc::new(call));
    }

    /// A GET whose caller, when it is the receiver, has thereby seen the intent.
    pub fn acknowledging_get<O, P>(&mut self, bound: Handler<api_intents::GetIntent, O, P>)
    where
        O: Serialize + Send + 'static,
        P: Send + 'static,
    {
        let (app, get) = (self.app.clone(), self.call(Arc::new(bound)));
        let call = move |request: Request| {
            let (app, headers) = (app.clone(), request.headers.clone());
            let id = request.path_fields.first().map(|(_, id)| id.clone()).unwrap_or_default();
            let answer = get(request);
            let answer = async move {
                let sent = answer.await?;
                acknowledge(&app, &headers, &id).await;
                Ok(sent)
            };
            Box::pin(answer) as BoxFuture<Result<EncodedReply>>
        };
        self.add(&bound.op.info, Arc::new(call));
    }

    fn call(&self, work: Arc<dyn ErasedHandler>) -> Call {
        let app = self.app.clone();
        Arc::new(move |request: Request| {
            let (app, work) = (app.clone(), work.clone());
            Box::pin(async move { call::call(&app, work.as_ref(), request).await }) as BoxFuture<Result<EncodedReply>>
        })
    }

    /// Mounts an operation under its path and its aliases.
    fn add(&mut self, info: &'static OpInfo, call: Call) {
        self.calls.insert(info.id, call.clone());
        for path in std::iter::once(&info.path).chain(info.aliases) {
            let (app, call) = (self.app.clone(), call.clone());
            let handler = move |fields: Fields, request: HttpRequest| {
                let (app, call) = (app.clone(), call.clone());
                let answer = async move { respond(answer(&app, info, fields, request, &call).await) };
                Box::pin(answer) as BoxFuture<Response<Body>>
            };
            if let Some(place) = wildcard(path) {
                self.tail(info.method, place, Arc::new(handler));
                continue;
            }
            let handler = move |params: PathFields, request: HttpRequest| {
                handler(info.path_fields().map(|name| (name, field(&params, name))).collect(), request)
            };
            self.route(path, on(filter(info.method), handler));
        }
    }

    /// The stream of an agent's intents.
    pub fn stream(&mut self, path: &'static str) {
        let Some(place) = wildcard(path) else { return };
        let app = self.app.clone();
        let handler = move |fields: Fields, request: HttpRequest| {
            let app = app.clone();
            let address = fields.into_iter().map(|(_, address)| address).next().unwrap_or_default();
            let answer = async move { respond(stream::agent(app, address, request.into_parts().0).await) };
            Box::pin(answer) as BoxFuture<Response<Body>>
        };
        self.tail(Method::Get, place, Arc::new(handler));
    }

    fn tail(&mut self, method: Method, (base, name, ending): Place, handler: Handler) {
        self.tails.entry(base).or_default().push(Tail { method, name, ending, handler });
    }

    fn route(&mut self, path: &str, methods: MethodRouter) {
        self.router = std::mem::take(&mut self.router).route(path, methods);
    }
}

pub fn nothing_at(request: &HttpRequest) -> Response<Body> {
    let message = format!("no operation at {} {}", request.method(), request.uri().path());
    refusal(&ApiError::new(ErrorKind::NotFound, "not_found", message))
}

pub fn not_allowed(request: &HttpRequest) -> Response<Body> {
    let message = format!("{} is not possible at {}", request.method(), request.uri().path());
    refusal(&ApiError::new(ErrorKind::MethodNotAllowed, "method_not_allowed", message))
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

/// The route that a path with a wildcard belongs to, the wildcard's field, and what the path ends in.
type Place = (&'static str, &'static str, &'static str);

fn wildcard(path: &'static str) -> Option<Place> {
    let begin = path.find("{*")?;
    let end = begin + path[begin..].find('}')?;
    Some((&path[..=end], &path[begin + 2..end], &path[end + 1..]))
}

/// The route of all that lies below one wildcard. The longest ending that fits is meant.
fn below(mut tails: Vec<Tail>) -> MethodRouter {
    tails.sort_by_key(|tail| std::cmp::Reverse(tail.ending.len()));
    let tails = Arc::new(tails);
    [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete]
        .into_iter()
        .filter(|method| tails.iter().any(|tail| tail.method == *method))
        .fold(MethodRouter::new(), |route, method| {
            let tails = tails.clone();
            let handler = move |params: PathFields, request: HttpRequest| {
                let fits = |tail: &Tail| tail.fields(&field(&params, tail.name));
                let found =
                    tails.iter().filter(|tail| tail.method == method).find_map(|tail| Some((tail, fits(tail)?)));
                let refused = match tails.iter().any(|tail| fits(tail).is_some()) {
                    true => not_allowed(&request),
                    false => nothing_at(&request),
                };
                let answer = found.map(|(tail, fields)| (tail.handler)(fields, request));
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

/// Answers a request, unless its caller calls too often.
async fn answer(
    app: &App,
    info: &OpInfo,
    path_fields: Fields,
    request: HttpRequest,
    call: &Call,
) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let left = admit(app, info, &parts).await?;
    let answered = async {
        let sent = call(read(app, info, path_fields, parts, body).await?).await?;
        Ok(super::json(sent.status, sent.body))
    };
    let mut response = respond(answered.await);
    if let Some(left) = left {
        left.show(response.headers_mut());
    }
    Ok(response)
}

/// Before a body is read for anybody: who it is, and whether it may call so often. Who it is is remembered, so that asking again
/// costs nothing. What is public goes by the address of the client.
async fn admit(app: &App, info: &OpInfo, parts: &Parts) -> Result<Option<Left>> {
    let caller = call::identify(app, info.access, &parts.headers, app.system.clock.now()).await?;
    match info.access {
        Access::Public => client::check(app, parts, info.id, app.limits.requests_per_minute()),
        _ => app.limiter.admit(app, &caller, info.id).await,
    }
}

/// Reads a request, its body included.
async fn read(app: &App, info: &OpInfo, path_fields: Fields, parts: Parts, body: Body) -> Result<Request> {
    let body = read_body(app, body).await?;
    Ok(Request {
        method: info.method.as_str(),
        path: parts.uri.path().to_owned(),
        path_fields,
        query: query(parts.uri.query()),
        headers: parts.headers,
        body,
    })
}
