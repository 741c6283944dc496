//! Mails the operator about trouble, at most once an hour. Trouble is a delivery or a mail that was given up, an agent that
//! fetches no work, or a disk that is almost full.
//!
//! The nodes share the time of the last mail. If it cannot be written, as on a full disk, each node keeps its own.

use std::path::Path;
use std::sync::Arc;

use axme_core::error::{Result, StoreError};
use axme_core::state::AppState;
use axme_intent::Time;
use axme_store::gauges::Count;
use axme_store::{Shard, Tx, alerts as store};

use crate::deliver::mail_templates;
use crate::http::host;

const INTERVAL_SECONDS: u64 = 60;
const HOUR_SECONDS: u64 = 3_600;
/// The name of the mail in the database.
const NAME: &str = "trouble";
/// Agents that a mail names.
const MAX_AGENTS: i64 = 20;
/// A disk is almost full with less than this share, in percent, and less than this many bytes free.
const MIN_FREE_PERCENT: u64 = 5;
const MIN_FREE_BYTES: u64 = 1024 * 1024 * 1024;

/// The space of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    pub free: u64,
    pub all: u64,
}

impl DiskSpace {
    /// Returns the space of the disk with a folder; `None` where it cannot be told.
    pub fn of(folder: &Path) -> Option<DiskSpace> {
        let found = rustix::fs::statvfs(folder).ok()?;
        Some(DiskSpace {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            all: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }

    fn is_almost_full(self) -> bool {
        self.free < MIN_FREE_BYTES && self.free.saturating_mul(100) < self.all.saturating_mul(MIN_FREE_PERCENT)
    }
}

/// The memory of the worker between two looks.
#[derive(Debug, Default)]
pub struct Memory {
    /// The last mail of this node whose time could not be written.
    unwritten: Option<Time>,
}

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>, to: String, data: std::path::PathBuf) {
    let mut memory = Memory::default();
    loop {
        if super::next_round(&app, INTERVAL_SECONDS).await {
            return;
        }
        if let Err(error) = tick(&app, &to, DiskSpace::of(&data), &mut memory).await {
            tracing::warn!(%error, "could not look for trouble to report");
        }
    }
}

/// Looks once. Returns true if a mail was sent.
pub async fn tick(app: &Arc<AppState>, to: &str, disk: Option<DiskSpace>, memory: &mut Memory) -> Result<bool> {
    let now = app.system.clock.now();
    let is_recent = |at: Option<Time>| at.is_some_and(|at| now < at.plus_seconds(HOUR_SECONDS));
    let look = move |tx: &mut Tx<'_>| -> Result<_, StoreError> {
        let last = store::last_sent(tx, NAME)?;
        let after = last.unwrap_or_else(|| before(now, HOUR_SECONDS));
        let given_up = store::given_up(tx, after, now)?;
        let silent = store::silent_agents(tx, before(after, HOUR_SECONDS), before(now, HOUR_SECONDS), MAX_AGENTS)?;
        Ok((last, given_up, silent))
    };
    let (last, given_up, silent) = app.store.read(look).await?;
    let lines = trouble(&given_up, &silent, disk);
    if lines.is_empty() || is_recent(last) || is_recent(memory.unwritten) {
        return Ok(false);
    }
    let claim = move |tx: &mut Tx<'_>| -> Result<bool, StoreError> {
        // Another node may have sent it meanwhile.
        if store::lock(tx, NAME)? != last {
            return Ok(false);
        }
        store::set_sent(tx, NAME, Some(now))?;
        Ok(true)
    };
    let is_written = match app.store.write(Shard::CONTROL, claim).await {
        Ok(true) => true,
        Ok(false) => return Ok(false),
        // A mail about a full disk must not need the disk.
        Err(_) => false,
    };
    let id = app.system.rng.uuid().to_string();
    let mail = mail_templates::of_operator(id, to, &lines, &host(&app.site.base_url));
    if let Err(error) = app.system.outbound.mail(mail).await {
        tracing::warn!(error = error.why, "could not mail the operator");
        if is_written {
            let undo = move |tx: &mut Tx<'_>| -> Result<(), StoreError> { store::set_sent(tx, NAME, last) };
            app.store.write(Shard::CONTROL, undo).await?;
        }
        return Ok(false);
    }
    memory.unwritten = (!is_written).then_some(now);
    Ok(true)
}

fn before(at: Time, seconds: u64) -> Time {
    at.minus_millis(seconds * 1_000)
}

/// Says what is wrong, and what to do.
fn trouble(given_up: &[Count], silent: &[(String, Time)], disk: Option<DiskSpace>) -> Vec<String> {
    let mut lines = Vec::new();
    for Count { class, rows, .. } in given_up {
        let (one, many, todo) = match class.as_str() {
            "notice" => ("mail or notice was", "mails or notices were", "see axme mail"),
            "webhook" => ("webhook was", "webhooks were", "see axme deliveries list"),
            "route" => ("routed delivery was", "routed deliveries were", "see axme deliveries list"),
            _ => ("delivery to an agent was", "deliveries to agents were", "see axme deliveries list"),
        };
        lines.push(format!("{rows} {} given up: {todo}.", if *rows == 1 { one } else { many }));
    }
    for (address, due_at) in silent {
        lines.push(format!("{address} has not fetched work that is due since {due_at}: check that it runs."));
    }
    if let Some(disk) = disk.filter(|disk| disk.is_almost_full()) {
        let mib = |bytes: u64| bytes / (1024 * 1024);
        lines.push(format!(
            "The disk of the data folder has {} MiB of {} MiB left: make room before writes fail.",
            mib(disk.free),
            mib(disk.all)
        ));
    }
    lines
}
