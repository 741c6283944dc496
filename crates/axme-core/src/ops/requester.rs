//! The requester of an intent, with its organization and its workspace, as people know them.

use std::collections::BTreeMap;

use axme_intent::human::{is_email, person_key};
use axme_intent::lifecycle::IntentSpec;
use axme_intent::prospect::shown;
use axme_store::{StoreError, Tx, organizations, person_accounts, service_accounts};
use axme_words::{Language, say};
use uuid::Uuid;

/// The requester of an intent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requester {
    /// The display name of a person or a service, else its address.
    pub name: String,
    /// The address, if it says more than the name, and the person whose key the service has.
    pub detail: String,
    pub organization: String,
    pub workspace: String,
}

/// Returns the name of the organization of a workspace; empty if it is gone.
pub fn organization(tx: &mut Tx<'_>, workspace: Uuid) -> Result<String, StoreError> {
    let home = organizations::find_workspace(tx, workspace)?;
    let organization = home.map(|home| organizations::find(tx, home.org_id)).transpose()?.flatten();
    Ok(organization.map(|organization| organization.name).unwrap_or_default())
}

/// Returns the requester of an intent, described in a language.
pub fn of(tx: &mut Tx<'_>, workspace: Uuid, spec: &IntentSpec, language: Language) -> Result<Requester, StoreError> {
    let home = organizations::find_workspace(tx, workspace)?;
    let organization = match &home {
        Some(home) => organizations::find(tx, home.org_id)?.map(|organization| organization.name),
        None => None,
    };
    let from = spec.from.spelled();
    let (name, mut details) = if from.starts_with("agent://") {
        let account = service_accounts::find_agent(tx, workspace, &spec.from)?;
        let name = account.and_then(|account| account.display_name).unwrap_or_else(|| shown(from, language));
        (name, vec![say(language, "name-service").with("name", shown(from, language)).into()])
    } else {
        let address = shown(from, language);
        match name_of(tx, &address)? {
            Some(name) => (name, vec![address]),
            None => (address, Vec::new()),
        }
    };
    if let Some(owner) = spec.requested_by.as_deref() {
        details.push(say(language, "name-with-key").with("name", shown(owner, language)).into());
    }
    Ok(Requester {
        name,
        detail: details.join(", "),
        organization: organization.unwrap_or_default(),
        workspace: home.map(|home| home.name).unwrap_or_default(),
    })
}

/// Returns the display names of people, by [`person_key`]. A person without one is left out.
pub fn display_names(tx: &mut Tx<'_>, people: &[&str]) -> Result<BTreeMap<String, String>, StoreError> {
    let mut names = BTreeMap::new();
    for person in people {
        let key = person_key(person);
        if let Some(name) = name_of(tx, &key)? {
            names.insert(key, name);
        }
    }
    Ok(names)
}

fn name_of(tx: &mut Tx<'_>, person: &str) -> Result<Option<String>, StoreError> {
    let key = person_key(person);
    if !is_email(&key) {
        return Ok(None);
    }
    let account = person_accounts::find_by_email(tx, &key)?;
    Ok(account.and_then(|account| account.display_name).filter(|name| !name.trim().is_empty()))
}
