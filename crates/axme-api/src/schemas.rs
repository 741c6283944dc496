//! Schemas of payloads, by the type of the intents that they apply to (`spec/protocol.md` §2.10).

use serde::{Deserialize, Serialize};

pub use axme_types::schemas::{CompatibilityMode, SchemaScope};

use crate::op::{AnyOp, Op};
use crate::{ErrorCode, Object, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&UPSERT, &GET];

/// Sets the schema of an intent type.
pub static UPSERT: Op<UpsertSchema, SchemaAnswer> = Op::post("schemas.upsert", "/v1/schemas")
    .errors(&[ErrorCode::InvalidAgentAddress, ErrorCode::QuotaExceeded])
    .about("Set the schema that payloads of an intent type must match.");
/// Returns the schema of an intent type.
pub static GET: Op<GetSchema, SchemaAnswer> = Op::get("schemas.get", "/v1/schemas/{semantic_type}")
    .errors(&[ErrorCode::InvalidAgentAddress])
    .about("Get the schema that payloads of an intent type must match.");

/// A new schema, or a change of an existing one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpsertSchema {
    /// The `intent_type` that it applies to: at least three parts and a version, such as `axme.calendar.schedule.v1`.
    #[cfg_attr(feature = "schema", schemars(length(max = 255)))]
    pub semantic_type: String,
    /// A JSON Schema (2020-12): at most 32,768 bytes of JSON, without references to other documents.
    pub schema_json: Object,
    /// The effect on payloads that differ from it.
    pub compatibility_mode: CompatibilityMode,
    /// The caller's own name of the schema; `schema://` and the type by default.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 512)))]
    pub schema_ref: Option<String>,
    /// The owner of the schema; `tenant` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub scope: Option<SchemaScope>,
    /// True by default. False keeps the schema and checks nothing.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// The address of the receiver whose intents it applies to; the caller's own by default. With a workspace-admin key
    /// that has no address, the default is all intents of the workspace.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

/// Which schema to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetSchema {
    /// The `intent_type` that it applies to.
    pub semantic_type: String,
    /// The address of the receiver; the caller's own by default. A receiver without a schema has that of the workspace.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

/// A schema as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SchemaView {
    /// The `intent_type` that it applies to.
    pub semantic_type: String,
    /// The owner's own name of the schema.
    pub schema_ref: String,
    /// SHA-256 of the schema's JSON with sorted keys: 64 lower-case hexadecimal digits.
    pub schema_hash: String,
    /// The effect on payloads that differ from it.
    pub compatibility_mode: CompatibilityMode,
    /// The owner of the schema.
    pub scope: SchemaScope,
    /// The address of the receiver whose intents it applies to; null for all intents of the workspace.
    pub owner_agent: Option<String>,
    /// False if the schema checks nothing.
    pub active: bool,
    /// The JSON Schema. Absent from the answer to a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_json: Option<Object>,
    /// When the schema was first set.
    pub created_at: Timestamp,
    /// When the schema last changed.
    pub updated_at: Timestamp,
}

/// The schema.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SchemaAnswer {
    /// Always true.
    pub ok: bool,
    /// The schema.
    pub schema: SchemaView,
}
