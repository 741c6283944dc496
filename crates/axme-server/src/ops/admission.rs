//! What agents are held to: the kill switch, limits on what they use, and the types of intents they may send and receive.
//!
//! [`admit`] is asked in the transaction that creates a root intent. A workspace in which nobody is held to anything pays
//! for a look into a set in memory.

use axme_api::mesh::{
    ActionAnswer, ActionPolicy, ActionRule, CostAnswer, CostPolicy, CostUsage, DeleteAction, PutAction, PutCost,
};
use axme_api::{ApiError, ErrorKind};
use axme_intent::{Address, Time};
use serde_json::json;
use uuid::Uuid;

use super::mesh::{self, Named, midnight, names, tell, usd};
use super::quotas::{self, Dimension, Meter};
use super::{check_word, none_of, policies};
use crate::call::PrepareContext;
use crate::cx::CallContext;
use crate::engine::Newborn;
use crate::error::{Error, Result, StoreError};
use crate::store::mesh::{self as store, Agent, Counts, Rules, hour_of};
use crate::store::{Mark, Tx};
use crate::wakeups::Signal;

const MAX_INTENT_TYPES: usize = 100;
const MAX_INTENT_TYPE_CHARS: usize = 255;
const MOST_INTENTS: u64 = 1_000_000_000_000;
const MOST_USD: f64 = 1_000_000_000.0;

/// What an agent has to do with a new intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Sender,
    Receiver,
    /// It gets a step of a scenario later: that is counted when it happens.
    Later,
}

/// Takes a new root intent in: nobody in it is kept from sending or getting it, its receiver takes it from its sender, and it
/// is counted for whoever is to pay for it. `later` are those who get its steps.
///
/// It is the first thing in its transaction: a refusal may be kept, and nothing else may be kept with it.
pub fn admit<'a>(
    cx: &mut CallContext<'_, '_>,
    newborn: &'a Newborn,
    later: impl IntoIterator<Item = &'a Address>,
    tenant: Option<(Uuid, Uuid)>,
) -> Result<()> {
    let head = newborn.head();
    let mut parties = vec![(&head.from, Part::Sender), (&head.to, Part::Receiver)];
    parties.extend(later.into_iter().map(|to| (to, Part::Later)));
    check_parties(cx, &parties, &head.intent_type)?;
    policies::check_sender(cx, &head.from, &head.to)?;
    let workspace = quotas::charged(cx, tenant)?;
    Meter::of(cx).charge(workspace, Dimension::Intents, 1)
}

/// Refuses an intent that somebody in it may not send or get; counts it against the limits of both.
fn check_parties(cx: &mut CallContext<'_, '_>, parties: &[(&Address, Part)], intent_type: &str) -> Result<()> {
    let workspace = cx.caller.workspace;
    if !cx.tx.has(Mark::Rules, workspace) {
        return Ok(());
    }
    let mut held = Vec::new();
    for (address, part) in parties {
        if let Some(rules) = store::find_rules(cx.tx, workspace, address)? {
            held.push((*address, *part, rules));
        }
    }
    for (address, part, rules) in &held {
        if rules.is_killed {
            let message = format!("agent {address} is killed: nothing new is sent to it or from it");
            let error = ApiError::new(ErrorKind::Forbidden, "agent_killed", message);
            return Err(error.with("address", address.as_str()).into());
        }
        let (direction, rule) = match part {
            Part::Sender => ("send", &rules.action.send),
            Part::Receiver | Part::Later => ("receive", &rules.action.receive),
        };
        if rule.as_ref().is_some_and(|rule| !allows(rule, intent_type)) {
            let line = json!({ "intent_type": intent_type, "direction": direction });
            cx.audit("mesh.policies.action.refused", address.as_str(), &line)?;
            let message = format!("the action policy of {address} does not let it {direction} {intent_type}");
            let error = ApiError::new(ErrorKind::Forbidden, "action_not_allowed", message);
            return Err(Error::Kept(error.with("address", address.as_str()).with("direction", direction)));
        }
    }
    // In the order of their addresses: two calls that count for the same agents wait for each other, but not in a circle.
    held.retain(|(_, part, rules)| *part != Part::Later && rules.cost.is_some());
    held.sort_by_key(|(address, _, _)| *address);
    held.dedup_by_key(|(address, _, _)| *address);
    for (address, _, rules) in &held {
        if let Some(policy) = &rules.cost {
            spend(cx, address, policy)?;
        }
    }
    Ok(())
}

fn allows(rule: &ActionRule, intent_type: &str) -> bool {
    let is_listed = rule.intent_types.iter().any(|listed| match listed.strip_suffix('*') {
        Some(family) => intent_type.starts_with(family),
        None => listed == intent_type,
    });
    match rule.mode.as_str() {
        "allowlist" => is_listed,
        "denylist" => !is_listed,
        _ => true,
    }
}

