//! Creates, lists, reads and resolves intents.

mod listing;

use axme_api::intents::{
    Completion, CompletionDelivery, CreateIntent, CreateIntentAnswer, CreatedIntent, EndingStatus, EventList,
    GetIntent, IntentAnswer, ListEvents, MessageType, NotDeliveredReason, ResolveAnswer, ResolveIntent,
};
use axme_api::{ApiError, ErrorCode, Id, Json, JsonFields, Number, Object};
use axme_intent::address::MAX_ADDRESS_CHARS;
use axme_intent::human::{is_approval_type, is_email, is_same_person, person_key};
use axme_intent::lifecycle::{Command, Ending, Fault, IntentSpec};
use axme_intent::policy::Action;
use axme_intent::template::is_template;
use axme_intent::{
    Address, Holder, HolderKind, Home, HumanTask, IntentId, ReminderPlan, Status, Time, fields, scenario,
};
use uuid::Uuid;

use crate::auth::Caller;
use crate::call::{AfterCall, Binding, PrepareContext, handler};
use crate::consumers;
use crate::context::CallContext;
use crate::engine::NewIntent;
use crate::engine::intent_access::{
    check_granted, check_is_no_task_elsewhere, check_step_is_own, find_readable, lock_answerable, send_in, stale,
};
use crate::engine::receiving;
use crate::error::Result;
use crate::input::{address, check_ahead, check_chars, check_size, parse_id, read_task, receiver};
use crate::policy::admission::{self, Part};
use crate::policy::asking;
use crate::policy::guards::awaits_guarded_task;
use crate::policy::key_scope;
use crate::policy::quota;
use crate::policy::receivers::{self, Listeners};
use crate::policy::snapshot::Snapshot;
use crate::{engine, views};
use axme_store::consumers::{Consumer, ConsumerName};
use axme_store::intents::Head;
use axme_store::{Announcement, Shard, Tx, attributes, inbox, intents as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(
        &handler(&axme_api::intents::CREATE, prepare_create, create)
            .on(|plan| Shard::of_intent(plan.new.intent().id))
            .read_directly(),
    ),
    Binding::Transaction(&handler(&axme_api::intents::LIST, listing::prepare_list, listing::list)),
    Binding::Transaction(&handler(&axme_api::intents::EVENTS, prepare_events, events)),
    Binding::Transaction(
        &handler(&axme_api::intents::RESOLVE, prepare_resolve, resolve)
            .on(|resolution| Shard::of_intent(resolution.id))
            .reports(is_failure),
    ),
    Binding::Transaction(&handler(&axme_api::intents::GET, prepare_get, get).after(|fetch| acknowledge(fetch.clone()))),
];

/// The fields of a new intent.
const KNOWN: [&str; 15] = [
    "intent_type",
    "to_agent",
    "from_agent",
    "reply_to",
    "correlation_id",
    "payload",
    "deadline_at",
    "ttl_seconds",
    "remind_after_seconds",
    "remind_interval_seconds",
    "max_reminders",
    "escalate_to",
    "max_delivery_attempts",
    "human_task",
    "owner_agent",
];

/// Plans a new root intent, before the transaction.
pub(crate) fn plan_root(context: &PrepareContext<'_>, spec: IntentSpec) -> Result<NewIntent> {
    let home = context.caller.home();
    let reply_to = spec.reply_to.as_deref().map(|text| address(text, "reply_to", home)).transpose()?;
    Ok(engine::plan_root(context.now, context.rng, spec, reply_to)?)
}

/// A create call, ready for its transaction.
pub struct CreatePlan {
    new: NewIntent,
    /// The intent as a task for a person, which takes its place if nobody is registered at the receiver's address.
    as_task: Option<NewIntent>,
    deadline_at: Option<Time>,
    answer: CreateIntentAnswer,
    /// The tenant to charge, if the payload names one.
    tenant: Option<(Uuid, Uuid)>,
}

