-- Whether intents of a workspace to agents that nobody has registered are accepted with a warning (`accept`) or refused
-- (`refuse`).
ALTER TABLE workspaces ADD COLUMN unknown_receivers TEXT NOT NULL DEFAULT 'accept';
