-- People by their nicks. A nick belongs to a workspace. `invited` is 1 for those who came by an invite; `registered_by` is the
-- service account whose key did it.
CREATE TABLE users (
  workspace_id UUID NOT NULL,
  user_id UUID NOT NULL,
  nick TEXT NOT NULL,
  normalized_nick TEXT COLLATE "C" NOT NULL,
  display_name TEXT,
  phone TEXT,
  email TEXT,
  invited BIGINT NOT NULL,
  registered_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, user_id)
) /* clustered */;
CREATE UNIQUE INDEX users_nick ON users (workspace_id, normalized_nick);

-- Invites, by the SHA-256 of their token.
CREATE TABLE invites (
  workspace_id UUID NOT NULL,
  hash BYTEA NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  recipient_hint TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  accepted_at BIGINT,
  accepted_by UUID,
  PRIMARY KEY (workspace_id, hash)
) /* clustered */;
CREATE INDEX invites_age ON invites (expires_at);
