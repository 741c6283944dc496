//! Reads an answer from what a browser sends, as people type it: numbers, times in their zone, ticked boxes, rows.
//!
//! A value that has two readings, or none, is an error at its place. It stays in the answer as text, so that the rules
//! refuse it as well.

use std::cell::RefCell;
use std::collections::BTreeMap;

use axme_intent::{HumanTask, Object, TaskResult, Time, form};
use axme_words::{Language, Text, say};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::number::Typed;
use super::{
    Choice, FormFields, Kind, KindOf, MAX_LEVELS, PREFIX, inside, kind, moment, number, place_of, shown_properties,
};

/// The most digits that a JSON number keeps in every program.
const MAX_DIGITS: usize = 15;

/// How often the fields of an object are read again: each time, the values may bring more fields into the form.
const MAX_ROUNDS: usize = 4;

/// An answer, and the errors of the values that could not be read, by their place.
pub(in crate::http) struct Reading {
    pub answer: TaskResult,
    pub wrong: BTreeMap<String, String>,
}

impl Reading {
    /// The fields of the form as they were read.
    pub fn data(&self) -> Object {
        self.answer.data.values_parsed()
    }
}

/// Reads the answer to a task. Fields that were left empty are not in it.
pub(in crate::http) fn read(task: &HumanTask, filled: &FormFields, now: Time, language: Language) -> Reading {
    let given = |name: &str| Some(filled.get(name).to_owned()).filter(|text| !text.is_empty());
    let mut data = Object::new();
    let mut wrong = BTreeMap::new();
    if let Some(schema) = task.form_schema.as_deref() {
        let reader = Reader {
            root: schema,
            filled,
            zone: moment::zone(filled.get("zone")),
            now,
            language,
            wrong: RefCell::default(),
        };
        data = reader.object(schema, PREFIX, "", 0);
        wrong = reader.wrong.into_inner();
    }
    data.extend(given("evidence").map(|evidence| ("evidence".to_owned(), evidence.into())));
    let answer = TaskResult { outcome: given("outcome"), comment: given("comment"), data: data.into() };
    Reading { answer, wrong }
}

struct Reader<'a> {
    root: &'a Value,
    filled: &'a FormFields,
    zone: TimeZone,
    now: Time,
    language: Language,
    wrong: RefCell<BTreeMap<String, String>>,
}

impl Reader<'_> {
    fn object(&self, schema: &Value, name: &str, place: &str, level: usize) -> Object {
        let mut data = Object::new();
        if level >= MAX_LEVELS {
            return data;
        }
        for _ in 0..MAX_ROUNDS {
            let shape = form::effective(schema, self.root, &data);
            let mut next = Object::new();
            for (key, property) in shown_properties(&shape, self.root, level == 0) {
                let is_required = super::required(&shape).contains(&key.as_str());
                let value = self.value(&property, &inside(name, &key), &place_of(place, &key), level, is_required);
                next.extend(value.map(|value| (key, value)));
            }
            if next == data {
                break;
            }
            data = next;
        }
        data
    }

    fn value(&self, property: &Value, name: &str, place: &str, level: usize, is_required: bool) -> Option<Value> {
        let sent = self.filled.sent(name);
        let trimmed = sent.map(str::trim).filter(|text| !text.is_empty());
        match kind(property, self.root, self.language) {
            KindOf::Object => {
                let fields = self.object(property, name, place, level + 1);
                // A required object is there, so that its own required fields are asked for.
                (is_required || !fields.is_empty()).then_some(Value::Object(fields))
            }
            KindOf::List(items) => {
                let rows = self.filled.rows(name).unwrap_or(0);
                let row = |index: usize| {
                    self.value(
                        &items,
                        &format!("{name}.{index}"),
                        &place_of(place, &index.to_string()),
                        level + 1,
                        false,
                    )
                };
                let rows: Vec<Value> = (0..rows).filter_map(row).collect();
                (!rows.is_empty()).then_some(Value::Array(rows))
            }
            KindOf::Checks(choices) => {
                let chosen: Vec<Value> =
                    self.filled.all(name).filter(|key| !key.is_empty()).map(|key| chosen(&choices, key)).collect();
                (!chosen.is_empty()).then_some(Value::Array(chosen))
            }
            KindOf::Plain(kind) => self.plain(&kind, sent, trimmed, place),
        }
    }

    fn plain(&self, kind: &Kind, sent: Option<&str>, trimmed: Option<&str>, place: &str) -> Option<Value> {
        let text = trimmed?;
        Some(match kind {
            Kind::Fixed(value) | Kind::Tick(value) => value.clone(),
            Kind::Choice(choices) => chosen(choices, text),
            Kind::YesNo => match text {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                other => other.into(),
            },
            Kind::Number { is_whole } => self.number(text, *is_whole, place),
            Kind::DateTime => self.moment(moment::date_time(text, &self.zone), text, place),
            Kind::TimeOfDay => self.moment(moment::time(text, &self.zone, self.now), text, place),
            Kind::Lines => self.lines(text, place),
            // A password may begin or end with a blank.
            Kind::Input("password") => sent.unwrap_or(text).into(),
            _ => text.into(),
        })
    }

    fn number(&self, text: &str, is_whole: bool, place: &str) -> Value {
        match number::read(text, is_whole) {
            Typed::Number(digits) => {
                let count = digits.bytes().filter(u8::is_ascii_digit).count();
                match serde_json::from_str(&digits) {
                    Ok(number) if count <= MAX_DIGITS => number,
                    _ => self.refuse(place, self.say("wrong-digits").with("most", MAX_DIGITS), text),
                }
            }
            Typed::Ambiguous { grouped, decimal } => {
                let why = self.say("wrong-two-readings").with("text", text).with("grouped", grouped);
                self.refuse(place, why.with("decimal", axme_words::decimal(self.language, &decimal)), text)
            }
            Typed::NoNumber if is_whole => self.refuse(place, self.say("wrong-whole-number"), text),
            Typed::NoNumber => self.refuse(place, self.say("wrong-number"), text),
        }
    }

    fn moment(&self, read: Result<String, &'static str>, text: &str, place: &str) -> Value {
        read.map_or_else(|why| self.refuse(place, self.say(why), text), Value::from)
    }

    fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }

    fn lines(&self, text: &str, place: &str) -> Value {
        let mut fields = Object::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once(':') {
                Some((name, value)) if !name.trim().is_empty() => {
                    fields.insert(name.trim().to_owned(), value.trim().into());
                }
                _ => return self.refuse(place, self.say("wrong-line").with("line", line), text),
            }
        }
        Value::Object(fields)
    }

    fn refuse(&self, place: &str, why: Text, text: &str) -> Value {
        self.wrong.borrow_mut().insert(place.to_owned(), why.into());
        text.into()
    }
}

fn chosen(choices: &[Choice], key: &str) -> Value {
    choices.iter().find(|choice| choice.key == key).map_or_else(|| key.into(), |choice| choice.value.clone())
}
