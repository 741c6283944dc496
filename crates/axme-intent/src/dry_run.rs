//! A dry run: walks the steps of a bundle with chosen ends, by the rules that a real intent follows. Nothing is kept.

use std::collections::BTreeMap;

use axme_types::ErrorCode;
use uuid::Uuid;

use crate::human::{Response, Standing, Via, group_name, is_same_person};
use crate::lifecycle::{
    Answer, Command, DecideInput, Decision, Ending, Event, EventBody, Fault, Intent, IntentSpec, Refusal,
};
use crate::workflow::StepKind;
use crate::{
    HumanTask, IntentId, Json, JsonFields, Plan, Step, TaskResult, Time, WaitingReason, apply, decide, submit,
};

/// The chosen end of a step that succeeds, where no person answers.
pub const SUCCEEDED: &str = "succeeded";
/// The chosen end of an agent's step that fails.
pub const FAILED: &str = "failed";
/// The chosen end of a step whose deadline passes.
pub const TIMED_OUT: &str = "timed_out";

/// The chosen ends of each step, one for each time that it runs; the last one counts from then on. Without one, agents
/// succeed and people give the first outcome of their task.
pub type Choices = BTreeMap<String, Vec<String>>;

/// One run of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRun {
    pub step: String,
    /// Seconds from the start of the workflow to the end of this run. Only deadlines, delays and pauses take time.
    pub ended_after_seconds: u64,
    /// The agent or the people who were asked; empty for a step of the platform.
    pub asked: Vec<String>,
    /// The chosen end; `None` for a step that ends by itself.
    pub chosen: Option<String>,
    /// `succeeded`, `failed`, or `retrying` for a failure after which the step runs again.
    pub outcome: String,
}

/// A finished dry run.
#[derive(Debug, Clone, PartialEq)]
pub struct DryRun {
    pub runs: Vec<StepRun>,
    /// The intent as it ended.
    pub intent: Intent,
}

/// Walks the workflow of `spec` from its start to its end. The forms, comments and evidence of tasks are not asked for.
///
/// # Errors
///
/// A choice that fits no step, and a step that nobody may answer.
pub fn dry_run(mut spec: IntentSpec, choices: &Choices, start: Time) -> Result<DryRun, Refusal> {
    for step in spec.plan.iter_mut().flat_map(|plan| &mut plan.steps) {
        if let StepKind::Human { task, .. } = &mut step.kind {
            (task.form_schema, task.required_comment, task.evidence_required) = (None, false, false);
        }
    }
    let Some(plan) = &spec.plan else {
        return Err(refuse("the bundle has no workflow: there are no steps to walk"));
    };
    for (step, ends) in choices {
        let Some(step) = plan.step(step) else {
            let known: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
            return Err(refuse(format!("no step \"{step}\"; steps are {}", known.join(", "))));
        };
        ends.iter().try_for_each(|end| check(step, end))?;
    }
    let id = IntentId(Uuid::nil());
    let mut walk = Walk {
        intent: Intent::draft(id, id, None, start),
        spec: &spec,
        plan,
        choices,
        started: BTreeMap::new(),
        start,
        now: start,
        begun: None,
        runs: Vec::new(),
    };
    let decision = submit(&walk.intent, spec.clone(), &walk.input("dry run"));
    walk.take(decision);
    while !walk.intent.status().is_terminal() {
        walk.go_on()?;
    }
    Ok(DryRun { runs: walk.runs, intent: walk.intent })
}

