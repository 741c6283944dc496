-- How long a workspace keeps events for subscribers, and stored replies; null for the settings of the server.
ALTER TABLE retention_rules ADD COLUMN events_days BIGINT;
ALTER TABLE retention_rules ADD COLUMN reply_hours BIGINT;

-- A sweep looks for the oldest ones of each workspace, because each has rules of its own.
DROP INDEX replies_age;
CREATE INDEX replies_of_workspace ON replies (workspace_id, created_at);
DROP INDEX webhook_events_age;
CREATE INDEX webhook_events_of_workspace ON webhook_events (workspace_id, created_at);

-- A place outside the database that gets every checkpoint of the audit trail: a folder, the URL of a bucket, or an email
-- address. One node at a time writes there; `taken_at` says when one last began.
CREATE TABLE checkpoint_places (
  place TEXT COLLATE "C" NOT NULL PRIMARY KEY, taken_at BIGINT NOT NULL
);
-- The last checkpoint of each trail that a place has.
CREATE TABLE checkpoint_copies (
  place TEXT COLLATE "C" NOT NULL, trail_id UUID NOT NULL, seq BIGINT NOT NULL,
  PRIMARY KEY (place, trail_id)
) /* clustered */;
