//! Readers of fields that clients send in several forms: numbers and flags as text in a query, and empty text for an
//! absent field. They are for `#[serde(deserialize_with = "…")]`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// Reads a whole number of at least 0, also from text. Empty text and null are absent.
pub fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| de::Error::custom(format!("\"{text}\" is not a whole number of at least 0"))),
        Some(Value::Number(number)) => whole_of(&number).map(Some),
        Some(other) => Err(de::Error::custom(format!("expected a whole number, got {}", kind_of(&other)))),
    }
}

/// Reads a value that has a type of its own: a time, an id, a word, a bounded number. Empty text and null are absent.
pub fn opt<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(de::Error::custom),
    }
}

/// Reads a required whole number of at least 0. Text is refused.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Number(number) => whole_of(&number),
        other => Err(de::Error::custom(format!("expected a whole number, got {}", kind_of(&other)))),
    }
}

/// Returns the whole number that a JSON number stands for. `7.0` is one in JSON Schema, and some programs write it so.
fn whole_of<E: de::Error>(number: &serde_json::Number) -> Result<u64, E> {
    let largest = 2f64.powi(53);
    let exactly = |number: f64| (number.fract() == 0.0 && (0.0..=largest).contains(&number)).then_some(number as u64);
    let whole = number.as_u64().or_else(|| exactly(number.as_f64()?));
    whole.ok_or_else(|| E::custom(format!("{number} is not a whole number of at least 0")))
}

/// Reads text. Empty text and null are absent.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(de::Error::custom(format!("expected text, got {}", kind_of(&other)))),
    }
}

/// Reads an object. Null is absent.
pub fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<crate::Object>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => Err(de::Error::custom(format!("expected an object, got {}", kind_of(&other)))),
    }
}

/// Checks that a value is an object. Null is absent.
pub fn object_text<E: de::Error>(value: Option<crate::Json>) -> Result<Option<crate::Json>, E> {
    match value {
        Some(value) if value.is_null() => Ok(None),
        Some(value) if !value.is_object() => {
            Err(E::custom(format!("expected an object, got {}", kind_of(&value.value()))))
        }
        object => Ok(object),
    }
}

/// Reads a flag, also from the text `true`, `false`, `1` or `0`. Empty text and null are absent.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(Value::String(text)) => match text.trim() {
            "" => Ok(None),
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            other => Err(de::Error::custom(format!("\"{other}\" is neither true nor false"))),
        },
        Some(other) => Err(de::Error::custom(format!("expected true or false, got {}", kind_of(&other)))),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
