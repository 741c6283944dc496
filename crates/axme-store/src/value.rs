//! Parameters and results of statements: five kinds of values that both engines have. Reading a column fails when it
//! holds another kind.

use std::borrow::Cow;

use axme_intent::{Address, IntentId, Time};
use uuid::Uuid;

use crate::error::StoreError;

#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Uuid(Uuid),
    Bytes(Cow<'a, [u8]>),
}

impl Value<'_> {
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Int(n) => Value::Int(n),
            Value::Text(t) => Value::Text(Cow::Owned(t.into_owned())),
            Value::Uuid(u) => Value::Uuid(u),
            Value::Bytes(b) => Value::Bytes(Cow::Owned(b.into_owned())),
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(n: i64) -> Self {
        Value::Int(n)
    }
}

impl From<u32> for Value<'_> {
    fn from(n: u32) -> Self {
        Value::Int(n.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Value::Int(flag.into())
    }
}

impl From<Time> for Value<'_> {
    fn from(time: Time) -> Self {
        Value::Int(time.micros())
    }
}

impl From<Uuid> for Value<'_> {
    fn from(id: Uuid) -> Self {
        Value::Uuid(id)
    }
}

impl From<IntentId> for Value<'_> {
    fn from(id: IntentId) -> Self {
        Value::Uuid(id.0)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a Address> for Value<'a> {
    fn from(address: &'a Address) -> Self {
        Value::Text(Cow::Borrowed(address.as_str()))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Value::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A row of a result. Columns are read by number, from 0.
#[derive(Debug, Clone)]
pub struct Row(pub(super) Vec<Value<'static>>);

impl Row {
    fn wrong(&self, column: usize, wanted: &str) -> StoreError {
        StoreError::Fault(format!(
            "column {column} does not hold a value of type {wanted}: {:?}",
            self.0.get(column).map(std::mem::discriminant)
        ))
    }

    pub(crate) fn int(&self, column: usize) -> Result<i64, StoreError> {
        match self.0.get(column) {
            Some(Value::Int(n)) => Ok(*n),
            _ => Err(self.wrong(column, "number")),
        }
    }

    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.int(column).map(Some),
        }
    }

    pub fn count(&self, column: usize) -> Result<u32, StoreError> {
        u32::try_from(self.int(column)?).map_err(|_| self.wrong(column, "count"))
    }

    pub fn time(&self, column: usize) -> Result<Time, StoreError> {
        self.int(column).map(Time::from_micros)
    }

    pub(crate) fn opt_time(&self, column: usize) -> Result<Option<Time>, StoreError> {
        Ok(self.opt_int(column)?.map(Time::from_micros))
    }

    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(self.wrong(column, "text")),
        }
    }

    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    /// Reads a value of a closed set.
    pub fn word<T>(&self, column: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text(column)?;
        parse(text).ok_or_else(|| StoreError::Fault(format!("column {column}: unknown value \"{text}\"")))
    }

    /// Reads a value of a closed set, or null.
    pub(crate) fn opt_word<T>(
        &self,
        column: usize,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.word(column, parse).map(Some),
        }
    }

    pub fn string(&self, column: usize) -> Result<String, StoreError> {
        self.text(column).map(str::to_owned)
    }

    pub(crate) fn opt_string(&self, column: usize) -> Result<Option<String>, StoreError> {
        Ok(self.opt_text(column)?.map(str::to_owned))
    }

    pub fn uuid(&self, column: usize) -> Result<Uuid, StoreError> {
        match self.0.get(column) {
            Some(Value::Uuid(id)) => Ok(*id),
            Some(Value::Bytes(bytes)) => Uuid::from_slice(bytes).map_err(|_| self.wrong(column, "uuid")),
            _ => Err(self.wrong(column, "uuid")),
        }
    }

    pub(crate) fn opt_uuid(&self, column: usize) -> Result<Option<Uuid>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.uuid(column).map(Some),
        }
    }

    pub fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        match self.0.get(column) {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            _ => Err(self.wrong(column, "bytes")),
        }
    }

    pub(crate) fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.bytes(column).map(Some),
        }
    }

    /// Reads JSON that this program stored.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, StoreError> {
        // The error's text may quote a value.
        let fault = |e: serde_json::Error| StoreError::Fault(format!("column {column}: {:?} error", e.classify()));
        serde_json::from_str(self.text(column)?).map_err(fault)
    }
}
