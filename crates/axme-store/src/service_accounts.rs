//! SQL for service accounts and their keys. An account with an address is an agent; one without acts in the name of its
//! owner. Only the hash of a key is stored.

use axme_intent::{Address, DeliveryBinding, Time};
pub use axme_types::service_accounts::{AccountRole, AccountStatus, KeyScope};
use serde_json::json;
use uuid::Uuid;

use super::organizations::{OrganizationStatus, WorkspaceStatus};
use super::{Row, Tx};
use crate::error::StoreError;

/// The owner of a key: everything that a call has to know about its caller.
#[derive(Debug, Clone)]
pub struct KeyHolder {
    pub hash: Vec<u8>,
    pub key_id: String,
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
    pub workspace_id: Uuid,
    pub workspace_slug: String,
    pub org_id: Uuid,
    pub org_slug: String,
    pub service_account_id: String,
    pub account_status: AccountStatus,
    pub role: AccountRole,
    pub address: Option<Address>,
    pub created_by: String,
    pub workspace_status: WorkspaceStatus,
    pub org_status: OrganizationStatus,
    pub bounds: KeyBounds,
}

/// The limits of a key beside its role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyBounds {
    pub scope: KeyScope,
    /// The only addresses that the key works with; empty for all.
    pub addresses: Vec<Address>,
}

impl KeyBounds {
    fn read(row: &Row, column: usize) -> Result<KeyBounds, StoreError> {
        let addresses: Vec<String> = match row.opt_text(column + 1)? {
            Some(_) => row.json(column + 1)?,
            None => Vec::new(),
        };
        let addresses = addresses.into_iter().map(Address::from_canonical).collect();
        Ok(KeyBounds { scope: row.word(column, KeyScope::parse)?, addresses })
    }
}

pub fn find_key_holder(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<KeyHolder>, StoreError> {
    let row = tx.row(
        "SELECT k.hash, k.key_id, k.expires_at, k.revoked_at, w.workspace_id, w.slug, o.org_id, o.slug, \
         a.service_account_id, a.status, a.role, a.address, a.created_by, w.status, o.status, \
         k.scope, k.addresses \
         FROM api_keys k \
         JOIN service_accounts a ON a.workspace_id = k.workspace_id AND a.service_account_id = k.service_account_id \
         JOIN workspaces w ON w.workspace_id = k.workspace_id \
         JOIN organizations o ON o.org_id = w.org_id \
         WHERE k.hash = $1",
        &[hash.into()],
    )?;
    row.map(|row| {
        Ok(KeyHolder {
            hash: row.bytes(0)?.to_vec(),
            key_id: row.string(1)?,
            expires_at: row.opt_int(2)?.map(Time::from_micros),
            revoked_at: row.opt_int(3)?.map(Time::from_micros),
            workspace_id: row.uuid(4)?,
            workspace_slug: row.string(5)?,
            org_id: row.uuid(6)?,
            org_slug: row.string(7)?,
            service_account_id: row.string(8)?,
            account_status: row.word(9, AccountStatus::parse)?,
            role: row.word(10, AccountRole::parse)?,
            address: row.opt_string(11)?.map(Address::from_canonical),
            created_by: row.string(12)?,
            workspace_status: row.word(13, WorkspaceStatus::parse)?,
            org_status: row.word(14, OrganizationStatus::parse)?,
            bounds: KeyBounds::read(&row, 15)?,
        })
    })
    .transpose()
}

/// Finds the hash of a key by its id.
pub fn key_hash(tx: &mut Tx<'_>, workspace: Uuid, key_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row = tx
        .row("SELECT hash FROM api_keys WHERE workspace_id = $1 AND key_id = $2", &[workspace.into(), key_id.into()])?;
    row.map(|row| Ok(row.bytes(0)?.to_vec())).transpose()
}

#[derive(Debug, Clone)]
pub struct ServiceAccount {
    pub workspace_id: Uuid,
    pub service_account_id: String,
    pub org_id: Uuid,
    pub name: String,
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub role: AccountRole,
    pub status: AccountStatus,
    pub address: Option<Address>,
    pub delivery_mode: DeliveryBinding,
    pub created_by: String,
    pub created_at: Time,
    pub updated_at: Time,
    /// The URL that its intents are pushed to; set when the delivery mode is `http`.
    pub callback_url: Option<String>,
    pub webhook_secret: Option<String>,
    /// How long an acknowledged intent stays with a nameless reader; `None` for the server's default.
    pub acknowledged_seconds: Option<u32>,
    /// A nameless reader that starts anew is shown what others hold.
    pub replay_claimed: bool,
}

impl ServiceAccount {
    /// Creates an account without an address: its keys act in the name of their owner. By default it is a workspace
    /// admin.
    pub fn of_owner(id: Uuid, org: Uuid, workspace: Uuid, owner: &str, now: Time) -> ServiceAccount {
        ServiceAccount {
            workspace_id: workspace,
            service_account_id: format!("sa_{}", id.simple()),
            org_id: org,
            name: "admin".to_owned(),
            display_name: Some("Workspace admin".to_owned()),
            description: None,
            role: AccountRole::WorkspaceAdmin,
            status: AccountStatus::Active,
            address: None,
            delivery_mode: DeliveryBinding::Poll,
            created_by: owner.to_owned(),
            created_at: now,
            updated_at: now,
            callback_url: None,
            webhook_secret: None,
            acknowledged_seconds: None,
            replay_claimed: true,
        }
    }
}

/// A statement that reads whole rows.
macro_rules! service_account {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, service_account_id, org_id, name, display_name, description, role, status, \
             address, delivery_mode, created_by, created_at, updated_at, callback_url, webhook_secret, \
             acknowledged_seconds, replay_claimed FROM service_accounts ",
            $rest
        )
    };
}

