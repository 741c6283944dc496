//! The text of a trace: reads it, runs it and writes it again.
//!
//! ```text
//! # What the story shows.
//! intent to worker            an intent to an agent; `to human` for one that waits for a person
//! deadline 1h                 its deadline, counted from its creation
//! task {"title": "Ship it?"}  a person's task on it
//! reminder_plan after 10m every 5m times 2 to boss   its reminders and escalation
//! child                       the intent carries out a step of another one
//! step check agent checker within 60s then ask else mend
//! step ask person ops within 1h task {"title": "Deploy?"}
//!
//! deny check policy_denied: the agent does not accept it
//! create
//! +5s worker: complete {"ready": true}
//! 3 times +60s gateway: step_deadline ask
//! ```
//!
//! `then` and `else` also take the ends of a workflow; `runs_into` is a `then` that only the order of the steps means.
//! Steps make the intent a workflow that starts with the first one. A step that is denied fails when it starts, until `admit check`. A command line is `[+TIME] ACTOR: COMMAND`;
//! [`command`] reads the commands. Indented lines are the result of the command above. Each event shows its position,
//! its time since the creation, the status after it and its type, then its sentence. The last one of an ended intent has its outcome (`=`).
//! Then come the effects (`*`), or the refusal (`!`).
//! Children are named c1, c2, … in the order of their start; `stranger` is any other intent.

use std::collections::BTreeMap;
use std::fmt::Write;

use axme_intent::human::{AskBack, Response, Standing, Via};
use axme_intent::lifecycle::{
    Answer, Command, DecideInput, Decision, Effect, Ending, Event, EventBody, Fault, Holder, HolderKind, Intent,
    IntentSpec, Refusal, TimerKind,
};
use axme_intent::policy::Patch;
use axme_intent::workflow::{Notice, Rejoin, Target};
use axme_intent::{
    Address, Home, HumanTask, IntentId, Json, JsonFields, Link, Object, Plan, ReminderPlan, Retry, Step, StepKind,
    TaskResult, Time, sentences,
};
use serde_json::Value;
use uuid::Uuid;

use crate::history::History;

const HOME: Home<'_> = Home { org: "local", workspace: "default" };
/// 2026-01-01, midnight.
const START: Time = Time::from_micros(1_767_225_600_000_000);

/// Runs a story and returns its text with the result of each command.
pub fn retell(text: &str) -> String {
    let mut story = Story::default();
    let mut told = String::new();
    for line in text.lines().filter(|line| !line.starts_with(' ')) {
        told.push_str(line);
        told.push('\n');
        if !line.is_empty() && !line.starts_with('#') {
            told.push_str(&story.line(line));
        }
    }
    told
}

/// A story up to the current line.
#[derive(Default)]
pub struct Story {
    to: Option<Address>,
    deadline: Option<u64>,
    task: Option<HumanTask>,
    reminder_plan: Option<ReminderPlan>,
    is_child: bool,
    steps: Vec<Step>,
    history: Option<History>,
    /// Seconds since the creation.
    now: i64,
    commands: u128,
    denied_steps: BTreeMap<String, Fault>,
}

impl Story {
    pub fn told(text: &str) -> Story {
        let mut story = Story::default();
        for line in text.lines() {
            story.line(line);
        }
        story
    }

