//! What the operations do: one file per family, each function over an open transaction.

pub mod access_requests;
pub mod accounts;
pub mod admission;
pub mod alpha;
pub mod approvals;
pub mod audit;
pub mod billing;
pub mod control;
pub mod deliveries;
pub mod entering;
pub mod inbox;
pub mod input;
pub mod intents;
pub mod invites;
pub mod invoices;
pub mod links;
pub mod login_sessions;
pub mod logins;
pub mod macros;
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
pub mod routed;
pub mod routing;
pub mod scenarios;
pub mod schemas;
pub mod sessions;
pub mod tasks;
pub mod tenants;
pub mod threads;
pub mod users;
pub mod view;
pub mod webhooks;
pub mod workspaces;

pub use input::{
    check_bytes, check_chars, check_payload, check_size, check_within, check_word, none_of, read_after, read_before,
    read_id,
};

use axme_intent::Address;
use axme_intent::human::is_same_person;

use crate::cx::Caller;

/// Operations that belong to no family of intents all take this lane.
pub const COMMON_LANE: u16 = 0;

/// What is done for one address takes turns; it shares a lane so that it does not wait for its own locks.
pub fn lane_of(address: &Address) -> u16 {
    address.as_str().bytes().fold(0u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

/// Whose key it is that starts something, where the sender's address does not say so already.
pub fn requested_by(caller: &Caller, from: &Address) -> Option<String> {
    Some(caller.owner.clone()).filter(|owner| !is_same_person(owner, from.as_str()))
}
