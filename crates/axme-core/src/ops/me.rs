//! Reports who the caller is.

use axme_api::capabilities::EmptyInput;
use axme_api::me::IdentityAnswer;
use axme_intent::human::is_email;

use super::service_accounts;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use axme_store::service_accounts as store;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[Binding::Transaction(&handler(&axme_api::me::GET, prepare_get, get))];

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: EmptyInput) -> Result<EmptyInput> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, _: &EmptyInput) -> Result<IdentityAnswer> {
    let account = store::find_service_account(cx.tx, cx.caller.workspace, &cx.caller.service_account_id)?;
    Ok(IdentityAnswer {
        ok: true,
        address: cx.caller.address.as_ref().map(|address| address.as_str().to_owned()),
        org_id: cx.caller.org.into(),
        org_slug: cx.caller.org_slug.clone(),
        workspace_id: cx.caller.workspace.into(),
        workspace_slug: cx.caller.workspace_slug.clone(),
        role: cx.caller.role,
        service_account: account.as_ref().map(service_accounts::view),
        email: cx.caller.person().map(|person| person.email.clone()).filter(|email| is_email(email)),
    })
}
