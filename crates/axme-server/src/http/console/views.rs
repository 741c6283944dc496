//! The saved views of the list of intents: a filter and the columns, under a name that only its owner sees.

use axme_api::ApiError;
use axme_core::error::Result;
use axme_core::ops::console::{self, SavedView};

use super::columns::{COLUMNS, Columns};
use super::filter::Filter;
use super::visit::{Answer, Guest};
use crate::http::extract::{field, query};
use crate::http::form::FormFields;

/// Returns the query of a filter and its columns, with `more` at its end.
pub(super) fn query_of(filter: &Filter, columns: &Columns, more: &[(&str, &str)]) -> String {
    let words = columns.words();
    let chosen = Some((COLUMNS, words.as_str())).filter(|(_, words)| !words.is_empty());
    let more: Vec<(&str, &str)> = chosen.into_iter().chain(more.iter().copied()).collect();
    filter.query(&more)
}

/// Saves or removes the view of a form.
pub(super) async fn change(guest: Guest, filled: FormFields) -> Result<Answer> {
    let name = filled.get("name").to_owned();
    match filled.get("action") {
        "save" => {
            // The query is read and written again, so that a saved view holds nothing but a filter.
            let given = query(Some(filled.get("query")));
            let filter = Filter::read(|name| field(&given, name));
            let columns = given.iter().filter(|(name, _)| name == COLUMNS).map(|(_, value)| value.as_str());
            let columns = Columns::read(columns);
            let view = SavedView { name, query: query_of(&filter, &columns, &[]) };
            console::save_view(&guest.app, guest.caller(), view).await?;
            Ok(Answer::Lead(format!("/intents?{}", query_of(&filter, &columns, &[("said", "saved")]))))
        }
        "remove" => {
            console::remove_view(&guest.app, guest.caller(), name).await?;
            Ok(Answer::Lead("/intents?said=removed".to_owned()))
        }
        _ => Err(ApiError::invalid("choose to save the view or to remove it").into()),
    }
}
