//! Resumes intents, by one endpoint with many meanings (`spec/protocol.md` §13), and records people's answers from
//! every channel.

use axme_api::intents::{NotAppliedReason, ResumeAnswer, ResumeIntent};
use axme_api::{ApiError, lenient};
use axme_intent::human::{Response, Standing, asks_person};
use axme_intent::lifecycle::{Answer, Command, IntentSpec};
use axme_intent::policy::Action;
use axme_intent::resume::Resume;
use axme_intent::{Holder, HolderKind, HumanTask, IntentId, Json, JsonFields, TaskResult};

use super::form_files;
use crate::call::{AfterCall, Binding, PrepareContext, handler};
use crate::consumers;
use crate::context::CallContext;
use crate::engine::intent_access::{
    check_granted, check_is_no_task_elsewhere, check_step_is_own, find_readable, lock_answerable, send, send_in, stale,
};
use crate::engine::{self, AdvanceOutcome};
use crate::error::Result;
use crate::input::{parse_id, read_task};
use crate::policy::asking;
use crate::policy::guards::{check_answers, check_decider, standing};
use crate::views;
use axme_store::consumers::{Consumer, ConsumerName};
use axme_store::intents::Head;
use axme_store::{Shard, intents as store, queue};
use uuid::Uuid;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[Binding::Transaction(
    &handler(&axme_api::intents::RESUME, prepare_resume, resume)
        .on(|resumption| Shard::of_intent(resumption.id))
        .reports(|body| matches!(Resume::read(Some(body)), Resume::Agent(Answer::Fail(_))))
        .after(|resumption| sign_of_life(resumption.consumer.clone())),
)];

pub struct Resumption {
    id: IntentId,
    resume: Resume,
    /// The body read as a person's answer, for answers without a `task_result` field.
    as_task_result: TaskResult,
    expected_generation: Option<u64>,
    consumer: Option<ConsumerName>,
}

/// Records that the consumer of an answer is alive.
fn sign_of_life(name: Option<ConsumerName>) -> AfterCall {
    Box::new(move |app, caller| {
        let (Some(name), Some(address)) = (name, caller.address.clone()) else { return };
        let consumer = Consumer { workspace: caller.workspace, address, name };
        tokio::spawn(async move {
            if let Err(error) = app.consumers.see(&app.store, &consumer, app.system.clock.now()).await {
                tracing::debug!(%error, "a sign of life of a consumer was not recorded");
            }
        });
    })
}

pub(crate) fn prepare_resume(context: &PrepareContext<'_>, input: ResumeIntent) -> Result<Resumption> {
    let id = parse_id(&input.intent_id)?;
    let body = input.body.as_ref();
    context.check_payload("result", &body)?;
    let expected = body.and_then(|body| body.get("expected_policy_generation")).map(Json::value).unwrap_or_default();
    let expected_generation =
        lenient::whole(expected).map_err(|error| ApiError::invalid(format!("expected_policy_generation: {error}")))?;
    let consumer = context.consumer(input.consumer.as_deref())?;
    let resume = Resume::read(body);
    let mut wrapped = input.body.unwrap_or_default();
    if !wrapped.contains_key("task_result") {
        wrapped.set("task_result", wrapped.clone());
    }
    let as_task_result = TaskResult::read(&wrapped);
    if let Resume::Unclear(why) = resume {
        return Err(ApiError::invalid(why).into());
    }
    Ok(Resumption { id, resume, as_task_result, expected_generation, consumer })
}

