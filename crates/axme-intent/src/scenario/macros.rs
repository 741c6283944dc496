//! Macros: common workflows by name (`spec/protocol.md` §6.4). A bundle names one in `workflow.macro_id` and fills in
//! `workflow.parameters`.
//!
//! A macro expands to the JSON of steps. They are read like written ones, so that the same rules apply.

use serde_json::{Value, json};

use super::reader::Reader;
use super::{Agent, Human, is_address, is_person, known};
use crate::Object;
use crate::address::MAX_ADDRESS_CHARS;
use crate::fields::shown;
use crate::workflow::Plan;
use axme_types::limits::MAX_SPAN_SECONDS;

/// Leaves room for the number that is added to a title.
const MAX_TEXT_CHARS: usize = 200;

/// A predefined workflow.
pub struct Macro {
    pub id: &'static str,
    /// Other names that clients use for it.
    pub aliases: &'static [&'static str],
    pub about: &'static str,
    pub parameters: &'static [Parameter],
    /// Builds the steps from checked values.
    expand: fn(&Object) -> Vec<Value>,
}

pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub default: DefaultValue,
    pub about: &'static str,
}

/// The type of a parameter. On the wire each may be text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// A whole number of at least 1; 0 means not set.
    Whole,
    /// A role of `agents[]`, or an agent's address.
    Agent,
    /// A role of `humans[]`, or a person's address; not that of a signer.
    Person,
    /// A person who signs. The same person cannot sign twice.
    Signer,
    /// Signers in order: a list, or text with commas.
    Signers,
}

/// The value of a parameter that the bundle does not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// The bundle has to set it.
    None,
    /// This text; not set if it is empty.
    Text(&'static str),
    /// The role that the bundle declares at this index, from 0. Without it the bundle is refused.
    Role(usize),
    /// As above, but not set if the role does not exist.
    RoleOrNobody(usize),
}

impl Kind {
    /// True for the values that clients send for "not set".
    fn is_none(self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty() || (self == Kind::Whole && text.trim() == "0"),
            Value::Number(number) => self == Kind::Whole && number.as_u64() == Some(0),
            Value::Array(list) => list.is_empty(),
            Value::Bool(_) | Value::Object(_) => false,
        }
    }
}

const fn parameter(name: &'static str, kind: Kind, default: DefaultValue, about: &'static str) -> Parameter {
    Parameter { name, kind, default, about }
}

const APPROVER: Parameter = parameter(
    "approver",
    Kind::Signer,
    DefaultValue::RoleOrNobody(0),
    "The approver: a role of humans[] or an address. By default the first role of humans[].",
);
const TITLE: Parameter =
    parameter("title", Kind::Text, DefaultValue::Text("Human approval required"), "The title of the task.");
const STEP_DEADLINE: Parameter = parameter(
    "step_deadline_seconds",
    Kind::Whole,
    DefaultValue::Text(""),
    "The seconds that each person has to answer. By default there is no limit.",
);
const REMIND_AFTER: Parameter = parameter(
    "remind_after_seconds",
    Kind::Whole,
    DefaultValue::Text(""),
    "The seconds until the first reminder, and between reminders. By default there are none.",
);
const MAX_REMINDERS: Parameter =
    parameter("max_reminders", Kind::Whole, DefaultValue::Text(""), "The number of reminders; 3 by default.");
const ESCALATE_TO: Parameter = parameter(
    "escalate_to",
    Kind::Person,
    DefaultValue::Text(""),
    "The person who is asked after the last reminder or at the deadline: a role of humans[] or an address.",
);

