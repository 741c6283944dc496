//! Policies about senders: who may send to an organization and to an agent (`spec/protocol.md` §2.24, §14.5).

pub use axme_types::policies::PolicyType;
use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::{ErrorCode, Id, Timestamp};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[
    &RECEIVE_GET,
    &RECEIVE_PUT,
    &RECEIVE_ADD,
    &RECEIVE_REMOVE,
    &OVERRIDE_GET,
    &OVERRIDE_PUT,
    &OVERRIDE_ADD,
    &OVERRIDE_REMOVE,
    &SEND_GET,
    &SEND_PUT,
    &SEND_ADD,
    &SEND_REMOVE,
];

/// Gets the receive policy of an organization.
pub static RECEIVE_GET: Op<GetReceivePolicy, PolicyAnswer> =
    Op::get("organizations.receive_policy.get", "/v1/organizations/{org_id}/receive-policy")
        .access(Access::Role)
        .about("Get the receive policy of an organization: which senders of other organizations it accepts.");
/// Sets the receive policy of an organization.
pub static RECEIVE_PUT: Op<SetReceivePolicy, PolicyAnswer> =
    Op::put("organizations.receive_policy.put", "/v1/organizations/{org_id}/receive-policy")
        .access(Access::Role)
        .about("Set the receive policy of an organization: which senders of other organizations it accepts.");
/// Adds a pattern of senders to the receive policy of an organization.
pub static RECEIVE_ADD: Op<AddReceiveEntry, EntryAnswer> =
    Op::post("organizations.receive_policy.entries.add", "/v1/organizations/{org_id}/receive-policy/entries")
        .access(Access::Role)
        .about("Add a pattern of senders to the list of a receive policy.");
/// Removes a pattern of senders from the receive policy of an organization.
pub static RECEIVE_REMOVE: Op<RemoveReceiveEntry, RemoveEntryAnswer> = Op::delete(
    "organizations.receive_policy.entries.remove",
    "/v1/organizations/{org_id}/receive-policy/entries/{entry_id}",
)
.access(Access::Role)
.about("Remove a pattern of senders from the list of a receive policy.");
/// Gets the receive override of an agent.
pub static OVERRIDE_GET: Op<GetAgentPolicy, OverrideAnswer> =
    Op::get("agents.receive_override.get", "/v1/agents/{*address}/receive-override")
        .access(Access::Role)
        .errors(AGENT_ERRORS)
        .about("Get the receive override of an agent, which replaces the receive policy of its organization.");
/// Sets or ends the receive override of an agent.
pub static OVERRIDE_PUT: Op<SetOverride, OverrideAnswer> =
    Op::put("agents.receive_override.put", "/v1/agents/{*address}/receive-override")
        .access(Access::Role)
        .errors(AGENT_ERRORS)
        .about("Set or end the receive override of an agent, which replaces the receive policy of its organization.");
/// Adds a pattern of senders to the receive override of an agent.
pub static OVERRIDE_ADD: Op<AddAgentEntry, EntryAnswer> =
    Op::post("agents.receive_override.entries.add", "/v1/agents/{*address}/receive-override/entries")
        .access(Access::Role)
        .errors(AGENT_ERRORS)
        .about("Add a pattern of senders to the list of a receive override.");
/// Removes a pattern of senders from the receive override of an agent.
pub static OVERRIDE_REMOVE: Op<RemoveAgentEntry, RemoveEntryAnswer> =
    Op::delete("agents.receive_override.entries.remove", "/v1/agents/{*address}/receive-override/entries/{entry_id}")
        .access(Access::Role)
        .errors(AGENT_ERRORS)
        .about("Remove a pattern of senders from the list of a receive override.");
/// Gets the send policy of an agent.
pub static SEND_GET: Op<GetAgentPolicy, PolicyAnswer> = Op::get("agents.policy.get", "/v1/agents/{*address}/policy")
    .access(Access::Role)
    .errors(AGENT_ERRORS)
    .about("Get the send policy of an agent: which senders it accepts, of any organization.");
/// Sets the send policy of an agent.
pub static SEND_PUT: Op<SetSendPolicy, PolicyAnswer> = Op::put("agents.policy.put", "/v1/agents/{*address}/policy")
    .access(Access::Role)
    .errors(AGENT_ERRORS)
    .about("Set the send policy of an agent: which senders it accepts, of any organization.");
/// Adds a pattern of senders to the send policy of an agent.
pub static SEND_ADD: Op<AddAgentEntry, EntryAnswer> =
    Op::post("agents.policy.entries.add", "/v1/agents/{*address}/policy/entries")
        .access(Access::Role)
        .errors(AGENT_ERRORS)
        .about("Add a pattern of senders to the list of a send policy.");
/// Removes a pattern of senders from the send policy of an agent.
pub static SEND_REMOVE: Op<RemoveAgentEntry, RemoveEntryAnswer> =
    Op::delete("agents.policy.entries.remove", "/v1/agents/{*address}/policy/entries/{entry_id}")
        .access(Access::Role)
        .errors(AGENT_ERRORS)
        .about("Remove a pattern of senders from the list of a send policy.");

/// The error codes of operations on the policies of an agent.
const AGENT_ERRORS: &[ErrorCode] = &[ErrorCode::AgentNotFound];

text_enum! {
    /// The senders of other organizations that an organization accepts.
    pub enum ReceiveType {
        /// Everybody.
        Open = "open",
        /// The senders on its list.
        Allowlist = "allowlist",
        /// Nobody.
        Closed = "closed",
    }
}

