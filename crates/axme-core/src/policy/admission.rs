//! Whether a new intent is let in. One question, asked once, for single intents and bundles alike.
//!
//! [`gather`] finds the rules that apply, by version, in the transaction; [`admit`] decides, purely; [`charge`] counts what
//! was admitted in the same transaction. [`take_in`] does all three.

use std::sync::Arc;

use axme_api::mesh::{ActionRule, CostPolicy};
use axme_api::{ApiError, ErrorKind};
use axme_intent::Address;
use axme_store::StoreError;
use axme_store::policies::{PolicyKind, PolicyType};
use serde_json::json;
use uuid::Uuid;

use super::agent_limits::spend;
use super::agent_rules::AgentRules;
use super::quota::{self, Dimension};
use super::snapshot::{SenderPolicy, Snapshot};
use crate::auth::placement::workspace_of_address;
use crate::context::CallContext;
use crate::error::{Error, Result};

/// A root intent that asks to be let in, as far as a decision depends on it.
pub struct Candidate<'a> {
    pub from: &'a Address,
    pub to: &'a Address,
    pub intent_type: &'a str,
    /// Who gets its steps later.
    pub steps: Vec<&'a Address>,
}

/// An agent's part in a new intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Sender,
    Receiver,
    /// It gets a step later, which is counted when it begins.
    Step,
}

/// The rules that apply to one intent.
#[derive(Default)]
pub struct Rules<'a> {
    /// Of the agents that are held to something.
    pub agents: Vec<(&'a Address, Part, Arc<AgentRules>)>,
    /// Of those who get it, about their senders.
    pub receivers: Vec<ReceiverRules<'a>>,
}

/// What one receiver takes, and from whom.
pub struct ReceiverRules<'a> {
    pub to: &'a Address,
    /// The rules for senders of other organizations, where the sender is of another one.
    pub outside: Option<OutsideRules>,
    /// Who may send to the agent at all; everybody without a policy.
    pub send: Option<Arc<SenderPolicy>>,
}

/// What is asked of a sender of another organization.
pub struct OutsideRules {
    /// The address is the caller's own, or of its workspace.
    pub is_own_address: bool,
    /// What the agent says, in place of its organization.
    pub of_agent: Option<Arc<SenderPolicy>>,
    pub of_organization: Option<Arc<SenderPolicy>>,
}

/// What an admitted intent is counted against.
#[derive(Debug, Default, PartialEq)]
pub struct Charges {
    /// The agents with a limit, in the order of their addresses: two calls that count for the same agents wait for each
    /// other, but not in a circle.
    pub agents: Vec<(Address, CostPolicy)>,
}