pub static MACROS: [Macro; 5] = [
    Macro {
        id: "macro.approval.v1",
        aliases: &["macro.human_approval.v1"],
        about: "One person signs off.",
        parameters: &[APPROVER, TITLE, STEP_DEADLINE, REMIND_AFTER, MAX_REMINDERS, ESCALATE_TO],
        expand: |given| vec![sign_off("approval", given.get("approver"), given["title"].clone(), given)],
    },
    Macro {
        id: "macro.two_person_approval.v1",
        aliases: &[],
        about: "Two different people sign off, one after the other.",
        parameters: &[
            parameter(
                "first_approver",
                Kind::Signer,
                DefaultValue::Role(0),
                "The first approver. By default the first role of humans[].",
            ),
            parameter(
                "second_approver",
                Kind::Signer,
                DefaultValue::Role(1),
                "The second approver, a different person. By default the second role of humans[].",
            ),
            TITLE,
            STEP_DEADLINE,
            REMIND_AFTER,
            MAX_REMINDERS,
            ESCALATE_TO,
        ],
        expand: |given| in_turn(&[&given["first_approver"], &given["second_approver"]], given),
    },
    Macro {
        id: "macro.approval_chain.v1",
        aliases: &[],
        about: "Any number of people sign off, one after the other.",
        parameters: &[
            parameter(
                "approvers",
                Kind::Signers,
                DefaultValue::None,
                "The approvers in order: roles of humans[] or addresses, each once.",
            ),
            TITLE,
            STEP_DEADLINE,
            REMIND_AFTER,
            MAX_REMINDERS,
            ESCALATE_TO,
        ],
        expand: |given| in_turn(&given["approvers"].as_array().into_iter().flatten().collect::<Vec<_>>(), given),
    },
    Macro {
        id: "macro.agent_then_approval.v1",
        aliases: &[],
        about: "An agent does the work, then one person signs off.",
        parameters: &[
            parameter(
                "agent",
                Kind::Agent,
                DefaultValue::Role(0),
                "The agent that does the work: a role of agents[] or an address. By default the first role of agents[].",
            ),
            parameter(
                "agent_deadline_seconds",
                Kind::Whole,
                DefaultValue::Text(""),
                "The seconds that the agent has to finish. By default there is no limit.",
            ),
            APPROVER,
            TITLE,
            STEP_DEADLINE,
            REMIND_AFTER,
            MAX_REMINDERS,
            ESCALATE_TO,
        ],
        expand: |given| {
            let mut work = json!({ "step_id": "work", "tool_id": "tool.agent.task.v1", "assigned_to": given["agent"] });
            if let Some(seconds) = given.get("agent_deadline_seconds") {
                work["step_deadline_seconds"] = seconds.clone();
            }
            vec![work, sign_off("approval", given.get("approver"), given["title"].clone(), given)]
        },
    },
    Macro {
        id: "macro.reminder_and_escalation.v1",
        aliases: &[],
        about: "A person is asked and reminded. After the last reminder another person is asked.",
        parameters: &[
            parameter(
                "person",
                Kind::Signer,
                DefaultValue::RoleOrNobody(0),
                "The person who is asked first: a role of humans[] or an address. By default the first role of humans[].",
            ),
            TITLE,
            STEP_DEADLINE,
            Parameter {
                default: DefaultValue::Text("3600"),
                about: "The seconds until the first reminder, and between reminders; 3600 by default.",
                ..REMIND_AFTER
            },
            Parameter { default: DefaultValue::Text("3"), ..MAX_REMINDERS },
            Parameter { default: DefaultValue::None, ..ESCALATE_TO },
        ],
        expand: |given| vec![sign_off("approval", given.get("person"), given["title"].clone(), given)],
    },
];

/// Finds a macro by its name or alias.
pub fn find(id: &str) -> Option<&'static Macro> {
    MACROS.iter().find(|known| known.id == id || known.aliases.contains(&id))
}

/// Builds a step that asks `who`, or any person without it.
fn sign_off(step_id: &str, who: Option<&Value>, title: Value, given: &Object) -> Value {
    let mut step = json!({
        "step_id": step_id, "tool_id": "tool.approval.human_signoff", "requires_approval": true, "assigned_to": who,
        "human_task": { "title": title },
    });
    for Parameter { name, .. } in [STEP_DEADLINE, REMIND_AFTER, MAX_REMINDERS, ESCALATE_TO] {
        if let Some(value) = given.get(name) {
            step[name] = value.clone();
        }
    }
    step
}

