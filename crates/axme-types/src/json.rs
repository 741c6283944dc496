//! JSON that callers send and that the server only passes on: payloads and results. It stays text, so that no number is
//! rounded. A value that the server has to look into is parsed at that place ([`Json::value`]).
//!
//! Never put a [`Json`] into a [`Value`] (`json!`, `to_value`) on the way to a row or to the wire: that parses it. An
//! enum with an inner tag reads itself by [`TaggedFields`], because serde would parse its parts into a buffer.

mod canonical;
mod check;
mod fields;
mod pretty;
mod tagged;
mod tokens;
mod value;

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

pub use check::{Flaw, check};
pub use fields::JsonFields;
pub use tagged::TaggedFields;

/// A JSON value as compact text. Two values are equal if their texts are; see [`Json::canonical`].
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// Returns the JSON of a value whose keys are texts.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Json {
        Json(Arc::from(to_raw_value(value).expect("the value has only texts as keys")))
    }

    /// Returns the JSON of any value.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn try_of(value: &(impl Serialize + ?Sized)) -> Result<Json, serde_json::Error> {
        to_raw_value(value).map(|raw| Json(Arc::from(raw)))
    }

    /// Checks and compacts a text.
    ///
    /// # Errors
    /// The text is not JSON, or the server would refuse it in a body.
    pub fn parse(text: &str) -> Result<Json, serde_json::Error> {
        let raw: &RawValue = serde_json::from_str(text)?;
        let text = check(raw.get(), usize::MAX).map_err(serde::de::Error::custom)?;
        RawValue::from_string(text.into_owned()).map(|raw| Json(Arc::from(raw)))
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Parses the value. Numbers are rounded to 64 bits, and those that are too large become the largest.
    pub fn value(&self) -> Value {
        value::parse(self.text())
    }

    /// Reads the value as a type.
    ///
    /// # Errors
    /// The value does not fit the type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }

    /// Returns the text with sorted keys and each string in its shortest form. The text of a number is unchanged. Equal
    /// values have equal canonical texts, and `1` and `1.0` are not equal.
    pub fn canonical(&self) -> String {
        canonical::of(self.text())
    }

    /// Returns the text on several lines.
    pub fn pretty(&self) -> String {
        pretty::of(self.text())
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        self.text() == "null"
    }

    /// True for an object.
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// Returns the fields of an object.
    pub fn fields(&self) -> Option<JsonFields> {
        if self.is_object() { self.read().ok() } else { None }
    }

    /// Returns one field of an object.
    pub fn field(&self, name: &str) -> Option<Json> {
        if self.is_object() { fields::pick(self.text(), name) } else { None }
    }

    /// Returns the value of a JSON string.
    pub fn string(&self) -> Option<String> {
        if self.text().starts_with('"') { self.read().ok() } else { None }
    }
}

impl Default for Json {
    /// `null`.
    fn default() -> Json {
        Json(Arc::from(RawValue::NULL.to_owned()))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Json(Arc::from(raw)))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Json) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Json {}

/// Compares the parsed value.
impl PartialEq<Value> for Json {
    fn eq(&self, other: &Value) -> bool {
        self.value() == *other
    }
}

