//! The pages of the operators' console. They read and change through the operations of this table; the session of a browser
//! or of a key is their credential.

use crate::op::{Access, Route};

/// The plain routes of the console, without those of `console_settings`.
pub const ROUTES: &[Route] = &[
    ROOT,
    OPEN,
    OPEN_ANSWER,
    OVERVIEW,
    SIGN_IN,
    SIGN_IN_ANSWER,
    SIGN_OUT,
    WORKSPACE,
    INTENTS,
    BULK,
    VIEWS,
    INTENT,
    ACT,
    LIVE,
    AGENTS,
    AGENT_SWITCH,
    DELIVERIES,
    DELIVERY_REPLAY,
    WEBHOOKS,
    AUDIT,
    AUDIT_EXPORT,
    STYLE,
    SCRIPT,
];

/// Leads to the console or to the description of the API.
pub const ROOT: Route = Route::get("console.root", "/")
    .access(Access::Public)
    .about("Lead a browser to the console, and tell a program where the API is described.");
/// Opens the console with a one-time token.
pub const OPEN: Route = Route::get("console.open", "/auth/exchange").access(Access::Public).about(
    "Sign a browser in with the token of `auth.dashboard_token`. A browser that comes from another site is asked first.",
);
/// Confirms that the console opens.
pub const OPEN_ANSWER: Route = Route::post("console.open_confirmed", "/auth/exchange")
    .access(Access::Public)
    .about("Sign a browser in with the token of the page.");
/// Shows the overview.
pub const OVERVIEW: Route = Route::get("console.overview", "/app")
    .access(Access::Public)
    .about("Show the numbers of the workspace. Without a session, lead to the page to sign in.");
/// Shows the forms to sign in.
pub const SIGN_IN: Route = Route::get("console.sign_in", "/app/sign-in")
    .access(Access::Public)
    .about("Show the forms to sign in by mail, by password or with a key.");
/// Signs in.
pub const SIGN_IN_ANSWER: Route = Route::post("console.sign_in_answer", "/app/sign-in")
    .access(Access::Public)
    .about("Send an email address and then the mailed code, a name with its password, or a key.");
/// Signs out.
pub const SIGN_OUT: Route =
    Route::post("console.sign_out", "/app/sign-out").access(Access::Public).about("End the session of the cookie.");
/// Selects a workspace.
pub const WORKSPACE: Route = Route::post("console.workspace", "/app/workspace")
    .access(Access::Public)
    .about("Select the workspace that the console shows, among those of the person.");
/// Lists intents.
pub const INTENTS: Route = Route::get("console.intents", "/app/intents")
    .access(Access::Public)
    .about("List intents. The filters are the parameters of `intents.list`.");
/// Changes many intents.
pub const BULK: Route = Route::post("console.intents_bulk", "/app/intents/bulk").access(Access::Public).about(
    "Cancel, submit again or replay many intents: the first form counts them, the second one does it in portions.",
);
/// Saves or removes a view of the list.
pub const VIEWS: Route = Route::post("console.views", "/app/intents/views")
    .access(Access::Public)
    .about("Save the filter and the columns of the list under a name, or remove a saved view.");
/// Shows an intent.
pub const INTENT: Route = Route::get("console.intent", "/app/intents/{intent_id}")
    .access(Access::Public)
    .about("Show an intent: its outcome, timeline, workflow and content. `at` shows it after an earlier event.");
/// Acts on an intent.
pub const ACT: Route = Route::post("console.intent_act", "/app/intents/{intent_id}")
    .access(Access::Public)
    .about("Answer, reassign, cancel, submit again or replay an intent, or change its controls.");
/// Streams the events of an intent to the page.
pub const LIVE: Route =
    Route::get("console.intent_stream", "/app/intents/{intent_id}/stream").access(Access::Key).about(
        "Stream the events of an intent to the open page, as `intents.stream` does. The cookie is a credential here.",
    );
/// Lists agents.
pub const AGENTS: Route = Route::get("console.agents", "/app/agents")
    .access(Access::Public)
    .about("Show the agents of the workspace, or one of them: health, queue, cost, limits and events.");
/// Stops or resumes an agent.
pub const AGENT_SWITCH: Route =
    Route::post("console.agent_switch", "/app/agents").access(Access::Public).about("Stop an agent, or resume it.");
/// Lists deliveries.
pub const DELIVERIES: Route = Route::get("console.deliveries", "/app/deliveries")
    .access(Access::Public)
    .about("List routed deliveries, and dead letters of every kind.");
/// Replays a delivery.
pub const DELIVERY_REPLAY: Route = Route::post("console.delivery_replay", "/app/deliveries")
    .access(Access::Public)
    .about("Send a delivery or a dead letter again.");
/// Lists subscriptions.
pub const WEBHOOKS: Route = Route::get("console.webhooks", "/app/webhooks")
    .access(Access::Public)
    .about("List the subscriptions to events, and their dead letters.");
/// Shows the audit trail.
pub const AUDIT: Route =
    Route::get("console.audit", "/app/audit").access(Access::Public).about("Show the audit trail, with filters.");
/// Exports the audit trail.
pub const AUDIT_EXPORT: Route = Route::get("console.audit_export", "/app/audit/export")
    .access(Access::Public)
    .about("Download up to 10,000 lines of the audit trail as CSV or JSON Lines.");
/// Returns the style sheet of the console.
pub const STYLE: Route = Route::get("console.style", "/app/console.css")
    .access(Access::Public)
    .about("Return the style sheet of the console.");
/// Returns the script of the console.
pub const SCRIPT: Route = Route::get("console.script", "/app/console.js")
    .access(Access::Public)
    .about("Return the script that keeps pages of the console live. They work without it.");
