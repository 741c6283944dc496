//! Service accounts, the identities of agents, and their keys (`spec/protocol.md` §2.20).

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::workspace_ref::WorkspaceRef;

pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &LIST, &GET, &UPDATE, &CREATE_KEY, &DELETE, &REVOKE_KEY];

pub static CREATE: Op<CreateServiceAccount, ServiceAccountAnswer> =
    Op::post("service_accounts.create", "/v1/service-accounts")
        .access(Access::Role)
        .secret()
        .about("Register an agent. An existing account of the same address is returned as it is.");
pub static LIST: Op<ListServiceAccounts, ServiceAccountList> = Op::get("service_accounts.list", "/v1/service-accounts")
    .access(Access::Role)
    .about("The service accounts of the workspace, oldest first.");
pub static GET: Op<GetServiceAccount, ServiceAccountAnswer> =
    Op::get("service_accounts.get", "/v1/service-accounts/{service_account_id}")
        .access(Access::Role)
        .about("One service account.");
pub static UPDATE: Op<UpdateServiceAccount, ServiceAccountAnswer> =
    Op::patch("service_accounts.update", "/v1/service-accounts/{service_account_id}")
        .access(Access::Role)
        .secret()
        .about("Change how intents reach an agent: delivery_mode, callback_url, webhook_secret.");
pub static DELETE: Op<GetServiceAccount, ServiceAccountDeleted> =
    Op::delete("service_accounts.delete", "/v1/service-accounts/{service_account_id}").access(Access::Role).about(
        "Delete an account and end its keys. Its address stays its own: who registers it again revives the account.",
    );
pub static CREATE_KEY: Op<CreateKey, KeyAnswer> =
    Op::post("service_accounts.keys.create", "/v1/service-accounts/{service_account_id}/keys")
        .access(Access::Role)
        .secret()
        .about("Make a key. Its token is shown in this answer and never again; older keys stay valid.");
pub static REVOKE_KEY: Op<RevokeKey, RevokedKeyAnswer> =
    Op::post("service_accounts.keys.revoke", "/v1/service-accounts/{service_account_id}/keys/{key_id}/revoke")
        .access(Access::Role)
        .about("End a key. Calls with it are refused within a second, on every node.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateServiceAccount {
    /// A name, any text, or `agent://org/workspace/name`. Kept as sent; the address is derived from it.
    pub name: String,
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub created_by_actor_id: Option<String>,
    /// `stream`, `poll` or `http`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub delivery_mode: Option<String>,
    /// Where intents are posted to with `http`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Signs what is posted, 16 to 128 characters. Made, and shown in the answer, when `http` is chosen without one.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateServiceAccount {
    pub service_account_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub delivery_mode: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListServiceAccounts {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<1_000, 1_000>,
    /// Only accounts after this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetServiceAccount {
    pub service_account_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateKey {
    pub service_account_id: String,
    /// RFC 3339; the key works until then. Without it, until it is revoked.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub created_by_actor_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeKey {
    pub service_account_id: String,
    pub key_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceAccount {
    pub service_account_id: String,
    pub org_id: String,
    pub workspace_id: String,
    /// As the owner wrote it.
    pub name: String,
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub status: String,
    pub created_by_actor_id: String,
    /// Twin of `address`. Null for an account that is no agent.
    pub agent_address: Option<String>,
    pub address: Option<String>,
    pub delivery_mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    pub created_at: String,
    pub updated_at: String,
}

/// The account, with the fields that some clients read at the top level mirrored there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceAccountAnswer {
    pub ok: bool,
    pub service_account: ServiceAccount,
    pub service_account_id: String,
    pub address: Option<String>,
    pub agent_address: Option<String>,
    /// The secret that was made, only in the answer that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<String>,
    /// The newest 100, only where one account is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<KnownKey>>,
}

/// A key without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KnownKey {
    pub key_id: String,
    pub key_hint: String,
    /// `active`, `expired` or `revoked`.
    pub status: String,
    pub created_at: String,
    pub expires_at: Option<String>,
    /// Noted once a minute, so it may be a minute old.
    pub last_used_at: Option<String>,
    pub revoked_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceAccountList {
    pub ok: bool,
    pub service_accounts: Vec<ServiceAccount>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceAccountDeleted {
    pub ok: bool,
    pub service_account_id: String,
    pub address: Option<String>,
    /// `deleted`.
    pub status: String,
    /// Keys that this call ended.
    pub revoked_keys: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Key {
    pub key_id: String,
    pub service_account_id: String,
    /// Enough to recognise the key, too little to use it.
    pub key_hint: String,
    pub status: String,
    pub created_at: String,
    pub expires_at: Option<String>,
    /// The secret, only in the answer that creates it.
    pub token: String,
}

/// The new key; `api_key` mirrors `key.token`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyAnswer {
    pub ok: bool,
    pub key: Key,
    pub api_key: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokedKey {
    pub key_id: String,
    pub service_account_id: String,
    pub status: String,
    pub revoked_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokedKeyAnswer {
    pub ok: bool,
    pub key: RevokedKey,
}
