//! Measurements of the writers: how many jobs share a commit, and how long a commit takes.
//!
//! Recording is a few atomic additions, so a writer may do it between two groups. Nothing here reads the database.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter};

/// Upper bounds of the group sizes.
const GROUP_BOUNDS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
/// Upper bounds of the commit times, in seconds: from a fast disk to one that a person notices.
const COMMIT_BOUNDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The measurements of one store.
#[derive(Clone)]
pub struct StoreMetrics {
    group_jobs: Histogram,
    commit_seconds: Histogram,
    failed_commits: IntCounter,
}

impl Default for StoreMetrics {
    fn default() -> StoreMetrics {
        let histogram = |name: &str, help: &str, bounds: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
            Histogram::with_opts(options).expect("the name is valid and the bounds ascend")
        };
        StoreMetrics {
            group_jobs: histogram("axme_write_group_jobs", "Jobs that shared one commit.", &GROUP_BOUNDS),
            commit_seconds: histogram(
                "axme_commit_seconds",
                "Duration of a commit until it is on disk (the fsync).",
                &COMMIT_BOUNDS,
            ),
            failed_commits: IntCounter::new("axme_failed_commits_total", "Commits that failed.")
                .expect("the name is valid"),
        }
    }
}

impl StoreMetrics {
    /// Records one commit of `jobs` jobs.
    pub(crate) fn commit(&self, jobs: usize, took: Duration, is_done: bool) {
        self.group_jobs.observe(jobs as f64);
        self.commit_seconds.observe(took.as_secs_f64());
        if !is_done {
            self.failed_commits.inc();
        }
    }

    /// Returns the measurements for a registry.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        let StoreMetrics { group_jobs, commit_seconds, failed_commits } = self.clone();
        vec![Box::new(group_jobs), Box::new(commit_seconds), Box::new(failed_commits)]
    }
}
