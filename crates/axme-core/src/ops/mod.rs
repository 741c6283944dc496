//! Implements the operations, one file per family.
//!
//! Each operation is a function over an open transaction. Asynchronous ones, which hash or sign between two
//! transactions, open their own.

pub mod absences;
pub mod access_requests;
pub mod agents;
pub mod alpha;
pub mod approvals;
pub mod audit;
pub mod billing;
pub mod capabilities;
pub mod console;
pub mod control;
pub mod deliveries;
pub mod form_files;
pub mod groups;
pub mod host_tasks;
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
pub mod own_inbox;
pub mod passwords;
pub mod personal;
pub mod policies;
pub mod portal;
pub mod principals;
pub mod quotas;
pub mod receipts;
pub mod requester;
pub mod resume;
pub mod retention;
pub mod routed_deliveries;
pub mod routing;
pub mod scenarios;
pub mod schemas;
pub mod second_thoughts;
pub mod service_accounts;
pub mod sessions;
pub mod tasks;
pub mod threads;
pub mod users;
pub mod webhooks;
pub mod workspaces;

use crate::call::Binding;

/// The bindings of every family.
static FAMILIES: &[&[Binding]] = &[
    absences::BINDINGS,
    access_requests::BINDINGS,
    agents::BINDINGS,
    alpha::BINDINGS,
    approvals::BINDINGS,
    audit::BINDINGS,
    billing::BINDINGS,
    capabilities::BINDINGS,
    control::BINDINGS,
    deliveries::BINDINGS,
    groups::BINDINGS,
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
    receipts::BINDINGS,
    resume::BINDINGS,
    retention::BINDINGS,
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

/// Returns the binding of every operation.
pub fn bindings() -> impl Iterator<Item = &'static Binding> {
    FAMILIES.iter().copied().flatten()
}

/// Finds the binding of an operation by its id.
pub fn find(id: &str) -> Option<&'static Binding> {
    bindings().find(|binding| binding.info().id == id)
}
