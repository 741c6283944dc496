//! What must hold about those who are asked: their answers, their votes, their mail and their links.

use std::collections::{BTreeMap, BTreeSet};

use axme_intent::IntentId;
use axme_intent::human::is_email;
use axme_intent::lifecycle::{Event, EventBody, Intent};
use axme_intent::workflow::MAX_STEP_RUNS;
use axme_server::store::simulated::Snapshot;
use serde_json::Value;
use uuid::Uuid;

use super::{Seen, Watch, hold};
use crate::Checked;

/// `before` is the intent just before the event. One asking, which begins with a waiting, is answered once, but for votes.
pub fn check_event(seen: &Seen, before: &Intent, event: &Event) -> Checked {
    let (id, position) = (before.id, event.position);
    let votes = before.waiting().map(|waiting| waiting.votes.as_slice()).unwrap_or_default();
    match &event.body {
        EventBody::Voted { vote, needed } => {
            let Some(task) = before.open_task() else { return Err(format!("{id}: a vote {position} on nothing")) };
            let is_new = votes.iter().all(|other| other.by != vote.by);
            hold!(is_new, "{id}: {} voted twice", vote.by);
            hold!(*needed as usize == task.needed(), "{id}: a vote of {needed}, {} are needed", task.needed());
            hold!(votes.len() + 1 < task.needed(), "{id}: vote {position} was enough and decided nothing");
            check_requester(seen, before, event)?;
        }
        EventBody::InProgress { details, .. } if details.contains_key("task_result") => {
            let Some(task) = before.open_task() else { return Err(format!("{id}: an answer {position} to nothing")) };
            let by = details["answered_by"].as_str();
            hold!(by == Some(event.actor.as_str()), "{id}: {by:?} answered, done by {}", event.actor);
            let is_new = votes.iter().all(|other| other.by != event.actor);
            hold!(is_new, "{id}: {} voted and answered", event.actor);
            let is_yes = details["task_result"]["outcome"] == "approved";
            let is_enough = votes.len() + 1 == task.needed();
            hold!(!is_yes || is_enough, "{id}: {} of {} said yes", votes.len() + 1, task.needed());
            check_requester(seen, before, event)?;
        }
        _ => {}
    }
    Ok(())
}

fn check_requester(seen: &Seen, before: &Intent, event: &Event) -> Checked {
    let from = seen.birth().from.as_str();
    let is_requester = event.actor == from || from.strip_prefix("user://") == Some(&event.actor);
    let is_excluded = before.open_task().is_some_and(|task| task.exclude_requester);
    hold!(!(is_requester && is_excluded), "{}: {} answered what they asked", before.id, event.actor);
    Ok(())
}

/// The head: no vote too many, no run too many, no try too many.
pub fn check_waiting(seen: &Seen) -> Checked {
    let intent = &seen.head.intent;
    let id = intent.id;
    if let Some(waiting) = intent.waiting() {
        let most = intent.open_task().map_or(0, |task| task.needed() - 1);
        let voters: BTreeSet<&str> = waiting.votes.iter().map(|vote| vote.by.as_str()).collect();
        hold!(voters.len() == waiting.votes.len(), "{id}: {voters:?} voted {} times", waiting.votes.len());
        hold!(voters.len() <= most, "{id}: {} votes are enough, and it waits", voters.len());
    }
    let Some(cursor) = &intent.cursor else { return Ok(()) };
    hold!(cursor.runs <= MAX_STEP_RUNS, "{id}: {} steps were run", cursor.runs);
    let step = seen.birth().plan.as_ref().and_then(|plan| plan.step(&cursor.step));
    let most = step.and_then(|step| step.retry).map_or(0, |retry| retry.max_retries);
    hold!(cursor.tries <= most, "{id}: step {} was tried again {} times of {most}", cursor.step, cursor.tries);
    Ok(())
}

