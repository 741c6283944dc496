//! Who acts: each move of each actor is a function, drawn by weight. A new actor is a file here and a line in [`MOVES`].

mod agents;
mod bundles;
mod operators;
mod people;
mod readers;
mod receivers;
mod recipients;
mod senders;
mod weather;

use std::collections::BTreeMap;

use axme_intent::IntentId;
use axme_server::store::organizations::{self, Organization, Workspace};
use axme_server::store::service_accounts;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Answer, Call};
use crate::{Checked, Sim};

pub use agents::{finish, receive};
pub use operators::let_all_go_on;
pub use people::decide_all;
pub use readers::check_all_known;
pub use receivers::{answer_all, check_all_heard};
pub use recipients::{Letter, answer_all as answer_all_letters};
pub use weather::tick;

/// Agents that read their queues.
pub const AGENTS: [&str; 3] = ["ada", "bob", "cyd"];

/// All who get work: the last one is pushed to.
pub const WORKERS: [&str; 4] = ["ada", "bob", "cyd", receivers::PUSHED];

/// Something somebody does.
type Move = fn(&mut Sim) -> Checked;

/// Moves and how often they come.
const MOVES: [(u32, Move); 28] = [
    (18, senders::submit),
    (16, senders::apply),
    (10, senders::repeat),
    (22, agents::read),
    (20, agents::answer),
    (4, agents::die),
    (5, agents::answer_a_strange_one),
    (8, people::decide),
    (4, people::decide_wrongly),
    (14, recipients::tick),
    (24, recipients::answer),
    (3, recipients::scan),
    (5, operators::resolve),
    (2, operators::ask_for_the_unknown),
    (6, operators::change_settings),
    (2, operators::cancel_many),
    (5, operators::poke_from_elsewhere),
    (5, operators::reassign),
    (3, operators::make_link),
    (4, operators::let_go_on),
    (8, receivers::tick),
    (8, receivers::answer_one),
    (6, readers::follow),
    (3, readers::write),
    (14, weather::pass),
    (10, weather::tick),
    (2, weather::jump_back),
    (3, weather::crash),
];

#[derive(Default)]
pub struct Cast {
    /// The keys of [`AGENTS`].
    pub agents: Vec<String>,
    /// The key of an admin who starts nothing.
    pub chief: String,
    /// A key of another workspace.
    pub stranger: String,
    /// What agents have in their hands: which agent, and what.
    pub held: Vec<(usize, IntentId)>,
    dan: receivers::Pushed,
    reader: readers::Reader,
    subscription: Uuid,
    /// Events that reached the subscriber: of which intent, with which number, and what they were.
    heard: BTreeMap<(IntentId, u64), String>,
    /// Links that arrived by mail, or were made for a form.
    letters: Vec<Letter>,
    /// Posts that arrived outside.
    pub arrivals: usize,
}

pub fn act(sim: &mut Sim) -> Checked {
    let total = MOVES.iter().map(|(weight, _)| *weight as usize).sum();
    let mut drawn = sim.stage.below(total);
    for (weight, play) in MOVES {
        match drawn.checked_sub(weight as usize) {
            Some(rest) => drawn = rest,
            None => return play(sim),
        }
    }
    Ok(())
}

/// Everybody gets a key, before anything goes wrong.
pub fn enter(sim: &mut Sim) -> Checked {
    for name in AGENTS {
        let account = by_admin(sim, "POST", "/v1/service-accounts", json!({ "name": name }))?;
        let id = text(&account.body, "service_account_id")?;
        let key = by_admin(sim, "POST", &format!("/v1/service-accounts/{id}/keys"), json!({}))?;
        let key = text(&key.body, "api_key")?;
        sim.cast.agents.push(key);
    }
    let me = by_admin(sim, "GET", "/v1/me", Value::Null)?;
    let id = |field: &str| text(&me.body, field)?.parse().map_err(|error: uuid::Error| error.to_string());
    sim.cast.chief = make_admin(sim, "chief", id("org_id")?, id("workspace_id")?);
    sim.cast.stranger = make_stranger(sim);
    receivers::enter(sim)
}

