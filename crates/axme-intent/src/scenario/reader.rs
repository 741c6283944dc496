//! Reads the fields of a bundle one by one, and collects the errors and warnings about them.

use serde_json::Value;

use super::Report;
use crate::fields::shown;
use crate::{Home, Object};

pub(super) struct Reader<'a> {
    pub(super) home: Home<'a>,
    pub(super) report: Report,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, place: &str, what: impl std::fmt::Display) {
        self.report.errors.push(format!("{place}: {what}"));
    }

    pub(super) fn warn(&mut self, place: &str, what: impl std::fmt::Display) {
        self.report.warnings.push(format!("{place}: {what}"));
    }

    pub(super) fn entries(&mut self, source: &Object, key: &str, place: &str, most: usize) -> Vec<(String, Object)> {
        let list = match source.get(key) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.error(place, format!("must be a list, not {}", shown(other)));
                return Vec::new();
            }
        };
        if list.len() > most {
            self.error(place, format!("has {} entries, at most {most} are allowed", list.len()));
        }
        let mut entries = Vec::new();
        for (index, entry) in list.iter().take(most).enumerate() {
            let place = format!("{place}[{index}]");
            match entry {
                Value::Object(fields) => entries.push((place, fields.clone())),
                other => self.error(&place, format!("must be an object, not {}", shown(other))),
            }
        }
        entries
    }

    pub(super) fn required(&mut self, source: &Object, key: &str, place: &str, most: usize) -> Option<String> {
        let before = self.report.errors.len();
        match self.text(source, key, place, most) {
            Some(text) if !text.is_empty() => Some(text),
            _ if self.report.errors.len() > before => None,
            _ => {
                self.error(place, "required");
                None
            }
        }
    }

    pub(super) fn text(&mut self, source: &Object, key: &str, place: &str, most: usize) -> Option<String> {
        match source.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= most => Some(text.trim().to_owned()),
            Some(Value::String(text)) => {
                self.error(place, format!("has {} characters, at most {most} are allowed", text.chars().count()));
                None
            }
            Some(other) => {
                self.error(place, format!("must be a string, not {}", shown(other)));
                None
            }
        }
    }

    pub(super) fn flag(&mut self, source: &Object, key: &str, place: &str) -> bool {
        match source.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.error(&format!("{place}.{key}"), format!("must be true or false, not {}", shown(other)));
                false
            }
        }
    }

    /// Reads a whole number from 1 to `most`. 0 and null mean "not set", because clients send them for it.
    pub(super) fn count(&mut self, source: &Object, key: &str, place: &str, most: u64) -> Option<u64> {
        match source.get(key) {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64() {
                Some(0) => None,
                Some(number) if number <= most => Some(number),
                _ => {
                    let message = format!("must be a whole number from 1 to {most}, not {}", shown(value));
                    self.error(place, message);
                    None
                }
            },
        }
    }
}
