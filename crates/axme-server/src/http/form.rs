//! The form of a task: its fields, built from the JSON Schema, with what a person typed and the errors in it. Nobody is
//! asked for JSON.
//!
//! `read` turns what a browser sends into an answer, by the same walk through the schema. The rules check the answer; this
//! folder does not.

mod moment;
mod number;
mod read;
mod shown;

use std::cell::Cell;
use std::collections::BTreeMap;

use askama::Template;
pub use axme_intent::fields::words;
use axme_intent::form::FileRule;
use axme_intent::{HumanTask, Object, facts, form};
use axme_words::{Language, Text, say};
use serde_json::Value;

pub(super) use read::{Reading, read};
pub(super) use shown::size;
use shown::{help, limits, shown, typed};

/// The prefix of field names on the page, which keeps them apart from the page's own names.
const PREFIX: &str = "field.";

/// Maximum number of fields, of rows of a list, and of levels of nesting that a page shows. A form with more is of no use
/// to a person.
const MAX_FIELDS: usize = 100;
const MAX_ROWS: usize = 50;
const MAX_LEVELS: usize = 5;

/// A field that allows longer text than this gets several lines.
const LONG_CHARS: u64 = 200;

/// One field of the form, which is rendered with everything inside it.
#[derive(Template)]
#[template(path = "field.html")]
pub struct Field {
    pub name: String,
    /// Where the field is in the answer: `payee.iban`, `lines.0.count`.
    pub place: String,
    /// The id of the element on the page.
    pub id: String,
    pub label: String,
    pub help: String,
    pub is_required: bool,
    pub kind: Kind,
    pub value: String,
    /// The value as the answer has it, for people. Empty if there is none.
    pub shown: String,
    /// The error in the value; empty if there is none.
    pub error: String,
    /// Attributes that help while typing, such as `maxlength="80"`.
    pub limits: Vec<(&'static str, String)>,
    pub language: Language,
}

pub enum Kind {
    /// An input element with this `type`.
    Input(&'static str),
    /// A number: `is_whole` if only whole numbers are wanted.
    Number {
        is_whole: bool,
    },
    /// A date and time in the zone of the reader.
    DateTime,
    TimeOfDay,
    Text,
    /// Lines of `name: value`, for an object whose fields the schema does not name.
    Lines,
    /// One of several values.
    Choice(Vec<Choice>),
    /// A file: the id of one that was sent, and a new one.
    File(FileRule),
    /// Yes or no.
    YesNo,
    /// Any number of values.
    Checks(Vec<Choice>),
    /// A box to tick, which then sends this value.
    Tick(Value),
    /// A value that is shown and cannot be changed.
    Fixed(Value),
    /// The fields of an object.
    Group(Vec<Field>),
    /// The rows of a list, each with its field.
    List(Vec<Field>),
}

/// A value that can be chosen.
pub struct Choice {
    /// The value that the browser sends.
    pub key: String,
    pub label: String,
    pub value: Value,
    pub is_chosen: bool,
}

impl Field {
    /// Returns a text in the language of the page.
    fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }

    /// Returns the ids of the elements that describe the field.
    fn described_by(&self) -> String {
        let parts = [(&self.help, "help"), (&self.error, "error")];
        let ids = parts.iter().filter(|(text, _)| !text.is_empty()).map(|(_, what)| format!("{}-{what}", self.id));
        ids.collect::<Vec<String>>().join(" ")
    }

    /// Returns the attributes for a reader who does not see the page.
    fn aria(&self) -> String {
        let by = self.described_by();
        let by = if by.is_empty() { String::new() } else { format!(" aria-describedby=\"{by}\"") };
        if self.error.is_empty() { by } else { format!("{by} aria-invalid=\"true\"") }
    }

    /// Returns the field and those inside it, each with the labels around it.
    pub(super) fn leaves(&self) -> Vec<(String, &Field)> {
        match &self.kind {
            Kind::Group(fields) => {
                let mut leaves: Vec<(String, &Field)> = fields.iter().flat_map(Field::leaves).collect();
                for (label, _) in &mut leaves {
                    *label = format!("{}, {label}", self.label);
                }
                leaves
            }
            Kind::List(rows) => rows.iter().flat_map(Field::leaves).collect(),
            _ => vec![(self.label.clone(), self)],
        }
    }

