//! Invariants of second thoughts: questions, replies and withdrawals.

use axme_intent::human::{MAX_QUESTIONS, is_same_person};
use axme_intent::lifecycle::{Event, EventBody, Intent};

use super::tasks::check_decider;
use super::{ObservedIntent, ensure};
use crate::CheckResult;

/// Checks who asks, replies and withdraws, and when. `before` is the intent before the event.
pub(super) fn check_event(observed: &ObservedIntent, before: &Intent, event: &Event) -> CheckResult {
    let id = before.id;
    let votes = before.waiting().map(|waiting| waiting.votes.as_slice()).unwrap_or_default();
    match &event.body {
        EventBody::Questioned { question } => {
            ensure!(before.open_task().is_some(), "{id}: a question without an open task");
            ensure!(before.open_question().is_none(), "{id}: two questions are open");
            let count = before.waiting().map_or(0, |waiting| waiting.questions.len());
            ensure!(count < MAX_QUESTIONS, "{id}: {count} questions are not enough for {}", question.by);
            ensure!(question.by == event.actor, "{id}: {} asks in the name of {}", event.actor, question.by);
            let has_voted = votes.iter().any(|vote| is_same_person(&vote.by, &question.by));
            ensure!(!has_voted, "{id}: {} asks after a yes", question.by);
            check_decider(observed, before, event)
        }
        EventBody::Replied { asked_by, .. } => {
            let Some(open) = before.open_question() else { return Err(format!("{id}: a reply without a question")) };
            ensure!(open.by == *asked_by, "{id}: the reply to {} names {asked_by}", open.by);
            let spec = observed.spec();
            let names = [Some(spec.from.as_str()), spec.requested_by.as_deref(), spec.requested_with.as_deref()];
            let is_requester = names.into_iter().flatten().any(|name| is_same_person(name, &event.actor));
            ensure!(is_requester, "{id}: {} replied and is not the requester", event.actor);
            Ok(())
        }
        EventBody::Withdrawn { vote, .. } => {
            ensure!(votes.contains(vote), "{id}: a vote of {} was withdrawn that does not exist", vote.by);
            ensure!(is_same_person(&vote.by, &event.actor), "{id}: {} withdrew a yes of {}", event.actor, vote.by);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Returns the number of questions, replies and withdrawals.
pub(super) fn count(observed: &ObservedIntent) -> (usize, usize, usize) {
    let count = |is_one: fn(&EventBody) -> bool| observed.events.iter().filter(|event| is_one(&event.body)).count();
    (
        count(|body| matches!(body, EventBody::Questioned { .. })),
        count(|body| matches!(body, EventBody::Replied { .. })),
        count(|body| matches!(body, EventBody::Withdrawn { .. })),
    )
}
