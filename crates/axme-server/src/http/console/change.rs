//! Carries out a form: one call of the operation that it names, which checks the caller's right as for everybody.
//!
//! Only the operations of [`CHANGES`] have forms. A change that cannot be undone is asked about first. An answer with a secret
//! or a warning is shown once; otherwise the page of the form comes again.

use askama::Template;
use axme_api::{
    ApiError, JsonFields, Object, OpInfo, Timestamp, access_requests, members, mesh, policies, quotas, schemas,
    service_accounts as accounts, webhooks,
};
use axme_core::error::{Result, StoreError};
use serde_json::{Value, json};

use super::filter::{query, seconds};
use super::frame::{Frame, Section};
use super::visit::{Answer, Guest};
use crate::http::form::FormFields;
use crate::http::letterhead::Letterhead;
use crate::http::pages::page as rendered;

/// An operation that a form can carry out.
struct Change {
    info: &'static OpInfo,
    /// The consequence, for a change that is asked about first; otherwise empty.
    warning: &'static str,
    /// Fields of the answer that are shown once, as JSON pointers, with their names.
    secrets: &'static [(&'static str, &'static str)],
}

impl Change {
    const fn new(info: &'static OpInfo) -> Change {
        Change { info, warning: "", secrets: &[] }
    }

    const fn asked(info: &'static OpInfo, warning: &'static str) -> Change {
        Change { info, warning, secrets: &[] }
    }
}

const WEBHOOK_SECRET: &[(&str, &str)] = &[("/webhook_secret", "The secret that signs the posts")];

const SUBSCRIPTION_SECRET: &[(&str, &str)] = &[("/subscription/secret", "The secret that signs the posts")];

static CHANGES: [Change; 26] = [
    Change::new(&members::ADD.info),
    Change::new(&members::UPDATE.info),
    Change::asked(
        &members::REMOVE.info,
        "The person loses the role and its access at once. Keys that they made stay valid.",
    ),
    Change::new(&access_requests::REVIEW.info),
    Change { secrets: WEBHOOK_SECRET, ..Change::new(&accounts::CREATE.info) },
    Change { secrets: WEBHOOK_SECRET, ..Change::new(&accounts::UPDATE.info) },
    Change::asked(
        &accounts::DELETE.info,
        "All keys of the account are revoked, and programs that use them stop working. Registering its address again restores the account, without its keys.",
    ),
    Change { secrets: &[("/api_key", "The key")], ..Change::new(&accounts::CREATE_KEY.info) },
    Change::asked(
        &accounts::REVOKE_KEY.info,
        "Programs that use this key stop working within a second. This cannot be undone.",
    ),
    Change::new(&quotas::UPDATE.info),
    Change::new(&policies::RECEIVE_PUT.info),
    Change::new(&policies::RECEIVE_ADD.info),
    Change::new(&policies::RECEIVE_REMOVE.info),
    Change::new(&policies::SEND_PUT.info),
    Change::new(&policies::SEND_ADD.info),
    Change::new(&policies::SEND_REMOVE.info),
    Change::new(&policies::OVERRIDE_PUT.info),
    Change::new(&policies::OVERRIDE_ADD.info),
    Change::new(&policies::OVERRIDE_REMOVE.info),
    Change { secrets: SUBSCRIPTION_SECRET, ..Change::new(&webhooks::UPSERT.info) },
    Change::asked(
        &webhooks::DELETE.info,
        "The receiver gets no further events, also none that wait to be sent. This cannot be undone.",
    ),
    Change::new(&mesh::PUT_COST.info),
    Change::asked(&mesh::DELETE_COST.info, "The agent has no limits on intents and cost any more."),
    Change::new(&mesh::PUT_ACTION.info),
    Change::asked(&mesh::DELETE_ACTION.info, "The agent may send and receive every type of intent again."),
    Change::asked(
        &schemas::UPSERT.info,
        "From now on, new intents of this type must match the schema, as its mode says.",
    ),
];

/// The fields of a form that are not fields of the operation.
const OWN: [&str; 6] = ["csrf", "op", "back", "once", "what", "confirmed"];

#[derive(Template)]
#[template(path = "console/confirm.html")]
struct Confirm {
    head: Letterhead,
    frame: Frame,
    what: String,
    warning: &'static str,
    fields: Vec<(String, String)>,
    back: String,
}

