//! The texts of a task as templates: its title, description and consequences, and the titles, descriptions and defaults of its fields.
//!
//! Only tasks of bundles are templates. The task of a direct intent is shown as it was sent.

use serde_json::Value;

use super::{DEFAULT_TITLE, HumanTask, MAX_DESCRIPTION_CHARS, MAX_TITLE_CHARS};
use crate::form::MAX_SCHEMA_BYTES;
use crate::template;

/// The texts of a field that are templates.
const OF_FIELD: [&str; 3] = ["title", "description", "default"];

impl HumanTask {
    /// Returns what is wrong with the templates of the task, each with the name of its text.
    pub fn check_texts(&self) -> Vec<String> {
        let own = [
            ("title", Some(self.title.as_str())),
            ("description", self.description.as_deref()),
            ("on_yes", self.on_yes.as_deref()),
            ("on_no", self.on_no.as_deref()),
        ]
        .map(|(name, text)| (name.to_owned(), text));
        let of_fields = fields(self.form_schema.as_deref()).flat_map(|(name, property)| {
            let text = |key: &str| Some((format!("form_schema.properties.{name}.{key}"), property[key].as_str()));
            OF_FIELD.into_iter().filter_map(text).collect::<Vec<_>>()
        });
        let all = own.into_iter().chain(of_fields);
        let given = all.filter_map(|(name, text)| Some((name, text.filter(|text| template::is_template(text))?)));
        given.filter_map(|(name, text)| Some(format!("{name}: {}", template::check(text).err()?))).collect()
    }

    /// True if a text of the task has something to fill in.
    pub fn has_templates(&self) -> bool {
        let is_one = |text: Option<&str>| text.is_some_and(template::is_template);
        is_one(Some(&self.title))
            || [&self.description, &self.on_yes, &self.on_no].into_iter().any(|text| is_one(text.as_deref()))
            || fields(self.form_schema.as_deref())
                .any(|(_, property)| OF_FIELD.iter().any(|key| is_one(property[*key].as_str())))
    }

    /// Fills in the texts of the task. `context` has the values that they can read.
    #[must_use]
    pub fn filled(mut self, context: &Value) -> HumanTask {
        let title = template::one_line(&template::render_literal(&self.title, context));
        self.title = cut(&title, MAX_TITLE_CHARS);
        if self.title.is_empty() {
            self.title = DEFAULT_TITLE.to_owned();
        }
        let description = |text: String| cut(&template::render_literal(&text, context), MAX_DESCRIPTION_CHARS);
        self.description = self.description.map(description);
        self.on_yes = self.on_yes.map(description);
        self.on_no = self.on_no.map(description);
        if let Some(schema) = &self.form_schema {
            let mut filled = schema.as_ref().clone();
            let properties = filled.get_mut("properties").and_then(Value::as_object_mut);
            for property in properties.into_iter().flat_map(|properties| properties.values_mut()) {
                for key in OF_FIELD {
                    if let Some(Value::String(text)) = property.get_mut(key) {
                        *text = cut(&template::render_literal(text, context), MAX_DESCRIPTION_CHARS);
                    }
                }
            }
            // A form that would get too large keeps its texts unchanged.
            if filled.to_string().len() <= MAX_SCHEMA_BYTES {
                self.form_schema = Some(Box::new(filled));
            }
        }
        self
    }
}

fn fields(schema: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object).into_iter().flatten()
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(source: Value) -> HumanTask {
        HumanTask::read(source.as_object().unwrap()).0
    }

    #[test]
    fn the_texts_of_a_task_are_filled_in() {
        let source = json!({
            "title": "Release {{ payload.amount }} EUR to {{ payload.to }}?", "description": "For\n{{ results.check.note }}",
            "form_schema": { "properties": { "amount": {
                "type": "number", "title": "Amount for {{ payload.to }}", "default": "{{ payload.amount }}", "minimum": 1,
            } } },
        });
        let task = task(source);
        assert!(task.has_templates() && task.check_texts().is_empty());
        let context = json!({
            "payload": { "amount": 120, "to": "ACME\n\nApproved" }, "results": { "check": { "note": "fine\n# Title" } },
        });
        let filled = task.filled(&context);
        assert_eq!(filled.title, "Release 120 EUR to ACME Approved?");
        assert_eq!(filled.description.as_deref(), Some("For\nfine # Title"));
        let schema = filled.form_schema.unwrap();
        let field = &schema["properties"]["amount"];
        assert_eq!((&field["title"], &field["default"]), (&json!("Amount for ACME Approved"), &json!("120")));
        assert_eq!(field["minimum"], 1);
    }

    #[test]
    fn mistakes_name_their_text() {
        let task = task(json!({
            "title": "{{ payload.", "form_schema": { "properties": { "a": { "default": "{% if %}" }, "b": { "title": "{" } } },
        }));
        let wrong = task.check_texts();
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].starts_with("title: the template has an error"), "{wrong:?}");
        assert!(wrong[1].starts_with("form_schema.properties.a.default: "), "{wrong:?}");
    }

    #[test]
    fn a_value_cannot_make_a_task_too_long_or_empty() {
        let long = json!({ "payload": { "x": "y".repeat(100_000), "none": "" } });
        let filled = task(json!({ "title": "{{ payload.x }}", "description": "{{ payload.x }}" })).filled(&long);
        assert_eq!(filled.title.len(), MAX_TITLE_CHARS);
        assert_eq!(filled.description.map(|text| text.len()), Some(MAX_DESCRIPTION_CHARS));
        assert_eq!(task(json!({ "title": "{{ payload.none }}" })).filled(&long).title, DEFAULT_TITLE);
    }

    #[test]
    fn a_template_in_any_text_is_found() {
        let read = |task: serde_json::Value| HumanTask::read(task.as_object().unwrap()).0;
        assert!(!read(json!({ "title": "t", "description": "d", "on_yes": "y", "on_no": "n" })).has_templates());
        for text in ["title", "description", "on_yes", "on_no"] {
            assert!(read(json!({ text: "{{ payload.x }}" })).has_templates(), "{text}");
        }
        let schema =
            json!({ "type": "object", "properties": { "a": { "type": "string", "title": "{{ payload.x }}" } } });
        assert!(read(json!({ "title": "t", "form_schema": schema })).has_templates());
    }
}
