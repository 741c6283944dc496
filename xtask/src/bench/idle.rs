//! An idle server: how long it takes to start, and how much memory it uses.
//!
//! Measured from outside, in a separate process: from its start to the moment it accepts calls.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{median, now};

const STARTS: usize = 3;
/// How long the server is idle before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Idle {
    /// On a new folder, where the database must be created.
    pub(crate) first_start_ms: f64,
    /// On a folder with a database.
    pub(crate) start_ms: f64,
    /// Resident memory.
    pub(crate) rss_mib: f64,
}

pub(crate) fn measure(folder: &Path) -> anyhow::Result<Idle> {
    let (mut firsts, mut seconds, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..STARTS {
        let data = folder.join(format!("idle-{number}"));
        firsts.push(start(&data)?.0);
        let (took, size) = start(&data)?;
        seconds.push(took);
        sizes.push(size);
    }
    Ok(Idle { first_start_ms: median(&mut firsts), start_ms: median(&mut seconds), rss_mib: median(&mut sizes) })
}

/// Returns the milliseconds until the server accepts calls, and its memory in MiB.
fn start(data: &Path) -> anyhow::Result<(f64, f64)> {
    let began = now();
    let mut child =
        Command::new(std::env::current_exe()?).arg("bench-idle").arg(data).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("the server has no output")?).lines();
    lines.next().context("the server did not start")??;
    let took = (now() - began).as_secs_f64() * 1_000.0;
    let kib: f64 = lines.next().context("the server did not print its memory")??.parse()?;
    child.wait()?;
    Ok((took, kib / 1_024.0))
}

/// The child process: starts a server, prints `ready`, prints its memory in KiB, stops.
pub(crate) fn serve(data: PathBuf) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let server = axme_server::start(super::settings(data, None)).await?;
        println!("ready");
        std::io::stdout().flush()?;
        tokio::time::sleep(SETTLE).await;
        println!("{}", rss_kib()?);
        server.stop().await;
        Ok(())
    })
}

pub(crate) fn rss_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")
        .context("cannot read the memory from /proc, which exists only on Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
