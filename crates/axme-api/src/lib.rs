//! The table of operations: each thing the platform can do for a caller is one typed constant. REST routes, OpenAPI, the
//! command line, the Rust SDK and the authorization tests are derived from this table.
//!
//! A resource family has one file here, and one of the same name under `axme-core/src/ops/`. The file exports its
//! operations as `OPERATIONS`, in the order of the documentation, and its plain routes as `ROUTES`. `CONTRIBUTING.md`
//! lists the files of a new operation.

#![deny(missing_docs)]

pub mod access_requests;
pub mod agents;
pub mod alpha;
pub mod approvals;
pub mod audit;
pub mod auth;
pub mod billing;
#[cfg(feature = "schema")]
mod bounds;
pub mod capabilities;
pub mod console_pages;
pub mod console_settings;
pub mod deliveries;
pub mod error;
#[cfg(feature = "schema")]
pub mod errors_page;
#[cfg(feature = "schema")]
pub mod examples;
pub mod families;
#[cfg(feature = "schema")]
pub mod generate;
pub mod groups;
pub mod health;
pub mod inbox;
pub mod inbox_pages;
pub mod intents;
pub mod invites;
pub mod lenient;
pub mod macros;
pub mod mcp;
pub mod me;
pub mod media;
pub mod members;
pub mod mesh;
pub mod number;
pub mod oauth;
pub mod op;
pub mod openapi;
pub mod organizations;
pub mod page;
pub mod personal;
#[cfg(feature = "schema")]
mod plain_routes;
pub mod policies;
pub mod portal;
pub mod principals;
pub mod quotas;
pub mod receipts;
#[cfg(feature = "schema")]
mod responses;
pub mod retention;
pub mod roles;
pub mod routing;
pub mod scenarios;
pub mod scheduler;
#[cfg(feature = "schema")]
pub mod schema_files;
pub mod schemas;
pub mod service_accounts;
pub mod sessions;
pub mod tasks;
pub mod users;
pub mod webhooks;
pub mod workspace_ref;

pub use axme_types::consumers::ConsumerName;
pub use axme_types::json;
pub use axme_types::scopes::Scope;
pub use axme_types::{Id, Json, JsonFields, OutcomeKind, Status, Timestamp, WaitingReason};
pub use error::{ApiError, ErrorCode, ErrorKind};
pub use number::Number;
pub use op::{Access, AnyOp, Effect, Input, Method, Op, OpInfo, Route};
pub use page::Limit;
pub use workspace_ref::WorkspaceRef;

/// A JSON object, key order kept.
pub type Object = serde_json::Map<String, serde_json::Value>;

/// Every operation, in the order of the documentation.
pub fn table() -> Vec<&'static dyn AnyOp> {
    [
        intents::OPERATIONS,
        scenarios::OPERATIONS,
        macros::OPERATIONS,
        tasks::OPERATIONS,
        receipts::OPERATIONS,
        groups::OPERATIONS,
        approvals::OPERATIONS,
        inbox::OPERATIONS,
        webhooks::OPERATIONS,
        users::OPERATIONS,
        invites::OPERATIONS,
        schemas::OPERATIONS,
        media::OPERATIONS,
        me::OPERATIONS,
        capabilities::OPERATIONS,
        agents::OPERATIONS,
        principals::OPERATIONS,
        routing::OPERATIONS,
        deliveries::OPERATIONS,
        sessions::OPERATIONS,
        mesh::OPERATIONS,
        service_accounts::OPERATIONS,
        organizations::OPERATIONS,
        members::OPERATIONS,
        access_requests::OPERATIONS,
        policies::OPERATIONS,
        quotas::OPERATIONS,
        billing::OPERATIONS,
        audit::OPERATIONS,
        retention::OPERATIONS,
        portal::OPERATIONS,
        auth::OPERATIONS,
        alpha::OPERATIONS,
        personal::OPERATIONS,
    ]
    .concat()
}

/// The routes that are not operations: streams, health, documents. Listed so that the authorization test sees them.
pub fn routes() -> Vec<Route> {
    [
        intents::ROUTES,
        agents::ROUTES,
        sessions::ROUTES,
        mcp::ROUTES,
        oauth::ROUTES,
        scheduler::ROUTES,
        health::ROUTES,
        media::ROUTES,
        tasks::ROUTES,
        receipts::ROUTES,
        inbox_pages::ROUTES,
        console_pages::ROUTES,
        console_settings::ROUTES,
        auth::ROUTES,
        alpha::ROUTES,
    ]
    .concat()
}
