//! Reports the capabilities of this server.

use axme_api::capabilities::{CapabilitiesAnswer, EmptyInput};

use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[Binding::Transaction(&handler(&axme_api::capabilities::GET, prepare_get, get))];

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: EmptyInput) -> Result<EmptyInput> {
    Ok(input)
}

pub fn get(_: &mut CallContext<'_, '_>, _: &EmptyInput) -> Result<CapabilitiesAnswer> {
    let capabilities = [
        "intents",
        "intents.stream",
        "agents.stream",
        "human_tasks",
        "scenarios",
        "service_accounts",
        "idempotency",
        "mesh",
        "mcp",
        "sessions",
    ];
    let types = ["intent.ask.v1", "intent.notify.v1", "intent.reply.v1"];
    Ok(CapabilitiesAnswer {
        ok: true,
        capabilities: capabilities.map(str::to_owned).to_vec(),
        supported_intent_types: types.map(str::to_owned).to_vec(),
    })
}