/// Counts an intent, and refuses it when that is one too many: then nothing is counted.
fn spend(cx: &mut CallContext<'_, '_>, address: &Address, policy: &CostPolicy) -> Result<()> {
    let (workspace, now) = (cx.caller.workspace, cx.now);
    count(cx.tx, workspace, address, now)?;
    let hour = hour_of(now);
    let this_hour = store::sum(cx.tx, workspace, address, hour)?;
    let today = store::sum(cx.tx, workspace, address, midnight(now))?;
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let is_over = |most: Option<u64>, used: i64| most.is_some_and(|most| number(used) > most);
    let (code, text, resets_at) = if is_over(policy.max_intents_per_hour, this_hour.admitted) {
        ("max_intents_per_hour_exceeded", "intents of this hour", hour + 1)
    } else if is_over(policy.max_intents_per_day, today.admitted) {
        ("max_intents_per_day_exceeded", "intents of today", midnight(now) + 24)
    } else if policy.max_cost_per_day_usd.is_some_and(|most| usd(today.cost_micros) >= most) {
        ("max_cost_per_day_exceeded", "costs of today", midnight(now) + 24)
    } else {
        return Ok(());
    };
    let resets_at = Time::from_micros(resets_at.saturating_mul(3_600_000_000));
    let message = format!("agent {address} has reached the limit on its {text}; it is lifted at {resets_at}");
    let error = ApiError::new(ErrorKind::RateLimited, code, message);
    let error = error.with("address", address.as_str()).with("resets_at", resets_at.to_string());
    Err(error.with("retry_after_seconds", resets_at.since(now).as_secs() + 1).into())
}

fn count(tx: &mut Tx<'_>, workspace: Uuid, address: &Address, now: Time) -> Result<(), StoreError> {
    store::add(tx, workspace, address, hour_of(now), &Counts { admitted: 1, ..Counts::default() })
}

/// Counts the child of a step for its agent. It is never refused: whoever ended the step before could not help it.
pub fn count_step(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, now: Time) -> Result<(), StoreError> {
    if tx.has(Mark::Rules, workspace) && store::find_rules(tx, workspace, to)?.is_some_and(|rules| rules.cost.is_some())
    {
        count(tx, workspace, to, now)?;
    }
    Ok(())
}

