//! Folders: the command line's settings are in the user's configuration folder, a server's data in the user's data
//! folder. XDG rules apply on every system.

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

/// Returns the data folder: the given one, else that of the environment, else the default.
pub(crate) fn data(given: Option<&Path>) -> Result<PathBuf, Failure> {
    match (given, environment("AXME_DATA")) {
        (Some(given), _) => Ok(given.to_owned()),
        (None, Some(folder)) => Ok(folder.into()),
        (None, None) => default_data(),
    }
}

fn base() -> Result<Xdg, Failure> {
    Xdg::new().map_err(|_| Failure::new("there is no home folder: set HOME, or name a data folder with --data"))
}

/// Returns an environment variable; `None` if it is empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
