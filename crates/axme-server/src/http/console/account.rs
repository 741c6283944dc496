//! One service account: how intents reach it, its keys with their last use, and changes of both.

use axme_api::service_accounts::{
    self as accounts, AccountStatus, GetServiceAccount, KeyScope, KeyStatus, KeyView, ServiceAccount,
};
use axme_core::error::Result;
use axme_intent::Time;

use super::filter::query;
use super::form::{Form, FormField};
use super::frame::{Section, short};
use super::same::Same;
use super::table::{Cell, Table, TablePage, draw_with};
use super::visit::{Answer, Guest};

/// The ways in which intents reach an agent.
pub(super) const MODES: [(&str, &str); 4] = [
    ("stream", "stream: the agent reads its stream"),
    ("poll", "poll: the agent asks for them"),
    ("http", "http: the server posts them to a URL"),
    ("inbox", "inbox: people or programs read its inbox"),
];

pub(super) async fn page(guest: Guest, account: String) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let input = GetServiceAccount { service_account_id: account };
    let found = guest.call(&accounts::GET, &input).await?;
    let account = found.service_account;
    let id = account.service_account_id.as_str();
    let may_change = guest.is_admin() && account.status != AccountStatus::Deleted;
    let keys = found.keys.unwrap_or_default();
    let rows = keys.iter().map(|key| {
        let status = match key.status {
            KeyStatus::Active => Cell::badge("active", "good"),
            KeyStatus::Expired => Cell::badge("expired", "plain"),
            KeyStatus::Revoked => Cell::badge("revoked", "bad"),
        };
        let mut cells = vec![
            Cell::Code(key.key_hint.clone()),
            status,
            Cell::time(now, key.last_used_at.map(Time::from)),
            Cell::text(key.created_by_actor_id.clone().unwrap_or_default()),
            Cell::time(now, Some(key.created_at.into())),
            Cell::time(now, key.expires_at.map(Time::from)),
            Cell::text(limits(key)),
        ];
        let is_active = key.status == KeyStatus::Active;
        cells.extend(may_change.then(|| if is_active { Cell::Forms(vec![revoke(id, key)]) } else { Cell::Empty }));
        cells
    });
    let mut columns = vec!["Key", "Status", "Last used", "Made by", "Made", "Ends", "Limits"];
    columns.extend(may_change.then_some("Action"));
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
        title: account.name.clone(),
        path: "/app/people",
        fields: Vec::new(),
        tables: vec![
            Table {
                title: "",
                about: account.description.clone().unwrap_or_default(),
                columns: vec!["Fact", "Value"],
                rows: facts,
                empty: "",
            },
            Table {
                title: "Keys",
                about: "The newest 100 keys. Only a part of each is known: the server keeps no key.".to_owned(),
                columns,
                rows: rows.collect(),
                empty: "The account has no key.",
            },
        ],
        next: String::new(),
        links: vec![("All people and keys", "/app/people".to_owned())],
        same: Same::of(&guest.app.site.base_url, &accounts::GET, &input),
    };
    let forms = if may_change { vec![make_key(id), deliver(&account), delete(&account)] } else { Vec::new() };
    draw_with(&guest, page, forms, &query([("account", id)].into_iter()))
}

/// Returns the limits of a key beside its role, in words.
fn limits(key: &KeyView) -> String {
    let scope = match key.scope {
        KeyScope::Full => "",
        KeyScope::Read => "only reads",
        KeyScope::Submit => "only submits",
    };
    let addresses = key.addresses.iter().map(|address| short(address)).collect::<Vec<String>>().join(", ");
    [scope, addresses.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<&str>>().join("; ")
}

fn make_key(id: &str) -> Form {
    let scopes = [("full", "everything its account may do"), ("read", "only read"), ("submit", "only submit intents")];
    Form::new(accounts::CREATE_KEY.info.id, "Make a key", "Make a key")
        .about("The key is shown once. Older keys stay valid.")
        .hidden("service_account_id", id)
        .field(FormField::choice("It may", "scope", &scopes, "full"))
        .field(FormField::text("Ends in (such as 90d; empty for never)", "expires_at:ahead"))
        .field(FormField::text("Only for these addresses (blanks between)", "addresses:list"))
}

fn revoke(id: &str, key: &KeyView) -> Form {
    Form::new(accounts::REVOKE_KEY.info.id, "Revoke", "Revoke…")
        .hidden("service_account_id", id)
        .hidden("key_id", key.key_id.as_str())
        .hidden("what", format!("The key {}", key.key_hint))
}

fn deliver(account: &ServiceAccount) -> Form {
    Form::new(accounts::UPDATE.info.id, "Change how intents reach it", "Change")
        .about("Any way but http removes the URL and its secret.")
        .hidden("service_account_id", account.service_account_id.as_str())
        .field(FormField::choice("By", "delivery_mode", &MODES, &account.delivery_mode.to_string()))
        .field(
            FormField::text("URL for posts (only with http)", "callback_url")
                .with(account.callback_url.clone().unwrap_or_default()),
        )
}

fn delete(account: &ServiceAccount) -> Form {
    Form::new(accounts::DELETE.info.id, "Delete this account", "Delete…")
        .hidden("service_account_id", account.service_account_id.as_str())
        .hidden("what", format!("The service account {}", account.name))
}
