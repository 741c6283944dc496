//! Scenario bundles: one JSON file that declares agents, people, steps and an intent (contract `wire.md` §6).
//!
//! [`check`] reads a bundle leniently and reports everything that is wrong with it, each complaint naming its place;
//! a bundle without errors comes back lowered: roles resolved, order explicit, sugar gone.

mod internal;
mod known;
mod ladders;
pub mod macros;
mod retries;

use std::collections::BTreeSet;

use internal::Runtime;
use serde_json::Value;

use crate::address::{MAX_ADDRESS_CHARS, agent_name};
use crate::status::{Holder, HolderKind};
use crate::workflow::{Plan, Step, StepKind};
use crate::{Address, Binding, Home, HumanTask, Ladder, Object, Time, fields};

/// A bundle ready to be applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub scenario_id: String,
    pub agents: Vec<Agent>,
    pub intent_type: String,
    pub payload: Value,
    pub deadline_at: Option<Time>,
    pub max_delivery_attempts: Option<u32>,
    /// Reminders and escalation of an intent without steps.
    pub ladder: Option<Ladder>,
    /// To whom the intent goes: an agent, or the platform when a plan or a person handles it.
    pub to: Address,
    pub task: Option<HumanTask>,
    pub plan: Option<Plan>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub role: String,
    pub address: Address,
    /// The address as the bundle wrote it: the name of the account if one is created.
    pub written: String,
    pub create_if_missing: bool,
    pub display_name: Option<String>,
    pub delivery_mode: Option<Binding>,
    /// Where intents are pushed to; set when the delivery mode is `http`.
    pub callback_url: Option<String>,
}

/// Everything that is to be said about a bundle, as plain sentences.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

struct Human {
    role: String,
    name: String,
    contact: Option<String>,
}

impl Human {
    fn holder(&self) -> Holder {
        let reference = self.contact.clone().unwrap_or_else(|| self.role.clone());
        Holder { kind: HolderKind::Human, reference, name: self.name.clone() }
    }
}

/// The largest number in a bundle: ten years, in seconds.
const MAX_COUNT: u64 = 10 * 365 * 86_400;

/// Checks and lowers a bundle. `home` resolves short addresses. The scenario is `Some` exactly when there are no errors.
pub fn check(bundle: &Object, home: Home<'_>) -> (Option<Scenario>, Report) {
    let mut reader = Reader { home, report: Report::default() };
    let scenario = reader.bundle(bundle);
    let report = reader.report;
    (scenario.filter(|_| report.errors.is_empty()), report)
}

struct Reader<'a> {
    home: Home<'a>,
    report: Report,
}

