//! The identity of the caller (`spec/protocol.md` §2.12, `GET /v1/me`).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::Id;
use crate::capabilities::EmptyInput;
use crate::op::{AnyOp, Op};
use crate::service_accounts::ServiceAccount;

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&GET];

/// Returns the identity of the caller.
pub static GET: Op<EmptyInput, IdentityAnswer> =
    Op::get("me.get", "/v1/me").about("Get the identity of the credential that the call presents.");

text_enum! {
    /// The role of a caller in its workspace.
    pub enum CallerRole {
        /// May do everything.
        WorkspaceAdmin = "workspace_admin",
        /// An agent, which works for its own address.
        Agent = "agent",
        /// A person who works under their own address and answers the tasks that ask for them.
        Member = "member",
        /// A person without access to the work, such as an auditor, or a person who belongs to no workspace yet.
        Visitor = "visitor",
    }
}

/// The identity of the caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IdentityAnswer {
    /// Always true.
    pub ok: bool,
    /// The address of the agent or the member; null for an admin or a visitor.
    pub address: Option<String>,
    /// The id of the organization.
    pub org_id: Id,
    /// The short name of the organization, as in addresses.
    pub org_slug: String,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The short name of the workspace, as in addresses.
    pub workspace_slug: String,
    /// The role of the caller in the workspace.
    pub role: CallerRole,
    /// The service account of the key; null for a person without a key.
    pub service_account: Option<ServiceAccount>,
    /// The email address of the person, if the call presents a person's token; otherwise null.
    pub email: Option<String>,
}
