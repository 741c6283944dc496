//! SQL for groups of people, and for the rule of a workspace on who may be asked to decide guarded tasks. Members are
//! stored under the canonical name of a person without `user://`.

use axme_intent::Time;
use axme_intent::human::{group_address, person_key};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Group {
    pub name: String,
    pub title: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// The membership of a person in a group.
#[derive(Debug, Clone)]
pub struct Membership {
    pub group: String,
    pub added_by: String,
    pub added_at: Time,
}

/// The people who may be asked to decide guarded tasks: each person that any part allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskingRule {
    pub members: bool,
    pub groups: Vec<String>,
    pub mail_domains: Vec<String>,
    pub updated_by: String,
    pub updated_at: Time,
}

/// Lists the groups of a workspace by name.
pub fn list(tx: &mut Tx<'_>, workspace: Uuid, limit: i64) -> Result<Vec<Group>, StoreError> {
    let rows = tx.rows(
        "SELECT name, title, created_at, updated_at FROM groups WHERE workspace_id = $1 ORDER BY name LIMIT $2",
        &[workspace.into(), limit.into()],
    )?;
    rows.iter().map(group).collect()
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, name: &str) -> Result<Option<Group>, StoreError> {
    let row = tx.row(
        "SELECT name, title, created_at, updated_at FROM groups WHERE workspace_id = $1 AND name = $2",
        &[workspace.into(), name.into()],
    )?;
    row.as_ref().map(group).transpose()
}

fn group(row: &Row) -> Result<Group, StoreError> {
    Ok(Group { name: row.string(0)?, title: row.opt_string(1)?, created_at: row.time(2)?, updated_at: row.time(3)? })
}

/// Creates a group, or replaces its title. Its creation time stays.
pub fn put(tx: &mut Tx<'_>, workspace: Uuid, group: &Group) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO groups (workspace_id, name, title, created_at, updated_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (workspace_id, name) DO UPDATE SET title = excluded.title, updated_at = excluded.updated_at",
        &[
            workspace.into(),
            (&group.name).into(),
            group.title.as_ref().into(),
            group.created_at.into(),
            group.updated_at.into(),
        ],
    )
}

/// Deletes a group with its members. Returns false if there is none.
pub fn delete(tx: &mut Tx<'_>, workspace: Uuid, name: &str) -> Result<bool, StoreError> {
    tx.push("DELETE FROM group_members WHERE workspace_id = $1 AND group_name = $2", &[workspace.into(), name.into()])?;
    let row = tx.row(
        "DELETE FROM groups WHERE workspace_id = $1 AND name = $2 RETURNING name",
        &[workspace.into(), name.into()],
    )?;
    Ok(row.is_some())
}

/// Lists the members of a group as they were spelled, in the order of their names.
pub fn members(tx: &mut Tx<'_>, workspace: Uuid, name: &str) -> Result<Vec<String>, StoreError> {
    let rows = tx.rows(
        "SELECT written FROM group_members WHERE workspace_id = $1 AND group_name = $2 ORDER BY person",
        &[workspace.into(), name.into()],
    )?;
    rows.iter().map(|row| row.string(0)).collect()
}

/// Adds a member to a group. An existing member keeps who added them, and when.
pub fn add_member(tx: &mut Tx<'_>, workspace: Uuid, of: &Membership, person: &str) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO group_members (workspace_id, group_name, person, written, added_by, added_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, group_name, person) DO UPDATE \
         SET written = excluded.written",
        &[
            workspace.into(),
            (&of.group).into(),
            person_key(person).into(),
            person.trim().into(),
            (&of.added_by).into(),
            of.added_at.into(),
        ],
    )
}

pub fn remove_member(tx: &mut Tx<'_>, workspace: Uuid, name: &str, person: &str) -> Result<(), StoreError> {
    tx.push(
        "DELETE FROM group_members WHERE workspace_id = $1 AND group_name = $2 AND person = $3",
        &[workspace.into(), name.into(), person_key(person).into()],
    )
}

/// Lists the groups that a person belongs to.
pub fn of_person(tx: &mut Tx<'_>, workspace: Uuid, person: &str) -> Result<Vec<Membership>, StoreError> {
    let rows = tx.rows(
        "SELECT group_name, added_by, added_at FROM group_members WHERE workspace_id = $1 AND person = $2",
        &[workspace.into(), person_key(person).into()],
    )?;
    let membership =
        |row: &Row| Ok(Membership { group: row.string(0)?, added_by: row.string(1)?, added_at: row.time(2)? });
    rows.iter().map(membership).collect()
}

/// Lists the groups that a person belongs to, as assignees: `group://<name>`.
pub fn addresses_of(tx: &mut Tx<'_>, workspace: Uuid, person: &str) -> Result<Vec<String>, StoreError> {
    Ok(of_person(tx, workspace, person)?.iter().map(|membership| group_address(&membership.group)).collect())
}

pub fn find_rule(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Option<AskingRule>, StoreError> {
    let row = tx.row(
        "SELECT members, group_names, mail_domains, updated_by, updated_at FROM asking_rules WHERE workspace_id = $1",
        &[workspace.into()],
    )?;
    row.map(|row| {
        Ok(AskingRule {
            members: row.int(0)? != 0,
            groups: row.json(1)?,
            mail_domains: row.json(2)?,
            updated_by: row.string(3)?,
            updated_at: row.time(4)?,
        })
    })
    .transpose()
}

/// Sets the rule; `None` ends it.
pub fn put_rule(tx: &mut Tx<'_>, workspace: Uuid, rule: Option<&AskingRule>) -> Result<(), StoreError> {
    let Some(rule) = rule else {
        return tx.push("DELETE FROM asking_rules WHERE workspace_id = $1", &[workspace.into()]);
    };
    let json = |list: &Vec<String>| serde_json::to_string(list).map_err(|error| StoreError::Fault(error.to_string()));
    tx.push(
        "INSERT INTO asking_rules (workspace_id, members, group_names, mail_domains, updated_by, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id) DO UPDATE SET members = excluded.members, \
         group_names = excluded.group_names, mail_domains = excluded.mail_domains, updated_by = excluded.updated_by, \
         updated_at = excluded.updated_at",
        &[
            workspace.into(),
            i64::from(rule.members).into(),
            json(&rule.groups)?.into(),
            json(&rule.mail_domains)?.into(),
            (&rule.updated_by).into(),
            rule.updated_at.into(),
        ],
    )
}
