//! Who may send to whom.
//!
//! From another organization: what the agent's override says, else what its organization says, and without a word of
//! either it is closed. From anywhere: the send policy of the agent.

use axme_api::policies::{
    AgentEntry, AgentEntryNamed, AgentNamed, Entry as EntryView, EntryAnswer, EntryRemoved, OrgEntry, OrgEntryNamed,
    OrgNamed, Override, OverrideAnswer, Policy as View, PolicyAnswer, SetOverride, SetReceivePolicy, SetSendPolicy,
};
use axme_api::roles::Permission;
use axme_api::{ApiError, ErrorKind};
use axme_intent::Address;
use axme_intent::address::MAX_ADDRESS_CHARS;
use serde_json::json;
use uuid::Uuid;

use crate::auth::placement;
use crate::auth::placement::RoleSet;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_chars, check_word, read_id};
use crate::policy::senders::{MOST_ENTRIES, OVERRIDE, RECEIVE, SEND, place_of};
use crate::store::policies::{Entry, Holder, Policy};
use crate::store::{Mark, policies as store};

/// What the operations of this file do, by their entries in the table.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::policies::RECEIVE_GET, prepare_get_receive, get)),
    Binding::Transaction(&handler(&axme_api::policies::RECEIVE_PUT, prepare_put_receive, put)),
    Binding::Transaction(&handler(&axme_api::policies::RECEIVE_ADD, prepare_add_receive, add)),
    Binding::Transaction(&handler(&axme_api::policies::RECEIVE_REMOVE, prepare_remove_receive, remove)),
    Binding::Transaction(&handler(&axme_api::policies::OVERRIDE_GET, prepare_get_override, get_override)),
    Binding::Transaction(&handler(&axme_api::policies::OVERRIDE_PUT, prepare_put_override, put_override)),
    Binding::Transaction(&handler(&axme_api::policies::OVERRIDE_ADD, prepare_add_override, add)),
    Binding::Transaction(&handler(&axme_api::policies::OVERRIDE_REMOVE, prepare_remove_override, remove)),
    Binding::Transaction(&handler(&axme_api::policies::SEND_GET, prepare_get_send, get)),
    Binding::Transaction(&handler(&axme_api::policies::SEND_PUT, prepare_put_send, put)),
    Binding::Transaction(&handler(&axme_api::policies::SEND_ADD, prepare_add_send, add)),
    Binding::Transaction(&handler(&axme_api::policies::SEND_REMOVE, prepare_remove_send, remove)),
];

