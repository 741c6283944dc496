//! The pages of the operators' console that change settings, and those of the server (see `console_pages`).

use crate::op::{Access, Route};

/// The plain routes of these pages.
pub const ROUTES: &[Route] =
    &[SCENARIOS, SCENARIO_EDIT, CHANGE, PEOPLE, POLICIES, SCHEMAS, QUOTAS, SERVER, SERVER_CHECK];

/// Lists scenarios.
pub const SCENARIOS: Route = Route::get("console.scenarios", "/app/scenarios")
    .access(Access::Public)
    .about("List the scenarios that were applied, each with its newest run, and show the editor for a bundle.");
/// Checks or applies a bundle.
pub const SCENARIO_EDIT: Route = Route::post("console.scenario_edit", "/app/scenarios")
    .access(Access::Public)
    .about("Check a bundle, and show each finding with its line; or apply it.");
/// Carries out a change.
pub const CHANGE: Route = Route::post("console.change", "/app/change").access(Access::Public).about(
    "Carry out the operation that a form names, as the caller of the session. A change that cannot be undone is asked about first.",
);
/// Lists people and accounts.
pub const PEOPLE: Route = Route::get("console.people", "/app/people")
    .access(Access::Public)
    .about("List the members, the open access requests, and the service accounts, or one account with its keys.");
/// Shows policies about senders.
pub const POLICIES: Route = Route::get("console.policies", "/app/policies")
    .access(Access::Public)
    .about("Show whom the organization accepts intents from.");
/// Shows a payload schema.
pub const SCHEMAS: Route = Route::get("console.schemas", "/app/schemas")
    .access(Access::Public)
    .about("Show the payload schema of an intent type.");
/// Shows quotas.
pub const QUOTAS: Route =
    Route::get("console.quotas", "/app/quotas").access(Access::Public).about("Show the limits and the usage.");
/// Shows the server and its machine.
pub const SERVER: Route = Route::get("console.server", "/app/server").access(Access::Public).about(
    "Show the operators of the server what waits in its database, the last check of its machine, and the settings in force.",
);
/// Checks the machine.
pub const SERVER_CHECK: Route = Route::post("console.server_check", "/app/server")
    .access(Access::Public)
    .about("Check the machine of this node, as `axme doctor --server` does.");
