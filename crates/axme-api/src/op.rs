//! Each operation is a typed constant in the file of its family, such as
//!
//! ```text
//! pub static GET: Op<GetThing, ThingAnswer> =
//!     Op::get("things.get", "/v1/things/{thing_id}").access(Access::Admin).about("Get one thing.");
//! ```
//!
//! The two types are the input and the answer. [`OpInfo`] describes an operation without its types. [`AnyOp`] is an
//! operation in the whole table.

use std::marker::PhantomData;

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ErrorCode;

/// The HTTP method of an operation or a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// GET: fields that are not in the path are in the query.
    Get,
    /// POST: fields that are not in the path are in the body.
    Post,
    /// PUT: fields that are not in the path are in the body.
    Put,
    /// PATCH: fields that are not in the path are in the body.
    Patch,
    /// DELETE: fields that are not in the path are in the query.
    Delete,
}

impl Method {
    /// Returns the method as HTTP writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// The callers who may call an operation. The operation itself checks finer rules, such as the parties of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any caller, without a credential.
    Public,
    /// Any key of a workspace, and people who work in it.
    Key,
    /// A workspace-admin key, or a person with a role. The operation checks that the role has its
    /// [`Permission`](crate::roles::Permission).
    Role,
    /// A workspace-admin key, or a person who is an admin of the workspace.
    Admin,
    /// A person who has signed in, with a key or without.
    Person,
    /// A person who has signed in, or a caller without a credential who signs up.
    Newcomer,
}

/// The fields that a path and a body may both have. They must not differ.
pub const TENANT_FIELDS: [&str; 3] = ["org_id", "workspace_id", "member_id"];

/// Whether an operation may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// It may change something, and accepts an idempotency key.
    Write,
}

/// The way in which the input is assembled from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The fields of path, query and body form one flat object. A path field overrides a query field, which overrides a
    /// body field. With a body, only [`QUERY_FIELDS`] are read from the query.
    Flat,
    /// The whole body is the field `body`, so that it may hold any key.
    RawBody,
}

/// The fields that a request with a body may have in its query instead. Official clients send them there.
pub const QUERY_FIELDS: [&str; 5] = ["owner_agent", "org_id", "workspace_id", "window_days", "consumer"];

/// One operation of the table, with the types of its input and its answer.
pub struct Op<I, O> {
    /// The description of the operation.
    pub info: OpInfo,
    types: PhantomData<fn(I) -> O>,
}

/// The description of an operation without its types.
#[derive(Debug, Clone, Copy)]
pub struct OpInfo {
    /// The id: the family and a verb, such as `intents.create`.
    pub id: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path. `{name}` is one path field; `{*name}` matches the rest of the path, or all of it up to the words that
    /// follow.
    pub path: &'static str,
    /// Further paths with the same meaning.
    pub aliases: &'static [&'static str],
    /// The callers who may call it.
    pub access: Access,
    /// Whether it may change something.
    pub effect: Effect,
    /// The way in which the input is assembled.
    pub input: Input,
    /// True if the answer holds a secret that is shown once. The server never stores it in the clear.
    pub secret: bool,
    /// True if it submits intents, which the rules of their senders and receivers may refuse.
    pub submits: bool,
    /// True if it spans several transactions. Then it ignores `Idempotency-Key` and the owner.
    pub is_async: bool,
    /// The error codes of this operation alone; [`OpInfo::error_codes`] adds those that follow from the rest of the entry.
    pub errors: &'static [ErrorCode],
    /// One sentence that says what it does, with an imperative verb first; at most two.
    pub about: &'static str,
}

/// A plain route: a page, a stream or a document. It is not an operation, but has an access of its own.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The id: the family and a verb or a noun, such as `intents.stream`.
    pub id: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path, with path fields like those of [`OpInfo::path`].
    pub path: &'static str,
    /// The callers who may call it.
    pub access: Access,
    /// One sentence that says what it does, with an imperative verb first.
    pub about: &'static str,
}

impl Route {
    const fn new(id: &'static str, method: Method, path: &'static str) -> Route {
        Route { id, method, path, access: Access::Key, about: "" }
    }

    /// Returns a route with the method GET, for any key.
    pub const fn get(id: &'static str, path: &'static str) -> Route {
        Route::new(id, Method::Get, path)
    }

    /// Returns a route with the method POST, for any key.
    pub const fn post(id: &'static str, path: &'static str) -> Route {
        Route::new(id, Method::Post, path)
    }

