//! Logs of this process, on stderr.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::failure::Failure;
use crate::server;
use crate::settings::LogFormat;

/// Starts logging with `filter`. Called once per process.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let parsed =
        EnvFilter::try_new(filter).map_err(|e| Failure::usage(format!("invalid log filter \"{filter}\": {e}")))?;
    // A line that cannot be written, for example on a full disk, is lost. Reporting that error on stderr would fail as
    // well and panic the thread.
    let lines = fmt::layer().with_writer(stderr).log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(lines).with(parsed).with(filter_fn(server::may_log)).init();
    Ok(())
}
