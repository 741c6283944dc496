//! The steps of a bundle: what each of them does, and which follows which.

use std::collections::BTreeSet;

use serde_json::Value;

use super::internal::Runtime;
use super::reader::Reader;
use super::{Agent, Human, is_address, is_person, known};
use crate::HolderKind;
use crate::address::MAX_ADDRESS_CHARS;
use crate::fields::shown;
use crate::workflow::{EndTarget, Link, Plan, Step, StepKind};
use crate::{Address, HumanTask, Json, Object};
use axme_types::Holder;
use axme_types::limits::MAX_SPAN_SECONDS;

impl Reader<'_> {
    /// Reads the steps at `place` as a plan.
    pub(super) fn steps(
        &mut self,
        workflow: &Object,
        place: &str,
        scenario_id: &str,
        agents: &[Agent],
        humans: &[Human],
    ) -> Option<Plan> {
        let entries = self.entries(workflow, "steps", place, 100);
        if entries.is_empty() {
            self.error(place, "at least one step is required");
            return None;
        }
        let ids: Vec<String> = entries
            .iter()
            .map(|(_, step)| step.get("step_id").and_then(Value::as_str).unwrap_or_default().trim().to_owned())
            .collect();
        let link = |step: &Object, key: &str| {
            step.get(key).and_then(Value::as_str).map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned)
        };
        let sequential =
            entries.iter().all(|(_, s)| link(s, "on_success").is_none() && link(s, "on_failure").is_none());
        let failure_targets: BTreeSet<String> = entries.iter().filter_map(|(_, s)| link(s, "on_failure")).collect();
        let mut steps = Vec::new();
        let mut seen = BTreeSet::new();
        let mut distinct = Vec::new();
        let mut named = BTreeSet::new();
        for (index, (place, entry)) in entries.iter().enumerate() {
            self.known(entry, place, &known::STEP);
            let Some(id) = self.required(entry, "step_id", &format!("{place}.step_id"), 100) else { continue };
            if EndTarget::parse(&id).is_some() {
                self.error(
                    &format!("{place}.step_id"),
                    format!("\"{id}\" names an end of the workflow: rename the step"),
                );
            }
            if !seen.insert(id.clone()) {
                self.error(&format!("{place}.step_id"), format!("\"{id}\" is used twice: rename one step"));
            }
            // Without any links, array order. With links, a missing `on_success` means the next step unless that one
            // exists only to handle a failure.
            let next = ids.get(index + 1).filter(|next| sequential || !failure_targets.contains(*next));
            if link(entry, "on_success").is_some() {
                named.insert(id.clone());
            }
            let on_success = link(entry, "on_success").or_else(|| next.cloned()).map(Link::from);
            let on_failure = link(entry, "on_failure").map(Link::from);
            for (key, target) in [("on_success", &on_success), ("on_failure", &on_failure)] {
                let step = target.as_ref().and_then(Link::step);
                if let Some(target) = step.filter(|target| !ids.iter().any(|id| id == target)) {
                    let ends = EndTarget::WORDS.join(", ");
                    self.error(
                        &format!("{place}.{key}"),
                        format!("there is no step \"{target}\": use one of {}, or {ends}", ids.join(", ")),
                    );
                }
            }
            let Ok(runtime) = self.runtime(entry, place) else { continue };
            let mut deadline_seconds =
                self.count(entry, "step_deadline_seconds", &format!("{place}.step_deadline_seconds"), MAX_SPAN_SECONDS);
            if runtime == Some(Runtime::Timeout) {
                deadline_seconds = self.seconds(entry, place).or(deadline_seconds);
            }
            let mut reminder_plan = self.reminder_plan(entry, place, agents, humans);
            distinct.push((place.clone(), id.clone(), self.distinct_from(entry, place)));
            let retry = self.retry(entry, place);
            if self.has_wrong_types(entry, place) {
                continue;
            }
            let kind = match runtime {
                Some(Runtime::Escalation) => self.escalation(entry, place, agents, humans, &steps),
                _ => self.step_kind(entry, place, agents, humans, runtime, deadline_seconds),
            };
            let Some(kind) = kind else { continue };
            let notice = match runtime {
                Some(Runtime::Notification) => self.notice_beside(entry, place, humans, &kind),
                _ => None,
            };
            let tool = self.text(entry, "tool_id", &format!("{place}.tool_id"), 255).unwrap_or_default();
            let input = entry.get("input").filter(|v| !v.is_null()).cloned();
            if runtime == Some(Runtime::Escalation) {
                reminder_plan.escalate_to = None;
            }
            if !matches!(kind, StepKind::Agent { .. }) && retry.is_some() {
                self.warn(&format!("{place}.retry"), "ignored: only agents' steps are retried");
            }
            let retry = retry.filter(|_| matches!(kind, StepKind::Agent { .. }));
            // Only agents and people can be reminded or late.
            let has_holder = kind.has_holder();
            let deadline_seconds = deadline_seconds.filter(|_| has_holder || kind == StepKind::Timeout);
            let reminder_plan = Some(reminder_plan).filter(|reminder_plan| !reminder_plan.is_empty() && has_holder);
            steps.push(Step {
                id,
                tool,
                kind,
                deadline_seconds,
                reminder_plan,
                retry,
                notice,
                input: input.map(Json::from),
                on_success,
                on_failure,
                rejoins: None,
            });
        }
        self.set_distinct(&mut steps, distinct);
        let entry = match self.text(workflow, "entry_step", "workflow.entry_step", 100).filter(|e| !e.is_empty()) {
            Some(entry) if !ids.contains(&entry) => {
                let message = format!("there is no step \"{entry}\": use one of {}", ids.join(", "));
                self.error("workflow.entry_step", message);
                entry
            }
            Some(entry) => entry,
            None => ids.first().cloned().unwrap_or_default(),
        };
        let mut plan = Plan { scenario_id: scenario_id.to_owned(), entry, steps };
        // Other errors leave out steps.
        if self.report.errors.is_empty() {
            self.mark_branches(&mut plan, place, &named);
        }
        Some(plan)
    }

    /// Reports the fields that define a step's kind if they are not strings, and returns true. They would otherwise
    /// read as missing.
    fn has_wrong_types(&mut self, step: &Object, place: &str) -> bool {
        let before = self.report.errors.len();
        for key in ["tool_id", "runtime_type", "assigned_to", "on_success", "on_failure"] {
            self.text(step, key, &format!("{place}.{key}"), MAX_ADDRESS_CHARS);
        }
        self.report.errors.len() > before
    }

    /// Infers the kind of a step. The official command line strips `runtime_type` and may send an empty `tool_id`, so
    /// the kind follows from the other fields.
    fn step_kind(
        &mut self,
        step: &Object,
        place: &str,
        agents: &[Agent],
        humans: &[Human],
        runtime: Option<Runtime>,
        deadline_seconds: Option<u64>,
    ) -> Option<StepKind> {
        let assigned = step.get("assigned_to").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let requires_approval = self.flag(step, "requires_approval", place);
        let agent = agents.iter().find(|a| a.role == assigned);
        let human = humans.iter().find(|h| h.role == assigned);
        let has_task = step.get("human_task").is_some_and(|t| !t.is_null());
        match runtime {
            Some(Runtime::Delay) => return self.delay(step, place),
            Some(Runtime::Timeout) if assigned.is_empty() && !has_task => return self.timeout(deadline_seconds, place),
            Some(Runtime::Reminder) => return self.notification(step, place, agents, humans, true),
            // With something to answer it is a task, and people are notified of it as of any other.
            Some(Runtime::Notification) if !has_task && !requires_approval => {
                return self.notification(step, place, agents, humans, false);
            }
            _ => {}
        }
        let asks_human = matches!(runtime, Some(Runtime::HumanApproval | Runtime::Notification))
            || human.is_some()
            || has_task
            || requires_approval
            || is_person(&assigned);
        if asks_human && agent.is_none() {
            let task = match step.get("human_task") {
                Some(Value::Object(source)) => self.task(source, &format!("{place}.human_task")),
                None | Some(Value::Null) => HumanTask::untitled(),
                Some(other) => {
                    self.error(&format!("{place}.human_task"), format!("must be an object, not {}", shown(other)));
                    return None;
                }
            };
            let holder = match human {
                Some(human) => human.holder(),
                None if assigned.is_empty() => {
                    Holder { kind: HolderKind::Human, reference: "human".to_owned(), name: "human".to_owned() }
                }
                None if is_address(&assigned) => {
                    Holder { kind: HolderKind::Human, reference: assigned.clone(), name: assigned }
                }
                None => {
                    self.unknown_role(place, &assigned, agents, humans);
                    return None;
                }
            };
            return Some(StepKind::Human { holder, task: Box::new(task), escalated_from: None });
        }
        if let Some(agent) = agent {
            if asks_human {
                self.error(
                    &format!("{place}.assigned_to"),
                    format!("\"{assigned}\" is an agent, but the step asks a person: assign it to a role of humans[]"),
                );
                return None;
            }
            let name = agent.display_name.clone().unwrap_or_else(|| agent.address.short().to_owned());
            return self.agent_step(place, agent.address.clone(), name);
        }
        if is_address(&assigned) {
            let to = Address::resolve(&assigned, self.home);
            let name = to.short().to_owned();
            return self.agent_step(place, to, name);
        }
        if assigned.is_empty() {
            self.warn(place, "the step does nothing: set assigned_to or runtime_type");
            return Some(StepKind::Pass);
        }
        self.unknown_role(place, &assigned, agents, humans);
        None
    }

    /// Returns an agent's step. Refuses the platform as the agent: its child would wait for a person, and even a no
    /// would complete the step.
    fn agent_step(&mut self, place: &str, to: Address, name: String) -> Option<StepKind> {
        if to.is_platform() {
            self.error(
                &format!("{place}.assigned_to"),
                format!("{to} is the platform and does nothing by itself: set runtime_type"),
            );
            return None;
        }
        if to.is_nameless() {
            self.error(
                &format!("{place}.assigned_to"),
                format!("\"{to}\" has no name: use a name or an address that ends with one"),
            );
            return None;
        }
        Some(StepKind::Agent { to, name })
    }

    fn unknown_role(&mut self, place: &str, role: &str, agents: &[Agent], humans: &[Human]) {
        let roles: Vec<&str> =
            agents.iter().map(|a| a.role.as_str()).chain(humans.iter().map(|h| h.role.as_str())).collect();
        let choice = if roles.is_empty() {
            "declare it there, or use".to_owned()
        } else {
            format!("use one of {}, or", roles.join(", "))
        };
        let message = format!("\"{role}\" is not a role of agents[] or humans[]: {choice} an address");
        self.error(&format!("{place}.assigned_to"), message);
    }
}