impl From<ReceiveType> for PolicyType {
    fn from(receive_type: ReceiveType) -> PolicyType {
        match receive_type {
            ReceiveType::Open => PolicyType::Open,
            ReceiveType::Allowlist => PolicyType::Allowlist,
            ReceiveType::Closed => PolicyType::Closed,
        }
    }
}

text_enum! {
    /// The senders of other organizations that one agent accepts.
    pub enum OverrideType {
        /// Everybody.
        Open = "open",
        /// The senders on its list.
        Allowlist = "allowlist",
        /// Nobody.
        Closed = "closed",
        /// There is no override: the receive policy of the organization applies.
        UseOrgDefault = "use_org_default",
    }
}

impl OverrideType {
    /// Returns the type of the policy that the override sets; `None` if it ends the override.
    pub const fn policy_type(self) -> Option<PolicyType> {
        match self {
            OverrideType::Open => Some(PolicyType::Open),
            OverrideType::Allowlist => Some(PolicyType::Allowlist),
            OverrideType::Closed => Some(PolicyType::Closed),
            OverrideType::UseOrgDefault => None,
        }
    }

    /// Returns the override for the policy of an agent; `None` if the agent has none.
    pub const fn of(policy_type: Option<PolicyType>) -> OverrideType {
        match policy_type {
            Some(PolicyType::Open) => OverrideType::Open,
            Some(PolicyType::Allowlist) => OverrideType::Allowlist,
            // An override cannot be a denylist. Admission treats any other type as closed.
            Some(PolicyType::Closed | PolicyType::Denylist) => OverrideType::Closed,
            None => OverrideType::UseOrgDefault,
        }
    }
}

text_enum! {
    /// The senders that one agent accepts, of any organization.
    pub enum SendType {
        /// Everybody.
        Open = "open",
        /// The senders on its list.
        Allowlist = "allowlist",
        /// The senders that are not on its list.
        Denylist = "denylist",
    }
}

impl From<SendType> for PolicyType {
    fn from(send_type: SendType) -> PolicyType {
        match send_type {
            SendType::Open => PolicyType::Open,
            SendType::Allowlist => PolicyType::Allowlist,
            SendType::Denylist => PolicyType::Denylist,
        }
    }
}

/// The organization whose receive policy to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetReceivePolicy {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
}

/// The agent whose policy to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetAgentPolicy {
    /// The address of the agent, in any form.
    pub address: String,
}

/// The receive policy of an organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetReceivePolicy {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The senders that the organization accepts.
    pub policy_type: ReceiveType,
}

/// The receive override of an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetOverride {
    /// The address of the agent, in any form.
    pub address: String,
    /// The senders that the agent accepts. `use_org_default` ends the override and removes its list.
    pub override_type: OverrideType,
}

/// The send policy of an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetSendPolicy {
    /// The address of the agent, in any form.
    pub address: String,
    /// The senders that the agent accepts.
    pub policy_type: SendType,
}

/// A new entry in the list of a receive policy. A list has at most 1,000 entries.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AddReceiveEntry {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// An address, or the beginning of addresses with `*` at its end: 1 to 383 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 383)))]
    pub sender_pattern: String,
}

/// A new entry in the list of an agent's policy. A list has at most 1,000 entries.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AddAgentEntry {
    /// The address of the agent, in any form.
    pub address: String,
    /// An address, or the beginning of addresses with `*` at its end: 1 to 383 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 383)))]
    pub sender_pattern: String,
}

/// Which entry of a receive policy to remove.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveReceiveEntry {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The id of the entry.
    pub entry_id: Id,
}

/// Which entry of an agent's policy to remove.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveAgentEntry {
    /// The address of the agent, in any form.
    pub address: String,
    /// The id of the entry.
    pub entry_id: Id,
}

/// An entry in the list of a policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entry {
    /// The id of the entry.
    pub entry_id: Id,
    /// A full address, or the beginning of addresses with `*` at its end.
    pub sender_pattern: String,
    /// When the entry was added.
    pub created_at: Timestamp,
}

/// A policy about senders.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policy {
    /// The id of the policy; null until it is first set.
    pub policy_id: Option<Id>,
    /// The id of the organization, for a receive policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<Id>,
    /// The address of the agent, for a send policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The senders that the policy accepts. Until it is set, a receive policy is `closed` and a send policy `open`.
    pub policy_type: PolicyType,
    /// The list of the policy, oldest entry first.
    pub entries: Vec<Entry>,
    /// When the policy was first set; null until then.
    pub created_at: Option<Timestamp>,
    /// When the policy was last set; null until it is first set.
    pub updated_at: Option<Timestamp>,
}

/// The policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyAnswer {
    /// Always true.
    pub ok: bool,
    /// The policy.
    pub policy: Policy,
}

/// The receive override of an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Override {
    /// The address of the agent.
    pub address: String,
    /// The senders that the agent accepts.
    pub override_type: OverrideType,
    /// The list of the override, oldest entry first.
    pub entries: Vec<Entry>,
    /// When the override was first set; null without an override.
    pub created_at: Option<Timestamp>,
    /// When the override was last set; null without an override.
    pub updated_at: Option<Timestamp>,
}

/// The receive override of an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverrideAnswer {
    /// Always true.
    pub ok: bool,
    /// The receive override.
    #[serde(rename = "override")]
    pub set: Override,
}

/// The new entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EntryAnswer {
    /// Always true.
    pub ok: bool,
    /// The entry.
    pub entry: Entry,
}

/// The removal of an entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveEntryAnswer {
    /// Always true.
    pub ok: bool,
    /// Always true.
    pub removed: bool,
    /// The id of the entry.
    pub entry_id: Id,
}
