//! Reading the queue of an address: offers its due deliveries to a reader, which claims them.
//!
//! A claim is one transaction: it locks the due deliveries, and gives each a number and the time at which the claim
//! expires. A reader that was woken by a delivery claims at once. Otherwise it first looks whether anything is due, so
//! that idle readers write nothing. The claim of a consumer does not expire: it ends when its name has been silent for too
//! long, which the next reader notices.

use std::sync::Arc;

use axme_intent::{Address, IntentId, Status, Time};
use uuid::Uuid;

use crate::engine::receiving;
use crate::error::{Result, StoreError};
use crate::policy::agent_limits;
use crate::state::AppState;
use crate::traceparent::Traceparent;
use crate::views;
use axme_store::consumers::{self, Consumer, ConsumerName};
use axme_store::queue::{self, Candidate, Claim, DeliveredIntent, DueDelivery, Position};
use axme_store::{Announcement, Shard, Signal, Tx, intents, service_accounts, traces};

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
    /// True if a signal has announced a delivery: the reader then claims without a look.
    pub is_announced: bool,
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
    /// The trace that a push passes on. Unknown in an offer that is shown again.
    pub trace: Option<Traceparent>,
}

impl Reading {
    fn reader(&self) -> queue::Reader<'_> {
        (self.workspace, &self.address, self.consumer.as_ref())
    }

    fn wants(&self, status: Status) -> bool {
        self.status.as_ref().is_none_or(|wanted| wanted.contains(&status))
    }

    fn consumer(&self) -> Option<Consumer> {
        let name = self.consumer.clone()?;
        Some(Consumer { workspace: self.workspace, address: self.address.clone(), name })
    }
}

/// Claims due deliveries and returns them in the order of their numbers. If there are none, returns when the next one
/// becomes due. The claims are durable. Returns nothing while the agent is killed (its resume sends a signal), and while
/// offers are paused.
pub async fn offer(app: &Arc<AppState>, reading: Reading) -> Result<(Vec<Offer>, Option<Time>)> {
    if app.has_paused_offers() {
        return Ok((Vec::new(), None));
    }
    // A reader with a filter looks first: it may have to pass many deliveries that it does not want.
    if reading.is_announced && reading.status.is_none() {
        let offers = claim(app, &reading, None).await?;
        if !offers.is_empty() {
            return Ok((offers, None));
        }
    }
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
    let offers = match view.due {
        Some(after) => claim(app, &reading, after).await?,
        None => Vec::new(),
    };
    Ok((offers, [view.next_due, next_lapse].into_iter().flatten().min()))
}

/// Claims due deliveries after a position that the reader wants.
async fn claim(app: &Arc<AppState>, reading: &Reading, after: Option<Position>) -> Result<Vec<Offer>> {
    let shard = Shard::of_address(&reading.address);
    let for_job = reading.clone();
    let job = move |tx: &mut Tx<'_>| -> Result<_> { claim_due(tx, &for_job, after) };
    let announcement = Announcement::of(reading.workspace, shard);
    let claimed = app.store.write_announced(announcement, job).await?;
    claimed.into_iter().map(Claimed::offer).collect()
}

/// A delivery with its new number. Its payload is still in the JSON of the first decision, which need not be read in the
/// transaction.
struct Claimed {
    number: i64,
    candidate: Candidate,
    intent: DeliveredIntent,
}

impl Claimed {
    fn offer(self) -> Result<Offer> {
        let DeliveredIntent { id, intent_type, from, to, created_at, first_decision, traceparent, .. } = self.intent;
        let payload = intents::spec_of(id, &first_decision)?.payload.text().to_owned();
        let trace = traceparent.and_then(|text| Traceparent::parse(&text));
        let intent = OfferedIntent { id, intent_type, from, to, created_at, payload, trace };
        Ok(numbered(self.number, &self.candidate, intent, true))
    }
}

fn claim_due(tx: &mut Tx<'_>, reading: &Reading, after: Option<Position>) -> Result<Vec<Claimed>> {
    let now = tx.now;
    let (workspace, address) = (reading.workspace, &reading.address);
    if agent_limits::is_stopped(tx, workspace, address)? {
        return Ok(Vec::new());
    }
    let bounds = (reading.most, tx.limits.window_bytes);
    let mut due = Vec::new();
    for DueDelivery { candidate, intent } in
        queue::lock_due(tx, reading.reader(), reading.due_by.unwrap_or(now), after, bounds)?
    {
        let intent = match intent {
            Some(own) => Some(own),
            None => find_elsewhere(tx, reading, &candidate)?,
        };
        due.extend(intent.filter(|intent| reading.wants(intent.status)).map(|intent| (candidate, intent)));
    }
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let acknowledged_seconds = match due.iter().any(|(candidate, _)| candidate.acknowledged) {
        true => acknowledged_seconds(tx, reading)?,
        false => tx.limits.acknowledged_seconds,
    };
    let count = i64::try_from(due.len()).unwrap_or(i64::MAX);
    let last = queue::take_numbers(tx, workspace, address, count)?;
    let consumer = reading.consumer();
    if let Some(consumer) = &consumer {
        consumers::put(tx, consumer, now)?;
    }
    let mut claimed = Vec::with_capacity(due.len());
    for (number, (candidate, intent)) in (last - count + 1..).zip(due) {
        let patience = &tx.limits.offer_seconds;
        let nth = (candidate.offers as usize).min(patience.len() - 1);
        let seconds = if candidate.acknowledged { acknowledged_seconds } else { patience[nth] };
        let kind = match &consumer {
            Some(consumer) => Claim::By(&consumer.name),
            None => Claim::Until(now.plus_seconds(seconds)),
        };
        queue::claim_locked(tx, workspace, address, &candidate, (number, kind))?;
        claimed.push(Claimed { number, candidate, intent });
    }
    Ok(claimed)
}

