//! Reading the queue of an address: offers its due deliveries to a reader, which claims them.
//!
//! Candidates are read without a lock. The claim is a short write that gives each a number and the time at which the
//! claim expires. A delivery that changed in between is skipped. The claim of a consumer does not expire: it ends when its
//! name has been silent for too long, which the next reader notices.

use std::sync::Arc;

use axme_intent::{Address, IntentId, Status, Time};
use uuid::Uuid;

use crate::engine::receiving;
use crate::error::Result;
use crate::policy::agent_limits;
use crate::state::AppState;
use crate::views;
use axme_store::consumers::{self, Consumer, ConsumerName};
use axme_store::queue::{self, Candidate, Claim, Position};
use axme_store::{Shard, Signal, Tx, intents, service_accounts};

/// The pages that a reader with a filter scans at a time.
const MAX_PAGES: usize = 20;

/// The request of a reader.
#[derive(Clone)]
pub struct Reading {
    pub workspace: Uuid,
    pub address: Address,
    /// The name of the reader, to which its claims belong.
    pub consumer: Option<ConsumerName>,
    pub most: usize,
    /// Only intents in these statuses.
    pub status: Option<Vec<Status>>,
    /// Only deliveries due at this time: the backlog, without deliveries that become due while it is read.
    pub due_by: Option<Time>,
}

/// A delivery offered to a reader.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The number on the wire.
    pub number: u64,
    /// How often the delivery has been offered, this time included.
    pub offers: u32,
    /// True if this reader claimed it, false if it is only shown again.
    pub is_claimed: bool,
    pub intent: OfferedIntent,
}

/// The description of an intent in an offer.
#[derive(Debug, Clone)]
pub struct OfferedIntent {
    pub id: IntentId,
    pub intent_type: String,
    pub from: Address,
    pub to: Address,
    pub created_at: Time,
    /// JSON text: a parsed payload takes many times its memory, and an offer may wait long for its reader.
    pub payload: String,
}

impl Reading {
    fn consumer(&self) -> Option<Consumer> {
        let name = self.consumer.clone()?;
        Some(Consumer { workspace: self.workspace, address: self.address.clone(), name })
    }
}

/// Claims due deliveries and returns them in the order of their numbers, with the time at which the next one becomes
/// due. The claims are durable. Returns nothing while the agent is killed; its resume sends a signal.
pub async fn offer(app: &Arc<AppState>, reading: Reading) -> Result<(Vec<Offer>, Option<Time>)> {
    let now = app.system.clock.now();
    let reader = reading.address.as_str().to_owned();
    let see = async || {
        let reading = reading.clone();
        app.read_for(&reader, move |tx| look(tx, &reading)).await
    };
    let mut view = see().await?;
    let address = (reading.workspace, &reading.address);
    let holders = std::mem::take(&mut view.holders);
    let (released, next_lapse) = app.consumers.release_silent(&app.store, address, holders, now).await?;
    if released > 0 {
        view = see().await?;
    }
    let next_due = [view.next_due, next_lapse].into_iter().flatten().min();
    let mut offers: Vec<Offer> = Vec::with_capacity(view.due.len());
    if !view.due.is_empty() {
        let candidates = view.due.iter().map(|(candidate, _)| candidate.clone()).collect();
        let claimed = claim(app, &reading, candidates, view.acknowledged_seconds, now).await?;
        for ((candidate, intent), number) in view.due.into_iter().zip(claimed) {
            if let Some(number) = number {
                offers.push(numbered(number, &candidate, intent, true));
            }
        }
    }
    offers.sort_by_key(|offer| offer.number);
    Ok((offers, next_due))
}