    /// Runs one line and returns its result.
    pub fn line(&mut self, line: &str) -> String {
        match split(line) {
            ("intent", rest) => {
                let name = rest.strip_prefix("to ").unwrap_or_else(|| panic!("expected `intent to NAME`: {line}"));
                self.to = Some(Address::resolve(name, HOME));
            }
            ("deadline", rest) => self.deadline = Some(read_span(rest)),
            ("task", rest) => self.task = Some(task(rest)),
            ("reminder_plan", rest) => self.reminder_plan = Some(reminder_plan(rest)),
            ("policy", rest) => {
                let patch = serde_json::from_str::<Value>(rest).expect("JSON");
                let part = |key: &str| patch[key].as_object().cloned().unwrap_or_default();
                let patch = Patch { controls: part("controls"), grants: part("grants"), envelope: part("envelope") };
                let now = Time::from_micros(START.micros() + self.now * 1_000_000);
                let deadline_at = self.deadline.map(|seconds| START.plus_seconds(seconds));
                return match self.history().change(&patch, deadline_at, now) {
                    Ok(change) => {
                        let effects = change.effects.iter().map(|e| format!("  * {}\n", show_effect(e, &[])));
                        effects.chain(change.warnings.iter().map(|w| format!("  ? {w}\n"))).collect()
                    }
                    Err(refusal) => self.show(&Err(refusal)),
                };
            }
            ("child", "") => self.is_child = true,
            ("deny", rest) => {
                let (step, why) = split(rest);
                self.denied_steps.insert(step.to_owned(), fault(why));
            }
            ("admit", step) => {
                self.denied_steps.remove(step);
            }
            ("step", rest) => self.steps.push(step(rest)),
            ("create", "") => return self.create(),
            (count, rest) if rest.starts_with("times ") => {
                let count: usize = count.parse().unwrap_or_else(|_| panic!("expected a number before `times`: {line}"));
                let command = rest.strip_prefix("times ").unwrap();
                let before = self.history().events.len();
                let last = (0..count).map(|_| self.send(command)).last();
                let last = last.map(|outcome| self.show(&outcome)).unwrap_or_default();
                let events = self.history().events.len() - before;
                return format!("  … {events} events in total; the last time:\n{last}");
            }
            _ => {
                let outcome = self.send(line);
                return self.show(&outcome);
            }
        }
        String::new()
    }

    /// Returns the history, if the intent is created.
    pub fn started(&self) -> Option<&History> {
        self.history.as_ref()
    }

    pub fn history(&mut self) -> &mut History {
        self.history.as_mut().expect("`create` comes before commands")
    }

    fn input(&mut self, actor: &str) -> DecideInput {
        self.commands += 1;
        let millis = self.now * 1_000_000;
        DecideInput {
            now: Time::from_micros(START.micros() + millis),
            actor: actor.to_owned(),
            child: IntentId(Uuid::from_u128(0xc0_0000 + self.commands)),
            denied_steps: self.denied_steps.clone(),
        }
    }

    fn create(&mut self) -> String {
        let entry = self.steps.first().map(|step| step.id.clone());
        let plan = entry.map(|entry| Plan { scenario_id: "story".to_owned(), entry, steps: self.steps.clone() });
        let platform = Address::resolve("agent_core", HOME);
        let spec = IntentSpec {
            intent_type: "story.v1".to_owned(),
            correlation_id: Uuid::nil(),
            from: Address::resolve("asker", HOME),
            to: self.to.clone().unwrap_or(platform),
            reply_to: None,
            payload: JsonFields::new().into(),
            deadline_at: self.deadline.map(|seconds| START.plus_seconds(seconds)),
            max_delivery_attempts: None,
            reminder_plan: self.reminder_plan.clone(),
            task: self.task.clone(),
            plan,
            requested_by: None,
            requested_with: None,
            client: None,
            step: self.is_child.then(|| "work".to_owned()),
        };
        let id = IntentId(Uuid::from_u128(1));
        let root = IntentId(Uuid::from_u128(if self.is_child { 2 } else { 1 }));
        let draft = Intent::draft(id, root, self.is_child.then_some(root), START);
        let input = self.input("asker");
        let (history, decision) = History::begin(draft, spec, &input);
        self.history = Some(history);
        self.show(&Ok(decision))
    }

    /// Carries out one command line.
    pub fn send(&mut self, line: &str) -> Result<Decision, Refusal> {
        let (first, rest) = split(line);
        let text = match (first.strip_prefix('+'), first.strip_prefix('-')) {
            (Some(span), _) => {
                self.now += i64::try_from(read_span(span)).unwrap();
                rest
            }
            // The clock is set back.
            (_, Some(span)) => {
                self.now -= i64::try_from(read_span(span)).unwrap();
                rest
            }
            _ => line,
        };
        let (actor, text) = text.split_once(": ").unwrap_or_else(|| panic!("expected `ACTOR: COMMAND`: {line}"));
        let input = self.input(actor);
        let children = self.history().children.clone();
        let command = command(text, &children);
        self.history().send(command, &input)
    }

