-- The audit trail as a chain: `hash` covers a line and the hash of the line before it, `seq` numbers the lines of a trail
-- from 1. Both are null until a worker has chained the line after its commit.
ALTER TABLE audit_events ADD COLUMN seq BIGINT;
ALTER TABLE audit_events ADD COLUMN hash BYTEA;
CREATE INDEX audit_events_unchained ON audit_events (trail_id, audit_id) WHERE seq IS NULL;
CREATE INDEX audit_events_chained ON audit_events (trail_id, seq) WHERE seq IS NOT NULL;

-- The last chained line of each trail, and the last line that the sweep has deleted (0: none).
CREATE TABLE audit_heads (
  trail_id UUID NOT NULL PRIMARY KEY, seq BIGINT NOT NULL, hash BYTEA NOT NULL, swept_seq BIGINT NOT NULL
);

-- Signed statements about a line of a trail: a JSON Web Token over its number and hash. `public_key` verifies it after
-- the key has been deleted. A sweep ends at a checkpoint, which stays.
CREATE TABLE audit_checkpoints (
  trail_id UUID NOT NULL, seq BIGINT NOT NULL, hash BYTEA NOT NULL, at BIGINT NOT NULL,
  statement TEXT NOT NULL, public_key TEXT NOT NULL,
  PRIMARY KEY (trail_id, seq)
) /* clustered */;

-- How long a workspace keeps its data, in days; null for the settings of the server. While `held` is 1, no sweep deletes
-- anything of the workspace.
CREATE TABLE retention_rules (
  workspace_id UUID NOT NULL PRIMARY KEY,
  intents_days BIGINT, files_days BIGINT, audit_days BIGINT, held BIGINT NOT NULL,
  updated_by TEXT NOT NULL, updated_at BIGINT NOT NULL
);
