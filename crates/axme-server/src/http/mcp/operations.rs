//! Calls of operations with flat arguments, for hosts and for the console.

use axme_api::{Input, JsonFields, OpInfo};
use axme_core::request::{Request, RequestMeta};
use axum::body::Bytes;
use serde_json::Value;

/// The fields of a path, with their values.
type PathFields = Vec<(&'static str, String)>;

/// Builds the request of an operation: the fields of its path are taken out of the arguments, the rest is its body.
///
/// # Errors
/// A field of the path is missing; the text names it.
pub(in crate::http) fn request_of(
    info: &OpInfo,
    mut arguments: JsonFields,
    meta: RequestMeta,
) -> Result<Request, String> {
    let (path, path_fields) = place(info, &mut arguments)?;
    // A tool whose arguments are the body can only be called without one by leaving them out.
    let has_body = info.input == Input::Flat || !arguments.is_empty();
    let body = if has_body { axme_api::Json::from(arguments).text().to_owned().into() } else { Bytes::new() };
    Ok(Request { method: info.method.as_str(), path, meta, path_fields, query: Vec::new(), body })
}

/// Fills the path of an operation, and moves its fields out of the arguments.
fn place(info: &OpInfo, arguments: &mut JsonFields) -> Result<(String, PathFields), String> {
    let mut path = info.path.to_owned();
    let mut fields = Vec::new();
    for name in info.path_fields() {
        let value = match arguments.remove(name).map(|value| value.value()) {
            Some(Value::String(text)) if !text.is_empty() => text,
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err(format!("{name}: required")),
        };
        path = path.replace(&format!("{{{name}}}"), &value).replace(&format!("{{*{name}}}"), &value);
        fields.push((name, value));
    }
    Ok((path, fields))
}
