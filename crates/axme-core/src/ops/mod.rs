//! What the operations do: one file per family, each function over an open transaction.

pub mod access_requests;
pub mod agents;
pub mod alpha;
pub mod approvals;
pub mod audit;
pub mod billing;
pub mod capabilities;
pub mod control;
pub mod deliveries;
pub mod inbox;
pub mod intents;
pub mod invites;
pub mod invoices;
pub mod links;
pub mod login_sessions;
pub mod logins;
pub mod macros;
pub mod me;
pub mod media;
pub mod members;
pub mod mesh;
pub mod organizations;
pub mod passwords;
pub mod personal;
pub mod policies;
pub mod portal;
pub mod principals;
pub mod quotas;
pub mod resume;
pub mod routed_deliveries;
pub mod routing;
pub mod scenarios;
pub mod schemas;
pub mod service_accounts;
pub mod sessions;
pub mod tasks;
pub mod threads;
pub mod users;
pub mod webhooks;
pub mod workspaces;

use crate::call::Binding;

/// Every family's operations.
static FAMILIES: &[&[Binding]] = &[
    access_requests::BINDINGS,
    agents::BINDINGS,
    alpha::BINDINGS,
    approvals::BINDINGS,
    audit::BINDINGS,
    billing::BINDINGS,
    capabilities::BINDINGS,
    control::BINDINGS,
    deliveries::BINDINGS,
    inbox::BINDINGS,
    intents::BINDINGS,
    invites::BINDINGS,
    invoices::BINDINGS,
    login_sessions::BINDINGS,
    logins::BINDINGS,
    macros::BINDINGS,
    me::BINDINGS,
    media::BINDINGS,
    members::BINDINGS,
    mesh::BINDINGS,
    mesh::rules::BINDINGS,
    organizations::BINDINGS,
    passwords::BINDINGS,
    personal::BINDINGS,
    policies::BINDINGS,
    portal::BINDINGS,
    principals::BINDINGS,
    quotas::BINDINGS,
    resume::BINDINGS,
    routed_deliveries::BINDINGS,
    routing::BINDINGS,
    scenarios::BINDINGS,
    schemas::BINDINGS,
    service_accounts::BINDINGS,
    sessions::BINDINGS,
    tasks::BINDINGS,
    threads::BINDINGS,
    users::BINDINGS,
    webhooks::BINDINGS,
    workspaces::BINDINGS,
];

/// Every operation with what it does.
pub fn bindings() -> impl Iterator<Item = &'static Binding> {
    FAMILIES.iter().copied().flatten()
}

/// The operation with an id of the table.
pub fn find(id: &str) -> Option<&'static Binding> {
    bindings().find(|binding| binding.info().id == id)
}
