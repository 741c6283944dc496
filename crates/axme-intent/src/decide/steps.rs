//! Decisions on the steps of a plan: how a step starts, ends and is retried, and which one follows.

use serde_json::{Value, json};

use super::DecisionBuilder;
use crate::lifecycle::{Effect, Ending, EventBody, Fault, IntentSpec, TimerKind, Wait};
use crate::outcome::{Cause, Outcome};
use crate::reminder_plan::ReminderPlan;
use crate::workflow::{
    self, EndTarget, MAX_PASSED_STEPS, MAX_RESULTS_BYTES, MAX_STEP_RUNS, Next, Plan, Rejoin, Step, StepKind,
    StepOutcome, Target, combined_result,
};
use crate::{HolderKind, OutcomeKind, WaitingReason};
use crate::{HumanTask, IntentId, Json, JsonFields};
use axme_types::Holder;

/// The fault code of a canceled step.
const STEP_CANCELED: &str = "step_canceled";
/// The fault code of a step that missed its deadline.
const STEP_TIMEOUT: &str = "step_timeout";
/// The fault code of a workflow that ends as FAILED where no step has failed.
const ENDED_AS_FAILED: &str = "ended_as_failed";

/// How a step ended.
pub(super) enum StepEnd {
    Success(Json),
    Failure(Fault),
    /// A person's no: a deliberate failure, which is not retried.
    Refusal(Fault),
}

