//! Service accounts, the identities of agents, and their keys (`spec/protocol.md` §2.20).

pub use axme_types::DeliveryBinding;
use axme_types::limits::MAX_ACKNOWLEDGED_SECONDS;
pub use axme_types::service_accounts::{AccountStatus, KeyScope};
use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::workspace_ref::WorkspaceRef;
use crate::{ErrorCode, Id, Number, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &LIST, &GET, &UPDATE, &CREATE_KEY, &DELETE, &REVOKE_KEY];

/// Registers an agent.
pub static CREATE: Op<CreateServiceAccount, ServiceAccountAnswer> =
    Op::post("service_accounts.create", "/v1/service-accounts")
        .access(Access::Role)
        .secret()
        .errors(&[ErrorCode::InvalidAgentAddress, ErrorCode::NotFound, ErrorCode::QuotaExceeded])
        .about("Register an agent. An existing account with the same address gets the fields that are given.");
/// Lists the service accounts of a workspace.
pub static LIST: Op<ListServiceAccounts, ServiceAccountList> = Op::get("service_accounts.list", "/v1/service-accounts")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("List the service accounts of a workspace, oldest first, without deleted ones.");
/// Gets one service account with its keys.
pub static GET: Op<GetServiceAccount, ServiceAccountAnswer> =
    Op::get("service_accounts.get", "/v1/service-accounts/{service_account_id}")
        .access(Access::Role)
        .about("Get one service account with its newest 100 keys.");
/// Changes how intents reach an agent.
pub static UPDATE: Op<UpdateServiceAccount, ServiceAccountAnswer> =
    Op::patch("service_accounts.update", "/v1/service-accounts/{service_account_id}")
        .access(Access::Role)
        .secret()
        .errors(&[ErrorCode::ServiceAccountDeleted])
        .about("Change how intents reach an agent: its delivery mode, its callback, and how its readers share work.");
/// Deletes a service account and revokes its keys.
pub static DELETE: Op<GetServiceAccount, DeleteServiceAccountAnswer> = Op::delete(
    "service_accounts.delete",
    "/v1/service-accounts/{service_account_id}",
)
.access(Access::Role)
.errors(&[ErrorCode::OwnServiceAccount])
.about(
    "Delete a service account and revoke its keys. Registering its address again restores the account. The account \
             of a person with a wider role is refused.",
);
/// Creates a key.
pub static CREATE_KEY: Op<CreateKey, CreateKeyAnswer> = Op::post(
    "service_accounts.keys.create",
    "/v1/service-accounts/{service_account_id}/keys",
)
.access(Access::Role)
.secret()
.errors(&[ErrorCode::InvalidAgentAddress, ErrorCode::ServiceAccountDeleted])
.about(
    "Create a key, which may be limited to a scope and to some addresses. Its token is shown in this answer and never \
             again; older keys stay valid. Keys of sign-ins are made by signing in only.",
);
/// Revokes a key.
pub static REVOKE_KEY: Op<RevokeKey, RevokeKeyAnswer> =
    Op::post("service_accounts.keys.revoke", "/v1/service-accounts/{service_account_id}/keys/{key_id}/revoke")
        .access(Access::Role)
        .about(
            "Revoke a key. Every node refuses calls with it within a second. The key of a person with a wider role is \
             refused.",
        );

/// How long an agent may keep an acknowledged intent from its other readers, in seconds.
pub type AcknowledgedSeconds = Number<1, MAX_ACKNOWLEDGED_SECONDS>;

/// A new agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateServiceAccount {
    /// A name, any text, or `agent://org/workspace/name`: 2 to 383 characters. Kept as sent; the address is derived from
    /// it. Text whose address would lose letters or digits is refused.
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 383)))]
    pub name: String,
    /// The workspace of the agent.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// The name to show to people: at most 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub display_name: Option<String>,
    /// The purpose of the agent: at most 2,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2000)))]
    pub description: Option<String>,
    /// Accepted and ignored: the account records the caller that was authenticated.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub created_by_actor_id: Option<String>,
    /// How intents reach the agent; `stream` by default. For an existing account, any mode but `http` removes the
    /// callback URL and its secret.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub delivery_mode: Option<DeliveryBinding>,
    /// The URL that intents are posted to: 8 to 2,048 characters. A new account requires it with the delivery mode
    /// `http`; other modes do not allow it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 8, max = 2048)))]
    pub callback_url: Option<String>,
    /// The secret that signs the posts: 16 to 128 characters. With the delivery mode `http`, the server makes one when it
    /// is missing.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 16, max = 128)))]
    pub webhook_secret: Option<String>,
    /// How long an acknowledged intent is not offered to other readers, unless a consumer holds it: up to a week. By default
    /// an hour, or what the server's `limits.acknowledged_seconds` says.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub acknowledged_seconds: Option<AcknowledgedSeconds>,
    /// Whether a reader without a consumer name that starts with `since=0` is shown what other such readers hold; true by
    /// default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub replay_claimed: Option<bool>,
}

