//! Agents and mesh: health, queues, reported cost and limits; one agent with its policies and events; the kill switch.

use std::collections::HashMap;

use axme_api::ApiError;
use axme_api::mesh::{
    self as api, ActionRule, AgentHealth, AgentRef, CostPolicy, ListMeshAgents, ListMeshEvents, MeshAgentAnswer,
    MeshEventView,
};
use axme_core::error::Result;
use axme_core::ops::console;
use axme_intent::{IntentId, Time};
use axme_store::console::Backlog;

use super::filter::{WITH_AGENTS, query};
use super::form::{Form, FormField};
use super::frame::{Section, age, short};
use super::policies;
use super::same::Same;
use super::table::{Cell, Table, TablePage, draw, draw_with};
use super::visit::{Answer, Guest};
use crate::http::form::FormFields;

/// The agents on one page, and the events below them.
const PAGE: usize = 100;
const EVENTS: u64 = 20;

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    match guest.asked("agent") {
        agent if agent.is_empty() => list(guest).await,
        agent => one(guest, agent).await,
    }
}

async fn list(guest: Guest) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let after = Some(guest.asked("after")).filter(|after| !after.is_empty());
    let input = ListMeshAgents { limit: (PAGE as u64).into(), after, ..ListMeshAgents::default() };
    let agents = guest.call(&api::LIST, &input).await?;
    let events = guest.call(&api::EVENTS, &ListMeshEvents { limit: EVENTS.into(), event_type: None }).await?.events;
    let queues: HashMap<String, Backlog> = match guest.is_admin() {
        true => console::backlogs(&guest.app, guest.caller())
            .await?
            .into_iter()
            .map(|one| (one.address.clone(), one))
            .collect(),
        false => HashMap::new(),
    };
    let rows = agents.agents.iter().map(|agent| {
        let (waiting, oldest) = waiting(queues.get(&agent.address), now);
        let mut cells = vec![
            Cell::Link(short(&agent.address), path_of(&agent.address)),
            health(agent.health_status),
            Cell::time(now, agent.last_heartbeat_at.map(Time::from)),
            waiting,
            oldest,
            Cell::text(agent.intents_period.to_string()),
            Cell::text(format!("{:.2}", agent.cost_period)),
        ];
        cells.extend(guest.is_admin().then(|| switch_button(&agent.address, agent.health_status)));
        cells
    });
    let mut columns =
        vec!["Agent", "Health", "Last heartbeat", "Waiting", "Oldest waiting", "Intents today", "USD today"];
    columns.extend(guest.is_admin().then_some("Action"));
    let summary = &agents.summary;
    let about = format!(
        "{} agents: {} healthy, {} degraded, {} unreachable, {} stopped, {} without any heartbeat.",
        summary.total, summary.healthy, summary.degraded, summary.unreachable, summary.killed, summary.unknown
    );
    let rows: Vec<Vec<Cell>> = rows.collect();
    let last = agents.agents.last().filter(|_| agents.agents.len() == PAGE).map(|agent| agent.address.clone());
    let page = TablePage {
        section: Section::Agents,
        title: "Agents".to_owned(),
        path: "/app/agents",
        fields: Vec::new(),
        tables: vec![
            Table { title: "", about, columns, rows, empty: "No agent is registered in this workspace." },
            events_table(&events, now),
        ],
        next: last.map(|after| query([("after", after.as_str())].into_iter())).unwrap_or_default(),
        links: Vec::new(),
        same: Same::of(&guest.app.site.base_url, &api::LIST, &input),
    };
    draw(&guest, page)
}

