//! Load, decide, record: the only writer of intents and their events.
//!
//! Everything that happens to an intent passes through [`create`], [`advance`] or `change_policy`. An existing intent
//! is first locked together with its family (the row of the root). The rules decide; the engine writes the new head,
//! the events and the effects in the caller's transaction. Commands that a decision causes for other members of the
//! family run in the same transaction.

pub mod intent_access;
pub mod notices;
mod receipts;
pub mod receiving;

use std::collections::{BTreeMap, VecDeque};

use axme_intent::lifecycle::{
    Command, DecideInput, Effect, Ending, Event, EventBody, Fault, Intent, IntentSpec, State, Wait,
};
use axme_intent::policy::Patch;
use axme_intent::receipt;
use axme_intent::{Address, IntentId, Json, Plan, Time, WaitingReason, apply, decide, submit, workflow};
use uuid::Uuid;

pub use crate::auth::GATEWAY;
use crate::error::{Result, StoreError};
use crate::policy::snapshot::Snapshot;
use crate::policy::step_admission::admit_step;
use axme_store::Signal;
use axme_store::intents::Head;
use axme_store::tasks::Asking;
use axme_store::webhooks::Fanout;
use axme_store::{EndedStep, Rng, Tx, inbox, intents, queue, tasks, timers, traces, webhooks};

/// Maximum number of assignees of a task who get it in their inbox.
const MAX_INBOXES: usize = 24;

/// The outcome of a command for the intent that it addressed.
pub struct AdvanceOutcome {
    pub head: Head,
    /// The events that this call appended to it.
    pub events: Vec<Event>,
}

/// A new intent, decided and serialized: everything that can happen before the transaction.
pub struct NewIntent {
    head: Head,
    row: intents::HeadRow,
    events: Option<intents::EventsRow>,
    effects: Vec<Effect>,
    /// The canonical address that receives its result.
    reply_to: Option<Address>,
    spec: IntentSpec,
}

/// Decides the first events and effects of a new intent. It does not need the store.
pub(crate) fn plan_create(draft: Intent, spec: IntentSpec, input: &DecideInput) -> Result<NewIntent, StoreError> {
    let (intent_type, from, to) = (spec.intent_type.clone(), spec.from.clone(), spec.to.clone());
    let decision = submit(&draft, spec, input);
    let mut intent = draft;
    for event in &decision.events {
        apply(&mut intent, event);
    }
    let row = intents::HeadRow::of(&intent)?;
    let events = intents::EventsRow::of(&decision.events)?;
    let spec = decision.events.into_iter().find_map(|event| match event.body {
        EventBody::Created(spec) => Some(*spec),
        _ => None,
    });
    let spec = spec.ok_or_else(|| StoreError::Fault("a new intent was not created".to_owned()))?;
    Ok(NewIntent {
        head: Head { intent, intent_type, from, to },
        row,
        events,
        effects: decision.effects,
        reply_to: None,
        spec,
    })
}

/// Decides the first events and effects of a new root intent.
pub(crate) fn plan_root(
    now: Time,
    rng: &Rng,
    spec: IntentSpec,
    reply_to: Option<Address>,
) -> Result<NewIntent, StoreError> {
    plan_root_as(IntentId::root(now, rng.ordered_bytes(now)), now, rng, spec, reply_to)
}

/// Decides the first events and effects of a new root intent with this id.
pub(crate) fn plan_root_as(
    id: IntentId,
    now: Time,
    rng: &Rng,
    spec: IntentSpec,
    reply_to: Option<Address>,
) -> Result<NewIntent, StoreError> {
    let input = DecideInput {
        now,
        actor: spec.from.as_str().to_owned(),
        child: id.relative(now, rng.ordered_bytes(now)),
        denied_steps: BTreeMap::new(),
    };
    let new = plan_create(Intent::draft(id, id, None, now), spec, &input)?;
    Ok(NewIntent { reply_to, ..new })
}

