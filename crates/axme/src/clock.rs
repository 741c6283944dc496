//! Formats times for people.

use axme_client::Timestamp;

/// Returns the age in the largest unit that fits: `5s`, `3m`, `2h`, `4d`.
pub(crate) fn age(at: Timestamp) -> String {
    span(now() - at.unix_seconds())
}

#[expect(clippy::disallowed_methods, reason = "an age is shown to a person; nothing here is replayed")]
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Shortens `2026-04-05T10:00:01.234Z` to `2026-04-05 10:00:01`.
pub(crate) fn seconds_of(at: Timestamp) -> String {
    at.to_string().chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit() {
        let shown = [-5, 59, 60, 7_199, 86_399, 200_000].map(span);
        assert_eq!(shown, ["0s", "59s", "1m", "1h", "23h", "2d"]);
        assert_eq!(seconds_of(Timestamp::parse("2026-04-05T10:00:01.234Z").unwrap()), "2026-04-05 10:00:01");
    }
}
