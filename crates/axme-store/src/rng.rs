//! Randomness for ids and secrets. No other code draws random numbers, so that runs can be replayed from a seed.
//! Generated ids are UUIDs, most of which sort by time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axme_intent::{IntentId, Time};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng};
use uuid::Uuid;

/// A source of randomness. Clones draw from the same source.
#[derive(Clone)]
pub struct Rng {
    source: Source,
    /// The last id that sorts by time: its millisecond, then in [`COUNTER_BITS`] its number within that millisecond.
    last: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Source {
    /// The thread's generator: seeded by the system and suitable for secrets.
    System,
    /// Generates the same sequence for the same seed.
    Seeded(Arc<Mutex<StdRng>>),
}

/// The bits that a UUIDv7 has between its millisecond and its variant.
const COUNTER_BITS: u32 = 12;

impl Rng {
    pub fn system() -> Rng {
        Rng { source: Source::System, last: Arc::default() }
    }

    pub fn seeded(seed: u64) -> Rng {
        let rng = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
        Rng { source: Source::Seeded(rng), last: Arc::default() }
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.source {
            Source::System => rand::rng().fill_bytes(&mut bytes),
            Source::Seeded(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes),
        }
        bytes
    }

    /// Generates the ten bytes of a UUIDv7 after its time: a counter, then random bits. The first 4,096 ids of a
    /// millisecond sort in the order of generation; further ones are unique but unordered.
    pub fn ordered_bytes(&self, at: Time) -> [u8; 10] {
        let first = at.millis() << COUNTER_BITS;
        let next = |last: u64| if last < first { first } else { last + 1 };
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let number = next(last.unwrap_or_else(|last| last)) & ((1 << COUNTER_BITS) - 1);
        let mut bytes = self.bytes();
        bytes[..2].copy_from_slice(&number.to_be_bytes()[6..]);
        bytes
    }

    /// A random UUID.
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// A UUID that sorts by time.
    pub fn uuid_at(&self, at: Time) -> Uuid {
        IntentId::root(at, self.ordered_bytes(at)).0
    }

    /// `N` random bytes as lower-case hexadecimal digits.
    pub fn hex<const N: usize>(&self) -> String {
        hex(&self.bytes::<N>())
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_millisecond_sort_in_the_order_they_are_drawn() {
        let rng = Rng::system();
        let root = IntentId::root(Time::from_micros(5_000_000), rng.bytes());
        for millis in [7, 8] {
            let at = Time::from_micros(millis * 1_000);
            let ids: Vec<IntentId> = (0..4_096)
                .map(|n| match n % 2 {
                    0 => IntentId(rng.uuid_at(at)),
                    _ => root.relative(at, rng.ordered_bytes(at)),
                })
                .collect();
            assert!(ids.is_sorted());
            assert!(ids.iter().all(|id| id.0.get_version_num() == 7));
        }
    }
}
