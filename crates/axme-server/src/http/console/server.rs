//! The server and its machine, for operators: what waits in the whole database, the check of `axme doctor --server`, and the
//! settings in force. The numbers cover every tenant.

use axme_api::ApiError;
use axme_core::error::Result;
use axme_core::ops::console;
use axme_intent::Time;
use axme_store::gauges::{Count, Gauges};

use super::frame::{Section, span};
use super::same::Same;
use super::table::{Cell, Table, TablePage, draw};
use super::visit::{Answer, ConsoleCall, Guest};
use crate::checkup::LITTLE_SPACE;
use crate::http::form::FormFields;
use crate::http::gateway::Gateway;

/// A timer that fires later than this is late: reminders and deadlines are too.
pub(super) const LATE_SECONDS: u64 = 30;

pub(super) async fn page(guest: Guest, gateway: Gateway) -> Result<Answer> {
    check(&guest)?;
    let machine = &gateway.machine;
    let mut tables = vec![state(&guest, &gateway).await];
    let findings = machine.last();
    let about = match &findings {
        None => "Nothing was checked since the start of this node.".to_owned(),
        Some(found) => format!("As it was at {}.", found.0.in_minutes()),
    };
    let rows = findings.iter().flat_map(|found| &found.1).map(|finding| {
        let badge = if finding.ok { Cell::badge("fine", "good") } else { Cell::badge("look", "bad") };
        vec![Cell::text(finding.check.replace('_', " ")), badge, Cell::text(finding.detail.clone())]
    });
    let mut rows: Vec<Vec<Cell>> = rows.collect();
    rows.push(vec![Cell::text("all"), Cell::Button("Check now", "/app/server", Vec::new()), Cell::Empty]);
    tables.push(Table {
        title: "Check of the machine",
        about,
        columns: vec!["What", "State", "Found"],
        rows,
        empty: "",
    });
    let settings = machine.settings().iter().map(|setting| {
        let (name, value) = (Cell::Code(setting.name.clone()), Cell::text(setting.value.clone()));
        vec![name, value, Cell::text(setting.source.clone())]
    });
    tables.push(Table {
        title: "Settings in force",
        about: "Secrets are masked. A change takes effect with the next start.".to_owned(),
        columns: vec!["Setting", "Value", "Source"],
        rows: settings.collect(),
        empty: "This node was started without a list of its settings.",
    });
    let address = &guest.app.site.base_url;
    let same = Same {
        command: "axme doctor --server\naxme serve --check".to_owned(),
        call: format!("curl -H \"x-api-key: $AXME_API_KEY\" '{address}/metrics'"),
    };
    let page = TablePage {
        section: Section::Server,
        title: "Server".to_owned(),
        path: "/app/server",
        fields: Vec::new(),
        tables,
        next: String::new(),
        links: Vec::new(),
        same,
    };
    draw(&guest, page)
}

/// Refuses callers who are not operators.
fn check(guest: &ConsoleCall) -> Result<()> {
    match guest.is_operator {
        true => Ok(()),
        false => Err(ApiError::forbidden("only the operators of this server see its machine").into()),
    }
}

/// Checks the machine of this node.
pub(super) async fn examine(guest: Guest, _: FormFields, gateway: Gateway) -> Result<Answer> {
    check(&guest)?;
    console::may_check(guest.caller())?;
    let clock = guest.app.system.clock.clone();
    match gateway.machine.check(|| clock.now()).await {
        true => Ok(Answer::Lead("/server?said=checked".to_owned())),
        false => Err(ApiError::unavailable("a check is running: its findings appear on this page").into()),
    }
}

/// The numbers that an operator looks at first, here and on the overview.
pub(super) struct Vitals {
    pub free_bytes: Option<u64>,
    /// `None` if the database did not answer.
    pub database_bytes: Option<u64>,
    /// The seconds since the earliest timer was due that has not fired.
    pub timer_lag: Option<u64>,
}

impl Vitals {
    pub async fn read(guest: &ConsoleCall, gateway: &Gateway) -> Vitals {
        let look = gateway.scrapes.look(&guest.app).await;
        let found = look.gauges.as_ref();
        Vitals {
            free_bytes: gateway.machine.free_bytes(),
            database_bytes: found.map(|(_, sizes)| sizes.database),
            timer_lag: found.map(|(gauges, _)| overdue(&gauges.timers, look.at).unwrap_or(0)),
        }
    }

    pub fn is_disk_full(&self) -> bool {
        self.free_bytes.is_some_and(|free| free < LITTLE_SPACE)
    }
}

/// Returns the seconds since the earliest time among counts, if that has passed.
fn overdue(counts: &[Count], now: Time) -> Option<u64> {
    counts.iter().filter_map(|count| count.earliest).min().map(|earliest| now.since(earliest).as_secs())
}

/// Returns a number of bytes in its largest unit.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..10_737_418_240 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

async fn state(guest: &ConsoleCall, gateway: &Gateway) -> Table {
    let app = &guest.app;
    let look = gateway.scrapes.look(app).await;
    let row = |name: &str, badge: Option<bool>, text: String| {
        let badge = match badge {
            Some(true) => Cell::badge("fine", "good"),
            Some(false) => Cell::badge("look", "bad"),
            None => Cell::Empty,
        };
        vec![Cell::text(name), badge, Cell::text(text)]
    };
    let version = format!("{} on {}", env!("CARGO_PKG_VERSION"), app.store.engine.as_str());
    let mut rows = vec![row("version", None, version), row("open streams", None, app.streams_open().to_string())];
    if let Some(free) = gateway.machine.free_bytes() {
        rows.push(row("disk", Some(free >= LITTLE_SPACE), format!("{} free", bytes(free))));
    }
    match &look.gauges {
        None => rows.push(row("database", Some(false), "it does not answer".to_owned())),
        Some((gauges, sizes)) => {
            let log = sizes.log.map(|log| format!(", {} of log", bytes(log))).unwrap_or_default();
            let closed = app.store.closed();
            let text = closed.map_or_else(|| format!("{}{log}", bytes(sizes.database)), str::to_owned);
            rows.push(row("database", Some(closed.is_none()), text));
            rows.extend(waiting(gauges, look.at, row));
        }
    }
    Table {
        title: "State",
        about: "This node, and what waits in the database of all workspaces.".to_owned(),
        columns: vec!["What", "State", "Found"],
        rows,
        empty: "",
    }
}

fn waiting(gauges: &Gauges, now: Time, row: impl Fn(&str, Option<bool>, String) -> Vec<Cell>) -> Vec<Vec<Cell>> {
    let lag = overdue(&gauges.timers, now).unwrap_or(0);
    let due: i64 = gauges.timers.iter().map(|count| count.rows).sum();
    let mut rows = vec![row("timers", Some(lag <= LATE_SECONDS), format!("{due} due, the earliest for {}", span(lag)))];
    let named = |class: &str| match class {
        "notice" => "mails and notices".to_owned(),
        "webhook" => "events to subscribers".to_owned(),
        "route" => "deliveries along routes".to_owned(),
        "intent" => "deliveries to agents".to_owned(),
        other => format!("deliveries to agents ({other})"),
    };
    for count in &gauges.queues {
        let late = count.earliest.filter(|earliest| *earliest < now).map(|earliest| now.since(earliest).as_secs());
        let text = late.map(|late| format!(", the earliest was due {} ago", span(late))).unwrap_or_default();
        rows.push(row(&named(&count.class), None, format!("{} wait{text}", count.rows)));
    }
    for count in &gauges.dead {
        rows.push(row(&named(&count.class), Some(false), format!("{} were given up", count.rows)));
    }
    rows
}
