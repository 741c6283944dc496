//! Consumers: the named readers of an agent's queue. A claim belongs to the name of its reader. It lives until the name has
//! given no sign of life for two minutes. Signs are a stream, a fetch, and a heartbeat that names it.
//!
//! Signs of life are gathered in memory, so that an open stream costs few writes. One in twenty seconds is written at once.
//! A worker writes the last one of a name that has gone quiet, so that other nodes know it too.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axme_api::{ApiError, ErrorCode};
use axme_intent::{Address, IntentId, Time};
use axme_store::consumers::{self as store, Consumer, ConsumerName};
use axme_store::{Shard, Store, Tx};
use uuid::Uuid;

use crate::error::{Result, StoreError};

/// How long a name keeps its claims without a sign of life.
pub const SILENCE_SECONDS: u64 = 120;
/// The silence after which a name is forgotten when others arrive. Another node may know a sign of life that is not
/// written yet, so this is longer.
const FORGET_SECONDS: u64 = 180;
/// The shortest time between two writes of one name.
const WRITE_SECONDS: u64 = 20;
/// Maximum number of names of one agent at a time.
pub const MAX_CONSUMERS: i64 = 1_000;
/// Maximum number of names in memory. Signs of life of further ones are all written at once.
const MAX_KEPT: usize = 10_000;
/// Maximum number of claims that one transaction releases, and of silent names that it forgets.
const BATCH: i64 = 500;

/// The header that carries the name of a consumer.
pub const HEADER: &str = "x-axme-consumer";

/// Reads the name of a consumer from the header and the query, each with all its values. They must agree.
pub fn read_name(header: &[Option<String>], query: &[&str]) -> Result<Option<ConsumerName>, ApiError> {
    let unreadable = || ApiError::invalid(format!("{HEADER}: must be UTF-8 text"));
    let mut name: Option<ConsumerName> = None;
    let of_header = header.iter().map(|text| (HEADER, text.as_deref()));
    for (place, text) in of_header.chain(query.iter().map(|text| ("consumer", Some(*text)))) {
        let found = ConsumerName::parse(text.ok_or_else(unreadable)?).ok_or_else(|| {
            ApiError::invalid(format!("{place}: must be 1 to 128 characters without control characters"))
        })?;
        if let Some(other) = name.filter(|name| *name != found) {
            let message = format!("consumer: the call names two consumers, \"{other}\" and \"{found}\"; name one");
            return Err(ApiError::invalid(message));
        }
        name = Some(found);
    }
    Ok(name)
}

/// The signs of life that this process has seen.
#[derive(Default)]
pub struct Consumers(Mutex<HashMap<Consumer, Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Time,
    /// The last sign of life that was written.
    written: Time,
}

impl Consumers {
    /// Records a sign of life. Refuses a new name of an agent that has too many.
    pub async fn see(&self, store: &Store, consumer: &Consumer, now: Time) -> Result<()> {
        if !self.note(consumer, now) {
            return Ok(());
        }
        let for_job = consumer.clone();
        let job = move |tx: &mut Tx<'_>| arrive(tx, &for_job, now);
        let written = store.write(Shard::of_address(&consumer.address), job).await;
        if written.is_err() {
            self.forget(consumer);
        }
        written
    }

