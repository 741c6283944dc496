//! A page that is a table: what most sections show. A section says its columns, rows, filters and actions; this file draws
//! them in one way.

use askama::Template;
use axme_core::error::Result;
use axme_intent::Time;

use super::form::Form;
use super::frame::{Badge, Frame, Section, distance};
use super::same::Same;
use super::visit::{Answer, Guest};
use crate::http::letterhead::Letterhead;
use crate::http::pages::page as rendered;

/// The content of a cell.
pub(super) enum Cell {
    Text(String),
    Code(String),
    /// A link: its text, and its path below the root of the console.
    Link(String, String),
    Badge(Badge),
    Time(Time, String),
    /// A part of a whole, with its text: used and the limit.
    Bar(u64, u64, String),
    /// A button that sends a form: its text, the path below the root of the server, and its fields.
    Button(&'static str, &'static str, Vec<(&'static str, String)>),
    /// Forms that open in the cell.
    Forms(Vec<Form>),
    Empty,
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        let text = text.into();
        if text.is_empty() { Cell::Empty } else { Cell::Text(text) }
    }

    pub fn time(now: Time, at: Option<Time>) -> Cell {
        at.map_or(Cell::Empty, |at| Cell::Time(at, distance(now, at)))
    }

    /// A word with a color: `good`, `bad`, `waits` or `plain`.
    pub fn badge(text: impl Into<String>, class: &'static str) -> Cell {
        Cell::Badge(Badge { text: text.into(), class })
    }
}

/// A table with its heading.
pub(super) struct Table {
    pub title: &'static str,
    /// One sentence above the table.
    pub about: String,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// The sentence for a table without rows.
    pub empty: &'static str,
}

/// A field of the filter above the tables.
pub(super) struct Field {
    pub label: &'static str,
    pub name: &'static str,
    pub value: String,
    /// The values to choose from, with their names; empty for free text.
    pub choices: Vec<(&'static str, &'static str)>,
}

/// A page of tables.
pub(super) struct TablePage {
    pub section: Section,
    pub title: String,
    /// The path of the page, below the root of the server.
    pub path: &'static str,
    pub fields: Vec<Field>,
    pub tables: Vec<Table>,
    /// The query of the next page; empty on the last one.
    pub next: String,
    /// Links beside the filter: their texts and paths.
    pub links: Vec<(&'static str, String)>,
    pub same: Same,
}

#[derive(Template)]
#[template(path = "console/table.html")]
struct Rendered {
    head: Letterhead,
    frame: Frame,
    page: TablePage,
    forms: Vec<Form>,
    same: Same,
}

/// Draws a page of tables.
pub(super) fn draw(guest: &Guest, page: TablePage) -> Result<Answer> {
    draw_with(guest, page, Vec::new(), "")
}

/// Draws a page of tables with forms below. After a change, the page with the query `back` is shown again.
pub(super) fn draw_with(guest: &Guest, mut page: TablePage, mut forms: Vec<Form>, back: &str) -> Result<Answer> {
    let frame = guest.frame(page.section);
    let path = page.path.trim_start_matches("/app");
    let back = if back.is_empty() { path.to_owned() } else { format!("{path}?{back}") };
    let cells = page.tables.iter_mut().flat_map(|table| table.rows.iter_mut().flatten());
    let in_cells = cells.filter_map(|cell| match cell {
        Cell::Forms(forms) => Some(forms.iter_mut()),
        _ => None,
    });
    for form in in_cells.flatten().chain(&mut forms) {
        let once = guest.app.system.rng.uuid().simple().to_string();
        form.on(&frame.root, &frame.csrf, &back, &once);
    }
    let same = Same { command: page.same.command.clone(), call: page.same.call.clone() };
    Ok(Answer::Page(rendered(200, &Rendered { head: guest.head(), frame, page, forms, same })?))
}
