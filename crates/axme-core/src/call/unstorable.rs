//! Text that cannot be stored: the null character, half of a surrogate pair, and bytes that are not UTF-8.
//!
//! A call with such text is refused, except a report: an agent that fails on strange input must be able to say so. There
//! each such character becomes U+FFFD.

use std::borrow::Cow;

use axme_api::JsonFields;

use bytes::Bytes;

use super::decode::body_fields;
use crate::request::Request;

/// The replacement character, as JSON escapes it.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// Returns whether a body is a report, whose text is made storable.
pub type IsReport = fn(&JsonFields) -> bool;

/// Makes the text of a report storable. Other requests stay unchanged.
pub(super) fn repair(request: Request, is_report: Option<IsReport>) -> Request {
    let repaired = is_report.and_then(|is_report| {
        let body: Bytes = storable(&request.body)?.into();
        body_fields(&body).is_ok_and(|fields| is_report(&fields)).then_some(body)
    });
    match repaired {
        Some(body) => Request { body, ..request },
        None => request,
    }
}

/// Returns JSON without text that cannot be stored; `None` if it has none.
pub fn storable(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let mut is_changed = matches!(text, Cow::Owned(_));
    let (mut rest, mut out) = (text.as_bytes(), Vec::with_capacity(body.len()));
    // A valid text has backslashes in strings only.
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let taken = match (code_unit(rest), rest.get(6..).and_then(code_unit)) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => 12,
            (Some(0 | 0xD800..0xE000), _) => {
                is_changed = true;
                out.extend_from_slice(REPLACEMENT);
                rest = &rest[6..];
                continue;
            }
            _ => rest.len().min(2),
        };
        out.extend_from_slice(&rest[..taken]);
        rest = &rest[taken..];
    }
    out.extend_from_slice(rest);
    is_changed.then_some(out)
}

/// Returns the code unit of an escape `\uXXXX` at the beginning of the text.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    // `from_str_radix` also accepts a sign.
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &[u8]) -> Option<String> {
        storable(body).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn only_what_cannot_be_stored_is_replaced() {
        for fine in
            [r#"{"a": "\u0001 \\u0000 \ud83d\ude00 \" \\"}"#, "{}", "", r#""\"#, r#""\u00"#, r#""\u+000""#, "\"😀\""]
        {
            assert_eq!(text(fine.as_bytes()), None, "{fine}");
        }
        for (given, expected) in [
            (r#"{"a": "x\u0000y"}"#, r#"{"a": "x\ufffdy"}"#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ud83dx\ude00""#, r#""\ufffdx\ufffd""#),
            (r#""\uD83D\uD83D\uDE00""#, r#""\ufffd\uD83D\uDE00""#),
            (r#""\\\u0000""#, r#""\\\ufffd""#),
        ] {
            assert_eq!(text(given.as_bytes()).as_deref(), Some(expected), "{given}");
        }
        assert_eq!(text(b"\"\xED\xA0\xBD\"").map(|text| text.contains('\u{FFFD}')), Some(true));
    }
}
