//! Load, decide, record: the only writer of intents and their events.
//!
//! Everything that happens to an intent passes through [`create`] or [`advance_locked`]. Both take the lock of the intent's family
//! (the row of its root) before they look, ask the rules, and write what the rules say in the caller's transaction:
//! the new head, the events, and the effects. What a decision causes in other members of the family is worked off in the
//! same transaction.

pub mod tell;

use std::collections::VecDeque;

use axme_intent::lifecycle::{Birth, Command, Effect, Ending, Event, Given, Intent};
use axme_intent::policy::{self, Patch};
use axme_intent::{Address, IntentId, Plan, Time, apply, decide, submit, workflow};
use uuid::Uuid;

use crate::config::Limits;
use crate::error::{Result, StoreError};
use crate::ops::admission;
use crate::store::Mark;
use crate::store::intents::Head;
use crate::store::webhooks::Fanout;
use crate::store::{Tx, inbox, intents, queue, timers, webhooks};
use crate::system::Rng;
use crate::wakeups::Signal;

/// How events name the platform itself.
pub const GATEWAY: &str = "gateway";

/// How many of those who are asked get the task in their inbox.
const MOST_ASKED: usize = 24;

/// What the engine works with.
pub struct Desk<'a, 'tx> {
    pub tx: &'a mut Tx<'tx>,
    pub workspace: Uuid,
    pub now: Time,
    pub rng: &'a Rng,
    pub limits: &'a Limits,
}

/// What became of the intent that was addressed.
pub struct Advanced {
    pub head: Head,
    /// The events this call appended to it.
    pub events: Vec<Event>,
}

/// A new intent, decided and written out: all that can be done before the transaction.
pub struct Newborn {
    head: Head,
    row: intents::HeadRow,
    events: Option<intents::EventsRow>,
    effects: Vec<Effect>,
    /// Where its result goes, as a canonical address.
    reply_to: Option<Address>,
    /// Its plan and what it was created with, when it has a plan.
    planned: Option<(Plan, Birth)>,
}

/// Decides what a new intent begins with. Needs nothing from the store.
pub fn conceive(unborn: Intent, birth: Birth, given: &Given) -> Result<Newborn, StoreError> {
    let planned = birth.plan.clone().map(|plan| (plan, birth.clone()));
    let (intent_type, from, to) = (birth.intent_type.clone(), birth.from.clone(), birth.to.clone());
    let decision = submit(&unborn, birth, given);
    let mut intent = unborn;
    for event in &decision.events {
        apply(&mut intent, event);
    }
    let row = intents::HeadRow::of(&intent)?;
    let events = intents::EventsRow::of(&decision.events)?;
    Ok(Newborn {
        head: Head { intent, intent_type, from, to },
        row,
        events,
        effects: decision.effects,
        reply_to: None,
        planned,
    })
}

/// Records a root intent.
pub fn create(desk: &mut Desk<'_, '_>, newborn: &Newborn) -> Result<()> {
    let mut more = VecDeque::new();
    record(desk, newborn, &mut more)?;
    settle(desk, more)
}

impl Newborn {
    /// Lets the result go to an inbox.
    pub fn replying_to(mut self, owner: Option<Address>) -> Newborn {
        self.reply_to = owner;
        self
    }

    pub fn head(&self) -> &Head {
        &self.head
    }

    pub fn intent(&self) -> &Intent {
        &self.head.intent
    }

    pub fn intent_type(&self) -> &str {
        &self.head.intent_type
    }

    pub fn to(&self) -> &Address {
        &self.head.to
    }
}

/// Sends a command to an intent that [`lock`] has returned in this transaction.
pub fn advance_locked(desk: &mut Desk<'_, '_>, head: Head, command: Command, actor: &str) -> Result<Advanced> {
    let mut more = VecDeque::new();
    let advanced = step(desk, head, command, actor, &mut more)?;
    settle(desk, more)?;
    Ok(advanced)
}

/// Loads an intent with its family locked.
pub fn lock(desk: &mut Desk<'_, '_>, id: IntentId) -> Result<Option<Head>, StoreError> {
    if let Some(root) = intents::lock_root(desk.tx, desk.workspace, id)? {
        return Ok(Some(root));
    }
    let Some(member) = intents::find(desk.tx, desk.workspace, id)? else { return Ok(None) };
    intents::lock_root(desk.tx, desk.workspace, member.intent.root)?;
    // Read again: it may have changed before the lock was ours.
    intents::find(desk.tx, desk.workspace, id)
}

/// Commands to other members of the family, caused by what was just recorded.
type More = VecDeque<(IntentId, Command)>;

