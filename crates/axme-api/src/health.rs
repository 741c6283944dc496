//! Health, readiness and the API's own description: plain routes without a credential (`spec/protocol.md` §2.32).

use serde::{Deserialize, Serialize};

use crate::op::{Access, Route};

pub const ROUTES: &[Route] = &[HEALTH, HEALTH_V1, READY, OPENAPI, REFERENCE];

pub const HEALTH: Route = Route::get("/health").access(Access::Public).about("The process lives.");
pub const HEALTH_V1: Route = Route::get("/v1/health").access(Access::Public).about("Same as /health.");
pub const READY: Route =
    Route::get("/ready").access(Access::Public).about("The server takes calls: its database answers.");
pub const OPENAPI: Route =
    Route::get("/openapi.json").access(Access::Public).about("This API as an OpenAPI 3.1 document.");

pub const REFERENCE: Route = Route::get("/docs").access(Access::Public).about("The same as a page for people.");

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    pub ok: bool,
    /// Always `axme`.
    pub service: String,
    pub version: String,
    pub deployment_profile: String,
    /// `sqlite` or `postgresql`.
    pub storage: String,
    pub registered_users: u64,
}
