//! Somebody who follows an inbox by its changes, and writes into its threads.

use std::collections::BTreeMap;

use axme_intent::Status;
use serde_json::{Value, json};

use super::AGENTS;
use crate::invariants::hold;
use crate::stage::Call;
use crate::{Checked, Sim};

/// Whose inbox it is, among [`AGENTS`].
const READER: usize = 0;

const MOST_PAGES: usize = 1_000;

/// What the reader knows.
#[derive(Default)]
pub struct Reader {
    cursor: String,
    /// The status in which each thread was last seen, and its messages.
    threads: BTreeMap<String, (String, Vec<String>)>,
    /// Messages that were accepted: where, and what.
    written: Vec<(String, String)>,
}

/// Reads a page of changes. A reply that is lost is asked for again by the same cursor.
pub fn follow(sim: &mut Sim) -> Checked {
    read(sim).map(|_| ())
}

/// True when there is more.
fn read(sim: &mut Sim) -> Result<bool, String> {
    let path = format!("/v1/inbox/changes?limit=3&cursor={}", sim.cast.reader.cursor);
    let key = sim.cast.agents[READER].clone();
    let heard = sim.send_one(&Call { key, method: "GET", path, body: Value::Null, idempotency_key: None })?;
    if heard.is_unknown() || sim.stage.chance(5) {
        return Ok(true);
    }
    hold!(heard.status == 200, "changes were answered {}", heard.status);
    for change in heard.body["changes"].as_array().into_iter().flatten() {
        let thread = &change["thread"];
        let id = thread["thread_id"].as_str().unwrap_or_default().to_owned();
        let said = thread["messages"].as_array().into_iter().flatten();
        let said = said.filter_map(|message| message["content"].as_str().map(str::to_owned)).collect();
        let status = thread["status"].as_str().unwrap_or_default().to_owned();
        sim.cast.reader.threads.insert(id, (status, said));
    }
    if let Some(cursor) = heard.body["next_cursor"].as_str() {
        sim.cast.reader.cursor = cursor.to_owned();
    }
    Ok(heard.body["has_more"] == true)
}

/// Writes into some thread of the inbox.
pub fn write(sim: &mut Sim) -> Checked {
    let ids: Vec<String> = sim.cast.reader.threads.keys().cloned().collect();
    let Some(id) = sim.stage.pick(&ids) else { return Ok(()) };
    let message = format!("message {}", sim.cast.reader.written.len());
    let key = sim.cast.agents[READER].clone();
    let (path, body) = (format!("/v1/inbox/{id}/reply"), json!({ "message": message }));
    let heard = sim.send_one(&Call { key, method: "POST", path, body, idempotency_key: None })?;
    hold!(heard.is_unknown() || heard.status == 200, "a reply was answered {} {}", heard.status, heard.body);
    if heard.status == 200 {
        sim.cast.reader.written.push((id, message));
    }
    Ok(())
}

/// At the end the reader, which only ever asked for changes, knows every thread as it is.
pub fn check_all_known(sim: &mut Sim) -> Checked {
    for _ in 0..MOST_PAGES {
        if !read(sim)? {
            break;
        }
    }
    let own = format!("agent://local/default/{}", AGENTS[READER]);
    for (id, seen) in &sim.watch.seen {
        let is_replied = seen.spec().reply_to.as_deref() == Some(AGENTS[READER]) && seen.status().is_terminal();
        if seen.head.to.as_str() != own && !is_replied {
            continue;
        }
        let known = sim.cast.reader.threads.get(&id.to_string()).map(|(status, _)| status.as_str());
        let actual = stage_of(seen.status());
        hold!(known == Some(actual), "{id}: the inbox says {known:?}, it is {actual}");
    }
    for (id, message) in &sim.cast.reader.written {
        let is_there = sim.cast.reader.threads.get(id).is_some_and(|(_, said)| said.contains(message));
        hold!(is_there, "{id}: \"{message}\" was accepted and is not in the thread");
    }
    Ok(())
}

fn stage_of(status: Status) -> &'static str {
    match status {
        status if status.is_terminal() => "done",
        Status::InProgress => "active",
        _ => "pending",
    }
}