pub fn resume(cx: &mut CallContext<'_, '_>, resumption: &Resumption) -> Result<ResumeAnswer> {
    let (owner, head) = lock_answerable(cx, resumption.id)?;
    let spec = store::spec(cx.tx, owner, resumption.id)?;
    check_granted(cx.caller, &head, Action::Resume)?;
    let nothing = |reason: NotAppliedReason, head: &Head| ResumeAnswer {
        ok: true,
        applied: false,
        reason: Some(reason),
        policy_generation: head.intent.policy_generation,
        intent: views::intent(head, &spec),
        event: None,
        warnings: Vec::new(),
    };
    if let Some(stale) = stale(&head, resumption.expected_generation) {
        return Ok(nothing(stale, &head));
    }
    check_is_no_task_elsewhere(cx.caller, owner, &head)?;
    if head.intent.open_task().is_some() {
        check_answers(cx.caller, &head)?;
    }
    check_step_is_own(cx.caller, &head, Action::Resume)?;
    let Some(command) = command(cx, &head, resumption) else {
        return Ok(nothing(NotAppliedReason::NotApproved, &head));
    };
    // An agent of another workspace asks nobody in the name of the sender's: its hand-over stays one.
    let command = if owner == cx.caller.workspace { asking_person(cx, &head, &spec, command)? } else { command };
    let receives = cx.caller.address.as_ref() == Some(&head.to);
    let is_proceed = matches!(command, Command::Proceed { .. });
    let open_ended = why_not_ended(&command);
    let is_asking = matches!(command, Command::AskPerson { .. });
    let advanced = match forwarded(cx, &head, &command)? {
        Some(parent) => {
            let of_parent = store::spec(cx.tx, cx.caller.workspace, parent.intent.id)?;
            let command = decided(cx, owner, &parent, &of_parent, command)?;
            send(cx, parent, of_parent.deadline_at, command)?;
            let (_, head) = find_readable(cx.tx, cx.caller, resumption.id)?;
            AdvanceOutcome { head, events: Vec::new() }
        }
        None => {
            let command = decided(cx, owner, &head, &spec, command)?;
            send_in(cx, owner, head, spec.deadline_at, command)?
        }
    };
    if receives && is_proceed {
        let (workspace, address) = (cx.caller.workspace, &advanced.head.to);
        let hour = (cx.now, cx.limits.acknowledged_seconds);
        queue::acknowledge(cx.tx, workspace, address, resumption.id.into(), hour)?;
        if let Some(name) = resumption.consumer.clone() {
            consumers::hold(cx.tx, &Consumer { workspace, address: address.clone(), name }, resumption.id)?;
        }
    }
    let last = advanced.events.last().map(|event| views::event(resumption.id, event));
    let is_ended = advanced.head.intent.status().is_terminal();
    // The answer to a step of a workflow ends the step, and the workflow goes on.
    let warning = open_ended.filter(|_| !is_ended && advanced.head.intent.cursor.is_none());
    let is_unheard = is_asking && advanced.head.intent.mailed().is_empty();
    let unheard = is_unheard.then_some("nobody is mailed about this task: send a human_task with assignees");
    Ok(ResumeAnswer {
        ok: true,
        applied: true,
        reason: None,
        policy_generation: advanced.head.intent.policy_generation,
        intent: views::intent(&advanced.head, &spec),
        event: last,
        warnings: warning.into_iter().chain(unheard).map(str::to_owned).collect(),
    })
}

/// Turns the hand-over of a plain intent to a person into a task: the `human_task` of the answer, or an approval in its
/// words. Without assignees, the requester is asked and mailed.
fn asking_person(cx: &mut CallContext<'_, '_>, head: &Head, spec: &IntentSpec, command: Command) -> Result<Command> {
    let Command::Answer(Answer::HandOver(note)) = &command else { return Ok(command) };
    let is_plain = head.intent.cursor.is_none() && head.intent.parent.is_none() && head.intent.waiting().is_none();
    let Some(words) = note.fields().filter(|_| is_plain && asks_person(note)) else { return Ok(command) };
    let mut task = match words.get("human_task").and_then(Json::fields) {
        Some(declared) => read_task(&declared.values_parsed())?,
        None => HumanTask::approval_of(&words),
    };
    if task.assignees.is_none() && task.notify_email.is_none() && !task.is_guarded() {
        task.notify_email = spec.requester_email();
    }
    if let Some(why) = task.out_of_reach(&["human"], |person| spec.names_requester(person)) {
        return Err(ApiError::invalid(format!("human_task.{why}")).into());
    }
    let first = task.assignees.iter().flatten().next().map_or("human", String::as_str);
    let holder = Holder::named(HolderKind::Human, first);
    asking::check_task(cx.tx, cx.caller.workspace, &task)?;
    Ok(Command::AskPerson { note: note.clone(), holder, task: Box::new(task), due_at: spec.deadline_at })
}

