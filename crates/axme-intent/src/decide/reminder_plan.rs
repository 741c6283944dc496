//! Decisions on reminders and escalation: who is reminded, and who has to act next.

use super::DecisionBuilder;
use crate::HolderKind;
use crate::lifecycle::{Effect, Ending, EventBody, Occasion, TimerKind};
use crate::reminder_plan::{ReminderPlan, Stage};
use crate::workflow::Plan;
use crate::{Address, HumanTask};
use axme_types::Holder;

impl DecisionBuilder<'_> {
    pub(super) fn reminder_plan(&self, plan: Option<&Plan>) -> ReminderPlan {
        self.intent.reminder_plan(&self.intent.policy, plan)
    }

    /// Sets the timer of the next stage.
    pub(super) fn schedule_stage(&mut self, plan: Option<&Plan>) {
        let next = self.intent.next_stage(&self.reminder_plan(plan));
        if let Some((_, seconds)) = next.filter(|_| !self.intent.status().is_terminal()) {
            let at = self.at().plus_seconds(seconds);
            self.effect(Effect::SetTimer { kind: TimerKind::ReminderStage, at });
        }
    }

    /// Carries out the stage that is due, and schedules the next one.
    pub(super) fn advance_reminder_plan(&mut self, plan: Option<&Plan>) {
        let reminder_plan = self.reminder_plan(plan);
        match self.intent.next_stage(&reminder_plan) {
            Some((Stage::Remind, _)) => self.remind(),
            Some((Stage::Escalate, _)) => self.escalate(&reminder_plan, None),
            None => return,
        }
        self.schedule_stage(plan);
    }

    pub(super) fn remind(&mut self) {
        let holder = self.intent.pending_with().cloned().unwrap_or_else(|| self.holder());
        self.push(EventBody::Reminder { holder, count: self.intent.tally.reminded + 1 });
        if let Some(question) = self.intent.open_question() {
            let mailed: Vec<String> = question.email.iter().cloned().collect();
            return self.mail(Occasion::Questioned, &mailed);
        }
        match self.intent.waiting().map(|waiting| waiting.child) {
            Some(Some(child)) => self.effect(Effect::OfferChildAgain(child)),
            Some(None) => self.mail(Occasion::Reminded, &self.emails()),
            None => self.effect(Effect::OfferAgain),
        }
    }

    /// Asks the escalation holder to act as well. `due_at` is set if the step gets a new deadline.
    pub(super) fn escalate(&mut self, reminder_plan: &ReminderPlan, due_at: Option<crate::Time>) {
        let Some(holder) = reminder_plan.escalate_to.clone() else { return };
        let from = self.holder();
        let known = self.emails();
        // A person who replaces an agent gets a task of their own.
        let task = self.intent.waiting().filter(|waiting| waiting.child.is_some()).and_then(|waiting| {
            let step = waiting.step.as_deref().unwrap_or_default();
            Some(Box::new(HumanTask::instead_of(&from.name, step))).filter(|_| holder.kind == HolderKind::Human)
        });
        if let Some(child) = self.intent.waiting().and_then(|waiting| waiting.child).filter(|_| due_at.is_some()) {
            self.effect(Effect::EndChild { child, ending: Ending::TimedOut });
        }
        self.push(EventBody::Escalated { holder: holder.clone(), from, due_at, task: task.clone() });
        if let Some(task) = task {
            self.push(EventBody::HumanTaskAssigned { holder: holder.clone(), task: *task });
        }
        if self.intent.waiting().is_some() {
            let new: Vec<String> = self.emails().into_iter().filter(|email| !known.contains(email)).collect();
            return self.mail(Occasion::Escalated, &new);
        }
        let to = Address::read(&holder.reference);
        self.effect(if to == self.intent.to { Effect::OfferAgain } else { Effect::Deliver { to } });
    }

    /// Returns the holder who has to act now.
    pub(super) fn holder(&self) -> Holder {
        let receiver = || {
            let to = &self.intent.to;
            Holder { kind: HolderKind::Agent, reference: to.as_str().to_owned(), name: to.short().to_owned() }
        };
        self.intent.waiting().map_or_else(receiver, |waiting| waiting.holder.clone())
    }
}
