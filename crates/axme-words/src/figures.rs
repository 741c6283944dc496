//! Numbers, amounts and times, as a language writes them. No digit is ever lost or rounded.

use axme_types::Time;

use crate::Language;

/// Returns the separators of groups of three digits, and of decimals.
fn marks(language: Language) -> (char, char) {
    match language {
        Language::English => (',', '.'),
        Language::German => ('.', ','),
    }
}

/// Puts the separator of the language before every third digit.
pub fn grouped(language: Language, whole: &str) -> String {
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(marks(language).0);
        }
        text.push(digit);
    }
    text
}

/// Returns a number of JSON with the decimal separator of the language, and without groups: a number can be an id.
pub fn decimal(language: Language, number: &str) -> String {
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'.');
    if is_plain { number.replace('.', &marks(language).1.to_string()) } else { number.to_owned() }
}

/// Returns an amount with its currency: `EUR 12,000.50`, `12.000,50 EUR`. `whole` and `decimals` are digits.
pub fn money(language: Language, currency: &str, sign: &str, whole: &str, decimals: &str) -> String {
    let mark = if decimals.is_empty() { String::new() } else { marks(language).1.to_string() };
    let amount = format!("{sign}{}{mark}{decimals}", grouped(language, whole));
    match language {
        Language::English => format!("{currency} {amount}"),
        Language::German => format!("{amount} {currency}"),
    }
}

/// Returns a time in UTC, to the minute.
pub fn time(language: Language, at: Time) -> String {
    let text = at.in_minutes();
    let (day, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let parts: Vec<&str> = day.split('-').collect();
    match (language, parts.as_slice()) {
        (Language::German, [year, month, day]) => format!("{day}.{month}.{year}, {rest}"),
        _ => text,
    }
}

/// Returns a text as it goes on in the middle of a sentence. German nouns keep their capital letter.
pub fn inline(language: Language, text: &str) -> String {
    let mut letters = text.chars();
    match (language, letters.next()) {
        (Language::English, Some(first)) => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_the_language() {
        let (english, german) = (Language::English, Language::German);
        assert_eq!(money(english, "EUR", "", "12000", "50"), "EUR 12,000.50");
        assert_eq!(money(german, "EUR", "-", "12000", "50"), "-12.000,50 EUR");
        assert_eq!(money(german, "JPY", "", "1234567", ""), "1.234.567 JPY");
        assert_eq!(decimal(german, "-0.50"), "-0,50");
        assert_eq!(decimal(german, "1e5"), "1e5");
        assert_eq!(decimal(english, "1234.5"), "1234.5");
        let at = Time::parse("2026-01-31T12:00:00Z").unwrap();
        assert_eq!(
            (time(english, at).as_str(), time(german, at).as_str()),
            ("2026-01-31 12:00 UTC", "31.01.2026, 12:00 UTC")
        );
        assert_eq!(
            (inline(english, "Approve").as_str(), inline(german, "Änderungen").as_str()),
            ("approve", "Änderungen")
        );
    }
}
