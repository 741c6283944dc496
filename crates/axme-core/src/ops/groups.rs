//! Groups of people, and the rule of a workspace on who may be asked to decide guarded tasks. `policy::asking` applies
//! both.

use axme_api::groups::{
    AskingRuleAnswer, DeleteGroup, DeleteGroupAnswer, GetAskingRule, Group as View, GroupAnswer, GroupList, ListGroups,
    PutAskingRule, PutGroup,
};
use axme_api::roles::Permission;
use axme_api::{ApiError, Timestamp};
use axme_intent::human::{group_address, is_same_person};
use serde_json::json;

use super::tasks::person;
use crate::auth::placement;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::check_chars;
use crate::policy::snapshot;
use axme_store::groups as store;
use axme_store::groups::{AskingRule, Group, Membership};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::groups::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::groups::PUT, prepare_put, put)),
    Binding::Transaction(&handler(&axme_api::groups::DELETE, prepare_delete, delete)),
    Binding::Transaction(&handler(&axme_api::groups::RULE_GET, prepare_get_rule, get_rule)),
    Binding::Transaction(&handler(&axme_api::groups::RULE_PUT, prepare_put_rule, put_rule)),
];

const MAX_GROUPS: i64 = 200;
const MAX_MEMBERS: usize = 200;
/// Maximum number of groups, and of mail domains, in a rule.
const MAX_RULE_ENTRIES: usize = 100;
const MAX_TITLE_CHARS: usize = 120;

pub(crate) fn prepare_list(_: &PrepareContext<'_>, _: ListGroups) -> Result<()> {
    Ok(())
}

pub fn list(cx: &mut CallContext<'_, '_>, (): &()) -> Result<GroupList> {
    let place = placement::place(cx, None, None, Permission::ViewMembers)?;
    let mut groups = Vec::new();
    for group in store::list(cx.tx, place.workspace, MAX_GROUPS)? {
        let members = store::members(cx.tx, place.workspace, &group.name)?;
        groups.push(view(group, members));
    }
    Ok(GroupList { ok: true, groups })
}

fn view(group: Group, members: Vec<String>) -> View {
    View {
        address: group_address(&group.name),
        name: group.name,
        title: group.title,
        members,
        created_at: group.created_at.into(),
        updated_at: group.updated_at.into(),
    }
}

/// Reads the name of a group.
fn group_name(text: &str) -> Result<String> {
    let name = text.trim().to_lowercase();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_plain)
    {
        return Ok(name);
    }
    let message = format!("name: \"{text}\" is not 1 to 63 letters, digits, '.', '_' and '-' after a letter or digit");
    Err(ApiError::invalid(message).into())
}

pub struct NewGroup {
    name: String,
    title: Option<String>,
    members: Vec<String>,
}

pub(crate) fn prepare_put(_: &PrepareContext<'_>, input: PutGroup) -> Result<NewGroup> {
    let name = group_name(&input.name)?;
    check_chars("title", input.title.as_deref(), 1, MAX_TITLE_CHARS)?;
    if input.members.len() > MAX_MEMBERS {
        return Err(ApiError::invalid(format!("members: at most {MAX_MEMBERS}")).into());
    }
    let mut members: Vec<String> = Vec::new();
    for (index, text) in input.members.iter().enumerate() {
        let member = person(text, &format!("members[{index}]"))?;
        if member.contains("://") && !member.starts_with("user://") {
            let message = format!("members[{index}]: \"{member}\" is not a person: name an email address or a role");
            return Err(ApiError::invalid(message).into());
        }
        if !members.iter().any(|known| is_same_person(known, &member)) {
            members.push(member);
        }
    }
    Ok(NewGroup { name, title: input.title, members })
}

/// Creates or replaces a group. Members who stay keep the record of who added them.
pub fn put(cx: &mut CallContext<'_, '_>, new: &NewGroup) -> Result<GroupAnswer> {
    let place = placement::place(cx, None, None, Permission::ManageMembers)?;
    let workspace = place.workspace;
    let known = store::find(cx.tx, workspace, &new.name)?;
    if known.is_none() && store::list(cx.tx, workspace, MAX_GROUPS)?.len() as i64 >= MAX_GROUPS {
        let message = format!("a workspace may have at most {MAX_GROUPS} groups; delete one first");
        return Err(ApiError::invalid(message).into());
    }
    let group = Group {
        name: new.name.clone(),
        title: new.title.clone(),
        created_at: known.map_or(cx.now, |known| known.created_at),
        updated_at: cx.now,
    };
    store::put(cx.tx, workspace, &group)?;
    for old in store::members(cx.tx, workspace, &new.name)? {
        if !new.members.iter().any(|member| is_same_person(member, &old)) {
            store::remove_member(cx.tx, workspace, &new.name, &old)?;
        }
    }
    let added_by = cx.caller.responsible().to_owned();
    let membership = Membership { group: new.name.clone(), added_by, added_at: cx.now };
    for member in &new.members {
        store::add_member(cx.tx, workspace, &membership, member)?;
    }
    cx.audit("groups.put", &new.name, &json!({ "title": new.title, "members": new.members }))?;
    let members = store::members(cx.tx, workspace, &new.name)?;
    Ok(GroupAnswer { ok: true, group: view(group, members) })
}

