//! Unknown receivers: addresses of agents that nobody has registered. A new intent for one is accepted with a warning, or
//! refused if the workspace of the sender says so. An intent that waits for one says so wherever it is shown.
//!
//! A registered receiver costs a look into the snapshot of its workspace.

use std::collections::HashMap;

use axme_api::{ApiError, ErrorCode};
use axme_intent::Address;
use axme_store::StoreError;
use axme_store::intents::Head;
use axme_store::organizations::UnknownReceivers;
use uuid::Uuid;

use super::snapshot::Snapshot;
use crate::auth::placement::{RoleSet, workspace_of_address};
use crate::context::CallContext;
use crate::engine;
use crate::error::Result;

/// Returns a warning for each receiver of a new intent that nobody has registered. Refuses such an intent if the
/// caller's workspace does.
pub(crate) fn check<'a>(
    cx: &mut CallContext<'_, '_>,
    receivers: impl IntoIterator<Item = &'a Address>,
) -> Result<Vec<String>> {
    let mut warnings: Vec<String> = Vec::new();
    for to in receivers.into_iter().filter(|to| to.is_agent()) {
        let place = workspace_of_address(cx, to)?;
        if is_registered(cx, place, to)? {
            continue;
        }
        let message = format!("nobody is registered at {to}{}", hint(cx, place, to)?);
        if Snapshot::of(cx.tx, cx.caller.workspace)?.unknown_receivers == UnknownReceivers::Refuse {
            return Err(ApiError::new(ErrorCode::AgentNotFound, message).with("address", to.as_str()).into());
        }
        if !warnings.contains(&message) {
            warnings.push(message);
        }
    }
    Ok(warnings)
}

/// Returns the error for an agent that nobody has registered in the caller's workspace.
pub(crate) fn not_found(cx: &mut CallContext<'_, '_>, address: &Address) -> Result<ApiError> {
    let place = workspace_of_address(cx, address)?;
    let message = format!("agent {address} not found{}", hint(cx, place, address)?);
    Ok(ApiError::new(ErrorCode::AgentNotFound, message))
}

/// Returns the end of a message about an unregistered agent: the one that was probably meant, or nothing.
fn hint(cx: &mut CallContext<'_, '_>, place: Option<(Uuid, Uuid)>, to: &Address) -> Result<String> {
    Ok(suggestion(cx, place, to)?.map(|name| format!("; did you mean {name}?")).unwrap_or_default())
}

fn is_registered(cx: &mut CallContext<'_, '_>, place: Option<(Uuid, Uuid)>, to: &Address) -> Result<bool, StoreError> {
    let Some((_, workspace)) = place else { return Ok(false) };
    Snapshot::of(cx.tx, workspace)?.is_registered(cx.tx, workspace, to)
}

/// Returns the agent that was probably meant, if the caller may list the agents of its workspace.
fn suggestion(cx: &mut CallContext<'_, '_>, place: Option<(Uuid, Uuid)>, to: &Address) -> Result<Option<String>> {
    let Some((org, workspace)) = place else { return Ok(None) };
    let is_own = workspace == cx.caller.workspace;
    if !is_own && !RoleSet::in_org(cx, org)?.reaches(workspace) {
        return Ok(None);
    }
    let snapshot = Snapshot::of(cx.tx, workspace)?;
    let near = snapshot.meant(to);
    Ok(near.map(|near| if is_own { near.rsplit('/').next().unwrap_or(&near).to_owned() } else { near }))
}

/// Tells which intents wait for agents that nobody has registered. It remembers each address for one answer.
#[derive(Default)]
pub(crate) struct Listeners(HashMap<Address, bool>);

impl Listeners {
    /// Returns true if an intent waits for an agent, and nobody is registered at any of the addresses that may take it.
    pub(crate) fn are_missing(&mut self, cx: &mut CallContext<'_, '_>, head: &Head) -> Result<bool, StoreError> {
        let awaited = engine::awaited_agents(head);
        if awaited.is_empty() {
            return Ok(false);
        }
        for address in awaited {
            if !address.is_agent() {
                return Ok(false);
            }
            let known = match self.0.get(&address) {
                Some(known) => *known,
                // An escalation is not delivered to another workspace, and says nothing about its agents.
                None if address != head.to && address.is_elsewhere(cx.caller.home()) => false,
                None => {
                    let place = workspace_of_address(cx, &address)?;
                    is_registered(cx, place, &address)?
                }
            };
            self.0.insert(address, known);
            if known {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
