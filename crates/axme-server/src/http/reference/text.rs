//! Texts of the reference: descriptions with code in backticks, and JSON.

use askama::Template;
use serde_json::Value;

/// A list or an object of JSON in more characters than this has a line for each of its items.
const LINE_CHARS: usize = 80;

/// A text of one paragraph. Words in backticks are code.
#[derive(Debug, Clone, Default, Template)]
#[template(
    source = "{% for piece in pieces %}{% if loop.index0 % 2 == 1 %}<code>{{ piece }}</code>{% else %}{{ piece }}{% endif %}{% endfor %}",
    ext = "html"
)]
pub(super) struct Line {
    /// Plain text and code in turns.
    pieces: Vec<String>,
}

impl Line {
    pub(super) fn new(text: &str) -> Line {
        match text {
            "" => Line::default(),
            text => Line { pieces: text.split('`').map(str::to_owned).collect() },
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// Splits a description into its paragraph and the items of the list that follows.
pub(super) fn parts(description: &str) -> (String, Vec<String>) {
    let (mut paragraph, mut items) = (String::new(), Vec::<String>::new());
    for line in description.lines().map(str::trim) {
        match (line.strip_prefix("- "), items.last_mut()) {
            (Some(item), _) => items.push(item.to_owned()),
            (None, Some(item)) => join(item, line),
            (None, None) => join(&mut paragraph, line),
        }
    }
    (paragraph, items)
}

fn join(text: &mut String, line: &str) {
    if !text.is_empty() && !line.is_empty() {
        text.push(' ');
    }
    text.push_str(line);
}

/// Returns a value as JSON for people. Short lists and objects are on one line.
pub(super) fn laid_out(value: &Value) -> String {
    let line = on_one_line(value);
    if line.chars().count() <= LINE_CHARS {
        return line;
    }
    let item = |name: &str, item: &Value| format!("  {name}{}", laid_out(item).replace('\n', "\n  "));
    match value {
        Value::Array(items) => {
            let lines: Vec<String> = items.iter().map(|value| item("", value)).collect();
            format!("[\n{}\n]", lines.join(",\n"))
        }
        Value::Object(fields) => {
            let lines: Vec<String> = fields.iter().map(|(name, value)| item(&named(name), value)).collect();
            format!("{{\n{}\n}}", lines.join(",\n"))
        }
        _ => line,
    }
}

fn on_one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(on_one_line).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{}{}", named(name), on_one_line(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        _ => value.to_string(),
    }
}

fn named(name: &str) -> String {
    format!("{}: ", Value::from(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Line, laid_out, parts};

    #[test]
    fn short_json_is_on_one_line() {
        assert_eq!(laid_out(&json!({ "a": [1, {}], "b\"": null })), r#"{ "a": [1, {}], "b\"": null }"#);
        let long = "x".repeat(70);
        let value = json!({ "list": [long, { "a": 1 }], "n": 1 });
        assert_eq!(
            laid_out(&value),
            format!("{{\n  \"list\": [\n    \"{long}\",\n    {{ \"a\": 1 }}\n  ],\n  \"n\": 1\n}}")
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&laid_out(&value)).unwrap(), value);
    }

    #[test]
    fn code_and_lists_are_recognized() {
        let (paragraph, items) = parts("The status of\nan intent.\n- `A`: it <waits>\n  long\n- `B`: it ended.");
        assert_eq!(paragraph, "The status of an intent.");
        assert_eq!(items, ["`A`: it <waits> long", "`B`: it ended."]);
        assert_eq!(Line::new(&items[0]).to_string(), "<code>A</code>: it &#60;waits&#62; long");
        assert!(Line::new("").is_empty());
    }
}
