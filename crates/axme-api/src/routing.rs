//! The endpoints at which principals are reached: routes to endpoints, and handles on transports
//! (`spec/protocol.md` §2.16).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

pub use axme_types::routing::{AuthMode, BindingStatus, FailoverPolicy, RouteHealth, RouteStatus, TransportType};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::principals::{AliasView, PrincipalView};
use crate::workspace_ref::WorkspaceRef;
use crate::{ErrorCode, Id, Number, Object, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&REGISTER, &LIST, &UPDATE, &REMOVE, &RESOLVE, &BIND, &LIST_BINDINGS, &UNBIND];

/// Adds a route to a principal.
pub static REGISTER: Op<RegisterRoute, RouteAnswer> = Op::post("routing.endpoints.register", "/v1/routing/endpoints")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound, ErrorCode::NotSupportedYet, ErrorCode::PayloadTooLarge])
    .about("Register an endpoint at which a principal is reached.");
/// Lists routes.
pub static LIST: Op<ListPlaces, RouteList> = Op::get("routing.endpoints.list", "/v1/routing/endpoints")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("List the routes of the workspace, oldest first.");
/// Changes a route.
pub static UPDATE: Op<UpdateRoute, RouteAnswer> =
    Op::patch("routing.endpoints.update", "/v1/routing/endpoints/{route_id}")
        .access(Access::Role)
        .errors(&[ErrorCode::PayloadTooLarge])
        .about("Change a route. Absent fields stay unchanged.");
/// Removes a route.
pub static REMOVE: Op<RemoveRoute, RemoveRouteAnswer> =
    Op::delete("routing.endpoints.remove", "/v1/routing/endpoints/{route_id}")
        .access(Access::Role)
        .about("Remove a route. Deliveries that are already submitted are still sent.");
/// Returns the route that a delivery would take.
pub static RESOLVE: Op<ResolveRoute, ResolveRouteAnswer> = Op::ask("routing.resolve", "/v1/routing/resolve")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound, ErrorCode::RouteNotFound])
    .about("Find the route that a delivery to a principal would take.");
/// Stores a handle of a principal on a transport.
pub static BIND: Op<UpsertBinding, BindingAnswer> = Op::post("transports.bindings.upsert", "/v1/transports/bindings")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound, ErrorCode::NotSupportedYet, ErrorCode::PayloadTooLarge])
    .about("Store a principal's handle on a transport. The same handle again is updated.");
/// Lists handles.
pub static LIST_BINDINGS: Op<ListPlaces, BindingList> = Op::get("transports.bindings.list", "/v1/transports/bindings")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("List the handles of the workspace, oldest first.");
/// Removes a handle.
pub static UNBIND: Op<RemoveBinding, RemoveBindingAnswer> =
    Op::delete("transports.bindings.remove", "/v1/transports/bindings/{binding_id}")
        .access(Access::Role)
        .about("Remove a handle.");

/// A new route.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterRoute {
    /// The id of the principal.
    pub principal_id: Id,
    /// The transport.
    pub transport_type: TransportType,
    /// The endpoint. For `http` and `webhook`, a URL that the server may call; for `queue`, a name.
    #[cfg_attr(feature = "schema", schemars(length(min = 8, max = 2_048)))]
    pub endpoint_url: String,
    /// The way in which the endpoint authenticates the server.
    pub auth_mode: AuthMode,
    /// The region of the endpoint. Stored for callers; the server does not act on it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 64)))]
    pub region: Option<String>,
    /// The cluster of the endpoint. Stored for callers; the server does not act on it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 128)))]
    pub cluster_id: Option<String>,
    /// The regions that may replace the region of the route; `none` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub failover_policy: Option<FailoverPolicy>,
    /// The rank of the route; 100 by default. The server selects the lowest one.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub priority: Option<Number<1, 10_000>>,
    /// Any facts; at most 16 KiB of JSON.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// A change of a route. Absent fields stay unchanged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateRoute {
    /// The id of the route.
    pub route_id: Id,
    /// The endpoint. For `http` and `webhook`, a URL that the server may call; for `queue`, a name.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 8, max = 2_048)))]
    pub endpoint_url: Option<String>,
    /// The way in which the endpoint authenticates the server.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub auth_mode: Option<AuthMode>,
    /// The region of the endpoint. Stored for callers; the server does not act on it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 64)))]
    pub region: Option<String>,
    /// The cluster of the endpoint. Stored for callers; the server does not act on it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 128)))]
    pub cluster_id: Option<String>,
    /// The regions that may replace the region of the route.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub failover_policy: Option<FailoverPolicy>,
    /// The rank of the route. The server selects the lowest one.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub priority: Option<Number<1, 10_000>>,
    /// The health of the route.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub health_status: Option<RouteHealth>,
    /// The status of the route.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<RouteStatus>,
    /// Any facts; at most 16 KiB of JSON.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// Which routes or handles to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListPlaces {
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// Only those of this principal.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<Id>,
    /// Only those on this transport. An unknown word matches nothing.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<TransportType>"))]
    pub transport_type: Option<String>,
    /// Only those with this status. An unknown word matches nothing. A handle is never `draining`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<RouteStatus>"))]
    pub status: Option<String>,
    /// Maximum number of items of the answer.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<200, 1_000>,
}

