-- A receipt of each decision of a person. The transaction of the decision writes the body; a worker signs it later.
CREATE TABLE receipts (
  workspace_id UUID NOT NULL, receipt_id UUID NOT NULL, intent_id UUID NOT NULL, position BIGINT NOT NULL,
  decided_by TEXT COLLATE "C" NOT NULL, body TEXT NOT NULL, signed TEXT, created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, receipt_id)
) /* clustered */;
CREATE INDEX receipts_intent ON receipts (workspace_id, intent_id, position);
CREATE INDEX receipts_person ON receipts (decided_by, created_at);
CREATE INDEX receipts_unsigned ON receipts (created_at) WHERE signed IS NULL;
-- The keys that sign receipts. Their public halves stay published, so no key is ever deleted.
CREATE TABLE receipt_keys (key_id TEXT COLLATE "C" NOT NULL PRIMARY KEY, seed BYTEA NOT NULL, created_at BIGINT NOT NULL);