impl Watch {
    /// A notice is open exactly while it has a delivery that lives. One that was closed has arrived, is a dead letter, or was
    /// about a task that is over. Whoever is asked has been mailed, or will be.
    pub(super) fn check_notices(&self, snapshot: &Snapshot) -> Checked {
        let mut queued: BTreeMap<(&str, Uuid), bool> = BTreeMap::new();
        for row in &snapshot.queue {
            if let Some(queue) = row.address.strip_prefix("notice://") {
                queued.insert((queue, row.item.id), row.dead_at.is_none());
            }
        }
        let mut told: BTreeSet<(IntentId, u32, String)> = BTreeSet::new();
        for notice in &snapshot.notices {
            let is_live = queued.remove(&(notice.queue.as_str(), notice.id));
            let id = notice.id;
            hold!(
                is_live.unwrap_or(false) == notice.is_open,
                "notice {id}: open {}, queued {is_live:?}",
                notice.is_open
            );
            let found = notice.intent_id.and_then(|intent| Some((intent, self.seen.get(&intent)?)));
            let Some((intent, seen)) = found else { return Err(format!("notice {id} of an unknown intent")) };
            if let Some(asking) = notice.asking {
                told.insert((intent, asking, notice.recipient.to_ascii_lowercase()));
            }
            let is_gone = !notice.is_open && is_live.is_none() && !self.arrived.contains(&id);
            let head = &seen.head.intent;
            let is_asked = head.open_task().and(head.waiting()).map(|waiting| waiting.asking) == notice.asking;
            let is_moot = notice.asking.is_some() && !is_asked;
            hold!(!is_gone || is_moot, "{intent}: what {} was to be told is gone", notice.recipient);
        }
        hold!(queued.is_empty(), "deliveries of unknown notices: {queued:?}");
        for (id, seen) in &self.seen {
            let head = &seen.head.intent;
            let Some(waiting) = head.waiting() else { continue };
            for person in head.asked().into_iter().filter(|person| is_email(person)) {
                let is_told = told.contains(&(*id, waiting.asking, person.to_ascii_lowercase()));
                hold!(is_told, "{id}: {person} is asked and nobody tells them");
            }
        }
        Ok(())
    }

    /// A link that was used is an answer of its person to its asking, and every answer uses one link at the most.
    pub(super) fn check_links(&self, snapshot: &Snapshot) -> Checked {
        let mut answers: BTreeMap<IntentId, Vec<(u32, String, String, String)>> = BTreeMap::new();
        for link in snapshot.links.iter().filter(|link| link.used_at.is_some()) {
            let id = link.intent_id;
            let Some(seen) = self.seen.get(&id) else { return Err(format!("a link to {id}, which is unknown")) };
            let left = answers.entry(id).or_insert_with(|| answers_of(seen));
            let outcome = link.outcome.clone().unwrap_or_default();
            let wanted = (link.asking, link.person.clone(), link.via.clone(), outcome);
            let found = left.iter().position(|answer| *answer == wanted);
            let Some(found) = found else { return Err(format!("{id}: the used link {wanted:?} is no answer")) };
            left.swap_remove(found);
        }
        Ok(())
    }
}

/// All answers of people: to which asking, by whom, by which way, and what.
fn answers_of(seen: &Seen) -> Vec<(u32, String, String, String)> {
    let mut asking = 0;
    let mut answers = Vec::new();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    for event in &seen.events {
        match &event.body {
            EventBody::Waiting(waiting) => asking = waiting.asking,
            EventBody::Transferred { is_part: false, .. } => asking = event.position,
            EventBody::Voted { vote, .. } => {
                let outcome = text(vote.result.get("outcome"));
                answers.push((asking, vote.by.clone(), vote.via.as_str().to_owned(), outcome));
            }
            EventBody::InProgress { details, .. } => {
                let Some(record) = details.get("task_result") else { continue };
                let (by, via) = (text(details.get("answered_by")), text(details.get("answered_via")));
                answers.push((asking, by, via, text(record.get("outcome"))));
            }
            _ => {}
        }
    }
    answers
}
