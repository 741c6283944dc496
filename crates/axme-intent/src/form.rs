//! Forms: the JSON Schema (2020-12) that a person's answer must meet (`spec/protocol.md` §5.5).
//!
//! Command lines and web forms send text, so text is converted to the types of the schema before it is checked.
//! Patterns run in linear time, and a schema that refers to anything outside itself is refused.

mod complaint;
mod effective;
mod files;

use std::collections::BTreeMap;

use axme_words::{Language, say};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::Object;
use crate::fields::shown;
pub use effective::{effective, resolved};
pub use files::{FileRule, NamedFile, files};

/// The longest schema, in bytes of JSON.
pub const MAX_SCHEMA_BYTES: usize = 32_768;

/// The largest schema, in parts with all references followed. A check looks at each part for each value.
const MAX_PARTS: u64 = 10_000;

/// Maximum product of parts and values that one check may look at.
pub(crate) const MAX_LOOKS: u64 = 1_000_000;

/// The deepest nesting of JSON that is parsed from text. Stored answers are nested a few levels deeper.
const MAX_DEPTH: usize = 32;

/// The largest compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// The name of another part of an answer, which a form cannot use for a field. A field `outcome` is the outcome itself.
const TAKEN: [&str; 1] = ["votes"];

/// Maximum number of fields that one refusal names.
pub(crate) const MAX_ERRORS_LISTED: usize = 20;

/// Errors by field. The empty name stands for the answer as a whole.
pub type Complaints = BTreeMap<String, String>;

/// Checks the schema of a form. The error says what is wrong with it.
pub fn check_schema(schema: &Value) -> Result<(), String> {
    if !schema.is_object() {
        return Err(format!("must be a JSON Schema object, not {}", shown(schema)));
    }
    let bytes = schema.to_string().len();
    if bytes > MAX_SCHEMA_BYTES {
        return Err(format!("has {bytes} bytes of JSON, at most {MAX_SCHEMA_BYTES} are allowed"));
    }
    let mut names = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    if let Some((name, _)) = names.find(|(name, _)| TAKEN.contains(&name.as_str())) {
        return Err(format!("cannot have a field called {name}, which is a part of every answer: rename it"));
    }
    parts(schema)?;
    compile(schema).map(|_| ())
}

/// True if a form has a field with this name.
pub(crate) fn has_field(schema: &Value, name: &str) -> bool {
    schema.get("properties").and_then(|properties| properties.get(name)).is_some()
}

/// Counts the parts of a schema with its references followed. Refuses a schema that refers back to itself.
pub(crate) fn parts(schema: &Value) -> Result<u64, String> {
    fn count<'a>(
        part: &'a Value,
        root: &'a Value,
        open: &mut Vec<&'a str>,
        known: &mut BTreeMap<&'a str, u64>,
    ) -> Result<u64, String> {
        let mut sum: u64 = 1;
        match part {
            Value::Array(list) => {
                for item in list {
                    sum = sum.saturating_add(count(item, root, open, known)?);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), value.as_str()) {
                        ("$dynamicRef" | "$recursiveRef" | "$id", Some(_)) => {
                            return Err(format!("has {name}, which is not supported: remove it"));
                        }
                        ("$ref", Some(target)) => {
                            let size = match known.get(target) {
                                Some(size) => *size,
                                None if open.contains(&target) => {
                                    return Err(format!("has a reference that leads back to itself: {target}"));
                                }
                                None => {
                                    let found = resolve(root, target)
                                        .ok_or_else(|| format!("refers to {target}, which it does not contain"))?;
                                    open.push(target);
                                    let size = count(found, root, open, known)?;
                                    open.pop();
                                    known.insert(target, size);
                                    size
                                }
                            };
                            sum = sum.saturating_add(size);
                        }
                        _ => sum = sum.saturating_add(count(value, root, open, known)?),
                    }
                }
            }
            _ => {}
        }
        Ok(sum)
    }
    match count(schema, schema, &mut Vec::new(), &mut BTreeMap::new())? {
        parts if parts > MAX_PARTS => {
            Err(format!("has more than {MAX_PARTS} parts with its references followed: simplify it"))
        }
        parts => Ok(parts),
    }
}

