//! Enums with fixed words: the same on the wire, in a row, and in error messages.

/// Declares an enum whose values are words, with one writer and one parser. `WORDS` has the words in the order of
/// declaration, which is the order in which errors list them.
///
/// The enum reads and writes itself with serde as its word; an unknown word is an error that lists the known ones. With
/// the feature `schema` it describes itself: the doc comments of the values become part of its description.
#[macro_export]
macro_rules! text_enum {
    (
        $(#[doc = $about:expr])*
        $visibility:vis enum $name:ident {
            $($(#[doc = $about_value:expr])* $value:ident = $word:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility enum $name { $($(#[doc = $about_value])* $value),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [$name] = &[$($name::$value),+];
            /// The word of every value, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// Returns the word of the value.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$value => $word),+ }
            }

            /// Returns the value of a word, or `None` for an unknown word. Upper and lower case differ.
            pub fn parse(text: &str) -> Option<$name> {
                match text {
                    $($word => Some($name::$value),)+
                    _ => None,
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::deserialize_word(deserializer, $name::parse, $name::WORDS)
            }
        }

        $crate::text_enum_schema! { $name [$($about)*] $($word [$($about_value)*])+ }
    };
}

/// The part of [`text_enum`] that describes the enum as JSON Schema.
#[cfg(feature = "schema")]
#[doc(hidden)]
#[macro_export]
macro_rules! text_enum_schema {
    ($name:ident [$($about:expr)*] $($word:literal [$($about_value:expr)*])+) => {
        impl $crate::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut $crate::schemars::SchemaGenerator) -> $crate::schemars::Schema {
                $crate::word_schema(&[$($about),*], &[$(($word, &[$($about_value),*])),+])
            }
        }
    };
}

/// Without the feature `schema`, an enum does not describe itself.
#[cfg(not(feature = "schema"))]
#[doc(hidden)]
#[macro_export]
macro_rules! text_enum_schema {
    ($($any:tt)*) => {};
}

/// Reads one of the known words. The error lists them.
#[doc(hidden)]
pub fn deserialize_word<'de, D: serde::Deserializer<'de>, T>(
    deserializer: D,
    parse: fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<T, D::Error> {
    let word = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
    parse(word.trim()).ok_or_else(|| serde::de::Error::custom(unknown_word(&word, known)))
}

/// The error message for a word that is not one of the known ones.
pub fn unknown_word(word: &str, known: &[&str]) -> String {
    format!("\"{word}\" is not one of {}", known.join(", "))
}

/// The JSON Schema of an enum: its words, and what each of them means.
#[cfg(feature = "schema")]
#[doc(hidden)]
pub fn word_schema(about: &[&str], words: &[(&str, &[&str])]) -> schemars::Schema {
    let text = |lines: &[&str]| lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let mut description = text(about);
    for (word, about) in words.iter().filter(|(_, about)| !about.is_empty()) {
        description.push_str(&format!("\n- `{word}`: {}", text(about)));
    }
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let mut schema = schemars::json_schema!({ "type": "string", "enum": words });
    if !description.is_empty() {
        schema.insert("description".to_owned(), description.trim().into());
    }
    schema
}

#[cfg(test)]
mod tests {
    crate::text_enum! {
        /// A fruit.
        enum Fruit {
            /// Round.
            Apple = "apple",
            Pear = "pear",
        }
    }

    #[test]
    fn a_word_is_written_and_read_in_one_way() {
        for fruit in Fruit::ALL {
            let text = serde_json::to_string(fruit).unwrap();
            assert_eq!(text, format!("\"{fruit}\""));
            assert_eq!(serde_json::from_str::<Fruit>(&text).unwrap(), *fruit);
        }
        let unknown = serde_json::from_str::<Fruit>("\"plum\"").unwrap_err().to_string();
        assert!(unknown.starts_with("\"plum\" is not one of apple, pear"), "{unknown}");
    }

    #[cfg(feature = "schema")]
    #[test]
    fn an_enum_describes_its_words() {
        let schema = serde_json::to_value(schemars::schema_for!(Fruit)).unwrap();
        assert_eq!(schema["enum"], serde_json::json!(["apple", "pear"]));
        assert_eq!(schema["description"], "A fruit.\n- `apple`: Round.");
    }
}
