//! The caller of an operation: the workspace and the role of a key or a person. `keys` builds it; operations only read
//! it.

use std::sync::Arc;

use axme_api::Scope;
pub use axme_api::me::CallerRole as Role;
use axme_intent::human::is_same_person;
use axme_intent::{Address, Home};
use uuid::Uuid;

use super::grants::Grant;
use super::tokens::{Person, TokenFault};
use axme_store::service_accounts::{AccountRole, KeyBounds};

/// Returns the role of a service account's keys. `None` for sign-in keys, which have the role of their person.
pub(crate) fn role_of_account(role: AccountRole) -> Option<Role> {
    match role {
        AccountRole::WorkspaceAdmin => Some(Role::WorkspaceAdmin),
        AccountRole::Agent => Some(Role::Agent),
        AccountRole::Login => None,
    }
}

/// The actor of the platform itself in events and in the audit trail.
pub const GATEWAY: &str = "gateway";

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
    /// The role that the token's person has in this workspace; `None` without a token or a role. A key beside the token
    /// adds nothing to it.
    pub person_role: Option<Role>,
    /// The owner of the key, if a token beside it identifies another person.
    pub key_owner: Option<String>,
    /// The groups of the person, as assignees: `group://<name>`.
    pub groups: Vec<String>,
    /// The absent people whose deputy the person is. Whether that holds for a task depends on the task.
    pub deputy_for: Vec<String>,
    /// The grant of a client that acts in the name of the person; `None` for a person or key that acts itself.
    pub grant: Option<Arc<Grant>>,
    /// True for the holder of a link to a task.
    pub is_link: bool,
    /// True for a sign-in key, which is valid in its own organization only.
    pub is_login: bool,
    /// The limits of the key beside its role; `None` for a key without any. `policy::key_scope` applies them.
    pub key_bounds: Option<Arc<KeyBounds>>,
}

impl Caller {
    pub fn home(&self) -> Home<'_> {
        Home { org: &self.org_slug, workspace: &self.workspace_slug }
    }

    /// The name of the caller in events and audit events.
    pub fn actor(&self) -> String {
        let is_own = |own: &Address| self.person().is_none_or(|person| *own == Address::of_person(&person.email));
        self.address
            .as_ref()
            .filter(|own| is_own(own))
            .map_or_else(|| self.owner.clone(), |address| address.as_str().to_owned())
    }

    pub fn is_admin(&self) -> bool {
        self.role == Role::WorkspaceAdmin
    }

    /// The person or the owner of the key that starts an intent, unless the sender's address already names them.
    pub fn requested_by(&self, from: &Address) -> Option<String> {
        Some(self.owner.clone()).filter(|owner| !is_same_person(owner, from.as_str()))
    }

    /// The name by whose right the caller acts as an admin: the person, if their own role suffices, else the owner of
    /// the key.
    pub fn responsible(&self) -> &str {
        let is_own = self.person_role == Some(Role::WorkspaceAdmin);
        self.key_owner.as_deref().filter(|_| !is_own).unwrap_or(&self.owner)
    }

    /// Returns true if a token, a sign-in key or a link identifies a person. The key of a service account does not.
    pub fn is_person(&self) -> bool {
        self.person().is_some() || self.is_login || self.is_link
    }

    /// Returns true if the caller decides and names deciders as an admin. A token's person needs the role themselves.
    pub fn decides_as_admin(&self) -> bool {
        let role = if self.person().is_some() { self.person_role } else { Some(self.role) };
        role == Some(Role::WorkspaceAdmin)
    }

    /// Returns true if a client of the person may decide tasks.
    pub fn is_granted_to_decide(&self) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.allows(Scope::TasksDecide))
    }

    /// The person that the token identifies.
    pub fn person(&self) -> Option<&Person> {
        match &self.bearer {
            Bearer::Person(person) => Some(person),
            Bearer::None | Bearer::Bad(_) => None,
        }
    }

    /// True for a caller without a credential.
    pub fn is_anonymous(&self) -> bool {
        self.service_account_id.is_empty() && matches!(self.bearer, Bearer::None)
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
            person_role: None,
            key_owner: None,
            groups: Vec::new(),
            deputy_for: Vec::new(),
            grant: None,
            is_link: false,
            is_login: false,
            key_bounds: None,
        }
    }
}
