//! The server of a data folder, found by what it leaves there: `run.json` while it lives, `bootstrap.json` from its first
//! start on. This is how commands work on a machine where nothing is configured.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axme_client::Client;
use serde::Deserialize;

use crate::server::Bootstrap;

/// A local server answers at once or it is not there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that lives.
pub struct Live {
    pub folder: PathBuf,
    pub base_url: String,
    /// Absent when the file may not be read, or was written on another node.
    pub bootstrap: Option<Bootstrap>,
}

#[derive(Deserialize)]
struct Run {
    base_url: String,
}

/// The server of `folder`, if it answers. A file left behind by one that was killed is not believed.
pub async fn find(folder: &Path) -> Option<Live> {
    let run: Run = read(folder, "run.json")?;
    let probe = Client::builder(&run.base_url).call_timeout(PROBE_TIMEOUT).build().ok()?;
    let health = probe.health().await.ok()?;
    (health.service == "axme").then(|| Live {
        folder: folder.to_owned(),
        base_url: run.base_url,
        bootstrap: bootstrap(folder),
    })
}

pub fn bootstrap(folder: &Path) -> Option<Bootstrap> {
    read(folder, "bootstrap.json")
}

fn read<T: for<'de> Deserialize<'de>>(folder: &Path, name: &str) -> Option<T> {
    serde_json::from_slice(&fs::read(folder.join(name)).ok()?).ok()
}
