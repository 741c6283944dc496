//! JSON as a tree that folds. The values keep the text that was sent: no number is rounded.

use askama::Template;
use axme_api::Json;

/// Limits of a tree. The raw JSON of the page has the rest.
const MAX_NODES: usize = 2_000;
const MAX_LEVELS: usize = 24;
const MAX_TEXT_CHARS: usize = 4_000;
/// The levels that are open at first.
const OPEN_LEVELS: usize = 2;

/// A value with its name, and its parts if it has any.
#[derive(Template)]
#[template(path = "console/tree.html")]
pub(super) struct Node {
    name: String,
    text: String,
    /// `text`, `number`, `word` or `parts`.
    class: &'static str,
    is_open: bool,
    parts: Vec<Node>,
}

/// Returns the top level of a value as nodes; a value without parts is one node. Empty for null and for `{}`.
pub(super) fn tree(value: &Json) -> Vec<Node> {
    if value.is_null() {
        return Vec::new();
    }
    let mut left = MAX_NODES;
    let root = node(String::new(), value, 0, &mut left);
    if root.class == "parts" { root.parts } else { vec![root] }
}

fn node(name: String, value: &Json, level: usize, left: &mut usize) -> Node {
    *left = left.saturating_sub(1);
    let leaf =
        |text: String, class: &'static str| Node { name: name.clone(), text, class, is_open: false, parts: Vec::new() };
    if let Some(text) = value.string() {
        let shown: String = text.chars().take(MAX_TEXT_CHARS).collect();
        let is_cut = shown.len() < text.len();
        return leaf(if is_cut { format!("{shown}…") } else { shown }, "text");
    }
    let text = value.text().trim();
    let named: Vec<(String, Json)> = match text.as_bytes().first() {
        Some(b'{') => value.fields().unwrap_or_default().into_iter().collect(),
        Some(b'[') => {
            let items: Vec<Json> = value.read().unwrap_or_default();
            items.into_iter().enumerate().map(|(place, item)| (place.to_string(), item)).collect()
        }
        Some(b'-' | b'0'..=b'9') => return leaf(text.to_owned(), "number"),
        _ => return leaf(text.to_owned(), "word"),
    };
    let is_list = text.starts_with('[');
    let count = named.len();
    let unit = match (is_list, count) {
        (true, 1) => "item",
        (true, _) => "items",
        (false, 1) => "field",
        (false, _) => "fields",
    };
    let summary = format!("{count} {unit}");
    let mut parts = Vec::new();
    for (name, value) in named {
        if *left == 0 || level >= MAX_LEVELS {
            let text = "the rest is in the raw JSON".to_owned();
            parts.push(Node { name: "…".to_owned(), text, class: "word", is_open: false, parts: Vec::new() });
            break;
        }
        parts.push(node(name, &value, level + 1, left));
    }
    Node { name, text: summary, class: "parts", is_open: level < OPEN_LEVELS, parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        tree(&Json::parse(text).unwrap()).iter().map(|node| node.render().unwrap()).collect()
    }

    #[test]
    fn values_keep_their_text_and_are_escaped() {
        let shown = html(r#"{"amount":1234567.50,"<b>":"<script>alert(1)</script>","list":[1,{"deep":null}]}"#);
        for part in ["1234567.50", "&#60;b&#62;", "&#60;script&#62;", "2 items", "deep", "null"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("<script>"));
        assert!(tree(&Json::default()).is_empty());
    }

    #[test]
    fn a_large_value_is_cut() {
        let many = format!("[{}]", vec!["1"; 5_000].join(","));
        assert!(html(&many).contains("the rest is in the raw JSON"));
        let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        assert!(html(&deep).contains("the rest is in the raw JSON"));
    }
}
