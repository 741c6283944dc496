//! Words about members of organizations and workspaces.

use OrgRole::{BillingViewer, Member, OrgAdmin, OrgOwner, SecurityAuditor, WorkspaceAdmin};

use crate::text_enum;

text_enum! {
    /// The status of a membership. Only an active one gives its role.
    pub enum MemberStatus {
        /// The member has the role.
        Active = "active",
        /// The member gets the role by signing in.
        Invited = "invited",
        /// The member does not have the role until an admin makes the membership active again.
        Suspended = "suspended",
        /// Kept, so that the member can be added again under the same id.
        Removed = "removed",
    }
}

text_enum! {
    /// A role in an organization, or in one workspace of it.
    pub enum OrgRole {
        /// May do everything in the organization.
        OrgOwner = "org_owner",
        /// May do everything in the organization, except make or remove owners.
        OrgAdmin = "org_admin",
        /// May change a workspace, its members and its service accounts. A workspace-admin key has this role in its own
        /// workspace.
        WorkspaceAdmin = "workspace_admin",
        /// May work in a workspace.
        Member = "member",
        /// May read usage and billing.
        BillingViewer = "billing_viewer",
        /// May read members, policies and the audit trail.
        SecurityAuditor = "security_auditor",
    }
}

impl OrgRole {
    /// True for roles that apply to the whole organization, even if they were given in one workspace.
    pub const fn spans_organization(self) -> bool {
        matches!(self, OrgOwner | OrgAdmin)
    }

    /// Returns the roles that a member with this role may give and take away.
    pub const fn gives(self) -> &'static [OrgRole] {
        match self {
            OrgOwner => OrgRole::ALL,
            OrgAdmin => &[OrgAdmin, WorkspaceAdmin, Member, BillingViewer, SecurityAuditor],
            WorkspaceAdmin => &[WorkspaceAdmin, Member],
            Member | BillingViewer | SecurityAuditor => &[],
        }
    }
}