pub(crate) fn prepare_create(context: &PrepareContext<'_>, input: CreateIntent) -> Result<CreatePlan> {
    let home = context.caller.home();
    if !scenario::is_intent_type(&input.intent_type) {
        return Err(ApiError::invalid("intent_type: 1 to 255 letters, digits, '.', '_' and '-'").into());
    }
    check_size("human_task", &input.human_task)?;
    let task = input.human_task.as_ref().map(read_task).transpose()?;
    let to = match &input.to_agent {
        Some(to) => receiver(to, "to_agent", context.caller.home())?,
        None => Address::resolve("agent://agent_core", home),
    };
    let from = match (&context.caller.address, &input.from_agent) {
        (Some(own), _) => own.clone(),
        (None, Some(supplied)) => address(supplied, "from_agent", context.caller.home())?,
        (None, None) => Address::resolve(&format!("user://{}", context.caller.owner), home),
    };
    if let Some(task) = &task {
        let is_requester =
            |person: &str| is_same_person(person, from.as_str()) || is_same_person(person, &context.caller.owner);
        // A task without assignees asks the receiver. An agent's address means any person.
        let receiver = if to.as_str().starts_with("agent://") { "human" } else { to.as_str() };
        let holder = task.assignees.is_none().then_some(receiver);
        if let Some(why) = task.out_of_reach(holder.as_slice(), is_requester) {
            return Err(ApiError::invalid(format!("human_task.{why}")).into());
        }
    }
    check_reach(context.caller, &to, &input, task.as_ref())?;
    check_chars("reply_to", input.reply_to.as_deref(), 0, MAX_ADDRESS_CHARS)?;
    let correlation_id = match &input.correlation_id {
        None => context.rng.uuid(),
        Some(text) => Uuid::parse_str(text).map_err(|_| ApiError::invalid("correlation_id: must be a UUID"))?,
    };
    let deadline_at = read_end(context, &input)?;
    let reminder_plan = read_reminder_plan(context.caller, &input, task.is_some() || to.is_platform())?;
    let max_delivery_attempts = input.max_delivery_attempts.map(|n| u32::try_from(n.get()).unwrap_or(u32::MAX));
    let mut rest = input.rest;
    // Any call may name its owner in the query; the owner is not part of the payload.
    rest.remove("owner_agent");
    let warnings = doubts(input.human_task.as_ref(), &rest, input.payload.is_some());
    let payload = input.payload.unwrap_or_else(|| rest.into());
    context.check_payload("payload", &payload)?;
    let tenant = quota::named_tenant(&payload);
    let spec = IntentSpec {
        intent_type: input.intent_type,
        correlation_id,
        requested_by: context.caller.requested_by(&from),
        requested_with: context.caller.key_owner.clone(),
        client: context.client(),
        from,
        to,
        reply_to: input.reply_to,
        payload,
        deadline_at,
        max_delivery_attempts,
        reminder_plan,
        task,
        plan: None,
        step: None,
    };
    let as_task = task_instead(&spec, home);
    let new = plan_root(context, spec)?;
    let as_task = as_task.map(|spec| {
        let reply_to = new.reply_to().cloned();
        engine::plan_root_as(new.intent().id, context.now, context.rng, spec, reply_to)
    });
    let as_task = as_task.transpose()?;
    let intent = new.intent();
    let (intent_id, status) = (Id::from(intent.id), intent.status());
    let answer = CreateIntentAnswer {
        ok: true,
        intent: CreatedIntent { intent_id: intent_id.clone(), status, lifecycle_status: status },
        intent_id,
        status,
        created_at: intent.created_at.into(),
        correlation_id: correlation_id.into(),
        warnings,
    };
    Ok(CreatePlan { new, as_task, deadline_at, answer, tenant })
}

