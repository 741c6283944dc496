//! Types of values in words, read from JSON Schema.

use askama::Template;
use axme_api::openapi;
use serde_json::Value;

use super::text::{Line, parts};

/// A closed set with more values than this is folded, and so is one whose meanings are known.
const MAX_VALUES: usize = 6;

/// Maximum number of characters of values in one line of a table.
const LINE_CHARS: usize = 22;

/// From this number on, JSON readers that use floating point cannot tell integers apart.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The type of a value.
#[derive(Debug, Default, Template)]
#[template(path = "reference/kind.html")]
pub(super) struct Kind {
    /// The words of the type. They come before its values, if it has any.
    words: String,
    /// The values of a closed set.
    values: Vec<String>,
    /// One line for each value that has a meaning.
    meanings: Vec<Line>,
    /// The bounds of the value, such as `1 to 500`.
    pub(super) bounds: Vec<String>,
    /// The types with fields in it.
    pub(super) objects: Vec<Object>,
    pub(super) is_nullable: bool,
}

/// A type with fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object {
    /// The name; empty if the type has none.
    pub(super) name: &'static str,
    pub(super) schema: &'static Value,
}

/// Returns the type that a schema refers to, with its name, or the schema itself.
pub(super) fn resolved(schema: &'static Value) -> (&'static str, &'static Value) {
    let Some(path) = schema["$ref"].as_str() else { return ("", schema) };
    let found = path.strip_prefix('#').and_then(|path| openapi::document().pointer(path));
    (path.rsplit('/').next().unwrap_or_default(), found.unwrap_or(schema))
}

impl Kind {
    pub(super) fn of(schema: &'static Value) -> Kind {
        let (name, schema) = resolved(schema);
        if schema["properties"].is_object() {
            let words = if name.is_empty() { "object" } else { name };
            return Kind { words: words.to_owned(), objects: vec![Object { name, schema }], ..Kind::default() };
        }
        if let Some(values) = schema["enum"].as_array() {
            let (_, meanings) = parts(schema["description"].as_str().unwrap_or_default());
            let meanings = meanings.iter().map(|meaning| Line::new(meaning)).collect();
            return Kind { values: values.iter().map(plain).collect(), meanings, ..Kind::default() };
        }
        if let Some(value) = schema.get("const") {
            let meaning = schema["description"].as_str().map(|about| format!("`{}`: {about}", plain(value)));
            let meanings = meaning.iter().map(|meaning| Line::new(meaning)).collect();
            return Kind { values: vec![plain(value)], meanings, ..Kind::default() };
        }
        match schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            Some(choices) => choices.iter().map(Kind::of).reduce(Kind::or).unwrap_or_default(),
            None => Kind::of_type(schema),
        }
    }

    fn is_folded(&self) -> bool {
        self.values.len() > MAX_VALUES || !self.meanings.is_empty()
    }

    /// True if the values do not fit into the line that folds them.
    fn is_long(&self) -> bool {
        self.values.iter().map(|value| value.chars().count() + ", ".len()).sum::<usize>() > LINE_CHARS
    }

    fn of_type(schema: &'static Value) -> Kind {
        let names: Vec<&str> = match &schema["type"] {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            name => name.as_str().into_iter().collect(),
        };
        if names.is_empty() {
            return Kind { words: "any JSON".to_owned(), ..Kind::default() };
        }
        names.into_iter().map(|name| Kind::named(name, schema)).reduce(Kind::or).unwrap_or_default()
    }

    fn named(name: &str, schema: &'static Value) -> Kind {
        let kind = |words: &str, bounds: Vec<String>| Kind { words: words.to_owned(), bounds, ..Kind::default() };
        match (name, schema["format"].as_str()) {
            ("null", _) => Kind { is_nullable: true, ..Kind::default() },
            ("array", _) => Kind::of(&schema["items"]).inside("list of", span(schema, "minItems", "maxItems", "items")),
            ("object", _) if schema["additionalProperties"].is_object() => {
                Kind::of(&schema["additionalProperties"]).inside("map of", None)
            }
            ("string", Some("date-time")) => kind("time (RFC 3339)", vec![]),
            ("string", Some("uuid")) => kind("UUID", vec![]),
            ("string", format) => {
                let pattern = schema["pattern"].as_str().map(|pattern| format!("must match `{pattern}`"));
                let bounds = span(schema, "minLength", "maxLength", "characters").into_iter().chain(pattern);
                kind(&format.map_or("string".to_owned(), |format| format!("string ({format})")), bounds.collect())
            }
            ("integer" | "number", _) => kind(name, span(schema, "minimum", "maximum", "").into_iter().collect()),
            (name, _) => kind(name, vec![]),
        }
    }

    /// The type of a value that is of either type.
    fn or(mut self, other: Kind) -> Kind {
        let are_both = !self.words.is_empty() && !other.words.is_empty();
        self.words = format!("{}{}{}", self.words, if are_both { " or " } else { "" }, other.words);
        self.values.extend(other.values);
        self.meanings.extend(other.meanings);
        self.bounds.extend(other.bounds);
        self.objects.extend(other.objects);
        self.is_nullable |= other.is_nullable;
        self
    }

    /// The type of a list or a map of such values.
    fn inside(mut self, outer: &str, bound: Option<String>) -> Kind {
        self.words = format!("{outer} {}", self.words).trim_end().to_owned();
        self.bounds = self.bounds.into_iter().map(|inner| format!("each {inner}")).collect();
        self.bounds.splice(0..0, bound);
        self.is_nullable = false;
        self
    }
}

