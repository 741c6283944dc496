//! Folders: settings of the command line under the user's configuration folder, a server's data under the user's data folder.
//! XDG rules on every system.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;

use crate::failure::Failure;

/// `~/.config/axme`.
pub(crate) fn config() -> Result<PathBuf, Failure> {
    base().map(|base| base.config_dir().join("axme"))
}

/// `~/.local/share/axme`.
pub(crate) fn default_data() -> Result<PathBuf, Failure> {
    base().map(|base| base.data_dir().join("axme"))
}

/// The data folder: as given, else from the environment, else the user's own.
pub(crate) fn data(given: Option<&Path>) -> Result<PathBuf, Failure> {
    match (given, environment("AXME_DATA")) {
        (Some(given), _) => Ok(given.to_owned()),
        (None, Some(folder)) => Ok(folder.into()),
        (None, None) => default_data(),
    }
}

fn base() -> Result<Xdg, Failure> {
    Xdg::new().map_err(|_| Failure::new("there is no home folder (HOME is not set); name a folder with --data"))
}

/// An environment variable; `None` when it is empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
