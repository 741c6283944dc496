//! Random intents and random commands.
//!
//! A command is drawn as a [`Move`], in terms that fit any intent ("the current child", "the second outcome of the
//! task"). It becomes a [`Command`] once the state of the intent is known, so that most commands have an effect.

use axme_intent::human::{AskBack, Reply, Response, Standing, Via, Withdrawal};
use axme_intent::lifecycle::{Answer, Command, DecideInput, Ending, Fault, Holder, HolderKind, Intent, IntentSpec};
use axme_intent::policy::Patch;
use axme_intent::workflow::{Notice, Rejoin, Target};
use axme_intent::{
    Address, EndTarget, HumanTask, IntentId, Json, Link, Object, Plan, ReminderPlan, Retry, Step, StepKind, TaskResult,
    Time,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use crate::history::History;

pub const START: Time = Time::from_micros(1_767_225_600_000_000);

/// A new intent to submit, and whether it carries out a step of another one.
#[derive(Debug, Clone)]
pub struct Beginning {
    pub spec: IntentSpec,
    pub is_child: bool,
}

#[derive(Debug, Clone)]
pub struct Turn {
    /// How far the clock moves, in microseconds; may be negative.
    pub passes: i64,
    pub what: Move,
}

#[derive(Debug, Clone)]
pub enum Move {
    Acknowledge,
    Answer(Answer),
    AskPerson(Json),
    /// The task's outcome with this number, or the word if there is none, with the other parts of an answer.
    Decide {
        outcome: usize,
        word: Option<String>,
        comment: Option<String>,
        data: Object,
    },
    Proceed(Option<String>),
    Reassign(String),
    AskBack(String),
    Reply(String),
    Withdraw,
    ReminderStageDue,
    ExecutionTimedOut,
    PushFailed(u32),
    Change(Patch),
    Resolve(Ending),
    DeadlinePassed,
    /// `None`: the current step.
    StepDeadlinePassed(Option<String>),
    /// `None`: the current child. Otherwise an earlier child, or a stranger.
    ChildEnded(Option<usize>, Ending),
}

/// Plays a whole random story.
pub fn play(beginning: &Beginning, turns: &[Turn]) -> History {
    let mut history = begin(beginning);
    let mut now = START.micros();
    for (number, turn) in turns.iter().enumerate() {
        now += turn.passes;
        if let Move::Change(patch) = &turn.what {
            history.change(patch, beginning.spec.deadline_at, Time::from_micros(now)).ok();
            continue;
        }
        let command = turn.what.command(&history);
        // The history itself checks refusals.
        history.send(command, &input(now, number + 1, history.plan.as_ref())).ok();
    }
    history
}

pub fn begin(beginning: &Beginning) -> History {
    let (id, root) = (IntentId(Uuid::from_u128(1)), IntentId(Uuid::from_u128(2)));
    let draft = match beginning.is_child {
        true => Intent::draft(id, root, Some(root), START),
        false => Intent::draft(id, id, None, START),
    };
    History::begin(draft, beginning.spec.clone(), &input(START.micros(), 0, None)).0
}

/// Every fourth input denies all steps of agents.
fn input(now: i64, number: usize, plan: Option<&Plan>) -> DecideInput {
    let child = IntentId(Uuid::from_u128(100 + number as u128));
    let is_agents = |step: &&Step| number % 4 == 3 && matches!(step.kind, StepKind::Agent { .. });
    let fault = Fault { code: "policy_denied".to_owned(), message: "no".to_owned(), details: None, result: None };
    let steps = plan.iter().flat_map(|plan| &plan.steps).filter(is_agents);
    let denied_steps = steps.map(|step| (step.id.clone(), fault.clone())).collect();
    DecideInput { now: Time::from_micros(now), actor: format!("actor {number}"), child, denied_steps }
}

impl Move {
    pub fn command(&self, history: &History) -> Command {
        let waiting = history.intent.waiting();
        match self.clone() {
            Move::Acknowledge => Command::Acknowledge,
            Move::Answer(answer) => Command::Answer(answer),
            Move::AskPerson(note) => Command::AskPerson {
                note,
                holder: Holder::named(HolderKind::Human, "ann@example.com"),
                task: Box::new(HumanTask::untitled()),
                due_at: None,
            },
            Move::Decide { outcome, word, comment, data } => {
                let task = history.intent.open_task();
                let shown = task.and_then(|task| task.shown_outcomes().get(outcome).map(|o| (*o).to_owned()));
                let answer = TaskResult { outcome: shown.or(word), comment, data: data.into() };
                let standing = Standing { is_person: true, ..Standing::default() };
                Command::Decide(Response { answer, standing, ..Response::default() })
            }
            Move::Reassign(to) => {
                Command::Reassign { holder: Holder::named(HolderKind::Human, &to), from: None, note: None }
            }
            Move::AskBack(text) => Command::AskBack(AskBack {
                text,
                to: Holder::named(HolderKind::Human, "asker"),
                email: Some("asker@example.com".to_owned()),
                via: Via::Api,
                through: None,
                standing: Standing { is_person: true, ..Standing::default() },
            }),
            Move::Reply(text) => Command::Reply(reply(text)),
            Move::Withdraw => Command::Withdraw(withdrawal(String::new())),
            Move::Proceed(reason) => Command::Proceed { reason },
            Move::Resolve(ending) => Command::Resolve(ending),
            Move::DeadlinePassed => Command::DeadlinePassed,
            Move::ReminderStageDue => Command::ReminderStageDue,
            Move::ExecutionTimedOut => Command::ExecutionTimedOut,
            Move::PushFailed(most) => Command::PushFailed {
                attempt: history.intent.tally.failed_pushes + 1,
                most,
                error: "refused".to_owned(),
                retry_at: Some(START),
            },
            Move::Change(_) => unreachable!("a change is not a command"),
            Move::StepDeadlinePassed(step) => {
                let current = waiting.and_then(|waiting| waiting.step.clone());
                Command::StepDeadlinePassed { step: step.or(current).unwrap_or_default() }
            }
            Move::ChildEnded(which, ending) => {
                let known = which.and_then(|index| history.children.get(index).copied());
                let current = waiting.and_then(|waiting| waiting.child).filter(|_| which.is_none());
                Command::ChildEnded { child: known.or(current).unwrap_or(IntentId(Uuid::max())), ending }
            }
        }
    }
}

pub fn turns() -> impl Strategy<Value = Vec<Turn>> {
    vec((-5_000_000..60_000_000i64, any_move()).prop_map(|(passes, what)| Turn { passes, what }), 0..24)
}

/// Moves that continue the work are more likely than moves that end it, so that stories get long.
fn any_move() -> impl Strategy<Value = Move> {
    let decide = (0..6usize, option::of(word()), option::weighted(0.7, word()), data())
        .prop_map(|(outcome, word, comment, data)| Move::Decide { outcome, word, comment, data });
    prop_oneof![
        2 => Just(Move::Acknowledge),
        3 => answer().prop_map(Move::Answer),
        1 => text().prop_map(Move::AskPerson),
        10 => decide,
        2 => option::of(word()).prop_map(Move::Proceed),
        2 => word().prop_map(Move::Reassign),
        3 => word().prop_map(Move::AskBack),
        3 => word().prop_map(Move::Reply),
        3 => Just(Move::Withdraw),
        1 => ending().prop_map(Move::Resolve),
        1 => Just(Move::DeadlinePassed),
        6 => Just(Move::ReminderStageDue),
        1 => Just(Move::ExecutionTimedOut),
        3 => (1..5u32).prop_map(Move::PushFailed),
        2 => patch().prop_map(Move::Change),
        6 => option::weighted(0.2, step_id()).prop_map(Move::StepDeadlinePassed),
        12 => (option::weighted(0.2, 0..3usize), ending()).prop_map(|(which, ending)| Move::ChildEnded(which, ending)),
    ]
}

/// A withdrawal of a person.
pub fn withdrawal(comment: String) -> Withdrawal {
    let standing = Standing { is_person: true, ..Standing::default() };
    Withdrawal { comment: Some(comment).filter(|text| !text.is_empty()), standing, ..Withdrawal::default() }
}

/// A reply before a decision has filled in its author and its time.
pub fn reply(text: String) -> Reply {
    Reply { by: String::new(), via: Via::Api, through: None, at: START, text }
}

fn patch() -> impl Strategy<Value = Patch> {
    let control = prop_oneof![
        Just("timeout_seconds"),
        Just("remind_after_seconds"),
        Just("max_reminders"),
        Just("escalate_to"),
        Just("execution_timeout_seconds"),
        Just("ttl_seconds"),
        Just("unknown"),
    ];
    let value = prop_oneof![3 => (0..500u64).prop_map(Value::from), 1 => Just(Value::Null), 1 => json()];
    let fields = || vec((control.clone().prop_map(str::to_owned), value.clone()), 0..3).prop_map(Object::from_iter);
    (fields(), fields()).prop_map(|(controls, envelope)| Patch { controls, envelope, grants: Object::new() })
}

pub fn reminder_plan() -> impl Strategy<Value = ReminderPlan> {
    (option::of(1..600u64), option::of(1..600u64), option::of(1..4u32), option::of(word())).prop_map(
        |(remind_after_seconds, remind_interval_seconds, max_reminders, to)| ReminderPlan {
            remind_after_seconds,
            remind_interval_seconds,
            max_reminders,
            escalate_to: to.map(|to| Holder::named(HolderKind::Human, &to)),
        },
    )
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        1 => text().prop_map(Answer::Complete),
        1 => fault().prop_map(Answer::Fail),
        3 => text().prop_map(Answer::HandOver),
    ]
}

