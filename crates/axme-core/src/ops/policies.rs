//! Sender policies: they decide who may send to an agent.
//!
//! For senders of another organization, the agent's override applies, else its organization's receive policy, else the
//! agent is closed. For all senders, the agent's send policy applies too.

use axme_api::policies::{
    AddAgentEntry, AddReceiveEntry, Entry as EntryView, EntryAnswer, GetAgentPolicy, GetReceivePolicy, Override,
    OverrideAnswer, OverrideType, Policy as View, PolicyAnswer, RemoveAgentEntry, RemoveEntryAnswer,
    RemoveReceiveEntry, SetOverride, SetReceivePolicy, SetSendPolicy,
};
use axme_api::roles::Permission;
use axme_api::{ApiError, ErrorCode, Id, Timestamp};
use axme_intent::Address;
use axme_intent::address::MAX_ADDRESS_CHARS;
use serde_json::json;
use uuid::Uuid;

use crate::auth::placement;
use crate::auth::placement::RoleSet;
use crate::auth::placement::workspace_of_address;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_chars, read_id};
use crate::policy::snapshot;
use axme_store::policies as store;
use axme_store::policies::{Entry, Holder, MAX_ENTRIES, Policy, PolicyKind, PolicyType};

/// Binds each operation of this family to its handler.
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

/// The policy that a call names: of an organization or of an agent.
pub enum PolicyTarget {
    Org(Id),
    Agent(Address, PolicyKind),
}

impl PolicyTarget {
    fn agent(context: &PrepareContext<'_>, address: &str, kind: PolicyKind) -> PolicyTarget {
        PolicyTarget::Agent(Address::resolve(address, context.caller.home()), kind)
    }
}

/// Returns the holder of a policy, if the caller has the permission, and the audit trail for its changes.
fn holder(cx: &mut CallContext<'_, '_>, named: &PolicyTarget, permission: Permission) -> Result<(Holder, Uuid)> {
    match named {
        PolicyTarget::Org(org) => {
            let (org, _) = placement::org(cx, org, permission)?;
            Ok((Holder { owner_id: org, kind: PolicyKind::Receive, address: String::new() }, org))
        }
        PolicyTarget::Agent(address, kind) => {
            let not_found = || ApiError::new(ErrorCode::AgentNotFound, format!("agent {address} not found"));
            let (org, workspace) = workspace_of_address(cx, address)?.ok_or_else(not_found)?;
            let authority = RoleSet::in_org(cx, org)?;
            if !authority.reaches(workspace) {
                return Err(not_found().into());
            }
            authority.check(permission, Some(workspace))?;
            Ok((Holder { owner_id: workspace, kind: *kind, address: address.as_str().to_owned() }, workspace))
        }
    }
}

pub(crate) fn prepare_get_receive(_: &PrepareContext<'_>, input: GetReceivePolicy) -> Result<PolicyTarget> {
    Ok(PolicyTarget::Org(input.org_id))
}

pub(crate) fn prepare_get_override(context: &PrepareContext<'_>, input: GetAgentPolicy) -> Result<PolicyTarget> {
    Ok(PolicyTarget::agent(context, &input.address, PolicyKind::Override))
}

pub(crate) fn prepare_get_send(context: &PrepareContext<'_>, input: GetAgentPolicy) -> Result<PolicyTarget> {
    Ok(PolicyTarget::agent(context, &input.address, PolicyKind::Send))
}

pub fn get(cx: &mut CallContext<'_, '_>, named: &PolicyTarget) -> Result<PolicyAnswer> {
    let (holder, _) = holder(cx, named, Permission::ViewPolicies)?;
    show(cx, &holder)
}

pub(crate) fn get_override(cx: &mut CallContext<'_, '_>, named: &PolicyTarget) -> Result<OverrideAnswer> {
    let (holder, _) = holder(cx, named, Permission::ViewPolicies)?;
    show_override(cx, &holder)
}

