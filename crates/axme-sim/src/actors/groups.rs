//! A group of people, and the rule on who may be asked to decide guarded tasks. Both change while tasks are open.

use axme_core::policy::snapshot::changed;
use axme_store::groups::{self, AskingRule, Membership};
use serde_json::{Value, json};

use super::bundles::PEOPLE;
use super::call_as_second_admin;
use crate::invariants::ensure;
use crate::{CheckResult, Mutation, Simulation};

const NAME: &str = "board";

pub(crate) fn register(sim: &mut Simulation) -> CheckResult {
    put(sim, &[PEOPLE[0], PEOPLE[1]])
}

fn put(sim: &mut Simulation, members: &[&str]) -> CheckResult {
    let response = call_as_second_admin(sim, "PUT", "/v1/groups/board", json!({ "members": members }))?;
    ensure!(response.is_unknown() || response.status == 200, "a group was refused: {}", response.body);
    Ok(())
}

/// Replaces the members by two or all of the people.
pub(crate) fn change_members(sim: &mut Simulation) -> CheckResult {
    let left_out = sim.cluster.below(PEOPLE.len() + 1);
    let members: Vec<&str> = (0..PEOPLE.len()).filter(|nth| *nth != left_out).map(|nth| PEOPLE[nth]).collect();
    put(sim, &members)
}

fn put_rule(sim: &mut Simulation, rule: Value) -> CheckResult {
    let response = call_as_second_admin(sim, "PUT", "/v1/asking-rule", rule)?;
    ensure!(response.is_unknown() || response.status == 200, "a rule was refused: {}", response.body);
    Ok(())
}

pub(crate) fn change_rule(sim: &mut Simulation) -> CheckResult {
    let rule = match sim.cluster.below(4) {
        0 | 1 => json!({ "anyone": true }),
        2 => json!({ "mail_domains": ["example.com"] }),
        _ => json!({ "groups": [NAME] }),
    };
    put_rule(sim, rule)
}

/// Ends the rule, and puts everybody into the group.
pub(crate) fn allow_everybody(sim: &mut Simulation) -> CheckResult {
    put_rule(sim, json!({ "anyone": true }))?;
    crate::check(sim)?;
    put(sim, &PEOPLE)?;
    crate::check(sim)
}

/// The true members or rule, while a mutation hides them.
pub(super) enum Hidden {
    Members(Vec<String>),
    Rule(AskingRule),
}

/// Hides the members of the group or the rule from the server, if a mutation says so.
pub(super) fn break_rules(sim: &mut Simulation) -> Option<Hidden> {
    let workspace = sim.checker.workspace?;
    match sim.mutation? {
        Mutation::OpenGroups => Some(Hidden::Members(sim.cluster.write_directly(move |tx| {
            let members = groups::members(tx, workspace, NAME)?;
            let (added_by, added_at) = ("owner@chief".to_owned(), axme_intent::Time::from_micros(0));
            let of = Membership { group: NAME.to_owned(), added_by, added_at };
            PEOPLE.iter().try_for_each(|person| groups::add_member(tx, workspace, &of, person))?;
            Ok(members)
        }))),
        Mutation::ForgottenRule => sim.cluster.write_directly(move |tx| {
            let rule = groups::find_rule(tx, workspace)?;
            groups::put_rule(tx, workspace, None)?;
            changed(tx, workspace)?;
            Ok(rule.map(Hidden::Rule))
        }),
        _ => None,
    }
}

/// Brings back what [`break_rules`] has hidden.
pub(super) fn mend_rules(sim: &mut Simulation, hidden: Option<Hidden>) {
    let (Some(workspace), Some(hidden)) = (sim.checker.workspace, hidden) else { return };
    sim.cluster.write_directly(move |tx| {
        match &hidden {
            Hidden::Members(members) => {
                for person in PEOPLE.iter().filter(|person| !members.iter().any(|member| member == *person)) {
                    groups::remove_member(tx, workspace, NAME, person)?;
                }
            }
            Hidden::Rule(rule) => {
                groups::put_rule(tx, workspace, Some(rule))?;
                changed(tx, workspace)?;
            }
        }
        Ok(())
    });
}
