//! Invariants of tasks: answers, votes, notices and task links.

use std::collections::{BTreeMap, BTreeSet};

use axme_intent::human::{Vote, group_address, is_email, person_key};
use axme_intent::lifecycle::{Event, EventBody, Intent};
use axme_intent::workflow::MAX_STEP_RUNS;
use axme_intent::{IntentId, Json, apply};
use axme_store::intents::Head;
use axme_store::simulated::{AskingState, Snapshot};
use uuid::Uuid;

use super::{Checker, ObservedIntent, ensure};
use crate::CheckResult;

/// The owner of the admin's key, which belongs to a service account.
const ADMIN: &str = "owner@local";

/// The deputy of everybody who is away.
pub(crate) const DEPUTY: &str = "dee@example.com";

/// Checks that each asking is answered once, apart from votes. `before` is the intent before the event.
pub(crate) fn check_event(observed: &ObservedIntent, before: &Intent, event: &Event) -> CheckResult {
    let (id, position) = (before.id, event.position);
    let votes = before.waiting().map(|waiting| waiting.votes.as_slice()).unwrap_or_default();
    match &event.body {
        EventBody::Voted { vote, needed } => {
            let Some(task) = before.open_task() else {
                return Err(format!("{id}: vote {position} without an open task"));
            };
            let is_new = [Some(&vote.by), vote.on_behalf_of.as_ref()]
                .into_iter()
                .flatten()
                .all(|person| is_unused(votes, person));
            ensure!(is_new, "{id}: {} voted twice, or in a place that has voted", vote.by);
            ensure!(
                *needed as usize == task.needed(),
                "{id}: the vote says that {needed} are needed, the task {}",
                task.needed()
            );
            ensure!(votes.len() + 1 < task.needed(), "{id}: vote {position} was enough but did not decide the task");
            check_decider(observed, before, event)?;
        }
        EventBody::InProgress { details, .. } if details.contains_key("task_result") => {
            let Some(task) = before.open_task() else {
                return Err(format!("{id}: answer {position} without an open task"));
            };
            let by = details.string("answered_by");
            ensure!(
                by.as_deref() == Some(event.actor.as_str()),
                "{id}: the answer names {by:?}, but the actor is {}",
                event.actor
            );
            let is_new =
                is_unused(votes, &event.actor) && absent_decider(event).is_none_or(|absent| is_unused(votes, &absent));
            ensure!(is_new, "{id}: {} voted and answered, or in a place that has voted", event.actor);
            let is_yes = details["task_result"].value()["outcome"] == "approved";
            let is_enough = votes.len() + 1 == task.needed();
            ensure!(!is_yes || is_enough, "{id}: {} of {} said yes", votes.len() + 1, task.needed());
            check_decider(observed, before, event)?;
        }
        _ => {}
    }
    Ok(())
}

/// True if a person has not voted, and no deputy has in the person's place.
fn is_unused(votes: &[Vote], person: &str) -> bool {
    votes.iter().all(|vote| vote.by != person && vote.on_behalf_of.as_deref() != Some(person))
}

/// Returns the absent person in whose place a deputy decided.
pub(crate) fn absent_decider(event: &Event) -> Option<String> {
    match &event.body {
        EventBody::Voted { vote, .. } => vote.on_behalf_of.clone(),
        EventBody::InProgress { details, .. } if details.contains_key("answered_as_deputy") => {
            details.get("answered_for")?.value()[0].as_str().map(str::to_owned)
        }
        _ => None,
    }
}

/// Checks that a decision was not the requester's, and that a guarded one was a person's and nobody decided twice.
pub(super) fn check_decider(observed: &ObservedIntent, before: &Intent, event: &Event) -> CheckResult {
    let from = observed.spec().from.as_str();
    let is_requester = event.actor == from || from.strip_prefix("user://") == Some(&event.actor);
    let is_excluded = before.open_task().is_some_and(|task| task.exclude_requester);
    let absent = absent_decider(event);
    let is_own = is_requester && (is_excluded || absent.is_some());
    ensure!(!is_own, "{}: {} answered their own task", before.id, event.actor);
    if let Some(task) = before.open_task().filter(|task| task.is_guarded()) {
        ensure!(event.actor != ADMIN, "{}: the key of a service account decided a guarded task", before.id);
        let is_repeated = has_decided(before, &task.distinct_from, &event.actor);
        ensure!(!is_repeated, "{}: {} answered two steps that need two people", before.id, event.actor);
        let is_repeated = absent.is_some_and(|absent| has_decided(before, &task.distinct_from, &absent));
        ensure!(!is_repeated, "{}: {} answered for a person who decided the other step", before.id, event.actor);
    }
    Ok(())
}

