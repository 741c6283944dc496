//! People, roles, open requests and service accounts; and the workspace that the console shows. An account with its keys is in
//! `account`.

use super::account;
use super::filter::query;
use super::form::{Form, FormField};
use super::frame::{Section, short};
use super::same::Same;
use super::table::{Cell, Table, TablePage, draw_with};
use super::visit::{Answer, ConsoleCall, Guest};
use crate::http::form::FormFields;
use axme_api::access_requests::{self, AccessRequest, ListAccessRequests, RequestState};
use axme_api::capabilities::EmptyInput;
use axme_api::members::{self, ListMembers, Member, MemberStatus};
use axme_api::personal::{self, SelectWorkspace};
use axme_api::service_accounts::{self as accounts, ListServiceAccounts};
use axme_core::error::Result;

const PAGE: u64 = 200;

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    match guest.asked("account") {
        account if account.is_empty() => list(guest).await,
        account => account::page(guest, account).await,
    }
}

async fn list(guest: Guest) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let caller = guest.caller();
    let after = Some(guest.asked("after")).filter(|after| !after.is_empty());
    let input = ListServiceAccounts { limit: PAGE.into(), after, workspace: Default::default() };
    let accounts = guest.call(&accounts::LIST, &input).await?.service_accounts;
    let asked = ListMembers { org_id: caller.org.into(), limit: PAGE.into(), ..ListMembers::default() };
    let may_change = guest.is_admin();
    let mut tables = Vec::new();
    // Each list has its own right. A list that is not open to the caller is left out.
    if let Ok(list) = guest.call(&members::LIST, &asked).await {
        let rows = list.members.iter().map(|member| {
            let place = if member.workspace_id.is_some() { "one workspace" } else { "the whole organization" };
            let mut cells = vec![
                Cell::text(member.actor_id.clone()),
                Cell::text(member.role.to_string()),
                Cell::text(place),
                Cell::text(member.status.to_string()),
                Cell::time(now, Some(member.created_at.into())),
            ];
            cells.extend(may_change.then(|| Cell::Forms(vec![change_member(member), remove_member(member)])));
            cells
        });
        let mut columns = vec!["Person", "Role", "In", "Status", "Since"];
        columns.extend(may_change.then_some("Action"));
        tables.push(Table {
            title: "People",
            about: String::new(),
            columns,
            rows: rows.collect(),
            empty: "Nobody is a member.",
        });
    }
    if let Ok(list) = guest.call(&access_requests::LIST, &ListAccessRequests::default()).await {
        let rows = list.access_requests.iter().map(|request| {
            let is_open =
                matches!(request.state, RequestState::Pending | RequestState::UnderReview | RequestState::Waitlisted)
                    && may_change;
            vec![
                Cell::text(request.requester_actor_id.clone()),
                Cell::text(request.request_type.to_string()),
                Cell::text(request.requested_role.map(|role| role.to_string()).unwrap_or_default()),
                Cell::text(request.state.to_string()),
                Cell::text(request.justification.clone().unwrap_or_default()),
                Cell::time(now, Some(request.created_at.into())),
                if is_open { Cell::Forms(vec![review(request)]) } else { Cell::Empty },
            ]
        });
        tables.push(Table {
            title: "Access requests",
            about: String::new(),
            columns: vec!["Person", "Asks for", "Role", "State", "Why", "When", "Action"],
            rows: rows.collect(),
            empty: "Nobody has asked for access.",
        });
    }
    let rows = accounts.iter().map(|account| {
        vec![
            Cell::Link(account.name.clone(), account_path(&account.service_account_id)),
            Cell::text(account.address.as_deref().map(short).unwrap_or_default()),
            Cell::text(account.delivery_mode.to_string()),
            Cell::text(account.status.to_string()),
            Cell::text(account.created_by_actor_id.clone()),
            Cell::time(now, Some(account.created_at.into())),
        ]
    });
    tables.push(Table {
        title: "Service accounts",
        about: "Each account leads to its keys.".to_owned(),
        columns: vec!["Name", "Address", "Delivery", "Status", "Made by", "Since"],
        rows: rows.collect(),
        empty: "There is no service account.",
    });
    tables.extend(own_workspaces(&guest).await);
    let last = accounts.last().filter(|_| accounts.len() as u64 == PAGE).map(|last| last.service_account_id.clone());
    let page = TablePage {
        section: Section::People,
        title: "People and keys".to_owned(),
        path: "/app/people",
        fields: Vec::new(),
        tables,
        next: last.map(|after| query([("after", after.as_str())].into_iter())).unwrap_or_default(),
        links: Vec::new(),
        same: Same::of(&guest.app.site.base_url, &accounts::LIST, &input),
    };
    let forms = if may_change { vec![add_member(&guest), register()] } else { Vec::new() };
    draw_with(&guest, page, forms, "")
}