impl Reader<'_> {
    fn error(&mut self, place: &str, what: impl std::fmt::Display) {
        self.report.errors.push(format!("{place}: {what}"));
    }

    fn warn(&mut self, place: &str, what: impl std::fmt::Display) {
        self.report.warnings.push(format!("{place}: {what}"));
    }

    fn bundle(&mut self, bundle: &Object) -> Option<Scenario> {
        self.known(bundle, "", &known::BUNDLE);
        let scenario_id = self.required(bundle, "scenario_id", "scenario_id", 255).unwrap_or_default();
        let agents = self.agents(bundle);
        let humans = self.humans(bundle, &agents);
        let intent = match bundle.get("intent") {
            Some(Value::Object(intent)) => Some(intent),
            None | Some(Value::Null) => {
                self.error("intent", "required: an object with at least \"type\"");
                None
            }
            Some(_) => {
                self.error("intent", "must be an object");
                None
            }
        };
        let workflow = match bundle.get("workflow") {
            None | Some(Value::Null) => None,
            Some(Value::Object(workflow)) => Some(workflow),
            Some(_) => {
                self.error("workflow", "must be an object");
                None
            }
        };
        let plan = workflow.and_then(|workflow| self.plan(workflow, &scenario_id, &agents, &humans));
        self.intent(intent?, scenario_id, agents, &humans, plan)
    }

    fn intent(
        &mut self,
        intent: &Object,
        scenario_id: String,
        agents: Vec<Agent>,
        humans: &[Human],
        mut plan: Option<Plan>,
    ) -> Option<Scenario> {
        self.known(intent, "intent", &known::INTENT);
        let intent_type = self.required(intent, "type", "intent.type", 255).unwrap_or_default();
        if !intent_type.is_empty() && !is_intent_type(&intent_type) {
            self.error("intent.type", "may have letters, digits, '.', '_' and '-' only");
        }
        let payload = match intent.get("payload") {
            None | Some(Value::Null) => Value::Object(Object::new()),
            Some(payload @ Value::Object(_)) => payload.clone(),
            Some(_) => {
                self.error("intent.payload", "must be an object");
                Value::Null
            }
        };
        let deadline_at = match self.text(intent, "deadline_at", "intent.deadline_at", 64).filter(|t| !t.is_empty()) {
            None => None,
            Some(text) => {
                let time = Time::parse(&text);
                if time.is_none() {
                    self.error("intent.deadline_at", "must be an RFC 3339 time such as 2026-01-31T12:00:00Z");
                }
                time
            }
        };
        let max_delivery_attempts = self.count(intent, "max_delivery_attempts", "intent.max_delivery_attempts");
        let ladder = self.ladder(intent, "intent", &agents, humans);
        let task = match intent.get("human_task") {
            None | Some(Value::Null) => None,
            Some(Value::Object(source)) => Some(self.task(source, "intent.human_task")),
            Some(_) => {
                self.error("intent.human_task", "must be an object");
                None
            }
        };
        let platform = Address::resolve("agent://agent_core", self.home);
        let to = match (&plan, &task, agents.first()) {
            (None, None, Some(agent)) => agent.address.clone(),
            _ => platform,
        };
        if plan.is_some() && task.is_some() {
            self.warn("intent.human_task", "ignored: the workflow's steps decide who is asked");
        }
        let task = task.filter(|_| plan.is_none());
        let ladder = self.place_ladder(ladder, plan.as_mut(), task.is_some());
        let max_delivery_attempts = max_delivery_attempts.and_then(|n| u32::try_from(n).ok());
        Some(Scenario {
            scenario_id,
            agents,
            intent_type,
            payload,
            deadline_at,
            max_delivery_attempts,
            ladder,
            to,
            task,
            plan,
        })
    }

    fn agents(&mut self, bundle: &Object) -> Vec<Agent> {
        let mut agents: Vec<Agent> = Vec::new();
        for (place, entry) in self.entries(bundle, "agents", "agents", 50) {
            self.known(&entry, &place, &known::AGENT);
            let role = self.required(&entry, "role", &format!("{place}.role"), 100);
            let written = self.required(&entry, "address", &format!("{place}.address"), MAX_ADDRESS_CHARS);
            let (Some(role), Some(written)) = (role, written) else { continue };
            if agents.iter().any(|a| a.role == role) {
                self.error(&format!("{place}.role"), format!("\"{role}\" is declared twice"));
            }
            if Address::resolve(&written, self.home).is_nameless() {
                self.error(&format!("{place}.address"), format!("there is no name in \"{written}\""));
            }
            let delivery_mode = self.delivery_mode(&entry, &place);
            let callback_url =
                self.text(&entry, "callback_url", &format!("{place}.callback_url"), 2_048).filter(|u| !u.is_empty());
            if delivery_mode == Some(Binding::Http) && callback_url.is_none() {
                self.error(&format!("{place}.callback_url"), "delivery_mode \"http\" needs one");
            }
            let create_if_missing = self.flag(&entry, "create_if_missing", &place);
            if create_if_missing && agent_name(&written, self.home).is_none() {
                self.error(
                    &format!("{place}.address"),
                    format!(
                        "\"{written}\" cannot be created here: use a name, or agent://{}/{}/name",
                        self.home.org, self.home.workspace
                    ),
                );
            }
            let address = match agent_name(&written, self.home) {
                Some(name) if create_if_missing => Address::agent(self.home, &name),
                _ => Address::resolve(&written, self.home),
            };
            let display_name =
                self.text(&entry, "display_name", &format!("{place}.display_name"), 255).filter(|n| !n.is_empty());
            // Only http has a use for it.
            let callback_url = callback_url.filter(|_| delivery_mode == Some(Binding::Http));
            agents.push(Agent { role, address, written, create_if_missing, display_name, delivery_mode, callback_url });
        }
        agents
    }

    fn delivery_mode(&mut self, entry: &Object, place: &str) -> Option<Binding> {
        let place = format!("{place}.delivery_mode");
        let text = self.text(entry, "delivery_mode", &place, 20).filter(|text| !text.is_empty())?;
        let mode = Binding::parse(&text);
        if mode.is_none() {
            self.error(&place, format!("\"{text}\" is none of {}", Binding::WORDS.join(", ")));
        }
        mode
    }

    fn humans(&mut self, bundle: &Object, agents: &[Agent]) -> Vec<Human> {
        let mut humans: Vec<Human> = Vec::new();
        for (place, entry) in self.entries(bundle, "humans", "humans", 20) {
            self.known(&entry, &place, &known::HUMAN);
            let Some(role) = self.required(&entry, "role", &format!("{place}.role"), 100) else { continue };
            if humans.iter().any(|h| h.role == role) || agents.iter().any(|a| a.role == role) {
                self.error(&format!("{place}.role"), format!("\"{role}\" is declared twice"));
            }
            let contact =
                self.text(&entry, "contact", &format!("{place}.contact"), MAX_ADDRESS_CHARS).filter(|c| !c.is_empty());
            let name =
                self.text(&entry, "display_name", &format!("{place}.display_name"), 255).filter(|n| !n.is_empty());
            humans.push(Human { name: name.unwrap_or_else(|| role.clone()), role, contact });
        }
        humans
    }

    /// The plan of steps that stand at `place`.
    fn steps(
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
        for (index, (place, entry)) in entries.iter().enumerate() {
            self.known(entry, place, &known::STEP);
            let Some(id) = self.required(entry, "step_id", &format!("{place}.step_id"), 100) else { continue };
            if !seen.insert(id.clone()) {
                self.error(&format!("{place}.step_id"), format!("\"{id}\" is used twice"));
            }
            // Without any links, array order. With links, a missing `on_success` means the next step unless that one
            // exists only to handle a failure.
            let next = ids.get(index + 1).filter(|next| sequential || !failure_targets.contains(*next));
            let on_success = link(entry, "on_success").or_else(|| next.cloned());
            let on_failure = link(entry, "on_failure");
            for (key, target) in [("on_success", &on_success), ("on_failure", &on_failure)] {
                if let Some(target) = target.as_ref().filter(|t| !ids.contains(t)) {
                    self.error(
                        &format!("{place}.{key}"),
                        format!("no step \"{target}\"; steps are {}", ids.join(", ")),
                    );
                }
            }
            let Ok(runtime) = self.runtime(entry, place) else { continue };
            let mut deadline_seconds =
                self.count(entry, "step_deadline_seconds", &format!("{place}.step_deadline_seconds"));
            if runtime == Some(Runtime::Timeout) {
                deadline_seconds = self.seconds(entry, place).or(deadline_seconds);
            }
            let mut ladder = self.ladder(entry, place, agents, humans);
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
                ladder.escalate_to = None;
            }
            if !matches!(kind, StepKind::Agent { .. }) && retry.is_some() {
                self.warn(&format!("{place}.retry"), "only agents' steps are tried again, ignored");
            }
            let retry = retry.filter(|_| matches!(kind, StepKind::Agent { .. }));
            // Only agents and people can be reminded and late.
            let has_holder = kind.has_holder();
            let deadline_seconds = deadline_seconds.filter(|_| has_holder || kind == StepKind::Timeout);
            let ladder = Some(ladder).filter(|ladder| !ladder.is_empty() && has_holder);
            steps.push(Step { id, tool, kind, deadline_seconds, ladder, retry, notice, input, on_success, on_failure });
        }
        let entry = match self.text(workflow, "entry_step", "workflow.entry_step", 100).filter(|e| !e.is_empty()) {
            Some(entry) if !ids.contains(&entry) => {
                self.error("workflow.entry_step", format!("no step \"{entry}\"; steps are {}", ids.join(", ")));
                entry
            }
            Some(entry) => entry,
            None => ids.first().cloned().unwrap_or_default(),
        };
        Some(Plan { scenario_id: scenario_id.to_owned(), entry, steps })
    }

    /// True, with complaints, when the fields that say what a step is are no strings: they would read like missing ones.
    fn has_wrong_types(&mut self, step: &Object, place: &str) -> bool {
        let before = self.report.errors.len();
        for key in ["tool_id", "runtime_type", "assigned_to", "on_success", "on_failure"] {
            self.text(step, key, &format!("{place}.{key}"), MAX_ADDRESS_CHARS);
        }
        self.report.errors.len() > before
    }

    /// What a step is: asked of a person, or handed to an agent. The official command line strips `runtime_type` and may
    /// send an empty `tool_id`, so the kind is inferred from what is left.
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
            // With something to answer it is a task, of which people are told as of any other.
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
                Some(_) => {
                    self.error(&format!("{place}.human_task"), "must be an object");
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
            self.warn(place, "nobody is assigned and no runtime_type is given: the step does nothing");
            return Some(StepKind::Pass);
        }
        self.unknown_role(place, &assigned, agents, humans);
        None
    }

    /// A step for the platform would become a child that waits for a person, whose no would count as the step's success.
    fn agent_step(&mut self, place: &str, to: Address, name: String) -> Option<StepKind> {
        if to.is_platform() {
            self.error(
                &format!("{place}.assigned_to"),
                format!("{to} does nothing by itself: say what with runtime_type"),
            );
            return None;
        }
        if to.is_nameless() {
            self.error(&format!("{place}.assigned_to"), format!("there is no name in \"{to}\""));
            return None;
        }
        Some(StepKind::Agent { to, name })
    }

    fn unknown_role(&mut self, place: &str, role: &str, agents: &[Agent], humans: &[Human]) {
        let roles: Vec<&str> =
            agents.iter().map(|a| a.role.as_str()).chain(humans.iter().map(|h| h.role.as_str())).collect();
        let known =
            if roles.is_empty() { "none is declared".to_owned() } else { format!("roles are {}", roles.join(", ")) };
        self.error(&format!("{place}.assigned_to"), format!("no role \"{role}\"; {known}"));
    }

    fn task(&mut self, source: &Object, place: &str) -> HumanTask {
        for (name, doubt) in fields::doubts(source) {
            self.warn(&format!("{place}.{name}"), doubt);
        }
        let (task, complaints) = HumanTask::read(source);
        for complaint in complaints {
            self.error(
                &format!("{place}.{}", complaint.split(':').next().unwrap_or_default()),
                complaint.split_once(": ").map_or(complaint.as_str(), |(_, why)| why),
            );
        }
        task
    }

    fn entries(&mut self, source: &Object, key: &str, place: &str, most: usize) -> Vec<(String, Object)> {
        let list = match source.get(key) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.error(place, "must be a list");
                return Vec::new();
            }
        };
        if list.len() > most {
            self.error(place, format!("at most {most} entries, got {}", list.len()));
        }
        let mut entries = Vec::new();
        for (index, entry) in list.iter().take(most).enumerate() {
            let place = format!("{place}[{index}]");
            match entry {
                Value::Object(fields) => entries.push((place, fields.clone())),
                _ => self.error(&place, "must be an object"),
            }
        }
        entries
    }

    fn required(&mut self, source: &Object, key: &str, place: &str, most: usize) -> Option<String> {
        let before = self.report.errors.len();
        match self.text(source, key, place, most) {
            Some(text) if !text.is_empty() => Some(text),
            _ if self.report.errors.len() > before => None,
            _ => {
                self.error(place, "required");
                None
            }
        }
    }

    fn text(&mut self, source: &Object, key: &str, place: &str, most: usize) -> Option<String> {
        match source.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= most => Some(text.trim().to_owned()),
            Some(Value::String(_)) => {
                self.error(place, format!("at most {most} characters"));
                None
            }
            Some(_) => {
                self.error(place, "must be a string");
                None
            }
        }
    }

    fn flag(&mut self, source: &Object, key: &str, place: &str) -> bool {
        match source.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.error(&format!("{place}.{key}"), "must be true or false");
                false
            }
        }
    }

    /// A whole number of at least 1; 0 and null count as absent, as clients send them for "not set".
    fn count(&mut self, source: &Object, key: &str, place: &str) -> Option<u64> {
        match source.get(key) {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64() {
                Some(0) => None,
                Some(number) if number <= MAX_COUNT => Some(number),
                _ => {
                    self.error(place, format!("must be a whole number from 1 to {MAX_COUNT}"));
                    None
                }
            },
        }
    }
}

/// True for an address that can only be a person's.
fn is_person(text: &str) -> bool {
    text.starts_with("user://")
        || text == "human"
        || (text.contains('@') && !text.contains("://") && !text.contains('/'))
}

/// True for text that names an address rather than a role.
fn is_address(text: &str) -> bool {
    text.contains("://") || text.contains('/') || text.contains('@') || text == "human"
}

/// The types of intents accepted: published ones have dots and a version, real clients also send plain words.
pub fn is_intent_type(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}