/// Which route to remove.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveRoute {
    /// The id of the route.
    pub route_id: Id,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// Which principal to find a route to: `alias` or `principal_id` is required, and the alias takes precedence.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveRoute {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The id of the workspace. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub workspace_id: Id,
    /// An active alias of the principal.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The id of the principal.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<Id>,
}

/// A handle of a principal on a transport.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpsertBinding {
    /// The id of the principal.
    pub principal_id: Id,
    /// The transport.
    pub transport_type: TransportType,
    /// The name of the principal on the transport.
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 255)))]
    pub transport_handle: String,
    /// The rank of the handle; 100 by default. Stored for callers; the server does not act on it.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub priority: Option<Number<1, 10_000>>,
    /// The status of the handle; `active` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<BindingStatus>,
    /// Any facts; at most 16 KiB of JSON.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// Which handle to remove.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveBinding {
    /// The id of the handle.
    pub binding_id: Id,
    /// The workspace; the caller's own by default.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "WorkspaceRef::own_unless_given"))]
    pub workspace: WorkspaceRef,
}

/// A route to an endpoint of a principal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteView {
    /// The id of the route.
    pub route_id: Id,
    /// The id of the principal.
    pub principal_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The transport.
    pub transport_type: TransportType,
    /// The endpoint: a URL, or the name of a queue.
    pub endpoint_url: String,
    /// The way in which the endpoint authenticates the server.
    pub auth_mode: AuthMode,
    /// The region of the endpoint; null if it was not set.
    pub region: Option<String>,
    /// The cluster of the endpoint; null if it was not set.
    pub cluster_id: Option<String>,
    /// The regions that may replace the region of the route.
    pub failover_policy: FailoverPolicy,
    /// The rank of the route. The server selects the lowest one.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub priority: i64,
    /// The health of the route.
    pub health_status: RouteHealth,
    /// The status of the route.
    pub status: RouteStatus,
    /// The facts that callers stored with it.
    pub metadata: Object,
    /// When the route was registered.
    pub created_at: Timestamp,
    /// When the route last changed.
    pub updated_at: Timestamp,
}

/// The route.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteAnswer {
    /// Always true.
    pub ok: bool,
    /// The route.
    pub route: RouteView,
}

/// Routes of the workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteList {
    /// Always true.
    pub ok: bool,
    /// The routes, oldest first.
    pub routes: Vec<RouteView>,
}

/// The removal of a route.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteRemoval {
    /// The id of the route.
    pub route_id: Id,
    /// Always true.
    pub removed: bool,
}

/// The removal of the route, under two names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveRouteAnswer {
    /// Always true.
    pub ok: bool,
    /// The removal.
    pub route: RouteRemoval,
    /// The same as `route`.
    pub result: RouteRemoval,
}

/// The route that a delivery would take.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveRouteAnswer {
    /// Always true.
    pub ok: bool,
    /// The way from the name to the endpoint.
    pub resolution: RouteResolution,
}

text_enum! {
    /// A step from a name to an endpoint.
    pub enum ResolverStep {
        /// The alias is looked up.
        Alias = "alias",
        /// The principal is looked up.
        PrincipalId = "principal_id",
        /// The route is selected.
        EndpointRoute = "endpoint_route",
        /// The delivery is sent on the transport.
        TransportDispatch = "transport_dispatch",
    }
}

/// The way from a name to an endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteResolution {
    /// The alias; null if the request named the principal by its id.
    pub alias: Option<AliasView>,
    /// The principal.
    pub principal: PrincipalView,
    /// The route that a delivery would take.
    pub selected_route: RouteView,
    /// All active routes in the order in which the server selects them.
    pub candidate_routes: Vec<RouteView>,
    /// The steps of the resolution; always the same four.
    pub resolver_chain: Vec<ResolverStep>,
}

/// A handle of a principal on a transport.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindingView {
    /// The id of the handle.
    pub binding_id: Id,
    /// The id of the principal.
    pub principal_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The transport.
    pub transport_type: TransportType,
    /// The name of the principal on the transport.
    pub transport_handle: String,
    /// The rank of the handle.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub priority: i64,
    /// The status of the handle.
    pub status: BindingStatus,
    /// The facts that callers stored with it.
    pub metadata: Object,
    /// When the handle was stored.
    pub created_at: Timestamp,
    /// When the handle last changed.
    pub updated_at: Timestamp,
}

/// The handle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindingAnswer {
    /// Always true.
    pub ok: bool,
    /// The handle.
    pub binding: BindingView,
}

/// Handles of the workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindingList {
    /// Always true.
    pub ok: bool,
    /// The handles, oldest first.
    pub bindings: Vec<BindingView>,
}

/// The removal of a handle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BindingRemoval {
    /// The id of the handle.
    pub binding_id: Id,
    /// Always true.
    pub removed: bool,
}

/// The removal of the handle, under two names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveBindingAnswer {
    /// Always true.
    pub ok: bool,
    /// The removal.
    pub binding: BindingRemoval,
    /// The same as `binding`.
    pub result: BindingRemoval,
}
