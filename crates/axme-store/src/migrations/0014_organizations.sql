-- Organizations with all that is told of them, and who may do what in them.
ALTER TABLE organizations ADD COLUMN legal_name TEXT;
ALTER TABLE organizations ADD COLUMN primary_domain TEXT;
ALTER TABLE organizations ADD COLUMN status TEXT NOT NULL DEFAULT 'active';
ALTER TABLE organizations ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE organizations ADD COLUMN updated_at BIGINT;
ALTER TABLE workspaces ADD COLUMN status TEXT NOT NULL DEFAULT 'active';
ALTER TABLE workspaces ADD COLUMN region TEXT;
ALTER TABLE workspaces ADD COLUMN updated_at BIGINT;

-- `workspace_id` is all zeros for a member of the whole organization. `actor_id` is whom keys are owned by.
CREATE TABLE org_members (
  org_id UUID NOT NULL,
  member_id UUID NOT NULL,
  workspace_id UUID NOT NULL,
  actor_id TEXT COLLATE "C" NOT NULL,
  role TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, member_id)
) /* clustered */;
CREATE UNIQUE INDEX org_members_actor ON org_members (org_id, actor_id, workspace_id);
INSERT INTO org_members (org_id, member_id, workspace_id, actor_id, role, status, created_at, updated_at)
  SELECT m.org_id, m.account_id, m.workspace_id, a.email, m.role, 'active', m.created_at, m.created_at
  FROM members m JOIN accounts a ON a.account_id = m.account_id;
DROP TABLE members;

-- An account is also looked for without its workspace.
CREATE INDEX service_accounts_id ON service_accounts (service_account_id);

-- `review_org_id` is the organization whose members decide: the one that is asked for, or the one it was asked from.
CREATE TABLE access_requests (
  review_org_id UUID NOT NULL,
  access_request_id UUID NOT NULL,
  from_workspace_id UUID NOT NULL,
  requested_by TEXT NOT NULL,
  request_type TEXT NOT NULL,
  state TEXT NOT NULL,
  requester_actor_id TEXT NOT NULL,
  org_id UUID,
  workspace_id UUID,
  requested_role TEXT,
  requested_tier TEXT,
  company_name TEXT,
  justification TEXT,
  reviewer_actor_id TEXT,
  review_comment TEXT,
  reviewed_at BIGINT,
  expires_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (access_request_id)
);
CREATE INDEX access_requests_review ON access_requests (review_org_id, access_request_id);
CREATE INDEX access_requests_from ON access_requests (from_workspace_id, access_request_id);
