//! SQL for organizations and their workspaces. Every workspace belongs to one organization. A slug is unique: that of
//! an organization on the server, that of a workspace in its organization.

use axme_intent::Time;
pub use axme_types::organizations::{Environment, OrganizationStatus, UnknownReceivers, WorkspaceStatus};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Organization {
    pub org_id: Uuid,
    pub slug: String,
    pub name: String,
    pub legal_name: Option<String>,
    pub primary_domain: Option<String>,
    pub status: OrganizationStatus,
    /// JSON.
    pub metadata: String,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Debug, Clone)]
pub struct Workspace {
    pub workspace_id: Uuid,
    pub org_id: Uuid,
    pub slug: String,
    pub name: String,
    pub environment: Environment,
    pub status: WorkspaceStatus,
    pub region: Option<String>,
    pub unknown_receivers: UnknownReceivers,
    pub created_at: Time,
    pub updated_at: Time,
}

impl Organization {
    /// Creates an active organization with a slug and a name only.
    pub fn new(org_id: Uuid, slug: &str, name: &str, now: Time) -> Organization {
        Organization {
            org_id,
            slug: slug.to_owned(),
            name: name.to_owned(),
            legal_name: None,
            primary_domain: None,
            status: OrganizationStatus::Active,
            metadata: "{}".to_owned(),
            created_at: now,
            updated_at: now,
        }
    }
}

impl Workspace {
    /// Creates an active production workspace.
    pub fn new(workspace_id: Uuid, org_id: Uuid, slug: &str, name: &str, now: Time) -> Workspace {
        Workspace {
            workspace_id,
            org_id,
            slug: slug.to_owned(),
            name: name.to_owned(),
            environment: Environment::Production,
            status: WorkspaceStatus::Active,
            region: None,
            unknown_receivers: UnknownReceivers::Accept,
            created_at: now,
            updated_at: now,
        }
    }
}

fn organization(row: &Row) -> Result<Organization, StoreError> {
    Ok(Organization {
        org_id: row.uuid(0)?,
        slug: row.string(1)?,
        name: row.string(2)?,
        legal_name: row.opt_string(3)?,
        primary_domain: row.opt_string(4)?,
        status: row.word(5, OrganizationStatus::parse)?,
        metadata: row.string(6)?,
        created_at: row.time(7)?,
        updated_at: row.time(8)?,
    })
}

fn workspace(row: &Row) -> Result<Workspace, StoreError> {
    Ok(Workspace {
        workspace_id: row.uuid(0)?,
        org_id: row.uuid(1)?,
        slug: row.string(2)?,
        name: row.string(3)?,
        environment: row.word(4, Environment::parse)?,
        status: row.word(5, WorkspaceStatus::parse)?,
        region: row.opt_string(6)?,
        created_at: row.time(7)?,
        updated_at: row.time(8)?,
        unknown_receivers: row.word(9, UnknownReceivers::parse)?,
    })
}

pub fn find(tx: &mut Tx<'_>, org: Uuid) -> Result<Option<Organization>, StoreError> {
    let row = tx.row(
        "SELECT org_id, slug, name, legal_name, primary_domain, status, metadata, created_at, \
         updated_at FROM organizations WHERE org_id = $1",
        &[org.into()],
    )?;
    row.as_ref().map(organization).transpose()
}

/// Finds the id of the organization with a slug.
pub fn find_by_slug(tx: &mut Tx<'_>, slug: &str) -> Result<Option<Uuid>, StoreError> {
    tx.row("SELECT org_id FROM organizations WHERE slug = $1", &[slug.into()])?.map(|row| row.uuid(0)).transpose()
}

/// Locks an organization, so that changes to its members run one after another.
pub fn lock(tx: &mut Tx<'_>, org: Uuid) -> Result<(), StoreError> {
    tx.row("SELECT org_id FROM organizations WHERE org_id = $1 FOR UPDATE", &[org.into()]).map(|_| ())
}

