-- Files: what was announced, and once it is there what arrived. The bytes lie in the folder `media` under `stored_file`. The
-- token of the URL to upload to, and those to download with, are kept as their SHA-256.
CREATE TABLE media_uploads (
  workspace_id UUID NOT NULL,
  upload_id UUID NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  filename TEXT NOT NULL,
  mime_type TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  sha256 TEXT,
  token_hash BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  finalized_at BIGINT,
  stored_file TEXT,
  stored_bytes BIGINT,
  stored_sha256 TEXT,
  PRIMARY KEY (workspace_id, upload_id)
) /* clustered */;
CREATE UNIQUE INDEX media_uploads_token ON media_uploads (token_hash);
CREATE INDEX media_uploads_age ON media_uploads (expires_at) WHERE finalized_at IS NULL;

CREATE TABLE media_links (
  hash BYTEA NOT NULL,
  workspace_id UUID NOT NULL,
  upload_id UUID NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (hash)
) /* clustered */;
CREATE INDEX media_links_age ON media_links (expires_at);
