//! Lists the macros that bundles may name. The rules define them; the store holds nothing about them.

use axme_api::ApiError;
use axme_api::capabilities::EmptyInput;
use axme_api::macros::{GetMacro, MacroAnswer, MacroList, MacroParameter, MacroView, ParameterType};
use axme_intent::scenario::macros::{DefaultValue, Kind, MACROS, Macro, find};

use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::macros::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::macros::GET, prepare_get, get)),
];

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: EmptyInput) -> Result<EmptyInput> {
    Ok(input)
}

pub fn list(_: &mut CallContext<'_, '_>, _: &EmptyInput) -> Result<MacroList> {
    Ok(MacroList { ok: true, macros: MACROS.iter().map(view).collect() })
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetMacro) -> Result<&'static Macro> {
    let known = find(input.macro_id.trim())
        .ok_or_else(|| ApiError::not_found(format!("macro \"{}\"", input.macro_id.trim())))?;
    Ok(known)
}

pub fn get(_: &mut CallContext<'_, '_>, known: &&'static Macro) -> Result<MacroAnswer> {
    Ok(MacroAnswer { ok: true, known: view(known) })
}

fn view(known: &Macro) -> MacroView {
    let parameters = known.parameters.iter().map(|parameter| MacroParameter {
        name: parameter.name.to_owned(),
        kind: parameter_type(parameter.kind),
        required: parameter.default == DefaultValue::None,
        default: match parameter.default {
            DefaultValue::Text(text) => text.to_owned(),
            DefaultValue::None | DefaultValue::Role(_) | DefaultValue::RoleOrNobody(_) => String::new(),
        },
        description: parameter.about.to_owned(),
    });
    MacroView { macro_id: known.id.to_owned(), description: known.about.to_owned(), parameters: parameters.collect() }
}

/// Returns the type of a parameter as the API names it.
fn parameter_type(kind: Kind) -> ParameterType {
    match kind {
        Kind::Text => ParameterType::Text,
        Kind::Whole => ParameterType::Whole,
        Kind::Agent => ParameterType::Agent,
        Kind::Person | Kind::Signer => ParameterType::Person,
        Kind::Signers => ParameterType::People,
    }
}
