//! The families of operations: a page of the reference and a tag of the OpenAPI document each.
//!
//! The id of an operation begins with the name of its family: `intents.create` belongs to `intents`. A family whose page
//! would be too long has parts with pages of their own: `mesh-policies` has the operations `mesh.policies.…`.

use crate::op::{OpInfo, Route};
use crate::{
    agents, alpha, auth, console_pages, console_settings, health, inbox_pages, intents, mcp, media, oauth, receipts,
    scheduler, sessions, table, tasks,
};

/// A family of operations, or a part of a large one.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The name of the page. A part has the name of its family, `-`, and a name of its own.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// One sentence that says what its operations do.
    pub about: &'static str,
    /// Its routes that are not operations.
    pub routes: &'static [Route],
    /// The operations of a part: ids, or the beginnings of ids. Empty for a whole family: it has the operations whose ids
    /// begin with its name and belong to no part.
    ids: &'static [&'static str],
}

impl Family {
    const fn new(name: &'static str, title: &'static str, about: &'static str) -> Family {
        Family { name, title, about, routes: &[], ids: &[] }
    }

    const fn ids(mut self, ids: &'static [&'static str]) -> Family {
        self.ids = ids;
        self
    }

    const fn routes(mut self, routes: &'static [Route]) -> Family {
        self.routes = routes;
        self
    }

    /// Returns the operations of the family, in the order of the table.
    pub fn operations(&self) -> Vec<&'static OpInfo> {
        let is_ours = |info: &&OpInfo| of(info.id).is_some_and(|family| family.name == self.name);
        table().into_iter().map(|op| op.info()).filter(is_ours).collect()
    }

    /// True if this is a part of a family.
    pub fn is_part(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Returns the length of the longest part of the id that this family names.
    fn named(&self, id: &str) -> Option<usize> {
        let begins =
            |part: &&&str| id.strip_prefix(**part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let ids = if self.is_part() { self.ids } else { std::slice::from_ref(&self.name) };
        ids.iter().filter(begins).map(|part| part.len()).max()
    }
}

/// Returns the family, or the part of a family, that an operation belongs to.
pub fn of(id: &str) -> Option<&'static Family> {
    FAMILIES.iter().filter(|family| family.named(id).is_some()).max_by_key(|family| family.named(id))
}

/// Returns the tags of the OpenAPI document: the families that have operations. A part has no tag of its own.
#[cfg(feature = "schema")]
pub(crate) fn tags() -> Vec<serde_json::Value> {
    let tagged = FAMILIES.iter().filter(|family| !family.is_part() && !family.operations().is_empty());
    tagged.map(|family| serde_json::json!({ "name": family.name, "description": family.about })).collect()
}