    /// Returns a route with the method PUT, for any key.
    pub const fn put(id: &'static str, path: &'static str) -> Route {
        Route::new(id, Method::Put, path)
    }

    /// Sets the callers who may call the route.
    pub const fn access(mut self, access: Access) -> Route {
        self.access = access;
        self
    }

    /// Sets the sentence that says what the route does.
    pub const fn about(mut self, about: &'static str) -> Route {
        self.about = about;
        self
    }
}

impl<I, O> Op<I, O> {
    const fn new(id: &'static str, method: Method, path: &'static str, effect: Effect) -> Op<I, O> {
        let info = OpInfo {
            id,
            method,
            path,
            aliases: &[],
            access: Access::Key,
            effect,
            input: Input::Flat,
            secret: false,
            submits: false,
            is_async: false,
            errors: &[],
            about: "",
        };
        Op { info, types: PhantomData }
    }

    /// Returns an operation with the method GET, which changes nothing.
    pub const fn get(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Get, path, Effect::Read)
    }

    /// Returns an operation with the method POST.
    pub const fn post(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Post, path, Effect::Write)
    }

    /// Returns an operation with the method PUT.
    pub const fn put(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Put, path, Effect::Write)
    }

    /// Returns an operation with the method PATCH.
    pub const fn patch(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Patch, path, Effect::Write)
    }

    /// Returns an operation with the method DELETE.
    pub const fn delete(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Delete, path, Effect::Write)
    }

    /// Marks a GET that may change something. A repeated call gets a like answer.
    pub const fn writing(mut self) -> Op<I, O> {
        self.info.effect = Effect::Write;
        self
    }

    /// Returns an operation with the method POST that changes nothing.
    pub const fn ask(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Post, path, Effect::Read)
    }

    /// Sets further paths with the same meaning.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Op<I, O> {
        self.info.aliases = aliases;
        self
    }

    /// Sets the callers who may call the operation. Without it, any key may.
    pub const fn access(mut self, access: Access) -> Op<I, O> {
        self.info.access = access;
        self
    }

    /// Makes the whole body the field `body` of the input.
    pub const fn raw_body(mut self) -> Op<I, O> {
        self.info.input = Input::RawBody;
        self
    }

    /// Marks an operation that submits intents.
    pub const fn submits(mut self) -> Op<I, O> {
        self.info.submits = true;
        self
    }

    /// Marks an operation that spans several transactions, to hash or sign between them.
    pub const fn is_async(mut self) -> Op<I, O> {
        self.info.is_async = true;
        self
    }

    /// Lists the error codes that the operation answers with, beside the common ones.
    pub const fn errors(mut self, errors: &'static [ErrorCode]) -> Op<I, O> {
        self.info.errors = errors;
        self
    }

    /// Marks an operation whose answer holds a secret that is shown once.
    pub const fn secret(mut self) -> Op<I, O> {
        self.info.secret = true;
        self
    }

    /// Sets the sentence that says what the operation does.
    pub const fn about(mut self, about: &'static str) -> Op<I, O> {
        self.info.about = about;
        self
    }
}

/// An operation with its types erased, as an element of the whole table.
pub trait AnyOp: Sync {
    /// Returns the description of the operation.
    fn info(&self) -> &OpInfo;
    /// Returns the JSON Schema of the input.
    #[cfg(feature = "schema")]
    fn input_schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// Returns the JSON Schema of the answer.
    #[cfg(feature = "schema")]
    fn output_schema(&self, generator: &mut SchemaGenerator) -> Schema;
}

#[cfg(not(feature = "schema"))]
impl<I: DeserializeOwned, O: Serialize> AnyOp for Op<I, O> {
    fn info(&self) -> &OpInfo {
        &self.info
    }
}

#[cfg(feature = "schema")]
impl<I: JsonSchema + DeserializeOwned, O: JsonSchema + Serialize> AnyOp for Op<I, O> {
    fn info(&self) -> &OpInfo {
        &self.info
    }

    fn input_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<I>()
    }

    fn output_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<O>()
    }
}

