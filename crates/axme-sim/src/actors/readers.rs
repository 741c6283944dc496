//! A reader of one inbox. It follows the changes of the inbox and replies to threads.

use std::collections::BTreeMap;

use axme_intent::Status;
use serde_json::{Value, json};

use super::AGENTS;
use crate::invariants::ensure;
use crate::{CheckResult, Simulation};

/// The owner of the inbox: an index of [`AGENTS`].
const READER: usize = 0;

const MAX_PAGES: usize = 1_000;

/// The inbox as the reader knows it.
#[derive(Default)]
pub(crate) struct InboxReader {
    cursor: String,
    /// The last known status and the messages of each thread.
    threads: BTreeMap<String, (String, Vec<String>)>,
    /// Accepted replies: thread and message.
    replies: Vec<(String, String)>,
}

pub(crate) fn read_changes(sim: &mut Simulation) -> CheckResult {
    read_page(sim).map(|_| ())
}

/// Reads a page of changes, and returns whether there are more. A lost response does not move the cursor.
fn read_page(sim: &mut Simulation) -> Result<bool, String> {
    let path = format!("/v1/inbox/changes?limit=3&cursor={}", sim.actors.reader.cursor);
    let key = sim.actors.agents[READER].clone();
    let response = sim.call(&key, "GET", &path, Value::Null)?;
    if response.is_unknown() || sim.cluster.chance(5) {
        return Ok(true);
    }
    ensure!(response.status == 200, "changes returned {}", response.status);
    for change in response.body["changes"].as_array().into_iter().flatten() {
        let thread = &change["thread"];
        let id = thread["thread_id"].as_str().unwrap_or_default().to_owned();
        let messages = thread["messages"].as_array().into_iter().flatten();
        let messages = messages.filter_map(|message| message["content"].as_str().map(str::to_owned)).collect();
        let status = thread["status"].as_str().unwrap_or_default().to_owned();
        sim.actors.reader.threads.insert(id, (status, messages));
    }
    if let Some(cursor) = response.body["next_cursor"].as_str() {
        sim.actors.reader.cursor = cursor.to_owned();
    }
    Ok(response.body["has_more"] == true)
}

/// Replies to a random thread of the inbox.
pub(crate) fn reply(sim: &mut Simulation) -> CheckResult {
    let ids: Vec<String> = sim.actors.reader.threads.keys().cloned().collect();
    let Some(id) = sim.cluster.pick(&ids) else { return Ok(()) };
    let message = format!("message {}", sim.actors.reader.replies.len());
    let key = sim.actors.agents[READER].clone();
    let (path, body) = (format!("/v1/inbox/{id}/reply"), json!({ "message": message }));
    let response = sim.call(&key, "POST", &path, body)?;
    ensure!(response.is_unknown() || response.status == 200, "a reply returned {} {}", response.status, response.body);
    if response.status == 200 {
        sim.actors.reader.replies.push((id, message));
    }
    Ok(())
}

/// Checks that a reader who only reads changes knows the current status of every thread.
pub(crate) fn check_inbox(sim: &mut Simulation) -> CheckResult {
    for _ in 0..MAX_PAGES {
        if !read_page(sim)? {
            break;
        }
    }
    let own = format!("agent://local/default/{}", AGENTS[READER]);
    for (id, observed) in &sim.checker.intents {
        let is_replied = observed.spec().reply_to.as_deref() == Some(AGENTS[READER]) && observed.status().is_terminal();
        if observed.head.to.as_str() != own && !is_replied {
            continue;
        }
        let known = sim.actors.reader.threads.get(&id.to_string()).map(|(status, _)| status.as_str());
        let actual = thread_status(observed.status());
        ensure!(known == Some(actual), "{id}: the inbox shows {known:?}, but the status is {actual}");
    }
    for (id, message) in &sim.actors.reader.replies {
        let is_there = sim.actors.reader.threads.get(id).is_some_and(|(_, messages)| messages.contains(message));
        ensure!(is_there, "{id}: \"{message}\" was accepted but is not in the thread");
    }
    Ok(())
}

fn thread_status(status: Status) -> &'static str {
    match status {
        status if status.is_terminal() => "done",
        Status::InProgress => "active",
        _ => "pending",
    }
}
