//! Trials: an organization for an email address, without a sign-in (`spec/protocol.md` §2.30). Off unless the settings
//! enable them.

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op, Route};
use crate::{ErrorCode, Id, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&BOOTSTRAP, &VERIFY, &RESEND];

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[LINK, PAGE, PAGE_ANSWER];

/// Begins a trial.
pub static BOOTSTRAP: Op<Bootstrap, BootstrapAnswer> = Op::post("alpha.bootstrap", "/v1/alpha/bootstrap")
    .is_async()
    .access(Access::Public)
    .secret()
    .errors(&[ErrorCode::TrialsDisabled])
    .about("Create an organization, a workspace and a key for a trial, and mail a link that verifies the address.");
/// Verifies the email address of a trial.
pub static VERIFY: Op<VerifyEmail, VerifyEmailAnswer> = Op::post("alpha.verify_email", "/v1/alpha/verify-email")
    .is_async()
    .access(Access::Public)
    .errors(&[ErrorCode::NotFound, ErrorCode::TrialsDisabled, ErrorCode::VerificationExpired])
    .about("Verify the address of a trial with the token of its mail. The address then owns the organization.");
/// Sends the mail of a trial again.
pub static RESEND: Op<ResendEmail, ResendEmailAnswer> =
    Op::post("alpha.verify_email.resend", "/v1/alpha/verify-email/resend")
        .is_async()
        .access(Access::Public)
        .errors(&[ErrorCode::TrialsDisabled])
        .about("Send the mail of a trial again. The answer is the same if the address has no trial.");

/// Redirects from the path that clients know to [`PAGE`].
pub const LINK: Route = Route::get("alpha.link", "/v1/alpha/verify-email")
    .access(Access::Public)
    .about("Redirect to the page of a mailed trial link.");
/// Shows the page of a mailed trial link.
pub const PAGE: Route = Route::get("alpha.page", "/app/login/trial")
    .access(Access::Public)
    .about("Show the page of a mailed trial link, with a button that verifies the address.");
/// Verifies the email address of a trial from its page.
pub const PAGE_ANSWER: Route = Route::post("alpha.confirm_by_link", "/app/login/trial")
    .access(Access::Public)
    .about("Verify the address of a trial by its mailed link.");

/// A new trial.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bootstrap {
    /// The email address, which may begin three trials a day.
    pub email: String,
    /// The purpose of the trial, for the audit trail.
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 120)))]
    pub use_case: String,
    /// The name of the organization; the email address by default.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 120)))]
    pub company: Option<String>,
}

/// The token of a trial's mail.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyEmail {
    /// The token at the end of the mailed link.
    #[cfg_attr(feature = "schema", schemars(length(min = 16, max = 512)))]
    pub token: String,
}

/// The trial whose mail is sent again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResendEmail {
    /// The email address of the trial.
    pub email: String,
}

/// The organization of a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrialOrganization {
    /// The id of the organization.
    pub org_id: Id,
    /// The name of the organization.
    pub name: String,
}

/// The workspace of a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrialWorkspace {
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The name of the workspace.
    pub name: String,
}

/// The first key of a trial: a workspace-admin key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrialKey {
    /// The id of the key: `sak_…`.
    pub key_id: String,
    /// The id of the service account that the key belongs to: `sa_…`.
    pub service_account_id: String,
    /// The key. No other answer shows it.
    pub token: String,
}

text_enum! {
    /// The status of an email address of a trial.
    pub enum VerificationStatus {
        /// The link in the mail has not been used yet.
        Pending = "pending",
        /// The address owns the organization.
        Verified = "verified",
    }
}

/// The verification of the email address of a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EmailVerification {
    /// The email address, in lower case.
    pub email: String,
    /// The status of the address.
    pub status: VerificationStatus,
    /// When the address can no longer be verified: seven days after the beginning of the trial.
    pub expires_at: Timestamp,
}

/// The new trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BootstrapAnswer {
    /// Always true.
    pub ok: bool,
    /// The organization of the trial.
    pub organization: TrialOrganization,
    /// The workspace of the trial.
    pub workspace: TrialWorkspace,
    /// The first key of the trial.
    pub key: TrialKey,
    /// The verification of the email address.
    pub email_verification: EmailVerification,
}

/// The trial after its verification.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyEmailAnswer {
    /// Always true.
    pub ok: bool,
    /// The verification of the email address.
    pub email_verification: EmailVerification,
}

/// The answer to every request for a mail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResendEmailAnswer {
    /// Always true.
    pub ok: bool,
}
