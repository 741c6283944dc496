//! What the operations do: one file per family, each function over an open transaction.

pub mod access_requests;
pub mod admission;
pub mod agents;
pub mod alpha;
pub mod approvals;
pub mod audit;
pub mod billing;
pub mod capabilities;
pub mod control;
pub mod deliveries;
pub mod entering;
pub mod inbox;
pub mod intents;
pub mod invites;
pub mod invoices;
pub mod links;
pub mod login_sessions;
pub mod logins;
pub mod macros;
pub mod me;
pub mod media;
pub mod members;
pub mod mesh;
pub mod organizations;
pub mod passwords;
pub mod people;
pub mod personal;
pub mod policies;
pub mod portal;
pub mod principals;
pub mod quotas;
pub mod resume;
pub mod routed_deliveries;
pub mod routing;
pub mod scenarios;
pub mod schemas;
pub mod service_accounts;
pub mod sessions;
pub mod tasks;
pub mod tenants;
pub mod threads;
pub mod users;
pub mod view;
pub mod webhooks;
pub mod workspaces;

use axme_api::{ApiError, ErrorKind};
use axme_intent::Address;
use axme_intent::human::is_same_person;
use uuid::Uuid;

use crate::call::PrepareContext;
use crate::cx::Caller;
use crate::error::Result;

/// Operations that belong to no family of intents all take this lane.
pub const COMMON_LANE: u16 = 0;

/// What is done for one address takes turns; it shares a lane so that it does not wait for its own locks.
pub fn lane_of(address: &Address) -> u16 {
    address.as_str().bytes().fold(0u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

/// A word of a list, or what the list is.
pub fn check_word(field: &str, word: Option<&str>, known: &[&str]) -> Result<()> {
    let check = |word| read_word(field, word, |word| known.contains(&word).then_some(()), known);
    word.map_or(Ok(()), check)
}

/// Parses one of the allowed words; the error lists them.
pub fn read_word<T>(field: &str, word: &str, parse: impl FnOnce(&str) -> Option<T>, known: &[&str]) -> Result<T> {
    let none = || ApiError::invalid(format!("{field}: \"{word}\" is none of {}", known.join(", ")));
    parse(word).ok_or_else(|| none().into())
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

/// Refuses text that is shorter or longer than it may be. Blanks around it do not make it long enough.
pub fn check_chars(field: &str, text: Option<&str>, least: usize, most: usize) -> Result<()> {
    if text.is_none_or(|text| text.trim().chars().count() >= least && text.chars().count() <= most) {
        return Ok(());
    }
    let least = if least == 0 { "at most".to_owned() } else { format!("{least} to") };
    Err(ApiError::invalid(format!("{field}: {least} {most} characters")).into())
}

/// Whose key it is that starts something, where the sender's address does not say so already.
pub fn requested_by(caller: &Caller, from: &Address) -> Option<String> {
    Some(caller.owner.clone()).filter(|owner| !is_same_person(owner, from.as_str()))
}

/// Refuses JSON that is longer than any server takes.
pub fn check_size(what: &str, value: &impl serde::Serialize) -> Result<()> {
    check_bytes(what, value, axme_api::intents::MAX_PAYLOAD_BYTES)
}

/// Refuses a payload or a result that is longer than the workspace may have it.
pub fn check_payload(context: &PrepareContext<'_>, what: &str, value: &impl serde::Serialize) -> Result<()> {
    check_bytes(what, value, context.payload_bytes)
}

fn check_bytes(what: &str, value: &impl serde::Serialize, most: usize) -> Result<()> {
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
