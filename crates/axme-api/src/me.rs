//! Who the caller is (`spec/protocol.md` §2.12, `GET /v1/me`).

use serde::{Deserialize, Serialize};

use crate::capabilities::Nothing;
use crate::op::{AnyOp, Op};
use crate::service_accounts::ServiceAccount;

pub const OPERATIONS: &[&dyn AnyOp] = &[&GET];

pub static GET: Op<Nothing, Me> =
    Op::get("me.get", "/v1/me").about("The identity of the credential that is presented.");

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    pub ok: bool,
    /// The agent's address; null for a key that is no agent's.
    pub address: Option<String>,
    pub org_id: String,
    pub org_slug: String,
    pub workspace_id: String,
    pub workspace_slug: String,
    /// `workspace_admin`, `agent`, `member`, or `visitor` for who has no part in the work.
    pub role: String,
    /// Null for a person without a key.
    pub service_account: Option<ServiceAccount>,
    /// The person of the token, when one is presented.
    pub email: Option<String>,
}
