//! Creates, updates and deletes service accounts and their keys.

mod delivery;

use axme_api::members::KeyLeft;
use axme_api::roles::Permission;
use axme_api::service_accounts::{
    AccountField, CreateKey, CreateKeyAnswer, CreateServiceAccount, DeleteServiceAccountAnswer, GetServiceAccount, Key,
    KeyRevocation, KeyStatus, KeyView, ListServiceAccounts, RevokeKey, RevokeKeyAnswer, ServiceAccount as AccountView,
    ServiceAccountAnswer, ServiceAccountList, UpdateServiceAccount,
};
use axme_api::{ApiError, ErrorCode, Timestamp};
use axme_intent::address::{NameFit, NearestName, nearest_name};
use axme_intent::human::is_same_person;
use axme_intent::{Address, DeliveryBinding, Time};
use serde_json::{Value, json};
use uuid::Uuid;

use delivery::DeliveryChange;
pub(crate) use delivery::{Callback, Sharing, made_callback};
pub(super) use delivery::{check_callback, check_secret};

use crate::auth::placement::{Placement, RoleSet};
use crate::auth::{FreshKey, fresh_key, placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::input::{check_ahead, check_chars, receiver};
use crate::policy::quota;
use crate::policy::snapshot;
use crate::policy::tier::Allowance;
use axme_store::service_accounts::{AccountRole, AccountStatus, KeyBounds, NewKey, ServiceAccount};
use axme_store::{Signal, members, service_accounts as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::service_accounts::CREATE, prepare_create, create)),
    Binding::Transaction(&handler(&axme_api::service_accounts::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::service_accounts::GET, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::service_accounts::UPDATE, prepare_update, update)),
    Binding::Transaction(&handler(&axme_api::service_accounts::CREATE_KEY, prepare_create_key, create_key)),
    Binding::Transaction(&handler(&axme_api::service_accounts::REVOKE_KEY, prepare_revoke_key, revoke_key)),
    Binding::Transaction(&handler(&axme_api::service_accounts::DELETE, prepare_get, delete)),
];

/// Maximum keys shown with an account: the newest.
const MAX_KEYS: i64 = 100;

pub(crate) fn prepare_create(context: &PrepareContext<'_>, input: CreateServiceAccount) -> Result<NewAccount> {
    let chars = input.name.chars().count();
    if !(2..=383).contains(&chars) {
        return Err(ApiError::invalid("name: 2 to 383 characters").into());
    }
    check_chars("display_name", input.display_name.as_deref(), 0, 255)?;
    check_chars("description", input.description.as_deref(), 0, 2_000)?;
    let CreateServiceAccount { delivery_mode, callback_url, webhook_secret, .. } = input.clone();
    let sharing = Sharing { acknowledged_seconds: input.acknowledged_seconds, replay_claimed: input.replay_claimed };
    let delivery = DeliveryChange::check(context, delivery_mode, callback_url, webhook_secret, sharing)?;
    Ok(NewAccount { input, delivery })
}

/// Returns the address that an account gets from its name, and a warning if the address spells it differently.
fn address_of(text: &str, place: &Placement) -> Result<(Address, Option<String>)> {
    let home = place.home();
    let refusal = |message| Err(ApiError::new(ErrorCode::InvalidAgentAddress, message).into());
    match nearest_name(text, home) {
        Some(NearestName { name, fit: NameFit::Same }) => Ok((Address::agent(home, &name), None)),
        Some(NearestName { name, fit: NameFit::Respelled }) => {
            let address = Address::agent(home, &name);
            let warning = format!("name: the address of \"{text}\" is {address}");
            Ok((address, Some(warning)))
        }
        Some(NearestName { name, fit: NameFit::Lossy }) => refusal(format!(
            "name: \"{text}\" would lose letters or digits; use \"{name}\", and display_name for the text that people see"
        )),
        None => refusal(format!(
            "name: no agent name in \"{}\"; use letters and digits, or agent://{}/{}/name; policy, receive-override, stream, \
             agent_core and human are reserved",
            text, home.org, home.workspace
        )),
    }
}

