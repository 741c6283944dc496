//! Health, readiness and the API's own description: plain routes without a credential (`spec/protocol.md` §2.32).

pub use axme_types::storage::StorageEngine;
use serde::{Deserialize, Serialize};

use crate::op::{Access, Route};

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[HEALTH, HEALTH_V1, READY, METRICS, OPENAPI, REFERENCE, REFERENCE_PAGE, REFERENCE_FILTER];

/// Returns the health of the server.
pub const HEALTH: Route = Route::get("health.get", "/health")
    .access(Access::Public)
    .about("Get the version and the storage of a running server.");
/// The same as [`HEALTH`].
pub const HEALTH_V1: Route = Route::get("health.get_v1", "/v1/health")
    .access(Access::Public)
    .about("Get the version and the storage, like /health.");
/// Tells whether the server accepts calls.
pub const READY: Route = Route::get("health.ready", "/ready")
    .access(Access::Public)
    .about("Check whether the server accepts calls and reaches its database.");
/// Returns the measurements of the node.
pub const METRICS: Route = Route::get("health.metrics", "/metrics")
    .access(Access::Admin)
    .about("Get the measurements of this node in the text format of Prometheus.");
/// Returns the OpenAPI document.
pub const OPENAPI: Route = Route::get("health.openapi", "/openapi.json")
    .access(Access::Public)
    .about("Get this API as an OpenAPI 3.1 document.");
/// Shows the index of the reference.
pub const REFERENCE: Route =
    Route::get("health.docs", "/docs").access(Access::Public).about("Show the index of this reference for people.");
/// Shows another page of the reference.
pub const REFERENCE_PAGE: Route = Route::get("health.docs_page", "/docs/{page}")
    .access(Access::Public)
    .about("Show a page of this reference: a family of operations, or `errors`.");
/// Returns the script of the index.
pub const REFERENCE_FILTER: Route = Route::get("health.docs_filter", "/docs/filter.js")
    .access(Access::Public)
    .about("Get the script behind the filter field of the index.");

/// The health of a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    /// Always true.
    pub ok: bool,
    /// Always `axme`.
    pub service: String,
    /// The version of the server, such as `0.1.0`.
    pub version: String,
    /// Always `self-hosted`.
    pub deployment_profile: String,
    /// The database of the server.
    pub storage: StorageEngine,
    /// The number of people who have an account.
    pub registered_users: u64,
}
