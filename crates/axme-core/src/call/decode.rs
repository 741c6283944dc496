//! Decodes a request into the input of an operation. Fields come from the path, the query and the body. An error names
//! the field that is wrong.

use axme_api::op::{QUERY_FIELDS, TENANT_FIELDS};
use std::borrow::Cow;

use axme_api::json::{Flaw, check};
use axme_api::{ApiError, ErrorCode, Input, Json, JsonFields, Method, Object, OpInfo};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::request::Request;

/// The deepest nesting of a body. Answers wrap stored JSON in a few more levels, and JSON parsers, ours and those of
/// clients, stop at 128.
const MAX_DEPTH: usize = 64;

/// The longest path. It is part of an indexed key, and PostgreSQL indexes at most 2,704 bytes. No valid path is longer.
const MAX_PATH_BYTES: usize = 2_000;

/// Checks that the path and the body do not name different tenants.
pub(super) fn check_path_fields(request: &Request) -> Result<()> {
    if !request.path_fields.iter().any(|(name, _)| TENANT_FIELDS.contains(name)) {
        return Ok(());
    }
    let body = body_fields(&request.body)?;
    for (name, value) in request.path_fields.iter().filter(|(name, _)| TENANT_FIELDS.contains(name)) {
        if body.string(name).is_some_and(|other| !other.is_empty() && other != *value) {
            let message = format!("{name} is \"{value}\" in the path, but different in the body");
            return Err(ApiError::new(ErrorCode::PathMismatch, message).into());
        }
    }
    Ok(())
}

/// Refuses input that cannot be stored or read again: overlong paths, the null character, which PostgreSQL cannot store,
/// and bodies that [`checked_body`] refuses. The body becomes compact.
pub(super) fn checked(request: Request) -> Result<Request> {
    if request.path.len() > MAX_PATH_BYTES {
        let message = format!("the path has more than {MAX_PATH_BYTES} bytes, so nothing has this path");
        return Err(ApiError::new(ErrorCode::NotFound, message).into());
    }
    let has_null = |text: &str| text.contains('\0');
    let fields = request.path_fields.iter().map(|(_, value)| value);
    if fields.chain(request.query.iter().flat_map(|(name, value)| [name, value])).any(|text| has_null(text)) {
        return Err(ApiError::invalid("the character \\u0000 cannot be stored").into());
    }
    let compact = match checked_body(&request.body)? {
        Cow::Borrowed(text) if text.len() == request.body.len() => None,
        text => Some(Bytes::from(text.into_owned())),
    };
    Ok(match compact {
        Some(body) => Request { body, ..request },
        None => request,
    })
}

/// Returns the text of a body without white space outside its strings; empty if the body is blank. Refuses a body that is
/// not JSON, has a null character or a key twice, or is nested too deep.
pub fn checked_body(body: &[u8]) -> Result<Cow<'_, str>> {
    if is_blank(body) {
        return Ok(Cow::Borrowed(""));
    }
    let raw: &RawValue = serde_json::from_slice(body).map_err(|error| {
        // This error has the position of the mistake, too.
        unreadable(&serde_json::from_slice::<Value>(body).err().unwrap_or(error))
    })?;
    check(raw.get(), MAX_DEPTH).map_err(|flaw| match flaw {
        Flaw::LoneSurrogate => {
            ApiError::new(ErrorCode::InvalidJson, format!("the body is not valid JSON: {flaw}")).into()
        }
        _ => ApiError::invalid(flaw.to_string()).into(),
    })
}

/// Decodes the input. A path field overrides a query field, which overrides a body field.
pub(super) fn decode<I: DeserializeOwned>(info: &OpInfo, request: &Request) -> Result<I> {
    read_fields(&gather(info, request)?)
}

fn read_fields<I: DeserializeOwned>(fields: &JsonFields) -> Result<I> {
    Json::of(fields).read().map_err(|error| named::<I>(fields, &error))
}

/// Decodes the input of a request that has only a body. `None` if it has other fields or is invalid: then [`decode`]
/// reads it and explains the error.
pub(super) fn decode_directly<I>(input: Input, request: &Request, read: fn(&[u8]) -> Option<I>) -> Option<I> {
    let is_body_only = input == Input::Flat && request.path_fields.is_empty() && request.query.is_empty();
    let is_object = request.body.trim_ascii_start().first() == Some(&b'{');
    if is_body_only && is_object { read(&request.body) } else { None }
}

/// Decodes fields that are already collected, for routes that are not operations.
pub fn decode_fields<I: DeserializeOwned>(fields: Object) -> Result<I> {
    read_fields(&fields.into())
}

/// Collects the fields of the input by name.
fn gather(info: &OpInfo, request: &Request) -> Result<JsonFields> {
    let body = body_fields(&request.body)?;
    let mut fields = match info.input {
        Input::Flat => body,
        // A missing body and `{}` may mean different things.
        Input::RawBody if is_blank(&request.body) => JsonFields::new(),
        Input::RawBody => JsonFields::from_iter([("body".to_owned(), body.into())]),
    };
    let has_body = !matches!(info.method, Method::Get | Method::Delete);
    for (name, value) in &request.query {
        if !has_body || QUERY_FIELDS.contains(&name.as_str()) {
            fields.set(name, value.as_str());
        }
    }
    for (name, value) in &request.path_fields {
        fields.set(name, value.as_str());
    }
    Ok(fields)
}

/// Creates an error that names the wrong field, or the missing one.
fn named<I: DeserializeOwned>(fields: &JsonFields, error: &serde_json::Error) -> Error {
    let text = plain(error);
    let read = |fields: JsonFields| Json::from(fields).read::<I>().err().map(|error| plain(&error));
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let message = match (missing, culprit(fields, &text, &read)) {
        (Some(name), _) => format!("{name}: required"),
        (None, Some(name)) => format!("{name}: {text}"),
        (None, None) => text,
    };
    ApiError::invalid(message).into()
}

/// Maximum number of fields among which a wrong one is searched for.
const MAX_TRIED_FIELDS: usize = 64;

/// Finds the wrong field: alone, it causes the same error. A field of a flattened part is not checked while others are
/// missing. So the second try is the field without which the error changes.
fn culprit<'a>(fields: &'a JsonFields, text: &str, read: &dyn Fn(JsonFields) -> Option<String>) -> Option<&'a String> {
    // Each try reads all fields. No operation has so many.
    if fields.len() > MAX_TRIED_FIELDS {
        return None;
    }
    let with = |is_in: &dyn Fn(&String) -> bool| {
        let some = fields.iter().filter(|(name, _)| is_in(name));
        read(some.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let alone = fields.keys().find(|name| with(&|other| other == *name).as_deref() == Some(text));
    alone.or_else(|| fields.keys().find(|name| with(&|other| other != *name).as_deref() != Some(text)))
}

fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

/// Returns the fields of a body, which has been checked or is tried out.
pub(super) fn body_fields(body: &[u8]) -> Result<JsonFields> {
    if is_blank(body) {
        return Ok(JsonFields::new());
    }
    let body: Json = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    body.fields().ok_or_else(|| ApiError::invalid("the body must be a JSON object").into())
}

fn unreadable(error: &serde_json::Error) -> Error {
    match error.classify() {
        serde_json::error::Category::Data => ApiError::invalid(plain(error)).into(),
        _ => ApiError::new(ErrorCode::InvalidJson, format!("the body is not valid JSON: {error}")).into(),
    }
}

/// Returns the message without its position, which is meaningless for fields that do not come from the body.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
