//! The head of every page that a person sees: whose page it is, and which server sends it.
//!
//! A person who is asked to approve a payment must be able to tell a page of this server from a copy.

use std::borrow::Cow;

use axme_intent::Time;
use axme_words::{Language, Text, say};

use super::page_state::PageState;

/// The content of the head of a page.
#[derive(Debug, Clone)]
pub(super) struct Letterhead {
    /// The path from the page to the files that it loads.
    pub app: Cow<'static, str>,
    /// The organization that asks; empty on pages that belong to none.
    pub organization: String,
    /// The host of the server, with its port if it has one.
    pub host: String,
    pub language: Language,
    /// The origins whose pages may show this one in a frame, with a blank between them.
    pub embedders: String,
}

impl Letterhead {
    /// The head of a page below `/app/<folder>/`.
    pub fn of(app: &PageState) -> Letterhead {
        Letterhead::from(app, "../")
    }

    /// The head of a page from which `path` leads to the files.
    pub fn from(app: &PageState, path: &'static str) -> Letterhead {
        Letterhead {
            language: app.language,
            embedders: app.site.embed_origins.join(" "),
            ..Letterhead::at(&app.site.base_url, path)
        }
    }

    /// The head of a page in English from which `app` leads to the files.
    pub fn at(base_url: &str, app: impl Into<Cow<'static, str>>) -> Letterhead {
        Letterhead {
            app: app.into(),
            organization: String::new(),
            host: host(base_url),
            language: Language::English,
            embedders: String::new(),
        }
    }

    /// Returns a text in the language of the page.
    pub fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }

    /// Returns a time as the language of the page writes it.
    pub fn time(&self, at: &Time) -> String {
        axme_words::time(self.language, *at)
    }

    #[must_use]
    pub fn for_organization(self, organization: &str) -> Letterhead {
        Letterhead { organization: organization.to_owned(), ..self }
    }
}

/// Returns the host of a URL, with its port.
pub(crate) fn host(base_url: &str) -> String {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

/// Returns the path of a URL without a slash at its end; empty if the server is at the root of its host.
pub(crate) fn base_path(base_url: &str) -> &str {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| rest[at..].trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_shows_the_host_without_scheme_and_path() {
        assert_eq!(host("https://axme.example.com/base"), "axme.example.com");
        assert_eq!(host("http://127.0.0.1:8100"), "127.0.0.1:8100");
    }
}
