//! The API describes itself. Everything in the document has a description. Closed sets list their words, times and ids
//! have a format, and numbers have bounds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axme_api::{examples, generate};
use serde_json::Value;

/// Names that suggest a closed set, and the endings of such names.
const WORD_NAMES: [&str; 13] = [
    "status",
    "state",
    "role",
    "mode",
    "kind",
    "type",
    "tier",
    "decision",
    "direction",
    "granularity",
    "window",
    "health",
    "scope",
];
const WORD_ENDINGS: [&str; 6] = ["_status", "_type", "_mode", "_state", "_role", "_reason"];

/// Such names whose values are free text.
const FREE_WORDS: [(&str, &str); 5] = [
    ("client_type", "a program names itself"),
    ("intent_type", "senders and receivers agree on it"),
    ("semantic_type", "the type of an intent"),
    ("mime_type", "a media type"),
    ("content_type", "a media type"),
];

/// Places whose values are free text although other places use the name for a closed set.
const FREE_PLACES: [(&str, &str); 20] = [
    ("HumanTask task_type", "a task of another type is accepted"),
    ("BundleIntent type", "the type of an intent"),
    ("BundleAgent role", "a bundle names its roles"),
    ("BundleHuman role", "a bundle names its roles"),
    ("AgentAssignment role", "a bundle names its roles"),
    ("AgentProvision role", "a bundle names its roles"),
    ("CreateSessionAnswer type", "callers name kinds of sessions"),
    ("SessionView type", "callers name kinds of sessions"),
    ("post /v1/sessions type", "callers name kinds of sessions"),
    ("FeedEntry role", "callers name the roles of authors"),
    ("post /v1/sessions/{session_id}/messages role", "callers name the roles of authors"),
    ("get /app/login/provider-callback state", "the sign-in provider returns it unread"),
    ("get /oauth/authorize state", "the client gets it back unread"),
    ("get /oauth/authorize scope", "several names with blanks between them"),
    ("get /app/intents status", "words of `intents.list` with commas between them, or none"),
    ("get /app/intents waiting_reason", "a word of `intents.list`, or none"),
    ("get /app/deliveries status", "a word of `deliveries.list`, or none"),
    ("post /v1/webhooks/events event_type", "callers name the types of their events"),
    ("PublishEventAnswer event_type", "callers name the types of their events"),
    ("ReplayEventAnswer event_type", "callers name the types of their events"),
];

/// A property or parameter of the document.
struct Item {
    place: String,
    name: String,
    schema: Value,
    about: String,
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| generate::document(&examples::read().unwrap()));
static ITEMS: LazyLock<Vec<Item>> = LazyLock::new(|| {
    let mut walk = Walk::default();
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let id = format!("{method} {path}");
            for parameter in described["parameters"].as_array().unwrap() {
                let name = parameter["name"].as_str().unwrap();
                walk.item(&id, name, &parameter["schema"], text(parameter, "description"));
            }
            for content in described["requestBody"]["content"].as_object().into_iter().flatten() {
                walk.schema(&id, &content.1["schema"]);
            }
            for (status, response) in described["responses"].as_object().unwrap() {
                for content in response["content"].as_object().into_iter().flatten() {
                    walk.schema(&format!("{id} {status}"), &content.1["schema"]);
                }
            }
        }
    }
    walk.items
});

#[derive(Default)]
struct Walk {
    items: Vec<Item>,
    /// The types that were seen.
    seen: BTreeSet<String>,
}

