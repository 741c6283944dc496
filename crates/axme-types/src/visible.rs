//! Makes text from others safe to show in a terminal or in the subject of a mail.
//!
//! A control character can rewrite what a terminal shows, and a character that changes the direction of writing can
//! disguise it. Such characters are shown as escapes, such as `\u{1b}`.

use std::borrow::Cow;

/// Escapes the characters that steer a terminal. Line ends and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_steering(c) && c != '\n' && c != '\t')
}

/// Escapes the characters that steer a terminal, line ends included: the text stays on its line.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_steering)
}

fn is_steering(c: char) -> bool {
    let reorders = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_escaped(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_as_an_escape() {
        let title = "Pay\u{1b}[2K\rno\u{8}\u{9b}1A \u{202e}ecived\nline\ttab";
        assert_eq!(visible(title), "Pay\\u{1b}[2K\\u{d}no\\u{8}\\u{9b}1A \\u{202e}ecived\nline\ttab");
        assert!(visible_line(title).ends_with("ecived\\u{a}line\\u{9}tab"));
        assert!(matches!(visible("plain ✓ ünï 漢字"), Cow::Borrowed(_)));
    }
}
