//! Users and their nicks (`spec/protocol.md` §2.8).

use serde::{Deserialize, Serialize};

use crate::op::{AnyOp, Op};
use crate::{ErrorCode, Id, Timestamp, lenient};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] =
    &[&CHECK_NICK, &RESOLVE_NICK, &REGISTER_NICK, &RENAME_NICK, &PROFILE, &UPDATE_PROFILE];

/// Checks whether a nick is free.
pub static CHECK_NICK: Op<Nick, CheckNickAnswer> =
    Op::get("users.check_nick", "/v1/users/check-nick").about("Check whether a nick is free.");
/// Finds the user of a nick.
pub static RESOLVE_NICK: Op<Nick, ResolveNickAnswer> =
    Op::get("users.resolve_nick", "/v1/users/resolve-nick").about("Find the user of a nick.");
/// Registers a user.
pub static REGISTER_NICK: Op<RegisterNick, RegisterNickAnswer> =
    Op::post("users.register_nick", "/v1/users/register-nick")
        .errors(&[ErrorCode::NickTaken])
        .about("Register a user under a nick that is free.");
/// Gives a user another nick.
pub static RENAME_NICK: Op<ChangeProfile, RenameNickAnswer> = Op::post("users.rename_nick", "/v1/users/rename-nick")
    .errors(&[ErrorCode::NickTaken, ErrorCode::NotFound])
    .about("Give a user another nick. The old one becomes free.");
/// Returns a user.
pub static PROFILE: Op<GetProfile, ProfileAnswer> = Op::get("users.profile.get", "/v1/users/profile")
    .errors(&[ErrorCode::NotFound])
    .about("Get the profile of a user. Only an admin and the key that registered the user see it.");
/// Changes a user.
pub static UPDATE_PROFILE: Op<ChangeProfile, ProfileAnswer> =
    Op::post("users.profile.update", "/v1/users/profile/update")
        .errors(&[ErrorCode::NickTaken, ErrorCode::NotFound])
        .about("Change the profile of a user. Fields that are absent stay unchanged.");

/// A nick.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Nick {
    /// `@` and 3 to 32 letters, digits, `_`, `.` and `-`, in upper or lower case.
    #[cfg_attr(feature = "schema", schemars(length(min = 4, max = 33)))]
    pub nick: String,
}

/// A new user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterNick {
    /// `@` and 3 to 32 letters, digits, `_`, `.` and `-`. Nicks that differ only in case are the same.
    #[cfg_attr(feature = "schema", schemars(length(min = 4, max = 33)))]
    pub nick: String,
    /// The name to show; at most 120 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 120)))]
    pub display_name: Option<String>,
    /// The telephone number: 3 to 32 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 32)))]
    pub phone: Option<String>,
    /// The email address: 3 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub email: Option<String>,
}

/// Which user to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetProfile {
    /// The address of the user, `agent://user/<user_id>`.
    pub owner_agent: String,
}

/// A change of a user. Fields that are absent stay unchanged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeProfile {
    /// The address of the user, `agent://user/<user_id>`.
    pub owner_agent: String,
    /// The new nick: `@` and 3 to 32 letters, digits, `_`, `.` and `-`. Required by `users.rename_nick`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 33)))]
    pub nick: Option<String>,
    /// The name to show; at most 120 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 120)))]
    pub display_name: Option<String>,
    /// The telephone number: 3 to 32 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 32)))]
    pub phone: Option<String>,
    /// The email address: 3 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub email: Option<String>,
}

/// Whether a nick is free.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckNickAnswer {
    /// Always true.
    pub ok: bool,
    /// The nick as the call names it.
    pub nick: String,
    /// The nick in lower case, without `@`.
    pub normalized_nick: String,
    /// The public address of the nick, `<normalized_nick>@ax`.
    pub public_address: String,
    /// True if the nick is free in the workspace.
    pub available: bool,
}

/// The user of a nick. `phone` and `email` are shown to admins and to the key that registered the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveNickAnswer {
    /// Always true.
    pub ok: bool,
    /// True if a user has the nick.
    pub resolved: bool,
    /// The nick as the call names it.
    pub nick: String,
    /// The nick in lower case, without `@`.
    pub normalized_nick: String,
    /// The public address of the nick, `<normalized_nick>@ax`.
    pub public_address: String,
    /// The address of the user, `agent://user/<user_id>`; null without a user.
    pub owner_agent: Option<String>,
    /// The name to show; null without one.
    pub display_name: Option<String>,
    /// The telephone number; null if it is unknown or hidden.
    pub phone: Option<String>,
    /// The email address; null if it is unknown or hidden.
    pub email: Option<String>,
}

/// A user with contact data. Flattened into answers, without a description of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = ""))]
pub struct UserCard {
    /// The id of the user.
    pub user_id: Id,
    /// The address of the user, `agent://user/<user_id>`.
    pub owner_agent: String,
    /// The nick, as it was registered.
    pub nick: String,
    /// The public address of the nick.
    pub public_address: String,
    /// The name to show; null without one.
    pub display_name: Option<String>,
    /// The telephone number; null without one.
    pub phone: Option<String>,
    /// The email address; null without one.
    pub email: Option<String>,
}

/// The new user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterNickAnswer {
    /// Always true.
    pub ok: bool,
    /// The user.
    #[serde(flatten)]
    pub user: UserCard,
    /// When the user was registered.
    pub created_at: Timestamp,
}

/// The user under the new nick.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RenameNickAnswer {
    /// Always true.
    pub ok: bool,
    /// The user.
    #[serde(flatten)]
    pub user: UserCard,
    /// When the nick was changed.
    pub renamed_at: Timestamp,
}

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfileAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the user.
    pub user_id: Id,
    /// The address of the user, `agent://user/<user_id>`.
    pub owner_agent: String,
    /// The nick, as it was registered.
    pub nick: String,
    /// The nick in lower case, without `@`.
    pub normalized_nick: String,
    /// The public address of the nick, `<normalized_nick>@ax`.
    pub public_address: String,
    /// The name to show; null without one.
    pub display_name: Option<String>,
    /// The telephone number; null without one.
    pub phone: Option<String>,
    /// The email address; null without one.
    pub email: Option<String>,
    /// When the user last changed.
    pub updated_at: Timestamp,
}