    /// Notes a sign of life. Returns true if it must be written.
    fn note(&self, consumer: &Consumer, now: Time) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = known.get_mut(consumer) {
            seen.at = now;
            let is_recent = seen.written <= now && now.since(seen.written).as_secs() < WRITE_SECONDS;
            if !is_recent {
                seen.written = now;
            }
            return !is_recent;
        }
        if known.len() < MAX_KEPT {
            known.insert(consumer.clone(), Seen { at: now, written: now });
        }
        true
    }

    fn forget(&self, consumer: &Consumer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(consumer);
    }

    /// Returns the last sign of life that this process has seen.
    fn last(&self, consumer: &Consumer) -> Option<Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(consumer).map(|seen| seen.at)
    }

    /// Writes the signs of life that are not written yet, and forgets names that have been silent. Returns how many it
    /// wrote.
    pub async fn flush(&self, store: &Store, now: Time) -> Result<usize> {
        let unwritten: Vec<(Consumer, Time)> = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|_, seen| now.since(seen.at).as_secs() < SILENCE_SECONDS || seen.at > seen.written);
            let unwritten = known.iter_mut().filter(|(_, seen)| seen.at > seen.written);
            let mut unwritten: Vec<_> = unwritten
                .map(|(consumer, seen)| {
                    seen.written = seen.at;
                    (consumer.clone(), seen.at)
                })
                .collect();
            // All nodes lock rows in the same order.
            unwritten.sort();
            unwritten
        };
        for batch in unwritten.chunks(BATCH as usize) {
            let batch = batch.to_vec();
            let job = move |tx: &mut Tx<'_>| -> Result<()> {
                for (consumer, at) in &batch {
                    store::see(tx, consumer, *at)?;
                }
                Ok(())
            };
            if let Err(error) = store.write(Shard::CONTROL, job).await {
                unwritten.iter().for_each(|(consumer, _)| self.forget(consumer));
                return Err(error);
            }
        }
        Ok(unwritten.len())
    }

    /// Releases the claims of the names of an address that have been silent for too long. Returns how many claims it
    /// released, and when the next ones lapse.
    pub(crate) async fn release_silent(
        &self,
        store: &Store,
        (workspace, address): (Uuid, &Address),
        holders: Vec<(ConsumerName, Time)>,
        now: Time,
    ) -> Result<(u64, Option<Time>)> {
        let mut next: Option<Time> = None;
        let mut silent = Vec::new();
        for (name, seen_at) in holders {
            let consumer = Consumer { workspace, address: address.clone(), name };
            let seen_at = self.last(&consumer).map_or(seen_at, |last| last.max(seen_at));
            let lapses_at = seen_at.plus_seconds(SILENCE_SECONDS);
            match lapses_at <= now {
                true => silent.push(consumer),
                false => next = Some(next.map_or(lapses_at, |next| next.min(lapses_at))),
            }
        }
        if silent.is_empty() {
            return Ok((0, next));
        }
        let job = move |tx: &mut Tx<'_>| -> Result<u64> {
            let mut released = 0;
            let until = now.minus_millis(SILENCE_SECONDS * 1_000);
            for consumer in &silent {
                released += store::release(tx, consumer, until, now, BATCH)?;
            }
            Ok(released)
        };
        let released = store.write(Shard::of_address(address), job).await?;
        Ok((released, next))
    }
}

/// Records the sign of life of a call, if it names a consumer.
pub(crate) async fn see(seen: &Consumers, store: &Store, consumer: Option<&Consumer>, now: Time) -> Result<()> {
    match consumer {
        Some(consumer) => seen.see(store, consumer, now).await,
        None => Ok(()),
    }
}

/// Records a sign of life in a transaction. A new name takes the place of silent ones, whose claims are released.
pub(crate) fn arrive(tx: &mut Tx<'_>, consumer: &Consumer, at: Time) -> Result<()> {
    if try_arrive(tx, consumer, at)? {
        return Ok(());
    }
    let address = &consumer.address;
    let message = format!("{address} has {MAX_CONSUMERS} consumers, the maximum; reuse the names of your workers");
    Err(ApiError::new(ErrorCode::RateLimitExceeded, message).into())
}

/// Records a sign of life. Returns false if the name is new and its agent has too many.
fn try_arrive(tx: &mut Tx<'_>, consumer: &Consumer, at: Time) -> Result<bool, StoreError> {
    if store::see(tx, consumer, at)? {
        return Ok(true);
    }
    let Consumer { workspace, address, .. } = consumer;
    let now = tx.now;
    let until = now.minus_millis(FORGET_SECONDS * 1_000);
    for name in store::list_silent(tx, *workspace, address, until, BATCH)? {
        let silent = Consumer { name, ..consumer.clone() };
        if store::release(tx, &silent, until, now, BATCH)? > 0 {
            tx.signal(axme_store::Signal::queue(*workspace, address));
        }
    }
    if store::count(tx, *workspace, address)? >= MAX_CONSUMERS {
        return Ok(false);
    }
    store::put(tx, consumer, at)?;
    Ok(true)
}

/// Lets a consumer hold an intent that it has fetched, unless another name holds it, or its agent has too many names.
pub(crate) fn hold(tx: &mut Tx<'_>, consumer: &Consumer, intent: IntentId) -> Result<(), StoreError> {
    let now = tx.now;
    if try_arrive(tx, consumer, now)? { store::hold(tx, consumer, intent) } else { Ok(()) }
}
