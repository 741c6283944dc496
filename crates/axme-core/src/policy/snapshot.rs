//! Snapshots: the rules of a workspace or an organization at one version, for decisions about new intents.
//!
//! [`Snapshot::of`] returns the current one inside a transaction. Code that changes a rule calls [`changed`] in the
//! same transaction. A snapshot has the types with a payload schema, but not the schemas, which may be large.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use axme_intent::address::meant;
use axme_intent::{Address, Home};
use axme_store::groups::{self, AskingRule};
use axme_store::organizations::{self, UnknownReceivers};
use axme_store::policies::{self, MAX_ENTRIES, PolicyKind, PolicyType};
use axme_store::quotas::{self, Policy};
use axme_store::{StoreError, Tx, mesh, policy_versions, schemas, service_accounts, webhooks};
use uuid::Uuid;

use super::agent_rules::AgentRules;

/// Maximum number of rules of one kind in a snapshot. If there are more, they are read for each intent.
const MAX_RULES: i64 = 500;

/// Maximum number of agents whose addresses are in a snapshot. If there are more, each address is looked up.
const MAX_AGENTS: i64 = 2_000;

/// Unregistered addresses for which a snapshot keeps the agent that was meant.
const MAX_MEANT: usize = 256;

/// The rules of a workspace, or of an organization. An organization has only sender policies.
#[derive(Debug)]
pub struct Snapshot {
    /// The quota policy of the workspace, if it has one.
    pub quota: Option<Policy>,
    /// The people who may be asked to decide guarded tasks; `None` for anyone.
    pub(crate) asking: Option<AskingRule>,
    /// True if a subscription to events is active.
    pub has_subscribers: bool,
    /// The answer to intents for agents that nobody has registered.
    pub(crate) unknown_receivers: UnknownReceivers,
    /// The slugs of the organization and the workspace; `None` for an organization as a whole.
    home: Option<(String, String)>,
    /// The addresses of the registered agents; `None` if there are more than [`MAX_AGENTS`].
    registered: Option<HashSet<String>>,
    /// The agents that were probably meant by unregistered addresses, as far as a call has asked.
    meant: Mutex<HashMap<String, Option<String>>>,
    /// The semantic types that have a schema.
    schema_types: HashSet<String>,
    agents: RuleSet<String, AgentRules>,
    senders: RuleSet<(PolicyKind, String), SenderPolicy>,
}

/// A policy about senders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderPolicy {
    pub policy_type: PolicyType,
    /// Addresses, or prefixes with a `*` at the end.
    pub patterns: Vec<String>,
}

/// Rules by their key, such as an address.
#[derive(Debug)]
enum RuleSet<K, T> {
    All(HashMap<K, Arc<T>>),
    /// There are more than [`MAX_RULES`].
    TooMany,
}

impl Snapshot {
    /// Returns the current rules of a workspace or an organization.
    pub fn of(tx: &mut Tx<'_>, owner: Uuid) -> Result<Arc<Snapshot>, StoreError> {
        tx.rules(owner, Snapshot::load)
    }

    fn load(tx: &mut Tx<'_>, owner: Uuid) -> Result<Snapshot, StoreError> {
        let mut agents = HashMap::new();
        for (address, rules) in mesh::list_rules(tx, owner, MAX_RULES + 1)? {
            agents.insert(address, Arc::new(AgentRules::read(&rules)?));
        }
        let mut senders = HashMap::new();
        for (holder, policy_type) in policies::list(tx, owner, MAX_RULES + 1)? {
            let patterns = Vec::new();
            senders.insert((holder.kind, holder.address), SenderPolicy { policy_type, patterns });
        }
        let entries = policies::list_patterns(tx, owner, MAX_RULES + 1)?;
        let are_too_many = senders.len() as i64 > MAX_RULES || entries.len() as i64 > MAX_RULES;
        for (holder, pattern) in entries {
            if let Some(policy) = senders.get_mut(&(holder.kind, holder.address)) {
                policy.patterns.push(pattern);
            }
        }
        let senders = senders.into_iter().map(|(key, policy)| (key, Arc::new(policy))).collect();
        let workspace = organizations::find_workspace(tx, owner)?;
        let registered = match workspace {
            Some(_) => service_accounts::list_addresses(tx, owner, MAX_AGENTS + 1)?,
            None => Vec::new(),
        };
        let org = match &workspace {
            Some(workspace) => organizations::find(tx, workspace.org_id)?,
            None => None,
        };
        let home = org.zip(workspace.as_ref()).map(|(org, workspace)| (org.slug, workspace.slug.clone()));
        let are_all = registered.len() as i64 <= MAX_AGENTS;
        Ok(Snapshot {
            unknown_receivers: workspace.map_or(UnknownReceivers::Accept, |workspace| workspace.unknown_receivers),
            home,
            meant: Mutex::default(),
            registered: are_all.then(|| registered.into_iter().collect()),
            quota: quotas::find_policy(tx, owner)?,
            asking: groups::find_rule(tx, owner)?,
            has_subscribers: webhooks::has_active(tx, owner)?,
            schema_types: schemas::list_types(tx, owner)?.into_iter().collect(),
            agents: if agents.len() as i64 > MAX_RULES { RuleSet::TooMany } else { RuleSet::All(agents) },
            senders: if are_too_many { RuleSet::TooMany } else { RuleSet::All(senders) },
        })
    }