/// Returns a value without quotation marks.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns the bounds of a schema in words. That a number is not negative goes without saying, and so does a bound that
/// numbers of JSON cannot exceed exactly.
fn span(schema: &Value, least: &str, most: &str, unit: &str) -> Option<String> {
    let number = |name: &str| schema.get(name).filter(|value| value.is_number()).map(grouped);
    let is_bound = schema[most].as_f64().is_some_and(|most| most < MAX_EXACT);
    let words = match (number(least).filter(|least| least != "0"), number(most).filter(|_| is_bound)) {
        (Some(least), Some(most)) if least == most => format!("{most} {unit}"),
        (Some(least), Some(most)) => format!("{least} to {most} {unit}"),
        (None, Some(most)) if unit.is_empty() => format!("0 to {most}"),
        (None, Some(most)) => format!("at most {most} {unit}"),
        (Some(least), None) => format!("at least {least} {unit}"),
        (None, None) => return None,
    };
    Some(words.trim_end().to_owned())
}

/// Returns a number with commas between its thousands.
pub(super) fn grouped(number: &Value) -> String {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        let left = whole.len() - at;
        if at > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction != "0" {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Kind, grouped};

    fn read(schema: Value) -> (String, String, bool) {
        let kind = Kind::of(Box::leak(Box::new(schema)));
        let words = [vec![kind.words], kind.values].concat().join(" ");
        (words.trim().to_owned(), kind.bounds.join("; "), kind.is_nullable)
    }

    #[test]
    fn types_are_read_in_words() {
        let cases = [
            (json!({ "type": ["string", "null"], "maxLength": 255 }), "string", "at most 255 characters", true),
            (json!({ "type": "integer", "minimum": 60, "maximum": 604_800 }), "integer", "60 to 604,800", false),
            (json!({ "type": "integer", "minimum": 0 }), "integer", "", false),
            (json!({ "type": "integer", "minimum": 1, "maximum": i64::MAX }), "integer", "at least 1", false),
            (json!({ "type": "string", "minLength": 64, "maxLength": 64 }), "string", "64 characters", false),
            (json!({ "type": "string", "format": "date-time" }), "time (RFC 3339)", "", false),
            (json!({ "anyOf": [{ "enum": ["a", "b"] }, { "type": "null" }] }), "a b", "", true),
            (
                json!({ "type": "array", "items": { "enum": ["a"] }, "maxItems": 9 }),
                "list of a",
                "at most 9 items",
                false,
            ),
            (json!({ "oneOf": [{ "const": "a" }, { "type": "boolean" }] }), "boolean a", "", false),
            (json!({ "type": "object", "additionalProperties": { "type": "number" } }), "map of number", "", false),
            (json!({}), "any JSON", "", false),
            (json!(true), "any JSON", "", false),
        ];
        for (schema, words, bounds, is_nullable) in cases {
            assert_eq!(read(schema.clone()), (words.to_owned(), bounds.to_owned(), is_nullable), "{schema}");
        }
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [
            (json!(7), "7"),
            (json!(1000), "1,000"),
            (json!(-120_000), "-120,000"),
            (json!(0.5), "0.5"),
            (json!(604_800.0), "604,800"),
        ] {
            assert_eq!(grouped(&number), text);
        }
    }
}