fn show(cx: &mut CallContext<'_, '_>, holder: &Holder) -> Result<PolicyAnswer> {
    let known = store::find(cx.tx, holder)?;
    let entries = store::entries(cx.tx, holder, MAX_ENTRIES)?;
    let otherwise = if holder.kind == PolicyKind::Send { PolicyType::Open } else { PolicyType::Closed };
    let is_org = holder.kind == PolicyKind::Receive;
    let policy = View {
        policy_id: known.as_ref().map(|policy| policy.policy_id.into()),
        org_id: is_org.then(|| holder.owner_id.into()),
        address: (!is_org).then(|| holder.address.clone()),
        policy_type: known.as_ref().map_or(otherwise, |policy| policy.policy_type),
        entries: entries.iter().map(entry_view).collect(),
        created_at: known.as_ref().map(|policy| Timestamp::from(policy.created_at)),
        updated_at: known.as_ref().map(|policy| Timestamp::from(policy.updated_at)),
    };
    Ok(PolicyAnswer { ok: true, policy })
}

fn show_override(cx: &mut CallContext<'_, '_>, holder: &Holder) -> Result<OverrideAnswer> {
    let shown = show(cx, holder)?.policy;
    let policy_type = shown.policy_id.map(|_| shown.policy_type);
    let set = Override {
        address: holder.address.clone(),
        override_type: OverrideType::of(policy_type),
        entries: shown.entries,
        created_at: shown.created_at,
        updated_at: shown.updated_at,
    };
    Ok(OverrideAnswer { ok: true, set })
}

fn entry_view(entry: &Entry) -> EntryView {
    EntryView {
        entry_id: entry.entry_id.into(),
        sender_pattern: entry.sender_pattern.clone(),
        created_at: entry.created_at.into(),
    }
}

pub(crate) fn prepare_put_receive(
    _: &PrepareContext<'_>,
    input: SetReceivePolicy,
) -> Result<(PolicyTarget, PolicyType)> {
    Ok((PolicyTarget::Org(input.org_id), input.policy_type.into()))
}

pub(crate) fn prepare_put_override(
    context: &PrepareContext<'_>,
    input: SetOverride,
) -> Result<(PolicyTarget, OverrideType)> {
    Ok((PolicyTarget::agent(context, &input.address, PolicyKind::Override), input.override_type))
}

pub(crate) fn prepare_put_send(
    context: &PrepareContext<'_>,
    input: SetSendPolicy,
) -> Result<(PolicyTarget, PolicyType)> {
    Ok((PolicyTarget::agent(context, &input.address, PolicyKind::Send), input.policy_type.into()))
}

pub fn put(cx: &mut CallContext<'_, '_>, (named, policy_type): &(PolicyTarget, PolicyType)) -> Result<PolicyAnswer> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    set(cx, &holder, trail, *policy_type)?;
    show(cx, &holder)
}

pub(crate) fn put_override(
    cx: &mut CallContext<'_, '_>,
    (named, override_type): &(PolicyTarget, OverrideType),
) -> Result<OverrideAnswer> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    if let Some(policy_type) = override_type.policy_type() {
        set(cx, &holder, trail, policy_type)?;
    } else {
        store::delete(cx.tx, &holder)?;
        note_change(cx, &holder, trail, "put", &json!({ "type": override_type }))?;
    }
    show_override(cx, &holder)
}

fn set(cx: &mut CallContext<'_, '_>, holder: &Holder, trail: Uuid, policy_type: PolicyType) -> Result<()> {
    let policy = Policy { policy_id: cx.rng.uuid_at(cx.now), policy_type, created_at: cx.now, updated_at: cx.now };
    store::put(cx.tx, holder, &policy)?;
    note_change(cx, holder, trail, "put", &json!({ "type": policy_type }))
}

/// Records a change of a policy in the audit trail, and raises the version that admission of new intents compares.
fn note_change(
    cx: &mut CallContext<'_, '_>,
    holder: &Holder,
    trail: Uuid,
    what: &str,
    details: &serde_json::Value,
) -> Result<()> {
    let subject = if holder.address.is_empty() { holder.owner_id.to_string() } else { holder.address.clone() };
    snapshot::changed(cx.tx, holder.owner_id)?;
    let family = match holder.kind {
        PolicyKind::Receive => "organizations.receive_policy",
        PolicyKind::Override => "agents.receive_override",
        PolicyKind::Send => "agents.policy",
    };
    Ok(cx.audit_in(trail, &format!("{family}.{what}"), &subject, details)?)
}

