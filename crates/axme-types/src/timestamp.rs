//! Times on the wire.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Time;

/// A time as callers write and read it: RFC 3339, printed in UTC with three fractional digits. Any offset is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub Time);

impl Timestamp {
    /// Reads RFC 3339 with any offset. Returns `None` for anything else.
    pub fn parse(text: &str) -> Option<Timestamp> {
        Time::parse(text).map(Timestamp)
    }

    /// Returns whole seconds since 1970-01-01 UTC, rounded down.
    pub fn unix_seconds(self) -> i64 {
        self.0.micros().div_euclid(1_000_000)
    }
}

impl From<Time> for Timestamp {
    fn from(time: Time) -> Timestamp {
        Timestamp(time)
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Time {
        timestamp.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("\"{text}\" is not a time: send RFC 3339, for example 2026-01-31T12:00:00Z"))
        })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_time_is_written_in_utc_and_read_with_any_offset() {
        let read = |text: &str| serde_json::from_value::<Timestamp>(text.into());
        let time = read("2026-04-05T12:00:00+02:00").unwrap();
        assert_eq!(serde_json::to_value(time).unwrap(), "2026-04-05T10:00:00.000Z");
        assert!(read("tomorrow").unwrap_err().to_string().starts_with("\"tomorrow\" is not a time"));
    }
}