pub fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        3 => text().prop_map(Ending::Completed),
        2 => fault().prop_map(Ending::Failed),
        1 => word().prop_map(Ending::Canceled),
        1 => Just(Ending::TimedOut),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    (word(), word(), option::of(text()), option::of(text())).prop_map(|(code, message, details, result)| Fault {
        code,
        message,
        details,
        result,
    })
}

pub fn beginning() -> impl Strategy<Value = Beginning> {
    let plan = prop_oneof![1 => Just(None), 2 => plan().prop_map(Some)];
    let to =
        prop_oneof![3 => Just("agent://local/default/worker"), 1 => Just("human"), 1 => Just("agent://agent_core")];
    let reminder_plan = option::weighted(0.4, reminder_plan());
    (to, option::weighted(0.3, task()), plan, option::of(0..600_000_000i64), reminder_plan, text(), any::<bool>())
        .prop_map(|(to, task, plan, deadline, reminder_plan, payload, is_child)| Beginning {
            spec: IntentSpec {
                intent_type: "story.v1".to_owned(),
                correlation_id: Uuid::nil(),
                from: Address::from_canonical("agent://local/default/asker".to_owned()),
                to: Address::from_canonical(to.to_owned()),
                reply_to: None,
                payload,
                deadline_at: deadline.map(|micros| Time::from_micros(START.micros() + micros)),
                max_delivery_attempts: None,
                reminder_plan,
                task,
                plan,
                requested_by: None,
                requested_with: None,
                client: None,
                step: is_child.then(|| "work".to_owned()),
            },
            is_child,
        })
}

