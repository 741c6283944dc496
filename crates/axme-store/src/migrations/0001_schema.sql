-- The schema, for both engines: before it runs on SQLite, `COLLATE "C"` is removed (SQLite always compares bytes) and
-- `/* clustered */` becomes WITHOUT ROWID. Times are microseconds since 1970, JSON is TEXT, and a yes or no is 1 or 0.
-- A field that a statement filters by is a column. A primary key starts with the workspace wherever the table belongs to one.

-- ===== Organizations, their workspaces and members =====

-- `status` is `pending`, `active`, `suspended` or `archived`. `metadata` is a JSON object.
CREATE TABLE organizations (
  org_id UUID NOT NULL PRIMARY KEY, slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL, legal_name TEXT, primary_domain TEXT, status TEXT NOT NULL,
  metadata TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
);

-- `status` is `active`, `suspended` or `archived`.
CREATE TABLE workspaces (
  workspace_id UUID NOT NULL PRIMARY KEY, org_id UUID NOT NULL,
  slug TEXT NOT NULL,
  name TEXT NOT NULL, environment TEXT NOT NULL, region TEXT, status TEXT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  UNIQUE (org_id, slug)
);

-- The role of a person, or of a service account, in a workspace. `workspace_id` is all zeros for a member of the whole
-- organization. `actor_id` is the name that the owner of a key has. A removed member keeps its row.
CREATE TABLE members (
  org_id UUID NOT NULL, member_id UUID NOT NULL,
  workspace_id UUID NOT NULL, actor_id TEXT COLLATE "C" NOT NULL,
  role TEXT NOT NULL, status TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, member_id)
) /* clustered */;
CREATE UNIQUE INDEX members_actor ON members (org_id, actor_id, workspace_id);
CREATE INDEX members_organizations ON members (actor_id, org_id);

-- Requests for a role, an organization or a higher tier. `review_org_id` is the organization whose members decide: the one
-- that the request names, or the one that it comes from.
CREATE TABLE access_requests (
  access_request_id UUID NOT NULL PRIMARY KEY,
  review_org_id UUID NOT NULL, from_workspace_id UUID NOT NULL,
  requested_by TEXT NOT NULL, requester_actor_id TEXT NOT NULL,
  request_type TEXT NOT NULL, state TEXT NOT NULL,
  org_id UUID, workspace_id UUID, requested_role TEXT, requested_tier TEXT, company_name TEXT, justification TEXT,
  reviewer_actor_id TEXT, review_comment TEXT, reviewed_at BIGINT, expires_at BIGINT,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
);
CREATE INDEX access_requests_review ON access_requests (review_org_id, state, access_request_id);
CREATE INDEX access_requests_from ON access_requests (from_workspace_id, state, access_request_id);
CREATE INDEX access_requests_requester ON access_requests (requested_by, state);
CREATE INDEX access_requests_decided ON access_requests (reviewed_at) WHERE state IN ('approved', 'rejected');
CREATE INDEX access_requests_expires ON access_requests (expires_at) WHERE expires_at IS NOT NULL;

-- ===== People and how they sign in =====

-- A person, by e-mail address in lower case. A nick and a password (an Argon2id hash in PHC format) are optional.
-- `verified_at` is when the person first proved to read the mail of the address.
CREATE TABLE person_accounts (
  account_id UUID NOT NULL PRIMARY KEY, email TEXT NOT NULL UNIQUE,
  nick TEXT COLLATE "C", display_name TEXT, company TEXT,
  password_hash TEXT,
  selected_workspace_id UUID, created_at BIGINT NOT NULL, verified_at BIGINT
);
CREATE UNIQUE INDEX person_accounts_nick ON person_accounts (nick);

-- A sign-in by mail that has begun. The code and the link are drawn when the mail is sent; only their hashes are kept.
CREATE TABLE login_intents (
  login_intent_id UUID NOT NULL PRIMARY KEY, email TEXT COLLATE "C" NOT NULL,
  grant_hash BYTEA NOT NULL, code_hash BYTEA, link_hash BYTEA,
  wrong_codes BIGINT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT
);
CREATE INDEX login_intents_email ON login_intents (email, created_at);
CREATE INDEX login_intents_expires ON login_intents (expires_at);

