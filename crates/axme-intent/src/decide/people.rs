//! Decisions on people's tasks: assign, answer, reassign.

use axme_types::ErrorCode;

use super::steps::StepEnd;
use super::{DecisionBuilder, note_details, progress};
use crate::human::{Response, Standing, Verdict, Vote, is_same_person};
use crate::lifecycle::{Answer, Effect, Ending, EventBody, Fault, Occasion, Refusal, TimerKind, Wait};
use crate::outcome::Outcome;
use crate::workflow::Plan;
use crate::{HolderKind, WaitingReason};
use crate::{HumanTask, Intent, Json, JsonFields, OutcomeKind};
use axme_types::Holder;

impl DecisionBuilder<'_> {
    /// Returns the open task and its wait, or refuses.
    pub(super) fn open_task(&self) -> Result<(&Wait, &HumanTask), Refusal> {
        self.intent.waiting().zip(self.intent.open_task()).ok_or_else(|| {
            let status = self.intent.status().as_str();
            Refusal::new(
                ErrorCode::NotWaitingForHuman,
                format!("the intent is not waiting for a person; its status is {status}"),
            )
            .with("status", status)
        })
    }

    /// Lets a person decide a plain intent whose agent has done its part. Any other intent is handed over.
    pub(super) fn ask_person(
        &mut self,
        plan: Option<&Plan>,
        note: Json,
        holder: Holder,
        task: HumanTask,
        due_at: Option<crate::Time>,
    ) -> Result<(), Refusal> {
        if plan.is_some() || self.intent.parent.is_some() || self.intent.waiting().is_some() {
            return self.answer(plan, Answer::HandOver(note));
        }
        self.push(progress(note_details(note)));
        self.effect(Effect::EndDelivery);
        self.effect(Effect::ClearTimer(TimerKind::Execution));
        self.wait_for_human(holder, task, None, due_at);
        // The reminder plan starts again for the person. One that escalates to an agent was meant for the receiver.
        self.effect(Effect::ClearTimer(TimerKind::ReminderStage));
        let escalates_to = self.intent.tally.reminder_plan.as_ref().and_then(|plan| plan.escalate_to.as_ref());
        if escalates_to.is_none_or(|holder| holder.kind == HolderKind::Human) {
            self.schedule_stage(None);
        }
        Ok(())
    }

    pub(super) fn decide_task(&mut self, plan: Option<&Plan>, response: &Response) -> Result<(), Refusal> {
        let (waiting, task) = self.open_task()?;
        let by = &self.input.actor;
        if let Some(refusal) = self.intent.bars(by, &response.standing) {
            return Err(refusal);
        }
        let (mut record, verdict) = task.check(&response.answer)?;
        let (via, through) = (response.via, response.through.clone());
        let on_behalf_of = self.intent.seat_of_deputy(&response.standing.stands_in_for).map(str::to_owned);
        let vote = Vote { by: by.clone(), on_behalf_of, via, through, result: record.clone().into() };
        if task.needed() > 1 {
            if verdict == Verdict::Positive && waiting.votes.len() + 1 < task.needed() {
                let needed = task.quorum.unwrap_or(1);
                self.push(EventBody::Voted { vote, needed });
                return Ok(());
            }
            let votes: Vec<&Vote> = waiting.votes.iter().chain([&vote]).collect();
            record.set("votes", Json::of(&votes));
        }
        let decided = decision(&record, verdict, by, &waiting.votes);
        let comment = record.string("comment");
        let result = Json::from(record);
        let (step, child) = (waiting.step.clone(), waiting.child);
        let mut details = task_details(&result, by, response);
        let asked = match &vote.on_behalf_of {
            Some(absent) => vec![absent.clone()],
            None => self.asked_by_name(&response.standing.groups),
        };
        if !asked.is_empty() {
            details.set("answered_for", Json::of(&asked));
        }
        if vote.on_behalf_of.is_some() {
            details.set("answered_as_deputy", Json::of(&true));
        }
        if let Some(child) = child {
            let reason = format!("{by} answered instead");
            self.effect(Effect::EndChild { child, ending: Ending::Canceled(reason) });
        }
        self.decided = Some(decided.clone());
        match (step, verdict) {
            // A direct task: a person's no is an outcome, not a fault.
            (None, _) => {
                let decided = Some(decided);
                self.push(EventBody::InProgress {
                    step: None,
                    result: None,
                    details,
                    cause: None,
                    decided: decided.clone(),
                });
                self.end_as(Ending::Completed(result), decided);
            }
            (Some(step), Verdict::Positive) => self.end_step(plan, &step, StepEnd::Success(result), details),
            (Some(step), Verdict::Negative) => {
                let outcome = decided.word;
                let message = match comment {
                    Some(comment) => format!("step {step} was answered {outcome}: {comment}"),
                    None => format!("step {step} was answered {outcome}"),
                };
                let fault = Fault { code: outcome, message, details: None, result: Some(result) };
                self.end_step(plan, &step, StepEnd::Refusal(fault), details);
            }
        }
        Ok(())
    }

    /// Reassigns the task, or only the part of the assignee `from`.
    pub(super) fn reassign(
        &mut self,
        plan: Option<&Plan>,
        holder: Holder,
        from: Option<String>,
        note: Option<String>,
    ) -> Result<(), Refusal> {
        let (waiting, task) = self.open_task()?;
        let Some(from) = from else {
            if task.needed() > 1 {
                let needed = task.needed();
                let message =
                    format!("{needed} people have to answer this task: name the person to replace in \"from\"");
                return Err(Refusal::new(ErrorCode::FromRequired, message));
            }
            let from = waiting.holder.clone();
            self.push(EventBody::Transferred { holder, from, is_part: false, note });
            self.mail(Occasion::Asked, &self.emails());
            // The reminder plan starts again for the new holder.
            self.effect(Effect::ClearTimer(TimerKind::ReminderStage));
            self.schedule_stage(plan);
            return Ok(());
        };
        let asked = self.intent.asked();
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidAssignee, message));
        if !asked.iter().any(|person| is_same_person(person, &from)) {
            return refuse(format!("this task does not ask {from}; choose one of {}", asked.join(", ")));
        }
        if asked.iter().any(|person| is_same_person(person, &holder.reference)) {
            return refuse(format!("{} is already asked to answer this task: name another person", holder.reference));
        }
        let known = self.emails();
        let from = Holder::named(HolderKind::Human, &from);
        self.push(EventBody::Transferred { holder, from, is_part: true, note });
        let new: Vec<String> = self.emails().into_iter().filter(|email| !known.contains(email)).collect();
        self.mail(Occasion::Asked, &new);
        Ok(())
    }

    /// Returns the people who are asked if another person answers for them; empty if any person may answer. `groups` are
    /// those that the author belongs to.
    fn asked_by_name(&self, groups: &[String]) -> Vec<String> {
        let Some(waiting) = self.intent.waiting() else { return Vec::new() };
        let asked = self.intent.asked();
        let includes_author = |person: &&str| {
            is_same_person(person, &self.input.actor) || groups.iter().any(|group| group == person) || is_anyone(person)
        };
        if asked.iter().any(includes_author) {
            return Vec::new();
        }
        let name = |person: &str| {
            let is_holder = is_same_person(person, &waiting.holder.reference) && !waiting.holder.name.is_empty();
            if is_holder { waiting.holder.name.clone() } else { person.to_owned() }
        };
        asked.into_iter().map(name).collect()
    }

    pub(super) fn wait_for_human(
        &mut self,
        holder: Holder,
        task: HumanTask,
        step: Option<String>,
        due_at: Option<crate::Time>,
    ) {
        self.push(EventBody::Waiting(Wait {
            reason: WaitingReason::WaitingForHuman,
            holder: holder.clone(),
            since: self.at(),
            step,
            task: Some(Box::new(task.clone())),
            child: None,
            due_at,
            votes: Vec::new(),
            questions: Vec::new(),
            asking: 0,
        }));
        self.push(EventBody::HumanTaskAssigned { holder, task });
        self.mail(Occasion::Asked, &self.emails());
    }

    /// Returns the email addresses and groups that are mailed about the open task.
    pub(super) fn emails(&self) -> Vec<String> {
        self.intent.mailed().into_iter().map(str::to_owned).collect()
    }

    pub(super) fn mail(&mut self, about: Occasion, to: &[String]) {
        if !to.is_empty() {
            self.effect(Effect::Mail { about, to: to.to_vec() });
        }
    }
}

