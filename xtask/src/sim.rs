//! Runs many seeds of the simulation. Stops at the first failure, and prints its last steps and how to repeat it.

use anyhow::bail;
use axme_sim::Report;
use tracing_subscriber::EnvFilter;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The number of seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The steps of each seed.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// The filter of the servers' log lines, such as `axme_server=debug`, to look into one seed.
    #[arg(long, default_value = "off")]
    log: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(EnvFilter::try_new(&options.log)?).with_writer(std::io::stderr).init();
    let mut total = Report::default();
    for seed in options.seed..options.seed.saturating_add(options.seeds) {
        match axme_sim::run(seed, axme_sim::Options { steps: options.steps, mutation: None }) {
            Ok(report) => total = total.plus(report),
            Err(failure) => bail!("{failure}"),
        }
    }
    let Report { intents, events, crashes, links_used, .. } = total;
    println!(
        "{} seeds passed: {intents} intents, {events} events, {crashes} crashes, {links_used} answers by link",
        options.seeds
    );
    Ok(())
}
