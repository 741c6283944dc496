//! Invites: a token with which a person becomes a user (`spec/protocol.md` §2.9).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::op::{AnyOp, Op};
use crate::{ErrorCode, Id, Number, Timestamp, lenient};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &GET, &ACCEPT];

/// Creates an invite.
pub static CREATE: Op<CreateInvite, CreateInviteAnswer> = Op::post("invites.create", "/v1/invites/create")
    .secret()
    .errors(&[ErrorCode::InvalidAgentAddress])
    .about("Create an invite. Its token is shown once.");
/// Returns an invite.
pub static GET: Op<GetInvite, InviteAnswer> =
    Op::get("invites.get", "/v1/invites/{token}").about("Get the state of an invite.");
/// Accepts an invite.
pub static ACCEPT: Op<AcceptInvite, AcceptInviteAnswer> = Op::post("invites.accept", "/v1/invites/{token}/accept")
    .secret()
    .errors(&[ErrorCode::InviteAlreadyAccepted, ErrorCode::InviteExpired, ErrorCode::NickTaken])
    .about("Register a user with an invite. A repeat with the same nick returns the same user.");

/// A new invite.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateInvite {
    /// The address that invites, with 3 to 255 characters in its full form. Without an admin key, the address of the key.
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub owner_agent: String,
    /// A note about the invited person; at most 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub recipient_hint: Option<String>,
    /// Seconds until the invite expires; a week by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<Number<60, 1_209_600>>,
}

/// Which invite to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetInvite {
    /// The token of the invite.
    pub token: String,
}

/// The user that an invite registers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AcceptInvite {
    /// The token of the invite.
    pub token: String,
    /// The nick: `@` and 3 to 32 letters, digits, `_`, `.` and `-`. Nicks that differ only in case are the same.
    #[cfg_attr(feature = "schema", schemars(length(min = 4, max = 33)))]
    pub nick: String,
    /// The name to show; at most 120 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 120)))]
    pub display_name: Option<String>,
}

text_enum! {
    /// The state of an invite.
    pub enum InviteStatus {
        /// It can be accepted.
        Pending = "pending",
        /// A user was registered with it.
        Accepted = "accepted",
        /// Its time has run out.
        Expired = "expired",
    }
}

/// The new invite.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateInviteAnswer {
    /// Always true.
    pub ok: bool,
    /// The token of the invite. Shown once.
    pub token: String,
    /// The URL of the invite, with its token.
    pub invite_url: String,
    /// The address that invites.
    pub owner_agent: String,
    /// The note about the invited person; null without one.
    pub recipient_hint: Option<String>,
    /// Always `pending`.
    pub status: InviteStatus,
    /// When the invite was created.
    pub created_at: Timestamp,
    /// When the invite expires.
    pub expires_at: Timestamp,
}

/// An invite.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteAnswer {
    /// Always true.
    pub ok: bool,
    /// The token, as the call names it.
    pub token: String,
    /// The address that invites.
    pub owner_agent: String,
    /// The note about the invited person; null without one.
    pub recipient_hint: Option<String>,
    /// The state of the invite.
    pub status: InviteStatus,
    /// When the invite was created.
    pub created_at: Timestamp,
    /// When the invite expires.
    pub expires_at: Timestamp,
    /// When the invite was accepted; null until then.
    pub accepted_at: Option<Timestamp>,
    /// The address of the user that accepted it; null until then.
    pub accepted_owner_agent: Option<String>,
    /// The nick of this user; null until then.
    pub nick: Option<String>,
    /// The public address of this nick; null until then.
    pub public_address: Option<String>,
}

text_enum! {
    /// Whether the user was entered into a second registry.
    pub enum RegistryBindStatus {
        /// This server has a single registry, its own.
        Disabled = "disabled",
        /// As above, and the invite has no `recipient_hint`.
        SkippedNoHint = "skipped_no_hint",
    }
}

/// The user that the invite registered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AcceptInviteAnswer {
    /// Always true.
    pub ok: bool,
    /// The token, as the call names it.
    pub token: String,
    /// Always `accepted`.
    pub status: InviteStatus,
    /// The address that invited.
    pub invite_owner_agent: String,
    /// The id of the user.
    pub user_id: Id,
    /// The address of the user, `agent://user/<user_id>`.
    pub owner_agent: String,
    /// The nick of the user.
    pub nick: String,
    /// The public address of the nick.
    pub public_address: String,
    /// The name to show; null without one.
    pub display_name: Option<String>,
    /// When the invite was accepted.
    pub accepted_at: Timestamp,
    /// Whether the user was entered into a second registry.
    pub registry_bind_status: RegistryBindStatus,
}
