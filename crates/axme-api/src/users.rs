//! Users and their nicks (`spec/protocol.md` §2.8).

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{AnyOp, Op};

pub const OPERATIONS: &[&dyn AnyOp] =
    &[&CHECK_NICK, &RESOLVE_NICK, &REGISTER_NICK, &RENAME_NICK, &PROFILE, &UPDATE_PROFILE];

pub static CHECK_NICK: Op<Nick, NickChecked> =
    Op::get("users.check_nick", "/v1/users/check-nick").about("Whether a nick is free.");
pub static RESOLVE_NICK: Op<Nick, NickResolved> =
    Op::get("users.resolve_nick", "/v1/users/resolve-nick").about("Whose a nick is.");
pub static REGISTER_NICK: Op<RegisterNick, NickRegistered> =
    Op::post("users.register_nick", "/v1/users/register-nick").about("Make a user with a nick that is free.");
pub static RENAME_NICK: Op<ChangeProfile, NickRenamed> =
    Op::post("users.rename_nick", "/v1/users/rename-nick").about("Give a user another nick; the old one is free then.");
pub static PROFILE: Op<GetProfile, Profile> =
    Op::get("users.profile.get", "/v1/users/profile").about("What is known of a user.");
pub static UPDATE_PROFILE: Op<ChangeProfile, Profile> =
    Op::post("users.profile.update", "/v1/users/profile/update").about("Change what is given of a user.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Nick {
    /// `@` and 3 to 32 letters, digits, `_`, `.` and `-`; case does not count.
    pub nick: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterNick {
    /// `@` and 3 to 32 letters, digits, `_`, `.` and `-`; case does not count.
    pub nick: String,
    /// At most 120 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// 3 to 32 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// 3 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetProfile {
    /// `agent://user/<user_id>`.
    pub owner_agent: String,
}

/// What is missing stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeProfile {
    /// `agent://user/<user_id>`.
    pub owner_agent: String,
    /// Needed for a new nick, optional elsewhere.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub nick: Option<String>,
    /// At most 120 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// 3 to 32 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// 3 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NickChecked {
    pub ok: bool,
    pub nick: String,
    pub normalized_nick: String,
    pub public_address: String,
    pub available: bool,
}

/// `phone` and `email` are shown to admins and to whoever registered the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NickResolved {
    pub ok: bool,
    pub resolved: bool,
    pub nick: String,
    pub normalized_nick: String,
    pub public_address: String,
    pub owner_agent: Option<String>,
    pub display_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// A user and their contact data. Flattened into answers, without a description of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = ""))]
pub struct UserCard {
    pub user_id: String,
    pub owner_agent: String,
    pub nick: String,
    pub public_address: String,
    pub display_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NickRegistered {
    pub ok: bool,
    #[serde(flatten)]
    pub user: UserCard,
    pub created_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NickRenamed {
    pub ok: bool,
    #[serde(flatten)]
    pub user: UserCard,
    pub renamed_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Profile {
    pub ok: bool,
    pub user_id: String,
    pub owner_agent: String,
    pub nick: String,
    pub normalized_nick: String,
    pub public_address: String,
    pub display_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub updated_at: String,
}