/// Registers an agent. If its address is taken, the account there gets the fields that are given.
pub fn create(cx: &mut CallContext<'_, '_>, new: &NewAccount) -> Result<ServiceAccountAnswer> {
    let NewAccount { input, delivery } = new;
    let place = placement::place_of(cx, &input.workspace, Permission::ManageAccounts)?;
    let (address, warning) = address_of(&input.name, &place)?;
    let known = store::find_agent(cx.tx, place.workspace, &address)?;
    let known = known.filter(|known| known.status != AccountStatus::Deleted);
    let (account, made) = match known {
        Some(known) => (known, None),
        None => {
            let (callback, made) = delivery.of_new_account()?;
            let agent = NewAgent {
                place: &place,
                name: &input.name,
                address: &address,
                display_name: input.display_name.as_deref(),
                description: input.description.as_deref(),
                delivery_mode: delivery.mode.unwrap_or(DeliveryBinding::Stream),
                callback: callback.as_ref(),
                sharing: delivery.sharing,
            };
            let (account, is_new) = put_agent(cx, &agent)?;
            (account, is_new.then_some(made))
        }
    };
    let mut shown = match made {
        Some(made) => ServiceAccountAnswer { created: Some(true), webhook_secret: made, ..answer(&account) },
        // Another call may have registered it since the look above.
        None => {
            let texts = (input.display_name.clone(), input.description.clone());
            ServiceAccountAnswer { created: Some(false), ..change(cx, account, texts, delivery)? }
        }
    };
    shown.standard_webhooks_secret = delivery.standard_secret();
    shown.warnings.extend(warning);
    Ok(shown)
}

pub struct NewAccount {
    input: CreateServiceAccount,
    delivery: DeliveryChange,
}

/// Switches an existing account to pushes, as a bundle asks. An account with a callback keeps it.
pub(crate) fn push_to(cx: &mut CallContext<'_, '_>, account: &mut ServiceAccount, callback: &Callback) -> Result<()> {
    if account.callback_url.is_some() || account.address.is_none() {
        return Ok(());
    }
    account.delivery_mode = DeliveryBinding::Http;
    (account.callback_url, account.webhook_secret) = (Some(callback.url.clone()), Some(callback.secret.clone()));
    account.updated_at = cx.now;
    store::update(cx.tx, account)?;
    let line = json!({ "delivery_mode": account.delivery_mode, "callback_url": callback.url });
    cx.audit("service_accounts.update", &account.service_account_id, &line)?;
    cx.tx.signal(Signal::push_receivers());
    Ok(())
}

pub(crate) fn prepare_update(
    context: &PrepareContext<'_>,
    input: UpdateServiceAccount,
) -> Result<(String, DeliveryChange)> {
    let sharing = Sharing { acknowledged_seconds: input.acknowledged_seconds, replay_claimed: input.replay_claimed };
    let UpdateServiceAccount { service_account_id, delivery_mode, callback_url, webhook_secret, .. } = input;
    let delivery = DeliveryChange::check(context, delivery_mode, callback_url, webhook_secret, sharing)?;
    Ok((service_account_id, delivery))
}

/// Changes the fields that are present. Leaving `http` deletes the callback and its secret.
pub fn update(cx: &mut CallContext<'_, '_>, (id, delivery): &(String, DeliveryChange)) -> Result<ServiceAccountAnswer> {
    let account = find_live(cx, id)?;
    let shown = change(cx, account, (None, None), delivery)?;
    Ok(ServiceAccountAnswer { standard_webhooks_secret: delivery.standard_secret(), ..shown })
}

/// Gives an account a display name, a description and delivery settings; absent ones stay. The answer names what
/// changed. A call that changes nothing leaves no trace.
fn change(
    cx: &mut CallContext<'_, '_>,
    old: ServiceAccount,
    (display_name, description): (Option<String>, Option<String>),
    delivery: &DeliveryChange,
) -> Result<ServiceAccountAnswer> {
    let mut account = old.clone();
    account.display_name = display_name.or(account.display_name);
    account.description = description.or(account.description);
    let made = delivery.apply(&mut account)?;
    let changed: Vec<AccountField> = [
        (AccountField::DisplayName, account.display_name != old.display_name),
        (AccountField::Description, account.description != old.description),
        (AccountField::DeliveryMode, account.delivery_mode != old.delivery_mode),
        (AccountField::CallbackUrl, account.callback_url != old.callback_url),
        (AccountField::WebhookSecret, account.webhook_secret != old.webhook_secret),
        (AccountField::AcknowledgedSeconds, account.acknowledged_seconds != old.acknowledged_seconds),
        (AccountField::ReplayClaimed, account.replay_claimed != old.replay_claimed),
    ]
    .into_iter()
    .filter_map(|(field, is_changed)| is_changed.then_some(field))
    .collect();
    if !changed.is_empty() {
        account.updated_at = cx.now;
        store::update(cx.tx, &account)?;
        let line = json!({
            "changed": changed, "delivery_mode": account.delivery_mode, "callback_url": account.callback_url,
        });
        audit(cx, &account, "service_accounts.update", &line)?;
        cx.tx.signal(Signal::push_receivers());
    }
    Ok(ServiceAccountAnswer { changed: Some(changed), webhook_secret: made, ..answer(&account) })
}

