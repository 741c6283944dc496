//! Decides which log lines this process may write, whatever filter its operator sets.
//!
//! Libraries log the data that passes through them below `info`: statement parameters, headers, URLs. Our own crates
//! log no secrets at any level (`docs/logging.md`).

use tracing::{Level, Metadata};

/// Returns true for a line or a span that may be written. Libraries may write from `info` up; the one that serves MCP
/// writes several lines per call there, so it may from `warn` up.
pub fn may_log(line: &Metadata<'_>) -> bool {
    let least = if line.target().starts_with("rmcp") { Level::WARN } else { Level::INFO };
    *line.level() <= least || is_ours(line.target())
}

/// Returns true for the target of one of our crates: `axme`, `axme_server`, `axme_server::http`, …
fn is_ours(target: &str) -> bool {
    target.split("::").next().is_some_and(|name| name == "axme" || name.starts_with("axme_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_crates_log_below_info() {
        for (target, expected) in [
            ("axme", true),
            ("axme::serve", true),
            ("axme_server::http::router", true),
            ("tokio_postgres::query", false),
            ("h2::codec", false),
            ("axmeter", false),
            ("", false),
        ] {
            assert_eq!(is_ours(target), expected, "{target}");
        }
    }
}