    /// Returns the errors of the field and of those inside it: the id, the label and the error of each.
    pub(super) fn errors(&self) -> Vec<(&str, &str, &str)> {
        let own = (!self.error.is_empty()).then_some((self.id.as_str(), self.label.as_str(), self.error.as_str()));
        let inside = match &self.kind {
            Kind::Group(fields) | Kind::List(fields) => fields.as_slice(),
            _ => &[],
        };
        own.into_iter().chain(inside.iter().flat_map(Field::errors)).collect()
    }

    /// Returns the places of the field and of those inside it.
    pub(super) fn places(&self) -> Vec<&str> {
        let inside = match &self.kind {
            Kind::Group(fields) | Kind::List(fields) => fields.as_slice(),
            _ => &[],
        };
        std::iter::once(self.place.as_str()).chain(inside.iter().flat_map(Field::places)).collect()
    }
}

/// The fields that a browser sent; none before that.
#[derive(Debug, Clone, Default)]
pub struct FormFields(Vec<(String, String)>);

impl FormFields {
    pub fn new(pairs: Vec<(String, String)>) -> FormFields {
        // Browsers end lines with two characters; length limits count one.
        let plain = |(name, value): (String, String)| (name, value.replace("\r\n", "\n"));
        FormFields(pairs.into_iter().map(plain).collect())
    }

    /// Returns the last value under a name, trimmed; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.sent(name).map(str::trim).unwrap_or_default()
    }

    /// Returns the last value under a name as it was sent.
    fn sent(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns every field with its name, in the order in which they were sent.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn is_sent(&self) -> bool {
        !self.0.is_empty()
    }

    /// Returns the number of rows of a list, if the browser sent it.
    fn rows(&self, name: &str) -> Option<usize> {
        self.get(&format!("rows.{name}")).parse().ok().map(|rows: usize| rows.min(MAX_ROWS))
    }

    /// Returns the fields that the next page repeats: all except the token and the step.
    pub fn kept(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter().filter(|(name, _)| !matches!(name.as_str(), "token" | "step"))
    }

    /// Carries out the step of a button of a list: `add:<name>`, `remove:<name>:<row>`, `up:<name>:<row>`. False for
    /// another step.
    pub(super) fn change_list(&mut self) -> bool {
        let step = self.get("step").to_owned();
        let Some((what, rest)) = step.split_once(':') else { return false };
        let (name, row) = match (what, rest.rsplit_once(':')) {
            ("add", _) => (rest, 0),
            ("remove" | "up", Some((name, row))) => (name, row.parse().unwrap_or(usize::MAX)),
            _ => return false,
        };
        let rows = self.rows(name).unwrap_or(0);
        let moved = |index: usize| match what {
            "remove" if index == row => None,
            "remove" if index > row => Some(index - 1),
            "up" if row > 0 && index == row => Some(row - 1),
            "up" if row > 0 && index == row - 1 => Some(row),
            _ => Some(index),
        };
        let prefixes = [format!("{name}."), format!("rows.{name}.")];
        let pairs = std::mem::take(&mut self.0).into_iter().filter_map(|(known, value)| {
            let Some(prefix) = prefixes.iter().find(|prefix| known.starts_with(prefix.as_str())) else {
                return Some((known, value));
            };
            let rest = &known[prefix.len()..];
            let (index, tail) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
            let Ok(index) = index.parse() else { return Some((known, value)) };
            moved(index).map(|index| (format!("{prefix}{index}{tail}"), value))
        });
        self.0 = pairs.collect();
        let rows = match what {
            "add" => rows + 1,
            "remove" if row < rows => rows - 1,
            _ => rows,
        };
        let count = format!("rows.{name}");
        self.0.retain(|(known, _)| *known != count && known != "step");
        self.0.push((count, rows.min(MAX_ROWS).to_string()));
        true
    }
}

/// The sources of the fields of a form.
struct Builder<'a> {
    root: &'a Value,
    filled: &'a FormFields,
    wrong: &'a BTreeMap<String, String>,
    count: Cell<usize>,
    language: Language,
}

