//! Serde functions for optional fields: which values stored JSON leaves out, and how `null` differs from a missing
//! field.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Reads a present field: `null` is a value like any other, unlike a missing field.
pub(crate) fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}
