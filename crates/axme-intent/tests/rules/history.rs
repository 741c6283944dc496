//! An intent with all that happened to it. Every decision is recorded here, and each record checks what must hold of any
//! history: stories and random ones pass the same gate.

use axme_intent::lifecycle::{
    Command, DecideInput, Decision, Effect, Event, EventBody, Intent, IntentSpec, Refusal, TimerKind,
};
use axme_intent::policy::Patch;
use axme_intent::{
    IntentId, Plan, PolicyDecision, State, Status, Time, WaitingReason, apply, change_policy, decide, submit,
};

pub struct History {
    pub draft: Intent,
    pub intent: Intent,
    pub plan: Option<Plan>,
    pub events: Vec<Event>,
    /// Timers that are set, as the store would hold them.
    pub timers: Vec<(TimerKind, Time)>,
    /// Every child that was started, in order.
    pub children: Vec<IntentId>,
    /// Children that have neither ended nor been told to.
    pub open_children: Vec<IntentId>,
    deadline_at: Option<Time>,
}

impl History {
    /// Submits a new intent.
    pub fn begin(draft: Intent, spec: IntentSpec, input: &DecideInput) -> (History, Decision) {
        let mut history = History {
            intent: draft.clone(),
            plan: spec.plan.clone(),
            events: Vec::new(),
            timers: Vec::new(),
            children: Vec::new(),
            open_children: Vec::new(),
            deadline_at: spec.deadline_at,
            draft,
        };
        let decision = submit(&history.draft, spec.clone(), input);
        let types: Vec<&str> = decision.events.iter().map(|e| e.body.event_type()).take(2).collect();
        assert_eq!(types, ["intent.created", "intent.submitted"]);
        assert_eq!(decision.events[0].body, EventBody::Created(Box::new(spec)));
        history.record(&decision, input);
        (history, decision)
    }

    /// Sends a command and records what it does. A refusal leaves everything as it was.
    pub fn send(&mut self, command: Command, input: &DecideInput) -> Result<Decision, Refusal> {
        let before = self.intent.clone();
        if let Command::ChildEnded { child, .. } = &command {
            self.open_children.retain(|open| open != child);
        }
        if command == Command::ReminderStageDue {
            // A timer that fires is gone.
            self.timers.retain(|(kind, _)| *kind != TimerKind::ReminderStage);
        }
        let decision = decide(&self.intent, self.plan.as_ref(), command.clone(), input);
        assert_eq!(self.intent, before, "deciding changed the intent");
        assert_eq!(decide(&self.intent, self.plan.as_ref(), command, input), decision, "deciding twice differs");
        if let Ok(decision) = &decision {
            if before.status().is_terminal() {
                assert_eq!(*decision, Decision::default(), "something happened to an intent that was over");
            }
            self.record(decision, input);
        }
        decision
    }

    /// Changes its settings.
    pub fn change(&mut self, patch: &Patch, deadline_at: Option<Time>, now: Time) -> Result<PolicyDecision, Refusal> {
        let change = change_policy(&self.intent, self.plan.as_ref(), deadline_at, patch, now)?;
        self.intent.policy = change.policy.clone();
        self.intent.policy_generation += 1;
        for effect in &change.effects {
            self.record_effect(effect);
        }
        self.check_head();
        Ok(change)
    }

    fn record(&mut self, decision: &Decision, input: &DecideInput) {
        for event in &decision.events {
            self.record_event(event, input);
        }
        for effect in &decision.effects {
            self.record_effect(effect);
        }
        self.check_ending(decision);
        self.check_head();
    }

    fn record_event(&mut self, event: &Event, input: &DecideInput) {
        assert!(!self.intent.status().is_terminal(), "an event after the terminal one: {event:?}");
        assert_eq!(event.position, self.intent.position + 1, "positions are contiguous from 1");
        assert_eq!(event.at, input.now.max(self.intent.updated_at), "now, but never before the previous event");
        assert_eq!(event.actor, input.actor);
        apply(&mut self.intent, event);
        assert_eq!(event.status, self.intent.status(), "the status an event shows is the one it leads to");
        if let EventBody::Waiting(waiting) = &event.body {
            assert_eq!(waiting.since, event.at, "an intent waits since the event that says so");
        }
        self.events.push(event.clone());
    }

