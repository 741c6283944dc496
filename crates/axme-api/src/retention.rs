//! Retention: how long a workspace keeps its data, and holds (`spec/protocol.md` §2.34).
//!
//! The admins of a workspace choose days within the bounds of the operator. Only the operator of the server sets a hold.

use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::workspace_ref::WorkspaceRef;
use crate::{ErrorCode, Id, Number, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&GET, &UPDATE, &HOLD, &RELEASE];

/// Gets the rules of a workspace.
pub static GET: Op<GetRetention, RetentionAnswer> = Op::get("retention.get", "/v1/retention")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("Get how long a workspace keeps its data, and whether it is on hold.");
/// Sets the rules of a workspace.
pub static UPDATE: Op<UpdateRetention, RetentionAnswer> = Op::put("retention.update", "/v1/retention")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("Set how long a workspace keeps its data. A field that is missing follows the setting of the server.");
/// Begins a hold.
pub static HOLD: Op<ChangeHold, RetentionAnswer> = Op::post("retention.hold", "/v1/retention/hold")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("Stop all deletions of old data of a workspace. Only the operators of the server may.");
/// Ends a hold.
pub static RELEASE: Op<ChangeHold, RetentionAnswer> = Op::post("retention.release", "/v1/retention/release")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("End the hold of a workspace. Only the operators of the server may.");

/// A number of days.
pub type Days = Number<1, 36_500>;

/// A number of hours. A client may repeat a call with an idempotency key for a day.
pub type Hours = Number<24, 876_000>;

/// Which workspace the call is about.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetRetention {
    /// The workspace.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
}

/// The new rules of a workspace. They replace all rules of before.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateRetention {
    /// The workspace.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// How many days an intent is kept after its end.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub intents_days: Option<Days>,
    /// How many days a finished file is kept.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub files_days: Option<Days>,
    /// How many days a line of the audit trail is kept. Lines go up to a signed checkpoint.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub audit_days: Option<Days>,
    /// How many days an event for subscribers is kept.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub events_days: Option<Days>,
    /// How many hours the answer to a call with an idempotency key is kept.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub reply_hours: Option<Hours>,
}

/// The beginning or the end of a hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeHold {
    /// The workspace.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// Why the hold begins or ends, for the audit trail: 1 to 500 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 500)))]
    pub reason: String,
}

/// How long each kind of data is kept; null for data that is kept forever, or for a rule that is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetentionDays {
    /// Intents, from their end.
    pub intents_days: Option<u64>,
    /// Finished files.
    pub files_days: Option<u64>,
    /// Lines of the audit trail.
    pub audit_days: Option<u64>,
    /// Events for subscribers.
    pub events_days: Option<u64>,
    /// Answers to calls with an idempotency key, in hours.
    pub reply_hours: Option<u64>,
}

/// The hold of a workspace: nothing of it is deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hold {
    /// Why the hold began.
    pub reason: String,
    /// The operator who set it.
    pub held_by_actor_id: String,
    /// When it began.
    pub held_at: Timestamp,
}

/// How long a workspace keeps its data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Retention {
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The rules that the workspace has chosen.
    pub rules: RetentionDays,
    /// The days that apply now: the rules within the bounds, or else the settings of the server.
    pub effective: RetentionDays,
    /// The fewest days that the workspace may choose.
    pub min_days: u64,
    /// The most days that the workspace may choose.
    pub max_days: u64,
    /// True while nothing of the workspace is deleted.
    pub held: bool,
    /// The hold; null without one.
    pub hold: Option<Hold>,
    /// The actor of the last change; null if nothing was ever changed.
    pub updated_by_actor_id: Option<String>,
    /// When the rules or the hold last changed.
    pub updated_at: Option<Timestamp>,
}

/// How long a workspace keeps its data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetentionAnswer {
    /// Always true.
    pub ok: bool,
    /// The rules, and the hold.
    pub retention: Retention,
}