/// Checks the people who decided after the first `seen` events. Each was asked by name or as a member of a group, and the
/// rule of the workspace allowed to ask them. Groups and rule may have changed once since the last check. Returns how many
/// were asked by a group only.
pub(crate) fn check_deciders(
    asking: &[AskingState; 2],
    head: &Head,
    events: &[Event],
    seen: usize,
) -> Result<usize, String> {
    let mut before = Intent::draft(head.intent.id, head.intent.root, head.intent.parent, events[0].at);
    let mut by_group = 0;
    for (nth, event) in events.iter().enumerate() {
        let via = match &event.body {
            EventBody::Voted { vote, .. } => Some(vote.via.as_str().to_owned()),
            EventBody::InProgress { details, .. } if details.contains_key("task_result") => {
                details.string("answered_via")
            }
            _ => None,
        };
        let task = before.open_task().filter(|_| nth >= seen && event.actor != ADMIN);
        if let Some((via, task)) = via.zip(task) {
            let person = person_key(&event.actor);
            let is_named = before.asks(&person, &[]);
            let is_member = asking.iter().any(|state| before.asks(&person, &groups_of(state, &person)));
            let must_be_asked = task.is_guarded() || via == "email";
            let is_deputy = absent_decider(event).is_some_and(|absent| {
                let holds = |state: &AskingState| state.deputies.get(&absent) == Some(&person);
                let belongs = asking.iter().any(|state| state.members.contains(&person));
                asking.iter().any(holds) && belongs && before.asks(&absent, &[])
            });
            let is_marked = absent_decider(event).is_some();
            ensure!(is_deputy == is_marked, "{}: {person} decided as a deputy without being one", head.intent.id);
            ensure!(!is_marked || !is_named, "{}: {person} decided as a deputy and is asked", head.intent.id);
            ensure!(
                is_named || is_member || is_deputy || !must_be_asked,
                "{}: {person} decided and was not asked",
                head.intent.id
            );
            let is_allowed = !task.is_guarded() || asking.iter().any(|state| allows(state, &person));
            ensure!(is_allowed, "{}: {person} decided against the rule of the workspace", head.intent.id);
            by_group += usize::from(is_member && !is_named);
        }
        apply(&mut before, event);
    }
    Ok(by_group)
}

pub(crate) fn groups_of(state: &AskingState, person: &str) -> Vec<String> {
    let groups = state.groups.iter().filter(|(_, members)| members.contains(person));
    groups.map(|(name, _)| group_address(name)).collect()
}

pub(crate) fn allows(state: &AskingState, person: &str) -> bool {
    let Some(rule) = &state.rule else { return true };
    let domain = person.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_member = |group: &String| state.groups.get(group).is_some_and(|members| members.contains(person));
    rule.mail_domains.iter().any(|allowed| allowed == domain) || rule.groups.iter().any(is_member)
}

/// Checks the limits of votes, step runs and retries.
pub(crate) fn check_waiting(observed: &ObservedIntent) -> CheckResult {
    let intent = &observed.head.intent;
    let id = intent.id;
    if let Some(waiting) = intent.waiting() {
        let most = intent.open_task().map_or(0, |task| task.needed() - 1);
        let voters: BTreeSet<&str> = waiting.votes.iter().map(|vote| vote.by.as_str()).collect();
        ensure!(voters.len() == waiting.votes.len(), "{id}: {voters:?} voted {} times", waiting.votes.len());
        ensure!(voters.len() <= most, "{id}: {} votes are enough, but it still waits", voters.len());
    }
    let Some(cursor) = &intent.cursor else { return Ok(()) };
    ensure!(cursor.runs <= MAX_STEP_RUNS, "{id}: {} steps have run", cursor.runs);
    let step = observed.spec().plan.as_ref().and_then(|plan| plan.step(&cursor.step));
    let most = step.and_then(|step| step.retry).map_or(0, |retry| retry.max_retries);
    ensure!(
        cursor.tries <= most,
        "{id}: step {} was retried {} times, at most {most} are allowed",
        cursor.step,
        cursor.tries
    );
    Ok(())
}

