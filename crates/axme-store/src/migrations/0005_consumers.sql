-- The named readers of an address. `seen_at` is the last sign of life of the name, exact to some seconds.
CREATE TABLE consumers (
  workspace_id UUID NOT NULL, address TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, address, name)
) /* clustered */;
-- The name that holds the item; null for free items and for claims of nameless readers. A held item is never due.
ALTER TABLE queue_items ADD COLUMN consumer TEXT COLLATE "C";
CREATE INDEX queue_items_held ON queue_items (workspace_id, address, consumer, number) WHERE consumer IS NOT NULL;
-- How an agent's nameless readers share its work. Without seconds, the limit of the server applies.
ALTER TABLE service_accounts ADD COLUMN acknowledged_seconds BIGINT;
ALTER TABLE service_accounts ADD COLUMN replay_claimed BIGINT NOT NULL DEFAULT 1;
