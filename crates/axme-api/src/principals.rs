//! Principals: whoever can be reached, and the other names they have (`spec/protocol.md` §2.15).

use serde::{Deserialize, Serialize};

use crate::Object;
use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::workspace_ref::WorkspaceRef;

pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &GET, &BIND_ALIAS, &LIST_ALIASES, &RESOLVE_ALIAS, &REVOKE_ALIAS];

pub static CREATE: Op<CreatePrincipal, PrincipalAnswer> =
    Op::post("principals.create", "/v1/principals").access(Access::Role).about("Add somebody who can be reached.");
pub static GET: Op<GetPrincipal, PrincipalAnswer> =
    Op::get("principals.get", "/v1/principals/{principal_id}").access(Access::Role).about("One principal.");
pub static BIND_ALIAS: Op<BindAlias, AliasAnswer> =
    Op::post("aliases.bind", "/v1/aliases").access(Access::Role).about("Give a principal another name.");
pub static LIST_ALIASES: Op<ListAliases, AliasList> =
    Op::get("aliases.list", "/v1/aliases").access(Access::Role).about("Names of principals, oldest first.");
pub static RESOLVE_ALIAS: Op<ResolveAlias, AliasResolved> =
    Op::get("aliases.resolve", "/v1/aliases/resolve").access(Access::Role).about("Whose a name is.");
pub static REVOKE_ALIAS: Op<RevokeAlias, AliasAnswer> = Op::post("aliases.revoke", "/v1/aliases/{alias_id}/revoke")
    .access(Access::Role)
    .about("Take a name away; it is free then.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreatePrincipal {
    pub org_id: String,
    pub workspace_id: String,
    /// `user`, `service_agent` or `service_account`.
    pub principal_type: String,
    /// At most 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetPrincipal {
    pub principal_id: String,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindAlias {
    pub principal_id: String,
    /// 3 to 255 characters.
    pub alias: String,
    /// `communication`, `service` or `external`.
    pub alias_type: String,
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// Which of the workspace's principals, aliases, routes, bindings or deliveries are meant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAliases {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<200, 1_000>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveAlias {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    pub alias: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeAlias {
    pub alias_id: String,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Principal {
    pub principal_id: String,
    pub org_id: String,
    pub workspace_id: String,
    pub principal_type: String,
    pub display_name: Option<String>,
    /// `active`.
    pub status: String,
    pub metadata: Object,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PrincipalAnswer {
    pub ok: bool,
    pub principal: Principal,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alias {
    pub alias_id: String,
    pub principal_id: String,
    pub org_id: String,
    pub workspace_id: String,
    pub alias: String,
    pub alias_type: String,
    /// `active` or `revoked`.
    pub status: String,
    pub metadata: Object,
    pub created_at: String,
    pub updated_at: String,
    pub revoked_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AliasAnswer {
    pub ok: bool,
    pub alias: Alias,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AliasList {
    pub ok: bool,
    pub aliases: Vec<Alias>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AliasResolved {
    pub ok: bool,
    pub resolution: AliasResolution,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AliasResolution {
    pub alias: Alias,
    pub principal: PrincipalBrief,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PrincipalBrief {
    pub principal_id: String,
    pub principal_type: String,
    pub display_name: Option<String>,
    pub status: String,
}