-- A program that polls until a person approves it elsewhere. The person compares `user_code`.
CREATE TABLE cli_grants (
  hash BYTEA NOT NULL PRIMARY KEY, user_code TEXT COLLATE "C" NOT NULL,
  is_device BIGINT NOT NULL, account_id UUID,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, delivered_at BIGINT
);
CREATE UNIQUE INDEX cli_grants_code ON cli_grants (user_code);
CREATE INDEX cli_grants_expires ON cli_grants (expires_at);

-- A sign-in at an OpenID Connect provider. `hash` is of the state that comes back, then of the token that confirms the page.
CREATE TABLE oidc_logins (
  hash BYTEA NOT NULL PRIMARY KEY, grant_hash BYTEA NOT NULL,
  nonce TEXT NOT NULL, verifier TEXT NOT NULL, email TEXT, expires_at BIGINT NOT NULL
);
CREATE INDEX oidc_logins_expires ON oidc_logins (expires_at);

-- A session of a person. One that began with a workspace key ends with that key.
CREATE TABLE login_sessions (
  account_id UUID NOT NULL, session_id UUID NOT NULL,
  client_type TEXT NOT NULL, device_label TEXT,
  key_workspace_id UUID, key_id TEXT COLLATE "C",
  created_at BIGINT NOT NULL, refreshed_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, revoked_at BIGINT,
  PRIMARY KEY (account_id, session_id)
);
CREATE UNIQUE INDEX login_sessions_id ON login_sessions (session_id);

-- A refresh token is valid once. A used one is kept, so that a second use is noticed.
CREATE TABLE refresh_tokens (
  hash BYTEA NOT NULL PRIMARY KEY,
  session_id UUID NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT
);

-- The token that opens a dashboard: valid once, for minutes.
CREATE TABLE exchange_tokens (
  hash BYTEA NOT NULL PRIMARY KEY, account_id UUID NOT NULL, workspace_id UUID NOT NULL,
  key_workspace_id UUID, key_id TEXT COLLATE "C", expires_at BIGINT NOT NULL, used_at BIGINT
);

-- Wrong passwords, by the hash of the name that was tried. The name need not belong to anybody.
CREATE TABLE login_failures (
  name_hash BYTEA NOT NULL PRIMARY KEY,
  failures BIGINT NOT NULL, last_at BIGINT NOT NULL, locked_until BIGINT
);

-- Seeds of the Ed25519 keys that sign the tokens of people.
CREATE TABLE signing_keys (
  key_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  seed BYTEA NOT NULL, created_at BIGINT NOT NULL
);

-- Trials whose e-mail address is not verified yet, with the hash of the token in the last mail.
CREATE TABLE trials (
  trial_id UUID NOT NULL PRIMARY KEY, email TEXT COLLATE "C" NOT NULL,
  org_id UUID NOT NULL, workspace_id UUID NOT NULL, hash BYTEA, mails BIGINT NOT NULL,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, verified_at BIGINT
);
CREATE INDEX trials_email ON trials (email, created_at);
CREATE INDEX trials_hash ON trials (hash);

-- ===== Service accounts and their keys =====

-- An account with an address is an agent. One without an address acts in the name of its owner, `created_by`.
-- `callback_url` is set for agents that receive pushes; `webhook_secret` signs them, so it cannot be kept as a hash.
CREATE TABLE service_accounts (
  workspace_id UUID NOT NULL, service_account_id TEXT COLLATE "C" NOT NULL,
  org_id UUID NOT NULL,
  name TEXT NOT NULL, display_name TEXT, description TEXT,
  role TEXT NOT NULL, status TEXT NOT NULL, address TEXT COLLATE "C",
  delivery_mode TEXT NOT NULL, callback_url TEXT, webhook_secret TEXT,
  created_by TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, service_account_id)
);
CREATE UNIQUE INDEX service_accounts_address ON service_accounts (workspace_id, address);
CREATE INDEX service_accounts_pushed ON service_accounts (workspace_id, service_account_id) WHERE callback_url IS NOT NULL;
-- Some calls know the account and not its workspace.
CREATE INDEX service_accounts_id ON service_accounts (service_account_id);
CREATE INDEX service_accounts_logins ON service_accounts (workspace_id, created_by) WHERE role = 'login';