/// Returns a warning for the sender of a command that only lets a plain intent go on.
fn why_not_ended(command: &Command) -> Option<&'static str> {
    match command {
        Command::Answer(Answer::HandOver(_)) => Some(
            "the intent has not ended: a status or outcome that begins with \"pending\" hands it over; \
             send {\"action\": \"complete\"} with the result to end it",
        ),
        Command::AskPerson { .. } => Some("the intent has not ended: a person is asked, and their answer ends it"),
        Command::Proceed { .. } => Some(
            "the intent has not ended: this body only lets it go on; \
             send {\"action\": \"complete\"} with the result to end it",
        ),
        _ => None,
    }
}

/// Records the caller's answer to a task, for operations other than resume.
pub(crate) fn answer_task(cx: &mut CallContext<'_, '_>, head: Head, answer: TaskResult) -> Result<AdvanceOutcome> {
    check_answers(cx.caller, &head)?;
    let spec = store::spec(cx.tx, cx.caller.workspace, head.intent.id)?;
    answer_as_person(cx, head, &spec, answer)
}

/// Records a person's answer. Callers check first that the person may answer.
pub(crate) fn answer_as_person(
    cx: &mut CallContext<'_, '_>,
    head: Head,
    spec: &IntentSpec,
    answer: TaskResult,
) -> Result<AdvanceOutcome> {
    let command = decided(cx, cx.caller.workspace, &head, spec, decision(cx, answer))?;
    send(cx, head, spec.deadline_at, command)
}

/// Returns the command for a person's answer, with its channel. [`decided`] adds what is known of its author.
fn decision(cx: &CallContext<'_, '_>, answer: TaskResult) -> Command {
    Command::Decide(Response { answer, via: cx.via, through: cx.through.clone(), standing: Standing::default() })
}

/// Checks that the caller may decide the waiting task, keeps the files that the answer names, and adds what is known of its
/// author. Returns other commands unchanged.
fn decided(
    cx: &mut CallContext<'_, '_>,
    owner: Uuid,
    head: &Head,
    spec: &IntentSpec,
    command: Command,
) -> Result<Command> {
    let Command::Decide(response) = command else { return Ok(command) };
    check_decider(cx, head, spec)?;
    form_files::keep(cx, owner, head, &response.answer)?;
    let standing = standing(cx, owner, head, spec)?;
    Ok(Command::Decide(Response { standing, ..response }))
}

/// Returns the command that the body means, given what the intent waits for; `None` for a declined go-ahead.
fn command(cx: &CallContext<'_, '_>, head: &Head, resumption: &Resumption) -> Option<Command> {
    let waits_for_person = head.intent.open_task().is_some();
    let is_receiver = || cx.caller.address.as_ref().is_some_and(|own| engine::is_receiver(head, own));
    Some(match &resumption.resume {
        Resume::Bare(result) if head.intent.cursor.is_none() && !waits_for_person && is_receiver() => {
            Command::Answer(Answer::Complete(result.clone().into()))
        }
        Resume::Bare(body) => Command::Proceed { reason: body.string("reason") },
        Resume::Human(answer) => decision(cx, answer.clone()),
        Resume::Agent(Answer::Complete(_)) if waits_for_person && resumption.as_task_result.outcome.is_some() => {
            decision(cx, resumption.as_task_result.clone())
        }
        // An explicit approval passes the same validation as any answer.
        Resume::Proceed { approve: true, comment, explicit: true } if waits_for_person => {
            let outcome = Some("approved".to_owned());
            decision(cx, TaskResult { outcome, comment: comment.clone(), data: JsonFields::new() })
        }
        Resume::Proceed { approve: false, .. } if !waits_for_person && !head.intent.status().is_terminal() => {
            return None;
        }
        Resume::Agent(answer) => Command::Answer(answer.clone()),
        Resume::Proceed { comment, .. } => Command::Proceed { reason: comment.clone() },
        Resume::Unclear(_) => return None,
    })
}

/// Returns the waiting parent, if a person's answer was sent to the child of a step instead.
fn forwarded(cx: &mut CallContext<'_, '_>, head: &Head, command: &Command) -> Result<Option<Head>> {
    let (Command::Decide(_), Some(parent), None) = (command, head.intent.parent, head.intent.open_task()) else {
        return Ok(None);
    };
    let parent = store::find(cx.tx, cx.caller.workspace, parent)?.filter(|p| p.intent.open_task().is_some());
    if let Some(parent) = &parent {
        check_answers(cx.caller, parent)?;
    }
    Ok(parent)
}
