//! `cargo xtask soak`: a server under a fixed load for an hour, with retention on. Its memory, its log and its database must
//! stay flat. Writes the samples as JSON and a graph as SVG.
//!
//! A day of retention takes two minutes here, so that the sweeps delete as much as the load adds. The load has a fixed rate:
//! otherwise the database would grow whenever the machine gets faster.

use std::collections::BTreeMap;
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

use super::database_probe::{DatabaseProbe, MIB};
use super::protocol::{Phase, Report, Workload};
use super::{LoadGenerator, admin_key, idle, now, provision, settings};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long the server works
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Lifecycles that start per second
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// Senders at a time, each of which waits for its result
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// The folder for soak.json and soak.svg
    #[arg(long, default_value = "target/soak")]
    out: PathBuf,
}

/// How long a day of retention takes.
const DAY_SECONDS: u64 = 120;
const SAMPLE: Duration = Duration::from_secs(5);
/// The tables are measured with every so many samples.
const SAMPLES_PER_TABLES: usize = 12;
/// The part of the run before the first sweeps have caught up, which is not judged.
const WARM_UP: f64 = 0.25;
/// The part of the rate that must be reached. With less, the sizes say nothing.
const REACHED: f64 = 0.98;
/// The last quarter may exceed the second one by this share, and by the allowance of the size.
const GROWTH: f64 = 0.1;
/// The log is a file that is used again and never shrinks below this size, in MiB. So it may reach it at any time.
const LOG: f64 = 16.0;
/// A table is named if it grew by this many MiB.
const WORTH_A_LINE: f64 = 0.05;

/// The sizes at one moment, in MiB.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Sample {
    seconds: f64,
    memory: f64,
    /// The file, with its free pages.
    database: f64,
    /// The pages of the file that hold nothing.
    free: f64,
    log: f64,
    /// The number of intents in the database: it shows whether the sweeps keep up.
    intents: f64,
}

/// MiB in each table and index at one moment.
#[derive(Debug, Clone, Default, Serialize)]
struct Tables {
    seconds: f64,
    sizes: BTreeMap<String, f64>,
}

#[derive(Default, Serialize)]
struct Samples {
    samples: Vec<Sample>,
    tables: Vec<Tables>,
}

#[derive(Serialize)]
struct Outcome {
    minutes: u64,
    rate: f64,
    clients: usize,
    day_seconds: u64,
    report: Report,
    #[serde(flatten)]
    samples: Samples,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(options.minutes >= 8, "the sizes can be judged from 8 minutes on");
    ensure!(options.rate > 0.0 && options.clients > 0, "--rate and --clients must be more than 0");
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
        workload: Workload::Lifecycle { accounts, per_second: Some(options.rate) },
    });
    is_over.store(true, Ordering::Relaxed);
    let samples = sampler.join().ok().context("the sampler failed")??;
    let report = report?;
    generator.stop()?;
    let data = server.data().to_owned();
    runtime.block_on(server.stop());
    let trails = runtime.block_on(audit::verify_database(&data, None, &[]))?;
    let (minutes, rate, clients) = (options.minutes, options.rate, options.clients);
    let outcome = Outcome { minutes, rate, clients, day_seconds: DAY_SECONDS, report, samples };
    std::fs::write(options.out.join("soak.json"), serde_json::to_string_pretty(&outcome)?)?;
    std::fs::write(options.out.join("soak.svg"), graph(&outcome))?;
    println!("see {}", options.out.join("soak.svg").display());
    ensure!(trails.iter().all(|trail| trail.broken.is_none()), "an audit trail is broken: {trails:?}");
    judge(&outcome)
}

/// Prints what is compared, and fails if something has grown.
fn judge(outcome: &Outcome) -> anyhow::Result<()> {
    let (samples, reached) = (&outcome.samples.samples, outcome.report.per_second);
    println!(
        "{reached:.1} of {:.1} lifecycles per second for {} minutes; a day of retention took {DAY_SECONDS} s. Medians of the \
         second quarter of the run and of the last one:",
        outcome.rate, outcome.minutes
    );
    let mut grown = Vec::new();
    for Size { name, unit, of, allowance } in SIZES {
        let growth = Growth::of(samples, of).context("too few samples")?;
        let limit = growth.before * (1.0 + GROWTH) + allowance;
        println!(
            "{name}: {:.1}{unit} and {:.1}{unit}; the limit is {limit:.1}{unit}. The trend is {:+.2}{unit} per hour",
            growth.before, growth.after, growth.per_hour
        );
        if growth.after > limit {
            grown.push(format!("{name} grew from {:.1} to {:.1}{unit}", growth.before, growth.after));
        }
    }
    for (table, before, after) in grown_tables(&outcome.samples.tables) {
        println!("{table} grew from {before:.2} to {after:.2} MiB");
    }
    ensure!(
        reached >= outcome.rate * REACHED,
        "the server or the machine was too slow for the rate, so the sizes say nothing"
    );
    // Retention leaves a day of intents, and those that the next sweep takes.
    let most = outcome.rate * DAY_SECONDS as f64 * 1.25;
    let intents = Growth::of(samples, |sample| sample.intents).context("too few samples")?.after;
    ensure!(
        intents <= most,
        "the sweeps do not keep up: {intents:.0} intents are left, and at most {most:.0} should be"
    );
    ensure!(grown.is_empty(), "{}", grown.join("; "));
    Ok(())
}

