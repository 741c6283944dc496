//! Answers through task links. A link whose answer the server confirmed was used once, as its person, for its own
//! asking. It was not used after the task was reassigned.

use std::collections::BTreeMap;

use axme_intent::lifecycle::{Event, EventBody};
use serde_json::Value;

use crate::CheckResult;
use crate::cluster::Response;
use crate::invariants::tasks::absent_decider;
use crate::invariants::{Checker, ObservedIntent, ensure};
use crate::task_link::TaskLink;

#[derive(Default)]
pub(crate) struct LinkAnswers(BTreeMap<String, LinkUse>);

/// A link and the outcome that the server confirmed.
struct LinkUse {
    link: TaskLink,
    outcome: Option<String>,
}

impl LinkAnswers {
    pub(crate) fn record(&mut self, mark: &str, link: &TaskLink, response: &Response) {
        let link_use = self.0.entry(mark.to_owned()).or_insert(LinkUse { link: link.clone(), outcome: None });
        if response.status == 200 {
            link_use.outcome = response.body["outcome"].as_str().map(str::to_owned);
        }
    }

    pub(crate) fn count_recorded(&self) -> usize {
        self.0.values().filter(|link_use| link_use.outcome.is_some()).count()
    }

    pub(crate) fn check(&self, checker: &Checker) -> CheckResult {
        for (mark, link_use) in &self.0 {
            let Some(observed) = checker.intents.get(&link_use.link.intent) else { continue };
            check_use(mark, link_use, observed)?;
        }
        Ok(())
    }
}

fn check_use(mark: &str, LinkUse { link, outcome }: &LinkUse, observed: &ObservedIntent) -> CheckResult {
    let (id, person) = (link.intent, &link.person);
    let answers: Vec<(&Event, PersonAnswer)> = observed
        .events
        .iter()
        .filter_map(|event| Some((event, person_answer(&event.body)?)))
        .filter(|(_, answer)| answer.record["comment"] == mark)
        .collect();
    ensure!(answers.len() <= 1, "{id}: a link of {person} was used {} times", answers.len());
    let Some((event, answer)) = answers.first() else {
        ensure!(outcome.is_none(), "{id}: {person} got {outcome:?} as the outcome, which was not recorded");
        return Ok(());
    };
    let by = (answer.by.as_str(), answer.via.as_str(), event.actor.as_str());
    ensure!(by == (person, link.via, person), "{id}: a link of {person} answered as {by:?}");
    let recorded = answer.record["outcome"].as_str();
    let is_equal = outcome.is_none() || outcome.as_deref() == recorded;
    ensure!(is_equal, "{id}: {person} got {outcome:?} as the outcome, but {recorded:?} was recorded");
    let count = event.position as usize - 1;
    let before = observed.after(count);
    let asking = before.waiting().map(|waiting| waiting.asking);
    ensure!(asking == Some(link.asking), "{id}: a link for asking {} answered asking {asking:?}", link.asking);
    let absent = absent_decider(event);
    let is_theirs = |asked: &&str| asked.eq_ignore_ascii_case(person) || absent.as_deref() == Some(*asked);
    let is_asked = before.asked().iter().any(is_theirs);
    let is_reassigned = observed.transfers(count) > link.transfers;
    ensure!(is_asked || !is_reassigned, "{id}: {person} answered a task that was reassigned");
    Ok(())
}

/// The answer of a person in an event.
struct PersonAnswer {
    by: String,
    via: String,
    record: Value,
}

fn person_answer(body: &EventBody) -> Option<PersonAnswer> {
    match body {
        EventBody::Voted { vote, .. } => {
            Some(PersonAnswer { by: vote.by.clone(), via: vote.via.as_str().to_owned(), record: vote.result.value() })
        }
        EventBody::InProgress { details, .. } => {
            let text = |name: &str| details.string(name).unwrap_or_default();
            let record = details.get("task_result")?.value();
            Some(PersonAnswer { by: text("answered_by"), via: text("answered_via"), record })
        }
        _ => None,
    }
}