pub(crate) fn prepare_add_receive(_: &PrepareContext<'_>, input: AddReceiveEntry) -> Result<(PolicyTarget, String)> {
    new_entry(PolicyTarget::Org(input.org_id), &input.sender_pattern)
}

pub(crate) fn prepare_add_override(
    context: &PrepareContext<'_>,
    input: AddAgentEntry,
) -> Result<(PolicyTarget, String)> {
    new_entry(PolicyTarget::agent(context, &input.address, PolicyKind::Override), &input.sender_pattern)
}

pub(crate) fn prepare_add_send(context: &PrepareContext<'_>, input: AddAgentEntry) -> Result<(PolicyTarget, String)> {
    new_entry(PolicyTarget::agent(context, &input.address, PolicyKind::Send), &input.sender_pattern)
}

fn new_entry(named: PolicyTarget, pattern: &str) -> Result<(PolicyTarget, String)> {
    let pattern = pattern.trim();
    check_chars("sender_pattern", Some(pattern), 1, MAX_ADDRESS_CHARS)?;
    if pattern.strip_suffix('*').unwrap_or(pattern).contains('*') {
        return Err(ApiError::invalid("sender_pattern: * is allowed only once, at the end").into());
    }
    Ok((named, pattern.to_owned()))
}

/// Adds an entry. A full address is used unchanged; a short one is resolved in the caller's workspace.
pub fn add(cx: &mut CallContext<'_, '_>, (named, pattern): &(PolicyTarget, String)) -> Result<EntryAnswer> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    if store::entries(cx.tx, &holder, MAX_ENTRIES)?.len() as i64 >= MAX_ENTRIES {
        let message = format!("a policy may have at most {MAX_ENTRIES} entries; remove one first");
        return Err(ApiError::invalid(message).into());
    }
    let sender_pattern = if let Some(start) = pattern.strip_suffix('*') {
        // The start of a person's address, such as `ann@*`.
        let is_person = start.contains('@') && !start.contains("://");
        if is_person { format!("user://{}*", start.to_lowercase()) } else { pattern.clone() }
    } else {
        Address::resolve(pattern, cx.caller.home()).into_string()
    };
    let entry = Entry { entry_id: cx.rng.uuid_at(cx.now), sender_pattern, created_at: cx.now };
    store::add_entry(cx.tx, &holder, &entry)?;
    note_change(cx, &holder, trail, "entries.add", &json!({ "sender_pattern": entry.sender_pattern }))?;
    Ok(EntryAnswer { ok: true, entry: entry_view(&entry) })
}

pub(crate) fn prepare_remove_receive(_: &PrepareContext<'_>, input: RemoveReceiveEntry) -> Result<(PolicyTarget, Id)> {
    Ok((PolicyTarget::Org(input.org_id), input.entry_id))
}

pub(crate) fn prepare_remove_override(
    context: &PrepareContext<'_>,
    input: RemoveAgentEntry,
) -> Result<(PolicyTarget, Id)> {
    Ok((PolicyTarget::agent(context, &input.address, PolicyKind::Override), input.entry_id))
}

pub(crate) fn prepare_remove_send(context: &PrepareContext<'_>, input: RemoveAgentEntry) -> Result<(PolicyTarget, Id)> {
    Ok((PolicyTarget::agent(context, &input.address, PolicyKind::Send), input.entry_id))
}

pub fn remove(cx: &mut CallContext<'_, '_>, (named, id): &(PolicyTarget, Id)) -> Result<RemoveEntryAnswer> {
    let (holder, trail) = holder(cx, named, Permission::ManagePolicies)?;
    let id = read_id("entry", id)?;
    if !store::remove_entry(cx.tx, &holder, id)? {
        return Err(ApiError::not_found(format!("entry {id}")).into());
    }
    note_change(cx, &holder, trail, "entries.remove", &json!({ "entry_id": id }))?;
    Ok(RemoveEntryAnswer { ok: true, removed: true, entry_id: id.into() })
}
