//! The facts about a person who gets mail: their language, the hours without mail, and what they are told.

use std::sync::Arc;

use axme_core::auth::membership;
use axme_core::engine::notices::MAIL_QUEUE;
use axme_core::error::Result;
use axme_core::ops::links::{self, CalledOff};
use axme_core::ops::requester::{self, Requester};
use axme_core::state::AppState;
use axme_intent::Time;
use axme_intent::human::person_key;
use axme_store::members::{self, MemberStatus};
use axme_store::notices::{self, MailState, Notice};
use axme_store::person_settings::PersonSettings;
use axme_store::{Tx, intents, organizations, person_settings};
use axme_words::Language;
use uuid::Uuid;

use super::web_push;
use crate::deliver::mail_templates::Invitation;

/// Maximum number of mails about an intent that are looked at.
const MAX_MAILS: i64 = 500;

/// When a mail is sent.
pub(super) enum Timing {
    Now,
    Later {
        until: Time,
        why: String,
    },
    /// In the mail that its recipient gets once a day.
    Daily {
        why: String,
    },
}

/// Returns when a mail is sent, by the settings of its recipient. Sign-ins never wait, and neither does a task that is due
/// before the mail would be sent.
pub(super) async fn timing(app: &Arc<AppState>, notice: &Notice) -> Result<Timing> {
    if notice.channel != "email" || notice.queue != MAIL_QUEUE {
        return Ok(Timing::Now);
    }
    let (notice, now) = (notice.clone(), app.system.clock.now());
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let settings = person_settings::find_by_email(tx, &person_key(&notice.recipient))?;
        let daily_at = daily_at(&settings, &notice);
        let quiet_end = settings.quiet_hours().and_then(|hours| hours.end_after(now));
        if daily_at.is_none() && quiet_end.is_none() {
            return Ok(Timing::Now);
        }
        let due = due_of(tx, &notice)?;
        let has_time = |until: &Time| due.is_none_or(|due| due > *until);
        let hour = settings.digest_time.as_deref().unwrap_or_default();
        let once_a_day = || format!("mailed once a day at {hour} ({})", settings.zone());
        if let Some(until) = daily_at.filter(|at| now < *at && has_time(at)) {
            return Ok(Timing::Later { until, why: once_a_day() });
        }
        if let Some(until) = quiet_end.filter(has_time) {
            return Ok(Timing::Later { until, why: "the quiet hours of the recipient".to_owned() });
        }
        Ok(match daily_at {
            Some(at) if at <= now => Timing::Daily { why: once_a_day() },
            _ => Timing::Now,
        })
    };
    app.store.read(look).await
}

/// Returns when a mail goes into the daily mail of its recipient, if it tells of a task and the recipient wants that.
pub(super) fn daily_at(settings: &PersonSettings, notice: &Notice) -> Option<Time> {
    let is_of_task = notice.content.get("asking").or_else(|| notice.content.get("over")).is_some();
    settings.mail_hour().filter(|_| is_of_task)?.first_after(notice.created_at)
}

/// Returns when the task is due that a mail asks about.
fn due_of(tx: &mut Tx<'_>, notice: &Notice) -> Result<Option<Time>> {
    let is_asking = notice.content.get("asking").is_some();
    let Some(intent) = notice.intent.filter(|_| is_asking) else { return Ok(None) };
    let Some(head) = intents::find(tx, notice.workspace, intent)? else { return Ok(None) };
    let deadline = intents::spec(tx, notice.workspace, intent)?.deadline_at;
    Ok(head.intent.due_at(deadline))
}

/// Returns the language of mail to a person: that of their settings, else of the server.
pub(super) async fn language_of(app: &Arc<AppState>, notice: &Notice) -> Result<Language> {
    if !matches!(notice.channel.as_str(), "email" | web_push::CHANNEL) {
        return Ok(app.site.language);
    }
    let email = person_key(&notice.recipient);
    let settings = app.store.read(move |tx| person_settings::find_by_email(tx, &email)).await?;
    Ok(settings.language.unwrap_or(app.site.language))
}

/// Returns why a person's answer is no longer needed, if an earlier mail has reached them. The error means that an earlier
/// mail is being sent.
pub(super) async fn find_called_off(
    app: &Arc<AppState>,
    notice: &Notice,
    asking: u32,
    language: Language,
) -> Result<std::result::Result<Option<(CalledOff, Requester)>, ()>> {
    let of = notice.clone();
    app.store.read(move |tx| called_off(tx, &of, asking, language)).await
}

/// Like [`find_called_off`], inside a transaction.
pub(super) fn called_off(
    tx: &mut Tx<'_>,
    of: &Notice,
    asking: u32,
    language: Language,
) -> Result<std::result::Result<Option<(CalledOff, Requester)>, ()>> {
    let Some(intent) = of.intent else { return Ok(Ok(None)) };
    let mails = notices::list_mail(tx, of.workspace, Some(intent), Uuid::max(), MAX_MAILS)?;
    let is_about =
        |mail: &&MailState| mail.content["asking"].as_u64() == Some(asking.into()) && mail.recipient == of.recipient;
    let about: Vec<&MailState> = mails.iter().filter(is_about).collect();
    let is_reached = about.iter().any(|mail| mail.is_sent());
    if !is_reached && about.iter().any(|mail| mail.is_open) {
        return Ok(Err(()));
    }
    if !is_reached || membership::has_left(tx, of.workspace, &of.recipient)? {
        return Ok(Ok(None));
    }
    let Some(over) = links::called_off(tx, of.workspace, intent, asking, &of.recipient)? else {
        return Ok(Ok(None));
    };
    let requester = requester::of(tx, of.workspace, &over.spec, language)?;
    Ok(Ok(Some((over, requester))))
}

/// Returns the facts of a membership, if it is still active.
pub(super) async fn find_invitation(app: &Arc<AppState>, org: Uuid, member: Uuid) -> Result<Option<Invitation>> {
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let Some(member) = members::find(tx, org, member)?.filter(|member| member.status == MemberStatus::Active)
        else {
            return Ok(None);
        };
        let Some(organization) = organizations::find(tx, org)? else { return Ok(None) };
        let workspace = organizations::find_workspace(tx, member.workspace_id)?.map(|workspace| workspace.name);
        let invitation =
            Invitation { organization: organization.name, workspace, role: member.role, by: member.given_by };
        Ok(Some(invitation))
    };
    app.store.read(look).await
}
