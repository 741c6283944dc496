//! Agents: the service accounts that have an address.

use axme_api::agents::{Agent, AgentAnswer, AgentList, GetAgent, ListAgents};
use axme_api::roles::Permission;
use axme_api::{ApiError, ErrorCode};
use axme_intent::Address;

use crate::auth::placement;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use axme_store::service_accounts::{self as store, AccountStatus, ServiceAccount};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::agents::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::agents::GET, prepare_get, get)),
];

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListAgents) -> Result<(ListAgents, i64)> {
    let limit = input.limit.items()?;
    Ok((input, limit))
}

pub fn list(cx: &mut CallContext<'_, '_>, (input, limit): &(ListAgents, i64)) -> Result<AgentList> {
    let place = placement::place_of(cx, &input.workspace, Permission::ViewOrganization)?;
    let agents = store::list_agents(cx.tx, place.workspace, input.after.as_deref().unwrap_or_default(), *limit)?;
    Ok(AgentList { ok: true, agents: agents.iter().filter_map(view).collect() })
}

pub(crate) fn prepare_get(context: &PrepareContext<'_>, input: GetAgent) -> Result<Address> {
    Ok(Address::resolve(&input.address, context.caller.home()))
}

pub fn get(cx: &mut CallContext<'_, '_>, address: &Address) -> Result<AgentAnswer> {
    let account = store::find_agent(cx.tx, cx.caller.workspace, address)?;
    let agent = account.as_ref().filter(|account| account.status != AccountStatus::Deleted).and_then(view);
    let agent = agent.ok_or_else(|| ApiError::new(ErrorCode::AgentNotFound, format!("agent {address} not found")))?;
    Ok(AgentAnswer { ok: true, agent })
}

fn view(account: &ServiceAccount) -> Option<Agent> {
    Some(Agent {
        address: account.address.as_ref()?.as_str().to_owned(),
        service_account_id: account.service_account_id.clone(),
        service_account_name: account.name.clone(),
        display_name: account.display_name.clone(),
        status: account.status,
        delivery_mode: account.delivery_mode,
        created_at: account.created_at.into(),
        updated_at: account.updated_at.into(),
    })
}