/// Returns the fields of a task's schema, with what was typed, how it was read, and the errors.
pub fn fields(
    task: &HumanTask,
    filled: &FormFields,
    data: &Object,
    wrong: &BTreeMap<String, String>,
    language: Language,
) -> Vec<Field> {
    let Some(schema) = task.form_schema.as_deref() else { return Vec::new() };
    let builder = Builder { root: schema, filled, wrong, count: Cell::new(0), language };
    builder.object(schema, Some(data), PREFIX, "", 0)
}

/// Returns the place and the limits of a field that takes a file, by the name of the field on the page.
pub(super) fn file_field(task: &HumanTask, filled: &FormFields, name: &str) -> Option<(String, FileRule)> {
    let data = Object::new();
    let fields = fields(task, filled, &data, &BTreeMap::new(), Language::English);
    let leaf = fields.iter().flat_map(Field::leaves).map(|(_, field)| field).find(|field| field.name == name)?;
    match &leaf.kind {
        Kind::File(rule) => Some((leaf.place.clone(), rule.clone())),
        _ => None,
    }
}

/// Returns whether some field takes a file.
pub(super) fn has_files(fields: &[Field]) -> bool {
    fields.iter().flat_map(Field::leaves).any(|(_, field)| matches!(field.kind, Kind::File(_)))
}

/// Returns whether a schema shows other fields when some are filled in.
pub fn has_conditions(task: &HumanTask) -> bool {
    task.form_schema.as_deref().is_some_and(|schema| {
        let text = schema.to_string();
        ["\"if\":", "\"dependentSchemas\":", "\"dependentRequired\":"].iter().any(|keyword| text.contains(keyword))
    })
}

/// Returns the properties of an object that a page shows: those that its schema describes, and others that are required.
fn shown_properties(shape: &Value, root: &Value, is_top: bool) -> Vec<(String, Value)> {
    let properties = shape.get("properties").and_then(Value::as_object);
    // A required field that the schema does not describe is a text.
    let others = required(shape).into_iter().filter(|name| properties.is_none_or(|known| !known.contains_key(*name)));
    let others = others.map(|name| (name.to_owned(), Value::Null));
    let known = properties.into_iter().flatten().map(|(name, property)| (name.clone(), form::resolved(property, root)));
    let is_own = |(name, property): &(String, Value)| {
        // The buttons and boxes of every page set these.
        let is_flag = || form::types(property, root).iter().any(|name| name == "boolean");
        let is_set_elsewhere =
            (name == "approved" && is_flag()) || ["comment", "evidence", "outcome"].contains(&name.as_str());
        !(is_top && is_set_elsewhere)
    };
    known.chain(others).filter(is_own).collect()
}

