//! Receipts: signed records of people's decisions, which can be checked without this server.

use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op, Route};
use crate::{Id, Timestamp};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST];

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[KEYS];

/// Lists the receipts of an intent.
pub static LIST: Op<ListReceipts, ReceiptList> = Op::get("receipts.list", "/v1/intents/{intent_id}/receipts")
    .about("List the receipts of people's decisions about an intent, in order.");

/// Returns the public halves of the keys that sign receipts.
pub const KEYS: Route = Route::get("receipts.keys", "/.well-known/receipt-keys.json")
    .access(Access::Public)
    .about("Get the public keys that verify receipts, as a JSON Web Key Set. No key is ever removed from it.");

/// The intent whose receipts are listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListReceipts {
    /// The id of the intent.
    pub intent_id: Id,
}

/// The receipts of an intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiptList {
    /// Always true.
    pub ok: bool,
    /// The id of the intent.
    pub intent_id: Id,
    /// The receipts, oldest first: at most 1,000.
    pub receipts: Vec<Receipt>,
}

/// The receipt of a decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// The id of the receipt.
    pub receipt_id: Id,
    /// The person who decided.
    pub decided_by: String,
    /// When the person decided.
    pub decided_at: Timestamp,
    /// The signed receipt: a compact JSON Web Signature of type `axme-receipt+jws`. Null for the moment until it is signed.
    pub signed: Option<String>,
}
