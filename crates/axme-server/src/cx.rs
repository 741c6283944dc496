//! What an operation gets: the caller, the time, randomness, the open transaction, and the limits.

use std::sync::Arc;

use axme_intent::human::Via;
use axme_intent::{Address, Home, Time};
use uuid::Uuid;

use crate::config::Limits;
use crate::error::{Result, StoreError};
use crate::store::{Tx, audit};
use crate::world::Dice;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything in its workspace.
    WorkspaceAdmin,
    /// What concerns its own address.
    Agent,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::WorkspaceAdmin => "workspace_admin",
            Role::Agent => "agent",
        }
    }
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    pub workspace: Uuid,
    pub workspace_slug: String,
    pub org: Uuid,
    pub org_slug: String,
    pub service_account_id: String,
    pub role: Role,
    /// The agent's address; none for a key that is no agent's.
    pub address: Option<Address>,
    /// The account's owner, as events name a caller without an address.
    pub owner: String,
}

impl Caller {
    pub fn home(&self) -> Home<'_> {
        Home { org: &self.org_slug, workspace: &self.workspace_slug }
    }

    /// How events and audit lines name the caller.
    pub fn actor(&self) -> String {
        self.address.as_ref().map_or_else(|| self.owner.clone(), |address| address.as_str().to_owned())
    }

    pub fn is_admin(&self) -> bool {
        self.role == Role::WorkspaceAdmin
    }
}

/// The context of one call inside its transaction.
pub struct Cx<'a, 'tx> {
    pub tx: &'a mut Tx<'tx>,
    pub caller: &'a Caller,
    pub now: Time,
    pub dice: &'a Dice,
    pub limits: &'a Arc<Limits>,
    /// Which way the call came, where it answers for a person.
    pub via: Via,
}

impl Cx<'_, '_> {
    /// Writes a line of the audit trail, in the same transaction as what it tells of.
    pub fn audit(&mut self, action: &str, subject: &str, details: &serde_json::Value) -> Result<(), StoreError> {
        self.audit_in(self.caller.workspace, action, subject, details)
    }

    /// The same in the trail of another workspace, or of an organization as a whole: where the change is made.
    pub fn audit_in(
        &mut self,
        trail: Uuid,
        action: &str,
        subject: &str,
        details: &serde_json::Value,
    ) -> Result<(), StoreError> {
        let line = audit::Line {
            trail,
            id: self.dice.uuid_at(self.now),
            at: self.now,
            actor: self.caller.actor(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            details: details.clone(),
        };
        audit::insert(self.tx, &line)
    }
}