/// The roles, each with what it may do.
const ROLES: [(&str, &str); 6] = [
    ("member", "member: works in a workspace"),
    ("workspace_admin", "workspace admin: changes a workspace, its members and keys"),
    ("org_admin", "organization admin: everything except owners"),
    ("org_owner", "owner: everything"),
    ("security_auditor", "auditor: reads members, policies and the audit trail"),
    ("billing_viewer", "billing viewer: reads usage and billing"),
];

fn add_member(guest: &ConsoleCall) -> Form {
    let caller = guest.caller();
    let workspace = caller.workspace.to_string();
    let places = [(workspace.as_str(), "this workspace only"), ("", "the whole organization")];
    Form::new(members::ADD.info.id, "Add a person", "Add")
        .about("The person is mailed where to sign in.")
        .hidden("org_id", caller.org.to_string())
        .field(FormField::text("Email address", "actor_id").required())
        .field(FormField::choice("Role", "role", &ROLES, "member"))
        .field(FormField::choice("In", "workspace_id", &places, ""))
}

fn of_member(form: Form, member: &Member) -> Form {
    form.hidden("org_id", member.org_id.to_string())
        .hidden("member_id", member.member_id.to_string())
        .hidden("what", format!("{} as {}", member.actor_id, member.role))
}

fn change_member(member: &Member) -> Form {
    let statuses = [("", "as it is"), ("active", "active"), ("suspended", "suspended: the role has no effect")];
    let status = if member.status == MemberStatus::Suspended { "suspended" } else { "" };
    of_member(Form::new(members::UPDATE.info.id, "Change", "Change"), member)
        .field(FormField::choice("Role", "role", &ROLES, &member.role.to_string()))
        .field(FormField::choice("Status", "status", &statuses, status))
}

fn remove_member(member: &Member) -> Form {
    of_member(Form::new(members::REMOVE.info.id, "Remove", "Remove…"), member)
}

fn review(request: &AccessRequest) -> Form {
    let decisions = [("approve", "Grant it"), ("reject", "Refuse it"), ("waitlist", "Put it off")];
    Form::new(access_requests::REVIEW.info.id, "Decide", "Decide")
        .about("Granting a request carries it out at once.")
        .hidden("access_request_id", request.access_request_id.to_string())
        .field(FormField::choice("Decision", "decision", &decisions, "approve"))
        .field(FormField::text("Why", "review_comment"))
}

fn register() -> Form {
    Form::new(accounts::CREATE.info.id, "Register an agent", "Register")
        .about("Makes a service account with an address, to which intents can be sent. Make a key for it on its page.")
        .field(FormField::text("Name (such as billing-bot)", "name").required())
        .field(FormField::text("Name to show", "display_name"))
        .field(FormField::text("Purpose", "description"))
        .field(FormField::choice("Intents reach it by", "delivery_mode", &account::MODES, "stream"))
        .field(FormField::text("URL for posts (only with http)", "callback_url"))
}

/// The workspaces of the person, if there are several.
async fn own_workspaces(guest: &Guest) -> Option<Table> {
    guest.caller().person()?;
    let context = guest.call(&personal::CONTEXT, &EmptyInput::default()).await.ok()?;
    let here = guest.caller().workspace.to_string();
    let rows = context.workspaces.iter().map(|workspace| {
        let fields =
            vec![("org_id", workspace.org_id.to_string()), ("workspace_id", workspace.workspace_id.to_string())];
        let is_here = *workspace.workspace_id == here;
        vec![
            Cell::text(workspace.org_name.clone()),
            Cell::text(workspace.name.clone()),
            Cell::text(workspace.roles.iter().map(ToString::to_string).collect::<Vec<String>>().join(", ")),
            if is_here {
                Cell::badge("shown now", "good")
            } else {
                Cell::Button("Show this workspace", "/app/workspace", fields)
            },
        ]
    });
    (context.workspaces.len() > 1).then(|| Table {
        title: "Your workspaces",
        about: String::new(),
        columns: vec!["Organization", "Workspace", "Your roles", "Action"],
        rows: rows.collect(),
        empty: "",
    })
}

fn account_path(id: &str) -> String {
    format!("/app/people?{}", query([("account", id)].into_iter()))
}

/// Selects the workspace of a form.
pub(super) async fn select(guest: Guest, filled: FormFields) -> Result<Answer> {
    let input =
        SelectWorkspace { org_id: filled.get("org_id").into(), workspace_id: filled.get("workspace_id").into() };
    guest.call(&personal::SELECT, &input).await?;
    Ok(Answer::Lead("?said=selected".to_owned()))
}
