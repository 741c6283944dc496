-- Decisions by approval id. For a waiting task the id is that of its intent; other ids are recorded and have no effect.
CREATE TABLE approvals (
  workspace_id UUID NOT NULL,
  approval_id UUID NOT NULL,
  decision TEXT NOT NULL,
  comment TEXT,
  decided_by TEXT NOT NULL,
  decided_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, approval_id)
) /* clustered */;
