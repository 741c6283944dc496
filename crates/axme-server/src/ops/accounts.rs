//! Service accounts, their keys, the agents they are, and who the caller is.

use axme_api::agents::{Agent, AgentAnswer, AgentList, GetAgent, ListAgents};
use axme_api::capabilities::{Capabilities, Nothing};
use axme_api::me::Me;
use axme_api::service_accounts::{
    CreateKey, CreateServiceAccount, GetServiceAccount, Key, KeyAnswer, ListServiceAccounts, RevokeKey, RevokedKey,
    RevokedKeyAnswer, ServiceAccount as AccountView, ServiceAccountAnswer, ServiceAccountList,
};
use axme_api::{ApiError, ErrorKind};
use axme_intent::address::agent_name;
use axme_intent::{Address, Time};
use serde_json::json;

use super::intents::check_ahead;
use super::{COMMON_LANE, check_tenant, page_size};
use crate::auth::{FreshKey, fresh_key};
use crate::call::Before;
use crate::cx::{Cx, Role};
use crate::error::{Result, StoreError};
use crate::store::accounts::{self as store, NewKey, ServiceAccount};

pub fn prepare_create(
    before: &Before<'_>,
    input: CreateServiceAccount,
) -> Result<(u16, (CreateServiceAccount, Address))> {
    check_tenant(before.caller, input.org_id.as_deref(), input.workspace_id.as_deref())?;
    let chars = input.name.chars().count();
    if !(2..=383).contains(&chars) {
        return Err(ApiError::invalid("name: 2 to 383 characters").into());
    }
    for (field, text, most) in [("display_name", &input.display_name, 255), ("description", &input.description, 2000)] {
        if text.as_ref().is_some_and(|t| t.chars().count() > most) {
            return Err(ApiError::invalid(format!("{field}: at most {most} characters")).into());
        }
    }
    match input.delivery_mode.as_deref() {
        None | Some("stream" | "poll") => {}
        Some(mode @ ("http" | "inbox" | "internal")) => {
            return Err(ApiError::not_supported_yet(format!("delivery_mode \"{mode}\" is")).into());
        }
        Some(mode) => {
            let message = format!("delivery_mode: \"{mode}\" is none of stream, poll, http, inbox, internal");
            return Err(ApiError::invalid(message).into());
        }
    }
    if input.callback_url.is_some() {
        return Err(ApiError::not_supported_yet("callback_url is").into());
    }
    let home = before.caller.home();
    let name = agent_name(&input.name, home).ok_or_else(|| {
        let message = format!(
            "name: no agent name in \"{}\": use letters and digits, or agent://{}/{}/name; policy, receive-override, stream, \
             agent_core and human are reserved",
            input.name, home.org, home.workspace
        );
        ApiError::new(ErrorKind::Invalid, "invalid_agent_address", message)
    })?;
    let address = Address::agent(home, &name);
    Ok((COMMON_LANE, (input, address)))
}

pub fn create(cx: &mut Cx<'_, '_>, (input, address): &(CreateServiceAccount, Address)) -> Result<ServiceAccountAnswer> {
    let new = NewAgent {
        name: &input.name,
        address,
        display_name: input.display_name.as_deref(),
        description: input.description.as_deref(),
        delivery_mode: input.delivery_mode.as_deref().unwrap_or("stream"),
    };
    let (account, _) = put_agent(cx, &new)?;
    Ok(answer(&account))
}

/// An agent to register.
pub struct NewAgent<'a> {
    pub name: &'a str,
    pub address: &'a Address,
    pub display_name: Option<&'a str>,
    pub description: Option<&'a str>,
    pub delivery_mode: &'a str,
}

