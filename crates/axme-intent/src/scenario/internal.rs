//! Steps that the platform carries out itself: delay, timeout, reminder, escalation, notification
//! (`spec/protocol.md` §6.6). A bundle selects each by `runtime_type` or by the id of a built-in tool.

use serde_json::Value;

use super::reader::Reader;
use super::{Agent, Human, is_address};
use crate::HolderKind;
use crate::address::MAX_ADDRESS_CHARS;
use crate::fields::shown;
use crate::human::is_email;
use crate::workflow::{Link, Notice, Step, StepKind, Target};
use crate::{HumanTask, Object, template};
use axme_types::Holder;
use axme_types::limits::MAX_SPAN_SECONDS;
pub(super) use axme_types::scenarios::RuntimeType as Runtime;

/// The fields that may hold the settings of an internal step; the first one with a setting takes precedence. The
/// official command line keeps only `input`.
const SETTINGS: [&str; 3] = ["runtime_config", "config", "input"];

/// Maximum number of addresses that one step notifies.
const MAX_TARGETS: usize = 20;
const MAX_URL_CHARS: usize = 2_048;

const USUAL_SUBJECT: &str = "{{ scenario_id }}: {{ step_id }}";
const USUAL_BODY: &str = "Intent {{ intent_id }} ({{ intent_type }}) has come to step {{ step_id }}.";
const USUAL_REMINDER: &str = "Intent {{ intent_id }} ({{ intent_type }}) still needs you: step {{ step_id }}.";

/// Settings that only a notice has.
const NOTICE_SETTINGS: [&str; 13] = [
    "channels",
    "channel",
    "to",
    "recipients",
    "subject",
    "body",
    "message",
    "webhook_url",
    "url",
    "slack_webhook_url",
    "slack_url",
    "teams_webhook_url",
    "teams_url",
];

/// Returns the kind of step that the id of a built-in tool selects.
fn of_tool(tool: &str) -> Option<Runtime> {
    match tool {
        "tool.approval.human_signoff" | "tool.human.approval.v1" | "axme.approval.v1" => Some(Runtime::HumanApproval),
        "tool.notification.notify_owner" => Some(Runtime::Notification),
        _ => {
            let name = tool.strip_prefix("tool.internal.")?;
            Runtime::parse(name.strip_suffix(".v1").unwrap_or(name))
        }
    }
}

/// The settings of an internal step, from every field that may hold them.
pub(super) struct Settings<'a>(Vec<(&'static str, &'a Object)>);

impl<'a> Settings<'a> {
    fn of(step: &'a Object) -> Settings<'a> {
        let places = SETTINGS.into_iter().filter_map(|name| Some((name, step.get(name)?.as_object()?)));
        Settings(places.collect())
    }

    /// Finds a setting by any of these names, with its place below the step.
    fn find(&self, names: &[&str]) -> Option<(String, &'a Value)> {
        self.0.iter().find_map(|(place, object)| {
            let found = names.iter().find_map(|name| Some((name, object.get(*name)?)));
            found.filter(|(_, value)| !value.is_null()).map(|(name, value)| (format!("{place}.{name}"), value))
        })
    }
}

impl Reader<'_> {
    /// Returns the kind of a step that the platform carries out, or `None` for another step. Returns `Err` after
    /// reporting an error.
    pub(super) fn runtime(&mut self, step: &Object, place: &str) -> Result<Option<Runtime>, ()> {
        let text = |key: &str| step.get(key).and_then(Value::as_str).unwrap_or_default().trim();
        let (word, tool) = (text("runtime_type"), text("tool_id"));
        if word.is_empty() {
            if tool.starts_with("tool.internal.") && of_tool(tool).is_none() {
                self.error(
                    &format!("{place}.tool_id"),
                    format!("\"{tool}\" is not a built-in tool: use one of {}", tools()),
                );
                return Err(());
            }
            return Ok(of_tool(tool));
        }
        let Some(runtime) = Runtime::parse(word) else {
            self.error(
                &format!("{place}.runtime_type"),
                format!("\"{word}\" is not one of {}", Runtime::WORDS.join(", ")),
            );
            return Err(());
        };
        Ok(Some(runtime))
    }

