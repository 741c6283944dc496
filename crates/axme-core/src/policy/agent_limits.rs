//! What agents are held to: the kill switch, limits on what they use, and the types of intents they may send and receive.
//!
//! [`admit`] is asked in the transaction that creates a root intent. A workspace in which nobody is held to anything pays
//! for a look into a set in memory.

use axme_api::mesh::{ActionPolicy, ActionRule, CostPolicy};
use axme_api::{ApiError, ErrorKind};
use axme_intent::{Address, Time};
use serde_json::json;
use uuid::Uuid;

use super::quota::{self, Dimension};
use super::senders;
use crate::context::CallContext;
use crate::error::{Error, Result, StoreError};
use crate::store::mesh::{self as store, Counts, Rules, hour_of};
use crate::store::{Mark, Tx};

/// What an agent is held to, as stored.
#[derive(Debug, Clone, Default)]
pub struct AgentRules {
    pub is_killed: bool,
    pub cost: Option<CostPolicy>,
    pub action: ActionPolicy,
}

impl AgentRules {
    pub fn read(rules: &Rules) -> Result<AgentRules, StoreError> {
        fn parse<T: serde::de::DeserializeOwned>(text: Option<&String>) -> Result<Option<T>, StoreError> {
            let parsed = text.map(|text| serde_json::from_str(text)).transpose();
            parsed.map_err(|error| StoreError::Fault(format!("rules of an agent: {error}")))
        }
        let (cost, action) = (parse(rules.cost.as_ref())?, parse(rules.action.as_ref())?.unwrap_or_default());
        Ok(AgentRules { is_killed: rules.is_killed, cost, action })
    }

    pub fn to_row(&self) -> Result<Rules, StoreError> {
        let fault = |error: serde_json::Error| StoreError::Fault(error.to_string());
        let cost = self.cost.as_ref().map(serde_json::to_string).transpose().map_err(fault)?;
        let is_open = self.action == ActionPolicy::default();
        let action = (!is_open).then(|| serde_json::to_string(&self.action)).transpose().map_err(fault)?;
        Ok(Rules { is_killed: self.is_killed, cost, action })
    }

    /// What an agent is held to; `None` when nothing was ever set for it.
    pub fn find(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<Option<AgentRules>, StoreError> {
        store::find_rules(tx, workspace, address)?.as_ref().map(AgentRules::read).transpose()
    }
}

/// The first hour of today, in UTC.
pub fn midnight(now: Time) -> i64 {
    hour_of(now).div_euclid(24) * 24
}

pub fn usd(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}

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
    (from, to, intent_type): (&'a Address, &'a Address, &str),
    later: impl IntoIterator<Item = &'a Address>,
    tenant: Option<(Uuid, Uuid)>,
) -> Result<()> {
    let mut parties = vec![(from, Part::Sender), (to, Part::Receiver)];
    parties.extend(later.into_iter().map(|to| (to, Part::Later)));
    check_parties(cx, &parties, intent_type)?;
    senders::check_sender(cx, from, to)?;
    let workspace = quota::charged(cx, tenant)?;
    quota::charge(cx.tx, workspace, Dimension::Intents, 1)
}

/// Refuses an intent that somebody in it may not send or get; counts it against the limits of both.
fn check_parties(cx: &mut CallContext<'_, '_>, parties: &[(&Address, Part)], intent_type: &str) -> Result<()> {
    let workspace = cx.caller.workspace;
    if !cx.tx.has(Mark::Rules, workspace) {
        return Ok(());
    }
    let mut held = Vec::new();
    for (address, part) in parties {
        if let Some(rules) = AgentRules::find(cx.tx, workspace, address)? {
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
            return Err(Error::kept(error.with("address", address.as_str()).with("direction", direction)));
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
    count(cx.tx, workspace, address)?;
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

fn count(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<(), StoreError> {
    let now = tx.now;
    store::add(tx, workspace, address, hour_of(now), &Counts { admitted: 1, ..Counts::default() })
}

/// Counts the child of a step for its agent. It is never refused: whoever ended the step before could not help it.
pub fn count_step(tx: &mut Tx<'_>, workspace: Uuid, to: &Address) -> Result<(), StoreError> {
    if tx.has(Mark::Rules, workspace) && AgentRules::find(tx, workspace, to)?.is_some_and(|rules| rules.cost.is_some())
    {
        count(tx, workspace, to)?;
    }
    Ok(())
}

/// True when nothing is delivered to an address: its agent is killed.
pub fn is_stopped(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<bool, StoreError> {
    Ok(tx.has(Mark::Rules, workspace) && AgentRules::find(tx, workspace, address)?.is_some_and(|rules| rules.is_killed))
}
