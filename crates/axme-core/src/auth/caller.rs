//! Who calls.

use std::sync::Arc;

use axme_intent::human::is_same_person;
use axme_intent::{Address, Home};
use uuid::Uuid;

use super::tokens::{Person, TokenFault};
use axme_store::service_accounts::AccountRole;

/// What a caller may do in its workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    WorkspaceAdmin,
    /// An agent: what concerns its own address.
    Agent,
    /// A person who works here: what concerns their own address, and the tasks they are asked to answer.
    Member,
    /// A person without a part in the work: an auditor, say, or somebody who has signed in and belongs nowhere yet.
    Visitor,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::WorkspaceAdmin => "workspace_admin",
            Role::Agent => "agent",
            Role::Member => "member",
            Role::Visitor => "visitor",
        }
    }

    /// The role that the keys of a service account have; `None` for those of a person's logins, whose role is the person's.
    pub(crate) fn of_account(role: AccountRole) -> Option<Role> {
        match role {
            AccountRole::WorkspaceAdmin => Some(Role::WorkspaceAdmin),
            AccountRole::Agent => Some(Role::Agent),
            AccountRole::Login => None,
        }
    }
}

/// The person behind a call, when a token of one is presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// No token.
    None,
    /// An invalid or expired token.
    Bad(TokenFault),
    Person(Arc<Person>),
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    pub workspace: Uuid,
    pub workspace_slug: String,
    pub org: Uuid,
    pub org_slug: String,
    /// The account of the key; `acct_…` for a person without a key.
    pub service_account_id: String,
    /// None for a person without a key.
    pub key_id: Option<String>,
    pub role: Role,
    /// The agent's or the member's address; none for an admin and for who has no part in the work.
    pub address: Option<Address>,
    /// The account's owner, as events name a caller without an address; the person, when a token says who it is.
    pub owner: String,
    pub bearer: Bearer,
    /// The key of a person's login, which counts in its own organization only.
    pub is_login: bool,
}

impl Caller {
    pub fn home(&self) -> Home<'_> {
        Home { org: &self.org_slug, workspace: &self.workspace_slug }
    }

    /// How events and audit lines name the caller.
    pub fn actor(&self) -> String {
        if let Some(person) = self.person().filter(|_| self.role == Role::Agent) {
            return person.email.clone();
        }
        self.address.as_ref().map_or_else(|| self.owner.clone(), |address| address.as_str().to_owned())
    }

    pub fn is_admin(&self) -> bool {
        self.role == Role::WorkspaceAdmin
    }

    /// The owner of the key that starts something, where the sender's address does not name them already.
    pub fn requested_by(&self, from: &Address) -> Option<String> {
        Some(self.owner.clone()).filter(|owner| !is_same_person(owner, from.as_str()))
    }

    /// The person of the token.
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
