//! Limits and usage of the workspace, today and over the last days.

use axme_api::quotas::{self as api, Dimensions, GetUsageSeries, GetUsageSummary, QuotaPolicy, Usage, WorkspaceQuery};
use axme_core::error::Result;

use super::form::{Form, FormField};
use super::frame::Section;
use super::same::Same;
use super::table::{Cell, Table, TablePage, draw_with};
use super::visit::{Answer, ConsoleCall, Guest};

/// The days of the series.
const DAYS: u64 = 14;

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    let policy = guest.call(&api::GET, &WorkspaceQuery::default()).await?.quota_policy;
    let summary = guest.call(&api::SUMMARY, &GetUsageSummary::default()).await?.summary;
    let series = GetUsageSeries { window_days: axme_api::Number::new(DAYS), ..GetUsageSeries::default() };
    let points = guest.call(&api::TIMESERIES, &series).await?.series.points;
    let used = &summary.dimensions;
    let rows = [
        ("Intents", &used.intents_per_day),
        ("Decisions in threads", &used.inbox_writes_per_day),
        ("Bytes of files that arrived", &used.media_upload_bytes_per_day),
        ("Bytes of files kept", &used.media_storage_bytes),
        ("Events to subscribers", &used.webhook_deliveries_per_day),
        ("Changes of payload schemas", &used.schema_writes_per_day),
    ];
    let mut rows: Vec<Vec<Cell>> = rows.into_iter().map(|(name, usage)| vec![Cell::text(name), bar(usage)]).collect();
    let per_minute = policy.dimensions.requests_per_minute;
    let calls = if per_minute == 0 { "no limit".to_owned() } else { format!("at most {per_minute} a minute") };
    rows.push(vec![Cell::text("Calls of one operation by one caller"), Cell::text(calls)]);
    let enforced = match policy.hard_enforcement {
        true => format!("Beyond a limit: {}.", policy.overage_mode),
        false => "The limits are not enforced.".to_owned(),
    };
    let days = points.iter().rev().map(|point| {
        let Dimensions { intents_per_day, inbox_writes_per_day, webhook_deliveries_per_day, .. } = point.dimensions;
        let at = axme_intent::Time::from(point.at);
        let numbers = [intents_per_day, inbox_writes_per_day, webhook_deliveries_per_day];
        let day = at.in_minutes().split(' ').next().unwrap_or_default().to_owned();
        std::iter::once(Cell::text(day)).chain(numbers.map(|number| Cell::text(number.to_string()))).collect()
    });
    let page = TablePage {
        section: Section::Quotas,
        title: "Quotas".to_owned(),
        path: "/app/quotas",
        fields: Vec::new(),
        tables: vec![
            Table { title: "Today", about: enforced, columns: vec!["What", "Used"], rows, empty: "" },
            Table {
                title: "By day",
                about: "Days are in UTC.".to_owned(),
                columns: vec!["Day", "Intents", "Decisions in threads", "Events to subscribers"],
                rows: days.collect(),
                empty: "Nothing was used yet.",
            },
        ],
        next: String::new(),
        links: Vec::new(),
        same: Same::of(&guest.app.site.base_url, &api::SUMMARY, &GetUsageSummary::default()),
    };
    // On a hosted server, only its operators change limits.
    let may_change = guest.is_admin() && (!guest.app.limits.tier.is_hosted() || guest.is_operator);
    let forms = if may_change { vec![change(&guest, &policy)] } else { Vec::new() };
    draw_with(&guest, page, forms, "")
}

fn change(guest: &ConsoleCall, policy: &QuotaPolicy) -> Form {
    let limits = &policy.dimensions;
    let modes = [
        ("block", "refuse it"),
        ("grace", "permit it, and bill nothing"),
        ("bill_overage", "permit it, and bill intents beyond their limit"),
    ];
    let enforced = [("true", "yes"), ("false", "no: everything is permitted")];
    let number = |label, name, limit: u64| FormField::text(label, name).with(limit.to_string()).required();
    Form::new(api::UPDATE.info.id, "Change the limits", "Change")
        .about("0 removes a limit. A change applies from the next call on.")
        .hidden("org_id", guest.caller().org.to_string())
        .hidden("workspace_id", guest.caller().workspace.to_string())
        .field(number(
            "Calls of one operation by one caller in a minute",
            "dimensions.requests_per_minute:number",
            limits.requests_per_minute,
        ))
        .field(number("Intents a day", "dimensions.intents_per_day:number", limits.intents_per_day))
        .field(number(
            "Decisions in threads a day",
            "dimensions.inbox_writes_per_day:number",
            limits.inbox_writes_per_day,
        ))
        .field(number(
            "Bytes of files that arrive in a day",
            "dimensions.media_upload_bytes_per_day:number",
            limits.media_upload_bytes_per_day,
        ))
        .field(number("Bytes of files kept", "dimensions.media_storage_bytes:number", limits.media_storage_bytes))
        .field(number(
            "Events to subscribers a day",
            "dimensions.webhook_deliveries_per_day:number",
            limits.webhook_deliveries_per_day,
        ))
        .field(number(
            "Changes of payload schemas a day",
            "dimensions.schema_writes_per_day:number",
            limits.schema_writes_per_day,
        ))
        .field(FormField::choice("Usage beyond a limit", "overage_mode", &modes, &policy.overage_mode.to_string()))
        .field(FormField::choice(
            "Limits are enforced",
            "hard_enforcement:flag",
            &enforced,
            if policy.hard_enforcement { "true" } else { "false" },
        ))
}

fn bar(usage: &Usage) -> Cell {
    match usage.limit {
        0 => Cell::text(format!("{}, no limit", usage.used)),
        limit => Cell::Bar(usage.used, limit, format!("{} of {limit}", usage.used)),
    }
}