/// Refuses an intent that would reach an address which the caller's key does not work with.
fn check_reach(caller: &Caller, to: &Address, input: &CreateIntent, task: Option<&HumanTask>) -> Result<()> {
    key_scope::check_address(caller, to)?;
    if !key_scope::has_addresses(caller) {
        return Ok(());
    }
    for (name, text) in [("reply_to", &input.reply_to), ("escalate_to", &input.escalate_to)] {
        if let Some(text) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            key_scope::check_address(caller, &address(text, name, caller.home())?)?;
        }
    }
    if task.is_some_and(|task| task.assignees.is_some() || task.notify_email.is_some()) {
        let message =
            "this key works with single addresses: name the person as to_agent, without assignees and notify_email";
        return Err(ApiError::forbidden(message).into());
    }
    Ok(())
}

/// Returns an intent of a type `human_approval…` as a task for a person.
fn task_instead(spec: &IntentSpec, home: Home<'_>) -> Option<IntentSpec> {
    let is_asking = is_approval_type(&spec.intent_type) && spec.task.is_none();
    if !is_asking || spec.to.is_platform() || spec.to.is_elsewhere(home) {
        return None;
    }
    let task = HumanTask::approval_of(&spec.payload.fields()?);
    let is_persons = is_email(&person_key(spec.to.as_str()));
    let notify_email = if is_persons { None } else { spec.requester_email() };
    Some(IntentSpec { task: Some(HumanTask { notify_email, ..task }), ..spec.clone() })
}

pub fn create(cx: &mut CallContext<'_, '_>, plan: &CreatePlan) -> Result<CreateIntentAnswer> {
    check_ahead("deadline_at", plan.deadline_at, cx.now)?;
    let mut new = &plan.new;
    let mut answer = plan.answer.clone();
    let is_registered = match &plan.as_task {
        Some(_) => Snapshot::of(cx.tx, cx.caller.workspace)?.is_registered(cx.tx, cx.caller.workspace, new.to())?,
        None => true,
    };
    let as_task = plan.as_task.as_ref().filter(|_| !is_registered);
    new = as_task.unwrap_or(new);
    let part_of_receiver = new.delivered_to().map_or(Part::Named, |_| Part::Receiver);
    let candidate = admission::Candidate {
        from: new.from(),
        to: new.to(),
        intent_type: new.intent_type(),
        payload: new.payload(),
        part_of_receiver,
        steps: Vec::new(),
    };
    let findings = admission::take_in(cx, &candidate, plan.tenant)?;
    answer.warnings.extend(findings.warnings);
    if let Some(as_task) = as_task {
        let status = new.intent().status();
        answer.status = status;
        answer.intent.status = status;
        answer.intent.lifecycle_status = status;
        if as_task.intent().mailed().is_empty() {
            answer.warnings.push("nobody is mailed about this task: send a human_task with assignees".to_owned());
        }
    }
    answer.warnings.extend(receivers::check(cx, new.delivered_to())?);
    asking::check_new(cx.tx, cx.caller.workspace, new.spec())?;
    engine::create(cx.tx, cx.caller.workspace, new)?;
    attributes::insert(cx.tx, cx.caller.workspace, new.intent().id, &findings.attributes)?;
    cx.note_trace(new.intent().id)?;
    Ok(answer)
}

/// Returns warnings about likely mistakes: in the task, and in unknown fields that resemble known ones.
fn doubts(task: Option<&Object>, rest: &JsonFields, has_payload: bool) -> Vec<String> {
    let in_task = task.map(fields::doubts).unwrap_or_default().into_iter();
    let in_task = in_task.map(|(name, doubt)| format!("human_task.{name}: {doubt}"));
    // The sender of a direct intent knows the values, and can write them into the text.
    let is_text = |name: &&str| {
        let text = task.and_then(|task| task.get(*name)?.as_str());
        text.is_some_and(is_template)
    };
    let unfilled = ["title", "description", "on_yes", "on_no"].into_iter().filter(is_text);
    let unfilled = unfilled.map(|name| {
        format!("human_task.{name}: shown as written; only tasks of scenarios are filled in from the payload")
    });
    let fate = if has_payload { "ignored" } else { "part of the payload" };
    let misspelt = rest.keys().filter_map(|name| {
        let meant = fields::meant(name, &KNOWN)?;
        Some(format!("{name}: unknown field, {fate}; did you mean {meant}?"))
    });
    in_task.chain(unfilled).chain(misspelt).collect()
}

