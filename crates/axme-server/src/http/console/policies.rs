//! Policies about senders: whom the organization and each agent accept.

use axme_api::policies::{self as api, Entry, GetAgentPolicy, GetReceivePolicy, OverrideType, PolicyType};
use axme_core::error::Result;

use super::form::{Form, FormField};
use super::frame::{Section, short};
use super::same::Same;
use super::table::{Cell, Table, TablePage, draw_with};
use super::visit::{Answer, ConsoleCall, Guest};

const PATTERN: &str = "Address, or the beginning of addresses with * at its end";

/// Shows the receive policy of the organization.
pub(super) async fn page(guest: Guest) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let org = guest.caller().org.to_string();
    let input = GetReceivePolicy { org_id: org.as_str().into() };
    let policy = guest.call(&api::RECEIVE_GET, &input).await?.policy;
    let may_change = guest.is_admin();
    let rows = policy.entries.iter().map(|entry| {
        let remove = Form::new(api::RECEIVE_REMOVE.info.id, "Remove", "Remove")
            .hidden("org_id", org.as_str())
            .hidden("entry_id", entry.entry_id.to_string());
        let (pattern, since) =
            (Cell::Code(entry.sender_pattern.clone()), Cell::time(now, Some(entry.created_at.into())));
        vec![pattern, since, if may_change { Cell::Forms(vec![remove]) } else { Cell::Empty }]
    });
    let about = match policy.policy_type {
        PolicyType::Open => "Agents of this organization accept intents of every other organization.",
        PolicyType::Allowlist => "Agents of this organization accept intents of the other organizations on this list.",
        PolicyType::Denylist | PolicyType::Closed => {
            "Agents of this organization accept no intents of other organizations."
        }
    };
    let page = TablePage {
        section: Section::Policies,
        title: "Policies".to_owned(),
        path: "/app/policies",
        fields: Vec::new(),
        tables: vec![Table {
            title: "Senders of other organizations",
            about: about.to_owned(),
            columns: vec!["Sender", "Since", "Action"],
            rows: rows.collect(),
            empty: "The list is empty.",
        }],
        next: String::new(),
        links: vec![("Agents, each with its own policy", "/app/agents".to_owned())],
        same: Same::of(&guest.app.site.base_url, &api::RECEIVE_GET, &input),
    };
    let types = [("closed", "nobody"), ("allowlist", "the senders on the list"), ("open", "everybody")];
    let forms = [
        Form::new(api::RECEIVE_PUT.info.id, "Change whom it accepts", "Change")
            .about("An agent may have an override of its own, and keys inside the organization are not concerned.")
            .hidden("org_id", org.as_str())
            .field(FormField::choice("Accept", "policy_type", &types, &policy.policy_type.to_string())),
        Form::new(api::RECEIVE_ADD.info.id, "Add a sender", "Add")
            .hidden("org_id", org.as_str())
            .field(FormField::text(PATTERN, "sender_pattern").required()),
    ];
    draw_with(&guest, page, forms.into_iter().filter(|_| may_change).collect(), "")
}

/// Returns the send policy of an agent as a table with forms; `None` for a caller who may not read it.
pub(super) async fn of_agent(guest: &ConsoleCall, address: &str) -> Option<(Table, Vec<Form>)> {
    let now = guest.app.system.clock.now();
    let policy = guest.call(&api::SEND_GET, &GetAgentPolicy { address: address.to_owned() }).await.ok()?.policy;
    let row = |entry: &Entry| {
        let remove = Form::new(api::SEND_REMOVE.info.id, "Remove", "Remove")
            .hidden("address", address)
            .hidden("entry_id", entry.entry_id.to_string());
        let since = Cell::time(now, Some(entry.created_at.into()));
        vec![Cell::Code(entry.sender_pattern.clone()), since, Cell::Forms(vec![remove])]
    };
    let about = match policy.policy_type {
        PolicyType::Open => "It accepts everybody whom the organization accepts.",
        PolicyType::Allowlist => "It accepts only the senders on this list.",
        PolicyType::Denylist => "It refuses the senders on this list.",
        PolicyType::Closed => "It accepts nobody.",
    };
    let table = Table {
        title: "Senders",
        about: about.to_owned(),
        columns: vec!["Sender", "Since", "Action"],
        rows: policy.entries.iter().map(row).collect(),
        empty: "The list is empty.",
    };
    let types = [
        ("open", "everybody"),
        ("allowlist", "only the senders on the list"),
        ("denylist", "all but those on the list"),
    ];
    let what = format!("Senders of {}", short(address));
    let forms = vec![
        Form::new(api::SEND_PUT.info.id, "Change whom it accepts", "Change")
            .hidden("address", address)
            .hidden("what", what)
            .field(FormField::choice("Accept", "policy_type", &types, &policy.policy_type.to_string())),
        Form::new(api::SEND_ADD.info.id, "Add a sender", "Add")
            .hidden("address", address)
            .field(FormField::text(PATTERN, "sender_pattern").required()),
    ];
    Some((table, forms))
}

/// Returns the receive override of an agent as a table with forms; `None` for a caller who may not read it.
pub(super) async fn override_of(guest: &ConsoleCall, address: &str) -> Option<(Table, Vec<Form>)> {
    let now = guest.app.system.clock.now();
    let set = guest.call(&api::OVERRIDE_GET, &GetAgentPolicy { address: address.to_owned() }).await.ok()?.set;
    let row = |entry: &Entry| {
        let remove = Form::new(api::OVERRIDE_REMOVE.info.id, "Remove", "Remove")
            .hidden("address", address)
            .hidden("entry_id", entry.entry_id.to_string());
        let since = Cell::time(now, Some(entry.created_at.into()));
        vec![Cell::Code(entry.sender_pattern.clone()), since, Cell::Forms(vec![remove])]
    };
    let about = match set.override_type {
        OverrideType::UseOrgDefault => "The receive policy of the organization applies to it.",
        OverrideType::Open => "It accepts intents of every other organization, whatever its organization accepts.",
        OverrideType::Allowlist => "Of other organizations, it accepts only the senders on this list.",
        OverrideType::Closed => "It accepts no intents of other organizations, whatever its organization accepts.",
    };
    let table = Table {
        title: "Senders of other organizations",
        about: about.to_owned(),
        columns: vec!["Sender", "Since", "Action"],
        rows: set.entries.iter().map(row).collect(),
        empty: "The list is empty.",
    };
    let types = [
        ("use_org_default", "whom its organization accepts"),
        ("closed", "nobody"),
        ("allowlist", "only the senders on the list"),
        ("open", "everybody"),
    ];
    let forms = vec![
        Form::new(api::OVERRIDE_PUT.info.id, "Change whom it accepts of other organizations", "Change")
            .about("Replaces the receive policy of the organization for this agent. The first choice removes the list.")
            .hidden("address", address)
            .field(FormField::choice("Accept", "override_type", &types, set.override_type.as_str())),
        Form::new(api::OVERRIDE_ADD.info.id, "Add a sender of another organization", "Add")
            .about("The list has an effect while only the senders on it are accepted.")
            .hidden("address", address)
            .field(FormField::text(PATTERN, "sender_pattern").required()),
    ];
    Some((table, forms))
}
