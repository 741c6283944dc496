//! Turns the input of an operation into a path, a query and a body. Pure.
//!
//! The input is one flat object. Its path fields go into the path. The rest is the query of a GET or DELETE, and the
//! body of other methods. If the operation takes a raw body, the field `body` is the body and the rest is the query.

use axme_api::{Input, Json, JsonFields, Method, OpInfo};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::ClientError;

/// All characters except those that a URL never needs to escape.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Path and query, escaped.
    pub(crate) path: String,
    pub(crate) body: Option<Json>,
}

pub(crate) fn request(info: &OpInfo, input: &Json) -> Result<Request, ClientError> {
    let Some(mut fields) = input.fields() else {
        return Err(ClientError::Input(format!("the input of {} must be a JSON object", info.id)));
    };
    let mut path = path(info.path, &mut fields)?;
    let body = match (info.method, info.input) {
        (Method::Get | Method::Delete, _) => {
            path += &query(&fields);
            None
        }
        (_, Input::RawBody) => {
            let body = fields.remove("body");
            path += &query(&fields);
            body
        }
        (_, Input::Flat) => Some(fields.into()),
    };
    Ok(Request { method: info.method, path, body })
}

/// Fills the template and removes the used fields from `fields`.
pub(crate) fn path(template: &str, fields: &mut JsonFields) -> Result<String, ClientError> {
    let mut path = String::new();
    for part in template.split('/').skip(1) {
        path.push('/');
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            path += part;
            continue;
        };
        if let Some(name) = name.strip_prefix('*') {
            let value = text(fields.remove(name));
            let tail = value.strip_prefix("agent://").unwrap_or(&value);
            let segments: Result<Vec<String>, _> = tail.split('/').map(|part| segment(name, part)).collect();
            path += &segments?.join("/");
        } else {
            path += &segment(name, &text(fields.remove(name)))?;
        }
    }
    Ok(path)
}

/// Returns `?a=1&b=2`, or an empty string. Fields that are null are left out.
pub(crate) fn query(fields: &JsonFields) -> String {
    let given = fields.iter().filter(|(_, value)| !value.is_null());
    let pairs = given.map(|(name, value)| format!("{}={}", escape(name), escape(&text(Some(value.clone())))));
    let query = pairs.collect::<Vec<String>>().join("&");
    if query.is_empty() { query } else { format!("?{query}") }
}

/// Escapes one segment of a path. Rejects `.` and `..`, which URL parsers remove, and empty
/// segments, which change the path.
fn segment(name: &str, part: &str) -> Result<String, ClientError> {
    match part {
        "" => Err(ClientError::Input(format!("{name} is missing"))),
        "." | ".." => Err(ClientError::Input(format!("\"{part}\" cannot be part of {name}"))),
        part => Ok(escape(part)),
    }
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn text(value: Option<Json>) -> String {
    let Some(value) = value.filter(|value| !value.is_null()) else { return String::new() };
    value.string().unwrap_or_else(|| value.text().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axme_api::{agents, intents};
    use serde_json::json;

    #[test]
    fn every_field_has_one_place() {
        let get =
            request(&intents::EVENTS.info, &json!({"intent_id": "a/b c", "since": 4, "limit": null}).into()).unwrap();
        assert_eq!((get.path.as_str(), &get.body), ("/v1/intents/a%2Fb%20c/events?since=4", &None));

        let post = request(&intents::RESOLVE.info, &json!({"intent_id": "i", "status": "FAILED"}).into()).unwrap();
        assert_eq!(
            (post.path.as_str(), post.body),
            ("/v1/intents/i/resolve", Some(json!({"status": "FAILED"}).into()))
        );

        let raw =
            json!({"intent_id": "i", "owner_agent": "agent://a", "body": {"intent_id": "kept", "action": "complete"}});
        let raw = request(&intents::RESUME.info, &raw.into()).unwrap();
        assert_eq!(raw.path, "/v1/intents/i/resume?owner_agent=agent%3A%2F%2Fa");
        assert_eq!(raw.body, Some(json!({"intent_id": "kept", "action": "complete"}).into()));
        assert_eq!(request(&intents::RESUME.info, &json!({"intent_id": "i"}).into()).unwrap().body, None);
    }

    #[test]
    fn an_address_keeps_its_slashes_and_loses_its_scheme() {
        let path =
            |address: &str| request(&agents::GET.info, &json!({"address": address}).into()).map(|request| request.path);
        assert_eq!(path("agent://org/ws/n?me").unwrap(), "/v1/agents/org/ws/n%3Fme");
        assert_eq!(path("bare").unwrap(), "/v1/agents/bare");
        for bad in ["", "agent://", "a//b", "a/../b", "."] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        for bad in ["", ".."] {
            assert!(request(&intents::GET.info, &json!({"intent_id": bad}).into()).is_err(), "{bad:?}");
        }
        assert!(request(&intents::GET.info, &json!({}).into()).is_err());
        assert!(request(&intents::GET.info, &json!([]).into()).is_err());
    }
}
