//! The capabilities of this server (`spec/protocol.md` §2.13).

use serde::{Deserialize, Serialize};

use crate::op::{AnyOp, Op};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&GET];

/// Returns the capabilities of the server.
pub static GET: Op<EmptyInput, CapabilitiesAnswer> =
    Op::get("capabilities.get", "/v1/capabilities").about("Get the capabilities of this server.");

/// The input of an operation that has no fields.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EmptyInput {}

/// The capabilities of the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CapabilitiesAnswer {
    /// Always true.
    pub ok: bool,
    /// The names of the supported features, such as `intents.stream`.
    pub capabilities: Vec<String>,
    /// The types that older clients look for. Every type is accepted.
    pub supported_intent_types: Vec<String>,
}