/// A change of how intents reach an agent. Fields that are missing stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateServiceAccount {
    /// The id of the service account: `sa_…`.
    pub service_account_id: String,
    /// How intents reach the agent. Any mode but `http` removes the callback URL and its secret.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub delivery_mode: Option<DeliveryBinding>,
    /// The URL that intents are posted to: 8 to 2,048 characters. Allowed only with the delivery mode `http`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 8, max = 2048)))]
    pub callback_url: Option<String>,
    /// The secret that signs the posts: 16 to 128 characters. The server makes one when the account has none.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 16, max = 128)))]
    pub webhook_secret: Option<String>,
    /// How long an acknowledged intent is not offered to other readers, unless a consumer holds it: up to a week. By default
    /// an hour, or what the server's `limits.acknowledged_seconds` says.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub acknowledged_seconds: Option<AcknowledgedSeconds>,
    /// Whether a reader without a consumer name that starts with `since=0` is shown what other such readers hold; true by
    /// default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub replay_claimed: Option<bool>,
}

/// Which service accounts to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListServiceAccounts {
    /// The workspace of the accounts.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<1_000, 1_000>,
    /// Only accounts after this id: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Which service account to get or delete.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetServiceAccount {
    /// The id of the service account: `sa_…`.
    pub service_account_id: String,
}

/// A new key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateKey {
    /// The id of the service account: `sa_…`.
    pub service_account_id: String,
    /// The key stops working at this time. By default it works until it is revoked.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The calls that the key is valid for; `full` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub scope: Option<KeyScope>,
    /// The only addresses that the key works with: 1 to 50. By default it works with all that its account works with.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 50)))]
    pub addresses: Option<Vec<String>>,
    /// Accepted and ignored: the audit trail records the caller that was authenticated.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub created_by_actor_id: Option<String>,
}

/// Which key to revoke.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeKey {
    /// The id of the service account: `sa_…`.
    pub service_account_id: String,
    /// The id of the key: `sak_…`.
    pub key_id: String,
}

/// A service account: the identity of an agent, or of a person's keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceAccount {
    /// The id of the service account: `sa_…`.
    pub service_account_id: String,
    /// The id of its organization.
    pub org_id: Id,
    /// The id of its workspace.
    pub workspace_id: Id,
    /// The name as its owner sent it.
    pub name: String,
    /// The name to show to people.
    pub display_name: Option<String>,
    /// The purpose of the agent.
    pub description: Option<String>,
    /// The status of the account.
    pub status: AccountStatus,
    /// The caller who registered the account.
    pub created_by_actor_id: String,
    /// The same as `address`.
    pub agent_address: Option<String>,
    /// The address of the agent; null for an account that does not belong to an agent.
    pub address: Option<String>,
    /// How intents reach the agent.
    pub delivery_mode: DeliveryBinding,
    /// The URL that intents are posted to, with the delivery mode `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// How long an acknowledged intent is not offered to other readers; absent for the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_seconds: Option<u32>,
    /// False if a reader without a consumer name that starts anew is not shown what other such readers hold; otherwise
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_claimed: Option<bool>,
    /// When the account was registered.
    pub created_at: Timestamp,
    /// When the account last changed.
    pub updated_at: Timestamp,
}

