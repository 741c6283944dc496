//! The identity of the caller (`spec/protocol.md` §2.12, `GET /v1/me`), a person's settings for pages and mail, and their
//! absence.

use axme_types::{Language, text_enum};
use serde::{Deserialize, Serialize};

use crate::capabilities::EmptyInput;
use crate::op::{Access, AnyOp, Op};
use crate::service_accounts::ServiceAccount;
use crate::{ErrorCode, Id, Timestamp, lenient};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&GET, &SETTINGS, &CHANGE_SETTINGS, &ABSENCE, &SET_ABSENCE, &END_ABSENCE];

/// Returns the identity of the caller.
pub static GET: Op<EmptyInput, IdentityAnswer> =
    Op::get("me.get", "/v1/me").about("Get the identity of the credential that the call presents.");

/// Returns the settings of the person.
pub static SETTINGS: Op<EmptyInput, PersonSettingsAnswer> = Op::get("me.settings.get", "/v1/me/settings")
    .access(Access::Person)
    .about("Get the person's settings: the language of pages and mail, and when mail comes.");
/// Replaces the settings of the person.
pub static CHANGE_SETTINGS: Op<PersonSettings, PersonSettingsAnswer> = Op::put("me.settings.put", "/v1/me/settings")
    .access(Access::Person)
    .about("Replace the person's settings. Absent fields become unset.");

/// Returns the absence of the person.
pub static ABSENCE: Op<EmptyInput, AbsenceAnswer> = Op::get("me.absence.get", "/v1/me/absence")
    .access(Access::Person)
    .about("Get the person's absence with its deputy, and the absences in which the person is the deputy.");
/// Sets the absence of the person.
pub static SET_ABSENCE: Op<SetAbsence, AbsenceAnswer> =
    Op::put("me.absence.put", "/v1/me/absence").access(Access::Person).errors(&[ErrorCode::PersonRequired]).about(
        "Set the person's absence, in place of an earlier one. The deputy answers tasks that ask the person by name.",
    );
/// Ends the absence of the person.
pub static END_ABSENCE: Op<EmptyInput, AbsenceAnswer> = Op::delete("me.absence.end", "/v1/me/absence")
    .access(Access::Person)
    .errors(&[ErrorCode::PersonRequired])
    .about("End the person's absence at once, or take back one to come. The deputy can answer no more.");

/// An absence to set. The deputy must be a member of one of the person's workspaces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetAbsence {
    /// The email address of the person who answers instead.
    pub deputy: String,
    /// When the absence begins; now by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When it ends; at most 366 days after it begins.
    pub until: Timestamp,
}

/// An absence of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AbsenceView {
    /// The absent person.
    pub person: String,
    /// The person who answers instead.
    pub deputy: String,
    /// When the absence begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// True if the person is absent now.
    pub is_now: bool,
}

/// The absence of the person, and the absences in which the person is the deputy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AbsenceAnswer {
    /// Always true.
    pub ok: bool,
    /// The person's absence, now or later; null without one.
    pub absence: Option<AbsenceView>,
    /// The absences, now or later, in which the person is the deputy.
    pub deputy_for: Vec<AbsenceView>,
}

/// The settings of a person for pages and mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonSettings {
    /// The language of mail, and of pages. Without one, pages follow the browser, and mail follows the server.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The time zone of the hours below, such as `Europe/Berlin`; UTC by default.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
    pub time_zone: Option<String>,
    /// The beginning of the quiet hours, as `HH:MM`. Mail waits until they end; a task that is due before is mailed at once.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub quiet_from: Option<String>,
    /// The end of the quiet hours, as `HH:MM`. They may go past midnight.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub quiet_until: Option<String>,
    /// The time of one mail a day about tasks, as `HH:MM`; without it, each task has its mail. A task that is due before is
    /// mailed at once.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub digest_time: Option<String>,
}

/// The settings of the person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonSettingsAnswer {
    /// Always true.
    pub ok: bool,
    /// The settings of the person. An absent field is unset.
    pub settings: PersonSettings,
}

text_enum! {
    /// The role of a caller in its workspace.
    pub enum CallerRole {
        /// May do everything.
        WorkspaceAdmin = "workspace_admin",
        /// An agent, which works for its own address.
        Agent = "agent",
        /// A person who works under their own address and answers the tasks that ask for them.
        Member = "member",
        /// A person without access to the work, such as an auditor, or a person who belongs to no workspace yet.
        Visitor = "visitor",
    }
}

/// The identity of the caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IdentityAnswer {
    /// Always true.
    pub ok: bool,
    /// The address of the agent or the member; null for an admin or a visitor.
    pub address: Option<String>,
    /// The id of the organization.
    pub org_id: Id,
    /// The short name of the organization, as in addresses.
    pub org_slug: String,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The short name of the workspace, as in addresses.
    pub workspace_slug: String,
    /// The role of the caller in the workspace.
    pub role: CallerRole,
    /// The service account of the key; null for a person without a key.
    pub service_account: Option<ServiceAccount>,
    /// The email address of the person, if the call presents a person's token; otherwise null.
    pub email: Option<String>,
}