    fn record_effect(&mut self, effect: &Effect) {
        match effect {
            Effect::SetTimer { kind, at } => {
                self.timers.retain(|(set, _)| set != kind);
                self.timers.push((kind.clone(), *at));
            }
            Effect::ClearTimer(kind) => self.timers.retain(|(set, _)| set != kind),
            Effect::ClearTimers => self.timers.clear(),
            Effect::StartChild { child, .. } => {
                assert!(!self.children.contains(child), "a child is started once");
                self.children.push(*child);
                self.open_children.push(*child);
            }
            Effect::EndChild { child, .. } => {
                assert!(self.open_children.contains(child), "only a child that lives is ended");
                self.open_children.retain(|open| open != child);
            }
            Effect::Deliver { .. } => assert!(self.intent.waiting().is_none() && !self.intent.status().is_terminal()),
            Effect::OfferChildAgain(child) => assert!(self.open_children.contains(child)),
            Effect::OfferAgain => assert!(!self.intent.status().is_terminal()),
            Effect::Mail { to, .. } => {
                assert!(!to.is_empty() && to.iter().all(|to| to.contains('@')) && self.intent.open_task().is_some());
            }
            Effect::Notify { step } => {
                let found = self.plan.as_ref().and_then(|plan| plan.step(step));
                assert!(found.is_some_and(|step| step.notice().is_some()));
            }
            Effect::MarkAcknowledged | Effect::EndDelivery | Effect::BuryDelivery | Effect::TellParent(_) => {}
        }
    }

    /// What has to stop stops in the very decision that ends the intent, and in no other.
    fn check_ending(&self, decision: &Decision) {
        let ended = decision.events.iter().filter(|event| event.status.is_terminal()).count();
        let count = |wanted: fn(&Effect) -> bool| decision.effects.iter().filter(|e| wanted(e)).count();
        assert!(ended <= 1, "two terminal events");
        assert_eq!(count(|e| matches!(e, Effect::EndDelivery | Effect::BuryDelivery)), ended);
        assert_eq!(count(|e| *e == Effect::ClearTimers), ended);
        let told = if self.draft.parent.is_some() { ended } else { 0 };
        assert_eq!(count(|e| matches!(e, Effect::TellParent(_))), told);
    }

    /// What must hold of an intent at rest.
    fn check_head(&self) {
        assert!(!matches!(self.intent.status(), Status::Created | Status::Submitted), "never at rest there");
        let mut timers = Vec::new();
        let mut children = Vec::new();
        // A child's deadline is minded by the timer of its parent's step.
        if !self.intent.status().is_terminal() {
            let own = self.deadline_at.filter(|_| self.draft.parent.is_none());
            timers.extend(self.intent.deadline(own).map(|at| (TimerKind::Deadline, at)));
        }
        if let State::Waiting(waiting) = &self.intent.state {
            let step_timer = waiting.step.clone().map(TimerKind::Step).zip(waiting.due_at);
            timers.extend(step_timer);
            children.extend(waiting.child);
            assert_eq!(waiting.task.is_some(), waiting.reason == WaitingReason::WaitingForHuman);
            // Where a person was asked instead, the agent may still answer.
            assert!(waiting.child.is_none() || waiting.reason != WaitingReason::WaitingForTime);
            assert!(waiting.child.is_some() || waiting.reason != WaitingReason::WaitingForAgent);
            assert_eq!(waiting.step.is_some(), self.plan.is_some());
        }
        let is_deadline = |kind: &TimerKind| matches!(kind, TimerKind::Deadline | TimerKind::Step(_));
        let mut set: Vec<_> = self.timers.iter().filter(|(kind, _)| is_deadline(kind)).cloned().collect();
        set.sort_by_key(|(kind, _)| *kind != TimerKind::Deadline);
        assert_eq!(set, timers, "set are the intent's deadline and that of the step that waits");
        let (tally, plan) = (&self.intent.tally, self.plan.as_ref());
        let reminder_plan = self.intent.reminder_plan(&self.intent.policy, plan);
        let has_next = reminder_plan.next(tally.reminded, tally.escalated_to.is_some()).is_some();
        let is_set = |wanted: &TimerKind| self.timers.iter().any(|(kind, _)| kind == wanted);
        let is_live = !self.intent.status().is_terminal();
        assert_eq!(
            is_set(&TimerKind::ReminderStage),
            has_next && is_live,
            "a reminder plan that goes on has its timer"
        );
        assert!(!is_set(&TimerKind::Execution) || is_live);
        assert_eq!(self.open_children, children, "alive is the child that is waited for, and no other");
    }
}