-- Only the SHA-256 of a key is kept. `last_used_at` is exact to the minute.
CREATE TABLE api_keys (
  workspace_id UUID NOT NULL, key_id TEXT COLLATE "C" NOT NULL,
  service_account_id TEXT COLLATE "C" NOT NULL, hash BYTEA NOT NULL, hint TEXT NOT NULL,
  created_at BIGINT NOT NULL, expires_at BIGINT, revoked_at BIGINT, last_used_at BIGINT,
  PRIMARY KEY (workspace_id, key_id)
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_account ON api_keys (workspace_id, service_account_id, key_id);

-- ===== Intents =====

-- The current state of an intent. The fields that never change are in its first event. `live` is 1 until the status is
-- terminal. `task_since` is set while a person is asked. `reply_to` is the canonical address that receives the result.
-- `state`, `steps`, `tally` (what was counted) and `policy` (what was set) are JSON; the last three are null when empty.
-- `outcome` is reserved for searching intents by how they ended: null so far, nothing writes it yet.
CREATE TABLE intents (
  workspace_id UUID NOT NULL, intent_id UUID NOT NULL,
  root_id UUID NOT NULL, parent_id UUID, intent_type TEXT NOT NULL,
  from_agent TEXT NOT NULL, to_agent TEXT NOT NULL, reply_to TEXT COLLATE "C",
  status TEXT NOT NULL, live BIGINT NOT NULL, task_since BIGINT, outcome TEXT,
  state TEXT NOT NULL, steps TEXT, tally TEXT, policy TEXT,
  position BIGINT NOT NULL, policy_generation BIGINT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, intent_id)
) /* clustered */;
CREATE INDEX intents_live ON intents (workspace_id, intent_id) WHERE live = 1 AND parent_id IS NULL;
CREATE INDEX intents_tasks ON intents (workspace_id, task_since, intent_id) WHERE task_since IS NOT NULL;
CREATE INDEX intents_received ON intents (workspace_id, to_agent, live, intent_id);
CREATE INDEX intents_changed ON intents (workspace_id, to_agent, updated_at, intent_id);
CREATE INDEX intents_replied ON intents (workspace_id, reply_to, intent_id) WHERE reply_to IS NOT NULL AND live = 0;
CREATE INDEX intents_replied_changed ON intents (workspace_id, reply_to, updated_at, intent_id)
  WHERE reply_to IS NOT NULL AND live = 0;

-- One row per decision: its events in order, as JSON. `position` is the position of the last of them.
CREATE TABLE events (
  workspace_id UUID NOT NULL, intent_id UUID NOT NULL, position BIGINT NOT NULL,
  at BIGINT NOT NULL, events TEXT NOT NULL,
  PRIMARY KEY (workspace_id, intent_id, position)
) /* clustered */;

-- Reserved: the fields of an intent that its type declares as searchable, at most eight per type. An intent of a type that
-- declares none has no row here. Nothing writes this table yet.
CREATE TABLE intent_attributes (
  workspace_id UUID NOT NULL, intent_id UUID NOT NULL, name TEXT COLLATE "C" NOT NULL,
  intent_type TEXT COLLATE "C" NOT NULL, value TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (workspace_id, intent_id, name)
) /* clustered */;
CREATE INDEX intent_attributes_search ON intent_attributes (workspace_id, intent_type, name, value, intent_id);

-- Something that becomes due at a time, such as a deadline, a reminder or a retry.
CREATE TABLE timers (
  workspace_id UUID NOT NULL, intent_id UUID NOT NULL, kind TEXT COLLATE "C" NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, intent_id, kind)
) /* clustered */;
CREATE INDEX timers_due ON timers (due_at, workspace_id, intent_id, kind);

-- Decisions by approval id. For a waiting task this is the id of its intent; other ids are recorded and have no effect.
CREATE TABLE approvals (
  workspace_id UUID NOT NULL, approval_id UUID NOT NULL,
  decision TEXT NOT NULL, comment TEXT,
  decided_by TEXT NOT NULL, decided_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, approval_id)
) /* clustered */;

-- Links to tasks, by the SHA-256 of their token. A link is for one person and one request to that person, and is used at
-- most once. `via` says how its answer comes. `issued_by` is the caller that asked for the link, null for the platform.
CREATE TABLE task_links (
  workspace_id UUID NOT NULL, hash BYTEA NOT NULL,
  intent_id UUID NOT NULL, asking BIGINT NOT NULL,
  person TEXT NOT NULL, via TEXT NOT NULL, issued_by TEXT,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT, outcome TEXT,
  PRIMARY KEY (workspace_id, hash)
) /* clustered */;
CREATE UNIQUE INDEX task_links_hash ON task_links (hash);
CREATE INDEX task_links_expires ON task_links (expires_at);

