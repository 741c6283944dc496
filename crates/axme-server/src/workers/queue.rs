//! The queue of an address: offering what is due to whoever reads it.
//!
//! Candidates are read without a lock; claiming them is a short write that gives each a number and a time until which it is
//! theirs. A delivery that was touched in between is left to whoever touched it.

use std::sync::Arc;

use axme_intent::{Address, IntentId, Status, Time};
use axum::body::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::error::Result;
use crate::http::frames;
use crate::ops::{admission, view};
use crate::store::Shard;
use crate::store::queue::{self, Candidate, Position};
use crate::store::{Tx, intents};

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
    pub intent_id: IntentId,
    /// It was claimed by this reader, rather than shown again.
    pub is_claimed: bool,
    data: Value,
}

impl Offer {
    /// What a push carries: the frame's data, whole.
    pub fn envelope(&self) -> Value {
        self.data.clone()
    }

    pub fn frame(&self, most_bytes: usize) -> Bytes {
        frames::delivery(self.data.clone(), self.number, most_bytes)
    }
}

/// Offers what is due, in the order of the numbers, and says when the next delivery comes due. What is returned has been
/// claimed durably. Nothing while the agent is killed; its resume rings.
pub async fn offer(app: &Arc<App>, reading: Reading) -> Result<(Vec<Offer>, Option<Time>)> {
    let now = app.system.clock.now();
    let (due, next_due) = {
        let reading = reading.clone();
        app.store.read(move |tx| look(tx, &reading, now)).await?
    };
    let mut offers: Vec<Offer> = Vec::with_capacity(due.len());
    if !due.is_empty() {
        let limits = app.limits.clone();
        let (workspace, address) = (reading.workspace, reading.address.clone());
        let candidates: Vec<Candidate> = due.iter().map(|found| found.candidate.clone()).collect();
        let lane = Shard::of_address(&address);
        let job = move |tx: &mut Tx<'_>| {
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
        let claimed = app.store.write(lane, job).await?;
        for (found, number) in due.into_iter().zip(claimed) {
            offers.extend(number.map(|number| found.offer(number, true)));
        }
    }
    offers.sort_by_key(|offer| offer.number);
    Ok((offers, next_due))
}

/// Shows a page of what is out already, with this reader's predecessor or another one, under the numbers it has. `None`
/// when there is no more. A reader that starts from nothing is shown all of it.
pub async fn replay(
    app: &Arc<App>,
    reading: Reading,
    after: Option<Position>,
) -> Result<Option<(Vec<Offer>, Position)>> {
    let now = app.system.clock.now();
    let after = after.unwrap_or((now, Uuid::max()));
    let job = move |tx: &mut Tx<'_>| {
        if admission::is_stopped(tx, reading.workspace, &reading.address)? {
            return Ok(None);
        }
        let page = queue::list_offered(tx, reading.workspace, &reading.address, after, reading.most as i64)?;
        let Some(last) = page.last().map(Candidate::position) else { return Ok(None) };
        let mut shown = Vec::with_capacity(page.len());
        for found in describe(tx, &reading, page)? {
            shown.extend(found.candidate.number.map(|number| found.offer(number, false)));
        }
        shown.sort_by_key(|offer| offer.number);
        Ok(Some((shown, last)))
    };
    app.store.read(job).await
}

/// Gives back what was claimed and never sent.
pub async fn release(app: &Arc<App>, workspace: Uuid, address: &Address, offers: Vec<Offer>) {
    if offers.is_empty() {
        return;
    }
    let now = app.system.clock.now();
    let lane = Shard::of_address(address);
    let address = address.clone();
    let job = move |tx: &mut Tx<'_>| {
        for offer in &offers {
            let position = view::position_seen(offer.number);
            queue::release(tx, workspace, &address, offer.intent_id.into(), position, now)?;
        }
        tx.signal(crate::wakeups::Signal::queue(workspace, &address));
        Ok(())
    };
    if let Err(error) = app.store.write(lane, job).await {
        tracing::warn!(%error, "deliveries that were not sent could not be released; they are offered again when they lapse");
    }
}

/// An intent that may be offered, and what a frame says of it.
struct Found {
    candidate: Candidate,
    intent_id: IntentId,
    data: Value,
}

impl Found {
    fn offer(self, number: i64, is_claimed: bool) -> Offer {
        let Found { candidate, intent_id, mut data } = self;
        let number = view::wire_number(number);
        data["seq"] = number.into();
        data["offer"] = (candidate.offers + u32::from(is_claimed)).into();
        Offer { number, intent_id, is_claimed, data }
    }
}

type Look = (Vec<Found>, Option<Time>);

fn look(tx: &mut Tx<'_>, reading: &Reading, now: Time) -> Result<Look> {
    let (workspace, to) = (reading.workspace, &reading.address);
    if admission::is_stopped(tx, workspace, to)? {
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
fn describe(tx: &mut Tx<'_>, reading: &Reading, candidates: Vec<Candidate>) -> Result<Vec<Found>> {
    let workspace = reading.workspace;
    let mut found = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let Some(intent_id) = candidate.item.intent() else { continue };
        let Some(head) = intents::find(tx, workspace, intent_id)? else { continue };
        let status = head.intent.status();
        if reading.status.as_ref().is_some_and(|wanted| !wanted.contains(&status)) {
            continue;
        }
        let birth = intents::birth(tx, workspace, intent_id)?;
        let data = json!({
            "seq": 0,
            "intent_id": head.intent.id.to_string(),
            "event_type": "intent.delivered",
            // What agents act on; the intent's own status may have moved on.
            "status": "DELIVERED",
            "intent_type": head.intent_type,
            "from_agent": head.from,
            "to_agent": head.to,
            "at": head.intent.created_at.to_string(),
            "offer": 0,
            "payload": birth.payload,
        });
        found.push(Found { candidate, intent_id, data });
    }
    Ok(found)
}
