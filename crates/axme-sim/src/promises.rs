//! The promises to clients, checked against the store.
//!
//! Every request that a history may contain carries a *mark*, a word that occurs nowhere else. A history must contain
//! the mark of a request that returned 200. It must not contain the mark of a request that was always refused.

mod link_answers;

use std::collections::{BTreeMap, BTreeSet};

use axme_intent::lifecycle::State;
use axme_intent::{IntentId, Plan, Status, Time};
use link_answers::LinkAnswers;
use serde_json::Value;

use crate::cluster::{Request, Response};
use crate::invariants::{Checker, ObservedIntent, ensure};
use crate::task_link::TaskLink;
use crate::{CheckResult, marks};

#[derive(Default)]
pub(crate) struct Promises {
    pub(crate) creates: Vec<CreateCall>,
    /// The answers by mark.
    answers: BTreeMap<String, AnswerRecord>,
    links: LinkAnswers,
    marks: usize,
    /// The last delivery number of each address.
    pub(crate) delivery_numbers: BTreeMap<String, u64>,
}

/// A create under an idempotency key, and the id that its responses gave.
pub(crate) struct CreateCall {
    pub(crate) request: Request,
    pub(crate) mark: String,
    pub(crate) first_sent: Time,
    pub(crate) id: Option<IntentId>,
}

/// The responses to the answers under one mark.
struct AnswerRecord {
    intent: IntentId,
    /// Responses that said that the answer was applied. A mark may be applied twice: as progress, or to two consecutive
    /// steps of one person. The answer of a person names no step.
    applied: usize,
    /// Responses that said that the answer ended the intent.
    terminal: usize,
    unknown: usize,
}

impl Promises {
    pub(crate) fn new_mark(&mut self) -> String {
        self.marks += 1;
        marks::make(self.marks)
    }

    /// Returns the intents that clients know of.
    pub(crate) fn known(&self) -> Vec<IntentId> {
        self.creates.iter().filter_map(|create| create.id).collect()
    }

    /// Records the response to a create.
    pub(crate) fn record_create(&mut self, nth: usize, response: &Response) -> CheckResult {
        let create = &mut self.creates[nth];
        if response.is_unknown() {
            return Ok(());
        }
        // The rule of the workspace may exclude the people of a guarded task.
        if response.body["error"]["code"] == "may_not_be_asked" {
            return Ok(());
        }
        ensure!(response.status == 200, "a create was refused: {} {}", response.status, response.body);
        let id = response.body["intent_id"].as_str().and_then(|id| id.parse().ok());
        let Some(id) = id else { return Err(format!("a create returned no id: {}", response.body)) };
        ensure!(
            create.id.is_none_or(|known| known == id),
            "{:?} returned first {:?}, then {id}",
            create.request.idempotency_key,
            create.id
        );
        create.id = Some(id);
        Ok(())
    }

    /// Records the response to an answer under a mark.
    pub(crate) fn record_answer(&mut self, mark: &str, intent: IntentId, response: &Response, has_key: bool) {
        let record =
            self.answers.entry(mark.to_owned()).or_insert(AnswerRecord { intent, applied: 0, terminal: 0, unknown: 0 });
        if response.is_unknown() {
            record.unknown += 1;
        } else if response.status == 200 && response.body["applied"] == true {
            record.applied += 1;
            // Under an idempotency key the same response may be returned again.
            let status = response.body["event"]["status"].as_str().and_then(Status::parse);
            record.terminal += usize::from(!has_key && status.is_some_and(Status::is_terminal));
        }
    }

    /// Records the response to an answer through a link. All answers through one link share a mark.
    pub(crate) fn record_link_answer(&mut self, mark: &str, link: &TaskLink, response: &Response) {
        let intent = link.intent;
        let record =
            self.answers.entry(mark.to_owned()).or_insert(AnswerRecord { intent, applied: 0, terminal: 0, unknown: 0 });
        record.unknown += usize::from(response.is_unknown());
        record.applied += usize::from(response.status == 200);
        self.links.record(mark, link, response);
    }

    /// Returns the number of links through which an answer was recorded.
    pub(crate) fn links_used(&self) -> usize {
        self.links.count_recorded()
    }

    pub(crate) fn check(&self, checker: &Checker) -> CheckResult {
        self.check_creates(checker)?;
        self.check_answers(checker)?;
        self.links.check(checker)
    }

    fn check_creates(&self, checker: &Checker) -> CheckResult {
        let mut created: BTreeMap<String, IntentId> = BTreeMap::new();
        for (id, observed) in checker.intents.iter().filter(|(_, observed)| observed.head.intent.parent.is_none()) {
            let Some(mark) = observed.spec().payload.field("born").and_then(|mark| mark.string()) else {
                return Err(format!("{id}: no client created it"));
            };
            if let Some(other) = created.insert(mark, *id) {
                return Err(format!("one create made both {other} and {id}"));
            }
        }
        for create in &self.creates {
            let Some(id) = create.id else { continue };
            ensure!(created.get(create.mark.as_str()) == Some(&id), "{id} was promised but is missing or differs");
        }
        Ok(())
    }

    fn check_answers(&self, checker: &Checker) -> CheckResult {
        let mut found: BTreeMap<IntentId, BTreeSet<&str>> = BTreeMap::new();
        for observed in checker.intents.values() {
            let family = found.entry(observed.head.intent.root).or_default();
            family.extend(observed.marks.iter().map(String::as_str));
        }
        for (mark, record) in &self.answers {
            let Some(observed) = checker.intents.get(&record.intent) else { continue };
            let is_there = found[&observed.head.intent.root].contains(mark.as_str());
            ensure!(
                is_there || record.applied == 0,
                "{}: {mark} was promised but is not in the history",
                record.intent
            );
            ensure!(
                !is_there || record.applied + record.unknown > 0,
                "{}: {mark} was refused but is in the history",
                record.intent
            );
            ensure!(record.terminal <= 1, "{}: {mark} ended the intent {} times", record.intent, record.terminal);
        }
        for observed in checker.intents.values() {
            self.check_result(observed, checker)?;
        }
        Ok(())
    }

    /// Checks that an intent is COMPLETED only by a result that an actor sent to its family.
    fn check_result(&self, observed: &ObservedIntent, checker: &Checker) -> CheckResult {
        let State::Completed { result, .. } = &observed.head.intent.state else { return Ok(()) };
        let (id, root) = (observed.head.intent.id, observed.head.intent.root);
        let result = &result.value();
        let marks = marks::of_value(result);
        match &observed.spec().plan {
            None => ensure!(!marks.is_empty(), "{id} is COMPLETED with {result}, which nobody sent"),
            Some(plan) => check_steps(id, plan, result)?,
        }
        for mark in &marks {
            let answered = self.answers.get(mark).and_then(|record| checker.intents.get(&record.intent));
            let is_own = answered.is_some_and(|other| other.head.intent.root == root);
            ensure!(is_own, "{id} is COMPLETED with {mark}, which was sent to another intent");
        }
        Ok(())
    }
}

/// Checks that an actor sent the result of every successful step. The platform's own steps have no such result.
fn check_steps(id: IntentId, plan: &Plan, result: &Value) -> CheckResult {
    for (step, output) in result["steps"].as_object().into_iter().flatten() {
        let has_holder = plan.step(step).is_some_and(|step| step.kind.has_holder());
        let is_failed = output["error"]["code"].is_string();
        let is_sent = !has_holder || is_failed || !marks::of_value(output).is_empty();
        ensure!(is_sent, "{id} is COMPLETED, but nobody sent {output} for step {step}");
    }
    Ok(())
}
