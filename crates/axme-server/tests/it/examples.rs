//! Records calls of the tests as the examples of the operations in `spec/examples`, if `RECORD_EXAMPLES` names that
//! folder.
//!
//! A call of `shown` wins, and else the richest short one, whatever the order of the tests. A file that exists is kept: delete it
//! to record the operation anew. Recorded calls hold no ids, keys or tokens of a run ([`Disguise`]), so that two runs
//! record the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use axme_api::OpInfo;
use axme_api::op::Input;
use axme_api::openapi::{self, inlined, input_fields};
use serde_json::{Map, Value, json};

use crate::disguise::Disguise;

/// The tests whose calls are drawn at random, so that they tell no story.
const DRAWN: &str = "differential::";
/// The tests whose calls are meant as examples.
const MEANT: &str = "shown::";
/// The size up to which a larger example is better, in bytes of JSON.
const MAX_BYTES: usize = 3_000;
/// Maximum number of items of a list in an answer.
const MAX_ITEMS: usize = 2;
/// The length from which a text makes an example better, in bytes.
const LEAST_TEXT: usize = 3;
/// The bytes of JSON that one more field is worth.
const BYTES_OF_A_FIELD: i64 = 100;

/// A successful call of an operation.
pub struct Call<'a> {
    pub path_and_query: &'a str,
    pub body: &'a [u8],
    pub answer: &'a Value,
}

/// Better examples have a greater rank. The text decides between equals, so that the order of the tests does not.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_meant: bool,
    is_short: bool,
    score: i64,
    text: std::cmp::Reverse<String>,
}

enum Recorded {
    /// The file was there before this run.
    Kept,
    Best(Rank),
}

static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| std::env::var_os("RECORD_EXAMPLES").map(PathBuf::from));
static RECORDED: Mutex<BTreeMap<&str, Recorded>> = Mutex::new(BTreeMap::new());

/// Records a call if it is a better example than the ones before it.
pub fn note(info: &'static OpInfo, call: &Call<'_>) {
    let Some(folder) = FOLDER.as_deref() else { return };
    if std::thread::current().name().is_some_and(|test| test.starts_with(DRAWN)) {
        return;
    }
    let Some(example) = example(info, call) else { return };
    let is_meant = std::thread::current().name().is_some_and(|test| test.starts_with(MEANT));
    let rank = rank(&example, is_meant);
    let file = folder.join(format!("{}.json", info.id));
    let mut recorded = RECORDED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_better = match recorded.get(info.id) {
        Some(Recorded::Kept) => false,
        Some(Recorded::Best(best)) => rank > *best,
        None if file.exists() => {
            recorded.insert(info.id, Recorded::Kept);
            false
        }
        None => true,
    };
    if is_better {
        write(&file, &example);
        recorded.insert(info.id, Recorded::Best(rank));
    }
}

fn write(file: &Path, example: &Value) {
    std::fs::write(file, format!("{example:#}\n")).expect("the folder of examples can be written");
}

/// Returns the call as an example. `None` if it is not typical: by another path, with unknown fields, or with values that
/// only a lenient server accepts.
fn example(info: &'static OpInfo, call: &Call<'_>) -> Option<Value> {
    let (path, query) = call.path_and_query.split_once('?').unwrap_or((call.path_and_query, ""));
    let in_path = info.path_values(path)?;
    let described = input_fields(info);
    let is_in_path = |name: &str| in_path.iter().any(|(known, _)| *known == name);
    let of_name = |name: &str| described.iter().find(|field| field.name == name && !is_in_path(name));
    let schema = |name: &str| of_name(name).map(|field| inlined(field.schema));
    let mut request = json!({ "method": info.method.as_str(), "path": path });
    let query = read_query(query, schema)?;
    let is_sent_as_query = matches!(info.method, axme_api::Method::Get | axme_api::Method::Delete);
    if is_sent_as_query && !call.body.is_empty() || !is_sent_as_query && !query.is_empty() {
        return None;
    }
    if !query.is_empty() {
        request["query"] = Value::Object(query);
    }
    if !is_sent_as_query {
        let body: Value = match call.body {
            b"" => json!({}),
            body => serde_json::from_slice(body).ok()?,
        };
        let fields = body.as_object()?;
        if info.input == Input::Flat && !fields.keys().all(|name| of_name(name).is_some()) || !fits(info, "body", &body)
        {
            return None;
        }
        request["body"] = body;
    }
    if !fits(info, "answer", call.answer) {
        return None;
    }
    let mut example = json!({ "request": request, "answer": shortened(call.answer) });
    Disguise::of(&in_path).apply(&mut example);
    Some(example)
}

/// Returns the query with values of the documented types; `None` for an unknown name or a value of another type.
fn read_query(text: &str, schema: impl Fn(&str) -> Option<Value>) -> Option<Map<String, Value>> {
    let mut query = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?.into_owned();
        let schema = schema(name)?;
        let typed = [serde_json::from_str(&value).unwrap_or(Value::Null), json!(value)];
        let validator = jsonschema::validator_for(&schema).expect("a documented schema is valid");
        query.insert(name.to_owned(), typed.into_iter().find(|value| !value.is_null() && validator.is_valid(value))?);
    }
    Some(query)
}

/// Whether a body or an answer has the documented form.
fn fits(info: &OpInfo, part: &str, value: &Value) -> bool {
    static DOCUMENTED: LazyLock<Mutex<BTreeMap<String, jsonschema::Validator>>> = LazyLock::new(Mutex::default);
    let mut documented = DOCUMENTED.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = documented.entry(format!("{part} of {}", info.id)).or_insert_with(|| {
        let method = info.method.as_str().to_ascii_lowercase();
        let operation = &openapi::document()["paths"][info.path.replace("{*", "{")][method];
        let from = if part == "body" { &operation["requestBody"] } else { &operation["responses"]["200"] };
        let schema = inlined(&from["content"]["application/json"]["schema"]);
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a documented schema is valid")
    });
    validator.is_valid(value)
}

/// Cuts the lists of an answer.
fn shortened(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().take(MAX_ITEMS).map(shortened).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shortened(value))).collect(),
        other => other.clone(),
    }
}

fn rank(example: &Value, is_meant: bool) -> Rank {
    let text = example.to_string();
    let mut places = BTreeSet::new();
    collect_places(example, "", &mut places);
    let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let score = i64::try_from(places.len()).unwrap_or(0) * BYTES_OF_A_FIELD - size;
    Rank { is_meant, is_short: text.len() <= MAX_BYTES, score, text: std::cmp::Reverse(text) }
}

/// Collects the places that have a value. Items of one list share their places. Short texts and markup say nothing to a
/// reader.
fn collect_places(value: &Value, place: &str, places: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect_places(value, &format!("{place}/{name}"), places));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_places(item, &format!("{place}/*"), places)),
        Value::Null => {}
        Value::String(text) if text.len() < LEAST_TEXT || text.contains('<') => {}
        _ => {
            places.insert(place.to_owned());
        }
    }
}
