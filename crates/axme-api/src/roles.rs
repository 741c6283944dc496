//! The roles of an organization's members and their permissions. The whole matrix is [`Permission::holders`].

use OrgRole::{BillingViewer, Member, OrgAdmin, OrgOwner, SecurityAuditor, WorkspaceAdmin};
pub use axme_types::members::OrgRole;

/// Something that a role may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Read an organization and its workspaces.
    ViewOrganization,
    /// Change an organization and its status.
    ChangeOrganization,
    /// Create workspaces.
    CreateWorkspaces,
    /// Change a workspace and its status.
    ChangeWorkspace,
    /// List members.
    ViewMembers,
    /// Give and take away roles up to one's own; only owners make owners.
    ManageMembers,
    /// Manage service accounts and their keys.
    ManageAccounts,
    /// Read the policies about senders.
    ViewPolicies,
    /// Change the policies about senders.
    ManagePolicies,
    /// Decide access requests.
    ReviewRequests,
    /// Read quotas and usage.
    ViewUsage,
    /// Change quotas.
    ChangeQuotas,
    /// Read billing plans and invoices.
    ViewBilling,
    /// Change billing plans.
    ChangeBilling,
    /// Read the audit trail.
    ReadAudit,
    /// Read and change how long data is kept.
    ChangeRetention,
}

impl Permission {
    /// Every permission, in the order of declaration.
    pub const ALL: [Permission; 16] = [
        Permission::ViewOrganization,
        Permission::ChangeOrganization,
        Permission::CreateWorkspaces,
        Permission::ChangeWorkspace,
        Permission::ViewMembers,
        Permission::ManageMembers,
        Permission::ManageAccounts,
        Permission::ViewPolicies,
        Permission::ManagePolicies,
        Permission::ReviewRequests,
        Permission::ViewUsage,
        Permission::ChangeQuotas,
        Permission::ViewBilling,
        Permission::ChangeBilling,
        Permission::ReadAudit,
        Permission::ChangeRetention,
    ];

    /// Returns the roles that have the permission.
    pub const fn holders(self) -> &'static [OrgRole] {
        match self {
            Permission::ViewOrganization => OrgRole::ALL,
            Permission::ViewMembers => &[OrgOwner, OrgAdmin, WorkspaceAdmin, Member, SecurityAuditor],
            Permission::ChangeWorkspace
            | Permission::ManageMembers
            | Permission::ManageAccounts
            | Permission::ChangeRetention => &[OrgOwner, OrgAdmin, WorkspaceAdmin],
            Permission::ViewPolicies => &[OrgOwner, OrgAdmin, WorkspaceAdmin, SecurityAuditor],
            Permission::ViewUsage => &[OrgOwner, OrgAdmin, WorkspaceAdmin, Member, BillingViewer],
            Permission::ViewBilling => &[OrgOwner, OrgAdmin, BillingViewer],
            Permission::ReadAudit => &[OrgOwner, OrgAdmin, SecurityAuditor],
            Permission::ChangeOrganization
            | Permission::CreateWorkspaces
            | Permission::ManagePolicies
            | Permission::ReviewRequests
            | Permission::ChangeQuotas
            | Permission::ChangeBilling => &[OrgOwner, OrgAdmin],
        }
    }

    /// True for permissions about the whole organization, for which a role in one workspace is not enough.
    pub const fn is_of_organization(self) -> bool {
        matches!(
            self,
            Permission::ChangeOrganization
                | Permission::CreateWorkspaces
                | Permission::ReviewRequests
                | Permission::ManagePolicies
        )
    }

    /// True for permissions that do not depend on the workspace: a role in any of them is enough.
    pub const fn is_of_any_workspace(self) -> bool {
        matches!(self, Permission::ViewOrganization | Permission::ViewPolicies)
    }
}
