//! The caller of an operation: the workspace and the role of a key or a person. `keys` builds it; operations only read
//! it.

use std::sync::Arc;

pub use axme_api::me::CallerRole as Role;
use axme_intent::human::is_same_person;
use axme_intent::{Address, Home};
use uuid::Uuid;

use super::tokens::{Person, TokenFault};
use axme_store::service_accounts::AccountRole;

/// Returns the role of a service account's keys. `None` for sign-in keys, which have the role of their person.
pub(crate) fn role_of_account(role: AccountRole) -> Option<Role> {
    match role {
        AccountRole::WorkspaceAdmin => Some(Role::WorkspaceAdmin),
        AccountRole::Agent => Some(Role::Agent),
        AccountRole::Login => None,
    }
}

/// The person's token of a call, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// No token.
    None,
    /// An invalid or expired token.
    Bad(TokenFault),
    Person(Arc<Person>),
}

/// The caller of an operation.
#[derive(Debug, Clone)]
pub struct Caller {
    pub workspace: Uuid,
    pub workspace_slug: String,
    pub org: Uuid,
    pub org_slug: String,
    /// The account of the key; `acct_…` for a person without a key.
    pub service_account_id: String,
    /// `None` for a person without a key.
    pub key_id: Option<String>,
    pub role: Role,
    /// The address of the agent or the member; `None` for an admin or a visitor.
    pub address: Option<Address>,
    /// The account's owner, or the person if a token identifies one. Events name a caller without an address by it.
    pub owner: String,
    pub bearer: Bearer,
    /// True for a sign-in key, which is valid in its own organization only.
    pub is_login: bool,
}

impl Caller {
    pub fn home(&self) -> Home<'_> {
        Home { org: &self.org_slug, workspace: &self.workspace_slug }
    }

    /// The name of the caller in events and audit events.
    pub fn actor(&self) -> String {
        if let Some(person) = self.person().filter(|_| self.role == Role::Agent) {
            return person.email.clone();
        }
        self.address.as_ref().map_or_else(|| self.owner.clone(), |address| address.as_str().to_owned())
    }

    pub fn is_admin(&self) -> bool {
        self.role == Role::WorkspaceAdmin
    }

    /// The owner of the key that starts an intent, unless the sender's address already names the owner.
    pub fn requested_by(&self, from: &Address) -> Option<String> {
        Some(self.owner.clone()).filter(|owner| !is_same_person(owner, from.as_str()))
    }

    /// The person that the token identifies.
    pub fn person(&self) -> Option<&Person> {
        match &self.bearer {
            Bearer::Person(person) => Some(person),
            Bearer::None | Bearer::Bad(_) => None,
        }
    }

    /// The anonymous caller.
    pub fn anonymous() -> Caller {
        Caller {
            workspace: Uuid::nil(),
            workspace_slug: String::new(),
            org: Uuid::nil(),
            org_slug: String::new(),
            service_account_id: String::new(),
            key_id: None,
            role: Role::Visitor,
            address: None,
            owner: "nobody".to_owned(),
            bearer: Bearer::None,
            is_login: false,
        }
    }
}