/// Something that must not grow.
struct Size {
    name: &'static str,
    unit: &'static str,
    of: fn(&Sample) -> f64,
    allowance: f64,
}

const SIZES: [Size; 5] = [
    Size { name: "memory", unit: " MiB", of: |sample| sample.memory, allowance: 4.0 },
    Size { name: "database", unit: " MiB", of: |sample| sample.database, allowance: 1.0 },
    Size { name: "free pages in it", unit: " MiB", of: |sample| sample.free, allowance: 1.0 },
    Size { name: "log of the database", unit: " MiB", of: |sample| sample.log, allowance: LOG },
    Size { name: "intents in it", unit: "", of: |sample| sample.intents, allowance: 100.0 },
];

/// Samples this process, which is the server, in a thread.
fn sample_until(is_over: &Arc<AtomicBool>, database: PathBuf) -> std::thread::JoinHandle<anyhow::Result<Samples>> {
    let is_over = is_over.clone();
    std::thread::spawn(move || {
        let (began, mut taken) = (now(), Samples::default());
        let inside = DatabaseProbe::open(&database)?;
        while !is_over.load(Ordering::Relaxed) {
            let seconds = (now() - began).as_secs_f64();
            taken.samples.push(Sample {
                seconds,
                memory: idle::rss_kib()? as f64 / 1_024.0,
                database: mib(&database),
                free: inside.free_mib()?,
                log: mib(&database.with_extension("db-wal")),
                intents: inside.intents()?,
            });
            if taken.samples.len() % SAMPLES_PER_TABLES == 1 {
                taken.tables.push(Tables { seconds, sizes: inside.tables()? });
            }
            std::thread::sleep(SAMPLE);
        }
        Ok(taken)
    })
}

fn mib(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |found| found.len() as f64 / MIB)
}

/// Returns the tables that are larger in the last quarter than in the second one, with both medians.
fn grown_tables(tables: &[Tables]) -> Vec<(String, f64, f64)> {
    let names = tables.last().map(|last| last.sizes.keys().cloned()).into_iter().flatten();
    let sizes = names.filter_map(|name| {
        let (before, after) = quarters(tables, |at| at.sizes.get(&name).copied().unwrap_or(0.0))?;
        (after > before + WORTH_A_LINE).then_some((name, before, after))
    });
    sizes.collect()
}

/// How a size changed after the warm-up.
#[derive(Debug, PartialEq)]
struct Growth {
    /// The medians of the second quarter of the run and of the last one.
    before: f64,
    after: f64,
    /// The slope of the line that fits all samples after the warm-up best.
    per_hour: f64,
}

impl Growth {
    fn of(samples: &[Sample], size: impl Fn(&Sample) -> f64) -> Option<Growth> {
        let (before, after) = quarters(samples, &size)?;
        let judged = samples.get(at(samples, WARM_UP)..)?;
        let count = judged.len() as f64;
        let mean = |of: &dyn Fn(&Sample) -> f64| judged.iter().map(of).sum::<f64>() / count;
        let (time, middle) = (mean(&|sample| sample.seconds), mean(&|sample| size(sample)));
        let spread = mean(&|sample| (sample.seconds - time).powi(2));
        let slope = mean(&|sample| (sample.seconds - time) * (size(sample) - middle)) / spread.max(f64::MIN_POSITIVE);
        Some(Growth { before, after, per_hour: slope * 3_600.0 })
    }
}

fn at<T>(samples: &[T], part: f64) -> usize {
    (samples.len() as f64 * part) as usize
}

