-- Shared by both engines. On SQLite `COLLATE "C"` is dropped (it is SQLite's own order) and `/* clustered */` becomes
-- WITHOUT ROWID. Times are microseconds. JSON is TEXT. A field that is filtered by is a column.

CREATE TABLE organizations (
  org_id UUID NOT NULL PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE workspaces (
  workspace_id UUID NOT NULL PRIMARY KEY,
  org_id UUID NOT NULL,
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  environment TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (org_id, slug)
);

CREATE TABLE accounts (
  account_id UUID NOT NULL PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL
);

CREATE TABLE members (
  org_id UUID NOT NULL,
  workspace_id UUID NOT NULL,
  account_id UUID NOT NULL,
  role TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, workspace_id, account_id)
);

-- `address` is null for an account that is no agent: the workspace's admin.
CREATE TABLE service_accounts (
  workspace_id UUID NOT NULL,
  service_account_id TEXT COLLATE "C" NOT NULL,
  org_id UUID NOT NULL,
  name TEXT NOT NULL,
  display_name TEXT,
  description TEXT,
  role TEXT NOT NULL,
  status TEXT NOT NULL,
  address TEXT COLLATE "C",
  delivery_mode TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, service_account_id)
);
CREATE UNIQUE INDEX service_accounts_address ON service_accounts (workspace_id, address);

-- Only the SHA-256 of a key is kept.
CREATE TABLE api_keys (
  workspace_id UUID NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  service_account_id TEXT COLLATE "C" NOT NULL,
  hash BYTEA NOT NULL,
  hint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  PRIMARY KEY (workspace_id, key_id)
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);

-- The head of an intent: what changes. What never changes is in its first event.
-- `live` is 1 until the intent is terminal; `task_since` is set while a person is asked.
CREATE TABLE intents (
  workspace_id UUID NOT NULL,
  intent_id UUID NOT NULL,
  root_id UUID NOT NULL,
  parent_id UUID,
  intent_type TEXT NOT NULL,
  from_agent TEXT NOT NULL,
  to_agent TEXT NOT NULL,
  status TEXT NOT NULL,
  live BIGINT NOT NULL,
  task_since BIGINT,
  state TEXT NOT NULL,
  steps TEXT,
  position BIGINT NOT NULL,
  policy_generation BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, intent_id)
) /* clustered */;
CREATE INDEX intents_live ON intents (workspace_id, intent_id) WHERE live = 1 AND parent_id IS NULL;
CREATE INDEX intents_tasks ON intents (workspace_id, task_since, intent_id) WHERE task_since IS NOT NULL;

-- One row for each decision: the events it made, in order, as JSON. `position` is that of the last of them.
CREATE TABLE events (
  workspace_id UUID NOT NULL,
  intent_id UUID NOT NULL,
  position BIGINT NOT NULL,
  at BIGINT NOT NULL,
  events TEXT NOT NULL,
  PRIMARY KEY (workspace_id, intent_id, position)
) /* clustered */;

-- The queue of each address. A row exists while its intent is live; `due_at` says when it may be offered (again).
CREATE TABLE deliveries (
  workspace_id UUID NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  intent_id UUID NOT NULL,
  number BIGINT,
  offers BIGINT NOT NULL,
  acknowledged BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, address, intent_id)
) /* clustered */;
CREATE INDEX deliveries_due ON deliveries (workspace_id, address, due_at, intent_id);

-- Numbers deliveries per address. Only claims touch it.
CREATE TABLE delivery_counters (
  workspace_id UUID NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  last_number BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, address)
) /* clustered */;

CREATE TABLE timers (
  workspace_id UUID NOT NULL,
  intent_id UUID NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, intent_id, kind)
) /* clustered */;
CREATE INDEX timers_due ON timers (due_at, workspace_id, intent_id, kind);

-- Answers to calls with an Idempotency-Key. `answer` is null when the answer holds a secret: then `sealed` has it,
-- encrypted under the caller's key.
CREATE TABLE replies (
  workspace_id UUID NOT NULL,
  caller TEXT COLLATE "C" NOT NULL,
  endpoint TEXT COLLATE "C" NOT NULL,
  idempotency_key TEXT COLLATE "C" NOT NULL,
  fingerprint BYTEA NOT NULL,
  status BIGINT NOT NULL,
  answer TEXT,
  sealed BYTEA,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, caller, endpoint, idempotency_key)
) /* clustered */;
CREATE INDEX replies_age ON replies (created_at);

CREATE TABLE audit_lines (
  workspace_id UUID NOT NULL,
  audit_id UUID NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (workspace_id, audit_id)
) /* clustered */;