/// An agent to register.
pub struct NewAgent<'a> {
    pub place: &'a Placement,
    pub name: &'a str,
    pub address: &'a Address,
    pub display_name: Option<&'a str>,
    pub description: Option<&'a str>,
    pub delivery_mode: DeliveryBinding,
    pub callback: Option<&'a Callback>,
    pub sharing: Sharing,
}

/// Registers an agent, or returns the one with the same address. The flag is true for a new or revived account.
pub(crate) fn put_agent(cx: &mut CallContext<'_, '_>, new: &NewAgent<'_>) -> Result<(ServiceAccount, bool)> {
    let account = ServiceAccount {
        workspace_id: new.place.workspace,
        service_account_id: format!("sa_{}", cx.rng.uuid_at(cx.now).simple()),
        org_id: new.place.org,
        name: new.name.to_owned(),
        display_name: new.display_name.map(str::to_owned),
        description: new.description.map(str::to_owned),
        role: AccountRole::Agent,
        status: AccountStatus::Active,
        address: Some(new.address.clone()),
        delivery_mode: new.delivery_mode,
        created_by: cx.caller.actor(),
        created_at: cx.now,
        updated_at: cx.now,
        callback_url: new.callback.map(|callback| callback.url.clone()),
        webhook_secret: new.callback.map(|callback| callback.secret.clone()),
        acknowledged_seconds: new.sharing.seconds(),
        replay_claimed: new.sharing.replay_claimed.unwrap_or(true),
    };
    if new.callback.is_some() {
        cx.tx.signal(Signal::push_receivers());
    }
    // The lock serializes additions. An account that exists takes no further room.
    let allowance = quota::lock(cx.tx, new.place.workspace)?;
    if store::insert_service_account(cx.tx, &account)? {
        check_room(cx, new.place.workspace, allowance)?;
        snapshot::changed(cx.tx, new.place.workspace)?;
        audit(cx, &account, "service_accounts.create", &json!({ "address": new.address }))?;
        return Ok((account, true));
    }
    let is_revived = store::revive(cx.tx, &account)?;
    if is_revived {
        check_room(cx, new.place.workspace, allowance)?;
        snapshot::changed(cx.tx, new.place.workspace)?;
    }
    let known = store::find_agent(cx.tx, new.place.workspace, new.address)?;
    let known = known.ok_or_else(|| StoreError::Conflict("the agent just registered is missing".to_owned()))?;
    if is_revived {
        audit(cx, &known, "service_accounts.revive", &json!({ "address": new.address }))?;
    }
    Ok((known, is_revived))
}

/// Refuses the account just added if it exceeds the limit of the workspace.
fn check_room(cx: &mut CallContext<'_, '_>, workspace: Uuid, allowance: Option<Allowance>) -> Result<()> {
    let Some(most) = allowance.map(|allowance| allowance.service_accounts).filter(|most| *most > 0) else {
        return Ok(());
    };
    let others = store::count_agents(cx.tx, workspace)?.saturating_sub(1);
    quota::check_total("service_accounts_per_workspace", u64::try_from(others).unwrap_or(0), 1, most)
}

/// Records an audit event in the trail of the account's workspace.
fn audit(cx: &mut CallContext<'_, '_>, account: &ServiceAccount, action: &str, details: &Value) -> Result<()> {
    Ok(cx.audit_in(account.workspace_id, action, &account.service_account_id, details)?)
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListServiceAccounts) -> Result<(ListServiceAccounts, i64)> {
    let limit = input.limit.items()?;
    Ok((input, limit))
}

