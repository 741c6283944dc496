//! SQL for users: people by nick, in one workspace each. The normalized form of a nick is unique in its workspace, and
//! searches use that form.

use axme_intent::Time;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct User {
    pub workspace: Uuid,
    pub id: Uuid,
    /// As the user wrote it.
    pub nick: String,
    pub normalized_nick: String,
    pub display_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    /// True for a user who accepted an invite.
    pub invited: bool,
    pub registered_by: String,
    pub created_at: Time,
    pub updated_at: Time,
}

/// Adds a user. Returns false if the nick is taken.
pub fn insert(tx: &mut Tx<'_>, user: &User) -> Result<bool, StoreError> {
    let added = tx.run(
        "INSERT INTO users (workspace_id, user_id, nick, normalized_nick, display_name, phone, email, invited, \
         registered_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (workspace_id, normalized_nick) DO NOTHING",
        &[
            user.workspace.into(),
            user.id.into(),
            (&user.nick).into(),
            (&user.normalized_nick).into(),
            user.display_name.as_ref().into(),
            user.phone.as_ref().into(),
            user.email.as_ref().into(),
            user.invited.into(),
            (&user.registered_by).into(),
            user.created_at.into(),
            user.updated_at.into(),
        ],
    )?;
    Ok(added > 0)
}

pub fn update(tx: &mut Tx<'_>, user: &User) -> Result<(), StoreError> {
    tx.run(
        "UPDATE users SET nick = $1, normalized_nick = $2, display_name = $3, phone = $4, email = $5, updated_at = $6 \
         WHERE workspace_id = $7 AND user_id = $8",
        &[
            (&user.nick).into(),
            (&user.normalized_nick).into(),
            user.display_name.as_ref().into(),
            user.phone.as_ref().into(),
            user.email.as_ref().into(),
            user.updated_at.into(),
            user.workspace.into(),
            user.id.into(),
        ],
    )?;
    Ok(())
}

/// A statement that reads whole users.
macro_rules! users {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, user_id, nick, normalized_nick, display_name, phone, email, invited, registered_by, \
             created_at, updated_at FROM users ",
            $rest
        )
    };
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<User>, StoreError> {
    let row = tx.row(users!("WHERE workspace_id = $1 AND user_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(user).transpose()
}

pub fn find_by_nick(tx: &mut Tx<'_>, workspace: Uuid, normalized_nick: &str) -> Result<Option<User>, StoreError> {
    let row = tx
        .row(users!("WHERE workspace_id = $1 AND normalized_nick = $2"), &[workspace.into(), normalized_nick.into()])?;
    row.as_ref().map(user).transpose()
}

fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        workspace: row.uuid(0)?,
        id: row.uuid(1)?,
        nick: row.string(2)?,
        normalized_nick: row.string(3)?,
        display_name: row.opt_string(4)?,
        phone: row.opt_string(5)?,
        email: row.opt_string(6)?,
        invited: row.int(7)? != 0,
        registered_by: row.string(8)?,
        created_at: row.time(9)?,
        updated_at: row.time(10)?,
    })
}
