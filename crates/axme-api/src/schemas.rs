//! Schemas of payloads, by the type of the intents that they are for (`spec/protocol.md` §2.10).

use serde::{Deserialize, Serialize};

use crate::Object;
use crate::lenient;
use crate::op::{AnyOp, Op};

pub const OPERATIONS: &[&dyn AnyOp] = &[&UPSERT, &GET];

pub static UPSERT: Op<UpsertSchema, SchemaAnswer> =
    Op::post("schemas.upsert", "/v1/schemas").about("Say what the payloads of intents of a type must be.");
pub static GET: Op<GetSchema, SchemaAnswer> =
    Op::get("schemas.get", "/v1/schemas/{semantic_type}").about("What the payloads of intents of a type must be.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpsertSchema {
    /// The `intent_type` that it is for: at least three parts and a version, such as `axme.calendar.schedule.v1`.
    pub semantic_type: String,
    /// A JSON Schema (2020-12) of at most 32 KiB that refers to nothing outside itself.
    pub schema_json: Object,
    /// `strict` refuses what does not meet it; `backward` lets fields pass that it does not know; `warn` lets everything pass
    /// and says so.
    pub compatibility_mode: String,
    /// At most 512 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub schema_ref: Option<String>,
    /// `tenant`, or `core`, which has no owner and needs a workspace-admin key.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// False keeps it and checks nothing.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// The receiver for whose intents it counts; the caller's own address unless given. With a workspace-admin key without an
    /// address: all intents of the workspace.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetSchema {
    pub semantic_type: String,
    /// The receiver whose schema is meant; that of the workspace where it has none.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SemanticSchema {
    pub semantic_type: String,
    pub schema_ref: String,
    /// SHA-256 of the schema's JSON with sorted keys, in hex.
    pub schema_hash: String,
    pub compatibility_mode: String,
    pub scope: String,
    pub owner_agent: Option<String>,
    pub active: bool,
    /// Not in the answer to a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_json: Option<Object>,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SchemaAnswer {
    pub ok: bool,
    pub schema: SemanticSchema,
}