-- JSON Schemas of payloads, by semantic type: the type of the intents that they apply to. An empty `owner` means the whole
-- workspace, any other value the intents to that agent.
CREATE TABLE schemas (
  workspace_id UUID NOT NULL, semantic_type TEXT COLLATE "C" NOT NULL, owner TEXT COLLATE "C" NOT NULL,
  schema_ref TEXT NOT NULL, schema_hash TEXT NOT NULL, schema_json TEXT NOT NULL,
  compatibility_mode TEXT NOT NULL, scope TEXT NOT NULL, active BIGINT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, semantic_type, owner)
) /* clustered */;

-- Reserved: scenario bundles that are kept under a name. A version never changes; a name is started with its highest version
-- that is not retired. `bundle` is JSON. Nothing writes this table yet.
CREATE TABLE scenarios (
  workspace_id UUID NOT NULL, name TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL,
  bundle TEXT NOT NULL,
  created_by TEXT NOT NULL, created_at BIGINT NOT NULL, retired_at BIGINT,
  PRIMARY KEY (workspace_id, name, version)
) /* clustered */;

-- Reserved: the intents that a kept scenario has started, by its name and version. Nothing writes this table yet.
CREATE TABLE scenario_runs (
  workspace_id UUID NOT NULL, name TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, intent_id UUID NOT NULL,
  started_by TEXT NOT NULL, started_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, name, version, intent_id)
) /* clustered */;
CREATE UNIQUE INDEX scenario_runs_intent ON scenario_runs (workspace_id, intent_id);

-- ===== The queues =====

-- One queue per address. `due_at` says when an item may be offered (again). `dead_at` is set when it was given up: it is kept
-- and never due. What leaves the building waits here as well: events for subscribers under webhook://<subscription_id>,
-- notices under notice://<queue>.
-- `kind` says which table `item_id` belongs to: 0 an intent, 1 a webhook event, 2 a notice, 3 a routed delivery. It is not
-- part of the key: ids are unique across kinds, and the statements that claim, acknowledge and delete know the id already.
CREATE TABLE queue_items (
  workspace_id UUID NOT NULL, address TEXT COLLATE "C" NOT NULL, item_id UUID NOT NULL,
  kind BIGINT NOT NULL,
  number BIGINT, offers BIGINT NOT NULL, acknowledged BIGINT NOT NULL,
  due_at BIGINT NOT NULL, dead_at BIGINT, last_error TEXT,
  PRIMARY KEY (workspace_id, address, item_id)
) /* clustered */;
CREATE INDEX queue_items_due ON queue_items (workspace_id, address, due_at, item_id);
CREATE INDEX queue_items_dead ON queue_items (workspace_id, item_id) WHERE dead_at IS NOT NULL;

-- The last number that was given to an offer of an address. Only claims change it.
CREATE TABLE queue_counters (
  workspace_id UUID NOT NULL, address TEXT COLLATE "C" NOT NULL,
  last_number BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, address)
) /* clustered */;

-- A message to a person or a chat, in one way. `queue` is `mail`, `login`, or the host that is posted to, so that one host
-- that hangs delays no other. `intent_id` is the intent that it reports on, if any. `content` is JSON. `open` is 1 until the
-- notice was sent or given up.
CREATE TABLE notices (
  workspace_id UUID NOT NULL, notice_id UUID NOT NULL, intent_id UUID,
  queue TEXT COLLATE "C" NOT NULL,
  channel TEXT NOT NULL, recipient TEXT NOT NULL, content TEXT NOT NULL,
  open BIGINT NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, notice_id)
) /* clustered */;
CREATE INDEX notices_open ON notices (workspace_id, queue) WHERE open = 1;
CREATE INDEX notices_age ON notices (created_at);
CREATE INDEX notices_intent ON notices (workspace_id, intent_id);

