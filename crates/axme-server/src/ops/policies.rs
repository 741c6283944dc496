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

use super::tenants::{self, Authority};
use super::{check_chars, check_word, read_id, read_word};
use crate::call::PrepareContext;
use crate::cx::CallContext;
use crate::error::Result;
use crate::store::Mark;
use crate::store::policies::{self as store, Entry, Holder, Policy, PolicyKind, PolicyType};

const RECEIVE_TYPES: [&str; 3] = ["open", "allowlist", "closed"];
const SEND_TYPES: [&str; 3] = ["open", "allowlist", "denylist"];
/// Instead of the type of an override: there is none.
const ORG_DEFAULT: &str = "use_org_default";

/// Entries of one policy.
const MOST_ENTRIES: i64 = 1_000;

/// A policy as it is named: of an organization, or of an agent.
pub enum Named {
    Org(String),
    Agent(Address, PolicyKind),
}

impl Named {
    fn agent(context: &PrepareContext<'_>, address: &str, kind: PolicyKind) -> Named {
        Named::Agent(Address::resolve(address, context.caller.home()), kind)
    }
}

/// Whose policy it is, when the caller may see or change it; and the trail that tells of it.
fn holder(cx: &mut CallContext<'_, '_>, named: &Named, permission: Permission) -> Result<(Holder, Uuid)> {
    match named {
        Named::Org(org) => {
            let (org, _) = tenants::org(cx, org, permission)?;
            Ok((Holder { owner_id: org, kind: PolicyKind::Receive, address: String::new() }, org))
        }
        Named::Agent(address, kind) => {
            let not_found =
                || ApiError::new(ErrorKind::NotFound, "agent_not_found", format!("agent {address} not found"));
            let (org, workspace) = place_of(cx, address)?.ok_or_else(not_found)?;
            let authority = Authority::in_org(cx, org)?;
            if !authority.reaches(workspace) {
                return Err(not_found().into());
            }
            authority.check(permission, Some(workspace))?;
            Ok((Holder { owner_id: workspace, kind: *kind, address: address.as_str().to_owned() }, workspace))
        }
    }
}

/// The organization and the workspace that an address is in.
fn place_of(cx: &mut CallContext<'_, '_>, address: &Address) -> Result<Option<(Uuid, Uuid)>> {
    if address.name_in(cx.caller.home()).is_some() {
        return Ok(Some((cx.caller.org, cx.caller.workspace)));
    }
    match slugs(address) {
        Some((org, workspace)) => Ok(store::find_place(cx.tx, org, workspace)?),
        None => Ok(None),
    }
}

fn slugs(address: &Address) -> Option<(&str, &str)> {
    let mut parts = address.as_str().strip_prefix("agent://")?.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(org), Some(workspace), Some(_), None) => Some((org, workspace)),
        _ => None,
    }
}

/// Refuses an intent whose receiver does not take it.
pub fn check_sender(cx: &mut CallContext<'_, '_>, from: &Address, to: &Address) -> Result<()> {
    let home = cx.caller.home();
    let workspace = if to.is_elsewhere(home) {
        let Some((org, workspace)) = place_of(cx, to)? else { return Ok(()) };
        if org != cx.caller.org {
            // Receivers let senders in by their addresses: nobody speaks for another's.
            if from.name_in(home).is_none() && from.as_str() != format!("user://{}", cx.caller.owner) {
                let message =
                    format!("{to} is of another organization, and {from} is neither you nor of your workspace");
                return Err(ApiError::forbidden(message).into());
            }
            check_receiver(cx, from, to, org, workspace)?;
        }
        workspace
    } else {
        cx.caller.workspace
    };
    if !cx.tx.has(Mark::Senders, workspace) {
        return Ok(());
    }
    let holder = Holder { owner_id: workspace, kind: PolicyKind::Send, address: to.as_str().to_owned() };
    let Some(policy) = store::find(cx.tx, &holder)? else { return Ok(()) };
    let is_listed = policy.policy_type != PolicyType::Open && is_listed(cx, &holder, from)?;
    let may = match policy.policy_type {
        PolicyType::Allowlist => is_listed,
        PolicyType::Denylist => !is_listed,
        PolicyType::Open | PolicyType::Closed => true,
    };
    if may { Ok(()) } else { Err(refused("policy_denied", format!("{to} does not take intents from {from}"))) }
}

fn check_receiver(
    cx: &mut CallContext<'_, '_>,
    from: &Address,
    to: &Address,
    org: Uuid,
    workspace: Uuid,
) -> Result<()> {
    let of_agent = Holder { owner_id: workspace, kind: PolicyKind::Override, address: to.as_str().to_owned() };
    let of_org = Holder { owner_id: org, kind: PolicyKind::Receive, address: String::new() };
    let (holder, policy_type, closed) = match store::find(cx.tx, &of_agent)? {
        Some(policy) => (of_agent, policy.policy_type, "receiver_agent_closed"),
        None => {
            let of_all = store::find(cx.tx, &of_org)?.map_or(PolicyType::Closed, |policy| policy.policy_type);
            (of_org, of_all, "receiver_org_closed")
        }
    };
    match policy_type {
        PolicyType::Open => Ok(()),
        PolicyType::Allowlist if is_listed(cx, &holder, from)? => Ok(()),
        PolicyType::Allowlist => {
            Err(refused("sender_not_in_receive_allowlist", format!("{from} is not among those who may send to {to}")))
        }
        PolicyType::Closed | PolicyType::Denylist => {
            Err(refused(closed, format!("{to} takes nothing from other organizations")))
        }
    }
}

