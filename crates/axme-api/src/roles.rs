//! The roles of an organization's members, and what each may do: the whole matrix is [`Permission::holders`].

use OrgRole::{BillingViewer, Member, OrgAdmin, OrgOwner, SecurityAuditor, WorkspaceAdmin};

/// A role in an organization, or in one workspace of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrgRole {
    OrgOwner,
    OrgAdmin,
    /// Also what every workspace-admin key has in its own workspace.
    WorkspaceAdmin,
    Member,
    BillingViewer,
    SecurityAuditor,
}

/// Something that a role may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    ViewOrganization,
    ChangeOrganization,
    CreateWorkspaces,
    ChangeWorkspace,
    ViewMembers,
    /// Roles up to one's own; only owners make owners.
    ManageMembers,
    /// Service accounts and their keys.
    ManageAccounts,
    /// Who may send to the organization.
    ViewPolicies,
    ManagePolicies,
    ReviewRequests,
    ViewUsage,
    ChangeQuotas,
    ViewBilling,
    ChangeBilling,
    ReadAudit,
}

impl OrgRole {
    pub const ALL: [OrgRole; 6] = [OrgOwner, OrgAdmin, WorkspaceAdmin, Member, BillingViewer, SecurityAuditor];

    pub const fn as_str(self) -> &'static str {
        match self {
            OrgOwner => "org_owner",
            OrgAdmin => "org_admin",
            WorkspaceAdmin => "workspace_admin",
            Member => "member",
            BillingViewer => "billing_viewer",
            SecurityAuditor => "security_auditor",
        }
    }

    pub fn parse(text: &str) -> Option<OrgRole> {
        OrgRole::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// True for roles that hold in the whole organization, whichever workspace they were given in.
    pub const fn spans_organization(self) -> bool {
        matches!(self, OrgOwner | OrgAdmin)
    }

    /// The roles that may be given, and taken away, by who has this one.
    pub const fn gives(self) -> &'static [OrgRole] {
        match self {
            OrgOwner => &OrgRole::ALL,
            OrgAdmin => &[OrgAdmin, WorkspaceAdmin, Member, BillingViewer, SecurityAuditor],
            WorkspaceAdmin => &[WorkspaceAdmin, Member],
            Member | BillingViewer | SecurityAuditor => &[],
        }
    }
}

impl Permission {
    pub const ALL: [Permission; 15] = [
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
    ];

    /// The roles that have it.
    pub const fn holders(self) -> &'static [OrgRole] {
        match self {
            Permission::ViewOrganization => &OrgRole::ALL,
            Permission::ViewMembers => &[OrgOwner, OrgAdmin, WorkspaceAdmin, Member, SecurityAuditor],
            Permission::ChangeWorkspace | Permission::ManageMembers | Permission::ManageAccounts => {
                &[OrgOwner, OrgAdmin, WorkspaceAdmin]
            }
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

    /// True for what concerns the whole organization, so that a role in one workspace is not enough.
    pub const fn is_of_organization(self) -> bool {
        matches!(
            self,
            Permission::ChangeOrganization
                | Permission::CreateWorkspaces
                | Permission::ReviewRequests
                | Permission::ManagePolicies
        )
    }

    /// True for what concerns no workspace, and may be done with a role in any of them.
    pub const fn is_of_any_workspace(self) -> bool {
        matches!(self, Permission::ViewOrganization | Permission::ViewPolicies)
    }
}