impl OpInfo {
    /// Returns the names of the path's fields.
    pub fn path_fields(&self) -> impl Iterator<Item = &'static str> {
        path_fields(self.path)
    }

    /// Returns the fields of a path with their values, still percent-encoded. Returns `None` if the path does not have the
    /// form of [`OpInfo::path`].
    pub fn path_values<'a>(&self, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let Some((head, rest)) = self.path.split_once("{*") else { return values(self.path, path) };
        let (name, tail) = rest.split_once('}')?;
        let rest = path.strip_prefix(head)?;
        let cut = match tail.matches('/').count() {
            0 => rest.len(),
            parts => rest.rmatch_indices('/').nth(parts - 1)?.0,
        };
        let (value, ending) = rest.split_at(cut);
        let mut found = vec![(name, value)];
        found.extend(values(tail, ending)?);
        Some(found).filter(|_| !value.is_empty())
    }

    /// True if a repeated call with the same `Idempotency-Key` returns the first answer again.
    pub fn takes_idempotency_key(&self) -> bool {
        self.effect == Effect::Write && !self.is_async
    }

    /// Returns every error code that the operation can answer with, in alphabetical order.
    pub fn error_codes(&self) -> Vec<ErrorCode> {
        let mut codes = common_codes(self);
        codes.extend_from_slice(self.errors);
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// Returns the error codes that follow from an operation's access, effect, method and path.
fn common_codes(info: &OpInfo) -> Vec<ErrorCode> {
    use ErrorCode::*;
    let mut codes = vec![InternalError, Unavailable, RateLimitExceeded, ValidationFailed];
    if !matches!(info.method, Method::Get | Method::Delete) || info.input == Input::RawBody {
        codes.extend([InvalidJson, BodyTooLarge, BodyUnreadable, RequestTimeout]);
    }
    codes.extend(access_codes(info.access));
    if info.path_fields().next().is_some() {
        codes.extend([NotFound, InvalidPath]);
    }
    if !info.is_async {
        codes.push(OwnerMismatch);
        if info.path_fields().any(|name| TENANT_FIELDS.contains(&name)) {
            codes.push(PathMismatch);
        }
    }
    if info.takes_idempotency_key() {
        codes.push(IdempotencyKeyReused);
    }
    if info.effect == Effect::Write {
        codes.push(OutcomeUnknown);
    }
    if info.submits {
        codes.extend([
            ActionNotAllowed,
            AgentKilled,
            InvalidAgentAddress,
            PayloadTooLarge,
            PolicyDenied,
            QuotaExceeded,
        ]);
        codes.extend([MaxCostPerDayExceeded, MaxIntentsPerDayExceeded, MaxIntentsPerHourExceeded, SchemaInvalid]);
        codes.extend([ReceiverAgentClosed, ReceiverOrgClosed, SenderNotInReceiveAllowlist, Forbidden, NotFound]);
    }
    if info.secret && info.takes_idempotency_key() {
        codes.push(SecretNotShownAgain);
    }
    codes
}

/// Returns the error codes of a caller's credential.
pub(crate) fn access_codes(access: Access) -> Vec<ErrorCode> {
    use ErrorCode::*;
    let missing = match access {
        Access::Public => return Vec::new(),
        Access::Person | Access::Newcomer => MissingActorToken,
        Access::Key | Access::Role | Access::Admin => MissingPlatformApiKey,
    };
    let known = [Forbidden, InvalidActorToken, TokenExpired, InvalidPlatformApiKey, InvalidActorScope];
    [&known[..], &[WorkspaceNotActive, missing]].concat()
}

/// Returns the names between the braces of a path.
pub fn path_fields(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
}

/// Returns the values of a path without a wildcard.
fn values<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    if template.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut found = Vec::new();
    for (word, value) in template.split('/').zip(path.split('/')) {
        match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
            Some(name) => found.push((name, value)),
            None if word == value => {}
            None => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::Op;

    #[test]
    fn the_values_of_a_path_are_those_of_its_fields() {
        let values = |template, path| Op::<(), ()>::get("", template).info.path_values(path);
        assert_eq!(values("/v1/a", "/v1/a"), Some(vec![]));
        assert_eq!(values("/v1/{a}/b/{c}", "/v1/x/b/y"), Some(vec![("a", "x"), ("c", "y")]));
        assert_eq!(values("/v1/{*a}", "/v1/x/y"), Some(vec![("a", "x/y")]));
        assert_eq!(values("/v1/{*a}/b/{c}", "/v1/x/y/b/z"), Some(vec![("a", "x/y"), ("c", "z")]));
        for (template, path) in [("/v1/{a}", "/v1/x/y"), ("/v1/{a}/b", "/v1/x/c"), ("/v1/{*a}/b", "/v1/b")] {
            assert_eq!(values(template, path), None, "{template} {path}");
        }
    }
}
