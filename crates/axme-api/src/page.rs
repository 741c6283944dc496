//! Pages of lists: how many items one may have.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ApiError, lenient};

/// The page size that a caller asks for: `DEFAULT` without one, and `MAX` for any larger one. 0 is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit<const DEFAULT: u64, const MAX: u64>(Option<u64>);

impl<const DEFAULT: u64, const MAX: u64> Limit<DEFAULT, MAX> {
    /// Returns the page size, from 1 to `MAX`. A size of 0 is an error.
    pub fn items(self) -> Result<i64, ApiError> {
        match self.0 {
            Some(0) => Err(ApiError::invalid(format!("limit: 0 is not a page size; use a number from 1 to {MAX}"))),
            asked => Ok(i64::try_from(asked.unwrap_or(DEFAULT).min(MAX)).unwrap_or(i64::MAX)),
        }
    }

    /// True if the caller asked for no size.
    pub fn is_unset(&self) -> bool {
        self.0.is_none()
    }
}

impl<const DEFAULT: u64, const MAX: u64> From<u64> for Limit<DEFAULT, MAX> {
    fn from(items: u64) -> Self {
        Limit(Some(items))
    }
}

impl<const DEFAULT: u64, const MAX: u64> Serialize for Limit<DEFAULT, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, const DEFAULT: u64, const MAX: u64> Deserialize<'de> for Limit<DEFAULT, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::whole(deserializer).map(Limit)
    }
}

#[cfg(feature = "schema")]
impl<const DEFAULT: u64, const MAX: u64> schemars::JsonSchema for Limit<DEFAULT, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["integer", "null"],
            "description": "The page size.",
            "minimum": 1,
            "maximum": MAX,
            "default": DEFAULT,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_page_has_the_size_that_is_asked_for_within_its_bounds() {
        let items = |limit: Value| serde_json::from_value::<Limit<20, 100>>(limit).unwrap().items();
        for (limit, expected) in
            [(json!(null), 20), (json!(""), 20), (json!(1), 1), (json!("7"), 7), (json!(100.0), 100), (json!(101), 100)]
        {
            assert_eq!(items(limit.clone()), Ok(expected), "{limit}");
        }
        assert!(items(json!(0)).is_err());
        assert!(serde_json::from_value::<Limit<20, 100>>(json!("many")).is_err());
    }

    #[cfg(feature = "schema")]
    #[test]
    fn the_schema_has_the_bounds_and_the_default() {
        let schema = serde_json::to_value(schemars::schema_for!(Limit<20, 100>)).unwrap();
        assert_eq!((&schema["minimum"], &schema["maximum"], &schema["default"]), (&json!(1), &json!(100), &json!(20)));
    }
}
