//! The queue of an address: offering what is due to whoever reads it.
//!
//! Candidates are read without a lock; claiming them is a short write that gives each a number and a time until which it is
//! theirs. A delivery that was touched in between is left to whoever touched it.

use std::sync::Arc;

use axme_intent::{Address, IntentId, Status, Time};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Result;
use crate::policy::agent_limits;
use crate::state::AppState;
use crate::views;
use axme_store::queue::{self, Candidate, Position};
use axme_store::{Shard, Signal, Tx, intents};

/// How many pages a reader with a filter looks through at a time.
const MOST_PAGES: usize = 20;

/// What a reader asks for.
#[derive(Clone)]
pub struct Reading {
    pub workspace: Uuid,
    pub address: Address,
    pub most: usize,
    /// Only intents in these statuses.
    pub status: Option<Vec<Status>>,
    /// Only what was due at this moment: a backlog, without what comes while it is read.
    pub due_by: Option<Time>,
}

/// A delivery in a reader's hands.
#[derive(Debug, Clone)]
pub struct Offer {
    /// As on the wire.
    pub number: u64,
    /// How often it has been offered, this time included.
    pub offers: u32,
    /// It was claimed by this reader, rather than shown again.
    pub is_claimed: bool,
    pub intent: OfferedIntent,
}

/// What an offer says of its intent.
#[derive(Debug, Clone)]
pub struct OfferedIntent {
    pub id: IntentId,
    pub intent_type: String,
    pub from: Address,
    pub to: Address,
    pub created_at: Time,
    pub payload: Value,
}

/// Offers what is due, in the order of the numbers, and says when the next delivery comes due. What is returned has been
/// claimed durably. Nothing while the agent is killed; its resume sends a signal.
pub async fn offer(app: &Arc<AppState>, reading: Reading) -> Result<(Vec<Offer>, Option<Time>)> {
    let now = app.system.clock.now();
    let (due, next_due) = {
        let reading = reading.clone();
        app.store.read(move |tx| look(tx, &reading)).await?
    };
    let mut offers: Vec<Offer> = Vec::with_capacity(due.len());
    if !due.is_empty() {
        let limits = app.limits.clone();
        let (workspace, address) = (reading.workspace, reading.address.clone());
        let candidates: Vec<Candidate> = due.iter().map(|(candidate, _)| candidate.clone()).collect();
        let shard = Shard::of_address(&address);
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            let count = i64::try_from(candidates.len()).unwrap_or(i64::MAX);
            let last = queue::take_numbers(tx, workspace, &address, count)?;
            let mut claimed = Vec::with_capacity(candidates.len());
            for (number, candidate) in (last - count + 1..).zip(&candidates) {
                let patience = &limits.offer_seconds;
                let nth = (candidate.offers as usize).min(patience.len() - 1);
                let until =
                    now.plus_seconds(if candidate.acknowledged { limits.acknowledged_seconds } else { patience[nth] });
                claimed.push(queue::claim(tx, workspace, &address, candidate, number, until)?.then_some(number));
            }
            Ok(claimed)
        };
        let claimed = app.store.write(shard, job).await?;
        for ((candidate, intent), number) in due.into_iter().zip(claimed) {
            if let Some(number) = number {
                offers.push(numbered(number, &candidate, intent, true));
            }
        }
    }
    offers.sort_by_key(|offer| offer.number);
    Ok((offers, next_due))
}

/// Shows a page of what is out already, with this reader's predecessor or another one, under the numbers it has. `None`
/// when there is no more. A reader that starts from nothing is shown all of it.
pub async fn replay(
    app: &Arc<AppState>,
    reading: Reading,
    after: Option<Position>,
) -> Result<Option<(Vec<Offer>, Position)>> {
    let now = app.system.clock.now();
    let after = after.unwrap_or((now, Uuid::max()));
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        if agent_limits::is_stopped(tx, reading.workspace, &reading.address)? {
            return Ok(None);
        }
        let page = queue::list_offered(tx, reading.workspace, &reading.address, after, reading.most as i64)?;
        let Some(last) = page.last().map(Candidate::position) else { return Ok(None) };
        let mut shown = Vec::with_capacity(page.len());
        for (candidate, intent) in describe(tx, &reading, page)? {
            if let Some(number) = candidate.number {
                shown.push(numbered(number, &candidate, intent, false));
            }
        }
        shown.sort_by_key(|offer| offer.number);
        Ok(Some((shown, last)))
    };
    app.store.read(job).await
}

/// Gives back what was claimed and never sent.
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
        tracing::warn!(%error, "deliveries that were not sent could not be released; they are offered again when they lapse");
    }
}

/// What is due with its description, and when the next delivery comes due.
type DueDeliveries = (Vec<(Candidate, OfferedIntent)>, Option<Time>);

fn look(tx: &mut Tx<'_>, reading: &Reading) -> Result<DueDeliveries> {
    let now = tx.now;
    let (workspace, to) = (reading.workspace, &reading.address);
    if agent_limits::is_stopped(tx, workspace, to)? {
        return Ok((Vec::new(), None));
    }
    let due_by = reading.due_by.unwrap_or(now);
    let mut found = Vec::new();
    let mut after = None;
    // Deliveries that this reader does not want stay where they are; it looks past them, but not for ever.
    for _ in 0..MOST_PAGES {
        let rest = reading.most - found.len();
        let page = queue::list_due(tx, workspace, to, due_by, after, rest as i64)?;
        let is_last = page.len() < rest;
        after = page.last().map(Candidate::position);
        found.extend(describe(tx, reading, page)?);
        if is_last || found.len() == reading.most {
            break;
        }
    }
    // What is due and not wanted here must not wake this reader again and again.
    let next_due = queue::next_due(tx, workspace, to, now)?;
    Ok((found, next_due))
}

/// What a frame says of each delivery; those in a status that the reader does not want are left out.
fn describe(tx: &mut Tx<'_>, reading: &Reading, candidates: Vec<Candidate>) -> Result<Vec<(Candidate, OfferedIntent)>> {
    let workspace = reading.workspace;
    let mut found = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let Some(intent_id) = candidate.item.intent() else { continue };
        let Some(head) = intents::find(tx, workspace, intent_id)? else { continue };
        let status = head.intent.status();
        if reading.status.as_ref().is_some_and(|wanted| !wanted.contains(&status)) {
            continue;
        }
        let spec = intents::spec(tx, workspace, intent_id)?;
        let intent = OfferedIntent {
            id: head.intent.id,
            created_at: head.intent.created_at,
            intent_type: head.intent_type,
            from: head.from,
            to: head.to,
            payload: spec.payload,
        };
        found.push((candidate, intent));
    }
    Ok(found)
}

fn numbered(number: i64, candidate: &Candidate, intent: OfferedIntent, is_claimed: bool) -> Offer {
    let offers = candidate.offers + u32::from(is_claimed);
    Offer { number: views::wire_number(number), offers, is_claimed, intent }
}
