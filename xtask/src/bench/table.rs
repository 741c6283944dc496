//! The results as a table for people. Every number is the median of the rounds; a ratio is the median of the ratios
//! within each round.

use std::fmt::Write;

use super::protocol::{Percentiles, Report};
use super::{Cost, Measure, Results, Series, median};

pub(crate) fn render(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write_heading(&mut text, results).and_then(|()| write_rows(&mut text, results));
    text
}

/// Renders the table alone.
pub(crate) fn rows(results: &Results) -> String {
    let mut text = String::new();
    let _ = write_rows(&mut text, results);
    text
}

fn write_heading(out: &mut String, results: &Results) -> std::fmt::Result {
    let rounds = results.series.first().map_or(0, |series| series.rounds.len());
    let all = || results.series.iter().flat_map(|series| &series.rounds);
    let mut others: Vec<f64> = all().filter_map(|round| round.others).collect();
    write!(
        out,
        "axme bench: {}, {} cores, median of {rounds} rounds of {} s",
        results.engine, results.cores, results.seconds
    )?;
    if let Some(most) = others.iter().copied().max_by(f64::total_cmp) {
        let usual = median(&mut others);
        write!(out, "; others used {:.0} % of the cores meanwhile, at most {:.0} %", usual * 100.0, most * 100.0)?;
    }
    writeln!(out, "\n")?;
    if let Some(idle) = &results.idle {
        writeln!(
            out,
            "start {:.0} ms on a new folder, {:.0} ms after that; idle memory {:.1} MiB\n",
            idle.first_start_ms, idle.start_ms, idle.rss_mib
        )?;
    }
    Ok(())
}

fn write_rows(out: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(
        out,
        "| clients | measure | per second | of the floor | p50 ms | p99 ms | p99.9 ms | CPU µs | disk KiB |\n|--:|---|--:|--:|--:|--:|--:|--:|--:|"
    )?;
    for series in &results.series {
        let floor = results.series.iter().find(|s| s.clients == series.clients && s.measure == Measure::Row);
        let of_floor = floor.map_or(String::new(), |floor| format!("{:.2}", ratio(series, floor)));
        let rate = median_of(series, |report| Some(report.per_second));
        let whole = percentiles(series, |report| Some(report.whole));
        writeln!(
            out,
            "| {} | {} | {rate:.0} | {of_floor} | {whole} | {} |",
            series.clients,
            name(series.measure),
            cost(series)
        )?;
        if series.measure == Measure::Lifecycle {
            let to_agent = percentiles(series, |report| report.to_agent);
            writeln!(out, "| {} | – submit to the agent's hands | | | {to_agent} | | |", series.clients)?;
        }
    }
    Ok(())
}

pub(super) fn name(measure: Measure) -> &'static str {
    match measure {
        Measure::Http => "HTTP alone (floor A)",
        Measure::Row => "one row (floor B)",
        Measure::Create => "create",
        Measure::CreateKeyed => "create with Idempotency-Key",
        Measure::Lifecycle => "lifecycle, submit to result",
        Measure::Heartbeat => "heartbeat",
    }
}

pub(super) fn median_of(series: &Series, pick: impl Fn(&Report) -> Option<f64>) -> f64 {
    median(&mut series.rounds.iter().filter_map(|round| pick(&round.report)).collect::<Vec<_>>())
}

fn percentiles(series: &Series, pick: impl Fn(&Report) -> Option<Percentiles>) -> String {
    let p50 = median_of(series, |report| pick(report).map(|s| s.p50));
    let p99 = median_of(series, |report| pick(report).map(|s| s.p99));
    let p999 = median_of(series, |report| pick(report).map(|s| s.p999));
    format!("{p50:.2} | {p99:.2} | {p999:.2}")
}

fn cost(series: &Series) -> String {
    let of = |pick: fn(&Cost) -> f64| {
        median(&mut series.rounds.iter().filter_map(|round| round.cost.as_ref().map(pick)).collect::<Vec<_>>())
    };
    format!("{:.0} | {:.1}", of(|cost| cost.cpu_micros), of(|cost| cost.disk_bytes / 1_024.0))
}

fn ratio(series: &Series, floor: &Series) -> f64 {
    let pairs = series.rounds.iter().zip(&floor.rounds);
    median(&mut pairs.map(|(one, floor)| one.report.per_second / floor.report.per_second).collect::<Vec<_>>())
}
