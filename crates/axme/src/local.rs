//! The running server of a data folder, found by the files that it writes there: `run.json` while it runs,
//! `bootstrap.json` at its first start. With them, commands work on a machine without configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axme_client::Client;
use serde::Deserialize;

use crate::server::Bootstrap;

/// A local server that runs answers at once.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A running server.
pub(crate) struct LocalServer {
    pub(crate) folder: PathBuf,
    pub(crate) base_url: String,
    /// Absent if the file is unreadable, deleted, or on another node.
    pub(crate) bootstrap: Option<Bootstrap>,
}

#[derive(Deserialize)]
struct RunFile {
    base_url: String,
}

/// Finds the server of `folder`, if it answers. A killed server leaves its `run.json` behind.
pub(crate) async fn find(folder: &Path) -> Option<LocalServer> {
    let run: RunFile = read(folder, "run.json")?;
    let probe = Client::builder(&run.base_url).call_timeout(PROBE_TIMEOUT).build().ok()?;
    let health = probe.health().await.ok()?;
    (health.service == "axme").then(|| LocalServer {
        folder: folder.to_owned(),
        base_url: run.base_url,
        bootstrap: bootstrap(folder),
    })
}

pub(crate) fn bootstrap(folder: &Path) -> Option<Bootstrap> {
    read(folder, "bootstrap.json")
}

fn read<T: for<'de> Deserialize<'de>>(folder: &Path, name: &str) -> Option<T> {
    serde_json::from_slice(&fs::read(folder.join(name)).ok()?).ok()
}
