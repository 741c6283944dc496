//! The message catalogue: every text of the pages and mails for people, in each language, and how a language writes
//! numbers, amounts and times.
//!
//! The texts are in `texts/<language>/*.ftl`, in the syntax of Project Fluent. A text is asked for by its id, with
//! [`say`]. The tests of this crate hold the languages complete and free of unused texts.

mod accept;
mod figures;

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

pub use accept::accepted;
pub use axme_types::Language;
use axme_types::Time;
pub use figures::{decimal, grouped, inline, money, time};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

type Bundle = FluentBundle<FluentResource>;

/// The sources of a language, each with the name of its file.
pub type Sources = [(&'static str, &'static str)];

/// The texts in English.
pub const ENGLISH: &Sources = &[
    ("form.ftl", include_str!("../texts/en/form.ftl")),
    ("history.ftl", include_str!("../texts/en/history.ftl")),
    ("inbox.ftl", include_str!("../texts/en/inbox.ftl")),
    ("mail.ftl", include_str!("../texts/en/mail.ftl")),
    ("sign-in.ftl", include_str!("../texts/en/sign-in.ftl")),
    ("task.ftl", include_str!("../texts/en/task.ftl")),
];

/// The texts in German.
pub const GERMAN: &Sources = &[
    ("form.ftl", include_str!("../texts/de/form.ftl")),
    ("history.ftl", include_str!("../texts/de/history.ftl")),
    ("inbox.ftl", include_str!("../texts/de/inbox.ftl")),
    ("mail.ftl", include_str!("../texts/de/mail.ftl")),
    ("sign-in.ftl", include_str!("../texts/de/sign-in.ftl")),
    ("task.ftl", include_str!("../texts/de/task.ftl")),
];

/// The errors of the API in German. The API itself answers in English.
pub const GERMAN_ERRORS: (&str, &str) = ("errors.ftl", include_str!("../texts/de/errors.ftl"));

static IN_ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle("en", ENGLISH.iter()));
static IN_GERMAN: LazyLock<Bundle> = LazyLock::new(|| bundle("de", GERMAN.iter().chain([&GERMAN_ERRORS])));

fn bundle<'a>(tag: &str, sources: impl Iterator<Item = &'a (&'static str, &'static str)>) -> Bundle {
    let language: LanguageIdentifier = tag.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // The marks would be in every text, also where a program compares it. Both languages run from left to right.
    bundle.set_use_isolating(false);
    for (_, source) in sources {
        // A test reads every file, and refuses one with errors.
        let resource = FluentResource::try_new((*source).to_owned()).unwrap_or_else(|(partial, _)| partial);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

fn texts(language: Language) -> &'static Bundle {
    match language {
        Language::English => &IN_ENGLISH,
        Language::German => &IN_GERMAN,
    }
}

/// Returns the text with this id. Its variables follow by [`Text::with`].
pub fn say(language: Language, id: &'static str) -> Text {
    Text { language, id: Cow::Borrowed(id), values: FluentArgs::new() }
}

/// Returns the text of a word of a family, such as the verb of an outcome: the text `<family>-<word>`, if there is one.
pub fn of_family(language: Language, family: &'static str, word: &str) -> Option<Text> {
    let id = format!("{family}-{word}");
    texts(language).has_message(&id).then(|| Text { language, id: Cow::Owned(id), values: FluentArgs::new() })
}

/// A text in a language, with the values of its variables. It is written out where it is shown.
pub struct Text {
    language: Language,
    id: Cow<'static, str>,
    values: FluentArgs<'static>,
}

impl Text {
    /// Sets a variable of the text.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl TextValue) -> Text {
        let value = value.value(self.language);
        self.values.set(name, value);
        self
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bundle = texts(self.language);
        let pattern = bundle.get_message(&self.id).and_then(|message| message.value());
        // A test finds a text that is missing; a person sees its name rather than nothing.
        let Some(pattern) = pattern else { return f.write_str(&self.id) };
        let mut errors = Vec::new();
        f.write_str(&bundle.format_pattern(pattern, Some(&self.values), &mut errors))?;
        debug_assert!(errors.is_empty(), "{}: {errors:?}", self.id);
        Ok(())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.to_string()
    }
}

/// A value of a variable, as the language of the text writes it.
pub trait TextValue {
    /// Returns the value for a text in this language.
    fn value(&self, language: Language) -> FluentValue<'static>;
}

impl<T: TextValue + ?Sized> TextValue for &T {
    fn value(&self, language: Language) -> FluentValue<'static> {
        (**self).value(language)
    }
}

impl TextValue for str {
    fn value(&self, _: Language) -> FluentValue<'static> {
        FluentValue::from(self.to_owned())
    }
}

impl TextValue for String {
    fn value(&self, _: Language) -> FluentValue<'static> {
        FluentValue::from(self.clone())
    }
}

impl TextValue for Text {
    fn value(&self, _: Language) -> FluentValue<'static> {
        FluentValue::from(self.to_string())
    }
}

impl TextValue for Time {
    fn value(&self, language: Language) -> FluentValue<'static> {
        FluentValue::from(time(language, *self))
    }
}

macro_rules! counts {
    ($($number:ty),+) => {
        $(impl TextValue for $number {
            fn value(&self, _: Language) -> FluentValue<'static> {
                FluentValue::from(*self)
            }
        })+
    };
}

counts!(u32, u64, usize, i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_follows_its_language_and_its_count() {
        let waiting = |language, count: usize| say(language, "inbox-waiting").with("count", count).to_string();
        assert_eq!(waiting(Language::English, 1), "One task waits for you.");
        assert_eq!(waiting(Language::English, 2), "2 tasks wait for you.");
        assert_eq!(waiting(Language::German, 1), "Eine Aufgabe wartet auf Sie.");
        assert_eq!(waiting(Language::German, 12_000), "12000 Aufgaben warten auf Sie.");
    }

    #[test]
    fn a_time_in_a_text_follows_the_language() {
        let at = Time::parse("2026-05-03T14:00:00Z").unwrap();
        let until = |language| say(language, "standing-until").with("at", at).to_string();
        assert_eq!(until(Language::English), "The request waits until 2026-05-03 14:00 UTC.");
        assert_eq!(until(Language::German), "Die Anfrage wartet bis 03.05.2026, 14:00 UTC.");
    }

    #[test]
    fn a_word_of_a_family_may_have_no_text() {
        assert_eq!(of_family(Language::German, "verb", "approved").map(String::from).as_deref(), Some("Genehmigen"));
        assert!(of_family(Language::German, "verb", "ship_it").is_none());
    }
}
