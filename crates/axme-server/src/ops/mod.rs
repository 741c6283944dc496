//! What the operations do: one file per family, each function over an open transaction.

pub mod access_requests;
pub mod accounts;
pub mod approvals;
pub mod billing;
pub mod control;
pub mod deliveries;
pub mod inbox;
pub mod intents;
pub mod links;
pub mod macros;
pub mod members;
pub mod organizations;
pub mod policies;
pub mod quotas;
pub mod resume;
pub mod scenarios;
pub mod tasks;
pub mod tenants;
pub mod threads;
pub mod view;
pub mod webhooks;
pub mod workspaces;

use axme_api::{ApiError, ErrorKind};
use axme_intent::human::is_same_person;
use uuid::Uuid;

use crate::cx::Caller;
use crate::error::Result;

/// Operations that belong to no family of intents all take this lane.
pub const COMMON_LANE: u16 = 0;

/// Text that a caller may leave out, within bounds of length.
pub fn check_chars(field: &str, text: Option<&str>, least: usize, most: usize) -> Result<()> {
    match text {
        Some(text) if !(least..=most).contains(&text.chars().count()) => {
            Err(ApiError::invalid(format!("{field}: {least} to {most} characters")).into())
        }
        _ => Ok(()),
    }
}

/// A word of a list, or what the list is.
pub fn check_word(field: &str, word: Option<&str>, known: &[&str]) -> Result<()> {
    match word {
        Some(word) if !known.contains(&word) => {
            Err(ApiError::invalid(format!("{field}: \"{word}\" is none of {}", known.join(", "))).into())
        }
        _ => Ok(()),
    }
}

/// Reads an id; what is no id names nothing.
pub fn read_id(what: &str, text: &str) -> Result<Uuid> {
    Uuid::parse_str(text.trim()).map_err(|_| ApiError::not_found(format!("{what} {text}")).into())
}

/// Where a page begins: after the last id of the one before.
pub fn read_after(after: Option<&str>) -> Result<Uuid> {
    after.map_or(Ok(Uuid::nil()), |text| {
        Uuid::parse_str(text.trim()).map_err(|_| ApiError::invalid("after: must be an id").into())
    })
}

/// A page size: what was asked for, within the bounds; `usual` without it.
pub fn page_size(asked: Option<u64>, usual: u64, most: u64) -> Result<i64> {
    match asked {
        None => Ok(usual as i64),
        Some(0) => Err(ApiError::invalid("limit must be at least 1").into()),
        Some(n) => Ok(n.min(most) as i64),
    }
}

/// Whose key it is that starts something, where the sender's address does not say so already.
pub fn requested_by(caller: &Caller, from: &axme_intent::Address) -> Option<String> {
    Some(caller.owner.clone()).filter(|owner| !is_same_person(owner, from.as_str()))
}

/// Refuses JSON that is too long.
pub fn check_size(what: &str, value: &impl serde::Serialize) -> Result<()> {
    let most = axme_api::intents::MAX_PAYLOAD_BYTES;
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
