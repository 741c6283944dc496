//! Reads types field by field: enums with an inner tag, and types that keep their unknown fields. The readers that serde
//! derives for these parse the fields into a buffer, which rounds numbers and cannot hold a [`Json`](super::Json).

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};

use serde_json::Value;

use super::{Json, JsonFields};

/// The fields of an object that are not read yet.
pub struct TaggedFields {
    text: Json,
    tag: Option<&'static str>,
    /// The text, split into fields when the first of them is read.
    split: Option<JsonFields>,
}

impl TaggedFields {
    /// Reads the tag, and the other fields.
    ///
    /// # Errors
    /// The value is not an object with such a tag.
    pub fn read<'de, D: Deserializer<'de>>(deserializer: D, tag: &'static str) -> Result<(String, Self), D::Error> {
        let text = Json::deserialize(deserializer)?;
        let word = text.field(tag).as_ref().and_then(Json::string).ok_or_else(|| D::Error::missing_field(tag))?;
        Ok((word, TaggedFields { text, tag: Some(tag), split: None }))
    }

    /// Reads the fields of an object without a tag.
    ///
    /// # Errors
    /// The value is not an object.
    pub fn untagged<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = JsonFields::deserialize(deserializer)?;
        Ok(TaggedFields { text: Json::default(), tag: None, split: Some(fields) })
    }

    fn fields(&mut self) -> &mut JsonFields {
        self.split.get_or_insert_with(|| {
            let mut fields = self.text.fields().unwrap_or_default();
            self.tag.map(|tag| fields.remove(tag));
            fields
        })
    }

    /// Returns the fields that are not read.
    pub fn rest(mut self) -> JsonFields {
        std::mem::take(self.fields())
    }

    /// Removes a field under its name or another one.
    ///
    /// # Errors
    /// Both names are present.
    pub fn take<E: Error>(&mut self, name: &'static str, alias: Option<&'static str>) -> Result<Option<Json>, E> {
        let fields = self.fields();
        match (fields.remove(name), alias.and_then(|alias| fields.remove(alias))) {
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

    /// Reads the whole object as one type, which ignores the tag.
    ///
    /// # Errors
    /// It does not fit the type.
    pub fn all<T: DeserializeOwned, E: Error>(self) -> Result<T, E> {
        match self.split {
            Some(fields) => Json::from(fields).read(),
            None => self.text.read(),
        }
        .map_err(E::custom)
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
        let field = self.fields().remove(name);
        field.map(|field| field.read().map_err(|error| E::custom(format!("{name}: {error}")))).transpose()
    }
}
