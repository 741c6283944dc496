//! Macros: workflows that a scenario bundle names instead of writing its steps (`spec/protocol.md` §2.3, §6.4).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::capabilities::EmptyInput;
use crate::op::{AnyOp, Op};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST, &GET];

/// Lists macros.
pub static LIST: Op<EmptyInput, MacroList> = Op::get("macros.list", "/v1/tool-registry/macros")
    .about("List the workflows that a bundle may name in workflow.macro_id.");
/// Returns a macro.
pub static GET: Op<GetMacro, MacroAnswer> =
    Op::get("macros.get", "/v1/tool-registry/macros/{macro_id}").about("Get one macro and its parameters.");

/// Which macro to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetMacro {
    /// The id of the macro, such as `macro.approval.v1`, or another name of it.
    pub macro_id: String,
}

/// The macros.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MacroList {
    /// Always true.
    pub ok: bool,
    /// The macros of this server.
    pub macros: Vec<MacroView>,
}

/// One macro.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MacroAnswer {
    /// Always true.
    pub ok: bool,
    /// The macro.
    #[serde(rename = "macro")]
    pub known: MacroView,
}

/// A macro as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MacroView {
    /// The id of the macro, for `workflow.macro_id`.
    pub macro_id: String,
    /// The purpose of the macro.
    pub description: String,
    /// The parameters, for `workflow.parameters`.
    pub parameters: Vec<MacroParameter>,
}

text_enum! {
    /// The type of a parameter. Each value may be sent as text, and empty text means that it is not set.
    pub enum ParameterType {
        /// Text.
        Text = "string",
        /// A whole number of at least 1; 0 means that it is not set.
        Whole = "integer",
        /// A role of `agents[]`, or the address of an agent.
        Agent = "agent",
        /// A role of `humans[]`, or the address of a person.
        Person = "person",
        /// A list of people, or text with commas.
        People = "people",
    }
}

/// A parameter of a macro.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MacroParameter {
    /// The name of the parameter.
    pub name: String,
    /// The type of the parameter.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// True if the bundle has to set the parameter, whatever else it declares.
    pub required: bool,
    /// The default, as text. Empty if there is none, or if it comes from the bundle.
    pub default: String,
    /// The purpose of the parameter.
    pub description: String,
}