fn required(shape: &Value) -> Vec<&str> {
    shape.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Returns the name of a field inside another one. A dot in a name is doubled.
fn inside(prefix: &str, name: &str) -> String {
    let name = name.replace('.', "..");
    if prefix.ends_with('.') { format!("{prefix}{name}") } else { format!("{prefix}.{name}") }
}

fn place_of(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

impl Builder<'_> {
    fn object(&self, schema: &Value, data: Option<&Object>, name: &str, place: &str, level: usize) -> Vec<Field> {
        let none = Object::new();
        let shape = form::effective(schema, self.root, data.unwrap_or(&none));
        let required = required(&shape);
        let mut fields = Vec::new();
        for (key, property) in shown_properties(&shape, self.root, level == 0) {
            if self.count.get() >= MAX_FIELDS || level >= MAX_LEVELS {
                break;
            }
            let value = data.and_then(|data| data.get(&key));
            let label = text(&property, "title").map_or_else(|| words(&key), str::to_owned);
            let of = FieldOf {
                name: inside(name, &key),
                place: place_of(place, &key),
                label,
                is_required: required.contains(&key.as_str()),
                level,
            };
            fields.push(self.field(&property, value, of));
        }
        fields
    }

    fn field(&self, property: &Value, data: Option<&Value>, of: FieldOf) -> Field {
        let number = self.count.get();
        self.count.set(number + 1);
        let sent = self.filled.sent(&of.name);
        let mut kind = self.kind(property, data, &of);
        let usual = || property.get("default").map(|value| typed(&kind, value, self.language)).unwrap_or_default();
        let value = match &kind {
            // Only the person ticks a box.
            Kind::Tick(_) => sent.unwrap_or_default().to_owned(),
            Kind::Fixed(value) => facts::readable(&value.clone().into(), self.language),
            _ => sent.map_or_else(usual, str::to_owned),
        };
        // A picker in the zone of the reader cannot show a moment with an offset of its own.
        if matches!(kind, Kind::DateTime | Kind::TimeOfDay)
            && value.ends_with(|c: char| c == 'Z' || c.is_ascii_digit())
            && has_offset(&value)
        {
            kind = Kind::Input("text");
        }
        if let Kind::Choice(choices) = &mut kind {
            for choice in choices {
                choice.is_chosen = choice.key == value;
            }
        }
        Field {
            id: format!("field-{number}"),
            help: help(property, &kind, self.language),
            is_required: of.is_required || matches!(kind, Kind::Tick(_)),
            shown: match kind {
                // The answer has the id of a file, which says nothing to people.
                Kind::File(_) => self.filled.get(&format!("name.{}", of.name)).to_owned(),
                _ => shown(&kind, data, self.language),
            },
            error: self.wrong.get(&of.place).cloned().unwrap_or_default(),
            limits: limits(property, &kind),
            language: self.language,
            label: of.label,
            name: of.name,
            place: of.place,
            kind,
            value,
        }
    }

    fn kind(&self, property: &Value, data: Option<&Value>, of: &FieldOf) -> Kind {
        match kind(property, self.root, self.language) {
            KindOf::Plain(kind) => kind,
            KindOf::Checks(choices) => {
                let chosen: Vec<&str> = self.filled.all(&of.name).collect();
                let defaults = property.get("default").and_then(Value::as_array).filter(|_| !self.filled.is_sent());
                let is_chosen = |choice: &Choice| {
                    chosen.contains(&choice.key.as_str()) || defaults.is_some_and(|list| list.contains(&choice.value))
                };
                Kind::Checks(
                    choices.into_iter().map(|choice| Choice { is_chosen: is_chosen(&choice), ..choice }).collect(),
                )
            }
            KindOf::Object => {
                Kind::Group(self.object(property, data.and_then(Value::as_object), &of.name, &of.place, of.level + 1))
            }
            KindOf::List(items) => Kind::List(self.rows(property, &items, data, of)),
        }
    }

    fn rows(&self, property: &Value, items: &Value, data: Option<&Value>, of: &FieldOf) -> Vec<Field> {
        let rows = self.filled.rows(&of.name).unwrap_or_else(|| first_rows(property));
        let mut fields = Vec::new();
        for index in 0..rows {
            if self.count.get() >= MAX_FIELDS || of.level + 1 >= MAX_LEVELS {
                break;
            }
            let row = FieldOf {
                name: format!("{}.{index}", of.name),
                place: place_of(&of.place, &index.to_string()),
                label: format!("{} {}", of.label, index + 1),
                is_required: false,
                level: of.level + 1,
            };
            let mut field = self.field(items, data.and_then(|data| data.get(index)), row);
            let default = property.get("default").and_then(|list| list.get(index)).filter(|_| !self.filled.is_sent());
            if let Some(default) = default {
                field.value = typed(&field.kind, default, self.language);
            }
            fields.push(field);
        }
        fields
    }
}

/// How many rows a list has before the person adds one.
fn first_rows(property: &Value) -> usize {
    let least =
        property.get("minItems").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok()).unwrap_or(0);
    let usual = property.get("default").and_then(Value::as_array).map_or(0, Vec::len);
    least.max(usual).clamp(1, MAX_ROWS)
}

/// The place of a field in its form.
struct FieldOf {
    name: String,
    place: String,
    label: String,
    is_required: bool,
    level: usize,
}

/// The kind of a property, before its fields and rows are known.
enum KindOf {
    Plain(Kind),
    Checks(Vec<Choice>),
    Object,
    List(Value),
}

