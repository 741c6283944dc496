//! Admission: whether a new intent is accepted. Single intents and bundles pass through it once.
//!
//! `take_in` does it all in one transaction. It gathers the current rules that apply, lets [`admit`] decide, and
//! charges the intent to its agents and to the workspace that pays. [`admit`] itself is pure.

use std::sync::Arc;

use axme_api::mesh::{ActionMode, ActionRule, CostPolicy};
use axme_api::{ApiError, ErrorCode, Json};
use axme_intent::Address;
use axme_store::policies::{PolicyKind, PolicyType};
use axme_store::{StoreError, Tx};
use serde_json::json;
use uuid::Uuid;

use super::agent_limits::spend;
use super::agent_rules::AgentRules;
use super::payload_schemas::{self, Findings};
use super::places::other_workspace;
use super::quota;
use super::snapshot::{SenderPolicy, Snapshot};
use crate::auth::placement::workspace_of_address;
use crate::context::CallContext;
use crate::error::{Error, Result};

/// A root intent before admission: the fields on which the decision depends.
pub struct Candidate<'a> {
    pub from: &'a Address,
    pub to: &'a Address,
    pub intent_type: &'a str,
    pub payload: &'a Json,
    /// The part of `to`.
    pub part_of_receiver: Part,
    /// The agents of its steps.
    pub steps: Vec<&'a Address>,
}

/// The part of an agent in a new intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Sender,
    Receiver,
    /// An agent that this intent does not reach: it has a step, which is counted when it begins, or a person decides
    /// instead of it.
    Named,
}

/// The rules that apply to one intent.
#[derive(Default)]
pub struct Rules<'a> {
    /// The rules of the agents involved, where rules are set.
    pub agents: Vec<PartyRules<'a>>,
    /// The rules of the receivers about their senders.
    pub receivers: Vec<ReceiverRules<'a>>,
}

/// The rules of one agent that takes part in the intent.
pub struct PartyRules<'a> {
    pub address: &'a Address,
    pub part: Part,
    /// The workspace of the agent, which may be another one than the sender's.
    pub owner: Uuid,
    pub rules: Arc<AgentRules>,
}

/// The rules of one receiver about its senders.
pub struct ReceiverRules<'a> {
    pub to: &'a Address,
    /// The rules for senders of other workspaces; `None` if the sender is of the same one.
    pub outside: Option<OutsideRules>,
    /// The policy for all senders; without one, all may send.
    pub send: Option<Arc<SenderPolicy>>,
}

/// The rules for a sender of another workspace.
pub struct OutsideRules {
    /// The sender's address is the caller's own, or one of the caller's workspace.
    pub is_own_address: bool,
    /// The rules for senders of other organizations; `None` if the sender is of the same one.
    pub organization: Option<OrganizationRules>,
}

/// The rules for a sender of another organization.
pub struct OrganizationRules {
    /// The policy of the agent, which overrides the one of its organization.
    pub of_agent: Option<Arc<SenderPolicy>>,
    pub of_organization: Option<Arc<SenderPolicy>>,
}

/// The charges of an admitted intent.
#[derive(Debug, Default, PartialEq)]
pub struct Charges {
    /// The agents with a cost policy, each with its workspace, sorted by address, so that two calls that charge the same
    /// agents cannot deadlock.
    pub agents: Vec<(Address, Uuid, CostPolicy)>,
}