/// Builds a step for each signer, with a number in its title to tell them apart.
fn in_turn(signers: &[&Value], given: &Object) -> Vec<Value> {
    let title = given["title"].as_str().unwrap_or_default();
    let step = |(index, who): (usize, &&Value)| {
        let (number, all) = (index + 1, signers.len());
        let title = format!("{title} ({number} of {all})");
        let mut step = sign_off(&format!("approval_{number}"), Some(who), title.into(), given);
        let earlier = (1..number).map(|earlier| format!("approval_{earlier}"));
        step["distinct_from"] = earlier.collect();
        step
    };
    signers.iter().enumerate().map(step).collect()
}

impl Reader<'_> {
    /// Reads the plan of a workflow, whose steps are written out or come from a macro.
    pub(super) fn plan(
        &mut self,
        workflow: &Object,
        scenario_id: &str,
        agents: &[Agent],
        humans: &[Human],
    ) -> Option<Plan> {
        self.known(workflow, "workflow", &known::WORKFLOW);
        let given = match workflow.get("parameters") {
            None | Some(Value::Null) => Object::new(),
            Some(Value::Object(given)) => given.clone(),
            Some(other) => {
                self.error("workflow.parameters", format!("must be an object, not {}", shown(other)));
                Object::new()
            }
        };
        let id = self.text(workflow, "macro_id", "workflow.macro_id", 255).filter(|id| !id.is_empty());
        let Some(id) = id else {
            if !given.is_empty() {
                self.warn("workflow.parameters", "ignored, because they belong to a macro: set macro_id");
            }
            return self.steps(workflow, "workflow.steps", scenario_id, agents, humans);
        };
        if !matches!(workflow.get("steps"), None | Some(Value::Null)) && workflow["steps"] != json!([]) {
            self.error("workflow.steps", "a macro has its own steps: set steps or macro_id, not both");
        }
        let entry = self.text(workflow, "entry_step", "workflow.entry_step", 100);
        if entry.is_some_and(|entry| !entry.is_empty()) {
            self.warn("workflow.entry_step", "ignored: a macro starts with its first step");
        }
        let Some(known) = find(&id) else {
            let ids: Vec<&str> = MACROS.iter().map(|known| known.id).collect();
            self.error("workflow.macro_id", format!("there is no macro \"{id}\": use one of {}", ids.join(", ")));
            return None;
        };
        let names: Vec<&str> = known.parameters.iter().map(|parameter| parameter.name).collect();
        for name in given.keys().filter(|name| !names.contains(&name.as_str())) {
            let text = format!("ignored: {id} has no such parameter; it has {}", names.join(", "));
            self.warn(&format!("workflow.parameters.{name}"), text);
        }
        let before = self.report.errors.len();
        let mut roles = Roles { agents, humans, signed: Vec::new() };
        let values = known.parameters.iter().filter_map(|parameter| {
            Some((parameter.name.to_owned(), self.parameter(parameter, given.get(parameter.name), &mut roles)?))
        });
        let values = values.collect::<Object>();
        if self.report.errors.len() > before {
            return None;
        }
        let workflow = Object::from_iter([("steps".to_owned(), (known.expand)(&values).into())]);
        self.steps(&workflow, &format!("workflow.macro_id ({id}) steps"), scenario_id, agents, humans)
    }

    /// Returns the value of a parameter: the given one, or its default.
    fn parameter(&mut self, parameter: &Parameter, given: Option<&Value>, roles: &mut Roles<'_>) -> Option<Value> {
        let place = format!("workflow.parameters.{}", parameter.name);
        let default = match parameter.default {
            DefaultValue::Text(text) => Some(Value::from(text)),
            DefaultValue::Role(index) | DefaultValue::RoleOrNobody(index) => roles.declared(parameter.kind, index),
            DefaultValue::None => None,
        };
        let value = given.filter(|value| !parameter.kind.is_none(value)).cloned().or(default);
        let Some(value) = value.filter(|value| !parameter.kind.is_none(value)) else {
            if matches!(parameter.default, DefaultValue::None | DefaultValue::Role(_)) {
                self.error(&place, format!("required. {}", parameter.about));
            }
            return None;
        };
        let checked = match parameter.kind {
            Kind::Text => text(&value),
            Kind::Whole => whole(&value),
            Kind::Agent | Kind::Person | Kind::Signer => roles.check(parameter.kind, &value),
            Kind::Signers => names(&value).and_then(|names| {
                names.iter().map(|name| roles.check(Kind::Signer, name)).collect::<Result<Vec<_>, _>>().map(Value::from)
            }),
        };
        checked.map_err(|why| self.error(&place, why)).ok()
    }
}

