//! Decides which events and effects a command causes.
//!
//! [`submit`] decides the first events of a new intent, [`decide`] the events of a live one, and [`change_policy`]
//! changes to its settings. All three are total: they return a decision or a refusal for every input, and never panic.

mod people;
mod policy;
mod reminder_plan;
mod second_thoughts;
mod steps;

use axme_types::ErrorCode;
pub use policy::{PolicyDecision, change_policy};
use steps::StepEnd;
pub use steps::notice_context;

use crate::apply::apply;
use crate::lifecycle::{
    Answer, Command, DecideInput, Decision, Effect, Ending, Event, EventBody, Fault, Intent, IntentSpec, Refusal,
    State, TimerKind,
};
use crate::outcome::Outcome;
use crate::workflow::{Plan, StepKind, combined_result};
use crate::{HolderKind, OutcomeKind, Status, WaitingReason};
use crate::{HumanTask, Json, JsonFields};
use axme_types::Holder;

/// Decides the first events of a new intent: created, submitted, then delivered to an agent, waiting for a person, or
/// running its first step. `intent` is a draft; the plan is in `spec`.
pub fn submit(intent: &Intent, spec: IntentSpec, input: &DecideInput) -> Decision {
    let planned;
    let mut builder = DecisionBuilder::new(intent, input);
    let (to, task, plan, deadline) = (spec.to.clone(), spec.task.clone(), spec.plan.clone(), spec.deadline_at);
    // The texts of a plan's tasks read the payload.
    planned = plan.as_ref().map(|_| spec.clone());
    builder.spec = planned.as_ref();
    builder.push(EventBody::Created(Box::new(spec)));
    builder.push(EventBody::Submitted);
    // A child's deadline is its step's, and the parent's timer enforces it.
    if let Some(at) = deadline.filter(|_| intent.parent.is_none()) {
        builder.effect(Effect::SetTimer { kind: TimerKind::Deadline, at });
    }
    if let Some(plan) = &plan {
        match plan.step(&plan.entry) {
            Some(step) => builder.run_from(Some(plan), step),
            None => builder.end(Ending::Completed(combined_result(&Json::default(), &JsonFields::new()))),
        }
    } else if task.is_some() || to.is_platform() {
        let task = task.unwrap_or_else(HumanTask::untitled);
        let who = task.assignees.as_ref().and_then(|list| list.first()).cloned();
        let reference = who.unwrap_or_else(|| to.as_str().to_owned());
        let name = if to.is_platform() { "human".to_owned() } else { to.short().to_owned() };
        let name = task.assignees.as_ref().map_or(name, |_| reference.clone());
        builder.wait_for_human(Holder { kind: HolderKind::Human, reference, name }, task, None, deadline);
    } else {
        builder.push(EventBody::Delivered { to: to.clone() });
        builder.effect(Effect::Deliver { to });
    }
    if plan.is_none() {
        builder.schedule_stage(None);
    }
    builder.done()
}

/// Decides what `command` does to `intent`. `spec` is the specification of an intent with a plan.
pub fn decide(
    intent: &Intent,
    spec: Option<&IntentSpec>,
    command: Command,
    input: &DecideInput,
) -> Result<Decision, Refusal> {
    let mut builder = DecisionBuilder { spec, ..DecisionBuilder::new(intent, input) };
    let plan = spec.and_then(|spec| spec.plan.as_ref());
    let status = intent.status();
    if status.is_terminal() {
        return match command {
            // The server itself sends these commands, and they may arrive late.
            Command::Acknowledge
            | Command::DeadlinePassed
            | Command::StepDeadlinePassed { .. }
            | Command::ReminderStageDue
            | Command::ExecutionTimedOut
            | Command::PushFailed { .. }
            | Command::ChildEnded { .. } => Ok(Decision::default()),
            _ => Err(Refusal::new(
                ErrorCode::IntentAlreadyTerminal,
                format!("the intent is already {}", status.as_str()),
            )
            .with("status", status.as_str())),
        };
    }
    match command {
        Command::Acknowledge => builder.acknowledge(),
        Command::Answer(answer) => builder.answer(plan, answer)?,
        Command::AskPerson { note, holder, task, due_at } => builder.ask_person(plan, note, holder, *task, due_at)?,
        Command::Decide(response) => builder.decide_task(plan, &response)?,
        Command::Reassign { holder, from, note } => builder.reassign(plan, holder, from, note)?,
        Command::AskBack(ask) => builder.ask_back(plan, ask)?,
        Command::Reply(reply) => builder.reply(plan, reply)?,
        Command::Withdraw(withdrawal) => builder.withdraw(withdrawal)?,
        Command::Proceed { reason } => builder.proceed(plan, reason)?,
        Command::Resolve(ending) => builder.resolve(ending),
        Command::DeadlinePassed => builder.end(Ending::TimedOut),
        Command::StepDeadlinePassed { step } => builder.step_deadline_passed(plan, &step),
        Command::ReminderStageDue => builder.advance_reminder_plan(plan),
        Command::ExecutionTimedOut => builder.end(Ending::TimedOut),
        Command::PushFailed { attempt, most, error, retry_at } => builder.push_failed(attempt, most, error, retry_at),
        Command::ChildEnded { child, ending } => builder.child_ended(plan, child, ending),
    }
    Ok(builder.done())
}