pub fn list(cx: &mut CallContext<'_, '_>, (input, limit): &(ListServiceAccounts, i64)) -> Result<ServiceAccountList> {
    let place = placement::place_of(cx, &input.workspace, Permission::ManageAccounts)?;
    let after = input.after.as_deref().unwrap_or_default();
    let accounts = store::list_service_accounts(cx.tx, place.workspace, after, *limit)?;
    Ok(ServiceAccountList { ok: true, service_accounts: accounts.iter().map(view).collect() })
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetServiceAccount) -> Result<GetServiceAccount> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, input: &GetServiceAccount) -> Result<ServiceAccountAnswer> {
    let account = find(cx, &input.service_account_id)?;
    let keys = store::list_keys(cx.tx, account.workspace_id, &account.service_account_id, MAX_KEYS)?;
    let keys = keys.into_iter().map(|key| key_view(key, cx.now)).collect();
    Ok(ServiceAccountAnswer { keys: Some(keys), ..answer(&account) })
}

fn key_view(key: store::KnownKey, now: Time) -> KeyView {
    let status = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => KeyStatus::Revoked,
        (None, Some(at)) if at <= now => KeyStatus::Expired,
        _ => KeyStatus::Active,
    };
    KeyView {
        key_id: key.key_id,
        key_hint: key.hint,
        status,
        created_by_actor_id: key.created_by,
        created_at: key.created_at.into(),
        expires_at: key.expires_at.map(Timestamp::from),
        last_used_at: key.last_used_at.map(Timestamp::from),
        revoked_at: key.revoked_at.map(Timestamp::from),
        scope: key.bounds.scope,
        addresses: key.bounds.addresses.into_iter().map(Address::into_string).collect(),
    }
}

/// Returns an account of the caller's workspace, or of another where the caller may manage accounts.
fn find(cx: &mut CallContext<'_, '_>, id: &str) -> Result<ServiceAccount> {
    let not_found = || ApiError::not_found(format!("service account {id}"));
    if let Some(own) = store::find_service_account(cx.tx, cx.caller.workspace, id)? {
        // People manage the account of their own logins themselves.
        let is_theirs = own.role == AccountRole::Login && is_same_person(&own.created_by, &cx.caller.owner);
        if !is_theirs {
            RoleSet::in_org(cx, own.org_id)?.check(Permission::ManageAccounts, Some(own.workspace_id))?;
        }
        return Ok(own);
    }
    let account = store::find_anywhere(cx.tx, id)?.ok_or_else(not_found)?;
    let authority = RoleSet::in_org(cx, account.org_id)?;
    // Another workspace is not found, even in the key's own organization, unless the key's owner is a member there.
    if !authority.reaches(account.workspace_id) {
        return Err(not_found().into());
    }
    authority.check(Permission::ManageAccounts, Some(account.workspace_id))?;
    Ok(account)
}

/// Returns an account as [`find`] does, unless it was deleted.
fn find_live(cx: &mut CallContext<'_, '_>, id: &str) -> Result<ServiceAccount> {
    let account = find(cx, id)?;
    if account.status == AccountStatus::Deleted {
        let message = format!("service account {id} was deleted; register it again to bring it back");
        return Err(ApiError::new(ErrorCode::ServiceAccountDeleted, message).into());
    }
    Ok(account)
}

/// Deletes an account and revokes its keys; a repeat has no effect. A key cannot delete its own account, because no
/// other key might be left.
pub fn delete(cx: &mut CallContext<'_, '_>, input: &GetServiceAccount) -> Result<DeleteServiceAccountAnswer> {
    let account = find(cx, &input.service_account_id)?;
    check_is_below(cx, &account)?;
    if account.service_account_id == cx.caller.service_account_id {
        let message = "your key belongs to this account; use another key to delete it";
        return Err(ApiError::new(ErrorCode::OwnServiceAccount, message).into());
    }
    let mut revoked_keys = 0;
    if account.status != AccountStatus::Deleted {
        revoked_keys = store::delete(cx.tx, account.workspace_id, &account.service_account_id, cx.now)?;
        if account.address.is_some() {
            snapshot::changed(cx.tx, account.workspace_id)?;
        }
        audit(cx, &account, "service_accounts.delete", &json!({ "address": account.address, "keys": revoked_keys }))?;
        cx.tx.signal(Signal::push_receivers());
    }
    Ok(DeleteServiceAccountAnswer {
        ok: true,
        service_account_id: account.service_account_id,
        address: account.address.map(Address::into_string),
        status: AccountStatus::Deleted,
        revoked_keys,
    })
}