fn refused(code: &'static str, message: String) -> crate::error::Error {
    ApiError::new(ErrorKind::Forbidden, code, message).into()
}

fn is_listed(cx: &mut CallContext<'_, '_>, holder: &Holder, from: &Address) -> Result<bool> {
    let entries = store::entries(cx.tx, holder, MOST_ENTRIES)?;
    Ok(entries.iter().any(|entry| matches(&entry.sender_pattern, from.as_str())))
}

/// Exact, or the beginning before a `*` at the end.
fn matches(pattern: &str, sender: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == sender, |beginning| sender.starts_with(beginning))
}

pub fn prepare_get_receive(_: &PrepareContext<'_>, input: OrgNamed) -> Result<Named> {
    Ok(Named::Org(input.org_id))
}

pub fn prepare_get_override(context: &PrepareContext<'_>, input: AgentNamed) -> Result<Named> {
    Ok(Named::agent(context, &input.address, PolicyKind::Override))
}

pub fn prepare_get_send(context: &PrepareContext<'_>, input: AgentNamed) -> Result<Named> {
    Ok(Named::agent(context, &input.address, PolicyKind::Send))
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
    let otherwise = if holder.kind == PolicyKind::Send { PolicyType::Open } else { PolicyType::Closed };
    let is_org = holder.kind == PolicyKind::Receive;
    let policy = View {
        policy_id: known.as_ref().map(|policy| policy.policy_id.to_string()),
        org_id: is_org.then(|| holder.owner_id.to_string()),
        address: (!is_org).then(|| holder.address.clone()),
        policy_type: known.as_ref().map_or(otherwise, |policy| policy.policy_type).as_str().to_owned(),
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
        override_type: if is_set { shown.policy_type } else { ORG_DEFAULT.to_owned() },
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

pub fn prepare_put_receive(_: &PrepareContext<'_>, input: SetReceivePolicy) -> Result<(Named, PolicyType)> {
    let policy_type = read_type(&input.policy_type, &RECEIVE_TYPES)?;
    Ok((Named::Org(input.org_id), policy_type))
}

pub fn prepare_put_override(context: &PrepareContext<'_>, input: SetOverride) -> Result<(Named, Option<PolicyType>)> {
    let text = &input.override_type;
    check_word("override_type", Some(text), &[&RECEIVE_TYPES[..], &[ORG_DEFAULT]].concat())?;
    let policy_type = PolicyType::parse(text);
    Ok((Named::agent(context, &input.address, PolicyKind::Override), policy_type))
}

pub fn prepare_put_send(context: &PrepareContext<'_>, input: SetSendPolicy) -> Result<(Named, PolicyType)> {
    let policy_type = read_type(&input.policy_type, &SEND_TYPES)?;
    Ok((Named::agent(context, &input.address, PolicyKind::Send), policy_type))
}

fn read_type(text: &str, known: &[&str]) -> Result<PolicyType> {
    read_word("policy_type", text, |word| PolicyType::parse(word).filter(|_| known.contains(&word)), known)
}

pub fn put(cx: &mut CallContext<'_, '_>, (named, policy_type): &(Named, PolicyType)) -> Result<PolicyAnswer> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    set(cx, &holder, trail, *policy_type)?;
    show(cx, &holder)
}

pub fn put_override(
    cx: &mut CallContext<'_, '_>,
    (named, policy_type): &(Named, Option<PolicyType>),
) -> Result<OverrideAnswer> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    if let Some(policy_type) = policy_type {
        set(cx, &holder, trail, *policy_type)?;
    } else {
        store::delete(cx.tx, &holder)?;
        audit(cx, &holder, trail, "put", &json!({ "type": ORG_DEFAULT }))?;
    }
    show_override(cx, &holder)
}

fn set(cx: &mut CallContext<'_, '_>, holder: &Holder, trail: Uuid, policy_type: PolicyType) -> Result<()> {
    let policy = Policy { policy_id: cx.rng.uuid_at(cx.now), policy_type, created_at: cx.now, updated_at: cx.now };
    store::put(cx.tx, holder, &policy)?;
    if holder.kind == PolicyKind::Send {
        cx.tx.mark(Mark::Senders, holder.owner_id);
    }
    audit(cx, holder, trail, "put", &json!({ "type": policy_type.as_str() }))
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
        PolicyKind::Receive => "organizations.receive_policy",
        PolicyKind::Override => "agents.receive_override",
        PolicyKind::Send => "agents.policy",
    };
    Ok(cx.audit_in(trail, &format!("{family}.{what}"), &subject, details)?)
}

pub fn prepare_add_receive(_: &PrepareContext<'_>, input: OrgEntry) -> Result<(Named, String)> {
    new_entry(Named::Org(input.org_id), &input.sender_pattern)
}

pub fn prepare_add_override(context: &PrepareContext<'_>, input: AgentEntry) -> Result<(Named, String)> {
    new_entry(Named::agent(context, &input.address, PolicyKind::Override), &input.sender_pattern)
}

pub fn prepare_add_send(context: &PrepareContext<'_>, input: AgentEntry) -> Result<(Named, String)> {
    new_entry(Named::agent(context, &input.address, PolicyKind::Send), &input.sender_pattern)
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
    Ok((Named::agent(context, &input.address, PolicyKind::Override), input.entry_id))
}

pub fn prepare_remove_send(context: &PrepareContext<'_>, input: AgentEntryNamed) -> Result<(Named, String)> {
    Ok((Named::agent(context, &input.address, PolicyKind::Send), input.entry_id))
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
