//! Shows JSON to people as names and values. Nothing here prints braces.

use axme_client::{Json, JsonFields, Timestamp};

use super::times::local;

/// The fields of our answers whose content is of the caller: its names are shown unchanged.
const CONTENTS: [&str; 8] =
    ["payload", "result", "error", "metadata", "details", "human_task", "form_schema", "task_result"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Those of the API, shown as words: `created_at` is "Created at".
    Ours,
    /// Those of a payload, shown unchanged.
    Others,
}

/// Returns the lines of an answer of the API: without `ok`, and without the field that holds all the rest.
pub(crate) fn answer_fields(answer: &Json) -> Vec<String> {
    let Some(mut fields) = answer.fields() else { return value_lines(answer, Names::Ours, 0) };
    fields.remove("ok");
    let mut shown = fields.iter().filter(|(_, value)| !value.is_null());
    if let (Some((_, only)), None) = (shown.next(), shown.next())
        && only.is_object()
    {
        return value_lines(only, Names::Ours, 0);
    }
    let lines = object_lines(&fields, Names::Ours, 0);
    if lines.is_empty() { vec!["Done.".to_owned()] } else { lines }
}

/// Returns the lines of a payload or a result.
pub(crate) fn payload_fields(payload: &Json, indent: usize) -> Vec<String> {
    value_lines(payload, Names::Others, indent)
}

fn value_lines(value: &Json, names: Names, indent: usize) -> Vec<String> {
    if let Some(fields) = value.fields() {
        return object_lines(&fields, names, indent);
    }
    let pad = " ".repeat(indent);
    match list(value) {
        Some(items) if items.iter().any(is_structured) => item_lines(&items, names, indent),
        _ => text(value, "").lines().map(|line| format!("{pad}{line}")).collect(),
    }
}

fn object_lines(fields: &JsonFields, names: Names, indent: usize) -> Vec<String> {
    let pad = " ".repeat(indent);
    let shown: Vec<(&String, &Json)> =
        fields.iter().filter(|(_, value)| !value.is_null() || names == Names::Others).collect();
    let labels: Vec<String> = shown.iter().map(|(name, _)| label(name, names)).collect();
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).min(28) + 3;
    let mut lines = Vec::new();
    for ((name, value), label) in shown.into_iter().zip(labels) {
        let inner = if CONTENTS.contains(&name.as_str()) { Names::Others } else { names };
        let is_block = is_structured(value) || value.string().is_some_and(|text| text.contains('\n'));
        if !is_block {
            lines.push(format!("{pad}{:width$}{}", format!("{label}:"), text(value, name)).trim_end().to_owned());
            continue;
        }
        lines.push(format!("{pad}{label}:"));
        lines.extend(value_lines(value, inner, indent + 2));
    }
    lines
}

/// Returns the items of a list, each with a dash.
fn item_lines(items: &[Json], names: Names, indent: usize) -> Vec<String> {
    let item = |item: &Json| {
        let mut lines = value_lines(item, names, indent + 2);
        if let Some(first) = lines.first_mut() {
            first.replace_range(indent..indent + 2, "- ");
        }
        lines
    };
    items.iter().flat_map(item).collect()
}

fn list(value: &Json) -> Option<Vec<Json>> {
    value.text().trim_start().starts_with('[').then(|| value.read().ok())?
}

/// Whether a value needs lines of its own.
fn is_structured(value: &Json) -> bool {
    let has_fields = value.fields().is_some_and(|fields| !fields.is_empty());
    has_fields || list(value).is_some_and(|items| items.iter().any(is_structured))
}

/// Returns a value that fits on a line. Times of the API are shown in the local zone.
fn text(value: &Json, name: &str) -> String {
    if let Some(text) = value.string() {
        let is_time = name.ends_with("_at") || name == "at";
        return match Timestamp::parse(&text).filter(|_| is_time) {
            Some(at) => local(at),
            None => text,
        };
    }
    match list(value) {
        Some(items) if items.is_empty() => "none".to_owned(),
        Some(items) => items.iter().map(|item| text(item, name)).collect::<Vec<String>>().join(", "),
        None => match value.text() {
            "true" => "yes".to_owned(),
            "false" => "no".to_owned(),
            "null" | "{}" => "none".to_owned(),
            other => other.to_owned(),
        },
    }
}

fn label(name: &str, names: Names) -> String {
    if names == Names::Others {
        return name.to_owned();
    }
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        answer_fields(&Json::parse(text).unwrap())
    }

    #[test]
    fn an_answer_is_names_and_values() {
        let answer = r#"{"ok": true, "agent": {"address": "agent://a/b/c", "display_name": null, "tags": ["x", "y"],
            "is_new": true, "payload": {"order_no": 12345678901234567890123, "items": [{"sku": "a", "n": 1}, {"sku": "b"}]}}}"#;
        assert_eq!(
            lines(answer),
            [
                "Address:  agent://a/b/c",
                "Tags:     x, y",
                "Is new:   yes",
                "Payload:",
                "  order_no:  12345678901234567890123",
                "  items:",
                "    - sku:  a",
                "      n:    1",
                "    - sku:  b",
            ]
        );
        assert_eq!(lines(r#"{"ok": true}"#), ["Done."]);
        assert_eq!(
            lines(r#"{"ok": true, "items": [], "note": "one\ntwo"}"#),
            ["Items:  none", "Note:", "  one", "  two"]
        );
    }
}
