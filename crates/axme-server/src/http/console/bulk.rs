//! Cancels, submits again or replays many intents: those that were chosen, or all that a filter finds.
//!
//! The first form only counts, and shows what will happen. The second one does the work in portions, each of which is a
//! request: the page shows how far it is and goes on. An intent that has moved on is counted, and stops nothing. A portion
//! that is sent again, also after a restart of the server, does nothing twice.

use std::sync::Arc;

use askama::Template;
use axme_api::intents::{self as api, EndingStatus, IntentSummary, ResolveIntent};
use axme_api::{ApiError, Status};
use axme_core::error::Result;
use axme_core::input::parse_id;
use futures_util::StreamExt;

use super::act::replay;
use super::filter::Filter;
use super::frame::{Frame, Section};
use super::repeat::{key, repeat};
use super::visit::{Answer, ConsoleCall, Guest};
use crate::http::form::FormFields;
use crate::http::letterhead::Letterhead;
use crate::http::pages::page as rendered;

/// The most intents that one action takes.
const MAX_INTENTS: usize = 5_000;
/// The most intents that are chosen one by one: those of a page.
const MAX_CHOSEN: usize = 100;
/// The intents of one portion, and how many of them are under way at once.
const PORTION: usize = 250;
const AT_ONCE: usize = 16;
/// The page of the list that looks for intents.
const PAGE: u64 = 500;
/// The refusals that the page shows.
const MAX_SHOWN: usize = 20;

/// The action that each intent gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Cancel,
    Retry,
    Replay,
}

impl Action {
    fn read(word: &str) -> Result<Action, ApiError> {
        match word {
            "cancel" => Ok(Action::Cancel),
            "retry" => Ok(Action::Retry),
            "replay" => Ok(Action::Replay),
            _ => Err(ApiError::invalid("choose an action: cancel, retry or replay")),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Action::Cancel => "cancel",
            Action::Retry => "retry",
            Action::Replay => "replay",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Action::Cancel => "Cancel",
            Action::Retry => "Submit again",
            Action::Replay => "Replay the deliveries of",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Action::Cancel => {
                "Each intent ends as canceled, with all its steps, tasks and timers. This cannot be undone. \
                 Intents that have ended by then are left alone."
            }
            Action::Retry => {
                "For each intent, a new one with the same type, receiver, content and task is submitted. \
                 The old ones do not change. Workflows and intents that have not ended are left out."
            }
            Action::Replay => {
                "The dead letters of each intent are sent again. The intents keep their status. \
                 Intents without a dead letter are left out."
            }
        }
    }

    /// True for an intent that the action applies to, as far as its status says so.
    fn fits(self, status: Status) -> bool {
        match self {
            Action::Cancel => !status.is_terminal(),
            Action::Retry => status.is_terminal() && status != Status::Completed,
            Action::Replay => status == Status::Failed,
        }
    }
}

#[derive(Template)]
#[template(path = "console/bulk.html")]
struct BulkPage {
    head: Letterhead,
    frame: Frame,
    action: Action,
    /// The intents that are left, in the order in which they are taken.
    left: Vec<String>,
    sample: Vec<(String, String)>,
    total: usize,
    done: usize,
    refused: usize,
    refusals: Vec<(String, String)>,
    /// True if the filter finds more than one action takes.
    is_cut: bool,
    is_confirmed: bool,
    once: String,
    back: String,
    reason: String,
}

pub(super) async fn page(guest: Guest, filled: FormFields) -> Result<Answer> {
    let action = Action::read(filled.get("action"))?;
    if filled.get("confirmed") == "yes" {
        go_on(guest, filled, action).await
    } else {
        count(guest, filled, action).await
    }
}

/// Finds the intents, and asks.
async fn count(guest: Guest, filled: FormFields, action: Action) -> Result<Answer> {
    let frame = guest.frame(Section::Intents);
    let filter = Filter::read(|name| filled.get(name).to_owned());
    let chosen: Vec<&str> = filled.all("intent").collect();
    let (found, is_cut) = match filled.get("all") {
        "" => (of_ids(&guest, &chosen, action).await?, false),
        _ => of_filter(&guest, &filter, action).await?,
    };
    let template = BulkPage {
        head: guest.head(),
        action,
        sample: found.iter().take(MAX_SHOWN).cloned().collect(),
        total: found.len(),
        left: found.into_iter().map(|(id, _)| id).collect(),
        done: 0,
        refused: 0,
        refusals: Vec::new(),
        is_cut,
        is_confirmed: false,
        once: guest.app.system.rng.uuid().simple().to_string(),
        back: filter.query(&[]),
        reason: String::new(),
        frame,
    };
    Ok(Answer::Page(rendered(200, &template)?))
}