impl Intent {
    /// Returns a refusal if `by` may not answer the open task at all.
    pub fn bars(&self, by: &str, standing: &Standing) -> Option<Refusal> {
        let (waiting, task) = self.waiting().zip(self.open_task())?;
        if task.exclude_requester && standing.is_requester {
            let message = "the person who started the intent may not answer this task: ask another person".to_owned();
            return Some(Refusal::new(ErrorCode::RequesterMayNotAnswer, message));
        }
        let is_deputy = !standing.stands_in_for.is_empty();
        if is_deputy && self.seat_of_deputy(&standing.stands_in_for).is_none() {
            let absent = standing.stands_in_for.join(", ");
            let message = format!("the part of {absent}, for whom {by} is the deputy, is answered already");
            return Some(Refusal::new(ErrorCode::AlreadyAnswered, message));
        }
        if task.needed() > 1 && task.assignees.is_some() && !is_deputy && !self.asks(by, &standing.groups) {
            let message = format!("{by} is not asked to answer this task: only {} may answer", self.asked().join(", "));
            return Some(Refusal::new(ErrorCode::NotAsked, message));
        }
        if let Some(vote) = waiting.votes.iter().find(|vote| vote.is_of(by)) {
            let message = match is_same_person(&vote.by, by) {
                true => format!("{by} already said yes: {} different people have to", task.needed()),
                false => format!("{} already said yes on behalf of {by}", vote.by),
            };
            return Some(Refusal::new(ErrorCode::AlreadyAnswered, message));
        }
        if let Some(refusal) = task.needs_person(standing) {
            return Some(refusal);
        }
        if let Some(step) = self.step_decided_by(by) {
            let message = format!("{by} answered step {step}, and this step needs another person: ask one");
            return Some(Refusal::new(ErrorCode::AnotherPersonRequired, message).with("step_id", step));
        }
        None
    }
}

