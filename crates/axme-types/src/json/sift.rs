//! Reads a type with named fields, and keeps its other fields as text. It replaces `#[serde(flatten)]`, which parses
//! the other fields into a buffer.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::JsonFields;

/// Reads the fields that `is_known` accepts as `T`, and returns the others beside it.
///
/// # Errors
/// The known fields do not fit the type.
pub fn sift<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    is_known: fn(&str) -> bool,
) -> Result<(T, JsonFields), D::Error> {
    deserializer.deserialize_map(Sift { is_known, result: PhantomData })
}

struct Sift<T> {
    is_known: fn(&str) -> bool,
    result: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Sift<T> {
    type Value = (T, JsonFields);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(T, JsonFields), A::Error> {
        let mut others = JsonFields::new();
        let known = Known { map, is_known: self.is_known, others: &mut others };
        let value = T::deserialize(MapAccessDeserializer::new(known))?;
        Ok((value, others))
    }
}

/// A map that shows its known fields only.
struct Known<'a, A> {
    map: A,
    is_known: fn(&str) -> bool,
    others: &'a mut JsonFields,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Known<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<String>()? {
            if (self.is_known)(&name) {
                return seed.deserialize(StrDeserializer::new(&name)).map(Some);
            }
            let value = self.map.next_value()?;
            self.others.insert(name, value);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
