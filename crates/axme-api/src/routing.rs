//! Where principals are reached: routes to endpoints, and handles on transports (`spec/protocol.md` §2.16).

use serde::{Deserialize, Serialize};

use crate::Object;
use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::principals::{Alias, Principal};
use crate::workspace_ref::WorkspaceRef;

pub const OPERATIONS: &[&dyn AnyOp] = &[&REGISTER, &LIST, &UPDATE, &REMOVE, &RESOLVE, &BIND, &LIST_BINDINGS, &UNBIND];

pub static REGISTER: Op<RegisterRoute, RouteAnswer> = Op::post("routing.endpoints.register", "/v1/routing/endpoints")
    .access(Access::Role)
    .about("Add an endpoint at which a principal is reached.");
pub static LIST: Op<ListPlaces, RouteList> =
    Op::get("routing.endpoints.list", "/v1/routing/endpoints").access(Access::Role).about("Routes, oldest first.");
pub static UPDATE: Op<UpdateRoute, RouteAnswer> =
    Op::patch("routing.endpoints.update", "/v1/routing/endpoints/{route_id}")
        .access(Access::Role)
        .about("Change a route; what is not given stays.");
pub static REMOVE: Op<RemoveRoute, RouteRemoved> =
    Op::delete("routing.endpoints.remove", "/v1/routing/endpoints/{route_id}")
        .access(Access::Role)
        .about("Remove a route; what is on its way is still sent.");
pub static RESOLVE: Op<ResolveRoute, RouteResolved> =
    Op::ask("routing.resolve", "/v1/routing/resolve").access(Access::Role).about("Which route a delivery would take.");
pub static BIND: Op<UpsertBinding, BindingAnswer> = Op::post("transports.bindings.upsert", "/v1/transports/bindings")
    .access(Access::Role)
    .about("Note a principal's handle on a transport; the same handle again changes it.");
pub static LIST_BINDINGS: Op<ListPlaces, BindingList> =
    Op::get("transports.bindings.list", "/v1/transports/bindings").access(Access::Role).about("Handles, oldest first.");
pub static UNBIND: Op<RemoveBinding, BindingRemoved> =
    Op::delete("transports.bindings.remove", "/v1/transports/bindings/{binding_id}")
        .access(Access::Role)
        .about("Forget a handle.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterRoute {
    pub principal_id: String,
    /// `http`, `webhook` or `queue`.
    pub transport_type: String,
    /// 8 to 2,048 characters; for `http` and `webhook` a URL that the server may call.
    pub endpoint_url: String,
    /// `none`, `signed_key`, `jwt` or `mtls`.
    pub auth_mode: String,
    /// 2 to 64 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// 2 to 128 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// `none`, `same_region` or `cross_region`; `none` unless given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub failover_policy: Option<String>,
    /// 1 to 10,000; 100 unless given. The lowest is taken first.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub priority: Option<u64>,
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateRoute {
    pub route_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub auth_mode: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub failover_policy: Option<String>,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub priority: Option<u64>,
    /// `healthy`, `degraded`, `unhealthy` or `unknown`; `unhealthy` is taken only when nothing else is left.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub health_status: Option<String>,
    /// `active`, `inactive` or `draining`; only `active` is taken.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListPlaces {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub transport_type: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<200, 1_000>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveRoute {
    pub route_id: String,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveRoute {
    pub org_id: String,
    pub workspace_id: String,
    /// This or `principal_id`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpsertBinding {
    pub principal_id: String,
    /// `http`, `webhook` or `queue`.
    pub transport_type: String,
    /// 2 to 255 characters.
    pub transport_handle: String,
    /// 1 to 10,000; 100 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub priority: Option<u64>,
    /// `active` or `inactive`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveBinding {
    pub binding_id: String,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteView {
    pub route_id: String,
    pub principal_id: String,
    pub org_id: String,
    pub workspace_id: String,
    pub transport_type: String,
    pub endpoint_url: String,
    pub auth_mode: String,
    pub region: Option<String>,
    pub cluster_id: Option<String>,
    pub failover_policy: String,
    pub priority: i64,
    pub health_status: String,
    pub status: String,
    pub metadata: Object,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteAnswer {
    pub ok: bool,
    pub route: RouteView,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteList {
    pub ok: bool,
    pub routes: Vec<RouteView>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemovedRoute {
    pub route_id: String,
    pub removed: bool,
}

/// `route` and `result` are twins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteRemoved {
    pub ok: bool,
    pub route: RemovedRoute,
    pub result: RemovedRoute,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteResolved {
    pub ok: bool,
    pub resolution: RouteResolution,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteResolution {
    pub alias: Option<Alias>,
    pub principal: Principal,
    pub selected_route: RouteView,
    /// In the order in which they would be taken.
    pub candidate_routes: Vec<RouteView>,
    pub resolver_chain: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindingView {
    pub binding_id: String,
    pub principal_id: String,
    pub org_id: String,
    pub workspace_id: String,
    pub transport_type: String,
    pub transport_handle: String,
    pub priority: i64,
    pub status: String,
    pub metadata: Object,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindingAnswer {
    pub ok: bool,
    pub binding: BindingView,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindingList {
    pub ok: bool,
    pub bindings: Vec<BindingView>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemovedBinding {
    pub binding_id: String,
    pub removed: bool,
}

/// `binding` and `result` are twins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindingRemoved {
    pub ok: bool,
    pub binding: RemovedBinding,
    pub result: RemovedBinding,
}
