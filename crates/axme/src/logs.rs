//! Logs of this process, on stderr.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::settings::LogFormat;

/// Starts logging what `filter` lets through. Once per process.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let parsed = EnvFilter::try_new(filter).map_err(|e| Failure::usage(format!("log filter \"{filter}\": {e}")))?;
    // A log that cannot be written, on a full disk say, is lost. The usual complaint about it would go the same way, and end
    // the thread that made it.
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(stderr).log_internal_errors(false);
    match format {
        LogFormat::Text => builder.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
