//! Checks the text of a request before it is decoded.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::tokens::{Token, Tokens, decoded};

/// The reason why a JSON text is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// The text is nested more than the number of levels deep.
    TooDeep(usize),
    /// A string has the null character.
    NullCharacter,
    /// A string has half of a surrogate pair.
    LoneSurrogate,
    /// An object has a key twice. The field is the path of the key.
    DuplicateKey(String),
    /// A key is one that the JSON library gives a meaning of its own.
    ReservedKey,
}

/// The beginning of the keys with which the JSON library marks values: it would read such an object as another value.
const RESERVED: &str = "$serde_json::private::";

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::TooDeep(most) => write!(f, "the body is nested more than {most} deep"),
            Flaw::NullCharacter => f.write_str("the character \\u0000 cannot be stored"),
            Flaw::LoneSurrogate => f.write_str("a \\u escape is half of a surrogate pair"),
            Flaw::ReservedKey => write!(f, "a key begins with {RESERVED}, which is reserved"),
            Flaw::DuplicateKey(path) => write!(f, "{path}: the object has this key twice; send each key once"),
        }
    }
}

/// Checks a valid JSON text, and returns it without white space outside its strings. Programs disagree about the value
/// of a key that an object has twice, so no such text is accepted.
///
/// # Errors
/// The first flaw.
pub fn check(text: &str, max_levels: usize) -> Result<Cow<'_, str>, Flaw> {
    let mut levels: Vec<Level<'_>> = Vec::new();
    let mut compact = Compact { text, end: 0, copy: None };
    let mut tokens = Tokens::of(text);
    while let Some((start, token)) = tokens.next() {
        compact.push(start, tokens.end(), &token);
        let is_key = matches!(levels.last(), Some(Level::Object { awaits_key: true, .. }));
        if matches!(token, Token::OpenObject | Token::OpenArray) && levels.len() >= max_levels {
            return Err(Flaw::TooDeep(max_levels));
        }
        match (token, levels.last_mut()) {
            (Token::OpenObject, _) => {
                levels.push(Level::Object { keys: BTreeSet::new(), key: Cow::Borrowed(""), awaits_key: true });
            }
            (Token::OpenArray, _) => levels.push(Level::Array { index: 0 }),
            (Token::CloseObject | Token::CloseArray, _) => {
                levels.pop();
            }
            (Token::Comma, Some(Level::Object { awaits_key, .. })) => *awaits_key = true,
            (Token::Comma, Some(Level::Array { index })) => *index += 1,
            (Token::Text(text), _) => {
                let value = decoded(text).ok_or(Flaw::LoneSurrogate)?;
                if value.contains('\0') {
                    return Err(Flaw::NullCharacter);
                }
                if let Some(Level::Object { keys, key, awaits_key }) = levels.last_mut().filter(|_| is_key) {
                    *awaits_key = false;
                    if value.starts_with(RESERVED) {
                        return Err(Flaw::ReservedKey);
                    }
                    key.clone_from(&value);
                    if !keys.insert(value) {
                        return Err(Flaw::DuplicateKey(path(&levels)));
                    }
                }
            }
            (Token::Comma | Token::Colon | Token::Word(_), _) => {}
        }
    }
    Ok(compact.done())
}

/// An open object or array.
enum Level<'a> {
    Object { keys: BTreeSet<Cow<'a, str>>, key: Cow<'a, str>, awaits_key: bool },
    Array { index: usize },
}

fn path(levels: &[Level<'_>]) -> String {
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Object { key, .. } if path.is_empty() => path.push_str(key),
            Level::Object { key, .. } => path.extend([".", key]),
            Level::Array { index } => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

/// A text without the gaps between its tokens, and without escapes that its strings do not need: limits count the
/// characters that a person wrote. It is copied only from the first change on.
struct Compact<'a> {
    text: &'a str,
    end: usize,
    copy: Option<String>,
}

impl<'a> Compact<'a> {
    fn push(&mut self, start: usize, end: usize, token: &Token<'_>) {
        let shorter = match token {
            Token::Text(text) if text.contains('\\') => decoded(text).map(|value| Value::from(value).to_string()),
            _ => None,
        };
        let shorter = shorter.filter(|shorter| *shorter != self.text[start..end]);
        if (start != self.end || shorter.is_some()) && self.copy.is_none() {
            let mut copy = String::with_capacity(self.text.len());
            copy.push_str(&self.text[..self.end]);
            self.copy = Some(copy);
        }
        if let Some(copy) = &mut self.copy {
            copy.push_str(shorter.as_deref().unwrap_or(&self.text[start..end]));
        }
        self.end = end;
    }

    fn done(self) -> Cow<'a, str> {
        self.copy.map_or(Cow::Borrowed(&self.text[..self.end]), Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flaw_is_found_and_named() {
        for (text, flaw) in [
            (r#"{"a":1,"b":2,"\u0061":3}"#, Flaw::DuplicateKey("a".to_owned())),
            (
                r#"{"p":{"items":[{},{"x":1},{"y":{"n":1},"x":1,"y":2}]}}"#,
                Flaw::DuplicateKey("p.items[2].y".to_owned()),
            ),
            (r#"[[{"a":"a","a":"a"}]]"#, Flaw::DuplicateKey("[0][0].a".to_owned())),
            (r#"{"a":"\u0000"}"#, Flaw::NullCharacter),
            (r#"["\ud800"]"#, Flaw::LoneSurrogate),
            (r#"[{"\u0024serde_json::private::RawValue":"[[[["}]"#, Flaw::ReservedKey),
        ] {
            assert_eq!(check(text, 64), Err(flaw), "{text}");
        }
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(check(&nested(64), 64).is_ok());
        assert_eq!(check(&nested(65), 64), Err(Flaw::TooDeep(64)));
        assert_eq!(check(&nested(1_000_000), 64), Err(Flaw::TooDeep(64)));
    }

    #[test]
    fn only_white_space_outside_strings_is_removed() {
        let compact = r#"{"a b":[1,"x : y,\" [",{}],"n":1E400}"#;
        assert!(matches!(check(compact, 9), Ok(Cow::Borrowed(text)) if text == compact));
        assert!(matches!(check("[1] \n", 9), Ok(Cow::Borrowed("[1]"))));
        let spaced = "\n{ \"a b\" : [1,\r\n\"x : y,\\\" [\" , { } ] ,\t\"n\":1E400 } ";
        assert_eq!(check(spaced, 9).unwrap(), compact);
    }

    #[test]
    fn escapes_that_a_string_does_not_need_are_removed() {
        let escaped = r#"{"caf\u00e9":["\u0041\/b","\"\n\\"]}"#;
        assert_eq!(check(escaped, 9).unwrap(), r#"{"café":["A/b","\"\n\\"]}"#);
        assert!(matches!(check(r#"["\"\n\\"]"#, 9), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn the_same_key_in_different_objects_is_no_duplicate() {
        assert!(check(r#"{"a":{"a":{"a":[{"a":1},{"a":2}]}},"b":"a"}"#, 9).is_ok());
    }
}