async fn one(guest: Guest, agent: String) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let input = AgentRef { address_id: agent, window: None };
    let found = guest.call(&api::GET, &input).await?;
    let cost = guest.call(&api::GET_COST, &input).await?;
    let usage = cost.usage;
    let bar = |used: u64, limit: Option<u64>| match limit {
        Some(limit) => Cell::Bar(used, limit, format!("{used} of {limit}")),
        None => Cell::text(format!("{used}, no limit")),
    };
    let policy = found.cost_policy.as_ref();
    let row = |name: &str, cell: Cell| vec![Cell::text(name), cell];
    let mut facts = vec![
        row("Address", Cell::Code(found.agent.address.clone())),
        row("Health", health(found.agent.health_status)),
        row("Last heartbeat", Cell::time(now, found.agent.last_heartbeat_at.map(Time::from))),
        row("Registered", Cell::time(now, Some(found.agent.created_at.into()))),
        row("Its intents", Cell::Link("With this agent".to_owned(), list_path(&found.agent.address))),
        row("Intents this hour", bar(usage.intents_this_hour, policy.and_then(|policy| policy.max_intents_per_hour))),
        row("Intents today", bar(usage.intents_today, policy.and_then(|policy| policy.max_intents_per_day))),
        row("Cost today in USD", dollars(usage.cost_today_usd, policy.and_then(|policy| policy.max_cost_per_day_usd))),
        row("Reported today", Cell::text(reported(&found))),
        row("May send", Cell::text(rule(found.action_policy.send.as_ref()))),
        row("May receive", Cell::text(rule(found.action_policy.receive.as_ref()))),
    ];
    if guest.is_admin() {
        facts.push(row("Switch", switch_button(&found.agent.address, found.agent.health_status)));
    }
    let about = "Stopping an agent refuses new intents to and from it, and delivers nothing to it.".to_owned();
    let mut page = TablePage {
        section: Section::Agents,
        title: short(&found.agent.address),
        path: "/app/agents",
        fields: Vec::new(),
        tables: vec![
            Table { title: "", about, columns: vec!["Fact", "Value"], rows: facts, empty: "" },
            events_table(&found.events, now),
        ],
        next: String::new(),
        links: vec![("All agents", "/app/agents".to_owned())],
        same: Same::of(&guest.app.site.base_url, &api::GET, &input),
    };
    let mut forms = Vec::new();
    let address = &found.agent.address;
    if guest.is_admin() {
        forms.push(limit(address, found.cost_policy.as_ref()));
        forms.extend(found.cost_policy.as_ref().map(|_| no_limit(address)));
        forms.push(types(address));
        let has_rule = found.action_policy.send.is_some() || found.action_policy.receive.is_some();
        forms.extend(has_rule.then(|| every_type(address)));
        let of_senders = [policies::of_agent(&guest, address).await, policies::override_of(&guest, address).await];
        for (place, (table, more)) in of_senders.into_iter().flatten().enumerate() {
            page.tables.insert(1 + place, table);
            forms.extend(more);
        }
    }
    draw_with(&guest, page, forms, &query([("agent", address.as_str())].into_iter()))
}

/// Stops or resumes the agent of a form.
pub(super) async fn switch(guest: Guest, filled: FormFields) -> Result<Answer> {
    let input = AgentRef { address_id: filled.get("agent").to_owned(), window: None };
    let said = match filled.get("action") {
        "stop" => {
            guest.call(&api::KILL, &input).await?;
            "stopped"
        }
        "continue" => {
            guest.call(&api::RESUME, &input).await?;
            "continues"
        }
        _ => return Err(ApiError::invalid("choose to stop the agent or to let it continue").into()),
    };
    let to = query([("agent", input.address_id.as_str()), ("said", said)].into_iter());
    Ok(Answer::Lead(format!("/agents?{to}")))
}

fn limit(address: &str, policy: Option<&CostPolicy>) -> Form {
    let shown = |limit: Option<u64>| limit.map(|limit| limit.to_string()).unwrap_or_default();
    let cost = policy.and_then(|policy| policy.max_cost_per_day_usd);
    let number = FormField::text;
    Form::new(api::PUT_COST.info.id, "Limit intents and cost", "Limit")
        .about("Beyond a limit, new intents are refused. Leave a field empty for no limit.")
        .hidden("address_id", address)
        .field(
            number("Intents an hour", "max_intents_per_hour:number")
                .with(shown(policy.and_then(|p| p.max_intents_per_hour))),
        )
        .field(
            number("Intents a day", "max_intents_per_day:number")
                .with(shown(policy.and_then(|p| p.max_intents_per_day))),
        )
        .field(
            number("Reported cost a day in USD", "max_cost_per_day_usd:number")
                .with(cost.map(|cost| cost.to_string()).unwrap_or_default()),
        )
}