/// Every family, in the order of the documentation.
pub const FAMILIES: &[Family] = &[
    Family::new("intents", "Intents", "Submit work to an agent or a person, follow it and answer it.")
        .routes(intents::ROUTES),
    Family::new(
        "intents-controls",
        "Intents: controls",
        "Change the limits and the policy of intents while they run, or cancel many.",
    )
    .ids(&["intents.controls", "intents.policy", "intents.bulk_cancel"]),
    Family::new("scenarios", "Scenarios", "Check a bundle of agents and workflow steps, and start it."),
    Family::new("macros", "Macros", "Read the ready-made workflows that a scenario can name instead of listing steps."),
    Family::new(
        "tasks",
        "Tasks",
        "List the tasks that wait for a person, reassign them, create links to answer them, and ask the requester back.",
    )
    .routes(tasks::ROUTES),
    Family::new("groups", "Groups", "Keep groups of people, and the rule on who may be asked to decide guarded tasks."),
    Family::new(
        "receipts",
        "Receipts",
        "Read the signed records of what people decided, and the keys that verify them.",
    )
    .routes(receipts::ROUTES),
    Family::new("approvals", "Approvals", "Approve or reject a request by its id."),
    Family::new("inbox", "Inbox", "Read intents as threads, follow their changes, and reply to them."),
    Family::new("inbox-decisions", "Inbox: decisions", "Approve, reject or delegate a thread.").ids(&[
        "inbox.approve",
        "inbox.reject",
        "inbox.delegate",
    ]),
    Family::new("inbox-pages", "Inbox: pages", "Show a person in a browser what waits for them, and take their answers.")
        .routes(inbox_pages::ROUTES),
    Family::new("console", "Console", "Watch and steer a workspace in a browser. See docs/console.md.")
        .routes(console_pages::ROUTES),
    Family::new(
        "console-settings",
        "Console: settings",
        "Edit scenarios, members, keys, quotas, policies and schemas in a browser, and look at the server.",
    )
    .routes(console_settings::ROUTES),
    Family::new("webhooks", "Webhooks", "Subscribe an HTTPS address to events, and publish events."),
    Family::new("users", "Users", "Register people under a nick, and look them up."),
    Family::new("invites", "Invites", "Invite a person to become a user of the workspace."),
    Family::new("schemas", "Schemas", "Set the JSON Schema of the payloads of one intent type."),
    Family::new("media", "Files", "Upload a file and get URLs to download it.").routes(media::ROUTES),
    Family::new("me", "Caller", "Show the caller's identity and permissions."),
    Family::new("capabilities", "Capabilities", "Show the features of this server."),
    Family::new("agents", "Agents", "List agents, and stream the intents to an agent.").routes(agents::ROUTES),
    Family::new("agents-senders", "Agents: senders", "Set which senders may send to an agent.")
        .ids(&["agents.policy", "agents.receive_override"]),
    Family::new("principals", "Principals", "Add the people and programs that deliveries can reach."),
    Family::new("aliases", "Aliases", "Give principals further names, and look these up."),
    Family::new("routing", "Routes", "Register the endpoints where principals are reached."),
    Family::new("transports", "Transport handles", "Record the handles of principals on other transports."),
    Family::new("deliveries", "Deliveries", "Send payloads along routes, and repeat failed deliveries."),
    Family::new("sessions", "Sessions", "Share messages between several agents in one numbered feed.")
        .routes(sessions::ROUTES),
    Family::new("mesh", "Agent mesh", "Report the health of agents, stop agents, and resume them."),
    Family::new("mesh-policies", "Agent mesh: policies", "Limit the actions and the costs of an agent.")
        .ids(&["mesh.policies"]),
    Family::new("service_accounts", "Service accounts", "Create the identities of agents, and their API keys."),
    Family::new("organizations", "Organizations", "Manage organizations and their workspaces."),
    Family::new(
        "organizations-members",
        "Organizations: members",
        "Give people a role in an organization, change it, and take it away.",
    )
    .ids(&["organizations.members"]),
    Family::new("organizations-senders", "Organizations: senders", "Set which senders may send to an organization.")
        .ids(&["organizations.receive_policy"]),
    Family::new("workspaces", "Workspaces", "Give members a role in a workspace, or take it away."),
    Family::new("access_requests", "Access requests", "Request a role or a quota, and decide such requests."),
    Family::new("quotas", "Quotas", "Read and set the limits of a workspace."),
    Family::new("usage", "Usage", "Read how much a workspace has used, in total or by day."),
    Family::new("billing", "Billing", "Keep billing plans and invoices as records."),
    Family::new("audit", "Audit", "Read the trail of changes: the caller, the change and its time."),
    Family::new("retention", "Retention", "Set how long a workspace keeps its data, and hold it."),
    Family::new("portal", "Portal", "Read the figures and lists that a portal shows to a person or an organization."),
    Family::new("auth", "Sign-in", "Sign people in by mail, by password, or on another device."),
    Family::new(
        "auth-sessions",
        "Sign-in: sessions",
        "Refresh and check tokens, sign a dashboard in, and end sessions.",
    )
    .ids(&[
        "auth.refresh",
        "auth.introspect",
        "auth.dashboard_token",
        "auth.exchange",
        "auth.logout",
        "auth.logout_all",
        "auth.sessions",
        "auth.assistant_links",
    ]),
    Family::new("auth-pages", "Sign-in: pages", "Show the pages of sign-in mails, devices and identity providers.")
        .routes(auth::ROUTES),
    Family::new("alpha", "Trials", "Start a trial workspace, if this server offers trials.").routes(alpha::ROUTES),
    Family::new("mcp", "Model Context Protocol", "Call the operations as tools of a language model.")
        .routes(mcp::ROUTES),
    Family::new("oauth", "OAuth", "Let a client of the Model Context Protocol act in the name of a person.")
        .routes(oauth::ROUTES),
    Family::new("scheduler", "Scheduler", "Do due work of the caller's workspace now instead of a moment later.")
        .routes(scheduler::ROUTES),
    Family::new("health", "Health and description", "Check that the server works, and read its description.")
        .routes(health::ROUTES),
];
