//! Logs of this process, on stderr.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::failure::Failure;
use crate::server;
use crate::settings::LogFormat;

/// Directives under every filter: lines of libraries that tell an operator nothing. A filter may name them to get them.
const QUIET: &str = "refinery_core=warn";

/// Starts logging with `filter`. Called once per process.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let parsed = parse(filter)?;
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

fn parse(filter: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|e| Failure::usage(format!("invalid log filter \"{filter}\": {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_hides_the_noise_of_libraries_unless_it_names_them() {
        let parsed = |filter: &str| parse(filter).unwrap().to_string();
        assert_eq!(parsed("info"), "refinery_core=warn,info");
        assert_eq!(parsed("refinery_core=info,debug"), "refinery_core=info,debug");
        assert!(parse("axme_server=loud").unwrap_err().message.contains("\"axme_server=loud\""));
    }
}