-- Subscribers to events. The secret signs what is sent, so it cannot be kept as a hash. `for_all` is 1 for a subscription of
-- the workspace itself: it receives the events of every owner. `created_by` is set when the subscription rests on what that
-- caller may do in the workspace; it ends with that.
CREATE TABLE webhook_subscriptions (
  workspace_id UUID NOT NULL, subscription_id UUID NOT NULL,
  owner TEXT COLLATE "C" NOT NULL, for_all BIGINT NOT NULL,
  callback_url TEXT NOT NULL, secret TEXT NOT NULL,
  event_types TEXT NOT NULL, active BIGINT NOT NULL, description TEXT,
  created_by TEXT COLLATE "C",
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revoked_at BIGINT,
  PRIMARY KEY (workspace_id, subscription_id)
) /* clustered */;
CREATE INDEX webhook_subscriptions_active ON webhook_subscriptions (workspace_id, subscription_id)
  WHERE active = 1 AND revoked_at IS NULL;
CREATE INDEX webhook_subscriptions_creator ON webhook_subscriptions (created_by, workspace_id, subscription_id)
  WHERE created_by IS NOT NULL AND revoked_at IS NULL;

-- Events that have a subscriber. `owners` is JSON. `queued` counts the items that were ever queued for it, `delivered` those
-- that arrived; an item that arrived is removed from the queue.
CREATE TABLE webhook_events (
  workspace_id UUID NOT NULL, event_id UUID NOT NULL,
  owners TEXT NOT NULL, event_type TEXT NOT NULL, source TEXT NOT NULL, payload TEXT NOT NULL,
  queued BIGINT NOT NULL, delivered BIGINT NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
) /* clustered */;
CREATE INDEX webhook_events_age ON webhook_events (created_at);

-- Decisions about intents, and entries of threads (`entry`, else 0), that are to be turned into webhook events.
CREATE TABLE fanouts (
  workspace_id UUID NOT NULL, intent_id UUID NOT NULL, position BIGINT NOT NULL, entry BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, intent_id, position, entry)
) /* clustered */;

-- ===== The inbox: a thread is derived from its intent; these rows are what people and agents add to it =====

-- One row per owner of a thread that something was added to, and per owner that the intent does not name: people who are
-- asked, delegates, writers. `acts` counts the additions. `decides` is 1 for an owner that decides in the receiver's place.
CREATE TABLE inbox_members (
  workspace_id UUID NOT NULL, owner TEXT COLLATE "C" NOT NULL, thread_id UUID NOT NULL,
  decides BIGINT NOT NULL, acts BIGINT NOT NULL, joined_at BIGINT NOT NULL, read_at BIGINT,
  PRIMARY KEY (workspace_id, owner, thread_id)
) /* clustered */;
CREATE INDEX inbox_members_thread ON inbox_members (workspace_id, thread_id, owner);

-- Replies, delegations and decisions. `details` is JSON.
CREATE TABLE inbox_entries (
  workspace_id UUID NOT NULL, thread_id UUID NOT NULL, number BIGINT NOT NULL,
  entry_id UUID NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, at BIGINT NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (workspace_id, thread_id, number)
) /* clustered */;

-- Deleted messages. An empty `owner` means deleted for everybody.
CREATE TABLE inbox_deleted (
  workspace_id UUID NOT NULL, thread_id UUID NOT NULL, owner TEXT COLLATE "C" NOT NULL, message_id UUID NOT NULL,
  PRIMARY KEY (workspace_id, thread_id, owner, message_id)
) /* clustered */;

-- The last change of each thread, numbered when its owner asks. `version` is the intent's position plus `acts`.
CREATE TABLE inbox_changes (
  workspace_id UUID NOT NULL, owner TEXT COLLATE "C" NOT NULL, thread_id UUID NOT NULL,
  number BIGINT NOT NULL, version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, owner, thread_id)
) /* clustered */;
CREATE INDEX inbox_changes_number ON inbox_changes (workspace_id, owner, number);

-- The last number of a change per owner, and the time up to which changes were looked for.
CREATE TABLE inbox_counters (
  workspace_id UUID NOT NULL, owner TEXT COLLATE "C" NOT NULL,
  last_number BIGINT NOT NULL, seen_until BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, owner)
) /* clustered */;

-- Files. The bytes are in the folder `media` under `stored_file`, once they have arrived. The tokens of the URLs for upload
-- and download are kept as SHA-256.
CREATE TABLE media_uploads (
  workspace_id UUID NOT NULL, upload_id UUID NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  filename TEXT NOT NULL, mime_type TEXT NOT NULL, size_bytes BIGINT NOT NULL, sha256 TEXT,
  token_hash BYTEA NOT NULL,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, finalized_at BIGINT,
  stored_file TEXT, stored_bytes BIGINT, stored_sha256 TEXT,
  PRIMARY KEY (workspace_id, upload_id)
) /* clustered */;
CREATE UNIQUE INDEX media_uploads_token ON media_uploads (token_hash);
CREATE INDEX media_uploads_expires ON media_uploads (expires_at) WHERE finalized_at IS NULL;
-- The sweep deletes files that no upload names.
CREATE INDEX media_uploads_file ON media_uploads (stored_file) WHERE stored_file IS NOT NULL;

