//! Who may send to whom.
//!
//! From another organization: what the agent's override says, else what its organization says; without either it is
//! closed. From anywhere: the send policy of the agent.

use axme_api::{ApiError, ErrorKind};
use axme_intent::Address;
use uuid::Uuid;

use crate::context::CallContext;
use crate::error::{Error, Result};
use crate::store::Mark;
use crate::store::policies::{self as store, Holder, PolicyKind, PolicyType};

/// Refuses an intent whose receiver does not take it.
pub fn check_sender(cx: &mut CallContext<'_, '_>, from: &Address, to: &Address) -> Result<()> {
    let home = cx.caller.home();
    let workspace = if to.is_elsewhere(home) {
        let Some((org, workspace)) = place_of(cx, to)? else { return Ok(()) };
        if org != cx.caller.org {
            // Receivers let senders in by their addresses: nobody speaks for another's.
            if from.name_in(home).is_none() && from.as_str() != format!("user://{}", cx.caller.owner) {
                let message =
                    format!("{to} is of another organization, and {from} is neither you nor of your workspace");
                return Err(ApiError::forbidden(message).into());
            }
            check_receiver(cx, from, to, org, workspace)?;
        }
        workspace
    } else {
        cx.caller.workspace
    };
    if !cx.tx.has(Mark::Senders, workspace) {
        return Ok(());
    }
    let holder = Holder { owner_id: workspace, kind: PolicyKind::Send, address: to.as_str().to_owned() };
    let Some(policy) = store::find(cx.tx, &holder)? else { return Ok(()) };
    let is_listed = policy.policy_type != PolicyType::Open && is_listed(cx, &holder, from)?;
    let may = match policy.policy_type {
        PolicyType::Allowlist => is_listed,
        PolicyType::Denylist => !is_listed,
        PolicyType::Open | PolicyType::Closed => true,
    };
    if may { Ok(()) } else { Err(refused("policy_denied", format!("{to} does not take intents from {from}"))) }
}

fn check_receiver(
    cx: &mut CallContext<'_, '_>,
    from: &Address,
    to: &Address,
    org: Uuid,
    workspace: Uuid,
) -> Result<()> {
    let of_agent = Holder { owner_id: workspace, kind: PolicyKind::Override, address: to.as_str().to_owned() };
    let of_org = Holder { owner_id: org, kind: PolicyKind::Receive, address: String::new() };
    let (holder, policy_type, closed) = match store::find(cx.tx, &of_agent)? {
        Some(policy) => (of_agent, policy.policy_type, "receiver_agent_closed"),
        None => {
            let of_all = store::find(cx.tx, &of_org)?.map_or(PolicyType::Closed, |policy| policy.policy_type);
            (of_org, of_all, "receiver_org_closed")
        }
    };
    match policy_type {
        PolicyType::Open => Ok(()),
        PolicyType::Allowlist if is_listed(cx, &holder, from)? => Ok(()),
        PolicyType::Allowlist => {
            Err(refused("sender_not_in_receive_allowlist", format!("{from} is not among those who may send to {to}")))
        }
        PolicyType::Closed | PolicyType::Denylist => {
            Err(refused(closed, format!("{to} takes nothing from other organizations")))
        }
    }
}

fn refused(code: &'static str, message: String) -> Error {
    ApiError::new(ErrorKind::Forbidden, code, message).into()
}

fn is_listed(cx: &mut CallContext<'_, '_>, holder: &Holder, from: &Address) -> Result<bool> {
    let entries = store::entries(cx.tx, holder, MOST_ENTRIES)?;
    Ok(entries.iter().any(|entry| matches(&entry.sender_pattern, from.as_str())))
}

/// Exact, or the beginning before a `*` at the end.
fn matches(pattern: &str, sender: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == sender, |beginning| sender.starts_with(beginning))
}

/// The organization and the workspace that an address is in.
pub fn place_of(cx: &mut CallContext<'_, '_>, address: &Address) -> Result<Option<(Uuid, Uuid)>> {
    if address.name_in(cx.caller.home()).is_some() {
        return Ok(Some((cx.caller.org, cx.caller.workspace)));
    }
    match slugs(address) {
        Some((org, workspace)) => Ok(store::find_place(cx.tx, org, workspace)?),
        None => Ok(None),
    }
}

fn slugs(address: &Address) -> Option<(&str, &str)> {
    let mut parts = address.as_str().strip_prefix("agent://")?.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(org), Some(workspace), Some(_), None) => Some((org, workspace)),
        _ => None,
    }
}

/// Entries of one policy.
pub const MOST_ENTRIES: i64 = 1_000;
