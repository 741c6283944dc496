//! Timers: waits for the next one, then sends its command to its intent.
//!
//! A timer fires at most once: its row is deleted in the transaction of its effects. After a restart, overdue timers
//! fire at once. When many are due, workspaces take turns, and several fire at a time, so that they share commits.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use axme_intent::{Command, Time, TimerKind};
use futures_util::StreamExt;
use uuid::Uuid;

use axme_core::engine;
use axme_core::engine::GATEWAY;
use axme_core::error::{Error, Result, StoreError};
use axme_core::state::AppState;
use axme_core::system::SpanKind;
use axme_store::timers::Timer;
use axme_store::{Announcement, Shard, Signal, timers as rows, traces};

/// Timers fired in one round, all at a time: as many as one commit takes. In the queue of the writer workspaces take turns,
/// so calls of another workspace wait for one timer at most.
const ROUND: usize = 256;
/// Due timers read in one query.
const PAGE: i64 = 1_000;
/// Maximum number of due timers in memory. Workspaces whose timers are all later get no turn before some of these have fired.
const MAX_TIMERS: usize = 100_000;
const MAX_WAIT_SECONDS: u64 = 30;
/// The pause of a timer that failed because of its data, and would fail again.
const FAILED_SECONDS: u64 = 60;
/// The pause before a retry: a failed timer stays due.
const MIN_WAIT_MILLIS: u64 = 5;

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
        let most = now.plus_seconds(MAX_WAIT_SECONDS);
        let until = next.unwrap_or(most).clamp(now.plus_millis(MIN_WAIT_MILLIS), most);
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
        let mut backlog = Backlog::default();
        while round(app, &mut backlog).await? > 0 {}
        let now = app.system.clock.now();
        let has_failures = backlog.failures > 0;
        // Timers that failed are still due, and so are timers that were set for a time already passed.
        let after = if has_failures { now } else { Time::from_micros(i64::MIN) };
        let next = app.store.read(move |tx| rows::next_due(tx, after)).await?;
        if has_failures || next.is_none_or(|at| at > now) {
            return Ok(next);
        }
    }
}

/// Fires up to [`ROUND`] due timers, one of each workspace in turn. Returns how many it tried; 0 when none is left.
pub async fn round(app: &Arc<AppState>, backlog: &mut Backlog) -> Result<usize> {
    let now = app.system.clock.now();
    while backlog.held < MAX_TIMERS {
        let after = backlog.last_read.clone();
        let page = app.store.read(move |tx| rows::list_due_after(tx, now, after.as_ref(), PAGE)).await?;
        let is_last = page.len() < PAGE as usize;
        backlog.add(page);
        if is_last {
            break;
        }
    }
    let due = backlog.take(ROUND);
    let count = due.len();
    backlog.failures += fire_all(app, due).await?;
    Ok(count)
}

/// Due timers that wait for their turn.
#[derive(Default)]
pub struct Backlog {
    waiting: BTreeMap<Uuid, VecDeque<Timer>>,
    held: usize,
    /// The workspace that had the last turn.
    last_turn: Option<Uuid>,
    last_read: Option<Timer>,
    failures: usize,
}

impl Backlog {
    fn add(&mut self, timers: Vec<Timer>) {
        self.held += timers.len();
        self.last_read = timers.last().cloned().or(self.last_read.take());
        for timer in timers {
            self.waiting.entry(timer.workspace).or_default().push_back(timer);
        }
    }

    /// Takes up to `most` timers, the earliest of each workspace in turn.
    fn take(&mut self, most: usize) -> Vec<Timer> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let begin = self.last_turn.map_or(Bound::Unbounded, Bound::Excluded);
            let next = self.waiting.range((begin, Bound::Unbounded)).next().or_else(|| self.waiting.iter().next());
            let Some(workspace) = next.map(|(workspace, _)| *workspace) else { break };
            self.last_turn = Some(workspace);
            let timers = self.waiting.get_mut(&workspace);
            taken.extend(timers.and_then(VecDeque::pop_front));
            if self.waiting.get(&workspace).is_some_and(VecDeque::is_empty) {
                self.waiting.remove(&workspace);
            }
        }
        self.held -= taken.len();
        taken
    }
}

/// Returns the due timers of one workspace, the earliest first.
pub async fn list_due(app: &Arc<AppState>, workspace: Uuid, limit: i64) -> Result<Vec<Timer>> {
    let now = app.system.clock.now();
    Ok(app.store.read(move |tx| rows::list_due(tx, workspace, now, limit)).await?)
}

