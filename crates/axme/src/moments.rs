//! Reads the times that people write: RFC 3339, or an age such as 90s, 15m, 2h, 3d.

use std::time::Duration;

use axme_client::Timestamp;

use crate::output::now;

/// Reads a time, or the time that was an age ago.
pub(crate) fn read(text: &str) -> Result<Timestamp, String> {
    if let Some(age) = span(text) {
        let then = now().as_second().saturating_sub(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        let then = jiff::Timestamp::from_second(then).map_err(|_| format!("\"{text}\" is too long ago"))?;
        return Timestamp::parse(&then.to_string()).ok_or_else(|| format!("\"{text}\" is too long ago"));
    }
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Timestamp::parse(&whole).ok_or_else(|| {
        "write a time like 2027-01-31T00:00:00Z, a day like 2027-01-31, or an age like 15m, 2h, 3d".to_owned()
    })
}

/// Reads a time, or a day, which begins at midnight in UTC.
pub(crate) fn read_day(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Timestamp::parse(&whole)
        .ok_or_else(|| "write a time like 2027-01-31T09:00:00Z, or a day like 2027-01-31".to_owned())
}

/// Reads a length of time: a number with s, m, h or d.
pub(crate) fn span(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ages_are_read() {
        assert_eq!(span("90s"), Some(Duration::from_secs(90)));
        assert_eq!(span("2d"), Some(Duration::from_secs(172_800)));
        for wrong in ["", "d", "1w", "-1h", "h1", "999999999999999999d", "1€"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
        assert_eq!(read("2027-01-31").unwrap(), Timestamp::parse("2027-01-31T00:00:00Z").unwrap());
        assert!(read("1h").unwrap() < read("1m").unwrap());
        assert!(read("soon").is_err() && read("999999999999999d").is_err());
    }
}