/// Builds a decision. It applies each new event to its own copy of the intent, so that the next rule sees the new
/// state.
struct DecisionBuilder<'a> {
    intent: Intent,
    input: &'a DecideInput,
    decision: Decision,
    /// The specification of the intent, if it has a plan.
    spec: Option<&'a IntentSpec>,
    /// The decision of a person with this command.
    decided: Option<Outcome>,
}

impl<'a> DecisionBuilder<'a> {
    fn new(intent: &Intent, input: &'a DecideInput) -> DecisionBuilder<'a> {
        DecisionBuilder { intent: intent.clone(), input, decision: Decision::default(), spec: None, decided: None }
    }

    fn done(self) -> Decision {
        self.decision
    }

    /// Returns the time of the next event, which is never earlier than the previous event's.
    fn at(&self) -> crate::Time {
        self.input.now.max(self.intent.updated_at)
    }

    /// Appends an event and applies it to the intent.
    fn push(&mut self, mut body: EventBody) {
        let position = self.intent.position + 1;
        if let EventBody::Waiting(waiting) = &mut body {
            waiting.asking = position;
        }
        let mut event =
            Event { position, at: self.at(), actor: self.input.actor.clone(), status: self.intent.status(), body };
        apply(&mut self.intent, &event);
        event.status = self.intent.status();
        self.decision.events.push(event);
    }

    fn effect(&mut self, effect: Effect) {
        self.decision.effects.push(effect);
    }

    fn acknowledge(&mut self) {
        if self.intent.status() == Status::Delivered {
            self.push(EventBody::Acknowledged);
            self.effect(Effect::MarkAcknowledged);
            self.start_execution();
        }
    }

    fn answer(&mut self, plan: Option<&Plan>, answer: Answer) -> Result<(), Refusal> {
        self.refuse_unless_plain(plan)?;
        if let Some(step) = self.intent.waiting().and_then(|waiting| waiting.step.clone()) {
            let end = match answer {
                Answer::Complete(result) | Answer::HandOver(result) => StepEnd::Success(result),
                Answer::Fail(fault) => StepEnd::Failure(fault),
            };
            self.end_step(plan, &step, end, JsonFields::new());
            return Ok(());
        }
        match answer {
            Answer::Complete(result) => self.end(Ending::Completed(result)),
            Answer::Fail(fault) => self.end(Ending::Failed(fault)),
            Answer::HandOver(note) if self.intent.parent.is_some() => self.end(Ending::Completed(note)),
            Answer::HandOver(note) => {
                self.push(progress(note_details(note)));
                self.effect(Effect::MarkAcknowledged);
                self.start_execution();
            }
        }
        Ok(())
    }

    fn proceed(&mut self, plan: Option<&Plan>, reason: Option<String>) -> Result<(), Refusal> {
        self.refuse_unless_plain(plan)?;
        if let Some(step) = self.intent.waiting().and_then(|waiting| waiting.step.clone()) {
            let result = Json::of(&serde_json::json!({ "reason": reason }));
            self.end_step(plan, &step, StepEnd::Success(result), JsonFields::new());
            return Ok(());
        }
        if self.intent.status() != Status::InProgress {
            let details =
                reason.map(|text| JsonFields::from_iter([("reason".to_owned(), text.into())])).unwrap_or_default();
            self.push(progress(details));
            self.start_execution();
        }
        Ok(())
    }

    /// Starts the timer for the agent's work, if the policy limits it.
    fn start_execution(&mut self) {
        if let Some(seconds) = self.intent.policy.execution_seconds() {
            let at = self.at().plus_seconds(seconds);
            self.effect(Effect::SetTimer { kind: TimerKind::Execution, at });
        }
    }

    fn push_failed(&mut self, attempt: u32, most: u32, error: String, retry_at: Option<crate::Time>) {
        // A person's task has no receiver to push to.
        if self.intent.waiting().is_some() {
            return;
        }
        let is_last = attempt >= most;
        let retry_at = retry_at.filter(|_| !is_last);
        self.push(EventBody::DeliveryFailed { attempt, most, error: error.clone(), retry_at });
        if is_last {
            let message = format!("delivery failed after attempt {attempt}: {error}");
            let fault = Fault { code: "delivery_failed".to_owned(), message, details: None, result: None };
            self.end_with(Ending::Failed(fault), None, Effect::BuryDelivery);
        }
    }

    /// Refuses answers from agents and the control plane unless the intent is plain. A person's task needs a task
    /// result, and a step is answered through its child.
    fn refuse_unless_plain(&self, plan: Option<&Plan>) -> Result<(), Refusal> {
        let Some(waiting) = self.intent.waiting() else { return Ok(()) };
        match (waiting.reason, waiting.child) {
            (WaitingReason::WaitingForHuman, _) => Err(Refusal::new(
                ErrorCode::TaskResultRequired,
                "the intent is waiting for a person: send {\"task_result\": {\"outcome\": …}}".to_owned(),
            )),
            (_, Some(child)) => Err(Refusal::new(
                ErrorCode::WaitingForAgent,
                format!("the intent is waiting for {}: send the answer to intent {child}", waiting.holder.reference),
            )
            .with("child_intent_id", child.to_string())),
            (WaitingReason::WaitingForTime, None) => {
                let step = waiting.step.as_deref().and_then(|step| plan.and_then(|plan| plan.step(step)));
                if step.is_some_and(|step| step.kind == StepKind::Timeout) {
                    return Ok(());
                }
                let until = waiting.due_at.map(|at| format!(" until {at}")).unwrap_or_default();
                Err(Refusal::new(
                    ErrorCode::WaitingForTime,
                    format!("the intent is waiting for time to pass{until}; no answer is accepted"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Ends the intent for a caller. The outcome of a cancellation names the caller.
    fn resolve(&mut self, ending: Ending) {
        let canceled = Outcome { by: vec![self.input.actor.clone()], ..Outcome::plain(OutcomeKind::Canceled) };
        let outcome = matches!(ending, Ending::Canceled(_)).then_some(canceled);
        self.end_as(ending, outcome);
    }

    /// Ends the intent: appends the terminal event and stops the delivery, the timers and the child.
    fn end(&mut self, ending: Ending) {
        self.end_with(ending, None, Effect::EndDelivery);
    }

    /// Ends the intent. `outcome` is set if it says more than the status.
    fn end_as(&mut self, ending: Ending, outcome: Option<Outcome>) {
        self.end_with(ending, outcome, Effect::EndDelivery);
    }

    fn end_with(&mut self, ending: Ending, outcome: Option<Outcome>, delivery: Effect) {
        if let Some(child) = self.intent.waiting().and_then(|w| w.child) {
            let reason = "the parent intent ended".to_owned();
            self.effect(Effect::EndChild { child, ending: Ending::Canceled(reason) });
        }
        let details = match (&self.intent.state, self.decision.events.last().map(|e| &e.body)) {
            // The terminal event repeats the task's answer.
            (State::InProgress, Some(EventBody::InProgress { details, .. })) => details.clone(),
            _ => JsonFields::new(),
        };
        self.push(match &ending {
            Ending::Completed(result) => EventBody::Completed { result: result.clone(), details, outcome },
            Ending::Failed(fault) => EventBody::Failed { fault: fault.clone(), outcome },
            Ending::Canceled(reason) => EventBody::Canceled { reason: reason.clone(), outcome },
            Ending::TimedOut => EventBody::TimedOut,
        });
        self.effect(delivery);
        self.effect(Effect::ClearTimers);
        if self.intent.parent.is_some() {
            self.effect(Effect::TellParent(ending));
        }
    }
}

/// Progress that ends no step.
fn progress(details: JsonFields) -> EventBody {
    EventBody::InProgress { step: None, result: None, details, cause: None, decided: None }
}

fn note_details(note: Json) -> JsonFields {
    note.fields().unwrap_or_else(|| JsonFields::from_iter([("note".to_owned(), note)]))
}