/// Returns the medians of a size in the second quarter of the run and in the last one.
fn quarters<T>(samples: &[T], size: impl Fn(&T) -> f64) -> Option<(f64, f64)> {
    let median = |part: &[T]| {
        let mut sizes: Vec<f64> = part.iter().map(&size).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.get(sizes.len() / 2).copied()
    };
    let (second, last) = (samples.get(at(samples, WARM_UP)..at(samples, 0.5))?, samples.get(at(samples, 0.75)..)?);
    Some((median(second)?, median(last)?))
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 120.0;
const LEFT: f64 = 60.0;

/// Draws one panel per size.
fn graph(outcome: &Outcome) -> String {
    let total = (HEIGHT + 15.0) * SIZES.len() as f64 + 25.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {total}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        LEFT + WIDTH + 20.0
    );
    let samples = &outcome.samples.samples;
    let last = samples.last().map_or(1.0, |sample| sample.seconds.max(1.0));
    for (panel, Size { name, unit, of, .. }) in SIZES.iter().enumerate() {
        let (top, most) = (20.0 + panel as f64 * (HEIGHT + 15.0), samples.iter().map(of).fold(1.0, f64::max));
        let title = if unit.is_empty() { (*name).to_owned() } else { format!("{name},{unit}") };
        let points = samples.iter().map(|sample| {
            let (x, y) = (LEFT + sample.seconds / last * WIDTH, top + HEIGHT * (1.0 - of(sample) / most * 0.9));
            format!("{x:.1},{y:.1}")
        });
        let points = points.collect::<Vec<String>>().join(" ");
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{}\">{title}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most:.0}</text>\
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

    fn outcome(per_second: f64, sample: impl Fn(f64) -> Sample) -> Outcome {
        let percentiles = super::super::protocol::Percentiles { p50: 1.0, p99: 2.0, p999: 3.0 };
        let samples = (0..100).map(|n| Sample { seconds: n as f64 * 5.0, ..sample(n as f64) }).collect();
        Outcome {
            minutes: 8,
            rate: 20.0,
            clients: 1,
            day_seconds: DAY_SECONDS,
            report: Report { per_second, whole: percentiles, to_agent: None },
            samples: Samples { samples, tables: Vec::new() },
        }
    }

    fn flat(n: f64) -> Sample {
        // The first sweeps come late.
        let database = if n < 20.0 { n } else { 12.0 };
        Sample { memory: 60.0, database, log: 8.0, intents: 2_400.0, ..Sample::default() }
    }

    #[test]
    fn flat_sizes_pass_and_growth_in_the_warm_up_is_not_judged() {
        judge(&outcome(20.0, flat)).unwrap();
    }

    #[test]
    fn each_size_that_grows_fails() {
        let grows: [fn(f64) -> Sample; 4] = [
            |n| Sample { memory: 60.0 + n / 4.0, ..flat(n) },
            |n| Sample { database: 10.0 + n / 10.0, ..flat(n) },
            |n| Sample { free: n / 10.0, ..flat(n) },
            |n| Sample { log: if n < 80.0 { 8.0 } else { 26.0 }, ..flat(n) },
        ];
        for (grows, name) in grows.into_iter().zip(["memory", "database", "free pages", "log"]) {
            let error = judge(&outcome(20.0, grows)).unwrap_err().to_string();
            assert!(error.starts_with(name) && !error.contains(';'), "{error}");
        }
    }

    #[test]
    fn a_rate_that_is_not_reached_and_sweeps_that_lag_fail() {
        assert!(judge(&outcome(15.0, flat)).unwrap_err().to_string().contains("too slow"));
        let behind = |n| Sample { intents: 4_000.0, ..flat(n) };
        assert!(judge(&outcome(20.0, behind)).unwrap_err().to_string().contains("do not keep up"));
    }

    #[test]
    fn the_trend_is_that_of_the_fitted_line() {
        let samples = outcome(20.0, |n| Sample { memory: n * 5.0 / 3_600.0, ..flat(n) }).samples.samples;
        let growth = Growth::of(&samples, |sample| sample.memory).unwrap();
        assert!((growth.per_hour - 1.0).abs() < 1e-6, "{growth:?}");
    }

    #[test]
    fn a_table_that_grows_is_named() {
        let tables: Vec<Tables> = (0..8)
            .map(|n| {
                let sizes = BTreeMap::from([("events".to_owned(), 3.0), ("links".to_owned(), n as f64)]);
                Tables { seconds: 60.0 * n as f64, sizes }
            })
            .collect();
        assert_eq!(grown_tables(&tables), [("links".to_owned(), 3.0, 7.0)]);
    }
}
