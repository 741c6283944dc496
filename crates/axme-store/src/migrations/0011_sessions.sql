-- Sessions that agents work in together. `depends_on`, `metadata` and `result` are JSON. `last_seq` numbers the entries under
-- the lock of this row.
CREATE TABLE sessions (
  workspace_id UUID NOT NULL,
  session_id UUID NOT NULL,
  kind TEXT NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  project_id TEXT,
  parent_id UUID,
  depends_on TEXT NOT NULL,
  metadata TEXT,
  result TEXT,
  created_by TEXT NOT NULL,
  last_seq BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  completed_at BIGINT,
  PRIMARY KEY (workspace_id, session_id)
) /* clustered */;
CREATE INDEX sessions_status ON sessions (workspace_id, status, session_id);
CREATE INDEX sessions_parent ON sessions (workspace_id, parent_id, session_id) WHERE parent_id IS NOT NULL;

-- What happened in a session. `content` is JSON.
CREATE TABLE session_entries (
  workspace_id UUID NOT NULL,
  session_id UUID NOT NULL,
  seq BIGINT NOT NULL,
  entry_id UUID NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  role TEXT,
  content TEXT,
  content_type TEXT,
  actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, session_id, seq)
) /* clustered */;
