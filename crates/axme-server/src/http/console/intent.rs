//! One intent: how it stands in words, what happened and what comes next, its workflow, its content, and what the caller may
//! do. With `at`, the page shows what was known after an earlier event.

use askama::Template;
use axme_api::Json;
use axme_api::deliveries::{self, DeliveryView, ListDeliveries};
use axme_api::intents::{self as api, EventView, GetIntent, IntentView, ListEvents};
use axme_core::call::authorize;
use axme_core::engine::GATEWAY;
use axme_core::error::Result;
use axme_core::input::parse_id;
use axme_core::ops::console::{self, IntentLook};
use axme_core::ops::own_inbox;
use axme_intent::button::{self, Button, Tone};
use axme_intent::{HumanTask, Time, TimerKind, WaitingReason};
use axme_store::pushes::{Accepted, Push};
use axme_words::Language;

use super::filter::query;
use super::frame::{Badge, Frame, Section, badge, distance, holder, reason, short};
use super::graph::{Graph, graph};
use super::same::Same;
use super::tree::{Node, tree};
use super::visit::{Answer, ConsoleCall, Guest};
use crate::http::letterhead::Letterhead;
use crate::http::pages::page as rendered;

/// The events that one page shows. Links lead to the others.
const EVENTS: u64 = 200;
/// The longest raw JSON on the page, in bytes.
const MAX_RAW: usize = 262_144;

/// A time with how far away it is.
pub(super) struct Moment {
    at: Time,
    distance: String,
}

/// A line of the timeline: an event, or a push that went well.
pub(super) struct Line {
    /// The number of the event.
    seq: Option<u64>,
    at: Moment,
    kind: String,
    text: String,
    actor: String,
    details: Vec<Node>,
    is_shown: bool,
}

/// Something that happens at a time, if nothing happens before.
pub(super) struct Coming {
    at: Moment,
    text: String,
}

/// A part of the content: its name and its tree.
pub(super) struct Part {
    name: &'static str,
    nodes: Vec<Node>,
}

/// The actions that the caller can take on the intent now. The operations check again.
struct Actions {
    buttons: Vec<Button>,
    /// True if the person answers on the page of the task.
    opens_task: bool,
    needs_form: bool,
    reassigns: bool,
    goes_on: bool,
    cancels: bool,
    changes: bool,
    copies: bool,
    replays: bool,
}

#[derive(Template)]
#[template(path = "console/intent.html")]
struct IntentPage {
    head: Letterhead,
    frame: Frame,
    intent: IntentView,
    workspace: String,
    badge: Badge,
    waits: String,
    holder: String,
    task_title: String,
    from: String,
    to: String,
    created: Moment,
    changed: Moment,
    deadline: Option<Moment>,
    due: Option<Moment>,
    seq: u64,
    last_seq: u64,
    is_past: bool,
    earlier: Option<u64>,
    later: Option<u64>,
    coming: Vec<Coming>,
    lines: Vec<Line>,
    /// The number after which the older and the newer events begin.
    older: Option<u64>,
    newer: Option<u64>,
    graph: Option<Graph>,
    scenario: String,
    /// The query of the list of its runs.
    scenario_query: String,
    children: Vec<(String, String)>,
    undelivered: Vec<DeliveryView>,
    parts: Vec<Part>,
    raw: String,
    actions: Actions,
    /// A key of the forms that must do their work once.
    once: String,
    same: Same,
    log: Same,
}

