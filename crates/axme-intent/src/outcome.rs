//! The outcome of an intent: how it ended, in one word and in a sentence.
//!
//! A status alone misleads: an intent is COMPLETED after a person's no as well. The outcome is the answer of the last
//! person who decided on the path taken, or else follows from the status.

pub use axme_types::OutcomeKind;
use axme_words::{Language, say};
use serde::{Deserialize, Serialize};

use crate::Status;
use crate::fields::words;

/// How an intent ended, and who decided it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub kind: OutcomeKind,
    /// The recorded answer of the person who decided, else the word of the kind.
    pub word: String,
    /// The people who decided: several if a quorum said yes, none if no person decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
}

/// Where a failure may still matter: the step that failed last, and whether the workflow has recovered from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub step: String,
    pub outcome: Outcome,
    /// True once an agent or a person has finished a later step. Notices, reminders and delays do not repair a failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_handled: bool,
}

impl Outcome {
    /// The outcome of an end that no person decided.
    pub fn plain(kind: OutcomeKind) -> Outcome {
        Outcome { kind, word: kind.as_str().to_owned(), by: Vec::new() }
    }

    /// Returns the outcome that follows from the status alone; `None` while the intent is live.
    pub fn of_status(status: Status) -> Option<Outcome> {
        Some(Outcome::plain(match status {
            Status::Completed => OutcomeKind::Completed,
            Status::Failed => OutcomeKind::Failed,
            Status::Canceled => OutcomeKind::Canceled,
            Status::TimedOut => OutcomeKind::TimedOut,
            _ => return None,
        }))
    }

    /// Returns the outcome for people: `Rejected by bob@example.com`.
    pub fn sentence(&self, language: Language) -> String {
        let what = match self.kind {
            OutcomeKind::Yes | OutcomeKind::No => answered(language, &self.word),
            OutcomeKind::Completed => say(language, "ended-completed").to_string(),
            OutcomeKind::Failed => say(language, "ended-failed").to_string(),
            OutcomeKind::Canceled => say(language, "ended-canceled").to_string(),
            OutcomeKind::TimedOut => say(language, "ended-timed_out").to_string(),
        };
        if self.by.is_empty() {
            return what;
        }
        say(language, "outcome-by").with("what", what).with("names", people(&self.by)).to_string()
    }
}

/// Returns the words that go before `by`: `Changes requested`, or `Answered “ship_it”` for a word that is not a participle.
pub(crate) fn answered(language: Language, word: &str) -> String {
    let plain = words(word);
    let last = plain.rsplit(' ').next().unwrap_or_default().to_lowercase();
    let is_participle = last.len() > 5 && last.ends_with("ed") && !last.ends_with("eed") && last != "failed";
    let known = axme_words::of_family(language, "outcome", word).filter(|_| is_participle);
    match (known, language) {
        (Some(known), _) => known.to_string(),
        // A word of the author is an English participle, or no part of a sentence.
        (None, Language::English) if is_participle => plain,
        _ => say(language, "answered-with").with("word", word).to_string(),
    }
}

/// Returns the outcome alone, as people write it: `Changes requested`. The word of an author is not translated.
pub fn word(language: Language, word: &str) -> String {
    axme_words::of_family(language, "outcome", word).map_or_else(|| words(word), String::from)
}

/// Joins the names of people, without the scheme of their addresses.
pub(crate) fn people(names: &[String]) -> String {
    names.iter().map(|name| person(name)).collect::<Vec<&str>>().join(", ")
}

/// Returns the name of a person without the scheme of its address.
pub(crate) fn person(name: &str) -> &str {
    name.strip_prefix("user://").unwrap_or(name)
}

pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_a_sentence() {
        let said = |kind, word: &str, by: &[&str]| {
            let by = by.iter().map(|name| (*name).to_owned()).collect();
            Outcome { kind, word: word.to_owned(), by }.sentence(Language::English)
        };
        assert_eq!(said(OutcomeKind::No, "rejected", &["bob@example.com"]), "Rejected by bob@example.com");
        assert_eq!(said(OutcomeKind::No, "changes_requested", &["user://bob"]), "Changes requested by bob");
        assert_eq!(said(OutcomeKind::Yes, "inspected", &["ann"]), "Inspected by ann");
        assert_eq!(said(OutcomeKind::Yes, "ship_it", &["ann"]), "Answered “ship_it” by ann");
        assert_eq!(said(OutcomeKind::Yes, "moved", &["ann"]), "Answered “moved” by ann", "too short to be sure");
        assert_eq!(said(OutcomeKind::No, "failed", &["ann"]), "Answered “failed” by ann");
        assert_eq!(said(OutcomeKind::Yes, "approved", &["ann", "bob"]), "Approved by ann, bob");
        assert_eq!(said(OutcomeKind::TimedOut, "timed_out", &[]), "Timed out");
        assert_eq!(Outcome::of_status(Status::Waiting), None);
        let in_german = |word: &str| {
            Outcome { kind: OutcomeKind::No, word: word.to_owned(), by: vec!["ann".to_owned()] }
                .sentence(Language::German)
        };
        assert_eq!(in_german("changes_requested"), "Änderungen verlangt von ann");
        assert_eq!(in_german("overruled"), "Mit „overruled“ beantwortet von ann");
    }
}
