//! The fields of a JSON object, each as text.

use std::fmt;
use std::ops::{Deref, DerefMut};

use indexmap::IndexMap;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Json;

/// A JSON object that keeps the order of its fields and the text of their values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonFields(IndexMap<String, Json>);

impl JsonFields {
    /// Returns an object without fields.
    pub fn new() -> JsonFields {
        JsonFields::default()
    }

    /// Returns the fields of an object; none for another value.
    pub fn of(value: Value) -> JsonFields {
        match value {
            Value::Object(fields) => fields.into(),
            _ => JsonFields::new(),
        }
    }

    /// Sets a field, and returns the object.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> JsonFields {
        self.set(name, value);
        self
    }

    /// Sets a field.
    pub fn set(&mut self, name: &str, value: impl Into<Json>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Returns the value of a field that is a string.
    pub fn string(&self, name: &str) -> Option<String> {
        self.0.get(name)?.string()
    }

    /// Removes a field; the order of the others stays.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        self.0.shift_remove(name)
    }

    /// Parses each value, with the numbers of [`Json::value`].
    pub fn values_parsed(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.clone(), value.value())).collect()
    }
}

impl Deref for JsonFields {
    type Target = IndexMap<String, Json>;

    fn deref(&self) -> &IndexMap<String, Json> {
        &self.0
    }
}

impl DerefMut for JsonFields {
    fn deref_mut(&mut self) -> &mut IndexMap<String, Json> {
        &mut self.0
    }
}

impl From<Map<String, Value>> for JsonFields {
    fn from(fields: Map<String, Value>) -> JsonFields {
        fields.into_iter().map(|(name, value)| (name, value.into())).collect()
    }
}

impl FromIterator<(String, Json)> for JsonFields {
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(fields: I) -> JsonFields {
        JsonFields(fields.into_iter().collect())
    }
}

impl IntoIterator for JsonFields {
    type Item = (String, Json);
    type IntoIter = indexmap::map::IntoIter<String, Json>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a JsonFields {
    type Item = (&'a String, &'a Json);
    type IntoIter = indexmap::map::Iter<'a, String, Json>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Compares the parsed values.
impl PartialEq<Value> for JsonFields {
    fn eq(&self, other: &Value) -> bool {
        other.as_object().is_some_and(|fields| self.values_parsed() == *fields)
    }
}

/// Returns one field of the text of an object.
pub(super) fn pick(text: &str, name: &str) -> Option<Json> {
    struct IsKey<'n>(&'n str);
    impl<'de> DeserializeSeed<'de> for IsKey<'_> {
        type Value = bool;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
            deserializer.deserialize_str(self)
        }
    }
    impl Visitor<'_> for IsKey<'_> {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a key")
        }

        fn visit_str<E>(self, key: &str) -> Result<bool, E> {
            Ok(key == self.0)
        }
    }
    struct Pick<'n>(&'n str);
    impl<'de> Visitor<'de> for Pick<'_> {
        type Value = Option<Json>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Json>, A::Error> {
            let mut found = None;
            while let Some(is_wanted) = map.next_key_seed(IsKey(self.0))? {
                if is_wanted {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Pick(name)).ok().flatten()
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for JsonFields {
    fn inline_schema() -> bool {
        Map::<String, Value>::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        Map::<String, Value>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Map::<String, Value>::json_schema(generator)
    }
}