CREATE TABLE media_links (
  hash BYTEA NOT NULL,
  workspace_id UUID NOT NULL, upload_id UUID NOT NULL, expires_at BIGINT NOT NULL,
  PRIMARY KEY (hash)
) /* clustered */;
CREATE INDEX media_links_expires ON media_links (expires_at);

-- ===== The mesh: health, cost and control of agents =====

-- The last heartbeat of an agent. `health` is the one that the last event reported; what callers see follows from `beat_at`.
-- `metadata` is JSON: what the agent reported beside the counters.
CREATE TABLE mesh_agents (
  workspace_id UUID NOT NULL, address TEXT COLLATE "C" NOT NULL,
  beat_at BIGINT NOT NULL, health TEXT NOT NULL, metadata TEXT,
  PRIMARY KEY (workspace_id, address)
) /* clustered */;

-- Counters of an agent in one hour since 1970. The server counts `admitted`, for agents with a cost policy; the agent reports
-- the others. `latency_micros` is the sum of `latencies` measurements.
CREATE TABLE mesh_hours (
  workspace_id UUID NOT NULL, address TEXT COLLATE "C" NOT NULL, hour BIGINT NOT NULL,
  total BIGINT NOT NULL, succeeded BIGINT NOT NULL, failed BIGINT NOT NULL,
  latency_micros BIGINT NOT NULL, latencies BIGINT NOT NULL, cost_micros BIGINT NOT NULL,
  admitted BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, address, hour)
) /* clustered */;
CREATE INDEX mesh_hours_age ON mesh_hours (hour);

-- The policies of an agent. `cost` and `action` are JSON, null without a policy. `killed` is 1 while the agent is stopped.
CREATE TABLE mesh_rules (
  workspace_id UUID NOT NULL, address TEXT COLLATE "C" NOT NULL,
  killed BIGINT NOT NULL, cost TEXT, action TEXT, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, address)
) /* clustered */;

-- `details` is JSON. `actor` is null when the platform did it.
CREATE TABLE mesh_events (
  workspace_id UUID NOT NULL, event_id UUID NOT NULL,
  address TEXT COLLATE "C" NOT NULL, event_type TEXT COLLATE "C" NOT NULL, details TEXT, actor TEXT, at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
) /* clustered */;
CREATE INDEX mesh_events_type ON mesh_events (workspace_id, event_type, event_id);
CREATE INDEX mesh_events_agent ON mesh_events (workspace_id, address, event_id);
CREATE INDEX mesh_events_age ON mesh_events (at);

-- ===== Sessions that agents work in together =====

-- `depends_on`, `metadata` and `result` are JSON. `last_seq` numbers the entries under the lock of this row.
CREATE TABLE sessions (
  workspace_id UUID NOT NULL, session_id UUID NOT NULL,
  kind TEXT NOT NULL, status TEXT COLLATE "C" NOT NULL, project_id TEXT, parent_id UUID,
  depends_on TEXT NOT NULL, metadata TEXT, result TEXT,
  created_by TEXT NOT NULL, last_seq BIGINT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, completed_at BIGINT,
  PRIMARY KEY (workspace_id, session_id)
) /* clustered */;
CREATE INDEX sessions_status ON sessions (workspace_id, status, session_id);
CREATE INDEX sessions_parent ON sessions (workspace_id, parent_id, session_id) WHERE parent_id IS NOT NULL;

-- What happened in a session. `content` is JSON.
CREATE TABLE session_entries (
  workspace_id UUID NOT NULL, session_id UUID NOT NULL, seq BIGINT NOT NULL,
  entry_id UUID NOT NULL,
  kind TEXT COLLATE "C" NOT NULL, role TEXT, content TEXT, content_type TEXT,
  actor TEXT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, session_id, seq)
) /* clustered */;

-- ===== The directory: users, principals and the routes to them =====