/// Why an intent is not admitted.
#[derive(Debug)]
pub enum Denial {
    /// A refusal that is not recorded.
    Refused(Box<ApiError>),
    /// A breach of an action policy, which the audit trail records.
    Breach { error: Box<ApiError>, address: Address, owner: Uuid, direction: &'static str },
}

/// Decides whether the rules admit an intent.
pub fn admit(rules: &Rules<'_>, intent: &Candidate<'_>) -> Result<Charges, Denial> {
    let check = |receiver| check_receiver(receiver, intent.from).map_err(|error| Denial::Refused(Box::new(error)));
    // A sender of another workspace who is not admitted learns nothing about the agent.
    rules.receivers.iter().filter(|receiver| receiver.outside.is_some()).try_for_each(check)?;
    for party in &rules.agents {
        check_agent(party, intent.intent_type)?;
    }
    rules.receivers.iter().filter(|receiver| receiver.outside.is_none()).try_for_each(check)?;
    let counted = rules.agents.iter().filter(|party| party.part != Part::Named);
    let mut agents: Vec<(Address, Uuid, CostPolicy)> =
        counted.filter_map(|party| Some((party.address.clone(), party.owner, party.rules.cost.clone()?))).collect();
    agents.sort_by(|a, b| a.0.cmp(&b.0));
    agents.dedup_by(|a, b| a.0 == b.0);
    Ok(Charges { agents })
}

fn check_agent(party: &PartyRules<'_>, intent_type: &str) -> Result<(), Denial> {
    let address = party.address;
    if party.rules.is_killed {
        let message = format!("agent {address} is killed: it cannot send or receive new intents until it is resumed");
        let error = ApiError::new(ErrorCode::AgentKilled, message);
        return Err(Denial::Refused(Box::new(error.with("address", address.as_str()))));
    }
    check_action(party, intent_type)
}

/// Refuses an intent if its type is not one that the agent may send or receive.
pub(super) fn check_action(party: &PartyRules<'_>, intent_type: &str) -> Result<(), Denial> {
    let PartyRules { address, part, owner, rules } = party;
    let (direction, rule) = match part {
        Part::Sender => ("send", &rules.action.send),
        Part::Receiver | Part::Named => ("receive", &rules.action.receive),
    };
    if rule.as_ref().is_none_or(|rule| allows(rule, intent_type)) {
        return Ok(());
    }
    let message = format!("the action policy of {address} does not allow it to {direction} {intent_type}");
    let error = ApiError::new(ErrorCode::ActionNotAllowed, message);
    let error = error.with("address", address.as_str()).with("direction", direction);
    Err(Denial::Breach { error: Box::new(error), address: (*address).clone(), owner: *owner, direction })
}

fn allows(rule: &ActionRule, intent_type: &str) -> bool {
    let is_listed = rule.intent_types.iter().any(|listed| match listed.strip_suffix('*') {
        Some(family) => intent_type.starts_with(family),
        None => listed == intent_type,
    });
    match rule.mode {
        ActionMode::Allowlist => is_listed,
        ActionMode::Denylist => !is_listed,
        ActionMode::Open => true,
    }
}

/// Refuses an intent if its receiver does not accept the sender.
pub(super) fn check_receiver(receiver: &ReceiverRules<'_>, from: &Address) -> Result<(), ApiError> {
    let to = receiver.to;
    let refuse = |code: ErrorCode, message: String| Err(ApiError::new(code, message));
    if let Some(outside) = &receiver.outside {
        // Receivers admit senders by address, so a caller must not use an address of another tenant.
        if !outside.is_own_address {
            let message = format!(
                "{to} belongs to another workspace: send from an address of your own workspace, not from {from}"
            );
            return Err(ApiError::forbidden(message));
        }
    }
    if let Some(organization) = receiver.outside.as_ref().and_then(|outside| outside.organization.as_ref()) {
        let (policy, closed) = match &organization.of_agent {
            Some(policy) => (Some(policy), ErrorCode::ReceiverAgentClosed),
            None => (organization.of_organization.as_ref(), ErrorCode::ReceiverOrgClosed),
        };
        match policy.map(|policy| (policy.policy_type, policy.lists(from))) {
            Some((PolicyType::Open, _) | (PolicyType::Allowlist, true)) => {}
            Some((PolicyType::Allowlist, false)) => {
                let message = format!("{from} is not on the list of senders that {to} accepts");
                return refuse(ErrorCode::SenderNotInReceiveAllowlist, message);
            }
            Some((PolicyType::Closed | PolicyType::Denylist, _)) | None => {
                return refuse(closed, format!("{to} does not accept intents from other organizations"));
            }
        }
    }
    let may = receiver.send.as_ref().is_none_or(|policy| match policy.policy_type {
        PolicyType::Allowlist => policy.lists(from),
        PolicyType::Denylist => !policy.lists(from),
        PolicyType::Open | PolicyType::Closed => true,
    });
    if may { Ok(()) } else { refuse(ErrorCode::PolicyDenied, format!("{to} does not accept intents from {from}")) }
}

impl SenderPolicy {
    /// Returns true if a pattern is the sender's address, or a prefix of it before a `*` at the end.
    fn lists(&self, sender: &Address) -> bool {
        let matches = |pattern: &String| {
            pattern.strip_suffix('*').map_or(pattern == sender.as_str(), |start| sender.as_str().starts_with(start))
        };
        self.patterns.iter().any(matches)
    }
}

/// Admits a new root intent: gathers the rules, decides, charges the intent to its agents and to the workspace that pays,
/// and checks its payload. Returns the findings of the schemas.
///
/// Call it first in a transaction. A breach commits an audit event, and must not commit anything else.
pub(crate) fn take_in(
    cx: &mut CallContext<'_, '_>,
    intent: &Candidate<'_>,
    tenant: Option<(Uuid, Uuid)>,
) -> Result<Findings> {
    let charges = match admit(&gather(cx, intent)?, intent) {
        Ok(charges) => charges,
        Err(Denial::Refused(error)) => return Err((*error).into()),
        Err(Denial::Breach { error, address, owner, direction }) => {
            let event = json!({ "intent_type": intent.intent_type, "direction": direction });
            cx.audit_in(owner, "mesh.policies.action.refused", address.as_str(), &event)?;
            return Err(Error::Kept(error));
        }
    };
    for (address, owner, policy) in &charges.agents {
        spend(cx.tx, *owner, address, policy)??;
    }
    quota::charge_intent(cx, tenant)?;
    payload_schemas::check(cx, intent.intent_type, intent.to, intent.payload)
}

/// Gathers the current rules that apply to an intent of the caller's workspace.
fn gather<'a>(cx: &mut CallContext<'_, '_>, intent: &Candidate<'a>) -> Result<Rules<'a>, Error> {
    let snapshot = Snapshot::of(cx.tx, cx.caller.workspace)?;
    let parties = [(intent.from, Part::Sender), (intent.to, intent.part_of_receiver)];
    let parties = parties.into_iter().chain(intent.steps.iter().map(|to| (*to, Part::Named)));
    let mut rules = Rules::default();
    for (address, part) in parties {
        let owner = other_workspace(cx.tx, cx.caller.workspace, address)?;
        // An address of another workspace is a receiver only: the sender is the caller, or named by the caller.
        let owner = owner.filter(|_| part != Part::Sender).unwrap_or(cx.caller.workspace);
        if let Some(found) = Snapshot::of(cx.tx, owner)?.agent(cx.tx, owner, address)? {
            rules.agents.push(PartyRules { address, part, owner, rules: found });
        }
    }
    for to in std::iter::once(intent.to).chain(intent.steps.iter().copied()) {
        rules.receivers.extend(of_receiver(cx, &snapshot, intent.from, to)?);
    }
    Ok(rules)
}