/// Returns the part of the schema that a reference points to.
fn resolve<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    root.pointer(target.strip_prefix('#')?)
}

/// Collects the types that a property may have, from every keyword that implies one.
pub fn types(property: &Value, root: &Value) -> Vec<String> {
    fn collect(property: &Value, root: &Value, found: &mut Vec<String>, depth: usize) {
        if depth > 8 {
            return;
        }
        match &property["type"] {
            Value::String(name) => found.push(name.clone()),
            Value::Array(names) => found.extend(names.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
        for value in property["enum"].as_array().into_iter().flatten().chain(property.get("const")) {
            let name = match value {
                Value::Bool(_) => "boolean",
                Value::Number(number) if number.is_f64() => "number",
                Value::Number(_) => "integer",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
                Value::Null => "null",
            };
            found.push(name.to_owned());
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            for member in property[key].as_array().into_iter().flatten() {
                collect(member, root, found, depth + 1);
            }
        }
        if let Some(target) = property["$ref"].as_str().and_then(|target| resolve(root, target)) {
            collect(target, root, found, depth + 1);
        }
    }
    let mut found = Vec::new();
    collect(property, root, &mut found, 0);
    found
}

pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| format!("is not a usable JSON Schema: {error}"))
}

/// Checks an answer and returns its fields with the types of the schema. Fills in `approved` from the outcome and
/// `comment` from the comment, and nothing else: a constant that was not sent was perhaps not shown. A boolean constant
/// is a box to tick, which a yes requires. A no may leave out any field: only the given ones are checked.
pub fn check(
    schema: &Value,
    data: &Object,
    comment: Option<&str>,
    is_positive: bool,
    language: Language,
) -> Result<Object, Complaints> {
    let say = |id: &'static str| say(language, id);
    let mut fields = data.clone();
    let mut unticked = Complaints::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let types = types(property, schema);
        let has = |wanted: &str| types.iter().any(|name| name == wanted);
        let constant = property.get("const");
        if let Some(value) = fields.get_mut(name) {
            coerce(value, &types);
            // A page sends text without the blanks around it.
            if let Some(constant) = constant.filter(|constant| is_same_text(constant, value)) {
                *value = constant.clone();
            }
        } else if name == "approved" && has("boolean") && (is_positive || constant.is_none()) {
            fields.insert(name.clone(), is_positive.into());
        } else if let Some(comment) = comment.filter(|_| name == "comment" && has("string")) {
            fields.insert(name.clone(), comment.into());
        } else if let Some(constant) = constant.filter(|constant| is_positive && constant.is_boolean()) {
            unticked.insert(name.clone(), say("wrong-unticked").with("value", constant.to_string()).into());
        }
    }
    let whole = |why: String| Complaints::from([(String::new(), why)]);
    let unusable = |why: String| whole(say("wrong-form").with("why", why).into());
    let parts = parts(schema).map_err(unusable)?;
    if parts.saturating_mul(fields.values().map(values).sum::<u64>() + 1) > MAX_LOOKS {
        return Err(whole(say("wrong-too-many-values").into()));
    }
    let validator = compile(schema).map_err(unusable)?;
    let answer = Value::Object(fields);
    let mut complaints = unticked;
    for error in validator.iter_errors(&answer).take(MAX_ERRORS_LISTED) {
        let place = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
        let inside = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        match error.kind() {
            ValidationErrorKind::Required { .. } if !is_positive && place.is_empty() => {}
            ValidationErrorKind::Required { property } => {
                let place = inside(property.as_str().unwrap_or_default());
                complaints.entry(place).or_insert_with(|| say("wrong-required").into());
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    complaints.insert(inside(name), say("wrong-no-field").into());
                }
            }
            // A no may leave out any field.
            _ if !is_positive && place.is_empty() => {}
            _ => {
                complaints.entry(place).or_insert_with(|| complaint::words(&error, schema, language));
            }
        }
    }
    match answer {
        Value::Object(fields) if complaints.is_empty() => Ok(fields),
        _ => Err(complaints),
    }
}

/// True if both are the same text, without the blanks around it.
fn is_same_text(one: &Value, other: &Value) -> bool {
    one.as_str().zip(other.as_str()).is_some_and(|(one, other)| one.trim() == other.trim())
}

