//! The clock. No code below the edges reads the system's time. It asks a [`Clock`], so that runs can be replayed. Tests
//! and the simulation use a `ManualClock`.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axme_intent::Time;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync {
    fn now(&self) -> Time;
    /// Returns the time since some fixed moment. It never goes back, even when the time of day does.
    fn running(&self) -> Duration;
    /// Completes once `now()` is at or past `at`.
    fn sleep_until(&self, at: Time) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

#[cfg(feature = "simulation")]
pub use manual::ManualClock;

#[cfg(feature = "simulation")]
mod manual {
    use std::sync::{Arc, Mutex, PoisonError};

    use tokio::sync::Notify;

    use super::{Clock, Duration, Future, Pin, Time};

    /// A clock that only a test moves.
    pub struct ManualClock {
        now: Mutex<Time>,
        running: Mutex<Duration>,
        moved: Arc<Notify>,
        sleepers: Mutex<Vec<Time>>,
    }

    impl ManualClock {
        pub fn at(now: Time) -> Arc<ManualClock> {
            Arc::new(ManualClock {
                now: Mutex::new(now),
                running: Mutex::default(),
                moved: Arc::new(Notify::new()),
                sleepers: Mutex::default(),
            })
        }

        pub fn advance(&self, by: Duration) {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            *now = now.plus_millis(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
            *self.running.lock().unwrap_or_else(PoisonError::into_inner) += by;
            self.moved.notify_waiters();
        }

        /// Sets the clock, forward or back. The time that it has been running follows forward only.
        pub fn set(&self, now: Time) {
            let before = std::mem::replace(&mut *self.now.lock().unwrap_or_else(PoisonError::into_inner), now);
            *self.running.lock().unwrap_or_else(PoisonError::into_inner) += now.since(before);
            self.moved.notify_waiters();
        }

        /// The earliest time that a current sleeper waits for.
        pub fn next_sleeper(&self) -> Option<Time> {
            self.sleepers.lock().unwrap_or_else(PoisonError::into_inner).iter().min().copied()
        }

        /// Counts the current sleepers.
        pub fn sleepers(&self) -> usize {
            self.sleepers.lock().unwrap_or_else(PoisonError::into_inner).len()
        }

        fn read(&self) -> Time {
            *self.now.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// An entry in the list of sleepers; dropping it removes the entry.
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
            if let Some(index) = sleepers.iter().position(|until| *until == self.until) {
                sleepers.swap_remove(index);
            }
        }
    }

    impl Clock for Arc<ManualClock> {
        fn now(&self) -> Time {
            self.read()
        }

        fn running(&self) -> Duration {
            *self.running.lock().unwrap_or_else(PoisonError::into_inner)
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
}
