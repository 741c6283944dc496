//! The actors. Each action of an actor is a function, drawn by weight. To add an actor, add a file here and a line to
//! [`ACTIONS`].

mod absences;
mod agents;
mod bundles;
mod faults;
mod groups;
mod operators;
mod people;
mod readers;
mod receivers;
mod recipients;
mod second_thoughts;
mod senders;
mod workers;

use std::collections::BTreeMap;

use axme_intent::IntentId;
use axme_store::members;
use axme_store::organizations::{self, Organization, Workspace};
use axme_store::service_accounts::{self, AccountRole};
use axme_store::simulated::Fate;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cluster::{Request, Response};
use crate::invariants::{ensure, is_unchanged};
use crate::task_link::TaskLink;
use crate::{CheckResult, Simulation};

pub(crate) use agents::{claim, complete};
pub(crate) use faults::run_workers;
pub(crate) use groups::allow_everybody;
pub(crate) use operators::resume_all_timeouts;
pub(crate) use people::answer_all_tasks;
pub(crate) use readers::check_inbox;
pub(crate) use receivers::{answer_all_pushes, check_webhooks};
pub(crate) use recipients::answer_all_links;
pub(crate) use workers::finish_work;

/// Agents that read from their queues.
pub(crate) const AGENTS: [&str; 3] = ["ada", "bob", "cyd"];

/// All agents. The last two are read by named workers, and receive pushes.
pub(crate) const WORKERS: [&str; 5] = ["ada", "bob", "cyd", workers::TEAM, receivers::PUSH_AGENT];

type Action = fn(&mut Simulation) -> CheckResult;

/// Actions with their weights.
const ACTIONS: [(u32, Action); 42] = [
    (18, senders::submit),
    (16, senders::apply),
    (10, senders::repeat),
    (22, agents::claim_some),
    (20, agents::answer),
    (4, agents::drop_claims),
    (5, agents::answer_any),
    (20, workers::claim_some),
    (6, workers::answer),
    (3, workers::restart),
    (3, workers::die),
    (8, people::answer_some),
    (4, people::answer_wrongly),
    (14, recipients::run_notice_worker),
    (24, recipients::answer),
    (3, recipients::open_links),
    (10, second_thoughts::ask),
    (8, second_thoughts::reply),
    (6, second_thoughts::withdraw),
    (5, operators::resolve),
    (2, operators::resolve_unknown),
    (6, operators::change_settings),
    (2, operators::cancel_bulk),
    (5, operators::call_from_other_workspace),
    (5, operators::reassign),
    (3, operators::create_link),
    (4, operators::resume_timeout),
    (8, absences::change),
    (10, absences::answer),
    (1, absences::change_membership),
    (4, groups::change_members),
    (3, groups::change_rule),
    (12, recipients::answer_without_right),
    (8, receivers::run_delivery_workers),
    (8, receivers::answer_one),
    (6, readers::read_changes),
    (3, readers::reply),
    (14, faults::advance_clock),
    (10, faults::run_workers),
    (4, faults::move_due_deadline),
    (2, faults::set_clock_back),
    (3, faults::crash),
];

#[derive(Default)]
pub(crate) struct ActorState {
    /// The keys of [`AGENTS`].
    pub(crate) agents: Vec<String>,
    /// The key of an admin who submits nothing.
    second_admin: String,
    org: Uuid,
    /// A key of an admin of another workspace.
    pub(crate) other_workspace: String,
    /// Deliveries that agents hold: the index of the agent, and the intent.
    pub(crate) claims: Vec<(usize, IntentId)>,
    push_agent: receivers::PushAgent,
    pub(crate) workers: workers::Workers,
    reader: readers::InboxReader,
    subscription: Uuid,
    /// Events that reached the subscriber: intent and sequence number, and the event type.
    webhook_events: BTreeMap<(IntentId, u64), String>,
    task_links: Vec<TaskLink>,
    /// Posts that arrived at external systems.
    pub(crate) received_posts: usize,
}

pub(crate) fn act(sim: &mut Simulation) -> CheckResult {
    let total = ACTIONS.iter().map(|(weight, _)| *weight as usize).sum();
    let mut drawn = sim.cluster.below(total);
    for (weight, action) in ACTIONS {
        match drawn.checked_sub(weight as usize) {
            Some(rest) => drawn = rest,
            None => return action(sim),
        }
    }
    Ok(())
}

/// Registers every actor, before faults begin.
pub(crate) fn register_all(sim: &mut Simulation) -> CheckResult {
    for name in AGENTS {
        let key = make_agent(sim, name)?;
        sim.actors.agents.push(key);
    }
    let me = call_as_admin(sim, "GET", "/v1/me", Value::Null)?;
    let id = |field: &str| text(&me.body, field)?.parse().map_err(|error: uuid::Error| error.to_string());
    sim.actors.second_admin = make_admin(sim, "chief", id("org_id")?, id("workspace_id")?, AccountRole::Login);
    make_person(sim, "chief", id("org_id")?);
    absences::register(sim, id("org_id")?);
    sim.actors.other_workspace = make_other_workspace(sim);
    workers::register(sim)?;
    groups::register(sim)?;
    receivers::register(sim)
}

/// Registers an agent. Returns its key.
fn make_agent(sim: &mut Simulation, name: &str) -> Result<String, String> {
    let account = call_as_admin(sim, "POST", "/v1/service-accounts", json!({ "name": name }))?;
    let id = text(&account.body, "service_account_id")?;
    let key = call_as_admin(sim, "POST", &format!("/v1/service-accounts/{id}/keys"), json!({}))?;
    text(&key.body, "api_key")
}

