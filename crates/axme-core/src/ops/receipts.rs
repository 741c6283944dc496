//! Lists the receipts of decisions.

use axme_api::receipts::{ListReceipts, Receipt, ReceiptList};
use axme_intent::IntentId;
use axme_store::receipts as store;

use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::engine::intent_access::find_visible;
use crate::error::Result;
use crate::input::parse_id;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[Binding::Transaction(&handler(&axme_api::receipts::LIST, prepare_list, list))];

/// Maximum receipts read of one intent.
pub(super) const MAX_RECEIPTS: i64 = 1_000;

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListReceipts) -> Result<IntentId> {
    parse_id(&input.intent_id)
}

pub fn list(cx: &mut CallContext<'_, '_>, id: &IntentId) -> Result<ReceiptList> {
    // A receiver in another workspace does not learn who decided.
    find_visible(cx.tx, cx.caller, *id)?;
    let receipts = store::list(cx.tx, cx.caller.workspace, *id, MAX_RECEIPTS)?;
    let view = |receipt: store::StoredReceipt| Receipt {
        receipt_id: receipt.id.into(),
        decided_by: receipt.decided_by,
        decided_at: receipt.created_at.into(),
        signed: receipt.signed,
    };
    Ok(ReceiptList { ok: true, intent_id: (*id).into(), receipts: receipts.into_iter().map(view).collect() })
}
