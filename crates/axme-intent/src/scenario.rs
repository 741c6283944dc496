//! Scenario bundles: one JSON file that declares agents, people, steps and an intent (`spec/protocol.md` §6).
//!
//! [`check`] reads a bundle leniently and reports every error with its place. It lowers a bundle without errors: roles
//! are resolved, the order is explicit, and shorthand is expanded.

mod branches;
mod distinct;
mod internal;
pub mod known;
pub mod macros;
mod reader;
mod reminder_plans;
mod retries;
mod steps;

use reader::Reader;
use serde_json::Value;

use crate::HolderKind;
use crate::address::{MAX_ADDRESS_CHARS, NameFit, NearestName, nearest_name};
use crate::fields::shown;
use crate::workflow::Plan;
use crate::{Address, DeliveryBinding, Home, HumanTask, Json, JsonFields, Object, ReminderPlan, Time, fields};
use axme_types::Holder;
use axme_types::limits::MAX_DELIVERY_ATTEMPTS;

/// A bundle ready to be applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub scenario_id: String,
    pub agents: Vec<Agent>,
    pub intent_type: String,
    pub payload: Json,
    pub deadline_at: Option<Time>,
    pub max_delivery_attempts: Option<u32>,
    /// Reminders and escalation of an intent without steps.
    pub reminder_plan: Option<ReminderPlan>,
    /// The receiver: an agent, or the platform if a plan or a person handles the intent.
    pub to: Address,
    pub task: Option<HumanTask>,
    pub plan: Option<Plan>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub role: String,
    pub address: Address,
    /// The address as the bundle wrote it. It is the name of the account if one is created.
    pub written: String,
    pub create_if_missing: bool,
    pub display_name: Option<String>,
    pub delivery_mode: Option<DeliveryBinding>,
    /// The URL that intents are pushed to; set if the delivery mode is `http`.
    pub callback_url: Option<String>,
}

/// The errors and warnings about a bundle, each with its place.
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

/// Checks and lowers a bundle. `home` resolves short addresses. The scenario is `Some` exactly when there are no
/// errors.
pub fn check(bundle: &Object, home: Home<'_>) -> (Option<Scenario>, Report) {
    let mut reader = Reader { home, report: Report::default() };
    let scenario = reader.bundle(bundle);
    let report = reader.report;
    (scenario.filter(|_| report.errors.is_empty()), report)
}

/// Checks and lowers a bundle as it was sent: the payload and the input of each step keep their text.
pub fn read(bundle: &JsonFields, home: Home<'_>) -> (Option<Scenario>, Report) {
    let (mut scenario, report) = check(&bundle.values_parsed(), home);
    if let Some(scenario) = &mut scenario {
        scenario.keep_text(bundle);
    }
    (scenario, report)
}

impl Scenario {
    /// Replaces parsed values by their text in the bundle.
    fn keep_text(&mut self, bundle: &JsonFields) {
        let payload = bundle.get("intent").and_then(|intent| intent.field("payload"));
        if let Some(payload) = payload.filter(Json::is_object) {
            self.payload = payload;
        }
        let steps = bundle.get("workflow").and_then(|workflow| workflow.field("steps"));
        let sent: Vec<JsonFields> = steps.and_then(|steps| steps.read().ok()).unwrap_or_default();
        for step in self.plan.iter_mut().flat_map(|plan| &mut plan.steps) {
            let sent = sent.iter().find(|sent| sent.string("step_id").is_some_and(|id| id.trim() == step.id));
            if let (Some(read), Some(input)) = (&mut step.input, sent.and_then(|sent| sent.get("input"))) {
                *read = input.clone();
            }
        }
    }
}