/// True when nothing is delivered to an address: its agent is killed.
pub fn is_stopped(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<bool, StoreError> {
    Ok(tx.has(Mark::Rules, workspace)
        && store::find_rules(tx, workspace, address)?.is_some_and(|rules| rules.is_killed))
}

/// Replaces what an agent is held to, and lets everybody know.
fn hold(cx: &mut CallContext<'_, '_>, agent: &Agent, rules: &Rules, action: &str) -> Result<()> {
    let (workspace, address) = (cx.caller.workspace, &agent.address);
    store::put_rules(cx.tx, workspace, address, rules, cx.now)?;
    let line = json!({ "cost": rules.cost, "action": rules.action });
    let told = ("agent.policy_changed", Some(cx.caller.actor()), Some(line.clone()));
    tell(cx.tx, cx.rng, cx.now, workspace, address, told)?;
    cx.audit(action, address.as_str(), &line)?;
    cx.tx.mark(Mark::Rules, workspace);
    cx.tx.signal(Signal::rules());
    Ok(())
}

fn rules_of(cx: &mut CallContext<'_, '_>, agent: &Agent) -> Result<Rules> {
    Ok(store::find_rules(cx.tx, cx.caller.workspace, &agent.address)?.unwrap_or_default())
}

/// The same, to be changed.
fn lock_rules(cx: &mut CallContext<'_, '_>, agent: &Agent) -> Result<Rules> {
    Ok(store::lock_rules(cx.tx, cx.caller.workspace, &agent.address, cx.now)?)
}

pub fn get_cost(cx: &mut CallContext<'_, '_>, named: &Named) -> Result<CostAnswer> {
    let agent = mesh::find(cx, &named.agent)?;
    let rules = rules_of(cx, &agent)?;
    cost_answer(cx, &agent, rules.cost)
}

fn cost_answer(cx: &mut CallContext<'_, '_>, agent: &Agent, policy: Option<CostPolicy>) -> Result<CostAnswer> {
    let this_hour = store::sum(cx.tx, cx.caller.workspace, &agent.address, hour_of(cx.now))?;
    let today = store::sum(cx.tx, cx.caller.workspace, &agent.address, midnight(cx.now))?;
    let usage = CostUsage {
        intents_this_hour: u64::try_from(this_hour.admitted).unwrap_or(0),
        intents_today: u64::try_from(today.admitted).unwrap_or(0),
        cost_today_usd: usd(today.cost_micros),
    };
    let (address_id, address) = names(agent);
    Ok(CostAnswer { ok: true, address_id, address, policy, usage })
}

pub fn prepare_put_cost(_: &PrepareContext<'_>, input: PutCost) -> Result<(String, CostPolicy)> {
    for (name, most) in
        [("max_intents_per_day", input.max_intents_per_day), ("max_intents_per_hour", input.max_intents_per_hour)]
    {
        if most.is_some_and(|most| most > MOST_INTENTS) {
            return Err(ApiError::invalid(format!("{name}: at most {MOST_INTENTS}")).into());
        }
    }
    if input.max_cost_per_day_usd.is_some_and(|most| !(0.0..=MOST_USD).contains(&most)) {
        return Err(ApiError::invalid(format!("max_cost_per_day_usd: a number from 0 to {MOST_USD}")).into());
    }
    let action_on_breach = input.action_on_breach.unwrap_or_else(|| "block".to_owned());
    match action_on_breach.as_str() {
        "block" => {}
        "alert" | "require_approval" => {
            return Err(ApiError::not_supported_yet(format!("action_on_breach \"{action_on_breach}\" is")).into());
        }
        other => return Err(none_of("action_on_breach", other, &["block", "alert", "require_approval"])),
    }
    let policy = CostPolicy {
        max_intents_per_day: input.max_intents_per_day,
        max_intents_per_hour: input.max_intents_per_hour,
        max_cost_per_day_usd: input.max_cost_per_day_usd,
        action_on_breach,
    };
    if (policy.max_intents_per_day, policy.max_intents_per_hour, policy.max_cost_per_day_usd) == (None, None, None) {
        let message = "give max_intents_per_day, max_intents_per_hour or max_cost_per_day_usd";
        return Err(ApiError::invalid(message).into());
    }
    Ok((input.address_id, policy))
}

pub fn put_cost(cx: &mut CallContext<'_, '_>, (named, policy): &(String, CostPolicy)) -> Result<CostAnswer> {
    let agent = mesh::find(cx, named)?;
    let rules = Rules { cost: Some(policy.clone()), ..lock_rules(cx, &agent)? };
    hold(cx, &agent, &rules, "mesh.policies.cost.put")?;
    cost_answer(cx, &agent, rules.cost)
}

pub fn delete_cost(cx: &mut CallContext<'_, '_>, named: &Named) -> Result<CostAnswer> {
    let agent = mesh::find(cx, &named.agent)?;
    let rules = lock_rules(cx, &agent)?;
    if rules.cost.is_some() {
        hold(cx, &agent, &Rules { cost: None, ..rules }, "mesh.policies.cost.delete")?;
    }
    cost_answer(cx, &agent, None)
}

/// Which directions are meant: sending, receiving.
fn directions(text: Option<&str>) -> Result<(bool, bool)> {
    match text.unwrap_or("both") {
        "both" => Ok((true, true)),
        "send" => Ok((true, false)),
        "receive" => Ok((false, true)),
        other => Err(none_of("direction", other, &["send", "receive", "both"])),
    }
}

/// What to set, and for which directions; `None` allows everything.
pub struct ActionChange {
    agent: String,
    rule: Option<ActionRule>,
    directions: (bool, bool),
}

pub fn prepare_put_action(_: &PrepareContext<'_>, input: PutAction) -> Result<ActionChange> {
    check_word("mode", Some(&input.mode), &["open", "allowlist", "denylist"])?;
    let is_type = |text: &String| {
        let name = text.strip_suffix('*').unwrap_or(text);
        let is_word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !text.is_empty() && text.len() <= MAX_INTENT_TYPE_CHARS && name.chars().all(is_word)
    };
    if input.intent_types.len() > MAX_INTENT_TYPES || !input.intent_types.iter().all(is_type) {
        let message = format!("intent_types: at most {MAX_INTENT_TYPES} types of intents; a * stands at the end only");
        return Err(ApiError::invalid(message).into());
    }
    let directions = directions(input.direction.as_deref())?;
    let rule = ActionRule { mode: input.mode, intent_types: input.intent_types };
    Ok(ActionChange { agent: input.address_id, rule: Some(rule), directions })
}

pub fn prepare_delete_action(_: &PrepareContext<'_>, input: DeleteAction) -> Result<ActionChange> {
    let directions = directions(input.direction.as_deref())?;
    Ok(ActionChange { agent: input.address_id, rule: None, directions })
}

pub fn get_action(cx: &mut CallContext<'_, '_>, named: &Named) -> Result<ActionAnswer> {
    let agent = mesh::find(cx, &named.agent)?;
    let rules = rules_of(cx, &agent)?;
    Ok(action_answer(&agent, rules.action))
}

fn action_answer(agent: &Agent, policy: ActionPolicy) -> ActionAnswer {
    let (address_id, address) = names(agent);
    ActionAnswer { ok: true, address_id, address, policy }
}

pub fn change_action(cx: &mut CallContext<'_, '_>, change: &ActionChange) -> Result<ActionAnswer> {
    let agent = mesh::find(cx, &change.agent)?;
    let mut rules = lock_rules(cx, &agent)?;
    let before = rules.action.clone();
    if change.directions.0 {
        rules.action.send.clone_from(&change.rule);
    }
    if change.directions.1 {
        rules.action.receive.clone_from(&change.rule);
    }
    if rules.action != before {
        let action = if change.rule.is_some() { "mesh.policies.action.put" } else { "mesh.policies.action.delete" };
        hold(cx, &agent, &rules, action)?;
    }
    Ok(action_answer(&agent, rules.action))
}
