//! Reads enums with an inner tag. The reader that serde derives for them parses their parts into a buffer, which rounds
//! numbers and cannot hold a [`Json`](super::Json).

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};

use super::{Json, JsonFields};

/// The fields of an enum with an inner tag, beside the tag.
pub struct TaggedFields(JsonFields);

impl TaggedFields {
    /// Reads the tag, and the other fields.
    ///
    /// # Errors
    /// The value is not an object with such a tag.
    pub fn read<'de, D: Deserializer<'de>>(deserializer: D, tag: &'static str) -> Result<(String, Self), D::Error> {
        let mut fields = JsonFields::deserialize(deserializer)?;
        let word = fields.remove(tag).as_ref().and_then(Json::string);
        Ok((word.ok_or_else(|| D::Error::missing_field(tag))?, TaggedFields(fields)))
    }

    /// Reads all fields as one type.
    ///
    /// # Errors
    /// They do not fit the type.
    pub fn all<T: DeserializeOwned, E: Error>(self) -> Result<T, E> {
        Json::from(self.0).read().map_err(E::custom)
    }

    /// Reads a required field.
    ///
    /// # Errors
    /// The field is missing, or does not fit the type.
    pub fn one<T: DeserializeOwned, E: Error>(&mut self, name: &'static str) -> Result<T, E> {
        self.optional(name)?.ok_or_else(|| E::missing_field(name))
    }

    /// Reads a field, if it is present.
    ///
    /// # Errors
    /// The field does not fit the type.
    pub fn optional<T: DeserializeOwned, E: Error>(&mut self, name: &'static str) -> Result<Option<T>, E> {
        let field = self.0.remove(name);
        field.map(|field| field.read().map_err(|error| E::custom(format!("{name}: {error}")))).transpose()
    }
}
