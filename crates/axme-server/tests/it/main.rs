//! The operations, in process, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::result_large_err, reason = "jobs return the server's own error")]

mod access;
mod access_requests;
mod agents;
mod alpha;
mod answers;
mod approvals;
mod bundles;
mod calls;
mod concurrency;
mod contract;
mod control;
mod differential;
mod forms;
mod guards;
mod harness;
mod inbox;
mod intents;
mod invites;
mod ladders;
mod logins;
mod macros;
mod mcp;
mod media;
mod members;
mod mesh;
mod nodes;
mod oidc;
mod openapi;
mod organizations;
mod passwords;
mod people;
mod persons;
mod policies;
mod principals;
mod published;
mod pushes;
mod quotas;
mod routed;
mod routing;
mod scenarios;
mod schemas;
mod service_accounts;
mod sessions;
mod steps;
mod store;
mod streams;
mod tasks;
mod threads;
mod users;
mod webhooks;