    /// Finds the rules of an agent of the workspace; `None` if none are set.
    pub fn agent(
        &self,
        tx: &mut Tx<'_>,
        workspace: Uuid,
        address: &Address,
    ) -> Result<Option<Arc<AgentRules>>, StoreError> {
        match &self.agents {
            RuleSet::All(agents) if agents.is_empty() => Ok(None),
            RuleSet::All(agents) => Ok(agents.get(address.as_str()).cloned()),
            RuleSet::TooMany => {
                let rules = mesh::find_rules(tx, workspace, address)?;
                rules.map(|rules| AgentRules::read(&rules).map(Arc::new)).transpose()
            }
        }
    }

    /// Finds the sender policy of a kind for an address. The address is empty for an organization.
    pub(crate) fn sender_policy(
        &self,
        tx: &mut Tx<'_>,
        owner: Uuid,
        kind: PolicyKind,
        address: &str,
    ) -> Result<Option<Arc<SenderPolicy>>, StoreError> {
        match &self.senders {
            RuleSet::All(senders) if senders.is_empty() => Ok(None),
            RuleSet::All(senders) => Ok(senders.get(&(kind, address.to_owned())).cloned()),
            RuleSet::TooMany => {
                let holder = policies::Holder { owner_id: owner, kind, address: address.to_owned() };
                let Some(policy) = policies::find(tx, &holder)? else { return Ok(None) };
                let entries = policies::entries(tx, &holder, MAX_ENTRIES)?;
                let patterns = entries.into_iter().map(|entry| entry.sender_pattern).collect();
                Ok(Some(Arc::new(SenderPolicy { policy_type: policy.policy_type, patterns })))
            }
        }
    }

    /// Returns true if an agent of the workspace is registered at an address.
    pub(crate) fn is_registered(
        &self,
        tx: &mut Tx<'_>,
        workspace: Uuid,
        address: &Address,
    ) -> Result<bool, StoreError> {
        match &self.registered {
            Some(addresses) => Ok(addresses.contains(address.as_str())),
            None => service_accounts::is_registered(tx, workspace, address),
        }
    }

    /// Returns true if an address names an agent of another workspace.
    pub(crate) fn is_elsewhere(&self, address: &Address) -> bool {
        self.home.as_ref().is_some_and(|(org, workspace)| address.is_elsewhere(Home { org, workspace }))
    }

    /// Returns the registered agent that an unregistered address probably means. The search compares all names on the
    /// thread that writes, so the last answers are kept.
    pub(crate) fn meant(&self, address: &Address) -> Option<String> {
        let mut known = self.meant.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(address.as_str()) {
            return found.clone();
        }
        let registered = self.registered.iter().flatten().map(String::as_str);
        let found = meant(address, registered).map(str::to_owned);
        if known.len() >= MAX_MEANT {
            known.clear();
        }
        known.insert(address.as_str().to_owned(), found.clone());
        found
    }

    /// Returns true if payloads of a type are checked against a schema.
    pub(crate) fn has_schema(&self, semantic_type: &str) -> bool {
        self.schema_types.contains(semantic_type)
    }
}

/// Records that the current transaction changes the rules of a workspace or an organization.
pub fn changed(tx: &mut Tx<'_>, owner: Uuid) -> Result<(), StoreError> {
    policy_versions::raise(tx, owner)
}