fn of_receiver<'a>(
    cx: &mut CallContext<'_, '_>,
    own: &Arc<Snapshot>,
    from: &Address,
    to: &'a Address,
) -> Result<Option<ReceiverRules<'a>>, StoreError> {
    let home = cx.caller.home();
    if !to.is_elsewhere(home) {
        let send = own.sender_policy(cx.tx, cx.caller.workspace, PolicyKind::Send, to.as_str())?;
        return Ok(send.map(|send| ReceiverRules { to, outside: None, send: Some(send) }));
    }
    let Some(place) = workspace_of_address(cx, to)? else { return Ok(None) };
    let is_own_address = from.name_in(home).is_some() || *from == Address::of_person(&cx.caller.owner);
    outside_rules(cx.tx, cx.caller.org, place, to, is_own_address).map(Some)
}

/// Gathers the rules of an agent in `place`, an organization and a workspace, about senders of other workspaces.
pub(super) fn outside_rules<'a>(
    tx: &mut Tx<'_>,
    sender_org: Uuid,
    place: (Uuid, Uuid),
    to: &'a Address,
    is_own_address: bool,
) -> Result<ReceiverRules<'a>, StoreError> {
    let (org, workspace) = place;
    let theirs = Snapshot::of(tx, workspace)?;
    let organization = if org == sender_org {
        None
    } else {
        let of_all = Snapshot::of(tx, org)?;
        Some(OrganizationRules {
            of_agent: theirs.sender_policy(tx, workspace, PolicyKind::Override, to.as_str())?,
            of_organization: of_all.sender_policy(tx, org, PolicyKind::Receive, "")?,
        })
    };
    let send = theirs.sender_policy(tx, workspace, PolicyKind::Send, to.as_str())?;
    Ok(ReceiverRules { to, outside: Some(OutsideRules { is_own_address, organization }), send })
}