fn kind(property: &Value, root: &Value, language: Language) -> KindOf {
    let types = form::types(property, root);
    let has_type = |wanted: &str| types.iter().any(|name| name == wanted);
    match property.get("const") {
        Some(value @ Value::Bool(_)) => return KindOf::Plain(Kind::Tick(value.clone())),
        Some(value) => return KindOf::Plain(Kind::Fixed(value.clone())),
        None => {}
    }
    if property.get("readOnly") == Some(&Value::Bool(true))
        && let Some(value) = property.get("default")
    {
        return KindOf::Plain(Kind::Fixed(value.clone()));
    }
    if let Some(choices) = choices(property, root, language) {
        return KindOf::Plain(Kind::Choice(choices));
    }
    let is_text = has_type("string");
    if has_type("boolean") && !is_text {
        return KindOf::Plain(Kind::YesNo);
    }
    if (has_type("integer") || has_type("number")) && !is_text {
        return KindOf::Plain(Kind::Number { is_whole: !has_type("number") });
    }
    if has_type("array") && !is_text {
        let items = property.get("items").map(|items| form::resolved(items, root)).unwrap_or_default();
        return match choices(&items, root, language) {
            Some(choices) => KindOf::Checks(choices),
            None => KindOf::List(items),
        };
    }
    if has_type("object") && !is_text {
        let has_fields = property.get("properties").and_then(Value::as_object).is_some_and(|known| !known.is_empty());
        return if has_fields { KindOf::Object } else { KindOf::Plain(Kind::Lines) };
    }
    let is_long = property.get("maxLength").and_then(Value::as_u64).is_some_and(|most| most > LONG_CHARS);
    KindOf::Plain(match text(property, "format") {
        Some("email") => Kind::Input("email"),
        Some("date") => Kind::Input("date"),
        Some("date-time") => Kind::DateTime,
        Some("time") => Kind::TimeOfDay,
        Some("uri" | "url") => Kind::Input("url"),
        Some("password") => Kind::Input("password"),
        Some("file") => FileRule::of(property).map_or(Kind::Input("text"), Kind::File),
        _ if is_long => Kind::Text,
        _ => Kind::Input("text"),
    })
}

/// Returns the values of a closed set, each shown as it was given or by its title.
fn choices(property: &Value, root: &Value, language: Language) -> Option<Vec<Choice>> {
    let titled = |member: &Value| {
        let member = form::resolved(member, root);
        let value = member.get("const")?.clone();
        let label = text(&member, "title").map_or_else(|| plain(&value), str::to_owned);
        Some((value, label))
    };
    let members = property.get("oneOf").or_else(|| property.get("anyOf")).and_then(Value::as_array);
    let values: Vec<(Value, String)> = match (property.get("enum").and_then(Value::as_array), members) {
        // A choice is shown as it was given: `-1`, `0.5` and `1-5` are not names.
        (Some(list), _) => list.iter().map(|value| (value.clone(), plain(value))).collect(),
        (None, Some(members)) => members.iter().map(titled).collect::<Option<_>>()?,
        (None, None) => return None,
    };
    let is_double = |key: &str| values.iter().filter(|(value, _)| plain(value) == key).count() > 1;
    let choice = |(value, label): &(Value, String)| {
        let key = plain(value);
        // `1` and `"1"` are different values.
        let key = if is_double(&key) { value.to_string() } else { key };
        let label = if value.is_null() && label.is_empty() { say(language, "form-none").into() } else { label.clone() };
        Choice { key, label, value: value.clone(), is_chosen: false }
    };
    Some(values.iter().map(choice).collect())
}

/// Returns a value as it was given.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn text<'a>(property: &'a Value, key: &str) -> Option<&'a str> {
    property.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

fn has_offset(text: &str) -> bool {
    text.ends_with('Z') || text.rfind(['+', '-']).is_some_and(|at| at > 7)
}

/// Returns whether a task's form has a field `name`.
pub fn has(task: &HumanTask, name: &str) -> bool {
    task.form_schema.as_ref().is_some_and(|schema| schema["properties"].get(name).is_some())
}

#[cfg(test)]
mod tests;
