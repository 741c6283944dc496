//! People, roles, open requests, service accounts and keys; and the workspace that the console shows.

use axme_api::access_requests::{self, ListAccessRequests};
use axme_api::capabilities::EmptyInput;
use axme_api::members::{self, ListMembers};
use axme_api::personal::{self, SelectWorkspace};
use axme_api::service_accounts::{self as accounts, GetServiceAccount, KeyStatus, ListServiceAccounts};
use axme_core::error::Result;
use axme_intent::Time;

use super::filter::query;
use super::frame::{Section, short};
use super::same::Same;
use super::table::{Cell, Table, TablePage, draw};
use super::visit::{Answer, Guest};
use crate::http::form::FormFields;

const PAGE: u64 = 200;

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    match guest.asked("account") {
        account if account.is_empty() => list(guest).await,
        account => one(guest, account).await,
    }
}

async fn list(guest: Guest) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let caller = guest.caller();
    let after = Some(guest.asked("after")).filter(|after| !after.is_empty());
    let input = ListServiceAccounts { limit: PAGE.into(), after, workspace: Default::default() };
    let accounts = guest.call(&accounts::LIST, &input).await?.service_accounts;
    let asked = ListMembers { org_id: caller.org.into(), limit: PAGE.into(), ..ListMembers::default() };
    let mut tables = Vec::new();
    // Each list has its own right. A list that is not open to the caller is left out.
    if let Ok(list) = guest.call(&members::LIST, &asked).await {
        let rows = list.members.iter().map(|member| {
            let place = if member.workspace_id.is_some() { "one workspace" } else { "the whole organization" };
            vec![
                Cell::text(member.actor_id.clone()),
                Cell::text(member.role.to_string()),
                Cell::text(place),
                Cell::text(member.status.to_string()),
                Cell::time(now, Some(member.created_at.into())),
            ]
        });
        tables.push(Table {
            title: "People",
            about: String::new(),
            columns: vec!["Person", "Role", "In", "Status", "Since"],
            rows: rows.collect(),
            empty: "Nobody is a member.",
        });
    }
    if let Ok(list) = guest.call(&access_requests::LIST, &ListAccessRequests::default()).await {
        let rows = list.access_requests.iter().map(|request| {
            vec![
                Cell::text(request.requester_actor_id.clone()),
                Cell::text(request.request_type.to_string()),
                Cell::text(request.requested_role.map(|role| role.to_string()).unwrap_or_default()),
                Cell::text(request.state.to_string()),
                Cell::text(request.justification.clone().unwrap_or_default()),
                Cell::time(now, Some(request.created_at.into())),
            ]
        });
        tables.push(Table {
            title: "Access requests",
            about: String::new(),
            columns: vec!["Person", "Asks for", "Role", "State", "Why", "When"],
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
    draw(&guest, page)
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

async fn one(guest: Guest, account: String) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let input = GetServiceAccount { service_account_id: account };
    let found = guest.call(&accounts::GET, &input).await?;
    let account = found.service_account;
    let keys = found.keys.unwrap_or_default();
    let rows = keys.iter().map(|key| {
        let status = match key.status {
            KeyStatus::Active => Cell::badge("active", "good"),
            KeyStatus::Expired => Cell::badge("expired", "plain"),
            KeyStatus::Revoked => Cell::badge("revoked", "bad"),
        };
        vec![
            Cell::Code(key.key_hint.clone()),
            status,
            Cell::time(now, key.last_used_at.map(Time::from)),
            Cell::text(key.created_by_actor_id.clone().unwrap_or_default()),
            Cell::time(now, Some(key.created_at.into())),
            Cell::time(now, key.expires_at.map(Time::from)),
        ]
    });
    let row = |name: &str, cell: Cell| vec![Cell::text(name), cell];
    let mut facts = vec![
        row("Id", Cell::Code(account.service_account_id.clone())),
        row("Status", Cell::text(account.status.to_string())),
        row("Delivery", Cell::text(account.delivery_mode.to_string())),
        row("Made by", Cell::text(account.created_by_actor_id.clone())),
    ];
    if let Some(address) = &account.address {
        let path = format!("/app/agents?{}", query([("agent", address.as_str())].into_iter()));
        facts.push(row("Agent", Cell::Link(short(address), path)));
    }
    if let Some(callback) = &account.callback_url {
        facts.push(row("Callback", Cell::Code(callback.clone())));
    }
    let page = TablePage {
        section: Section::People,
        title: account.name,
        path: "/app/people",
        fields: Vec::new(),
        tables: vec![
            Table {
                title: "",
                about: account.description.unwrap_or_default(),
                columns: vec!["Fact", "Value"],
                rows: facts,
                empty: "",
            },
            Table {
                title: "Keys",
                about: "The newest 100 keys. Only a part of each is known: the server keeps no key.".to_owned(),
                columns: vec!["Key", "Status", "Last used", "Made by", "Made", "Ends"],
                rows: rows.collect(),
                empty: "The account has no key.",
            },
        ],
        next: String::new(),
        links: vec![("All people and keys", "/app/people".to_owned())],
        same: Same::of(&guest.app.site.base_url, &accounts::GET, &input),
    };
    draw(&guest, page)
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
