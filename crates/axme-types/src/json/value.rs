//! Parses a JSON text into a [`Value`], without an error for any number.

use serde_json::{Map, Number, Value};

use super::tokens::{Token, Tokens, decoded};

/// An open object, with the key of its next value, or an open array.
enum Level {
    Object(Map<String, Value>, Option<String>),
    Array(Vec<Value>),
}

/// Parses a valid text.
pub(super) fn parse(text: &str) -> Value {
    let mut levels: Vec<Level> = Vec::new();
    for (_, token) in Tokens::of(text) {
        let value = match (token, levels.last_mut()) {
            (Token::OpenObject, _) => {
                levels.push(Level::Object(Map::new(), None));
                continue;
            }
            (Token::OpenArray, _) => {
                levels.push(Level::Array(Vec::new()));
                continue;
            }
            (Token::Comma | Token::Colon, _) => continue,
            (Token::CloseObject | Token::CloseArray, _) => match levels.pop() {
                Some(Level::Object(fields, _)) => Value::Object(fields),
                Some(Level::Array(items)) => Value::Array(items),
                None => continue,
            },
            (Token::Text(text), Some(Level::Object(_, key @ None))) => {
                *key = Some(decoded(text).unwrap_or_default().into_owned());
                continue;
            }
            (Token::Text(text), _) => Value::String(decoded(text).unwrap_or_default().into_owned()),
            (Token::Word(word), _) => word_value(word),
        };
        match levels.last_mut() {
            None => return value,
            Some(Level::Array(items)) => items.push(value),
            Some(Level::Object(fields, key)) => {
                fields.insert(key.take().unwrap_or_default(), value);
            }
        }
    }
    Value::Null
}

fn word_value(word: &str) -> Value {
    match word {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number => Value::Number(nearest(number)),
    }
}

/// Returns the number that is nearest to the text. `-0` is a float, as in serde.
fn nearest(text: &str) -> Number {
    let whole = text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from));
    match whole {
        Ok(number) if text != "-0" => number,
        _ => {
            let float = text.parse::<f64>().unwrap_or_default().clamp(f64::MIN, f64::MAX);
            Number::from_f64(float).unwrap_or_else(|| Number::from(0))
        }
    }
}
