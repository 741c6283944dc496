//! Decisions on the steps of a plan: how a step starts, ends and is retried, and which one follows.

use serde_json::{Value, json};

use super::DecisionBuilder;
use crate::lifecycle::{Effect, Ending, EventBody, Fault, IntentSpec, TimerKind, Wait};
use crate::reminder_plan::ReminderPlan;
use crate::workflow::{
    self, MAX_PASSED_STEPS, MAX_RESULTS_BYTES, MAX_STEP_RUNS, Plan, Step, StepKind, StepOutcome, Target,
    combined_result,
};
use crate::{HolderKind, WaitingReason};
use crate::{IntentId, Object};
use axme_types::Holder;

/// The fault code of a canceled step.
const STEP_CANCELED: &str = "step_canceled";

/// How a step ended.
pub(super) enum StepEnd {
    Success(Value),
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
                self.end_step(plan, step, StepEnd::Success(result), Object::new());
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
            code: "step_timeout".to_owned(),
            message: format!("step {step} was not finished before its deadline"),
            details: Some(json!({ "step_id": step })),
            result: None,
        };
        self.end_step(plan, step, StepEnd::Failure(fault), Object::new());
    }

    /// Schedules a retry of a failed agent step. Returns false if the step may not be retried.
    pub(super) fn try_again(&mut self, plan: Option<&Plan>, step: &str, fault: &Fault, details: &Object) -> bool {
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
            details.insert(name.to_owned(), value);
        }
        self.push(EventBody::InProgress { step: Some(step.to_owned()), result: None, details });
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
            Ending::TimedOut => StepEnd::Failure(failed("step_timeout", format!("step {step} timed out"))),
        };
        let details = Object::from_iter([("child_intent_id".to_owned(), child.to_string().into())]);
        self.end_step(plan, &step, end, details);
    }

    /// Records the end of a step, then starts the next one or ends the intent.
    pub(super) fn end_step(&mut self, plan: Option<&Plan>, step: &str, end: StepEnd, details: Object) {
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
            let Some(result) = self.start_step(step) else { return self.schedule_stage(plan) };
            next = self.finish_step(plan, &step.id, StepEnd::Success(result), Object::new());
        }
    }

    /// Records the end of a step. Returns the next step to start, or `None` if the intent ended or the step waits for
    /// its retry.
    pub(super) fn finish_step<'p>(
        &mut self,
        plan: Option<&'p Plan>,
        step: &str,
        end: StepEnd,
        mut details: Object,
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
            let message = format!(
                "the results of the steps have more than {MAX_RESULTS_BYTES} bytes in total: return less from each step"
            );
            let fault = Fault { code: "results_too_large".to_owned(), message, details: None, result: None };
            self.end(Ending::Failed(fault));
            return None;
        }
        let runs = self.intent.cursor.as_ref().map_or(0, |c| c.runs);
        match plan.and_then(|plan| plan.next(step, outcome)) {
            Some(_) if runs >= MAX_STEP_RUNS => self.too_many_steps(MAX_STEP_RUNS),
            Some(next) => return Some(next),
            None => {
                let results = self.intent.cursor.as_ref().map(|c| c.results.clone()).unwrap_or_default();
                match end {
                    StepEnd::Success(result) => self.end(Ending::Completed(combined_result(&result, &results))),
                    StepEnd::Failure(mut fault) | StepEnd::Refusal(mut fault) => {
                        let last = fault.result.take().unwrap_or(Value::Null);
                        fault.result = Some(combined_result(&last, &results));
                        self.end(Ending::Failed(fault));
                    }
                }
            }
        }
        None
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

    /// Starts a step. Returns the result of an instant one.
    pub(super) fn start_step(&mut self, step: &Step) -> Option<Value> {
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
                    asking: 0,
                }));
                self.effect(Effect::StartChild { child, step: step.id.clone() });
            }
            StepKind::Human { holder, task, escalated_from: None } => {
                if step.notice.is_some() {
                    self.effect(Effect::Notify { step: step.id.clone() });
                }
                self.wait_for_human(holder.clone(), task.as_ref().clone(), Some(step.id.clone()), due_at);
            }
            StepKind::Human { holder, task, escalated_from: Some(from) } => {
                self.wait_for_human(from.clone(), task.as_ref().clone(), Some(step.id.clone()), due_at);
                self.escalate(&ReminderPlan { escalate_to: Some(holder.clone()), ..ReminderPlan::default() }, None);
            }
            StepKind::Delay { .. } | StepKind::Timeout => self.wait_for_time(&step.id, due_at),
            StepKind::Notification { notice } => {
                self.effect(Effect::Notify { step: step.id.clone() });
                return Some(json!({ "notified": shown(&notice.targets) }));
            }
            StepKind::Reminder { holder, notice } => {
                self.push(EventBody::Reminder { holder: holder.clone(), count: self.intent.tally.reminded + 1 });
                self.effect(Effect::Notify { step: step.id.clone() });
                return Some(json!({ "reminded": shown(&notice.targets) }));
            }
            StepKind::Pass => return Some(json!({})),
        }
        None
    }
}

/// Lists the recipients for the public history: only the host of a URL, because its path may be secret.
fn shown(targets: &[Target]) -> Value {
    let target = |target: &Target| json!({ "channel": target.channel(), "to": target.shown() });
    targets.iter().map(target).collect()
}

/// Returns the values that the templates of a step's notice can read.
pub fn notice_context(intent_id: &str, spec: &IntentSpec, plan: &Plan, step: &str, results: &Object) -> Value {
    serde_json::json!({
        "intent_id": intent_id,
        "intent_type": spec.intent_type,
        "from_agent": spec.from,
        "scenario_id": plan.scenario_id,
        "step_id": step,
        "payload": spec.payload,
        "results": results,
    })
}
