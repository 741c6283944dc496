//! An intent with its whole history. Every decision is recorded here, and each record checks the invariants of a
//! history, for stories and for random ones.

use axme_intent::human::group_name;
use axme_intent::lifecycle::{
    Command, DecideInput, Decision, Effect, Event, EventBody, Intent, IntentSpec, Refusal, TimerKind,
};
use axme_intent::policy::Patch;
use axme_intent::{
    IntentId, Outcome, OutcomeKind, Plan, PolicyDecision, State, Status, Time, WaitingReason, apply, change_policy,
    decide, sentences, submit,
};

pub struct History {
    pub draft: Intent,
    pub intent: Intent,
    pub plan: Option<Plan>,
    pub spec: IntentSpec,
    pub events: Vec<Event>,
    /// Timers that are set, as the store would hold them.
    pub timers: Vec<(TimerKind, Time)>,
    /// Every child that was started, in order.
    pub children: Vec<IntentId>,
    /// Children that have not ended, and that no effect has ended.
    pub open_children: Vec<IntentId>,
    deadline_at: Option<Time>,
}

impl History {
    /// Submits a new intent.
    pub fn begin(draft: Intent, spec: IntentSpec, input: &DecideInput) -> (History, Decision) {
        let mut history = History {
            intent: draft.clone(),
            plan: spec.plan.clone(),
            spec: spec.clone(),
            events: Vec::new(),
            timers: Vec::new(),
            children: Vec::new(),
            open_children: Vec::new(),
            deadline_at: spec.deadline_at,
            draft,
        };
        let decision = submit(&history.draft, spec.clone(), input);
        let types: Vec<&str> = decision.events.iter().map(|e| e.body.event_type().as_str()).take(2).collect();
        assert_eq!(types, ["intent.created", "intent.submitted"]);
        assert_eq!(decision.events[0].body, EventBody::Created(Box::new(spec)));
        history.record(&decision, input);
        (history, decision)
    }

    /// Sends a command and records its decision. A refusal changes nothing.
    pub fn send(&mut self, command: Command, input: &DecideInput) -> Result<Decision, Refusal> {
        let before = self.intent.clone();
        if let Command::ChildEnded { child, .. } = &command {
            self.open_children.retain(|open| open != child);
        }
        if command == Command::ReminderStageDue {
            // A timer that fires is removed.
            self.timers.retain(|(kind, _)| *kind != TimerKind::ReminderStage);
        }
        let decision = decide(&self.intent, Some(&self.spec), command.clone(), input);
        assert_eq!(self.intent, before, "deciding changed the intent");
        assert_eq!(decide(&self.intent, Some(&self.spec), command, input), decision, "deciding twice differs");
        if let Ok(decision) = &decision {
            if before.status().is_terminal() {
                assert_eq!(*decision, Decision::default(), "a command had an effect on an ended intent");
            }
            self.record(decision, input);
        }
        decision
    }

