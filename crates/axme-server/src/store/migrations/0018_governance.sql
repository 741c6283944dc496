-- The audit trail of a workspace, or of an organization as a whole. It is read newest first, by the beginning of what was
-- done and by who did it; what is sorted is compared by bytes, so the table is made anew.
CREATE TABLE audit_trail (
  trail_id UUID NOT NULL,
  audit_id UUID NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT COLLATE "C" NOT NULL,
  action TEXT COLLATE "C" NOT NULL,
  subject TEXT NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (trail_id, audit_id)
) /* clustered */;
INSERT INTO audit_trail (trail_id, audit_id, at, actor, action, subject, details)
  SELECT workspace_id, audit_id, at, actor, action, subject, details FROM audit_lines;
DROP TABLE audit_lines;
CREATE INDEX audit_trail_action ON audit_trail (trail_id, action, audit_id);
CREATE INDEX audit_trail_actor ON audit_trail (trail_id, actor, audit_id);
