//! Reads and changes the cost and action policies of agents.

use axme_api::mesh::{
    ActionAnswer, ActionDirection, ActionPolicy, ActionRule, BreachAction, CostAnswer, CostPolicy, CostUsage,
    DeleteAction, MeshEventType, PutAction, PutCost,
};
use axme_api::{ApiError, Number};
use serde_json::json;

use super::{AgentQuery, find, names, record_event};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::policy::agent_limits::{midnight, usd};
use crate::policy::agent_rules::AgentRules;
use crate::policy::snapshot;
use axme_store::mesh as store;
use axme_store::mesh::{Agent, hour_of};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::mesh::GET_COST, super::prepare_named, get_cost)),
    Binding::Transaction(&handler(&axme_api::mesh::PUT_COST, prepare_put_cost, put_cost)),
    Binding::Transaction(&handler(&axme_api::mesh::DELETE_COST, super::prepare_named, delete_cost)),
    Binding::Transaction(&handler(&axme_api::mesh::GET_ACTION, super::prepare_named, get_action)),
    Binding::Transaction(&handler(&axme_api::mesh::PUT_ACTION, prepare_put_action, change_action)),
    Binding::Transaction(&handler(&axme_api::mesh::DELETE_ACTION, prepare_delete_action, change_action)),
];

const MAX_INTENT_TYPES: usize = 100;

const MAX_INTENT_TYPE_CHARS: usize = 255;

const MAX_USD: f64 = 1_000_000_000.0;

/// Replaces the rules of an agent, and records an event of the agent and an audit event.
fn hold(cx: &mut CallContext<'_, '_>, agent: &Agent, rules: &AgentRules, action: &str) -> Result<()> {
    let (workspace, address) = (cx.caller.workspace, &agent.address);
    store::put_rules(cx.tx, workspace, address, &rules.to_row()?, cx.now)?;
    let line = json!({ "cost": rules.cost, "action": rules.action });
    let told = (MeshEventType::PolicyChanged, Some(cx.caller.actor()), Some(line.clone()));
    record_event(cx.tx, workspace, address, told)?;
    cx.audit(action, address.as_str(), &line)?;
    Ok(snapshot::changed(cx.tx, workspace)?)
}

fn rules_of(cx: &mut CallContext<'_, '_>, agent: &Agent) -> Result<AgentRules> {
    Ok(store::find_rules(cx.tx, cx.caller.workspace, &agent.address)?
        .as_ref()
        .map(AgentRules::read)
        .transpose()?
        .unwrap_or_default())
}

/// Returns the rules of an agent, locked for a change.
fn lock_rules(cx: &mut CallContext<'_, '_>, agent: &Agent) -> Result<AgentRules> {
    Ok(AgentRules::read(&store::lock_rules(cx.tx, cx.caller.workspace, &agent.address, cx.now)?)?)
}

pub(crate) fn get_cost(cx: &mut CallContext<'_, '_>, query: &AgentQuery) -> Result<CostAnswer> {
    let agent = find(cx, &query.agent)?;
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

pub(crate) fn prepare_put_cost(_: &PrepareContext<'_>, input: PutCost) -> Result<(String, CostPolicy)> {
    if input.max_cost_per_day_usd.is_some_and(|most| !(0.0..=MAX_USD).contains(&most)) {
        return Err(ApiError::invalid(format!("max_cost_per_day_usd: must be a number from 0 to {MAX_USD}")).into());
    }
    let action_on_breach = input.action_on_breach.unwrap_or(BreachAction::Block);
    if action_on_breach != BreachAction::Block {
        return Err(ApiError::not_supported_yet(format!("action_on_breach \"{action_on_breach}\" is")).into());
    }
    let policy = CostPolicy {
        max_intents_per_day: input.max_intents_per_day.map(Number::get),
        max_intents_per_hour: input.max_intents_per_hour.map(Number::get),
        max_cost_per_day_usd: input.max_cost_per_day_usd,
        action_on_breach,
    };
    if (policy.max_intents_per_day, policy.max_intents_per_hour, policy.max_cost_per_day_usd) == (None, None, None) {
        let message = "give max_intents_per_day, max_intents_per_hour or max_cost_per_day_usd";
        return Err(ApiError::invalid(message).into());
    }
    Ok((input.address_id, policy))
}

pub(crate) fn put_cost(cx: &mut CallContext<'_, '_>, (named, policy): &(String, CostPolicy)) -> Result<CostAnswer> {
    let agent = find(cx, named)?;
    let rules = AgentRules { cost: Some(policy.clone()), ..lock_rules(cx, &agent)? };
    hold(cx, &agent, &rules, "mesh.policies.cost.put")?;
    cost_answer(cx, &agent, rules.cost)
}

pub(crate) fn delete_cost(cx: &mut CallContext<'_, '_>, query: &AgentQuery) -> Result<CostAnswer> {
    let agent = find(cx, &query.agent)?;
    let rules = lock_rules(cx, &agent)?;
    if rules.cost.is_some() {
        hold(cx, &agent, &AgentRules { cost: None, ..rules }, "mesh.policies.cost.delete")?;
    }
    cost_answer(cx, &agent, None)
}

/// Returns whether sending is meant, and whether receiving is.
fn directions(direction: Option<ActionDirection>) -> (bool, bool) {
    match direction.unwrap_or(ActionDirection::Both) {
        ActionDirection::Both => (true, true),
        ActionDirection::Send => (true, false),
        ActionDirection::Receive => (false, true),
    }
}

/// The rule to set for some directions; `None` allows everything.
pub struct ActionChange {
    agent: String,
    rule: Option<ActionRule>,
    directions: (bool, bool),
}

pub(crate) fn prepare_put_action(_: &PrepareContext<'_>, input: PutAction) -> Result<ActionChange> {
    let is_type = |text: &String| {
        let name = text.strip_suffix('*').unwrap_or(text);
        let is_word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !text.is_empty() && text.len() <= MAX_INTENT_TYPE_CHARS && name.chars().all(is_word)
    };
    if input.intent_types.len() > MAX_INTENT_TYPES || !input.intent_types.iter().all(is_type) {
        let message = format!("intent_types: at most {MAX_INTENT_TYPES} intent types; * is allowed only at the end");
        return Err(ApiError::invalid(message).into());
    }
    let directions = directions(input.direction);
    let rule = ActionRule { mode: input.mode, intent_types: input.intent_types };
    Ok(ActionChange { agent: input.address_id, rule: Some(rule), directions })
}

pub(crate) fn prepare_delete_action(_: &PrepareContext<'_>, input: DeleteAction) -> Result<ActionChange> {
    Ok(ActionChange { agent: input.address_id, rule: None, directions: directions(input.direction) })
}

pub(crate) fn get_action(cx: &mut CallContext<'_, '_>, query: &AgentQuery) -> Result<ActionAnswer> {
    let agent = find(cx, &query.agent)?;
    let rules = rules_of(cx, &agent)?;
    Ok(action_answer(&agent, rules.action))
}

fn action_answer(agent: &Agent, policy: ActionPolicy) -> ActionAnswer {
    let (address_id, address) = names(agent);
    ActionAnswer { ok: true, address_id, address, policy }
}

pub(crate) fn change_action(cx: &mut CallContext<'_, '_>, change: &ActionChange) -> Result<ActionAnswer> {
    let agent = find(cx, &change.agent)?;
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
