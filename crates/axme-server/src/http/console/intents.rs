//! The list of intents: a filter and columns in the address, saved views, pages by key, and a form that acts on many.

use askama::Template;
use axme_api::intents::{self as api, IntentSummary};
use axme_intent::Time;

use super::columns::{COLUMNS, Columns};
use super::filter::{Filter, RUNNING, WITH_AGENTS};
use super::frame::{Badge, Frame, Section, age, badge, holder, short};
use super::same::Same;
use super::views::query_of;
use super::visit::{Answer, Guest};
use crate::http::letterhead::Letterhead;
use crate::http::pages::page as rendered;
use axme_core::error::Result;
use axme_core::ops::console;

/// The intents on one page.
const PAGE: u64 = 100;

/// A choice of the filter: its value and its name.
pub(super) struct Choice {
    pub value: &'static str,
    pub name: &'static str,
    pub is_chosen: bool,
}

/// A view that operators often need: a name, a query, and whether it is the present one.
pub(super) struct View {
    name: String,
    query: String,
    is_here: bool,
}

/// A line of the list.
pub(super) struct Row {
    id: String,
    intent_type: String,
    badge: Badge,
    is_unheard: bool,
    from: String,
    to: String,
    holder: String,
    waiting: Option<(Time, String)>,
    created: (Time, String),
    changed: (Time, String),
}

#[derive(Template)]
#[template(path = "console/intents.html")]
struct IntentsPage {
    head: Letterhead,
    frame: Frame,
    filter: Filter,
    columns: Columns,
    views: Vec<View>,
    /// The views that the caller has saved.
    saved: Vec<View>,
    statuses: Vec<Choice>,
    reasons: Vec<Choice>,
    outcomes: Vec<Choice>,
    periods: Vec<Choice>,
    spans: Vec<Choice>,
    rows: Vec<Row>,
    /// The query of the first page.
    first: String,
    /// The query of the next page; empty on the last one.
    next: String,
    /// True on a later page.
    is_later: bool,
    same: Same,
}

const STATUSES: [(&str, &str); 9] = [
    ("", "Any status"),
    (RUNNING, "Running"),
    (WITH_AGENTS, "With an agent"),
    ("WAITING", "Waiting"),
    ("COMPLETED", "Completed"),
    ("FAILED", "Failed"),
    ("TIMED_OUT", "Timed out"),
    ("CANCELED", "Canceled"),
    ("FAILED,TIMED_OUT", "Failed or timed out"),
];

const REASONS: [(&str, &str); 5] = [
    ("", "No matter"),
    ("WAITING_FOR_HUMAN", "A person"),
    ("WAITING_FOR_AGENT", "An agent"),
    ("WAITING_FOR_TIME", "Time"),
    ("WAITING_FOR_TOOL", "The platform"),
];

const OUTCOMES: [(&str, &str); 7] = [
    ("", "Any outcome"),
    ("yes", "A yes"),
    ("no", "A no"),
    ("completed", "Completed"),
    ("failed", "Failed"),
    ("canceled", "Canceled"),
    ("timed_out", "Timed out"),
];

const PERIODS: [(&str, &str); 6] = [
    ("", "Any time"),
    ("1h", "Last hour"),
    ("today", "Today (UTC)"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
];

const SPANS: [(&str, &str); 6] =
    [("", "No matter"), ("15m", "15 minutes"), ("1h", "1 hour"), ("6h", "6 hours"), ("1d", "1 day"), ("7d", "7 days")];

/// Returns the choices of a field. A value that is none of them stays, as its own name.
fn choices(known: &[(&'static str, &'static str)], chosen: &str) -> Vec<Choice> {
    known.iter().map(|(value, name)| Choice { value, name, is_chosen: *value == chosen }).collect()
}

fn views(filter: &Filter) -> Vec<View> {
    let of = |name: &'static str, pairs: &[(&str, &str)]| {
        let view =
            Filter::read(|field| pairs.iter().find(|(known, _)| *known == field).map_or("", |(_, v)| v).to_owned());
        View { name: name.to_owned(), query: view.query(&[]), is_here: view == *filter }
    };
    vec![
        of("All", &[]),
        of("Running", &[("status", RUNNING)]),
        of("Waiting for people", &[("waiting_reason", "WAITING_FOR_HUMAN")]),
        of("Queued for an hour", &[("status", WITH_AGENTS), ("stuck", "1h")]),
        of("Failed today", &[("status", "FAILED,TIMED_OUT"), ("since", "today")]),
        of("Answered with no", &[("outcome_kind", "no")]),
    ]
}

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    let id = guest.asked("id");
    if !id.is_empty() {
        let id = percent_encoding::utf8_percent_encode(&id, percent_encoding::NON_ALPHANUMERIC).to_string();
        return Ok(Answer::Lead(format!("/intents/{id}")));
    }
    let frame = guest.frame(Section::Intents);
    let filter = Filter::read(|name| guest.asked(name));
    let before = guest.asked("before");
    let input = filter.input(frame.now, Some(&before), PAGE)?;
    let list = guest.call(&api::LIST, &input).await?;
    let rows = list.intents.iter().map(|intent| row(intent, frame.now)).collect();
    let columns = Columns::read(guest.asked_all(COLUMNS));
    let next = list.next_before.map(|id| query_of(&filter, &columns, &[("before", &id)])).unwrap_or_default();
    let first = query_of(&filter, &columns, &[]);
    let saved = console::views(&guest.app, guest.caller()).await?;
    let saved = saved.into_iter().map(|view| View { is_here: view.query == first, name: view.name, query: view.query });
    let template = IntentsPage {
        head: guest.head(),
        views: views(&filter),
        saved: saved.collect(),
        columns,
        statuses: choices(&STATUSES, filter.get("status")),
        reasons: choices(&REASONS, filter.get("waiting_reason")),
        outcomes: choices(&OUTCOMES, filter.get("outcome_kind")),
        periods: choices(&PERIODS, filter.get("since")),
        spans: choices(&SPANS, filter.get("stuck")),
        rows,
        first,
        next,
        is_later: !before.is_empty(),
        same: Same::of(&guest.app.site.base_url, &api::LIST, &input),
        filter,
        frame,
    };
    Ok(Answer::Page(rendered(200, &template)?))
}

/// Returns an intent as lists show it.
pub(super) fn row(intent: &IntentSummary, now: Time) -> Row {
    let outcome = intent.outcome.outcome_kind.zip(intent.outcome.outcome_text.as_deref());
    let at = |time: axme_api::Timestamp| (Time::from(time), age(now, time.into()));
    Row {
        id: intent.intent_id.to_string(),
        intent_type: intent.intent_type.clone(),
        badge: badge(intent.status, outcome, intent.pending_with.as_ref()),
        is_unheard: intent.nobody_listens,
        from: short(&intent.from_agent),
        to: short(&intent.to_agent),
        holder: intent.pending_with.as_ref().map(holder).unwrap_or_default(),
        waiting: intent.waiting_since.map(at),
        created: at(intent.created_at),
        changed: at(intent.updated_at),
    }
}
