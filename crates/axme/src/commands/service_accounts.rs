//! `axme service-accounts` and `axme keys`, which the official command line has too. `axme agents` does the same.

use axme_client::Timestamp;
use axme_client::api::service_accounts::{
    self, CreateKey, CreateServiceAccount, GetServiceAccount, KeyView, ListServiceAccounts, RevokeKey, ServiceAccount,
};
use clap::{Args, Subcommand};
use serde_json::json;

use super::agents::{print_new_key, read_time};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::key_bounds::KeyBounds;
use crate::output::{day_time, line, print_list};
use crate::session::{Session, Shape};

const PAGE: u64 = 1_000;

/// Manage service accounts; `axme agents` is the newer way
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceAccounts {
    /// List the service accounts of the workspace
    #[command(visible_alias = "ls")]
    List {
        /// Show this service account and its keys
        #[arg(long, value_name = "ID")]
        service_account_id: Option<String>,
    },
    /// Create a service account
    Create {
        /// Name of the account, the last part of its address
        #[arg(long)]
        name: String,
        /// Purpose of the account
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Create and revoke keys
    #[command(subcommand)]
    Keys(AccountKeys),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountKeys {
    Create(NewKey),
    Revoke(OldKey),
}

/// Manage the keys of service accounts; `axme agents keys` is the newer way
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List the keys of a service account, without their tokens
    #[command(visible_alias = "ls")]
    List {
        /// Id of the service account [default: all of the workspace]
        #[arg(long, value_name = "ID")]
        service_account_id: Option<String>,
    },
    Create(NewKey),
    Revoke(OldKey),
}

/// Create a key; it is printed only once
#[derive(Debug, Args)]
pub(crate) struct NewKey {
    /// Id of the service account
    #[arg(long, value_name = "ID")]
    service_account_id: String,
    /// Time at which the key expires, such as 2027-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    expires_at: Option<Timestamp>,
    #[command(flatten)]
    bounds: KeyBounds,
}

/// Revoke a key
#[derive(Debug, Args)]
pub(crate) struct OldKey {
    /// Id of the service account
    #[arg(long, value_name = "ID")]
    service_account_id: String,
    /// Id of the key
    #[arg(long, value_name = "KEY_ID")]
    key_id: String,
}

impl ServiceAccounts {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        match self {
            ServiceAccounts::List { service_account_id: Some(service_account_id) } => {
                let input = GetServiceAccount { service_account_id };
                session.show(&service_accounts::GET.info, &input, None).await
            }
            ServiceAccounts::List { service_account_id: None } => list(&session).await,
            ServiceAccounts::Create { name, description } => {
                let workspace = session.settings.workspace();
                let input = CreateServiceAccount { name, description, workspace, ..CreateServiceAccount::default() };
                let show = |answer: service_accounts::ServiceAccountAnswer| {
                    line(format!("✓ Registered {} ({})", answer.address.unwrap_or_default(), answer.service_account_id))
                };
                session.tell(&service_accounts::CREATE, &input, Shape::Wrapped, show).await
            }
            ServiceAccounts::Keys(AccountKeys::Create(key)) => key.run(&session).await,
            ServiceAccounts::Keys(AccountKeys::Revoke(key)) => key.run(&session).await,
        }
    }
}

impl Keys {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        match self {
            Keys::List { service_account_id } => list_keys(&session, service_account_id).await,
            Keys::Create(key) => key.run(&session).await,
            Keys::Revoke(key) => key.run(&session).await,
        }
    }
}

/// Reads all accounts of the workspace, page by page.
async fn all(session: &Session) -> Result<Vec<ServiceAccount>, Failure> {
    let mut found: Vec<ServiceAccount> = Vec::new();
    loop {
        let after = found.last().map(|last| last.service_account_id.clone());
        let input = ListServiceAccounts { workspace: session.settings.workspace(), limit: PAGE.into(), after };
        let page = session.call(&service_accounts::LIST, &input).await?.service_accounts;
        let is_last = (page.len() as u64) < PAGE;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

async fn list(session: &Session) -> Result<(), Failure> {
    let found = all(session).await?;
    if session.output().is_json() {
        let body = json!({ "ok": true, "service_accounts": found });
        return session.print(&axme_client::Json::of(&body));
    }
    let rows = found.iter().map(|account| {
        vec![
            account.service_account_id.clone(),
            account.name.clone(),
            account.status.to_string(),
            account.address.clone().unwrap_or_default(),
            day_time(account.created_at),
        ]
    });
    print_list("service accounts", &["SERVICE_ACCOUNT_ID", "NAME", "STATUS", "ADDRESS", "CREATED"], rows)
}

async fn list_keys(session: &Session, of: Option<String>) -> Result<(), Failure> {
    let accounts = match of {
        Some(id) => vec![id],
        None => all(session).await?.into_iter().map(|account| account.service_account_id).collect(),
    };
    let mut keys: Vec<(String, KeyView)> = Vec::new();
    for service_account_id in accounts {
        let input = GetServiceAccount { service_account_id: service_account_id.clone() };
        let listed = session.call(&service_accounts::GET, &input).await?.keys.unwrap_or_default();
        keys.extend(listed.into_iter().map(|key| (service_account_id.clone(), key)));
    }
    if session.output().is_json() {
        let keys: Vec<_> = keys.iter().map(|(id, key)| json!({ "service_account_id": id, "key": key })).collect();
        return session.print(&axme_client::Json::of(&json!({ "ok": true, "keys": keys })));
    }
    let time = |at: Option<Timestamp>| at.map_or("-".to_owned(), day_time);
    let rows = keys.iter().map(|(account, key)| {
        vec![
            key.key_id.clone(),
            account.clone(),
            key.key_hint.clone(),
            key.status.to_string(),
            scope(key),
            time(key.expires_at),
            time(key.last_used_at),
        ]
    });
    print_list("keys", &["KEY_ID", "SERVICE_ACCOUNT_ID", "HINT", "STATUS", "SCOPE", "EXPIRES", "LAST USED"], rows)
}

/// Returns the scope of a key, and the number of its addresses.
fn scope(key: &KeyView) -> String {
    match key.addresses.len() {
        0 => key.scope.to_string(),
        1 => format!("{}, {}", key.scope, key.addresses[0]),
        many => format!("{}, {many} addresses", key.scope),
    }
}

impl NewKey {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let NewKey { service_account_id, expires_at, bounds } = self;
        let input = bounds.apply(CreateKey { service_account_id, expires_at, ..CreateKey::default() });
        session.tell(&service_accounts::CREATE_KEY, &input, Shape::Wrapped, print_new_key).await
    }
}

impl OldKey {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let input = RevokeKey { service_account_id: self.service_account_id, key_id: self.key_id };
        let show = |answer: service_accounts::RevokeKeyAnswer| line(format!("✓ Key {} is revoked", answer.key.key_id));
        session.tell(&service_accounts::REVOKE_KEY, &input, Shape::Wrapped, show).await
    }
}
