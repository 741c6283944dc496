//! The real clock and the real randomness. Tests and the simulation supply their own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axme_core::system::{Outbound, System};
use axme_intent::Time;
use axme_store::{Clock, Rng};

/// Returns the system that a server runs on; `outbound` makes its outgoing calls.
pub fn real(outbound: Arc<dyn Outbound>) -> System {
    System { clock: clock(), rng: Rng::system(), outbound }
}

/// Returns the clock of the machine.
pub(crate) fn clock() -> Arc<dyn Clock> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let clock = RealClock { began: std::time::Instant::now() };
    Arc::new(clock)
}

struct RealClock {
    began: std::time::Instant,
}

/// Returns the time of day.
pub fn now() -> Time {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Time::from_micros(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
}

impl Clock for RealClock {
    fn now(&self) -> Time {
        now()
    }

    fn running(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep_until(&self, at: Time) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let wait = at.since(self.now());
        Box::pin(tokio::time::sleep(wait))
    }
}