/// Why an intent is not let in.
#[derive(Debug)]
pub enum Denial {
    /// Refused, and nothing is kept.
    Refused(Box<ApiError>),
    /// A breach of an action policy, which the audit trail keeps.
    Breach { error: Box<ApiError>, address: Address, direction: &'static str },
}

/// Decides about an intent under the rules that apply to it.
pub fn admit(rules: &Rules<'_>, intent: &Candidate<'_>) -> Result<Charges, Denial> {
    for (address, part, held_to) in &rules.agents {
        check_agent(address, *part, held_to, intent.intent_type)?;
    }
    for receiver in &rules.receivers {
        check_receiver(receiver, intent.from).map_err(|error| Denial::Refused(Box::new(error)))?;
    }
    let counted = rules.agents.iter().filter(|(_, part, _)| *part != Part::Step);
    let mut agents: Vec<(Address, CostPolicy)> =
        counted.filter_map(|(address, _, rules)| Some(((*address).clone(), rules.cost.clone()?))).collect();
    agents.sort_by(|a, b| a.0.cmp(&b.0));
    agents.dedup_by(|a, b| a.0 == b.0);
    Ok(Charges { agents })
}

fn check_agent(address: &Address, part: Part, rules: &AgentRules, intent_type: &str) -> Result<(), Denial> {
    if rules.is_killed {
        let message = format!("agent {address} is killed: nothing new is sent to it or from it");
        let error = ApiError::new(ErrorKind::Forbidden, "agent_killed", message);
        return Err(Denial::Refused(Box::new(error.with("address", address.as_str()))));
    }
    let (direction, rule) = match part {
        Part::Sender => ("send", &rules.action.send),
        Part::Receiver | Part::Step => ("receive", &rules.action.receive),
    };
    if rule.as_ref().is_none_or(|rule| allows(rule, intent_type)) {
        return Ok(());
    }
    let message = format!("the action policy of {address} does not let it {direction} {intent_type}");
    let error = ApiError::new(ErrorKind::Forbidden, "action_not_allowed", message);
    let error = error.with("address", address.as_str()).with("direction", direction);
    Err(Denial::Breach { error: Box::new(error), address: address.clone(), direction })
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

/// Refuses an intent whose receiver does not take it from its sender.
fn check_receiver(receiver: &ReceiverRules<'_>, from: &Address) -> Result<(), ApiError> {
    let to = receiver.to;
    let refuse = |code: &'static str, message: String| Err(ApiError::new(ErrorKind::Forbidden, code, message));
    if let Some(outside) = &receiver.outside {
        // Receivers let senders in by their addresses: nobody speaks for another's.
        if !outside.is_own_address {
            let message = format!("{to} is of another organization, and {from} is neither you nor of your workspace");
            return Err(ApiError::forbidden(message));
        }
        let (policy, closed) = match &outside.of_agent {
            Some(policy) => (Some(policy), "receiver_agent_closed"),
            None => (outside.of_organization.as_ref(), "receiver_org_closed"),
        };
        match policy.map(|policy| (policy.policy_type, policy.lists(from))) {
            Some((PolicyType::Open, _) | (PolicyType::Allowlist, true)) => {}
            Some((PolicyType::Allowlist, false)) => {
                let message = format!("{from} is not among those who may send to {to}");
                return refuse("sender_not_in_receive_allowlist", message);
            }
            Some((PolicyType::Closed | PolicyType::Denylist, _)) | None => {
                return refuse(closed, format!("{to} takes nothing from other organizations"));
            }
        }
    }
    let may = receiver.send.as_ref().is_none_or(|policy| match policy.policy_type {
        PolicyType::Allowlist => policy.lists(from),
        PolicyType::Denylist => !policy.lists(from),
        PolicyType::Open | PolicyType::Closed => true,
    });
    if may { Ok(()) } else { refuse("policy_denied", format!("{to} does not take intents from {from}")) }
}

impl SenderPolicy {
    /// Exact, or the beginning before a `*` at the end.
    fn lists(&self, sender: &Address) -> bool {
        let matches = |pattern: &String| {
            pattern.strip_suffix('*').map_or(pattern == sender.as_str(), |start| sender.as_str().starts_with(start))
        };
        self.patterns.iter().any(matches)
    }
}

/// Lets a new root intent in: finds the rules, decides, and counts it against the limits of its agents and of whoever is to
/// pay for it.
///
/// It is the first thing in its transaction: a breach is kept in the audit trail, and nothing else may be kept with it.
pub(crate) fn take_in(
    cx: &mut CallContext<'_, '_>,
    intent: &Candidate<'_>,
    tenant: Option<(Uuid, Uuid)>,
) -> Result<()> {
    let charges = match admit(&gather(cx, intent)?, intent) {
        Ok(charges) => charges,
        Err(Denial::Refused(error)) => return Err((*error).into()),
        Err(Denial::Breach { error, address, direction }) => {
            let event = json!({ "intent_type": intent.intent_type, "direction": direction });
            cx.audit("mesh.policies.action.refused", address.as_str(), &event)?;
            return Err(Error::Kept(error));
        }
    };
    for (address, policy) in &charges.agents {
        spend(cx.tx, cx.caller.workspace, address, policy)?;
    }
    let payer = quota::payer(cx, tenant)?;
    quota::charge(cx.tx, payer, Dimension::Intents, 1)
}

/// The rules that apply to an intent of the caller's workspace, as they are now.
fn gather<'a>(cx: &mut CallContext<'_, '_>, intent: &Candidate<'a>) -> Result<Rules<'a>, Error> {
    let workspace = cx.caller.workspace;
    let snapshot = Snapshot::of(cx.tx, workspace)?;
    let parties = [(intent.from, Part::Sender), (intent.to, Part::Receiver)];
    let parties = parties.into_iter().chain(intent.steps.iter().map(|to| (*to, Part::Step)));
    let mut rules = Rules::default();
    for (address, part) in parties {
        if let Some(held_to) = snapshot.agent(cx.tx, workspace, address)? {
            rules.agents.push((address, part, held_to));
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
    let Some((org, workspace)) = workspace_of_address(cx, to)? else { return Ok(None) };
    let theirs = Snapshot::of(cx.tx, workspace)?;
    let outside = if org == cx.caller.org {
        None
    } else {
        let of_all = Snapshot::of(cx.tx, org)?;
        Some(OutsideRules {
            is_own_address: from.name_in(home).is_some() || from.as_str() == format!("user://{}", cx.caller.owner),
            of_agent: theirs.sender_policy(cx.tx, workspace, PolicyKind::Override, to.as_str())?,
            of_organization: of_all.sender_policy(cx.tx, org, PolicyKind::Receive, "")?,
        })
    };
    let send = theirs.sender_policy(cx.tx, workspace, PolicyKind::Send, to.as_str())?;
    Ok(Some(ReceiverRules { to, outside, send }))
}

#[cfg(test)]
mod tests {
    use axme_api::mesh::ActionPolicy;

    use super::*;

    fn address(text: &str) -> Address {
        Address::from_canonical(text.to_owned())
    }

    fn senders(policy_type: PolicyType, patterns: &[&str]) -> Option<Arc<SenderPolicy>> {
        Some(Arc::new(SenderPolicy { policy_type, patterns: patterns.iter().map(|text| (*text).to_owned()).collect() }))
    }

    fn rule(mode: &str, listed: &str) -> Option<ActionRule> {
        Some(ActionRule { mode: mode.to_owned(), intent_types: vec![listed.to_owned()] })
    }

    fn receives(rule: Option<ActionRule>) -> AgentRules {
        AgentRules { action: ActionPolicy { receive: rule, ..ActionPolicy::default() }, ..AgentRules::default() }
    }

    fn killed() -> AgentRules {
        AgentRules { is_killed: true, ..AgentRules::default() }
    }

    /// The code of the refusal of an intent of type `t.ask.v1` from `agent://a/b/from` to `agent://c/d/to`; "admitted"
    /// without one.
    fn outcome(
        agent: Option<(Part, AgentRules)>,
        outside: Option<OutsideRules>,
        send: Option<Arc<SenderPolicy>>,
    ) -> String {
        let (from, to) = (address("agent://a/b/from"), address("agent://c/d/to"));
        let intent = Candidate { from: &from, to: &to, intent_type: "t.ask.v1", steps: Vec::new() };
        let agents = agent.into_iter().map(|(part, rules)| (&to, part, Arc::new(rules))).collect();
        let rules = Rules { agents, receivers: vec![ReceiverRules { to: &to, outside, send }] };
        match admit(&rules, &intent) {
            Ok(_) => "admitted".to_owned(),
            Err(Denial::Refused(error)) => error.code.to_owned(),
            Err(Denial::Breach { error, direction, .. }) => format!("{} ({direction})", error.code),
        }
    }

    fn from_outside(
        of_agent: Option<Arc<SenderPolicy>>,
        of_organization: Option<Arc<SenderPolicy>>,
    ) -> Option<OutsideRules> {
        Some(OutsideRules { is_own_address: true, of_agent, of_organization })
    }

    #[test]
    fn each_rule_admits_or_refuses_by_itself() {
        use Part::{Receiver, Sender, Step};
        use PolicyType::{Allowlist, Closed, Denylist, Open};
        let stranger =
            Some(OutsideRules { is_own_address: false, of_agent: None, of_organization: senders(Open, &[]) });
        let table = [
            ("no rules", outcome(None, None, None), "admitted"),
            ("killed receiver", outcome(Some((Receiver, killed())), None, None), "agent_killed"),
            ("killed sender", outcome(Some((Sender, killed())), None, None), "agent_killed"),
            ("killed agent of a later step", outcome(Some((Step, killed())), None, None), "agent_killed"),
            ("listed type", outcome(Some((Receiver, receives(rule("allowlist", "t.ask.v1")))), None, None), "admitted"),
            ("listed family", outcome(Some((Receiver, receives(rule("allowlist", "t.*")))), None, None), "admitted"),
            (
                "type that is not listed",
                outcome(Some((Receiver, receives(rule("allowlist", "x.*")))), None, None),
                "action_not_allowed (receive)",
            ),
            (
                "denied type of a later step",
                outcome(Some((Step, receives(rule("denylist", "t.ask.v1")))), None, None),
                "action_not_allowed (receive)",
            ),
            (
                "a rule for what it receives",
                outcome(Some((Sender, receives(rule("denylist", "t.*")))), None, None),
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
        ];
        for (name, found, expected) in table {
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn an_intent_is_charged_once_to_each_limited_party_and_never_to_a_later_step() {
        let [from, to, step] = ["agent://a/b/z", "agent://a/b/y", "agent://a/b/x"].map(address);
        let limited = || Arc::new(AgentRules { cost: Some(CostPolicy::default()), ..AgentRules::default() });
        let intent = Candidate { from: &from, to: &to, intent_type: "t.ask.v1", steps: vec![&step, &to] };
        let agents = vec![
            (&from, Part::Sender, limited()),
            (&to, Part::Receiver, limited()),
            (&step, Part::Step, limited()),
            (&to, Part::Step, limited()),
        ];
        let charges = admit(&Rules { agents, receivers: Vec::new() }, &intent).expect("nothing refuses it");
        let charged: Vec<_> = charges.agents.iter().map(|(address, _)| address.as_str()).collect();
        assert_eq!(charged, ["agent://a/b/y", "agent://a/b/z"], "in the order of their addresses");
    }
}
