-- The browsers that show a person's tasks as notifications (RFC 8030). One ends with the session in which it was added.
CREATE TABLE web_push_subscriptions (
  subscription_id UUID NOT NULL PRIMARY KEY, account_id UUID NOT NULL, session_id UUID NOT NULL,
  endpoint TEXT COLLATE "C" NOT NULL, public_key BYTEA NOT NULL, auth_secret BYTEA NOT NULL, browser TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX web_push_subscriptions_endpoint ON web_push_subscriptions (endpoint);
CREATE INDEX web_push_subscriptions_account ON web_push_subscriptions (account_id);

-- The key that names this server to push services: one row, in PKCS #8.
CREATE TABLE web_push_keys (only_row BIGINT NOT NULL PRIMARY KEY, pkcs8 BYTEA NOT NULL, created_at BIGINT NOT NULL);