/// Returns when the intent times out: at `deadline_at`, after `ttl_seconds`, or after the server's default, if it has
/// one.
fn read_end(context: &PrepareContext<'_>, input: &CreateIntent) -> Result<Option<Time>> {
    match (input.deadline_at, input.ttl_seconds) {
        (Some(_), Some(_)) => Err(ApiError::invalid("give deadline_at or ttl_seconds, not both").into()),
        (Some(at), None) => Ok(Some(at.into())),
        (None, seconds) => {
            let seconds = seconds.map(Number::get).or(context.limits.default_ttl_seconds);
            Ok(seconds.map(|seconds| context.now.plus_seconds(seconds)))
        }
    }
}

/// Reads the reminders and the escalation of a direct intent.
fn read_reminder_plan(caller: &Caller, input: &CreateIntent, asks_person: bool) -> Result<Option<ReminderPlan>> {
    let others = [
        ("remind_interval_seconds", input.remind_interval_seconds.is_some()),
        ("max_reminders", input.max_reminders.is_some()),
    ];
    for (name, is_set) in others {
        // The other fields are relative to `remind_after_seconds`.
        if is_set && input.remind_after_seconds.is_none() {
            return Err(ApiError::invalid(format!("{name}: requires remind_after_seconds")).into());
        }
    }
    let escalate_to = match input.escalate_to.as_deref().map(str::trim).filter(|to| !to.is_empty()) {
        Some(_) if input.remind_after_seconds.is_none() => {
            return Err(ApiError::invalid("escalate_to: requires remind_after_seconds").into());
        }
        // A person may be named by an email address, a role or a name.
        Some(to) if asks_person => Some(Holder::named(HolderKind::Human, to)),
        Some(to) => {
            let to = address(to, "escalate_to", caller.home())?;
            Some(Holder { kind: HolderKind::Agent, reference: to.spelled().to_owned(), name: to.short().to_owned() })
        }
        None => None,
    };
    let reminder_plan = ReminderPlan {
        remind_after_seconds: input.remind_after_seconds.map(Number::get),
        remind_interval_seconds: input.remind_interval_seconds.map(Number::get),
        max_reminders: input.max_reminders.map(|n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        escalate_to,
    };
    Ok(Some(reminder_plan).filter(|reminder_plan| !reminder_plan.is_empty()))
}

/// An intent to fetch, and the consumer that fetches it.
#[derive(Clone)]
pub struct Fetch {
    id: IntentId,
    consumer: Option<ConsumerName>,
}

pub(crate) fn prepare_get(context: &PrepareContext<'_>, input: GetIntent) -> Result<Fetch> {
    Ok(Fetch { id: parse_id(&input.intent_id)?, consumer: context.consumer(input.consumer.as_deref())? })
}

/// Acknowledges an intent for the receiver that has read it, which holds it from then on if it has a name. Runs after the
/// answer. Acknowledges nothing if the intent has moved on.
fn acknowledge(Fetch { id, consumer }: Fetch) -> AfterCall {
    Box::new(move |app, caller| {
        let Some(own) = caller.address.clone().filter(|_| key_scope::acknowledges(&caller)) else { return };
        let (workspace, now) = (caller.workspace, app.system.clock.now());
        let consumer = consumer.map(|name| Consumer { workspace, address: own.clone(), name });
        let alive = consumer.clone();
        let job = move |tx: &mut Tx<'_>| -> Result<()> {
            let found = receiving::lock(tx, workspace, Some(&own), id)?;
            let Some((owner, head)) = found.filter(|(_, head)| head.to == own) else { return Ok(()) };
            let status = head.intent.status();
            if status == Status::Delivered {
                engine::advance(tx, owner, head, Command::Acknowledge, own.as_str())?;
            }
            match &consumer {
                Some(consumer) if !status.is_terminal() => Ok(consumers::hold(tx, consumer, id)?),
                _ => Ok(()),
            }
        };
        tokio::spawn(async move {
            let seen = consumers::see(&app.consumers, &app.store, alive.as_ref(), now).await;
            let announcement = Announcement::of(workspace, Shard::of_intent(id));
            let done = app.store.write_as_of(now, announcement, job).await;
            if let Err(error) = seen.and(done) {
                tracing::debug!(%id, %error, "an acknowledgement was not recorded");
            }
        });
    })
}

