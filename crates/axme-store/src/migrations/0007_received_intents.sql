-- The intents that workspaces have received from other workspaces, with the address that each was sent to. The intent and
-- its events stay in the workspace of the sender; its delivery waits in the queue of `workspace_id`. The row commits with
-- the intent and goes when the intent is deleted.
CREATE TABLE received_intents (
  workspace_id UUID NOT NULL, address TEXT COLLATE "C" NOT NULL, intent_id UUID NOT NULL,
  sender_workspace_id UUID NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, address, intent_id)
) /* clustered */;
CREATE INDEX received_intents_intent ON received_intents (intent_id);
