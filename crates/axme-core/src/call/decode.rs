//! From a request to the input of an operation.

use axme_api::{ApiError, ErrorKind, Input, Object};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::request::Request;

/// The deepest nesting of a body. What is stored is read again inside a few more levels, and JSON readers, ours and those
/// of clients, stop at 128.
const MAX_DEPTH: usize = 64;

/// Nothing has a longer name. The path is part of an indexed key, and PostgreSQL indexes no more than 2,704 bytes.
const MAX_PATH_BYTES: usize = 2_000;

/// A tenant that is named in the path and in the body is the same one.
pub(super) fn check_path_fields(request: &Request) -> Result<()> {
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
pub(super) fn check_text(request: &Request) -> Result<()> {
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
pub(super) fn decode<I: DeserializeOwned>(input: Input, request: &Request) -> Result<I> {
    let fields = gather(input, request)?;
    serde_json::from_value(Value::Object(fields)).map_err(|error| match gather(input, request) {
        Ok(fields) if error.classify() == serde_json::error::Category::Data => named::<I>(&fields, &error),
        _ => unreadable(&error),
    })
}

/// The input of a request that is nothing but a body. `None` where it is more, or cannot be read this way: [`decode`] says
/// what is wrong.
pub(super) fn decode_directly<I>(input: Input, request: &Request, read: fn(&[u8]) -> Option<I>) -> Option<I> {
    let is_body_only = input == Input::Flat && request.path_fields.is_empty() && request.query.is_empty();
    let is_object = request.body.trim_ascii_start().first() == Some(&b'{');
    if is_body_only && is_object { read(&request.body) } else { None }
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

pub(super) fn body_object(body: &Bytes) -> Result<Object> {
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
