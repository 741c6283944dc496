//! What this server can do (`spec/protocol.md` §2.13).

use serde::{Deserialize, Serialize};

use crate::op::{AnyOp, Op};

pub const OPERATIONS: &[&dyn AnyOp] = &[&GET];

pub static GET: Op<Nothing, Capabilities> =
    Op::get("capabilities.get", "/v1/capabilities").about("What this server supports.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Nothing {}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capabilities {
    pub ok: bool,
    pub capabilities: Vec<String>,
    /// Types that older clients look for; any type is accepted.
    pub supported_intent_types: Vec<String>,
}
