-- The calls that a key is valid for: `full`, `read` or `submit`. `addresses` is a JSON array of the only addresses that the
-- key works with; null for all.
ALTER TABLE api_keys ADD COLUMN scope TEXT NOT NULL DEFAULT 'full';
ALTER TABLE api_keys ADD COLUMN addresses TEXT;

-- Why and by whom the hold of a workspace began; null without a hold.
ALTER TABLE retention_rules ADD COLUMN hold_reason TEXT;
ALTER TABLE retention_rules ADD COLUMN held_by TEXT;
ALTER TABLE retention_rules ADD COLUMN held_at BIGINT;

-- The trace in which the first intent of a family was submitted, as a W3C `traceparent`. Families without one have no row.
CREATE TABLE intent_traces (
  root_id UUID NOT NULL PRIMARY KEY, workspace_id UUID NOT NULL, traceparent TEXT NOT NULL
) /* clustered */;

-- The mail that tells the operator about trouble: when one was last sent. The nodes share the row.
CREATE TABLE operator_mails (
  name TEXT COLLATE "C" NOT NULL PRIMARY KEY, sent_at BIGINT NOT NULL
);
