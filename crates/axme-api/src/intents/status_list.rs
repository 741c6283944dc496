//! Statuses by which a caller filters.

use axme_types::{Status, unknown_word};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A list of statuses. It is one text with commas in a query, and is read from a JSON list too. Any case is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusList(pub Vec<Status>);

impl StatusList {
    /// Reads words with commas between them. The error lists the words that are accepted.
    pub fn parse(text: &str) -> Result<StatusList, String> {
        let words = text.split(',').filter(|word| !word.trim().is_empty());
        words.map(read).collect::<Result<_, _>>().map(StatusList)
    }
}

fn read(word: &str) -> Result<Status, String> {
    Status::read(word).ok_or_else(|| unknown_word(word.trim(), Status::WORDS))
}

impl Serialize for StatusList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words: Vec<&str> = self.0.iter().map(|status| status.as_str()).collect();
        serializer.serialize_str(&words.join(","))
    }
}

impl<'de> Deserialize<'de> for StatusList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StatusList, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected statuses with commas between them")]
        enum Form {
            Text(String),
            List(Vec<String>),
        }
        let list = match Form::deserialize(deserializer)? {
            Form::Text(text) => StatusList::parse(&text),
            Form::List(words) => words.iter().map(|word| read(word)).collect::<Result<_, _>>().map(StatusList),
        };
        list.map_err(de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for StatusList {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusList".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": generator.subschema_for::<Status>() })
    }
}

#[cfg(test)]
mod tests {
    use axme_types::Status;
    use serde_json::json;

    use super::StatusList;

    #[test]
    fn statuses_are_read_from_text_and_from_a_list_in_any_case() {
        let read = |value| serde_json::from_value::<StatusList>(value).map_err(|error| error.to_string());
        let both = StatusList(vec![Status::Waiting, Status::Canceled]);
        assert_eq!(serde_json::to_value(&both).unwrap(), "WAITING,CANCELED");
        for value in [json!("WAITING,CANCELED"), json!(" waiting,, Cancelled,"), json!(["waiting", "CANCELED"])] {
            assert_eq!(read(value), Ok(both.clone()));
        }
        for value in [json!("WAITING,gone"), json!(["gone"])] {
            assert!(read(value).unwrap_err().starts_with("\"gone\" is not one of CREATED, SUBMITTED, "));
        }
    }
}