/// Returns how long an acknowledged delivery stays with a nameless reader.
fn acknowledged_seconds(tx: &mut Tx<'_>, reading: &Reading) -> Result<u64, StoreError> {
    let account = service_accounts::find_agent(tx, reading.workspace, &reading.address)?;
    let seconds = account.and_then(|account| account.acknowledged_seconds).map(u64::from);
    Ok(seconds.unwrap_or(tx.limits.acknowledged_seconds))
}

/// Finds an intent that the reader has received from another workspace.
fn find_elsewhere(tx: &mut Tx<'_>, reading: &Reading, candidate: &Candidate) -> Result<Option<DeliveredIntent>> {
    let Some(id) = candidate.item.intent() else { return Ok(None) };
    let found = receiving::find(tx, reading.workspace, Some(&reading.address), id)?;
    let Some((owner, head)) = found else { return Ok(None) };
    let (status, created_at) = (head.intent.status(), head.intent.created_at);
    let first_decision = intents::first_decision(tx, owner, id)?;
    let traceparent = traces::find(tx, head.intent.root)?;
    let (intent_type, from, to) = (head.intent_type, head.from, head.to);
    Ok(Some(DeliveredIntent { id, intent_type, from, to, status, created_at, first_decision, traceparent }))
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
    if let Err(error) = app.store.write_announced(Announcement::of(workspace, shard), job).await {
        tracing::warn!(%error, "could not release unsent deliveries; they are offered again when their claims expire");
    }
}

/// The queue of an address as a reader sees it.
struct QueueView {
    /// Set if deliveries that the reader wants are due: the position after which they begin.
    due: Option<Option<Position>>,
    /// When the next one becomes due.
    next_due: Option<Time>,
    /// The consumers that hold deliveries, with their last signs of life on record.
    holders: Vec<(ConsumerName, Time)>,
}

fn look(tx: &mut Tx<'_>, reading: &Reading) -> Result<QueueView> {
    let now = tx.now;
    let (workspace, to) = (reading.workspace, &reading.address);
    let mut view = QueueView { due: None, next_due: None, holders: Vec::new() };
    if agent_limits::is_stopped(tx, workspace, to)? {
        return Ok(view);
    }
    let due_by = reading.due_by.unwrap_or(now);
    let first = queue::first_due(tx, reading.reader())?;
    // An item that was never offered is due although its time lies ahead, after the clock was set back.
    if first.is_some_and(|first| first <= due_by.max(tx.latest)) {
        view.due = first_wanted(tx, reading, due_by)?;
        // Only later times: due deliveries that the filter excludes must not wake this reader again and again.
        view.next_due = queue::next_due(tx, workspace, to, now)?;
    } else {
        view.next_due = first;
    }
    view.holders = consumers::list_holders(tx, workspace, to)?;
    Ok(view)
}

/// Finds the position after which the deliveries begin that the reader wants. Deliveries that the filter excludes stay in
/// the queue. The scan skips a bounded number of them.
fn first_wanted(tx: &mut Tx<'_>, reading: &Reading, due_by: Time) -> Result<Option<Option<Position>>> {
    if reading.status.is_none() {
        return Ok(Some(None));
    }
    let (workspace, to) = (reading.workspace, &reading.address);
    let mut after = None;
    for _ in 0..MAX_PAGES {
        let page = queue::list_due_to(tx, reading.reader(), due_by, after, reading.most as i64)?;
        let is_last = page.len() < reading.most;
        for candidate in page {
            if let Some(id) = candidate.item.intent()
                && let Some((_, head)) = receiving::find(tx, workspace, Some(to), id)?
                && reading.wants(head.intent.status())
            {
                return Ok(Some(after));
            }
            after = Some(candidate.position());
        }
        if is_last {
            break;
        }
    }
    Ok(None)
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
        if !reading.wants(head.intent.status()) {
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
            trace: None,
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
