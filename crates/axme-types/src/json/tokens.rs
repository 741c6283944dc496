//! The tokens of a JSON text that serde has validated. Nothing here recurses.

use std::borrow::Cow;

/// A token. `Text` has its quotes; `Word` is a number, `true`, `false` or `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    OpenObject,
    OpenArray,
    CloseObject,
    CloseArray,
    Comma,
    Colon,
    Text(&'a str),
    Word(&'a str),
}

/// The tokens of a text, each with its position in bytes.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Tokens<'a> {
        Tokens { text, at: 0 }
    }

    /// Returns the position after the last token.
    pub(super) fn end(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, Token<'a>);

    fn next(&mut self) -> Option<(usize, Token<'a>)> {
        let bytes = self.text.as_bytes();
        let blanks = bytes[self.at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        let start = self.at + blanks;
        let (length, token) = match bytes[start] {
            b'{' => (1, Token::OpenObject),
            b'[' => (1, Token::OpenArray),
            b'}' => (1, Token::CloseObject),
            b']' => (1, Token::CloseArray),
            b',' => (1, Token::Comma),
            b':' => (1, Token::Colon),
            b'"' => {
                let length = length_of_string(&bytes[start..]);
                (length, Token::Text(&self.text[start..start + length]))
            }
            _ => {
                let is_end = |byte: &u8| byte.is_ascii_whitespace() || b",:{}[]\"".contains(byte);
                let length = bytes[start..].iter().position(is_end).unwrap_or(bytes.len() - start);
                (length, Token::Word(&self.text[start..start + length]))
            }
        };
        self.at = start + length;
        Some((start, token))
    }
}

/// Returns the length of the string at the beginning, with its quotes.
fn length_of_string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Returns the value of a string in quotes; `None` if it has half of a surrogate pair.
pub(super) fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('\\') {
        return serde_json::from_str(text).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(&text[1..text.len() - 1]))
}
