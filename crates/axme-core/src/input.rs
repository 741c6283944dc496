//! Checks and parses input fields, for every family of operations. An error names the field and says what is accepted.
//! Nothing here reads the store.

use std::ops::RangeInclusive;
use std::str::FromStr;

use axme_api::{ApiError, ErrorCode, Object};
use axme_intent::address::MAX_ADDRESS_CHARS;
use axme_intent::{Address, Home, HumanTask, IntentId, Time};
use uuid::Uuid;

use crate::error::Result;

/// Checks the length of a text. Blanks around it do not count towards the minimum.
pub(crate) fn check_chars(field: &str, text: Option<&str>, least: usize, most: usize) -> Result<()> {
    if text.is_none_or(|text| text.trim().chars().count() >= least && text.chars().count() <= most) {
        return Ok(());
    }
    let least = if least == 0 { "at most".to_owned() } else { format!("{least} to") };
    Err(ApiError::invalid(format!("{field}: must have {least} {most} characters")).into())
}

/// Checks the bounds of a number.
pub fn check_within(field: &str, number: Option<u64>, bounds: RangeInclusive<u64>) -> Result<()> {
    if number.is_none_or(|number| bounds.contains(&number)) {
        return Ok(());
    }
    let message = format!("{field}: must be a whole number from {} to {}", bounds.start(), bounds.end());
    Err(ApiError::invalid(message).into())
}

/// Parses an id. Invalid text is answered as not found.
pub fn read_id(what: &str, text: &str) -> Result<Uuid> {
    Uuid::parse_str(text.trim()).map_err(|_| ApiError::not_found(format!("{what} {text}")).into())
}

/// Parses the start of a page: it begins after the last id of the page before.
pub(crate) fn read_after(after: Option<&str>) -> Result<Uuid> {
    after.map_or(Ok(Uuid::nil()), |text| {
        Uuid::parse_str(text.trim()).map_err(|_| ApiError::invalid("after: must be an id").into())
    })
}

/// Parses the start of a page in a list with the newest first: before the last id of the page before, or at `newest`.
pub(crate) fn read_before<Id: FromStr>(before: Option<&str>, newest: Id, what: &str) -> Result<Id> {
    before.map_or(Ok(newest), |text| {
        text.trim().parse().map_err(|_| ApiError::invalid(format!("before: must be {what}")).into())
    })
}

/// Checks that JSON is not longer than a payload may be on any server.
pub fn check_size(what: &str, value: &impl serde::Serialize) -> Result<()> {
    check_bytes(what, value, axme_api::intents::MAX_PAYLOAD_BYTES)
}

/// Checks that JSON has at most `most` bytes.
pub(crate) fn check_bytes(what: &str, value: &impl serde::Serialize, most: usize) -> Result<()> {
    let mut counter = Counter(0);
    let counted = serde_json::to_writer(&mut counter, value);
    if counted.is_ok() && counter.0 <= most {
        return Ok(());
    }
    let message = format!("{what} has {} bytes of JSON; at most {most} are accepted", counter.0);
    Err(ApiError::new(ErrorCode::PayloadTooLarge, message).into())
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
        let message = format!("{field}: must be an address of 1 to {MAX_ADDRESS_CHARS} characters");
        return Err(ApiError::new(ErrorCode::InvalidAgentAddress, message).into());
    }
    let address = Address::resolve(text, home);
    if address.is_nameless() {
        let message = format!("{field}: \"{text}\" contains no name");
        return Err(ApiError::new(ErrorCode::InvalidAgentAddress, message).into());
    }
    Ok(address)
}

/// Parses the receiver of a new intent: an address without white space. Blanks around it do not count.
pub(crate) fn receiver(text: &str, field: &str, home: Home<'_>) -> Result<Address> {
    if text.trim().chars().any(char::is_whitespace) {
        let message = format!("{field}: \"{}\" is not an address, because it has white space", text.trim());
        return Err(ApiError::new(ErrorCode::InvalidAgentAddress, message).into());
    }
    address(text, field, home)
}

/// Checks that a deadline is in the future. Call it in the transaction, not in `prepare`, so that a call repeated after
/// its deadline gets its first answer.
pub(crate) fn check_ahead(field: &str, at: Option<Time>, now: Time) -> Result<()> {
    match at {
        Some(at) if at <= now => {
            Err(ApiError::invalid(format!("{field}: {at} is not in the future; the server's time is {now}")).into())
        }
        _ => Ok(()),
    }
}

/// Parses the id of an intent. Invalid text is answered as not found.
pub fn parse_id(text: &str) -> Result<IntentId> {
    text.parse().map_err(|_| ApiError::not_found(format!("intent {text}")).into())
}

/// Reads a `human_task`; the error names the first wrong field.
pub(crate) fn read_task(source: &Object) -> Result<HumanTask> {
    let (task, complaints) = HumanTask::read(source);
    match complaints.first() {
        Some(complaint) => Err(ApiError::invalid(format!("human_task.{complaint}")).into()),
        None => Ok(task),
    }
}
