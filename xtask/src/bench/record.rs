//! Keeps the results of a run in the repository, and writes them into `docs/performance.md`.
//!
//! The page is never edited between the marks: a test compares it with the kept results.

use std::path::{Path, PathBuf};

use anyhow::Context;
use axme_intent::Time;
use serde::{Deserialize, Serialize};

use super::chart::{Chart, Line, Scale};
use super::protocol::Percentiles;
use super::table::{median_of, name, rows};
use super::waiting::micros;
use super::{LoadPoint, Results, Series, median};

const PAGE: &str = "docs/performance.md";
const PICTURES: &str = "docs/pictures";
const ENGINES: [(&str, &str); 2] = [("sqlite", "SQLite"), ("postgresql", "PostgreSQL")];

/// The machine and the day of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    processor: String,
    memory_gib: u64,
    system: String,
    kernel: String,
    /// The day of the run, in UTC.
    day: String,
}

impl Machine {
    /// Returns a sentence about the machine and the day.
    pub(super) fn sentence(&self, cores: usize) -> String {
        let Machine { processor, memory_gib, system, kernel, day } = self;
        format!("Machine: {processor}, {cores} cores, {memory_gib} GiB, {system}, Linux {kernel}; {day}.")
    }

    /// Describes this machine, from the files of a Linux system. Unknown facts are "unknown".
    pub(crate) fn this() -> anyhow::Result<Machine> {
        let field = |file: &str, key: &str| {
            let text = std::fs::read_to_string(file).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim_start_matches([' ', '\t', ':', '=']).trim_matches('"').trim().to_owned())
        };
        let or_unknown = |found: Option<String>| found.unwrap_or_else(|| "unknown".to_owned());
        let kib = field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kib: u64 = kib.trim_end_matches(" kB").trim().parse().unwrap_or(0);
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        Ok(Machine {
            processor: or_unknown(field("/proc/cpuinfo", "model name")),
            memory_gib: kib.div_ceil(1_048_576),
            system: or_unknown(field("/etc/os-release", "PRETTY_NAME")),
            kernel: or_unknown(kernel.map(|text| text.trim().to_owned())),
            day: Time::from_micros(micros()).to_string().chars().take(10).collect(),
        })
    }
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn kept(engine: &str) -> PathBuf {
    root().join("bench/results").join(format!("{engine}.json"))
}

/// Keeps the results of a run, and renders the page.
pub(crate) fn keep(results: &Results) -> anyhow::Result<()> {
    let file = kept(&results.engine);
    std::fs::create_dir_all(file.parent().context("a folder")?)?;
    std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(results)?))?;
    render()
}

/// Writes the kept results into the page, and draws its pictures.
pub(crate) fn render() -> anyhow::Result<()> {
    let page = root().join(PAGE);
    let kept = read()?;
    std::fs::write(&page, with_results(&std::fs::read_to_string(&page)?, &kept)?)?;
    for (name, svg) in pictures(&kept) {
        std::fs::write(root().join(PICTURES).join(name), svg)?;
    }
    Ok(())
}

/// Reads the kept results of each engine that has some.
fn read() -> anyhow::Result<Vec<Results>> {
    let mut all = Vec::new();
    for (engine, _) in ENGINES {
        let file = kept(engine);
        if file.exists() {
            let text = std::fs::read_to_string(&file)?;
            all.push(serde_json::from_str(&text).with_context(|| format!("bench/results/{engine}.json"))?);
        }
    }
    Ok(all)
}

/// Returns the page with the results between the marks of each engine.
fn with_results(page: &str, kept: &[Results]) -> anyhow::Result<String> {
    let mut page = page.to_owned();
    for results in kept {
        page = between(&page, PAGE, &results.engine, &section(results))?;
    }
    Ok(page)
}

