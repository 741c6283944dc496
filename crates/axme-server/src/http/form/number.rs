//! Numbers as people type them: `1 234,50`, `1,234.50`, `12.5`. Text with two readings is asked back and never guessed.

/// A number that a person typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// The number, as JSON writes it. No digit is lost.
    Number(String),
    /// The text has two readings: with a separator of thousands, and with a decimal one.
    Ambiguous {
        grouped: String,
        decimal: String,
    },
    NoNumber,
}

/// Reads a number. `is_whole`: only whole numbers are wanted, so that a single separator can only be one of thousands.
pub(super) fn read(text: &str, is_whole: bool) -> Typed {
    let text: String =
        text.trim().chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’')).collect();
    let (sign, plain) = match text.strip_prefix(['-', '−']) {
        Some(plain) => ("-", plain),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    if plain.is_empty() || !plain.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',') {
        return Typed::NoNumber;
    }
    let number = |whole: &str, decimals: &str| number(sign, whole, decimals);
    let dots = plain.matches('.').count();
    let commas = plain.matches(',').count();
    match (dots, commas) {
        (0, 0) => number(plain, ""),
        (0, 1) | (1, 0) => {
            let (whole, after) = plain.split_once(['.', ',']).unwrap_or((plain, ""));
            if after.is_empty() || whole.is_empty() {
                return if whole.is_empty() && !after.is_empty() { number("0", after) } else { Typed::NoNumber };
            }
            let can_group = after.len() == 3 && whole.len() <= 3 && !whole.starts_with('0');
            match (can_group, is_whole) {
                (true, true) => number(&format!("{whole}{after}"), ""),
                (true, false) => Typed::Ambiguous {
                    grouped: format!("{sign}{whole}{after}"),
                    decimal: format!("{sign}{whole}.{after}0"),
                },
                (false, _) => number(whole, after),
            }
        }
        // Both signs: the last one is the decimal separator, and the other one groups.
        (dots, commas) if dots > 0 && commas > 0 => {
            let (mark, group) = if plain.rfind('.') > plain.rfind(',') { ('.', ',') } else { (',', '.') };
            let (whole, after) = plain.rsplit_once(mark).unwrap_or((plain, ""));
            if whole.contains(mark) || !is_grouped(whole, group) || after.is_empty() {
                return Typed::NoNumber;
            }
            number(&whole.replace(group, ""), after)
        }
        // One sign several times can only group.
        _ => {
            let group = if dots > 0 { '.' } else { ',' };
            if is_grouped(plain, group) { number(&plain.replace(group, ""), "") } else { Typed::NoNumber }
        }
    }
}

/// True for groups of three digits after a first one of one to three.
fn is_grouped(whole: &str, mark: char) -> bool {
    let mut groups = whole.split(mark);
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)
}

fn number(sign: &str, whole: &str, decimals: &str) -> Typed {
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let dot = if decimals.is_empty() { "" } else { "." };
    Typed::Number(format!("{sign}{whole}{dot}{decimals}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_type_them() {
        for (text, expected) in [
            ("12", "12"),
            (" -7 ", "-7"),
            ("+3", "3"),
            ("007", "7"),
            ("12,5", "12.5"),
            ("12.50", "12.50"),
            (",5", "0.5"),
            ("0,125", "0.125"),
            ("1234.567", "1234.567"),
            ("1,234.50", "1234.50"),
            ("1.234,50", "1234.50"),
            ("1 234,5", "1234.5"),
            ("1’234.5", "1234.5"),
            ("1\u{202f}234\u{a0}567", "1234567"),
            ("1.234.567", "1234567"),
            ("12,345,678", "12345678"),
            ("−5", "-5"),
        ] {
            assert_eq!(read(text, false), Typed::Number(expected.to_owned()), "{text}");
        }
        for text in ["", "-", "a", "1e5", "1,2,3", "1.23.4", "1,234,56.7", "5.", "1.2,3.4", "--1", "12€"] {
            assert_eq!(read(text, false), Typed::NoNumber, "{text}");
        }
    }

    #[test]
    fn what_has_two_readings_is_asked_back() {
        let both = |grouped: &str, decimal: &str| Typed::Ambiguous {
            grouped: grouped.to_owned(),
            decimal: decimal.to_owned(),
        };
        assert_eq!(read("1.234", false), both("1234", "1.2340"));
        assert_eq!(read("-12,345", false), both("-12345", "-12.3450"));
        assert_eq!(read("1.234", true), Typed::Number("1234".to_owned()), "a whole number has one reading");
        assert_eq!(read("1.2340", false), Typed::Number("1.2340".to_owned()), "the proposal is accepted");
    }
}
