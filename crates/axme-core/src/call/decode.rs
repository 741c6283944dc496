//! Decodes a request into the input of an operation. Fields come from the path, the query and the body. An error names
//! the field that is wrong.

use axme_api::op::{QUERY_FIELDS, TENANT_FIELDS};
use axme_api::{ApiError, ErrorCode, Input, Method, Object, OpInfo};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

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
    let body = body_object(&request.body)?;
    for (name, value) in request.path_fields.iter().filter(|(name, _)| TENANT_FIELDS.contains(name)) {
        if body.get(*name).and_then(Value::as_str).is_some_and(|other| !other.is_empty() && other != value) {
            let message = format!("{name} is \"{value}\" in the path, but different in the body");
            return Err(ApiError::new(ErrorCode::PathMismatch, message).into());
        }
    }
    Ok(())
}

/// Refuses input that cannot be stored or read again: overlong paths, deeply nested bodies, and the null character,
/// which PostgreSQL cannot store.
pub(super) fn check_text(request: &Request) -> Result<()> {
    if request.path.len() > MAX_PATH_BYTES {
        let message = format!("the path has more than {MAX_PATH_BYTES} bytes, so nothing has this path");
        return Err(ApiError::new(ErrorCode::NotFound, message).into());
    }
    let null = || ApiError::invalid("the character \\u0000 cannot be stored");
    let has_null = |text: &str| text.contains('\0');
    let fields = request.path_fields.iter().map(|(_, value)| value);
    if fields.chain(request.query.iter().flat_map(|(name, value)| [name, value])).any(|text| has_null(text)) {
        return Err(null().into());
    }
    check_body(&request.body)
}

/// Refuses a body with a null character or too deep a nesting.
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

/// Decodes the input. A path field overrides a query field, which overrides a body field.
pub(super) fn decode<I: DeserializeOwned>(info: &OpInfo, request: &Request) -> Result<I> {
    let fields = gather(info, request)?;
    serde_json::from_value(Value::Object(fields)).map_err(|error| match gather(info, request) {
        Ok(fields) if error.classify() == serde_json::error::Category::Data => named::<I>(&fields, &error),
        _ => unreadable(&error),
    })
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
    serde_json::from_value(Value::Object(fields.clone())).map_err(|error| named::<I>(&fields, &error))
}

/// Collects the fields of the input by name.
fn gather(info: &OpInfo, request: &Request) -> Result<Object> {
    let body = body_object(&request.body)?;
    let mut fields = match info.input {
        Input::Flat => body,
        // A missing body and `{}` may mean different things.
        Input::RawBody if is_blank(&request.body) => Object::new(),
        Input::RawBody => Object::from_iter([("body".to_owned(), Value::Object(body))]),
    };
    let has_body = !matches!(info.method, Method::Get | Method::Delete);
    for (name, value) in &request.query {
        if !has_body || QUERY_FIELDS.contains(&name.as_str()) {
            fields.insert(name.clone(), Value::String(value.clone()));
        }
    }
    for (name, value) in &request.path_fields {
        fields.insert((*name).to_owned(), Value::String(value.clone()));
    }
    Ok(fields)
}

/// Creates an error that names the wrong field, or the missing one.
fn named<I: DeserializeOwned>(fields: &Object, error: &serde_json::Error) -> Error {
    let text = plain(error);
    let read = |fields: Object| serde_json::from_value::<I>(Value::Object(fields)).err().map(|error| plain(&error));
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let message = match (missing, culprit(fields, &text, &read)) {
        (Some(name), _) => format!("{name}: required"),
        (None, Some(name)) => format!("{name}: {text}"),
        (None, None) => text,
    };
    ApiError::invalid(message).into()
}

/// Finds the wrong field: alone, it causes the same error. A field of a flattened part is not checked while others are
/// missing. So the second try is the field without which the error changes.
fn culprit<'a>(fields: &'a Object, text: &str, read: &dyn Fn(Object) -> Option<String>) -> Option<&'a String> {
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

pub(super) fn body_object(body: &Bytes) -> Result<Object> {
    if is_blank(body) {
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
