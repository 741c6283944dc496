-- The last heartbeat of each agent. `health` is the one that an event last told of; what callers see follows from `beat_at`.
-- `metadata` is what the agent reported that is not counted, as JSON.
CREATE TABLE mesh_agents (
  workspace_id UUID NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  beat_at BIGINT NOT NULL,
  health TEXT NOT NULL,
  metadata TEXT,
  PRIMARY KEY (workspace_id, address)
) /* clustered */;

-- What is counted of an agent in one hour since 1970. `admitted` is counted by the server, for agents with a cost policy;
-- the rest is what the agent reports. Latencies are a sum and how many it is of.
CREATE TABLE mesh_hours (
  workspace_id UUID NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  hour BIGINT NOT NULL,
  total BIGINT NOT NULL,
  succeeded BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  latency_micros BIGINT NOT NULL,
  latencies BIGINT NOT NULL,
  cost_micros BIGINT NOT NULL,
  admitted BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, address, hour)
) /* clustered */;
CREATE INDEX mesh_hours_age ON mesh_hours (hour);

-- What an agent is held to. `cost` and `action` are JSON, null without a policy. `killed` is 1 while it is stopped.
CREATE TABLE mesh_rules (
  workspace_id UUID NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  killed BIGINT NOT NULL,
  cost TEXT,
  action TEXT,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, address)
) /* clustered */;

-- `details` is JSON; `actor` is null where nobody did it.
CREATE TABLE mesh_events (
  workspace_id UUID NOT NULL,
  event_id UUID NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  event_type TEXT COLLATE "C" NOT NULL,
  details TEXT,
  actor TEXT,
  at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
) /* clustered */;
CREATE INDEX mesh_events_type ON mesh_events (workspace_id, event_type, event_id);
CREATE INDEX mesh_events_agent ON mesh_events (workspace_id, address, event_id);
CREATE INDEX mesh_events_age ON mesh_events (at);
