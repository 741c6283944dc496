//! Steps that the platform carries out itself: delay, timeout, reminder, escalation, notification (contract `wire.md` §4.9,
//! `semantics.md` §2.3). Each is asked for by `runtime_type` or by the id of a built-in tool.

use serde_json::Value;

use super::reader::Reader;
use super::{Agent, Human, is_address};
use crate::address::MAX_ADDRESS_CHARS;
use crate::human::is_email;
use crate::status::{Holder, HolderKind};
use crate::workflow::{Notice, Step, StepKind, Target};
use crate::{HumanTask, Object, template};

/// Where the settings of an internal step may stand, the first that has one winning. The official command line keeps
/// `input` only.
const SETTINGS: [&str; 3] = ["runtime_config", "config", "input"];

/// People and URLs that one step tells.
const MOST_TARGETS: usize = 20;
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

/// What the platform does at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runtime {
    HumanApproval,
    Timeout,
    Reminder,
    Delay,
    Escalation,
    Notification,
}

impl Runtime {
    const ALL: [(&'static str, Runtime); 6] = [
        ("human_approval", Runtime::HumanApproval),
        ("timeout", Runtime::Timeout),
        ("reminder", Runtime::Reminder),
        ("delay", Runtime::Delay),
        ("escalation", Runtime::Escalation),
        ("notification", Runtime::Notification),
    ];

    fn parse(word: &str) -> Option<Runtime> {
        Runtime::ALL.into_iter().find(|(name, _)| *name == word).map(|(_, runtime)| runtime)
    }

    /// What the id of a built-in tool stands for.
    fn of_tool(tool: &str) -> Option<Runtime> {
        match tool {
            "tool.approval.human_signoff" | "tool.human.approval.v1" | "axme.approval.v1" => {
                Some(Runtime::HumanApproval)
            }
            "tool.notification.notify_owner" => Some(Runtime::Notification),
            _ => {
                let name = tool.strip_prefix("tool.internal.")?;
                Runtime::parse(name.strip_suffix(".v1").unwrap_or(name))
            }
        }
    }
}

/// The settings of an internal step, from wherever they stand.
pub(super) struct Settings<'a>(Vec<(&'static str, &'a Object)>);

impl<'a> Settings<'a> {
    fn of(step: &'a Object) -> Settings<'a> {
        let places = SETTINGS.into_iter().filter_map(|name| Some((name, step.get(name)?.as_object()?)));
        Settings(places.collect())
    }

    /// A setting under any of these names, with its place below the step.
    fn find(&self, names: &[&str]) -> Option<(String, &'a Value)> {
        self.0.iter().find_map(|(place, object)| {
            let found = names.iter().find_map(|name| Some((name, object.get(*name)?)));
            found.filter(|(_, value)| !value.is_null()).map(|(name, value)| (format!("{place}.{name}"), value))
        })
    }
}

impl Reader<'_> {
    /// What the platform does at a step, if it does. `Err` after a complaint.
    pub(super) fn runtime(&mut self, step: &Object, place: &str) -> Result<Option<Runtime>, ()> {
        let text = |key: &str| step.get(key).and_then(Value::as_str).unwrap_or_default().trim();
        let (word, tool) = (text("runtime_type"), text("tool_id"));
        if word.is_empty() {
            if tool.starts_with("tool.internal.") && Runtime::of_tool(tool).is_none() {
                self.error(
                    &format!("{place}.tool_id"),
                    format!("\"{tool}\" is no built-in tool; those are {}", tools()),
                );
                return Err(());
            }
            return Ok(Runtime::of_tool(tool));
        }
        let Some(runtime) = Runtime::parse(word) else {
            let names: Vec<&str> = Runtime::ALL.iter().map(|(name, _)| *name).collect();
            self.error(&format!("{place}.runtime_type"), format!("\"{word}\" is none of {}", names.join(", ")));
            return Err(());
        };
        Ok(Some(runtime))
    }

