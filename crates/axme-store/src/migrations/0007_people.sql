-- What people and chats are told, each by one way. A notice is sent by its delivery: a row of `deliveries` under the address
-- notice://<line>, with the notice's id as intent_id. A line is `mail`, or the host that is posted to. `content` is JSON.
-- `open` is 1 until the notice was sent or given up.
CREATE TABLE notices (
  workspace_id UUID NOT NULL,
  notice_id UUID NOT NULL,
  intent_id UUID NOT NULL,
  line TEXT COLLATE "C" NOT NULL,
  channel TEXT NOT NULL,
  recipient TEXT NOT NULL,
  content TEXT NOT NULL,
  open BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, notice_id)
) /* clustered */;
CREATE INDEX notices_open ON notices (workspace_id, line) WHERE open = 1;
CREATE INDEX notices_age ON notices (created_at);
CREATE INDEX notices_intent ON notices (workspace_id, intent_id);

-- Links to tasks, by the SHA-256 of their token. A link is for one person and one asking of the intent. `via` says how its
-- answer comes, `issued_by` who asked for it, where that is not the platform. Used at most once.
CREATE TABLE task_links (
  workspace_id UUID NOT NULL,
  hash BYTEA NOT NULL,
  intent_id UUID NOT NULL,
  asking BIGINT NOT NULL,
  person TEXT NOT NULL,
  via TEXT NOT NULL,
  issued_by TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  outcome TEXT,
  PRIMARY KEY (workspace_id, hash)
) /* clustered */;
CREATE UNIQUE INDEX task_links_hash ON task_links (hash);
CREATE INDEX task_links_age ON task_links (expires_at);
