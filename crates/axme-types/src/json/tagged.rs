//! Reads types field by field: enums with an inner tag, and types that keep their unknown fields. The readers that serde
//! derives for these parse the fields into a buffer, which rounds numbers and cannot hold a [`Json`](super::Json).

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};

use serde_json::Value;

use super::{Json, JsonFields};

/// The fields of an object that are not read yet.
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

    /// Reads the fields of an object without a tag.
    ///
    /// # Errors
    /// The value is not an object.
    pub fn untagged<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        JsonFields::deserialize(deserializer).map(TaggedFields)
    }

    /// Returns the fields that are not read.
    pub fn rest(self) -> JsonFields {
        self.0
    }

    /// Removes a field under its name or another one.
    ///
    /// # Errors
    /// Both names are present.
    pub fn take<E: Error>(&mut self, name: &'static str, alias: Option<&'static str>) -> Result<Option<Json>, E> {
        match (self.0.remove(name), alias.and_then(|alias| self.0.remove(alias))) {
            (Some(_), Some(_)) => Err(E::duplicate_field(name)),
            (field, other) => Ok(field.or(other)),
        }
    }

    /// Reads a field under its name or another one by `read`, which gets the parsed value. An absent field has the default
    /// value.
    ///
    /// # Errors
    /// Both names are present, or the value does not fit.
    pub fn parsed<T: Default, E: Error>(
        &mut self,
        name: &'static str,
        alias: Option<&'static str>,
        read: fn(Value) -> Result<T, serde_json::Error>,
    ) -> Result<T, E> {
        let field = self.take(name, alias)?;
        field.map_or(Ok(T::default()), |field| read(field.value()).map_err(E::custom))
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
