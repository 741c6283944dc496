//! The frame of every page of the console: its sections, whose session it is, and words for times and statuses.

use axme_api::{
    OpInfo, audit, deliveries, intents, mesh, policies, quotas, scenarios, schemas, service_accounts, webhooks,
};
use axme_core::auth::{Caller, Role};
use axme_core::call::authorize;
use axme_core::state::AppState;
use axme_intent::{Holder, OutcomeKind, Status, Time, WaitingReason};

use crate::http::letterhead::{Letterhead, base_path};

/// A section of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Intents,
    Scenarios,
    Agents,
    Deliveries,
    Webhooks,
    People,
    Policies,
    Schemas,
    Quotas,
    Audit,
    Server,
    None,
}

/// The sections, with the title and path of each, and the operation that its page begins with.
static SECTIONS: [(Section, &str, &str, Option<&OpInfo>); 11] = [
    (Section::Overview, "Overview", "/app", None),
    (Section::Intents, "Intents", "/app/intents", Some(&intents::LIST.info)),
    (Section::Scenarios, "Scenarios", "/app/scenarios", Some(&scenarios::VALIDATE.info)),
    (Section::Agents, "Agents", "/app/agents", Some(&mesh::LIST.info)),
    (Section::Deliveries, "Deliveries", "/app/deliveries", Some(&deliveries::LIST.info)),
    (Section::Webhooks, "Webhooks", "/app/webhooks", Some(&webhooks::LIST.info)),
    (Section::People, "People and keys", "/app/people", Some(&service_accounts::LIST.info)),
    (Section::Policies, "Policies", "/app/policies", Some(&policies::RECEIVE_GET.info)),
    (Section::Schemas, "Schemas", "/app/schemas", Some(&schemas::GET.info)),
    (Section::Quotas, "Quotas", "/app/quotas", Some(&quotas::GET.info)),
    (Section::Audit, "Audit", "/app/audit", Some(&audit::LIST.info)),
];

/// A link to a section.
pub(super) struct Entry {
    pub title: &'static str,
    pub path: &'static str,
    pub is_here: bool,
}

/// The part of a page that all pages share.
pub(super) struct Frame {
    /// The path of the server; empty if it is at the root of its host.
    pub root: String,
    pub csrf: String,
    pub sections: Vec<Entry>,
    /// The person, or the owner of the key.
    pub who: String,
    pub role: &'static str,
    pub place: String,
    /// True for a person, who has an inbox and may have several workspaces.
    pub is_person: bool,
    /// The effect of the last form.
    pub said: &'static str,
    pub now: Time,
}

impl Frame {
    /// Returns the frame of a page in the section `here`. `done` is the word for the effect of the last form.
    pub fn new(app: &AppState, caller: &Caller, csrf: &str, (here, done): (Section, &str)) -> Frame {
        let may = |info: Option<&OpInfo>| match info {
            None => caller.is_admin(),
            Some(info) => authorize(info, caller).is_ok(),
        };
        let open = SECTIONS.iter().filter(|(_, _, _, info)| may(*info));
        let sections = open.map(|(section, title, path, _)| Entry { title, path, is_here: *section == here }).collect();
        let role = match caller.role {
            Role::WorkspaceAdmin => "admin",
            Role::Agent => "agent",
            Role::Member => "member",
            Role::Visitor => "visitor",
        };
        Frame {
            root: root(app),
            csrf: csrf.to_owned(),
            sections,
            who: caller.actor(),
            role,
            place: format!("{}/{}", caller.org_slug, caller.workspace_slug),
            is_person: caller.person().is_some(),
            said: said(done),
            now: app.system.clock.now(),
        }
    }
}

impl Frame {
    /// Adds the section of the operators.
    pub fn with_server(mut self, here: Section) -> Frame {
        self.sections.push(Entry { title: "Server", path: "/app/server", is_here: here == Section::Server });
        self
    }
}

/// Returns the path of the server; empty if it is at the root of its host.
pub(super) fn root(app: &AppState) -> String {
    base_path(&app.site.base_url).to_owned()
}

/// The head of a page of the console. Its files have one address, however deep the path of the page is.
pub(super) fn letterhead(app: &AppState) -> Letterhead {
    Letterhead::at(&app.site.base_url, format!("{}/app/", root(app)))
}

