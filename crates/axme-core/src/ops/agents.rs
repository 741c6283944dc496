//! Agents: the service accounts that have an address.

use axme_api::agents::{Agent, AgentAnswer, AgentList, AgentQueue, GetAgent, ListAgents};
use axme_api::roles::Permission;
use axme_intent::Address;
use uuid::Uuid;

use crate::auth::placement;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::policy::receivers;
use axme_store::queue;
use axme_store::service_accounts::{self as store, AccountStatus, ServiceAccount};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::agents::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::agents::GET, prepare_get, get)),
];

/// The count of a queue ends here, so that a list costs little however long the queues are.
const MAX_COUNTED: i64 = 1_000;

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListAgents) -> Result<(ListAgents, i64)> {
    let limit = input.limit.items()?;
    Ok((input, limit))
}

pub fn list(cx: &mut CallContext<'_, '_>, (input, limit): &(ListAgents, i64)) -> Result<AgentList> {
    let place = placement::place_of(cx, &input.workspace, Permission::ViewOrganization)?;
    let agents = store::list_agents(cx.tx, place.workspace, input.after.as_deref().unwrap_or_default(), *limit)?;
    let mut list = AgentList { ok: true, agents: Vec::with_capacity(agents.len()) };
    for account in &agents {
        let Some(mut agent) = view(account) else { continue };
        if let Some(address) = account.address.as_ref().filter(|_| input.queues == Some(true)) {
            agent.queue = Some(queue(cx, place.workspace, account, address)?);
        }
        list.agents.push(agent);
    }
    Ok(list)
}

/// Describes the queue of an agent.
fn queue(
    cx: &mut CallContext<'_, '_>,
    workspace: Uuid,
    account: &ServiceAccount,
    address: &Address,
) -> Result<AgentQueue> {
    let (unanswered, oldest) = queue::count_intents(cx.tx, workspace, address, MAX_COUNTED)?;
    let last_seen = store::last_seen(cx.tx, workspace, &account.service_account_id, address)?;
    Ok(AgentQueue {
        unanswered: u64::try_from(unanswered).unwrap_or(0),
        oldest_at: oldest.map(|id| id.created_at().into()),
        last_seen_at: last_seen.map(Into::into),
    })
}

pub(crate) fn prepare_get(context: &PrepareContext<'_>, input: GetAgent) -> Result<Address> {
    Ok(Address::resolve(&input.address, context.caller.home()))
}

pub fn get(cx: &mut CallContext<'_, '_>, address: &Address) -> Result<AgentAnswer> {
    let account = store::find_agent(cx.tx, cx.caller.workspace, address)?;
    let agent = account.as_ref().filter(|account| account.status != AccountStatus::Deleted).and_then(view);
    match agent {
        Some(agent) => Ok(AgentAnswer { ok: true, agent }),
        None => Err(receivers::not_found(cx, address)?.into()),
    }
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
        queue: None,
    })
}
