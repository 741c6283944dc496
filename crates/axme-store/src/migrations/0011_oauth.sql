-- Clients that have registered themselves. `redirect_uris` is a JSON array. `used_at` is when a person last gave the
-- client a grant.
CREATE TABLE oauth_clients (
  client_id TEXT COLLATE "C" NOT NULL PRIMARY KEY, name TEXT NOT NULL, redirect_uris TEXT NOT NULL,
  created_at BIGINT NOT NULL, used_at BIGINT
);
CREATE INDEX oauth_clients_unused ON oauth_clients (created_at) WHERE used_at IS NULL;
CREATE INDEX oauth_clients_used ON oauth_clients (used_at) WHERE used_at IS NOT NULL;

-- A person who has signed in for a client and is asked for consent. `hash` is of a secret in the page.
CREATE TABLE oauth_consents (
  hash BYTEA NOT NULL PRIMARY KEY,
  client_id TEXT NOT NULL, client_name TEXT NOT NULL, redirect_uri TEXT NOT NULL,
  challenge TEXT NOT NULL, state TEXT NOT NULL, scopes TEXT NOT NULL,
  account_id UUID NOT NULL, expires_at BIGINT NOT NULL
);
CREATE INDEX oauth_consents_expires ON oauth_consents (expires_at);

-- A code that a client exchanges once for tokens. `session_id` is set with its use; a second use ends that session.
CREATE TABLE oauth_codes (
  hash BYTEA NOT NULL PRIMARY KEY,
  client_id TEXT NOT NULL, client_name TEXT NOT NULL, redirect_uri TEXT NOT NULL,
  challenge TEXT NOT NULL, state TEXT NOT NULL, scopes TEXT NOT NULL,
  account_id UUID NOT NULL, workspace_id UUID NOT NULL, expires_at BIGINT NOT NULL, session_id UUID
);
CREATE INDEX oauth_codes_expires ON oauth_codes (expires_at);

-- The rights that a client holds through a session of a person.
CREATE TABLE oauth_grants (
  session_id UUID NOT NULL PRIMARY KEY, client_id TEXT NOT NULL, workspace_id UUID NOT NULL,
  scopes TEXT NOT NULL, created_at BIGINT NOT NULL
);