/// Registers an agent, or returns the one that has its address already. Says whether it is new.
pub fn put_agent(cx: &mut Cx<'_, '_>, new: &NewAgent<'_>) -> Result<(ServiceAccount, bool)> {
    let account = ServiceAccount {
        workspace_id: cx.caller.workspace,
        service_account_id: format!("sa_{}", cx.dice.uuid_at(cx.now).simple()),
        org_id: cx.caller.org,
        name: new.name.to_owned(),
        display_name: new.display_name.map(str::to_owned),
        description: new.description.map(str::to_owned),
        role: Role::Agent.as_str().to_owned(),
        status: "active".to_owned(),
        address: Some(new.address.clone()),
        delivery_mode: new.delivery_mode.to_owned(),
        created_by: cx.caller.actor(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    if store::insert_service_account(cx.tx, &account)? {
        cx.audit("service_accounts.create", &account.service_account_id, &json!({ "address": new.address }))?;
        return Ok((account, true));
    }
    let known = store::find_agent(cx.tx, cx.caller.workspace, new.address)?;
    let known = known.ok_or_else(|| StoreError::Conflict("an agent vanished while it was registered".to_owned()))?;
    Ok((known, false))
}

pub fn prepare_list(before: &Before<'_>, input: ListServiceAccounts) -> Result<(u16, (String, i64))> {
    check_tenant(before.caller, input.org_id.as_deref(), input.workspace_id.as_deref())?;
    Ok((COMMON_LANE, (input.after.unwrap_or_default(), page_size(input.limit, 1_000, 1_000)?)))
}

pub fn list(cx: &mut Cx<'_, '_>, (after, limit): &(String, i64)) -> Result<ServiceAccountList> {
    let accounts = store::list_service_accounts(cx.tx, cx.caller.workspace, after, *limit)?;
    Ok(ServiceAccountList { ok: true, service_accounts: accounts.iter().map(view).collect() })
}

pub fn prepare_get(_: &Before<'_>, input: GetServiceAccount) -> Result<(u16, GetServiceAccount)> {
    Ok((COMMON_LANE, input))
}

pub fn get(cx: &mut Cx<'_, '_>, input: &GetServiceAccount) -> Result<ServiceAccountAnswer> {
    Ok(answer(&find(cx, &input.service_account_id)?))
}

fn find(cx: &mut Cx<'_, '_>, id: &str) -> Result<ServiceAccount> {
    let account = store::find_service_account(cx.tx, cx.caller.workspace, id)?;
    account.ok_or_else(|| ApiError::not_found(format!("service account {id}")).into())
}

pub struct KeyRequest {
    service_account_id: String,
    key_id: String,
    fresh: FreshKey,
    expires_at: Option<Time>,
}

pub fn prepare_create_key(before: &Before<'_>, input: CreateKey) -> Result<(u16, KeyRequest)> {
    let read = |text: &str| Time::parse(text).ok_or_else(|| ApiError::invalid("expires_at: must be an RFC 3339 time"));
    let expires_at = input.expires_at.as_deref().map(read).transpose()?;
    let request = KeyRequest {
        fresh: fresh_key(before.dice, &input.service_account_id),
        key_id: format!("sak_{}", before.dice.uuid_at(before.now).simple()),
        service_account_id: input.service_account_id,
        expires_at,
    };
    Ok((COMMON_LANE, request))
}

pub fn create_key(cx: &mut Cx<'_, '_>, request: &KeyRequest) -> Result<KeyAnswer> {
    check_ahead("expires_at", request.expires_at, cx.now)?;
    let account = find(cx, &request.service_account_id)?;
    let key = NewKey {
        workspace: cx.caller.workspace,
        key_id: &request.key_id,
        service_account_id: &account.service_account_id,
        hash: &request.fresh.hash,
        hint: &request.fresh.hint,
        created_at: cx.now,
        expires_at: request.expires_at,
    };
    store::insert_key(cx.tx, &key)?;
    cx.audit("service_accounts.keys.create", &account.service_account_id, &json!({ "key_id": request.key_id }))?;
    Ok(KeyAnswer {
        ok: true,
        api_key: request.fresh.token.clone(),
        key: Key {
            key_id: request.key_id.clone(),
            service_account_id: account.service_account_id,
            key_hint: request.fresh.hint.clone(),
            status: "active".to_owned(),
            created_at: cx.now.to_string(),
            expires_at: request.expires_at.map(|at| at.to_string()),
            token: request.fresh.token.clone(),
        },
    })
}

pub fn prepare_revoke_key(_: &Before<'_>, input: RevokeKey) -> Result<(u16, RevokeKey)> {
    Ok((COMMON_LANE, input))
}

/// Revoking twice is no error: the key stays revoked since the first time.
pub fn revoke_key(cx: &mut Cx<'_, '_>, input: &RevokeKey) -> Result<RevokedKeyAnswer> {
    let (account, key) = (&input.service_account_id, &input.key_id);
    let revoked_at = store::revoke_key(cx.tx, cx.caller.workspace, account, key, cx.now)?;
    let revoked_at = revoked_at.ok_or_else(|| ApiError::not_found(format!("key {key}")))?;
    if revoked_at == cx.now {
        cx.audit("service_accounts.keys.revoke", account, &json!({ "key_id": key }))?;
    }
    Ok(RevokedKeyAnswer {
        ok: true,
        key: RevokedKey {
            key_id: key.clone(),
            service_account_id: account.clone(),
            status: "revoked".to_owned(),
            revoked_at: revoked_at.to_string(),
        },
    })
}

pub fn prepare_list_agents(before: &Before<'_>, input: ListAgents) -> Result<(u16, (String, i64))> {
    check_tenant(before.caller, input.org_id.as_deref(), input.workspace_id.as_deref())?;
    Ok((COMMON_LANE, (input.after.unwrap_or_default(), page_size(input.limit, 100, 1_000)?)))
}

pub fn list_agents(cx: &mut Cx<'_, '_>, (after, limit): &(String, i64)) -> Result<AgentList> {
    let agents = store::list_agents(cx.tx, cx.caller.workspace, after, *limit)?;
    Ok(AgentList { ok: true, agents: agents.iter().filter_map(agent_view).collect() })
}

pub fn prepare_get_agent(before: &Before<'_>, input: GetAgent) -> Result<(u16, Address)> {
    Ok((COMMON_LANE, Address::resolve(&input.address, before.caller.home())))
}

pub fn get_agent(cx: &mut Cx<'_, '_>, address: &Address) -> Result<AgentAnswer> {
    let account = store::find_agent(cx.tx, cx.caller.workspace, address)?;
    let agent = account.as_ref().and_then(agent_view);
    let agent = agent
        .ok_or_else(|| ApiError::new(ErrorKind::NotFound, "agent_not_found", format!("agent {address} not found")))?;
    Ok(AgentAnswer { ok: true, agent })
}

pub fn prepare_nothing(_: &Before<'_>, input: Nothing) -> Result<(u16, Nothing)> {
    Ok((COMMON_LANE, input))
}

pub fn me(cx: &mut Cx<'_, '_>, _: &Nothing) -> Result<Me> {
    let account = find(cx, &cx.caller.service_account_id)?;
    Ok(Me {
        ok: true,
        address: account.address.as_ref().map(|a| a.as_str().to_owned()),
        org_id: cx.caller.org.to_string(),
        org_slug: cx.caller.org_slug.clone(),
        workspace_id: cx.caller.workspace.to_string(),
        workspace_slug: cx.caller.workspace_slug.clone(),
        role: cx.caller.role.as_str().to_owned(),
        service_account: view(&account),
    })
}

pub fn capabilities(_: &mut Cx<'_, '_>, _: &Nothing) -> Result<Capabilities> {
    let capabilities =
        ["intents", "intents.stream", "agents.stream", "human_tasks", "scenarios", "service_accounts", "idempotency"];
    let types = ["intent.ask.v1", "intent.notify.v1", "intent.reply.v1"];
    Ok(Capabilities {
        ok: true,
        capabilities: capabilities.map(str::to_owned).to_vec(),
        supported_intent_types: types.map(str::to_owned).to_vec(),
    })
}

fn answer(account: &ServiceAccount) -> ServiceAccountAnswer {
    let shown = view(account);
    ServiceAccountAnswer {
        ok: true,
        service_account_id: shown.service_account_id.clone(),
        address: shown.address.clone(),
        agent_address: shown.address.clone(),
        service_account: shown,
    }
}

fn view(account: &ServiceAccount) -> AccountView {
    let address = account.address.as_ref().map(|a| a.as_str().to_owned());
    AccountView {
        service_account_id: account.service_account_id.clone(),
        org_id: account.org_id.to_string(),
        workspace_id: account.workspace_id.to_string(),
        name: account.name.clone(),
        display_name: account.display_name.clone(),
        description: account.description.clone(),
        status: account.status.clone(),
        created_by_actor_id: account.created_by.clone(),
        agent_address: address.clone(),
        address,
        delivery_mode: account.delivery_mode.clone(),
        created_at: account.created_at.to_string(),
        updated_at: account.updated_at.to_string(),
    }
}

fn agent_view(account: &ServiceAccount) -> Option<Agent> {
    Some(Agent {
        address: account.address.as_ref()?.as_str().to_owned(),
        service_account_id: account.service_account_id.clone(),
        service_account_name: account.name.clone(),
        display_name: account.display_name.clone(),
        status: account.status.clone(),
        delivery_mode: account.delivery_mode.clone(),
        created_at: account.created_at.to_string(),
        updated_at: account.updated_at.to_string(),
    })
}
