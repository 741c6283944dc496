//! Everything outside that makes two runs differ: the clock, the rng, and other people's servers. Real ones in the program, controlled ones in
//! tests. Nothing else in the server reads the time or draws a random number.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axme_intent::{IntentId, Time};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;
use uuid::Uuid;

#[derive(Clone)]
pub struct System {
    pub clock: Arc<dyn Clock>,
    pub rng: Rng,
    pub outbound: Arc<dyn Outbound>,
}

impl System {
    pub fn real(outbound: Arc<dyn Outbound>) -> System {
        System { clock: Arc::new(RealClock), rng: Rng::system(), outbound }
    }
}

/// A request to somebody else's server.
#[derive(Debug, Clone)]
pub struct Post {
    /// On whose behalf.
    pub workspace: Uuid,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// Why a request to somebody else's server has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unposted {
    /// It was not sent: too many others are under way. That is no fault of the receiver.
    NoPlace,
    Failed(String),
}

impl From<String> for Unposted {
    fn from(why: String) -> Unposted {
        Unposted::Failed(why)
    }
}

/// When something that found no place is tried again.
pub const PLACE_PAUSE_SECONDS: u64 = 5;

/// A request to a server that whoever runs this one has named in the settings, and trusts.
#[derive(Debug, Clone)]
pub struct Fetch {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// A form to send; without one it is a GET.
    pub form: Option<String>,
}

/// The status and the body that were answered, or why there was no answer.
pub type Fetched = Result<Vec<u8>, String>;

/// A mail to one person.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The same for every attempt to send it.
    pub id: String,
    pub to: String,
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Where the person answers, when the mail asks for an answer.
    pub link: Option<String>,
}

/// Why a mail was not sent.
#[derive(Debug, Clone)]
pub struct Unsent {
    pub why: String,
    /// The mail server will never take it: nobody has the address, say.
    pub is_final: bool,
}

/// The only way out.
pub trait Outbound: Send + Sync {
    /// Whether a URL may be called, as far as it says itself; otherwise why not.
    fn check(&self, url: &str) -> Result<(), String>;
    /// Sends; returns the status that was answered, or why there was no answer.
    fn post(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<u16, Unposted>> + Send + '_>>;
    /// Asks a trusted server.
    fn fetch(&self, fetch: Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>>;
    /// Hands a mail to the mail server, or says why that failed.
    fn mail(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), Unsent>> + Send + '_>>;
}

pub trait Clock: Send + Sync {
    fn now(&self) -> Time;
    /// Ready once `now()` is at or past `at`.
    fn sleep_until(&self, at: Time) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Time {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Time::from_micros(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, at: Time) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let wait = at.since(self.now());
        Box::pin(tokio::time::sleep(wait))
    }
}

/// A clock that stands until it is moved.
pub struct ManualClock {
    now: Mutex<Time>,
    moved: Arc<Notify>,
    sleepers: Mutex<Vec<Time>>,
}

impl ManualClock {
    pub fn at(now: Time) -> Arc<ManualClock> {
        Arc::new(ManualClock { now: Mutex::new(now), moved: Arc::new(Notify::new()), sleepers: Mutex::default() })
    }

    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.plus_millis(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
        self.moved.notify_waiters();
    }

    /// Sets the clock, also back.
    pub fn set(&self, now: Time) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
        self.moved.notify_waiters();
    }

    /// When the first of those who sleep now wants to wake up.
    pub fn next_sleeper(&self) -> Option<Time> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner).iter().min().copied()
    }

    /// How many sleep now.
    pub fn sleepers(&self) -> usize {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn read(&self) -> Time {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listed among the sleepers while it lives.
struct Sleeper {
    clock: Arc<ManualClock>,
    until: Time,
}

impl Sleeper {
    fn new(clock: Arc<ManualClock>, until: Time) -> Sleeper {
        clock.sleepers.lock().unwrap_or_else(PoisonError::into_inner).push(until);
        Sleeper { clock, until }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let mut sleepers = self.clock.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = sleepers.iter().position(|until| *until == self.until) {
            sleepers.swap_remove(place);
        }
    }
}

impl Clock for Arc<ManualClock> {
    fn now(&self) -> Time {
        self.read()
    }

    fn sleep_until(&self, at: Time) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = self.clone();
        Box::pin(async move {
            let _listed = Sleeper::new(clock.clone(), at);
            loop {
                let moved = clock.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if clock.read() >= at {
                    return;
                }
                moved.await;
            }
        })
    }
}

/// Randomness for ids and secrets.
#[derive(Clone)]
pub struct Rng {
    source: Source,
    /// Of the last id that sorts by time: its millisecond, and behind it in [`COUNTER_BITS`] its number within that.
    last: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Source {
    /// The thread's generator: seeded by the system, fit for secrets.
    System,
    /// The same draws for the same seed.
    Seeded(Arc<Mutex<StdRng>>),
}

/// As many bits as an UUIDv7 has between its millisecond and its variant.
const COUNTER_BITS: u32 = 12;

impl Rng {
    pub fn real() -> Rng {
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

    /// What a UUIDv7 of the moment `at` has behind its time: a number, then randomness. Those that are drawn for one
    /// millisecond sort in the order they are drawn; past the 4,096th of a millisecond they are only different.
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
