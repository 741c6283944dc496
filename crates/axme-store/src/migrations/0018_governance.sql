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

-- The period that is running. A plan that is older than this begins with an empty one, on the day it was made.
ALTER TABLE billing_plans ADD COLUMN period_start BIGINT NOT NULL DEFAULT 0;
ALTER TABLE billing_plans ADD COLUMN period_end BIGINT NOT NULL DEFAULT 0;
UPDATE billing_plans SET period_start = created_at - created_at % 86400000000, period_end = created_at - created_at % 86400000000;
CREATE INDEX billing_plans_over ON billing_plans (period_end);

-- What a plan came to in one period, with the terms that it had at its end. A draft is counted once more when it is issued.
CREATE TABLE invoices (
  workspace_id UUID NOT NULL,
  invoice_id UUID NOT NULL,
  billing_plan_id UUID NOT NULL,
  plan_code TEXT NOT NULL,
  billing_cycle TEXT NOT NULL,
  currency TEXT NOT NULL,
  commit_minor BIGINT NOT NULL,
  seats_included BIGINT NOT NULL,
  seats_used BIGINT NOT NULL,
  overage_unit_price_minor BIGINT NOT NULL,
  overage_units BIGINT NOT NULL,
  period_start BIGINT NOT NULL,
  period_end BIGINT NOT NULL,
  issued_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, invoice_id)
) /* clustered */;
CREATE UNIQUE INDEX invoices_period ON invoices (workspace_id, period_start);
CREATE INDEX invoices_drafts ON invoices (period_end) WHERE issued_at IS NULL;

-- Who set a subscription up, when it rests on what they may do in the workspace: it ends with that.
ALTER TABLE webhook_subscriptions ADD COLUMN created_by TEXT COLLATE "C";
CREATE INDEX webhook_subscriptions_of ON webhook_subscriptions (created_by, workspace_id, subscription_id)
  WHERE created_by IS NOT NULL AND revoked_at IS NULL;
