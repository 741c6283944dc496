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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Tally;
    use crate::workflow::Cursor;

    #[test]
    fn stored_counts_of_zero_take_no_room() {
        assert_eq!(json!(Tally::default()), json!({}));
        let tally = Tally { reminded: 1, failed_pushes: 2, ..Tally::default() };
        assert_eq!(json!(tally), json!({ "reminded": 1, "failed_pushes": 2 }));
        assert_eq!(json!(Cursor::default()).get("tries"), None);
        assert_eq!(json!(Cursor { tries: 1, ..Cursor::default() })["tries"], 1);
    }
}
