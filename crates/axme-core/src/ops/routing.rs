//! Routes and transport handles of principals. Deliveries use routes; handles are only stored for callers to read.

use axme_api::routing::{
    BindingAnswer, BindingList, BindingRemoval, BindingStatus, BindingView, FailoverPolicy, ListPlaces, RegisterRoute,
    RemoveBinding, RemoveBindingAnswer, RemoveRoute, RemoveRouteAnswer, ResolveRoute, ResolveRouteAnswer, ResolverStep,
    RouteAnswer, RouteHealth, RouteList, RouteRemoval, RouteResolution, RouteStatus, RouteView, TransportType,
    UpdateRoute, UpsertBinding,
};
use axme_api::{ApiError, ErrorCode, Number, WorkspaceRef};
use serde_json::json;
use uuid::Uuid;

use super::principals;
use super::principals::{RUN, place_of_range, read_metadata, read_range};
use crate::auth::placement::{InWorkspace, Placement};
use crate::call::{PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_chars, read_id};
use axme_store::principals::{Alias, Principal};
use axme_store::routing::{Binding, Filter, Route};
use axme_store::{principals as principal_store, routing as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[crate::call::Binding] = &[
    crate::call::Binding::Transaction(&handler(&axme_api::routing::REGISTER, prepare_register, register)),
    crate::call::Binding::Transaction(&handler(&axme_api::routing::LIST, prepare_list, list)),
    crate::call::Binding::Transaction(&handler(&axme_api::routing::UPDATE, prepare_update, update)),
    crate::call::Binding::Transaction(&handler(&axme_api::routing::REMOVE, prepare_remove, remove)),
    crate::call::Binding::Transaction(&handler(&axme_api::routing::RESOLVE, prepare_resolve, resolve)),
    crate::call::Binding::Transaction(&handler(&axme_api::routing::BIND, prepare_bind, bind)),
    crate::call::Binding::Transaction(&handler(&axme_api::routing::LIST_BINDINGS, prepare_list, list_bindings)),
    crate::call::Binding::Transaction(&handler(&axme_api::routing::UNBIND, prepare_unbind, unbind)),
];

/// Maximum routes per workspace, and maximum handles.
const MAX_ROUTES: i64 = 1_000;
const USUAL_PRIORITY: i64 = 100;

fn check_transport(transport: TransportType) -> Result<()> {
    if transport == TransportType::Matrix {
        return Err(ApiError::not_supported_yet("transport_type matrix is").into());
    }
    Ok(())
}

fn read_priority(priority: Option<Number<1, 10_000>>) -> Option<i64> {
    priority.and_then(|n| i64::try_from(n.get()).ok())
}

/// Refuses an endpoint that the server must not call. The names of queues are not checked.
fn check_endpoint(context: &PrepareContext<'_>, url: &str) -> Result<()> {
    check_chars("endpoint_url", Some(url), 8, 2_048)?;
    Ok(context.outbound.check(url).map_err(|why| ApiError::invalid(format!("endpoint_url: {why}")))?)
}

pub(crate) fn prepare_register(context: &PrepareContext<'_>, input: RegisterRoute) -> Result<InWorkspace<Route>> {
    check_transport(input.transport_type)?;
    check_chars("endpoint_url", Some(&input.endpoint_url), 8, 2_048)?;
    if input.transport_type != TransportType::Queue {
        check_endpoint(context, &input.endpoint_url)?;
    }
    check_chars("region", input.region.as_deref(), 2, 64)?;
    check_chars("cluster_id", input.cluster_id.as_deref(), 2, 128)?;
    let route = Route {
        workspace: context.caller.workspace,
        id: context.rng.uuid_at(context.now),
        principal: read_id("principal", &input.principal_id)?,
        transport_type: input.transport_type,
        endpoint_url: input.endpoint_url,
        auth_mode: input.auth_mode,
        region: input.region,
        cluster_id: input.cluster_id,
        failover_policy: input.failover_policy.unwrap_or(FailoverPolicy::None),
        priority: read_priority(input.priority).unwrap_or(USUAL_PRIORITY),
        health_status: RouteHealth::Unknown,
        status: RouteStatus::Active,
        metadata: read_metadata(input.metadata)?,
        created_at: context.now,
        updated_at: context.now,
    };
    Ok(InWorkspace::new(input.workspace, route))
}

pub fn register(cx: &mut CallContext<'_, '_>, new: &InWorkspace<Route>) -> Result<RouteAnswer> {
    let place = new.place_of_object(cx, RUN, new.what.principal, principal_store::workspace_of)?;
    let route = Route { workspace: place.workspace, ..new.what.clone() };
    principals::find(cx, &place, route.principal)?;
    store::put(cx.tx, &route)?;
    check_room("routes", store::count(cx.tx, place.workspace)?)?;
    audit(cx, "routing.endpoints.register", &route)?;
    Ok(RouteAnswer { ok: true, route: view(route, &place) })
}

/// Refuses the item just added if it exceeds the limit.
fn check_room(what: &str, count: i64) -> Result<()> {
    if count > MAX_ROUTES {
        let message = format!("a workspace may have at most {MAX_ROUTES} {what}; remove one first");
        return Err(ApiError::invalid(message).into());
    }
    Ok(())
}

fn audit(cx: &mut CallContext<'_, '_>, action: &'static str, route: &Route) -> Result<()> {
    let line = json!({
        "principal_id": route.principal, "endpoint_url": route.endpoint_url, "priority": route.priority,
        "status": route.status, "health_status": route.health_status,
    });
    Ok(cx.audit_in(route.workspace, action, &route.id.to_string(), &line)?)
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListPlaces) -> Result<InWorkspace<Filter>> {
    let filter = Filter {
        principals: read_range(input.principal_id.as_deref())?,
        transport_type: input.transport_type,
        status: input.status,
        limit: input.limit.items()?,
    };
    Ok(InWorkspace::new(input.workspace, filter))
}

pub fn list(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Filter>) -> Result<RouteList> {
    let place = place_of_range(cx, asked, asked.what.principals)?;
    let found = store::list(cx.tx, place.workspace, &asked.what)?;
    Ok(RouteList { ok: true, routes: found.into_iter().map(|route| view(route, &place)).collect() })
}

pub struct Change {
    id: Uuid,
    input: UpdateRoute,
    /// The check of the new endpoint, which applies unless the route is a queue.
    endpoint: Result<(), ApiError>,
}

pub(crate) fn prepare_update(context: &PrepareContext<'_>, input: UpdateRoute) -> Result<InWorkspace<Change>> {
    check_chars("endpoint_url", input.endpoint_url.as_deref(), 8, 2_048)?;
    check_chars("region", input.region.as_deref(), 2, 64)?;
    check_chars("cluster_id", input.cluster_id.as_deref(), 2, 128)?;
    read_metadata(input.metadata.clone())?;
    let endpoint = input.endpoint_url.as_deref().map_or(Ok(()), |url| check_endpoint(context, url));
    let endpoint = endpoint.map_err(crate::error::Error::into_api);
    let workspace = input.workspace.clone();
    let change = Change { id: read_id("route", &input.route_id)?, input, endpoint };
    Ok(InWorkspace::new(workspace, change))
}

pub fn update(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Change>) -> Result<RouteAnswer> {
    let change = &asked.what;
    let place = asked.place_of_object(cx, RUN, change.id, store::workspace_of)?;
    let old = find(cx, &place, change.id)?;
    if old.transport_type != TransportType::Queue {
        change.endpoint.clone()?;
    }
    let input = change.input.clone();
    let route = Route {
        endpoint_url: input.endpoint_url.unwrap_or(old.endpoint_url),
        auth_mode: input.auth_mode.unwrap_or(old.auth_mode),
        region: input.region.or(old.region),
        cluster_id: input.cluster_id.or(old.cluster_id),
        failover_policy: input.failover_policy.unwrap_or(old.failover_policy),
        priority: read_priority(input.priority).unwrap_or(old.priority),
        health_status: input.health_status.unwrap_or(old.health_status),
        status: input.status.unwrap_or(old.status),
        metadata: input.metadata.unwrap_or(old.metadata),
        updated_at: cx.now,
        ..old
    };
    store::put(cx.tx, &route)?;
    audit(cx, "routing.endpoints.update", &route)?;
    Ok(RouteAnswer { ok: true, route: view(route, &place) })
}

fn find(cx: &mut CallContext<'_, '_>, place: &Placement, id: Uuid) -> Result<Route> {
    let found = store::find(cx.tx, place.workspace, id)?;
    Ok(found.ok_or_else(|| ApiError::not_found(format!("route {id}")))?)
}

pub(crate) fn prepare_remove(_: &PrepareContext<'_>, input: RemoveRoute) -> Result<InWorkspace<Uuid>> {
    let id = read_id("route", &input.route_id)?;
    Ok(InWorkspace::new(input.workspace, id))
}

pub fn remove(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Uuid>) -> Result<RemoveRouteAnswer> {
    let id = asked.what;
    let place = asked.place_of_object(cx, RUN, id, store::workspace_of)?;
    if !store::delete(cx.tx, place.workspace, id)? {
        return Err(ApiError::not_found(format!("route {id}")).into());
    }
    cx.audit_in(place.workspace, "routing.endpoints.remove", &id.to_string(), &json!({}))?;
    let route = RouteRemoval { route_id: id.into(), removed: true };
    Ok(RemoveRouteAnswer { ok: true, result: route.clone(), route })
}

/// The principal that a call names, by alias or by id.
pub enum Target {
    Alias(String),
    Principal(Uuid),
}

/// Reads a target. An alias takes precedence over an id.
pub(super) fn read_target(alias: Option<String>, principal_id: Option<&str>) -> Result<Target> {
    match (alias, principal_id) {
        (Some(alias), _) => Ok(Target::Alias(alias)),
        (None, Some(id)) => read_id("principal", id).map(Target::Principal),
        (None, None) => Err(ApiError::invalid("alias or principal_id: one is required").into()),
    }
}

/// A target with its routes.
pub(super) struct CandidateRoutes {
    pub alias: Option<Alias>,
    pub principal: Principal,
    pub best: Route,
    /// The routes after the best, in order.
    pub others: Vec<Route>,
}

/// Returns the best routes of a target, at most `most`; fails without any.
pub(super) fn resolve_target(
    cx: &mut CallContext<'_, '_>,
    place: &Placement,
    target: &Target,
    most: i64,
) -> Result<CandidateRoutes> {
    let (alias, principal) = match target {
        Target::Alias(name) => find_named(cx, place, name)?,
        Target::Principal(id) => (None, principals::find(cx, place, *id)?),
    };
    let mut routes = store::list_best(cx.tx, place.workspace, principal.id, most)?.into_iter();
    let Some(best) = routes.next() else {
        let message = format!("principal {} has no active route; register one", principal.id);
        return Err(ApiError::new(ErrorCode::RouteNotFound, message).into());
    };
    Ok(CandidateRoutes { alias, principal, best, others: routes.collect() })
}

fn find_named(cx: &mut CallContext<'_, '_>, place: &Placement, name: &str) -> Result<(Option<Alias>, Principal)> {
    principals::find_named(cx, place, name).map(|(alias, principal)| (Some(alias), principal))
}

pub(crate) fn prepare_resolve(_: &PrepareContext<'_>, input: ResolveRoute) -> Result<InWorkspace<Target>> {
    let target = read_target(input.alias, input.principal_id.as_deref())?;
    Ok(InWorkspace::new(WorkspaceRef::new(input.org_id, input.workspace_id), target))
}

pub fn resolve(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Target>) -> Result<ResolveRouteAnswer> {
    let place = asked.place(cx, RUN)?;
    let found = resolve_target(cx, &place, &asked.what, MAX_ROUTES)?;
    let best = view(found.best, &place);
    let others = found.others.into_iter().map(|route| view(route, &place));
    let resolution = RouteResolution {
        alias: found.alias.map(|alias| principals::view_alias(alias, &place)),
        principal: principals::view(found.principal, &place),
        candidate_routes: std::iter::once(best.clone()).chain(others).collect(),
        selected_route: best,
        resolver_chain: ResolverStep::ALL.to_vec(),
    };
    Ok(ResolveRouteAnswer { ok: true, resolution })
}

fn view(route: Route, place: &Placement) -> RouteView {
    RouteView {
        route_id: route.id.into(),
        principal_id: route.principal.into(),
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        transport_type: route.transport_type,
        endpoint_url: route.endpoint_url,
        auth_mode: route.auth_mode,
        region: route.region,
        cluster_id: route.cluster_id,
        failover_policy: route.failover_policy,
        priority: route.priority,
        health_status: route.health_status,
        status: route.status,
        metadata: route.metadata,
        created_at: route.created_at.into(),
        updated_at: route.updated_at.into(),
    }
}

pub(crate) fn prepare_bind(context: &PrepareContext<'_>, input: UpsertBinding) -> Result<InWorkspace<Binding>> {
    check_transport(input.transport_type)?;
    check_chars("transport_handle", Some(&input.transport_handle), 2, 255)?;
    let binding = Binding {
        workspace: context.caller.workspace,
        id: context.rng.uuid_at(context.now),
        principal: read_id("principal", &input.principal_id)?,
        transport_type: input.transport_type,
        transport_handle: input.transport_handle,
        priority: read_priority(input.priority).unwrap_or(USUAL_PRIORITY),
        status: input.status.unwrap_or(BindingStatus::Active),
        metadata: read_metadata(input.metadata)?,
        created_at: context.now,
        updated_at: context.now,
    };
    Ok(InWorkspace::new(input.workspace, binding))
}

pub fn bind(cx: &mut CallContext<'_, '_>, new: &InWorkspace<Binding>) -> Result<BindingAnswer> {
    let place = new.place_of_object(cx, RUN, new.what.principal, principal_store::workspace_of)?;
    let fresh = Binding { workspace: place.workspace, ..new.what.clone() };
    principals::find(cx, &place, fresh.principal)?;
    let binding = store::put_binding(cx.tx, &fresh)?;
    check_room("handles", store::count_bindings(cx.tx, place.workspace)?)?;
    let line = json!({ "principal_id": binding.principal, "transport_handle": binding.transport_handle });
    cx.audit_in(place.workspace, "transports.bindings.upsert", &binding.id.to_string(), &line)?;
    Ok(BindingAnswer { ok: true, binding: view_binding(binding, &place) })
}

pub(crate) fn list_bindings(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Filter>) -> Result<BindingList> {
    let place = place_of_range(cx, asked, asked.what.principals)?;
    let found = store::list_bindings(cx.tx, place.workspace, &asked.what)?;
    let bindings = found.into_iter().map(|binding| view_binding(binding, &place)).collect();
    Ok(BindingList { ok: true, bindings })
}

pub(crate) fn prepare_unbind(_: &PrepareContext<'_>, input: RemoveBinding) -> Result<InWorkspace<Uuid>> {
    let id = read_id("binding", &input.binding_id)?;
    Ok(InWorkspace::new(input.workspace, id))
}

pub(crate) fn unbind(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Uuid>) -> Result<RemoveBindingAnswer> {
    let id = asked.what;
    let place = asked.place_of_object(cx, RUN, id, store::workspace_of_binding)?;
    if !store::delete_binding(cx.tx, place.workspace, id)? {
        return Err(ApiError::not_found(format!("binding {id}")).into());
    }
    cx.audit_in(place.workspace, "transports.bindings.remove", &id.to_string(), &json!({}))?;
    let binding = BindingRemoval { binding_id: id.into(), removed: true };
    Ok(RemoveBindingAnswer { ok: true, result: binding.clone(), binding })
}

fn view_binding(binding: Binding, place: &Placement) -> BindingView {
    BindingView {
        binding_id: binding.id.into(),
        principal_id: binding.principal.into(),
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        transport_type: binding.transport_type,
        transport_handle: binding.transport_handle,
        priority: binding.priority,
        status: binding.status,
        metadata: binding.metadata,
        created_at: binding.created_at.into(),
        updated_at: binding.updated_at.into(),
    }
}
