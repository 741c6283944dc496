//! The overview: how much runs, waits and fails, and for how long. Each number leads to its list.

use askama::Template;
use axme_api::mesh::{self, ListMeshAgents, MeshSummary};
use axme_core::error::Result;
use axme_core::ops::console;
use axme_intent::{IntentId, Status, Time};
use axme_store::console::{Backlog, MAX_ROWS, Numbers, Recent};

use super::filter::{RUNNING, WITH_AGENTS, query};
use super::frame::{Frame, Section, age, short, span};
use super::server::{LATE_SECONDS, Vitals, bytes};
use super::visit::{Answer, Guest};
use crate::http::gateway::Gateway;
use crate::http::letterhead::Letterhead;
use crate::http::pages::page as rendered;

/// The buckets of a day and of an hour.
const HOURS: u64 = 24;
const SLOTS: u64 = 12;
const SLOT_SECONDS: u64 = 300;
/// The size of a plot, in pixels.
const BAR: u64 = 10;
const PLOT_HEIGHT: u64 = 44;
/// The queues that the page lists.
const MAX_QUEUES: usize = 8;

/// A number with its list.
pub(super) struct Tile {
    name: &'static str,
    number: String,
    note: String,
    /// The path of the list, below the root of the console.
    path: String,
    class: &'static str,
}

/// A bar of a plot.
pub(super) struct Bar {
    x: u64,
    y: u64,
    height: u64,
}

/// A plot of counts over time.
pub(super) struct Plot {
    name: &'static str,
    total: u64,
    most: u64,
    width: u64,
    bars: Vec<Bar>,
}