/// One to four steps. Links lead anywhere: back, to the step itself, and sometimes to a missing step.
fn plan() -> impl Strategy<Value = Plan> {
    (vec((step(), link(), link()), 1..5), prop::bool::weighted(0.95)).prop_map(|(steps, is_sound)| {
        let name = |link: usize| match link {
            0..20 => format!("s{}", link % steps.len()),
            20 => "nowhere".to_owned(),
            _ => EndTarget::WORDS[link % 3].to_owned(),
        };
        let link = |link: usize| Link::from(name(link));
        let steps = steps.iter().enumerate().map(|(index, (step, on_success, on_failure))| Step {
            id: format!("s{index}"),
            on_success: on_success.map(link),
            on_failure: on_failure.map(link),
            ..step.clone()
        });
        let entry = if is_sound { "s0" } else { "nowhere" }.to_owned();
        Plan { scenario_id: "random".to_owned(), entry, steps: steps.collect() }
    })
}

fn link() -> impl Strategy<Value = Option<usize>> {
    option::weighted(0.8, 0..24usize)
}

fn step() -> impl Strategy<Value = Step> {
    let agent = word().prop_map(|name| StepKind::Agent {
        to: Address::from_canonical(format!("agent://local/default/{name}")),
        name,
    });
    let human = (word(), task(), option::weighted(0.2, word())).prop_map(|(name, task, from)| StepKind::Human {
        holder: Holder { kind: HolderKind::Human, reference: name.clone(), name },
        task: Box::new(task),
        escalated_from: from.map(|from| Holder::named(HolderKind::Human, &from)),
    });
    let delay = (1..600u64).prop_map(|seconds| StepKind::Delay { seconds });
    let notice = (word(), any::<bool>()).prop_map(|(to, is_reminder)| {
        let targets = vec![Target::Inbox(to.clone())];
        let notice = Box::new(Notice { targets, subject: "s".to_owned(), body: "b".to_owned() });
        let holder = Holder::named(HolderKind::Human, &to);
        if is_reminder { StepKind::Reminder { holder, notice } } else { StepKind::Notification { notice } }
    });
    let kind = prop_oneof![
        4 => agent, 4 => human, 1 => delay, 1 => Just(StepKind::Timeout), 1 => notice, 1 => Just(StepKind::Pass),
    ];
    let retry = option::weighted(0.3, (1..3u32, 0..60u64));
    let retry = retry.prop_map(|r| r.map(|(max_retries, delay_seconds)| Retry { max_retries, delay_seconds }));
    let deadline = option::of(prop_oneof![9 => 1..600u64, 1 => Just(u64::MAX)]);
    let reminder_plan = option::weighted(0.4, reminder_plan());
    let rejoins = prop_oneof![2 => Just(None), 1 => Just(Some(Rejoin::Named)), 1 => Just(Some(Rejoin::ByOrder))];
    (kind, deadline, reminder_plan, retry, option::of(text()), rejoins).prop_map(
        |(kind, deadline_seconds, reminder_plan, retry, input, rejoins)| Step {
            id: String::new(),
            tool: "tool.agent.task.v1".to_owned(),
            kind,
            deadline_seconds,
            reminder_plan,
            retry,
            notice: None,
            input,
            on_success: None,
            on_failure: None,
            rejoins,
        },
    )
}