/// Records a root intent. It is decided again if the agent of its first step does not accept the step. Then this returns
/// the intent as it was recorded.
pub fn create(tx: &mut Tx<'_>, workspace: Uuid, new: &NewIntent) -> Result<Option<NewIntent>> {
    let decided_again = without_denied_steps(tx, workspace, new)?;
    let mut more = VecDeque::new();
    record(tx, workspace, decided_again.as_ref().unwrap_or(new), &mut more)?;
    settle(tx, workspace, more)?;
    Ok(decided_again)
}

fn without_denied_steps(tx: &mut Tx<'_>, workspace: Uuid, new: &NewIntent) -> Result<Option<NewIntent>> {
    let mut denied_steps = BTreeMap::new();
    let mut again: Option<NewIntent> = None;
    while let Some((step, fault)) = denied_step(tx, workspace, &new.spec, &again.as_ref().unwrap_or(new).effects)? {
        denied_steps.insert(step, fault);
        let draft = Intent::draft(new.intent().id, new.intent().root, None, new.intent().created_at);
        let input = DecideInput { denied_steps: denied_steps.clone(), ..decide_input(tx, &draft, new.from().as_str()) };
        let planned = plan_create(draft, new.spec.clone(), &input)?;
        again = Some(NewIntent { reply_to: new.reply_to.clone(), ..planned });
    }
    Ok(again)
}

/// Admits the step that a decision starts, and counts it. Returns a step that its agent does not accept, with its fault.
fn denied_step(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    spec: &IntentSpec,
    effects: &[Effect],
) -> Result<Option<(String, Fault)>, StoreError> {
    let started = effects.iter().find_map(|effect| match effect {
        Effect::StartChild { step, .. } => spec.plan.as_ref()?.step(step),
        _ => None,
    });
    let Some(step) = started else { return Ok(None) };
    let workflow::StepKind::Agent { to, .. } = &step.kind else { return Ok(None) };
    let fault = admit_step(tx, workspace, spec, &step.id, to)?;
    Ok(fault.map(|fault| (step.id.clone(), fault)))
}

impl NewIntent {
    pub fn head(&self) -> &Head {
        &self.head
    }

    pub fn intent(&self) -> &Intent {
        &self.head.intent
    }

    pub fn intent_type(&self) -> &str {
        &self.head.intent_type
    }

    pub fn from(&self) -> &Address {
        &self.head.from
    }

    pub fn to(&self) -> &Address {
        &self.head.to
    }

    pub(crate) fn spec(&self) -> &IntentSpec {
        &self.spec
    }

    /// Returns the address to which the intent is delivered; `None` if it waits for a person or runs a plan.
    pub(crate) fn delivered_to(&self) -> Option<&Address> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Deliver { to } => Some(to),
            _ => None,
        })
    }

    pub(crate) fn reply_to(&self) -> Option<&Address> {
        self.reply_to.as_ref()
    }

    pub fn payload(&self) -> &Json {
        &self.spec.payload
    }
}

/// Sends a command to an intent that [`lock`] has returned in this transaction.
pub fn advance(tx: &mut Tx<'_>, workspace: Uuid, head: Head, command: Command, actor: &str) -> Result<AdvanceOutcome> {
    let mut more = VecDeque::new();
    let advanced = step(tx, workspace, head, command, actor, &mut more)?;
    settle(tx, workspace, more)?;
    Ok(advanced)
}

