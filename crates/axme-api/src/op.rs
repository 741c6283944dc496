//! Each operation is a typed constant in the file of its family, such as
//!
//! ```text
//! pub static GET: Op<GetThing, ThingAnswer> =
//!     Op::get("things.get", "/v1/things/{thing_id}").access(Access::Admin).about("One thing.");
//! ```
//!
//! The two types are the input and the answer. [`OpInfo`] is what everything else needs to know; [`AnyOp`] is an operation
//! in the whole table.

use std::marker::PhantomData;

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
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

/// Who may call an operation. Finer rules (whose intent, whose stream) are the operation's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a credential.
    Public,
    /// Any key of a workspace, and people who work in it.
    Key,
    /// A workspace-admin key, or a person by their role: what exactly, the operation asks ([`crate::roles::Permission`]).
    Role,
    /// A workspace-admin key, or a person who is an admin of the workspace.
    Admin,
    /// A person who has signed in, with a key or without.
    Person,
}

/// Whether an operation may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Read,
    Write,
}

/// How the input is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Path, query and body fields in one flat object; the path wins over the query, the query over the body.
    Flat,
    /// The body is the field `body`, untouched: it may hold any key.
    RawBody,
}

/// One operation: what it is called, where it lives, what goes in and out, who may call it.
pub struct Op<I, O> {
    pub info: OpInfo,
    types: PhantomData<fn(I) -> O>,
}

/// The part of an operation that does not depend on its types.
#[derive(Debug, Clone, Copy)]
pub struct OpInfo {
    /// `family.verb`.
    pub id: &'static str,
    pub method: Method,
    /// `{name}` is one path field; `{*name}` takes the rest of the path, or all of it up to the words that follow.
    pub path: &'static str,
    /// Further paths with the same meaning.
    pub aliases: &'static [&'static str],
    pub access: Access,
    pub effect: Effect,
    pub input: Input,
    /// The answer holds a secret that is shown once: it is never stored in the clear.
    pub secret: bool,
    /// One sentence.
    pub about: &'static str,
}

/// A plain route: not an operation, but with an access of its own.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub about: &'static str,
}

impl Route {
    const fn new(method: Method, path: &'static str) -> Route {
        Route { method, path, access: Access::Key, about: "" }
    }

    pub const fn get(path: &'static str) -> Route {
        Route::new(Method::Get, path)
    }

    pub const fn post(path: &'static str) -> Route {
        Route::new(Method::Post, path)
    }

    pub const fn put(path: &'static str) -> Route {
        Route::new(Method::Put, path)
    }

    pub const fn access(mut self, access: Access) -> Route {
        self.access = access;
        self
    }

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
            about: "",
        };
        Op { info, types: PhantomData }
    }

    pub const fn get(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Get, path, Effect::Read)
    }

    pub const fn post(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Post, path, Effect::Write)
    }

    pub const fn put(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Put, path, Effect::Write)
    }

    pub const fn patch(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Patch, path, Effect::Write)
    }

    pub const fn delete(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Delete, path, Effect::Write)
    }

    /// A GET that leaves something behind; repeated, it answers alike.
    pub const fn writing(mut self) -> Op<I, O> {
        self.info.effect = Effect::Write;
        self
    }

    /// A POST that changes nothing.
    pub const fn ask(id: &'static str, path: &'static str) -> Op<I, O> {
        Op::new(id, Method::Post, path, Effect::Read)
    }

    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Op<I, O> {
        self.info.aliases = aliases;
        self
    }

    pub const fn access(mut self, access: Access) -> Op<I, O> {
        self.info.access = access;
        self
    }

    pub const fn raw_body(mut self) -> Op<I, O> {
        self.info.input = Input::RawBody;
        self
    }

    pub const fn secret(mut self) -> Op<I, O> {
        self.info.secret = true;
        self
    }

    pub const fn about(mut self, about: &'static str) -> Op<I, O> {
        self.info.about = about;
        self
    }
}

/// An operation with its types erased, for readings of the whole table.
pub trait AnyOp: Sync {
    fn info(&self) -> &OpInfo;
    #[cfg(feature = "schema")]
    fn input_schema(&self, generator: &mut SchemaGenerator) -> Schema;
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
    /// The names of the path's fields.
    pub fn path_fields(&self) -> impl Iterator<Item = &'static str> {
        path_fields(self.path)
    }
}

/// The names between the braces of a path.
pub fn path_fields(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
}