/// Adds an organization. Returns false if its slug is taken.
pub fn insert(tx: &mut Tx<'_>, o: &Organization) -> Result<bool, StoreError> {
    let added = tx.run(
        "INSERT INTO organizations (org_id, slug, name, legal_name, primary_domain, status, metadata, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (slug) DO NOTHING",
        &[
            o.org_id.into(),
            (&o.slug).into(),
            (&o.name).into(),
            o.legal_name.as_ref().into(),
            o.primary_domain.as_ref().into(),
            o.status.as_str().into(),
            (&o.metadata).into(),
            o.created_at.into(),
            o.updated_at.into(),
        ],
    )?;
    Ok(added > 0)
}

pub fn update(tx: &mut Tx<'_>, o: &Organization) -> Result<(), StoreError> {
    tx.push(
        "UPDATE organizations SET name = $1, legal_name = $2, primary_domain = $3, status = $4, metadata = $5, updated_at = $6 \
         WHERE org_id = $7",
        &[
            (&o.name).into(),
            o.legal_name.as_ref().into(),
            o.primary_domain.as_ref().into(),
            o.status.as_str().into(),
            (&o.metadata).into(),
            o.updated_at.into(),
            o.org_id.into(),
        ],
    )
}

/// Counts the workspaces and the people of an organization.
pub fn count(tx: &mut Tx<'_>, org: Uuid) -> Result<(i64, i64), StoreError> {
    let workspaces = tx.row("SELECT COUNT(*) FROM workspaces WHERE org_id = $1", &[org.into()])?;
    let members = tx
        .row("SELECT COUNT(DISTINCT actor_id) FROM members WHERE org_id = $1 AND status <> 'removed'", &[org.into()])?;
    let number = |row: Option<Row>| row.map_or(Ok(0), |row| row.int(0));
    Ok((number(workspaces)?, number(members)?))
}

/// A statement that reads whole workspaces.
macro_rules! workspaces {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, org_id, slug, name, environment, status, region, created_at, updated_at, unknown_receivers \
             FROM workspaces ",
            $rest
        )
    };
}

pub fn find_workspace(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Workspace>, StoreError> {
    let row = tx.row(workspaces!("WHERE workspace_id = $1"), &[id.into()])?;
    row.as_ref().map(workspace).transpose()
}

/// Lists a page of an organization's workspaces by id.
pub fn list_workspaces(tx: &mut Tx<'_>, org: Uuid, after: Uuid, limit: i64) -> Result<Vec<Workspace>, StoreError> {
    let rows = tx.rows(
        workspaces!("WHERE org_id = $1 AND workspace_id > $2 ORDER BY workspace_id LIMIT $3"),
        &[org.into(), after.into(), limit.into()],
    )?;
    rows.iter().map(workspace).collect()
}

pub fn count_workspaces(tx: &mut Tx<'_>, org: Uuid) -> Result<i64, StoreError> {
    let row = tx.row("SELECT COUNT(*) FROM workspaces WHERE org_id = $1", &[org.into()])?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Adds a workspace. Returns false if its slug is taken.
pub fn insert_workspace(tx: &mut Tx<'_>, w: &Workspace) -> Result<bool, StoreError> {
    let added = tx.run(
        "INSERT INTO workspaces (workspace_id, org_id, slug, name, environment, status, region, created_at, updated_at, \
         unknown_receivers) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (org_id, slug) DO NOTHING",
        &[
            w.workspace_id.into(),
            w.org_id.into(),
            (&w.slug).into(),
            (&w.name).into(),
            w.environment.as_str().into(),
            w.status.as_str().into(),
            w.region.as_ref().into(),
            w.created_at.into(),
            w.updated_at.into(),
            w.unknown_receivers.as_str().into(),
        ],
    )?;
    Ok(added > 0)
}

pub fn update_workspace(tx: &mut Tx<'_>, w: &Workspace) -> Result<(), StoreError> {
    tx.push(
        "UPDATE workspaces SET name = $1, environment = $2, status = $3, region = $4, unknown_receivers = $5, \
         updated_at = $6 WHERE workspace_id = $7",
        &[
            (&w.name).into(),
            w.environment.as_str().into(),
            w.status.as_str().into(),
            w.region.as_ref().into(),
            w.unknown_receivers.as_str().into(),
            w.updated_at.into(),
            w.workspace_id.into(),
        ],
    )
}