impl Walk {
    fn item(&mut self, place: &str, name: &str, schema: &Value, about: &str) {
        let place = format!("{place} {name}");
        let item = Item {
            place: place.clone(),
            name: name.to_owned(),
            schema: schema.clone(),
            about: about.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        self.items.push(item);
        self.schema(&place, schema);
    }

    /// Walks through everything inside a schema.
    fn schema(&mut self, place: &str, schema: &Value) {
        if let Some(target) = schema["$ref"].as_str() {
            let type_name = target.rsplit('/').next().unwrap_or_default().to_owned();
            if self.seen.insert(type_name.clone()) {
                self.schema(&type_name, resolved(schema));
            }
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            self.item(place, name, property, text(property, "description"));
        }
        for inner in ["anyOf", "oneOf", "allOf"].iter().flat_map(|word| schema[*word].as_array()).flatten() {
            self.schema(place, inner);
        }
        for inner in ["items", "additionalProperties"].iter().filter_map(|word| schema.get(*word)) {
            self.schema(place, inner);
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn resolved(schema: &Value) -> &Value {
    let target = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.and_then(|target| DOCUMENT.pointer(target)).unwrap_or(schema)
}

/// Returns a schema and the alternatives in it, with references resolved.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let schema = resolved(schema);
    let inner = ["anyOf", "oneOf", "allOf"].iter().flat_map(|word| schema[*word].as_array()).flatten();
    std::iter::once(schema).chain(inner.flat_map(alternatives)).collect()
}

fn has_type(schema: &Value, wanted: &str) -> bool {
    schema["type"] == wanted || schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == wanted))
}

/// Returns the texts among the alternatives of an item, and in its lists.
fn texts(item: &Item) -> impl Iterator<Item = &Value> {
    of_type(item, &["string"])
}

/// Returns the schemas with one of the types among the alternatives of an item, and in its lists.
fn of_type<'a>(item: &'a Item, types: &'a [&str]) -> impl Iterator<Item = &'a Value> {
    let items = alternatives(&item.schema).into_iter().filter_map(|schema| schema.get("items"));
    let all = items.flat_map(alternatives).chain(alternatives(&item.schema));
    all.filter(|schema| types.iter().any(|wanted| has_type(schema, wanted)))
}

/// Fails with the number of faults and the place of each.
fn none(what: &str, faults: impl Iterator<Item = String>) {
    let faults: BTreeSet<String> = faults.collect();
    assert!(faults.is_empty(), "{} {what}: {faults:#?}", faults.len());
}

fn places(what: &str, is_wrong: impl Fn(&Item) -> bool) {
    none(what, ITEMS.iter().filter(|item| is_wrong(item)).map(|item| item.place.clone()));
}

#[test]
fn everything_has_a_description() {
    places("properties and parameters without a description", |item| item.about.trim().is_empty());
}

#[test]
fn every_type_has_a_description() {
    let types = DOCUMENT["components"]["schemas"].as_object().unwrap();
    let undescribed = types.iter().filter(|(_, schema)| text(schema, "description").is_empty());
    none("types without a description", undescribed.map(|(name, _)| name.clone()));
}

/// Of two types with one name, the generator numbers the second.
#[test]
fn no_two_types_have_one_name() {
    let types = DOCUMENT["components"]["schemas"].as_object().unwrap();
    let is_second = |name: &&String| {
        let first = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        first != name.as_str() && types.contains_key(first)
    };
    none("types have the name of another", types.keys().filter(is_second).cloned());
}

#[test]
fn every_operation_has_a_summary_and_examples() {
    let operations: BTreeSet<&str> = axme_api::table().iter().map(|op| op.info().id).collect();
    let mut faults = Vec::new();
    for described in
        DOCUMENT["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap().values())
    {
        let id = text(described, "operationId");
        if text(described, "summary").is_empty() {
            faults.push(format!("{id}: a summary"));
        }
        let request = described.get("requestBody");
        for (part, described) in [("request", request), ("answer", described["responses"].get("200"))] {
            let content = described.map(|described| &described["content"]["application/json"]);
            if operations.contains(id) && content.is_some_and(|content| content.get("example").is_none()) {
                faults.push(format!("{id}: an example of its {part}"));
            }
        }
    }
    none("things are missing", faults.into_iter());
}

#[test]
fn every_answer_says_what_it_is() {
    let operations = DOCUMENT["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap());
    let mut faults = Vec::new();
    for described in operations.map(|(_, described)| described) {
        let id = text(described, "operationId");
        for (status, response) in described["responses"].as_object().unwrap() {
            if text(response, "description").len() <= "OK".len() {
                faults.push(format!("{id}: a description of {status}"));
            }
            let frames = response["content"].get("text/event-stream");
            if frames.is_some_and(|frames| !text(frames, "example").ends_with("\n\n")) {
                faults.push(format!("{id}: an example of its frames"));
            }
        }
    }
    none("things are missing", faults.into_iter());
    assert!(!text(&DOCUMENT["info"], "description").is_empty());
}

/// Returns the numbers among the alternatives of an item, and in its lists.
fn numbers(item: &Item) -> impl Iterator<Item = &Value> {
    of_type(item, &["integer", "number"])
}

#[test]
fn numbers_have_a_least_value() {
    places("numbers without a least value", |item| numbers(item).any(|schema| schema.get("minimum").is_none()));
}

#[test]
fn numbers_have_a_greatest_value() {
    places("numbers without a greatest value", |item| numbers(item).any(|schema| schema.get("maximum").is_none()));
}

#[test]
fn times_have_a_format() {
    places("times that are not date-time", |item| {
        item.name.ends_with("_at") && texts(item).any(|schema| schema["format"] != "date-time")
    });
}

#[test]
fn ids_have_a_format() {
    places("UUIDs that are not uuid", |item| {
        let is_uuid = item.about.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "UUID");
        item.name.ends_with("_id") && is_uuid && texts(item).any(|schema| schema["format"] != "uuid")
    });
}

/// A program that checks formats would not send a slug where only a UUID fits.
#[test]
fn ids_are_also_slugs_exactly_where_slugs_are_accepted() {
    places("ids whose description and schema disagree about slugs", |item| {
        let has_slug = texts(item).any(|schema| schema.get("pattern").is_some());
        let says_slug = item.about.contains("slug of the caller's own");
        ["org_id", "workspace_id"].contains(&item.name.as_str()) && has_slug != says_slug
    });
}

#[test]
fn closed_sets_list_their_words() {
    let free: BTreeMap<&str, &str> = FREE_WORDS.into();
    places("words from a closed set that are plain text", |item| {
        let name = item.name.as_str();
        let is_word = WORD_NAMES.contains(&name) || WORD_ENDINGS.iter().any(|ending| name.ends_with(ending));
        let is_open = |schema: &Value| schema.get("enum").is_none() && schema.get("const").is_none();
        let is_free = free.contains_key(name) || FREE_PLACES.iter().any(|(place, _)| *place == item.place);
        is_word && !is_free && texts(item).any(is_open)
    });
}
