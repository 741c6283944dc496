//! `cargo xtask soak`: a server under load for an hour, with retention on. Its memory, its log and its database must stay
//! flat. Writes the samples as JSON and a graph as SVG.
//!
//! A day of retention takes two minutes here, so that the sweeps delete as much as the load adds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use axme_server::audit;
use axme_server::config::RetentionSettings;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::protocol::{Phase, Report, Workload};
use super::{LoadGenerator, admin_key, idle, now, provision, settings};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long the server works
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Senders at a time, each of which waits for its result
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// The folder for soak.json and soak.svg
    #[arg(long, default_value = "target/soak")]
    out: PathBuf,
}

/// How long a day of retention takes.
const DAY_SECONDS: u64 = 120;
const SAMPLE: Duration = Duration::from_secs(5);
/// The part of the run before the first sweeps have caught up, which is not judged.
const WARM_UP: f64 = 0.25;
/// The last quarter may exceed the second one by this share, and by these bytes.
const GROWTH: f64 = 0.15;
const MEMORY_ALLOWANCE: f64 = 24.0;
const DISK_ALLOWANCE: f64 = 8.0;

/// The sizes at one moment, in MiB.
#[derive(Debug, Clone, Copy, Serialize)]
struct Sample {
    seconds: f64,
    memory: f64,
    database: f64,
    log: f64,
}

#[derive(Serialize)]
struct Outcome {
    minutes: u64,
    clients: usize,
    report: Report,
    samples: Vec<Sample>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(options.minutes >= 8, "the sizes can be judged from 8 minutes on");
    std::fs::create_dir_all(&options.out)?;
    // Next to the results, on a disk: a temporary folder may be in memory.
    let folder = tempfile::Builder::new().prefix("data-").tempdir_in(&options.out)?;
    let runtime = Runtime::new()?;
    let retention = RetentionSettings {
        intents_days: Some(1),
        audit_days: Some(1),
        day_seconds: DAY_SECONDS,
        ..RetentionSettings::default()
    };
    let config = axme_server::Config { retention, ..settings(folder.path().join("data"), None) };
    let server = runtime.block_on(axme_server::start(config))?;
    let accounts = runtime.block_on(provision(server.addr(), &admin_key(server.data())?))?;
    let is_over = Arc::new(AtomicBool::new(false));
    let sampler = sample_until(&is_over, server.data().join("axme.db"));
    let mut generator = LoadGenerator::start()?;
    let report = generator.run_phase(&Phase {
        address: server.addr(),
        clients: options.clients,
        warm_up: Duration::ZERO,
        measured: Duration::from_secs(options.minutes * 60),
        workload: Workload::Lifecycle(accounts),
    });
    is_over.store(true, Ordering::Relaxed);
    let samples = sampler.join().ok().context("the sampler failed")??;
    let report = report?;
    generator.stop()?;
    let data = server.data().to_owned();
    runtime.block_on(server.stop());
    let trails = runtime.block_on(audit::verify_database(&data, None, &[]))?;
    let outcome = Outcome { minutes: options.minutes, clients: options.clients, report, samples };
    std::fs::write(options.out.join("soak.json"), serde_json::to_string_pretty(&outcome)?)?;
    std::fs::write(options.out.join("soak.svg"), graph(&outcome))?;
    println!("{:.0} lifecycles per second; see {}", outcome.report.per_second, options.out.join("soak.svg").display());
    ensure!(trails.iter().all(|trail| trail.broken.is_none()), "an audit trail is broken: {trails:?}");
    let samples = &outcome.samples;
    for (name, size, allowance) in SIZES {
        let (before, after) = growth(samples, size).context("too few samples")?;
        println!("{name}: {before:.1} MiB in the second quarter, {after:.1} MiB in the last");
        ensure!(after <= before * (1.0 + GROWTH) + allowance, "{name} grew from {before:.1} to {after:.1} MiB");
    }
    Ok(())
}

