//! Templates that users write: the subject and the body of notices, and the texts of a bundle's tasks. They are filled in
//! from an intent's payload and its steps' results.
//!
//! They see only these values: no files, no includes, no functions that reach outside. Work and output are bounded.

use std::{fmt, io};

use minijinja::ErrorKind::{UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;

/// The longest template, in characters.
pub const MAX_TEMPLATE_CHARS: usize = 16_384;

/// The longest output of a template, in bytes; the rest is cut off.
pub const MAX_TEXT_BYTES: usize = 16_384;

/// Maximum number of steps of the template engine that one template may take.
const FUEL: u64 = 10_000;

/// How values are put into a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    AsGiven,
    /// On one line, and without anything that a mail program turns into a link. The author of a text is trusted, the
    /// sender of a payload is not.
    Literal,
}

fn environment(values: Values) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    // A payload may lack a field, and the message is sent nevertheless.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_formatter(move |out, state, value| match value.kind() {
        // Values are shown as JSON, as everywhere else.
        ValueKind::Bool | ValueKind::None | ValueKind::Map | ValueKind::Seq => {
            let text = serde_json::to_string(value).map_err(|_| fmt::Error)?;
            Ok(out.write_str(&if values == Values::Literal { literal(&text) } else { text })?)
        }
        _ if values == Values::Literal => Ok(out.write_str(&literal(&value.to_string()))?),
        _ => minijinja::escape_formatter(out, state, value),
    });
    environment
}

/// Checks a template. The error says what is wrong with it.
pub fn check(text: &str) -> Result<(), String> {
    let chars = text.chars().count();
    if chars > MAX_TEMPLATE_CHARS {
        return Err(format!("has {chars} characters, at most {MAX_TEMPLATE_CHARS} are allowed"));
    }
    let environment = environment(Values::AsGiven);
    let template = environment.template_from_str(text).map_err(|error| explain(&error))?;
    // The engine looks up filters and functions only when it reaches them, so render once. Errors that depend on values
    // show up only with real ones.
    match template.render_captured_to((), &mut BoundedBuffer(Vec::new())) {
        Err(error) if matches!(error.kind(), UnknownFilter | UnknownFunction | UnknownTest | UnknownMethod) => {
            Err(explain(&error))
        }
        _ => Ok(()),
    }
}

/// Fills in a template. On an error it returns the template itself, followed by the error in brackets, because the
/// message must still be sent.
pub fn render(text: &str, context: &Value) -> String {
    fill(text, context, Values::AsGiven)
}

/// Fills in a text of a task. A value cannot add a line, a heading or a link to it.
pub fn render_literal(text: &str, context: &Value) -> String {
    if is_template(text) { fill(text, context, Values::Literal) } else { text.to_owned() }
}

/// True if a text has something to fill in.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// Returns a value on one line, without control and hidden characters. A word joiner after `:` keeps mail programs from
/// turning a URL into a link.
fn literal(value: &str) -> String {
    unlinked(&one_line(value))
}

/// Returns text in which no mail program finds a URL to turn into a link.
pub fn unlinked(text: &str) -> String {
    text.replace("://", ":\u{2060}//").replace("www.", "www\u{2060}.")
}

/// Returns text on one line: blanks are joined, and characters that control a terminal or the direction of text are
/// dropped.
pub(crate) fn one_line(text: &str) -> String {
    one_line_within(text, usize::MAX)
}

/// As [`one_line`], cut off after so many characters. The rest of a long text is not looked at.
pub(crate) fn one_line_within(text: &str, most: usize) -> String {
    let is_hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}');
    let (mut line, mut length, mut is_after_blank) = (String::new(), 0, false);
    for c in text.chars().filter(|c| !is_hidden(*c)) {
        if c.is_control() || c.is_whitespace() {
            is_after_blank = length > 0;
            continue;
        }
        for c in is_after_blank.then_some(' ').into_iter().chain([c]) {
            if length == most {
                return line + "…";
            }
            line.push(c);
            length += 1;
        }
        is_after_blank = false;
    }
    line
}

fn fill(text: &str, context: &Value, values: Values) -> String {
    let mut written = BoundedBuffer(Vec::new());
    let environment = environment(values);
    let outcome = environment
        .template_from_str(text)
        .and_then(|template| template.render_captured_to(Serde(context), &mut written));
    match outcome {
        Ok(_) => {}
        // The output was too long: its beginning is kept.
        Err(_) if written.is_full() => {}
        Err(error) => return format!("{text} [{}]", explain(&error)),
    }
    String::from_utf8_lossy(&written.0).trim_end_matches('\u{fffd}').to_owned()
}

