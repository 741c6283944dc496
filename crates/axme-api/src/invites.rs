//! Invites: a token with which somebody becomes a user (`spec/protocol.md` §2.9).

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{AnyOp, Op};

pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &GET, &ACCEPT];

pub static CREATE: Op<CreateInvite, InviteCreated> =
    Op::post("invites.create", "/v1/invites/create").secret().about("Make an invite; its token is shown once.");
pub static GET: Op<GetInvite, Invite> =
    Op::get("invites.get", "/v1/invites/{token}").about("What became of an invite.");
pub static ACCEPT: Op<AcceptInvite, InviteAccepted> = Op::post("invites.accept", "/v1/invites/{token}/accept")
    .secret()
    .about("Become a user by an invite; the same nick again is answered alike.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateInvite {
    /// Who invites.
    pub owner_agent: String,
    /// Whom; at most 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub recipient_hint: Option<String>,
    /// 60 to 1,209,600; a week unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetInvite {
    pub token: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AcceptInvite {
    pub token: String,
    /// `@` and 3 to 32 letters, digits, `_`, `.` and `-`; case does not count.
    pub nick: String,
    /// At most 120 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteCreated {
    pub ok: bool,
    pub token: String,
    pub invite_url: String,
    pub owner_agent: String,
    pub recipient_hint: Option<String>,
    /// `pending`.
    pub status: String,
    pub created_at: String,
    pub expires_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Invite {
    pub ok: bool,
    pub token: String,
    pub owner_agent: String,
    pub recipient_hint: Option<String>,
    /// `pending`, `accepted` or `expired`.
    pub status: String,
    pub created_at: String,
    pub expires_at: String,
    pub accepted_at: Option<String>,
    pub accepted_owner_agent: Option<String>,
    pub nick: Option<String>,
    pub public_address: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteAccepted {
    pub ok: bool,
    pub token: String,
    /// `accepted`.
    pub status: String,
    pub invite_owner_agent: String,
    pub user_id: String,
    pub owner_agent: String,
    pub nick: String,
    pub public_address: String,
    pub display_name: Option<String>,
    pub accepted_at: String,
    /// `skipped_no_hint`, or `disabled`: this server has no registry beside its own.
    pub registry_bind_status: String,
}