impl DecisionBuilder<'_> {
    pub(super) fn step_deadline_passed(&mut self, plan: Option<&Plan>, step: &str) {
        let Some(waiting) = self.intent.waiting() else { return };
        if waiting.step.as_deref() != Some(step) {
            return;
        }
        if waiting.reason == WaitingReason::WaitingForTime {
            return self.pause_over(plan, step);
        }
        let reminder_plan = self.reminder_plan(plan);
        let again = plan.and_then(|plan| plan.step(step)).and_then(|step| step.deadline_seconds);
        if let (Some(seconds), Some(_), None) = (again, &reminder_plan.escalate_to, &self.intent.tally.escalated_to) {
            // The escalation holder gets as much time as the first holder had.
            let at = self.at().plus_seconds(seconds);
            self.effect(Effect::ClearTimer(TimerKind::ReminderStage));
            self.effect(Effect::SetTimer { kind: TimerKind::Step(step.to_owned()), at });
            return self.escalate(&reminder_plan, Some(at));
        }
        let Some(waiting) = self.intent.waiting() else { return };
        if let Some(child) = waiting.child {
            self.effect(Effect::EndChild { child, ending: Ending::TimedOut });
        }
        self.step_timed_out(plan, step);
    }

    /// Ends a pause: a delay step succeeds, a timeout step times out, and a failed step runs again.
    pub(super) fn pause_over(&mut self, plan: Option<&Plan>, step: &str) {
        let Some(found) = plan.and_then(|plan| plan.step(step)) else { return };
        match found.kind {
            StepKind::Delay { seconds } => {
                let result = json!({ "delayed_seconds": seconds });
                self.end_step(plan, step, StepEnd::Success(result.into()), JsonFields::new());
            }
            StepKind::Timeout => self.step_timed_out(plan, step),
            _ => {
                self.effect(Effect::ClearTimer(TimerKind::Step(step.to_owned())));
                self.run_from(plan, found);
            }
        }
    }

    pub(super) fn step_timed_out(&mut self, plan: Option<&Plan>, step: &str) {
        self.push(EventBody::Timeout { step: step.to_owned() });
        let fault = Fault {
            code: STEP_TIMEOUT.to_owned(),
            message: format!("step {step} was not finished before its deadline"),
            details: Some(json!({ "step_id": step }).into()),
            result: None,
        };
        self.end_step(plan, step, StepEnd::Failure(fault), JsonFields::new());
    }

    /// Schedules a retry of a failed agent step. Returns false if the step may not be retried.
    pub(super) fn try_again(&mut self, plan: Option<&Plan>, step: &str, fault: &Fault, details: &JsonFields) -> bool {
        let (tries, runs) = self.intent.cursor.as_ref().map_or((0, 0), |cursor| (cursor.tries, cursor.runs));
        let retry = plan.and_then(|plan| plan.step(step)).and_then(|step| step.retry);
        // A canceled step is not retried. Each try also uses up a run of the workflow.
        let may = |retry: &workflow::Retry| {
            tries < retry.max_retries && fault.code != STEP_CANCELED && runs + 1 < MAX_STEP_RUNS
        };
        let Some(retry) = retry.filter(may) else { return false };
        let mut details = details.clone();
        for (name, value) in [
            ("step_id", json!(step)),
            ("step_outcome", json!("retrying")),
            ("attempt", json!(tries + 1)),
            ("error", json!({ "code": fault.code, "message": fault.message })),
        ] {
            details.set(name, value);
        }
        self.push(EventBody::InProgress {
            step: Some(step.to_owned()),
            result: None,
            details,
            cause: None,
            decided: None,
        });
        let at = self.at().plus_seconds(retry.delay_seconds);
        self.wait_for_time(step, Some(at));
        self.effect(Effect::SetTimer { kind: TimerKind::Step(step.to_owned()), at });
        true
    }

    /// Makes the intent wait for time to pass, with the platform as its holder.
    pub(super) fn wait_for_time(&mut self, step: &str, due_at: Option<crate::Time>) {
        let holder = Holder::named(HolderKind::Internal, "agent_core");
        self.push(EventBody::Waiting(Wait {
            reason: WaitingReason::WaitingForTime,
            holder,
            since: self.at(),
            step: Some(step.to_owned()),
            task: None,
            child: None,
            due_at,
            votes: Vec::new(),
            questions: Vec::new(),
            asking: 0,
        }));
    }

    pub(super) fn child_ended(&mut self, plan: Option<&Plan>, child: IntentId, ending: Ending) {
        let Some(waiting) = self.intent.waiting() else { return };
        let (Some(step), true) = (waiting.step.clone(), waiting.child == Some(child)) else { return };
        let failed =
            |code: &str, message: String| Fault { code: code.to_owned(), message, details: None, result: None };
        let end = match ending {
            Ending::Completed(result) => StepEnd::Success(result),
            Ending::Failed(fault) => StepEnd::Failure(fault),
            Ending::Canceled(reason) => {
                StepEnd::Failure(failed(STEP_CANCELED, format!("step {step} was canceled: {reason}")))
            }
            Ending::TimedOut => StepEnd::Failure(failed(STEP_TIMEOUT, format!("step {step} timed out"))),
        };
        let mut details = JsonFields::from_iter([("child_intent_id".to_owned(), child.to_string().into())]);
        if let Some(StepKind::Agent { to, .. }) = plan.and_then(|plan| plan.step(&step)).map(|step| &step.kind) {
            details.set("agent", to.as_str());
        }
        self.end_step(plan, &step, end, details);
    }

    /// Records the end of a step, then starts the next one or ends the intent.
    pub(super) fn end_step(&mut self, plan: Option<&Plan>, step: &str, end: StepEnd, details: JsonFields) {
        if let Some(next) = self.finish_step(plan, step, end, details) {
            self.run_from(plan, next);
        }
    }

    /// Starts a step, and each following one as long as the steps are instant.
    pub(super) fn run_from(&mut self, plan: Option<&Plan>, first: &Step) {
        let mut next = Some(first);
        let mut passed = 0;
        while let Some(step) = next {
            passed += 1;
            if passed > MAX_PASSED_STEPS {
                return self.too_many_steps(MAX_PASSED_STEPS);
            }
            let Some(end) = self.start_step(step) else { return self.schedule_stage(plan) };
            next = self.finish_step(plan, &step.id, end, JsonFields::new());
        }
    }

    /// Records the end of a step. Returns the next step to start, or `None` if the intent ended or the step waits for
    /// its retry.
    pub(super) fn finish_step<'p>(
        &mut self,
        plan: Option<&'p Plan>,
        step: &str,
        end: StepEnd,
        mut details: JsonFields,
    ) -> Option<&'p Step> {
        // An instant step has no timers.
        if self.intent.waiting().is_some() {
            self.effect(Effect::ClearTimer(TimerKind::Step(step.to_owned())));
            if !self.reminder_plan(plan).is_empty() {
                self.effect(Effect::ClearTimer(TimerKind::ReminderStage));
            }
        }
        if let StepEnd::Failure(fault) = &end
            && self.try_again(plan, step, fault, &details)
        {
            return None;
        }
        let (outcome, word, result) = match &end {
            StepEnd::Success(result) => (StepOutcome::Success, "succeeded", result.clone()),
            StepEnd::Failure(fault) | StepEnd::Refusal(fault) => {
                let mut kept = JsonFields::new();
                kept.set("error", json!({ "code": fault.code, "message": fault.message }));
                kept.set("result", fault.result.clone().unwrap_or_default());
                (StepOutcome::Failure, "failed", kept.into())
            }
        };
        details.set("step_id", step);
        details.set("step_outcome", word);
        let decided = self.decided.take();
        let cause = self.cause_after(plan, step, &end, decided.as_ref());
        self.push(EventBody::InProgress {
            step: Some(step.to_owned()),
            result: Some(result),
            details,
            cause: cause.clone(),
            decided,
        });
        if self.results_bytes() > MAX_RESULTS_BYTES {
            let message = format!(
                "the results of the steps have more than {MAX_RESULTS_BYTES} bytes in total: return less from each step"
            );
            let fault = Fault { code: "results_too_large".to_owned(), message, details: None, result: None };
            self.end(Ending::Failed(fault));
            return None;
        }
        let runs = self.intent.cursor.as_ref().map_or(0, |c| c.runs);
        match plan.map_or(Next::End(None), |plan| plan.next(step, outcome, cause.as_ref())) {
            Next::Step(_) if runs >= MAX_STEP_RUNS => self.too_many_steps(MAX_STEP_RUNS),
            Next::Step(next) => return Some(next),
            Next::End(target) => self.end_workflow(step, end, target),
        }
        None
    }

    /// Returns the latest failure after a step has ended. A success handles it, if the step repairs anything, or if the
    /// bundle names the success path as what follows.
    fn cause_after(&self, plan: Option<&Plan>, step: &str, end: &StepEnd, decided: Option<&Outcome>) -> Option<Cause> {
        let outcome = match (end, decided) {
            (StepEnd::Refusal(_), Some(decided)) => decided.clone(),
            (StepEnd::Failure(fault) | StepEnd::Refusal(fault), _) if fault.code == STEP_TIMEOUT => {
                Outcome::plain(OutcomeKind::TimedOut)
            }
            (StepEnd::Failure(_) | StepEnd::Refusal(_), _) => Outcome::plain(OutcomeKind::Failed),
            (StepEnd::Success(_), _) => {
                let cause = self.intent.cursor.as_ref()?.cause.clone().filter(|cause| cause.step != step)?;
                let step = plan.and_then(|plan| plan.step(step));
                let repairs = step.is_none_or(|step| !step.kind.is_quiet() || step.rejoins == Some(Rejoin::Named));
                return Some(Cause { is_handled: cause.is_handled || repairs, ..cause });
            }
        };
        Some(Cause { step: step.to_owned(), outcome, is_handled: false })
    }

    /// Ends the workflow after `step`, at the end that the bundle names or the one that follows from what happened.
    fn end_workflow(&mut self, step: &str, end: StepEnd, target: Option<EndTarget>) {
        let cursor = self.intent.cursor.clone().unwrap_or_default();
        let target = target.unwrap_or(match (&end, &cursor.cause) {
            (StepEnd::Success(_), Some(cause)) if !cause.is_handled => EndTarget::Failed,
            (StepEnd::Success(_), _) => EndTarget::Completed,
            (StepEnd::Failure(_) | StepEnd::Refusal(_), _) => EndTarget::Failed,
        });
        // A no that a later decision has overruled is not the outcome.
        let is_last = |outcome: &Outcome| !outcome.kind.is_decision() || cursor.decided.as_ref() == Some(outcome);
        let cause = cursor.cause.as_ref().filter(|cause| is_last(&cause.outcome));
        let of_cause = cause.map(|cause| cause.outcome.clone());
        match target {
            EndTarget::Completed => {
                let last = match end {
                    StepEnd::Success(result) => result,
                    StepEnd::Failure(fault) | StepEnd::Refusal(fault) => fault.result.unwrap_or_default(),
                };
                let result = combined_result(&last, &cursor.results);
                self.end_as(Ending::Completed(result), cursor.decided);
            }
            EndTarget::Failed => {
                let mut fault = match end {
                    StepEnd::Failure(fault) | StepEnd::Refusal(fault) => fault,
                    StepEnd::Success(_) => earlier_fault(cause, &cursor.results, step),
                };
                let last = fault.result.take().unwrap_or_default();
                fault.result = Some(combined_result(&last, &cursor.results));
                self.end_as(Ending::Failed(fault), of_cause.filter(|outcome| outcome.kind != OutcomeKind::Failed));
            }
            EndTarget::Canceled => {
                let reason = format!("the workflow ended after step {step}: its next step is {target}");
                self.end_as(Ending::Canceled(reason), of_cause.filter(|outcome| outcome.kind == OutcomeKind::No));
            }
        }
    }

    pub(super) fn too_many_steps(&mut self, most: u32) {
        let message = format!(
            "the workflow ran {most} steps without ending: check the links between its steps for an endless loop"
        );
        self.end(Ending::Failed(Fault { code: "too_many_steps".to_owned(), message, details: None, result: None }));
    }

    pub(super) fn results_bytes(&self) -> usize {
        let results = self.intent.cursor.as_ref().map(|cursor| &cursor.results);
        results.and_then(|results| serde_json::to_string(results).ok()).map_or(0, |text| text.len())
    }

    /// Starts a step. Returns the end of an instant one, and of one that its agent does not accept.
    pub(super) fn start_step(&mut self, step: &Step) -> Option<StepEnd> {
        if let Some(fault) = self.input.denied_steps.get(&step.id) {
            return Some(StepEnd::Failure(fault.clone()));
        }
        let seconds = match step.kind {
            StepKind::Delay { seconds } => Some(seconds),
            StepKind::Notification { .. } | StepKind::Reminder { .. } | StepKind::Pass => None,
            _ => step.deadline_seconds,
        };
        let due_at = seconds.map(|seconds| self.at().plus_seconds(seconds));
        if let Some(at) = due_at {
            self.effect(Effect::SetTimer { kind: TimerKind::Step(step.id.clone()), at });
        }
        match &step.kind {
            StepKind::Agent { to, name } => {
                let child = self.input.child;
                let holder = Holder { kind: HolderKind::Agent, reference: to.as_str().to_owned(), name: name.clone() };
                self.push(EventBody::Waiting(Wait {
                    reason: WaitingReason::WaitingForAgent,
                    holder,
                    since: self.at(),
                    step: Some(step.id.clone()),
                    task: None,
                    child: Some(child),
                    due_at,
                    votes: Vec::new(),
                    questions: Vec::new(),
                    asking: 0,
                }));
                self.effect(Effect::StartChild { child, step: step.id.clone() });
            }
            StepKind::Human { holder, task, escalated_from: None } => {
                let task = self.filled(step, task);
                if step.notice.is_some() {
                    self.effect(Effect::Notify { step: step.id.clone() });
                }
                self.wait_for_human(holder.clone(), task, Some(step.id.clone()), due_at);
            }
            StepKind::Human { holder, task, escalated_from: Some(from) } => {
                let task = self.filled(step, task);
                self.wait_for_human(from.clone(), task, Some(step.id.clone()), due_at);
                self.escalate(&ReminderPlan { escalate_to: Some(holder.clone()), ..ReminderPlan::default() }, None);
            }
            StepKind::Delay { .. } | StepKind::Timeout => self.wait_for_time(&step.id, due_at),
            StepKind::Notification { notice } => {
                self.effect(Effect::Notify { step: step.id.clone() });
                return Some(StepEnd::Success(json!({ "notified": shown(&notice.targets) }).into()));
            }
            StepKind::Reminder { holder, notice } => {
                self.push(EventBody::Reminder { holder: holder.clone(), count: self.intent.tally.reminded + 1 });
                self.effect(Effect::Notify { step: step.id.clone() });
                return Some(StepEnd::Success(json!({ "reminded": shown(&notice.targets) }).into()));
            }
            StepKind::Pass => return Some(StepEnd::Success(JsonFields::new().into())),
        }
        None
    }
}