fn settle(desk: &mut Desk<'_, '_>, mut more: More) -> Result<()> {
    while let Some((id, command)) = more.pop_front() {
        let head = intents::find(desk.tx, desk.workspace, id)?;
        let head = head.ok_or_else(|| StoreError::Fault(format!("intent {id} of the family is missing")))?;
        if !head.intent.status().is_terminal() {
            step(desk, head, command, GATEWAY, &mut more)?;
        }
    }
    Ok(())
}

fn record(desk: &mut Desk<'_, '_>, newborn: &Newborn, more: &mut More) -> Result<()> {
    intents::insert(desk.tx, desk.workspace, &newborn.head, newborn.reply_to.as_ref(), &newborn.row)?;
    if let Some(events) = &newborn.events {
        intents::insert_events(desk.tx, desk.workspace, newborn.head.intent.id, events)?;
        fan_out(desk, &newborn.head)?;
    }
    give_threads(desk, &newborn.head)?;
    let planned = newborn.planned.as_ref().map(|(plan, birth)| (plan, birth));
    carry_out(desk, &newborn.head, planned, &newborn.effects, more)
}

fn step(desk: &mut Desk<'_, '_>, mut head: Head, command: Command, actor: &str, more: &mut More) -> Result<Advanced> {
    let given = given(desk, &head.intent, actor);
    let birth = match &head.intent.cursor {
        Some(_) => Some(intents::birth(desk.tx, desk.workspace, head.intent.id)?),
        None => None,
    };
    let plan = birth.as_ref().and_then(|birth| birth.plan.as_ref());
    let decision = decide(&head.intent, plan, command, &given)?;
    for event in &decision.events {
        apply(&mut head.intent, event);
    }
    if let Some(events) = intents::EventsRow::of(&decision.events)? {
        intents::update(desk.tx, desk.workspace, &head.intent)?;
        intents::insert_events(desk.tx, desk.workspace, head.intent.id, &events)?;
        desk.tx.signal(Signal::intent(head.intent.id));
        give_threads(desk, &head)?;
        fan_out(desk, &head)?;
    }
    carry_out(desk, &head, plan.zip(birth.as_ref()), &decision.effects, more)?;
    Ok(Advanced { head, events: decision.events })
}

/// Whoever is asked to answer a task has it in the inbox.
fn give_threads(desk: &mut Desk<'_, '_>, head: &Head) -> Result<(), StoreError> {
    for person in head.intent.asked().into_iter().take(MOST_ASKED) {
        let owner = Address::of_person(person);
        inbox::join(desk.tx, desk.workspace, &owner, head.intent.id, false, desk.now)?;
    }
    Ok(())
}

/// What was just decided becomes an event for those who are subscribed to it.
fn fan_out(desk: &mut Desk<'_, '_>, head: &Head) -> Result<(), StoreError> {
    if desk.tx.has(Mark::Subscribers, desk.workspace) {
        let (intent, position) = (head.intent.id, i64::from(head.intent.position));
        webhooks::insert_fanout(desk.tx, &Fanout { workspace: desk.workspace, intent, position, entry: 0 })?;
        desk.tx.signal(Signal::fanouts());
    }
    Ok(())
}

fn given(desk: &Desk<'_, '_>, intent: &Intent, actor: &str) -> Given {
    Given {
        now: desk.now,
        actor: actor.to_owned(),
        child: intent.root.relative(desk.now, desk.rng.ordered_bytes(desk.now)),
    }
}

