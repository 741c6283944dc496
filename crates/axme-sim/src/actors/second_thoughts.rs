//! People with second thoughts: they ask the requester, reply as the requester, and withdraw a yes, with the right to it or
//! without.

use axme_intent::IntentId;
use axme_intent::lifecycle::{Intent, Wait};
use serde_json::{Value, json};

use super::{call_as_second_admin, recipients, send_copies};
use crate::cluster::Request;
use crate::{CheckResult, Simulation};

/// Returns the live tasks for which `is_wanted` holds.
fn tasks(sim: &Simulation, is_wanted: impl Fn(&Intent, &Wait) -> bool) -> Vec<IntentId> {
    let open = sim.checker.open_tasks().into_iter();
    let is_match = |id: &IntentId| {
        let head = sim.checker.intents.get(id).map(|observed| &observed.head.intent);
        head.zip(head.and_then(Intent::waiting)).is_some_and(|(intent, waiting)| is_wanted(intent, waiting))
    };
    open.filter(is_match).collect()
}

/// Asks through a link of a person, or with the key of an admin who may not ask about a guarded task.
pub(crate) fn ask(sim: &mut Simulation) -> CheckResult {
    let body = json!({ "question": "Which cost center?" });
    if sim.cluster.chance(80) {
        return recipients::act_by_link(sim, body, |_| true);
    }
    let open = tasks(sim, |_, _| true);
    let Some(id) = sim.cluster.pick(&open) else { return Ok(()) };
    let key = sim.cluster.admin.clone();
    let request = Request::new(&key, "POST", &format!("/v1/tasks/{id}/questions"), body);
    send_copies(sim, &request, 1, |_| false).map(drop)
}

/// Replies to an open question as the requester, or as an admin who is not.
pub(crate) fn reply(sim: &mut Simulation) -> CheckResult {
    let open = tasks(sim, |intent, _| intent.open_question().is_some());
    let Some(id) = sim.cluster.pick(&open) else { return Ok(()) };
    let (path, body) = (format!("/v1/tasks/{id}/reply"), json!({ "reply": "4711" }));
    if sim.cluster.chance(20) {
        return call_as_second_admin(sim, "POST", &path, body).map(drop);
    }
    let key = sim.cluster.admin.clone();
    let copies = if sim.cluster.chance(20) { 2 } else { 1 };
    send_copies(sim, &Request::new(&key, "POST", &path, body), copies, |_| false).map(drop)
}

/// Withdraws a yes through a link of its person, or tries to without a yes.
pub(crate) fn withdraw(sim: &mut Simulation) -> CheckResult {
    let voted = tasks(sim, |_, waiting| !waiting.votes.is_empty());
    let is_any = sim.cluster.chance(20);
    let body: Value = json!({ "withdraw": true });
    recipients::act_by_link(sim, body, |link| is_any || voted.contains(&link.intent))
}
