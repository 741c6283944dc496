-- Attributes are searched by name and value, for all types of intents at once. Nothing has written the table before this
-- version.
DROP INDEX intent_attributes_search;
ALTER TABLE intent_attributes DROP COLUMN intent_type;
CREATE INDEX intent_attributes_search ON intent_attributes (workspace_id, name, value, intent_id);

-- The pushes of intents that went well: the last one to each address, with the status of its answer, its duration, and how
-- many there were.
CREATE TABLE pushes (
  workspace_id UUID NOT NULL, intent_id UUID NOT NULL, address TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL, status BIGINT NOT NULL, millis BIGINT NOT NULL, times BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, intent_id, address)
) /* clustered */;
