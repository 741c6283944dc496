//! SQL for the members of organizations. A membership gives a person, or another owner of keys, a role in one workspace
//! or in the whole organization.

use axme_intent::Time;
pub use axme_types::members::{MemberStatus, OrgRole};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Member {
    pub org_id: Uuid,
    pub member_id: Uuid,
    /// Nil for a member of the whole organization.
    pub workspace_id: Uuid,
    pub actor_id: String,
    pub role: OrgRole,
    pub status: MemberStatus,
    pub created_at: Time,
    pub updated_at: Time,
    /// The actor that gave the role, or restored it; `None` for the platform.
    pub given_by: Option<String>,
    pub given_at: Option<Time>,
}

macro_rules! columns {
    () => {
        "org_id, member_id, workspace_id, actor_id, role, status, created_at, updated_at, given_by, given_at"
    };
}

/// A statement that reads whole members.
macro_rules! members {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM members ", $rest)
    };
}

fn member(row: &Row) -> Result<Member, StoreError> {
    Ok(Member {
        org_id: row.uuid(0)?,
        member_id: row.uuid(1)?,
        workspace_id: row.uuid(2)?,
        actor_id: row.string(3)?,
        role: row.word(4, OrgRole::parse)?,
        status: row.word(5, MemberStatus::parse)?,
        created_at: row.time(6)?,
        updated_at: row.time(7)?,
        given_by: row.opt_string(8)?,
        given_at: row.opt_time(9)?,
    })
}

/// Lists the active roles of an actor in an organization, each with its workspace, or nil for the whole organization.
pub fn roles_of(tx: &mut Tx<'_>, org: Uuid, actor: &str) -> Result<Vec<(OrgRole, Uuid)>, StoreError> {
    let rows = tx.rows(
        "SELECT role, workspace_id FROM members WHERE org_id = $1 AND actor_id = $2 AND status = 'active'",
        &[org.into(), actor.into()],
    )?;
    rows.iter().map(|row| Ok((row.word(0, OrgRole::parse)?, row.uuid(1)?))).collect()
}

/// The giver of a role, and the time. A role that the platform gave, or one from before this was recorded, is as old as time.
#[derive(Debug, Clone)]
pub struct GivenRole {
    pub given_by: Option<String>,
    pub given_at: Time,
}

/// Lists the roles with which an actor administers a workspace.
pub fn given_roles(tx: &mut Tx<'_>, workspace: Uuid, actor: &str) -> Result<Vec<GivenRole>, StoreError> {
    let rows = tx.rows(
        "SELECT m.given_by, m.given_at FROM workspaces w JOIN members m ON m.org_id = w.org_id \
         WHERE w.workspace_id = $1 AND m.actor_id = $2 AND m.status = 'active' AND (m.role IN ('org_owner', 'org_admin') \
         OR (m.role = 'workspace_admin' AND (m.workspace_id = w.workspace_id OR m.workspace_id = $3)))",
        &[workspace.into(), actor.into(), Uuid::nil().into()],
    )?;
    let role = |row: &Row| {
        let given_at = row.opt_time(1)?.unwrap_or(Time::from_micros(0));
        Ok(GivenRole { given_by: row.opt_string(0)?, given_at })
    };
    rows.iter().map(role).collect()
}

/// Lists every membership of a person, under any of three names, in the organization of a workspace. Each has a role, a
/// workspace (or nil) and a status.
pub fn standing(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    names: [&str; 3],
) -> Result<Vec<(OrgRole, Uuid, MemberStatus)>, StoreError> {
    let rows = tx.rows(
        "SELECT m.role, m.workspace_id, m.status FROM workspaces w JOIN members m ON m.org_id = w.org_id \
         WHERE w.workspace_id = $1 AND m.actor_id IN ($2, $3, $4)",
        &[workspace.into(), names[0].into(), names[1].into(), names[2].into()],
    )?;
    rows.iter().map(|row| Ok((row.word(0, OrgRole::parse)?, row.uuid(1)?, row.word(2, MemberStatus::parse)?))).collect()
}

