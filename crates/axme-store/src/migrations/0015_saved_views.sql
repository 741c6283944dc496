-- The views of the console that a person or the account of a key has saved: a filter of the list of intents under a name.
CREATE TABLE saved_views (
  workspace_id UUID NOT NULL, owner_id TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, query TEXT NOT NULL,
  PRIMARY KEY (workspace_id, owner_id, name)
) /* clustered */;