fn carry_out(
    desk: &mut Desk<'_, '_>,
    head: &Head,
    planned: Option<(&Plan, &Birth)>,
    effects: &[Effect],
    more: &mut More,
) -> Result<()> {
    let (workspace, id) = (desk.workspace, head.intent.id);
    for effect in effects {
        match effect {
            Effect::Deliver { to } => {
                queue::insert(desk.tx, workspace, to, id.into(), desk.now)?;
                desk.tx.signal(Signal::queue(workspace, to));
            }
            Effect::MarkAcknowledged => {
                let again_at = desk.now.plus_seconds(desk.limits.acknowledged_seconds);
                queue::acknowledge(desk.tx, workspace, &head.to, id.into(), again_at)?;
            }
            Effect::EndDelivery => {
                for receiver in receivers(head) {
                    queue::delete(desk.tx, workspace, &receiver, id.into())?;
                }
            }
            Effect::BuryDelivery => {
                for receiver in receivers(head).iter().skip(1) {
                    queue::delete(desk.tx, workspace, receiver, id.into())?;
                }
                queue::bury(desk.tx, workspace, &head.to, id.into(), desk.now)?;
            }
            Effect::OfferAgain => offer_again(desk, head)?,
            Effect::OfferChildAgain(child) => {
                if let Some(child) = intents::find(desk.tx, workspace, *child)? {
                    offer_again(desk, &child)?;
                }
            }
            Effect::Mail { about, to } => tell::mail(desk, head, *about, to)?,
            Effect::Notify { step } => {
                let (plan, parent) = planned.ok_or_else(|| StoreError::Fault("a step without a plan".to_owned()))?;
                tell::notify(desk, head, plan, parent, step)?;
            }
            Effect::SetTimer { kind, at } => {
                timers::put(desk.tx, workspace, id, kind, *at)?;
                desk.tx.signal(Signal::timers());
            }
            Effect::ClearTimer(kind) => timers::clear(desk.tx, workspace, id, kind)?,
            Effect::ClearTimers => timers::clear_all(desk.tx, workspace, id)?,
            Effect::StartChild { child, step } => {
                let (plan, parent) = planned.ok_or_else(|| StoreError::Fault("a step without a plan".to_owned()))?;
                let birth = child_birth(head, plan, parent, step)?;
                let unborn = Intent::unborn(*child, head.intent.root, Some(id), desk.now);
                admission::count_step(desk.tx, workspace, &birth.to, desk.now)?;
                let given = given(desk, &unborn, GATEWAY);
                record(desk, &conceive(unborn, birth, &given)?, more)?;
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

/// Whose queues an intent is in: its receiver's, and that of whom it was escalated to.
fn receivers(head: &Head) -> Vec<Address> {
    let escalated_to = head.intent.tally.escalated_to.as_ref().map(|holder| holder.reference.clone());
    let escalated_to = escalated_to.map(Address::from_canonical).filter(|address| *address != head.to);
    std::iter::once(head.to.clone()).chain(escalated_to).collect()
}

fn offer_again(desk: &mut Desk<'_, '_>, head: &Head) -> Result<(), StoreError> {
    queue::offer_again(desk.tx, desk.workspace, &head.to, head.intent.id.into(), desk.now)?;
    desk.tx.signal(Signal::queue(desk.workspace, &head.to));
    Ok(())
}

/// Changes the settings of an intent that [`lock`] has returned in this transaction. Returns the keys nothing acts on.
pub fn change_policy(desk: &mut Desk<'_, '_>, mut head: Head, patch: &Patch) -> Result<(Head, Vec<String>)> {
    let birth = intents::birth(desk.tx, desk.workspace, head.intent.id)?;
    let change = policy::change(&head.intent, birth.plan.as_ref(), birth.deadline_at, patch, desk.now)?;
    head.intent.policy = change.policy;
    head.intent.policy_generation = head.intent.policy_generation.saturating_add(1);
    head.intent.updated_at = head.intent.updated_at.max(desk.now);
    intents::update(desk.tx, desk.workspace, &head.intent)?;
    desk.tx.signal(Signal::intent(head.intent.id));
    let mut more = VecDeque::new();
    carry_out(desk, &head, None, &change.effects, &mut more)?;
    settle(desk, more)?;
    Ok((head, change.warnings))
}

/// What the child that carries out a step is created with.
fn child_birth(head: &Head, plan: &Plan, parent: &Birth, step: &str) -> Result<Birth, StoreError> {
    let step = plan.step(step).ok_or_else(|| StoreError::Fault(format!("the plan has no step {step}")))?;
    let workflow::StepKind::Agent { to, .. } = &step.kind else {
        return Err(StoreError::Fault(format!("step {} is not for an agent", step.id)));
    };
    let empty = axme_intent::Object::new();
    let results = head.intent.cursor.as_ref().map_or(&empty, |cursor| &cursor.results);
    Ok(Birth {
        intent_type: parent.intent_type.clone(),
        correlation_id: parent.correlation_id,
        from: parent.from.clone(),
        to: to.clone(),
        reply_to: None,
        payload: workflow::child_payload(&head.intent.id.to_string(), &parent.payload, plan, step, results),
        deadline_at: head.intent.waiting().and_then(|waiting| waiting.due_at),
        max_delivery_attempts: parent.max_delivery_attempts,
        ladder: None,
        task: None,
        plan: None,
        requested_by: parent.requested_by.clone(),
        step: Some(step.id.clone()),
    })
}

/// The ending a caller asks for, spelled out for the rules.
pub fn is_completion(ending: &Ending) -> bool {
    matches!(ending, Ending::Completed(_))
}

/// True when `address` is the sender, the receiver, or whom it was escalated to.
pub fn is_party(head: &Head, address: &Address) -> bool {
    head.from == *address || receivers(head).contains(address)
}