pub fn get(cx: &mut CallContext<'_, '_>, Fetch { id, .. }: &Fetch) -> Result<IntentAnswer> {
    let (owner, head) = find_readable(cx.tx, cx.caller, *id)?;
    let spec = store::spec(cx.tx, owner, *id)?;
    let mut intent = views::intent(&head, &spec);
    intent.nobody_listens = Listeners::default().are_missing(cx, &head)?;
    Ok(IntentAnswer {
        ok: true,
        intent_id: intent.intent_id.clone(),
        status: intent.status,
        lifecycle_status: intent.status,
        intent_type: intent.intent_type.clone(),
        payload: intent.payload.clone(),
        result: intent.result.clone(),
        intent,
    })
}

pub(crate) fn prepare_events(_: &PrepareContext<'_>, input: ListEvents) -> Result<(IntentId, i64, i64)> {
    let id = parse_id(&input.intent_id)?;
    Ok((id, views::position_seen(input.since.unwrap_or(0)), input.limit.items()?))
}

pub fn events(cx: &mut CallContext<'_, '_>, (id, after, limit): &(IntentId, i64, i64)) -> Result<EventList> {
    let (owner, _) = find_readable(cx.tx, cx.caller, *id)?;
    let events = store::list_events(cx.tx, owner, *id, *after, *limit)?;
    Ok(EventList { ok: true, events: events.iter().map(|event| views::event(*id, event)).collect() })
}

fn is_failure(body: &JsonFields) -> bool {
    body.string("status").is_some_and(|status| EndingStatus::read(&status) == Some(EndingStatus::Failed))
}

pub struct Resolution {
    id: IntentId,
    ending: Ending,
    expected_generation: Option<u64>,
}

pub(crate) fn prepare_resolve(context: &PrepareContext<'_>, input: ResolveIntent) -> Result<Resolution> {
    let id = parse_id(&input.intent_id)?;
    let ending = match input.status {
        EndingStatus::Completed => {
            context.check_payload("result", &input.result)?;
            Ending::Completed(if input.result.is_null() { JsonFields::new().into() } else { input.result })
        }
        EndingStatus::Failed => {
            check_size("error", &input.error)?;
            check_size("reason", &input.reason)?;
            Ending::Failed(stated_fault(&input.error, input.reason.as_deref()))
        }
        EndingStatus::Canceled => {
            check_size("reason", &input.reason)?;
            Ending::Canceled(input.reason.unwrap_or_default())
        }
    };
    Ok(Resolution { id, ending, expected_generation: input.expected_policy_generation.map(Number::get) })
}

/// Builds the fault from the error or the reason that the caller sent.
fn stated_fault(error: &Json, reason: Option<&str>) -> Fault {
    let field = |key: &str| error.field(key).and_then(|field| field.string());
    let message = field("message").or_else(|| error.string()).or_else(|| reason.map(str::to_owned));
    Fault {
        code: field("code").unwrap_or_else(|| "failed".to_owned()),
        message: message.unwrap_or_else(|| "resolved as FAILED".to_owned()),
        details: Some(error.clone()).filter(|error| error.fields().is_some_and(|fields| !fields.is_empty())),
        result: None,
    }
}