fn step_id() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("s0"), 3 => Just("s1"), 2 => Just("s2"), 2 => Just("s3"), 1 => Just("nowhere")]
        .prop_map(str::to_owned)
}

/// A person, by name or by email address.
fn person() -> impl Strategy<Value = String> {
    (word(), any::<bool>()).prop_map(|(name, has_mail)| if has_mail { format!("{name}@example.com") } else { name })
}

pub fn task() -> impl Strategy<Value = HumanTask> {
    let task_type = option::of(prop_oneof![
        Just("approval"),
        Just("review"),
        Just("confirmation"),
        Just("assignment"),
        Just("override"),
        Just("reroute"),
    ]);
    let outcomes = option::weighted(0.3, vec(outcome(), 1..4));
    let (comment, evidence) = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let people = (option::of(vec(person(), 1..3)), option::weighted(0.2, person()), option::weighted(0.3, 1..4u32));
    (word(), option::of(word()), task_type, outcomes, comment, evidence, people, data()).prop_map(
        |(
            title,
            description,
            task_type,
            allowed_outcomes,
            required_comment,
            evidence_required,
            (assignees, notify_email, quorum),
            mut rest,
        )| {
            for known in ["title", "description"] {
                rest.remove(known);
            }
            HumanTask {
                title,
                description,
                task_type: task_type.map(str::to_owned),
                allowed_outcomes,
                required_comment,
                evidence_required,
                assignees,
                notify_email,
                quorum,
                exclude_requester: false,
                person_required: false,
                distinct_from: Vec::new(),
                summary: None,
                on_yes: None,
                on_no: None,
                form_schema: None,
                rest,
            }
        },
    )
}

/// An outcome as a task stores it: trimmed, not empty.
fn outcome() -> impl Strategy<Value = String> {
    word().prop_map(|word| match word.trim() {
        "" => "maybe".to_owned(),
        word => word.to_owned(),
    })
}

fn data() -> impl Strategy<Value = Object> {
    vec((word(), json()), 0..4).prop_map(Object::from_iter)
}

/// Words, some of which have a meaning in the rules.
pub fn word() -> impl Strategy<Value = String> {
    let known = prop_oneof![
        Just("approved"),
        Just("rejected"),
        Just("approve"),
        Just("reject"),
        Just("outcome"),
        Just("comment"),
        Just("evidence"),
        Just("steps"),
        Just("step_id"),
        Just("status"),
        Just("type"),
        Just(""),
    ];
    let plain = vec(prop::char::range('a', 'z'), 1..6).prop_map(String::from_iter);
    let strange = vec(any::<char>(), 0..6).prop_map(String::from_iter);
    prop_oneof![4 => known.prop_map(str::to_owned), 4 => plain, 1 => strange]
}

/// JSON as the rules pass it on, also with numbers that no type of Rust holds.
pub fn text() -> impl Strategy<Value = Json> {
    let exact = "-?[1-9][0-9]{20,40}(\\.[0-9]{20,30})?([eE][+-]?[0-9]{1,3})?";
    let exact = exact.prop_map(|number| Json::parse(&format!("{{\"n\":[{number}]}}")).expect("it is JSON"));
    prop_oneof![3 => json().prop_map(Json::from), 1 => exact]
}

pub fn json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, word().prop_map(Value::from)];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((word(), inner), 0..4).prop_map(|fields| Value::Object(Object::from_iter(fields))),
        ]
    })
}
