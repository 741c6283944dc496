//! Folds events into an intent. Its state has no other source.

use crate::human::is_same_person;
use crate::lifecycle::{Event, EventBody, Intent, State};
use crate::workflow::Cursor;
use crate::{JsonFields, WaitingReason};

/// Folds one event into the intent. Never fails and decides nothing.
pub fn apply(intent: &mut Intent, event: &Event) {
    intent.position = event.position;
    intent.updated_at = event.at;
    match &event.body {
        EventBody::Created(spec) => {
            intent.created_at = event.at;
            intent.to = spec.to.clone();
            intent.state = State::Created;
            intent.cursor = spec.plan.as_ref().map(|_| Cursor::default());
            intent.tally.reminder_plan = spec.reminder_plan.clone();
        }
        EventBody::Submitted => intent.state = State::Submitted,
        EventBody::Delivered { .. } => intent.state = State::Delivered,
        EventBody::Acknowledged => intent.state = State::Acknowledged,
        EventBody::InProgress { step, result, details, cause, decided } => {
            let votes = intent.waiting().map(|waiting| waiting.votes.iter()).into_iter().flatten();
            // A deputy decides for two: neither of them is another person for a later step.
            let voters = votes.flat_map(|vote| std::iter::once(&vote.by).chain(&vote.on_behalf_of)).cloned();
            let deciders: Vec<String> = voters.chain(answered_by(details)).chain(absent_decider(details)).collect();
            if let Some(cursor) = intent.cursor.as_mut().filter(|_| result.is_some()) {
                cursor.cause = cause.clone();
                cursor.decided = decided.clone().or(cursor.decided.take());
            }
            if let (Some(cursor), Some(step)) = (&mut intent.cursor, step) {
                if !deciders.is_empty() {
                    cursor.deciders.insert(step.clone(), deciders);
                }
                cursor.runs += 1;
                cursor.tries = if result.is_some() { 0 } else { cursor.tries + 1 };
                cursor.results.extend(result.clone().map(|result| (step.clone(), result)));
            }
            intent.state = State::InProgress;
        }
        EventBody::Waiting(waiting) => {
            if let (Some(cursor), Some(step)) = (&mut intent.cursor, &waiting.step) {
                cursor.step = step.clone();
            }
            intent.tally.reminded = 0;
            intent.tally.escalated_to = None;
            intent.tally.escalated_from = None;
            intent.state = State::Waiting(waiting.clone());
        }
        EventBody::HumanTaskAssigned { .. } | EventBody::Timeout { .. } => {}
        EventBody::Reminder { count, .. } => intent.tally.reminded = *count,
        EventBody::Escalated { holder, from, due_at, task } => {
            intent.tally.escalated_to = Some(holder.clone());
            intent.tally.escalated_from = Some(from.clone());
            if let State::Waiting(waiting) = &mut intent.state {
                waiting.holder = holder.clone();
                waiting.due_at = due_at.or(waiting.due_at);
                if let Some(task) = task {
                    waiting.reason = WaitingReason::WaitingForHuman;
                    waiting.task = Some(task.clone());
                    waiting.child = waiting.child.filter(|_| due_at.is_none());
                }
            }
        }
        EventBody::Voted { vote, .. } => {
            if let State::Waiting(waiting) = &mut intent.state {
                waiting.votes.push(vote.clone());
            }
        }
        EventBody::Withdrawn { vote, .. } => {
            if let State::Waiting(waiting) = &mut intent.state {
                waiting.votes.retain(|other| !is_same_person(&other.by, &vote.by));
            }
        }
        EventBody::Questioned { question } => {
            intent.tally.reminded = 0;
            if let State::Waiting(waiting) = &mut intent.state {
                waiting.questions.push(question.clone());
            }
        }
        EventBody::Replied { reply, .. } => {
            intent.tally.reminded = 0;
            if let State::Waiting(waiting) = &mut intent.state
                && let Some(open) = waiting.questions.iter_mut().find(|question| question.reply.is_none())
            {
                open.reply = Some(reply.clone());
            }
        }
        EventBody::Transferred { holder, from, is_part: true, .. } => {
            let is_from = |person: &String| is_same_person(person, &from.reference);
            if let Some(earlier) = intent.tally.escalated_from.as_mut().filter(|one| is_from(&one.reference)) {
                *earlier = holder.clone();
            }
            if let State::Waiting(waiting) = &mut intent.state {
                if is_from(&waiting.holder.reference) {
                    waiting.holder = holder.clone();
                }
                if let Some(task) = &mut waiting.task {
                    let (assignees, email) = (&mut task.assignees, &mut task.notify_email);
                    let is_assignee = assignees.iter().flatten().any(is_from);
                    assignees
                        .iter_mut()
                        .flatten()
                        .filter(|one| is_from(one))
                        .for_each(|one| one.clone_from(&holder.reference));
                    // A person may be asked by the address for mail alone.
                    if email.as_ref().is_some_and(is_from) {
                        *email = Some(holder.reference.clone()).filter(|_| !is_assignee);
                    }
                }
            }
        }
        EventBody::Transferred { holder, is_part: false, .. } => {
            intent.tally.reminded = 0;
            intent.tally.escalated_to = None;
            intent.tally.escalated_from = None;
            if let State::Waiting(waiting) = &mut intent.state {
                waiting.holder = holder.clone();
                waiting.asking = event.position;
                if let Some(task) = &mut waiting.task {
                    task.assignees = None;
                    task.notify_email = None;
                }
            }
        }
        EventBody::DeliveryFailed { attempt, .. } => intent.tally.failed_pushes = *attempt,
        EventBody::Completed { result, outcome, .. } => {
            intent.state = State::Completed { result: result.clone(), outcome: outcome.clone() };
        }
        EventBody::Failed { fault, outcome } => {
            intent.state = State::Failed { fault: fault.clone(), outcome: outcome.clone() };
        }
        EventBody::Canceled { reason, outcome } => {
            intent.state = State::Canceled { reason: reason.clone(), outcome: outcome.clone() };
        }
        EventBody::TimedOut => intent.state = State::TimedOut,
    }
}

/// Returns the person who answered a task, from the details of the event.
fn answered_by(details: &JsonFields) -> Option<String> {
    details.string("answered_by")
}

/// Returns the absent person in whose place a deputy answered a task.
fn absent_decider(details: &JsonFields) -> Option<String> {
    let absent: Vec<String> =
        details.get("answered_for").filter(|_| details.contains_key("answered_as_deputy"))?.read().ok()?;
    absent.into_iter().next()
}
