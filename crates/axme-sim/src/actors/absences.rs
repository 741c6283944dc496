//! People who are away: each names a deputy for a time and comes back. The deputy is a member most of the time, is asked
//! nothing themselves, and answers through the same links as everybody.

use axme_intent::IntentId;
use axme_store::absences::{self, Absence};
use axme_store::members::{self, Member, MemberStatus, OrgRole};
use uuid::Uuid;

use super::bundles::PEOPLE;
use super::recipients::answer_by_form;
use crate::invariants::tasks::DEPUTY;
use crate::{CheckResult, Simulation};

/// The longest absence of the simulation, in seconds.
const MAX_SECONDS: usize = 200_000;

const MEMBER: Uuid = Uuid::from_u128(4);

/// Makes the deputy a member.
pub(crate) fn register(sim: &mut Simulation, org: Uuid) {
    let now = sim.cluster.now();
    sim.cluster.write_directly(move |tx| {
        let member = Member {
            org_id: org,
            member_id: MEMBER,
            workspace_id: Uuid::nil(),
            actor_id: DEPUTY.to_owned(),
            role: OrgRole::Member,
            status: MemberStatus::Active,
            created_at: now,
            updated_at: now,
            given_by: None,
            given_at: Some(now),
        };
        members::insert(tx, &member)?;
        Ok(())
    });
    sim.actors.org = org;
}

/// Lets a person go away or come back. Sometimes the deputy names a deputy too, who gets no right by it.
pub(crate) fn change(sim: &mut Simulation) -> CheckResult {
    let person = PEOPLE[sim.cluster.below(PEOPLE.len())];
    let (person, deputy) = if sim.cluster.chance(10) { (DEPUTY, person) } else { (person, DEPUTY) };
    let (now, is_back) = (sim.cluster.now(), sim.cluster.chance(20));
    let (starts, lasts) = (sim.cluster.below(300) as u64, 1 + sim.cluster.below(MAX_SECONDS) as u64);
    let starts_at = now.plus_seconds(starts);
    let absence = Absence {
        person: person.to_owned(),
        deputy: deputy.to_owned(),
        starts_at,
        ends_at: starts_at.plus_seconds(lasts),
        created_at: now,
    };
    sim.cluster.write_directly(move |tx| {
        match is_back {
            true => absences::delete(tx, &absence.person).map(drop)?,
            false => absences::put(tx, &absence)?,
        }
        Ok(())
    });
    crate::check(sim)
}

/// Lets the deputy answer a task of a person who has named them, whether the person is away now or not.
pub(crate) fn answer(sim: &mut Simulation) -> CheckResult {
    let deputies = sim.cluster.snapshot().asking.deputies;
    let asks_absent = |id: &IntentId| {
        let intent = sim.checker.intents.get(id).map(|observed| &observed.head.intent);
        intent
            .is_some_and(|intent| deputies.iter().any(|(person, deputy)| deputy == DEPUTY && intent.asks(person, &[])))
    };
    let open: Vec<IntentId> = sim.checker.open_tasks().into_iter().filter(asks_absent).collect();
    let Some(id) = sim.cluster.pick(&open) else { return Ok(()) };
    answer_by_form(sim, id, DEPUTY)
}

/// Removes the deputy from the organization, or brings the deputy back.
pub(crate) fn change_membership(sim: &mut Simulation) -> CheckResult {
    let (org, is_member) = (sim.actors.org, sim.cluster.chance(70));
    sim.cluster.write_directly(move |tx| {
        let status = if is_member { MemberStatus::Active } else { MemberStatus::Removed };
        if let Some(member) = members::find(tx, org, MEMBER)? {
            members::update(tx, &Member { status, ..member })?;
        }
        Ok(())
    });
    crate::check(sim)
}