pub(super) async fn page(guest: Guest, id: String) -> Result<Answer> {
    let frame = guest.frame(Section::Intents);
    let now = frame.now;
    let id = parse_id(&id)?;
    authorize(&api::GET.info, guest.caller())?;
    let at: Option<u64> = guest.asked("at").parse().ok();
    let look = console::look(&guest.app, &guest.permit.caller, id, at).await?;
    let is_past = look.seq < look.last_seq;
    let since = guest.asked("since").parse().unwrap_or_else(|_| look.seq.saturating_sub(2 * EVENTS));
    let asked = ListEvents { intent_id: id.into(), since: Some(since), limit: EVENTS.into() };
    let events = guest.call(&api::EVENTS, &asked).await?.events;
    let undelivered = undelivered(&guest, &look).await;
    let actions = actions(&guest, &look, !undelivered.is_empty());
    let moment = |at: Time| Moment { at, distance: distance(now, at) };
    let mut lines: Vec<Line> = events.iter().filter_map(|event| line(event, now, look.seq)).collect();
    let last_here = events.last().map_or(0, |event| event.seq);
    let older = Some(since.saturating_sub(2 * EVENTS)).filter(|_| since > 0);
    let newer = Some(last_here).filter(|seq| *seq > 0 && *seq < look.last_seq);
    for push in &look.pushes {
        let place = lines.partition_point(|line| line.at.at <= push.at);
        let is_elsewhere = (place == 0 && older.is_some()) || (place == lines.len() && newer.is_some());
        if !is_elsewhere {
            lines.insert(place, pushed(push, now));
        }
    }
    let (raw, view) = (raw(&look.view), look.view);
    let outcome = view.outcome.outcome_kind.zip(view.outcome.outcome_text.as_deref());
    let waits = view.lifecycle_waiting_reason.map(reason).unwrap_or_default().to_owned();
    let base_url = &guest.app.site.base_url;
    let scenario = look.plan.as_ref().map(|plan| plan.scenario_id.clone()).unwrap_or_default();
    let template = IntentPage {
        head: guest.head(),
        workspace: guest.caller().workspace.to_string(),
        badge: badge(view.status, outcome, view.pending_with.as_ref()),
        waits,
        holder: view.pending_with.as_ref().map(holder).unwrap_or_default(),
        task_title: look.task.as_ref().map(|task| task.title.clone()).unwrap_or_default(),
        from: short(&view.from_agent),
        to: short(&view.to_agent),
        created: moment(view.created_at.into()),
        changed: moment(view.updated_at.into()),
        deadline: view.deadline_at.map(|at| moment(at.into())),
        due: view.due_at.filter(|at| view.deadline_at != Some(*at)).map(|at| moment(at.into())),
        seq: look.seq,
        last_seq: look.last_seq,
        is_past,
        earlier: Some(look.seq.saturating_sub(2)).filter(|seq| *seq > 0),
        later: Some(look.seq + 2).filter(|seq| *seq <= look.last_seq),
        coming: look
            .timers
            .iter()
            .map(|timer| Coming { at: moment(timer.due_at), text: coming(&timer.kind) })
            .collect(),
        older,
        newer,
        lines,
        scenario_query: query([("scenario_id", scenario.as_str())].into_iter()),
        scenario,
        graph: look.plan.as_ref().map(|plan| graph(plan, &look.steps)),
        children: look.children.iter().map(|(step, child)| (step.clone(), child.to_string())).collect(),
        undelivered,
        parts: parts(&view),
        raw,
        actions,
        once: guest.app.system.rng.uuid().simple().to_string(),
        same: Same::of(base_url, &api::GET, &GetIntent::new(id)),
        log: Same::of(
            base_url,
            &api::EVENTS,
            &ListEvents { intent_id: id.into(), since: None, limit: Default::default() },
        ),
        intent: view,
        frame,
    };
    Ok(Answer::Page(rendered(200, &template)?))
}

/// Returns deliveries and mails about the intent that could not be made. Callers without the right see none.
async fn undelivered(guest: &ConsoleCall, look: &IntentLook) -> Vec<DeliveryView> {
    let asked = ListDeliveries { intent_id: Some(look.view.intent_id.clone()), ..ListDeliveries::default() };
    match guest.call(&deliveries::LIST, &asked).await {
        Ok(list) => list.deliveries,
        Err(_) => Vec::new(),
    }
}

