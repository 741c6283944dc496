//! SQL for the settings of people: their language, and when they get mail.

use axme_types::Language;
pub use axme_types::quiet_hours::{MailHour, QuietHours, is_time_of_day, is_zone};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

/// The settings of a person. Without a row, each is unset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonSettings {
    pub language: Option<Language>,
    /// The name of a time zone; UTC if unset.
    pub time_zone: Option<String>,
    /// Times of day, as `HH:MM`: both or neither.
    pub quiet_from: Option<String>,
    pub quiet_until: Option<String>,
    /// The time of day of one mail a day about tasks, as `HH:MM`.
    pub digest_time: Option<String>,
}

impl PersonSettings {
    /// Returns the hours in which the person gets no mail.
    pub fn quiet_hours(&self) -> Option<QuietHours> {
        let (from, until) = self.quiet_from.as_deref().zip(self.quiet_until.as_deref())?;
        QuietHours::read(self.zone(), from, until)
    }

    /// Returns the hour of the one mail a day about tasks, if the person wants that.
    pub fn mail_hour(&self) -> Option<MailHour> {
        MailHour::read(self.zone(), self.digest_time.as_deref()?)
    }

    /// Returns the name of the person's time zone.
    pub fn zone(&self) -> &str {
        self.time_zone.as_deref().unwrap_or("UTC")
    }
}

fn settings(row: &Row) -> Result<PersonSettings, StoreError> {
    Ok(PersonSettings {
        language: row.opt_string(0)?.and_then(|word| Language::parse(&word)),
        time_zone: row.opt_string(1)?,
        quiet_from: row.opt_string(2)?,
        quiet_until: row.opt_string(3)?,
        digest_time: row.opt_string(4)?,
    })
}

/// Returns the settings of an account.
pub fn find(tx: &mut Tx<'_>, account: Uuid) -> Result<PersonSettings, StoreError> {
    let row = tx.row(
        "SELECT language, time_zone, quiet_from, quiet_until, digest_time FROM person_settings WHERE account_id = $1",
        &[account.into()],
    )?;
    Ok(row.as_ref().map(settings).transpose()?.unwrap_or_default())
}

/// Returns the settings of the person with an email address, in lower case.
pub fn find_by_email(tx: &mut Tx<'_>, email: &str) -> Result<PersonSettings, StoreError> {
    let row = tx.row(
        "SELECT s.language, s.time_zone, s.quiet_from, s.quiet_until, s.digest_time FROM person_settings s \
         JOIN person_accounts a ON a.account_id = s.account_id WHERE a.email = $1",
        &[email.into()],
    )?;
    Ok(row.as_ref().map(settings).transpose()?.unwrap_or_default())
}

/// Replaces the settings of an account.
pub fn put(tx: &mut Tx<'_>, account: Uuid, settings: &PersonSettings) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO person_settings (account_id, language, time_zone, quiet_from, quiet_until, digest_time) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id) DO UPDATE SET language = excluded.language, \
         time_zone = excluded.time_zone, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until, \
         digest_time = excluded.digest_time",
        &[
            account.into(),
            settings.language.map(Language::as_str).into(),
            settings.time_zone.as_deref().into(),
            settings.quiet_from.as_deref().into(),
            settings.quiet_until.as_deref().into(),
            settings.digest_time.as_deref().into(),
        ],
    )
}
