//! What a command does to an intent.
//!
//! [`submit`] makes the first events of a new intent, [`decide`] those of a live one. Both are total: for every intent and
//! every command they return a decision or a refusal, and never panic.

use serde_json::{Value, json};

use crate::human::Verdict;
use crate::ladder::{Ladder, Rung};
use crate::lifecycle::{
    Answer, Birth, Command, Decision, Effect, Ending, Event, EventBody, Fault, Given, Intent, Refusal, State,
    TimerKind, Waiting, apply,
};
use crate::status::{Holder, HolderKind, Status, WaitingReason};
use crate::workflow::{MAX_RESULTS_BYTES, MAX_STEP_RUNS, Plan, Step, StepKind, StepOutcome, combined_result};
use crate::{Address, HumanTask, IntentId, Object, TaskResult};

/// A new intent: created, submitted, and then delivered to an agent, waiting for a person, or at its first step.
/// `intent` is unborn. The plan is the one in `birth`.
pub fn submit(intent: &Intent, birth: Birth, given: &Given) -> Decision {
    let mut draft = Draft::new(intent, given);
    let (to, task, plan, deadline) = (birth.to.clone(), birth.task.clone(), birth.plan.clone(), birth.deadline_at);
    draft.push(EventBody::Created(Box::new(birth)));
    draft.push(EventBody::Submitted);
    // A child's deadline is that of its step, and the parent's timer minds it.
    if let Some(at) = deadline.filter(|_| intent.parent.is_none()) {
        draft.effect(Effect::SetTimer { kind: TimerKind::Deadline, at });
    }
    if let Some(plan) = &plan {
        match plan.step(&plan.entry) {
            Some(step) => {
                draft.start_step(step);
                draft.start_ladder(Some(plan));
            }
            None => draft.end(Ending::Completed(combined_result(&Value::Null, &Object::new()))),
        }
    } else if task.is_some() || to.is_platform() {
        let task = task.unwrap_or_else(HumanTask::untitled);
        let who = task.assignees.as_ref().and_then(|list| list.first()).cloned();
        let reference = who.unwrap_or_else(|| to.as_str().to_owned());
        let name = if to.is_platform() { "human".to_owned() } else { to.short().to_owned() };
        let name = task.assignees.as_ref().map_or(name, |_| reference.clone());
        draft.wait_for_human(Holder { kind: HolderKind::Human, reference, name }, task, None, deadline);
    } else {
        draft.push(EventBody::Delivered { to: to.clone() });
        draft.effect(Effect::Deliver { to });
    }
    if plan.is_none() {
        draft.start_ladder(None);
    }
    draft.done()
}

/// What `command` does to `intent`. `plan` is the intent's plan, when it has one.
pub fn decide(intent: &Intent, plan: Option<&Plan>, command: Command, given: &Given) -> Result<Decision, Refusal> {
    let mut draft = Draft::new(intent, given);
    let status = intent.status();
    if status.is_terminal() {
        return match command {
            // These come from inside and may simply be late.
            Command::Acknowledge
            | Command::DeadlinePassed
            | Command::StepDeadlinePassed { .. }
            | Command::LadderDue
            | Command::ExecutionTimedOut
            | Command::PushFailed { .. }
            | Command::ChildEnded { .. } => Ok(Decision::default()),
            _ => {
                Err(Refusal::conflict("intent_already_terminal", format!("the intent is already {}", status.as_str()))
                    .with("status", status.as_str()))
            }
        };
    }
    match command {
        Command::Acknowledge => draft.acknowledge(),
        Command::Answer(answer) => draft.answer(answer)?,
        Command::Decide(answer) => draft.decide_task(plan, &answer)?,
        Command::Proceed { reason } => draft.proceed(reason)?,
        Command::Resolve(ending) => draft.end(ending),
        Command::DeadlinePassed => draft.end(Ending::TimedOut),
        Command::StepDeadlinePassed { step } => draft.step_deadline_passed(plan, &step),
        Command::LadderDue => draft.climb(plan),
        Command::ExecutionTimedOut => draft.end(Ending::TimedOut),
        Command::PushFailed { attempt, most, error, retry_at } => draft.push_failed(attempt, most, error, retry_at),
        Command::ChildEnded { child, ending } => draft.child_ended(plan, child, ending),
    }
    Ok(draft.done())
}

