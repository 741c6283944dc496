-- Who can be reached: principals, their other names, and where they are reached. `metadata` is a JSON object.
CREATE TABLE principals (
  workspace_id UUID NOT NULL,
  principal_id UUID NOT NULL,
  principal_type TEXT NOT NULL,
  display_name TEXT,
  status TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, principal_id)
) /* clustered */;

CREATE TABLE principal_aliases (
  workspace_id UUID NOT NULL,
  alias_id UUID NOT NULL,
  principal_id UUID NOT NULL,
  alias TEXT COLLATE "C" NOT NULL,
  alias_type TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revoked_at BIGINT,
  PRIMARY KEY (workspace_id, alias_id)
) /* clustered */;
CREATE UNIQUE INDEX principal_aliases_active ON principal_aliases (workspace_id, alias) WHERE revoked_at IS NULL;

CREATE TABLE routes (
  workspace_id UUID NOT NULL,
  route_id UUID NOT NULL,
  principal_id UUID NOT NULL,
  transport_type TEXT NOT NULL,
  endpoint_url TEXT NOT NULL,
  auth_mode TEXT NOT NULL,
  region TEXT,
  cluster_id TEXT,
  failover_policy TEXT NOT NULL,
  priority BIGINT NOT NULL,
  health_status TEXT NOT NULL,
  status TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, route_id)
) /* clustered */;
CREATE INDEX routes_principal ON routes (workspace_id, principal_id);

CREATE TABLE transport_bindings (
  workspace_id UUID NOT NULL,
  binding_id UUID NOT NULL,
  principal_id UUID NOT NULL,
  transport_type TEXT NOT NULL,
  transport_handle TEXT NOT NULL,
  priority BIGINT NOT NULL,
  status TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, binding_id)
) /* clustered */;
CREATE UNIQUE INDEX transport_bindings_handle
  ON transport_bindings (workspace_id, principal_id, transport_type, transport_handle);

-- What was sent along a route. Sending is the work of a notice with the same id, on the line that `queue` names; while it is
-- not done, its row of `deliveries` says how it stands.
CREATE TABLE routed_deliveries (
  workspace_id UUID NOT NULL,
  delivery_id UUID NOT NULL,
  replay_of UUID,
  principal_id UUID NOT NULL,
  alias TEXT,
  transport_type TEXT NOT NULL,
  route_id UUID NOT NULL,
  queue TEXT COLLATE "C" NOT NULL,
  correlation_id TEXT,
  idempotency_key TEXT,
  payload TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, delivery_id)
) /* clustered */;
CREATE INDEX routed_deliveries_age ON routed_deliveries (created_at);
