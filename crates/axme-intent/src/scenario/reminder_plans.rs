//! Reminders and escalation in a bundle: of a step, or of the intent for all steps without their own.

use super::internal::unknown_person;
use super::reader::Reader;
use super::{Agent, Human, is_address};
use crate::HolderKind;
use crate::address::MAX_ADDRESS_CHARS;
use crate::workflow::Plan;
use crate::{Address, Object, ReminderPlan};
use axme_types::Holder;
use axme_types::limits::{MAX_REMINDERS, MAX_SPAN_SECONDS};

impl Reader<'_> {
    /// Reads the reminders and the escalation of a step or of the intent.
    pub(super) fn reminder_plan(
        &mut self,
        source: &Object,
        place: &str,
        agents: &[Agent],
        humans: &[Human],
    ) -> ReminderPlan {
        let mut count = |key: &str, most: u64| self.count(source, key, &format!("{place}.{key}"), most);
        let remind_after_seconds = count("remind_after_seconds", MAX_SPAN_SECONDS);
        let remind_interval_seconds = count("remind_interval_seconds", MAX_SPAN_SECONDS);
        let max_reminders = count("max_reminders", MAX_REMINDERS).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        if remind_after_seconds.is_none() && (remind_interval_seconds.is_some() || max_reminders.is_some()) {
            self.warn(place, "no reminders will be sent: set remind_after_seconds");
        }
        let to = self.text(source, "escalate_to", &format!("{place}.escalate_to"), MAX_ADDRESS_CHARS);
        let escalate_to = to.filter(|to| !to.is_empty()).and_then(|to| {
            if let Some(human) = humans.iter().find(|human| human.role == to) {
                return Some(human.holder());
            }
            if agents.iter().any(|agent| agent.role == to) {
                let text = format!("\"{to}\" is an agent: escalate to a role of humans[] or a person's address");
                self.error(&format!("{place}.escalate_to"), text);
                return None;
            }
            if is_address(&to) || to.contains('@') {
                return Some(Holder::named(HolderKind::Human, &to));
            }
            let roles: Vec<&str> = humans.iter().map(|human| human.role.as_str()).collect();
            self.error(&format!("{place}.escalate_to"), unknown_person(&to, &roles));
            None
        });
        ReminderPlan { remind_after_seconds, remind_interval_seconds, max_reminders, escalate_to }
    }

    /// Copies the intent's reminder plan to every step without its own. Without steps it returns the plan for the
    /// intent.
    pub(super) fn place_reminder_plan(
        &mut self,
        mut reminder_plan: ReminderPlan,
        plan: Option<&mut Plan>,
        asks_person: bool,
    ) -> Option<ReminderPlan> {
        if reminder_plan.is_empty() {
            return None;
        }
        if let Some(plan) = plan {
            for step in plan.steps.iter_mut().filter(|step| step.reminder_plan.is_none() && step.kind.has_holder()) {
                step.reminder_plan = Some(reminder_plan.clone());
            }
            return None;
        }
        if reminder_plan.escalate_to.is_some() && reminder_plan.remind_after_seconds.is_none() {
            self.warn("intent.escalate_to", "ignored: set remind_after_seconds, which says when to escalate");
            reminder_plan.escalate_to = None;
        }
        if let Some(to) = reminder_plan.escalate_to.take() {
            // Another agent needs its full address; a person may be named in any way.
            let address = Address::resolve(&to.reference, self.home);
            reminder_plan.escalate_to = match (asks_person, is_address(&to.reference)) {
                (true, _) => Some(to),
                (false, true) => Some(Holder {
                    kind: HolderKind::Agent,
                    reference: address.as_str().to_owned(),
                    name: address.short().to_owned(),
                }),
                (false, false) => {
                    let message = format!("ignored: an agent's intent needs an address here, not \"{}\"", to.reference);
                    self.warn("intent.escalate_to", message);
                    None
                }
            };
        }
        Some(reminder_plan).filter(|reminder_plan| !reminder_plan.is_empty())
    }
}