    /// Changes the settings of the intent.
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
        self.check_outcome(decision);
        self.check_head();
    }

    fn record_event(&mut self, event: &Event, input: &DecideInput) {
        assert!(!self.intent.status().is_terminal(), "an event after the terminal one: {event:?}");
        assert_eq!(event.position, self.intent.position + 1, "positions are contiguous from 1");
        assert_eq!(event.at, input.now.max(self.intent.updated_at), "now, but never before the previous event");
        assert_eq!(event.actor, input.actor);
        apply(&mut self.intent, event);
        assert_eq!(event.status, self.intent.status(), "an event shows the status that it leads to");
        check_sentence(event);
        if let EventBody::Waiting(waiting) = &event.body {
            assert_eq!(waiting.since, event.at, "a wait starts at its event");
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
                assert!(self.open_children.contains(child), "only a live child is ended");
                self.open_children.retain(|open| open != child);
            }
            Effect::Deliver { .. } => assert!(self.intent.waiting().is_none() && !self.intent.status().is_terminal()),
            Effect::OfferChildAgain(child) => assert!(self.open_children.contains(child)),
            Effect::OfferAgain => assert!(!self.intent.status().is_terminal()),
            Effect::Mail { to, .. } => {
                assert!(
                    !to.is_empty()
                        && to.iter().all(|to| to.contains('@') || group_name(to).is_some())
                        && self.intent.open_task().is_some()
                );
            }
            Effect::Notify { step } => {
                let found = self.plan.as_ref().and_then(|plan| plan.step(step));
                assert!(found.is_some_and(|step| step.notice().is_some()));
            }
            Effect::MarkAcknowledged | Effect::EndDelivery | Effect::BuryDelivery | Effect::TellParent(_) => {}
        }
    }

    /// Checks that the decision that ends the intent, and only this one, stops everything. The one that hands it to a person
    /// ends its delivery too.
    fn check_ending(&self, decision: &Decision) {
        let ended = decision.events.iter().filter(|event| event.status.is_terminal()).count();
        let count = |wanted: fn(&Effect) -> bool| decision.effects.iter().filter(|e| wanted(e)).count();
        assert!(ended <= 1, "two terminal events");
        let happens = |wanted: fn(&EventBody) -> bool| decision.events.iter().any(|event| wanted(&event.body));
        let is_handed_over = self.plan.is_none()
            && happens(|body| matches!(body, EventBody::InProgress { .. }))
            && happens(|body| matches!(body, EventBody::Waiting(_)));
        let ends = ended + usize::from(is_handed_over);
        assert_eq!(count(|e| matches!(e, Effect::EndDelivery | Effect::BuryDelivery)), ends);
        assert_eq!(count(|e| *e == Effect::ClearTimers), ended);
        let told = if self.draft.parent.is_some() { ended } else { 0 };
        assert_eq!(count(|e| matches!(e, Effect::TellParent(_))), told);
    }

    /// Checks that an ended intent has an outcome, and that it is the last decision of a person if one led to the end.
    fn check_outcome(&self, decision: &Decision) {
        let status = self.intent.status();
        let outcome = self.intent.outcome();
        assert_eq!(outcome.is_some(), status.is_terminal());
        let Some(outcome) = outcome else { return };
        assert_eq!(decision.events.last().map_or(Some(outcome.clone()), Event::outcome), Some(outcome.clone()));
        let decided = self.events.iter().rev().find_map(|event| match &event.body {
            EventBody::InProgress { decided, .. } => decided.clone(),
            _ => None,
        });
        if matches!(outcome.kind, OutcomeKind::Yes | OutcomeKind::No) {
            assert_eq!(Some(&outcome), decided.as_ref(), "only the last decision is the outcome");
            assert!(!outcome.by.is_empty());
        }
        // A caller may resolve the intent, or its deadline pass, whatever was decided before.
        let follows_work = decision.events.iter().any(|event| matches!(event.body, EventBody::InProgress { .. }));
        if status == Status::Completed && follows_work {
            assert_eq!(outcome, decided.unwrap_or(Outcome::plain(OutcomeKind::Completed)));
        }
    }

    /// Checks the invariants of an intent between two commands.
    fn check_head(&self) {
        assert!(
            !matches!(self.intent.status(), Status::Created | Status::Submitted),
            "a decision never stops at these statuses"
        );
        let mut timers = Vec::new();
        let mut children = Vec::new();
        // The timer of the parent's step enforces a child's deadline.
        if !self.intent.status().is_terminal() {
            let own = self.deadline_at.filter(|_| self.draft.parent.is_none());
            timers.extend(self.intent.deadline(own).map(|at| (TimerKind::Deadline, at)));
        }
        if let State::Waiting(waiting) = &self.intent.state {
            let step_timer = waiting.step.clone().map(TimerKind::Step).zip(waiting.due_at);
            timers.extend(step_timer);
            children.extend(waiting.child);
            assert_eq!(waiting.task.is_some(), waiting.reason == WaitingReason::WaitingForHuman);
            // If a person was asked instead, the agent may still answer.
            assert!(waiting.child.is_none() || waiting.reason != WaitingReason::WaitingForTime);
            assert!(waiting.child.is_some() || waiting.reason != WaitingReason::WaitingForAgent);
            assert_eq!(waiting.step.is_some(), self.plan.is_some());
        }
        let is_deadline = |kind: &TimerKind| matches!(kind, TimerKind::Deadline | TimerKind::Step(_));
        let mut set: Vec<_> = self.timers.iter().filter(|(kind, _)| is_deadline(kind)).cloned().collect();
        set.sort_by_key(|(kind, _)| *kind != TimerKind::Deadline);
        assert_eq!(set, timers, "the timers are those of the intent's deadline and of the waiting step");
        let plan = self.plan.as_ref();
        let reminder_plan = self.intent.reminder_plan(&self.intent.policy, plan);
        let has_next = self.intent.next_stage(&reminder_plan).is_some();
        let is_set = |wanted: &TimerKind| self.timers.iter().any(|(kind, _)| kind == wanted);
        let is_live = !self.intent.status().is_terminal();
        assert_eq!(
            is_set(&TimerKind::ReminderStage),
            has_next && is_live,
            "a reminder plan with a next stage has its timer"
        );
        assert!(!is_set(&TimerKind::Execution) || is_live);
        assert_eq!(self.open_children, children, "the only live child is the one that the intent waits for");
    }
}

/// Checks that the sentence of an event is one plain line, and names the person who answered.
fn check_sentence(event: &Event) {
    let Some(sentence) = sentences::of_event(event, axme_words::Language::English) else {
        assert!(!event.status.is_terminal(), "an end has a sentence: {event:?}");
        return;
    };
    assert!(!sentence.is_empty() && sentence.chars().count() <= 1_001, "{sentence}");
    assert!(!sentence.contains(char::is_control), "{sentence}");
    let by = match &event.body {
        EventBody::Voted { vote, .. } => vote.by.clone(),
        EventBody::InProgress { decided: Some(decided), .. } => decided.by.last().cloned().unwrap_or_default(),
        _ => return,
    };
    let by = by.strip_prefix("user://").unwrap_or(&by);
    assert!(sentence.contains(&format!(" by {by} ")), "{sentence} does not name {by}");
}
