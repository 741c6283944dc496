//! Copies the signed checkpoints of the audit trails to a place outside the database. The owner of the database can then
//! not write a trail anew unnoticed.
//!
//! A checkpoint is recorded as copied after it has arrived, so a crash may copy it twice. Its reader does not mind. One node
//! at a time works on a place. A place that cannot be reached gets all that it has missed later; nothing else waits for it.

use std::sync::Arc;

use axme_core::error::{Result, StoreError};
use axme_core::state::AppState;
use axme_store::audit_chain::Checkpoint;
use axme_store::{Shard, Tx, checkpoint_copies as store};
use uuid::Uuid;

use super::retention::checkpoint_line;
use crate::deliver::mail_templates;
use crate::exports::Exports;
use crate::http::host;

const INTERVAL_SECONDS: u64 = 10;
/// The pause after a failure.
const RETRY_SECONDS: u64 = 60;
/// Checkpoints written at a time, or sent in one mail.
const BATCH: i64 = 200;
/// How long a node has a folder or a bucket for itself. It gives it back when it is done.
const TAKEN_SECONDS: u64 = 120;
/// The shortest time between two mails.
const MAIL_SECONDS: u64 = 3_600;

/// A place outside the database.
#[derive(Clone)]
pub enum Destination {
    /// `name` is the setting, by which the database knows the place.
    Files { name: String, exports: Exports },
    /// An email address.
    Mail { to: String },
}

impl Destination {
    fn name(&self) -> &str {
        match self {
            Destination::Files { name, .. } => name,
            Destination::Mail { to } => to,
        }
    }

    async fn send(&self, app: &AppState, checkpoints: &[(Uuid, Checkpoint)]) -> Result<()> {
        match self {
            Destination::Files { exports, .. } => {
                let lines: Vec<_> = checkpoints.iter().map(|(trail, one)| checkpoint_line(*trail, one)).collect();
                exports.write(&app.system, "checkpoints", &lines).await
            }
            Destination::Mail { to } => {
                let id = app.system.rng.uuid().to_string();
                let mail = mail_templates::of_checkpoints(id, to, checkpoints, &host(&app.site.base_url));
                let sent = app.system.outbound.mail(mail).await;
                sent.map_err(|error| StoreError::Unavailable(format!("the mail was not sent: {}", error.why)).into())
            }
        }
    }
}

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>, place: Destination) {
    loop {
        let mut pause = INTERVAL_SECONDS;
        if let Err(error) = tick(&app, &place).await {
            let place = place.name();
            tracing::warn!(place, %error, "could not copy checkpoints of the audit trail: they are copied later");
            pause = RETRY_SECONDS;
        }
        if super::next_round(&app, pause).await {
            return;
        }
    }
}

/// Copies the checkpoints that the place does not have yet; a mail has a batch of them at most. Returns their number.
pub async fn tick(app: &Arc<AppState>, place: &Destination) -> Result<usize> {
    let name = place.name().to_owned();
    let list = || {
        let name = name.clone();
        app.store.read(move |tx: &mut Tx<'_>| store::list_missing(tx, &name, BATCH))
    };
    if list().await?.is_empty() {
        return Ok(0);
    }
    let is_mail = matches!(place, Destination::Mail { .. });
    let seconds = if is_mail { MAIL_SECONDS } else { TAKEN_SECONDS };
    let free_since = app.system.clock.now().minus_millis(seconds * 1_000);
    let taken = name.clone();
    let take = move |tx: &mut Tx<'_>| store::take(tx, &taken, free_since);
    let Some(before) = app.store.write(Shard::CONTROL, take).await? else { return Ok(0) };
    let mut copied = 0;
    let outcome = loop {
        // Another node may have copied some before this one took the place.
        let batch = list().await?;
        if batch.is_empty() {
            break Ok(());
        }
        if let Err(error) = place.send(app, &batch).await {
            break Err(error);
        }
        copied += batch.len();
        let (is_last, place) = (is_mail || batch.len() < BATCH as usize, name.clone());
        let record = move |tx: &mut Tx<'_>| -> Result<(), StoreError> {
            // The batch is in the order of the numbers, so the last one of a trail is the highest.
            batch.iter().try_for_each(|(trail, one)| store::put(tx, &place, *trail, one.link.seq))
        };
        app.store.write(Shard::CONTROL, record).await?;
        if is_last {
            break Ok(());
        }
    };
    if !is_mail || copied == 0 {
        let give_back = move |tx: &mut Tx<'_>| store::set_taken(tx, &name, before);
        app.store.write(Shard::CONTROL, give_back).await?;
    }
    outcome.map(|()| copied)
}
