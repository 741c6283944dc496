//! The limits of a key beside its role: it may only read, only submit, or only work with some addresses.
//!
//! This file alone decides. Operations are judged by their entry in the table, so that a new one is refused unless its entry
//! allows it. A key with addresses may call only the operations that check the address, which this file lists.

use axme_api::mcp::tools::{HostTool, Work};
use axme_api::{Access, ApiError, Effect, Method, OpInfo, Route, agents, intents};
use axme_intent::Address;
use axme_store::intents::Head;
use axme_store::service_accounts::{KeyBounds, KeyScope};

use crate::auth::Caller;
use crate::error::{Error, Result};

/// The effect of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It changes nothing and shows no secret.
    Read,
    /// It submits intents.
    Submit,
    /// It may change something else.
    Change,
}

/// An operation, a route or a tool that a caller asks for.
#[derive(Debug, Clone, Copy)]
pub struct Activity {
    id: &'static str,
    pub access: Access,
    kind: Kind,
}

impl Activity {
    /// An activity without an operation that changes nothing.
    pub const fn reading(id: &'static str, access: Access) -> Activity {
        Activity { id, access, kind: Kind::Read }
    }

    /// An activity without an operation that may change something.
    pub const fn changing(id: &'static str, access: Access) -> Activity {
        Activity { id, access, kind: Kind::Change }
    }

    /// Returns the activity of a tool for hosts. A tool that makes several calls is judged again at each of them.
    pub fn of_tool(tool: &HostTool) -> Activity {
        let kind = match tool.work {
            Work::Operation(info, _) | Work::Body(info, _) => return Activity { access: tool.access, ..info.into() },
            Work::Composed if tool.hints.reads => Kind::Read,
            Work::Composed if tool.can_be_task => Kind::Submit,
            Work::Composed => Kind::Change,
        };
        Activity { id: COMPOSED, access: tool.access, kind }
    }
}

/// The id of tools that make several calls.
const COMPOSED: &str = "composed";

impl From<&OpInfo> for Activity {
    fn from(info: &OpInfo) -> Activity {
        let kind = match info.effect {
            _ if info.submits => Kind::Submit,
            Effect::Read if !info.secret => Kind::Read,
            Effect::Read | Effect::Write => Kind::Change,
        };
        Activity { id: info.id, access: info.access, kind }
    }
}

impl From<&Route> for Activity {
    fn from(route: &Route) -> Activity {
        // A reader of an agent's stream claims what it gets.
        let is_read = route.method == Method::Get && route.id != agents::STREAM.id;
        let kind = if is_read { Kind::Read } else { Kind::Change };
        Activity { id: route.id, access: route.access, kind }
    }
}

/// The questions of every key: who it is, and what the server can do.
const OF_EVERY_KEY: [&str; 2] = ["me.get", "capabilities.get"];

/// The reads of one intent, which [`reaches`] checks.
const READS_OF_ONE_INTENT: [&str; 5] = ["intents.get", "intents.events", intents::STREAM.id, "receipts.list", COMPOSED];

/// The other activities whose address [`reaches`] or [`check_address`] checks.
const CHANGES_OF_ONE_INTENT: [&str; 4] = ["intents.create", "intents.resume", "intents.resolve", agents::STREAM.id];

/// Refuses an activity beyond the limits of the caller's key.
pub fn check(activity: &Activity, caller: &Caller) -> Result<()> {
    let Some(limits) = &caller.key_bounds else { return Ok(()) };
    // A public activity does not depend on the key.
    if activity.access == Access::Public || OF_EVERY_KEY.contains(&activity.id) {
        return Ok(());
    }
    let reads_one = READS_OF_ONE_INTENT.contains(&activity.id) && activity.kind == Kind::Read;
    let is_in_scope = match limits.scope {
        KeyScope::Full => true,
        KeyScope::Read => activity.kind == Kind::Read,
        KeyScope::Submit => activity.kind == Kind::Submit || reads_one,
    };
    if !is_in_scope {
        let words = if limits.scope == KeyScope::Read { "only read" } else { "only submit intents and follow them" };
        return Err(refusal(limits, format!("this key may {words}")));
    }
    // A tool that submits makes its call through the operation.
    let is_tool = activity.id == COMPOSED && activity.kind == Kind::Submit;
    let is_checked = reads_one || CHANGES_OF_ONE_INTENT.contains(&activity.id) || is_tool;
    if !limits.addresses.is_empty() && !is_checked {
        return Err(refusal(limits, "this key works with single intents to its addresses only".to_owned()));
    }
    Ok(())
}

/// Refuses an address that the caller's key does not work with.
pub fn check_address(caller: &Caller, address: &Address) -> Result<()> {
    match &caller.key_bounds {
        Some(limits) if !limits.addresses.is_empty() && !limits.addresses.contains(address) => {
            Err(refusal(limits, format!("this key does not work with {address}")))
        }
        _ => Ok(()),
    }
}

/// Returns true if the caller's key works with an intent. A key that may only submit sees what its account has sent.
pub fn reaches(caller: &Caller, head: &Head) -> bool {
    let Some(limits) = &caller.key_bounds else { return true };
    let is_own = limits.scope != KeyScope::Submit || caller.address.as_ref() == Some(&head.from);
    is_own && (limits.addresses.is_empty() || limits.addresses.contains(&head.to))
}

/// Returns true if a read of an intent acknowledges its delivery.
pub fn acknowledges(caller: &Caller) -> bool {
    caller.key_bounds.as_ref().is_none_or(|limits| limits.scope == KeyScope::Full)
}

/// Returns true if the caller's key has only some addresses.
pub fn has_addresses(caller: &Caller) -> bool {
    caller.key_bounds.as_ref().is_some_and(|limits| !limits.addresses.is_empty())
}

fn refusal(limits: &KeyBounds, message: String) -> Error {
    ApiError::forbidden(message).with("key_scope", limits.scope.as_str()).into()
}
