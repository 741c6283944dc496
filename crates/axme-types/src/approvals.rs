//! Words about approvals.

use crate::text_enum;

text_enum! {
    /// A decision by id.
    pub enum ApprovalDecision {
        /// A yes.
        Approve = "approve",
        /// A no.
        Reject = "reject",
    }
}

impl ApprovalDecision {
    /// Reads a decision in any case; `approved` and `rejected` are accepted too.
    pub fn read(text: &str) -> Option<ApprovalDecision> {
        match text.trim().to_ascii_lowercase().as_str() {
            "approve" | "approved" => Some(ApprovalDecision::Approve),
            "reject" | "rejected" => Some(ApprovalDecision::Reject),
            _ => None,
        }
    }
}
