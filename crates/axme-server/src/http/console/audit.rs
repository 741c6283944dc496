//! The audit trail with its filters, and its export as CSV or JSON Lines.

use axme_api::audit::{self as api, AuditEvent, ListAudit};
use axme_api::{ApiError, Id, Json};
use axme_core::error::Result;

use super::filter::query;
use super::frame::{Section, short};
use super::same::Same;
use super::table::{Cell, Field, Table, TablePage, draw};
use super::visit::{Answer, ConsoleCall, Guest};

const PAGE: u64 = 100;
/// The most lines of an export, and the page in which it reads them.
const MAX_EXPORT: usize = 10_000;
const EXPORT_PAGE: u64 = 1_000;

fn filter(guest: &ConsoleCall, before: Option<String>, limit: u64) -> ListAudit {
    let given = |name: &str| Some(guest.asked(name)).filter(|text| !text.is_empty());
    ListAudit {
        owner_agent: given("owner_agent"),
        action_prefix: given("action_prefix"),
        limit: limit.into(),
        before: before.filter(|id| !id.is_empty()).map(Id::from),
        ..ListAudit::default()
    }
}

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let input = filter(&guest, Some(guest.asked("before")), PAGE);
    let list = guest.call(&api::LIST, &input).await?;
    let (actor, prefix) = (guest.asked("owner_agent"), guest.asked("action_prefix"));
    let with = |more: &[(&str, &str)]| {
        let own = [("owner_agent", actor.as_str()), ("action_prefix", prefix.as_str())];
        query(own.into_iter().filter(|(_, value)| !value.is_empty()).chain(more.iter().copied()))
    };
    let rows = list.events.iter().map(|event| {
        vec![
            Cell::time(now, Some(event.at.into())),
            Cell::text(short(&event.actor)),
            Cell::text(event.action.clone()),
            subject(event),
            Cell::Code(Json::of(&event.details).text().to_owned()),
        ]
    });
    let next = list.next_before.as_ref().map(|id| with(&[("before", id)])).unwrap_or_default();
    let page = TablePage {
        section: Section::Audit,
        title: "Audit trail".to_owned(),
        path: "/app/audit",
        fields: vec![
            Field { label: "By", name: "owner_agent", value: actor.clone(), choices: Vec::new() },
            Field { label: "Action begins with", name: "action_prefix", value: prefix.clone(), choices: Vec::new() },
        ],
        tables: vec![Table {
            title: "",
            about: String::new(),
            columns: vec!["When", "By", "Action", "Subject", "Details"],
            rows: rows.collect(),
            empty: "Nothing matches.",
        }],
        next,
        links: vec![
            ("Export as CSV", format!("/app/audit/export?{}", with(&[("format", "csv")]))),
            ("Export as JSON Lines", format!("/app/audit/export?{}", with(&[("format", "jsonl")]))),
        ],
        same: Same::of(&guest.app.site.base_url, &api::LIST, &input),
    };
    draw(&guest, page)
}

fn subject(event: &AuditEvent) -> Cell {
    let is_intent = event.action.starts_with("intents.") && uuid::Uuid::parse_str(&event.subject).is_ok();
    match is_intent {
        true => Cell::Link(event.subject.clone(), format!("/app/intents/{}", event.subject)),
        false => Cell::text(event.subject.clone()),
    }
}

pub(super) async fn export(guest: Guest) -> Result<Answer> {
    let is_csv = match guest.asked("format").as_str() {
        "csv" => true,
        "jsonl" => false,
        _ => return Err(ApiError::invalid("format: choose csv or jsonl").into()),
    };
    let mut text = if is_csv { "at,actor,action,subject,details,audit_id\r\n".to_owned() } else { String::new() };
    let (mut before, mut lines) = (None, 0);
    while lines < MAX_EXPORT {
        let list = guest.call(&api::LIST, &filter(&guest, before, EXPORT_PAGE)).await?;
        for event in &list.events {
            text.push_str(&if is_csv { csv(event) } else { format!("{}\n", Json::of(event).text()) });
        }
        lines += list.events.len();
        match list.next_before {
            Some(next) => before = Some(next.to_string()),
            None => break,
        }
    }
    let name = if is_csv { "audit.csv" } else { "audit.jsonl" };
    let kind = if is_csv { "text/csv; charset=utf-8" } else { "application/x-ndjson" };
    Ok(Answer::File(kind, name.to_owned(), text))
}

/// Returns an event as a line of CSV (RFC 4180).
fn csv(event: &AuditEvent) -> String {
    let details = Json::of(&event.details);
    let fields = [&event.at.to_string(), &event.actor, &event.action, &event.subject, details.text(), &event.audit_id];
    format!("{}\r\n", fields.map(cell).join(","))
}

/// Returns a cell in quotes. A sheet would run a cell that begins like a formula, so that one begins with an apostrophe.
fn cell(text: &str) -> String {
    let mark = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_quoted_and_never_a_formula() {
        assert_eq!(cell("say \"no\", then"), "\"say \"\"no\"\", then\"");
        assert_eq!(cell("=HYPERLINK(1)"), "\"'=HYPERLINK(1)\"");
    }
}
