//! What clients were told, and whether it is so.
//!
//! Everything that a client sends and that may end in a history carries a *mark*, a word that occurs nowhere else. What was
//! answered 200 must be found under its mark; what was always refused must not.

mod links;

use std::collections::{BTreeMap, BTreeSet};

use axme_intent::lifecycle::State;
use axme_intent::{IntentId, Plan, Status, Time};
use links::Links;
use serde_json::Value;

use crate::actors::Letter;
use crate::invariants::{Seen, Watch, hold};
use crate::stage::{Answer, Call};
use crate::{Checked, marks};

#[derive(Default)]
pub struct Promises {
    pub creates: Vec<Create>,
    /// By mark.
    sent: BTreeMap<String, Sent>,
    links: Links,
    marks: usize,
    /// The last delivery number seen, by address.
    pub numbers: BTreeMap<String, u64>,
}

/// A create with its idempotency key, and all that was heard of it.
pub struct Create {
    pub call: Call,
    pub mark: String,
    pub first_sent: Time,
    pub id: Option<IntentId>,
}

/// An answer to an intent, under one mark.
struct Sent {
    intent: IntentId,
    /// How often it was said to be done, and to have ended the intent. More than one answer may be progress, and a person's
    /// answer names no step: said twice, it answers two that wait one after the other.
    done: usize,
    ended: usize,
    unknown: usize,
}

impl Promises {
    pub fn mark(&mut self) -> String {
        self.marks += 1;
        marks::make(self.marks)
    }

    /// Intents that clients know of.
    pub fn known(&self) -> Vec<IntentId> {
        self.creates.iter().filter_map(|create| create.id).collect()
    }

    /// Takes note of the answer to a create.
    pub fn created(&mut self, nth: usize, answer: &Answer) -> Checked {
        let create = &mut self.creates[nth];
        if answer.is_unknown() {
            return Ok(());
        }
        hold!(answer.status == 200, "a create was refused: {} {}", answer.status, answer.body);
        let id = answer.body["intent_id"].as_str().and_then(|id| id.parse().ok());
        let Some(id) = id else { return Err(format!("a create was answered without an id: {}", answer.body)) };
        hold!(
            create.id.is_none_or(|known| known == id),
            "{:?} was {:?} and is {id}",
            create.call.idempotency_key,
            create.id
        );
        create.id = Some(id);
        Ok(())
    }

    /// Takes note of what an intent was answered under a mark.
    pub fn answered(&mut self, mark: &str, intent: IntentId, answer: &Answer, has_key: bool) {
        let sent = self.sent.entry(mark.to_owned()).or_insert(Sent { intent, done: 0, ended: 0, unknown: 0 });
        if answer.is_unknown() {
            sent.unknown += 1;
        } else if answer.status == 200 && answer.body["applied"] == true {
            sent.done += 1;
            // Under an idempotency key the same answer may be heard again.
            let status = answer.body["event"]["status"].as_str().and_then(Status::parse);
            sent.ended += usize::from(!has_key && status.is_some_and(Status::is_terminal));
        }
    }

    /// Takes note of what an answer by a link, under one mark for all answers with it, was answered.
    pub fn answered_by_link(&mut self, mark: &str, letter: &Letter, answer: &Answer) {
        let intent = letter.intent;
        let sent = self.sent.entry(mark.to_owned()).or_insert(Sent { intent, done: 0, ended: 0, unknown: 0 });
        sent.unknown += usize::from(answer.is_unknown());
        sent.done += usize::from(answer.status == 200);
        self.links.answered(mark, letter, answer);
    }

    /// How many links were answered by.
    pub fn links_used(&self) -> usize {
        self.links.used()
    }

    pub fn check(&self, watch: &Watch) -> Checked {
        self.check_creates(watch)?;
        self.check_answers(watch)?;
        self.links.check(watch)
    }

    fn check_creates(&self, watch: &Watch) -> Checked {
        let mut born: BTreeMap<&str, IntentId> = BTreeMap::new();
        for (id, seen) in watch.seen.iter().filter(|(_, seen)| seen.head.intent.parent.is_none()) {
            let Some(mark) = seen.spec().payload["born"].as_str() else {
                return Err(format!("{id}: nobody asked for it"));
            };
            if let Some(other) = born.insert(mark, *id) {
                return Err(format!("one create made {other} and {id}"));
            }
        }
        for create in &self.creates {
            let Some(id) = create.id else { continue };
            hold!(born.get(create.mark.as_str()) == Some(&id), "{id} was promised and is not there as it was sent");
        }
        Ok(())
    }

    fn check_answers(&self, watch: &Watch) -> Checked {
        let mut found: BTreeMap<IntentId, BTreeSet<&str>> = BTreeMap::new();
        for seen in watch.seen.values() {
            let family = found.entry(seen.head.intent.root).or_default();
            family.extend(seen.marks.iter().map(String::as_str));
        }
        for (mark, sent) in &self.sent {
            let Some(seen) = watch.seen.get(&sent.intent) else { continue };
            let is_there = found[&seen.head.intent.root].contains(mark.as_str());
            hold!(is_there || sent.done == 0, "{}: {mark} was promised and is not in the history", sent.intent);
            hold!(
                !is_there || sent.done + sent.unknown > 0,
                "{}: {mark} was refused and is in the history",
                sent.intent
            );
            hold!(sent.ended <= 1, "{}: {mark} ended it {} times", sent.intent, sent.ended);
        }
        for seen in watch.seen.values() {
            self.check_result(seen, watch)?;
        }
        Ok(())
    }

    /// Nothing is completed that nobody completed, and results are what somebody sent to this family.
    fn check_result(&self, seen: &Seen, watch: &Watch) -> Checked {
        let State::Completed { result } = &seen.head.intent.state else { return Ok(()) };
        let (id, root) = (seen.head.intent.id, seen.head.intent.root);
        let marks = marks::of_value(result);
        match &seen.spec().plan {
            None => hold!(!marks.is_empty(), "{id} is COMPLETED with {result}, which nobody sent"),
            Some(plan) => check_steps(id, plan, result)?,
        }
        for mark in &marks {
            let sender = self.sent.get(mark).and_then(|sent| watch.seen.get(&sent.intent));
            let is_own = sender.is_some_and(|other| other.head.intent.root == root);
            hold!(is_own, "{id} is COMPLETED with {mark}, which was sent to another");
        }
        Ok(())
    }
}

/// Whatever an agent or a person was to do and that succeeded, somebody sent. The platform's own steps nobody answers.
fn check_steps(id: IntentId, plan: &Plan, result: &Value) -> Checked {
    for (step, answered) in result["steps"].as_object().into_iter().flatten() {
        let is_asked = plan.step(step).is_some_and(|step| step.kind.has_holder());
        let is_failed = answered["error"]["code"].is_string();
        let is_sent = !is_asked || is_failed || !marks::of_value(answered).is_empty();
        hold!(is_sent, "{id} is COMPLETED, and nobody sent {answered} for step {step}");
    }
    Ok(())
}