pub fn resolve(cx: &mut CallContext<'_, '_>, resolution: &Resolution) -> Result<ResolveAnswer> {
    let (owner, head) = lock_answerable(cx, resolution.id)?;
    // The receiver of another workspace answers with a result or a failure. Canceling is for the sender's side.
    if owner != cx.caller.workspace && matches!(resolution.ending, Ending::Canceled(_)) {
        return Err(ApiError::not_found(format!("intent {}", resolution.id)).into());
    }
    check_is_no_task_elsewhere(cx.caller, owner, &head)?;
    let spec = store::spec(cx.tx, owner, resolution.id)?;
    check_granted(cx.caller, &head, Action::Resolve)?;
    if let Some(stale) = stale(&head, resolution.expected_generation) {
        return Ok(ResolveAnswer {
            ok: true,
            applied: false,
            reason: Some(stale),
            policy_generation: head.intent.policy_generation,
            intent: views::intent(&head, &spec),
            event: None,
            completion_delivery: None,
        });
    }
    // Completing by hand would bypass decisions that are still due.
    let is_decided_elsewhere = head.intent.open_task().is_some() || head.intent.cursor.is_some();
    if engine::is_completion(&resolution.ending) && is_decided_elsewhere && !cx.caller.is_admin() {
        return Err(ApiError::forbidden(
            "only a workspace-admin key can complete an intent that still waits for decisions",
        )
        .into());
    }
    if engine::is_completion(&resolution.ending) && awaits_guarded_task(&head, &spec) {
        let message = "a task of this intent restricts who may answer it; cancel it, or have an admin who did not start it reassign it";
        return Err(ApiError::new(ErrorCode::TaskIsGuarded, message).into());
    }
    check_step_is_own(cx.caller, &head, Action::Resolve)?;
    let advanced = send_in(cx, owner, head, spec.deadline_at, Command::Resolve(resolution.ending.clone()))?;
    let delivery = completion_delivery(cx, owner, &advanced.head, &spec)?;
    let last = advanced.events.last().map(|event| views::event(resolution.id, event));
    Ok(ResolveAnswer {
        ok: true,
        applied: true,
        reason: None,
        policy_generation: advanced.head.intent.policy_generation,
        intent: views::intent(&advanced.head, &spec),
        event: last,
        completion_delivery: Some(delivery),
    })
}

/// Reports whether the result is in an inbox. It appears there without a delivery once the intent is terminal.
fn completion_delivery(
    cx: &mut CallContext<'_, '_>,
    workspace: Uuid,
    head: &Head,
    spec: &IntentSpec,
) -> Result<CompletionDelivery> {
    let id = head.intent.id;
    let not = |reason: NotDeliveredReason| CompletionDelivery {
        reason: Some(reason),
        reply_to: spec.reply_to.clone(),
        ..CompletionDelivery::default()
    };
    if spec.reply_to.is_none() {
        return Ok(not(NotDeliveredReason::ReplyToNotSet));
    }
    if inbox::reply_to(cx.tx, workspace, id)?.is_none() {
        return Ok(not(NotDeliveredReason::CreatedBeforeInboxes));
    }
    Ok(CompletionDelivery {
        delivered: true,
        reason: None,
        reply_to: spec.reply_to.clone(),
        thread_id: Some(id.into()),
        message_id: Some(super::inbox::completion_message_id(id).into()),
        completion: Some(Completion {
            kind: MessageType::IntentCompletion,
            intent_id: id.into(),
            status: head.intent.status(),
            outcome: views::ended(head.intent.outcome()),
        }),
    })
}