/// Adds a member, or restores a removed one. `None` if the member exists.
pub fn insert(tx: &mut Tx<'_>, m: &Member) -> Result<Option<Member>, StoreError> {
    let row = tx.row(
        concat!(
            "INSERT INTO members (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (org_id, actor_id, workspace_id) DO UPDATE \
             SET role = excluded.role, status = excluded.status, updated_at = excluded.updated_at, \
             given_by = excluded.given_by, given_at = excluded.given_at WHERE members.status = 'removed' RETURNING ",
            columns!()
        ),
        &[
            m.org_id.into(),
            m.member_id.into(),
            m.workspace_id.into(),
            (&m.actor_id).into(),
            m.role.as_str().into(),
            m.status.as_str().into(),
            m.created_at.into(),
            m.updated_at.into(),
            m.given_by.as_ref().into(),
            m.given_at.into(),
        ],
    )?;
    row.as_ref().map(member).transpose()
}

pub fn find(tx: &mut Tx<'_>, org: Uuid, id: Uuid) -> Result<Option<Member>, StoreError> {
    let row = tx.row(members!("WHERE org_id = $1 AND member_id = $2"), &[org.into(), id.into()])?;
    row.as_ref().map(member).transpose()
}

/// Finds the membership of an actor in a workspace or, with nil, in the whole organization.
pub fn find_actor(tx: &mut Tx<'_>, org: Uuid, actor: &str, workspace: Uuid) -> Result<Option<Member>, StoreError> {
    let row = tx.row(
        members!("WHERE org_id = $1 AND actor_id = $2 AND workspace_id = $3"),
        &[org.into(), actor.into(), workspace.into()],
    )?;
    row.as_ref().map(member).transpose()
}

/// Counts the memberships of an actor in an organization, without removed ones and without one of them.
pub fn count_others(tx: &mut Tx<'_>, org: Uuid, actor: &str, but: Uuid) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM members WHERE org_id = $1 AND actor_id = $2 AND member_id <> $3 AND status <> 'removed'",
        &[org.into(), actor.into(), but.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Lists a page of members by id, without removed ones; with a workspace, only members of that workspace.
pub fn list(
    tx: &mut Tx<'_>,
    org: Uuid,
    workspace: Option<Uuid>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Member>, StoreError> {
    let rows = match workspace {
        None => tx.rows(
            members!("WHERE org_id = $1 AND member_id > $2 AND status <> 'removed' ORDER BY member_id LIMIT $3"),
            &[org.into(), after.into(), limit.into()],
        ),
        Some(workspace) => tx.rows(
            members!(
                "WHERE org_id = $1 AND workspace_id = $2 AND member_id > $3 AND status <> 'removed' \
                 ORDER BY member_id LIMIT $4"
            ),
            &[org.into(), workspace.into(), after.into(), limit.into()],
        ),
    }?;
    rows.iter().map(member).collect()
}

pub fn update(tx: &mut Tx<'_>, m: &Member) -> Result<(), StoreError> {
    tx.push(
        "UPDATE members SET role = $1, status = $2, updated_at = $3, given_by = $4, given_at = $5 \
         WHERE org_id = $6 AND member_id = $7",
        &[
            m.role.as_str().into(),
            m.status.as_str().into(),
            m.updated_at.into(),
            m.given_by.as_ref().into(),
            m.given_at.into(),
            m.org_id.into(),
            m.member_id.into(),
        ],
    )
}

/// Counts the people in a workspace: its members and those of the whole organization, except removed ones.
pub fn count(tx: &mut Tx<'_>, org: Uuid, workspace: Uuid) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(DISTINCT actor_id) FROM members WHERE org_id = $1 AND workspace_id IN ($2, $3) AND status <> 'removed'",
        &[org.into(), workspace.into(), Uuid::nil().into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Counts the active owners of an organization, without one member.
pub fn count_owners_but(tx: &mut Tx<'_>, org: Uuid, member: Uuid) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM members WHERE org_id = $1 AND member_id <> $2 AND role = 'org_owner' AND status = 'active'",
        &[org.into(), member.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Counts the active members of a workspace, including those of its whole organization.
pub fn count_in(tx: &mut Tx<'_>, workspace: Uuid) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(DISTINCT m.actor_id) FROM workspaces w JOIN members m ON m.org_id = w.org_id \
         WHERE w.workspace_id = $1 AND m.status = 'active' AND (m.workspace_id = w.workspace_id OR m.workspace_id = $2)",
        &[workspace.into(), Uuid::nil().into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}