/// Claims deliveries. Returns the number of each; `None` for one that has changed since it was read.
async fn claim(
    app: &Arc<AppState>,
    reading: &Reading,
    candidates: Vec<Candidate>,
    acknowledged_seconds: u64,
    now: Time,
) -> Result<Vec<Option<i64>>> {
    let limits = app.limits.clone();
    let (workspace, address, consumer) = (reading.workspace, reading.address.clone(), reading.consumer());
    let shard = Shard::of_address(&address);
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let count = i64::try_from(candidates.len()).unwrap_or(i64::MAX);
        let last = queue::take_numbers(tx, workspace, &address, count)?;
        if let Some(consumer) = &consumer {
            consumers::put(tx, consumer, now)?;
        }
        let mut claimed = Vec::with_capacity(candidates.len());
        for (number, candidate) in (last - count + 1..).zip(&candidates) {
            let patience = &limits.offer_seconds;
            let nth = (candidate.offers as usize).min(patience.len() - 1);
            let seconds = if candidate.acknowledged { acknowledged_seconds } else { patience[nth] };
            let kind = match &consumer {
                Some(consumer) => Claim::By(&consumer.name),
                None => Claim::Until(now.plus_seconds(seconds)),
            };
            claimed.push(queue::claim(tx, workspace, &address, candidate, (number, kind))?.then_some(number));
        }
        Ok(claimed)
    };
    app.store.write(shard, job).await
}

/// Returns a page of deliveries that nameless readers have claimed, under their current numbers. `None` if there are no
/// more, or if the agent does not want them replayed. A nameless reader that starts without a number is shown all of them.
pub async fn replay(
    app: &Arc<AppState>,
    reading: Reading,
    after: Option<Position>,
) -> Result<Option<(Vec<Offer>, Position)>> {
    let now = app.system.clock.now();
    let after = after.unwrap_or((now, Uuid::max()));
    let reader = reading.address.as_str().to_owned();
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        if agent_limits::is_stopped(tx, reading.workspace, &reading.address)? {
            return Ok(None);
        }
        let account = service_accounts::find_agent(tx, reading.workspace, &reading.address)?;
        if account.is_some_and(|account| !account.replay_claimed) {
            return Ok(None);
        }
        let page = queue::list_offered(tx, reading.workspace, &reading.address, after, reading.most as i64)?;
        let mut room = tx.limits.window_bytes;
        let (described, last) = describe(tx, &reading, page, &mut room)?;
        let Some(last) = last else { return Ok(None) };
        let mut shown = shown_again(described);
        shown.sort_by_key(|offer| offer.number);
        Ok(Some((shown, last)))
    };
    app.read_for(&reader, job).await
}

/// Returns a page of the deliveries that a consumer holds, with numbers above `after` on the wire, and the last number
/// that was looked at. `None` if there are no more.
pub async fn replay_held(
    app: &Arc<AppState>,
    reading: Reading,
    consumer: ConsumerName,
    after: u64,
) -> Result<Option<(Vec<Offer>, u64)>> {
    let reader = reading.address.as_str().to_owned();
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let (workspace, to) = (reading.workspace, &reading.address);
        if agent_limits::is_stopped(tx, workspace, to)? {
            return Ok(None);
        }
        let page = (views::position_seen(after), reading.most as i64);
        let held = queue::list_held(tx, workspace, to, &consumer, page)?;
        let numbers: Vec<_> = held.iter().map(|candidate| (candidate.position(), candidate.number)).collect();
        let mut room = tx.limits.window_bytes;
        let (described, last) = describe(tx, &reading, held, &mut room)?;
        let last = numbers.iter().find(|(position, _)| Some(*position) == last).and_then(|(_, number)| *number);
        Ok(last.map(|last| (shown_again(described), views::wire_number(last))))
    };
    app.read_for(&reader, job).await
}

/// Describes deliveries that are shown under the numbers they have.
fn shown_again(described: Vec<(Candidate, OfferedIntent)>) -> Vec<Offer> {
    let offer = |(candidate, intent): (Candidate, OfferedIntent)| {
        candidate.number.map(|number| numbered(number, &candidate, intent, false))
    };
    described.into_iter().filter_map(offer).collect()
}

/// Releases claimed deliveries that were never sent.
pub async fn release(app: &Arc<AppState>, workspace: Uuid, address: &Address, offers: Vec<Offer>) {
    if offers.is_empty() {
        return;
    }
    let now = app.system.clock.now();
    let shard = Shard::of_address(address);
    let address = address.clone();
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        for offer in &offers {
            let position = views::position_seen(offer.number);
            queue::release(tx, workspace, &address, offer.intent.id.into(), position, now)?;
        }
        tx.signal(Signal::queue(workspace, &address));
        Ok(())
    };
    if let Err(error) = app.store.write(shard, job).await {
        tracing::warn!(%error, "could not release unsent deliveries; they are offered again when their claims expire");
    }
}

