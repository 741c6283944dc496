//! Names of consumers: the readers of an agent's queue that have a name.

use std::fmt;

/// The longest name of a consumer.
const MAX_NAME_CHARS: usize = 128;

/// The name of a consumer: 1 to 128 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerName(String);

impl ConsumerName {
    /// The regular expression that every name matches.
    pub const PATTERN: &str = r"^[^\x00-\x1f\x7f-\x9f]+$";

    /// Returns the name, or `None` for text that is not a name.
    pub fn parse(text: &str) -> Option<ConsumerName> {
        let is_name = (1..=MAX_NAME_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        is_name.then(|| ConsumerName(text.to_owned()))
    }

    /// Returns the text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ConsumerName;

    #[test]
    fn a_name_has_1_to_128_characters_and_no_control_character() {
        for name in ["a", "w\u{f6}rker 1", &"\u{e9}".repeat(128)] {
            assert_eq!(ConsumerName::parse(name).expect("a name").to_string(), name);
        }
        for text in ["", &"a".repeat(129), "a\nb", "a\0", "\u{85}"] {
            assert_eq!(ConsumerName::parse(text), None, "{text:?}");
        }
    }
}
