//! The schedule of a phase: after a warm-up, requests are measured until the end.

use std::time::{Duration, Instant};

use super::now;
use super::protocol::Phase;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    begin: Instant,
    end: Instant,
}

impl Schedule {
    pub(crate) fn new(phase: &Phase) -> Schedule {
        let begin = now() + phase.warm_up;
        Schedule { begin, end: begin + phase.measured }
    }

    /// True if a response at this time is measured.
    pub(crate) fn is_measured(&self, at: Instant) -> bool {
        self.begin <= at && at < self.end
    }

    pub(crate) fn is_over(&self, at: Instant) -> bool {
        at >= self.end
    }

    pub(crate) fn per_second(&self, count: usize) -> f64 {
        count as f64 / (self.end - self.begin).as_secs_f64()
    }
}

/// The times at which a client starts its turns, at a fixed rate. A client that is late starts at once, until it has caught
/// up. So a slow moment of the machine does not change how much is sent in total.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    first: Instant,
    interval: Duration,
}

impl Pace {
    /// Clients take turns from `begin` on: together they start `per_second` turns.
    pub(crate) fn new(begin: Instant, per_second: f64, client: usize, clients: usize) -> Pace {
        let between = Duration::from_secs_f64(1.0 / per_second);
        Pace { first: begin + between.mul_f64(client as f64), interval: between.mul_f64(clients as f64) }
    }

    /// Waits until a turn is due, and returns when it was.
    pub(crate) async fn wait_for(&self, turn: u64) -> Instant {
        let due = self.due(turn);
        tokio::time::sleep_until(due.into()).await;
        due
    }

    fn due(&self, turn: u64) -> Instant {
        self.first + self.interval.mul_f64(turn as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clients_at_four_a_second_start_a_turn_every_quarter_of_a_second() {
        let begin = now();
        let [first, second] = [0, 1].map(|client| Pace::new(begin, 4.0, client, 2));
        let starts: Vec<Duration> =
            (0..2).flat_map(|turn| [first.due(turn), second.due(turn)]).map(|due| due - begin).collect();
        assert_eq!(starts, [0, 250, 500, 750].map(Duration::from_millis));
    }
}
