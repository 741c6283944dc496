//! Timers: waits for the next one, then sends its command to its intent.
//!
//! A timer fires at most once: its row is deleted in the transaction of its effects. After a restart, overdue timers
//! fire at once. Memory holds only the next few timers.

use std::sync::Arc;

use axme_intent::{Command, Time, TimerKind};
use uuid::Uuid;

use axme_core::engine;
use axme_core::engine::GATEWAY;
use axme_core::error::{Error, Result, StoreError};
use axme_core::state::AppState;
use axme_store::timers::Timer;
use axme_store::{Shard, Signal, timers as rows};

/// Timers fired in one round.
const ROUND: i64 = 100;
const LONGEST_WAIT_SECONDS: u64 = 30;
/// The pause of a timer that failed because of its data, and would fail again.
const FAILED_SECONDS: u64 = 60;
/// The pause before a retry: a failed timer stays due.
const SHORTEST_WAIT_MILLIS: u64 = 5;

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>) {
    let waiter = app.wakeups.subscribe(Signal::timers());
    loop {
        let listening = waiter.listen();
        let now = app.system.clock.now();
        let next = match tick(&app).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "could not fire timers");
                None
            }
        };
        // Without a timer, and after an error, look again later; a new timer sends a signal.
        let most = now.plus_seconds(LONGEST_WAIT_SECONDS);
        let until = next.unwrap_or(most).clamp(now.plus_millis(SHORTEST_WAIT_MILLIS), most);
        let over = async {
            tokio::select! {
                () = app.system.clock.sleep_until(until) => {}
                () = app.stopped() => {}
            }
        };
        listening.or(over).await;
        if *app.stopping.borrow() {
            return;
        }
    }
}

/// Fires all due timers. Returns when the next timer is due, if there is one.
pub async fn tick(app: &Arc<AppState>) -> Result<Option<Time>> {
    loop {
        let now = app.system.clock.now();
        let next = app.store.read(|tx| rows::list_next(tx, ROUND)).await?;
        let due = next.iter().take_while(|timer| timer.due_at <= now).count();
        let failures = fire_all(app, &next[..due]).await?;
        match next.get(due) {
            Some(timer) => return Ok(Some(timer.due_at)),
            None if next.len() < ROUND as usize || failures > 0 => return Ok(None),
            None => {}
        }
    }
}

/// Returns the due timers of one workspace, the earliest first.
pub async fn list_due(app: &Arc<AppState>, workspace: Uuid, limit: i64) -> Result<Vec<Timer>> {
    let now = app.system.clock.now();
    Ok(app.store.read(move |tx| rows::list_due(tx, workspace, now, limit)).await?)
}

/// Fires timers. Returns how many failed.
pub(crate) async fn fire_all(app: &Arc<AppState>, due: &[Timer]) -> Result<usize> {
    let now = app.system.clock.now();
    let mut failures = 0;
    for timer in due {
        if let Err(error) = fire(app, timer.clone()).await {
            failures += 1;
            tracing::error!(%error, intent = %timer.intent_id, "a timer failed and stays set");
            // A timer that can never fire must not block the others.
            if matches!(error, Error::Store(StoreError::Fault(_)) | Error::Api(_)) {
                let (late, again_at) = (timer.clone(), now.plus_seconds(FAILED_SECONDS));
                let moved = move |tx: &mut axme_store::Tx<'_>| rows::postpone(tx, &late, again_at);
                app.store.write(Shard::of_intent(timer.intent_id), moved).await?;
            }
        }
    }
    Ok(failures)
}

async fn fire(app: &Arc<AppState>, timer: Timer) -> Result<()> {
    let shard = Shard::of_intent(timer.intent_id);
    let job = move |tx: &mut axme_store::Tx<'_>| -> Result<_> {
        let head = engine::lock(tx, timer.workspace, timer.intent_id)?;
        // Check under the lock: another node may have fired it, or an answer may have cleared it.
        if !rows::is_set(tx, &timer)? {
            return Ok(());
        }
        rows::clear(tx, timer.workspace, timer.intent_id, &timer.kind)?;
        let command = match &timer.kind {
            TimerKind::Deadline => Command::DeadlinePassed,
            TimerKind::ReminderStage => Command::ReminderStageDue,
            TimerKind::Execution => Command::ExecutionTimedOut,
            TimerKind::Step(step) => Command::StepDeadlinePassed { step: step.clone() },
        };
        match head {
            Some(head) => engine::advance(tx, timer.workspace, head, command, GATEWAY).map(|_| ()),
            None => Ok(()),
        }
    };
    app.store.write(shard, job).await
}