-- People by nick; a nick belongs to a workspace. `invited` is 1 for a person who accepted an invite. `registered_by` is the
-- service account whose key registered the user.
CREATE TABLE users (
  workspace_id UUID NOT NULL, user_id UUID NOT NULL,
  nick TEXT NOT NULL, normalized_nick TEXT COLLATE "C" NOT NULL,
  display_name TEXT, phone TEXT, email TEXT,
  invited BIGINT NOT NULL, registered_by TEXT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, user_id)
) /* clustered */;
CREATE UNIQUE INDEX users_nick ON users (workspace_id, normalized_nick);

-- Invites, by the SHA-256 of their token.
CREATE TABLE invites (
  workspace_id UUID NOT NULL, hash BYTEA NOT NULL,
  owner TEXT COLLATE "C" NOT NULL, recipient_hint TEXT,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, accepted_at BIGINT, accepted_by UUID,
  PRIMARY KEY (workspace_id, hash)
) /* clustered */;
CREATE INDEX invites_expires ON invites (expires_at);

-- Who can be reached, in this table and the next three: principals, their aliases, and where they are reached. `metadata` is
-- a JSON object.
CREATE TABLE principals (
  workspace_id UUID NOT NULL, principal_id UUID NOT NULL,
  principal_type TEXT NOT NULL, display_name TEXT, status TEXT NOT NULL, metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, principal_id)
) /* clustered */;

CREATE TABLE principal_aliases (
  workspace_id UUID NOT NULL, alias_id UUID NOT NULL,
  principal_id UUID NOT NULL,
  alias TEXT COLLATE "C" NOT NULL, alias_type TEXT NOT NULL, metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revoked_at BIGINT,
  PRIMARY KEY (workspace_id, alias_id)
) /* clustered */;
CREATE UNIQUE INDEX principal_aliases_active ON principal_aliases (workspace_id, alias) WHERE revoked_at IS NULL;

CREATE TABLE routes (
  workspace_id UUID NOT NULL, route_id UUID NOT NULL,
  principal_id UUID NOT NULL,
  transport_type TEXT NOT NULL, endpoint_url TEXT NOT NULL, auth_mode TEXT NOT NULL, region TEXT, cluster_id TEXT,
  failover_policy TEXT NOT NULL, priority BIGINT NOT NULL, health_status TEXT NOT NULL, status TEXT NOT NULL,
  metadata TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, route_id)
) /* clustered */;
CREATE INDEX routes_principal ON routes (workspace_id, principal_id);

CREATE TABLE transport_bindings (
  workspace_id UUID NOT NULL, binding_id UUID NOT NULL,
  principal_id UUID NOT NULL,
  transport_type TEXT NOT NULL, transport_handle TEXT NOT NULL, priority BIGINT NOT NULL, status TEXT NOT NULL,
  metadata TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, binding_id)
) /* clustered */;
CREATE UNIQUE INDEX transport_bindings_handle
  ON transport_bindings (workspace_id, principal_id, transport_type, transport_handle);

-- Deliveries along a route. A notice with the same id sends it; its item in the queue with the address `queue_address` says
-- how far it is. No item is left once it has arrived.
CREATE TABLE routed_deliveries (
  workspace_id UUID NOT NULL, delivery_id UUID NOT NULL, replay_of UUID,
  principal_id UUID NOT NULL, alias TEXT, transport_type TEXT NOT NULL, route_id UUID NOT NULL,
  queue_address TEXT COLLATE "C" NOT NULL,
  correlation_id TEXT, idempotency_key TEXT, payload TEXT NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, delivery_id)
) /* clustered */;
CREATE INDEX routed_deliveries_age ON routed_deliveries (created_at);

-- ===== Policies, quotas and billing =====

-- Who may send to whom. `kind` is `receive` for an organization (`owner_id` is its id, `address` is empty), `override` or
-- `send` for an agent (`owner_id` is its workspace).
CREATE TABLE sender_policies (
  owner_id UUID NOT NULL, kind TEXT COLLATE "C" NOT NULL, address TEXT COLLATE "C" NOT NULL,
  policy_id UUID NOT NULL, policy_type TEXT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (owner_id, kind, address)
) /* clustered */;
CREATE INDEX sender_policies_kind ON sender_policies (kind, owner_id);

