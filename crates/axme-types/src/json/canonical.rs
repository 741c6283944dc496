//! The canonical text of a JSON value: sorted keys, strings in their shortest form, numbers verbatim.

use std::borrow::Cow;

use super::tokens::{Token, Tokens, decoded};

/// The members of an open object.
struct Members<'a> {
    /// Where the first one begins in the output.
    start: usize,
    /// Each key, and where its member ends. The last end is set when the next member or the object ends.
    keys: Vec<(Cow<'a, str>, usize)>,
}

/// Returns the canonical text of a valid and compact text.
pub(super) fn of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // `None` for an array.
    let mut levels: Vec<Option<Members<'_>>> = Vec::new();
    let mut awaits_key = false;
    for (_, token) in Tokens::of(text) {
        match token {
            Token::OpenObject => {
                out.push('{');
                levels.push(Some(Members { start: out.len(), keys: Vec::new() }));
                awaits_key = true;
            }
            Token::OpenArray => {
                out.push('[');
                levels.push(None);
                awaits_key = false;
            }
            Token::CloseObject | Token::CloseArray => {
                match levels.pop().flatten() {
                    Some(mut members) => {
                        end_member(&mut members, &out);
                        sort(&members, &mut out);
                        out.push('}');
                    }
                    None => out.push(']'),
                }
                awaits_key = false;
            }
            Token::Comma => {
                if let Some(Some(members)) = levels.last_mut() {
                    end_member(members, &out);
                    awaits_key = true;
                }
                out.push(',');
            }
            Token::Colon => out.push(':'),
            Token::Text(text) => {
                let value = decoded(text).unwrap_or(Cow::Borrowed(text));
                push_string(&mut out, text, &value);
                if let (Some(Some(members)), true) = (levels.last_mut(), awaits_key) {
                    members.keys.push((value, 0));
                    awaits_key = false;
                }
            }
            Token::Word(word) => out.push_str(word),
        }
    }
    out
}

fn push_string(out: &mut String, text: &str, value: &str) {
    if text.contains('\\') {
        out.push_str(&serde_json::Value::from(value).to_string());
    } else {
        out.push_str(text);
    }
}

fn end_member(members: &mut Members<'_>, out: &str) {
    if let Some((_, end)) = members.keys.last_mut() {
        *end = out.len();
    }
}

/// Puts the members at the end of the output into the order of their keys.
fn sort(members: &Members<'_>, out: &mut String) {
    if members.keys.is_sorted_by(|a, b| a.0 <= b.0) {
        return;
    }
    let mut start = members.start;
    let mut slices: Vec<(&str, &str)> = Vec::with_capacity(members.keys.len());
    for (key, end) in &members.keys {
        slices.push((key, &out[start..*end]));
        start = end + 1;
    }
    slices.sort_by_key(|(key, _)| *key);
    let sorted = slices.into_iter().map(|(_, member)| member).collect::<Vec<&str>>().join(",");
    out.truncate(members.start);
    out.push_str(&sorted);
}