/// Fires timers, several at a time. Returns how many failed.
pub async fn fire_all(app: &Arc<AppState>, due: Vec<Timer>) -> Result<usize> {
    let firing = due.into_iter().map(|timer| {
        let app = app.clone();
        async move { fire_or_postpone(&app, timer).await }
    });
    let mut outcomes = futures_util::stream::iter(firing).buffer_unordered(ROUND);
    let mut failures = 0;
    while let Some(has_fired) = outcomes.next().await {
        failures += usize::from(!has_fired?);
    }
    Ok(failures)
}

/// Fires a timer. Returns false if that failed.
async fn fire_or_postpone(app: &Arc<AppState>, timer: Timer) -> Result<bool> {
    let Err(error) = fire(app, timer.clone()).await else {
        app.metrics.timer(app.system.clock.now().since(timer.due_at));
        return Ok(true);
    };
    tracing::error!(%error, intent = %timer.intent_id, "a timer failed and stays set");
    // A timer that can never fire must not block the others.
    if matches!(error, Error::Store(StoreError::Fault(_)) | Error::Api(_)) {
        let shard = Shard::of_intent(timer.intent_id);
        let again_at = app.system.clock.now().plus_seconds(FAILED_SECONDS);
        app.store.write(shard, move |tx: &mut axme_store::Tx<'_>| rows::postpone(tx, &timer, again_at)).await?;
    }
    Ok(false)
}

async fn fire(app: &Arc<AppState>, timer: Timer) -> Result<()> {
    let (began_at, is_traced) = (app.system.clock.now(), app.tracer.get().is_some());
    let (intent, kind) = (timer.intent_id, kind_name(&timer.kind));
    let announcement = Announcement::of(timer.workspace, Shard::of_intent(timer.intent_id));
    let job = move |tx: &mut axme_store::Tx<'_>| -> Result<_> {
        let head = engine::lock(tx, timer.workspace, timer.intent_id)?;
        // Check under the lock: another node may have fired it, or an answer may have cleared it.
        if !rows::is_set(tx, &timer)? {
            return Ok(None);
        }
        rows::clear(tx, timer.workspace, timer.intent_id, &timer.kind)?;
        let command = match &timer.kind {
            TimerKind::Deadline => Command::DeadlinePassed,
            TimerKind::ReminderStage => Command::ReminderStageDue,
            TimerKind::Execution => Command::ExecutionTimedOut,
            TimerKind::Step(step) => Command::StepDeadlinePassed { step: step.clone() },
        };
        let Some(head) = head else { return Ok(None) };
        let trace = if is_traced { traces::find(tx, head.intent.root)? } else { None };
        engine::advance(tx, timer.workspace, head, command, GATEWAY)?;
        Ok(trace)
    };
    let trace = app.store.write_announced(announcement, job).await?;
    if let Some(mut span) = app.begin_span_of(SpanKind::Internal, trace.as_deref(), began_at) {
        span.set("axme.id", intent.to_string());
        span.set("axme.timer", kind);
        span.finish("timer", app.system.clock.now());
    }
    Ok(())
}

/// The name of a timer in a trace.
fn kind_name(kind: &TimerKind) -> &'static str {
    match kind {
        TimerKind::Deadline => "deadline",
        TimerKind::ReminderStage => "reminder",
        TimerKind::Execution => "execution",
        TimerKind::Step(_) => "step",
    }
}

#[cfg(test)]
mod tests {
    use axme_intent::IntentId;

    use super::*;

    fn timers(workspace: u128, numbers: std::ops::Range<u128>) -> Vec<Timer> {
        let timer = |number| Timer {
            workspace: Uuid::from_u128(workspace),
            intent_id: IntentId(Uuid::from_u128(number)),
            kind: TimerKind::Deadline,
            due_at: Time::from_micros(0),
        };
        numbers.map(timer).collect()
    }

    #[test]
    fn workspaces_take_turns_across_rounds() {
        let mut backlog = Backlog::default();
        backlog.add(timers(1, 0..5));
        backlog.add(timers(2, 10..12));
        backlog.add(timers(3, 20..21));
        let mut take =
            |most| -> Vec<u128> { backlog.take(most).iter().map(|timer| timer.intent_id.0.as_u128()).collect() };
        assert_eq!(take(2), [0, 10]);
        assert_eq!(take(4), [20, 1, 11, 2]);
        assert_eq!(take(9), [3, 4]);
        assert!(take(9).is_empty());
    }
}