fn no_limit(address: &str) -> Form {
    Form::new(api::DELETE_COST.info.id, "Remove the limits", "Remove…")
        .hidden("address_id", address)
        .hidden("what", format!("The limits of {}", short(address)))
}

fn types(address: &str) -> Form {
    let directions = [("both", "send and receive"), ("send", "send"), ("receive", "receive")];
    let modes = [("allowlist", "only these types"), ("denylist", "all but these types"), ("open", "every type")];
    Form::new(api::PUT_ACTION.info.id, "Limit the types of its intents", "Limit")
        .about("Replaces the rule of the direction. A * at the end of a type matches a family.")
        .hidden("address_id", address)
        .field(FormField::choice("It may", "direction", &directions, "both"))
        .field(FormField::choice("Which", "mode", &modes, "allowlist"))
        .field(FormField::text("Types (blanks between)", "intent_types:list"))
}

fn every_type(address: &str) -> Form {
    Form::new(api::DELETE_ACTION.info.id, "Allow every type again", "Allow…")
        .hidden("address_id", address)
        .hidden("what", format!("The rules of {}", short(address)))
}

fn path_of(address: &str) -> String {
    format!("/app/agents?{}", query([("agent", address)].into_iter()))
}

fn list_path(address: &str) -> String {
    format!("/app/intents?{}", query([("status", WITH_AGENTS), ("to_agent", address)].into_iter()))
}

fn waiting(backlog: Option<&Backlog>, now: Time) -> (Cell, Cell) {
    let Some(backlog) = backlog else { return (Cell::text("0"), Cell::Empty) };
    let oldest = backlog.oldest.map(|id| age(now, IntentId(id).created_at())).unwrap_or_default();
    (Cell::Link(backlog.rows.to_string(), list_path(&backlog.address)), Cell::text(oldest))
}

fn health(health: AgentHealth) -> Cell {
    match health {
        AgentHealth::Healthy => Cell::badge("healthy", "good"),
        AgentHealth::Degraded => Cell::badge("degraded", "waits"),
        AgentHealth::Unreachable => Cell::badge("unreachable", "bad"),
        AgentHealth::Killed => Cell::badge("stopped", "bad"),
        AgentHealth::Unknown => Cell::badge("no heartbeat yet", "plain"),
    }
}

fn switch_button(address: &str, health: AgentHealth) -> Cell {
    let (text, action) = if health == AgentHealth::Killed { ("Let it continue", "continue") } else { ("Stop", "stop") };
    Cell::Button(text, "/app/agents", vec![("agent", address.to_owned()), ("action", action.to_owned())])
}

fn dollars(used: f64, limit: Option<f64>) -> Cell {
    match limit {
        // A bar of cents, because bars have whole numbers.
        Some(limit) => Cell::Bar((used * 100.0) as u64, (limit * 100.0) as u64, format!("{used:.2} of {limit:.2}")),
        None => Cell::text(format!("{used:.2}, no limit")),
    }
}

fn reported(found: &MeshAgentAnswer) -> String {
    let metrics = &found.metrics;
    let latency = metrics.avg_latency_ms.map(|ms| format!(", {ms:.0} ms on average")).unwrap_or_default();
    format!(
        "{} intents, {} succeeded, {} failed{latency}",
        metrics.intents_total, metrics.intents_succeeded, metrics.intents_failed
    )
}

fn rule(rule: Option<&ActionRule>) -> String {
    match rule {
        None => "every type".to_owned(),
        Some(rule) => format!("{}: {}", rule.mode, rule.intent_types.join(", ")),
    }
}

fn events_table(events: &[MeshEventView], now: Time) -> Table {
    let rows = events.iter().map(|event| {
        vec![
            Cell::time(now, Some(event.created_at.into())),
            Cell::text(event.event_type.to_string()),
            Cell::Link(short(&event.address), path_of(&event.address)),
            Cell::text(event.actor_id.as_deref().map(short).unwrap_or_default()),
            Cell::text(event.details.as_ref().map(ToString::to_string).unwrap_or_default()),
        ]
    });
    Table {
        title: "Events of the mesh",
        about: String::new(),
        columns: vec!["When", "Event", "Agent", "By", "Details"],
        rows: rows.collect(),
        empty: "Nothing has happened yet.",
    }
}
