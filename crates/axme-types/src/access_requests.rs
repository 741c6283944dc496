//! Words about access requests.

use crate::text_enum;

text_enum! {
    /// The subject of an access request.
    pub enum RequestType {
        /// A new organization, which the requester will own. Needs `company_name`.
        CreateOrganization = "create_organization",
        /// A membership in an organization. Needs `org_id`.
        JoinOrganization = "join_organization",
        /// A higher role. Needs `requested_role`.
        ElevatedRole = "elevated_role",
        /// The limits of a hosted tier. Needs `requested_tier`.
        QuotaUpgrade = "quota_upgrade",
    }
}

text_enum! {
    /// The state of an access request.
    pub enum RequestState {
        /// It waits for a decision.
        Pending = "pending",
        /// It waits for a decision, like a pending one. This server does not set this state.
        UnderReview = "under_review",
        /// It was approved and carried out.
        Approved = "approved",
        /// It was rejected.
        Rejected = "rejected",
        /// It can still be approved or rejected.
        Waitlisted = "waitlisted",
        /// Its time ran out before a decision. Computed from the clock; no row has this state.
        Expired = "expired",
    }
}