    fn show(&mut self, outcome: &Result<Decision, Refusal>) -> String {
        let children = self.history().children.clone();
        let mut text = String::new();
        match outcome {
            Ok(decision) if *decision == Decision::default() => text.push_str("  (nothing)\n"),
            Ok(decision) => {
                for event in &decision.events {
                    show_event(&mut text, event, &children);
                }
                for effect in &decision.effects {
                    writeln!(text, "  * {}", show_effect(effect, &children)).unwrap();
                }
            }
            Err(refusal) => {
                let kind = format!("{:?}", refusal.code.kind()).to_lowercase();
                let message = with_names(&refusal.message, &children);
                writeln!(text, "  ! {kind} {}: {message}", refusal.code).unwrap();
            }
        }
        text
    }
}

/// Reads `step ID KIND NAME …`. The kind is agent, person, delay, timeout, tell, remind or pass. The name of a delay is
/// a span; timeout and pass ignore the name. Then follow any of `within SPAN`, `then ID`, `else ID`, `retry N`, `rest
/// SPAN`, `from NAME`, `called NAME`, `apart_from ID`, `task {…}`.
fn step(text: &str) -> Step {
    let (text, asked) = match text.split_once(" task ") {
        Some((text, json)) => (text, task(json)),
        None => (text, HumanTask::untitled()),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [id, kind, name, options @ ..] = words.as_slice() else { panic!("expected `step ID KIND NAME`: {text}") };
    let kind = match *kind {
        "agent" => StepKind::Agent { to: Address::resolve(name, HOME), name: (*name).to_owned() },
        "person" => {
            let called = options.chunks(2).find(|pair| pair[0] == "called").map_or(*name, |pair| pair[1]);
            let (reference, name) = ((*name).to_owned(), called.to_owned());
            let holder = Holder { kind: HolderKind::Human, reference, name };
            let from = options.chunks(2).find(|pair| pair[0] == "from").map(|pair| pair[1]);
            let escalated_from = from.map(|from| Holder::named(HolderKind::Human, from));
            let apart = options.chunks(2).filter(|pair| pair[0] == "apart_from").map(|pair| pair[1].to_owned());
            let asked = HumanTask { distinct_from: apart.collect(), ..asked };
            StepKind::Human { holder, task: Box::new(asked), escalated_from }
        }
        "delay" => StepKind::Delay { seconds: read_span(name) },
        "timeout" => StepKind::Timeout,
        "tell" | "remind" => {
            let targets = vec![Target::Email((*name).to_owned())];
            let notice = Box::new(Notice { targets, subject: "subject".to_owned(), body: "body".to_owned() });
            let holder = Holder::named(HolderKind::Human, name);
            if *kind == "tell" { StepKind::Notification { notice } } else { StepKind::Reminder { holder, notice } }
        }
        "pass" => StepKind::Pass,
        other => panic!("unknown kind of step: {other}"),
    };
    let option = |wanted: &str| options.chunks(2).find(|pair| pair[0] == wanted).map(|pair| pair[1].to_owned());
    Step {
        id: (*id).to_owned(),
        tool: String::new(),
        kind,
        deadline_seconds: option("within").map(|span| read_span(&span)),
        reminder_plan: Some(read_reminder_plan(options)).filter(|reminder_plan| !reminder_plan.is_empty()),
        retry: option("retry").map(|retries| Retry {
            max_retries: retries.parse().unwrap(),
            delay_seconds: option("rest").map_or(0, |span| read_span(&span)),
        }),
        notice: None,
        input: None,
        on_success: option("then").or(option("runs_into")).map(Link::from),
        on_failure: option("else").map(Link::from),
        rejoins: option("runs_into").map(|_| Rejoin::ByOrder).or(option("rejoins").map(|_| Rejoin::Named)),
    }
}

fn reminder_plan(text: &str) -> ReminderPlan {
    read_reminder_plan(&text.split_whitespace().collect::<Vec<_>>())
}

/// Reads any of `after SPAN`, `every SPAN`, `times N`, `to NAME`.
fn read_reminder_plan(words: &[&str]) -> ReminderPlan {
    let option = |wanted: &str| words.chunks(2).find(|pair| pair[0] == wanted).map(|pair| pair[1].to_owned());
    ReminderPlan {
        remind_after_seconds: option("after").map(|span| read_span(&span)),
        remind_interval_seconds: option("every").map(|span| read_span(&span)),
        max_reminders: option("times").map(|n| n.parse().expect("a number")),
        escalate_to: option("to").map(|name| Holder::named(HolderKind::Human, &name)),
    }
}

fn task(text: &str) -> HumanTask {
    let (task, complaints) = HumanTask::read(&object(text));
    assert_eq!(complaints, Vec::<String>::new());
    task
}

fn command(text: &str, children: &[IntentId]) -> Command {
    match split(text) {
        ("acknowledge", "") => Command::Acknowledge,
        ("complete", rest) => Command::Answer(Answer::Complete(json(rest).into())),
        ("fail", rest) => Command::Answer(Answer::Fail(fault(rest))),
        ("hand_over", rest) => Command::Answer(Answer::HandOver(json(rest).into())),
        ("ask", rest) => {
            let (person, rest) = split(rest);
            let holder = Holder::named(HolderKind::Human, person);
            let note = JsonFields::from(object(rest));
            let task = Box::new(HumanTask::approval_of(&note));
            Command::AskPerson { note: note.into(), holder, task, due_at: None }
        }
        ("decide", rest) => {
            let (rest, is_requester) = rest.strip_prefix("as_requester ").map_or((rest, false), |rest| (rest, true));
            let (rest, is_person) = rest.strip_prefix("by_key ").map_or((rest, true), |rest| (rest, false));
            let (rest, groups) = match rest.strip_prefix("of_group ").map(split) {
                Some((group, rest)) => (rest, vec![group.to_owned()]),
                None => (rest, Vec::new()),
            };
            let (rest, stands_in_for) = match rest.strip_prefix("in_place_of ").map(split) {
                Some((absent, rest)) => (rest, absent.split(',').map(str::to_owned).collect()),
                None => (rest, Vec::new()),
            };
            let answer = TaskResult::read(&object(rest).into());
            let standing = Standing { is_requester, is_person, groups, stands_in_for };
            Command::Decide(Response { answer, standing, ..Response::default() })
        }
        ("ask_back", text) => Command::AskBack(AskBack {
            text: text.to_owned(),
            to: Holder::named(HolderKind::Agent, "asker"),
            email: Some("asker@example.com".to_owned()),
            via: Via::Api,
            through: None,
            standing: Standing { is_person: true, ..Standing::default() },
        }),
        ("reply", text) => Command::Reply(crate::random::reply(text.to_owned())),
        ("withdraw", text) => Command::Withdraw(crate::random::withdrawal(text.to_owned())),
        ("reassign", rest) => {
            let (to, rest) = split(rest);
            let (from, note) =
                rest.strip_prefix("for ").map_or((None, rest), |rest| (Some(split(rest).0), split(rest).1));
            let note = Some(note.to_owned()).filter(|note| !note.is_empty());
            let holder = Holder::named(HolderKind::Human, to);
            Command::Reassign { holder, from: from.map(str::to_owned), note }
        }
        ("proceed", rest) => Command::Proceed { reason: Some(rest.to_owned()).filter(|reason| !reason.is_empty()) },
        ("resolve", rest) => Command::Resolve(ending(rest)),
        ("deadline", "") => Command::DeadlinePassed,
        ("step_deadline", step) => Command::StepDeadlinePassed { step: step.to_owned() },
        ("reminder_stage_due", "") => Command::ReminderStageDue,
        ("execution_timed_out", "") => Command::ExecutionTimedOut,
        ("push_failed", rest) => {
            let words: Vec<&str> = rest.splitn(4, ' ').collect();
            let [attempt, "of", most, error] = words.as_slice() else {
                panic!("expected `push_failed N of N ERROR`: {rest}")
            };
            let (attempt, most) = (attempt.parse().unwrap(), most.parse().unwrap());
            let retry_at = (attempt < most).then(|| START.plus_seconds(30));
            Command::PushFailed { attempt, most, error: (*error).to_owned(), retry_at }
        }
        ("child_ended", rest) => {
            let (name, rest) = split(rest);
            let known = children.iter().find(|child| show_child(**child, children) == name).copied();
            let child = known.or_else(|| (name == "stranger").then_some(IntentId(Uuid::max())));
            Command::ChildEnded {
                child: child.unwrap_or_else(|| panic!("unknown child: {name}")),
                ending: ending(rest),
            }
        }
        _ => panic!("unknown command: {text}"),
    }
}

fn ending(text: &str) -> Ending {
    match split(text) {
        ("completed", rest) => Ending::Completed(json(rest).into()),
        ("failed", rest) => Ending::Failed(fault(rest)),
        ("canceled", rest) => Ending::Canceled(rest.to_owned()),
        ("timed_out", "") => Ending::TimedOut,
        _ => panic!("unknown ending: {text}"),
    }
}

/// Reads `CODE: MESSAGE`, with an optional JSON result after ` with `.
fn fault(text: &str) -> Fault {
    let (text, result) = match text.split_once(" with ") {
        Some((text, result)) => (text, Some(json(result).into())),
        None => (text, None),
    };
    let (code, message) = text.split_once(": ").unwrap_or_else(|| panic!("expected `CODE: MESSAGE`: {text}"));
    Fault { code: code.to_owned(), message: message.to_owned(), details: None, result }
}

fn show_event(text: &mut String, event: &Event, children: &[IntentId]) {
    let at = show_time(event.at);
    let (status, name) = (event.status.as_str(), event.body.event_type().as_str());
    let about = match &event.body {
        EventBody::Created(_) | EventBody::Submitted | EventBody::Acknowledged | EventBody::TimedOut => String::new(),
        EventBody::Delivered { to } => format!("to {to}"),
        EventBody::InProgress { step, result, details, .. } => {
            let step = step.as_ref().map(|step| format!("step {step}: "));
            let result = result.as_ref().map(ToString::to_string);
            let details = Json::from(details.clone());
            format!("{}{} details {details}", step.unwrap_or_default(), result.unwrap_or_default())
        }
        EventBody::Waiting(waiting) => {
            let mut about = format!("{} {}", waiting.reason.as_str(), waiting.holder.reference);
            let due = waiting.due_at.map(show_time);
            let child = waiting.child.map(|child| show_child(child, children));
            for (word, value) in [("step", &waiting.step), ("child", &child), ("due", &due)] {
                if let Some(value) = value {
                    write!(about, ", {word} {value}").unwrap();
                }
            }
            about
        }
        EventBody::HumanTaskAssigned { holder, task } => {
            format!("{} ({}): {}", holder.reference, holder.name, task.title)
        }
        EventBody::Timeout { step } => format!("step {step}"),
        EventBody::Reminder { holder, count } => format!("{count} to {}", holder.reference),
        EventBody::Escalated { holder, from, due_at, task } => {
            let due = due_at.map(|at| format!(", due {}", show_time(at))).unwrap_or_default();
            let task = task.as_ref().map(|_| ", with a task").unwrap_or_default();
            format!("from {} to {}{due}{task}", from.reference, holder.reference)
        }
        EventBody::Voted { vote, needed } => format!("{}, {needed} needed: {}", vote.by, vote.result),
        EventBody::Withdrawn { vote, comment, .. } => {
            format!("{}: {} of {}", vote.by, comment.as_deref().unwrap_or("-"), vote.result)
        }
        EventBody::Questioned { question } => {
            format!("{} to {}: {}", question.by, question.to.reference, question.text)
        }
        EventBody::Replied { asked_by, reply } => format!("{} to {asked_by}: {}", reply.by, reply.text),
        EventBody::Transferred { holder, from, is_part, note } => {
            let is_part = if *is_part { "part " } else { "" };
            let note = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            format!("{is_part}from {} to {}{note}", from.reference, holder.reference)
        }
        EventBody::DeliveryFailed { attempt, most, error, retry_at } => {
            let again = retry_at.map(|at| format!(", again at {}", show_time(at))).unwrap_or_default();
            format!("{attempt} of {most}: {error}{again}")
        }
        EventBody::Completed { result, details, .. } if details.is_empty() => result.to_string(),
        EventBody::Completed { result, details, .. } => format!("{result} details {}", Json::from(details.clone())),
        EventBody::Failed { fault, .. } => show_fault(fault),
        EventBody::Canceled { reason, .. } => reason.clone(),
    };
    let line = format!("  {:>3} {at:>5}  {status:<12} {name:<26} {}", event.position, about.trim_start());
    writeln!(text, "{}", with_names(line.trim_end(), children)).unwrap();
    if let Some(sentence) = sentences::of_event(event, axme_words::Language::English) {
        writeln!(text, "{:13}“{}”", "", with_names(&sentence, children)).unwrap();
    }
    if let Some(outcome) = event.outcome() {
        writeln!(text, "  = {}: {}", outcome.kind, outcome.sentence(axme_words::Language::English)).unwrap();
    }
}

fn show_effect(effect: &Effect, children: &[IntentId]) -> String {
    let text = match effect {
        Effect::Deliver { to } => format!("deliver to {to}"),
        Effect::MarkAcknowledged => "mark the delivery as acknowledged".to_owned(),
        Effect::BuryDelivery => "bury the delivery".to_owned(),
        Effect::OfferAgain => "offer it again".to_owned(),
        Effect::OfferChildAgain(child) => format!("offer child {} again", show_child(*child, children)),
        Effect::Mail { about, to } => format!("mail {}: {about:?}", to.join(", ")),
        Effect::Notify { step } => format!("notify of step {step}"),
        Effect::EndDelivery => "end the delivery".to_owned(),
        Effect::StartChild { child, step } => format!("start child {} for step {step}", show_child(*child, children)),
        Effect::EndChild { child, ending } => {
            format!("end child {}: {}", show_child(*child, children), show_ending(ending))
        }
        Effect::SetTimer { kind, at } => format!("set the timer of {} to {}", show_timer(kind), show_time(*at)),
        Effect::ClearTimer(kind) => format!("clear the timer of {}", show_timer(kind)),
        Effect::ClearTimers => "clear all timers".to_owned(),
        Effect::TellParent(ending) => format!("tell the parent: {}", show_ending(ending)),
    };
    with_names(&text, children)
}

fn show_timer(kind: &TimerKind) -> String {
    match kind {
        TimerKind::Deadline => "the deadline".to_owned(),
        TimerKind::Step(step) => format!("step {step}"),
        TimerKind::ReminderStage => "the reminder stage".to_owned(),
        TimerKind::Execution => "the work".to_owned(),
    }
}

fn show_ending(ending: &Ending) -> String {
    match ending {
        Ending::Completed(result) => format!("completed {result}"),
        Ending::Failed(fault) => format!("failed {}", show_fault(fault)),
        Ending::Canceled(reason) => format!("canceled {reason}"),
        Ending::TimedOut => "timed_out".to_owned(),
    }
}

fn show_fault(fault: &Fault) -> String {
    let mut text = format!("{}: {}", fault.code, fault.message);
    if let Some(details) = &fault.details {
        write!(text, " details {details}").unwrap();
    }
    if let Some(result) = &fault.result {
        write!(text, " with {result}").unwrap();
    }
    text
}

fn show_child(child: IntentId, children: &[IntentId]) -> String {
    let index = children.iter().position(|known| *known == child);
    index.map_or_else(|| "?".to_owned(), |index| format!("c{}", index + 1))
}

/// Replaces the ids of children by their short names.
fn with_names(text: &str, children: &[IntentId]) -> String {
    children.iter().fold(text.to_owned(), |text, child| text.replace(&child.to_string(), &show_child(*child, children)))
}

fn show_time(at: Time) -> String {
    let seconds = (at.micros() - START.micros()) / 1_000_000;
    match seconds {
        0 => "0s".to_owned(),
        _ if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        _ if seconds % 60 == 0 => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

/// Reads a span such as `90s`, `5m` or `1h` in seconds.
fn read_span(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().unwrap_or_else(|_| panic!("expected a span such as 90s, 5m or 1h, not {text}"));
    match unit {
        "s" => number,
        "m" => number * 60,
        "h" => number * 3600,
        _ => panic!("expected a span such as 90s, 5m or 1h, not {text}"),
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn object(text: &str) -> Object {
    json(text).as_object().unwrap_or_else(|| panic!("expected a JSON object: {text}")).clone()
}
