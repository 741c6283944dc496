//! Everything outside that makes two runs differ: the clock, the dice, and other people's servers. Real ones in the program, controlled ones in
//! tests. Nothing else in the server reads the time or draws a random number.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axme_intent::{IntentId, Time};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;
use uuid::Uuid;

#[derive(Clone)]
pub struct World {
    pub clock: Arc<dyn Clock>,
    pub dice: Dice,
    pub outbound: Arc<dyn Outbound>,
}

impl World {
    pub fn real(outbound: Arc<dyn Outbound>) -> World {
        World { clock: Arc::new(RealClock), dice: Dice::Real, outbound }
    }
}

/// A request to somebody else's server.
#[derive(Debug, Clone)]
pub struct Post {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// The only way out.
pub trait Outbound: Send + Sync {
    /// Whether a URL may be called, as far as it says itself; otherwise why not.
    fn check(&self, url: &str) -> Result<(), String>;
    /// Sends; returns the status that was answered, or why there was no answer.
    fn post(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<u16, String>> + Send + '_>>;
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
pub enum Dice {
    /// The thread's generator: seeded by the system, fit for secrets.
    Real,
    /// The same draws for the same seed.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Dice {
    pub fn seeded(seed: u64) -> Dice {
        Dice::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            Dice::Real => rand::rng().fill_bytes(&mut bytes),
            Dice::Seeded(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes),
        }
        bytes
    }

    /// A random UUID.
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// A UUID that sorts by time.
    pub fn uuid_at(&self, at: Time) -> Uuid {
        IntentId::root(at, self.bytes()).0
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