#[derive(Template)]
#[template(path = "console/changed.html")]
struct Changed {
    head: Letterhead,
    frame: Frame,
    secrets: Vec<(&'static str, String)>,
    notes: Vec<String>,
    /// Texts with paths below the root of the server.
    links: Vec<(String, String)>,
    back: String,
}

pub(super) async fn take(guest: Guest, filled: FormFields) -> Result<Answer> {
    let unknown = || ApiError::invalid("the form has no such change: open the page again");
    let change = CHANGES.iter().find(|change| change.info.id == filled.get("op")).ok_or_else(unknown)?;
    let back = Some(filled.get("back")).filter(|back| back.starts_with('/')).unwrap_or("").to_owned();
    let fields = read(&filled, &guest)?;
    if !change.warning.is_empty() && filled.get("confirmed") != "yes" {
        let template = Confirm {
            head: guest.head(),
            frame: guest.frame(Section::None),
            what: filled.get("what").to_owned(),
            warning: change.warning,
            fields: filled.pairs().filter(|(name, _)| *name != "csrf").cloned().collect(),
            back,
        };
        return Ok(Answer::Page(rendered(200, &template)?));
    }
    let once = Some(filled.get("once")).filter(|once| !once.is_empty()).map(|once| format!("console-{once}"));
    let answer = guest.call_fields(change.info, fields, once).await?;
    let answer: Value = serde_json::from_slice(&answer).map_err(|error| StoreError::Fault(error.to_string()))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let secrets =
        change.secrets.iter().filter_map(|(field, name)| Some((*name, answer.pointer(field).and_then(text)?)));
    let secrets: Vec<(&str, String)> = secrets.collect();
    let mut notes: Vec<String> = answer["warnings"].as_array().into_iter().flatten().filter_map(text).collect();
    let keys = answer["keys_left"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !keys.is_empty() {
        notes.push("Keys that this person made are still valid. Revoke them if nobody needs them.".to_owned());
    }
    let links = keys.iter().filter_map(|key| {
        let account = key["service_account_id"].as_str()?;
        let path = format!("/app/people?{}", query([("account", account)].into_iter()));
        Some((key["key_hint"].as_str()?.to_owned(), path))
    });
    let links: Vec<(String, String)> = links.collect();
    if secrets.is_empty() && notes.is_empty() {
        let mark = if back.contains('?') { '&' } else { '?' };
        return Ok(Answer::Lead(format!("{back}{mark}said=done")));
    }
    let template = Changed { head: guest.head(), frame: guest.frame(Section::None), secrets, notes, links, back };
    Ok(Answer::Page(rendered(200, &template)?))
}

/// Reads the fields of the operation. An empty field is left out. `a.b` is the field `b` of the object `a`. After a colon, a
/// name says what the text is: `:number`, `:list` of words, `:json`, `:flag`, or `:ahead` for a time as a span from now. A list that comes
/// several times is one list.
fn read(filled: &FormFields, guest: &Guest) -> Result<JsonFields, ApiError> {
    let mut fields = Object::new();
    for (name, text) in filled.pairs() {
        let text = text.trim();
        if OWN.contains(&name.as_str()) || text.is_empty() {
            continue;
        }
        let (path, kind) = name.split_once(':').unwrap_or((name, ""));
        let value = match kind {
            "ahead" => {
                let until = guest.app.system.clock.now().plus_seconds(seconds(path, text)?);
                json!(Timestamp::from(until))
            }
            _ => value(path, kind, text)?,
        };
        match path.split_once('.') {
            None => match (fields.get_mut(path), value) {
                (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
                (_, value) => {
                    fields.insert(path.to_owned(), value);
                }
            },
            Some((object, field)) => {
                let inner = fields.entry(object.to_owned()).or_insert_with(|| json!({}));
                if let Some(inner) = inner.as_object_mut() {
                    inner.insert(field.to_owned(), value);
                }
            }
        }
    }
    Ok(JsonFields::of(Value::Object(fields)))
}

fn value(name: &str, kind: &str, text: &str) -> Result<Value, ApiError> {
    match kind {
        "number" => {
            let number = text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from));
            let number = number.ok().filter(|number| !number.is_null());
            number
                .ok_or_else(|| ApiError::invalid(format!("{name}: \"{text}\" is not a number; write one such as 1000")))
        }
        "list" => {
            let words = text.split(|mark: char| mark == ',' || mark.is_whitespace()).filter(|word| !word.is_empty());
            Ok(words.map(Value::from).collect())
        }
        "json" => serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            ApiError::invalid(format!(
                "{name}: line {line}, column {column} is not JSON: check quotes, commas and brackets"
            ))
        }),
        "flag" => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(ApiError::invalid(format!("{name}: choose true or false"))),
        },
        _ => Ok(Value::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_their_kind_says() {
        assert_eq!(value("n", "number", "1000").unwrap(), json!(1000));
        assert_eq!(value("n", "number", "2.5").unwrap(), json!(2.5));
        assert_eq!(value("n", "list", "a, b\n c").unwrap(), json!(["a", "b", "c"]));
        assert_eq!(value("n", "flag", "false").unwrap(), json!(false));
        assert_eq!(value("n", "", "12").unwrap(), json!("12"));
        for (kind, text) in [("number", "many"), ("number", "NaN"), ("flag", "yes"), ("json", "{")] {
            assert!(value("n", kind, text).is_err(), "{kind} {text}");
        }
        let told = value("schema", "json", "{\n  \"a\": }").unwrap_err().message;
        assert!(told.starts_with("schema: line 2, column 8"), "{told}");
    }

    #[test]
    fn changes_are_different_operations_that_write() {
        let ids: std::collections::BTreeSet<&str> = CHANGES.iter().map(|change| change.info.id).collect();
        assert_eq!(ids.len(), CHANGES.len());
        assert!(CHANGES.iter().all(|change| change.info.effect == axme_api::Effect::Write));
    }
}