/// Compares the value of a JSON string.
impl PartialEq<str> for Json {
    fn eq(&self, other: &str) -> bool {
        self.string().as_deref() == Some(other)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Json {
        Json::of(&value)
    }
}

impl From<serde_json::Map<String, Value>> for Json {
    fn from(fields: serde_json::Map<String, Value>) -> Json {
        Json::of(&fields)
    }
}

impl From<JsonFields> for Json {
    fn from(fields: JsonFields) -> Json {
        Json::of(&fields)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::of(text)
    }
}

impl From<String> for Json {
    fn from(text: String) -> Json {
        Json::of(&text)
    }
}

impl From<u32> for Json {
    fn from(number: u32) -> Json {
        Json::of(&number)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Json {
    fn inline_schema() -> bool {
        Value::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        Value::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Value::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const EXACT: &str = r#"{"amount":123456789012345678901234567890.12345678901234567890,"id":18446744073709551617,"e":1E400,"zero":-0.0,"one":1.0}"#;

    #[test]
    fn a_number_keeps_its_text_through_types_and_back() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Holder {
            payload: Json,
            rest: JsonFields,
        }
        let text = format!(r#"{{"payload":{EXACT},"rest":{{"b":{EXACT},"a":[1E+2]}}}}"#);
        let holder: Holder = serde_json::from_str(&text).unwrap();
        assert_eq!(holder.payload.text(), EXACT);
        assert_eq!(serde_json::to_string(&holder).unwrap(), text);
        assert_eq!(holder.payload.field("id").unwrap().text(), "18446744073709551617");
    }

    #[test]
    fn a_parsed_value_is_as_near_as_64_bits_allow() {
        let value = Json::parse(EXACT).unwrap().value();
        assert_eq!(value["id"], 18_446_744_073_709_551_616_f64);
        assert_eq!((&value["e"], &value["one"]), (&json!(f64::MAX), &json!(1.0)));
        let same = json!({ "a": [1, -2, 0.5, null, true, "\u{1}x\"\n", { "b": {}, "c": [] }], "$serde_json::private::RawValue": "[" });
        assert_eq!(Json::from(same.clone()).value(), same);
        assert_eq!(Json::from(same.clone()).pretty(), serde_json::to_string_pretty(&same).unwrap());
    }

    /// Writes a value as text, with its keys backwards and with white space if asked.
    fn write(value: &Value, numbers: &[String], is_odd: bool) -> String {
        let gap = if is_odd { " \n" } else { "" };
        match value {
            Value::Number(at) => numbers[at.as_u64().unwrap_or(0) as usize % numbers.len()].clone(),
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| write(item, numbers, is_odd)).collect();
                format!("[{gap}{}]", items.join(&format!("{gap},")))
            }
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| {
                    format!("{}{gap}:{}", json!(name), write(value, numbers, is_odd))
                };
                let mut fields: Vec<String> = fields.iter().map(field).collect();
                if is_odd {
                    fields.reverse();
                }
                format!("{gap}{{{}{gap}}}", fields.join(","))
            }
            other => other.to_string(),
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<u32>().prop_map(Value::from), ".{0,4}".prop_map(Value::from), Just(Value::Null)];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let fields = proptest::collection::btree_map(".{0,3}", inner.clone(), 0..5);
            prop_oneof![
                proptest::collection::vec(inner, 0..5).prop_map(Value::from),
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Any JSON comes out as it went in, and its canonical text is stable and independent of order and white space.
        #[test]
        fn what_goes_in_comes_out(value in value(), numbers in proptest::collection::vec("-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", 1..4)) {
            let text = write(&value, &numbers, false);
            prop_assume!(check(&text, 64).is_ok());
            let json = Json::parse(&text).unwrap();
            prop_assert_eq!(json.text(), &text);
            prop_assert_eq!(serde_json::to_string(&serde_json::from_str::<Json>(&text).unwrap()).unwrap(), text.clone());
            let other = Json::parse(&write(&value, &numbers, true)).unwrap();
            prop_assert_eq!(other.canonical(), json.canonical());
            let canonical = Json::parse(&json.canonical()).unwrap();
            prop_assert_eq!(canonical.canonical(), canonical.text());
            prop_assert_eq!(canonical.value(), json.value());
            prop_assert_eq!(json.pretty().split_whitespace().collect::<String>(), text.split_whitespace().collect::<String>());
        }
    }

    #[test]
    fn white_space_order_and_escapes_do_not_change_the_canonical_text() {
        let canonical = |text: &str| Json::parse(text).unwrap().canonical();
        let plain = canonical(r#"{"a":[1,{"x":"é/","y":2}],"b":1.0}"#);
        assert_eq!(plain, r#"{"a":[1,{"x":"é/","y":2}],"b":1.0}"#);
        assert_eq!(canonical(" { \"\\u0062\" : 1.0 , \"a\" : [ 1 , {\"y\":2,\t\"x\":\"\\u00e9\\/\"} ] } "), plain);
        assert_eq!(canonical(&plain), plain, "it is its own canonical text");
        assert_ne!(canonical(r#"{"n":1}"#), canonical(r#"{"n":1.0}"#));
        assert_ne!(canonical(r#"{"n":1234567890123456789012345}"#), canonical(r#"{"n":1234567890123456789012346}"#));
    }
}