/// A queue of an agent.
pub(super) struct QueueRow {
    /// The query of its list.
    query: String,
    name: String,
    waiting: i64,
    oldest: String,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    head: Letterhead,
    frame: Frame,
    tiles: Vec<Tile>,
    plots: Vec<Plot>,
    durations: Vec<(&'static str, String)>,
    oldest_task: Option<(String, String)>,
    queues: Vec<QueueRow>,
    is_cut: bool,
    most: i64,
}

pub(super) async fn page(guest: Guest, gateway: Gateway) -> Result<Answer> {
    // The numbers of a workspace are for its admins. Others begin with their own intents.
    if !guest.is_admin() {
        return Ok(Answer::Lead("/intents".to_owned()));
    }
    let frame = guest.frame(Section::Overview);
    let now = frame.now;
    let numbers = console::numbers(&guest.app, guest.caller(), now.minus_millis(HOURS * 3_600_000)).await?;
    let backlogs = console::backlogs(&guest.app, guest.caller()).await?;
    let agents = guest.call(&mesh::LIST, &ListMeshAgents { limit: 1.into(), ..ListMeshAgents::default() }).await?;
    let queues = backlogs.iter().take(MAX_QUEUES).map(|backlog| QueueRow {
        query: query([("status", WITH_AGENTS), ("to_agent", backlog.address.as_str())].into_iter()),
        name: short(&backlog.address),
        waiting: backlog.rows,
        oldest: backlog.oldest.map(|id| age(now, IntentId(id).created_at())).unwrap_or_default(),
    });
    let mut tiles = tiles(&numbers, &backlogs, &agents.summary, now);
    if guest.is_operator {
        tiles.extend(of_server(&Vitals::read(&guest, &gateway).await));
    }
    let template = OverviewPage {
        head: guest.head(),
        tiles,
        plots: plots(&numbers.recent, now),
        durations: durations(&numbers.recent),
        oldest_task: numbers.oldest_task.map(|(id, since)| (id.to_string(), age(now, since))),
        queues: queues.collect(),
        is_cut: numbers.is_cut,
        most: MAX_ROWS,
        frame,
    };
    Ok(Answer::Page(rendered(200, &template)?))
}

fn tiles(numbers: &Numbers, backlogs: &[Backlog], agents: &MeshSummary, now: Time) -> Vec<Tile> {
    let running = numbers.live.iter().map(|count| count.rows).sum();
    let oldest = numbers.live.iter().filter_map(|count| count.oldest).min();
    let oldest_running = oldest.map(|at| format!("oldest {}", age(now, at))).unwrap_or_default();
    let recent = |statuses: &[Status]| numbers.recent.iter().filter(|one| statuses.contains(&one.status)).count();
    let failed = recent(&[Status::Failed, Status::TimedOut]);
    let dead: i64 = numbers.dead.iter().map(|(_, rows)| *rows).sum();
    let kinds = numbers.dead.iter().map(|(kind, rows)| match kind {
        0 => format!("{rows} to agents"),
        1 => format!("{rows} to webhooks"),
        2 => format!("{rows} mails and notices"),
        _ => format!("{rows} on routes"),
    });
    let silent = agents.unreachable + agents.degraded;
    // The steps of workflows count too: they wait in the same queues.
    let at_agents = backlogs.iter().map(|backlog| backlog.rows).sum();
    let oldest = backlogs.iter().filter_map(|backlog| backlog.oldest).min();
    let oldest_at_agents =
        oldest.map(|id| format!("oldest {}", age(now, IntentId(id).created_at()))).unwrap_or_default();
    let task_note = numbers.oldest_task.map(|(_, since)| format!("oldest {}", age(now, since))).unwrap_or_default();
    let tile = |name, number: i64, note: String, path: &str, is_bad: bool| Tile {
        name,
        number: if number >= MAX_ROWS { format!("{MAX_ROWS}+") } else { number.to_string() },
        note,
        path: path.to_owned(),
        class: if is_bad && number > 0 { "tile alarm" } else { "tile" },
    };
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let sum = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    vec![
        tile("Running", running, oldest_running, &format!("/app/intents?status={RUNNING}"), false),
        tile("Waiting for people", numbers.tasks, task_note, "/app/intents?waiting_reason=WAITING_FOR_HUMAN", false),
        tile("With agents", at_agents, oldest_at_agents, "/app/agents", false),
        tile(
            "Failed in 24 h",
            count(failed),
            format!("{} completed", recent(&[Status::Completed])),
            "/app/intents?status=FAILED,TIMED_OUT&since=24h",
            true,
        ),
        tile(
            "Dead letters",
            dead,
            kinds.collect::<Vec<String>>().join(", "),
            "/app/deliveries?status=dead_lettered",
            true,
        ),
        tile("Silent agents", sum(silent), format!("of {}", agents.total), "/app/agents", true),
        tile("Stopped agents", sum(agents.killed), String::new(), "/app/agents", true),
    ]
}

/// The tiles of an operator: the disk, the database and the timers of the server.
fn of_server(vitals: &Vitals) -> Vec<Tile> {
    let tile = |name, number: String, note: &str, is_bad| Tile {
        name,
        number,
        note: note.to_owned(),
        path: "/app/server".to_owned(),
        class: if is_bad { "tile alarm" } else { "tile" },
    };
    let unknown = || "?".to_owned();
    let lag = vitals.timer_lag;
    let free = vitals.free_bytes.map(|free| tile("Free disk", bytes(free), "of this node", vitals.is_disk_full()));
    let size = vitals.database_bytes;
    let note = if size.is_some() { "all workspaces" } else { "it does not answer" };
    free.into_iter()
        .chain([
            tile("Database", size.map_or_else(unknown, bytes), note, size.is_none()),
            tile(
                "Timer lag",
                lag.map_or_else(unknown, span),
                "until a due timer fires",
                lag.is_none_or(|lag| lag > LATE_SECONDS),
            ),
        ])
        .collect()
}

fn plots(recent: &[Recent], now: Time) -> Vec<Plot> {
    let day = |is_counted: &dyn Fn(&Recent) -> Option<Time>, name| plot(name, recent, now, (HOURS, 3_600), is_counted);
    let hour =
        |is_counted: &dyn Fn(&Recent) -> Option<Time>, name| plot(name, recent, now, (SLOTS, SLOT_SECONDS), is_counted);
    let failed =
        |one: &Recent| Some(one.updated_at).filter(|_| matches!(one.status, Status::Failed | Status::TimedOut));
    vec![
        day(&|one| Some(one.created_at), "Submitted, by hour"),
        day(&|one| Some(one.updated_at).filter(|_| one.status == Status::Completed), "Completed, by hour"),
        day(&failed, "Failed or timed out, by hour"),
        hour(&|one| Some(one.created_at), "Submitted in the last hour, by 5 minutes"),
    ]
}

/// Counts events in `slots` of some seconds each, the last of which ends now.
fn plot(
    name: &'static str,
    recent: &[Recent],
    now: Time,
    (slots, seconds): (u64, u64),
    time_of: &dyn Fn(&Recent) -> Option<Time>,
) -> Plot {
    let mut counts = vec![0_u64; usize::try_from(slots).unwrap_or(0)];
    for at in recent.iter().filter_map(time_of) {
        let slot = now.since(at).as_secs() / seconds;
        if slot < slots
            && let Some(count) = counts.get_mut(usize::try_from(slots - 1 - slot).unwrap_or(0))
        {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let bars = counts.iter().zip(0..).map(|(count, place)| {
        // A bar of one stays visible beside large ones.
        let height = if *count == 0 { 1 } else { (count * PLOT_HEIGHT / most.max(1)).max(3) };
        Bar { x: place * (BAR + 2), y: PLOT_HEIGHT - height, height }
    });
    Plot { name, total: counts.iter().sum(), most, width: slots * (BAR + 2), bars: bars.collect() }
}

/// Returns how long intents took that were created in the last day and have ended.
fn durations(recent: &[Recent]) -> Vec<(&'static str, String)> {
    let ended = recent.iter().filter(|one| one.status.is_terminal());
    let mut taken: Vec<u64> = ended.map(|one| one.updated_at.since(one.created_at).as_millis() as u64).collect();
    taken.sort_unstable();
    let part = |percent: usize| taken.get((taken.len().saturating_sub(1)) * percent / 100).copied();
    let shown = |millis: u64| if millis < 10_000 { format!("{millis} ms") } else { span(millis / 1_000) };
    [("Half took at most", 50), ("95 of 100 took at most", 95), ("The longest took", 100)]
        .into_iter()
        .filter_map(|(name, percent)| Some((name, shown(part(percent)?))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_counts_the_last_day() {
        let now = Time::parse("2026-01-02T00:00:00Z").unwrap();
        let at = |hours: u64| Recent {
            status: Status::Completed,
            created_at: now.minus_millis(hours * 3_600_000),
            updated_at: now.minus_millis(hours * 3_600_000).plus_seconds(30),
        };
        let recent = [at(1), at(1), at(5), at(30)];
        let drawn = plot("", &recent, now, (24, 3_600), &|one| Some(one.created_at));
        assert_eq!((drawn.total, drawn.most, drawn.bars.len()), (3, 2, 24));
        assert_eq!(durations(&recent)[0].1, "30 s");
    }
}
