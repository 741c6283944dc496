//! Reads the queue of an agent that is pushed to, and pushes what is due.
//!
//! The account's task in `push_dispatcher` claims deliveries as any reader does. A claim lasts longer than a push, so
//! that two nodes never push the same offer. After a crash the intent is offered and pushed again: at least once.

use std::sync::Arc;

use axme_intent::{Command, IntentId, Status, Time};
use futures_util::future::join_all;
use uuid::Uuid;

use super::{attempt_of, short};
use crate::deliver;
use axme_core::claims;
use axme_core::claims::{Offer, Reading};
use axme_core::engine;
use axme_core::engine::{GATEWAY, receiving};
use axme_core::error::Result;
use axme_core::state::AppState;
use axme_core::system::PostError;
use axme_store::pushes::Accepted;
use axme_store::service_accounts::{AccountStatus, ServiceAccount};
use axme_store::{Announcement, Shard, Tx, intents, pushes, queue, service_accounts};

/// Concurrent pushes to one account.
const AT_ONCE: usize = 8;

/// Pushes what is due to one account. Returns when the next push is due.
pub async fn tick(app: &Arc<AppState>, workspace: Uuid, account: &str) -> Result<Option<Time>> {
    loop {
        // Read the account each time: its callback may have changed.
        let id = account.to_owned();
        let found = app.store.read(move |tx| service_accounts::find_service_account(tx, workspace, &id)).await?;
        let Some(account) = found.filter(|a| a.delivery_mode.is_pushed() && a.status == AccountStatus::Active) else {
            return Ok(None);
        };
        let Some(address) = account.address.clone() else { return Ok(None) };
        let (consumer, status, due_by) = Default::default();
        let reading = Reading { workspace, address, consumer, most: AT_ONCE, status, due_by, is_announced: false };
        let (offers, next_due) = claims::offer(app, reading).await?;
        if offers.is_empty() {
            return Ok(next_due);
        }
        for outcome in join_all(offers.iter().map(|offer| push(app, &account, offer))).await {
            outcome?;
        }
        // Look again: failed pushes have a new time.
    }
}

/// Makes one attempt and records its outcome.
#[tracing::instrument(name = "delivery", skip_all, fields(kind = "push", id = %offer.intent.id))]
async fn push(app: &Arc<AppState>, account: &ServiceAccount, offer: &Offer) -> Result<()> {
    let began = app.system.clock.now();
    let outcome = deliver::push(app, account, offer).await;
    let now = app.system.clock.now();
    let pause = outcome.as_ref().err().and_then(|unsent| unsent.pause(offer.intent.created_at, now));
    app.metrics.attempt("push", attempt_of(&outcome, pause.is_some()));
    if let Some((seconds, why)) = pause {
        return put_off(app, account, offer.intent.id, now.plus_seconds(seconds), short(why)).await;
    }
    if let Err(unsent) = &outcome {
        tracing::warn!(intent = %offer.intent.id, error = short(unsent.why()), "a push failed");
    }
    let failure = |unsent: PostError| PushFailure { error: short(unsent.why()), is_final: unsent.is_final() };
    let millis = u32::try_from(now.since(began).as_millis()).unwrap_or(u32::MAX);
    let accepted = outcome.map(|status| Accepted { status: status.into(), millis });
    record(app, account, offer.intent.id, accepted.map_err(failure)).await
}

/// Why a push failed, and whether another one is pointless.
struct PushFailure {
    error: String,
    is_final: bool,
}

/// Postpones a push that was not attempted, or that the agent asks to repeat later. It is not a failure of the agent.
async fn put_off(app: &Arc<AppState>, account: &ServiceAccount, id: IntentId, due_at: Time, why: String) -> Result<()> {
    let workspace = account.workspace_id;
    let Some(to) = account.address.clone() else { return Ok(()) };
    let job = move |tx: &mut Tx<'_>| {
        queue::put_off(tx, workspace, &to, id.into(), due_at)?;
        queue::note(tx, workspace, &to, id.into(), &why)
    };
    app.store.write(Shard::of_intent(id), job).await?;
    Ok(())
}

async fn record(
    app: &Arc<AppState>,
    account: &ServiceAccount,
    id: IntentId,
    outcome: Result<Accepted, PushFailure>,
) -> Result<()> {
    let workspace = account.workspace_id;
    let Some(to) = account.address.clone() else { return Ok(()) };
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let (now, limits) = (tx.now, tx.limits);
        let Some((owner, head)) = receiving::lock(tx, workspace, Some(&to), id)? else { return Ok(()) };
        if let Ok(accepted) = &outcome {
            pushes::record(tx, owner, id, &to, *accepted)?;
        }
        if head.intent.status().is_terminal() {
            // A replayed dead letter, or an intent that ended in the meantime and has no delivery any more.
            match &outcome {
                Ok(_) => queue::delete(tx, workspace, &to, id.into())?,
                Err(PushFailure { error, .. }) => {
                    queue::note(tx, workspace, &to, id.into(), error)?;
                    queue::bury(tx, workspace, &to, id.into(), now)?;
                }
            }
            return Ok(());
        }
        match &outcome {
            // An escalation target: the intent does not depend on reaching it.
            Err(PushFailure { error, is_final: false }) if to != head.to => {
                let pause = limits.push_retry_seconds[limits.push_retry_seconds.len() - 1];
                queue::postpone(tx, workspace, &to, id.into(), now.plus_seconds(pause), error)?;
            }
            Ok(_) if to == head.to && head.intent.status() == Status::Delivered => {
                engine::advance(tx, owner, head, Command::Acknowledge, to.as_str())?;
            }
            Ok(_) => {
                queue::acknowledge(tx, workspace, &to, id.into(), (now, limits.acknowledged_seconds))?;
            }
            Err(PushFailure { error, .. }) if to != head.to => {
                queue::note(tx, workspace, &to, id.into(), error)?;
                queue::bury(tx, workspace, &to, id.into(), now)?;
            }
            Err(PushFailure { error, is_final }) => {
                let spec = intents::spec(tx, owner, id)?;
                let policy = &head.intent.policy;
                let (attempt, most) =
                    (head.intent.tally.failed_pushes + 1, policy.most_pushes(spec.max_delivery_attempts));
                let most = if *is_final { attempt } else { most };
                let pauses = &limits.push_retry_seconds;
                let usual = pauses[(attempt as usize - 1).min(pauses.len() - 1)];
                let retry_at = now.plus_seconds(policy.retry_seconds().unwrap_or(usual));
                queue::postpone(tx, workspace, &to, id.into(), retry_at, error)?;
                let command = Command::PushFailed { attempt, most, error: error.clone(), retry_at: Some(retry_at) };
                engine::advance(tx, owner, head, command, GATEWAY)?;
            }
        }
        Ok(())
    };
    app.store.write_announced(Announcement::of(workspace, Shard::of_intent(id)), job).await
}
