-- People who sign in. A name of one's own and a password (a PHC string of Argon2id) are for those who want them.
ALTER TABLE accounts ADD COLUMN nick TEXT COLLATE "C";
ALTER TABLE accounts ADD COLUMN display_name TEXT;
ALTER TABLE accounts ADD COLUMN company TEXT;
ALTER TABLE accounts ADD COLUMN password_hash TEXT;
ALTER TABLE accounts ADD COLUMN selected_workspace_id UUID;
-- When somebody first showed to read the mail of the address.
ALTER TABLE accounts ADD COLUMN verified_at BIGINT;
CREATE UNIQUE INDEX accounts_nick ON accounts (nick);

-- The organizations of a person are looked for by the person.
CREATE INDEX org_members_of ON org_members (actor_id, org_id);

-- Somebody asked to sign in. Code and link are drawn when the mail is sent; only their hashes are kept.
CREATE TABLE login_intents (
  login_intent_id UUID NOT NULL PRIMARY KEY,
  email TEXT COLLATE "C" NOT NULL,
  grant_hash BYTEA NOT NULL,
  code_hash BYTEA,
  link_hash BYTEA,
  wrong_codes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX login_intents_email ON login_intents (email, created_at);

-- What a program polls until somebody has approved it elsewhere. `user_code` is what people compare.
CREATE TABLE cli_grants (
  hash BYTEA NOT NULL PRIMARY KEY,
  user_code TEXT COLLATE "C" NOT NULL,
  is_device BIGINT NOT NULL,
  account_id UUID,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  delivered_at BIGINT
);
CREATE UNIQUE INDEX cli_grants_code ON cli_grants (user_code);

-- Somebody who is at a provider of OpenID Connect. `hash` is of the state that comes back, then of what confirms on the page.
CREATE TABLE oidc_logins (
  hash BYTEA NOT NULL PRIMARY KEY,
  grant_hash BYTEA NOT NULL,
  nonce TEXT NOT NULL,
  verifier TEXT NOT NULL,
  email TEXT,
  expires_at BIGINT NOT NULL
);

CREATE TABLE login_sessions (
  account_id UUID NOT NULL,
  session_id UUID NOT NULL,
  client_type TEXT NOT NULL,
  device_label TEXT,
  created_at BIGINT NOT NULL,
  refreshed_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  PRIMARY KEY (account_id, session_id)
);
CREATE UNIQUE INDEX login_sessions_id ON login_sessions (session_id);

-- Each is good for one refresh. A used one is kept, so that using it again is noticed.
CREATE TABLE refresh_tokens (
  hash BYTEA NOT NULL PRIMARY KEY,
  session_id UUID NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);

-- What a dashboard is opened with: good once, for minutes.
CREATE TABLE exchange_tokens (
  hash BYTEA NOT NULL PRIMARY KEY,
  account_id UUID NOT NULL,
  workspace_id UUID NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);

-- Wrong passwords by the hash of the name they were tried for, whether there is such a person or not.
CREATE TABLE login_failures (
  name_hash BYTEA NOT NULL PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  locked_until BIGINT
);

-- Seeds of Ed25519 keys that sign the tokens of people.
CREATE TABLE signing_keys (
  key_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  seed BYTEA NOT NULL,
  created_at BIGINT NOT NULL
);

-- The account of a person's logins is looked for by the person.
CREATE INDEX service_accounts_logins ON service_accounts (workspace_id, created_by) WHERE role = 'login';
CREATE INDEX access_requests_of ON access_requests (requested_by, state);

-- Trials whose address is to be verified, with the hash of the token of the last mail.
CREATE TABLE trials (
  trial_id UUID NOT NULL PRIMARY KEY,
  email TEXT COLLATE "C" NOT NULL,
  org_id UUID NOT NULL,
  workspace_id UUID NOT NULL,
  hash BYTEA,
  mails BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  verified_at BIGINT
);
CREATE INDEX trials_email ON trials (email, created_at);
CREATE INDEX trials_hash ON trials (hash);
