//! Where an address of another workspace belongs.

use axme_intent::Address;
use uuid::Uuid;

use crate::context::CallContext;
use crate::error::StoreError;
use crate::store::policies as store;

/// The organization and the workspace that an address is in.
pub(crate) fn place_of(cx: &mut CallContext<'_, '_>, address: &Address) -> Result<Option<(Uuid, Uuid)>, StoreError> {
    if address.name_in(cx.caller.home()).is_some() {
        return Ok(Some((cx.caller.org, cx.caller.workspace)));
    }
    match slugs(address) {
        Some((org, workspace)) => store::find_place(cx.tx, org, workspace),
        None => Ok(None),
    }
}

fn slugs(address: &Address) -> Option<(&str, &str)> {
    let mut parts = address.as_str().strip_prefix("agent://")?.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(org), Some(workspace), Some(_), None) => Some((org, workspace)),
        _ => None,
    }
}
