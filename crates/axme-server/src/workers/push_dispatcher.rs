//! Runs a task for each agent that is pushed to and for each subscriber, so that a hanging receiver delays no other.
//!
//! A task processes its receiver's queue after each signal, and whenever something comes due.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axme_intent::{Address, Time};
use tokio::task::JoinHandle;
use tracing::Instrument;
use uuid::Uuid;

use super::{push, webhooks};
use axme_core::error::Result;
use axme_core::state::AppState;
use axme_store::{Signal, service_accounts, webhooks as subscriptions};

/// Receivers in one page.
const PAGE: i64 = 500;
const MAX_WAIT_SECONDS: u64 = 30;
const MIN_WAIT_MILLIS: u64 = 5;

/// A receiver of pushes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Receiver {
    /// A service account: its workspace and id.
    Agent(Uuid, String),
    /// A subscription: its workspace and id.
    Subscriber(Uuid, Uuid),
}

/// Keeps a task for every receiver, until the server stops.
pub async fn run(app: Arc<AppState>) {
    let waiter = app.wakeups.subscribe(Signal::push_receivers());
    let mut tasks: HashMap<Receiver, JoinHandle<()>> = HashMap::new();
    loop {
        let listening = waiter.listen();
        match list(&app).await {
            Ok(receivers) => keep(&app, &mut tasks, receivers),
            Err(error) => tracing::warn!(%error, "could not read the receivers of pushes"),
        }
        listening.or(rest(&app, app.system.clock.now().plus_seconds(MAX_WAIT_SECONDS))).await;
        if *app.stopping.borrow() {
            break;
        }
    }
    for task in tasks.into_values() {
        // The task stops by itself; an error means that it already has.
        let _ = task.await;
    }
}

async fn rest(app: &AppState, until: Time) {
    tokio::select! {
        () = app.system.clock.sleep_until(until) => {}
        () = app.stopped() => {}
    }
}

/// Returns all receivers, with the addresses of their queues.
async fn list(app: &AppState) -> Result<Vec<(Receiver, Address)>> {
    let mut all = Vec::new();
    let mut after = (Uuid::nil(), String::new());
    loop {
        let (workspace, id) = after.clone();
        let page = app.store.read(move |tx| service_accounts::list_pushed(tx, (workspace, &id), PAGE)).await?;
        for account in &page {
            let receiver = Receiver::Agent(account.workspace_id, account.service_account_id.clone());
            all.extend(account.address.clone().map(|address| (receiver, address)));
        }
        match page.last().filter(|_| page.len() as i64 == PAGE) {
            Some(last) => after = (last.workspace_id, last.service_account_id.clone()),
            None => break,
        }
    }
    let mut after = (Uuid::nil(), Uuid::nil());
    loop {
        let page = app.store.read(move |tx| subscriptions::list_active(tx, after, PAGE)).await?;
        all.extend(page.iter().map(|s| (Receiver::Subscriber(s.workspace, s.id), s.address())));
        match page.last().filter(|_| page.len() as i64 == PAGE) {
            Some(last) => after = (last.workspace, last.id),
            None => return Ok(all),
        }
    }
}

/// Starts missing tasks, and ends the tasks of receivers that are gone.
fn keep(app: &Arc<AppState>, tasks: &mut HashMap<Receiver, JoinHandle<()>>, receivers: Vec<(Receiver, Address)>) {
    let wanted: HashSet<&Receiver> = receivers.iter().map(|(receiver, _)| receiver).collect();
    tasks.retain(|receiver, task| {
        let is_wanted = wanted.contains(receiver);
        if !is_wanted {
            // Its claims lapse.
            task.abort();
        }
        is_wanted && !task.is_finished()
    });
    for (receiver, address) in receivers {
        let task = serve(app.clone(), receiver.clone(), address);
        tasks.entry(receiver).or_insert_with(|| tokio::spawn(task.in_current_span()));
    }
}

async fn serve(app: Arc<AppState>, receiver: Receiver, address: Address) {
    let workspace = match &receiver {
        Receiver::Agent(workspace, _) | Receiver::Subscriber(workspace, _) => *workspace,
    };
    let waiter = app.wakeups.subscribe(Signal::queue(workspace, &address));
    while !*app.stopping.borrow() {
        let listening = waiter.listen();
        let now = app.system.clock.now();
        let outcome = match &receiver {
            Receiver::Agent(_, account) => push::tick(&app, workspace, account).await,
            Receiver::Subscriber(_, subscription) => webhooks::tick(&app, workspace, *subscription).await,
        };
        let next = outcome.unwrap_or_else(|error| {
            tracing::warn!(%error, %address, "could not send pushes");
            None
        });
        let most = now.plus_seconds(MAX_WAIT_SECONDS);
        let until = next.unwrap_or(most).clamp(now.plus_millis(MIN_WAIT_MILLIS), most);
        listening.or(rest(&app, until)).await;
    }
}