/// Counts a value and all values nested in it.
pub(crate) fn values(value: &Value) -> u64 {
    match value {
        Value::Array(list) => 1 + list.iter().map(values).sum::<u64>(),
        Value::Object(fields) => 1 + fields.values().map(values).sum::<u64>(),
        _ => 1,
    }
}

/// Converts text to a type of the property, unless it accepts text. Text that does not convert stays, and then fails
/// the check.
fn coerce(value: &mut Value, types: &[String]) {
    let wants = |wanted: &str| types.iter().any(|name| name == wanted);
    let Value::String(text) = &*value else { return };
    if wants("string") {
        return;
    }
    let text = text.trim();
    let whole = || text.parse::<i64>().ok().filter(|_| wants("integer") || wants("number"));
    let number = || text.parse::<f64>().ok().filter(|n| n.is_finite() && wants("number"));
    let flag = || truth(&Value::String(text.to_owned())).filter(|_| wants("boolean"));
    let read = || {
        let parsed: Value = serde_json::from_str(text).ok().filter(|parsed| depth(parsed) <= MAX_DEPTH)?;
        let is_wanted = (parsed.is_array() && wants("array"))
            || (parsed.is_object() && wants("object"))
            || (parsed.is_null() && wants("null"));
        is_wanted.then_some(parsed)
    };
    let turned = whole().map(Value::from).or_else(|| number().map(Value::from)).or_else(|| flag().map(Value::from));
    if let Some(turned) = turned.or_else(read) {
        *value = turned;
    }
}