fn actions(guest: &ConsoleCall, look: &IntentLook, has_dead_letters: bool) -> Actions {
    let caller = guest.caller();
    let intent = &look.view;
    let is_now = look.seq == look.last_seq;
    let is_live = is_now && !intent.status.is_terminal();
    let task = look.task.as_ref().filter(|_| is_live);
    let may_decide = task.is_some() && caller.decides_as_admin() && !look.asks_caller;
    let is_plain = task.is_some_and(|task| own_inbox::is_simple(&without_comment(task)));
    let is_party = caller.address.as_ref().is_some_and(|own| own.as_str() == intent.from_agent);
    Actions {
        buttons: task
            .filter(|_| may_decide && is_plain)
            .map(|task| button::buttons(task, Language::English))
            .unwrap_or_default(),
        opens_task: look.asks_caller,
        needs_form: may_decide && !is_plain,
        reassigns: task.is_some() && caller.is_admin(),
        goes_on: is_live && caller.is_admin() && intent.lifecycle_waiting_reason == Some(WaitingReason::WaitingForTime),
        cancels: is_live && (caller.is_admin() || is_party),
        changes: is_live && (caller.is_admin() || is_party),
        copies: is_now
            && intent.status.is_terminal()
            && look.plan.is_none()
            && intent.parent_intent_id.is_none()
            && (caller.is_admin() || is_party),
        replays: is_now && has_dead_letters && caller.is_admin(),
    }
}

/// Returns the task as if it needed no comment: the form of the console has a field for one.
fn without_comment(task: &HumanTask) -> HumanTask {
    HumanTask { required_comment: false, ..task.clone() }
}

fn line(event: &EventView, now: Time, shown: u64) -> Option<Line> {
    let at: Time = event.at.into();
    let details = Json::from(event.details.clone());
    let text = event.text.clone()?;
    Some(Line {
        seq: Some(event.seq),
        at: Moment { at, distance: distance(now, at) },
        kind: event.event_type.to_string().trim_start_matches("intent.").replace('_', " "),
        text,
        actor: short(&event.actor),
        details: if event.details.is_empty() { Vec::new() } else { tree(&details) },
        is_shown: event.seq <= shown,
    })
}

fn pushed(push: &Push, now: Time) -> Line {
    let to = push.to.short();
    let Accepted { status, millis } = push.accepted;
    let often =
        if push.times > 1 { format!("; the last of {} pushes that went well", push.times) } else { String::new() };
    Line {
        seq: None,
        at: Moment { at: push.at, distance: distance(now, push.at) },
        kind: "pushed".to_owned(),
        text: format!("Pushed to {to}, which answered with status {status} after {millis} ms{often}"),
        actor: short(GATEWAY),
        details: Vec::new(),
        is_shown: true,
    }
}

fn coming(kind: &TimerKind) -> String {
    match kind {
        TimerKind::Deadline => "The deadline passes, and the intent times out".to_owned(),
        TimerKind::Step(step) => format!("The time of step {step} is up"),
        TimerKind::ReminderStage => "The next reminder, or the escalation after the last one".to_owned(),
        TimerKind::Execution => "The agent has used up its time, and the intent times out".to_owned(),
    }
}

fn parts(intent: &IntentView) -> Vec<Part> {
    let of = |name: &'static str, value: &Json| Part { name, nodes: tree(value) };
    let mut parts = vec![of("Result", &intent.result), of("Error", &intent.error), of("Payload", &intent.payload)];
    let object = |fields: &Option<axme_api::Object>| Json::of(fields);
    parts.push(of("Controls", &object(&intent.controls)));
    parts.push(of("Grants", &object(&intent.grants)));
    parts.push(of("Task", &Json::of(&intent.human_task)));
    parts.retain(|part| !part.nodes.is_empty());
    parts
}

fn raw(intent: &IntentView) -> String {
    let text = Json::of(intent).pretty();
    if text.len() > MAX_RAW {
        return "The JSON is too long for a page. Get it with the command below.".to_owned();
    }
    text
}
