//! Measurements of the store: how many jobs share a commit, how long a commit takes, and how much is read.
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
    statements: IntCounter,
    rows: IntCounter,
}

impl Default for StoreMetrics {
    fn default() -> StoreMetrics {
        let histogram = |name: &str, help: &str, bounds: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
            Histogram::with_opts(options).expect("the name is valid and the bounds ascend")
        };
        let counter = |name: &str, help: &str| IntCounter::new(name, help).expect("the name is valid");
        StoreMetrics {
            group_jobs: histogram("axme_write_group_jobs", "Jobs that shared one commit.", &GROUP_BOUNDS),
            commit_seconds: histogram(
                "axme_commit_seconds",
                "Duration of a commit until it is on disk (the fsync).",
                &COMMIT_BOUNDS,
            ),
            failed_commits: counter("axme_failed_commits_total", "Commits that failed."),
            statements: counter("axme_statements_total", "Statements that jobs ran, also those sent with the commit."),
            rows: counter("axme_rows_total", "Rows that statements returned."),
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

    /// Records one statement, and the rows that it returned.
    pub(crate) fn statement(&self, rows: usize) {
        self.statements.inc();
        self.rows.inc_by(rows as u64);
    }

    /// Returns the measurements for a registry.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        let StoreMetrics { group_jobs, commit_seconds, failed_commits, statements, rows } = self.clone();
        let counters = [failed_commits, statements, rows].map(|counter| Box::new(counter) as Box<dyn Collector>);
        let histograms = [group_jobs, commit_seconds].map(|histogram| Box::new(histogram) as Box<dyn Collector>);
        histograms.into_iter().chain(counters).collect()
    }
}
