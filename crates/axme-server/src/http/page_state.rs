//! The state of the server as the pages for people see it: with the language of the reader.
//!
//! The language is that of the person's settings, else of the browser if it names one of ours, else of the server.

use std::ops::Deref;
use std::sync::Arc;

use axme_core::state::AppState;
use axme_intent::human::person_key;
use axme_store::person_settings;
use axme_words::{Language, Text, accepted, say};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;

/// The state of the server, and the language of the reader of a page.
#[derive(Clone)]
pub(super) struct PageState {
    app: Arc<AppState>,
    pub language: Language,
}

impl PageState {
    /// Returns the state for a known person: in the language of their settings, if they have chosen one.
    pub async fn for_person(&self, person: &str) -> axme_core::error::Result<PageState> {
        let email = person_key(person);
        let settings = self.app.store.read(move |tx| person_settings::find_by_email(tx, &email)).await?;
        Ok(self.in_language(settings.language.unwrap_or(self.language)))
    }

    pub fn in_language(&self, language: Language) -> PageState {
        PageState { app: self.app.clone(), language }
    }

    /// Returns a text in the language of the reader.
    pub fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }
}

/// Returns the state for a page that is in English only: of the console and the reference.
pub(super) fn in_english(app: &Arc<AppState>) -> PageState {
    PageState { app: app.clone(), language: Language::English }
}

impl Deref for PageState {
    type Target = Arc<AppState>;

    fn deref(&self) -> &Arc<AppState> {
        &self.app
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageState
where
    Arc<AppState>: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PageState, Self::Rejection> {
        let app = Arc::<AppState>::from_ref(state);
        let header = parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let language = header.and_then(accepted).unwrap_or(app.site.language);
        Ok(PageState { app, language })
    }
}
