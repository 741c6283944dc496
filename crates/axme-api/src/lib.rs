//! The table of operations: each thing the platform can do for a caller is one typed constant. REST routes, OpenAPI, the
//! command line, the Rust SDK and the authorisation tests are readings of this table. Nothing is written three times.
//!
//! A resource family has one file here; the server has a file of the same name under `ops/`.

pub mod access_requests;
pub mod agents;
pub mod alpha;
pub mod approvals;
pub mod audit;
pub mod auth;
pub mod billing;
pub mod capabilities;
pub mod deliveries;
pub mod error;
pub mod health;
pub mod inbox;
pub mod intents;
pub mod invites;
pub mod lenient;
pub mod macros;
pub mod mcp;
pub mod me;
pub mod media;
pub mod members;
pub mod mesh;
pub mod op;
pub mod openapi;
pub mod organizations;
pub mod personal;
pub mod policies;
pub mod portal;
pub mod principals;
pub mod quotas;
pub mod roles;
pub mod routing;
pub mod scenarios;
pub mod scheduler;
pub mod schema_files;
pub mod schemas;
pub mod service_accounts;
pub mod sessions;
pub mod tasks;
pub mod users;
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
        &users::CHECK_NICK,
        &users::RESOLVE_NICK,
        &users::REGISTER_NICK,
        &users::RENAME_NICK,
        &users::PROFILE,
        &users::UPDATE_PROFILE,
        &invites::CREATE,
        &invites::GET,
        &invites::ACCEPT,
        &schemas::UPSERT,
        &schemas::GET,
        &media::CREATE_UPLOAD,
        &media::FINALIZE_UPLOAD,
        &media::GET,
        &me::GET,
        &capabilities::GET,
        &agents::LIST,
        &agents::GET,
        &principals::CREATE,
        &principals::GET,
        &principals::BIND_ALIAS,
        &principals::LIST_ALIASES,
        &principals::RESOLVE_ALIAS,
        &principals::REVOKE_ALIAS,
        &routing::REGISTER,
        &routing::LIST,
        &routing::UPDATE,
        &routing::REMOVE,
        &routing::RESOLVE,
        &routing::BIND,
        &routing::LIST_BINDINGS,
        &routing::UNBIND,
        &deliveries::SUBMIT,
        &deliveries::GET,
        &deliveries::OPERATIONS,
        &deliveries::RECONCILE,
        &deliveries::LIST,
        &deliveries::REPLAY,
        &sessions::CREATE,
        &sessions::LIST,
        &sessions::GET,
        &sessions::POST_MESSAGE,
        &sessions::MESSAGES,
        &sessions::FEED,
        &sessions::COMPLETE,
        &mesh::HEARTBEAT,
        &mesh::LIST,
        &mesh::GET,
        &mesh::KILL,
        &mesh::RESUME,
        &mesh::EVENTS,
        &mesh::GET_COST,
        &mesh::PUT_COST,
        &mesh::DELETE_COST,
        &mesh::GET_ACTION,
        &mesh::PUT_ACTION,
        &mesh::DELETE_ACTION,
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
        &billing::INVOICES,
        &billing::INVOICE,
        &audit::LIST,
        &portal::OVERVIEW,
        &portal::NAVIGATION,
        &portal::REQUEST_QUEUE,
        &portal::ACCESS_REQUESTS,
        &auth::LOGIN_INTENT,
        &auth::VERIFY,
        &auth::GRANT,
        &auth::POLL,
        &auth::REFRESH,
        &auth::LOGIN,
        &auth::REGISTER_PASSWORD,
        &auth::LOGOUT,
        &auth::LOGOUT_ALL,
        &auth::SESSIONS,
        &auth::REVOKE,
        &auth::ASSISTANT_LINKS,
        &auth::DASHBOARD,
        &auth::EXCHANGE,
        &auth::INTROSPECT,
        &alpha::BOOTSTRAP,
        &alpha::VERIFY,
        &alpha::RESEND,
        &personal::CONTEXT,
        &personal::SELECT,
        &personal::PROFILE,
        &personal::OVERVIEW,
    ]
}

/// The routes that are not operations: streams, health, documents. Listed so that the authorisation test sees them.
pub fn routes() -> Vec<Route> {
    vec![
        intents::STREAM,
        agents::STREAM,
        sessions::STREAM,
        mcp::ENDPOINT,
        scheduler::WORKFLOW,
        scheduler::WEBHOOK,
        scheduler::RECONCILE,
        health::HEALTH,
        health::HEALTH_V1,
        health::READY,
        health::OPENAPI,
        health::REFERENCE,
        media::UPLOAD,
        media::DOWNLOAD,
        media::PREVIEW,
        tasks::ACTION,
        tasks::PAGE,
        tasks::PAGE_ANSWER,
        tasks::STYLE,
        auth::KEYS,
        auth::MAIL_PAGE,
        auth::MAIL_PAGE_ANSWER,
        auth::CALLBACK,
        auth::DEVICE_PAGE,
        auth::DEVICE_PAGE_ANSWER,
        alpha::LINK,
        alpha::PAGE,
        alpha::PAGE_ANSWER,
        auth::PROVIDER,
        auth::PROVIDER_ANSWER,
        auth::PROVIDER_CONFIRM,
    ]
}