impl HumanTask {
    /// Returns a refusal if the task is guarded and its author is not known to be a person.
    pub(super) fn needs_person(&self, standing: &Standing) -> Option<Refusal> {
        let message = "a person must answer this task: sign in, or use a personal link; the key of a service account \
                       does not say who decides";
        let is_refused = self.is_guarded() && !standing.is_person;
        is_refused.then(|| Refusal::new(ErrorCode::PersonRequired, message.to_owned()))
    }
}

/// True for a reference that names no person: any person may answer.
fn is_anyone(reference: &str) -> bool {
    reference == "human" || reference.starts_with("agent://")
}

/// Returns what an answer decides. A yes is the decision of everybody who voted, a no of one person.
fn decision(record: &JsonFields, verdict: Verdict, by: &str, votes: &[Vote]) -> Outcome {
    let word = record.string("outcome").unwrap_or_default();
    let (kind, before) = match verdict {
        Verdict::Positive => (OutcomeKind::Yes, votes),
        Verdict::Negative => (OutcomeKind::No, [].as_slice()),
    };
    let by = before.iter().map(|vote| vote.by.as_str()).chain([by]).map(str::to_owned).collect();
    Outcome { kind, word, by }
}

/// Returns the answer, its author, its channel and its client as event details.
fn task_details(result: &Json, by: &str, response: &Response) -> JsonFields {
    let mut details = JsonFields::new();
    details.set("task_result", result.clone());
    details.set("answered_by", by);
    details.set("answered_via", response.via.as_str());
    if let Some(through) = &response.through {
        details.set("answered_through", Json::of(through));
    }
    details
}
