//! Scenarios: the ones that were applied, each with its runs, and an editor for a bundle with the diagnostics of the server.

use askama::Template;
use axme_api::scenarios::{self as api, Bundle};
use axme_api::{ApiError, JsonFields};
use axme_core::error::Result;
use axme_core::ops::console;
use axme_intent::{Time, scenario};
use serde_json::Value;

use super::filter::query;
use super::frame::{Frame, Section, age};
use super::graph::{Graph, graph};
use super::place::line_of;
use super::same::Same;
use super::visit::{Answer, ConsoleCall, Guest};
use crate::http::form::FormFields;
use crate::http::letterhead::Letterhead;
use crate::http::pages::page as rendered;

/// The bundle that the editor begins with.
const FIRST: &str = r#"{
  "scenario_id": "release.v1",
  "agents": [
    { "role": "checker", "address": "checker", "create_if_missing": true }
  ],
  "humans": [
    { "role": "lead", "display_name": "Lead", "contact": "lead@example.com" }
  ],
  "workflow": {
    "steps": [
      { "step_id": "check", "tool_id": "tool.agent.task", "assigned_to": "checker" },
      { "step_id": "decide", "tool_id": "tool.human_approval", "assigned_to": "lead" }
    ]
  },
  "intent": {
    "type": "intent.release.v1",
    "payload": { "service": "billing" }
  }
}"#;

/// A scenario with its newest run.
struct Row {
    name: String,
    /// The query of the list of its runs.
    query: String,
    newest: String,
    started_by: String,
    at: Time,
    age: String,
}

/// A finding about a bundle.
#[derive(Debug, PartialEq, Eq)]
struct Diagnostic {
    is_error: bool,
    /// The line of the text, counted from 1.
    line: Option<usize>,
    text: String,
}

#[derive(Template)]
#[template(path = "console/scenarios.html")]
struct ScenariosPage {
    head: Letterhead,
    frame: Frame,
    /// The list of runs is for admins.
    shows_runs: bool,
    rows: Vec<Row>,
    /// The query of the next page of the list; empty on the last one.
    next: String,
    bundle: String,
    once: String,
    is_checked: bool,
    diagnostics: Vec<Diagnostic>,
    graph: Option<Graph>,
    same: Same,
}

/// The result of the check of a bundle.
#[derive(Default)]
struct Checked {
    diagnostics: Vec<Diagnostic>,
    graph: Option<Graph>,
    /// The bundle, if it is valid.
    bundle: Option<JsonFields>,
}

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    let once = guest.app.system.rng.uuid().simple().to_string();
    draw(&guest, FIRST.to_owned(), once, None).await
}

async fn draw(guest: &Guest, bundle: String, once: String, checked: Option<Checked>) -> Result<Answer> {
    let frame = guest.frame(Section::Scenarios);
    let shows_runs = guest.is_admin();
    let found = match shows_runs {
        true => console::scenarios(&guest.app, guest.caller(), guest.asked("after")).await?,
        false => Vec::new(),
    };
    let last = found.last().filter(|_| found.len() == console::MAX_SCENARIOS).map(|last| last.name.clone());
    let rows = found.into_iter().map(|found| Row {
        query: query([("scenario_id", found.name.as_str())].into_iter()),
        name: found.name,
        newest: found.newest.to_string(),
        started_by: found.started_by,
        at: found.started_at,
        age: age(frame.now, found.started_at),
    });
    let is_checked = checked.is_some();
    let Checked { diagnostics, graph, .. } = checked.unwrap_or_default();
    let base_url = &guest.app.site.base_url;
    let template = ScenariosPage {
        head: guest.head(),
        rows: rows.collect(),
        next: last.map(|after| query([("after", after.as_str())].into_iter())).unwrap_or_default(),
        shows_runs,
        once,
        is_checked,
        diagnostics,
        graph,
        same: Same {
            command: "axme scenarios apply bundle.json".to_owned(),
            call: format!(
                "curl -X POST -H \"x-api-key: $AXME_API_KEY\" -H \"content-type: application/json\" -d @bundle.json '{base_url}{}'",
                api::APPLY.info.path
            ),
        },
        bundle,
        frame,
    };
    Ok(Answer::Page(rendered(200, &template)?))
}

/// Checks the bundle of the form, and applies it if the form says so.
pub(super) async fn take(guest: Guest, filled: FormFields) -> Result<Answer> {
    let (text, once) = (filled.get("bundle").to_owned(), filled.get("once").to_owned());
    let is_applied = match filled.get("action") {
        "check" => false,
        "apply" => true,
        _ => return Err(ApiError::invalid("choose to check the bundle or to apply it").into()),
    };
    let mut checked = check(&guest, &text).await?;
    if let Some(bundle) = checked.bundle.take().filter(|_| is_applied) {
        let key = Some(format!("console-{once}")).filter(|_| !once.is_empty());
        match guest.call_once(&api::APPLY, &Bundle { body: bundle }, key).await {
            Ok(applied) => return Ok(Answer::Lead(format!("/intents/{}?said=applied", applied.intent_id))),
            // The text stays on the page.
            Err(error) => checked.diagnostics.insert(0, diagnostic(&text, error.into_api().message, true)),
        }
    }
    draw(&guest, text, once, Some(checked)).await
}

async fn check(guest: &ConsoleCall, text: &str) -> Result<Checked> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let told = format!("column {}: this is not JSON; check quotes, commas and brackets", error.column());
            let diagnostics = vec![Diagnostic { is_error: true, line: Some(error.line()), text: told }];
            return Ok(Checked { diagnostics, ..Checked::default() });
        }
    };
    if !value.is_object() {
        let told = "a bundle is an object: begin it with {".to_owned();
        let diagnostics = vec![Diagnostic { is_error: true, line: Some(1), text: told }];
        return Ok(Checked { diagnostics, ..Checked::default() });
    }
    let bundle = JsonFields::of(value);
    let found = guest.call(&api::VALIDATE, &Bundle { body: bundle.clone() }).await?;
    let errors = found.errors.into_iter().map(|told| diagnostic(text, told, true));
    let diagnostics = errors.chain(found.warnings.into_iter().map(|told| diagnostic(text, told, false))).collect();
    let (read, _) = scenario::read(&bundle, guest.caller().home());
    let graph = read.and_then(|scenario| scenario.plan).map(|plan| graph(&plan, &[]));
    Ok(Checked { diagnostics, graph, bundle: Some(bundle).filter(|_| found.valid) })
}

/// Adds the line to a sentence that begins with its place in the bundle.
fn diagnostic(bundle: &str, told: String, is_error: bool) -> Diagnostic {
    Diagnostic { is_error, line: line_of(bundle, &told), text: told }
}