pub struct KeyRequest {
    service_account_id: String,
    key_id: String,
    fresh: FreshKey,
    expires_at: Option<Time>,
    bounds: KeyBounds,
}

/// Maximum number of addresses of a key.
const MAX_ADDRESSES: usize = 50;

fn read_bounds(context: &PrepareContext<'_>, input: &CreateKey) -> Result<KeyBounds> {
    let scope = input.scope.unwrap_or_default();
    let Some(named) = &input.addresses else { return Ok(KeyBounds { scope, addresses: Vec::new() }) };
    if !(1..=MAX_ADDRESSES).contains(&named.len()) {
        return Err(ApiError::invalid(format!("addresses: 1 to {MAX_ADDRESSES} addresses, or leave it out")).into());
    }
    let read = |text: &String| receiver(text, "addresses", context.caller.home());
    let mut addresses = named.iter().map(read).collect::<Result<Vec<Address>>>()?;
    addresses.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    addresses.dedup();
    Ok(KeyBounds { scope, addresses })
}

pub(crate) fn prepare_create_key(context: &PrepareContext<'_>, input: CreateKey) -> Result<KeyRequest> {
    let request = KeyRequest {
        bounds: read_bounds(context, &input)?,
        fresh: fresh_key(context.rng, &input.service_account_id),
        key_id: format!("sak_{}", context.rng.uuid_at(context.now).simple()),
        service_account_id: input.service_account_id,
        expires_at: input.expires_at.map(Time::from),
    };
    Ok(request)
}

pub(crate) fn create_key(cx: &mut CallContext<'_, '_>, request: &KeyRequest) -> Result<CreateKeyAnswer> {
    check_ahead("expires_at", request.expires_at, cx.now)?;
    let account = find_live(cx, &request.service_account_id)?;
    check_may_make(cx, &account)?;
    let key = NewKey {
        workspace: account.workspace_id,
        key_id: &request.key_id,
        service_account_id: &account.service_account_id,
        hash: &request.fresh.hash,
        hint: &request.fresh.hint,
        created_by: &cx.caller.owner,
        created_at: cx.now,
        expires_at: request.expires_at,
    };
    store::insert_key(cx.tx, &key)?;
    let scope = request.bounds.scope;
    let addresses: Vec<&str> = request.bounds.addresses.iter().map(Address::as_str).collect();
    let mut line = json!({ "key_id": request.key_id });
    if request.bounds != KeyBounds::default() {
        store::bound_key(cx.tx, account.workspace_id, &request.key_id, &request.bounds)?;
        (line["scope"], line["addresses"]) = (json!(scope), json!(addresses));
    }
    audit(cx, &account, "service_accounts.keys.create", &line)?;
    Ok(CreateKeyAnswer {
        ok: true,
        api_key: request.fresh.token.clone(),
        key: Key {
            key_id: request.key_id.clone(),
            service_account_id: account.service_account_id,
            key_hint: request.fresh.hint.clone(),
            status: KeyStatus::Active,
            created_at: cx.now.into(),
            expires_at: request.expires_at.map(Timestamp::from),
            scope,
            addresses: request.bounds.addresses.iter().cloned().map(Address::into_string).collect(),
            token: request.fresh.token.clone(),
        },
    })
}

/// Refuses keys that would reach further, or last longer, than the caller. Keys of admins act in their owner's name, in
/// all the owner's organizations.
fn check_may_make(cx: &CallContext<'_, '_>, account: &ServiceAccount) -> Result<()> {
    let is_theirs = is_same_person(&account.created_by, &cx.caller.owner);
    let message = match account.role {
        AccountRole::Agent => return Ok(()),
        AccountRole::Login => "only a sign-in makes keys of this account; sign in again to get one".to_owned(),
        AccountRole::WorkspaceAdmin if !is_theirs => {
            format!("keys of this account act in the name of {}, who must create them", account.created_by)
        }
        // The key of a sign-in is valid in its own organization only.
        AccountRole::WorkspaceAdmin if cx.caller.is_login && cx.caller.person().is_none() => {
            "the key of a sign-in cannot make keys of this account; send your access token too".to_owned()
        }
        AccountRole::WorkspaceAdmin => return Ok(()),
    };
    Err(ApiError::forbidden(message).into())
}

