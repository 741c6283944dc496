//! The table of operations: each thing the platform can do for a caller is one typed constant. REST routes, OpenAPI, the
//! command line, the Rust SDK and the authorisation tests are readings of this table. Nothing is written three times.
//!
//! A resource family has one file here; the server has a file of the same name under `ops/`.

pub mod access_requests;
pub mod agents;
pub mod approvals;
pub mod billing;
pub mod capabilities;
pub mod deliveries;
pub mod error;
pub mod health;
pub mod inbox;
pub mod intents;
pub mod lenient;
pub mod macros;
pub mod me;
pub mod members;
pub mod op;
pub mod openapi;
pub mod organizations;
pub mod policies;
pub mod quotas;
pub mod roles;
pub mod scenarios;
pub mod service_accounts;
pub mod tasks;
pub mod webhooks;

pub use error::{ApiError, ErrorKind};
pub use op::{Access, AnyOp, Effect, Input, Method, Op, OpInfo, Route};

/// A JSON object, key order kept.
pub type Object = serde_json::Map<String, serde_json::Value>;

/// Every operation, in the order of the documentation.
pub fn table() -> Vec<&'static dyn AnyOp> {
    vec![
        &intents::CREATE,
        &intents::LIST,
        &intents::GET,
        &intents::EVENTS,
        &intents::RESOLVE,
        &intents::RESUME,
        &intents::CONTROLS,
        &intents::POLICY,
        &intents::BULK_CANCEL,
        &scenarios::APPLY,
        &scenarios::VALIDATE,
        &macros::LIST,
        &macros::GET,
        &tasks::LIST,
        &tasks::REASSIGN,
        &tasks::LINK,
        &approvals::DECIDE,
        &inbox::LIST,
        &inbox::CHANGES,
        &inbox::GET,
        &inbox::REPLY,
        &inbox::DELEGATE,
        &inbox::APPROVE,
        &inbox::REJECT,
        &inbox::READ,
        &inbox::DELETE_MESSAGES,
        &inbox::DELETE_ALL_MESSAGES,
        &webhooks::UPSERT,
        &webhooks::LIST,
        &webhooks::DELETE,
        &webhooks::PUBLISH,
        &webhooks::REPLAY,
        &me::GET,
        &capabilities::GET,
        &agents::LIST,
        &agents::GET,
        &deliveries::LIST,
        &deliveries::REPLAY,
        &service_accounts::CREATE,
        &service_accounts::LIST,
        &service_accounts::GET,
        &service_accounts::UPDATE,
        &service_accounts::CREATE_KEY,
        &service_accounts::DELETE,
        &service_accounts::REVOKE_KEY,
        &organizations::CREATE,
        &organizations::GET,
        &organizations::UPDATE,
        &organizations::CREATE_WORKSPACE,
        &organizations::LIST_WORKSPACES,
        &organizations::UPDATE_WORKSPACE,
        &members::LIST,
        &members::ADD,
        &members::UPDATE,
        &members::REMOVE,
        &members::INCLUDE,
        &members::EXCLUDE,
        &access_requests::CREATE,
        &access_requests::LIST,
        &access_requests::GET,
        &access_requests::REVIEW,
        &policies::RECEIVE_GET,
        &policies::RECEIVE_PUT,
        &policies::RECEIVE_ADD,
        &policies::RECEIVE_REMOVE,
        &policies::OVERRIDE_GET,
        &policies::OVERRIDE_PUT,
        &policies::OVERRIDE_ADD,
        &policies::OVERRIDE_REMOVE,
        &policies::SEND_GET,
        &policies::SEND_PUT,
        &policies::SEND_ADD,
        &policies::SEND_REMOVE,
        &quotas::GET,
        &quotas::UPDATE,
        &quotas::SUMMARY,
        &quotas::TIMESERIES,
        &quotas::ROLLUPS,
        &billing::PLAN,
        &billing::UPDATE_PLAN,
    ]
}

/// The routes that are not operations: streams, health, documents. Listed so that the authorisation test sees them.
pub fn routes() -> Vec<Route> {
    vec![
        intents::STREAM,
        agents::STREAM,
        health::HEALTH,
        health::HEALTH_V1,
        health::READY,
        health::OPENAPI,
        tasks::ACTION,
        tasks::PAGE,
        tasks::PAGE_ANSWER,
        tasks::STYLE,
    ]
}