/// A policy as it is named: of an organization, or of an agent.
pub enum Named {
    Org(String),
    Agent(Address, &'static str),
}

impl Named {
    fn agent(context: &PrepareContext<'_>, address: &str, kind: &'static str) -> Named {
        Named::Agent(Address::resolve(address, context.caller.home()), kind)
    }
}

/// Whose policy it is, when the caller may see or change it; and the trail that tells of it.
fn holder(cx: &mut CallContext<'_, '_>, named: &Named, permission: Permission) -> Result<(Holder, Uuid)> {
    match named {
        Named::Org(org) => {
            let (org, _) = placement::org(cx, org, permission)?;
            Ok((Holder { owner_id: org, kind: RECEIVE, address: String::new() }, org))
        }
        Named::Agent(address, kind) => {
            let not_found =
                || ApiError::new(ErrorKind::NotFound, "agent_not_found", format!("agent {address} not found"));
            let (org, workspace) = place_of(cx, address)?.ok_or_else(not_found)?;
            let authority = RoleSet::in_org(cx, org)?;
            if !authority.reaches(workspace) {
                return Err(not_found().into());
            }
            authority.check(permission, Some(workspace))?;
            Ok((Holder { owner_id: workspace, kind, address: address.as_str().to_owned() }, workspace))
        }
    }
}

pub fn prepare_get_receive(_: &PrepareContext<'_>, input: OrgNamed) -> Result<Named> {
    Ok(Named::Org(input.org_id))
}

pub fn prepare_get_override(context: &PrepareContext<'_>, input: AgentNamed) -> Result<Named> {
    Ok(Named::agent(context, &input.address, OVERRIDE))
}

pub fn prepare_get_send(context: &PrepareContext<'_>, input: AgentNamed) -> Result<Named> {
    Ok(Named::agent(context, &input.address, SEND))
}

pub fn get(cx: &mut CallContext<'_, '_>, named: &Named) -> Result<PolicyAnswer> {
    let (holder, _) = holder(cx, named, Permission::ViewPolicies)?;
    show(cx, &holder)
}

pub fn get_override(cx: &mut CallContext<'_, '_>, named: &Named) -> Result<OverrideAnswer> {
    let (holder, _) = holder(cx, named, Permission::ViewPolicies)?;
    show_override(cx, &holder)
}

fn show(cx: &mut CallContext<'_, '_>, holder: &Holder) -> Result<PolicyAnswer> {
    let known = store::find(cx.tx, holder)?;
    let entries = store::entries(cx.tx, holder, MOST_ENTRIES)?;
    let otherwise = if holder.kind == SEND { "open" } else { "closed" };
    let is_org = holder.kind == RECEIVE;
    let policy = View {
        policy_id: known.as_ref().map(|policy| policy.policy_id.to_string()),
        org_id: is_org.then(|| holder.owner_id.to_string()),
        address: (!is_org).then(|| holder.address.clone()),
        policy_type: known.as_ref().map_or_else(|| otherwise.to_owned(), |policy| policy.policy_type.clone()),
        entries: entries.iter().map(entry_view).collect(),
        created_at: known.as_ref().map(|policy| policy.created_at.to_string()),
        updated_at: known.as_ref().map(|policy| policy.updated_at.to_string()),
    };
    Ok(PolicyAnswer { ok: true, policy })
}

fn show_override(cx: &mut CallContext<'_, '_>, holder: &Holder) -> Result<OverrideAnswer> {
    let shown = show(cx, holder)?.policy;
    let is_set = shown.policy_id.is_some();
    let set = Override {
        address: holder.address.clone(),
        override_type: if is_set { shown.policy_type } else { "use_org_default".to_owned() },
        entries: shown.entries,
        created_at: shown.created_at,
        updated_at: shown.updated_at,
    };
    Ok(OverrideAnswer { ok: true, set })
}

fn entry_view(entry: &Entry) -> EntryView {
    EntryView {
        entry_id: entry.entry_id.to_string(),
        sender_pattern: entry.sender_pattern.clone(),
        created_at: entry.created_at.to_string(),
    }
}

pub fn prepare_put_receive(_: &PrepareContext<'_>, input: SetReceivePolicy) -> Result<(Named, String)> {
    check_word("policy_type", Some(&input.policy_type), &["open", "allowlist", "closed"])?;
    Ok((Named::Org(input.org_id), input.policy_type))
}

pub fn prepare_put_override(context: &PrepareContext<'_>, input: SetOverride) -> Result<(Named, String)> {
    check_word("override_type", Some(&input.override_type), &["open", "allowlist", "closed", "use_org_default"])?;
    Ok((Named::agent(context, &input.address, OVERRIDE), input.override_type))
}

pub fn prepare_put_send(context: &PrepareContext<'_>, input: SetSendPolicy) -> Result<(Named, String)> {
    check_word("policy_type", Some(&input.policy_type), &["open", "allowlist", "denylist"])?;
    Ok((Named::agent(context, &input.address, SEND), input.policy_type))
}

pub fn put(cx: &mut CallContext<'_, '_>, (named, word): &(Named, String)) -> Result<PolicyAnswer> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    set(cx, &holder, trail, word)?;
    show(cx, &holder)
}

pub fn put_override(cx: &mut CallContext<'_, '_>, (named, word): &(Named, String)) -> Result<OverrideAnswer> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    if word == "use_org_default" {
        store::delete(cx.tx, &holder)?;
        audit(cx, &holder, trail, "put", &json!({ "type": word }))?;
    } else {
        set(cx, &holder, trail, word)?;
    }
    show_override(cx, &holder)
}

