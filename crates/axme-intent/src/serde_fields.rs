//! Serde functions for optional fields: which values stored JSON leaves out, and how `null` differs from a missing
//! field.

use axme_types::Json;
use serde::{Deserialize, Deserializer};

pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Reads a present field: `null` is a value like any other, unlike a missing field.
pub(crate) fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(from).map(Some)
}
