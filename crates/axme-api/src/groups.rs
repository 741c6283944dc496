//! Groups of people, and the rule on who may be asked to decide guarded tasks (`spec/protocol.md` §2.33).
//!
//! A task names a group as the assignee `group://<name>`; each of its members may then answer.

use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::{Timestamp, lenient};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST, &PUT, &DELETE, &RULE_GET, &RULE_PUT];

/// Lists groups.
pub static LIST: Op<ListGroups, GroupList> =
    Op::get("groups.list", "/v1/groups").access(Access::Role).about("List the groups of the workspace.");
/// Creates or changes a group.
pub static PUT: Op<PutGroup, GroupAnswer> = Op::put("groups.put", "/v1/groups/{name}")
    .access(Access::Role)
    .about("Create a group, or replace its title and its members.");
/// Deletes a group.
pub static DELETE: Op<DeleteGroup, DeleteGroupAnswer> = Op::delete("groups.delete", "/v1/groups/{name}")
    .access(Access::Role)
    .about("Delete a group. Tasks that ask it then ask nobody in its place.");
/// Returns the rule.
pub static RULE_GET: Op<GetAskingRule, AskingRuleAnswer> = Op::get("groups.asking_rule.get", "/v1/asking-rule")
    .access(Access::Role)
    .about("Get the rule of the workspace on who may be asked to decide guarded tasks.");
/// Sets the rule.
pub static RULE_PUT: Op<PutAskingRule, AskingRuleAnswer> = Op::put("groups.asking_rule.put", "/v1/asking-rule")
    .access(Access::Role)
    .about("Set the rule of the workspace on who may be asked to decide guarded tasks.");

/// Which groups to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListGroups {}

/// A group with its new content.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutGroup {
    /// The name: 1 to 63 letters, digits, `.`, `_` and `-`, in lower case. It begins with a letter or digit.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 63)))]
    pub name: String,
    /// The name to show; at most 120 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 120)))]
    pub title: Option<String>,
    /// The people: at most 200 email addresses, roles or names. The list replaces the members of before.
    pub members: Vec<String>,
}

/// Which group to delete.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteGroup {
    /// The name of the group.
    pub name: String,
}

/// Which rule to get: that of the caller's workspace.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetAskingRule {}

/// The new rule. A person may be asked if any part of the rule allows it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutAskingRule {
    /// True ends the rule: everybody may be asked. The other fields must then be missing.
    #[serde(default)]
    pub anyone: bool,
    /// True allows the members of the workspace and of its organization.
    #[serde(default)]
    pub members: bool,
    /// The groups to allow, by name; at most 100.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The mail domains to allow, such as `example.com`; at most 100. Their subdomains are not included.
    #[serde(default)]
    pub mail_domains: Vec<String>,
}

/// A group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Group {
    /// The name.
    pub name: String,
    /// The name as an assignee: `group://<name>`.
    pub address: String,
    /// The name to show; null without one.
    pub title: Option<String>,
    /// The members, as they were spelled.
    pub members: Vec<String>,
    /// When the group was created.
    pub created_at: Timestamp,
    /// When the group was last changed.
    pub updated_at: Timestamp,
}

/// The groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupList {
    /// Always true.
    pub ok: bool,
    /// The groups by name.
    pub groups: Vec<Group>,
}

/// A group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupAnswer {
    /// Always true.
    pub ok: bool,
    /// The group.
    pub group: Group,
}

/// The deleted group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteGroupAnswer {
    /// Always true.
    pub ok: bool,
    /// Always true.
    pub deleted: bool,
    /// The name of the group.
    pub name: String,
}

/// The rule on who may be asked to decide guarded tasks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AskingRuleAnswer {
    /// Always true.
    pub ok: bool,
    /// True if there is no rule: everybody may be asked.
    pub anyone: bool,
    /// True if members of the workspace and of its organization may be asked.
    pub members: bool,
    /// The groups that may be asked.
    pub groups: Vec<String>,
    /// The mail domains whose addresses may be asked.
    pub mail_domains: Vec<String>,
    /// The actor that set the rule; null without a rule.
    pub updated_by: Option<String>,
    /// When the rule was set; null without a rule.
    pub updated_at: Option<Timestamp>,
}
