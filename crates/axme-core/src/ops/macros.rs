//! Lists the macros that bundles may name. The rules define them; the store holds nothing about them.

use axme_api::ApiError;
use axme_api::capabilities::Nothing;
use axme_api::macros::{GetMacro, Macro as MacroView, MacroAnswer, MacroList, MacroParameter};
use axme_intent::scenario::macros::{DefaultValue, MACROS, Macro, find};

use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::macros::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::macros::GET, prepare_get, get)),
];

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: Nothing) -> Result<Nothing> {
    Ok(input)
}

pub fn list(_: &mut CallContext<'_, '_>, _: &Nothing) -> Result<MacroList> {
    Ok(MacroList { ok: true, macros: MACROS.iter().map(view).collect() })
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetMacro) -> Result<&'static Macro> {
    let known = find(input.macro_id.trim()).ok_or_else(|| ApiError::not_found("macro"))?;
    Ok(known)
}

pub fn get(_: &mut CallContext<'_, '_>, known: &&'static Macro) -> Result<MacroAnswer> {
    Ok(MacroAnswer { ok: true, known: view(known) })
}

fn view(known: &Macro) -> MacroView {
    let parameters = known.parameters.iter().map(|parameter| MacroParameter {
        name: parameter.name.to_owned(),
        kind: parameter.kind.as_str().to_owned(),
        required: parameter.default == DefaultValue::None,
        default: match parameter.default {
            DefaultValue::Text(text) => text.to_owned(),
            DefaultValue::None | DefaultValue::Role(_) | DefaultValue::RoleOrNobody(_) => String::new(),
        },
        description: parameter.about.to_owned(),
    });
    MacroView { macro_id: known.id.to_owned(), description: known.about.to_owned(), parameters: parameters.collect() }
}