fn text(value: &Value) -> Result<Value, String> {
    let text = value.as_str().map(str::trim).filter(|text| text.chars().count() <= MAX_TEXT_CHARS);
    text.map(Value::from)
        .ok_or_else(|| format!("must be text of at most {MAX_TEXT_CHARS} characters, not {}", shown(value)))
}

fn whole(value: &Value) -> Result<Value, String> {
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let number = number.filter(|number| (1..=MAX_SPAN_SECONDS).contains(number));
    number
        .map(Value::from)
        .ok_or_else(|| format!("must be a whole number from 1 to {MAX_SPAN_SECONDS}, not {}", shown(value)))
}

/// Reads the names in a list, or in text with commas.
fn names(value: &Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(list) => Ok(list.clone()),
        Value::String(text) => Ok(text.split(',').map(Value::from).collect()),
        _ => Err(format!("must be a list of names, not {}", shown(value))),
    }
}

/// The roles that parameters may name, and the people who already sign.
struct Roles<'a> {
    agents: &'a [Agent],
    humans: &'a [Human],
    signed: Vec<String>,
}

impl Roles<'_> {
    fn declared(&self, kind: Kind, index: usize) -> Option<Value> {
        let role = match kind {
            Kind::Agent => self.agents.get(index).map(|agent| &agent.role),
            _ => self.humans.get(index).map(|human| &human.role),
        };
        role.map(|role| role.as_str().into())
    }

    /// Checks that `value` names an agent or a person, as `kind` requires.
    fn check(&mut self, kind: Kind, value: &Value) -> Result<Value, String> {
        let name = value.as_str().map(str::trim).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| format!("must be a role or an address, not {}", shown(value)))?;
        let chars = name.chars().count();
        if chars > MAX_ADDRESS_CHARS {
            return Err(format!("has {chars} characters, at most {MAX_ADDRESS_CHARS} are allowed"));
        }
        let agents = || self.agents.iter().map(|agent| agent.role.as_str());
        let humans = || self.humans.iter().map(|human| human.role.as_str());
        let is_agent = agents().any(|role| role == name) || (is_address(name) && !is_person(name));
        let is_known_person = humans().any(|role| role == name) || is_person(name);
        match kind {
            Kind::Agent if !is_agent || humans().any(|role| role == name) => {
                return Err(nobody(name, "agents[]", "an agent", agents().collect()));
            }
            Kind::Person | Kind::Signer if !is_known_person => {
                return Err(nobody(name, "humans[]", "a person", humans().collect()));
            }
            _ => {}
        }
        let human = self.humans.iter().find(|human| human.role == name);
        let reference = human.map_or_else(|| name.to_owned(), |human| human.holder().reference);
        // The person that a step escalates to is a second pair of eyes too, so may not be a signer.
        if kind != Kind::Agent && self.signed.contains(&reference) {
            return Err(format!("\"{name}\" already signs: name another person"));
        }
        if kind == Kind::Signer {
            self.signed.push(reference);
        }
        Ok(name.into())
    }
}

fn nobody(name: &str, list: &str, what: &str, roles: Vec<&str>) -> String {
    let choice = if roles.is_empty() {
        "declare it there, or use".to_owned()
    } else {
        format!("use one of {}, or", roles.join(", "))
    };
    format!("\"{name}\" is neither a role of {list} nor the address of {what}: {choice} an address")
}
