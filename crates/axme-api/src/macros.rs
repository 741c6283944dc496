//! Macros: workflows that a scenario bundle names instead of writing its steps (`spec/protocol.md` §2.3, §6.4).

use serde::{Deserialize, Serialize};

use crate::capabilities::Nothing;
use crate::op::{AnyOp, Op};

pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST, &GET];

pub static LIST: Op<Nothing, MacroList> = Op::get("macros.list", "/v1/tool-registry/macros")
    .about("The workflows that a bundle may name in workflow.macro_id.");
pub static GET: Op<GetMacro, MacroAnswer> =
    Op::get("macros.get", "/v1/tool-registry/macros/{macro_id}").about("One macro and its parameters.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetMacro {
    pub macro_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MacroList {
    pub ok: bool,
    pub macros: Vec<Macro>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MacroAnswer {
    pub ok: bool,
    #[serde(rename = "macro")]
    pub known: Macro,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Macro {
    pub macro_id: String,
    pub description: String,
    pub parameters: Vec<MacroParameter>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MacroParameter {
    pub name: String,
    /// `string`; `integer`; `agent` or `person`, a role or an address; `people`, a list of them, or text with commas.
    /// Each may be sent as text, and empty text is not given.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it must be given whatever else the bundle says.
    pub required: bool,
    /// As text; empty when there is none, or when it comes from the bundle.
    pub default: String,
    pub description: String,
}