/// Refuses an end that a step cannot have.
fn check(step: &Step, end: &str) -> Result<(), Refusal> {
    let task = match &step.kind {
        StepKind::Human { task, .. } => Some(task),
        _ => None,
    };
    let has_deadline = step.deadline_seconds.is_some();
    let is_fit = match (&step.kind, end) {
        (StepKind::Human { .. } | StepKind::Agent { .. } | StepKind::Timeout, TIMED_OUT) => has_deadline,
        (StepKind::Human { task, .. }, word) => return task.check(&outcome(word)).map(|_| ()),
        (StepKind::Agent { .. }, SUCCEEDED | FAILED) | (StepKind::Timeout, SUCCEEDED) => true,
        _ => false,
    };
    if is_fit {
        return Ok(());
    }
    let possible = match &step.kind {
        _ if end == TIMED_OUT && !has_deadline => "it has no deadline".to_owned(),
        StepKind::Agent { .. } => format!("an agent's step is {SUCCEEDED}, {FAILED} or {TIMED_OUT}"),
        StepKind::Timeout => format!("this step is {SUCCEEDED} or {TIMED_OUT}"),
        _ => match task {
            Some(task) => task.shown_outcomes().join(", "),
            None => "the platform carries it out, and it always succeeds".to_owned(),
        },
    };
    Err(refuse(format!("step {} cannot be \"{end}\": {possible}", step.id)))
}

fn refuse(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::ValidationFailed, message)
}

fn outcome(word: &str) -> TaskResult {
    TaskResult { outcome: Some(word.to_owned()), ..TaskResult::default() }
}

/// A step that has begun and has not ended.
struct Begun {
    asked: Vec<String>,
    chosen: Option<String>,
}

struct Walk<'a> {
    intent: Intent,
    spec: &'a IntentSpec,
    plan: &'a Plan,
    choices: &'a Choices,
    /// How often each step has begun.
    started: BTreeMap<String, usize>,
    start: Time,
    now: Time,
    begun: Option<Begun>,
    runs: Vec<StepRun>,
}

