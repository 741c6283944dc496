//! Whole numbers with bounds.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::lenient;

/// A whole number from `MIN` to `MAX`, both included. It is also read from text, as in a query, and from `7.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Number<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Number<MIN, MAX> {
    /// Returns the number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the number if it is within the bounds.
    pub fn new(number: u64) -> Option<Self> {
        (MIN..=MAX).contains(&number).then_some(Number(number))
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Number<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = lenient::whole(deserializer)?;
        number
            .and_then(Number::new)
            .ok_or_else(|| de::Error::custom(format!("must be a whole number from {MIN} to {MAX}")))
    }
}

#[cfg(feature = "schema")]
impl<const MIN: u64, const MAX: u64> schemars::JsonSchema for Number<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Number;

    #[test]
    fn a_number_is_read_from_text_too_and_kept_within_its_bounds() {
        let read = |value| serde_json::from_value::<Number<60, 100>>(value).map(Number::get).map_err(|e| e.to_string());
        for value in [json!(60), json!("60"), json!(60.0)] {
            assert_eq!(read(value), Ok(60));
        }
        for value in [json!(59), json!(101), json!(null)] {
            assert_eq!(read(value), Err("must be a whole number from 60 to 100".to_owned()));
        }
    }
}
