//! Drafts of answers, in the address of the page that asks to confirm one.
//!
//! A page with an address of its own can be opened again with the Back button, and then shows what was recorded. The
//! token of the link encrypts the draft, so that logs of addresses hold no answer of a person.

use axme_store::Rng;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::seal;

/// The longest draft in an address, in characters. Many servers and proxies take addresses of 8 KB.
const MAX_CHARS: usize = 6_000;

/// Seals the fields of a form for the page of an intent. `None` if they are too long for an address.
pub fn seal<'a>(
    rng: &Rng,
    token: &str,
    intent: &str,
    fields: impl Iterator<Item = &'a (String, String)>,
) -> Option<String> {
    let text = serde_json::to_string(&fields.collect::<Vec<_>>()).ok()?;
    let sealed = seal::seal(rng, token, intent, &text)?;
    Some(URL_SAFE_NO_PAD.encode(sealed)).filter(|draft| draft.len() <= MAX_CHARS)
}

/// Opens what [`seal`] made. `None` with another token or for another intent.
pub fn open(token: &str, intent: &str, draft: &str) -> Option<Vec<(String, String)>> {
    let sealed = URL_SAFE_NO_PAD.decode(draft).ok()?;
    serde_json::from_str(&seal::open(token, intent, &sealed)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_read_with_its_token_only() {
        let fields = vec![("comment".to_owned(), "a secret".to_owned())];
        let draft = seal(&Rng::seeded(1), "token", "intent", fields.iter()).unwrap();
        assert_eq!(open("token", "intent", &draft), Some(fields));
        assert_eq!(open("other", "intent", &draft), None);
        assert_eq!(open("token", "elsewhere", &draft), None);
        let long = [("comment".to_owned(), "x".repeat(MAX_CHARS))];
        assert_eq!(seal(&Rng::seeded(1), "token", "intent", long.iter()), None);
    }
}
