//! Tables of fields: what a caller sends, and what an answer has.

use askama::Template;
use serde_json::{Value, json};

use super::kind::{Kind, grouped, plain, resolved};
use super::text::{Line, parts};

/// The side of a call that fields belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    Answer,
}

/// Fields as a table. Types inside it are further tables, folded.
#[derive(Debug, Template)]
#[template(path = "reference/table.html")]
pub(super) struct Table {
    side: Side,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// The part of the URL that carries the field; empty in bodies and answers.
    place: &'static str,
    kind: Kind,
    pub(super) is_required: bool,
    /// The default and the bounds of an input; the bounds of a value in an answer.
    bounds: Line,
    about: Line,
    folded: Vec<NestedTable>,
}

/// A type in a field, which a reader unfolds.
#[derive(Debug)]
struct NestedTable {
    title: String,
    about: Line,
    table: Table,
}

impl Table {
    pub(super) fn new(side: Side, fields: Vec<Field>) -> Table {
        Table { side, fields }
    }

    /// Returns the fields of an object's schema.
    pub(super) fn of(side: Side, schema: &'static Value) -> Table {
        let (name, schema) = resolved(schema);
        Table::new(side, properties(side, schema, &mut vec![name]))
    }

    fn is_input(&self) -> bool {
        self.side == Side::Input
    }
}

/// Returns the fields of a schema, in its order. `open` has the names of the types around them.
pub(super) fn properties(side: Side, schema: &'static Value, open: &mut Vec<&'static str>) -> Vec<Field> {
    let is_required = |name: &String| schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
    let all = schema["properties"].as_object().into_iter().flatten();
    all.map(|(name, schema)| Field::new(side, "", name, schema, is_required(name), open)).collect()
}

impl Field {
    pub(super) fn new(
        side: Side,
        place: &'static str,
        name: &str,
        schema: &'static Value,
        is_required: bool,
        open: &mut Vec<&'static str>,
    ) -> Field {
        let mut kind = Kind::of(schema);
        // A caller who has no value for a field leaves it out.
        kind.is_nullable &= side == Side::Answer;
        let (about, _) = parts(description(schema));
        let default = schema.get("default").filter(|value| !value.is_null() && side == Side::Input);
        let default = default.map(|value| match value {
            Value::Number(_) => format!("default {}", grouped(value)),
            _ => format!("default `{}`", plain(value)),
        });
        let bounds: Vec<String> = default.into_iter().chain(kind.bounds.iter().cloned()).collect();
        let folded = folded(side, &kind, &about, open);
        Field {
            name: name.to_owned(),
            place,
            kind,
            is_required,
            bounds: Line::new(&bounds.join("; ")),
            about: Line::new(&about),
            folded,
        }
    }

    /// Describes a field that its schema leaves without a description.
    pub(super) fn or_about(mut self, about: &str) -> Field {
        if self.about.is_empty() {
            self.about = Line::new(about);
        }
        self
    }
}

/// Returns the description of a field, or else of its type.
fn description(schema: &'static Value) -> &'static str {
    schema["description"].as_str().or_else(|| resolved(schema).1["description"].as_str()).unwrap_or_default()
}

/// Returns the types in a field. `shown` is the description of the field, which is not repeated.
fn folded(side: Side, kind: &Kind, shown: &str, open: &mut Vec<&'static str>) -> Vec<NestedTable> {
    let mut all = Vec::new();
    for object in &kind.objects {
        // A type inside itself is described further up.
        if !object.name.is_empty() && open.contains(&object.name) {
            continue;
        }
        open.push(object.name);
        let (about, _) = parts(object.schema["description"].as_str().unwrap_or_default());
        let table = Table::new(side, properties(side, object.schema, open));
        open.pop();
        let title = match object.name {
            "" => "Its fields".to_owned(),
            name => format!("Fields of {name}"),
        };
        let about = if about == shown { Line::default() } else { Line::new(&about) };
        all.push(NestedTable { title, about, table });
    }
    all
}