fn explain(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("the template has an error{line}: {}{detail}", error.kind())
}

struct BoundedBuffer(Vec<u8>);

impl BoundedBuffer {
    fn is_full(&self) -> bool {
        self.0.len() >= MAX_TEXT_BYTES
    }
}

impl io::Write for BoundedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MAX_TEXT_BYTES - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_text_is_cut_off_on_one_line() {
        let text = " a\r\n\tb\u{202e}c \u{85} d\u{2029}e ";
        assert_eq!(one_line(text), "a bc de");
        assert_eq!(one_line_within(text, 7), "a bc de");
        assert_eq!(one_line_within(text, 6), "a bc d…");
        assert_eq!(one_line_within(text, 2), "a …");
        assert_eq!((one_line(" \n"), one_line_within("x", 0)), (String::new(), "…".to_owned()));
    }

    #[test]
    fn values_are_put_in_and_what_is_missing_is_empty() {
        let context = json!({ "payload": { "service": "api", "n": 3 }, "results": { "check": { "ok": true } } });
        let text =
            "{{ payload.service }} {{payload.n}} {{ results.check.ok }}{{ payload.no.such.field }} {{ payload }}";
        assert_eq!(render(text, &context), "api 3 true {\"n\":3,\"service\":\"api\"}");
        let text = "{% for name in payload %}{{ name }} {% endfor %}{{ '<b>' }}";
        assert_eq!(render(text, &context), "n service <b>");
    }

    #[test]
    fn a_value_in_a_task_cannot_forge_a_line_a_heading_or_a_link() {
        let context = json!({ "payload": {
            "note": "12\n\n# Approved by the board\r\nhttps://evil.example/pay www.evil.example \u{202e}x", "list": ["a\nb"],
        } });
        let filled = render_literal("Pay {{ payload.note }}?\nThanks {{ payload.list }}", &context);
        assert_eq!(filled.lines().count(), 2, "{filled}");
        assert!(!filled.contains("https://") && !filled.contains("www.") && !filled.contains('\u{202e}'), "{filled}");
        assert!(filled.starts_with("Pay 12 # Approved by the board https:"), "{filled}");
        assert_eq!(render_literal("Look at https://example.com", &context), "Look at https://example.com");
    }

    #[test]
    fn mistakes_are_found_before_and_told_after() {
        for wrong in ["{{ payload.", "{% if %}", "{% include 'x' %}", "{% unknown %}", "{{ a | nofilter }}"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert_eq!(check("{{ payload.x | upper }}"), Ok(()));
        let told = render("{{ 1 / 0 }}{{ no() }}", &json!({}));
        assert!(told.contains("the template has an error"), "{told}");
    }

    #[test]
    fn work_and_output_are_bounded() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert!(render(endless, &json!({})).contains("the template has an error"));
        let long = json!({ "text": "x".repeat(10_000) });
        assert_eq!(render("{{ text }}{{ text }}{{ text }}", &long).len(), MAX_TEXT_BYTES);
        let huge = render("{{ 'x' * 1000000000 }}", &json!({}));
        assert!(huge.len() <= MAX_TEXT_BYTES + 200, "{}", huge.len());
    }

    #[test]
    fn a_template_may_be_as_long_as_the_limit_and_fail_on_values_it_does_not_know() {
        check(&"x".repeat(MAX_TEMPLATE_CHARS)).unwrap();
        assert!(check(&"x".repeat(MAX_TEMPLATE_CHARS + 1)).is_err());
        check("{{ 1 / payload.parts }}").unwrap();
        assert!(check("{{ payload.parts | nonsense }}").is_err());
    }

    #[test]
    fn values_are_unlinked_in_texts_of_tasks_only() {
        let context = json!({ "url": "https://evil.example", "list": ["https://evil.example"], "flag": true });
        assert_eq!(
            render("{{ url }} {{ list }} {{ flag }}", &context),
            "https://evil.example [\"https://evil.example\"] true"
        );
        let literal = render_literal("{{ url }} {{ list }}", &context);
        assert!(!literal.contains("https://") && literal.matches("evil.example").count() == 2, "{literal}");
    }

    #[test]
    fn a_text_without_marks_is_no_template() {
        assert!(!is_template("{ plain } 100 %"));
        for text in ["{{ x }}", "{% if x %}{% endif %}", "{# x #}"] {
            assert!(is_template(text), "{text}");
        }
    }
}