impl Walk<'_> {
    fn input(&self, actor: &str) -> DecideInput {
        let child = IntentId(Uuid::from_u128(u128::from(self.intent.position) + 1));
        DecideInput { now: self.now, actor: actor.to_owned(), child, denied_steps: BTreeMap::new() }
    }

    /// Folds the events of a decision, and keeps the runs that have ended.
    fn take(&mut self, decision: Decision) {
        for event in &decision.events {
            apply(&mut self.intent, event);
            self.note(event);
        }
    }

    fn note(&mut self, event: &Event) {
        match &event.body {
            EventBody::InProgress { step: Some(step), details, .. } => {
                let begun = self.begun.take();
                let (asked, chosen) = begun.map_or((Vec::new(), None), |begun| (begun.asked, begun.chosen));
                let passed = event.at.micros().saturating_sub(self.start.micros()) / 1_000_000;
                self.runs.push(StepRun {
                    step: step.clone(),
                    ended_after_seconds: u64::try_from(passed).unwrap_or_default(),
                    asked,
                    chosen,
                    outcome: details.string("step_outcome").unwrap_or_default(),
                });
            }
            EventBody::Waiting(waiting) => self.begin(waiting.step.as_deref().unwrap_or_default()),
            EventBody::Escalated { holder, .. } => {
                if let Some(begun) = self.begun.as_mut().filter(|begun| !begun.asked.contains(&holder.reference)) {
                    begun.asked.push(holder.reference.clone());
                }
            }
            _ => {}
        }
    }

    /// Notes whom a step asks, and chooses its end. A pause before a retry begins no step.
    fn begin(&mut self, step: &str) {
        let Some((waiting, step)) = self.intent.waiting().zip(self.plan.step(step)) else { return };
        let is_pause = waiting.reason == WaitingReason::WaitingForTime;
        if is_pause && step.kind != StepKind::Timeout {
            return;
        }
        let asked = match waiting.reason {
            WaitingReason::WaitingForHuman => self.intent.asked().into_iter().map(str::to_owned).collect(),
            _ if is_pause => Vec::new(),
            _ => vec![waiting.holder.reference.clone()],
        };
        let run = self.started.entry(step.id.clone()).or_default();
        let ends = self.choices.get(&step.id).map(Vec::as_slice).unwrap_or_default();
        let chosen = ends.get(*run).or(ends.last()).cloned();
        *run += 1;
        let usual = || match &step.kind {
            StepKind::Human { task, .. } => usual_outcome(task),
            _ => SUCCEEDED.to_owned(),
        };
        self.begun = Some(Begun { asked, chosen: Some(chosen.unwrap_or_else(usual)) });
    }

    /// Ends the wait of the intent as chosen, or lets its time pass.
    fn go_on(&mut self) -> Result<(), Refusal> {
        let Some(waiting) = self.intent.waiting() else {
            return Err(refuse(format!("the walk stops: the intent is {}", self.intent.status().as_str())));
        };
        let step = waiting.step.clone().unwrap_or_default();
        let chosen = self.begun.as_ref().and_then(|begun| begun.chosen.clone());
        let (command, actor) = match (chosen.as_deref(), waiting.reason, waiting.child) {
            (None | Some(TIMED_OUT), ..) => {
                let Some(due_at) = waiting.due_at else {
                    return Err(refuse(format!("step {step} has no deadline that could pass")));
                };
                self.now = self.now.max(due_at);
                (Command::StepDeadlinePassed { step }, "gateway".to_owned())
            }
            (Some(word), WaitingReason::WaitingForHuman, _) => {
                let (person, standing) = self.who_may_answer(&step)?;
                let response = Response { answer: outcome(word), via: Via::default(), through: None, standing };
                (Command::Decide(response), person)
            }
            (Some(word), _, Some(child)) => {
                let message = format!("step {step} failed in the dry run");
                let fault = Fault { code: "dry_run".to_owned(), message, details: None, result: None };
                let ending = match word {
                    FAILED => Ending::Failed(fault),
                    _ => Ending::Completed(Json::from(JsonFields::new())),
                };
                (Command::ChildEnded { child, ending }, "gateway".to_owned())
            }
            (Some(_), ..) => (Command::Answer(Answer::Complete(JsonFields::new().into())), "dry run".to_owned()),
        };
        let decision = decide(&self.intent, Some(self.spec), command, &self.input(&actor))?;
        self.take(decision);
        Ok(())
    }

    /// Returns a person who is asked and may answer now. Of several, it is one whom the fewest other steps ask: a later step
    /// may need a person who has not answered. The members of a group have numbers in place of names.
    fn who_may_answer(&self, step: &str) -> Result<(String, Standing), Refusal> {
        let needed = self.intent.open_task().map_or(1, HumanTask::needed);
        let mut refusal = None;
        let mut able: Vec<(String, Standing)> = Vec::new();
        for asked in self.intent.asked() {
            let group = group_name(asked).map(|_| asked.to_owned());
            let people: Vec<String> = match &group {
                // Others may have answered earlier steps.
                Some(group) => (1..=needed + self.runs.len()).map(|number| format!("{group}#{number}")).collect(),
                None => vec![asked.to_owned()],
            };
            for person in people {
                let is_requester = self.spec.names_requester(&person);
                let groups = group.iter().cloned().collect();
                let standing = Standing { is_requester, is_person: true, groups, ..Standing::default() };
                match self.intent.bars(&person, &standing) {
                    None => able.push((person, standing)),
                    Some(why) => refusal = Some(why),
                }
            }
        }
        let first = able.into_iter().min_by_key(|(person, _)| self.other_steps_that_ask(step, person));
        first.ok_or_else(|| {
            let why = refusal.map_or_else(|| "nobody is asked".to_owned(), |refusal| refusal.message);
            refuse(format!(
                "step {step} stays open: of the people who are asked, nobody is left who may answer it ({why}). The walk \
                 tries one choice of people for the earlier steps"
            ))
        })
    }

    /// Counts the other steps of the workflow that ask a person by name.
    fn other_steps_that_ask(&self, step: &str, person: &str) -> usize {
        let asks = |other: &&Step| match &other.kind {
            StepKind::Human { holder, task, escalated_from } => {
                let holders = [Some(holder), escalated_from.as_ref()].into_iter().flatten();
                let named = holders.map(|holder| &holder.reference).chain(task.assignees.iter().flatten());
                named.chain(&task.notify_email).any(|named| is_same_person(named, person))
            }
            _ => false,
        };
        self.plan.steps.iter().filter(|other| other.id != step).filter(asks).count()
    }
}

/// Returns the outcome that a person gives if none is chosen: the first one that a page shows.
fn usual_outcome(task: &HumanTask) -> String {
    task.shown_outcomes().first().map_or_else(|| "approved".to_owned(), |word| (*word).to_owned())
}
