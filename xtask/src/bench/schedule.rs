//! The schedule of a phase: after a warm-up, requests are measured until the end.

use std::time::Instant;

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
