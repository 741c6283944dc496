//! `cargo xtask count`: counts the instructions of the steps of a lifecycle with callgrind, and compares them with the
//! numbers in the repository. Seconds differ from minute to minute, instructions hardly do.
//!
//! The program that is counted is `axme-count`, which links the core and the store only.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::cargo;

/// The numbers of the last commit that changed them: instructions per step.
const KEPT: &str = "xtask/count/instructions.json";
/// The intents of each counted step, as in `axme-count`.
const COUNTED: u64 = 200;
/// A step may grow by this much, in percent, before the check fails.
const MOST_GROWTH: f64 = 5.0;
const PREFIX: &str = "measured_";

/// Instructions per intent, by step.
type Counts = BTreeMap<String, u64>;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the numbers into the repository instead of comparing them
    #[arg(long)]
    update: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let counts = count()?;
    if options.update {
        return Ok(std::fs::write(KEPT, format!("{}\n", serde_json::to_string_pretty(&counts)?))?);
    }
    let kept = std::fs::read_to_string(KEPT)
        .with_context(|| format!("{KEPT} cannot be read: record the numbers with `cargo xtask count --update`"))?;
    let kept: Counts = serde_json::from_str(&kept).with_context(|| KEPT.to_owned())?;
    println!("{}", render(&kept, &counts));
    let grown = grown(&kept, &counts);
    if grown.is_empty() {
        return Ok(());
    }
    bail!(
        "these steps take over {MOST_GROWTH} % more instructions: {}. Find out why, or record it with `cargo xtask count \
         --update` and give the reason in the commit",
        grown.join(", ")
    )
}

/// Runs the program under callgrind.
fn count() -> anyhow::Result<Counts> {
    let built = cargo().args(["build", "--release", "--package", "axme-count"]).status()?;
    ensure!(built.success(), "axme-count was not built");
    let program = std::env::current_exe()?.with_file_name("axme-count");
    let out = tempfile::NamedTempFile::new()?;
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--compress-strings=no", "--quiet"])
        .arg(format!("--toggle-collect=*{PREFIX}*"))
        .arg(format!("--callgrind-out-file={}", out.path().display()))
        .arg(&program)
        .status()
        .context("valgrind is missing: install it (on Debian: apt-get install valgrind)")?;
    ensure!(ran.success(), "axme-count failed under callgrind");
    let counts = read(&std::fs::read_to_string(out.path())?)?;
    ensure!(!counts.is_empty(), "callgrind found no function that begins with {PREFIX}");
    Ok(counts)
}

/// Reads the steps from callgrind's output. After the name of a function that was called come a line `calls=`, and a line
/// with the instructions of the call.
fn read(out: &str) -> anyhow::Result<Counts> {
    let mut counts = Counts::new();
    let mut lines = out.lines();
    while let Some(line) = lines.next() {
        let called = line.strip_prefix("cfn=").and_then(|name| name.split_once(PREFIX));
        let Some((_, step)) = called else { continue };
        let calls = lines.next().filter(|line| line.starts_with("calls=1 "));
        let cost = calls.and(lines.next()).and_then(|line| line.split(' ').nth(1));
        let cost: u64 =
            cost.with_context(|| format!("callgrind has not counted one call of {PREFIX}{step}"))?.parse()?;
        counts.insert(step.to_owned(), cost / COUNTED);
    }
    Ok(counts)
}

/// Returns the steps that take too many instructions more than before, and those that are new or gone.
fn grown(kept: &Counts, counts: &Counts) -> Vec<String> {
    let is_grown = |step: &&String| match (kept.get(*step), counts.get(*step)) {
        (Some(before), Some(after)) => growth(*before, *after) > MOST_GROWTH,
        _ => true,
    };
    let mut steps: Vec<&String> = kept.keys().chain(counts.keys()).collect();
    steps.sort_unstable();
    steps.dedup();
    steps.into_iter().filter(is_grown).cloned().collect()
}

fn growth(before: u64, after: u64) -> f64 {
    (after as f64 / before as f64 - 1.0) * 100.0
}

fn render(kept: &Counts, counts: &Counts) -> String {
    let line = |(step, after): (&String, &u64)| match kept.get(step) {
        Some(before) => format!("| {step} | {before} | {after} | {:+.1} % |", growth(*before, *after)),
        None => format!("| {step} | | {after} | |"),
    };
    let lines: Vec<String> = counts.iter().map(line).collect();
    format!("| step | kept | instructions | growth |\n|---|--:|--:|--:|\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(step, count)| ((*step).to_owned(), *count)).collect()
    }

    #[test]
    fn growth_beyond_five_percent_is_reported_and_so_are_steps_without_a_number() {
        let kept = counts(&[("answer", 1_000), ("claim", 1_000), ("create", 1_000), ("gone", 1)]);
        let now = counts(&[("answer", 1_049), ("claim", 1_051), ("create", 500), ("new", 1)]);
        assert_eq!(grown(&kept, &now), ["claim", "gone", "new"]);
    }

    #[test]
    fn the_cost_of_each_step_is_read() {
        let out =
            "fn=main\n0 7\ncfn=axme_count::measured_read_events\ncalls=1 0 \n0 40000\ncfn=other\ncalls=2 0\n0 9\n";
        assert_eq!(read(out).unwrap(), counts(&[("read_events", 200)]));
        assert!(read("cfn=measured_claim\ncalls=2 0 \n0 40000\n").is_err(), "two calls are not one step");
    }
}