    /// Reads the seconds in the settings of an internal step.
    pub(super) fn seconds(&mut self, step: &Object, place: &str) -> Option<u64> {
        let settings = Settings::of(step);
        let (name, value) = settings.find(&["seconds", "delay_seconds", "timeout_seconds"])?;
        match value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()) {
            Some(number) if (1..=MAX_SPAN_SECONDS).contains(&number) => Some(number),
            _ => {
                let message = format!("must be a whole number from 1 to {MAX_SPAN_SECONDS}, not {}", shown(value));
                self.error(&format!("{place}.{name}"), message);
                None
            }
        }
    }

    /// Reads a step that waits for some seconds and then succeeds.
    pub(super) fn delay(&mut self, step: &Object, place: &str) -> Option<StepKind> {
        let before = self.report.errors.len();
        let seconds = self.seconds(step, place);
        if seconds.is_none() && self.report.errors.len() == before {
            self.error(place, "a delay needs a length: set seconds in input, config or runtime_config");
        }
        seconds.map(|seconds| StepKind::Delay { seconds })
    }

    /// Reads a step that waits, until its deadline, for a caller to let it proceed.
    pub(super) fn timeout(&mut self, deadline_seconds: Option<u64>, place: &str) -> Option<StepKind> {
        if deadline_seconds.is_none() {
            self.error(
                place,
                "a timeout needs a length: set step_deadline_seconds, or seconds in input, config or runtime_config",
            );
            return None;
        }
        Some(StepKind::Timeout)
    }

    /// Reads a step that asks another person as well. The task is that of the step whose failure leads here, or of the
    /// last one before it.
    pub(super) fn escalation(
        &mut self,
        step: &Object,
        place: &str,
        agents: &[Agent],
        humans: &[Human],
        before: &[Step],
    ) -> Option<StepKind> {
        let settings = Settings::of(step);
        let own = |key: &str| Some((key.to_owned(), step.get(key)?)).filter(|(_, value)| !value.is_null());
        let named = settings.find(&["escalate_to", "to"]).or_else(|| own("escalate_to")).or_else(|| own("assigned_to"));
        let Some((name, value)) = named else {
            self.error(place, "an escalation needs escalate_to: a role of humans[] or a person's address");
            return None;
        };
        let to = value.as_str().unwrap_or_default().trim();
        let holder = match humans.iter().find(|human| human.role == to) {
            Some(human) => human.holder(),
            None if is_address(to) && to.len() <= MAX_ADDRESS_CHARS => Holder::named(HolderKind::Human, to),
            None => {
                self.no_person(&format!("{place}.{name}"), to, agents, humans);
                return None;
            }
        };
        let id = step.get("step_id").and_then(Value::as_str).unwrap_or_default().trim();
        let asks = |step: &&Step| matches!(step.kind, StepKind::Human { .. });
        let leads_here = |step: &&Step| asks(step) && step.on_failure.as_ref().and_then(Link::step) == Some(id);
        let asked = before.iter().rev().find(leads_here).or_else(|| before.iter().rev().find(asks));
        let asked = asked.and_then(|step| match &step.kind {
            StepKind::Human { holder, task, .. } => Some((holder.clone(), task.as_ref().clone())),
            _ => None,
        });
        let task = match step.get("human_task") {
            Some(Value::Object(source)) => self.task(source, &format!("{place}.human_task")),
            _ => asked.as_ref().map_or_else(HumanTask::untitled, |(_, task)| task.clone()),
        };
        let escalated_from = asked.map(|(holder, _)| holder).filter(|from| *from != holder);
        Some(StepKind::Human { holder, task: Box::new(task), escalated_from })
    }

    /// Reads a step that sends a notice or a reminder.
    pub(super) fn notification(
        &mut self,
        step: &Object,
        place: &str,
        agents: &[Agent],
        humans: &[Human],
        is_reminder: bool,
    ) -> Option<StepKind> {
        let assigned = step.get("assigned_to").and_then(Value::as_str).unwrap_or_default().trim();
        let holder = match humans.iter().find(|human| human.role == assigned) {
            Some(human) => Some(human.holder()),
            None if assigned.is_empty() => None,
            None if is_address(assigned) => Some(Holder::named(HolderKind::Human, assigned)),
            None => {
                self.no_person(&format!("{place}.assigned_to"), assigned, agents, humans);
                return None;
            }
        };
        let usual = if is_reminder { USUAL_REMINDER } else { USUAL_BODY };
        let notice = Box::new(self.notice(step, place, humans, holder.as_ref(), usual)?);
        let told = notice.targets.first().map_or("the sender", Target::shown);
        let holder = holder.unwrap_or_else(|| Holder::named(HolderKind::Human, told));
        Some(if is_reminder { StepKind::Reminder { holder, notice } } else { StepKind::Notification { notice } })
    }

    /// Reads the notice that a person's step sends in addition to its task, if it has settings for one.
    pub(super) fn notice_beside(
        &mut self,
        step: &Object,
        place: &str,
        humans: &[Human],
        kind: &StepKind,
    ) -> Option<Box<Notice>> {
        let StepKind::Human { holder, .. } = kind else { return None };
        Settings::of(step).find(&NOTICE_SETTINGS)?;
        self.notice(step, place, humans, Some(holder), USUAL_BODY).map(Box::new)
    }

    fn notice(
        &mut self,
        step: &Object,
        place: &str,
        humans: &[Human],
        holder: Option<&Holder>,
        usual_body: &str,
    ) -> Option<Notice> {
        let before = self.report.errors.len();
        let settings = Settings::of(step);
        let people = self.people(&settings, place, humans, holder);
        let targets = self.targets(&settings, place, &people);
        let subject = self.template(&settings, place, &["subject"], USUAL_SUBJECT);
        let body = self.template(&settings, place, &["body", "message", "text"], usual_body);
        if self.report.errors.len() > before {
            return None;
        }
        Some(Notice { targets, subject, body })
    }

    /// Returns the people to notify: those in `to`, or else the step's assignee.
    fn people(
        &mut self,
        settings: &Settings<'_>,
        place: &str,
        humans: &[Human],
        holder: Option<&Holder>,
    ) -> Vec<String> {
        let Some((name, value)) = settings.find(&["to", "notify_email", "recipients"]) else {
            return holder.map(|holder| holder.reference.clone()).into_iter().collect();
        };
        let list = match value {
            Value::Array(list) => list.iter().collect(),
            one => vec![one],
        };
        let mut people = Vec::new();
        for entry in list.iter().take(MAX_TARGETS + 1) {
            let text = entry.as_str().map(str::trim).unwrap_or_default();
            if text.is_empty() || text.chars().count() > MAX_ADDRESS_CHARS {
                let message = format!("must be an address or a list of addresses, not {}", shown(value));
                self.error(&format!("{place}.{name}"), message);
                return Vec::new();
            }
            let known = humans.iter().find(|human| human.role == text).map(|human| human.holder().reference);
            people.push(known.unwrap_or_else(|| text.to_owned()));
        }
        if people.len() > MAX_TARGETS {
            let message = format!("has {} addresses, at most {MAX_TARGETS} are allowed", list.len());
            self.error(&format!("{place}.{name}"), message);
        }
        people
    }

    fn targets(&mut self, settings: &Settings<'_>, place: &str, people: &[String]) -> Vec<Target> {
        let emails = || people.iter().filter(|person| is_email(person)).cloned();
        let url = |names: &[&str]| settings.find(names).map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let hooks = [
            ("webhook", url(&["webhook_url", "url"])),
            ("slack", url(&["slack_webhook_url", "slack_url"])),
            ("teams", url(&["teams_webhook_url", "teams_url"])),
        ];
        let channels: Vec<String> = match settings.find(&["channels", "channel"]) {
            Some((_, Value::Array(list))) => {
                list.iter().map(|entry| entry.as_str().unwrap_or_default().trim().to_owned()).collect()
            }
            Some((_, one)) => vec![one.as_str().unwrap_or_default().trim().to_owned()],
            // By default every channel that has an address, or else the inbox.
            None => {
                let named = hooks.iter().filter(|(_, url)| url.is_some()).map(|(name, _)| *name);
                let mut all: Vec<&str> = named.chain(emails().next().map(|_| "email")).collect();
                if all.is_empty() && !people.is_empty() {
                    all.push("inbox");
                }
                all.into_iter().map(str::to_owned).collect()
            }
        };
        let mut targets = Vec::new();
        for channel in &channels {
            match channel.as_str() {
                "email" if emails().next().is_none() => {
                    self.error(place, "channel email needs an email address: set \"to\", or the contact of the person");
                }
                "email" => targets.extend(emails().map(Target::Email)),
                "inbox" if people.is_empty() => {
                    self.error(place, "channel inbox needs a recipient: set \"to\" or assigned_to")
                }
                "inbox" => targets.extend(people.iter().cloned().map(Target::Inbox)),
                "webhook" | "slack" | "teams" => {
                    let given = hooks.iter().find(|(name, _)| name == channel).and_then(|(_, url)| url.clone());
                    let given = given.or_else(|| url(&["webhook_url", "url"]));
                    match given.filter(|(_, url)| !url.trim().is_empty() && url.len() <= MAX_URL_CHARS) {
                        Some((_, url)) => targets.push(match channel.as_str() {
                            "slack" => Target::Slack(url.trim().to_owned()),
                            "teams" => Target::Teams(url.trim().to_owned()),
                            _ => Target::Webhook(url.trim().to_owned()),
                        }),
                        None => self.error(place, format!("channel {channel} needs a URL: set {channel}_url or url")),
                    }
                }
                other => {
                    let message = format!("channel \"{other}\" is not one of email, inbox, webhook, slack, teams");
                    self.error(place, message);
                }
            }
        }
        targets.sort();
        targets.dedup();
        targets
    }

    fn template(&mut self, settings: &Settings<'_>, place: &str, names: &[&str], usual: &str) -> String {
        let Some((name, value)) = settings.find(names) else { return usual.to_owned() };
        let Some(text) = value.as_str() else {
            self.error(&format!("{place}.{name}"), format!("must be a string, not {}", shown(value)));
            return String::new();
        };
        if let Err(why) = template::check(text) {
            self.error(&format!("{place}.{name}"), why);
        }
        text.to_owned()
    }

    fn no_person(&mut self, place: &str, role: &str, agents: &[Agent], humans: &[Human]) {
        if agents.iter().any(|agent| agent.role == role) {
            return self.error(place, format!("\"{role}\" is an agent: use a role of humans[] or a person's address"));
        }
        let roles: Vec<&str> = humans.iter().map(|human| human.role.as_str()).collect();
        self.error(place, unknown_person(role, &roles));
    }
}

/// Says that a role is not one of the bundle's people.
pub(super) fn unknown_person(role: &str, roles: &[&str]) -> String {
    let choice = if roles.is_empty() {
        "declare it there, or use".to_owned()
    } else {
        format!("use one of {}, or", roles.join(", "))
    };
    format!("\"{role}\" is not a role of humans[]: {choice} a person's address")
}

fn tools() -> String {
    let names: Vec<String> = Runtime::WORDS.iter().map(|name| format!("tool.internal.{name}")).collect();
    names.join(", ")
}
