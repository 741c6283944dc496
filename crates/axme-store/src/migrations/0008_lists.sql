-- The people and groups that a waiting task asks, by canonical name, so that a person's tasks are found among any number of
-- others. The rows of a task go when it ends. A task from before this table has one row with an empty name: anyone may be
-- asked by it.
CREATE TABLE task_people (
  workspace_id UUID NOT NULL, person TEXT COLLATE "C" NOT NULL, task_since BIGINT NOT NULL, intent_id UUID NOT NULL,
  PRIMARY KEY (workspace_id, person, task_since, intent_id)
) /* clustered */;
CREATE INDEX task_people_intent ON task_people (workspace_id, intent_id);
INSERT INTO task_people (workspace_id, person, task_since, intent_id)
  SELECT workspace_id, '', task_since, intent_id FROM intents WHERE task_since IS NOT NULL;
-- Most intents complete. The others are found by their status. The condition has no IN, which would slow down each write.
CREATE INDEX intents_ended_early ON intents (workspace_id, status, intent_id)
  WHERE live = 0 AND status <> 'COMPLETED' AND parent_id IS NULL;
