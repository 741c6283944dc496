-- Agents that are pushed to. The secret signs what is sent, so it cannot be kept as a hash.
ALTER TABLE service_accounts ADD COLUMN callback_url TEXT;
ALTER TABLE service_accounts ADD COLUMN webhook_secret TEXT;
CREATE INDEX service_accounts_pushed ON service_accounts (workspace_id, service_account_id) WHERE callback_url IS NOT NULL;

-- A delivery that was given up: kept, and due no more.
ALTER TABLE deliveries ADD COLUMN dead_at BIGINT;
ALTER TABLE deliveries ADD COLUMN last_error TEXT;
CREATE INDEX deliveries_dead ON deliveries (workspace_id, intent_id) WHERE dead_at IS NOT NULL;