CREATE TABLE sender_entries (
  owner_id UUID NOT NULL, kind TEXT COLLATE "C" NOT NULL, address TEXT COLLATE "C" NOT NULL, entry_id UUID NOT NULL,
  sender_pattern TEXT NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (owner_id, kind, address, entry_id)
) /* clustered */;

-- How often the rules of a workspace or an organization have changed: what was derived from them is good for one version.
CREATE TABLE policy_versions (owner_id UUID NOT NULL PRIMARY KEY, version BIGINT NOT NULL);

-- The limits of a workspace; one without a row has none. `dimensions` is JSON, and 0 in it means no limit.
CREATE TABLE quota_policies (
  workspace_id UUID NOT NULL PRIMARY KEY, quota_policy_id UUID NOT NULL,
  tier TEXT NOT NULL, dimensions TEXT NOT NULL,
  soft_threshold_percent BIGINT NOT NULL, hard_enforcement BIGINT NOT NULL, overage_mode TEXT NOT NULL,
  updated_by TEXT, updated_at BIGINT NOT NULL
);

-- Usage per hour. Several rows (`slot`) per hour, so that calls that count at the same time do not wait for one another.
CREATE TABLE usage_slots (
  workspace_id UUID NOT NULL, dimension TEXT COLLATE "C" NOT NULL, hour BIGINT NOT NULL, slot BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, dimension, hour, slot)
) /* clustered */;
CREATE INDEX usage_slots_age ON usage_slots (hour);

-- The plan of a workspace, with the period that is running.
CREATE TABLE billing_plans (
  workspace_id UUID NOT NULL PRIMARY KEY, billing_plan_id UUID NOT NULL,
  plan_code TEXT NOT NULL, currency TEXT NOT NULL, billing_cycle TEXT NOT NULL,
  monthly_commit_minor BIGINT NOT NULL, seats_included BIGINT NOT NULL, overage_unit_price_minor BIGINT NOT NULL,
  period_start BIGINT NOT NULL, period_end BIGINT NOT NULL, metadata TEXT NOT NULL,
  updated_by TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
);
CREATE INDEX billing_plans_period ON billing_plans (period_end);

-- The cost of a plan in one period, with the terms that it had at the end. A draft is computed once more when it is issued.
CREATE TABLE invoices (
  workspace_id UUID NOT NULL, invoice_id UUID NOT NULL,
  billing_plan_id UUID NOT NULL, plan_code TEXT NOT NULL, billing_cycle TEXT NOT NULL, currency TEXT NOT NULL,
  commit_minor BIGINT NOT NULL, seats_included BIGINT NOT NULL, seats_used BIGINT NOT NULL,
  overage_unit_price_minor BIGINT NOT NULL, overage_units BIGINT NOT NULL,
  period_start BIGINT NOT NULL, period_end BIGINT NOT NULL,
  issued_at BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, invoice_id)
) /* clustered */;
CREATE UNIQUE INDEX invoices_period ON invoices (workspace_id, period_start);
CREATE INDEX invoices_drafts ON invoices (period_end) WHERE issued_at IS NULL;

-- ===== Calls: their answers and their audit events =====

-- Answers to calls with an Idempotency-Key. An answer that holds a secret has a null `answer`: `sealed` holds it, encrypted
-- under the caller's key.
CREATE TABLE replies (
  workspace_id UUID NOT NULL, caller TEXT COLLATE "C" NOT NULL, endpoint TEXT COLLATE "C" NOT NULL,
  idempotency_key TEXT COLLATE "C" NOT NULL,
  fingerprint BYTEA NOT NULL, status BIGINT NOT NULL, answer TEXT, sealed BYTEA,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, caller, endpoint, idempotency_key)
) /* clustered */;
CREATE INDEX replies_age ON replies (created_at);

-- The audit trail of a workspace, or of an organization for what belongs to none of its workspaces (`trail_id`). It is read
-- newest first, by actor or by the beginning of the action.
CREATE TABLE audit_events (
  trail_id UUID NOT NULL, audit_id UUID NOT NULL, at BIGINT NOT NULL,
  actor TEXT COLLATE "C" NOT NULL, action TEXT COLLATE "C" NOT NULL, subject TEXT NOT NULL, details TEXT NOT NULL,
  PRIMARY KEY (trail_id, audit_id)
) /* clustered */;
CREATE INDEX audit_events_action ON audit_events (trail_id, action, audit_id);
CREATE INDEX audit_events_actor ON audit_events (trail_id, actor, audit_id);