/// Loads an intent with its family locked.
pub fn lock(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<Option<Head>, StoreError> {
    if let Some(root) = intents::lock_root(tx, workspace, id)? {
        return Ok(Some(root));
    }
    let Some(member) = intents::find(tx, workspace, id)? else { return Ok(None) };
    intents::lock_root(tx, workspace, member.intent.root)?;
    // Read again: it may have changed before the lock was taken.
    intents::find(tx, workspace, id)
}

/// Commands that recorded decisions cause for other members of the family.
type FollowUps = VecDeque<(IntentId, Command)>;

fn settle(tx: &mut Tx<'_>, workspace: Uuid, mut more: FollowUps) -> Result<()> {
    while let Some((id, command)) = more.pop_front() {
        let head = intents::find(tx, workspace, id)?;
        let head = head.ok_or_else(|| StoreError::Fault(format!("intent {id} of the family is missing")))?;
        if !head.intent.status().is_terminal() {
            step(tx, workspace, head, command, GATEWAY, &mut more)?;
        }
    }
    Ok(())
}

fn record(tx: &mut Tx<'_>, workspace: Uuid, new: &NewIntent, more: &mut FollowUps) -> Result<()> {
    intents::insert(tx, workspace, &new.head, new.reply_to.as_ref(), &new.row)?;
    if let Some(events) = &new.events {
        intents::insert_events(tx, workspace, new.head.intent.id, events)?;
        fan_out(tx, workspace, &new.head)?;
    }
    let asking = Asking::of(&new.head.intent);
    tasks::record(tx, workspace, new.head.intent.id, None, asking.as_ref())?;
    give_threads(tx, workspace, &new.head)?;
    let planned = new.spec.plan.as_ref().map(|plan| (plan, &new.spec));
    carry_out(tx, workspace, &new.head, planned, &new.effects, more)
}

fn step(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    mut head: Head,
    command: Command,
    actor: &str,
    more: &mut FollowUps,
) -> Result<AdvanceOutcome> {
    let mut input = decide_input(tx, &head.intent, actor);
    let spec = match &head.intent.cursor {
        Some(_) => Some(intents::spec(tx, workspace, head.intent.id)?),
        None => None,
    };
    let plan = spec.as_ref().and_then(|spec| spec.plan.as_ref());
    let decision = match &spec {
        None => decide(&head.intent, None, command, &input)?,
        Some(spec) => loop {
            let decision = decide(&head.intent, Some(spec), command.clone(), &input)?;
            match denied_step(tx, workspace, spec, &decision.effects)? {
                Some((step, fault)) => input.denied_steps.insert(step, fault),
                None => break decision,
            };
        },
    };
    let before = decision.events.iter().any(receipt::is_decision).then(|| head.intent.clone());
    let wait_before = head.intent.waiting().filter(|_| tx.is_traced).cloned();
    let asked_before = Asking::of(&head.intent);
    let waited = head.intent.waiting().filter(|waiting| waiting.task.is_some()).cloned();
    for event in &decision.events {
        apply(&mut head.intent, event);
    }
    if let Some(events) = intents::EventsRow::of(&decision.events)? {
        intents::update(tx, workspace, &head.intent)?;
        intents::insert_events(tx, workspace, head.intent.id, &events)?;
        let asking = Asking::of(&head.intent);
        tasks::record(tx, workspace, head.intent.id, asked_before.as_ref(), asking.as_ref())?;
        tx.signal(Signal::intent(head.intent.id));
        if let Some(before) = before {
            receipts::record(tx, workspace, &before, &decision.events, spec.as_ref())?;
        }
        if let Some(wait) = wait_before {
            report_ended_step(tx, &head, wait)?;
        }
        if let Some(waited) = waited {
            notices::call_off(tx, workspace, &head, &waited, (&decision.events, actor))?;
        }
        give_threads(tx, workspace, &head)?;
        fan_out(tx, workspace, &head)?;
    }
    carry_out(tx, workspace, &head, plan.zip(spec.as_ref()), &decision.effects, more)?;
    Ok(AdvanceOutcome { head, events: decision.events })
}

/// Reports the step of an earlier wait for the trace of its intent, if the intent waits for something else now.
fn report_ended_step(tx: &mut Tx<'_>, head: &Head, wait: Wait) -> Result<(), StoreError> {
    let goes_on = head.intent.waiting().is_some_and(|now| (&now.step, now.since) == (&wait.step, wait.since));
    let Some(step) = wait.step.filter(|_| !goes_on) else { return Ok(()) };
    if let Some(traceparent) = traces::find(tx, head.intent.root)? {
        let (intent, began_at, ended_at) = (head.intent.id, wait.since, tx.now);
        tx.report_step(EndedStep { traceparent, intent, step, began_at, ended_at });
    }
    Ok(())
}

/// Puts a task into the inboxes of its assignees.
fn give_threads(tx: &mut Tx<'_>, workspace: Uuid, head: &Head) -> Result<(), StoreError> {
    let now = tx.now;
    let asked: Vec<String> = head.intent.asked().into_iter().map(str::to_owned).collect();
    for person in notices::with_members(tx, workspace, &asked)?.iter().take(MAX_INBOXES) {
        let owner = Address::of_person(person);
        inbox::join(tx, workspace, &owner, head.intent.id, false, now)?;
    }
    Ok(())
}

/// Queues a decision for its subscribers, if the workspace has any.
fn fan_out(tx: &mut Tx<'_>, workspace: Uuid, head: &Head) -> Result<(), StoreError> {
    if Snapshot::of(tx, workspace)?.has_subscribers {
        let (intent, position) = (head.intent.id, i64::from(head.intent.position));
        webhooks::insert_fanout(tx, &Fanout { workspace, intent, position, entry: 0 })?;
        tx.signal(Signal::fanouts());
    }
    Ok(())
}

fn decide_input(tx: &Tx<'_>, intent: &Intent, actor: &str) -> DecideInput {
    let now = tx.now;
    let child = intent.root.relative(now, tx.rng.ordered_bytes(now));
    DecideInput { now, actor: actor.to_owned(), child, denied_steps: BTreeMap::new() }
}

fn carry_out(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    head: &Head,
    planned: Option<(&Plan, &IntentSpec)>,
    effects: &[Effect],
    more: &mut FollowUps,
) -> Result<()> {
    let now = tx.now;
    let id = head.intent.id;
    for effect in effects {
        match effect {
            Effect::Deliver { to } => {
                let of_queue = if *to == head.to { receiving::begin(tx, workspace, head)? } else { workspace };
                queue::insert(tx, of_queue, to, id.into(), now)?;
                tx.signal_one(Signal::queue(of_queue, to));
            }
            Effect::MarkAcknowledged => {
                let seconds = tx.limits.acknowledged_seconds;
                let of_queue = receiving::queue_of(tx, workspace, &head.to, id)?;
                queue::acknowledge(tx, of_queue, &head.to, id.into(), (now, seconds))?;
            }
            Effect::EndDelivery => {
                for receiver in receivers(head) {
                    let of_queue = receiving::queue_of(tx, workspace, &receiver, id)?;
                    queue::delete(tx, of_queue, &receiver, id.into())?;
                }
            }
            Effect::BuryDelivery => {
                for receiver in receivers(head).iter().skip(1) {
                    queue::delete(tx, workspace, receiver, id.into())?;
                }
                let of_queue = receiving::queue_of(tx, workspace, &head.to, id)?;
                queue::bury(tx, of_queue, &head.to, id.into(), now)?;
            }
            Effect::OfferAgain => offer_again(tx, workspace, head)?,
            Effect::OfferChildAgain(child) => {
                if let Some(child) = intents::find(tx, workspace, *child)? {
                    offer_again(tx, workspace, &child)?;
                }
            }
            Effect::Mail { about, to } => notices::mail(tx, workspace, head, *about, to)?,
            Effect::Notify { step } => {
                let (plan, parent) = planned.ok_or_else(|| StoreError::Fault("a step without a plan".to_owned()))?;
                notices::notify(tx, workspace, head, plan, parent, step)?;
            }
            Effect::SetTimer { kind, at } => {
                timers::put(tx, workspace, id, kind, *at)?;
                tx.signal(Signal::timers());
            }
            Effect::ClearTimer(kind) => timers::clear(tx, workspace, id, kind)?,
            Effect::ClearTimers => timers::clear_all(tx, workspace, id)?,
            Effect::StartChild { child, step } => {
                let (plan, parent) = planned.ok_or_else(|| StoreError::Fault("a step without a plan".to_owned()))?;
                let spec = child_spec(head, plan, parent, step)?;
                let draft = Intent::draft(*child, head.intent.root, Some(id), now);
                let input = decide_input(tx, &draft, GATEWAY);
                record(tx, workspace, &plan_create(draft, spec, &input)?, more)?;
            }
            Effect::EndChild { child, ending } => more.push_back((*child, Command::Resolve(ending.clone()))),
            Effect::TellParent(ending) => {
                if let Some(parent) = head.intent.parent {
                    more.push_back((parent, Command::ChildEnded { child: id, ending: ending.clone() }));
                }
            }
        }
    }
    Ok(())
}

/// Returns the addresses of the agents that an intent waits for; none if it has ended, or waits for a person or for time.
pub(crate) fn awaited_agents(head: &Head) -> Vec<Address> {
    match &head.intent.state {
        State::Delivered | State::Acknowledged | State::InProgress => receivers(head),
        State::Waiting(waiting) if waiting.reason == WaitingReason::WaitingForAgent => {
            let holders = [Some(&waiting.holder), head.intent.tally.escalated_from.as_ref()].into_iter().flatten();
            holders.map(|holder| Address::read(&holder.reference)).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the addresses whose queues may hold an intent: its receiver, and the agent that it was escalated to.
fn receivers(head: &Head) -> Vec<Address> {
    let escalated_to = head.intent.tally.escalated_to.as_ref().map(|holder| Address::read(&holder.reference));
    let escalated_to = escalated_to.filter(|address| *address != head.to);
    std::iter::once(head.to.clone()).chain(escalated_to).collect()
}

fn offer_again(tx: &mut Tx<'_>, workspace: Uuid, head: &Head) -> Result<(), StoreError> {
    let now = tx.now;
    let of_queue = receiving::queue_of(tx, workspace, &head.to, head.intent.id)?;
    queue::offer_again(tx, of_queue, &head.to, head.intent.id.into(), now)?;
    tx.signal(Signal::queue(of_queue, &head.to));
    Ok(())
}

/// Changes the settings of an intent that [`lock`] has returned in this transaction. Returns the keys that have no
/// effect.
pub(crate) fn change_policy(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    mut head: Head,
    patch: &Patch,
) -> Result<(Head, Vec<String>)> {
    let now = tx.now;
    let spec = intents::spec(tx, workspace, head.intent.id)?;
    let change = axme_intent::change_policy(&head.intent, spec.plan.as_ref(), spec.deadline_at, patch, now)?;
    head.intent.policy = change.policy;
    head.intent.policy_generation = head.intent.policy_generation.saturating_add(1);
    head.intent.updated_at = head.intent.updated_at.max(now);
    intents::update(tx, workspace, &head.intent)?;
    tx.signal(Signal::intent(head.intent.id));
    let mut more = VecDeque::new();
    carry_out(tx, workspace, &head, None, &change.effects, &mut more)?;
    settle(tx, workspace, more)?;
    Ok((head, change.warnings))
}

/// Returns the specification of the child that runs a step.
fn child_spec(head: &Head, plan: &Plan, parent: &IntentSpec, step: &str) -> Result<IntentSpec, StoreError> {
    let step = plan.step(step).ok_or_else(|| StoreError::Fault(format!("the plan has no step {step}")))?;
    let workflow::StepKind::Agent { to, .. } = &step.kind else {
        return Err(StoreError::Fault(format!("step {} is not for an agent", step.id)));
    };
    let empty = axme_intent::JsonFields::new();
    let results = head.intent.cursor.as_ref().map_or(&empty, |cursor| &cursor.results);
    Ok(IntentSpec {
        intent_type: parent.intent_type.clone(),
        correlation_id: parent.correlation_id,
        from: parent.from.clone(),
        to: to.clone(),
        reply_to: None,
        payload: workflow::child_payload(&head.intent.id.to_string(), &parent.payload, plan, step, results),
        deadline_at: head.intent.waiting().and_then(|waiting| waiting.due_at),
        max_delivery_attempts: parent.max_delivery_attempts,
        reminder_plan: None,
        task: None,
        plan: None,
        requested_by: parent.requested_by.clone(),
        requested_with: parent.requested_with.clone(),
        client: parent.client.clone(),
        step: Some(step.id.clone()),
    })
}

pub(crate) fn is_completion(ending: &Ending) -> bool {
    matches!(ending, Ending::Completed(_))
}

/// Returns true if `address` is the sender, the receiver, or the agent that the intent was escalated to.
pub(crate) fn is_party(head: &Head, address: &Address) -> bool {
    head.from == *address || is_receiver(head, address)
}

/// Returns true if `address` is the receiver, or the agent that the intent was escalated to.
pub(crate) fn is_receiver(head: &Head, address: &Address) -> bool {
    receivers(head).contains(address)
}
