//! Fields of a form that take a file: texts with the format `file`. The answer holds the id of the file in the store for
//! media.

use serde_json::Value;

use super::{effective, resolved};
use crate::Object;

/// The largest file of a field that sets no limit of its own, in bytes.
const USUAL_BYTES: u64 = 10 * 1024 * 1024;

/// The deepest nesting of fields, and the number of files that are looked for.
const MAX_LEVELS: usize = 5;
const MAX_FILES: usize = 100;

/// The limits of a field that takes a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    /// Media types, such as `application/pdf` or `image/*`. Empty if every type is accepted.
    pub types: Vec<String>,
    pub max_bytes: u64,
}

impl FileRule {
    /// Returns the limits of a property; `None` if it takes no file.
    pub fn of(property: &Value) -> Option<FileRule> {
        if property["format"] != "file" {
            return None;
        }
        let types = property["contentMediaType"].as_str().unwrap_or_default().split(',');
        let types = types.map(|one| one.trim().to_lowercase()).filter(|one| !one.is_empty()).collect();
        Some(FileRule { types, max_bytes: property["maxBytes"].as_u64().unwrap_or(USUAL_BYTES) })
    }

    /// Returns true if files of a media type are accepted. Parameters such as `charset` do not matter.
    pub fn accepts(&self, media_type: &str) -> bool {
        let plain = media_type.split(';').next().unwrap_or_default().trim().to_lowercase();
        let matches = |one: &String| match one.strip_suffix('*') {
            Some(family) => plain.starts_with(family),
            None => plain == *one,
        };
        self.types.is_empty() || self.types.iter().any(matches)
    }
}

/// A file that an answer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Where it is in the answer: `receipt`, `lines.0.photo`.
    pub place: String,
    /// The value in the answer: the id of a file, or anything else that a program has sent.
    pub id: String,
    pub rule: FileRule,
}

/// Returns the files that an answer names.
pub fn files(schema: &Value, data: &Object) -> Vec<NamedFile> {
    let mut found = Vec::new();
    collect_object(schema, schema, data, "", 0, &mut found);
    found
}

fn collect_object(schema: &Value, root: &Value, data: &Object, place: &str, level: usize, found: &mut Vec<NamedFile>) {
    if level >= MAX_LEVELS {
        return;
    }
    let shape = effective(schema, root, data);
    for (name, property) in shape["properties"].as_object().into_iter().flatten() {
        if let Some(value) = data.get(name) {
            let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            collect(property, root, value, &place, level, found);
        }
    }
}

fn collect(property: &Value, root: &Value, value: &Value, place: &str, level: usize, found: &mut Vec<NamedFile>) {
    let property = resolved(property, root);
    match (FileRule::of(&property), value) {
        (Some(rule), value) if found.len() < MAX_FILES && !value.is_null() => {
            let id = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            found.push(NamedFile { place: place.to_owned(), id, rule });
        }
        (None, Value::Object(fields)) => collect_object(&property, root, fields, place, level + 1, found),
        (None, Value::Array(rows)) if level < MAX_LEVELS => {
            for (index, row) in rows.iter().enumerate() {
                collect(&property["items"], root, row, &format!("{place}.{index}"), level + 1, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_are_found_where_the_form_asks_for_them() {
        let schema = json!({
            "properties": {
                "receipt": { "type": "string", "format": "file", "contentMediaType": "application/pdf, image/*", "maxBytes": 5 },
                "note": { "type": "string" },
                "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } },
            },
            "$defs": { "line": { "type": "object", "properties": { "photo": { "type": "string", "format": "file" } } } },
        });
        let data = json!({ "receipt": "a", "note": "b", "lines": [{ "photo": "c" }, { "photo": 7 }, {}] });
        let found = files(&schema, data.as_object().unwrap());
        let places: Vec<(&str, &str)> = found.iter().map(|file| (file.place.as_str(), file.id.as_str())).collect();
        assert_eq!(places, [("receipt", "a"), ("lines.0.photo", "c"), ("lines.1.photo", "7")]);
        assert_eq!(found[0].rule.max_bytes, 5);
        assert_eq!(found[1].rule.max_bytes, USUAL_BYTES);
    }

    #[test]
    fn media_types_are_compared_without_parameters() {
        let rule = FileRule::of(&json!({ "format": "file", "contentMediaType": "application/pdf,image/*" })).unwrap();
        for accepted in ["application/pdf", "Application/PDF; x=1", "image/png"] {
            assert!(rule.accepts(accepted), "{accepted}");
        }
        for refused in ["", "application/pdfx", "text/html", "imagex/png"] {
            assert!(!rule.accepts(refused), "{refused}");
        }
        assert!(FileRule::of(&json!({ "format": "file" })).unwrap().accepts("anything/else"));
        assert_eq!(FileRule::of(&json!({ "contentMediaType": "text/plain" })), None);
    }
}
