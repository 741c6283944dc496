-- JSON Schemas of payloads, by semantic type: the type of the intents that they are for. An `owner` of '' stands for the
-- whole workspace, another for the intents to that agent.
CREATE TABLE semantic_schemas (
  workspace_id UUID NOT NULL,
  semantic_type TEXT COLLATE "C" NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  schema_ref TEXT NOT NULL,
  schema_hash TEXT NOT NULL,
  schema_json TEXT NOT NULL,
  compatibility_mode TEXT NOT NULL,
  scope TEXT NOT NULL,
  active BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, semantic_type, owner)
) /* clustered */;