    /// Seconds that an internal step names in its settings.
    pub(super) fn seconds(&mut self, step: &Object, place: &str) -> Option<u64> {
        let settings = Settings::of(step);
        let (name, value) = settings.find(&["seconds", "delay_seconds", "timeout_seconds"])?;
        match value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()) {
            Some(number) if (1..=10 * 365 * 86_400).contains(&number) => Some(number),
            _ => {
                self.error(&format!("{place}.{name}"), "must be a whole number from 1 to 315360000");
                None
            }
        }
    }

    /// A step that waits for some seconds and then succeeds.
    pub(super) fn delay(&mut self, step: &Object, place: &str) -> Option<StepKind> {
        let before = self.report.errors.len();
        let seconds = self.seconds(step, place);
        if seconds.is_none() && self.report.errors.len() == before {
            self.error(place, "a delay needs seconds, at least 1, in input, config or runtime_config");
        }
        seconds.map(|seconds| StepKind::Delay { seconds })
    }

    /// A step that waits for a go-on, for as long as its deadline says.
    pub(super) fn timeout(&mut self, deadline_seconds: Option<u64>, place: &str) -> Option<StepKind> {
        if deadline_seconds.is_none() {
            self.error(place, "a timeout needs seconds in input, config or runtime_config, or step_deadline_seconds");
            return None;
        }
        Some(StepKind::Timeout)
    }

    /// A step that asks somebody else as well: about the task of the step that leads here, or of the one before.
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
        let leads_here = |step: &&Step| asks(step) && step.on_failure.as_deref() == Some(id);
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

    /// A step that tells somebody something.
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
        let told = notice.targets.first().map_or("nobody", Target::shown);
        let holder = holder.unwrap_or_else(|| Holder::named(HolderKind::Human, told));
        Some(if is_reminder { StepKind::Reminder { holder, notice } } else { StepKind::Notification { notice } })
    }

    /// What a person's step tells beside asking, where it says so.
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
        if targets.is_empty() {
            self.error(place, "nobody is told: give to, a URL for a channel, or assigned_to");
            return None;
        }
        Some(Notice { targets, subject, body })
    }

    /// Who is told: those named in `to`, or whom the step is assigned to.
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
        for entry in list.iter().take(MOST_TARGETS + 1) {
            let text = entry.as_str().map(str::trim).unwrap_or_default();
            if text.is_empty() || text.chars().count() > MAX_ADDRESS_CHARS {
                self.error(&format!("{place}.{name}"), "must be an address or a list of addresses");
                return Vec::new();
            }
            let known = humans.iter().find(|human| human.role == text).map(|human| human.holder().reference);
            people.push(known.unwrap_or_else(|| text.to_owned()));
        }
        if people.len() > MOST_TARGETS {
            self.error(&format!("{place}.{name}"), format!("at most {MOST_TARGETS} addresses"));
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
            // Whatever an address is given for; the inbox where there is none.
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
                    self.error(place, "nobody's address for mail is known; set to, or the contact of the person");
                }
                "email" => targets.extend(emails().map(Target::Email)),
                "inbox" if people.is_empty() => self.error(place, "the inbox of whom? Set to or assigned_to"),
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
                    self.error(place, format!("channel \"{other}\" is none of email, inbox, webhook, slack, teams"));
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
            self.error(&format!("{place}.{name}"), "must be a string");
            return String::new();
        };
        if let Err(why) = template::check(text) {
            self.error(&format!("{place}.{name}"), why);
        }
        text.to_owned()
    }

    fn no_person(&mut self, place: &str, role: &str, agents: &[Agent], humans: &[Human]) {
        if agents.iter().any(|agent| agent.role == role) {
            return self.error(place, format!("\"{role}\" is an agent; name a person"));
        }
        let roles: Vec<&str> = humans.iter().map(|human| human.role.as_str()).collect();
        let known = if roles.is_empty() { "none is declared".to_owned() } else { roles.join(", ") };
        self.error(place, format!("no role \"{role}\" of a person; roles: {known}"));
    }
}

fn tools() -> String {
    let names: Vec<String> = Runtime::ALL.iter().map(|(name, _)| format!("tool.internal.{name}")).collect();
    names.join(", ")
}