fn service_account(row: &Row) -> Result<ServiceAccount, StoreError> {
    Ok(ServiceAccount {
        workspace_id: row.uuid(0)?,
        service_account_id: row.string(1)?,
        org_id: row.uuid(2)?,
        name: row.string(3)?,
        display_name: row.opt_string(4)?,
        description: row.opt_string(5)?,
        role: row.word(6, AccountRole::parse)?,
        status: row.word(7, AccountStatus::parse)?,
        address: row.opt_string(8)?.map(Address::from_canonical),
        delivery_mode: row.word(9, DeliveryBinding::parse)?,
        created_by: row.string(10)?,
        created_at: row.time(11)?,
        updated_at: row.time(12)?,
        callback_url: row.opt_string(13)?,
        webhook_secret: row.opt_string(14)?,
        acknowledged_seconds: row.opt_int(15)?.and_then(|seconds| u32::try_from(seconds).ok()),
        replay_claimed: row.int(16)? != 0,
    })
}

/// Counts the agents of a workspace.
pub fn count_agents(tx: &mut Tx<'_>, workspace: Uuid) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM service_accounts WHERE workspace_id = $1 AND address IS NOT NULL AND status <> 'deleted'",
        &[workspace.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Adds an account. Returns false if its address is taken.
pub fn insert_service_account(tx: &mut Tx<'_>, a: &ServiceAccount) -> Result<bool, StoreError> {
    let added = tx.run(
        "INSERT INTO service_accounts (workspace_id, service_account_id, org_id, name, display_name, description, role, \
         status, address, delivery_mode, created_by, created_at, updated_at, callback_url, webhook_secret, \
         acknowledged_seconds, replay_claimed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
         $17) ON CONFLICT (workspace_id, address) DO NOTHING",
        &[
            a.workspace_id.into(),
            (&a.service_account_id).into(),
            a.org_id.into(),
            (&a.name).into(),
            a.display_name.as_ref().into(),
            a.description.as_ref().into(),
            a.role.as_str().into(),
            a.status.as_str().into(),
            a.address.as_ref().into(),
            a.delivery_mode.as_str().into(),
            (&a.created_by).into(),
            a.created_at.into(),
            a.updated_at.into(),
            a.callback_url.as_ref().into(),
            a.webhook_secret.as_ref().into(),
            a.acknowledged_seconds.into(),
            a.replay_claimed.into(),
        ],
    )?;
    Ok(added > 0)
}

pub fn find_service_account(tx: &mut Tx<'_>, workspace: Uuid, id: &str) -> Result<Option<ServiceAccount>, StoreError> {
    let row = tx
        .row(service_account!("WHERE workspace_id = $1 AND service_account_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(service_account).transpose()
}

pub fn find_agent(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<Option<ServiceAccount>, StoreError> {
    let row =
        tx.row(service_account!("WHERE workspace_id = $1 AND address = $2"), &[workspace.into(), address.into()])?;
    row.as_ref().map(service_account).transpose()
}

/// Finds an account by id, in any workspace.
pub fn find_anywhere(tx: &mut Tx<'_>, id: &str) -> Result<Option<ServiceAccount>, StoreError> {
    let row = tx.row(service_account!("WHERE service_account_id = $1 ORDER BY workspace_id LIMIT 1"), &[id.into()])?;
    row.as_ref().map(service_account).transpose()
}

/// Marks an account as deleted and revokes its keys. Returns how many were not revoked yet.
pub fn delete(tx: &mut Tx<'_>, workspace: Uuid, id: &str, now: Time) -> Result<u64, StoreError> {
    tx.push(
        "UPDATE service_accounts SET status = 'deleted', delivery_mode = 'stream', callback_url = NULL, webhook_secret = NULL, \
         updated_at = $1 WHERE workspace_id = $2 AND service_account_id = $3",
        &[now.into(), workspace.into(), id.into()],
    )?;
    tx.run(
        "UPDATE api_keys SET revoked_at = $1 WHERE workspace_id = $2 AND service_account_id = $3 AND revoked_at IS NULL",
        &[now.into(), workspace.into(), id.into()],
    )
}

/// Restores a deleted account with new settings. Returns false if it was not deleted.
pub fn revive(tx: &mut Tx<'_>, a: &ServiceAccount) -> Result<bool, StoreError> {
    let changed = tx.run(
        "UPDATE service_accounts SET status = 'active', name = $1, display_name = $2, description = $3, delivery_mode = $4, \
         created_by = $5, updated_at = $6, callback_url = $7, webhook_secret = $8, acknowledged_seconds = $9, \
         replay_claimed = $10 WHERE workspace_id = $11 AND address = $12 AND status = 'deleted'",
        &[
            (&a.name).into(),
            a.display_name.as_ref().into(),
            a.description.as_ref().into(),
            a.delivery_mode.as_str().into(),
            (&a.created_by).into(),
            a.updated_at.into(),
            a.callback_url.as_ref().into(),
            a.webhook_secret.as_ref().into(),
            a.acknowledged_seconds.into(),
            a.replay_claimed.into(),
            a.workspace_id.into(),
            a.address.as_ref().into(),
        ],
    )?;
    Ok(changed > 0)
}

/// Lists a page of accounts by id. Ids sort by creation time.
pub fn list_service_accounts(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    after: &str,
    limit: i64,
) -> Result<Vec<ServiceAccount>, StoreError> {
    let rows = tx.rows(
        service_account!("WHERE workspace_id = $1 AND service_account_id > $2 AND status <> 'deleted' ORDER BY service_account_id LIMIT $3"),
        &[workspace.into(), after.into(), limit.into()],
    )?;
    rows.iter().map(service_account).collect()
}

/// Lists a page of agents by address.
pub fn list_agents(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    after: &str,
    limit: i64,
) -> Result<Vec<ServiceAccount>, StoreError> {
    let rows = tx.rows(
        service_account!("WHERE workspace_id = $1 AND address > $2 AND status <> 'deleted' ORDER BY address LIMIT $3"),
        &[workspace.into(), after.into(), limit.into()],
    )?;
    rows.iter().map(service_account).collect()
}

/// Returns the last sign of life of an agent: a heartbeat, a named reader of its queue, or a use of a key.
pub fn last_seen(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    service_account_id: &str,
    address: &Address,
) -> Result<Option<Time>, StoreError> {
    let rows = tx.rows(
        "SELECT MAX(seen_at) FROM consumers WHERE workspace_id = $1 AND address = $2 \
         UNION ALL SELECT MAX(beat_at) FROM mesh_agents WHERE workspace_id = $1 AND address = $2 \
         UNION ALL SELECT MAX(last_used_at) FROM api_keys WHERE workspace_id = $1 AND service_account_id = $3",
        &[workspace.into(), address.into(), service_account_id.into()],
    )?;
    let times: Result<Vec<Option<Time>>, StoreError> = rows.iter().map(|row| row.opt_time(0)).collect();
    Ok(times?.into_iter().flatten().max())
}

/// Lists the addresses of the registered agents of a workspace.
pub fn list_addresses(tx: &mut Tx<'_>, workspace: Uuid, limit: i64) -> Result<Vec<String>, StoreError> {
    let rows = tx.rows(
        "SELECT address FROM service_accounts WHERE workspace_id = $1 AND address IS NOT NULL AND status <> 'deleted' \
         ORDER BY address LIMIT $2",
        &[workspace.into(), limit.into()],
    )?;
    rows.iter().map(|row| row.string(0)).collect()
}

/// Returns true if an agent is registered at an address of a workspace.
pub fn is_registered(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<bool, StoreError> {
    let row = tx.row(
        "SELECT 1 FROM service_accounts WHERE workspace_id = $1 AND address = $2 AND status <> 'deleted'",
        &[workspace.into(), address.into()],
    )?;
    Ok(row.is_some())
}

pub struct NewKey<'a> {
    pub workspace: Uuid,
    pub key_id: &'a str,
    pub service_account_id: &'a str,
    pub hash: &'a [u8],
    pub hint: &'a str,
    /// The caller who made the key.
    pub created_by: &'a str,
    pub created_at: Time,
    pub expires_at: Option<Time>,
}

pub fn insert_key(tx: &mut Tx<'_>, key: &NewKey<'_>) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO api_keys (workspace_id, key_id, service_account_id, hash, hint, created_by, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            key.workspace.into(),
            key.key_id.into(),
            key.service_account_id.into(),
            key.hash.into(),
            key.hint.into(),
            key.created_by.into(),
            key.created_at.into(),
            key.expires_at.into(),
        ],
    )
}

/// Limits a new key.
pub fn bound_key(tx: &mut Tx<'_>, workspace: Uuid, key_id: &str, bounds: &KeyBounds) -> Result<(), StoreError> {
    let addresses: Vec<&str> = bounds.addresses.iter().map(Address::as_str).collect();
    let addresses = (!addresses.is_empty()).then(|| json!(addresses).to_string());
    tx.push(
        "UPDATE api_keys SET scope = $1, addresses = $2 WHERE workspace_id = $3 AND key_id = $4",
        &[bounds.scope.as_str().into(), addresses.into(), workspace.into(), key_id.into()],
    )
}

/// A key as lists show it.
pub struct KnownKey {
    pub key_id: String,
    pub hint: String,
    /// The maker; `None` for a key from before this was recorded.
    pub created_by: Option<String>,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
    pub last_used_at: Option<Time>,
    pub bounds: KeyBounds,
}

/// Lists the newest keys of an account.
pub fn list_keys(tx: &mut Tx<'_>, workspace: Uuid, account: &str, limit: i64) -> Result<Vec<KnownKey>, StoreError> {
    let rows = tx.rows(
        "SELECT key_id, hint, created_by, created_at, expires_at, revoked_at, last_used_at, scope, addresses FROM api_keys \
         WHERE workspace_id = $1 AND service_account_id = $2 ORDER BY key_id DESC LIMIT $3",
        &[workspace.into(), account.into(), limit.into()],
    )?;
    rows.iter().map(known_key).collect()
}

fn known_key(row: &Row) -> Result<KnownKey, StoreError> {
    Ok(KnownKey {
        key_id: row.string(0)?,
        hint: row.string(1)?,
        created_by: row.opt_string(2)?,
        created_at: row.time(3)?,
        expires_at: row.opt_time(4)?,
        revoked_at: row.opt_time(5)?,
        last_used_at: row.opt_time(6)?,
        bounds: KeyBounds::read(row, 7)?,
    })
}

/// A key that a member made, with its account.
pub struct MadeKey {
    pub key: KnownKey,
    pub workspace_id: Uuid,
    pub service_account_id: String,
}

/// Lists the valid keys that a member made in an organization, or in one of its workspaces, newest first. Leaves out the
/// keys of sign-ins, which depend on the member's role.
pub fn list_keys_made_by(
    tx: &mut Tx<'_>,
    maker: &str,
    (org, workspace): (Uuid, Option<Uuid>),
    limit: i64,
) -> Result<Vec<MadeKey>, StoreError> {
    let now = tx.now;
    let (first, last) = workspace.map_or((Uuid::nil(), Uuid::max()), |workspace| (workspace, workspace));
    let rows = tx.rows(
        "SELECT k.key_id, k.hint, k.created_by, k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.scope, \
         k.addresses, k.workspace_id, k.service_account_id FROM api_keys k \
         JOIN service_accounts a ON a.workspace_id = k.workspace_id AND a.service_account_id = k.service_account_id \
         WHERE k.created_by = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2) \
         AND a.org_id = $3 AND a.role <> 'login' AND k.workspace_id BETWEEN $4 AND $5 ORDER BY k.key_id DESC LIMIT $6",
        &[maker.into(), now.into(), org.into(), first.into(), last.into(), limit.into()],
    )?;
    let made = |row: &Row| {
        Ok(MadeKey { key: known_key(row)?, workspace_id: row.uuid(9)?, service_account_id: row.string(10)? })
    };
    rows.iter().map(made).collect()
}

/// Revokes the keys of a person's sign-ins in all workspaces. Returns how many were not revoked yet.
pub fn revoke_login_keys(tx: &mut Tx<'_>, email: &str, now: Time) -> Result<u64, StoreError> {
    tx.run(
        "UPDATE api_keys SET revoked_at = $1 WHERE revoked_at IS NULL AND (workspace_id, service_account_id) IN \
         (SELECT workspace_id, service_account_id FROM service_accounts WHERE created_by = $2 AND role = 'login')",
        &[now.into(), email.into()],
    )
}

/// Records the use of a key, unless a later use is recorded.
pub fn set_last_used(tx: &mut Tx<'_>, workspace: Uuid, key: &str, at: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE api_keys SET last_used_at = $1 \
         WHERE workspace_id = $2 AND key_id = $3 AND (last_used_at IS NULL OR last_used_at < $1)",
        &[at.into(), workspace.into(), key.into()],
    )
}

/// Revokes a key, unless it is revoked already. Returns the time of revocation, or `None` if there is no such key.
pub fn revoke_key(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    account: &str,
    key: &str,
    now: Time,
) -> Result<Option<Time>, StoreError> {
    let row = tx.row(
        "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $1) \
         WHERE workspace_id = $2 AND service_account_id = $3 AND key_id = $4 RETURNING revoked_at",
        &[now.into(), workspace.into(), account.into(), key.into()],
    )?;
    row.map(|row| row.time(0)).transpose()
}

/// Changes the descriptive texts and the delivery settings of an account.
pub fn update(tx: &mut Tx<'_>, a: &ServiceAccount) -> Result<(), StoreError> {
    tx.push(
        "UPDATE service_accounts SET display_name = $1, description = $2, delivery_mode = $3, callback_url = $4, \
         webhook_secret = $5, acknowledged_seconds = $6, replay_claimed = $7, updated_at = $8 \
         WHERE workspace_id = $9 AND service_account_id = $10",
        &[
            a.display_name.as_ref().into(),
            a.description.as_ref().into(),
            a.delivery_mode.as_str().into(),
            a.callback_url.as_ref().into(),
            a.webhook_secret.as_ref().into(),
            a.acknowledged_seconds.into(),
            a.replay_claimed.into(),
            a.updated_at.into(),
            a.workspace_id.into(),
            (&a.service_account_id).into(),
        ],
    )
}

/// Lists a page of the accounts with a callback URL, in all workspaces, after one of them.
pub fn list_pushed(tx: &mut Tx<'_>, after: (Uuid, &str), limit: i64) -> Result<Vec<ServiceAccount>, StoreError> {
    let rows = tx.rows(
        service_account!(
            "WHERE callback_url IS NOT NULL AND (workspace_id, service_account_id) > ($1, $2) \
         ORDER BY workspace_id, service_account_id LIMIT $3"
        ),
        &[after.0.into(), after.1.into(), limit.into()],
    )?;
    rows.iter().map(service_account).collect()
}

/// Finds the account that holds the keys of a person's sign-ins in a workspace.
pub fn find_login_account(tx: &mut Tx<'_>, workspace: Uuid, email: &str) -> Result<Option<String>, StoreError> {
    let row = tx.row(
        "SELECT service_account_id FROM service_accounts \
         WHERE workspace_id = $1 AND created_by = $2 AND role = 'login' AND status = 'active' LIMIT 1",
        &[workspace.into(), email.into()],
    )?;
    row.map(|row| row.string(0)).transpose()
}