type Size = fn(&Sample) -> f64;

const SIZES: [(&str, Size, f64); 3] = [
    ("memory", |sample| sample.memory, MEMORY_ALLOWANCE),
    ("database", |sample| sample.database, DISK_ALLOWANCE),
    ("log of the database", |sample| sample.log, DISK_ALLOWANCE),
];

/// Samples this process, which is the server, in a thread.
fn sample_until(is_over: &Arc<AtomicBool>, database: PathBuf) -> std::thread::JoinHandle<anyhow::Result<Vec<Sample>>> {
    let is_over = is_over.clone();
    std::thread::spawn(move || {
        let (began, mut samples) = (now(), Vec::new());
        while !is_over.load(Ordering::Relaxed) {
            let mib = |path: &Path| std::fs::metadata(path).map_or(0.0, |found| found.len() as f64 / 1_048_576.0);
            samples.push(Sample {
                seconds: (now() - began).as_secs_f64(),
                memory: idle::rss_kib()? as f64 / 1_024.0,
                database: mib(&database),
                log: mib(&database.with_extension("db-wal")),
            });
            std::thread::sleep(SAMPLE);
        }
        Ok(samples)
    })
}

/// Returns the medians of a size in the second quarter of the run and in the last one.
fn growth(samples: &[Sample], size: Size) -> Option<(f64, f64)> {
    let at = |part: f64| (samples.len() as f64 * part) as usize;
    let median = |part: &[Sample]| {
        let mut sizes: Vec<f64> = part.iter().map(size).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.get(sizes.len() / 2).copied()
    };
    Some((median(samples.get(at(WARM_UP)..at(0.5))?)?, median(samples.get(at(0.75)..)?)?))
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 120.0;
const LEFT: f64 = 60.0;

/// Draws one panel per size.
fn graph(outcome: &Outcome) -> String {
    let total = HEIGHT * SIZES.len() as f64 + 70.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {total}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        LEFT + WIDTH + 20.0
    );
    let last = outcome.samples.last().map_or(1.0, |sample| sample.seconds.max(1.0));
    for (panel, (name, size, _)) in SIZES.iter().enumerate() {
        let (top, most) = (20.0 + panel as f64 * (HEIGHT + 15.0), outcome.samples.iter().map(size).fold(1.0, f64::max));
        let points = outcome.samples.iter().map(|sample| {
            let (x, y) = (LEFT + sample.seconds / last * WIDTH, top + HEIGHT * (1.0 - size(sample) / most * 0.9));
            format!("{x:.1},{y:.1}")
        });
        let points = points.collect::<Vec<String>>().join(" ");
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{}\">{name}, MiB</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most:.0}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">0</text>\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#ccc\"/>\
             <polyline points=\"{points}\" fill=\"none\" stroke=\"#2a6\" stroke-width=\"1.5\"/>",
            top - 4.0,
            LEFT - 6.0,
            top + HEIGHT * 0.1 + 4.0,
            LEFT - 6.0,
            top + HEIGHT,
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\">{} minutes, {:.0} lifecycles per second</text></svg>",
        total - 8.0,
        outcome.minutes,
        outcome.report.per_second
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(database: impl Fn(f64) -> f64) -> Vec<Sample> {
        (0..100).map(|n| Sample { seconds: n as f64, memory: 50.0, database: database(n as f64), log: 4.0 }).collect()
    }

    #[test]
    fn growth_is_seen_after_the_warm_up_only() {
        let flat = samples(|n| if n < 20.0 { n * 5.0 } else { 100.0 });
        assert_eq!(growth(&flat, SIZES[1].1), Some((100.0, 100.0)));
        let (before, after) = growth(&samples(|n| 10.0 + n), SIZES[1].1).unwrap();
        assert!(after > before * (1.0 + GROWTH) + DISK_ALLOWANCE, "{before} {after}");
    }
}