impl Reader<'_> {
    fn bundle(&mut self, bundle: &Object) -> Option<Scenario> {
        self.refuse_old_format(bundle);
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
            Some(other) => {
                self.error("intent", format!("must be an object, not {}", shown(other)));
                None
            }
        };
        let workflow = match bundle.get("workflow") {
            None | Some(Value::Null) => None,
            Some(Value::Object(workflow)) => Some(workflow),
            Some(other) => {
                self.error("workflow", format!("must be an object, not {}", shown(other)));
                None
            }
        };
        let plan = workflow.and_then(|workflow| self.plan(workflow, &scenario_id, &agents, &humans));
        self.intent(intent?, scenario_id, agents, &humans, plan)
    }

    /// Refuses the format of an older runner as a whole. Read as a bundle, it would lose its steps and deadlines.
    fn refuse_old_format(&mut self, bundle: &Object) {
        for (name, instead) in known::OLD {
            if bundle.get(name).is_some_and(|value| !value.is_null()) {
                self.error(name, format!("belongs to an older format, which is not supported: {instead}"));
            }
        }
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
            let message = format!("may have only letters, digits, '.', '_' and '-', not \"{intent_type}\"");
            self.error("intent.type", message);
        }
        let payload = match intent.get("payload") {
            None | Some(Value::Null) => JsonFields::new().into(),
            Some(payload @ Value::Object(_)) => payload.clone().into(),
            Some(other) => {
                self.error("intent.payload", format!("must be an object, not {}", shown(other)));
                Json::default()
            }
        };
        let deadline_at = match self.text(intent, "deadline_at", "intent.deadline_at", 64).filter(|t| !t.is_empty()) {
            None => None,
            Some(text) => {
                let time = Time::parse(&text);
                if time.is_none() {
                    let message = format!("must be an RFC 3339 time such as 2026-01-31T12:00:00Z, not \"{text}\"");
                    self.error("intent.deadline_at", message);
                }
                time
            }
        };
        let max_delivery_attempts =
            self.count(intent, "max_delivery_attempts", "intent.max_delivery_attempts", MAX_DELIVERY_ATTEMPTS);
        let reminder_plan = self.reminder_plan(intent, "intent", &agents, humans);
        let task = match intent.get("human_task") {
            None | Some(Value::Null) => None,
            Some(Value::Object(source)) => Some(self.task(source, "intent.human_task")),
            Some(other) => {
                self.error("intent.human_task", format!("must be an object, not {}", shown(other)));
                None
            }
        };
        let platform = Address::resolve("agent://agent_core", self.home);
        let to = match (&plan, &task, agents.first()) {
            (None, None, Some(agent)) => agent.address.clone(),
            _ => platform,
        };
        if plan.is_some() && task.is_some() {
            self.warn(
                "intent.human_task",
                "ignored, because the steps of the workflow have their own tasks: move it to a step",
            );
        }
        let task = task.filter(|_| plan.is_none());
        let reminder_plan = self.place_reminder_plan(reminder_plan, plan.as_mut(), task.is_some());
        let max_delivery_attempts = max_delivery_attempts.and_then(|n| u32::try_from(n).ok());
        Some(Scenario {
            scenario_id,
            agents,
            intent_type,
            payload,
            deadline_at,
            max_delivery_attempts,
            reminder_plan,
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
                self.error(&format!("{place}.role"), format!("\"{role}\" is declared twice: rename one"));
            }
            if Address::resolve(&written, self.home).is_nameless() {
                self.error(
                    &format!("{place}.address"),
                    format!("\"{written}\" has no name: use a name or an address that ends with one"),
                );
            }
            let delivery_mode = self.delivery_mode(&entry, &place);
            let callback_url =
                self.text(&entry, "callback_url", &format!("{place}.callback_url"), 2_048).filter(|u| !u.is_empty());
            if delivery_mode.is_some_and(DeliveryBinding::is_pushed) && callback_url.is_none() {
                self.error(&format!("{place}.callback_url"), "required, because delivery_mode is \"http\"");
            }
            let create_if_missing = self.flag(&entry, "create_if_missing", &place);
            let nearest = nearest_name(&written, self.home);
            if create_if_missing {
                self.check_new_name(&format!("{place}.address"), &written, nearest.as_ref());
            }
            let address = match nearest {
                Some(nearest) if create_if_missing => Address::agent(self.home, &nearest.name),
                _ => Address::resolve(&written, self.home),
            };
            let display_name =
                self.text(&entry, "display_name", &format!("{place}.display_name"), 255).filter(|n| !n.is_empty());
            // Only http uses it.
            let callback_url = callback_url.filter(|_| delivery_mode.is_some_and(DeliveryBinding::is_pushed));
            agents.push(Agent { role, address, written, create_if_missing, display_name, delivery_mode, callback_url });
        }
        agents
    }

    /// Reports a name under which an agent cannot be created, or that its address spells differently.
    fn check_new_name(&mut self, place: &str, written: &str, nearest: Option<&NearestName>) {
        match nearest {
            None => self.error(
                place,
                format!(
                    "\"{written}\" cannot be created here: use a name, or agent://{}/{}/name",
                    self.home.org, self.home.workspace
                ),
            ),
            Some(NearestName { name, fit: NameFit::Lossy }) => {
                self.error(place, format!("\"{written}\" would lose letters or digits: use \"{name}\""));
            }
            Some(NearestName { name, fit: NameFit::Respelled }) => {
                self.warn(place, format!("\"{written}\" is created as \"{name}\""));
            }
            Some(_) => {}
        }
    }

    fn delivery_mode(&mut self, entry: &Object, place: &str) -> Option<DeliveryBinding> {
        let place = format!("{place}.delivery_mode");
        let text = self.text(entry, "delivery_mode", &place, 20).filter(|text| !text.is_empty())?;
        let mode = DeliveryBinding::parse(&text);
        if mode.is_none() {
            self.error(&place, format!("\"{text}\" is not one of {}", DeliveryBinding::WORDS.join(", ")));
        }
        mode
    }

    fn humans(&mut self, bundle: &Object, agents: &[Agent]) -> Vec<Human> {
        let mut humans: Vec<Human> = Vec::new();
        for (place, entry) in self.entries(bundle, "humans", "humans", 20) {
            self.known(&entry, &place, &known::HUMAN);
            let Some(role) = self.required(&entry, "role", &format!("{place}.role"), 100) else { continue };
            if humans.iter().any(|h| h.role == role) || agents.iter().any(|a| a.role == role) {
                self.error(&format!("{place}.role"), format!("\"{role}\" is declared twice: rename one"));
            }
            let contact =
                self.text(&entry, "contact", &format!("{place}.contact"), MAX_ADDRESS_CHARS).filter(|c| !c.is_empty());
            let name =
                self.text(&entry, "display_name", &format!("{place}.display_name"), 255).filter(|n| !n.is_empty());
            humans.push(Human { name: name.unwrap_or_else(|| role.clone()), role, contact });
        }
        humans
    }

    fn task(&mut self, source: &Object, place: &str) -> HumanTask {
        for (name, doubt) in fields::doubts(source) {
            self.warn(&format!("{place}.{name}"), doubt);
        }
        let (task, mut complaints) = HumanTask::read(source);
        complaints.extend(task.check_texts());
        for complaint in complaints {
            self.error(
                &format!("{place}.{}", complaint.split(':').next().unwrap_or_default()),
                complaint.split_once(": ").map_or(complaint.as_str(), |(_, why)| why),
            );
        }
        task
    }
}

/// True for an address that can only be a person's.
fn is_person(text: &str) -> bool {
    text.starts_with("user://")
        || text.starts_with("group://")
        || text == "human"
        || (text.contains('@') && !text.contains("://") && !text.contains('/'))
}

/// True for text that is an address rather than a role.
fn is_address(text: &str) -> bool {
    text.contains("://") || text.contains('/') || text.contains('@') || text == "human"
}

/// True for an accepted type of intents. Published types have dots and a version; clients also send plain words.
pub fn is_intent_type(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}
