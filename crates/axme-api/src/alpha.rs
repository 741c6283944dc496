//! The first steps of trials, without a sign-in (`spec/protocol.md` §2.30). Off unless the settings open it.

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{Access, AnyOp, Op, Route};

pub const OPERATIONS: &[&dyn AnyOp] = &[&BOOTSTRAP, &VERIFY, &RESEND];

pub const ROUTES: &[Route] = &[LINK, PAGE, PAGE_ANSWER];

pub static BOOTSTRAP: Op<Bootstrap, Bootstrapped> = Op::post("alpha.bootstrap", "/v1/alpha/bootstrap")
    .access(Access::Public)
    .secret()
    .about("An organization, a workspace and a key for a trial, and a mail to verify the address.");
pub static VERIFY: Op<VerifyEmail, Verified> = Op::post("alpha.verify_email", "/v1/alpha/verify-email")
    .access(Access::Public)
    .about("Verify the address of a trial with the token of its mail: from then on its owner signs in with it.");
pub static RESEND: Op<ResendEmail, Resent> = Op::post("alpha.verify_email.resend", "/v1/alpha/verify-email/resend")
    .access(Access::Public)
    .about("Send the mail of a trial again. Whether there is one by the address is not told.");

/// Where clients know the page behind the link of the mail.
pub const LINK: Route = Route::get("/v1/alpha/verify-email")
    .access(Access::Public)
    .about("Leads to the page behind the link of a trial's mail.");
pub const PAGE: Route = Route::get("/app/login/trial")
    .access(Access::Public)
    .about("The page behind the link of a trial's mail, with a button.");
pub const PAGE_ANSWER: Route = Route::post("/app/login/trial")
    .access(Access::Public)
    .about("Verify the address of a trial by the link of its mail.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bootstrap {
    /// An address for mail.
    pub email: String,
    /// 2 to 120 characters.
    pub use_case: String,
    /// At most 255 characters; names the organization.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyEmail {
    /// 16 to 512 characters.
    pub token: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResendEmail {
    pub email: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrialOrganization {
    pub org_id: String,
    pub name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrialWorkspace {
    pub workspace_id: String,
    pub name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrialKey {
    pub key_id: String,
    pub service_account_id: String,
    /// The secret, shown here only.
    pub token: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EmailVerification {
    pub email: String,
    /// `pending` or `verified`.
    pub status: String,
    pub expires_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bootstrapped {
    pub ok: bool,
    pub organization: TrialOrganization,
    pub workspace: TrialWorkspace,
    pub key: TrialKey,
    pub email_verification: EmailVerification,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verified {
    pub ok: bool,
    pub email_verification: EmailVerification,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resent {
    pub ok: bool,
}