/// The queue of an address as a reader sees it.
struct QueueView {
    /// The due deliveries with their descriptions.
    due: Vec<(Candidate, OfferedIntent)>,
    /// When the next one becomes due.
    next_due: Option<Time>,
    /// The consumers that hold deliveries, with their last signs of life on record.
    holders: Vec<(ConsumerName, Time)>,
    /// How long an acknowledged delivery stays with a nameless reader.
    acknowledged_seconds: u64,
}

fn look(tx: &mut Tx<'_>, reading: &Reading) -> Result<QueueView> {
    let now = tx.now;
    let (workspace, to) = (reading.workspace, &reading.address);
    let mut view = QueueView {
        due: Vec::new(),
        next_due: None,
        holders: Vec::new(),
        acknowledged_seconds: tx.limits.acknowledged_seconds,
    };
    if agent_limits::is_stopped(tx, workspace, to)? {
        return Ok(view);
    }
    let due_by = reading.due_by.unwrap_or(now);
    let found = &mut view.due;
    let (mut after, mut room) = (None, tx.limits.window_bytes);
    // Deliveries that the filter excludes stay in the queue. The scan skips a bounded number of them.
    for _ in 0..MAX_PAGES {
        let rest = reading.most - found.len();
        let reader = (workspace, to, reading.consumer.as_ref());
        let page = queue::list_due_to(tx, reader, due_by, after, rest as i64)?;
        let is_last = page.len() < rest;
        let (described, last) = describe(tx, reading, page, &mut room)?;
        after = last;
        found.extend(described);
        if is_last || room == 0 || found.len() == reading.most {
            break;
        }
    }
    // Only later times: due deliveries that the filter excludes must not wake this reader again and again.
    view.next_due = queue::next_due(tx, workspace, to, now)?;
    view.holders = consumers::list_holders(tx, workspace, to)?;
    if view.due.iter().any(|(candidate, _)| candidate.acknowledged) {
        let account = service_accounts::find_agent(tx, workspace, to)?;
        let seconds = account.and_then(|account| account.acknowledged_seconds).map(u64::from);
        view.acknowledged_seconds = seconds.unwrap_or(view.acknowledged_seconds);
    }
    Ok(view)
}

/// Deliveries with their descriptions, and the position of the last delivery that was looked at.
type Described = (Vec<(Candidate, OfferedIntent)>, Option<Position>);

/// Adds the descriptions of intents to deliveries. Leaves out intents with a status that the reader does not want. Stops
/// when the payloads have used up `room`, in bytes.
fn describe(tx: &mut Tx<'_>, reading: &Reading, candidates: Vec<Candidate>, room: &mut usize) -> Result<Described> {
    let workspace = reading.workspace;
    let (mut found, mut last) = (Vec::with_capacity(candidates.len()), None);
    for candidate in candidates {
        if *room == 0 {
            break;
        }
        last = Some(candidate.position());
        let Some(intent_id) = candidate.item.intent() else { continue };
        let Some((owner, head)) = receiving::find(tx, workspace, Some(&reading.address), intent_id)? else { continue };
        let status = head.intent.status();
        if reading.status.as_ref().is_some_and(|wanted| !wanted.contains(&status)) {
            continue;
        }
        let spec = intents::spec(tx, owner, intent_id)?;
        let intent = OfferedIntent {
            id: head.intent.id,
            created_at: head.intent.created_at,
            intent_type: head.intent_type,
            from: head.from,
            to: head.to,
            payload: spec.payload.text().to_owned(),
        };
        *room = room.saturating_sub(intent.payload.len());
        found.push((candidate, intent));
    }
    Ok((found, last))
}

fn numbered(number: i64, candidate: &Candidate, intent: OfferedIntent, is_claimed: bool) -> Offer {
    let offers = candidate.offers + u32::from(is_claimed);
    Offer { number: views::wire_number(number), offers, is_claimed, intent }
}