impl Checker {
    /// Checks that a notice is open exactly while it has a live delivery. A closed notice was delivered, is a dead
    /// letter, or belongs to a task that has ended. Every person with an open task has been notified, or will be.
    pub(super) fn check_notices(&self, snapshot: &Snapshot) -> CheckResult {
        let mut queued: BTreeMap<(&str, Uuid), bool> = BTreeMap::new();
        for row in &snapshot.queue {
            if let Some(queue) = row.address.strip_prefix("notice://") {
                queued.insert((queue, row.item.id), row.dead_at.is_none());
            }
        }
        let mut notified: BTreeSet<(IntentId, u32, String)> = BTreeSet::new();
        for notice in &snapshot.notices {
            let is_live = queued.remove(&(notice.queue.as_str(), notice.id));
            let id = notice.id;
            ensure!(
                is_live.unwrap_or(false) == notice.is_open,
                "notice {id}: open is {}, queued is {is_live:?}",
                notice.is_open
            );
            let found = notice.intent_id.and_then(|intent| Some((intent, self.intents.get(&intent)?)));
            let Some((intent, observed)) = found else { return Err(format!("notice {id} of an unknown intent")) };
            if let Some(asking) = notice.asking {
                notified.insert((intent, asking, notice.recipient.to_ascii_lowercase()));
            }
            let is_gone = !notice.is_open && is_live.is_none() && !self.delivered_notices.contains(&id);
            let head = &observed.head.intent;
            let is_asked = head.open_task().and(head.waiting()).map(|waiting| waiting.asking) == notice.asking;
            let has_left = self.left.contains(&notice.recipient) && !head.asks(&notice.recipient, &[]);
            let questions = head.waiting().map_or(0, |waiting| waiting.questions.len());
            let is_replied =
                notice.question.is_some_and(|number| number != questions || head.open_question().is_none());
            // A deputy may have lost the right before the mail went out.
            let is_deputy = person_key(&notice.recipient) == DEPUTY;
            let is_moot = is_replied || notice.asking.is_some() && (!is_asked || has_left || is_deputy);
            ensure!(!is_gone || is_moot, "{intent}: the notice to {} was lost", notice.recipient);
        }
        ensure!(queued.is_empty(), "deliveries of unknown notices: {queued:?}");
        for (id, observed) in &self.intents {
            let head = &observed.head.intent;
            let Some(waiting) = head.waiting() else { continue };
            for person in head.asked().into_iter().filter(|person| is_email(person)) {
                let is_notified = notified.contains(&(*id, waiting.asking, person.to_ascii_lowercase()));
                ensure!(is_notified, "{id}: {person} is asked but was not notified");
            }
        }
        Ok(())
    }

    /// Checks that a used link is an answer of its person to its asking. An answer uses at most one link.
    pub(super) fn check_links(&self, snapshot: &Snapshot) -> CheckResult {
        let mut answers: BTreeMap<IntentId, Vec<(u32, String, String, String)>> = BTreeMap::new();
        for link in snapshot.links.iter().filter(|link| link.used_at.is_some()) {
            let id = link.intent_id;
            let Some(observed) = self.intents.get(&id) else {
                return Err(format!("a link to the unknown intent {id}"));
            };
            let left = answers.entry(id).or_insert_with(|| answers_of(observed));
            let outcome = link.outcome.clone().unwrap_or_default();
            let expected = (link.asking, link.person.clone(), link.via.clone(), outcome);
            let found = left.iter().position(|answer| *answer == expected);
            let Some(found) = found else { return Err(format!("{id}: the used link {expected:?} has no answer")) };
            left.swap_remove(found);
        }
        Ok(())
    }
}

/// Returns all answers of people: asking, person, channel and outcome.
fn answers_of(observed: &ObservedIntent) -> Vec<(u32, String, String, String)> {
    let mut asking = 0;
    let mut answers = Vec::new();
    let text = |value: Option<Json>| value.and_then(|value| value.string()).unwrap_or_default();
    for event in &observed.events {
        match &event.body {
            EventBody::Waiting(waiting) => asking = waiting.asking,
            EventBody::Transferred { is_part: false, .. } => asking = event.position,
            EventBody::Voted { vote, .. } => {
                let outcome = text(vote.result.field("outcome"));
                answers.push((asking, vote.by.clone(), vote.via.as_str().to_owned(), outcome));
            }
            EventBody::InProgress { details, .. } => {
                let Some(record) = details.get("task_result") else { continue };
                let (by, via) = (text(details.get("answered_by").cloned()), text(details.get("answered_via").cloned()));
                answers.push((asking, by, via, text(record.field("outcome"))));
            }
            _ => {}
        }
    }
    answers
}

/// Returns true if a person has answered one of these steps.
pub(crate) fn has_decided(intent: &Intent, steps: &[String], person: &str) -> bool {
    let deciders = intent.cursor.iter().flat_map(|cursor| steps.iter().filter_map(|step| cursor.deciders.get(step)));
    deciders.flatten().any(|decider| decider == person)
}
