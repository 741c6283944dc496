//! SQL for absences of people, each with a deputy. A person has at most one absence.

use axme_intent::Time;

use super::{Row, Tx};
use crate::error::StoreError;

/// Maximum number of people who have named the same deputy, for now or later.
pub const MAX_ABSENT: i64 = 100;

/// An absence. `person` and `deputy` are keys of people (`person_key`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    pub person: String,
    pub deputy: String,
    /// It holds for `starts_at <= now < ends_at`.
    pub starts_at: Time,
    pub ends_at: Time,
    pub created_at: Time,
}

impl Absence {
    /// Returns true if the person is absent at this time.
    pub fn is_at(&self, time: Time) -> bool {
        self.starts_at <= time && time < self.ends_at
    }
}

fn absence(row: &Row) -> Result<Absence, StoreError> {
    Ok(Absence {
        person: row.string(0)?,
        deputy: row.string(1)?,
        starts_at: row.time(2)?,
        ends_at: row.time(3)?,
        created_at: row.time(4)?,
    })
}

/// Finds the absence of a person, whether past, current or to come.
pub fn find(tx: &mut Tx<'_>, person: &str) -> Result<Option<Absence>, StoreError> {
    let row = tx.row(
        "SELECT person, deputy, starts_at, ends_at, created_at FROM absences WHERE person = $1",
        &[person.into()],
    )?;
    row.as_ref().map(absence).transpose()
}

/// Lists the people who are absent now and have this deputy.
pub fn absent_people(tx: &mut Tx<'_>, deputy: &str) -> Result<Vec<String>, StoreError> {
    let now = tx.now;
    let rows = tx.rows(
        "SELECT person FROM absences WHERE deputy = $1 AND ends_at > $2 AND starts_at <= $2 ORDER BY person LIMIT $3",
        &[deputy.into(), now.into(), MAX_ABSENT.into()],
    )?;
    rows.iter().map(|row| row.string(0)).collect()
}

/// Lists the absences that name this deputy and have not ended.
pub fn list_of_deputy(tx: &mut Tx<'_>, deputy: &str) -> Result<Vec<Absence>, StoreError> {
    let now = tx.now;
    let rows = tx.rows(
        "SELECT person, deputy, starts_at, ends_at, created_at FROM absences WHERE deputy = $1 AND ends_at > $2 \
         ORDER BY starts_at, person LIMIT $3",
        &[deputy.into(), now.into(), MAX_ABSENT.into()],
    )?;
    rows.iter().map(absence).collect()
}

/// Sets the absence of a person, in place of an earlier one.
pub fn put(tx: &mut Tx<'_>, new: &Absence) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO absences (person, deputy, starts_at, ends_at, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (person) DO UPDATE SET deputy = excluded.deputy, starts_at = excluded.starts_at, \
         ends_at = excluded.ends_at, created_at = excluded.created_at",
        &[(&new.person).into(), (&new.deputy).into(), new.starts_at.into(), new.ends_at.into(), new.created_at.into()],
    )
}

/// Ends the absence of a person. Returns false if there is none.
pub fn delete(tx: &mut Tx<'_>, person: &str) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM absences WHERE person = $1", &[person.into()])? == 1)
}
