//! The clock. Nothing below the edges reads the system's time: it comes from here, so that runs can be replayed.

use std::future::Future;
use std::pin::Pin;

use axme_intent::Time;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync {
    fn now(&self) -> Time;
    /// Ready once `now()` is at or past `at`.
    fn sleep_until(&self, at: Time) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

#[cfg(feature = "simulation")]
pub use manual::ManualClock;

#[cfg(feature = "simulation")]
mod manual {
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::{Clock, Future, Pin, Time};

    /// A clock that stands until a test moves it.
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
            if let Some(index) = sleepers.iter().position(|until| *until == self.until) {
                sleepers.swap_remove(index);
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
}
