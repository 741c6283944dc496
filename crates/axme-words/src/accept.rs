//! The language that a browser asks for: `Accept-Language` (RFC 9110, section 12.5.4).

use crate::Language;

/// Maximum number of languages of a header that are looked at.
const MAX_LANGUAGES: usize = 50;

/// Returns the language that a browser likes best among ours; `None` if it names none of them.
pub fn accepted(header: &str) -> Option<Language> {
    let mut best: Option<(Language, f32)> = None;
    for part in header.split(',').take(MAX_LANGUAGES) {
        let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
        let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        let Some(language) = Language::parse(&primary) else { continue };
        let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse).unwrap_or(0.0);
        // The first of equals wins, as browsers write them.
        if weight > 0.0 && best.is_none_or(|(_, known)| weight > known) {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_known_language_wins() {
        for (header, expected) in [
            ("de-DE,de;q=0.9,en;q=0.8", Some(Language::German)),
            ("en-US,en;q=0.5", Some(Language::English)),
            ("fr, de;q=0.3, en;q=0.7", Some(Language::English)),
            ("fr-CH, fr;q=0.9", None),
            ("de;q=0, en;q=0.1", Some(Language::English)),
            ("de;q=x", None),
            ("DE", Some(Language::German)),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(accepted(header), expected, "{header}");
        }
    }
}