pub(crate) fn prepare_delete(_: &PrepareContext<'_>, input: DeleteGroup) -> Result<String> {
    Ok(input.name.trim().to_lowercase())
}

pub fn delete(cx: &mut CallContext<'_, '_>, name: &String) -> Result<DeleteGroupAnswer> {
    let place = placement::place(cx, None, None, Permission::ManageMembers)?;
    if !store::delete(cx.tx, place.workspace, name)? {
        return Err(ApiError::not_found(format!("group {name}")).into());
    }
    cx.audit("groups.delete", name, &json!({}))?;
    Ok(DeleteGroupAnswer { ok: true, deleted: true, name: name.clone() })
}

pub(crate) fn prepare_get_rule(_: &PrepareContext<'_>, _: GetAskingRule) -> Result<()> {
    Ok(())
}

pub fn get_rule(cx: &mut CallContext<'_, '_>, (): &()) -> Result<AskingRuleAnswer> {
    let place = placement::place(cx, None, None, Permission::ViewMembers)?;
    Ok(show_rule(store::find_rule(cx.tx, place.workspace)?))
}

fn show_rule(rule: Option<AskingRule>) -> AskingRuleAnswer {
    let anyone = rule.is_none();
    let (updated_by, updated_at) = match &rule {
        Some(rule) => (Some(rule.updated_by.clone()), Some(Timestamp(rule.updated_at))),
        None => (None, None),
    };
    let (members, groups, mail_domains) =
        rule.map_or((false, Vec::new(), Vec::new()), |rule| (rule.members, rule.groups, rule.mail_domains));
    AskingRuleAnswer { ok: true, anyone, members, groups, mail_domains, updated_by, updated_at }
}

pub(crate) fn prepare_put_rule(_: &PrepareContext<'_>, input: PutAskingRule) -> Result<PutAskingRule> {
    let is_empty = !input.members && input.groups.is_empty() && input.mail_domains.is_empty();
    if input.anyone != is_empty {
        let message = "set anyone to true and nothing else, or at least one of members, groups and mail_domains";
        return Err(ApiError::invalid(message).into());
    }
    if input.groups.len() > MAX_RULE_ENTRIES || input.mail_domains.len() > MAX_RULE_ENTRIES {
        return Err(ApiError::invalid(format!("groups, mail_domains: at most {MAX_RULE_ENTRIES} each")).into());
    }
    let groups = input.groups.iter().map(|name| group_name(name)).collect::<Result<_>>()?;
    let domain = |text: &String| {
        let domain = text.trim().trim_start_matches('@').to_lowercase();
        if axme_intent::human::is_email(&format!("x@{domain}")) {
            return Ok(domain);
        }
        Err(ApiError::invalid(format!("mail_domains: \"{text}\" is not a domain such as example.com")).into())
    };
    let mail_domains = input.mail_domains.iter().map(domain).collect::<Result<_>>()?;
    Ok(PutAskingRule { groups, mail_domains, ..input })
}

/// Sets the rule. Only the owners and admins of the organization may: an admin of the workspace may be a requester.
pub fn put_rule(cx: &mut CallContext<'_, '_>, input: &PutAskingRule) -> Result<AskingRuleAnswer> {
    let place = placement::place(cx, None, None, Permission::ManagePolicies)?;
    for name in &input.groups {
        if store::find(cx.tx, place.workspace, name)?.is_none() {
            return Err(ApiError::invalid(format!("groups: there is no group {name}; create it first")).into());
        }
    }
    let rule = (!input.anyone).then(|| AskingRule {
        members: input.members,
        groups: input.groups.clone(),
        mail_domains: input.mail_domains.clone(),
        updated_by: cx.caller.responsible().to_owned(),
        updated_at: cx.now,
    });
    store::put_rule(cx.tx, place.workspace, rule.as_ref())?;
    snapshot::changed(cx.tx, place.workspace)?;
    let line = json!({
        "anyone": input.anyone, "members": input.members, "groups": input.groups, "mail_domains": input.mail_domains,
    });
    cx.audit("groups.asking_rule.put", "workspace", &line)?;
    Ok(show_rule(rule))
}
