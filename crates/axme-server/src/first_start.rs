//! The first start: an organization, a workspace, an owner, and a workspace-admin key.
//!
//! On PostgreSQL several nodes may start at once; the node that creates the organization publishes `bootstrap.json`.
//! Only this file contains the key.

use std::sync::Arc;

use uuid::Uuid;

use crate::StartError;
use crate::folder::{Bootstrap, Folder};
use axme_core::auth::membership;
use axme_core::auth::placement::OPERATORS_ORG_SLUG;
use axme_core::auth::{FreshKey, fresh_key};
use axme_core::error::StoreError;
use axme_core::state::AppState;
use axme_store::members::{Member, MemberStatus, OrgRole};
use axme_store::organizations::{Organization, Workspace};
use axme_store::service_accounts::{NewKey, ServiceAccount};
use axme_store::{Shard, Tx, members, organizations, person_accounts, service_accounts};

const WORKSPACE_SLUG: &str = "default";

/// Creates the organization on the first start. A later start only publishes a draft that a crash left behind, and
/// keeps the base URL in `bootstrap.json` up to date.
pub async fn run(app: &Arc<AppState>, folder: &Folder, owner_email: &str, base_url: &str) -> Result<(), StartError> {
    let failed = |error: StoreError| StartError::Store(error.to_string());
    if let Some(org) = app.store.read(|tx| organizations::find_by_slug(tx, OPERATORS_ORG_SLUG)).await.map_err(failed)? {
        // A crash right after the commit leaves the draft.
        folder.publish_draft(&org.to_string())?;
        return Ok(folder.refresh_base_url(base_url)?);
    }
    let (rng, now) = (&app.system.rng, app.system.clock.now());
    let (org, workspace, account) = (rng.uuid(), rng.uuid(), rng.uuid());
    let email = membership::name_of(owner_email);
    let admin = ServiceAccount::of_owner(rng.uuid_at(now), org, workspace, &email, now);
    let FreshKey { token, hash, hint } = fresh_key(rng, &admin.service_account_id);
    let key_id = format!("sak_{}", rng.uuid_at(now).simple());
    let bootstrap = Bootstrap {
        base_url: base_url.to_owned(),
        api_key: token,
        org_id: org.to_string(),
        workspace_id: workspace.to_string(),
        owner_email: email.clone(),
    };
    let job = move |tx: &mut Tx<'_>| -> Result<_, StoreError> {
        if !organizations::insert(tx, &Organization::new(org, OPERATORS_ORG_SLUG, "Local", now))? {
            return Ok(false);
        }
        organizations::insert_workspace(tx, &Workspace::new(workspace, org, WORKSPACE_SLUG, "Default", now))?;
        person_accounts::insert(tx, account, &email, now)?;
        let owner = Member {
            org_id: org,
            member_id: account,
            workspace_id: Uuid::nil(),
            actor_id: email.clone(),
            role: OrgRole::OrgOwner,
            status: MemberStatus::Active,
            created_at: now,
            updated_at: now,
            given_by: None,
            given_at: None,
        };
        members::insert(tx, &owner)?;
        if !service_accounts::insert_service_account(tx, &admin)? {
            return Err(StoreError::Fault("the admin account already exists".to_owned()));
        }
        let key = NewKey {
            workspace,
            key_id: &key_id,
            service_account_id: &admin.service_account_id,
            hash: &hash,
            hint: &hint,
            created_by: &email,
            created_at: now,
            expires_at: None,
        };
        service_accounts::insert_key(tx, &key)?;
        Ok(true)
    };
    // Write the file before the commit: a crash between the two must not lose the only key.
    folder.write_draft(&bootstrap)?;
    if app.store.write(Shard::CONTROL, job).await.map_err(failed)? {
        tracing::info!(data = %folder.path().display(), "first start: organization, workspace and key are in bootstrap.json");
    }
    let org = app.store.read(|tx| organizations::find_by_slug(tx, OPERATORS_ORG_SLUG)).await.map_err(failed)?;
    Ok(folder.publish_draft(&org.map(|id| id.to_string()).unwrap_or_default())?)
}