fn set(cx: &mut CallContext<'_, '_>, holder: &Holder, trail: Uuid, word: &str) -> Result<()> {
    let policy = Policy {
        policy_id: cx.rng.uuid_at(cx.now),
        policy_type: word.to_owned(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    store::put(cx.tx, holder, &policy)?;
    if holder.kind == SEND {
        cx.tx.mark(Mark::Senders, holder.owner_id);
    }
    audit(cx, holder, trail, "put", &json!({ "type": word }))
}

fn audit(
    cx: &mut CallContext<'_, '_>,
    holder: &Holder,
    trail: Uuid,
    what: &str,
    details: &serde_json::Value,
) -> Result<()> {
    let subject = if holder.address.is_empty() { holder.owner_id.to_string() } else { holder.address.clone() };
    let family = match holder.kind {
        RECEIVE => "organizations.receive_policy",
        OVERRIDE => "agents.receive_override",
        _ => "agents.policy",
    };
    Ok(cx.audit_in(trail, &format!("{family}.{what}"), &subject, details)?)
}

pub fn prepare_add_receive(_: &PrepareContext<'_>, input: OrgEntry) -> Result<(Named, String)> {
    new_entry(Named::Org(input.org_id), &input.sender_pattern)
}

pub fn prepare_add_override(context: &PrepareContext<'_>, input: AgentEntry) -> Result<(Named, String)> {
    new_entry(Named::agent(context, &input.address, OVERRIDE), &input.sender_pattern)
}

pub fn prepare_add_send(context: &PrepareContext<'_>, input: AgentEntry) -> Result<(Named, String)> {
    new_entry(Named::agent(context, &input.address, SEND), &input.sender_pattern)
}

fn new_entry(named: Named, pattern: &str) -> Result<(Named, String)> {
    let pattern = pattern.trim();
    check_chars("sender_pattern", Some(pattern), 1, MAX_ADDRESS_CHARS)?;
    if pattern.strip_suffix('*').unwrap_or(pattern).contains('*') {
        return Err(ApiError::invalid("sender_pattern: one * at the end, or none").into());
    }
    Ok((named, pattern.to_owned()))
}

/// An address is meant as it stands; a short one is of the caller's workspace.
pub fn add(cx: &mut CallContext<'_, '_>, (named, pattern): &(Named, String)) -> Result<EntryAnswer> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    if store::entries(cx.tx, &holder, MOST_ENTRIES)?.len() as i64 >= MOST_ENTRIES {
        return Err(ApiError::invalid(format!("a policy has at most {MOST_ENTRIES} entries")).into());
    }
    let sender_pattern = if pattern.ends_with('*') {
        pattern.clone()
    } else {
        Address::resolve(pattern, cx.caller.home()).into_string()
    };
    let entry = Entry { entry_id: cx.rng.uuid_at(cx.now), sender_pattern, created_at: cx.now };
    store::add_entry(cx.tx, &holder, &entry)?;
    audit(cx, &holder, trail, "entries.add", &json!({ "sender_pattern": entry.sender_pattern }))?;
    Ok(EntryAnswer { ok: true, entry: entry_view(&entry) })
}

pub fn prepare_remove_receive(_: &PrepareContext<'_>, input: OrgEntryNamed) -> Result<(Named, String)> {
    Ok((Named::Org(input.org_id), input.entry_id))
}

pub fn prepare_remove_override(context: &PrepareContext<'_>, input: AgentEntryNamed) -> Result<(Named, String)> {
    Ok((Named::agent(context, &input.address, OVERRIDE), input.entry_id))
}

pub fn prepare_remove_send(context: &PrepareContext<'_>, input: AgentEntryNamed) -> Result<(Named, String)> {
    Ok((Named::agent(context, &input.address, SEND), input.entry_id))
}

pub fn remove(cx: &mut CallContext<'_, '_>, (named, id): &(Named, String)) -> Result<EntryRemoved> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    let id = read_id("entry", id)?;
    if !store::remove_entry(cx.tx, &holder, id)? {
        return Err(ApiError::not_found(format!("entry {id}")).into());
    }
    audit(cx, &holder, trail, "entries.remove", &json!({ "entry_id": id }))?;
    Ok(EntryRemoved { ok: true, removed: true, entry_id: id.to_string() })
}
