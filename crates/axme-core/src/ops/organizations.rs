//! Creates, reads and updates organizations.

use axme_api::organizations::{
    CreateOrganization, GetOrganization, GetOrganizationAnswer, Organization as View, OrganizationAnswer,
    OrganizationDetails, UpdateOrganization,
};
use axme_api::roles::{OrgRole, Permission};
use axme_api::{ApiError, ErrorCode, Object};
use serde_json::json;
use uuid::Uuid;

use crate::auth::{membership, placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::input::{check_chars, check_size};
use axme_store::members::{Member, MemberStatus};
use axme_store::organizations::{Organization, OrganizationStatus};
use axme_store::{members, organizations as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::organizations::CREATE, prepare_create, create)),
    Binding::Transaction(&handler(&axme_api::organizations::GET, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::organizations::UPDATE, prepare_update, update)),
];

/// Maximum characters of a slug, without the suffix that makes it distinct.
const MAX_SLUG_CHARS: usize = 56;

pub(crate) fn prepare_create(_: &PrepareContext<'_>, input: CreateOrganization) -> Result<CreateOrganization> {
    check_fields(Some(&input.name), input.legal_name.as_deref(), input.primary_domain.as_deref(), &input.metadata)?;
    check_chars("requested_by_actor_id", input.requested_by_actor_id.as_deref(), 1, 255)?;
    Ok(input)
}

fn check_fields(
    name: Option<&str>,
    legal: Option<&str>,
    domain: Option<&str>,
    metadata: &Option<Object>,
) -> Result<()> {
    check_chars("name", name, 2, 120)?;
    check_chars("legal_name", legal, 2, 255)?;
    check_chars("primary_domain", domain, 3, 255)?;
    check_size("metadata", metadata)
}

pub fn create(cx: &mut CallContext<'_, '_>, input: &CreateOrganization) -> Result<OrganizationAnswer> {
    membership::check_is_no_trial(cx.caller)?;
    let owner = cx.caller.owner.clone();
    let made = found(cx, input, &owner)?;
    Ok(OrganizationAnswer { ok: true, organization: view(&made)? })
}

/// Creates an organization for an owner.
pub fn found(cx: &mut CallContext<'_, '_>, input: &CreateOrganization, owner: &str) -> Result<Organization> {
    let id = cx.rng.uuid_at(cx.now);
    let mut made = Organization {
        org_id: id,
        slug: slug(&input.name, "org"),
        name: input.name.clone(),
        legal_name: input.legal_name.clone(),
        primary_domain: input.primary_domain.clone(),
        status: OrganizationStatus::Active,
        metadata: json!(input.metadata.clone().unwrap_or_default()).to_string(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    if !store::insert(cx.tx, &made)? {
        made.slug = distinct(&made.slug, id);
        if !store::insert(cx.tx, &made)? {
            return Err(StoreError::Conflict(format!("the slug {} is taken", made.slug)).into());
        }
    }
    let member = Member {
        org_id: id,
        member_id: cx.rng.uuid_at(cx.now),
        workspace_id: Uuid::nil(),
        actor_id: owner.to_owned(),
        role: OrgRole::OrgOwner,
        status: MemberStatus::Active,
        created_at: cx.now,
        updated_at: cx.now,
        given_by: None,
        given_at: None,
    };
    members::insert(cx.tx, &member)?;
    let line = json!({ "name": made.name, "owner": owner, "requested_by": input.requested_by_actor_id });
    cx.audit_in(id, "organizations.create", &id.to_string(), &line)?;
    Ok(made)
}

/// Returns the part of addresses that is derived from a name; `otherwise` if too few characters remain.
pub fn slug(name: &str, otherwise: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(MAX_SLUG_CHARS);
    let slug = slug.trim_matches('-');
    if slug.chars().count() < 2 { otherwise.to_owned() } else { slug.to_owned() }
}

/// Makes a slug distinct: appends the end of the id, which is random.
pub(crate) fn distinct(slug: &str, id: Uuid) -> String {
    let id = id.simple().to_string();
    format!("{slug}-{}", &id[id.len() - 6..])
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetOrganization) -> Result<GetOrganization> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, input: &GetOrganization) -> Result<GetOrganizationAnswer> {
    let (org, _) = placement::org(cx, &input.org_id, Permission::ViewOrganization)?;
    let found = find(cx, org)?;
    let (workspaces, members) = store::count(cx.tx, org)?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let organization = OrganizationDetails {
        organization: view(&found)?,
        workspaces_count: count(workspaces),
        members_count: count(members),
    };
    Ok(GetOrganizationAnswer { ok: true, organization })
}

fn find(cx: &mut CallContext<'_, '_>, org: Uuid) -> Result<Organization> {
    store::find(cx.tx, org)?.ok_or_else(|| ApiError::not_found("organization").into())
}

pub(crate) fn prepare_update(_: &PrepareContext<'_>, input: UpdateOrganization) -> Result<UpdateOrganization> {
    let name = input.name.as_deref();
    check_fields(name, input.legal_name.as_deref(), input.primary_domain.as_deref(), &input.metadata)?;
    Ok(input)
}

/// Changes the fields that are present. The organization of the caller's key stays active, or nobody could undo the
/// change.
pub fn update(cx: &mut CallContext<'_, '_>, input: &UpdateOrganization) -> Result<OrganizationAnswer> {
    let (org, _) = placement::org(cx, &input.org_id, Permission::ChangeOrganization)?;
    store::lock(cx.tx, org)?;
    let mut known = find(cx, org)?;
    if org == cx.caller.org && input.status.is_some_and(|status| status != OrganizationStatus::Active) {
        return Err(own_tenant("organization"));
    }
    known.name = input.name.clone().unwrap_or(known.name);
    known.legal_name = input.legal_name.clone().or(known.legal_name);
    known.primary_domain = input.primary_domain.clone().or(known.primary_domain);
    known.status = input.status.unwrap_or(known.status);
    if let Some(metadata) = &input.metadata {
        known.metadata = json!(metadata).to_string();
    }
    known.updated_at = cx.now;
    store::update(cx.tx, &known)?;
    let line = json!({ "name": input.name, "status": input.status });
    cx.audit_in(org, "organizations.update", &org.to_string(), &line)?;
    Ok(OrganizationAnswer { ok: true, organization: view(&known)? })
}

/// The error for deactivating the organization or the workspace of the caller's key: the key could not undo it.
pub fn own_tenant(what: &str) -> crate::error::Error {
    let message = format!("status: you cannot deactivate the {what} that your key belongs to; use another key");
    ApiError::new(ErrorCode::OwnTenant, message).into()
}

fn view(o: &Organization) -> Result<View> {
    let metadata = serde_json::from_str(&o.metadata).map_err(|e| StoreError::Fault(format!("metadata: {e}")))?;
    Ok(View {
        org_id: o.org_id.into(),
        name: o.name.clone(),
        legal_name: o.legal_name.clone(),
        primary_domain: o.primary_domain.clone(),
        status: o.status,
        metadata,
        created_at: o.created_at.into(),
        updated_at: o.updated_at.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_come_from_names() {
        for (name, expected) in [
            ("Acme Corp.", "acme-corp"),
            ("  A & B  ", "a-b"),
            ("x", "org"),
            ("漢字", "org"),
            (&"n".repeat(80), &"n".repeat(MAX_SLUG_CHARS)),
        ] {
            assert_eq!(slug(name, "org"), expected, "{name}");
        }
    }
}