/// The account, with copies of some fields for clients that read them at the top level.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceAccountAnswer {
    /// Always true.
    pub ok: bool,
    /// The service account.
    pub service_account: ServiceAccount,
    /// The same as `service_account.service_account_id`.
    pub service_account_id: String,
    /// The same as `service_account.address`.
    pub address: Option<String>,
    /// The same as `service_account.address`.
    pub agent_address: Option<String>,
    /// The secret that the server made, only in the answer to the call that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<String>,
    /// The secret in the form of the Standard Webhooks libraries, `whsec_…`. Only in the answer to a call that gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_webhooks_secret: Option<String>,
    /// Whether the call registered the account, or restored a deleted one; only in the answer to a registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<bool>,
    /// The fields of an existing account that the call changed; only in the answer to a registration or a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<AccountField>>,
    /// How the address differs from the name; absent if there is nothing to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The newest 100 keys, newest first; only in the answer to a request for one account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<KeyView>>,
}

text_enum! {
    /// A field of a service account that a call changed.
    pub enum AccountField {
        /// The name to show to people.
        DisplayName = "display_name",
        /// The purpose of the agent.
        Description = "description",
        /// How intents reach the agent.
        DeliveryMode = "delivery_mode",
        /// The URL that intents are posted to.
        CallbackUrl = "callback_url",
        /// The secret that signs the posts.
        WebhookSecret = "webhook_secret",
        /// How long an acknowledged intent is not offered to other readers.
        AcknowledgedSeconds = "acknowledged_seconds",
        /// Whether a reader that starts anew is shown what others hold.
        ReplayClaimed = "replay_claimed",
    }
}

text_enum! {
    /// The status of a key.
    pub enum KeyStatus {
        /// Calls with the key are accepted.
        Active = "active",
        /// Its time has run out.
        Expired = "expired",
        /// It was revoked, or its account was deleted.
        Revoked = "revoked",
    }
}

/// A key without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyView {
    /// The id of the key: `sak_…`.
    pub key_id: String,
    /// A part of the key that identifies it to people, and that does not open anything.
    pub key_hint: String,
    /// The status of the key.
    pub status: KeyStatus,
    /// The caller who made the key; null if that was not recorded. The key may outlive the maker's membership.
    pub created_by_actor_id: Option<String>,
    /// When the key was created.
    pub created_at: Timestamp,
    /// The key stops working at this time; null for a key that does not expire.
    pub expires_at: Option<Timestamp>,
    /// When the key was last used, to the minute; null before its first use.
    pub last_used_at: Option<Timestamp>,
    /// When the key was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The calls that the key is valid for; absent for all that its account may make.
    #[serde(default, skip_serializing_if = "is_full")]
    pub scope: KeyScope,
    /// The only addresses that the key works with; absent for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

fn is_full(scope: &KeyScope) -> bool {
    *scope == KeyScope::Full
}

/// A page of service accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceAccountList {
    /// Always true.
    pub ok: bool,
    /// The service accounts, oldest first.
    pub service_accounts: Vec<ServiceAccount>,
}

/// The deleted account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteServiceAccountAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the service account: `sa_…`.
    pub service_account_id: String,
    /// The address of the agent, which the account keeps.
    pub address: Option<String>,
    /// Always `deleted`.
    pub status: AccountStatus,
    /// How many keys this call revoked.
    pub revoked_keys: u64,
}

/// A new key with its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Key {
    /// The id of the key: `sak_…`.
    pub key_id: String,
    /// The id of the service account: `sa_…`.
    pub service_account_id: String,
    /// A part of the key that identifies it to people, and that does not open anything.
    pub key_hint: String,
    /// Always `active`.
    pub status: KeyStatus,
    /// When the key was created.
    pub created_at: Timestamp,
    /// The key stops working at this time; null for a key that does not expire.
    pub expires_at: Option<Timestamp>,
    /// The calls that the key is valid for; absent for all that its account may make.
    #[serde(default, skip_serializing_if = "is_full")]
    pub scope: KeyScope,
    /// The only addresses that the key works with; absent for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// The secret, which is shown only in this answer.
    pub token: String,
}

/// The new key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateKeyAnswer {
    /// Always true.
    pub ok: bool,
    /// The key with its secret.
    pub key: Key,
    /// The same as `key.token`.
    pub api_key: String,
}

/// The end of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyRevocation {
    /// The id of the key: `sak_…`.
    pub key_id: String,
    /// The id of the service account: `sa_…`.
    pub service_account_id: String,
    /// Always `revoked`.
    pub status: KeyStatus,
    /// When the key was first revoked.
    pub revoked_at: Timestamp,
}

/// The revoked key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeKeyAnswer {
    /// Always true.
    pub ok: bool,
    /// The end of the key.
    pub key: KeyRevocation,
}
