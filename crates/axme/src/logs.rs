//! Logs of this process, on stderr.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::settings::LogFormat;

/// Starts logging with `filter`. Called once per process.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let parsed =
        EnvFilter::try_new(filter).map_err(|e| Failure::usage(format!("invalid log filter \"{filter}\": {e}")))?;
    // A line that cannot be written, for example on a full disk, is lost. Reporting that error on stderr would fail as
    // well and panic the thread.
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(stderr).log_internal_errors(false);
    match format {
        LogFormat::Text => builder.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