fn make_other_workspace(sim: &mut Simulation) -> String {
    let (org, workspace, now) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2), sim.cluster.now());
    sim.cluster.write_directly(move |tx| {
        organizations::insert(tx, &Organization::new(org, "elsewhere", "Elsewhere", now))?;
        organizations::insert_workspace(tx, &Workspace::new(workspace, org, "default", "Default", now))?;
        Ok(())
    });
    make_admin(sim, "elsewhere", org, workspace, AccountRole::WorkspaceAdmin)
}

/// Creates an admin of a workspace, with its own owner. Returns the key.
fn make_admin(
    sim: &mut Simulation,
    name: &'static str,
    org: uuid::Uuid,
    workspace: uuid::Uuid,
    role: AccountRole,
) -> String {
    use sha2::{Digest, Sha256};
    let token = format!("axme_sa_{name}_secret");
    let (hash, now) = (Sha256::digest(&token), sim.cluster.now());
    let (account, key) = (format!("sa_{name}"), format!("sak_{name}"));
    sim.cluster.write_directly(move |tx| {
        let owner = format!("owner@{name}");
        let admin = service_accounts::ServiceAccount {
            service_account_id: account.clone(),
            name: name.to_owned(),
            display_name: None,
            role,
            ..service_accounts::ServiceAccount::of_owner(uuid::Uuid::nil(), org, workspace, &owner, now)
        };
        service_accounts::insert_service_account(tx, &admin)?;
        let key = service_accounts::NewKey {
            workspace,
            key_id: &key,
            service_account_id: &account,
            hash: &hash,
            hint: "",
            created_by: &owner,
            created_at: now,
            expires_at: None,
        };
        Ok(service_accounts::insert_key(tx, &key)?)
    });
    token
}

/// Turns an admin into a person who has signed in: only a person decides a guarded task or names its deciders.
fn make_person(sim: &mut Simulation, name: &'static str, org: uuid::Uuid) {
    let now = sim.cluster.now();
    sim.cluster.write_directly(move |tx| {
        let member = members::Member {
            org_id: org,
            member_id: uuid::Uuid::from_u128(3),
            workspace_id: uuid::Uuid::nil(),
            actor_id: format!("owner@{name}"),
            role: members::OrgRole::OrgAdmin,
            status: members::MemberStatus::Active,
            created_at: now,
            updated_at: now,
            given_by: None,
            // Before any intent, though clocks are set back: the role does not come from a requester.
            given_at: Some(axme_intent::Time::from_micros(0)),
        };
        members::insert(tx, &member)?;
        Ok(())
    });
}

fn text(body: &Value, field: &str) -> Result<String, String> {
    body[field].as_str().map(str::to_owned).ok_or_else(|| format!("{field} is missing in {body}"))
}

pub(crate) fn call_as_admin(
    sim: &mut Simulation,
    method: &'static str,
    path: &str,
    body: Value,
) -> Result<Response, String> {
    let key = sim.cluster.admin.clone();
    sim.call(&key, method, path, body)
}

/// Calls as an admin who submits nothing, and who may therefore reassign any task.
pub(crate) fn call_as_second_admin(
    sim: &mut Simulation,
    method: &'static str,
    path: &str,
    body: Value,
) -> Result<Response, String> {
    let key = sim.actors.second_admin.clone();
    sim.call(&key, method, path, body)
}

/// Answers an intent under a mark, sometimes more than once: at the same time, or again if the response was lost. A
/// refused request must change nothing.
fn answer(sim: &mut Simulation, key: &str, id: IntentId, verb: &str, mark: &str, body: Value) -> CheckResult {
    let idempotency_key = sim.cluster.chance(30).then(|| format!("answer-{mark}"));
    let has_key = idempotency_key.is_some();
    let request = Request { idempotency_key, ..Request::new(key, "POST", &format!("/v1/intents/{id}/{verb}"), body) };
    let copies = if sim.cluster.chance(15) { 2 } else { 1 };
    let responses = send_copies(sim, &request, copies, |response| response.body["applied"] == false)?;
    for response in &responses {
        sim.promises.record_answer(mark, id, response, has_key);
    }
    if sim.cluster.chance(20) || (responses[0].is_unknown() && sim.cluster.chance(60)) {
        let response = sim.send_one(&request)?;
        sim.promises.record_answer(mark, id, &response, has_key);
    }
    Ok(())
}

/// Sends copies of one request together. A single request must change nothing if it was refused or if its response is
/// `is_without_effect`.
fn send_copies(
    sim: &mut Simulation,
    request: &Request,
    copies: usize,
    is_without_effect: impl Fn(&Response) -> bool,
) -> Result<Vec<Response>, String> {
    let before = if copies == 1 { Some(sim.cluster.snapshot()) } else { None };
    sim.cluster.fates();
    let responses = sim.send(&vec![request.clone(); copies])?;
    if let Some(before) = before {
        let first = &responses[0];
        let is_lost = first.status >= 400 && !sim.cluster.fates().contains(&Fate::DiesAfter);
        let is_changed = (is_lost || is_without_effect(first)) && !is_unchanged(&before, &sim.cluster.snapshot());
        ensure!(!is_changed, "{} returned {} but changed the store", request.path, first.status);
    }
    Ok(responses)
}