/// Returns the sentence about what a form did. The word comes from the address of the page, so unknown ones say nothing.
fn said(word: &str) -> &'static str {
    match word {
        "answered" => "Your answer was recorded.",
        "canceled" => "The intent was canceled.",
        "changed" => "The intent was changed.",
        "copied" => "This is the new intent. The earlier one is unchanged.",
        "replayed" => "The delivery is sent again.",
        "reassigned" => "The task was reassigned.",
        "saved" => "The view was saved.",
        "removed" => "The view was removed.",
        "resumed" => "The intent goes on.",
        "applied" => "The bundle was applied. This is its intent.",
        "done" => "The change was made.",
        "checked" => "The machine was checked.",
        "stopped" => "The agent is stopped.",
        "continues" => "The agent continues.",
        "selected" => "The console shows this workspace now.",
        _ => "",
    }
}

/// Returns a span of time in its largest unit.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Returns how long ago a time was.
pub(super) fn age(now: Time, at: Time) -> String {
    span(now.since(at).as_secs())
}

/// Returns how far away a time is: `in 3 h`, or `2 min ago` if it has passed.
pub(super) fn distance(now: Time, at: Time) -> String {
    if at > now { format!("in {}", span(at.since(now).as_secs())) } else { format!("{} ago", age(now, at)) }
}

/// A status in words, with the class that colors it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Badge {
    pub text: String,
    pub class: &'static str,
}

/// Returns the badge of an intent. A person's no is shown as a no, whatever the status is.
pub(super) fn badge(status: Status, outcome: Option<(OutcomeKind, &str)>, holder: Option<&Holder>) -> Badge {
    if let Some((kind, text)) = outcome {
        let class = match kind {
            OutcomeKind::Yes | OutcomeKind::Completed => "good",
            OutcomeKind::No | OutcomeKind::Failed | OutcomeKind::TimedOut => "bad",
            OutcomeKind::Canceled => "plain",
        };
        return Badge { text: text.to_owned(), class };
    }
    let waits = holder.filter(|_| status == Status::Waiting);
    let text = match (status, waits.map(|holder| holder.kind)) {
        (Status::Waiting, Some(axme_intent::HolderKind::Human)) => "Waits for a person",
        (Status::Waiting, Some(axme_intent::HolderKind::Agent)) => "Waits for an agent",
        (Status::Waiting, _) => "Waits",
        (Status::Created, _) => "Created",
        (Status::Submitted, _) => "Submitted",
        (Status::Delivered, _) => "Queued for its agent",
        (Status::Acknowledged, _) => "Received by its agent",
        (Status::InProgress, _) => "In progress",
        (Status::Completed, _) => "Completed",
        (Status::Failed, _) => "Failed",
        (Status::Canceled, _) => "Canceled",
        (Status::TimedOut, _) => "Timed out",
    };
    Badge { text: text.to_owned(), class: if status == Status::Waiting { "waits" } else { "runs" } }
}

/// Returns why an intent waits, in words.
pub(super) fn reason(reason: WaitingReason) -> &'static str {
    match reason {
        WaitingReason::WaitingForHuman => "a person has to answer",
        WaitingReason::WaitingForAgent => "an agent has to answer",
        WaitingReason::WaitingForTool => "a step of the platform has to end",
        WaitingReason::WaitingForTime => "time has to pass",
    }
}

/// Returns the name of a holder, with the address if that says more.
pub(super) fn holder(holder: &Holder) -> String {
    let reference = short(&holder.reference);
    match holder.name.as_str() {
        "" => reference,
        name if short(name) == reference || reference.ends_with(name) => reference,
        name => format!("{name} ({reference})"),
    }
}

/// Returns an address without its scheme.
pub(super) fn short(address: &str) -> String {
    match address {
        "human" => "any person".to_owned(),
        "agent://agent_core" => "the platform".to_owned(),
        _ => address.split_once("://").map_or(address, |(_, rest)| rest).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_their_largest_unit() {
        let now = Time::from_micros(1_000_000_000_000_000);
        assert_eq!(distance(now, now.plus_seconds(59)), "in 59 s");
        assert_eq!(distance(now, now.plus_seconds(7_300)), "in 2 h");
        assert_eq!(distance(now.plus_seconds(200_000), now), "2 d ago");
    }

    #[test]
    fn a_no_is_shown_as_a_no() {
        let no = badge(Status::Completed, Some((OutcomeKind::No, "Rejected by bob")), None);
        assert_eq!(no, Badge { text: "Rejected by bob".to_owned(), class: "bad" });
    }
}