fn make_stranger(sim: &mut Sim) -> String {
    let (org, workspace, now) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2), sim.stage.now());
    sim.stage.make(move |tx| {
        organizations::insert(tx, &Organization::new(org, "elsewhere", "Elsewhere", now))?;
        organizations::insert_workspace(tx, &Workspace::new(workspace, org, "default", "Default", now))?;
        Ok(())
    });
    make_admin(sim, "elsewhere", org, workspace)
}

/// An admin of a workspace, who is somebody of their own; returns the key.
fn make_admin(sim: &mut Sim, name: &'static str, org: uuid::Uuid, workspace: uuid::Uuid) -> String {
    use sha2::{Digest, Sha256};
    let token = format!("axme_sa_{name}_secret");
    let (hash, now) = (Sha256::digest(&token), sim.stage.now());
    let (account, key) = (format!("sa_{name}"), format!("sak_{name}"));
    sim.stage.make(move |tx| {
        let owner = format!("owner@{name}");
        let admin = service_accounts::ServiceAccount {
            service_account_id: account.clone(),
            name: name.to_owned(),
            display_name: None,
            ..service_accounts::ServiceAccount::of_owner(uuid::Uuid::nil(), org, workspace, &owner, now)
        };
        service_accounts::insert_service_account(tx, &admin)?;
        let key = service_accounts::NewKey {
            workspace,
            key_id: &key,
            service_account_id: &account,
            hash: &hash,
            hint: "",
            created_at: now,
            expires_at: None,
        };
        Ok(service_accounts::insert_key(tx, &key)?)
    });
    token
}

fn text(body: &Value, field: &str) -> Result<String, String> {
    body[field].as_str().map(str::to_owned).ok_or_else(|| format!("no {field} in {body}"))
}

pub fn by_admin(sim: &mut Sim, method: &'static str, path: &str, body: Value) -> Result<Answer, String> {
    let call = Call { key: sim.stage.admin.clone(), method, path: path.to_owned(), body, idempotency_key: None };
    sim.send_one(&call)
}

/// By an admin who starts nothing, and so may say who answers.
pub fn by_chief(sim: &mut Sim, method: &'static str, path: &str, body: Value) -> Result<Answer, String> {
    let call = Call { key: sim.cast.chief.clone(), method, path: path.to_owned(), body, idempotency_key: None };
    sim.send_one(&call)
}

/// Answers an intent under a mark, perhaps more than once: at the same time, or again when the reply was lost. A call that
/// was refused has changed nothing.
fn answer(sim: &mut Sim, key: &str, id: IntentId, verb: &str, mark: &str, body: Value) -> Result<Answer, String> {
    let idempotency_key = sim.stage.chance(30).then(|| format!("answer-{mark}"));
    let has_key = idempotency_key.is_some();
    let call =
        Call { key: key.to_owned(), method: "POST", path: format!("/v1/intents/{id}/{verb}"), body, idempotency_key };
    let twice = sim.stage.chance(15);
    let calls = vec![call.clone(); if twice { 2 } else { 1 }];
    let before = if twice { None } else { Some(sim.stage.snapshot()) };
    sim.stage.fates();
    let answers = sim.send(&calls)?;
    if let Some(before) = before {
        let nothing_durable = !sim.stage.fates().contains(&axme_server::store::simulated::Fate::DiesAfter);
        let undone = answers[0].status >= 400 && nothing_durable || answers[0].body["applied"] == false;
        if undone && !crate::invariants::same(&before, &sim.stage.snapshot()) {
            return Err(format!("{id}: {verb} was answered {} and changed something", answers[0].status));
        }
    }
    for heard in &answers {
        sim.promises.answered(mark, id, heard, has_key);
    }
    if sim.stage.chance(20) || (answers[0].is_unknown() && sim.stage.chance(60)) {
        let again = sim.send_one(&call)?;
        sim.promises.answered(mark, id, &again, has_key);
    }
    Ok(answers.into_iter().next().unwrap_or(Answer { status: 503, body: Value::Null }))
}