/// A decision in the making: a copy of the intent that the new events are applied to as they are decided.
struct Draft<'a> {
    intent: Intent,
    given: &'a Given,
    decision: Decision,
}

impl<'a> Draft<'a> {
    fn new(intent: &Intent, given: &'a Given) -> Draft<'a> {
        Draft { intent: intent.clone(), given, decision: Decision::default() }
    }

    fn done(self) -> Decision {
        self.decision
    }

    /// The time of what is decided now: never before that of the previous event.
    fn at(&self) -> crate::Time {
        self.given.now.max(self.intent.updated_at)
    }

    /// Appends an event.
    fn push(&mut self, body: EventBody) {
        let mut event = Event {
            position: self.intent.position + 1,
            at: self.at(),
            actor: self.given.actor.clone(),
            status: self.intent.status(),
            body,
        };
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

    fn answer(&mut self, answer: Answer) -> Result<(), Refusal> {
        self.refuse_unless_plain()?;
        match answer {
            Answer::Complete(result) => self.end(Ending::Completed(result)),
            Answer::Fail(fault) => self.end(Ending::Failed(fault)),
            Answer::HandOver(note) if self.intent.parent.is_some() => self.end(Ending::Completed(note)),
            Answer::HandOver(note) => {
                self.push(EventBody::InProgress { step: None, result: None, details: note_details(note) });
                self.effect(Effect::MarkAcknowledged);
                self.start_execution();
            }
        }
        Ok(())
    }

    fn proceed(&mut self, reason: Option<String>) -> Result<(), Refusal> {
        self.refuse_unless_plain()?;
        if self.intent.status() != Status::InProgress {
            let details =
                reason.map(|text| Object::from_iter([("reason".to_owned(), text.into())])).unwrap_or_default();
            self.push(EventBody::InProgress { step: None, result: None, details });
            self.start_execution();
        }
        Ok(())
    }

    /// From now on the agent's time runs, if it is limited.
    fn start_execution(&mut self) {
        if let Some(seconds) = self.intent.policy.execution_seconds() {
            let at = self.at().plus_seconds(seconds);
            self.effect(Effect::SetTimer { kind: TimerKind::Execution, at });
        }
    }

    fn ladder(&self, plan: Option<&Plan>) -> Ladder {
        self.intent.policy.ladder(self.intent.own_ladder(plan))
    }

    /// Sets the timer of the first rung.
    fn start_ladder(&mut self, plan: Option<&Plan>) {
        let tally = &self.intent.tally;
        let next = self.ladder(plan).next(tally.reminded, tally.escalated_to.is_some());
        if let Some((_, seconds)) = next.filter(|_| !self.intent.status().is_terminal()) {
            let at = self.at().plus_seconds(seconds);
            self.effect(Effect::SetTimer { kind: TimerKind::Ladder, at });
        }
    }

    /// Takes the rung that is due and sets the timer of the next.
    fn climb(&mut self, plan: Option<&Plan>) {
        let tally = &self.intent.tally;
        let ladder = self.ladder(plan);
        match ladder.next(tally.reminded, tally.escalated_to.is_some()) {
            Some((Rung::Remind, _)) => self.remind(),
            Some((Rung::Escalate, _)) => self.escalate(&ladder, None),
            None => return,
        }
        self.start_ladder(plan);
    }

    fn remind(&mut self) {
        let holder = self.holder();
        self.push(EventBody::Reminder { holder, count: self.intent.tally.reminded + 1 });
        match self.intent.waiting().map(|waiting| waiting.child) {
            Some(Some(child)) => self.effect(Effect::OfferChildAgain(child)),
            Some(None) => {}
            None => self.effect(Effect::OfferAgain),
        }
    }

    /// Somebody else has to act as well. `due_at` is set when the step's time begins anew.
    fn escalate(&mut self, ladder: &Ladder, due_at: Option<crate::Time>) {
        let Some(holder) = ladder.escalate_to.clone() else { return };
        let from = self.holder();
        self.push(EventBody::Escalated { holder: holder.clone(), from, due_at });
        if self.intent.waiting().is_some() {
            return;
        }
        let to = Address::from_canonical(holder.reference);
        self.effect(if to == self.intent.to { Effect::OfferAgain } else { Effect::Deliver { to } });
    }

    /// Who has to act now.
    fn holder(&self) -> Holder {
        let receiver = || {
            let to = &self.intent.to;
            Holder { kind: HolderKind::Agent, reference: to.as_str().to_owned(), name: to.short().to_owned() }
        };
        self.intent.waiting().map_or_else(receiver, |waiting| waiting.holder.clone())
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
            let message = format!("not delivered in {attempt} attempts; the last: {error}");
            let fault = Fault { code: "delivery_failed".to_owned(), message, details: None, result: None };
            self.end_with(Ending::Failed(fault), Effect::BuryDelivery);
        }
    }

    /// Answers of agents and of the control plane belong to plain intents: a person's task wants a task result, and a step
    /// is answered through the child that carries it out.
    fn refuse_unless_plain(&self) -> Result<(), Refusal> {
        let Some(waiting) = self.intent.waiting() else { return Ok(()) };
        match (waiting.reason, waiting.child) {
            (WaitingReason::WaitingForHuman, _) => Err(Refusal::invalid(
                "task_result_required",
                "the intent waits for a person: send {\"task_result\": {\"outcome\": …}}".to_owned(),
            )),
            (_, Some(child)) => Err(Refusal::conflict(
                "waiting_for_agent",
                format!("the intent waits for {}: answer intent {child}", waiting.holder.reference),
            )
            .with("child_intent_id", child.to_string())),
            _ => Ok(()),
        }
    }

    fn decide_task(&mut self, plan: Option<&Plan>, answer: &TaskResult) -> Result<(), Refusal> {
        let Some(task) = self.intent.open_task() else {
            let status = self.intent.status().as_str();
            return Err(Refusal::conflict(
                "not_waiting_for_human",
                format!("the intent waits for no person: it is {status}"),
            )
            .with("status", status));
        };
        let (record, verdict) = task.check(answer)?;
        let step = self.intent.waiting().and_then(|w| w.step.clone());
        let result = Value::Object(record);
        match (step, verdict) {
            // A direct task: a person's no is an outcome, not a fault.
            (None, _) => {
                self.push(EventBody::InProgress { step: None, result: None, details: task_details(&result) });
                self.end(Ending::Completed(result));
            }
            (Some(step), Verdict::Positive) => {
                self.end_step(plan, &step, StepEnd::Success(result.clone()), task_details(&result))
            }
            (Some(step), Verdict::Negative) => {
                let outcome = result["outcome"].as_str().unwrap_or_default().to_owned();
                let message = match result["comment"].as_str() {
                    Some(comment) => format!("step {step} was answered {outcome}: {comment}"),
                    None => format!("step {step} was answered {outcome}"),
                };
                let fault = Fault { code: outcome, message, details: None, result: Some(result.clone()) };
                self.end_step(plan, &step, StepEnd::Failure(fault), task_details(&result));
            }
        }
        Ok(())
    }

    fn step_deadline_passed(&mut self, plan: Option<&Plan>, step: &str) {
        let Some(waiting) = self.intent.waiting() else { return };
        if waiting.step.as_deref() != Some(step) {
            return;
        }
        let ladder = self.ladder(plan);
        let again = plan.and_then(|plan| plan.step(step)).and_then(|step| step.deadline_seconds);
        let is_human = waiting.reason == WaitingReason::WaitingForHuman;
        if let (Some(seconds), Some(_), None) = (again, &ladder.escalate_to, &self.intent.tally.escalated_to)
            && is_human
        {
            // The one who is asked instead gets as much time as the first had.
            let at = self.at().plus_seconds(seconds);
            self.effect(Effect::ClearTimer(TimerKind::Ladder));
            self.effect(Effect::SetTimer { kind: TimerKind::Step(step.to_owned()), at });
            return self.escalate(&ladder, Some(at));
        }
        let Some(waiting) = self.intent.waiting() else { return };
        if let Some(child) = waiting.child {
            self.effect(Effect::EndChild { child, ending: Ending::TimedOut });
        }
        self.push(EventBody::Timeout { step: step.to_owned() });
        let fault = Fault {
            code: "step_timeout".to_owned(),
            message: format!("step {step} was not finished before its deadline"),
            details: Some(json!({ "step_id": step })),
            result: None,
        };
        self.end_step(plan, step, StepEnd::Failure(fault), Object::new());
    }

    fn child_ended(&mut self, plan: Option<&Plan>, child: IntentId, ending: Ending) {
        let Some(waiting) = self.intent.waiting() else { return };
        let (Some(step), true) = (waiting.step.clone(), waiting.child == Some(child)) else { return };
        let failed =
            |code: &str, message: String| Fault { code: code.to_owned(), message, details: None, result: None };
        let end = match ending {
            Ending::Completed(result) => StepEnd::Success(result),
            Ending::Failed(fault) => StepEnd::Failure(fault),
            Ending::Canceled(reason) => {
                StepEnd::Failure(failed("step_canceled", format!("step {step} was canceled: {reason}")))
            }
            Ending::TimedOut => StepEnd::Failure(failed("step_timeout", format!("step {step} timed out"))),
        };
        let details = Object::from_iter([("child_intent_id".to_owned(), child.to_string().into())]);
        self.end_step(plan, &step, end, details);
    }

    /// A step is over: record it, then start the next one or end the intent.
    fn end_step(&mut self, plan: Option<&Plan>, step: &str, end: StepEnd, mut details: Object) {
        self.effect(Effect::ClearTimer(TimerKind::Step(step.to_owned())));
        if !self.ladder(plan).is_empty() {
            self.effect(Effect::ClearTimer(TimerKind::Ladder));
        }
        let (outcome, word, result) = match &end {
            StepEnd::Success(result) => (StepOutcome::Success, "succeeded", result.clone()),
            StepEnd::Failure(fault) => {
                let kept = fault.result.clone().unwrap_or(Value::Null);
                (
                    StepOutcome::Failure,
                    "failed",
                    json!({ "error": { "code": fault.code, "message": fault.message }, "result": kept }),
                )
            }
        };
        details.insert("step_id".to_owned(), step.into());
        details.insert("step_outcome".to_owned(), word.into());
        self.push(EventBody::InProgress {
            step: Some(step.to_owned()),
            result: Some(result),
            details: details.clone(),
        });
        if self.results_bytes() > MAX_RESULTS_BYTES {
            let message = format!("the steps' results together are longer than {MAX_RESULTS_BYTES} bytes");
            let fault = Fault { code: "results_too_large".to_owned(), message, details: None, result: None };
            return self.end(Ending::Failed(fault));
        }
        let runs = self.intent.cursor.as_ref().map_or(0, |c| c.runs);
        match plan.and_then(|plan| plan.next(step, outcome)) {
            Some(_) if runs >= MAX_STEP_RUNS => self.end(Ending::Failed(Fault {
                code: "too_many_steps".to_owned(),
                message: format!("the workflow ran {MAX_STEP_RUNS} steps without coming to an end"),
                details: None,
                result: None,
            })),
            Some(next) => {
                self.start_step(next);
                self.start_ladder(plan);
            }
            None => {
                let results = self.intent.cursor.as_ref().map(|c| c.results.clone()).unwrap_or_default();
                match end {
                    StepEnd::Success(result) => self.end(Ending::Completed(combined_result(&result, &results))),
                    StepEnd::Failure(mut fault) => {
                        let last = fault.result.take().unwrap_or(Value::Null);
                        fault.result = Some(combined_result(&last, &results));
                        self.end(Ending::Failed(fault));
                    }
                }
            }
        }
    }

    fn results_bytes(&self) -> usize {
        let results = self.intent.cursor.as_ref().map(|cursor| &cursor.results);
        results.and_then(|results| serde_json::to_string(results).ok()).map_or(0, |text| text.len())
    }

    fn start_step(&mut self, step: &Step) {
        let due_at = step.deadline_seconds.map(|seconds| self.at().plus_seconds(seconds));
        if let Some(at) = due_at {
            self.effect(Effect::SetTimer { kind: TimerKind::Step(step.id.clone()), at });
        }
        match &step.kind {
            StepKind::Agent { to, name } => {
                let child = self.given.child;
                let holder = Holder { kind: HolderKind::Agent, reference: to.as_str().to_owned(), name: name.clone() };
                self.push(EventBody::Waiting(Waiting {
                    reason: WaitingReason::WaitingForAgent,
                    holder,
                    since: self.at(),
                    step: Some(step.id.clone()),
                    task: None,
                    child: Some(child),
                    due_at,
                }));
                self.effect(Effect::StartChild { child, step: step.id.clone() });
            }
            StepKind::Human { holder, task } => {
                self.wait_for_human(holder.clone(), task.as_ref().clone(), Some(step.id.clone()), due_at);
            }
        }
    }

    fn wait_for_human(&mut self, holder: Holder, task: HumanTask, step: Option<String>, due_at: Option<crate::Time>) {
        self.push(EventBody::Waiting(Waiting {
            reason: WaitingReason::WaitingForHuman,
            holder: holder.clone(),
            since: self.at(),
            step,
            task: Some(task.clone()),
            child: None,
            due_at,
        }));
        self.push(EventBody::HumanTaskAssigned { holder, task });
    }

    /// The way to a terminal status: the event, and everything that has to stop.
    fn end(&mut self, ending: Ending) {
        self.end_with(ending, Effect::EndDelivery);
    }

    fn end_with(&mut self, ending: Ending, delivery: Effect) {
        if let Some(child) = self.intent.waiting().and_then(|w| w.child) {
            let reason = "the intent it belonged to has ended".to_owned();
            self.effect(Effect::EndChild { child, ending: Ending::Canceled(reason) });
        }
        let details = match (&self.intent.state, self.decision.events.last().map(|e| &e.body)) {
            // A task's answer is shown again on the event that ends the intent.
            (State::InProgress, Some(EventBody::InProgress { details, .. })) => details.clone(),
            _ => Object::new(),
        };
        self.push(match &ending {
            Ending::Completed(result) => EventBody::Completed { result: result.clone(), details },
            Ending::Failed(fault) => EventBody::Failed { fault: fault.clone() },
            Ending::Canceled(reason) => EventBody::Canceled { reason: reason.clone() },
            Ending::TimedOut => EventBody::TimedOut,
        });
        self.effect(delivery);
        self.effect(Effect::ClearTimers);
        if self.intent.parent.is_some() {
            self.effect(Effect::TellParent(ending));
        }
    }
}

enum StepEnd {
    Success(Value),
    Failure(Fault),
}

fn task_details(result: &Value) -> Object {
    Object::from_iter([("task_result".to_owned(), result.clone())])
}

fn note_details(note: Value) -> Object {
    match note {
        Value::Object(fields) => fields,
        other => Object::from_iter([("note".to_owned(), other)]),
    }
}