/// Finds the intents that were chosen, with their types.
async fn of_ids(guest: &Guest, ids: &[&str], action: Action) -> Result<Vec<(String, String)>> {
    if ids.len() > MAX_CHOSEN {
        return Err(ApiError::invalid(format!("choose at most {MAX_CHOSEN} intents")).into());
    }
    let mut found = Vec::new();
    for id in ids {
        let id = parse_id(id)?;
        let look = axme_core::ops::console::look(&guest.app, &guest.permit.caller, id, None).await?;
        if action.fits(look.view.status) {
            found.push((id.to_string(), look.view.intent_type));
        }
    }
    Ok(found)
}

/// Finds all intents of a filter that the action applies to. True if there are more than it takes.
async fn of_filter(guest: &ConsoleCall, filter: &Filter, action: Action) -> Result<(Vec<(String, String)>, bool)> {
    let now = guest.app.system.clock.now();
    let (mut found, mut before) = (Vec::new(), None::<String>);
    loop {
        let list = guest.call(&api::LIST, &filter.input(now, before.as_deref(), PAGE)?).await?;
        let fitting = list.intents.iter().filter(|intent| action.fits(intent.status));
        found.extend(fitting.map(|intent: &IntentSummary| (intent.intent_id.to_string(), intent.intent_type.clone())));
        if found.len() >= MAX_INTENTS {
            found.truncate(MAX_INTENTS);
            return Ok((found, true));
        }
        match list.next_before {
            Some(next) => before = Some(next.to_string()),
            None => return Ok((found, false)),
        }
    }
}

/// Takes the next portion. The form carries the ids of those that are left, so nothing is taken that was not confirmed.
async fn go_on(guest: Guest, filled: FormFields, action: Action) -> Result<Answer> {
    let frame = guest.frame(Section::Intents);
    let ids: Vec<String> = filled.get("left").split_whitespace().map(str::to_owned).collect();
    if ids.len() > MAX_INTENTS {
        return Err(ApiError::invalid(format!("at most {MAX_INTENTS} intents at once")).into());
    }
    let number = |name: &str| filled.get(name).parse::<usize>().unwrap_or(0).min(MAX_INTENTS);
    let (once, reason) = (filled.get("once").to_owned(), filled.get("reason").to_owned());
    let portion: Vec<String> = ids.iter().take(PORTION).cloned().collect();
    let (once_, reason_) = (Arc::new(once.clone()), Arc::new(reason.clone()));
    let taken = futures_util::stream::iter(portion).map(|id| {
        let (guest, once, reason) = (guest.clone(), once_.clone(), reason_.clone());
        async move {
            let outcome = one(&guest, &id, action, &once, &reason).await;
            (id, outcome.err().map(|error| error.into_api().message))
        }
    });
    let outcomes: Vec<(String, Option<String>)> = taken.buffered(AT_ONCE).collect().await;
    let refusals: Vec<(String, String)> = outcomes.into_iter().filter_map(|(id, why)| Some((id, why?))).collect();
    let taken = ids.len().min(PORTION);
    let refused = number("refused") + refusals.len();
    let left: Vec<String> = ids.into_iter().skip(PORTION).collect();
    let template = BulkPage {
        head: guest.head(),
        action,
        sample: Vec::new(),
        total: number("total"),
        done: number("done") + taken - refusals.len(),
        refused,
        refusals: refusals.into_iter().take(MAX_SHOWN).collect(),
        is_cut: false,
        is_confirmed: true,
        left,
        once,
        back: filled.get("back").to_owned(),
        reason,
        frame,
    };
    Ok(Answer::Page(rendered(200, &template)?))
}

/// Acts on one intent. A portion that is sent again gets the answers of the first time, so each intent is counted once.
async fn one(guest: &ConsoleCall, id: &str, action: Action, once: &str, reason: &str) -> Result<()> {
    let id = parse_id(id)?.to_string();
    match action {
        Action::Cancel => {
            let reason = if reason.is_empty() { "canceled in the console" } else { reason };
            let input = ResolveIntent {
                reason: Some(reason.to_owned()),
                ..ResolveIntent::new(id.as_str(), EndingStatus::Canceled)
            };
            guest.call_once(&api::RESOLVE, &input, key(once, &id)).await.map(|_| ())
        }
        Action::Retry => repeat(guest, &id, once).await.map(|_| ()),
        Action::Replay => replay(guest, &id, key(once, &id)).await,
    }
}