impl DecisionBuilder<'_> {
    /// Returns the task of a step with its texts filled in from the payload and the results so far.
    fn filled(&self, step: &Step, task: &HumanTask) -> HumanTask {
        let planned = self.spec.and_then(|spec| Some((spec, spec.plan.as_ref()?)));
        let Some((spec, plan)) = planned.filter(|_| task.has_templates()) else { return task.clone() };
        let empty = JsonFields::new();
        let results = self.intent.cursor.as_ref().map_or(&empty, |cursor| &cursor.results);
        task.clone().filled(&notice_context(&self.intent.id.to_string(), spec, plan, &step.id, results))
    }
}

/// Returns the fault of an earlier step, as its result keeps it. Without one, the bundle alone ends the workflow.
fn earlier_fault(cause: Option<&Cause>, results: &JsonFields, step: &str) -> Fault {
    let kept = cause.and_then(|cause| results.get(&cause.step));
    let error = kept.and_then(|kept| kept.field("error"));
    let text = |key: &str| error.as_ref().and_then(|error| error.field(key)?.string());
    let code = text("code").unwrap_or_else(|| ENDED_AS_FAILED.to_owned());
    let ended = || format!("the workflow ended after step {step}: its next step is {}", EndTarget::Failed);
    let message = text("message").unwrap_or_else(ended);
    let result = kept.and_then(|kept| kept.field("result")).filter(|result| !result.is_null());
    Fault { code, message, details: None, result }
}

/// Lists the recipients for the public history: only the host of a URL, because its path may be secret.
fn shown(targets: &[Target]) -> Value {
    let target = |target: &Target| json!({ "channel": target.channel(), "to": target.shown() });
    targets.iter().map(target).collect()
}

/// Returns the values that the templates of a step's notice and task can read.
pub fn notice_context(intent_id: &str, spec: &IntentSpec, plan: &Plan, step: &str, results: &JsonFields) -> Value {
    serde_json::json!({
        "intent_id": intent_id,
        "intent_type": spec.intent_type,
        "from_agent": spec.from,
        "scenario_id": plan.scenario_id,
        "step_id": step,
        "payload": spec.payload.value(),
        "results": results.values_parsed(),
    })
}