#[cfg(test)]
mod tests {
    use axme_api::mesh::{ActionPolicy, BreachAction};

    use super::*;

    fn address(text: &str) -> Address {
        Address::from_canonical(text.to_owned())
    }

    fn senders(policy_type: PolicyType, patterns: &[&str]) -> Option<Arc<SenderPolicy>> {
        Some(Arc::new(SenderPolicy { policy_type, patterns: patterns.iter().map(|text| (*text).to_owned()).collect() }))
    }

    fn rule(mode: ActionMode, listed: &str) -> Option<ActionRule> {
        Some(ActionRule { mode, intent_types: vec![listed.to_owned()] })
    }

    fn receives(rule: Option<ActionRule>) -> AgentRules {
        AgentRules { action: ActionPolicy { receive: rule, ..ActionPolicy::default() }, ..AgentRules::default() }
    }

    fn killed() -> AgentRules {
        AgentRules { is_killed: true, ..AgentRules::default() }
    }

    fn party(address: &Address, part: Part, rules: AgentRules) -> PartyRules<'_> {
        PartyRules { address, part, owner: Uuid::nil(), rules: Arc::new(rules) }
    }

    /// Returns the code of the refusal of an intent of type `t.ask.v1` from `agent://a/b/from` to `agent://c/d/to`, or
    /// "admitted".
    fn outcome(
        agent: Option<(Part, AgentRules)>,
        outside: Option<OutsideRules>,
        send: Option<Arc<SenderPolicy>>,
    ) -> String {
        let (from, to) = (address("agent://a/b/from"), address("agent://c/d/to"));
        let intent = Candidate {
            from: &from,
            to: &to,
            intent_type: "t.ask.v1",
            payload: &Json::default(),
            part_of_receiver: Part::Receiver,
            steps: Vec::new(),
        };
        let agents = agent.into_iter().map(|(part, rules)| party(&to, part, rules)).collect();
        let rules = Rules { agents, receivers: vec![ReceiverRules { to: &to, outside, send }] };
        match admit(&rules, &intent) {
            Ok(_) => "admitted".to_owned(),
            Err(Denial::Refused(error)) => error.code.to_string(),
            Err(Denial::Breach { error, direction, .. }) => format!("{} ({direction})", error.code),
        }
    }

    fn from_outside(
        of_agent: Option<Arc<SenderPolicy>>,
        of_organization: Option<Arc<SenderPolicy>>,
    ) -> Option<OutsideRules> {
        let organization = Some(OrganizationRules { of_agent, of_organization });
        Some(OutsideRules { is_own_address: true, organization })
    }

    #[test]
    fn each_rule_admits_or_refuses_by_itself() {
        use Part::{Named, Receiver, Sender};
        use PolicyType::{Allowlist, Closed, Denylist, Open};
        let stranger = Some(OutsideRules { is_own_address: false, organization: None });
        let neighbor = Some(OutsideRules { is_own_address: true, organization: None });
        let table = [
            ("no rules", outcome(None, None, None), "admitted"),
            ("killed receiver", outcome(Some((Receiver, killed())), None, None), "agent_killed"),
            ("killed sender", outcome(Some((Sender, killed())), None, None), "agent_killed"),
            ("killed agent of a later step", outcome(Some((Named, killed())), None, None), "agent_killed"),
            (
                "listed type",
                outcome(Some((Receiver, receives(rule(ActionMode::Allowlist, "t.ask.v1")))), None, None),
                "admitted",
            ),
            (
                "listed family",
                outcome(Some((Receiver, receives(rule(ActionMode::Allowlist, "t.*")))), None, None),
                "admitted",
            ),
            (
                "type that is not listed",
                outcome(Some((Receiver, receives(rule(ActionMode::Allowlist, "x.*")))), None, None),
                "action_not_allowed (receive)",
            ),
            (
                "denied type of a later step",
                outcome(Some((Named, receives(rule(ActionMode::Denylist, "t.ask.v1")))), None, None),
                "action_not_allowed (receive)",
            ),
            (
                "a rule for what it receives",
                outcome(Some((Sender, receives(rule(ActionMode::Denylist, "t.*")))), None, None),
                "admitted",
            ),
            ("listed sender", outcome(None, None, senders(Allowlist, &["agent://a/*"])), "admitted"),
            ("sender that is not listed", outcome(None, None, senders(Allowlist, &["agent://a"])), "policy_denied"),
            ("denied sender", outcome(None, None, senders(Denylist, &["agent://a/b/from"])), "policy_denied"),
            ("other denied sender", outcome(None, None, senders(Denylist, &["agent://a/b/other"])), "admitted"),
            ("organization without a policy", outcome(None, from_outside(None, None), None), "receiver_org_closed"),
            ("open organization", outcome(None, from_outside(None, senders(Open, &[])), None), "admitted"),
            (
                "closed organization",
                outcome(None, from_outside(None, senders(Closed, &[])), None),
                "receiver_org_closed",
            ),
            (
                "closed agent of an open organization",
                outcome(None, from_outside(senders(Closed, &[]), senders(Open, &[])), None),
                "receiver_agent_closed",
            ),
            (
                "open agent of a closed organization",
                outcome(None, from_outside(senders(Open, &[]), senders(Closed, &[])), None),
                "admitted",
            ),
            (
                "organization that lists others",
                outcome(None, from_outside(None, senders(Allowlist, &["agent://x/*"])), None),
                "sender_not_in_receive_allowlist",
            ),
            (
                "organization that lists the sender, agent that denies it",
                outcome(
                    None,
                    from_outside(None, senders(Allowlist, &["agent://a/*"])),
                    senders(Denylist, &["agent://a/*"]),
                ),
                "policy_denied",
            ),
            ("another's address", outcome(None, stranger, None), "forbidden"),
            ("other workspace of the organization", outcome(None, neighbor, None), "admitted"),
            (
                "killed agent of a closed organization",
                outcome(Some((Receiver, killed())), from_outside(None, None), None),
                "receiver_org_closed",
            ),
        ];
        for (name, found, expected) in table {
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn an_intent_is_charged_once_to_each_limited_party_and_never_to_a_later_step() {
        let [from, to, step] = ["agent://a/b/z", "agent://a/b/y", "agent://a/b/x"].map(address);
        let cost = CostPolicy {
            max_intents_per_day: None,
            max_intents_per_hour: None,
            max_cost_per_day_usd: None,
            action_on_breach: BreachAction::Block,
        };
        let limited = || AgentRules { cost: Some(cost.clone()), ..AgentRules::default() };
        let intent = Candidate {
            from: &from,
            to: &to,
            intent_type: "t.ask.v1",
            payload: &Json::default(),
            part_of_receiver: Part::Receiver,
            steps: vec![&step, &to],
        };
        let agents = vec![
            party(&from, Part::Sender, limited()),
            party(&to, Part::Receiver, limited()),
            party(&step, Part::Named, limited()),
            party(&to, Part::Named, limited()),
        ];
        let charges = admit(&Rules { agents, receivers: Vec::new() }, &intent).expect("nothing refuses it");
        let charged: Vec<_> = charges.agents.iter().map(|(address, ..)| address.as_str()).collect();
        assert_eq!(charged, ["agent://a/b/y", "agent://a/b/z"], "in the order of their addresses");
    }
}
