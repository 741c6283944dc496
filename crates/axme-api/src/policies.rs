//! Who may send to an organization and to an agent (`spec/protocol.md` §2.24, §14.5).

use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};

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

pub static RECEIVE_GET: Op<OrgNamed, PolicyAnswer> =
    Op::get("organizations.receive_policy.get", "/v1/organizations/{org_id}/receive-policy")
        .access(Access::Role)
        .about("Says who of other organizations may send to this one.");
pub static RECEIVE_PUT: Op<SetReceivePolicy, PolicyAnswer> =
    Op::put("organizations.receive_policy.put", "/v1/organizations/{org_id}/receive-policy")
        .access(Access::Role)
        .about("Sets who of other organizations may send to this one.");
pub static RECEIVE_ADD: Op<OrgEntry, EntryAnswer> =
    Op::post("organizations.receive_policy.entries.add", "/v1/organizations/{org_id}/receive-policy/entries")
        .access(Access::Role)
        .about("Adds a pattern of senders.");
pub static RECEIVE_REMOVE: Op<OrgEntryNamed, EntryRemoved> = Op::delete(
    "organizations.receive_policy.entries.remove",
    "/v1/organizations/{org_id}/receive-policy/entries/{entry_id}",
)
.access(Access::Role)
.about("Takes a pattern of senders out.");
pub static OVERRIDE_GET: Op<AgentNamed, OverrideAnswer> =
    Op::get("agents.receive_override.get", "/v1/agents/{*address}/receive-override")
        .access(Access::Role)
        .about("Says who of other organizations may send to an agent, whatever its organization says.");
pub static OVERRIDE_PUT: Op<SetOverride, OverrideAnswer> =
    Op::put("agents.receive_override.put", "/v1/agents/{*address}/receive-override")
        .access(Access::Role)
        .about("Sets who of other organizations may send to an agent, whatever its organization says.");
pub static OVERRIDE_ADD: Op<AgentEntry, EntryAnswer> =
    Op::post("agents.receive_override.entries.add", "/v1/agents/{*address}/receive-override/entries")
        .access(Access::Role)
        .about("Adds a pattern of senders.");
pub static OVERRIDE_REMOVE: Op<AgentEntryNamed, EntryRemoved> =
    Op::delete("agents.receive_override.entries.remove", "/v1/agents/{*address}/receive-override/entries/{entry_id}")
        .access(Access::Role)
        .about("Takes a pattern of senders out.");
pub static SEND_GET: Op<AgentNamed, PolicyAnswer> = Op::get("agents.policy.get", "/v1/agents/{*address}/policy")
    .access(Access::Role)
    .about("Says who may send to an agent.");
pub static SEND_PUT: Op<SetSendPolicy, PolicyAnswer> = Op::put("agents.policy.put", "/v1/agents/{*address}/policy")
    .access(Access::Role)
    .about("Sets who may send to an agent.");
pub static SEND_ADD: Op<AgentEntry, EntryAnswer> =
    Op::post("agents.policy.entries.add", "/v1/agents/{*address}/policy/entries")
        .access(Access::Role)
        .about("Adds a pattern of senders.");
pub static SEND_REMOVE: Op<AgentEntryNamed, EntryRemoved> =
    Op::delete("agents.policy.entries.remove", "/v1/agents/{*address}/policy/entries/{entry_id}")
        .access(Access::Role)
        .about("Takes a pattern of senders out.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrgNamed {
    pub org_id: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentNamed {
    pub address: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetReceivePolicy {
    pub org_id: String,
    /// `open`, `allowlist` or `closed`.
    pub policy_type: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetOverride {
    pub address: String,
    /// `open`, `allowlist`, `closed`, or `use_org_default`, which ends the override.
    pub override_type: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetSendPolicy {
    pub address: String,
    /// `open`, `allowlist` or `denylist`.
    pub policy_type: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrgEntry {
    pub org_id: String,
    /// An address, or the beginning of addresses with `*` at its end.
    pub sender_pattern: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentEntry {
    pub address: String,
    /// An address, or the beginning of addresses with `*` at its end.
    pub sender_pattern: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrgEntryNamed {
    pub org_id: String,
    pub entry_id: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentEntryNamed {
    pub address: String,
    pub entry_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entry {
    pub entry_id: String,
    pub sender_pattern: String,
    pub created_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policy {
    /// Null while nothing was set.
    pub policy_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub policy_type: String,
    pub entries: Vec<Entry>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyAnswer {
    pub ok: bool,
    pub policy: Policy,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Override {
    pub address: String,
    pub override_type: String,
    pub entries: Vec<Entry>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverrideAnswer {
    pub ok: bool,
    #[serde(rename = "override")]
    pub set: Override,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EntryAnswer {
    pub ok: bool,
    pub entry: Entry,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EntryRemoved {
    pub ok: bool,
    pub removed: bool,
    pub entry_id: String,
}