/// Returns a page with a text between the marks of a name.
pub(super) fn between(page: &str, path: &str, name: &str, text: &str) -> anyhow::Result<String> {
    let (begin, end) = (format!("<!-- results: {name} -->\n"), "<!-- end of results -->");
    let from = page.find(&begin).with_context(|| format!("{path} has no line {begin}"))? + begin.len();
    let to = from + page[from..].find(end).with_context(|| format!("{path} has no {end}"))?;
    Ok([&page[..from], text, &page[to..]].concat())
}

fn section(results: &Results) -> String {
    let engine = ENGINES.iter().find(|(id, _)| *id == results.engine).map_or("", |(_, name)| *name);
    let rounds = results.series.first().map_or(0, |series| series.rounds.len());
    let mut others: Vec<f64> =
        results.series.iter().flat_map(|one| &one.rounds).filter_map(|round| round.others).collect();
    let mut text = format!("{engine}, medians of {rounds} rounds of {} s.", results.seconds);
    if let Some(machine) = &results.machine {
        text += &format!(" {}", machine.sentence(results.cores));
    }
    if !others.is_empty() {
        text += &format!("\nOther processes used {:.0} % of the cores (median).", median(&mut others) * 100.0);
    }
    if let Some(idle) = &results.idle {
        text += &format!(
            " Start: {:.0} ms on a new folder, {:.0} ms after that. Idle memory: {:.0} MiB.",
            idle.first_start_ms, idle.start_ms, idle.rss_mib
        );
    }
    format!("\n{text}\n\n{}\n", rows(results))
}

/// Draws the pictures of the page: throughput by clients, and latency by load.
fn pictures(kept: &[Results]) -> Vec<(String, String)> {
    let mut pictures = Vec::new();
    let mut latencies = Vec::new();
    for results in kept {
        let engine = ENGINES.iter().find(|(id, _)| *id == results.engine).map_or("", |(_, name)| *name);
        let title = format!("{engine}: operations per second by clients");
        let chart = Chart {
            title: &title,
            x_label: "clients",
            x_scale: Scale::Logarithmic,
            lines: throughput(&results.series),
        };
        pictures.push((format!("throughput-{}.svg", results.engine), chart.svg()));
        latencies.extend(latency(engine, &results.loads));
    }
    if !latencies.is_empty() {
        let title = "A lifecycle from submit to result, in milliseconds, by load";
        let x_label = "lifecycles per second";
        let chart = Chart { title, x_label, x_scale: Scale::Linear, lines: latencies };
        pictures.push(("latency.svg".to_owned(), chart.svg()));
    }
    pictures
}

fn throughput(series: &[Series]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for one in series {
        let point = (one.clients as f64, median_of(one, |report| Some(report.per_second)));
        match lines.iter_mut().find(|line| line.name == name(one.measure)) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { name: name(one.measure).to_owned(), points: vec![point] }),
        }
    }
    lines
}

fn latency(engine: &str, loads: &[LoadPoint]) -> Vec<Line> {
    let of = |pick: fn(&Percentiles) -> f64| {
        let point = |load: &LoadPoint| {
            (
                load.per_second,
                median(&mut load.rounds.iter().map(|round| pick(&round.report.whole)).collect::<Vec<_>>()),
            )
        };
        loads.iter().map(point).collect::<Vec<_>>()
    };
    if loads.is_empty() {
        return Vec::new();
    }
    vec![
        Line { name: format!("{engine}, median"), points: of(|times| times.p50) },
        Line { name: format!("{engine}, p99"), points: of(|times| times.p99) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_the_kept_results() {
        let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
        let kept = read().unwrap();
        assert_eq!(kept.len(), ENGINES.len());
        assert_eq!(page, with_results(&page, &kept).unwrap(), "run `cargo xtask bench --render`");
        for (name, svg) in pictures(&kept) {
            let file = root().join(PICTURES).join(&name);
            assert_eq!(std::fs::read_to_string(file).unwrap(), svg, "{name}: run `cargo xtask bench --render`");
        }
    }

    #[test]
    fn a_page_without_the_marks_is_refused() {
        let kept = read().unwrap();
        assert!(with_results("# Performance\n", &kept).is_err());
    }
}