/// Refuses to end the account or a key of another person whose role is wider than the caller's.
fn check_is_below(cx: &mut CallContext<'_, '_>, account: &ServiceAccount) -> Result<()> {
    if account.role == AccountRole::Agent || is_same_person(&account.created_by, &cx.caller.owner) {
        return Ok(());
    }
    let own = RoleSet::in_org(cx, account.org_id)?;
    let theirs = members::roles_of(cx.tx, account.org_id, &account.created_by)?;
    let wider = theirs
        .into_iter()
        .map(|(role, _)| role)
        .find(|role| role.spans_organization() && !own.gives(*role, Some(account.workspace_id)));
    match wider {
        None => Ok(()),
        Some(role) => {
            let message = format!("this account belongs to {}, who has the role {role}", account.created_by);
            Err(ApiError::forbidden(message).into())
        }
    }
}

/// Maximum number of keys of a leaving member that an answer lists.
const MAX_LISTED_KEYS: i64 = 100;

/// Lists the valid keys that a leaving member made, newest first. They stay valid until they are revoked.
pub(super) fn keys_left(
    cx: &mut CallContext<'_, '_>,
    maker: &str,
    place: (Uuid, Option<Uuid>),
) -> Result<Vec<KeyLeft>> {
    let found = store::list_keys_made_by(cx.tx, maker, place, MAX_LISTED_KEYS)?;
    let left = |made: store::MadeKey| KeyLeft {
        workspace_id: made.workspace_id.into(),
        service_account_id: made.service_account_id,
        key_id: made.key.key_id,
        key_hint: made.key.hint,
        created_at: made.key.created_at.into(),
        expires_at: made.key.expires_at.map(Timestamp::from),
        last_used_at: made.key.last_used_at.map(Timestamp::from),
    };
    Ok(found.into_iter().map(left).collect())
}

pub(crate) fn prepare_revoke_key(_: &PrepareContext<'_>, input: RevokeKey) -> Result<RevokeKey> {
    Ok(input)
}

/// Revokes a key. A repeat returns the time of the first revocation.
pub(crate) fn revoke_key(cx: &mut CallContext<'_, '_>, input: &RevokeKey) -> Result<RevokeKeyAnswer> {
    let holder = find(cx, &input.service_account_id)?;
    check_is_below(cx, &holder)?;
    let (account, key) = (&input.service_account_id, &input.key_id);
    let revoked_at = store::revoke_key(cx.tx, holder.workspace_id, account, key, cx.now)?;
    let revoked_at = revoked_at.ok_or_else(|| ApiError::not_found(format!("key {key}")))?;
    if revoked_at == cx.now {
        audit(cx, &holder, "service_accounts.keys.revoke", &json!({ "key_id": key }))?;
    }
    Ok(RevokeKeyAnswer {
        ok: true,
        key: KeyRevocation {
            key_id: key.clone(),
            service_account_id: account.clone(),
            status: KeyStatus::Revoked,
            revoked_at: revoked_at.into(),
        },
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
        webhook_secret: None,
        standard_webhooks_secret: None,
        created: None,
        changed: None,
        warnings: Vec::new(),
        keys: None,
    }
}

pub(super) fn view(account: &ServiceAccount) -> AccountView {
    let address = account.address.as_ref().map(|a| a.as_str().to_owned());
    AccountView {
        service_account_id: account.service_account_id.clone(),
        org_id: account.org_id.into(),
        workspace_id: account.workspace_id.into(),
        name: account.name.clone(),
        display_name: account.display_name.clone(),
        description: account.description.clone(),
        status: account.status,
        created_by_actor_id: account.created_by.clone(),
        agent_address: address.clone(),
        address,
        delivery_mode: account.delivery_mode,
        callback_url: account.callback_url.clone(),
        acknowledged_seconds: account.acknowledged_seconds,
        replay_claimed: (!account.replay_claimed).then_some(false),
        created_at: account.created_at.into(),
        updated_at: account.updated_at.into(),
    }
}
