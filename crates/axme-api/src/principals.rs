//! Principals, which deliveries can reach, and their aliases (`spec/protocol.md` §2.15).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

pub use axme_types::principals::{AliasType, PrincipalStatus, PrincipalType};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::workspace_ref::WorkspaceRef;
use crate::{ErrorCode, Id, Object, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &GET, &BIND_ALIAS, &LIST_ALIASES, &RESOLVE_ALIAS, &REVOKE_ALIAS];

/// Adds a principal.
pub static CREATE: Op<CreatePrincipal, PrincipalAnswer> = Op::post("principals.create", "/v1/principals")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound, ErrorCode::PayloadTooLarge])
    .about("Create a principal: a person or a program that deliveries can reach.");
/// Returns one principal.
pub static GET: Op<GetPrincipal, PrincipalAnswer> =
    Op::get("principals.get", "/v1/principals/{principal_id}").access(Access::Role).about("Get one principal.");
/// Gives a principal a name.
pub static BIND_ALIAS: Op<BindAlias, AliasAnswer> = Op::post("aliases.bind", "/v1/aliases")
    .access(Access::Role)
    .errors(&[ErrorCode::AliasTaken, ErrorCode::NotFound, ErrorCode::PayloadTooLarge])
    .about("Bind an alias to a principal. The same alias of the same principal again is updated.");
/// Lists aliases.
pub static LIST_ALIASES: Op<ListAliases, AliasList> = Op::get("aliases.list", "/v1/aliases")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("List the aliases of the workspace, oldest first.");
/// Returns the principal that an alias belongs to.
pub static RESOLVE_ALIAS: Op<ResolveAlias, ResolveAliasAnswer> = Op::get("aliases.resolve", "/v1/aliases/resolve")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("Find the principal that an active alias belongs to.");
/// Revokes an alias.
pub static REVOKE_ALIAS: Op<RevokeAlias, AliasAnswer> = Op::post("aliases.revoke", "/v1/aliases/{alias_id}/revoke")
    .access(Access::Role)
    .about("Revoke an alias, so that another principal may have it.");

/// A new principal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreatePrincipal {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The id of the workspace. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub workspace_id: Id,
    /// The kind of principal.
    pub principal_type: PrincipalType,
    /// The name to show.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub display_name: Option<String>,
    /// Any facts; at most 16 KiB of JSON.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

/// Which principal to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetPrincipal {
    /// The id of the principal.
    pub principal_id: Id,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// A new alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindAlias {
    /// The id of the principal.
    pub principal_id: Id,
    /// The name. An active alias is unique in its workspace.
    #[cfg_attr(feature = "schema", schemars(length(min = 3, max = 255)))]
    pub alias: String,
    /// The purpose of the alias.
    pub alias_type: AliasType,
    /// Any facts; at most 16 KiB of JSON.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// Which aliases to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAliases {
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// Only aliases of this principal.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<Id>,
    /// Only aliases with this status.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<AliasStatus>,
    /// Maximum number of items of the answer.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<200, 1_000>,
}

/// Which alias to resolve.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveAlias {
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// The alias, exactly as it was bound.
    pub alias: String,
}

/// Which alias to revoke.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeAlias {
    /// The id of the alias.
    pub alias_id: Id,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// A person or a program that deliveries can reach.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PrincipalView {
    /// The id of the principal.
    pub principal_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The kind of principal.
    pub principal_type: PrincipalType,
    /// The name to show; null without any.
    pub display_name: Option<String>,
    /// The status of the principal.
    pub status: PrincipalStatus,
    /// The facts that callers stored with it.
    pub metadata: Object,
    /// When the principal was created.
    pub created_at: Timestamp,
    /// When the principal last changed.
    pub updated_at: Timestamp,
}

/// The principal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PrincipalAnswer {
    /// Always true.
    pub ok: bool,
    /// The principal.
    pub principal: PrincipalView,
}

text_enum! {
    /// The status of an alias.
    pub enum AliasStatus {
        /// It leads to its principal.
        Active = "active",
        /// It leads nowhere, and another principal may have the name.
        Revoked = "revoked",
    }
}

/// A name of a principal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AliasView {
    /// The id of the alias.
    pub alias_id: Id,
    /// The id of the principal.
    pub principal_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The name.
    pub alias: String,
    /// The purpose of the alias.
    pub alias_type: AliasType,
    /// The status of the alias.
    pub status: AliasStatus,
    /// The facts that callers stored with it.
    pub metadata: Object,
    /// When the alias was first bound.
    pub created_at: Timestamp,
    /// When the alias last changed.
    pub updated_at: Timestamp,
    /// When the alias was revoked; null while it is active.
    pub revoked_at: Option<Timestamp>,
}

/// The alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AliasAnswer {
    /// Always true.
    pub ok: bool,
    /// The alias.
    pub alias: AliasView,
}

/// Aliases of the workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AliasList {
    /// Always true.
    pub ok: bool,
    /// The aliases, oldest first.
    pub aliases: Vec<AliasView>,
}

/// The principal that the alias belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveAliasAnswer {
    /// Always true.
    pub ok: bool,
    /// The alias and its principal.
    pub resolution: AliasResolution,
}

/// An alias and its principal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AliasResolution {
    /// The alias.
    pub alias: AliasView,
    /// The principal.
    pub principal: PrincipalBrief,
}

/// A principal in short.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PrincipalBrief {
    /// The id of the principal.
    pub principal_id: Id,
    /// The kind of principal.
    pub principal_type: PrincipalType,
    /// The name to show; null without any.
    pub display_name: Option<String>,
    /// The status of the principal.
    pub status: PrincipalStatus,
}