/// Reads a boolean, also from the strings that the command line sends.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(list) => list.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    deepest.unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["approved", "days", "confirmed"],
            "properties": {
                "approved": { "type": "boolean" }, "days": { "type": "integer", "minimum": 1, "maximum": 90 },
                "confirmed": { "type": "boolean" }, "rate": { "type": ["number", "null"] }, "notes": { "type": "string" },
                "tags": { "type": "array", "items": { "type": "string" } },
            },
            "additionalProperties": false,
        })
    }

    fn answer(fields: Value, is_positive: bool) -> Result<Value, Value> {
        let Value::Object(fields) = fields else { unreachable!("an object") };
        check(&schema(), &fields, None, is_positive, Language::English)
            .map(Value::Object)
            .map_err(|complaints| json!(complaints))
    }

    #[test]
    fn text_becomes_what_the_schema_asks_for() {
        let given = json!({ "days": "30", "confirmed": "True", "rate": "1.5", "notes": "7", "tags": "[\"a\"]" });
        let read = json!({
            "approved": true, "days": 30, "confirmed": true, "rate": 1.5, "notes": "7", "tags": ["a"],
        });
        assert_eq!(answer(given, true), Ok(read));
        let given = json!({ "approved": "true", "days": 1, "confirmed": false, "rate": "null" });
        assert_eq!(answer(given, true).unwrap()["rate"], Value::Null);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let given = json!({ "days": "120", "rate": "much", "tags": [1], "other": 1 });
        let complaints = answer(given, true).unwrap_err();
        let names: Vec<&String> = complaints.as_object().unwrap().keys().collect();
        assert_eq!(names, ["confirmed", "days", "other", "rate", "tags.0"]);
        assert_eq!(
            (&complaints["confirmed"], &complaints["other"]),
            (&json!("is required"), &json!("is not a field of the form"))
        );
        assert!(complaints["days"].as_str().unwrap().contains("90"), "{complaints}");
    }

    #[test]
    fn a_form_is_filled_in_where_it_can_only_be_one_thing() {
        let schema = json!({
            "required": ["comment", "kind", "count", "level", "approved"],
            "properties": {
                "comment": { "type": "string" }, "kind": { "const": "access" }, "approved": { "type": "boolean", "const": true },
                "count": { "anyOf": [{ "type": "integer" }, { "type": "null" }] }, "level": { "enum": [1, 2] },
            },
        });
        let given = json!({ "count": "5", "level": "2", "kind": "access" }).as_object().unwrap().clone();
        let read = json!({ "count": 5, "level": 2, "comment": "c", "kind": "access", "approved": true });
        assert_eq!(check(&schema, &given, Some("c"), true, Language::English).map(Value::Object), Ok(read));
        assert_eq!(check(&schema, &Object::new(), None, false, Language::English).map(Value::Object), Ok(json!({})));
        let deep = json!({ "tags": format!("{}1{}", "[".repeat(100), "]".repeat(100)) });
        assert!(answer(deep, false).is_err(), "the text does not convert");
        let many = json!({ "tags": vec!["a"; 200_000] });
        assert!(answer(many, false).unwrap_err()[""].as_str().unwrap().contains("too many values"));
    }

    #[test]
    fn the_types_of_a_field_come_from_every_keyword_that_implies_one() {
        let root = json!({ "$defs": { "a": { "type": "string" }, "again": { "$ref": "#/$defs/again" } } });
        let of = |property: Value| types(&property, &root);
        assert_eq!(of(json!({ "type": ["integer", "null"] })), ["integer", "null"]);
        let every = json!({ "enum": [true, 1, 1.5, "x", [], {}], "const": null });
        assert_eq!(of(every), ["boolean", "integer", "number", "string", "array", "object", "null"]);
        assert_eq!(of(json!({ "$ref": "#/$defs/a" })), ["string"]);
        assert!(of(json!({ "$ref": "#/$defs/again" })).is_empty(), "the search ends");
        let nested = |depth: usize| (0..depth).fold(json!({ "type": "string" }), |part, _| json!({ "anyOf": [part] }));
        assert_eq!((of(nested(8)).len(), of(nested(9)).len()), (1, 0));
        let referring = |depth: usize| {
            let next =
                |n: usize| if n == 0 { json!({ "type": "string" }) } else { json!({ "$ref": format!("#/{}", n - 1) }) };
            let root: Object = (0..=depth).map(|n| (n.to_string(), next(n))).collect();
            types(&next(depth), &Value::Object(root)).len()
        };
        assert_eq!((referring(8), referring(9)), (1, 0));
    }

    #[test]
    fn only_the_field_for_the_comment_gets_it() {
        let text = json!({ "type": "string" });
        let schema = json!({ "properties": { "notes": text, "comment": text } });
        let filled = check(&schema, &Object::new(), Some("c"), true, Language::English).map(Value::Object);
        assert_eq!(filled, Ok(json!({ "comment": "c" })));
        let schema = json!({ "properties": { "comment": { "type": "integer" } } });
        assert_eq!(
            check(&schema, &Object::new(), Some("c"), true, Language::English).map(Value::Object),
            Ok(json!({}))
        );
    }

    #[test]
    fn a_form_and_an_answer_may_be_as_large_as_their_limits() {
        let listed = |parts: usize| json!({ "x": vec![0; parts - 2] });
        assert_eq!(parts(&listed(10_000)), Ok(MAX_PARTS));
        assert!(parts(&listed(10_001)).is_err());
        // A thousand parts, and a thousand values with the answer itself.
        let sent = |values: usize| json!({ "tags": vec![0; values - 2] }).as_object().unwrap().clone();
        assert!(check(&listed(1_000), &sent(1_000), None, true, Language::English).is_ok());
        assert!(check(&listed(1_000), &sent(1_001), None, true, Language::English).is_err());
    }

    #[test]
    fn what_was_not_sent_is_never_recorded_as_said() {
        let schema = json!({
            "required": ["terms"],
            "properties": {
                "agree": { "const": true, "title": "I have read the terms" }, "terms": { "const": " v2 " },
                "not_related": { "const": false }, "optional": { "const": 7 },
            },
        });
        let checked = |given: Value, is_positive: bool| {
            check(&schema, given.as_object().unwrap(), None, is_positive, Language::English)
                .map(Value::Object)
                .map_err(|found| json!(found))
        };
        let complaints = json!({
            "agree": "has to be agreed to: send true", "not_related": "has to be agreed to: send false",
            "terms": "is required",
        });
        assert_eq!(checked(json!({}), true), Err(complaints), "a boolean constant is a box to tick");
        assert_eq!(checked(json!({}), false), Ok(json!({})), "a no agrees to nothing");
        let ticked = json!({ "agree": "true", "not_related": "false", "terms": "v2" });
        let read = json!({ "agree": true, "not_related": false, "terms": " v2 " });
        assert_eq!(checked(ticked, true), Ok(read));
        let wrong = checked(json!({ "agree": false, "not_related": false, "terms": "v2" }), true).unwrap_err();
        assert!(wrong.get("agree").is_some(), "{wrong}");
    }

    #[test]
    fn a_no_needs_no_field_but_what_is_given_counts() {
        assert_eq!(answer(json!({}), false), Ok(json!({ "approved": false })));
        assert!(answer(json!({ "days": 0 }), false).is_err());
        let schema = json!({ "minProperties": 1 });
        assert_eq!(check(&schema, &Object::new(), None, false, Language::English), Ok(Object::new()));
        assert!(check(&schema, &Object::new(), None, true, Language::English).is_err());
    }

    #[test]
    fn a_schema_must_be_one_and_stay_at_home() {
        assert_eq!(check_schema(&json!({})), Ok(()));
        assert_eq!(check_schema(&schema()), Ok(()));
        let shared = json!({ "$defs": { "a": { "type": "string" } }, "properties": { "b": { "$ref": "#/$defs/a" } } });
        assert_eq!(check_schema(&shared), Ok(()));
        let pattern = json!({ "properties": { "account": { "pattern": "^[A-Z]{2}[0-9]{2,30}$" } } });
        assert_eq!(check_schema(&pattern), Ok(()));
        let rest = MAX_SCHEMA_BYTES - json!({ "description": "" }).to_string().len();
        assert_eq!(check_schema(&json!({ "description": "x".repeat(rest) })), Ok(()), "as long as it may be");
        assert!(check_schema(&json!({ "description": "x".repeat(rest + 1) })).is_err());
        let looped =
            json!({ "$defs": { "a": { "properties": { "b": { "$ref": "#/$defs/a" } } } }, "$ref": "#/$defs/a" });
        let doubled = (0..40).map(|n| {
            let next = json!({ "$ref": format!("#/$defs/a{}", n + 1) });
            (format!("a{n}"), json!({ "allOf": [next.clone(), next] }))
        });
        let mut doubled: Object = doubled.collect();
        doubled.insert("a40".to_owned(), json!({}));
        for wrong in [
            looped,
            json!({ "$ref": "#" }),
            json!({ "$defs": doubled, "$ref": "#/$defs/a0" }),
            json!({ "$ref": "#/$defs/nowhere" }),
            json!({ "properties": { "votes": { "type": "string" } } }),
            json!({ "properties": { "a": { "pattern": "(((a{100}){100}){100}){100}" } } }),
            json!(5),
            json!({ "type": "nonsense" }),
            json!({ "$ref": "https://example.com/schema.json" }),
            json!({ "$ref": "file:///etc/passwd" }),
            json!({ "properties": { "a": { "pattern": "(" } } }),
            json!({ "description": "x".repeat(MAX_SCHEMA_BYTES) }),
        ] {
            assert!(check_schema(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_and_levels_are_counted_everywhere() {
        let nested = json!({ "a": [1, { "b": 2 }], "c": {} });
        assert_eq!(values(&nested), 6);
        assert_eq!([depth(&nested), depth(&json!([[1]])), depth(&json!({})), depth(&json!(1))], [3, 2, 1, 0]);
    }

    #[test]
    fn text_turns_into_a_number_only_if_it_is_one() {
        let turned = |text: &str, types: &[&str]| {
            let mut value = json!(text);
            coerce(&mut value, &types.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            value
        };
        assert_eq!(turned("1.5", &["number", "null"]), json!(1.5));
        for text in ["inf", "1e999", "NaN"] {
            assert_eq!(turned(text, &["number", "null"]), json!(text));
        }
        for (text, types) in
            [("1.5", ["integer"]), ("[1]", ["object"]), ("{}", ["array"]), ("5", ["array"]), ("5", ["null"])]
        {
            assert_eq!(turned(text, &types), json!(text), "{text}");
        }
        assert_eq!(turned("[1]", &["array"]), json!([1]));
        assert_eq!(turned("{}", &["object"]), json!({}));
        assert_eq!(turned("null", &["null"]), json!(null));
    }
}
