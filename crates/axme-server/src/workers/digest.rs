//! The daily mail of a person who wants one mail a day about tasks.
//!
//! Each notice waits in the queue of all mail until the hour of its recipient. Of those that are due together, the oldest
//! leads: it is sent with all others. So the outbox keeps one queue, one retry and one dead letter. If the leader is given
//! up, the next one leads.

use std::collections::HashMap;
use std::sync::Arc;

use axme_core::error::Result;
use axme_core::state::AppState;
use axme_core::system::Mail;
use axme_intent::IntentId;
use axme_intent::human::person_key;
use axme_store::notices::{self as store, Notice};
use axme_store::{Shard, Tx, person_settings, queue as items};
use axme_words::Language;

use super::notice_content::Content;
use super::recipients::{called_off, daily_at};
use super::task_letters::write_letter;
use crate::deliver::digest_mail::{DigestMail, NoLonger, of_digest};
use crate::deliver::mail_templates::{self, TaskMail};
use crate::http::host;

/// Maximum number of notices that one mail tells of. The others follow in another mail.
const MAX_NOTICES: i64 = 50;

/// A daily mail, and what becomes of the notices that it was made of.
pub(super) struct Daily {
    /// `None` if no notice has anything to tell any more.
    pub mail: Option<Mail>,
    told: Vec<Notice>,
    needless: Vec<Notice>,
}

impl Daily {
    /// Records that the mail was sent.
    pub fn record(&self, tx: &mut Tx<'_>) -> Result<()> {
        for notice in &self.told {
            items::delete(tx, notice.workspace, &store::address(&notice.queue), notice.item())?;
            store::close(tx, notice.workspace, notice.id)?;
        }
        for notice in &self.needless {
            store::delete(tx, notice.workspace, notice)?;
        }
        Ok(())
    }
}

/// Makes the daily mail that a notice leads; `None` if another notice leads.
pub(super) async fn gather(app: &Arc<AppState>, notice: &Notice) -> Result<Option<Daily>> {
    let (leader, workspace) = (notice.clone(), notice.workspace);
    let (base_url, usual) = (app.site.base_url.clone(), app.site.language);
    let job = move |tx: &mut Tx<'_>| gathered(tx, &base_url, &leader, usual);
    app.store.write(Shard::of_workspace(workspace), job).await
}

fn gathered(tx: &mut Tx<'_>, base_url: &str, leader: &Notice, usual: Language) -> Result<Option<Daily>> {
    let settings = person_settings::find_by_email(tx, &person_key(&leader.recipient))?;
    let language = settings.language.unwrap_or(usual);
    let now = tx.now;
    let mut due = store::list_open(tx, leader.workspace, &leader.queue, &leader.recipient, MAX_NOTICES)?;
    if !due.iter().any(|notice| notice.id == leader.id) {
        // Another notice has led meanwhile, and this one was sent with it.
        return Ok(None);
    }
    due.retain(|notice| daily_at(&settings, notice).is_some_and(|at| at <= now));
    match due.first() {
        Some(first) if first.id != leader.id => return Ok(None),
        Some(_) => {}
        // The settings have changed just now.
        None => due.push(leader.clone()),
    }
    // Of several notices about one asking, the newest tells most.
    let newest: HashMap<_, _> = due.iter().filter_map(|notice| Some((subject(notice)?, notice.id))).collect();
    let (mut letters, mut overs): (Vec<TaskMail>, Vec<NoLonger>) = (Vec::new(), Vec::new());
    let mut organization = String::new();
    let mut daily = Daily { mail: None, told: Vec::new(), needless: Vec::new() };
    let mut asked = Vec::new();
    for notice in due {
        let told = match (serde_json::from_value(notice.content.clone()), subject(&notice)) {
            (Ok(Content::Task { .. }), Some(of)) if newest.get(&of) != Some(&notice.id) => {
                // The newer notice decides what becomes of this one.
                asked.push((of, notice));
                continue;
            }
            (Ok(Content::Task { about, asking }), _) => {
                let letter = write_letter(tx, base_url, &notice, (about, asking), language)?;
                let is_told = letter.is_some();
                letters.extend(letter);
                is_told
            }
            (Ok(Content::Over { over }), _) => match called_off(tx, &notice, over, language)? {
                Ok(Some((over, requester))) => {
                    organization = requester.organization;
                    overs.push(NoLonger { title: over.title, why: over.why.sentence(language) });
                    true
                }
                // A mail about the task is being sent by itself: this notice is looked at again when its claim lapses.
                Err(()) if !notice.intent.is_some_and(|intent| newest.contains_key(&(intent, over.into()))) => continue,
                // No mail has reached the person: those that wait are about a task that has ended, and tell nothing.
                Ok(None) | Err(()) => false,
            },
            _ => false,
        };
        if told { daily.told.push(notice) } else { daily.needless.push(notice) }
    }
    for (of, notice) in asked {
        let is_told = daily.told.iter().any(|told| subject(told).as_ref() == Some(&of));
        if is_told { daily.told.push(notice) } else { daily.needless.push(notice) }
    }
    daily.mail = match (letters.as_slice(), overs.as_slice()) {
        ([], []) => None,
        ([letter], []) => Some(mail_templates::of_task(leader, letter)),
        _ => {
            if let Some(letter) = letters.first() {
                organization.clone_from(&letter.requester.organization);
            }
            Some(of_digest(leader, &DigestMail { language, organization, host: host(base_url), letters, overs }))
        }
    };
    Ok(Some(daily))
}

/// Returns the asking that a notice asks about.
fn subject(notice: &Notice) -> Option<(IntentId, u64)> {
    Some((notice.intent?, notice.content.get("asking")?.as_u64()?))
}
