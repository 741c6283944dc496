//! Checks and reads the fields of inputs, for every family. An error names the field and says what is accepted.

use std::ops::RangeInclusive;
use std::str::FromStr;

use axme_api::{ApiError, ErrorKind};
use axme_intent::address::MAX_ADDRESS_CHARS;
use axme_intent::{Address, Home, IntentId, Status, Time};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Refuses a word that is none of the allowed ones. The error lists them.
pub(crate) fn check_word(field: &str, word: Option<&str>, known: &[&str]) -> Result<()> {
    let check = |word| read_word(field, word, |word| known.contains(&word).then_some(()), known);
    word.map_or(Ok(()), check)
}

/// Parses one of the allowed words. The error lists them.
pub(crate) fn read_word<T>(
    field: &str,
    word: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    known: &[&str],
) -> Result<T> {
    parse(word).ok_or_else(|| none_of(field, word, known))
}

/// The error for a word that is none of the allowed ones.
pub(crate) fn none_of(field: &str, word: &str, known: &[&str]) -> Error {
    ApiError::invalid(format!("{field}: \"{word}\" is none of {}", known.join(", "))).into()
}

/// Refuses text that is shorter or longer than it may be. Blanks around it do not make it long enough.
pub(crate) fn check_chars(field: &str, text: Option<&str>, least: usize, most: usize) -> Result<()> {
    if text.is_none_or(|text| text.trim().chars().count() >= least && text.chars().count() <= most) {
        return Ok(());
    }
    let least = if least == 0 { "at most".to_owned() } else { format!("{least} to") };
    Err(ApiError::invalid(format!("{field}: {least} {most} characters")).into())
}

/// Refuses a number outside its bounds.
pub fn check_within(field: &str, number: Option<u64>, bounds: RangeInclusive<u64>) -> Result<()> {
    if number.is_none_or(|number| bounds.contains(&number)) {
        return Ok(());
    }
    let message = format!("{field}: must be a whole number from {} to {}", bounds.start(), bounds.end());
    Err(ApiError::invalid(message).into())
}

/// Reads an id; what is no id names nothing.
pub fn read_id(what: &str, text: &str) -> Result<Uuid> {
    Uuid::parse_str(text.trim()).map_err(|_| ApiError::not_found(format!("{what} {text}")).into())
}

/// Where a page begins: after the last id of the one before.
pub(crate) fn read_after(after: Option<&str>) -> Result<Uuid> {
    after.map_or(Ok(Uuid::nil()), |text| {
        Uuid::parse_str(text.trim()).map_err(|_| ApiError::invalid("after: must be an id").into())
    })
}

/// Where a page of a list begins that shows the newest first: before the last id of the one before, or at `newest`.
pub(crate) fn read_before<Id: FromStr>(before: Option<&str>, newest: Id, what: &str) -> Result<Id> {
    before.map_or(Ok(newest), |text| {
        text.trim().parse().map_err(|_| ApiError::invalid(format!("before: must be {what}")).into())
    })
}

/// Refuses JSON that is longer than any server takes.
pub fn check_size(what: &str, value: &impl serde::Serialize) -> Result<()> {
    check_bytes(what, value, axme_api::intents::MAX_PAYLOAD_BYTES)
}

/// Refuses JSON of more than `most` bytes.
pub(crate) fn check_bytes(what: &str, value: &impl serde::Serialize, most: usize) -> Result<()> {
    let mut counter = Counter(0);
    let counted = serde_json::to_writer(&mut counter, value);
    if counted.is_ok() && counter.0 <= most {
        return Ok(());
    }
    let message = format!("{what} has {} bytes of JSON, at most {most} are accepted", counter.0);
    Err(ApiError::new(ErrorKind::TooLarge, "payload_too_large", message).into())
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn address(text: &str, field: &str, home: Home<'_>) -> Result<Address> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_ADDRESS_CHARS || text.chars().any(char::is_control) {
        let message = format!("{field}: an address of 1 to {MAX_ADDRESS_CHARS} characters");
        return Err(ApiError::new(ErrorKind::Invalid, "invalid_agent_address", message).into());
    }
    let address = Address::resolve(text, home);
    if address.is_nameless() {
        let message = format!("{field}: there is no name in \"{text}\"");
        return Err(ApiError::new(ErrorKind::Invalid, "invalid_agent_address", message).into());
    }
    Ok(address)
}

/// A deadline must lie ahead. Checked when the call runs, not while it is prepared: a call that is repeated after its
/// deadline gets its first answer.
pub(crate) fn check_ahead(field: &str, at: Option<Time>, now: Time) -> Result<()> {
    match at {
        Some(at) if at <= now => {
            Err(ApiError::invalid(format!("{field}: {at} is not in the future; the server's time is {now}")).into())
        }
        _ => Ok(()),
    }
}

pub fn parse_status(word: &str) -> Result<Status> {
    Status::parse(word).ok_or_else(|| {
        let known: Vec<&str> = Status::ALL.iter().map(|s| s.as_str()).collect();
        none_of("status", word.trim(), &known)
    })
}

/// Reads an id; what is no id cannot name an intent, so it is not found.
pub fn parse_id(text: &str) -> Result<IntentId> {
    text.parse().map_err(|_| ApiError::not_found(format!("intent {text}")).into())
}
