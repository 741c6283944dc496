//! The long form of the test in `crates/axme/tests/crash/nodes.rs`: three nodes on one PostgreSQL, which die for minutes
//! instead of seconds. From 121 seconds on, it also waits for the claims of a named reader whose node has died.

use anyhow::{Context, bail};

use crate::cargo;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long nodes are killed, stopped and restarted.
    #[arg(long, default_value_t = 180)]
    seconds: u64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    std::env::var("AXME_TEST_POSTGRES_URL")
        .context("set AXME_TEST_POSTGRES_URL, as tools/postgres.sh start prints it")?;
    let status = cargo()
        .args(["test", "-p", "axme", "--test", "crash", "nodes::", "--", "--nocapture"])
        .env("AXME_TEST_NODES_SECONDS", options.seconds.to_string())
        .status()?;
    if !status.success() {
        bail!("the nodes lost something, or the test did not run");
    }
    Ok(())
}
